/* SPDX-License-Identifier: MIT */
/* All network namespaces that are sampled: our own, and others as they come and
 * go.
 *
 * Within an interval there may be any number of samples:
 *
 *   lb_monitor_begin_sample(monitor, now_ns);
 *   lb_monitor_sample(monitor, i, now_ms);     for each namespace
 *   lb_monitor_end_sample(monitor, is_whole, now_ns);
 *
 * of which the first and the last only serve the limit of CPU time. An interval
 * ends with
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

/* Limits samples and inspections to 1 % of one processor: see budget.h. An
 * interval is interval_s long. cpu_ns() returns the CPU time of the calling
 * thread in ns. Without this, only inspections are limited. */
void lb_monitor_limit(struct lb_monitor *monitor, double interval_s,
                      uint64_t (*cpu_ns)(void));

/* Lets each inspection take as long as it takes. */
void lb_monitor_inspect_always(struct lb_monitor *monitor);

/* Begins a sample of what is due. Returns whether anything is. */
bool lb_monitor_begin_sample(struct lb_monitor *monitor, uint64_t now_ns);

/* Ends a sample, of all namespaces or of some. All CPU time of the calling
 * thread since the last call belongs to it. */
void lb_monitor_end_sample(struct lb_monitor *monitor, bool is_whole,
                           uint64_t now_ns);

/* When the next sample is due, in ns: period_ns after this one, or later. */
uint64_t lb_monitor_next_sample(const struct lb_monitor *monitor,
                                uint64_t due_ns, uint64_t period_ns);

/* Takes a sample of namespace i. An error is not reported; it is reported if
 * the last sample of the interval has one. */
void lb_monitor_sample(struct lb_monitor *monitor, size_t i, uint64_t now_ms);

/* Finds the namespaces. Plans their inspections, if they are wanted and the
 * time for inspections lasts. */
void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms);

/* Runs the inspections that are planned, as long as the time lasts. */
void lb_monitor_inspect(struct lb_monitor *monitor);

/* Takes the last sample of each namespace and ends the interval, as far as the
 * time lasts. */
void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms);

/* What is done less often than configured, because it would take too much CPU
 * time. */
struct lb_slowdown {
  uint64_t cost_ns;    /* CPU time of one sample of this part */
  uint64_t spacing_ns; /* between two of them; 0: as configured */
};

struct lb_slowdowns {
  bool inspections;       /* some inspection of this interval was left out */
  uint64_t inspection_ns; /* CPU time of the inspections in the last interval
                             that had any */
  struct lb_slowdown samples[LB_PARTS];
  struct lb_slowdown namespaces; /* that take turns at ending an interval */
  uint64_t interval_ns;
};

struct lb_slowdowns lb_monitor_slowdowns(const struct lb_monitor *monitor);

/* What came of the interval in one namespace. */
struct lb_outcome {
  const char *label;  /* "": our own namespace */
  const char *path;   /* NULL: our own namespace */
  const char *taken;  /* the name that it would have if no other one had it, as
                         this interval found out; else NULL */
  int err;            /* -errno: nothing is reported */
  int inspection_err; /* -errno of the last inspection, until one succeeds */
  struct lb_sample_errors errors; /* if err is 0 */
  struct lb_collector *collector; /* NULL if err is not 0 */
};

/* Visits our own namespace, then the others. A namespace that waits for its
 * turn to end an interval is left out, and so is one that only "*" found and
 * that is gone; a configured one then has err -ENOENT. */
void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data);

/* Of the last listing of the namespaces for "*": 0, -errno of lb_netns_list(),
 * or of lb_netns_processes_find(), or -ENAMETOOLONG if some name does not fit a
 * label. */
int lb_monitor_listing_error(const struct lb_monitor *monitor);

/* Whether that could not see in which namespaces some processes are. */
bool lb_monitor_misses_processes(const struct lb_monitor *monitor);

/* The directory that may not be read, so that containers have their IDs for
 * names; or NULL. */
const char *lb_monitor_hidden_names(const struct lb_monitor *monitor);

#endif
