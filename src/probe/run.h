/* SPDX-License-Identifier: MIT */
/* Intervals: of the kernel as it is, or of a recording. */
#ifndef LB_PROBE_RUN_H
#define LB_PROBE_RUN_H

#include "probe/arguments.h"

#include <signal.h>

/* Samples the kernel and prints intervals until there are enough of them, or
 * *interrupted is set. Returns the exit status, with errors on stderr. */
int lb_run_live(const struct lb_arguments *arguments,
                const volatile sig_atomic_t *interrupted);

/* Prints the intervals of a recording, and sets their count. Returns the exit
 * status, with errors on stderr. */
int lb_run_replay(struct lb_arguments *arguments);

#endif
