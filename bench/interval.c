// SPDX-License-Identifier: MIT
/* What a whole interval costs: the samples within it, and collectd's read with
 * all that it dispatches. This program is collectd, as far as the plugin can
 * see, and drops the values. There is no sampler thread, so that the number of
 * samples is exact and callgrind counts the same each time.
 *
 * usage: interval INTERVALS SAMPLES   prints CPU microseconds (user + system),
 * calls for memory and values, each for one interval of so many samples
 * (including the one at its end), and the number of listening sockets */
#include "daemon.h"

#include "bench.h"
#include "collectd/sampler.h"
#include "core/monitor.h"

static struct {
  unsigned long values;
  double sockets; /* of all listeners, as dispatched */
  struct lb_monitor *monitor;
} seen;

/* --- collectd ------------------------------------------------------------ */

static void on_log(int level, const char *line) {
  (void)level;
  fprintf(stderr, "%s\n", line);
}

static void on_values(const value_list_t *list) {
  seen.values++;
  if (strcmp(list->type_instance, "sockets") == 0)
    seen.sockets += list->values[0].gauge;
}

/* --- the plugin ---------------------------------------------------------- */

int __real_lb_sampler_start(struct lb_monitor *monitor, double period_s,
                            struct lb_sampler **out);
int __wrap_lb_sampler_start(struct lb_monitor *monitor, double period_s,
                            struct lb_sampler **out);

int __wrap_lb_sampler_start(struct lb_monitor *monitor, double period_s,
                            struct lb_sampler **out) {
  (void)period_s;
  seen.monitor = monitor;
  return __real_lb_sampler_start(monitor, 0, out);
}

void __wrap_lb_monitor_limit(struct lb_monitor *monitor, double interval_s,
                             uint64_t (*cpu_ns)(void));

/* Under valgrind a sample takes so long that there would be hardly any. */
void __wrap_lb_monitor_limit(struct lb_monitor *monitor, double interval_s,
                             uint64_t (*cpu_ns)(void)) {
  (void)monitor;
  (void)interval_s;
  (void)cpu_ns;
}

static void interval(int samples) {
  seen.values = 0;
  seen.sockets = 0;
  for (int i = 1; i < samples; i++)
    lb_monitor_sample(seen.monitor, 0, lb_sampler_now_ms());
  read_collectd();
}

/* In a function of its own, for callgrind's --toggle-collect. */
__attribute__((noinline)) static void measured(int intervals, int samples) {
  for (int i = 0; i < intervals; i++)
    interval(samples);
}

int main(int argc, char **argv) {
  int intervals = argc > 1 ? atoi(argv[1]) : 10;
  int samples = argc > 2 ? atoi(argv[2]) : 1;
  start_collectd();
  collectd.on_log = on_log;
  collectd.on_values = on_values;
  if (!collectd.init || !collectd.shutdown || collectd.init() ||
      !seen.monitor) {
    fputs("interval: the plugin does not start\n", stderr);
    return EXIT_FAILURE;
  }
  interval(samples);
  interval(samples);
  struct used start = used();
  measured(intervals, samples);
  struct used end = used();
  printf("%.3f %.3f %lu %.0f\n", (end.cpu_us - start.cpu_us) / intervals,
         (double)(end.allocations - start.allocations) / intervals, seen.values,
         seen.sockets);
  return collectd.shutdown() ? EXIT_FAILURE : EXIT_SUCCESS;
}
