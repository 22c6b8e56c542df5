/* SPDX-License-Identifier: MIT */
/* From readings to collectd. What of them is sent, and when, is in dispatch.c;
 * in which form is in the back end: value lists of collectd 5 (dispatch5.c) or
 * metric families of collectd 6 (dispatch6.c). */
#ifndef LB_COLLECTD_DISPATCH_H
#define LB_COLLECTD_DISPATCH_H

#include "core/collector.h"

#include <collectd.h>

#include <plugin.h>

#include <stdbool.h>

#define LB_PLUGIN_NAME "listen_backlog"

/* The time stamps of a read and of the one that the interval before had. */
struct lb_stamps {
  cdtime_t now;
  cdtime_t before;
  cdtime_t interval;
};

/* A counter that was not sent with the stamp before has no rate yet. Dispatches
 * the counters as they were then, if they have such a base. Returns whether it
 * did and collectd may take the values first: see lb_dispatch_settle(). */
bool lb_dispatch_base(const struct lb_readings *readings,
                      const struct lb_stamps *stamps);

/* Waits for 20 ms, or a twentieth of the interval. Between bases and values
 * collectd has then most probably taken the bases: its write threads take them
 * in order, but the order in which they finish is not defined. */
void lb_dispatch_settle(const struct lb_stamps *stamps);

/* Dispatches each value that is present, and remembers what was sent. */
void lb_dispatch(const struct lb_readings *readings,
                 const struct lb_stamps *stamps);

/* --- the back end -------------------------------------------------------- */

/* Whether collectd only queues what is sent. */
extern const bool lb_backend_is_queued;

/* Sends the values that are present, at once or in lb_backend_flush(). Borrows
 * the strings of the readings until then. */
void lb_backend_send(const struct lb_readings *readings,
                     const struct lb_values *values, cdtime_t time,
                     cdtime_t interval);

/* After all bases or all values of a read. */
void lb_backend_flush(void);

#endif
