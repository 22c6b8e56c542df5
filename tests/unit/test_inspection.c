// SPDX-License-Identifier: MIT
/* Inspections of the connections that wait in a scripted kernel: what is asked
 * for, which socket each belongs to, and what is reported. */
#include "core/inspection.h"

#include "collector_fixture.h"
#include "memory.h"
#include "unit.h"

/* --- the plan ------------------------------------------------------------ */

/* "PORTS, names N" as asked for; "queued": waiting connections, too. */
static void assert_plan(struct fixture *fixture, const char *want) {
  const struct lb_inspection *inspection = &fixture->inspection;
  struct text got = {.len = 0};
  for (size_t i = 0; i < inspection->ports_len; i++)
    say_ports(&got, inspection->ports[i].first, inspection->ports[i].last);
  for (size_t i = 0; i < inspection->targets_len; i++)
    say(&got, " inode %u", (unsigned)inspection->targets[i].sock.inode);
  say(&got, inspection->queued ? " queued" : "");
  assert_string_equal(got.at, want);
  assert_true(inspection->planned && inspection->done);
}

static const struct story plans[] = {
    {"neighbouring ports are asked for as ranges",
     {{"listen 1 443; listen 2 81; listen 3 80; listen 4 80; listen 5 65535;"
       "listen 6 82; listen 7 80; listen 8 1; listen 9 65534; inspect",
       " 1 80-82 443 65534-65535"}}},
    {"ports two apart are two ranges",
     {{"listen 1 65535; listen 2 65533; listen 3 65535; inspect",
       " 65533 65535"}}},
    {"a plan replaces the one before",
     {{"paths; listen 1 80; listen 2 /a queue 1; inspect", " 80 inode 2"},
      {"set 2 queue 0; close 1; inspect", ""}}},
    {"waiting connections are asked for only if some TCP queue has any",
     {{"listen 1 80; listen 2 81; inspect", " 80-81"},
      {"set 2 queue 1; inspect", " 80-81 queued"},
      {"set 2 queue 0; inspect", " 80-81"}}},
    {"only UNIX sockets with a queue are asked for",
     {{"paths; listen 1 /a; listen 2 /b queue 1; inspect", " inode 2"}}},
    {"sockets without a reported listener are not asked for",
     {{"ignore 22; paths; listen 1 22 queue 1; listen 2 /a/b;"
       "listen 3 /a-b queue 1; inspect",
       ""},
      {"listen 4 80; inspect", " 80"}}},
    {"unreadable UNIX sockets are not asked for",
     {{"paths; listen 1 80; listen 2 /a queue 1; sample; fail paths; inspect",
       " 80"}}},
};

TEST_CASE(plans_ask_for_what_the_stories_want) {
  play_stories(plans, LEN(plans), assert_plan);
}

/* --- the run ------------------------------------------------------------- */

TEST_ON_KERNEL(a_run_adds_its_cost_and_asks_only_what_is_planned) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  struct lb_inspection *inspection = &fixture->inspection;
  uint64_t cost_ns = 1;
  kernel->cost_ns = 5;
  play(fixture, "paths; listen 1 80; listen 2 /a queue 3 closed 2;"
                "half_open 80 0; waiting 80 0; half_open 81 0; inspect");
  assert_int_equal(inspection->conns.len, 1);
  assert_int_equal(inspection->targets[0].found.waiting, 3);
  assert_int_equal(inspection->targets[0].found.closed, 2);
  inspection->conns.len = 0;
  lb_inspection_run(inspection, source_of(kernel), UINT64_MAX, &cost_ns);
  assert_int_equal(cost_ns, 16);
  play(fixture, "close 1; inspect");
  assert_int_equal(kernel->inspections, 2);
  assert_int_equal(kernel->pendings, 3);
}

TEST_ON_KERNEL(a_run_that_fails_costs_its_time_and_has_no_results) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  struct lb_inspection *inspection = &fixture->inspection;
  uint64_t cost_ns = 0;
  kernel->cost_ns = 7;
  play(fixture, "paths; listen 1 80 queue 1; listen 2 /a queue 1;"
                "fail waiting; inspect");
  assert_false(inspection->done);
  assert_int_equal(inspection->err, -ENOBUFS);
  assert_int_equal(kernel->pendings, 0);
  play(fixture, "take");
  assert_inspected(fixture, "80 queue 1\na queue 1\n");
  lb_inspection_run(inspection, source_of(kernel), UINT64_MAX, &cost_ns);
  assert_int_equal(cost_ns, 7);
  lb_inspection_clear(inspection);
  assert_int_equal(inspection->err, -ENOBUFS); /* until the next run */
  play(fixture, "work; inspect");
  assert_true(inspection->done);
  assert_int_equal(inspection->err, 0);
}

TEST_ON_KERNEL(unix_sockets_take_turns_if_the_time_does_not_last_for_all) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  struct lb_inspection *inspection = &fixture->inspection;
  static const char *const wants[] = {
      "a queue 1 abandoned 0\nb queue 1 abandoned 0\nc queue 1\n",
      "a queue 1 abandoned 0\nb queue 1\nc queue 1 abandoned 0\n",
      "a queue 1\nb queue 1 abandoned 0\nc queue 1 abandoned 0\n"};
  kernel->cost_ns = 5;
  play(fixture, "paths; listen 1 /a queue 1; listen 2 /b queue 1;"
                "listen 3 /c queue 1; end");
  for (size_t i = 0; i < 2 * LEN(wants); i++) {
    uint64_t cost_ns = 0;
    play(fixture, "sample");
    assert_int_equal(lb_collector_plan_inspection(fixture->collector,
                                                  inspection, fixture->now_ms),
                     0);
    lb_inspection_run(inspection, source_of(kernel), 10, &cost_ns);
    assert_int_equal(cost_ns, 10);
    play(fixture, "take");
    assert_inspected(fixture, wants[i % LEN(wants)]);
    play(fixture, "end");
  }
}

/* --- endpoints ----------------------------------------------------------- */

/* A line for each endpoint: "ADDRESS PORT: queue visible closed half_open
 * wait". */
static void assert_endpoints(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  for (size_t i = 0; i < fixture->inspection.endpoints_len; i++) {
    const struct lb_endpoint *endpoint = &fixture->inspection.endpoints[i];
    char local[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, endpoint->sock.address, local, sizeof(local));
    say(&got, "IPv%d %s %u", endpoint->sock.family == AF_INET6 ? 6 : 4, local,
        (unsigned)endpoint->sock.port);
    if (endpoint->sock.ifindex)
      say(&got, " dev %u", endpoint->sock.ifindex);
    say(&got, ": %u %u %u %u %u\n", (unsigned)endpoint->queue,
        (unsigned)endpoint->visible, (unsigned)endpoint->closed,
        (unsigned)endpoint->half_open, endpoint->wait_ms);
  }
  assert_string_equal(got.at, want);
}

static const struct story endpoints[] = {
    {"an exact address wins over any address",
     {{"listen 1 80 queue 1; listen 2 80 at 10.0.0.1 queue 1;"
       "listen 3 80 at :: queue 1; listen 4 80 at ::1 queue 1;"
       "waiting 80 10 at 10.0.0.1; waiting 80 20 at 10.0.0.2;"
       "waiting 80 30 at ::1; waiting 80 40 at fe80::1; inspect; take",
       "IPv4 ::ffff:0.0.0.0 80: 1 1 0 0 20\n"
       "IPv4 ::ffff:10.0.0.1 80: 1 1 0 0 10\n"
       "IPv6 :: 80: 1 1 0 0 40\n"
       "IPv6 ::1 80: 1 1 0 0 30\n"}}},
    {"an IPv6 socket of any address takes IPv4 clients, as the family says",
     {{"listen 1 80 queue 1; listen 2 80 at ::;"
       "waiting 80 10 at ::ffff:10.0.0.1; waiting 80 20 at 10.0.0.1;"
       "inspect; take",
       "IPv4 ::ffff:0.0.0.0 80: 1 1 0 0 20\n"
       "IPv6 :: 80: 0 1 0 0 10\n"}}},
    {"an IPv6 socket can be bound to an IPv4 address",
     {{"listen 1 80 at ::ffff:10.0.0.1 queue 1; listen 2 80 at ::;"
       "waiting 80 10 at ::ffff:10.0.0.1; waiting 80 20 at ::ffff:10.0.0.2;"
       "inspect; take",
       "IPv6 :: 80: 0 1 0 0 20\n"
       "IPv6 ::ffff:10.0.0.1 80: 1 1 0 0 10\n"}}},
    {"after the address, an exact device wins over any device; 5 is a VRF",
     {{"listen 1 80 queue 1; listen 2 80 dev 3; listen 3 80 at 10.0.0.1;"
       "listen 4 80 at 10.0.0.1 dev 3; listen 5 80 at 10.0.0.9;"
       "waiting 80 10 at 10.0.0.1 dev 3; waiting 80 20 at 10.0.0.1;"
       "waiting 80 30 at 10.0.0.1 dev 5; waiting 80 40 at 10.0.0.2 dev 3;"
       "waiting 80 50 at 10.0.0.2 dev 5; waiting 80 60 at 10.0.0.9 dev 3;"
       "inspect; take",
       "IPv4 ::ffff:0.0.0.0 80: 1 1 0 0 50\n"
       "IPv4 ::ffff:0.0.0.0 80 dev 3: 0 1 0 0 40\n"
       "IPv4 ::ffff:10.0.0.1 80: 0 2 0 0 30\n"
       "IPv4 ::ffff:10.0.0.1 80 dev 3: 0 1 0 0 10\n"
       "IPv4 ::ffff:10.0.0.9 80: 0 1 0 0 60\n"}}},
    {"the members of a SO_REUSEPORT group are one endpoint",
     {{"listen 1 80 queue 2; listen 2 443 queue 7; listen 3 80 queue 3;"
       "listen 4 80 at :: queue 1; listen 5 80;"
       "waiting 80 10; closed 80 30; waiting 80 20; half_open 80 99;"
       "inspect; take",
       "IPv4 ::ffff:0.0.0.0 80: 5 3 1 1 30\n"
       "IPv6 :: 80: 1 0 0 0 0\n"
       "IPv4 ::ffff:0.0.0.0 443: 7 0 0 0 0\n"}}},
    {"sockets of ports that were not asked for are no endpoints, unselected "
     "sockets of the others are",
     {{"service web 80 at 10.0.0.1; ignore 79; ignore 80; ignore 81;"
       "ignore 65535; listen 1 79 queue 1; listen 2 80 at 10.0.0.1 queue 2;"
       "listen 3 80 queue 9; listen 4 81 queue 3; listen 5 443 queue 4;"
       "listen 6 65535 queue 5; inspect; take",
       "IPv4 ::ffff:0.0.0.0 80: 0 0 0 0 0\n"
       "IPv4 ::ffff:10.0.0.1 80: 2 0 0 0 0\n"
       "IPv4 ::ffff:0.0.0.0 443: 4 0 0 0 0\n"}}},
    {"connections without an endpoint are left out",
     {{"half_open 80 0; inspect; take", ""},
      {"hang_up; listen 1 80 at 10.0.0.1 queue 1; waiting 80 1 at 10.0.0.2;"
       "half_open 80 1 at ::1; inspect; take",
       "IPv4 ::ffff:10.0.0.1 80: 1 0 0 0 0\n"}}},
};

TEST_CASE(connections_belong_to_the_endpoint_of_the_stories) {
  play_stories(endpoints, LEN(endpoints), assert_endpoints);
}

/* --- what is reported ---------------------------------------------------- */

static const struct story results[] = {
    {"one inspection gives the values of all listeners",
     {{"listen 1 80 queue 3; listen 2 81; listen 3 443 queue 1;"
       "waiting 80 1250; closed 80 2500; waiting 80 10; half_open 81 0;"
       "half_open 81 0; waiting 443 1; inspect; take",
       "80 queue 3 wait 2.5 syn 0 abandoned 1\n"
       "81 queue 0 wait 0 syn 2 abandoned 0\n"
       "443 queue 1 wait 0.001 syn 0 abandoned 0\n"}}},
    {"without a queue only half-open connections are asked for",
     {{"listen 1 80; half_open 80 0; waiting 80 1250; inspect; take",
       "80 queue 0 wait 0 syn 1 abandoned 0\n"}}},
    {"what a queue has and the kernel does not show was reset",
     {{"listen 1 80 queue 5; waiting 80 1000; closed 80 500; inspect; take",
       "80 queue 5 wait 1 syn 0 abandoned 4\n"}}},
    {"the shorter queue of before and after counts",
     {{"listen 1 80 queue 5; listen 2 81 queue 3; waiting 80 1000;"
       "waiting 80 1000; waiting 81 1000; waiting 81 1000; inspect;"
       "set 1 queue 3; set 2 queue 5; take",
       "80 queue 3 wait 1 syn 0 abandoned 1\n"
       "81 queue 5 wait 1 syn 0 abandoned 1\n"}}},
    {"more connections than the queue had are no resets",
     {{"listen 1 80 queue 1; waiting 80 1000; waiting 80 10; inspect; take",
       "80 queue 1 wait 1 syn 0 abandoned 0\n"}}},
    {"if all waiting connections were reset the wait is unknown",
     {{"listen 1 80 queue 2; inspect; take",
       "80 queue 2 syn 0 abandoned 2\n"}}},
    {"a SO_REUSEPORT group is right as a whole",
     {{"listen 1 80 queue 2; listen 2 80 queue 1; listen 3 80; closed 80 70;"
       "half_open 80 0; inspect; take",
       "80 queue 3 wait 0.07 syn 1 abandoned 3\n"}}},
    {"each endpoint has its own resets: the third has one connection more than "
     "its queue, which makes up for no reset",
     {{"service inside 80 at 10.0.0.1; listen 1 80 at 10.0.0.1 queue 2;"
       "listen 2 80 queue 2; listen 3 80 at :: queue 2;"
       "waiting 80 10 at 10.0.0.1; waiting 80 20 at 10.0.0.2;"
       "waiting 80 30 at 10.0.0.3; waiting 80 40 at 10.0.0.3; inspect; take",
       "inside queue 2 wait 0.01 syn 0 abandoned 1\n"
       "80 queue 4 wait 0.04 syn 0 abandoned 2\n"}}},
    {"sockets that are younger than the plan were not asked for",
     {{"paths; listen 1 80 queue 1; waiting 80 50; inspect;"
       "listen 2 80 queue 4; listen 3 81 queue 4; listen 4 /run/a queue 4;"
       "take",
       "80 queue 5 wait 0.05 syn 0 abandoned 0\n81 queue 4\nrun-a queue 4\n"},
      {"inspect; take", "80 queue 5 wait 0.05 syn 0 abandoned 4\n"
                        "81 queue 4 syn 0 abandoned 4\n"
                        "run-a queue 4 abandoned 0\n"}}},
    {"sockets that are gone since the plan have no values",
     {{"select 80; listen 1 80 queue 1; listen 2 81 queue 1;"
       "listen 3 81 queue 1; waiting 81 50; inspect; close 1; close 2; take",
       "80\n81 queue 1 wait 0.05 syn 0 abandoned 0\n"}}},
    {"a queue from before an earlier plan is not lasting",
     {{"listen 1 80; listen 2 80 queue 4; inspect; close 2; sample; inspect;"
       "listen 2 80 queue 4; take",
       "80 queue 4 wait 0 syn 0 abandoned 0\n"}}},
    {"an inspection counts for one interval",
     {{"listen 1 80; take", "80 queue 0\n"},
      {"inspect; take", "80 queue 0 wait 0 syn 0 abandoned 0\n"},
      {"take", "80 queue 0\n"}}},

    {"MPTCP connections that their clients closed are abandoned",
     {{"mptcp 1; listen 1 80 queue 3; listen 2 80 at :: queue 1;"
       "mptcp_closed 80 70; closed 80 60; waiting 80 50;"
       "mptcp_closed 80 80 at ::ffff:10.0.0.1; inspect; take",
       "80 queue 4 wait 0.08 syn 0 abandoned 3\n"},
      {"hang_up; set 1 queue 0; set 2 queue 0; inspect; take",
       "80 queue 0 wait 0 syn 0 abandoned 0\n"}}},
    {"without a client of MPTCP its connections are not asked for",
     {{"listen 1 80 queue 1; mptcp_closed 80 70; inspect; take",
       "80 queue 1 wait 0.07 syn 0 abandoned 0\n"},
      {"mptcp 1; inspect; take", "80 queue 1 wait 0.07 syn 0 abandoned 0\n"},
      {"inspect; take", "80 queue 1 wait 0.07 syn 0 abandoned 1\n"}}},
    {"if the kernel cannot list MPTCP connections, abandoned is unknown for "
     "listeners at which some wait",
     {{"mptcp 1; listen 1 80 queue 1; listen 2 81; listen 3 82 queue 2;"
       "waiting 80 10; fail mptcp; inspect; take",
       "80 queue 1 wait 0.01 syn 0\n81 queue 0 wait 0 syn 0 abandoned 0\n"
       "82 queue 2 syn 0 abandoned 2\n"},
      {"work; inspect; take", "80 queue 1 wait 0.01 syn 0 abandoned 0\n"
                              "81 queue 0 wait 0 syn 0 abandoned 0\n"
                              "82 queue 2 syn 0 abandoned 2\n"}}},
    {"an MPTCP connection that came between the two answers is not counted",
     {{"mptcp 1; listen 1 80 queue 1; listen 2 81 queue 1; waiting 81 1;"
       "inspect; take",
       "80 queue 1 syn 0 abandoned 1\n81 queue 1 wait 0.001 syn 0 abandoned "
       "0\n"}}},
    {"UNIX sockets have the connections that their clients closed",
     {{"paths; listen 1 /run/a queue 3 closed 2; listen 2 /run/b; inspect;"
       "take",
       "run-a queue 3 abandoned 2\nrun-b queue 0 abandoned 0\n"}}},
    {"if the kernel cannot list a UNIX socket's connections, its listener's "
     "abandoned is unknown",
     {{"service all 80 /run/a /run/b; paths; listen 1 80 queue 1;"
       "listen 2 /run/a queue 9 unseen; listen 3 /run/b queue 1 closed 1;"
       "listen 4 /run/c queue 1 closed 1; closed 80 20; inspect; take",
       "all queue 11 wait 0.02 syn 0\nrun-c queue 1 abandoned 1\n"}}},
    {"a UNIX socket that has gone since the plan counts for nothing",
     {{"paths; listen 1 /run/a queue 1 gone; listen 2 /run/a queue 1 closed 1;"
       "inspect; take",
       "run-a queue 2 abandoned 1\n"}}},
    {"UNIX sockets that were unreadable at the plan have no values",
     {{"paths; listen 1 80; listen 2 /run/a queue 1; sample; fail paths;"
       "inspect; work; take",
       "80 queue 0 wait 0 syn 0 abandoned 0\nrun-a queue 1\n"}}},
};

TEST_CASE(listeners_get_the_results_that_the_stories_want) {
  play_stories(results, LEN(results), assert_inspected);
}

/* --- active ----------------------------------------------------------------
 */

static void say_active(void *data, const struct lb_readings *readings) {
  if (readings->values.present & 1u << LB_ACTIVE)
    say(data, "%s %g, ", readings->label, readings->values.v[LB_ACTIVE].gauge);
}

static void assert_active(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_readings(fixture->collector, say_active, &got);
  assert_string_equal(got.at, want);
}

static const struct story active[] = {
    {"active is the accepted connections, with a queue or without one",
     {{"listen 1 80; listen 2 443 queue 1; accepted 80 0; accepted 80 0;"
       "accepted 443 5; waiting 443 7; half_open 80 0; inspect; take",
       "80 2, 443 1, "},
      {"set 2 queue 0; hang_up; accepted 443 0; inspect; take",
       "80 0, 443 1, "}}},
    {"an accepted connection belongs to the socket that listens at its "
     "address",
     {{"service one 80 at 10.0.0.1; listen 1 80; listen 2 80 at 10.0.0.1;"
       "listen 3 80 at 10.0.0.2; accepted 80 0; accepted 80 0 at 10.0.0.2;"
       "accepted 80 0 at 10.0.0.3; accepted 80 0; accepted 80 0 at 10.0.0.3;"
       "accepted 80 0 at 10.0.0.2; inspect; take",
       "one 2, 80 4, "}}},
    {"those of UNIX sockets are counted by name, once for two sockets",
     {{"paths; service both 80 /run/a; listen 1 80; listen 2 /run/a accepted 3;"
       "listen 3 /run/b; listen 4 @c accepted 1; listen 5 @c accepted 1;"
       "accepted 80 0; inspect; take",
       "both 4, run-b 0, @c 2, "}}},
    {"without an inspection there is none",
     {{"listen 1 80; accepted 80 0; end", ""}}},
};

TEST_CASE(listeners_have_the_accepted_connections_that_the_stories_want) {
  play_stories(active, LEN(active), assert_active);
}

static void fail_accepted(struct kernel *kernel, const char *read) {
  kernel->conns_err = strcmp(read, "accepted") ? 0 : -ENOBUFS;
}

TEST_ON_KERNEL(unix_connections_that_cannot_be_counted_cost_their_own_alone) {
  struct fixture *fixture = *state;
  play(fixture, "paths; service both 80 /run/a; listen 1 80;"
                "listen 2 /run/a accepted 3; listen 3 443; accepted 443 0");
  fixture->kernel.before = fail_accepted;
  play(fixture, "inspect; take");
  assert_active(fixture, "443 1, ");
  assert_int_equal(fixture->inspection.err, 0);
  fixture->kernel.before = NULL;
  play(fixture, "work; inspect; take");
  assert_active(fixture, "both 3, 443 1, ");
}

TEST_CASE(ends_that_share_a_place_are_counted_all) {
  struct lb_conns conns = {.counts_accepted = true};
  struct lb_conn ends[] = {
      conn("10.0.0.1", 80, LB_CONN_ACCEPTED, 0),
      conn("10.0.0.1", 80 + LB_CONNS_RECENT, LB_CONN_ACCEPTED, 0)};
  uint32_t number = 0;
  for (size_t i = 0; i < 100; i++)
    assert_int_equal(lb_conns_count(&conns, &ends[i / 3 % 2]), 0);
  for (size_t i = 0; i < conns.len; i++)
    number += conns.v[i].number;
  assert_int_equal(number, 100);
  assert_in_range(conns.len, 2, 34);
  lb_conns_free(&conns);
}

/* --- memory -------------------------------------------------------------- */

TEST_ON_KERNEL(without_memory_there_is_no_plan_and_no_result) {
  struct fixture *fixture = *state;
  struct lb_inspection *inspection = &fixture->inspection;
  play(fixture, "paths; listen 1 80 queue 1; listen 2 /a queue 1; sample");
  for (size_t fails = 1; fails <= 2; fails++) {
    lb_inspection_free(inspection);
    memory.fails = fails;
    assert_int_equal(lb_collector_plan_inspection(fixture->collector,
                                                  inspection, fixture->now_ms),
                     -ENOMEM);
    assert_false(inspection->planned);
  }
  play(fixture, "inspect; sample");
  memory.fails = 1;
  assert_int_equal(lb_collector_take_inspection(fixture->collector, inspection),
                   -ENOMEM);
  inspection->done = false;
  play(fixture, "end");
  assert_inspected(fixture, "80 queue 1\na queue 1\n");
}

int main(void) { return run_all_tests(NULL, NULL); }
