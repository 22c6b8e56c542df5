/* SPDX-License-Identifier: MIT */
/* Samples the listening sockets of one network namespace and makes an interval
 * of the samples. */
#ifndef LB_CORE_COLLECTOR_H
#define LB_CORE_COLLECTOR_H

#include "core/hints.h"
#include "core/inspection.h"
#include "core/listeners.h"
#include "core/readings.h"
#include "core/settings.h"
#include "kernel/source.h"

struct lb_collector;

/* Borrows all arguments for its life. Returns 0, and the caller owns *out, or
 * -ENOMEM. */
int lb_collector_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels, struct lb_source *source,
                     struct lb_collector **out);
void lb_collector_free(struct lb_collector *collector);

/* For a namespace that is new: all that its kernel counters say is counted.
 * Before the first sample. */
void lb_collector_count_from_zero(struct lb_collector *collector);

/* Continues with another namespace at the same path: it has other sockets, its
 * counters began at 0, and the reported counters go on. */
void lb_collector_rebind(struct lb_collector *collector,
                         struct lb_source *source);

/* The label of the namespace, in its struct lb_netns_ref, has changed: claims
 * labels anew. Returns 0 or -ENOMEM. */
int lb_collector_rename(struct lb_collector *collector);

/* The namespace is gone, or there again. While it is gone, its labels and the
 * counters of its listeners are free to be taken. */
void lb_collector_set_gone(struct lb_collector *collector, bool is_gone);

/* Goes on from the counters of a namespace of the same name that is gone, those
 * of listeners excepted; between two intervals. */
void lb_collector_inherit(struct lb_collector *collector,
                          struct lb_collector *gone);

/* The containers that TCP sockets of the last minute belong to. Returns a bit
 * for each; more than 64 are not told apart. */
uint64_t lb_collector_owners(const struct lb_collector *collector);

/* The container of a bit. */
const struct lb_container *
lb_collector_owner(const struct lb_collector *collector, unsigned bit);

/* The parts that some listener may have, and the TCP sockets, which share the
 * drops. */
unsigned lb_collector_parts(const struct lb_collector *collector);

/* Takes a sample of these parts of the listening sockets, as far as
 * lb_collector_parts() has them; now_ms is of any clock that never goes back.
 * The first sample after lb_collector_end_interval() begins an interval.
 * Returns 0, -ENOMEM or the source's -errno; a sample that fails does not
 * count, and the next one includes the drops that it missed. Without UNIX
 * sockets, or if the kernel lacks tcp_diag, it counts for the other part. */
int lb_collector_sample(struct lb_collector *collector, unsigned parts,
                        uint64_t now_ms);

/* Whether it knows a listening socket, reported or not. */
bool lb_collector_has_sockets(const struct lb_collector *collector);

/* The parts that the last sample asked for and whose module the kernel lacks.
 * If another namespace has been entered, it may also be gone. */
unsigned lb_collector_lacks(const struct lb_collector *collector);

/* Plans an inspection of what the last sample showed, with LB_INSPECT_AUTO only
 * if there is a reason for one: it brings the counters up to date. Returns 0,
 * or an error as lb_collector_sample(). */
int lb_collector_plan_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection,
                                 uint64_t now_ms);

/* Takes the results of an inspection, between another sample and
 * lb_collector_end_interval(). Returns 0 or -ENOMEM. */
int lb_collector_take_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection);

/* What the last sample of an interval could not read: 0 or -errno each. */
struct lb_sample_errors {
  int tcp_sockets;  /* the kernel lacks tcp_diag: no listeners that may have TCP
                       sockets */
  int netstat;      /* /proc/net/netstat: there are no counters */
  int somaxconn;    /* /proc/sys/net/core/somaxconn: it and hints are missing */
  int unix_sockets; /* there are no listeners that may have UNIX sockets */
};

/* Ends the interval after a sample that succeeded: brings the counters up to
 * date, those of the namespace alone if the sample was without TCP sockets, and
 * finds the hints. Returns 0, or an error as lb_collector_sample(). */
int lb_collector_end_interval(struct lb_collector *collector, uint64_t now_ms,
                              struct lb_sample_errors *errors);

/* Visits the namespace, then each listener that is reported: selected ones in
 * the order of the configuration, then found ones, oldest first. */
void lb_collector_visit_readings(
    struct lb_collector *collector,
    void (*visit)(void *data, const struct lb_readings *readings), void *data);

/* Visits the sockets of the last sample, each once for each listener that is
 * reported and has it. */
void lb_collector_visit_sockets(
    const struct lb_collector *collector,
    void (*visit)(void *data, const struct lb_socket_view *view), void *data);

/* The hints about net.core.somaxconn that are due: see hints.h. */
void lb_collector_visit_hints(const struct lb_collector *collector,
                              void (*visit)(void *data,
                                            const struct lb_hint *hint),
                              void *data);
void lb_collector_told_hint(struct lb_collector *collector,
                            const struct lb_hint *hint);

/* What has no label with this err, of struct lb_conflict: see
 * lb_listeners_next_conflict(). */
bool lb_collector_next_conflict(struct lb_collector *collector, int err,
                                struct lb_conflict *out);
void lb_collector_told_conflict(struct lb_collector *collector,
                                const struct lb_conflict *conflict);

#endif
