/* SPDX-License-Identifier: MIT */
/* When collectd is to read, and the time stamp of each read: a multiple of the
 * interval.
 *
 * A store with fixed steps, such as RRD, divides a value among the steps that
 * its interval touches: of a peak of 5 that was read half an interval off the
 * step it makes 2.5 twice. So reads take place at multiples of the interval,
 * and each stamp is the multiple that is nearest to the read. A read that is
 * nearest to the stamp of the one before ends no interval: the interval goes
 * on, so nothing is lost and no stamp comes twice.
 *
 * collectd 5 has no such reads of its own: it calls a read callback when it is
 * registered, and then once per interval, from whatever time that was. After a
 * call that ends later than the next one is due, it starts again from that time
 * (plugin_insert_read() and plugin_read_thread(), src/daemon/plugin.c). But an
 * interval can be chosen for each registration. So a change of phase takes two:
 * one whose interval is the time until a multiple, and at that multiple one
 * with the true interval.
 *
 * All times are in nanoseconds since the epoch. */
#ifndef LB_COLLECTD_SCHEDULE_H
#define LB_COLLECTD_SCHEDULE_H

#include <stdint.h>

/* All 0 but the interval: the callback that module_register() registered. */
struct lb_schedule {
  uint64_t interval;
  uint64_t last; /* stamp of the last read; 0: none */
  uint64_t due;  /* the multiple that is waited for; 0: none */
  uint64_t next; /* when collectd calls, as it computes this; 0: unknown */
};

enum lb_call {
  LB_CALL_IGNORE,   /* do nothing */
  LB_CALL_READ,     /* end the interval */
  LB_CALL_REGISTER, /* it is a multiple: register one call per interval */
};

uint64_t lb_schedule_stamp(const struct lb_schedule *schedule, uint64_t now);

/* What to do in a call of the read callback; the stamp of LB_CALL_READ is in
 * schedule->last then. */
enum lb_call lb_schedule_call(struct lb_schedule *schedule, uint64_t now);

/* Ends a call. Returns the multiple at which to continue if collectd would go
 * on off the multiples, else 0. It is at least 1 ms ahead. */
uint64_t lb_schedule_end(struct lb_schedule *schedule, uint64_t now);

/* A callback was registered now in place of the one before: to be called at
 * this multiple, or with 0 once per interval from now on. */
void lb_schedule_registered(struct lb_schedule *schedule, uint64_t now,
                            uint64_t due);

#endif
