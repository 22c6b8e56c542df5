// SPDX-License-Identifier: MIT
/* What the plugin's look costs, without collectd.
 *
 * usage: bench_look LOOKS [interval]   prints CPU microseconds (user + system)
 * a look; with "interval", of a look and the end of its interval, which reads
 * the counters and somaxconn out of procfs and makes the readings. */
#include "live.h"
#include "survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static double cpu_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void count_sockets(void *data, const struct lb_row *row,
                          const struct lb_path *path) {
  (void)row;
  (void)path;
  ++*(unsigned long *)data;
}

static void pass_over(void *data, const struct lb_reading *reading) {
  (void)data;
  (void)reading;
}

static int look(struct lb_survey *survey, uint64_t now_ms, int interval) {
  int err = lb_survey_look(survey, now_ms);
  if (err || !interval)
    return err;
  struct lb_troubles troubles;
  err = lb_survey_end(survey, now_ms, &troubles);
  if (!err)
    lb_survey_readings(survey, pass_over, NULL);
  return err;
}

int main(int argc, char **argv) {
  int looks = argc > 1 ? atoi(argv[1]) : 1000, interval = argc > 2;
  struct lb_settings settings = {.listening_ports = true};
  const struct lb_scope own = {.label = ""};
  const struct lb_live_options options = {.proc = "/proc"};
  struct lb_labels *labels;
  struct lb_source *source;
  struct lb_survey *survey;
  if (lb_labels_new(&labels) || lb_live_new(&options, &source) ||
      lb_survey_new(&settings, &own, labels, source, &survey) ||
      look(survey, 0, 1)) {
    fputs("bench_look: the first look failed\n", stderr);
    return EXIT_FAILURE;
  }
  double start = cpu_us();
  for (int i = 1; i <= looks; i++)
    if (look(survey, (uint64_t)i, interval)) {
      fputs("bench_look: a look failed\n", stderr);
      return EXIT_FAILURE;
    }
  double spent = cpu_us() - start;
  unsigned long sockets = 0;
  lb_survey_sockets(survey, count_sockets, &sockets);
  printf("%.2f us, %lu listeners\n", spent / looks, sockets);
  lb_survey_free(survey);
  lb_live_free(source);
  lb_labels_free(labels);
  return EXIT_SUCCESS;
}
