// SPDX-License-Identifier: MIT
/* collectd's callbacks: configuration, init, read and shutdown.
 *
 * A config callback that fails keeps collectd from starting, and a read
 * callback that fails is called less and less often. So both return 0 and log
 * their errors. */
#include "base/messages.h"
#include "collectd/dispatch.h"
#include "collectd/log.h"
#include "collectd/options.h"
#include "collectd/report.h"
#include "collectd/sampler.h"
#include "collectd/schedule.h"
#include "core/monitor.h"
#include "kernel/kernel_transport.h"

#include <configfile.h>

#include <errno.h>
#include <pthread.h>

static struct {
  struct lb_options *options;
  int config_err; /* that kept a <Plugin> block from being read */
  struct lb_settings settings;
  bool has_settings;
  bool is_starting; /* init failed for now: each read retries */
  struct lb_condition start;
  struct lb_monitor *monitor;
  struct lb_sampler *sampler;
  struct lb_report report;
  struct lb_schedule schedule;
  cdtime_t sent;       /* stamp of the last values; 0: none */
  unsigned registered; /* index of the name in read_names */
} plugin;

/* collectd can make two calls at once, shortly after a registration. */
static pthread_mutex_t read_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- configuration ------------------------------------------------------- */

static void log_option_error(void *data, const char *sentence) {
  (void)data;
  lb_log(LOG_ERR, "%s", sentence);
}

static const struct lb_error_sink option_errors = {.error = log_option_error};

static int on_config(oconfig_item_t *block) {
  int err = 0;
  if (!plugin.options)
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_block(plugin.options, block, &option_errors);
  if (err)
    plugin.config_err = err;
  return 0;
}

static double interval_s(void) {
  return (double)plugin.schedule.interval / 1e9;
}

static int make_settings(void) {
  int err = 0;
  if (!plugin.options) /* there is no <Plugin> block */
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_settings(plugin.options, interval_s(), &plugin.settings,
                              &option_errors);
  plugin.has_settings = !err;
  return err;
}

/* --- start and end ------------------------------------------------------- */

static int on_shutdown(void) {
  lb_sampler_stop(plugin.sampler);
  lb_monitor_free(plugin.monitor);
  lb_settings_free(&plugin.settings);
  lb_options_free(plugin.options);
  lb_report_clear(&plugin.report);
  memset(&plugin, 0, sizeof(plugin));
  return 0;
}

static int open_kernel_transport(void *data, const char *path,
                                 const struct lb_netns_id *id,
                                 struct lb_transport **out) {
  (void)data;
  return lb_kernel_transport_new("/proc", path, id, out);
}

static int start_sampling(void) {
  int err = plugin.has_settings ? 0 : make_settings();
  if (err)
    return err;
  err =
      lb_monitor_new(&plugin.settings,
                     (struct lb_transport_opener){open_kernel_transport, NULL},
                     &plugin.monitor);
  if (!err) {
    lb_monitor_limit(plugin.monitor, interval_s(), lb_sampler_cpu_ns);
    err = lb_sampler_start(plugin.monitor, plugin.settings.sample_s,
                           &plugin.sampler);
  }
  if (err) {
    lb_monitor_free(plugin.monitor);
    plugin.monitor = NULL;
  }
  return err;
}

/* collectd never retries a failed init, so each read retries. */
static void start_or_retry(void) {
  int err = start_sampling();
  char buf[LB_REASON_SIZE];
  plugin.is_starting = err && err != -ENOENT;
  if (plugin.is_starting)
    lb_condition_begin(&plugin.start, LOG_ERR, err, LB_MSG_START_RETRIED,
                       lb_file_error(err, buf));
  else if (err)
    lb_log(LOG_ERR, LB_MSG_NO_VALID_SELECTION);
  else if (lb_condition_end(&plugin.start))
    lb_log(LOG_NOTICE, LB_MSG_STARTED);
}

/* collectd's 0.2 s are 199999999 ns, and their multiples no tenths. */
static uint64_t whole_us(uint64_t ns) { return (ns + 500) / 1000 * 1000; }

/* A partly read configuration could select the wrong sockets: refuse it. */
static int on_init(void) {
  char buf[LB_REASON_SIZE];
  if (plugin.sampler)
    return 0;
  plugin.schedule.interval = whole_us(CDTIME_T_TO_NS(plugin_get_interval()));
  if (plugin.config_err)
    lb_log(LOG_ERR, LB_MSG_CONFIG_UNREAD,
           lb_file_error(plugin.config_err, buf));
  else
    start_or_retry();
  if (plugin.sampler || plugin.is_starting)
    return 0;
  on_shutdown();
  return -1;
}

/* --- a read -------------------------------------------------------------- */

struct send {
  struct lb_stamps stamps;
  bool has_queued_bases;
};

static void send_base(void *data, const struct lb_readings *readings) {
  struct send *send = data;
  send->has_queued_bases |= lb_dispatch_base(readings, &send->stamps);
}

static void send_bases(void *data, const struct lb_outcome *outcome) {
  if (!outcome->err)
    lb_collector_visit_readings(outcome->collector, send_base, data);
}

static void send_readings(void *data, const struct lb_readings *readings) {
  const struct send *send = data;
  lb_dispatch(readings, &send->stamps);
}

static void send_outcome(void *data, const struct lb_outcome *outcome) {
  lb_report_outcome(&plugin.report, outcome);
  if (outcome->err)
    return;
  lb_collector_visit_readings(outcome->collector, send_readings, data);
}

/* After a gap, collectd is about to forget the values before it, at the same
 * time as this read: uc_check_timeout() (src/daemon/utils_cache.c) lists them
 * first and removes them then, even if a base has come in between. */
static void send_all(uint64_t stamp) {
  struct send send = {
      .stamps = {
          .now = NS_TO_CDTIME_T(stamp),
          .before = NS_TO_CDTIME_T(stamp - plugin.schedule.interval),
          .interval = NS_TO_CDTIME_T(plugin.schedule.interval),
      }};
  if (plugin.sent && send.stamps.before > plugin.sent)
    lb_dispatch_settle(&send.stamps);
  plugin.sent = send.stamps.now;
  lb_monitor_visit(plugin.monitor, send_bases, &send);
  lb_backend_flush();
  if (send.has_queued_bases)
    lb_dispatch_settle(&send.stamps);
  lb_monitor_visit(plugin.monitor, send_outcome, &send);
  lb_backend_flush();
}

static void report_hidden_names(void) {
  const char *dir = lb_monitor_hidden_names(plugin.monitor);
  if (dir)
    lb_report_hidden_names(&plugin.report, dir);
}

static void read_at(uint64_t stamp) {
  if (plugin.is_starting)
    start_or_retry();
  if (!plugin.sampler)
    return;
  lb_sampler_lock(plugin.sampler);
  lb_monitor_prepare(plugin.monitor, lb_sampler_now_ms());
  lb_sampler_unlock(plugin.sampler);

  lb_monitor_inspect(plugin.monitor);

  lb_sampler_lock(plugin.sampler);
  lb_monitor_finish(plugin.monitor, lb_sampler_now_ms());
  lb_report_begin(&plugin.report);
  send_all(stamp);
  if (lb_monitor_misses_processes(plugin.monitor))
    lb_report_unseen_processes(&plugin.report);
  report_hidden_names();
  lb_report_end(&plugin.report, lb_monitor_listing_error(plugin.monitor),
                lb_monitor_slowdowns(plugin.monitor),
                lb_sampler_take_counts(plugin.sampler));
  lb_sampler_unlock(plugin.sampler);
}

/* --- the schedule of the reads ------------------------------------------- */

enum { ROUNDING_NS = 1000 }; /* so that no call comes just before it is due */

static int on_scheduled_read(user_data_t *data);

/* Replaces the callback that collectd calls: at this multiple, or with 0 once
 * per interval from now on. If collectd refuses, the one before stays. */
static void register_read(uint64_t due) {
  static const char *const names[] = {LB_PLUGIN_NAME, LB_PLUGIN_NAME "/read"};
  unsigned other = !plugin.registered;
  uint64_t now = CDTIME_T_TO_NS(cdtime());
  uint64_t period = plugin.schedule.interval;
  if (due)
    period = due > now ? due - now + ROUNDING_NS : ROUNDING_NS;
  if (plugin_register_complex_read(NULL, names[other], on_scheduled_read,
                                   NS_TO_CDTIME_T(period), NULL))
    return;
  plugin_unregister_read(names[plugin.registered]);
  plugin.registered = other;
  lb_schedule_registered(&plugin.schedule, now, due);
}

static void call_at(uint64_t now) {
  struct lb_schedule *schedule = &plugin.schedule;
  enum lb_call call = lb_schedule_call(schedule, now);
  if (call == LB_CALL_REGISTER) {
    register_read(0);
    return;
  }
  if (call == LB_CALL_READ)
    read_at(schedule->last);
  uint64_t due = lb_schedule_end(schedule, CDTIME_T_TO_NS(cdtime()));
  if (due)
    register_read(due);
}

static int on_scheduled_read(user_data_t *data) {
  (void)data;
  pthread_mutex_lock(&read_lock);
  call_at(CDTIME_T_TO_NS(cdtime()));
  pthread_mutex_unlock(&read_lock);
  return 0;
}

/* "collectd -T" has no read threads. It calls each callback once, and allows no
 * registration then. */
static bool is_single_read(void) {
  const char *threads = global_option_get("ReadThreads");
  return threads && strcmp(threads, "-1") == 0;
}

static int on_read(void) {
  if (!plugin.schedule.interval) /* init failed: collectd should not read */
    return 0;
  if (!is_single_read())
    return on_scheduled_read(NULL);
  read_at(lb_schedule_stamp(&plugin.schedule, CDTIME_T_TO_NS(cdtime())));
  return 0;
}

void module_register(void) {
  plugin_register_complex_config(LB_PLUGIN_NAME, on_config);
  plugin_register_init(LB_PLUGIN_NAME, on_init);
  plugin_register_read(LB_PLUGIN_NAME, on_read);
  plugin_register_shutdown(LB_PLUGIN_NAME, on_shutdown);
}
