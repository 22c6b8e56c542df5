// SPDX-License-Identifier: MIT
/* The collectd plugin: callbacks, and every sentence that reaches the log.
 *
 * Nothing here returns an error to the daemon that would cost more than it
 * should: a config callback that fails keeps collectd from starting, and a read
 * callback that fails is called less and less often, where ours has to notice
 * by itself that the trouble is over. */
#include "base/messages.h"
#include "collectd/dispatch.h"
#include "collectd/options.h"
#include "collectd/sampler.h"
#include "core/monitor.h"
#include "kernel/live.h"

#include <utils_complain.h>

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
  int unread; /* why the configuration could not be read to its end */
  struct lb_settings settings;
  bool is_settled;  /* the settings are made */
  bool is_starting; /* init could not, so each read tries again */
  struct lb_live_world world;
  struct lb_monitor *monitor;
  struct lb_sampler *sampler;
  struct complaint start;
  struct complaint look;
  struct complaint elsewhere;
  struct complaint listing;
  struct complaint netstat;
  struct complaint somaxconn;
  struct complaint paths;
  struct complaint walk;
  struct complaint late;
  struct complaint clash;
  bool said_slowed;
} plugin;

/* --- log ----------------------------------------------------------------- */

/* Says it, where it is due; false: it was said already, or must wait. */
__attribute__((format(printf, 4, 5))) static bool
complain(struct complaint *complaint, int level, int err, const char *format,
         ...) {
  if (complaint->err == err)
    return false;
  char sentence[512];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof(sentence), format, args);
  va_end(args);
  for (char *c = sentence; *c; c++) /* a path may hold anything */
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  cdtime_t last = complaint->state.last;
  c_complain(level, &complaint->state, LOG_NAME "%s", sentence);
  if (complaint->state.last == last)
    return false;
  complaint->err = err;
  return true;
}

static void release(struct complaint *complaint, const char *what) {
  if (complaint->err)
    NOTICE(LOG_NAME "%s works again.", what);
  complaint->err = 0;
}

/* strerror_r() is not asked in vain: glibc 2.41 allocates in it. */
static const char *file_error(int err, char buf[static LB_REASON_SIZE]) {
  return err ? lb_file_error(err, buf) : "";
}

static const char *dump_error(int err, const char *module,
                              char buf[static LB_REASON_SIZE]) {
  return err ? lb_netlink_error(err, module, buf) : "";
}

/* c_complain() cuts off what has more than 511 bytes, so sentences of its own
 * leave room for the rest. */
enum { NAMES_BYTES = 512, FEW_NAMES_BYTES = 160 };

/* Listeners in a sentence: "80, 443 (8 sockets)" and " and 3 more". */
struct names {
  char text[NAMES_BYTES];
  size_t len;
  char more[24];
  unsigned left_out;
};

static void add_name(struct names *names, size_t size, const char *label,
                     uint32_t sockets) {
  char count[32] = "";
  if (sockets > 1)
    snprintf(count, sizeof(count), " (%u sockets)", (unsigned)sockets);
  size_t room = size - names->len;
  int n = snprintf(names->text + names->len, room, "%s%s%s",
                   names->len ? ", " : "", label, count);
  if (n > 0 && (size_t)n < room) {
    names->len += (size_t)n;
    return;
  }
  names->text[names->len] = '\0';
  snprintf(names->more, sizeof(names->more), " and %u more", ++names->left_out);
}

static void hint(const struct names *clamped, const struct names *outgrown,
                 unsigned somaxconn) {
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

static const struct lb_error_sink to_log = {.error = log_error};

static int config(oconfig_item_t *block) {
  int err = 0;
  if (!plugin.options)
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_block(plugin.options, block, &to_log);
  if (err)
    plugin.unread = err;
  return 0;
}

static int shut_down(void) {
  lb_sampler_stop(plugin.sampler);
  lb_monitor_free(plugin.monitor);
  lb_settings_free(&plugin.settings);
  lb_options_free(plugin.options);
  memset(&plugin, 0, sizeof(plugin));
  return 0;
}

static int settle(void) {
  double interval_s = CDTIME_T_TO_DOUBLE(plugin_get_interval());
  int err = 0;
  if (!plugin.options) /* there is no <Plugin> block */
    err = lb_options_new(&plugin.options);
  if (!err)
    err = lb_options_settings(plugin.options, interval_s, &plugin.settings,
                              &to_log);
  plugin.is_settled = !err;
  return err;
}

static int set_up(void) {
  int err = plugin.is_settled ? 0 : settle();
  if (err)
    return err;
  lb_live_world_init(&plugin.world, NULL);
  err = lb_monitor_new(&plugin.settings, &plugin.world.world, &plugin.monitor);
  if (!err)
    err = lb_sampler_start(plugin.monitor, plugin.settings.sample_s,
                           &plugin.sampler);
  if (err) {
    lb_monitor_free(plugin.monitor);
    plugin.monitor = NULL;
  }
  return err;
}

/* Memory, or a thread, that cannot be had now may be had later, but collectd
 * calls an init that failed no more. */
static void start(void) {
  int err = set_up();
  char buf[LB_REASON_SIZE];
  plugin.is_starting = err && err != -ENOENT;
  if (plugin.is_starting)
    complain(&plugin.start, LOG_ERR, err,
             "Starting failed, and each read tries again: %s",
             strerror_r(-err, buf, sizeof(buf)));
  else if (err)
    ERROR(LOG_NAME "Nothing of what the configuration selects is valid, so "
                   "nothing will be reported; the errors above say why.");
  else if (plugin.start.err)
    NOTICE(LOG_NAME "Started.");
}

/* Without its end the configuration would select something else. */
static int init(void) {
  char buf[LB_REASON_SIZE];
  if (plugin.sampler)
    return 0;
  if (plugin.unread)
    ERROR(LOG_NAME "Reading the configuration failed, so nothing will be "
                   "reported: %s",
          strerror_r(-plugin.unread, buf, sizeof(buf)));
  else
    start();
  if (plugin.sampler || plugin.is_starting)
    return 0;
  shut_down();
  return -1;
}

/* --- what a read has to say ---------------------------------------------- */

/* One kind of trouble over all namespaces: the first that has it. */
struct trouble {
  int err;
  const char *label; /* of the namespace */
};

struct report {
  cdtime_t time;
  unsigned hinted_somaxconn; /* that the hints are about */
  struct names clamped;
  struct names outgrown;
  int elsewhere;       /* why namespaces, */
  struct names missed; /* these, could not be looked at */
  struct trouble netstat;
  struct trouble somaxconn;
  struct trouble paths;
  struct trouble walk;
};

static void flush_hints(struct report *report) {
  hint(&report->clamped, &report->outgrown, report->hinted_somaxconn);
  report->clamped = report->outgrown = (struct names){.len = 0};
}

static void on_reading(void *data, const struct lb_readings *reading) {
  struct report *report = data;
  if (reading->at_somaxconn)
    add_name(&report->clamped, NAMES_BYTES, reading->label,
             reading->at_somaxconn);
  if (reading->somaxconn_raised)
    add_name(&report->outgrown, NAMES_BYTES, reading->label,
             reading->somaxconn_raised);
  lb_dispatch(reading, report->time);
}

static void note(struct trouble *trouble, int err, const char *label) {
  if (err && !trouble->err)
    *trouble = (struct trouble){err, label};
}

static void say_clash(struct lb_conflict *clash) {
  static const char form[] =
      "accepted is a <Listener> block with a name of its own";
  char more[32] = "";
  if (clash->count > 1)
    snprintf(more, sizeof(more), " (and %u more)", clash->count - 1);
  plugin.clash.err = 0;
  if (clash->err == -EEXIST)
    complain(&plugin.clash, LOG_ERR, clash->err,
             "\"%s\" is the label of something else already, so %s%s is left "
             "out; %s",
             clash->label, clash->source, more, form);
  else
    complain(&plugin.clash, LOG_ERR, clash->err,
             "The label \"%s\" of %s%s would have more than 127 bytes, so it "
             "is left out; %s",
             clash->label, clash->source, more, form);
  clash->count = 0;
}

/* Namespaces are named together that cannot be looked at for one reason, those
 * with another in the next read. */
static void note_missed(struct report *report,
                        const struct lb_outcome *outcome) {
  if (*outcome->said == outcome->err)
    return;
  if (!report->elsewhere)
    report->elsewhere = outcome->err;
  if (report->elsewhere == outcome->err)
    add_name(&report->missed, FEW_NAMES_BYTES, outcome->label, 1);
}

static void mark_missed(void *data, const struct lb_outcome *outcome) {
  const struct report *report = data;
  if (outcome->path && outcome->err == report->elsewhere)
    *outcome->said = outcome->err;
}

static void note_found(const struct lb_outcome *outcome) {
  if (outcome->path && *outcome->said)
    NOTICE(LOG_NAME "The network namespace %s can be looked at again.",
           outcome->label);
  *outcome->said = 0;
}

static void report_own(int err) {
  static const char looking[] = "Reading the listening sockets by sock_diag";
  char buf[LB_REASON_SIZE];
  if (err)
    complain(&plugin.look, LOG_ERR, err,
             "%s failed, so nothing is reported: %s", looking,
             lb_netlink_error(err, "tcp_diag", buf));
  else
    release(&plugin.look, looking);
}

static void on_outcome(void *data, const struct lb_outcome *outcome) {
  struct report *report = data;
  if (!outcome->path)
    report_own(outcome->err);
  else if (outcome->err)
    note_missed(report, outcome);
  if (outcome->err)
    return;
  note_found(outcome);
  note(&report->netstat, outcome->errors.netstat, outcome->label);
  note(&report->somaxconn, outcome->errors.somaxconn, outcome->label);
  note(&report->paths, outcome->errors.unix_sockets, outcome->label);
  note(&report->walk, outcome->inspection_err, outcome->label);
  unsigned somaxconn = lb_collector_somaxconn(outcome->collector);
  if (somaxconn != report->hinted_somaxconn)
    flush_hints(report);
  report->hinted_somaxconn = somaxconn;
  lb_collector_visit_readings(outcome->collector, on_reading, report);
  struct lb_conflict *clash = lb_collector_conflict(outcome->collector);
  if (clash->count)
    say_clash(clash);
}

static void judge(struct complaint *complaint, const struct trouble *trouble,
                  const char *what, const char *so, const char *why) {
  const char *label = trouble->label;
  if (trouble->err)
    complain(complaint, LOG_ERR, trouble->err, "%s%s%s failed%s: %s", what,
             label[0] ? " in the network namespace " : "", label, so, why);
  else
    release(complaint, what);
}

static void judge_all(struct report *report) {
  char buf[LB_REASON_SIZE];
  judge(&plugin.netstat, &report->netstat,
        "Reading the counters in /proc/net/netstat", "",
        file_error(report->netstat.err, buf));
  judge(&plugin.somaxconn, &report->somaxconn,
        "Reading /proc/sys/net/core/somaxconn", "",
        file_error(report->somaxconn.err, buf));
  judge(&plugin.paths, &report->paths,
        "Reading the listening UNIX sockets by sock_diag",
        ", so nothing is reported of them",
        dump_error(report->paths.err, "unix_diag", buf));
  judge(&plugin.walk, &report->walk,
        "Reading the waiting connections by sock_diag",
        ", so wait, abandoned and syn are not reported",
        dump_error(report->walk.err, "tcp_diag", buf));
  if (report->elsewhere &&
      complain(&plugin.elsewhere, LOG_ERR, report->elsewhere,
               "Looking at the network namespace %s%s failed: %s",
               report->missed.text, report->missed.more,
               lb_netns_error(report->elsewhere, buf)))
    lb_monitor_visit(plugin.monitor, mark_missed, report);
  plugin.elsewhere.err = 0; /* each namespace remembers by itself */
}

static void judge_listing(void) {
  static const char listing[] =
      "Listing the network namespaces in /run/netns and /run/docker/netns";
  char buf[LB_REASON_SIZE];
  int err = lb_monitor_listing_error(plugin.monitor);
  if (err)
    complain(&plugin.listing, LOG_ERR, err, "%s failed: %s", listing,
             lb_netns_error(err, buf));
  else
    release(&plugin.listing, listing);
}

static void judge_walks(void) {
  struct lb_inspection_cost walks = lb_monitor_inspection_cost(plugin.monitor);
  if (!walks.slowed || plugin.said_slowed)
    return;
  INFO(LOG_NAME
       "Looking at the waiting connections takes %.1f ms. It gets 1 %% "
       "of the time at most, so wait, abandoned and syn are reported "
       "less often than the rest.",
       (double)walks.cost_ns / 1e6);
  plugin.said_slowed = true;
}

/* Some are late on any host now and then. */
static void judge_samples(void) {
  struct lb_sample_counts samples = lb_sampler_take_counts(plugin.sampler);
  if (samples.late > 10 && samples.late > samples.made)
    complain(
        &plugin.late, LOG_WARNING, -ETIME,
        "%llu of %llu looks within the last interval were left out, "
        "because their time had passed: collectd gets too little CPU time, "
        "or SampleInterval is too short.",
        (unsigned long long)samples.late,
        (unsigned long long)samples.late + samples.made);
  else
    plugin.late.err = 0;
}

static int read_callback(void) {
  if (plugin.is_starting)
    start();
  if (!plugin.sampler) /* or init failed, which should have ended the reads */
    return 0;
  struct report report = {.time = 0};
  lb_sampler_lock(plugin.sampler);
  lb_monitor_prepare(plugin.monitor, lb_sampler_now_ms());
  lb_sampler_unlock(plugin.sampler);

  lb_monitor_inspect(plugin.monitor);

  lb_sampler_lock(plugin.sampler);
  report.time = cdtime();
  lb_monitor_finish(plugin.monitor, lb_sampler_now_ms());
  lb_monitor_visit(plugin.monitor, on_outcome, &report);
  flush_hints(&report);
  judge_all(&report);
  judge_listing();
  judge_walks();
  judge_samples();
  lb_sampler_unlock(plugin.sampler);
  return 0;
}

void module_register(void) {
  plugin_register_complex_config(LB_PLUGIN_NAME, config);
  plugin_register_init(LB_PLUGIN_NAME, init);
  plugin_register_read(LB_PLUGIN_NAME, read_callback);
  plugin_register_shutdown(LB_PLUGIN_NAME, shut_down);
}
