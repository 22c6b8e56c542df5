/* SPDX-License-Identifier: MIT */
/* What the probe prints at the end of an interval. */
#ifndef LB_PROBE_INTERVAL_H
#define LB_PROBE_INTERVAL_H

#include "core/monitor.h"
#include "probe/arguments.h"
#include "probe/servers.h"

/* Prints readings, or sockets, to stdout and errors to stderr. servers is kept
 * from one interval to the next. number: of the interval, from 1. Returns the
 * exit status. */
int lb_interval_print(const struct lb_arguments *arguments,
                      struct lb_monitor *monitor, struct lb_servers *servers,
                      unsigned long number);

#endif
