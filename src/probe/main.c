// SPDX-License-Identifier: MIT
/* listen_backlog-probe: the plugin's readings as a table, without collectd. */
#include "probe/explain.h"
#include "probe/run.h"

#include <stddef.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

/* A signal lets it print and record the interval before it ends; a replay just
 * ends. */
static int run_live(struct lb_arguments *arguments) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  return arguments->explain ? lb_run_explain(arguments, &interrupted)
                            : lb_run_live(arguments, &interrupted);
}

int main(int argc, char **argv) {
  struct lb_arguments arguments = {.count = 1};
  int status;
  if (lb_arguments_parse(&arguments, argc, argv, &status))
    status =
        arguments.replay ? lb_run_replay(&arguments) : run_live(&arguments);
  lb_arguments_free(&arguments);
  return status;
}
