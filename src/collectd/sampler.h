/* SPDX-License-Identifier: MIT */
/* The thread that takes samples within the interval, and the lock that keeps it
 * apart from the reads. */
#ifndef LB_COLLECTD_SAMPLER_H
#define LB_COLLECTD_SAMPLER_H

#include "core/monitor.h"

struct lb_sampler;

/* Starts to sample all namespaces of the monitor every period_s seconds, or
 * less often if the monitor says so; with 0 there are no samples and no thread.
 * Borrows the monitor until the sampler is stopped. Returns 0, -ENOMEM or
 * -errno of pthread_create(3); the caller owns *out. */
int lb_sampler_start(struct lb_monitor *monitor, double period_s,
                     struct lb_sampler **out);

/* Ends the thread, after the sample of one namespace at most, and frees the
 * sampler. Accepts NULL. */
void lb_sampler_stop(struct lb_sampler *sampler);

/* Keeps the thread from the monitor. Waits for the sample of one namespace at
 * most. */
void lb_sampler_lock(struct lb_sampler *sampler);
void lb_sampler_unlock(struct lb_sampler *sampler);

struct lb_sample_counts {
  uint64_t made;
  uint64_t missed; /* the next one was already due */
};

/* Returns the counts since the last call. The caller holds the lock. */
struct lb_sample_counts lb_sampler_take_counts(struct lb_sampler *sampler);

/* The CPU time of the calling thread, in ns, with that of threads that it made
 * to enter network namespaces. */
uint64_t lb_sampler_cpu_ns(void);

/* CLOCK_MONOTONIC in ms: the clock of the samples. */
uint64_t lb_sampler_now_ms(void);

#endif
