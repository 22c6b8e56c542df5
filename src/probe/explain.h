/* SPDX-License-Identifier: MIT */
/* --explain: observes for some seconds, and says what is wrong. */
#ifndef LB_PROBE_EXPLAIN_H
#define LB_PROBE_EXPLAIN_H

#include "probe/arguments.h"

#include <signal.h>

enum { LB_COULD_NOT_LOOK = 3 }; /* exit status, as of monitoring plugins */

/* Explains what was asked for, or each listener that is in trouble. A signal,
 * which sets *interrupted, ends the observation early. Returns the exit
 * status: enum lb_severity of the worst one, or LB_COULD_NOT_LOOK. */
int lb_run_explain(struct lb_arguments *arguments,
                   const volatile sig_atomic_t *interrupted);

#endif
