/* SPDX-License-Identifier: MIT */
/* Looks within the interval: the plugin's thread, and the lock that keeps it
 * apart from the reads. */
#ifndef LB_COLLECTD_SAMPLER_H
#define LB_COLLECTD_SAMPLER_H

#include "core/monitor.h"

struct lb_sampler;

/* Looks at all namespaces of the monitor every period_s seconds from now on; 0:
 * never, and there is no thread. The monitor is borrowed. 0 or -errno of
 * pthread_create(3); the caller owns *out. */
int lb_sampler_start(struct lb_monitor *monitor, double period_s,
                     struct lb_sampler **out);

/* Ends the thread, after at most one look; NULL is allowed. */
void lb_sampler_stop(struct lb_sampler *sampler);

/* Between these two no look is made. To hold it takes at most one look at one
 * namespace. */
void lb_sampler_lock(struct lb_sampler *sampler);
void lb_sampler_unlock(struct lb_sampler *sampler);

struct lb_sample_counts {
  uint64_t made;
  uint64_t late; /* left out, because their time had passed */
};

/* Since this was last called; while it is held. */
struct lb_sample_counts lb_sampler_take_counts(struct lb_sampler *sampler);

/* CLOCK_MONOTONIC in ms: the clock of the looks. */
uint64_t lb_sampler_now_ms(void);

#endif
