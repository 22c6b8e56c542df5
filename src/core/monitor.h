/* SPDX-License-Identifier: MIT */
/* Everything that is looked at: the own network namespace, and others as they
 * come and go.
 *
 *   lb_monitor_prepare(m, now);   locked
 *   lb_monitor_inspect(m);             not locked
 *   lb_monitor_finish(m, now);         locked
 *   lb_monitor_visit(m, ...);       locked
 *
 * is the end of an interval; between two ends there is any number of
 * lb_monitor_sample(), locked, possibly in another thread. Which lock that is
 * does not matter here. */
#ifndef LB_CORE_MONITOR_H
#define LB_CORE_MONITOR_H

#include "core/collector.h"
#include "kernel/netns.h"
#include "kernel/transport.h"

struct lb_monitor;

/* Opens a transport for the network namespace of this id at a path, which is
 * borrowed for its life; NULL: the caller's own, and id is ignored. 0 or
 * -ENOMEM.
 */
struct lb_transport_opener {
  int (*open)(void *data, const char *path, const struct lb_netns_id *id,
              struct lb_transport **out);
  void *data;
};

/* Borrows settings for its life. 0 or -ENOMEM; the caller owns *out. */
int lb_monitor_new(const struct lb_settings *settings,
                   struct lb_transport_opener opener, struct lb_monitor **out);
void lb_monitor_free(struct lb_monitor *monitor);

/* How many namespaces are known, those that are gone included. */
size_t lb_monitor_len(const struct lb_monitor *monitor);

/* Looks at one of them within the interval; now_ms is any clock that never goes
 * back. What goes wrong is told at the end. */
void lb_monitor_sample(struct lb_monitor *monitor, size_t i, uint64_t now_ms);

/* Finds the namespaces, and prepares the inspections of the waiting
 * connections, where they are wanted and due. */
void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms);

/* Makes these inspections, beside the samples: they take time. Together they
 * get 1 % of it: after one that took longer the next are left out. */
void lb_monitor_inspect(struct lb_monitor *monitor);

/* Looks at all namespaces for the last time in the interval, and ends it. */
void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms);

struct lb_inspection_cost {
  bool slowed; /* some inspection of this interval was left out */
  uint64_t
      cost_ns; /* CPU time of the last interval's in which there were any */
};

struct lb_inspection_cost
lb_monitor_inspection_cost(const struct lb_monitor *monitor);

/* One namespace after an end. */
struct lb_outcome {
  const char *label;  /* "": the own one */
  const char *path;   /* NULL: the own one */
  int err;            /* of the sample at the end: nothing is reported; or 0 */
  int inspection_err; /* of the last inspection; 0 also if there was none */
  struct lb_sample_errors errors; /* where err is 0 */
  struct lb_collector *collector; /* NULL where err is not 0 */
};

/* Visits the own namespace first. Those of "*" that are gone are passed over;
 * one that is named has err -ENOENT. */
void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data);

/* What went wrong in the finding of namespaces at the last end: 0 or -errno. */
int lb_monitor_listing_error(const struct lb_monitor *monitor);

#endif
