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
#include "core/monitor.h"
#include "kernel/kernel_transport.h"

#include <errno.h>

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
} plugin;

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

static int make_settings(void) {
  double interval_s = CDTIME_T_TO_DOUBLE(plugin_get_interval());
  int err = 0;
  if (!plugin.options) /* there is no <Plugin> block */
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_settings(plugin.options, interval_s, &plugin.settings,
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
  if (!err)
    lb_monitor_limit(plugin.monitor, CDTIME_T_TO_DOUBLE(plugin_get_interval()),
                     lb_sampler_cpu_ns);
  if (!err)
    err = lb_sampler_start(plugin.monitor, plugin.settings.sample_s,
                           &plugin.sampler);
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

/* A partly read configuration could select the wrong sockets: refuse it. */
static int on_init(void) {
  char buf[LB_REASON_SIZE];
  if (plugin.sampler)
    return 0;
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

static void send_readings(void *data, const struct lb_readings *readings) {
  const cdtime_t *time = data;
  lb_dispatch(readings, *time);
}

static void send_outcome(void *data, const struct lb_outcome *outcome) {
  lb_report_outcome(&plugin.report, outcome);
  if (outcome->err)
    return;
  lb_collector_visit_readings(outcome->collector, send_readings, data);
}

static int on_read(void) {
  if (plugin.is_starting)
    start_or_retry();
  if (!plugin.sampler) /* init failed: collectd should not read */
    return 0;
  lb_sampler_lock(plugin.sampler);
  lb_monitor_prepare(plugin.monitor, lb_sampler_now_ms());
  lb_sampler_unlock(plugin.sampler);

  lb_monitor_inspect(plugin.monitor);

  lb_sampler_lock(plugin.sampler);
  cdtime_t time = cdtime();
  lb_monitor_finish(plugin.monitor, lb_sampler_now_ms());
  lb_report_begin(&plugin.report);
  lb_monitor_visit(plugin.monitor, send_outcome, &time);
  lb_report_end(&plugin.report, lb_monitor_listing_error(plugin.monitor),
                lb_monitor_slowdowns(plugin.monitor),
                lb_sampler_take_counts(plugin.sampler));
  lb_sampler_unlock(plugin.sampler);
  return 0;
}

void module_register(void) {
  plugin_register_complex_config(LB_PLUGIN_NAME, on_config);
  plugin_register_init(LB_PLUGIN_NAME, on_init);
  plugin_register_read(LB_PLUGIN_NAME, on_read);
  plugin_register_shutdown(LB_PLUGIN_NAME, on_shutdown);
}
