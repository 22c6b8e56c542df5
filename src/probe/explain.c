// SPDX-License-Identifier: MIT
#include "probe/explain.h"

#include "base/causes.h"
#include "core/diagnosis.h"
#include "core/monitor.h"
#include "kernel/kernel_transport.h"
#include "probe/error.h"
#include "probe/explanation.h"
#include "probe/json.h"
#include "probe/servers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* After a sample it rests so many times as long as that took: on a large host
 * an observation takes at most a fifth of a processor. */
enum { REST_PER_SAMPLE = 4 };

struct explain_run {
  struct lb_arguments *arguments;
  const volatile sig_atomic_t *interrupted;
  struct lb_monitor *monitor;
  struct lb_observer observer;
  double seconds;  /* that it took */
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
  if (!run->err && view->name)
    run->err =
        lb_requests_match(&run->arguments->requests, view->label, view->name);
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
  run->seconds = (double)(end_ns - begin_ns) / 1e9;
  lb_observer_end(&run->observer, run->seconds);
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

struct told_all {
  const struct explain_run *run;
  struct lb_servers servers;
  size_t count; /* told so far */
  size_t healthy;
  int status;
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
  if (request->is_match || request->is_matched)
    return true;
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

/* Prints one explanation, or one that something is unknown. */
static void print_explanation(struct told_all *all,
                              const struct lb_explanation *explanation,
                              const char *unknown) {
  bool is_json = all->run->arguments->format == LB_FORMAT_JSON;
  if (all->count++)
    fputs(is_json ? "," : "\n", stdout);
  if (!explanation && is_json) {
    bool is_first = true;
    putchar('{');
    lb_json_text("listener", unknown, &is_first);
    lb_json_text("state", LB_STATE_UNKNOWN, &is_first);
    putchar('}');
  } else if (!explanation) {
    printf(LB_STATE_UNKNOWN " %s: " LB_NO_LISTENER_LABEL ".\n", unknown);
  } else if (is_json) {
    lb_explain_json(explanation);
  } else {
    lb_explain(explanation);
  }
}

/* Explains what nothing has been found for. */
static void tell_missing(struct told_all *all) {
  const struct explain_run *run = all->run;
  const struct lb_requests *requests = &run->arguments->requests;
  struct lb_observation none = {.seconds = run->seconds};
  struct lb_diagnosis found = lb_diagnose(&none);
  for (size_t i = 0; i < requests->len; i++) {
    const struct lb_request *request = &requests->v[i];
    struct lb_explanation gone = {
        .label = request->text, .seen = &none, .found = &found};
    bool is_unknown = can_be_block(request) || run->is_partial;
    if (is_found(run, request))
      continue;
    print_explanation(all, is_unknown ? NULL : &gone, request->text);
    all->status = worse(all->status,
                        is_unknown ? LB_COULD_NOT_LOOK : (int)found.severity);
  }
}

/* The socket that accepts nobody, else any. */
static const struct lb_observed_socket *
socket_of_told(const struct explain_run *run, const struct told *told) {
  const struct lb_observer *observer = &run->observer;
  const struct lb_observed_socket *any = NULL;
  for (size_t i = 0; i < observer->sockets_len; i++) {
    const struct lb_observed_socket *socket = &observer->sockets[i];
    if (&observer->listeners[socket->listener] != told->listener ||
        socket->last_seen != observer->sample)
      continue;
    if (told->found.cause != LB_FOUND_MEMBER ||
        lb_observed_holds(observer, socket))
      return socket;
    any = socket;
  }
  return any;
}

static void tell_one(struct told_all *all, const struct told *told) {
  const struct lb_observed_socket *socket = socket_of_told(all->run, told);
  struct lb_servers *servers = &all->servers;
  struct lb_explanation explanation = {.label = told->listener->label,
                                       .seen = &told->listener->result,
                                       .found = &told->found};
  if (socket) {
    explanation.holders = lb_servers_holders(servers, socket->sock.inode);
    explanation.was_denied = servers->was_denied;
    if (!lb_servers_unit(servers, &socket->sock, explanation.unit))
      explanation.unit[0] = '\0';
  }
  print_explanation(all, &explanation, NULL);
}

/* Without memory they stay unknown. */
static void find_servers_of(struct told_all *all) {
  const struct lb_observer *observer = &all->run->observer;
  uint32_t *inodes = calloc(observer->sockets_len + 1, sizeof(*inodes));
  for (size_t i = 0; inodes && i < observer->sockets_len; i++)
    inodes[i] = observer->sockets[i].sock.inode;
  if (inodes)
    lb_servers_find(&all->servers, inodes, observer->sockets_len);
  free(inodes);
}

static size_t collect_told(const struct explain_run *run, struct told *told) {
  size_t len = 0;
  for (size_t i = 0; i < run->observer.listeners_len; i++) {
    const struct lb_observed_listener *listener = &run->observer.listeners[i];
    if (is_wanted(run, listener))
      told[len++] = (struct told){listener, lb_diagnose(&listener->result)};
  }
  if (len)
    qsort(told, len, sizeof(*told), compare_told);
  return len;
}

static void tell_found(struct told_all *all, const struct told *told,
                       size_t len) {
  bool wants_all = all->run->arguments->requests.len == 0;
  for (size_t i = 0; i < len; i++) {
    all->status = worse(all->status, (int)told[i].found.severity);
    if (wants_all && told[i].found.cause == LB_FOUND_HEALTHY)
      all->healthy++;
    else
      tell_one(all, &told[i]);
  }
}

static void tell(struct told_all *all, struct told *told) {
  bool is_json = all->run->arguments->format == LB_FORMAT_JSON;
  size_t len = collect_told(all->run, told);
  find_servers_of(all);
  if (is_json)
    fputs("{\"listeners\":[", stdout);
  tell_missing(all);
  tell_found(all, told, len);
  const char *verb = all->healthy == 1 ? " is" : "s are";
  if (is_json)
    printf("],\"healthy\":%zu}\n", all->healthy);
  else if (all->count == 0)
    printf(all->run->is_partial ? LB_SEEN_HEALTHY : LB_ALL_HEALTHY,
           all->healthy, verb, all->run->seconds);
  else if (all->healthy)
    printf(LB_OTHERS_HEALTHY, all->healthy, verb);
}

static int tell_all(const struct explain_run *run) {
  struct told_all all = {.run = run};
  struct told *told = calloc(run->observer.listeners_len + 1, sizeof(*told));
  char buf[LB_REASON_SIZE];
  int err = told ? run->err : -ENOMEM;
  if (!err)
    tell(&all, told);
  free(told);
  lb_servers_free(&all.servers);
  if (!err && fflush(stdout))
    err = -errno;
  if (err)
    lb_probe_error(LB_MSG_OUTPUT, lb_file_error(err, buf));
  return err || run->is_partial ? worse(all.status, LB_COULD_NOT_LOOK)
                                : all.status;
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
  arguments->settings.inspect = LB_INSPECT_ALWAYS;
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
