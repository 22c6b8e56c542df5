// SPDX-License-Identifier: MIT
/* Samples and intervals of a scripted kernel. Attribution, hints and
 * inspections have tests of their own. */
#include "core/collector.h"

#include "collector_fixture.h"
#include "memory.h"
#include "unit.h"

/* Port 80 with one socket, whose queue was the same in all samples. */
#define PORT_80(queue, limit, busy, fill, full)                                \
  "80: queue " #queue " limit " #limit " peak " #queue " busy " #busy          \
  " fill " #fill " sockets 1 full " #full " drops 0 overflows 0\n"
#define IDLE_80 PORT_80(0, 8, 0, 0, 0)

static const struct story stories[] = {
    {"a listener sums its sockets",
     {{"listen 1 80 queue 3; listen 2 80 queue 9; listen 3 443; end",
       "80: queue 12 limit 16 peak 12 busy 100 fill 100 sockets 2 full 1 drops "
       "0 overflows 0\n"
       "443: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0 drops 0 "
       "overflows 0\n"}}},
    {"without a socket a selected listener sends its counters, a found one "
     "sends them once",
     {{"select 80; listen 1 80; listen 2 443; end; overflow 1 2; end; close 1;"
       "close 2; end",
       "80: sockets 0 drops 2 overflows 2\n"
       "443: sockets 0 drops 0 overflows 0\n"},
      {"end", "80: sockets 0 drops 2 overflows 2\n"}}},
    {"the last report of a found listener has what its last samples showed",
     {{"listen 1 80; end; set 1 queue 9; overflow 1 3; sample; close 1; end",
       "80: peak 9 busy 100 fill 100 sockets 0 full 1 drops 3 overflows 3\n"},
      {"end; end", ""}}},
    {"a port that had a socket within an interval alone is reported if it "
     "dropped",
     {{"end; listen 1 80; listen 2 81; sample; overflow 1 2; sample;"
       "close 1; close 2; end",
       "80: peak 0 busy 0 fill 0 sockets 0 full 0 drops 2 overflows 2\n"}}},
    {"a found listener that comes back in time has no last report",
     {{"listen 1 80; end; close 1; sample; listen 2 80; end", IDLE_80},
      {"close 2; end", "80: sockets 0 drops 0 overflows 0\n"}}},
    {"peak, busy and fill are of all samples of one interval",
     {{"listen 1 80 queue 3; sample; set 1 queue 9; sample; set 1 queue 0;"
       "sample; set 1 queue 1; end",
       "80: queue 1 limit 8 peak 9 busy 75 fill 100 sockets 1 full 1 drops 0 "
       "overflows 0\n"},
      {"set 1 queue 0; sample; set 1 queue 2; end",
       "80: queue 2 limit 8 peak 2 busy 50 fill 22.2222222222222 sockets 1 "
       "full 0 drops 0 overflows 0\n"}}},
    {"the peak is the highest sum of one sample",
     {{"listen 1 80 queue 3 limit 7; listen 2 80 at :: queue 1 limit 9; sample;"
       "set 1 queue 0; set 2 queue 6; sample; set 2 queue 0; sample;"
       "set 1 queue 2; set 2 queue 2; end",
       "80: queue 4 limit 16 peak 6 busy 75 fill 60 sockets 2 full 0 drops 0 "
       "overflows 0\n"}}},
    {"fill is of the limit plus one and ends at 100",
     {{"listen 1 80 queue 0 limit 0; end", PORT_80(0, 0, 0, 0, 0)},
      {"set 1 queue 3 limit 3; end", PORT_80(3, 3, 100, 75, 0)},
      {"set 1 queue 4 limit 3; end", PORT_80(4, 3, 100, 100, 1)},
      {"set 1 queue 900 limit 3; end", PORT_80(900, 3, 100, 100, 1)},
      {"set 1 queue 1 limit 0; end", PORT_80(1, 0, 100, 100, 1)},
      {"set 1 queue 1 limit 127; end", PORT_80(1, 127, 100, 0.78125, 0)},
      {"set 1 queue 0 limit 4294967295; end",
       PORT_80(0, 4294967295, 0, 0, 0)}}},
    {"samples without a socket do not count",
     {{"select 80; sample; listen 1 80 queue 1 limit 3; sample;"
       "set 1 queue 0; sample; close 1; end",
       "80: peak 1 busy 50 fill 25 sockets 0 full 0 drops 0 overflows 0\n"},
      {"end", "80: sockets 0 drops 0 overflows 0\n"}}},
    {"samples that show the same as the one before count like others",
     {{"select 443; listen 1 80 queue 4; sample; set 1 queue 0; sample; sample;"
       "set 1 queue 4; sample; end",
       "443: sockets 0 drops 0 overflows 0\n"
       "80: queue 4 limit 8 peak 4 busy 60 fill 44.4444444444444 sockets 1 "
       "full 0 drops 0 overflows 0\n"},
      {"end",
       "443: sockets 0 drops 0 overflows 0\n"
       "80: queue 4 limit 8 peak 4 busy 100 fill 44.4444444444444 sockets 1 "
       "full 0 drops 0 overflows 0\n"}}},
    {"the first sample of an interval is never a repeated one",
     {{"listen 1 80 queue 4; sample; end",
       "80: queue 4 limit 8 peak 4 busy 100 fill 44.4444444444444 sockets 1 "
       "full 0 drops 0 overflows 0\n"},
      {"end",
       "80: queue 4 limit 8 peak 4 busy 100 fill 44.4444444444444 sockets 1 "
       "full 0 drops 0 overflows 0\n"}}},
    {"a full socket counts once in each interval",
     {{"listen 1 80 queue 9; listen 2 80; listen 3 80; sample;"
       "set 1 queue 0; set 2 queue 9; sample; sample; end",
       "80: queue 9 limit 24 peak 9 busy 100 fill 100 sockets 3 full 2 drops 0 "
       "overflows 0\n"},
      {"set 1 queue 9; sample; set 1 queue 0; end",
       "80: queue 9 limit 24 peak 18 busy 100 fill 100 sockets 3 full 2 drops "
       "0 overflows 0\n"}}},
    {"a socket that was full counts after it is gone",
     {{"select 443; listen 1 80 queue 9; listen 2 80; listen 3 443 queue 9;"
       "sample; close 1; close 3; end",
       "443: peak 9 busy 100 fill 100 sockets 0 full 1 drops 0 overflows 0\n"
       "80: queue 0 limit 8 peak 9 busy 50 fill 100 sockets 1 full 1 drops 0 "
       "overflows 0\n"}}},

    {"UNIX sockets are reported without counters, ignored ones not",
     {{"select @app; ignore /run/noise; paths; listen 1 /run/a.sock queue 9;"
       "listen 2 /run/noise queue 9; end",
       "@app: sockets 0\n"
       "run-a.sock: queue 9 limit 8 peak 9 busy 100 fill 100 sockets 1 full "
       "1\n"},
      {"listen 4 @app queue 2; set 1 queue 0; sample; close 1; end",
       "@app: queue 2 limit 8 peak 2 busy 100 fill 22.2222222222222 sockets 1 "
       "full 0\n"}}},
    {"a service sums its port and its UNIX sockets",
     {{"service api 80 /run/api; listen 1 80 queue 1;"
       "listen 2 /run/api queue 4; end; overflow 1 3; end",
       "api: queue 5 limit 16 peak 5 busy 100 fill 44.4444444444444 sockets 2 "
       "full 0 drops 3 overflows 3\n"}}},
    {"a UNIX name has its label again after its socket is forgotten",
     {{"select /run/app; paths; listen 1 /run/app; listen 2 /run/a; end;"
       "close 1; close 2; end",
       "run-app: sockets 0\n"},
      {"end; end; end; listen 3 /run/b; listen 4 /run/a;"
       "listen 5 /run/app queue 1; end",
       "run-app: queue 1 limit 8 peak 1 busy 100 fill 11.1111111111111 "
       "sockets 1 full 0\n"
       "run-b: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0\n"
       "run-a: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0\n"}}},

    {"unreadable UNIX sockets cost only their listeners",
     {{"paths; listen 1 80; listen 2 /run/a queue 1; end; fail paths; end",
       IDLE_80},
      {"work; end",
       IDLE_80 "run-a: queue 1 limit 8 peak 1 busy 100 fill 11.1111111111111 "
               "sockets 1 full 0\n"}}},
    {"a sample without UNIX sockets costs only itself",
     {{"paths; listen 1 /run/a queue 9; sample; fail paths; sample; work;"
       "set 1 queue 0; end",
       "run-a: queue 0 limit 8 peak 9 busy 50 fill 100 sockets 1 full 1\n"}}},
    {"a full port counts for a service while its UNIX socket is unreadable",
     {{"service api 80 /run/api; listen 1 80 queue 9; listen 2 /run/api;"
       "fail paths; sample; work; end",
       "api: queue 9 limit 16 peak 9 busy 100 fill 100 sockets 2 full 1 drops "
       "0 overflows 0\n"}}},
};

TEST_CASE(samples_give_the_readings_that_the_stories_want) {
  play_stories(stories, LEN(stories), assert_listeners);
}

TEST_ON_KERNEL(the_namespace_has_readings_of_its_own) {
  struct fixture *fixture = *state;
  fixture->kernel.syn_drops = 3;
  fixture->kernel.cookies = 4;
  play(fixture, "drops 2; overflows 1; end");
  assert_readings(fixture, ": drops 2 overflows 1 syn_drops 3 syncookies_sent "
                           "4 overflows_unattributed 1 somaxconn 4096\n");
  play(fixture, "fail netstat; end");
  assert_readings(fixture, ": somaxconn 4096\n");
  play(fixture, "work; somaxconn 0; end");
  assert_readings(fixture, ": drops 2 overflows 1 syn_drops 3 syncookies_sent "
                           "4 overflows_unattributed 1\n");
}

TEST_ON_KERNEL(arrivals_are_read_once_per_interval_and_never_go_back) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  static const struct {
    uint64_t kernel, want;
  } reads[] = {{7, 7},          {9, 9},          {4294967295, 4294967295},
               {4, 4294967300}, {3, 4294967300}, {5, 4294967302}};
  for (size_t i = 0; i < LEN(reads); i++) {
    kernel->arrivals = reads[i].kernel;
    play(fixture, "sample; sample; end");
    assert_int_equal(kernel->snmps, i + 1);
    assert_int_equal(counter_of(fixture, "", LB_ARRIVALS), reads[i].want);
  }
  lb_collector_rebind(fixture->collector, source_of(kernel));
  kernel->arrivals = 2;
  play(fixture, "end");
  assert_int_equal(counter_of(fixture, "", LB_ARRIVALS), 4294967304);
}

static void say_recent(void *data, const struct lb_readings *readings) {
  unsigned absent = ~readings->values.present;
  if (readings->is_namespace)
    say(data, absent & 1u << LB_ARRIVALS ? "no arrivals" : "arrivals");
  else if (absent & 1u << LB_OVERFLOWS_5M)
    say(data, ", %s", readings->label);
  else
    say(data, ", %s %g", readings->label,
        readings->values.v[LB_OVERFLOWS_5M].gauge);
}

static void assert_recent(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_readings(fixture->collector, say_recent, &got);
  assert_string_equal(got.at, want);
}

static const struct story recent[] = {
    {"what the file lacks is absent", {{"end", "no arrivals"}}},
    {"recent overflows are those of the last 5 minutes, from the first "
     "interval of a found listener on, whether it is still there or not",
     {{"overflows 5; listen 1 80; end", "no arrivals, 80 0"},
      {"listen 2 443; overflow 2 3; end", "no arrivals, 80 0, 443 3"},
      {"overflow 2 2; overflow 1 1; sample; close 2; end",
       "no arrivals, 80 1, 443"},
      {"end; end; end; end", "no arrivals, 80 1"},
      {"listen 3 443; end; end; end; end; end; end; end; end; end; end; end; "
       "end; "
       "end; end; end; end; end; end; end; end; end; end; end; end; end",
       "no arrivals, 80 1, 443 5"},
      {"end", "no arrivals, 80 0, 443 0"},
      {"overflow 3 4; end", "no arrivals, 80 0, 443 4"}}},
    {"a UNIX socket has none, and without the kernel's counters there are none",
     {{"select 80; select /a; listen 1 80; listen 2 /a; end",
       "no arrivals, 80 0, a"},
      {"fail netstat; end", "no arrivals, 80, a"}}},
};

TEST_CASE(recent_overflows_are_those_of_the_last_5_minutes) {
  play_stories(recent, LEN(recent), assert_recent);
}

/* --- reads --------------------------------------------------------------- */

TEST_ON_KERNEL(a_socket_that_one_or_two_dumps_miss_is_not_gone) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  play(fixture, "listen 1 80; listen 2 80; end");
  for (int missed = 1; missed <= 3; missed++) {
    int dumps = kernel->dumps;
    kernel->hidden = 1;
    kernel->hidden_dumps = missed;
    interval(fixture);
    assert_int_equal(kernel->dumps, dumps + (missed < 3 ? 1 + missed : 3));
    assert_sockets(fixture, missed < 3 ? "80 1\n80 2\n" : "80 2\n");
  }
}

TEST_ON_KERNEL(a_sample_reads_counters_only_after_movement) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  play(fixture, "listen 1 80; end");
  int dumps = kernel->dumps, netstats = kernel->netstats;
  sample(fixture);
  assert_int_equal(kernel->dumps, dumps + 1);
  assert_int_equal(kernel->netstats, netstats);
  play(fixture, "noise 1 1; sample");
  assert_int_equal(kernel->netstats, netstats + 1);
  play(fixture, "sample");
  assert_int_equal(kernel->netstats, netstats + 1);
}

TEST_ON_KERNEL(unix_sockets_are_read_only_if_something_wants_them) {
  struct fixture *fixture = *state;
  struct lb_sample_errors errors;
  play(fixture, "listen 1 /run/a; fail paths");
  assert_int_equal(try_interval(fixture, &errors), 0);
  assert_int_equal(errors.unix_sockets, 0);
  assert_int_equal(fixture->kernel.unix_dumps, 0);
  assert_listeners(fixture, "");
}

TEST_ON_KERNEL(unreadable_unix_sockets_are_neither_missed_nor_forgotten) {
  struct fixture *fixture = *state;
  play(fixture, "paths; listen 1 80; listen 2 /run/a; end; fail paths");
  int dumps = fixture->kernel.dumps;
  for (int i = 0; i < 20; i++)
    interval(fixture);
  assert_int_equal(fixture->kernel.dumps, dumps + 20);
  assert_sockets(fixture, "80 1\n");
  size_t before = memory.calls;
  play(fixture, "work; end");
  assert_int_equal(memory.calls, before);
  assert_sockets(fixture, "80 1\n\"/run/a\" 2\n");
}

static void overflow_and_fail_paths(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0) {
    overflow(kernel, 1, 5);
    kernel->unix_err = -ENOBUFS;
  }
}

TEST_ON_KERNEL(a_dump_for_the_counters_reads_no_unix_sockets) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  struct lb_sample_errors errors;
  play(fixture, "paths; listen 1 80; listen 2 /run/a; end");
  kernel->before = overflow_and_fail_paths;
  int dumps = kernel->dumps, unix_dumps = kernel->unix_dumps;
  assert_int_equal(try_interval(fixture, &errors), 0);
  assert_int_equal(errors.unix_sockets, 0);
  assert_int_equal(kernel->dumps, dumps + 2);
  assert_int_equal(kernel->unix_dumps, unix_dumps + 1);
  assert_sockets(fixture, "80 1\n\"/run/a\" 2\n");
  assert_shares(fixture, "80 5/5, run-a -/-, all 5/5, 0 of none");
  kernel->before = NULL;
  play(fixture, "work; end");
  assert_int_equal(kernel->dumps, dumps + 3);
}

static void listen_and_overflow(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0 && kernel->len == 1) {
    listen_on(kernel, 2, 80)->queue = 3;
    overflow(kernel, 2, 1);
  }
}

/* The end reads the counters, and dumps the sockets once more. */
TEST_ON_KERNEL(a_socket_found_by_the_end_counts_in_the_next_sample) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; end");
  fixture->kernel.before = listen_and_overflow;
  interval(fixture);
  assert_listeners(fixture, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets "
                            "1 full 0 drops 1 overflows 1\n");
  play(fixture, "sample; end");
  assert_listeners(fixture, "80: queue 3 limit 16 peak 3 busy 100 fill "
                            "33.3333333333333 sockets 2 full 0 drops 1 "
                            "overflows 1\n");
}

/* --- failures ------------------------------------------------------------ */

static void overflow_and_fail_the_next_dump(struct kernel *kernel,
                                            const char *read) {
  if (strcmp(read, "netstat") == 0) {
    overflow(kernel, 1, 5);
    kernel->dump_err = -ENOBUFS;
  }
}

TEST_ON_KERNEL(an_end_that_fails_continues_the_interval) {
  struct fixture *fixture = *state;
  struct lb_sample_errors errors;
  play(fixture, "listen 1 80; end; set 1 queue 9; sample; set 1 queue 0;"
                "fail dump");
  assert_int_equal(try_interval(fixture, &errors), -ENOBUFS);
  play(fixture, "work");
  fixture->kernel.before = overflow_and_fail_the_next_dump;
  assert_int_equal(try_interval(fixture, &errors), -ENOBUFS);
  fixture->kernel.before = NULL;
  play(fixture, "work; end");
  assert_listeners(fixture, "80: queue 0 limit 8 peak 9 busy "
                            "33.3333333333333 fill 100 sockets 1 full 1 drops "
                            "5 overflows 5\n");
  interval(fixture);
  assert_listeners(fixture, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets "
                            "1 full 0 drops 5 overflows 5\n");
  play(fixture, "overflow 1 2; sample; close 1; fail dump");
  assert_int_equal(try_interval(fixture, &errors), -ENOBUFS);
  play(fixture, "work; end"); /* it is still the listener's last interval */
  assert_listeners(fixture, "80: peak 0 busy 0 fill 0 sockets 0 full 0 drops 7 "
                            "overflows 7\n");
}

/* Port 443 is new, and no memory is left for its listener. */
static void listen_and_take_the_memory(struct kernel *kernel,
                                       const char *read) {
  if (strcmp(read, "netstat") == 0) {
    listen_on(kernel, 2, 443);
    overflow(kernel, 1, 1);
    socket_of(kernel, 1)->queue = 3;
    memory.fails = 1;
  }
}

TEST_ON_KERNEL(a_dump_of_an_end_that_fails_is_in_the_next_sample) {
  struct fixture *fixture = *state;
  struct lb_sample_errors errors;
  play(fixture, "listen 1 80; end; sample; sample");
  fixture->kernel.before = listen_and_take_the_memory;
  assert_int_equal(try_interval(fixture, &errors), -ENOMEM);
  fixture->kernel.before = NULL;
  interval(fixture);
  assert_sums(fixture, "80 3/8, 443 0/8, ");
}

/* --- labels -------------------------------------------------------------- */

TEST_ON_KERNEL(sources_with_a_used_label_are_left_out_and_told_once) {
  struct fixture *fixture = *state;
  play(fixture, "paths; listen 1 80; listen 2 /80 queue 1; listen 3 /a/b;"
                "listen 4 /a-b queue 3; end");
  assert_listeners(fixture, IDLE_80 "a-b: queue 0 limit 8 peak 0 busy 0 fill 0 "
                                    "sockets 1 full 0\n");
  assert_conflicts(fixture, "80 of the UNIX socket \"/80\": taken\n"
                            "a-b of the UNIX socket \"/a-b\": taken\n");
  interval(fixture);
  assert_conflicts(fixture, "");
}

TEST_ON_KERNEL(the_sockets_of_reported_listeners_are_visited) {
  struct fixture *fixture = *state;
  play(fixture, "ignore 22; ignore /run/noise; paths; listen 1 22;"
                "listen 2 80; listen 3 81; listen 4 /run/noise; listen 5 @a;"
                "listen 6 /80; end; close 3; end");
  assert_sockets(fixture, "80 2\n\"\\x00a\" 5\n");
}

TEST_ON_KERNEL(a_namespace_with_a_used_label_reports_only_listeners) {
  struct fixture *fixture = *state;
  take_label(fixture->labels, "blue");
  play(fixture, "netns blue; listen 1 80; end");
  assert_readings(fixture, "blue:" IDLE_80);
  assert_conflicts(fixture, "blue of the network namespace: taken\n");
}

static void say_label_parts(void *data, const struct lb_readings *readings) {
  say(data, "%s = '%s' '%s', ", readings->label, readings->netns,
      readings->name);
}

/* "api" has no namespace in its label, as the configuration names one. */
TEST_CASE(readings_have_the_namespace_and_the_name_of_a_listener_apart) {
  static const struct {
    const char *script, *want;
  } cases[] = {
      {"service api 8443; select 81; listen 1 80; listen 2 8443; end",
       " = '' '', api = '' 'api', 81 = '' '81', 80 = '' '80', "},
      {"netns blue; service blue:a 81 here; service all 82; listen 1 80; end",
       "blue = 'blue' '', blue:a = 'blue' 'blue:a', blue:all = 'blue' 'all', "
       "blue:80 = 'blue' '80', "},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    assert_int_equal(set_up_collector(state), 0);
    struct fixture *fixture = *state;
    play(fixture, cases[i].script);
    lb_collector_visit_readings(fixture->collector, say_label_parts, &got);
    assert_string_equal(got.at, cases[i].want);
    assert_int_equal(tear_down_collector(state), 0);
  }
}

TEST_ON_KERNEL(a_listener_that_kept_an_old_label_has_it_as_its_name) {
  struct fixture *fixture = *state;
  struct text got = {.len = 0};
  play(fixture, "netns b; listen 1 80; end");
  fixture->netns.label = "a-name-that-is-longer-than-the-label";
  lb_collector_visit_readings(fixture->collector, say_label_parts, &got);
  assert_string_equal(got.at,
                      "b = 'b' '', "
                      "b:80 = 'a-name-that-is-longer-than-the-label' 'b:80', ");
}

TEST_ON_KERNEL(sockets_of_the_namespace_before_are_forgotten) {
  struct fixture *fixture = *state;
  struct kernel other = new_kernel();
  play(fixture, "paths; listen 1 /run/a queue 1; listen 2 /run/b; sample");
  listen_at(&other, 1, "/run/b");
  lb_collector_rebind(fixture->collector, source_of(&other));
  interval(fixture);
  assert_listeners(fixture, "run-b: queue 0 limit 8 peak 0 busy 0 fill 0 "
                            "sockets 1 full 0\n");
  take_label(fixture->labels, "run-a");
  assert_conflicts(fixture, "");
  lb_label_registry_release(fixture->labels,
                            take_label(fixture->labels, "run-b"));
  assert_conflicts(fixture, "run-b of the UNIX socket \"/run/b\": taken\n");
}

/* --- names without end --------------------------------------------------- */

enum { AT_ONCE = 50 };

static void name_of(char name[static 32], unsigned round, unsigned i) {
  snprintf(name, 32, "/run/worker-%u-%u", round, i);
}

static void check_name(void *data, const struct lb_socket_view *view) {
  const struct lb_unix_name *name = view->name;
  unsigned round = *(const unsigned *)data;
  char want[32];
  name_of(want, round, (unsigned)(view->sock->cookie % AT_ONCE));
  assert_int_equal(name->len, strlen(want));
  assert_memory_equal(name->bytes, want, name->len);
}

static void count_listener(void *data, const struct lb_readings *readings) {
  size_t *count = data;
  *count += !readings->is_namespace;
}

static void replace_sockets(struct kernel *kernel, unsigned round) {
  char name[32];
  kernel->len = 0;
  for (unsigned i = 0; i < AT_ONCE; i++) {
    name_of(name, round, i);
    listen_at(kernel, (uint64_t)round * AT_ONCE + i, name);
  }
}

/* After the first rounds only names are allocated: no array grows. */
static void replace_names(struct fixture *fixture, size_t services) {
  enum { ROUNDS = 200, FIRST_ROUNDS = 20 };
  for (unsigned round = 1; round <= ROUNDS; round++) {
    size_t count = 0;
    if (round == FIRST_ROUNDS)
      memory.largest = 0;
    replace_sockets(&fixture->kernel, round);
    sample(fixture);
    interval(fixture);
    lb_collector_visit_readings(fixture->collector, count_listener, &count);
    assert_int_equal(count, AT_ONCE + services);
    lb_collector_visit_sockets(fixture->collector, check_name, &round);
  }
  assert_in_range(memory.largest, 1, 64);
  assert_conflicts(fixture, "");
  for (unsigned round = 1; round < ROUNDS - 10; round++) {
    char name[32];
    name_of(name, round, round % AT_ONCE);
    name[4] = '-';
    lb_label_registry_release(fixture->labels,
                              take_label(fixture->labels, name + 1));
    assert_conflicts(fixture, "");
  }
}

TEST_ON_KERNEL(names_that_come_and_go_take_no_more_memory) {
  play(*state, "paths");
  replace_names(*state, 0);
}

TEST_ON_KERNEL(names_that_patterns_match_take_no_more_memory) {
  play(*state,
       "select /run/*; service a /run/*; service b /run/*2; ignore /b*");
  replace_names(*state, 2);
}

/* --- memory -------------------------------------------------------------- */

/* Samples, drops, UNIX sockets and inspections. */
TEST_ON_KERNEL(the_steady_state_allocates_nothing) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  struct lb_sample_errors errors;
  char name[32];
  play(fixture, "paths");
  for (uint16_t i = 1; i <= 30; i++) {
    name_of(name, 0, i);
    listen_on(kernel, i, i)->queue = 1;
    listen_at(kernel, 100 + i, name)->queue = 1;
    connect_to(kernel, i, LB_CONN_WAITING, 10);
  }
  size_t before = memory.calls;
  for (int i = 0; i < 100; i++) {
    if (i == 2) {
      assert_true(memory.calls > before);
      before = memory.calls;
    }
    for (int j = 0; j < 5; j++) {
      overflow(kernel, 5, 2);
      noise(kernel, 7, 3);
      sample(fixture);
    }
    uint64_t cost_ns = 0;
    struct lb_inspection *inspection = &fixture->inspection;
    assert_int_equal(lb_collector_plan_inspection(fixture->collector,
                                                  inspection, fixture->now_ms),
                     0);
    lb_inspection_run(inspection, source_of(kernel), UINT64_MAX, &cost_ns);
    sample(fixture);
    assert_true(inspection->done);
    assert_int_equal(
        lb_collector_take_inspection(fixture->collector, inspection), 0);
    assert_int_equal(
        lb_collector_end_interval(fixture->collector, fixture->now_ms, &errors),
        0);
  }
  assert_int_equal(memory.calls, before);
  assert_int_equal(kernel->inspections, 100);
}

TEST_ON_KERNEL(without_memory_there_is_no_collector) {
  struct fixture *fixture = *state;
  size_t refused = 0;
  play(fixture, "select 80; select /a; ignore /a; service all 80-84");
  lb_collector_free(fixture->collector);
  for (int err = -ENOMEM; err; refused++) {
    fixture->collector = NULL;
    memory.fails = refused + 1;
    err = start_collector(fixture);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  assert_in_range(refused, 20, 60);
  interval(fixture);
  assert_sums(fixture, "80 0/0, a 0/0, all 0/0, ");
  assert_conflicts(fixture, "");
}

static void say_any(void *data, const struct lb_readings *readings) {
  if (!readings->is_namespace)
    say_reading(data, readings);
}

/* Two intervals with new sockets; in the first one an allocation fails. */
static bool sample_without_memory(struct fixture *fixture, size_t fails,
                                  struct text *got) {
  struct lb_sample_errors errors;
  restart(fixture);
  memory.fails = fails;
  int err = try_interval(fixture, &errors);
  bool refused = memory.fails == 0;
  memory.fails = 0;
  if (err)
    assert_int_equal(err, -ENOMEM);
  else if (refused)
    assert_int_equal(errors.unix_sockets, -ENOMEM);
  interval(fixture);
  *got = (struct text){.len = 0};
  lb_collector_visit_readings(fixture->collector, say_any, got);
  assert_conflicts(fixture, "");
  return refused;
}

TEST_ON_KERNEL(whichever_allocation_fails_the_next_sample_has_all) {
  struct fixture *fixture = *state;
  static struct text want, got;
  char name[32];
  play(fixture, "paths; select /run/*; service api /run/*1 @api; ignore /a*");
  for (uint16_t i = 1; i <= 20; i++) {
    name_of(name, 0, i);
    listen_on(&fixture->kernel, i, i);
    listen_at(&fixture->kernel, 100 + i, name);
  }
  assert_false(sample_without_memory(fixture, 10000, &want));
  size_t fails = 1;
  while (sample_without_memory(fixture, fails, &got)) {
    assert_string_equal(got.at, want.at);
    fails++;
  }
  assert_in_range(fails, 30, 1000);
}

int main(void) { return run_all_tests(NULL, NULL); }
