// SPDX-License-Identifier: MIT
#include "probe/interval.h"

#include "probe/error.h"
#include "probe/table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct interval {
  const struct lb_arguments *arguments;
  struct lb_table table;
  int err;         /* of the table */
  bool is_partial; /* something could not be read */
};

/* --- sockets ------------------------------------------------------------- */

/* As ss(8) writes it: "*" is both families, "[::]" is IPv6 alone. The devices
 * of a recording are not this host's, so they have no names here. */
static void format_endpoint(const struct lb_listen_sock *sock,
                            bool has_device_names, char *out, size_t size) {
  static const uint8_t any[16];
  char address[INET6_ADDRSTRLEN] = "*";
  char device[IF_NAMESIZE + 1] = "";
  bool v6 = sock->family == AF_INET6;
  if (!v6)
    inet_ntop(AF_INET, sock->address + 12, address, sizeof(address));
  else if (memcmp(sock->address, any, sizeof(any)) != 0 || sock->v6only)
    inet_ntop(AF_INET6, sock->address, address, sizeof(address));
  else
    v6 = false;
  if (sock->ifindex) {
    device[0] = '%';
    if (!has_device_names || !if_indextoname(sock->ifindex, device + 1))
      snprintf(device + 1, sizeof(device) - 1, "%u", sock->ifindex);
  }
  snprintf(out, size, "%s%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
           device, (unsigned)sock->port);
}

static void print_socket(void *data, const struct lb_socket_view *view) {
  const struct interval *interval = data;
  const struct lb_listen_sock *sock = view->sock;
  char address[LB_UNIX_NAME_TEXT_SIZE], drops[16] = "-";
  if (view->name)
    lb_unix_name_format(view->name, address);
  else
    format_endpoint(sock, !interval->arguments->replay, address,
                    sizeof(address));
  if (sock->has_drops)
    snprintf(drops, sizeof(drops), "%u", sock->sk_drops);
  printf("%-28s %9u %9u %9s %9u %9llx\n", address, sock->queue, sock->limit,
         drops, sock->inode, (unsigned long long)sock->cookie);
}

static void print_sockets(struct interval *interval,
                          const struct lb_outcome *outcome) {
  if (outcome->label[0])
    printf("NAMESPACE %s\n", outcome->label);
  printf("%-28s %9s %9s %9s %9s %9s\n", "ADDRESS", "QUEUE", "LIMIT", "SK_DROPS",
         "INODE", "COOKIE");
  lb_collector_visit_sockets(outcome->collector, print_socket, interval);
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
  int err = lb_table_add(&interval->table, readings);
  if (err)
    interval->err = err;
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

int lb_interval_print(const struct lb_arguments *arguments,
                      struct lb_monitor *monitor, unsigned long number) {
  struct interval interval = {.arguments = arguments};
  if (arguments->count != 1)
    printf("%s# interval %lu\n", number > 1 ? "\n" : "", number);
  lb_monitor_visit(monitor, print_outcome, &interval);
  interval.is_partial |=
      lb_probe_task_error(LB_TASK_LIST, "", lb_monitor_listing_error(monitor));
  if (interval.table.len)
    lb_table_print(&interval.table, &arguments->settings);
  lb_table_free(&interval.table);
  int err = fflush(stdout) ? -errno : interval.err;
  char buf[LB_REASON_SIZE];
  if (err)
    lb_probe_error(LB_MSG_OUTPUT, lb_file_error(err, buf));
  return err || interval.is_partial ? EXIT_FAILURE : EXIT_SUCCESS;
}
