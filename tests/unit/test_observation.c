// SPDX-License-Identifier: MIT
/* What reads and samples amount to. */
#include "core/observation.h"

#include "unit.h"

#include <math.h>

static struct lb_observer observer;

static int set_up(void **state) {
  (void)state;
  observer = (struct lb_observer){.sample = 0};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lb_observer_free(&observer);
  return 0;
}
#define OBSERVER_TEST(name) TEST_WITH(name, set_up, tear_down)

/* Reads "NAME VALUE ..." of a listener or a namespace. */
static void read_values(const char *label, bool is_namespace, bool is_last,
                        const char *text) {
  struct lb_readings readings = {.label = label, .is_namespace = is_namespace};
  char name[32];
  double value;
  int used = 0;
  for (; sscanf(text, "%31s %lf%n", name, &value, &used) == 2; text += used) {
    int id = 0;
    while (strcmp(lb_reading_table[id].name, name) != 0)
      assert_true(++id < LB_READINGS);
    if (lb_reading_table[id].is_counter)
      lb_put_counter(&readings.values, (enum lb_reading_id)id, (uint64_t)value);
    else
      lb_put_gauge(&readings.values, (enum lb_reading_id)id, value);
  }
  assert_int_equal(lb_observer_read(&observer, &readings, is_last), 0);
}

static void first(const char *label, const char *text) {
  read_values(label, false, false, text);
}

static void last(const char *label, const char *text) {
  read_values(label, false, true, text);
}

/* A sample of "LABEL COOKIE QUEUE LIMIT SK_DROPS, ..." */
static void sample(const char *text) {
  char label[32];
  struct lb_listen_sock sock = {.family = AF_INET};
  unsigned cookie;
  int used = 0;
  lb_observer_begin_sample(&observer);
  for (; sscanf(text, "%31s %u %u %u %u,%n", label, &cookie, &sock.queue,
                &sock.limit, &sock.sk_drops, &used) == 5;
       text += used) {
    sock.cookie = cookie;
    sock.family = label[0] == '/' ? AF_UNIX : AF_INET;
    assert_int_equal(lb_observer_add_socket(&observer, label, &sock), 0);
  }
}

static const struct lb_observation *result(const char *label) {
  for (size_t i = 0; i < observer.listeners_len; i++)
    if (strcmp(observer.listeners[i].label, label) == 0)
      return &observer.listeners[i].result;
  fail_msg("no listener %s", label);
  return NULL;
}

#define assert_number(got, want) assert_true((got) == (want))

OBSERVER_TEST(the_reads_give_what_was_at_both_ends_and_what_has_moved) {
  read_values("", true, false, "syn_drops 5 syncookies_sent 7 somaxconn 128");
  first("80", "queue 3 wait 0.5 drops 10 overflows 4");
  sample("80 1 3 9 0,");
  read_values("", true, true, "syn_drops 8 syncookies_sent 7 somaxconn 64");
  last("80", "sockets 1 queue 4 limit 9 wait 2.5 drops 16 overflows 5 peak 5 "
             "busy 50 fill 60 full 1 abandoned 2 syn 6 active 7");
  sample("80 1 4 9 0,");
  lb_observer_end(&observer, 2);
  const struct lb_observation *seen = result("80");
  assert_number(seen->seconds, 2);
  assert_number(seen->queue_before, 3);
  assert_number(seen->queue, 4);
  assert_number(seen->limit, 9);
  assert_number(seen->wait_before, 0.5);
  assert_number(seen->wait, 2.5);
  assert_number(seen->drops, 6);
  assert_number(seen->overflows, 1);
  assert_number(seen->peak, 5);
  assert_number(seen->busy, 50);
  assert_number(seen->fill, 60);
  assert_number(seen->full, 1);
  assert_number(seen->abandoned, 2);
  assert_number(seen->syn, 6);
  assert_number(seen->active, 7);
  assert_number(seen->somaxconn, 64);
  assert_number(seen->syn_drops, 3);
  assert_number(seen->syncookies, 0);
  assert_false(seen->is_unix);
}

OBSERVER_TEST(what_was_not_read_is_unknown_but_new_counters_began_at_0) {
  read_values("", true, false, "");
  first("gone", "sockets 1 queue 1");
  read_values("", true, true, "");
  last("new", "sockets 1 drops 3");
  lb_observer_end(&observer, 1);
  assert_number(result("gone")->sockets, 0);
  assert_true(isnan(result("gone")->queue));
  assert_true(isnan(result("gone")->drops));
  assert_true(isnan(result("gone")->somaxconn));
  assert_true(isnan(result("gone")->syn_drops));
  assert_number(result("new")->drops, 3);
  assert_true(isnan(result("new")->overflows));
  assert_true(isnan(result("new")->active));
}

OBSERVER_TEST(no_more_clients_have_left_than_wait) {
  last("80", "sockets 1 queue 14 abandoned 15");
  last("81", "sockets 1 queue 14");
  lb_observer_end(&observer, 1);
  assert_number(result("80")->abandoned, 14);
  assert_true(isnan(result("81")->abandoned));
}

OBSERVER_TEST(each_listener_has_the_counters_of_its_own_namespace) {
  for (int is_last = 0; is_last < 2; is_last++) {
    read_values("", true, is_last, is_last ? "syn_drops 1" : "syn_drops 0");
    read_values("80", false, is_last, "sockets 1");
    read_values("blue", true, is_last, is_last ? "syn_drops 7" : "syn_drops 2");
    read_values("blue:80", false, is_last, "sockets 1");
  }
  lb_observer_end(&observer, 1);
  assert_number(result("80")->syn_drops, 1);
  assert_number(result("blue:80")->syn_drops, 5);
}

OBSERVER_TEST(a_queue_that_never_falls_is_held_and_may_be_full_all_the_time) {
  last("held", "sockets 1");
  last("falls", "sockets 1");
  last("empty", "sockets 1");
  last("full", "sockets 1");
  sample("held 1 2 9 0, falls 2 2 9 0, empty 3 0 9 0, full 4 10 9 0,");
  sample("held 1 2 9 0, falls 2 3 9 0, empty 3 1 9 0, full 4 11 9 0,");
  sample("held 1 3 9 0, falls 2 1 9 0, empty 3 2 9 0, full 4 10 9 0,");
  lb_observer_end(&observer, 1);
  assert_number(result("held")->held, 1);
  assert_number(result("held")->lowest, 2);
  assert_number(result("held")->always_full, 0);
  assert_number(result("held")->roomy, 1);
  assert_number(result("falls")->held, 0);
  assert_number(result("falls")->lowest, 1);
  assert_number(result("empty")->held, 0);
  assert_number(result("full")->held, 0);
  assert_number(result("full")->always_full, 1);
  assert_number(result("full")->roomy, 0);
}

OBSERVER_TEST(sockets_come_and_go_and_only_those_that_were_always_there_count) {
  last("80", "sockets 2");
  sample("80 1 1 9 100, 80 2 10 9 4294967295,");
  sample("80 3 10 9 7, 80 2 10 9 1,");
  sample("80 2 10 9 3, 80 3 10 9 8, /run/a 4 1 9 0,");
  last("/run/a", "sockets 1");
  read_values("", true, true, "somaxconn 9");
  lb_observer_end(&observer, 1);
  assert_number(result("80")->held, 1);
  assert_number(result("80")->always_full, 1);
  assert_number(result("80")->lowest, 20);
  assert_number(result("80")->sk_drops, 4 + 1);
  assert_number(result("/run/a")->held, 0);
  assert_true(result("/run/a")->is_unix);
  const struct lb_observed_socket *gone = &observer.sockets[0];
  assert_false(lb_observed_holds(&observer, gone));
  assert_true(lb_observed_holds(&observer, &observer.sockets[1]));
}

OBSERVER_TEST(sockets_at_somaxconn_count) {
  read_values("", true, true, "somaxconn 128");
  last("80", "sockets 2");
  sample("80 1 0 128 0, 80 2 0 64 0,");
  lb_observer_end(&observer, 1);
  assert_number(result("80")->at_somaxconn, 1);
}

int main(void) { return run_all_tests(NULL, NULL); }
