// SPDX-License-Identifier: MIT
#include "probe/explain.h"

#include "base/causes.h"
#include "core/diagnosis.h"
#include "core/monitor.h"
#include "kernel/kernel_transport.h"
#include "probe/error.h"
#include "probe/explanation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of one processor, so that an observation of a large host is no load. */
enum { REST_PER_SAMPLE = 4 };

struct explain_run {
  struct lb_arguments *arguments;
  const volatile sig_atomic_t *interrupted;
  struct lb_monitor *monitor;
  struct lb_observer observer;
  bool is_last;    /* read */
  bool is_partial; /* something could not be read */
  int err;         /* -ENOMEM */
};

/* --- the observation ----------------------------------------------------- */

static uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_until_ns(uint64_t ns) {
  struct timespec until = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void observe_socket(void *data, const struct lb_socket_view *view) {
  struct explain_run *run = data;
  if (!run->err)
    run->err = lb_observer_add_socket(&run->observer, view->label, view->sock);
}

static void observe_readings(void *data, const struct lb_readings *readings) {
  struct explain_run *run = data;
  if (!run->err)
    run->err = lb_observer_read(&run->observer, readings, run->is_last);
}

static void observe_sockets(void *data, const struct lb_outcome *outcome) {
  if (outcome->collector)
    lb_collector_visit_sockets(outcome->collector, observe_socket, data);
}

static void observe_outcome(void *data, const struct lb_outcome *outcome) {
  struct explain_run *run = data;
  if (run->is_last)
    run->is_partial |= lb_probe_outcome_error(outcome);
  if (outcome->collector)
    lb_collector_visit_readings(outcome->collector, observe_readings, data);
}

static void observe_sample(struct explain_run *run) {
  lb_observer_begin_sample(&run->observer);
  lb_monitor_visit(run->monitor, observe_sockets, run);
}

static void observe_read(struct explain_run *run, bool is_last) {
  uint64_t now_ms = monotonic_ns() / 1000000;
  run->is_last = is_last;
  lb_monitor_prepare(run->monitor, now_ms);
  lb_monitor_inspect(run->monitor);
  lb_monitor_finish(run->monitor, now_ms);
  lb_monitor_visit(run->monitor, observe_outcome, run);
  observe_sample(run);
}

static void take_samples(struct explain_run *run, uint64_t until_ns) {
  uint64_t step_ns = (uint64_t)(run->arguments->settings.sample_s * 1e9);
  uint64_t next_ns = monotonic_ns() + step_ns;
  while (next_ns < until_ns && !*run->interrupted) {
    sleep_until_ns(next_ns);
    uint64_t start_ns = monotonic_ns();
    for (size_t i = 0; i < lb_monitor_len(run->monitor); i++)
      lb_monitor_sample(run->monitor, i, start_ns / 1000000);
    observe_sample(run);
    uint64_t end_ns = monotonic_ns();
    next_ns += step_ns;
    if (next_ns < end_ns + REST_PER_SAMPLE * (end_ns - start_ns))
      next_ns = end_ns + REST_PER_SAMPLE * (end_ns - start_ns);
  }
  if (!*run->interrupted)
    sleep_until_ns(until_ns);
}

static void observe(struct explain_run *run) {
  uint64_t begin_ns = monotonic_ns();
  double seconds = run->arguments->interval_s;
  observe_read(run, false);
  begin_ns = (begin_ns + monotonic_ns()) / 2;
  take_samples(run, begin_ns + (uint64_t)(seconds * 1e9));
  uint64_t end_ns = monotonic_ns();
  observe_read(run, true);
  end_ns = (end_ns + monotonic_ns()) / 2;
  lb_observer_end(&run->observer, (double)(end_ns - begin_ns) / 1e9);
}

/* --- what is told -------------------------------------------------------- */

/* A found listener that has gone is no news, unless it was asked for. */
static bool is_wanted(const struct explain_run *run,
                      const struct lb_observed_listener *listener) {
  const struct lb_requests *requests = &run->arguments->requests;
  if (!listener->has_ended || !(listener->result.sockets > 0))
    return false;
  for (size_t i = 0; i < requests->len; i++)
    if (lb_request_matches(&requests->v[i], listener->label))
      return true;
  return requests->len == 0;
}

struct told {
  const struct lb_observed_listener *listener;
  struct lb_diagnosis found;
};

static int compare_told(const void *a, const void *b) {
  const struct told *left = a, *right = b;
  if (left->found.severity != right->found.severity)
    return left->found.severity > right->found.severity ? -1 : 1;
  if (left->found.cause != right->found.cause)
    return left->found.cause > right->found.cause ? -1 : 1;
  return strverscmp(left->listener->label, right->listener->label);
}

static bool is_found(const struct explain_run *run,
                     const struct lb_request *request) {
  for (size_t i = 0; i < run->observer.listeners_len; i++)
    if (is_wanted(run, &run->observer.listeners[i]) &&
        lb_request_matches(request, run->observer.listeners[i].label))
      return true;
  return false;
}

/* Whether only collectd can know a label: that of a UNIX socket is made of its
 * path. */
static bool can_be_block(const struct lb_request *request) {
  const char *own = strrchr(request->label, ':');
  own = own ? own + 1 : request->label;
  return request->is_label && !strchr(own, '-') && lb_label_port(own) == 0;
}

static int worse(int a, int b) {
  static const int order[] = {0, 2, 3, 1}; /* by status */
  return order[b] > order[a] ? b : a;
}

/* Explains what nothing has been found for. */
static int tell_missing(const struct explain_run *run, bool *has_told) {
  const struct lb_requests *requests = &run->arguments->requests;
  struct lb_observation none = {.seconds = run->arguments->interval_s};
  int status = LB_OK;
  for (size_t i = 0; i < requests->len; i++) {
    const struct lb_request *request = &requests->v[i];
    if (is_found(run, request))
      continue;
    if (can_be_block(request) || run->is_partial) {
      printf("%s%s %s: %s.\n", *has_told ? "\n" : "", LB_STATE_UNKNOWN,
             request->text, LB_NO_LISTENER_LABEL);
      status = worse(status, LB_COULD_NOT_LOOK);
    } else {
      struct lb_diagnosis found = lb_diagnose(&none);
      fputs(*has_told ? "\n" : "", stdout);
      lb_explain(request->text, &none, &found, "");
      status = worse(status, found.severity);
    }
    *has_told = true;
  }
  return status;
}

static const char *verb_of(size_t len) { return len == 1 ? " is" : "s are"; }

static int tell(const struct explain_run *run, struct told *all) {
  size_t len = 0, healthy = 0;
  bool has_told = false, wants_all = run->arguments->requests.len == 0;
  for (size_t i = 0; i < run->observer.listeners_len; i++) {
    const struct lb_observed_listener *listener = &run->observer.listeners[i];
    if (is_wanted(run, listener))
      all[len++] = (struct told){listener, lb_diagnose(&listener->result)};
  }
  qsort(all, len, sizeof(*all), compare_told);
  int status = tell_missing(run, &has_told);
  for (size_t i = 0; i < len; i++) {
    status = worse(status, (int)all[i].found.severity);
    if (wants_all && all[i].found.cause == LB_FOUND_HEALTHY) {
      healthy++;
      continue;
    }
    fputs(has_told ? "\n" : "", stdout);
    lb_explain(all[i].listener->label, &all[i].listener->result, &all[i].found,
               "");
    has_told = true;
  }
  if (wants_all && !has_told)
    printf(LB_ALL_HEALTHY, healthy, verb_of(healthy),
           run->arguments->interval_s);
  else if (healthy)
    printf(LB_OTHERS_HEALTHY, healthy, verb_of(healthy));
  return status;
}

static int tell_all(const struct explain_run *run) {
  struct told *all = calloc(run->observer.listeners_len + 1, sizeof(*all));
  char buf[LB_REASON_SIZE];
  int err = all ? run->err : -ENOMEM;
  int status = err ? LB_COULD_NOT_LOOK : tell(run, all);
  free(all);
  if (!err && fflush(stdout))
    err = -errno;
  if (err)
    lb_probe_error(LB_MSG_OUTPUT, lb_file_error(err, buf));
  return err || run->is_partial ? worse(status, LB_COULD_NOT_LOOK) : status;
}

/* --- all together -------------------------------------------------------- */

static int open_kernel(void *data, const char *path,
                       const struct lb_netns_id *id,
                       struct lb_transport **out) {
  (void)data;
  return lb_kernel_transport_new("/proc", path, id, out);
}

int lb_run_explain(struct lb_arguments *arguments,
                   const volatile sig_atomic_t *interrupted) {
  struct explain_run run = {.arguments = arguments, .interrupted = interrupted};
  int status = LB_COULD_NOT_LOOK;
  char buf[LB_REASON_SIZE];
  arguments->settings.inspect = true;
  int err = lb_monitor_new(&arguments->settings,
                           (struct lb_transport_opener){open_kernel, NULL},
                           &run.monitor);
  if (err) {
    lb_probe_error(LB_MSG_START_FAILED, lb_file_error(err, buf));
    return status;
  }
  lb_monitor_inspect_always(run.monitor);
  observe(&run);
  status = tell_all(&run);
  lb_observer_free(&run.observer);
  lb_monitor_free(run.monitor);
  return status;
}
