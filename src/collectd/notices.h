/* SPDX-License-Identifier: MIT */
/* The log lines about single listeners: hints about net.core.somaxconn, and
 * what has no label. Listeners can come and go without end, so there is at most
 * one line of each kind a minute. What has no room in it comes in a later one.
 */
#ifndef LB_COLLECTD_NOTICES_H
#define LB_COLLECTD_NOTICES_H

#include "base/messages.h"
#include "collectd/log.h"
#include "core/collector.h"
#include "kernel/cgroups.h"

enum {
  LB_NAMES_SIZE = LB_MESSAGE_SIZE - 160, /* the sentence has the rest */
  LB_MOST_HINTS = LB_NAMES_SIZE / 4      /* as many short names fit */
};

/* Adds an item to a list of len bytes, "80, 443", and returns whether there was
 * room for all of it. */
bool lb_names_add(char text[static LB_NAMES_SIZE], size_t *len,
                  const char *item);

/* The hints of one kind that are due, of one somaxconn, sorted. */
struct lb_hint_line {
  struct lb_noted_hint {
    struct lb_collector *collector;
    struct lb_hint hint;
  } v[LB_MOST_HINTS];
  size_t len;
  unsigned count; /* also of those that are not in v */
  cdtime_t logged;
};

enum { LB_CONFLICT_KINDS = 3 };

/* Zeroed at first; its fields are notices.c's own. */
struct lb_notices {
  cdtime_t now;
  struct lb_cgroups cgroups; /* to name the units of hints */
  const char *cgroup_dir;    /* NULL: LB_CGROUP_DIR */
  struct lb_hint_line hints[LB_HINT_KINDS];
  struct {
    char text[LB_NAMES_SIZE];
    size_t len;
    cdtime_t logged;
  } conflicts[LB_CONFLICT_KINDS];
};

/* One read: begin, add each collector, end. Borrows the collectors until the
 * end. */
void lb_notices_begin(struct lb_notices *notices, cdtime_t now);
void lb_notices_add(struct lb_notices *notices, struct lb_collector *collector);
void lb_notices_end(struct lb_notices *notices);

void lb_notices_free(struct lb_notices *notices);

#endif
