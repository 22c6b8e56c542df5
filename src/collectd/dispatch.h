/* SPDX-License-Identifier: MIT */
/* From readings to the value lists of collectd 5. */
#ifndef LB_COLLECTD_DISPATCH_H
#define LB_COLLECTD_DISPATCH_H

#include "core/collector.h"

#include <collectd.h>

#include <plugin.h>

#define LB_PLUGIN_NAME "listen_backlog"

/* Dispatches each value that is present, with the same time. */
void lb_dispatch(const struct lb_readings *readings, cdtime_t time);

#endif
