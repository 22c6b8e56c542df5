// SPDX-License-Identifier: MIT
/* Which sockets count for which listener, and under which label. Each step
 * gives "LABEL QUEUE/LIMIT, " of what is reported. */
#include "core/listeners.h"

#include "collector_fixture.h"
#include "unit.h"

static const struct story ports[] = {
    {"ListeningPorts makes one listener per port, without ignored ones",
     {{"ignore 22; listen 1 443 queue 1 limit 9; listen 2 80 at :: limit 128;"
       "listen 3 443 at ::1 queue 2 limit 9; listen 4 22 queue 5; end",
       "443 3/18, 80 0/128, "}}},
    {"a found port keeps its place while it has no socket",
     {{"listen 1 80; listen 2 81; end; close 1; end", "80 0/0, 81 0/8, "},
      {"end", "81 0/8, "},
      {"listen 3 80 limit 16; end", "80 0/16, 81 0/8, "}}},
    {"a selected listener is reported without sockets, others are not found",
     {{"only; select 80; listen 1 81; end", "80 0/0, "}}},
    {"a selection has all its ranges, and a socket once if they overlap",
     {{"service api 8000-8010 8005-8020; listen 1 8000 queue 1;"
       "listen 2 8005 queue 2; listen 3 8020 queue 4; listen 4 7999;"
       "listen 5 8021; end",
       "api 7/24, 7999 0/8, 8021 0/8, "}}},
    {"addresses narrow a selection; other sockets count for their port",
     {{"service api 8000-8010 at 10.0.0.1 at ::1;"
       "listen 1 8005 at 10.0.0.1 queue 1; listen 2 8010 at ::1 queue 2;"
       "listen 3 8005 at 10.0.0.2 limit 1; listen 4 8005 limit 2;"
       "listen 5 8005 at :: limit 4; listen 6 8021 at 10.0.0.1; end",
       "api 3/16, 8005 0/7, 8021 0/8, "}}},
    {"a socket counts for every selection that has it",
     {{"select 80; service all 1-65535; listen 1 80 queue 1;"
       "listen 2 65535; end",
       "80 1/8, all 1/16, "}}},
    {"in another namespace labels begin with its label, except those of "
     "services for it alone",
     {{"paths; netns blue; service plain 81 here; service all 81; select 443;"
       "listen 1 80; listen 2 81; listen 3 /run/a; end",
       "plain 0/8, blue:all 0/8, blue:443 0/0, blue:80 0/8, blue:run-a "
       "0/8, "}}},
    {"a namespace that nothing applies to has no listener",
     {{"paths; select 443; netns blue alone; listen 1 80; listen 2 443;"
       "listen 3 /run/a; end",
       ""}}},
};

static const struct story unix_names[] = {
    {"ListeningPaths makes one listener per UNIX name, without ignored ones",
     {{"only; ignore /run/noise; ignore /x; paths; listen 8 /x; listen 1 "
       "/run/a.sock queue 1;"
       "listen 2 @\\x01b\\x20c; listen 3 /run/a.sock queue 2;"
       "listen 4 /run/noise; listen 5 relative; listen 6 /; listen 7 80; end",
       "run-a.sock 3/16, @_b_c 0/8, .-relative 0/8, - 0/8, "}}},
    {"without ListeningPaths only selected UNIX names are reported",
     {{"select /a; listen 1 /a; listen 2 /b; end", "a 0/8, "},
      {"close 2; end; end; end", "a 0/8, "}}},
    {"selected UNIX names come before found ones",
     {{"service api 80 /run/api @api; select /web; paths; listen 1 /run/api2;"
       "listen 2 /web limit 3; listen 3 @api queue 1; listen 4 /run/api;"
       "listen 5 80 at :: queue 2; end",
       "api 3/24, web 0/3, run-api2 0/8, "}}},
    {"an address narrows the ports of a selection, not its UNIX names",
     {{"service both 80 /run/a at 10.0.0.1; listen 1 /run/a queue 1;"
       "listen 2 80 at 10.0.0.2 queue 2; end",
       "both 1/8, 80 2/8, "}}},
    {"an ignored UNIX name can be selected",
     {{"select /run/a; ignore /run/a; paths; listen 1 /run/a; end",
       "run-a 0/8, "}}},
    {"while UNIX sockets are unreadable, listeners that may have some are not "
     "reported",
     {{"service both 80 /run/a; paths; listen 1 80 queue 1; listen 2 81;"
       "listen 3 /run/b; end",
       "both 1/8, 81 0/8, run-b 0/8, "},
      {"fail paths; end", "81 0/8, "},
      {"work; end", "both 1/8, 81 0/8, run-b 0/8, "}}},
    {"the entry of a forgotten UNIX name serves another one",
     {{"paths; listen 1 /a; listen 2 /b; end; close 1; end; end;"
       "listen 3 /c queue 1; end",
       "c 1/8, b 0/8, "},
      {"listen 4 /a; end", "c 1/8, b 0/8, a 0/8, "}}},
    {"the entry of a forgotten UNIX name does not serve a port",
     {{"paths; listen 1 /a; listen 2 /b; end; close 1; end; end; listen 3 80;"
       "end",
       "b 0/8, 80 0/8, "},
      {"listen 4 /c; end", "c 0/8, b 0/8, 80 0/8, "}}},
    {"several entries of forgotten UNIX names are used again",
     {{"paths; listen 1 /a; listen 2 /b; listen 3 80; end; close 1; close 2;"
       "end; end; end; listen 4 /c; listen 5 /d; listen 6 /e; end",
       "80 0/8, c 0/8, d 0/8, e 0/8, "}}},
    {"UNIX names of the configuration are never forgotten",
     {{"select /a; ignore /b; paths; listen 1 /a; listen 2 /b; listen 3 /c;"
       "end; close 1; close 2; close 3; end; end; end; listen 4 /d;"
       "listen 5 /e; listen 6 /b; listen 7 /a queue 1; end",
       "a 1/8, d 0/8, e 0/8, "}}},
};

static const struct story patterns[] = {
    {"a pattern makes one listener per UNIX name while it has a socket",
     {{"only; select /run/php/*.sock; end", ""},
      {"listen 1 /run/php/a.sock queue 1; listen 2 /run/php/b.sock queue 2;"
       "listen 3 /run/b.sock; listen 4 @run/php/c.sock; listen 5 80; end",
       "run-php-a.sock 1/8, run-php-b.sock 2/8, "},
      {"close 1; end; end; end", "run-php-b.sock 2/8, "},
      {"listen 6 /run/php/c.sock; listen 7 /run/php/b.sock; end",
       "run-php-c.sock 0/8, run-php-b.sock 2/16, "}}},
    {"a selected UNIX name that a pattern matches is reported once",
     {{"select /run/*; select /run/a; paths; end", "run-a 0/0, "},
      {"listen 1 /run/a; listen 2 /run/b; listen 3 /c; end",
       "run-a 0/8, run-b 0/8, c 0/8, "}}},
    {"a service sums up all that its patterns match, now and later",
     {{"service php 9000 /run/php/* /run/php/a* @php; paths;"
       "listen 1 /run/php/a queue 1; listen 2 9000 queue 2; listen 3 /run/x;"
       "end",
       "php 3/16, run-x 0/8, "},
      {"listen 4 /run/php/b queue 4; listen 5 @php queue 5; end",
       "php 12/32, run-x 0/8, "},
      {"close 1; close 4; end; end", "php 7/16, run-x 0/8, "}}},
    {"services of patterns share a UNIX name",
     {{"service a /run/a*; service b /run/*b /run/a; select /run/ab;"
       "listen 1 /run/ab queue 1; listen 2 /run/a queue 2; end",
       "a 3/16, b 3/16, run-ab 1/8, "}}},
    {"a UNIX name counts for a service and for a pattern outside of it",
     {{"service api /run/a*; select /run/*; select /run/a1; paths;"
       "listen 1 /run/a1 queue 1; listen 2 /run/a2 queue 2; listen 3 /x; end",
       "api 3/16, run-a1 1/8, run-a2 2/8, x 0/8, "}}},
    {"an ignored pattern leaves UNIX names out, but not from a service",
     {{"only; paths; ignore /run/*; service api /run/[ab];"
       "listen 1 /run/a queue 1; listen 2 /run/c; listen 3 /c; end",
       "api 1/8, c 0/8, "}}},
    {"a pattern does not apply in a namespace that nothing applies to",
     {{"select /run/*; ignore /x*; netns blue alone; listen 1 /run/a; end",
       ""}}},
    {"a pattern applies in other namespaces",
     {{"select /run/*; netns blue; listen 1 /run/a; end", "blue:run-a 0/8, "}}},
    {"names that a pattern matched are forgotten",
     {{"only; select /run/*; service api /run/a*; listen 1 /run/a1;"
       "listen 2 /run/b1; end; close 1; close 2; end; end; end;"
       "listen 3 /x; listen 4 /run/a2 queue 4; listen 5 /run/b2 queue 5; end",
       "api 4/8, run-a2 4/8, run-b2 5/8, "}}},
};

TEST_CASE(sockets_count_for_the_listeners_of_the_stories) {
  play_stories(ports, LEN(ports), assert_sums);
  play_stories(unix_names, LEN(unix_names), assert_sums);
  play_stories(patterns, LEN(patterns), assert_sums);
}

/* --- labels -------------------------------------------------------------- */

/* A conflict is told once. */
static const struct story conflicts[] = {
    {"the first UNIX name keeps the label",
     {{"paths; listen 1 /a-b; end; listen 2 /a/b; listen 3 a/b; end",
       "a-b of the UNIX socket \"/a/b\": taken\n"},
      {"listen 4 /a/b; sample; end", ""}}},
    {"a port takes its label from a UNIX name",
     {{"paths; listen 1 /80; listen 2 /81; end", ""},
      {"listen 3 80; end", "80 of the UNIX socket \"/80\": taken\n"},
      {"listen 4 /80; listen 5 80 at ::; end; close 3; end", ""}}},
    {"a relative name is no port and no path",
     {{"paths; listen 1 80; listen 2 /run/a; listen 3 run-a; listen 4 run/a;"
       "end",
       ".-run-a of the UNIX socket \"run/a\": taken\n"}}},
    {"a selected port keeps its label from a UNIX name",
     {{"paths; select 80; listen 1 /80; end",
       "80 of the UNIX socket \"/80\": taken\n"}}},
    {"a service keeps its label from a UNIX name",
     {{"paths; service api 80; listen 1 /api; end",
       "api of the UNIX socket \"/api\": taken\n"}}},
    {"an abstract name is written with its @",
     {{"paths; listen 1 @a/b; end; listen 2 @a-b; end",
       "@a-b of the UNIX socket \"@a-b\": taken\n"}}},
    {"a UNIX name that has gone and come back is told again",
     {{"paths; select 80; listen 1 /80; end",
       "80 of the UNIX socket \"/80\": taken\n"},
      {"close 1; end; end; end", ""},
      {"listen 2 /80; end", "80 of the UNIX socket \"/80\": taken\n"}}},
    {"a UNIX name that has gone is not told",
     {{"paths; select 80; listen 1 /80; end; close 1; end; end", ""}}},
};

static const struct story freed[] = {
    {"a label that has become free goes to who had none",
     {{"paths; listen 1 /a-b; end; listen 2 /a/b queue 1; end", "a-b 0/8, "},
      {"close 1; sample; sample; end", "a-b 1/8, "},
      {"listen 3 /a-b; end", "a-b 1/8, "}}},
    {"who had none waits while the label is used",
     {{"paths; listen 1 /80; listen 2 80; end", "80 0/8, "},
      {"close 2; end; end", ""},
      {"listen 3 80; end", "80 0/8, "}}},
};

TEST_CASE(sources_with_a_used_label_are_told_once_and_wait_for_it) {
  play_stories(conflicts, LEN(conflicts), assert_conflicts);
  play_stories(freed, LEN(freed), assert_sums);
}

TEST_ON_KERNEL(a_listener_without_label_wants_no_socket) {
  struct fixture *fixture = *state;
  play(fixture, "paths; listen 1 /80; end; listen 2 80; end");
  assert_sockets(fixture, "80 2\n");
}

TEST_CASE(a_label_of_another_namespace_is_used_as_well) {
  static const struct {
    const char *label, *script, *want;
  } cases[] = {
      {"blue:all", "netns blue; service all 81",
       "blue:all of <Listener \"all\">: taken\n"},
      {"blue:443", "netns blue; select 443",
       "blue:443 of LocalPort \"443\": taken\n"},
      {"blue:80", "netns blue; listen 1 80; end",
       "blue:80 of port 80: taken\n"},
      {"80", "netns blue; select 80", ""},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    assert_int_equal(set_up_collector(state), 0);
    struct fixture *fixture = *state;
    take_label(fixture->labels, cases[i].label);
    play(fixture, cases[i].script);
    assert_conflicts(fixture, cases[i].want);
    assert_int_equal(tear_down_collector(state), 0);
  }
}

/* Another namespace has sockets and counters of its own. */
TEST_ON_KERNEL(a_name_with_a_colon_takes_no_label_of_another_namespace) {
  struct fixture *fixture = *state;
  static const struct lb_netns_ref blue = {
      .path = "/run/netns/blue", .label = "blue", .listed = true};
  const struct lb_settings settings = {
      .netns = (struct lb_settings_netns[]){{.for_all = true}},
      .netns_len = 1,
      .listening_ports = true};
  struct lb_sample_errors errors;
  struct kernel kernel = new_kernel();
  struct fixture other = {.kernel = new_kernel()};
  play(fixture, "paths; listen 1 /blue:80; listen 2 /blue; end");
  assert_sums(fixture, "blue:80 0/8, blue 0/8, ");
  listen_on(&kernel, 3, 80);
  assert_int_equal(lb_collector_new(&settings, &blue, fixture->labels,
                                    source_of(&kernel), &other.collector),
                   0);
  assert_int_equal(lb_collector_sample(other.collector, LB_ALL_PARTS, 1), 0);
  assert_int_equal(lb_collector_end_interval(other.collector, 1, &errors), 0);
  assert_sums(&other, "blue:80 0/8, ");
  assert_conflicts(&other, "");
  assert_sums(fixture, "");
  assert_conflicts(fixture, "blue of the UNIX socket \"/blue\": taken\n"
                            "blue:80 of the UNIX socket \"/blue:80\": taken\n");
  lb_collector_free(other.collector);
  close_kernel(&kernel);
  interval(fixture);
  assert_sums(fixture, "blue:80 0/8, blue 0/8, ");
}

TEST_ON_KERNEL(a_label_that_does_not_fit_is_not_cut_off) {
  struct fixture *fixture = *state;
  char script[LB_LABEL_SIZE + 80], name[LB_LABEL_SIZE],
      want[LB_LABEL_SIZE + 32];
  memset(name, 'n', 123);
  name[123] = '\0';
  snprintf(script, sizeof(script), "netns %s; listen 1 443; listen 2 8080; end",
           name);
  snprintf(want, sizeof(want), "%s:443 0/8, ", name);
  play(fixture, script);
  assert_sums(fixture, want);
  assert_conflicts(fixture, "8080 of port 8080: too long\n");
}

int main(void) { return run_all_tests(NULL, NULL); }
