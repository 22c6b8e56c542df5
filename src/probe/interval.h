/* SPDX-License-Identifier: MIT */
/* What the probe prints at the end of an interval. */
#ifndef LB_PROBE_INTERVAL_H
#define LB_PROBE_INTERVAL_H

#include "core/monitor.h"
#include "probe/arguments.h"

/* Prints a table of readings, or of sockets, to stdout and errors to stderr.
 * number: of the interval, from 1. Returns the exit status. */
int lb_interval_print(const struct lb_arguments *arguments,
                      struct lb_monitor *monitor, unsigned long number);

#endif
