/* SPDX-License-Identifier: MIT */
/* The probe's lines on stderr. */
#ifndef LB_PROBE_ERROR_H
#define LB_PROBE_ERROR_H

#include "base/messages.h"
#include "core/monitor.h"

/* Prints a line after the program's name. */
__attribute__((format(printf, 1, 2))) void lb_probe_error(const char *format,
                                                          ...);

/* Prints that a task failed, unless err is 0. Returns whether it did. */
bool lb_probe_task_error(enum lb_task task, const char *netns, int err);

/* The same for all that failed in an interval of a namespace. */
bool lb_probe_outcome_error(const struct lb_outcome *outcome);

#endif
