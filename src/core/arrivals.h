/* SPDX-License-Identifier: MIT */
/* Arrivals: the connections that completed their handshake in one network
 * namespace, read once per interval. */
#ifndef LB_CORE_ARRIVALS_H
#define LB_CORE_ARRIVALS_H

#include "core/readings.h"
#include "kernel/source.h"

/* All 0 at first. */
struct lb_arrivals {
  uint64_t total;  /* as reported: it never goes back */
  uint64_t read;   /* as last read */
  bool is_current; /* the last read succeeded */
};

/* Continues with another namespace: its counter began at 0. */
void lb_arrivals_rebind(struct lb_arrivals *arrivals);

/* Reads the counter. */
void lb_arrivals_read(struct lb_arrivals *arrivals, struct lb_source *source);

/* Puts it, unless it could not be read or the kernel lacks it. */
void lb_arrivals_put(const struct lb_arrivals *arrivals,
                     struct lb_values *values);

#endif
