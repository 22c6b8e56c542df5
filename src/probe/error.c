// SPDX-License-Identifier: MIT
#include "probe/error.h"

#include <stdio.h>

void lb_probe_error(const char *format, ...) {
  char text[LB_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  fprintf(stderr, "listen_backlog-probe: %s\n",
          lb_vmessage(text, format, args));
  va_end(args);
}

bool lb_probe_task_error(enum lb_task task, const char *netns, int err) {
  char text[LB_MESSAGE_SIZE];
  if (err)
    lb_probe_error("%s", lb_task_failed(text, task, netns, err));
  return err != 0;
}

bool lb_probe_outcome_error(const struct lb_outcome *outcome) {
  const struct lb_sample_errors *errors = &outcome->errors;
  const char *netns = outcome->label;
  if (outcome->err)
    return lb_probe_task_error(outcome->path ? LB_TASK_NETNS : LB_TASK_TCP,
                               netns, outcome->err);
  bool has_failed =
      lb_probe_task_error(LB_TASK_TCP_SOCKETS, netns, errors->tcp_sockets);
  has_failed |= lb_probe_task_error(LB_TASK_NETSTAT, netns, errors->netstat);
  has_failed |=
      lb_probe_task_error(LB_TASK_SOMAXCONN, netns, errors->somaxconn);
  has_failed |= lb_probe_task_error(LB_TASK_UNIX, netns, errors->unix_sockets);
  return lb_probe_task_error(LB_TASK_INSPECT, netns, outcome->inspection_err) ||
         has_failed;
}
