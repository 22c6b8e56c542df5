/* SPDX-License-Identifier: MIT */
/* From readings to the value lists of collectd 5. */
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
 * the counters as they were then, if they have such a base, and returns whether
 * it did. */
bool lb_dispatch_base(const struct lb_readings *readings,
                      const struct lb_stamps *stamps);

/* Waits for 20 ms, or a twentieth of the interval. After some base and before
 * the values, so that collectd has most probably taken the bases. Its write
 * threads take value lists in order, but the order in which they finish is not
 * defined. */
void lb_dispatch_settle(const struct lb_stamps *stamps);

/* Dispatches each value that is present, and remembers what was sent. */
void lb_dispatch(const struct lb_readings *readings,
                 const struct lb_stamps *stamps);

#endif
