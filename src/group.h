/* SPDX-License-Identifier: MIT */
/* Sockets to listeners: what users selected, or one per port. */
#ifndef LB_GROUP_H
#define LB_GROUP_H

#include "label.h"
#include "metric.h"
#include "row.h"
#include "settings.h"

struct lb_listener {
  const char *name; /* borrowed from the settings; NULL: the port number */
  uint16_t port;    /* of the label, where name is NULL */
  bool selected;    /* else found by ListeningPorts */

  /* this look, sums over its sockets */
  uint64_t queue;
  uint64_t limit;
  double fill; /* percent of the fullest, 0 to 100 */
  uint32_t sockets;
  uint32_t full;
  uint32_t clamped;  /* hints: limit equals somaxconn, first said now */
  uint32_t outgrown; /* hints: somaxconn has been raised above it since */

  /* since the first look */
  uint64_t drops;
  uint64_t overflows;
};

struct lb_group;

/* Borrows settings for its life. 0 or -ENOMEM; the caller owns *out. */
int lb_group_new(const struct lb_settings *settings, struct lb_group **out);
void lb_group_free(struct lb_group *group);

/* Starts a look: every listener has no sockets. */
void lb_group_begin(struct lb_group *group);

/* Makes the listener of a port that nobody selected, where ListeningPorts
 * wants it. 0 or -ENOMEM. To be called once for each new socket. */
int lb_group_discover(struct lb_group *group, const struct lb_row *row);

/* The listeners that a socket counts for, one after another: more than one
 * where selections overlap, none where nobody wants it.
 *
 *   struct lb_visit visit = lb_group_visit(group, row);
 *   for (struct lb_listener *l; (l = lb_group_next(&visit));) ...
 */
struct lb_visit {
  struct lb_group *group;
  const struct lb_row *row;
  uint32_t node;
  bool found;
};

struct lb_visit lb_group_visit(struct lb_group *group,
                               const struct lb_row *row);
struct lb_listener *lb_group_next(struct lb_visit *visit);

/* Adds a socket to all listeners that it counts for. */
void lb_group_add(struct lb_group *group, const struct lb_row *row);

size_t lb_group_len(const struct lb_group *group);
const struct lb_listener *lb_group_get(const struct lb_group *group, size_t i);

/* The listener's label, in buf where it is a port number. */
const char *lb_listener_label(const struct lb_listener *listener,
                              char buf[static LB_LABEL_SIZE]);

/* Whether there is anything to say: a found port that nobody listens on any
 * more keeps its counters, for it may come back, but is not reported. */
static inline bool lb_listener_is_reported(const struct lb_listener *listener) {
  return listener->selected || listener->sockets > 0;
}

/* The listener's readings; counters only where they were brought up to date. */
struct lb_values lb_listener_values(const struct lb_listener *listener,
                                    bool counters);

#endif
