// SPDX-License-Identifier: MIT
/* What a read writes to the log, from outcomes that no kernel has to have. Each
 * text of the log is here once as users see it. */
#include "collectd/report.h"

#include "daemon.h"
#include "memory.h"
#include "unit.h"

#define PLUGIN "listen_backlog plugin: "
#define BLUE "/run/netns/blue"
#define RED "/run/netns/red"

static struct lb_report report;

static int set_up(void **state) {
  (void)state;
  start_collectd();
  memory.fails = 0;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lb_report_clear(&report);
  return memory.held != 0;
}

/* One read: these outcomes, up to one without a label. */
static void report_outcomes(const struct lb_outcome *outcomes) {
  collectd.now += collectd.interval;
  lb_report_begin(&report);
  for (size_t i = 0; outcomes[i].label; i++)
    lb_report_outcome(&report, &outcomes[i]);
  lb_report_end(&report, 0, (struct lb_slowdowns){0},
                (struct lb_sample_counts){0});
}

#define OUTCOMES(...)                                                          \
  report_outcomes((const struct lb_outcome[]){__VA_ARGS__, {.label = NULL}})
#define OWN(...)                                                               \
  { .label = "", __VA_ARGS__ }
#define AT(place, name, ...)                                                   \
  { .path = place, .label = name, __VA_ARGS__ }

/* --- errors -------------------------------------------------------------- */

TEST_WITH(an_error_is_one_line_and_its_end_another, set_up, tear_down) {
  static const struct {
    struct lb_outcome outcome;
    const char *failed;
    const char *recovered;
    int reason; /* for strerror(), after "failed" */
  } cases[] = {
      {OWN(.err = -ENOMEM),
       "Reading the listening sockets failed, nothing is reported: ",
       "Reading the listening sockets", ENOMEM},
      {OWN(.errors.tcp_sockets = -ENOENT),
       "Reading the listening TCP sockets failed, they are missing: the kernel "
       "has no tcp_diag, try: modprobe tcp_diag",
       "Reading the listening TCP sockets", 0},
      {OWN(.errors.netstat = -EACCES),
       "Reading /proc/net/netstat failed, drops and overflows are missing: "
       "Permission denied",
       "Reading /proc/net/netstat", 0},
      {OWN(.errors.somaxconn = -EBADMSG),
       "Reading /proc/sys/net/core/somaxconn failed, it is missing: malformed "
       "data",
       "Reading /proc/sys/net/core/somaxconn", 0},
      {OWN(.errors.unix_sockets = -ENOENT),
       "Reading the listening UNIX sockets failed, they are missing: the "
       "kernel has no unix_diag, try: modprobe unix_diag",
       "Reading the listening UNIX sockets", 0},
      {OWN(.inspection_err = -EBADMSG),
       "Inspecting waiting connections failed, wait, abandoned, syn and active "
       "are missing: malformed data",
       "Inspecting waiting connections", 0},
      {AT(BLUE, "blue", .errors.netstat = -EIO),
       "Reading /proc/net/netstat in network namespace blue failed, drops and "
       "overflows are missing: ",
       "Reading /proc/net/netstat", EIO},
      {AT(BLUE, "blue", .err = -EPERM),
       "Sampling network namespace blue failed: CAP_SYS_ADMIN is missing "
       "(CapabilityBoundingSet, AmbientCapabilities)",
       "Sampling network namespace blue", 0},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_outcome good = cases[i].outcome;
    struct text failed = {.len = 0}, recovered = {.len = 0};
    say(&failed, "ERR: " PLUGIN "%s%s\n", cases[i].failed,
        cases[i].reason ? strerror(cases[i].reason) : "");
    say(&recovered, "NOTICE: " PLUGIN "%s works again.\n", cases[i].recovered);
    good.err = good.inspection_err = 0;
    good.errors = (struct lb_sample_errors){0};
    lb_report_clear(&report);
    OUTCOMES(good);
    check_log("");
    OUTCOMES(cases[i].outcome);
    check_log(failed.at);
    OUTCOMES(cases[i].outcome);
    check_log("");
    OUTCOMES(good);
    check_log(recovered.at);
    OUTCOMES(good);
    check_log("");
  }
}

#define LISTING PLUGIN "Listing /run/netns, /run/docker/netns and /proc"

TEST_WITH(an_error_of_the_list_of_namespaces_is_one_line, set_up, tear_down) {
  static const struct {
    int err;
    const char *want;
  } reads[] = {
      {-EACCES, "ERR: " LISTING " failed: Permission denied\n"},
      {-EACCES, ""},
      {-ENAMETOOLONG,
       "ERR: " LISTING " failed: a name is longer than 127 bytes\n"},
      {0, "NOTICE: " LISTING " works again.\n"},
      {-EACCES, "ERR: " LISTING " failed: Permission denied\n"},
  };
  for (size_t i = 0; i < LEN(reads); i++) {
    collectd.now += 2 * collectd.interval; /* no pause is longer yet */
    lb_report_begin(&report);
    lb_report_end(&report, reads[i].err, (struct lb_slowdowns){0},
                  (struct lb_sample_counts){0});
    check_log(reads[i].want);
  }
}

TEST_WITH(processes_that_hide_their_namespaces_are_one_line, set_up,
          tear_down) {
  for (int i = 0; i < 3; i++) {
    collectd.now += (cdtime_t)100 * collectd.interval;
    lb_report_begin(&report);
    lb_report_unseen_processes(&report);
    lb_report_end(&report, 0, (struct lb_slowdowns){0},
                  (struct lb_sample_counts){0});
    check_log(i ? ""
                : "INFO: " PLUGIN
                  "NetNamespace \"*\": only namespaces with a file are found. "
                  "For those of processes allow CAP_SYS_PTRACE, as "
                  "20-listen_backlog-netns.conf does.\n");
  }
}

TEST_WITH(names_of_containers_that_may_not_be_read_are_one_line, set_up,
          tear_down) {
  for (int i = 0; i < 3; i++) {
    collectd.now += (cdtime_t)100 * collectd.interval;
    lb_report_begin(&report);
    lb_report_hidden_names(&report, "/var/lib/docker/containers");
    lb_report_end(&report, 0, (struct lb_slowdowns){0},
                  (struct lb_sample_counts){0});
    check_log(i ? ""
                : "INFO: " PLUGIN
                  "NetNamespace \"*\": containers have 12 digits of their ID "
                  "for a name. To read /var/lib/docker/containers allow "
                  "CAP_DAC_READ_SEARCH, as 20-listen_backlog-netns.conf "
                  "does.\n");
  }
}

TEST_WITH(a_name_that_another_namespace_has_is_told, set_up, tear_down) {
  OUTCOMES(OWN(), AT(RED, "0123456789ab", .taken = "web"));
  check_log("NOTICE: " PLUGIN "The network namespace 0123456789ab has no "
            "name of its own: another one is called web.\n");
}

TEST_WITH(the_first_namespace_with_an_error_is_named, set_up, tear_down) {
  OUTCOMES(OWN(), AT(RED, "red", .errors.netstat = -EIO),
           AT(BLUE, "blue", .errors.netstat = -EACCES));
  struct text want = {.len = 0};
  say(&want,
      "ERR: " PLUGIN "Reading /proc/net/netstat in network namespace red "
      "failed, drops and overflows are missing: %s\n",
      strerror(EIO));
  check_log(want.at);
}

static unsigned count_lines(const char *of) {
  unsigned count = 0;
  for (const char *at = collectd.log; (at = strstr(at, of)); at++)
    count++;
  return count;
}

TEST_WITH(reasons_that_alternate_have_growing_pauses, set_up, tear_down) {
  for (int i = 0; i < 100; i++)
    OUTCOMES(OWN(.err = i % 2 ? -ETIMEDOUT : -ENOSPC));
  assert_int_equal(count_lines("ERR: "), 7);
}

TEST_WITH(an_error_that_comes_and_goes_has_growing_pauses, set_up, tear_down) {
  for (int i = 0; i < 100; i++)
    OUTCOMES(OWN(.err = i % 2 ? 0 : -ETIMEDOUT));
  assert_int_equal(count_lines("ERR: "), 7);
  assert_int_equal(count_lines("NOTICE: "), 7);
}

/* --- network namespaces that cannot be sampled --------------------------- */

#define SAMPLING PLUGIN "Sampling network namespace"
#define GONE(place, name) AT(place, name, .err = -ENOENT)

TEST_WITH(namespaces_with_one_error_share_a_line, set_up, tear_down) {
  OUTCOMES(OWN(), GONE(RED, "red"), AT("/run/netns/green", "green"),
           AT("/a", "a", .err = -EPERM), GONE(BLUE, "blue"));
  check_log("ERR: " SAMPLING " red, blue failed: it does not exist\n");
  OUTCOMES(OWN(), GONE(RED, "red"), AT("/a", "a", .err = -EPERM),
           GONE(BLUE, "blue"));
  check_log("ERR: " SAMPLING " a failed: CAP_SYS_ADMIN is missing "
            "(CapabilityBoundingSet, AmbientCapabilities)\n");
  OUTCOMES(OWN(), AT(RED, "red"), AT("/a", "a", .err = -EPERM),
           GONE(BLUE, "blue"));
  check_log("NOTICE: " SAMPLING " red works again.\n");
  OUTCOMES(OWN(), AT(RED, "red"), AT("/a", "a"), AT(BLUE, "blue"));
  check_log("NOTICE: " SAMPLING " a works again.\n"
            "NOTICE: " SAMPLING " blue works again.\n");
}

TEST_WITH(an_error_within_a_pause_is_logged_after_it, set_up, tear_down) {
  OUTCOMES(GONE(BLUE, "blue"));
  OUTCOMES(GONE(BLUE, "blue"), GONE(RED, "red"));
  reset_log();
  for (int i = 0; i < 2; i++) {
    check_log("");
    OUTCOMES(GONE(BLUE, "blue"), GONE(RED, "red"), GONE("/a", "a"));
  }
  check_log("ERR: " SAMPLING " a failed: it does not exist\n");
}

TEST_WITH(a_namespace_whose_error_was_not_logged_has_no_end, set_up,
          tear_down) {
  OUTCOMES(GONE(BLUE, "blue"));
  OUTCOMES(GONE(BLUE, "blue"), GONE(RED, "red"));
  reset_log();
  OUTCOMES(GONE(BLUE, "blue"), GONE(RED, "red"), GONE("/a", "a"));
  OUTCOMES(GONE(BLUE, "blue"), GONE(RED, "red"), AT("/a", "a"));
  check_log("");
}

TEST_WITH(a_namespace_that_is_no_longer_visited_is_forgotten, set_up,
          tear_down) {
  OUTCOMES(OWN(), GONE(BLUE, "blue"));
  reset_log();
  OUTCOMES(OWN());
  assert_int_equal(report.lost_len, 0);
  OUTCOMES(OWN(), AT(BLUE, "blue"));
  check_log("");
}

TEST_WITH(many_namespaces_are_counted_after_the_first, set_up, tear_down) {
  static char names[60][8];
  struct lb_outcome outcomes[LEN(names) + 1] = {0};
  struct text want = {.len = 0};
  say(&want, "ERR: " SAMPLING " ");
  for (size_t i = 0; i < LEN(names); i++) {
    snprintf(names[i], sizeof(names[i]), "pod%04zu", i);
    outcomes[i] = (struct lb_outcome)GONE(names[i], names[i]);
    if (i < 35) /* 9 bytes each of LB_NAMES_SIZE */
      say(&want, "%s%s", i ? ", " : "", names[i]);
  }
  say(&want, " and 25 more failed: it does not exist\n");
  report_outcomes(outcomes);
  check_log(want.at);
}

TEST_WITH(without_memory_an_error_is_logged_but_not_its_end, set_up,
          tear_down) {
  for (size_t fails = 1; fails <= 2; fails++) {
    memory.fails = fails;
    memory.refused = 0;
    OUTCOMES(GONE(BLUE, "blue"));
    assert_int_equal(memory.refused, 1);
    check_log("ERR: " SAMPLING " blue failed: it does not exist\n");
    OUTCOMES(AT(BLUE, "blue"));
    check_log("");
    assert_int_equal(memory.held, 0);
    lb_report_clear(&report);
  }
}

TEST_WITH(a_steady_error_takes_no_memory, set_up, tear_down) {
  const struct lb_outcome outcomes[] = {
      OWN(.errors.netstat = -EIO), GONE(BLUE, "blue"), {.label = NULL}};
  report_outcomes(outcomes);
  size_t calls = memory.calls;
  for (int i = 0; i < 10; i++)
    report_outcomes(outcomes);
  assert_int_equal(memory.calls, calls);
  reset_log();
}

/* --- samples and inspections --------------------------------------------- */

TEST_WITH(missed_samples_are_logged_if_they_are_most_and_many, set_up,
          tear_down) {
  static const struct {
    uint64_t made, missed;
    const char *want;
  } reads[] = {
      {5, 10, ""},
      {11, 11, ""},
      {10, 11,
       "WARNING: " PLUGIN "Missed 11 of 21 samples in the last interval: too "
       "little CPU time, or SampleInterval is too short.\n"},
      {0, 12, ""},
      {100, 0, ""},
      {0, 12,
       "WARNING: " PLUGIN "Missed 12 of 12 samples in the last interval: too "
       "little CPU time, or SampleInterval is too short.\n"},
  };
  for (size_t i = 0; i < LEN(reads); i++) {
    collectd.now += collectd.interval;
    lb_report_begin(&report);
    lb_report_end(&report, 0, (struct lb_slowdowns){0},
                  (struct lb_sample_counts){reads[i].made, reads[i].missed});
    check_log(reads[i].want);
  }
}

TEST_WITH(slowed_inspections_are_logged_once, set_up, tear_down) {
  static const bool slowed[] = {false, true, true, false, true};
  for (size_t i = 0; i < LEN(slowed); i++) {
    collectd.now += (cdtime_t)100 * collectd.interval;
    lb_report_begin(&report);
    lb_report_end(&report, 0,
                  (struct lb_slowdowns){.inspections = slowed[i],
                                        .inspection_ns = 123456789},
                  (struct lb_sample_counts){0});
    check_log(i == 1 ? "INFO: " PLUGIN
                       "Inspecting waiting connections takes 123.5 ms: limited "
                       "to 1 % of the time, so wait, abandoned, syn and active "
                       "are reported less often.\n"
                     : "");
  }
}

TEST_WITH(fewer_samples_are_logged_once_with_their_reason_and_their_end, set_up,
          tear_down) {
#define TAKES(part, ms, spacing)                                               \
  "NOTICE: " PLUGIN "A sample of the listening " part " sockets takes " ms     \
  " ms: limited to 1 % of the time, so there is one every " spacing " s, and "
  static const struct {
    uint64_t tcp_ms, unix_ms, turn_ms;
    const char *want;
  } reads[] = {
      {0, 0, 0, ""},
      {250, 0, 0, TAKES("TCP", "8.6", "0.25") "short peaks can be missed.\n"},
      {500, 0, 0, ""},
      {2000, 2000, 0,
       TAKES("TCP", "8.6",
             "2") "their listeners are missing in "
                  "between.\n" TAKES("UNIX", "16.0",
                                     "2") "their listeners are missing in "
                                          "between.\n"},
      {500, 2000, 0, ""},
      {0, 2000, 3000,
       "NOTICE: " PLUGIN "Samples of the listening TCP sockets are as frequent "
       "as configured again.\n"
       "NOTICE: " PLUGIN
       "Reading the network namespaces takes 25.0 ms: limited "
       "to 1 % of the time, so they take turns, each every 3 s.\n"},
      {0, 2000, 4000, ""},
      {0, 0, 0,
       "NOTICE: " PLUGIN
       "Samples of the listening UNIX sockets are as frequent "
       "as configured again.\n"
       "NOTICE: " PLUGIN "All network namespaces are reported in each interval "
       "again.\n"},
      {0, 0, 0, ""},
  };
  for (size_t i = 0; i < LEN(reads); i++) {
    collectd.now += (cdtime_t)100 * collectd.interval;
    lb_report_begin(&report);
    lb_report_end(&report, 0,
                  (struct lb_slowdowns){
                      .samples = {{8600000, reads[i].tcp_ms * 1000000},
                                  {16000000, reads[i].unix_ms * 1000000}},
                      .namespaces = {25000000, reads[i].turn_ms * 1000000},
                      .interval_ns = 1000000000},
                  (struct lb_sample_counts){0});
    check_log(reads[i].want);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
