// SPDX-License-Identifier: MIT
/* The collectd plugin: callbacks, and every sentence that reaches the log.
 *
 * Nothing here returns an error to the daemon that would cost more than it
 * should: a config callback that fails keeps collectd from starting, and a read
 * callback that fails is called less and less often, where ours has to notice
 * by itself that the trouble is over. */
#include "dispatch.h"
#include "live.h"
#include "netlink.h"
#include "options.h"
#include "survey.h"

#include <utils_complain.h>

#include <time.h>

#define LOG_NAME LB_PLUGIN_NAME " plugin: "

/* One trouble, said once until it is over. Another reason for it, and the same
 * again later, is said as well, but through collectd's growing pauses: reasons
 * can alternate, and trouble can come and go with every read. So its end does
 * not reset the pauses, as c_release() would. */
struct complaint {
  c_complain_t state;
  int err; /* as last said */
};

static struct {
  struct lb_options *options;
  struct lb_settings settings;
  struct lb_source *source;
  struct lb_survey *survey;
  struct complaint look;
  struct complaint netstat;
  struct complaint somaxconn;
} plugin;

/* --- log ----------------------------------------------------------------- */

static void complain(struct complaint *complaint, int err, const char *what,
                     const char *so, const char *why) {
  if (complaint->err == err)
    return;
  cdtime_t last = complaint->state.last;
  c_complain(LOG_ERR, &complaint->state, LOG_NAME "%s failed%s: %s", what, so,
             why);
  if (complaint->state.last != last)
    complaint->err = err;
}

static const char looking[] = "Reading the listening sockets by sock_diag";

static void complain_look(int err) {
  char buf[LB_REASON_SIZE];
  complain(&plugin.look, err, looking, ", so nothing is reported",
           lb_netlink_error(err, buf));
}

static void complain_file(struct complaint *complaint, int err,
                          const char *what) {
  char buf[LB_REASON_SIZE];
  complain(complaint, err, what, "",
           err == -EBADMSG ? "unknown format"
                           : strerror_r(-err, buf, sizeof(buf)));
}

static void release(struct complaint *complaint, const char *what) {
  if (complaint->err)
    NOTICE(LOG_NAME "%s works again.", what);
  complaint->err = 0;
}

/* Listeners in a sentence: "80, 443 (8 sockets)" and " and 3 more". */
struct names {
  char text[512];
  size_t len;
  char more[24];
  unsigned left_out;
};

static void add_name(struct names *names, const char *label, uint32_t sockets) {
  char count[32] = "";
  if (sockets > 1)
    snprintf(count, sizeof(count), " (%u sockets)", (unsigned)sockets);
  size_t room = sizeof(names->text) - names->len;
  int n = snprintf(names->text + names->len, room, "%s%s%s",
                   names->len ? ", " : "", label, count);
  if (n > 0 && (size_t)n < room) {
    names->len += (size_t)n;
    return;
  }
  names->text[names->len] = '\0';
  snprintf(names->more, sizeof(names->more), " and %u more", ++names->left_out);
}

static void hint(const struct names *clamped, const struct names *outgrown) {
  unsigned somaxconn = lb_survey_somaxconn(plugin.survey);
  if (clamped->len)
    INFO(LOG_NAME "The backlog limit of %s%s equals net.core.somaxconn (%u): "
                  "the server may have asked for more than it got.",
         clamped->text, clamped->more, somaxconn);
  if (outgrown->len)
    INFO(LOG_NAME "The backlog limit of %s%s equals an older "
                  "net.core.somaxconn, which is %u now: the server must call "
                  "listen() again, as by a restart, to get more.",
         outgrown->text, outgrown->more, somaxconn);
}

/* --- callbacks ----------------------------------------------------------- */

static void log_error(void *data, const char *sentence) {
  (void)data;
  ERROR(LOG_NAME "%s", sentence);
}

static void log_failure(const char *what, int err) {
  char buf[LB_REASON_SIZE];
  ERROR(LOG_NAME "%s failed: %s", what, strerror_r(-err, buf, sizeof(buf)));
}

static const struct lb_errors to_log = {.error = log_error};

static int config(oconfig_item_t *block) {
  int err = 0;
  if (!plugin.options)
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_block(plugin.options, block, &to_log);
  if (err)
    log_failure("Reading the configuration", err);
  return 0;
}

static int shut_down(void) {
  lb_survey_free(plugin.survey);
  lb_live_free(plugin.source);
  lb_settings_free(&plugin.settings);
  lb_options_free(plugin.options);
  memset(&plugin, 0, sizeof(plugin));
  return 0;
}

static int set_up(void) {
  int err = 0;
  if (!plugin.options) /* there is no <Plugin> block */
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_settings(plugin.options, &plugin.settings, &to_log);
  if (!err)
    err = lb_live_new("/proc", NULL, &plugin.source);
  if (!err)
    err = lb_survey_new(&plugin.settings, plugin.source, &plugin.survey);
  return err;
}

static int init(void) {
  if (plugin.survey)
    return 0;
  int err = set_up();
  if (!err)
    return 0;
  if (err == -ENOENT)
    ERROR(LOG_NAME "Nothing of what the configuration selects is valid, so "
                   "nothing will be reported; the errors above say why.");
  else
    log_failure("Starting", err);
  shut_down();
  return -1;
}

struct report {
  cdtime_t time;
  struct names clamped;
  struct names outgrown;
};

static void on_reading(void *data, const struct lb_reading *reading) {
  struct report *report = data;
  if (reading->clamped)
    add_name(&report->clamped, reading->label, reading->clamped);
  if (reading->outgrown)
    add_name(&report->outgrown, reading->label, reading->outgrown);
  lb_dispatch(reading, report->time);
}

static uint64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void judge(const struct lb_troubles *troubles) {
  static const char netstat[] = "Reading the counters in /proc/net/netstat";
  static const char somaxconn[] = "Reading /proc/sys/net/core/somaxconn";
  if (troubles->netstat)
    complain_file(&plugin.netstat, troubles->netstat, netstat);
  else
    release(&plugin.netstat, netstat);
  if (troubles->somaxconn)
    complain_file(&plugin.somaxconn, troubles->somaxconn, somaxconn);
  else
    release(&plugin.somaxconn, somaxconn);
}

static int read_callback(void) {
  if (!plugin.survey) /* init failed, which should have ended the reads */
    return 0;
  struct report report = {.time = cdtime()};
  struct lb_troubles troubles;
  uint64_t now_ms = monotonic_ms();
  int err = lb_survey_look(plugin.survey, now_ms);
  if (!err)
    err = lb_survey_end(plugin.survey, now_ms, &troubles);
  if (err) {
    complain_look(err);
    return 0;
  }
  release(&plugin.look, looking);
  judge(&troubles);
  lb_survey_readings(plugin.survey, on_reading, &report);
  hint(&report.clamped, &report.outgrown);
  return 0;
}

void module_register(void) {
  plugin_register_complex_config(LB_PLUGIN_NAME, config);
  plugin_register_init(LB_PLUGIN_NAME, init);
  plugin_register_read(LB_PLUGIN_NAME, read_callback);
  plugin_register_shutdown(LB_PLUGIN_NAME, shut_down);
}
