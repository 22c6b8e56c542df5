/* SPDX-License-Identifier: MIT */
/* A diagnosis in plain English. */
#ifndef LB_PROBE_EXPLANATION_H
#define LB_PROBE_EXPLANATION_H

#include "core/diagnosis.h"

/* Prints three to six lines to stdout. label: of the listener, or what was
 * asked for. server: its process and unit, or why they are unknown; "": left
 * out. */
void lb_explain(const char *label, const struct lb_observation *seen,
                const struct lb_diagnosis *found, const char *server);

#endif
