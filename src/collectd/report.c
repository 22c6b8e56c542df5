// SPDX-License-Identifier: MIT
#include "collectd/report.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>

/* --- names --------------------------------------------------------------- */

static void add_name(struct lb_names *names, const char *label) {
  if (lb_names_add(names->text, &names->len, label))
    return;
  snprintf(names->more, sizeof(names->more), LB_TEXT_AND_MORE,
           ++names->left_out);
}

/* --- network namespaces that cannot be sampled ---------------------------- */

static struct lb_lost_netns *find_lost(struct lb_report *report,
                                       const char *path) {
  for (size_t i = 0; i < report->lost_len; i++)
    if (strcmp(report->lost[i].path, path) == 0)
      return &report->lost[i];
  return NULL;
}

/* NULL without memory: the log may then have the same error again. */
static struct lb_lost_netns *add_lost(struct lb_report *report,
                                      const char *path) {
  struct lb_lost_netns lost = {.path = strdup(path)};
  if (!lost.path ||
      lb_append(&report->lost, &report->lost_len, &lost, 1, sizeof(lost))) {
    free(lost.path);
    return NULL;
  }
  return &report->lost[report->lost_len - 1];
}

/* One line names all namespaces that have the same error. Those with another
 * one wait for the next read. */
static void note_lost(struct lb_report *report,
                      const struct lb_outcome *outcome) {
  struct lb_lost_netns *lost = find_lost(report, outcome->path);
  if (!lost)
    lost = add_lost(report, outcome->path);
  if (lost) {
    lost->is_current = true;
    lost->err = outcome->err;
    if (lost->logged_err == lost->err)
      return;
  }
  if (!report->lost_err)
    report->lost_err = outcome->err;
  if (report->lost_err == outcome->err)
    add_name(&report->lost_names, outcome->label);
}

static void note_found(struct lb_report *report,
                       const struct lb_outcome *outcome) {
  const struct lb_lost_netns *lost = find_lost(report, outcome->path);
  char text[LB_MESSAGE_SIZE];
  if (lost && lost->logged_err)
    lb_log(LOG_NOTICE, "%s",
           lb_task_recovered(text, LB_TASK_NETNS, outcome->label));
}

static void forget_found(struct lb_report *report) {
  size_t kept = 0;
  for (size_t i = 0; i < report->lost_len; i++) {
    struct lb_lost_netns *lost = &report->lost[i];
    if (lost->is_current)
      report->lost[kept++] = *lost;
    else
      free(lost->path);
  }
  report->lost_len = kept;
}

static void log_lost(struct lb_report *report) {
  char names[LB_MESSAGE_SIZE], text[LB_MESSAGE_SIZE];
  int err = report->lost_err;
  forget_found(report);
  if (!err)
    return;
  snprintf(names, sizeof(names), "%s%s", report->lost_names.text,
           report->lost_names.more);
  if (!lb_log_event(&report->netns, LOG_ERR, "%s",
                    lb_task_failed(text, LB_TASK_NETNS, names, err)))
    return;
  for (size_t i = 0; i < report->lost_len; i++)
    if (report->lost[i].err == err)
      report->lost[i].logged_err = err;
}

/* --- errors -------------------------------------------------------------- */

static void note_error(struct lb_report *report, enum lb_task task, int err,
                       const char *netns) {
  if (!err || report->errors[task].err)
    return;
  report->errors[task].err = err;
  report->errors[task].netns = netns;
}

static void log_errors(struct lb_report *report) {
  char text[LB_MESSAGE_SIZE];
  for (enum lb_task task = 0; task < LB_TASKS; task++) {
    struct lb_condition *condition = &report->tasks[task];
    int err = report->errors[task].err;
    const char *netns = report->errors[task].netns;
    if (!err && lb_condition_end(condition))
      lb_log(LOG_NOTICE, "%s", lb_task_recovered(text, task, ""));
    else if (err && lb_condition_is_news(condition, err))
      lb_condition_begin(condition, LOG_ERR, err, "%s",
                         lb_task_failed(text, task, netns, err));
  }
}

/* --- samples and inspections --------------------------------------------- */

/* Gaps are news after lost peaks. */
static void log_slowed_samples(struct lb_condition *condition, const char *part,
                               struct lb_slowdown slowdown,
                               uint64_t interval_ns) {
  double cost_ms = (double)slowdown.cost_ns / 1e6;
  double spacing_s = (double)slowdown.spacing_ns / 1e9;
  if (slowdown.spacing_ns > interval_ns)
    lb_condition_begin(condition, LOG_NOTICE, -ETIME, LB_MSG_READS_SLOWED, part,
                       cost_ms, spacing_s);
  else if (slowdown.spacing_ns && !lb_condition_is_news(condition, -ETIME))
    return;
  else if (slowdown.spacing_ns)
    lb_condition_begin(condition, LOG_NOTICE, -EBUSY, LB_MSG_SAMPLES_SLOWED,
                       part, cost_ms, spacing_s);
  else if (lb_condition_end(condition))
    lb_log(LOG_NOTICE, LB_MSG_SAMPLES_RESTORED, part);
}

static void log_slowed(struct lb_report *report,
                       const struct lb_slowdowns *slowdowns) {
  static const char *const parts[LB_PARTS] = {"TCP", "UNIX"};
  struct lb_slowdown namespaces = slowdowns->namespaces;
  if (slowdowns->inspections)
    lb_log_once(&report->slowed, LOG_INFO, LB_MSG_INSPECTIONS_SLOWED,
                (double)slowdowns->inspection_ns / 1e6);
  for (int i = 0; i < LB_PARTS; i++)
    log_slowed_samples(&report->slowed_samples[i], parts[i],
                       slowdowns->samples[i], slowdowns->interval_ns);
  if (namespaces.spacing_ns)
    lb_condition_begin(&report->slowed_namespaces, LOG_NOTICE, -EBUSY,
                       LB_MSG_NAMESPACES_SLOWED,
                       (double)namespaces.cost_ns / 1e6,
                       (double)namespaces.spacing_ns / 1e9);
  else if (lb_condition_end(&report->slowed_namespaces))
    lb_log(LOG_NOTICE, LB_MSG_NAMESPACES_RESTORED);
}

/* Any host misses some samples now and then. */
static void log_missed_samples(struct lb_report *report,
                               struct lb_sample_counts counts) {
  unsigned long long made = counts.made, missed = counts.missed;
  if (missed > 10 && missed > made)
    lb_condition_begin(&report->missed_samples, LOG_WARNING, -ETIME,
                       LB_MSG_SAMPLES_MISSED, missed, missed + made);
  else
    lb_condition_end(&report->missed_samples);
}

/* --- a read -------------------------------------------------------------- */

void lb_report_begin(struct lb_report *report) {
  lb_notices_begin(&report->notices, cdtime());
  memset(report->errors, 0, sizeof(report->errors));
  report->lost_err = 0;
  report->lost_names = (struct lb_names){.len = 0};
  for (size_t i = 0; i < report->lost_len; i++)
    report->lost[i].is_current = false;
}

void lb_report_outcome(struct lb_report *report,
                       const struct lb_outcome *outcome) {
  const char *netns = outcome->label;
  if (!outcome->path)
    note_error(report, LB_TASK_TCP, outcome->err, netns);
  else if (outcome->err)
    note_lost(report, outcome);
  else
    note_found(report, outcome);
  if (outcome->taken)
    lb_log(LOG_NOTICE, LB_MSG_NAME_TAKEN, outcome->label, outcome->taken);
  if (outcome->err)
    return;
  if (outcome->collector)
    lb_notices_add(&report->notices, outcome->collector);
  note_error(report, LB_TASK_TCP_SOCKETS, outcome->errors.tcp_sockets, netns);
  note_error(report, LB_TASK_NETSTAT, outcome->errors.netstat, netns);
  note_error(report, LB_TASK_SOMAXCONN, outcome->errors.somaxconn, netns);
  note_error(report, LB_TASK_UNIX, outcome->errors.unix_sockets, netns);
  note_error(report, LB_TASK_INSPECT, outcome->inspection_err, netns);
}

void lb_report_unseen_processes(struct lb_report *report) {
  lb_log_once(&report->unseen, LOG_INFO, LB_MSG_NETNS_UNSEEN);
}

void lb_report_hidden_names(struct lb_report *report, const char *dir) {
  lb_log_once(&report->hidden, LOG_INFO, LB_MSG_NAMES_HIDDEN, dir);
}

void lb_report_end(struct lb_report *report, int list_err,
                   struct lb_slowdowns slowdowns,
                   struct lb_sample_counts counts) {
  lb_notices_end(&report->notices);
  note_error(report, LB_TASK_LIST, list_err, "");
  log_errors(report);
  log_lost(report);
  log_slowed(report, &slowdowns);
  log_missed_samples(report, counts);
}

void lb_report_clear(struct lb_report *report) {
  for (size_t i = 0; i < report->lost_len; i++)
    free(report->lost[i].path);
  free(report->lost);
  lb_notices_free(&report->notices);
  memset(report, 0, sizeof(*report));
}
