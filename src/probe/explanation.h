/* SPDX-License-Identifier: MIT */
/* A diagnosis in plain English, or as JSON. */
#ifndef LB_PROBE_EXPLANATION_H
#define LB_PROBE_EXPLANATION_H

#include "core/diagnosis.h"
#include "kernel/cgroups.h"
#include "kernel/processes.h"

struct lb_explanation {
  const char *label; /* of the listener, or what was asked for */
  const struct lb_observation *seen;
  const struct lb_diagnosis *found;
  char unit[LB_UNIT_SIZE];          /* "": unknown */
  const struct lb_holders *holders; /* of the socket; NULL: unknown */
  bool was_denied;                  /* they may not be seen */
};

/* Prints three to six lines to stdout. */
void lb_explain(const struct lb_explanation *explanation);

/* Prints one object. */
void lb_explain_json(const struct lb_explanation *explanation);

#endif
