// SPDX-License-Identifier: MIT
#include "probe/interval.h"

#include "probe/error.h"
#include "probe/formats.h"
#include "probe/sockets.h"
#include "probe/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct interval {
  const struct lb_arguments *arguments;
  struct lb_servers *servers;
  struct lb_table table;
  struct lb_socket_lines sockets; /* of one namespace */
  bool is_first_socket;
  int err;         /* of the output */
  bool is_partial; /* something could not be read */
};

static void note_err(struct interval *interval, int err) {
  if (err)
    interval->err = err;
}

/* --- sockets ------------------------------------------------------------- */

static void add_socket_line(void *data, const struct lb_socket_view *view) {
  struct interval *interval = data;
  note_err(interval, lb_socket_lines_add(&interval->sockets, view));
}

static void print_sockets(struct interval *interval,
                          const struct lb_outcome *outcome) {
  const struct lb_arguments *arguments = interval->arguments;
  if (outcome->label[0] && arguments->format == LB_FORMAT_TABLE)
    printf("NAMESPACE %s\n", outcome->label);
  interval->sockets.len = 0;
  lb_collector_visit_sockets(outcome->collector, add_socket_line, interval);
  note_err(interval, lb_socket_lines_print(&interval->sockets, outcome->label,
                                           arguments, interval->servers,
                                           &interval->is_first_socket));
}

/* --- errors -------------------------------------------------------------- */

static void print_conflicts(struct lb_collector *collector, int err) {
  char source[LB_MESSAGE_SIZE], text[LB_MESSAGE_SIZE];
  struct lb_conflict conflict;
  while (lb_collector_next_conflict(collector, err, &conflict)) {
    snprintf(source, sizeof(source), LB_TEXT_CONFLICT, conflict.source,
             conflict.label);
    lb_probe_error("%s", lb_label_refused(text, err, source));
    lb_collector_told_conflict(collector, &conflict);
  }
}

/* --- the interval -------------------------------------------------------- */

static void add_readings(void *data, const struct lb_readings *readings) {
  struct interval *interval = data;
  note_err(interval, lb_table_add(&interval->table, readings));
}

static void print_outcome(void *data, const struct lb_outcome *outcome) {
  struct interval *interval = data;
  interval->is_partial |= lb_probe_outcome_error(outcome);
  if (outcome->err)
    return;
  print_conflicts(outcome->collector, -EEXIST);
  print_conflicts(outcome->collector, -ENAMETOOLONG);
  print_conflicts(outcome->collector, -ESTALE);
  if (interval->arguments->sockets)
    print_sockets(interval, outcome);
  else
    lb_collector_visit_readings(outcome->collector, add_readings, interval);
}

static void print_table(struct interval *interval) {
  const struct lb_settings *settings = &interval->arguments->settings;
  struct lb_table *table = &interval->table;
  switch (interval->arguments->format) {
  case LB_FORMAT_JSON:
    lb_print_json(table, settings);
    break;
  case LB_FORMAT_PROMETHEUS:
    lb_print_prometheus(table, settings);
    break;
  default:
    if (table->len)
      lb_table_print(table, settings);
  }
}

int lb_interval_print(const struct lb_arguments *arguments,
                      struct lb_monitor *monitor, struct lb_servers *servers,
                      unsigned long number) {
  struct interval interval = {
      .arguments = arguments, .servers = servers, .is_first_socket = true};
  bool is_table = arguments->format == LB_FORMAT_TABLE;
  if (arguments->count != 1 && is_table)
    printf("%s# interval %lu\n", number > 1 ? "\n" : "", number);
  if (arguments->sockets && !is_table)
    fputs("{\"sockets\":[", stdout);
  lb_monitor_visit(monitor, print_outcome, &interval);
  if (arguments->sockets && !is_table)
    puts("]}");
  if (number == 1 && lb_monitor_misses_processes(monitor))
    lb_probe_error("%s", LB_MSG_NETNS_UNSEEN);
  if (number == 1 && lb_monitor_hidden_names(monitor))
    lb_probe_error(LB_MSG_NAMES_HIDDEN, lb_monitor_hidden_names(monitor));
  interval.is_partial |=
      lb_probe_task_error(LB_TASK_LIST, "", lb_monitor_listing_error(monitor));
  if (!arguments->sockets)
    print_table(&interval);
  lb_table_free(&interval.table);
  lb_socket_lines_free(&interval.sockets);
  int err = fflush(stdout) ? -errno : interval.err;
  char buf[LB_REASON_SIZE];
  if (err)
    lb_probe_error(LB_MSG_OUTPUT, lb_file_error(err, buf));
  return err || interval.is_partial ? EXIT_FAILURE : EXIT_SUCCESS;
}
