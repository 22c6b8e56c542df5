// SPDX-License-Identifier: MIT
#include "core/monitor.h"
#include "kernel/kernel_transport.h"
#include "kernel/recorder.h"
#include "probe/error.h"
#include "probe/interval.h"
#include "probe/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct live_run {
  const struct lb_arguments *arguments;
  const volatile sig_atomic_t *interrupted;
  struct lb_monitor *monitor;
  struct lb_recorder *recorder; /* NULL: none */
  struct lb_servers *servers;
};

static struct timespec add_seconds(struct timespec time, double seconds) {
  time_t whole = (time_t)seconds;
  time.tv_sec += whole;
  time.tv_nsec += (long)((seconds - (double)whole) * 1e9);
  if (time.tv_nsec >= 1000000000) {
    time.tv_nsec -= 1000000000;
    time.tv_sec++;
  }
  return time;
}

static uint64_t to_ms(struct timespec time) {
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static bool is_before(struct timespec a, struct timespec b) {
  return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static void sample_all(const struct live_run *run, uint64_t now_ms) {
  if (run->recorder)
    lb_recorder_begin_sample(run->recorder, now_ms, false);
  for (size_t i = 0; i < lb_monitor_len(run->monitor); i++)
    lb_monitor_sample(run->monitor, i, now_ms);
}

/* Takes the samples within an interval, and sleeps until its end. */
static void pass_interval(const struct live_run *run, struct timespec from,
                          struct timespec until) {
  double sample_s = run->arguments->settings.sample_s;
  struct timespec next = add_seconds(from, sample_s);
  while (sample_s > 0 && is_before(next, until) && !*run->interrupted) {
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    sample_all(run, to_ms(next));
    next = add_seconds(next, sample_s);
  }
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void end_live_interval(const struct live_run *run, uint64_t now_ms) {
  if (run->recorder && run->arguments->settings.inspect == LB_INSPECT_ALWAYS)
    lb_recorder_begin_sample(run->recorder, now_ms, false);
  lb_monitor_prepare(run->monitor, now_ms);
  lb_monitor_inspect(run->monitor);
  if (run->recorder)
    lb_recorder_begin_sample(run->recorder, now_ms, true);
  lb_monitor_finish(run->monitor, now_ms);
}

/* Without samples within the interval the first one ends at once. */
static int run_intervals(const struct live_run *run) {
  const struct lb_arguments *arguments = run->arguments;
  int status = EXIT_SUCCESS;
  struct timespec at, next;
  clock_gettime(CLOCK_MONOTONIC, &at);
  next = at;
  if (arguments->settings.sample_s > 0)
    next = add_seconds(at, arguments->interval_s);
  for (unsigned long number = 1; !*run->interrupted; number++) {
    pass_interval(run, at, next);
    if (*run->interrupted && number > 1)
      break;
    end_live_interval(run, to_ms(next));
    if (lb_interval_print(arguments, run->monitor, run->servers, number))
      status = EXIT_FAILURE;
    if (number == arguments->count || ferror(stdout))
      break;
    at = next;
    next = add_seconds(next, arguments->interval_s);
  }
  return status;
}

static int fail_to_record(const struct live_run *run, int err) {
  char buf[LB_REASON_SIZE];
  lb_probe_error(LB_MSG_FILE, run->arguments->record,
                 lb_recording_error(err, buf));
  return EXIT_FAILURE;
}

static int open_transport(void *data, const char *path,
                          const struct lb_netns_id *id,
                          struct lb_transport **out) {
  const struct live_run *run = data;
  int err = lb_kernel_transport_new("/proc", path, id, out);
  if (!err && run->recorder)
    *out = lb_recorder_wrap(run->recorder, *out);
  return err;
}

int lb_run_live(const struct lb_arguments *arguments,
                const volatile sig_atomic_t *interrupted) {
  struct lb_servers servers = {.len = 0};
  struct live_run run = {
      .arguments = arguments, .interrupted = interrupted, .servers = &servers};
  int status = EXIT_FAILURE;
  int err = arguments->record
                ? lb_recorder_open(arguments->record, &run.recorder)
                : 0;
  if (err)
    return fail_to_record(&run, err);
  err = lb_monitor_new(&arguments->settings,
                       (struct lb_transport_opener){open_transport, &run},
                       &run.monitor);
  char buf[LB_REASON_SIZE];
  if (err)
    lb_probe_error(LB_MSG_START_FAILED, lb_file_error(err, buf));
  else
    status = run_intervals(&run);

  lb_monitor_free(run.monitor);
  lb_servers_free(&servers);
  err = run.recorder ? lb_recorder_close(run.recorder) : 0;
  return err ? fail_to_record(&run, err) : status;
}
