/* SPDX-License-Identifier: MIT */
/* All network namespaces that are sampled: our own, and others as they come and
 * go.
 *
 * Within an interval lb_monitor_sample() may be called any number of times. An
 * interval ends with
 *
 *   lb_monitor_prepare(monitor, now_ms);
 *   lb_monitor_inspect(monitor);
 *   lb_monitor_finish(monitor, now_ms);
 *   lb_monitor_visit(monitor, ...);
 *
 * The caller holds a lock around each call, except lb_monitor_inspect(), beside
 * which another thread may take samples. now_ms is of any clock that never goes
 * back. */
#ifndef LB_CORE_MONITOR_H
#define LB_CORE_MONITOR_H

#include "core/collector.h"
#include "kernel/netns.h"
#include "kernel/transport.h"

struct lb_monitor;

/* Opens a transport for the network namespace with this id at a path, which is
 * borrowed for its life; NULL: for our own, and id is ignored. Returns 0 or
 * -ENOMEM. */
struct lb_transport_opener {
  int (*open)(void *data, const char *path, const struct lb_netns_id *id,
              struct lb_transport **out);
  void *data;
};

/* Borrows settings for its life. Returns 0, and the caller owns *out, or
 * -errno of the opener or -ENOMEM. */
int lb_monitor_new(const struct lb_settings *settings,
                   struct lb_transport_opener opener, struct lb_monitor **out);
void lb_monitor_free(struct lb_monitor *monitor);

/* The number of known namespaces, with those that are gone for the moment. It
 * changes in lb_monitor_prepare() only. */
size_t lb_monitor_len(const struct lb_monitor *monitor);

/* Takes a sample of namespace i. An error is not reported; it is reported if
 * the last sample of the interval has one. */
void lb_monitor_sample(struct lb_monitor *monitor, size_t i, uint64_t now_ms);

/* Finds the namespaces. Plans their inspections, if they are wanted and the
 * time for inspections is not used up. */
void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms);

/* Runs the inspections that are planned, as long as the time lasts: they get
 * 0.9 % of one CPU, so that with the samples it stays below 1 %. */
void lb_monitor_inspect(struct lb_monitor *monitor);

/* Takes the last sample of each namespace and ends the interval. */
void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms);

struct lb_inspection_cost {
  bool slowed;      /* some inspection of this interval was left out */
  uint64_t cost_ns; /* CPU time of the inspections in the last interval that
                       had any */
};

struct lb_inspection_cost
lb_monitor_inspection_cost(const struct lb_monitor *monitor);

/* What came of the interval in one namespace. */
struct lb_outcome {
  const char *label;  /* "": our own namespace */
  const char *path;   /* NULL: our own namespace */
  int err;            /* -errno: nothing is reported */
  int inspection_err; /* -errno of the last inspection, until one succeeds */
  struct lb_sample_errors errors; /* if err is 0 */
  struct lb_collector *collector; /* NULL if err is not 0 */
};

/* Visits our own namespace, then the others. A namespace that only "*" found is
 * left out if it is gone; a configured one then has err -ENOENT. */
void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data);

/* Of the last listing of the namespaces for "*": 0, -errno of lb_netns_list(),
 * or -ENAMETOOLONG if some name does not fit a label. */
int lb_monitor_listing_error(const struct lb_monitor *monitor);

#endif
