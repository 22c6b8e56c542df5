// SPDX-License-Identifier: MIT
/* What the plugin's look costs, without collectd.
 *
 * usage: look LOOKS   prints CPU microseconds (user + system) a look, calls for
 * memory a look, and listening sockets */
#include "bench.h"
#include "core/collector.h"
#include "kernel/kernel_transport.h"

#include <stdio.h>

static void count_socket(void *data, const struct lb_listen_sock *row,
                         const struct lb_unix_name *path) {
  (void)row;
  (void)path;
  ++*(unsigned long *)data;
}

/* In a function of its own, for callgrind's --toggle-collect. */
__attribute__((noinline)) static int measured(struct lb_collector *survey,
                                              int looks) {
  int err = 0;
  for (int i = 1; i <= looks && !err; i++)
    err = lb_collector_sample(survey, (uint64_t)i);
  return err;
}

int main(int argc, char **argv) {
  int looks = argc > 1 ? atoi(argv[1]) : 1000;
  struct lb_settings settings = {.listening_ports = true};
  const struct lb_netns_ref own = {.label = ""};
  struct lb_sample_errors troubles;
  struct lb_label_registry *labels;
  struct lb_transport *transport;
  struct lb_source source;
  struct lb_collector *survey;
  if (lb_label_registry_new(&labels) ||
      lb_kernel_transport_new("/proc", NULL, NULL, &transport)) {
    fputs("look: no memory\n", stderr);
    return EXIT_FAILURE;
  }
  lb_source_open(&source, transport);
  if (lb_collector_new(&settings, &own, labels, &source, &survey) ||
      lb_collector_sample(survey, 0) ||
      lb_collector_end_interval(survey, 0, &troubles)) {
    fputs("look: the first look failed\n", stderr);
    return EXIT_FAILURE;
  }
  struct used start = used();
  int err = measured(survey, looks);
  struct used end = used();
  if (err) {
    fputs("look: a look failed\n", stderr);
    return EXIT_FAILURE;
  }
  unsigned long sockets = 0;
  lb_collector_visit_sockets(survey, count_socket, &sockets);
  printf("%.3f %.3f %lu\n", (end.cpu_us - start.cpu_us) / looks,
         (double)(end.allocations - start.allocations) / looks, sockets);
  lb_collector_free(survey);
  lb_source_close(&source);
  lb_label_registry_free(labels);
  return EXIT_SUCCESS;
}
