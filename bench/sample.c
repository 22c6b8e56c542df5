// SPDX-License-Identifier: MIT
/* What a sample of the plugin costs, without collectd.
 *
 * usage: sample SAMPLES   prints CPU microseconds (user + system) a sample,
 * calls for memory a sample, and listening sockets */
#include "bench.h"
#include "core/collector.h"
#include "kernel/kernel_transport.h"

#include <stdio.h>

static void count_socket(void *data, const struct lb_socket_view *view) {
  (void)view;
  ++*(unsigned long *)data;
}

/* In a function of its own, for callgrind's --toggle-collect. */
__attribute__((noinline)) static int measured(struct lb_collector *collector,
                                              int samples) {
  int err = 0;
  for (int i = 1; i <= samples && !err; i++)
    err = lb_collector_sample(collector, LB_ALL_PARTS, (uint64_t)i);
  return err;
}

int main(int argc, char **argv) {
  int samples = argc > 1 ? atoi(argv[1]) : 1000;
  struct lb_settings settings = {.listening_ports = true};
  const struct lb_netns_ref own = {.label = ""};
  struct lb_sample_errors errors;
  struct lb_label_registry *labels;
  struct lb_transport *transport;
  struct lb_source source;
  struct lb_collector *collector;
  if (lb_label_registry_new(&labels) ||
      lb_kernel_transport_new("/proc", NULL, NULL, &transport)) {
    fputs("sample: no memory\n", stderr);
    return EXIT_FAILURE;
  }
  lb_source_open(&source, transport);
  if (lb_collector_new(&settings, &own, labels, &source, &collector) ||
      lb_collector_sample(collector, LB_ALL_PARTS, 0) ||
      lb_collector_end_interval(collector, 0, &errors)) {
    fputs("sample: the first sample failed\n", stderr);
    return EXIT_FAILURE;
  }
  struct used start = used();
  int err = measured(collector, samples);
  struct used end = used();
  if (err) {
    fputs("sample: a sample failed\n", stderr);
    return EXIT_FAILURE;
  }
  unsigned long sockets = 0;
  lb_collector_visit_sockets(collector, count_socket, &sockets);
  printf("%.3f %.3f %lu\n", (end.cpu_us - start.cpu_us) / samples,
         (double)(end.allocations - start.allocations) / samples, sockets);
  lb_collector_free(collector);
  lb_source_close(&source);
  lb_label_registry_free(labels);
  return EXIT_SUCCESS;
}
