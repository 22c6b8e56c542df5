/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef LB_PROBE_ARGUMENTS_H
#define LB_PROBE_ARGUMENTS_H

#include "core/settings.h"
#include "probe/request.h"

enum lb_format { LB_FORMAT_TABLE, LB_FORMAT_JSON, LB_FORMAT_PROMETHEUS };

struct lb_arguments {
  struct lb_settings settings;
  double interval_s;
  unsigned long count; /* of intervals; 0: until interrupted */
  enum lb_format format;
  bool sockets; /* a line for each socket */
  bool explain;
  struct lb_requests requests; /* of explain; empty: everything in trouble */
  const char *record;          /* file names; NULL: none */
  const char *replay;
};

/* Parses the command line into *out, zeroed before. Returns true, or false and
 * the exit status: after an error, which is on stderr, or after --help,
 * --version or --list-values. lb_arguments_free() frees it in any case. */
bool lb_arguments_parse(struct lb_arguments *out, int argc, char *const *argv,
                        int *status);
void lb_arguments_free(struct lb_arguments *arguments);

#endif
