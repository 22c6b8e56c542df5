/* SPDX-License-Identifier: MIT */
/* One sample at one network namespace, in order, and what an interval makes of
 * its samples. */
#ifndef LB_CORE_COLLECTOR_H
#define LB_CORE_COLLECTOR_H

#include "core/inspection.h"
#include "core/listeners.h"
#include "core/readings.h"
#include "core/settings.h"
#include "kernel/source.h"

struct lb_collector;

/* Borrows all of it for its life. 0 or -ENOMEM; the caller owns *out. */
int lb_collector_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels, struct lb_source *source,
                     struct lb_collector **out);
void lb_collector_free(struct lb_collector *collector);

/* Goes on with another namespace that has come to the same place: its sockets
 * are others, its counters began at 0, those reported here go on. */
void lb_collector_rebind(struct lb_collector *collector,
                         struct lb_source *source);

/* Looks at every listener once; now_ms is any clock that never goes back. 0, or
 * -errno of the source or -ENOMEM: the sample then counts for nothing, and what
 * it missed is made up for by the next one. Any number of samples make an
 * interval; the first one after lb_collector_end_interval() begins the next. */
int lb_collector_sample(struct lb_collector *collector, uint64_t now_ms);

/* Plans an inspection of what waited at the last sample. 0 or -ENOMEM. */
int lb_collector_plan_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection);

/* Takes in what the inspection found; after a sample that came after it and
 * before lb_collector_end_interval(). 0 or -ENOMEM. */
int lb_collector_take_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection);

/* What could not be read in the sample at the end of an interval; 0 or -errno
 * each. */
struct lb_sample_errors {
  int netstat;      /* /proc/net/netstat: no counters */
  int somaxconn;    /* /proc/sys/net/core/somaxconn: no somaxconn, no hints */
  int unix_sockets; /* UNIX sockets: nothing of listeners that may have some */
};

/* Ends the interval after a sample that was good: brings the counters up to
 * date and finds the hints. 0 or -errno, as lb_collector_sample(). */
int lb_collector_end_interval(struct lb_collector *collector, uint64_t now_ms,
                              struct lb_sample_errors *errors);

struct lb_readings {
  const char *label; /* "" is the own namespace; valid during the call */
  bool is_namespace; /* else a listener */
  struct lb_values values;
  uint32_t
      at_somaxconn; /* sockets whose limit was first seen to equal somaxconn */
  uint32_t somaxconn_raised; /* of such: somaxconn has been raised since */
};

/* Visits the namespace, then each listener that is reported, selected ones in
 * the order of the configuration, then found ones as they were found. */
void lb_collector_visit_readings(
    const struct lb_collector *collector,
    void (*visit)(void *data, const struct lb_readings *reading), void *data);

/* Visits the sockets of the last sample that count for some listener. path is
 * the name of a UNIX one, NULL else. */
void lb_collector_visit_sockets(const struct lb_collector *collector,
                                void (*visit)(void *data,
                                              const struct lb_listen_sock *row,
                                              const struct lb_unix_name *path),
                                void *data);

/* net.core.somaxconn as last read, for the text of a hint. */
uint32_t lb_collector_somaxconn(const struct lb_collector *collector);

/* What could have no label of its own, for the caller to read and to reset. */
struct lb_conflict *lb_collector_conflict(struct lb_collector *collector);

#endif
