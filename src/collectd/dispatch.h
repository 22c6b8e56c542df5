/* SPDX-License-Identifier: MIT */
/* Readings to collectd 5 value lists. */
#ifndef LB_COLLECTD_DISPATCH_H
#define LB_COLLECTD_DISPATCH_H

#include "core/collector.h"

#include <collectd.h>

#include <plugin.h>

#define LB_PLUGIN_NAME "listen_backlog"

/* Dispatches every value of the reading that is present, all at one time. */
void lb_dispatch(const struct lb_readings *reading, cdtime_t time);

#endif
