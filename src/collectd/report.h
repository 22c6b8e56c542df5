/* SPDX-License-Identifier: MIT */
/* What a read has to say in collectd's log: errors, hints, label conflicts,
 * slowed inspections and missed samples. What lasts is said once.
 *
 *   lb_report_begin(r);
 *   lb_report_outcome(r, outcome);       for each network namespace
 *   lb_report_end(r, ...);
 *
 * is one read. */
#ifndef LB_COLLECTD_REPORT_H
#define LB_COLLECTD_REPORT_H

#include "base/messages.h"
#include "collectd/log.h"
#include "collectd/notices.h"
#include "collectd/sampler.h"
#include "core/monitor.h"

/* The names of a sentence: "blue, red" and " and 3 more". */
struct lb_names {
  char text[LB_NAMES_SIZE];
  size_t len;
  char more[24];
  unsigned left_out;
};

/* A network namespace that could not be sampled at the last read. */
struct lb_lost_netns {
  char *path;
  int err;
  int logged_err; /* 0: the log does not have it yet */
  bool is_current;
};

/* Zeroed at first; its fields are report.c's own. */
struct lb_report {
  struct lb_condition tasks[LB_TASKS];
  struct lb_condition missed_samples;
  c_complain_t netns;
  c_complain_t unseen;
  c_complain_t hidden;
  c_complain_t slowed;
  struct lb_condition slowed_samples[LB_PARTS];
  struct lb_condition slowed_namespaces;
  struct lb_lost_netns *lost;
  size_t lost_len;

  struct { /* of this read: the first namespace that has the error */
    int err;
    const char *netns;
  } errors[LB_TASKS];
  int lost_err; /* of the namespaces in lost_names */
  struct lb_names lost_names;
  struct lb_notices notices;
};

void lb_report_begin(struct lb_report *report);

/* Borrows the outcome's label and collector until lb_report_end(). */
void lb_report_outcome(struct lb_report *report,
                       const struct lb_outcome *outcome);

/* Some processes hide their namespaces from "*". */
void lb_report_unseen_processes(struct lb_report *report);

/* This directory may not be read, so containers have no names. */
void lb_report_hidden_names(struct lb_report *report, const char *dir);

/* list_err: of listing the namespaces, or 0. */
void lb_report_end(struct lb_report *report, int list_err,
                   struct lb_slowdowns slowdowns,
                   struct lb_sample_counts counts);

/* Frees what it remembers, and zeroes it. */
void lb_report_clear(struct lb_report *report);

#endif
