// SPDX-License-Identifier: MIT
/* Looks at a scripted kernel: sockets and counters that the test moves, also
 * between the reads of one look, where a real kernel moves them, too. */
#include "core/collector.h"

#include "memory.h"
#include "scripted_kernel.h"

/* --- the survey ---------------------------------------------------------- */

struct world {
  struct kernel kernel;
  struct lb_settings settings;
  struct lb_netns_ref scope;
  struct lb_label_registry *labels;
  struct lb_collector *survey;
  uint64_t now_ms;
};

static int start(struct world *world) {
  return lb_collector_new(&world->settings, &world->scope, world->labels,
                          &world->kernel.source, &world->survey);
}

static int set_up(void **state) {
  static struct world world;
  world = (struct world){.kernel = new_kernel(),
                         .settings = {.listening_ports = true},
                         .scope = {.label = ""}};
  *state = &world;
  return lb_label_registry_new(&world.labels) || start(&world);
}

static int tear_down(void **state) {
  struct world *world = *state;
  lb_collector_free(world->survey);
  lb_label_registry_free(world->labels);
  lb_settings_free(&world->settings);
  return 0;
}

/* Begins again, after the settings have changed. */
static void restart(struct world *world) {
  lb_collector_free(world->survey);
  assert_int_equal(start(world), 0);
}

static int try_look(struct world *world, struct lb_sample_errors *troubles) {
  world->now_ms += 10000;
  int err = lb_collector_sample(world->survey, world->now_ms);
  return err ? err
             : lb_collector_end_interval(world->survey, world->now_ms,
                                         troubles);
}

/* One look, which is an interval or the end of one. */
static void look(struct world *world) {
  struct lb_sample_errors troubles;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.netstat, 0);
}

/* One look within an interval. */
static void glance(struct world *world) {
  world->now_ms += 100;
  assert_int_equal(lb_collector_sample(world->survey, world->now_ms), 0);
}

static void assert_readings(struct world *world, const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_readings(world->survey, say_reading, &got);
  assert_string_equal(got.at, want);
}

/* Without the namespace's own. */
static void say_listener(void *data, const struct lb_readings *reading) {
  if (!reading->is_namespace)
    say_reading(data, reading);
}

static void assert_listeners(struct world *world, const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_readings(world->survey, say_listener, &got);
  assert_string_equal(got.at, want);
}

struct wanted {
  const char *label;
  enum lb_reading_id id;
  bool found;
  uint64_t counter;
};

static void pick(void *data, const struct lb_readings *reading) {
  struct wanted *wanted = data;
  if (strcmp(reading->label, wanted->label) == 0 &&
      reading->values.present & 1u << wanted->id) {
    wanted->found = true;
    wanted->counter = reading->values.v[wanted->id].counter;
  }
}

static uint64_t counter(struct world *world, const char *label,
                        enum lb_reading_id id) {
  struct wanted wanted = {.label = label, .id = id};
  lb_collector_visit_readings(world->survey, pick, &wanted);
  if (!wanted.found)
    fail_msg("no %s of \"%s\"", lb_reading_table[id].name, label);
  return wanted.counter;
}

/* --- readings ------------------------------------------------------------ */

static void a_look_gives_all_readings(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 3;
  listen_on(kernel, 2, 80)->queue = 9;
  listen_on(kernel, 3, 443);
  look(world);
  assert_readings(world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0 somaxconn 4096\n"
                         "80: queue 12 limit 16 peak 12 busy 100 fill 100 "
                         "sockets 2 full 1 drops 0 overflows 0\n"
                         "443: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
                         "full 0 drops 0 overflows 0\n");
}

static void what_was_counted_before_the_first_look_is_nobodys(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  overflow(kernel, 1, 1000);
  kernel->drops += 5;
  look(world);
  assert_readings(world,
                  ": drops 1005 overflows 1000 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 1000 somaxconn 4096\n"
                  "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0 "
                  "drops 0 overflows 0\n");
}

static void one_culprit_gets_exactly_its_own(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 443);
  look(world);
  overflow(kernel, 1, 7);
  noise(kernel, 1, 7); /* dropped final ACKs move twice */
  kernel->drops += 2;  /* no memory for a request */
  noise(kernel, 1, 2);
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 7);
  assert_int_equal(counter(world, "80", LB_DROPS), 9);
  assert_int_equal(counter(world, "443", LB_DROPS), 0);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void noise_alone_is_neither_drop_nor_overflow(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  look(world);
  noise(&world->kernel, 1, 100000);
  look(world);
  assert_int_equal(counter(world, "80", LB_DROPS), 0);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 0);
  /* and it does not serve to explain what came later */
  world->kernel.overflows += 5;
  world->kernel.drops += 5;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 0);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 5);
}

static void a_full_socket_comes_before_a_noisy_one(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 443)->queue = 9;
  look(world);
  noise(kernel, 1, 500);
  overflow(kernel, 2, 20);
  socket_of(kernel, 2)->queue = 0; /* it was full in the look before */
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 0);
  assert_int_equal(counter(world, "443", LB_OVERFLOWS), 20);
}

static void sk_drops_wraps_at_32_bits(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80)->sk_drops = UINT32_MAX - 1;
  look(world);
  overflow(&world->kernel, 1, 5);
  assert_int_equal(world->kernel.sockets[0].row.sk_drops, 3);
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 5);
}

static void counters_of_a_32_bit_kernel_wrap(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  kernel->overflows = kernel->drops = UINT32_MAX - 1;
  look(world);
  overflow(kernel, 1, 5);
  kernel->overflows = (uint32_t)kernel->overflows;
  kernel->drops = (uint32_t)kernel->drops;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 5);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), (uint64_t)UINT32_MAX + 4);
}

static void counters_never_go_back(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 50);
  look(world);
  kernel->overflows = 10; /* no kernel does this */
  look(world);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 50);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 50);
}

/* --- sockets that come and go -------------------------------------------- */

static void a_restarted_server_goes_on_counting(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 10);
  look(world);
  overflow(kernel, 1, 3); /* of which nobody will tell */
  close_socket(kernel, 1);
  listen_on(kernel, 2, 80);
  overflow(kernel, 2, 4);
  look(world);
  /* the new socket moved from 0 by 4; 3 belong to nobody that is left */
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 14);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 3);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 17);
}

static void a_selected_listener_that_is_away_sends_its_counters(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  assert_int_equal(lb_settings_add_port(&world->settings, 80), 0);
  restart(world);
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 2);
  look(world);
  close_socket(kernel, 1);
  look(world);
  assert_readings(world, ": drops 2 overflows 2 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0 somaxconn 4096\n"
                         "80: sockets 0 drops 2 overflows 2\n");
}

static void a_found_port_that_is_away_is_silent_and_comes_back(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 2);
  look(world);
  close_socket(kernel, 1);
  look(world);
  assert_readings(world, ": drops 2 overflows 2 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0 somaxconn 4096\n");
  listen_on(kernel, 2, 80);
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 2);
}

static void a_socket_that_one_dump_misses_is_not_gone(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 80);
  overflow(kernel, 1, 40);
  look(world);
  int dumps = kernel->dumps;
  kernel->hidden = 1;
  look(world);
  assert_int_equal(kernel->dumps, dumps + 2);
  assert_readings(world, ": drops 40 overflows 40 syn_drops 0 syncookies_sent "
                         "0 overflows_unattributed 40 somaxconn 4096\n"
                         "80: queue 0 limit 16 peak 0 busy 0 fill 0 sockets 2 "
                         "full 0 drops 0 overflows 0\n");
}

static void a_socket_that_two_dumps_miss_is_not_gone(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 80);
  look(world);
  kernel->hidden = 1;
  kernel->hidden_dumps = 2;
  look(world);
  assert_readings(world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0 somaxconn 4096\n"
                         "80: queue 0 limit 16 peak 0 busy 0 fill 0 sockets 2 "
                         "full 0 drops 0 overflows 0\n");
}

static void a_socket_back_from_shutdown_does_not_count_anew(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 40);
  look(world);
  struct listening socket = *listening_of(kernel, 1);
  close_socket(kernel, 1);
  look(world);
  kernel->sockets[kernel->len++] = socket;
  kernel->overflows += 6; /* somebody's who is gone */
  kernel->drops += 6;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 40);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 6);
}

/* --- two reads are not one instant --------------------------------------- */

static void overflow_before_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0)
    overflow(kernel, 1, 5);
}

static void what_happens_between_dump_and_counters_is_found(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  kernel->before = overflow_before_netstat;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 5);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void overflow_around_netstat(struct kernel *kernel, const char *read) {
  overflow(kernel, 1, strcmp(read, "netstat") == 0 ? 5 : 3);
}

static void
what_happens_after_the_counters_is_found_in_the_next_look(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  kernel->before = overflow_around_netstat;
  look(world); /* 3 dumped, 5 more read, 3 more dumped: 8 read, 11 moved */
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 8);
  kernel->before = NULL;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 11);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void a_scan_beside_an_overload_gets_nothing(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 9;
  listen_on(kernel, 2, 443);
  look(world);
  overflow(kernel, 1, 3);
  noise(kernel, 2, 100);
  kernel->before = overflow_before_netstat; /* 5 that the dump did not see */
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 8);
  assert_int_equal(counter(world, "443", LB_OVERFLOWS), 0);
}

static void overflow_early(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0)
    kernel->overflows++; /* and the drop follows in a moment */
}

static void an_overflow_counted_before_its_drop_waits(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  kernel->before = overflow_early;
  look(world);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 0);
  kernel->before = NULL;
  noise(kernel, 1, 1);
  kernel->drops++;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 1);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 1);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void an_overflow_without_a_drop_waits_for_one_look(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  kernel->overflows++;
  look(world);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
  kernel->overflows++;
  look(world);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 1);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 1);
  look(world);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 2);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 2);
}

/* --- failures ------------------------------------------------------------ */

static void a_failed_look_is_made_up_for(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 3);
  kernel->dump_err = -ENOBUFS;
  assert_int_equal(try_look(world, &troubles), -ENOBUFS);
  overflow(kernel, 1, 4);
  assert_int_equal(try_look(world, &troubles), -ENOBUFS);
  kernel->dump_err = 0;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 7);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void fail_after_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0) {
    overflow(kernel, 1, 5);
    kernel->dump_err = -ENOBUFS;
  }
}

static void a_look_that_fails_half_way_is_made_up_for(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 3);
  kernel->before = fail_after_netstat;
  assert_int_equal(try_look(world, &troubles), -ENOBUFS);
  kernel->before = NULL;
  kernel->dump_err = 0;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 8);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void without_netstat_there_are_gauges_only(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 3);
  kernel->netstat_err = -EACCES;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.netstat, -EACCES);
  assert_readings(
      world, ": somaxconn 4096\n"
             "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0\n");
  overflow(kernel, 1, 4);
  kernel->netstat_err = 0;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 7);
}

static void without_netstat_from_the_start_counting_starts_later(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_on(kernel, 1, 80);
  kernel->netstat_err = -ENOENT;
  assert_int_equal(try_look(world, &troubles), 0);
  overflow(kernel, 1, 4);
  kernel->netstat_err = 0;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 0);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 4);
}

static void without_somaxconn_the_rest_is_there(void **state) {
  struct world *world = *state;
  struct lb_sample_errors troubles;
  listen_on(&world->kernel, 1, 80);
  world->kernel.somaxconn = 0;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.somaxconn, -EACCES);
  assert_readings(world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0\n"
                         "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
                         "full 0 drops 0 overflows 0\n");
}

static void a_kernel_without_sk_drops_has_no_shares(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80)->has_drops = false;
  look(world);
  world->kernel.overflows = world->kernel.drops = 9;
  look(world);
  assert_readings(
      world, ": drops 9 overflows 9 syn_drops 0 syncookies_sent 0 "
             "overflows_unattributed 9 somaxconn 4096\n"
             "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0\n");
}

static void a_kernel_without_a_counter_sends_none(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  world->kernel.no_overflows = true;
  look(world);
  assert_readings(
      world, ": drops 0 syn_drops 0 syncookies_sent 0 somaxconn 4096\n"
             "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0\n");
}

/* --- many looks, one interval -------------------------------------------- */

static void peaks_are_those_of_all_looks(void **state) {
  struct world *world = *state;
  struct lb_listen_sock *row = listen_on(&world->kernel, 1, 80);
  static const uint32_t queues[] = {3, 9, 0};
  for (size_t i = 0; i < LEN(queues); i++) {
    row->queue = queues[i];
    glance(world);
  }
  row->queue = 1;
  look(world);
  assert_listeners(world, "80: queue 1 limit 8 peak 9 busy 75 fill 100 sockets "
                          "1 full 1 drops 0 overflows 0\n");
  row->queue = 0;
  glance(world);
  row->queue = 2;
  look(world);
  assert_listeners(world,
                   "80: queue 2 limit 8 peak 2 busy 50 fill 22.2222222222222 "
                   "sockets 1 full 0 drops 0 overflows 0\n");
}

static void a_failed_look_at_the_end_loses_no_peak(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  struct lb_listen_sock *row = listen_on(kernel, 1, 80);
  look(world);
  row->queue = 9;
  glance(world);
  row->queue = 0;
  kernel->dump_err = -ENOBUFS;
  assert_int_equal(try_look(world, &troubles), -ENOBUFS);
  kernel->dump_err = 0;
  look(world);
  assert_listeners(world, "80: queue 0 limit 8 peak 9 busy 50 fill 100 sockets "
                          "1 full 1 drops 0 overflows 0\n");
  look(world);
  assert_listeners(world, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
                          "full 0 drops 0 overflows 0\n");
}

static void drop_before_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0) {
    overflow(kernel, 1, 5);
    kernel->dump_err = -ENOBUFS;
  }
}

static void an_end_that_fails_half_way_loses_no_peak(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_on(kernel, 1, 80)->queue = 9;
  look(world);
  glance(world);
  socket_of(kernel, 1)->queue = 0;
  kernel->before = drop_before_netstat;
  assert_int_equal(try_look(world, &troubles), -ENOBUFS);
  kernel->before = NULL;
  kernel->dump_err = 0;
  look(world);
  assert_listeners(world,
                   "80: queue 0 limit 8 peak 9 busy 33.3333333333333 fill 100 "
                   "sockets 1 full 1 drops 5 overflows 5\n");
}

static void two_that_overflow_at_different_looks_get_their_own(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 443);
  look(world);
  overflow(kernel, 1, 10);
  glance(world);
  noise(kernel, 2, 90); /* beside which 10 would be next to nothing */
  glance(world);
  overflow(kernel, 2, 5);
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 10);
  assert_int_equal(counter(world, "443", LB_OVERFLOWS), 5);
  assert_int_equal(counter(world, "443", LB_DROPS), 5);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

static void each_member_that_was_full_counts_once(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  for (uint64_t cookie = 1; cookie <= 3; cookie++)
    listen_on(kernel, cookie, 80);
  for (int i = 0; i < 2; i++) {
    socket_of(kernel, 1)->queue = 9;
    socket_of(kernel, 2)->queue = 0;
    glance(world);
    socket_of(kernel, 1)->queue = 0;
    socket_of(kernel, 2)->queue = 9;
    glance(world);
    glance(world);
    look(world);
    assert_listeners(world,
                     "80: queue 9 limit 24 peak 9 busy 100 fill 100 sockets 3 "
                     "full 2 drops 0 overflows 0\n");
  }
}

static void a_socket_that_was_full_and_is_gone_still_counts(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  assert_int_equal(lb_settings_add_port(&world->settings, 443), 0);
  restart(world);
  listen_on(kernel, 1, 80)->queue = 9;
  listen_on(kernel, 2, 80);
  listen_on(kernel, 3, 443)->queue = 9;
  glance(world);
  close_socket(kernel, 1);
  close_socket(kernel, 3);
  look(world);
  assert_listeners(world,
                   "443: peak 9 busy 100 fill 100 sockets 0 full 1 drops 0 "
                   "overflows 0\n"
                   "80: queue 0 limit 8 peak 9 busy 50 fill 100 sockets 1 full "
                   "1 drops 0 overflows 0\n");
}

/* --- UNIX sockets -------------------------------------------------------- */

static void assert_clash(struct world *world, const char *want) {
  struct text got = {.len = 0};
  say_clash(&got, lb_collector_conflict(world->survey));
  assert_string_equal(got.at, want);
}

static void listen_to_paths(struct world *world) {
  world->settings.listening_paths = true;
  restart(world);
}

static void unix_sockets_are_reported_without_counters(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_unix_name selected = path("@app"), ignored = path("/run/noise");
  assert_int_equal(lb_settings_add_unix_name(&world->settings, &selected), 0);
  assert_int_equal(lb_settings_ignore_unix_name(&world->settings, &ignored), 0);
  listen_to_paths(world);
  listen_at(kernel, 1, "/run/a.sock")->queue = 9;
  listen_at(kernel, 2, "/run/noise")->queue = 9;
  listen_on(kernel, 3, 80);
  look(world);
  assert_listeners(world,
                   "@app: sockets 0\n"
                   "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0 "
                   "drops 0 overflows 0\n"
                   "run-a.sock: queue 9 limit 8 peak 9 busy 100 fill 100 "
                   "sockets 1 full 1\n");
  listen_at(kernel, 4, "@app")->queue = 2;
  socket_of(kernel, 1)->queue = 0;
  glance(world);
  close_socket(kernel, 1);
  look(world);
  assert_listeners(world,
                   "@app: queue 2 limit 8 peak 2 busy 100 fill "
                   "22.2222222222222 sockets 1 full 0\n"
                   "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0 "
                   "drops 0 overflows 0\n");
}

static void nobody_asks_for_unix_sockets_that_nobody_wants(void **state) {
  struct world *world = *state;
  listen_at(&world->kernel, 1, "/run/a");
  world->kernel.paths_err = -ENOENT;
  look(world);
  assert_int_equal(world->kernel.path_dumps, 0);
  assert_listeners(world, "");
}

static void a_service_of_ports_and_paths_is_their_sum(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_unix_name name = path("/run/api");
  struct lb_ports port = {80, 80};
  const struct lb_selection service = {.label = "api",
                                       .ports = &port,
                                       .ports_len = 1,
                                       .unix_names = &name,
                                       .unix_names_len = 1};
  assert_int_equal(lb_settings_add(&world->settings, &service), 0);
  restart(world);
  listen_on(kernel, 1, 80)->queue = 1;
  listen_at(kernel, 2, "/run/api")->queue = 4;
  look(world);
  overflow(kernel, 1, 3);
  look(world);
  assert_listeners(world,
                   "api: queue 5 limit 16 peak 5 busy 100 fill "
                   "44.4444444444444 sockets 2 full 0 drops 3 overflows 3\n");
}

static void a_server_that_comes_back_to_its_path_has_its_label(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_to_paths(world);
  listen_at(kernel, 1, "/run/a");
  look(world);
  close_socket(kernel, 1);
  look(world);
  assert_listeners(world, "");
  listen_at(kernel, 2, "/run/a")->queue = 1;
  for (int i = 0; i < 10; i++) /* until the first one is forgotten */
    look(world);
  assert_listeners(world, "run-a: queue 1 limit 8 peak 1 busy 100 fill "
                          "11.1111111111111 sockets 1 full 0\n");
  assert_clash(world, "");
}

static void two_sources_of_one_label_are_told_of(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_to_paths(world);
  listen_on(kernel, 1, 80);
  listen_at(kernel, 2, "/80")->queue = 1;
  listen_at(kernel, 3, "/a/b")->queue = 2;
  listen_at(kernel, 4, "/a-b")->queue = 3;
  look(world);
  assert_listeners(world,
                   "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0 "
                   "drops 0 overflows 0\n"
                   "a-b: queue 2 limit 8 peak 2 busy 100 fill "
                   "22.2222222222222 sockets 1 full 0\n");
  assert_clash(world, "80 of the UNIX socket \"/80\": taken, 2 in all\n");
  look(world);
  assert_clash(world, "");
}

static void say_socket(void *data, const struct lb_listen_sock *row,
                       const struct lb_unix_name *name) {
  if (name)
    say_path(data, name);
  else
    say(data, "%u", (unsigned)row->port);
  say(data, " %u\n", (unsigned)row->cookie);
}

static void the_sockets_that_count_are_listed_with_their_names(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_unix_name ignored = path("/run/noise");
  lb_portset_add(&world->settings.ignored, 22);
  assert_int_equal(lb_settings_ignore_unix_name(&world->settings, &ignored), 0);
  listen_to_paths(world);
  listen_on(kernel, 1, 22);
  listen_on(kernel, 2, 80);
  listen_on(kernel, 3, 81);
  listen_at(kernel, 4, "/run/noise");
  listen_at(kernel, 5, "@a");
  listen_at(kernel, 6, "/80"); /* has no label */
  look(world);
  close_socket(kernel, 3);
  look(world);
  struct text got = {.len = 0};
  lb_collector_visit_sockets(world->survey, say_socket, &got);
  assert_string_equal(got.at, "80 2\n\"\\x00a\" 5\n");
}

/* --- where UNIX sockets cannot be asked for ------------------------------ */

static void what_cannot_be_asked_for_costs_only_itself(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_to_paths(world);
  listen_on(kernel, 1, 80);
  listen_at(kernel, 2, "/run/a")->queue = 1;
  look(world);
  kernel->paths_err = -ENOENT;
  int dumps = kernel->dumps;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.unix_sockets, -ENOENT);
  assert_int_equal(kernel->dumps, dumps + 1); /* nobody is missed */
  assert_listeners(world, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
                          "full 0 drops 0 overflows 0\n");
  struct text got = {.len = 0};
  lb_collector_visit_sockets(world->survey, say_socket, &got);
  assert_string_equal(got.at, "80 1\n");
  kernel->paths_err = 0;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.unix_sockets, 0);
  assert_listeners(world, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
                          "full 0 drops 0 overflows 0\n"
                          "run-a: queue 1 limit 8 peak 1 busy 100 fill "
                          "11.1111111111111 sockets 1 full 0\n");
}

static void and_only_the_look(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_to_paths(world);
  listen_at(kernel, 1, "/run/a")->queue = 9;
  glance(world);
  kernel->paths_err = -ENOBUFS;
  glance(world);
  kernel->paths_err = 0;
  socket_of(kernel, 1)->queue = 0;
  look(world);
  assert_listeners(world, "run-a: queue 0 limit 8 peak 9 busy 50 fill 100 "
                          "sockets 1 full 1\n");
}

static void nor_is_a_name_forgotten_meanwhile(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_to_paths(world);
  listen_at(kernel, 1, "/run/a");
  look(world);
  kernel->paths_err = -ENOBUFS;
  for (int i = 0; i < 20; i++)
    assert_int_equal(try_look(world, &troubles), 0);
  kernel->paths_err = 0;
  size_t before = memory.calls;
  look(world);
  assert_int_equal(memory.calls, before);
  assert_listeners(world, "run-a: queue 0 limit 8 peak 0 busy 0 fill 0 sockets "
                          "1 full 0\n");
}

/* A port and a path under one name, both of which are there. */
static void select_both(struct world *world) {
  struct lb_unix_name name = path("/run/api");
  struct lb_ports port = {80, 80};
  const struct lb_selection service = {.label = "api",
                                       .ports = &port,
                                       .ports_len = 1,
                                       .unix_names = &name,
                                       .unix_names_len = 1};
  assert_int_equal(lb_settings_add(&world->settings, &service), 0);
  restart(world);
  listen_on(&world->kernel, 1, 80);
  listen_at(&world->kernel, 2, "/run/api");
}

static void a_port_seen_full_meanwhile_counts_for_a_service(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  select_both(world);
  socket_of(kernel, 1)->queue = 9;
  kernel->paths_err = -ENOBUFS;
  glance(world);
  kernel->paths_err = 0;
  look(world);
  assert_listeners(world, "api: queue 9 limit 16 peak 9 busy 100 fill 100 "
                          "sockets 2 full 1 drops 0 overflows 0\n");
}

static void a_hint_waits_until_it_can_be_given(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  select_both(world);
  socket_of(kernel, 1)->limit = socket_of(kernel, 2)->limit = 4096;
  glance(world);
  kernel->paths_err = -ENOBUFS;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_listeners(world, "");
  kernel->paths_err = 0;
  look(world);
  assert_listeners(
      world, "api: queue 0 limit 8192 peak 0 busy 0 fill 0 sockets 2 full "
             "0 drops 0 overflows 0 [at_somaxconn 2 somaxconn_raised 0]\n");
}

static void fail_paths_after_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0) {
    overflow(kernel, 1, 5);
    kernel->paths_err = -ENOBUFS;
  }
}

static void what_moves_meanwhile_asks_for_no_unix_sockets(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  listen_to_paths(world);
  listen_on(kernel, 1, 80);
  listen_at(kernel, 2, "/run/a");
  look(world);
  kernel->before = fail_paths_after_netstat;
  int dumps = kernel->dumps, path_dumps = kernel->path_dumps;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(kernel->dumps, dumps + 2);
  assert_int_equal(kernel->path_dumps, path_dumps + 1);
  assert_int_equal(troubles.unix_sockets, 0);
  assert_listeners(world,
                   "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full 0 "
                   "drops 5 overflows 5\n"
                   "run-a: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full "
                   "0\n");
  struct text got = {.len = 0};
  lb_collector_visit_sockets(world->survey, say_socket, &got);
  assert_string_equal(got.at, "80 1\n\"/run/a\" 2\n");
  kernel->before = NULL;
  kernel->paths_err = 0;
  dumps = kernel->dumps;
  look(world);
  assert_int_equal(kernel->dumps, dumps + 1);
}

/* --- names without end --------------------------------------------------- */

enum { AT_ONCE = 50 };

static void name_of(char name[static 32], unsigned round, unsigned i) {
  snprintf(name, 32, "/run/worker-%u-%u", round, i);
}

static void check_name(void *data, const struct lb_listen_sock *row,
                       const struct lb_unix_name *name) {
  unsigned round = *(const unsigned *)data;
  char want[32];
  name_of(want, round, (unsigned)(row->cookie % AT_ONCE));
  assert_int_equal(name->len, strlen(want));
  assert_memory_equal(name->bytes, want, name->len);
}

static void count_reading(void *data, const struct lb_readings *reading) {
  size_t *count = data;
  *count += !reading->is_namespace;
}

/* Sockets of new names, in the place of all others. */
static void replace_sockets(struct kernel *kernel, unsigned round) {
  char name[32];
  kernel->len = 0;
  for (unsigned i = 0; i < AT_ONCE; i++) {
    name_of(name, round, i);
    listen_at(kernel, (uint64_t)round * AT_ONCE + i, name);
  }
}

static void names_that_come_and_go_take_no_more_memory(void **state) {
  struct world *world = *state;
  enum { ROUNDS = 200, SETTLED = 20 };
  listen_to_paths(world);
  for (unsigned round = 1; round <= ROUNDS; round++) {
    size_t count = 0;
    if (round == SETTLED)
      memory.largest = 0;
    replace_sockets(&world->kernel, round);
    glance(world);
    look(world);
    lb_collector_visit_readings(world->survey, count_reading, &count);
    assert_int_equal(count, AT_ONCE);
    lb_collector_visit_sockets(world->survey, check_name, &round);
  }
  assert_in_range(memory.largest, 1, 64); /* names, but no array has grown */
  assert_clash(world, "");
  for (unsigned round = 1; round < ROUNDS - 10; round++) {
    const char *label;
    char name[32];
    name_of(name, round, round % AT_ONCE);
    name[4] = '-';
    assert_int_equal(lb_label_registry_claim(world->labels, name + 1, &label),
                     0);
    lb_label_registry_release(world->labels, label);
  }
}

static void a_selected_name_is_known_when_it_comes_back(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_unix_name selected = path("/run/app");
  assert_int_equal(lb_settings_add_unix_name(&world->settings, &selected), 0);
  listen_to_paths(world);
  listen_at(kernel, 1, "/run/app");
  listen_at(kernel, 2, "/run/a");
  look(world);
  kernel->len = 0;
  for (int i = 0; i < 10; i++) /* until both are forgotten */
    look(world);
  listen_at(kernel, 3, "/run/b");
  listen_at(kernel, 4, "/run/app")->queue = 1;
  look(world);
  assert_listeners(world,
                   "run-app: queue 1 limit 8 peak 1 busy 100 fill "
                   "11.1111111111111 sockets 1 full 0\n"
                   "run-b: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full "
                   "0\n");
}

/* --- other namespaces ---------------------------------------------------- */

static void go_to_blue(struct world *world) {
  const struct lb_netns_spec *spec = add_netns(&world->settings, "blue", true);
  world->scope = (struct lb_netns_ref){.path = spec->path, .label = "blue"};
  restart(world);
}

static void elsewhere_labels_begin_with_the_namespace(void **state) {
  struct world *world = *state;
  go_to_blue(world);
  listen_on(&world->kernel, 1, 80)->queue = 1;
  look(world);
  assert_readings(world, "blue: drops 0 overflows 0 syn_drops 0 "
                         "syncookies_sent 0 overflows_unattributed 0 "
                         "somaxconn 4096\n"
                         "blue:80: queue 1 limit 8 peak 1 busy 100 fill "
                         "11.1111111111111 sockets 1 full 0 drops 0 "
                         "overflows 0\n");
}

static void a_namespace_without_a_label_of_its_own_is_told_of(void **state) {
  struct world *world = *state;
  const char *taken;
  assert_int_equal(lb_label_registry_claim(world->labels, "blue", &taken), 0);
  go_to_blue(world);
  listen_on(&world->kernel, 1, 80);
  look(world);
  assert_readings(world,
                  "blue:80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets "
                  "1 full 0 drops 0 overflows 0\n");
  assert_clash(world, "blue of the network namespace: taken, 1 in all\n");
}

static void another_in_its_place_goes_on_counting(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel, other = new_kernel();
  kernel->overflows = kernel->drops = 100;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 7);
  look(world);
  other.cookies = 2;
  listen_on(&other, 1, 80)->queue = 9; /* by chance with the same cookie */
  overflow(&other, 1, 3);
  lb_collector_rebind(world->survey, &other.source);
  look(world);
  assert_readings(world, ": drops 110 overflows 110 syn_drops 0 "
                         "syncookies_sent 2 overflows_unattributed 100 "
                         "somaxconn 4096\n"
                         "80: queue 9 limit 8 peak 9 busy 100 fill 100 sockets "
                         "1 full 1 drops 10 overflows 10\n");
  overflow(&other, 1, 1);
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 11);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 111);
}

/* Cookies are of the kernel, but a namespace restored from a checkpoint may
 * bring its own. */
static void no_socket_there_is_taken_for_one_of_the_other(void **state) {
  struct world *world = *state;
  struct kernel other = new_kernel();
  listen_on(&world->kernel, 1, 443);
  look(world);
  overflow(&world->kernel, 1, 7);
  look(world);
  listen_on(&other, 1, 443); /* has not moved by -7 */
  listen_on(&other, 2, 80);
  overflow(&other, 2, 3);
  lb_collector_rebind(world->survey, &other.source);
  look(world);
  assert_int_equal(counter(world, "443", LB_OVERFLOWS), 7);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 3);
}

static void an_overflow_there_waits_for_its_drop_as_well(void **state) {
  struct world *world = *state;
  struct kernel other = new_kernel();
  listen_on(&world->kernel, 1, 80);
  overflow(&world->kernel, 1, 100);
  look(world);
  listen_on(&other, 2, 80);
  overflow(&other, 2, 3);
  other.overflows++;
  lb_collector_rebind(world->survey, &other.source);
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 3);
  assert_int_equal(counter(world, "", LB_OVERFLOWS), 103);
  noise(&other, 2, 1);
  other.drops++;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 4);
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 100);
}

static void what_listened_in_the_other_one_is_forgotten(void **state) {
  struct world *world = *state;
  struct kernel other = new_kernel();
  const char *label;
  listen_to_paths(world);
  listen_at(&world->kernel, 1, "/run/a")->queue = 1;
  listen_at(&world->kernel, 2, "/run/b");
  glance(world);
  listen_at(&other, 1, "/run/b");
  lb_collector_rebind(world->survey, &other.source);
  look(world);
  assert_listeners(world, "run-b: queue 0 limit 8 peak 0 busy 0 fill 0 sockets "
                          "1 full 0\n");
  assert_int_equal(lb_label_registry_claim(world->labels, "run-b", &label),
                   -EEXIST);
  assert_int_equal(lb_label_registry_claim(world->labels, "run-a", &label), 0);
  lb_label_registry_release(world->labels, label);
}

/* --- hints --------------------------------------------------------------- */

static void a_limit_that_equals_somaxconn_is_hinted_at_once(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->limit = 128;
  listen_on(kernel, 2, 80)->limit = 128;
  listen_on(kernel, 3, 443)->limit = 127;
  kernel->somaxconn = 128;
  look(world);
  assert_readings(
      world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
             "overflows_unattributed 0 somaxconn 128\n"
             "80: queue 0 limit 256 peak 0 busy 0 fill 0 sockets 2 "
             "full 0 drops 0 overflows 0 [at_somaxconn 2 somaxconn_raised 0]\n"
             "443: queue 0 limit 127 peak 0 busy 0 fill 0 sockets "
             "1 full 0 drops 0 overflows 0\n");
  listen_on(kernel, 4, 443)->limit = 128;
  look(world);
  assert_readings(
      world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
             "overflows_unattributed 0 somaxconn 128\n"
             "80: queue 0 limit 256 peak 0 busy 0 fill 0 sockets 2 full 0 "
             "drops 0 overflows 0\n"
             "443: queue 0 limit 255 peak 0 busy 0 fill 0 sockets 2 full "
             "0 drops 0 overflows 0 [at_somaxconn 1 somaxconn_raised 0]\n");
}

static void a_raised_somaxconn_is_hinted_at_until_listen(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->limit = 128;
  listen_on(kernel, 2, 443)->limit = 128;
  kernel->somaxconn = 128;
  look(world);
  kernel->somaxconn = 1024;
  socket_of(kernel, 2)->limit = 1024; /* called listen() again */
  look(world);
  assert_readings(
      world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
             "overflows_unattributed 0 somaxconn 1024\n"
             "80: queue 0 limit 128 peak 0 busy 0 fill 0 sockets 1 "
             "full 0 drops 0 overflows 0 [at_somaxconn 0 somaxconn_raised 1]\n"
             "443: queue 0 limit 1024 peak 0 busy 0 fill 0 sockets "
             "1 full 0 drops 0 overflows 0\n");
  look(world);
  assert_readings(world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0 somaxconn 1024\n"
                         "80: queue 0 limit 128 peak 0 busy 0 fill 0 sockets 1 "
                         "full 0 drops 0 overflows 0\n"
                         "443: queue 0 limit 1024 peak 0 busy 0 fill 0 sockets "
                         "1 full 0 drops 0 overflows 0\n");
}

static void a_unix_socket_is_hinted_at_as_well(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_to_paths(world);
  listen_at(kernel, 1, "/run/a")->limit = 4096;
  listen_at(kernel, 2, "/run/b")->limit = 4095;
  look(world);
  assert_listeners(world,
                   "run-a: queue 0 limit 4096 peak 0 busy 0 fill 0 sockets 1 "
                   "full 0 [at_somaxconn 1 somaxconn_raised 0]\n"
                   "run-b: queue 0 limit 4095 peak 0 busy 0 fill 0 sockets 1 "
                   "full 0\n");
  kernel->somaxconn = 8192;
  glance(world);
  look(world);
  assert_listeners(world,
                   "run-a: queue 0 limit 4096 peak 0 busy 0 fill 0 sockets 1 "
                   "full 0 [at_somaxconn 0 somaxconn_raised 1]\n"
                   "run-b: queue 0 limit 4095 peak 0 busy 0 fill 0 sockets 1 "
                   "full 0\n");
}

static void listen_after_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0 && kernel->len == 1) {
    listen_on(kernel, 2, 443)->limit = 4096;
    overflow(kernel, 2, 1);
  }
}

static void a_socket_that_the_end_finds_is_hinted_at_by_the_next(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  kernel->before = listen_after_netstat;
  look(world);
  assert_listeners(world, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
                          "full 0 drops 0 overflows 0\n");
  look(world);
  assert_listeners(
      world, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 "
             "full 0 drops 0 overflows 0\n"
             "443: queue 0 limit 4096 peak 0 busy 0 fill 0 sockets "
             "1 full 0 drops 1 overflows 1 [at_somaxconn 1 somaxconn_raised "
             "0]\n");
}

/* --- cost ---------------------------------------------------------------- */

static void the_steady_state_allocates_nothing(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  for (uint16_t i = 1; i <= 40; i++)
    listen_on(kernel, i, i);
  look(world);
  overflow(kernel, 5, 1);
  look(world);
  assert_true(memory.calls > 0);
  size_t before = memory.calls;
  for (int i = 0; i < 100; i++) {
    overflow(kernel, 5, 2);
    noise(kernel, 7, 3);
    look(world);
  }
  assert_int_equal(memory.calls, before);
}

static void many_looks_at_unix_sockets_allocate_nothing_either(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_sample_errors troubles;
  struct lb_inspection walk = {0};
  char name[32];
  listen_to_paths(world);
  for (uint16_t i = 1; i <= 20; i++) {
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
      glance(world);
    }
    assert_int_equal(lb_collector_plan_inspection(world->survey, &walk), 0);
    uint64_t cost_ns = 0;
    lb_inspection_run(&walk, &kernel->source, &cost_ns);
    glance(world);
    assert_true(walk.done);
    assert_int_equal(lb_collector_take_inspection(world->survey, &walk), 0);
    assert_int_equal(
        lb_collector_end_interval(world->survey, world->now_ms, &troubles), 0);
  }
  assert_int_equal(memory.calls, before);
  assert_int_equal(kernel->walks, 100);
  lb_inspection_free(&walk);
}

static void a_quiet_look_reads_no_counters(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  look(world);
  int dumps = world->kernel.dumps, netstats = world->kernel.netstats;
  assert_int_equal(lb_collector_sample(world->survey, world->now_ms + 1), 0);
  assert_int_equal(world->kernel.dumps, dumps + 1);
  assert_int_equal(world->kernel.netstats, netstats);
}

/* --- out of memory ------------------------------------------------------- */

static void without_memory_there_is_no_survey(void **state) {
  struct world *world = *state;
  size_t refused = 0;
  assert_int_equal(lb_settings_add_port(&world->settings, 80), 0);
  lb_collector_free(world->survey);
  for (int err = -ENOMEM; err; refused++) {
    world->survey = NULL;
    memory.fails = refused + 1;
    err = start(world);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  assert_in_range(refused, 5, 50);
  look(world);
  assert_listeners(world, "80: sockets 0 drops 0 overflows 0\n");
  assert_clash(world, "");
}

/* Two looks at new sockets, the first of which one allocation is refused to. */
static bool look_without_memory(struct world *world, size_t fails,
                                struct text *got) {
  struct lb_sample_errors troubles;
  restart(world);
  memory.fails = fails;
  int err = try_look(world, &troubles);
  bool refused = memory.fails == 0;
  memory.fails = 0;
  if (err)
    assert_int_equal(err, -ENOMEM);
  else if (refused)
    assert_int_equal(troubles.unix_sockets, -ENOMEM);
  look(world);
  *got = (struct text){.len = 0};
  lb_collector_visit_readings(world->survey, say_listener, got);
  assert_clash(world, "");
  return refused;
}

static void without_memory_a_look_is_made_up_for(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  static struct text want, got;
  char name[32];
  world->settings.listening_paths = true;
  for (uint16_t i = 1; i <= 20; i++) {
    name_of(name, 0, i);
    listen_on(kernel, i, i);
    listen_at(kernel, 100 + i, name);
  }
  assert_false(look_without_memory(world, 10000, &want));
  size_t fails = 1;
  while (look_without_memory(world, fails, &got)) {
    assert_string_equal(got.at, want.at);
    fails++;
  }
  assert_in_range(fails, 30, 1000);
}

/* --- all at once --------------------------------------------------------- */

static uint64_t next_cookie = 1000;

/* Between any two reads anything may happen to any socket. */
static void live(struct kernel *kernel, const char *read) {
  (void)read;
  unsigned *seed = &kernel->seed;
  for (int events = rand_r(seed) % 6; events > 0; events--) {
    if (kernel->len == 0 || (kernel->len < 12 && rand_r(seed) % 8 == 0))
      listen_on(kernel, ++next_cookie, (uint16_t)(80 + rand_r(seed) % 4));
    uint64_t cookie =
        kernel->sockets[(size_t)rand_r(seed) % kernel->len].row.cookie;
    switch (rand_r(seed) % 8) {
    case 0:
      close_socket(kernel, cookie);
      break;
    case 1:
      noise(kernel, cookie, (uint32_t)rand_r(seed) % 50);
      break;
    case 2:
      kernel->hidden = cookie;
      break;
    case 3:
      kernel->drops += 2;
      noise(kernel, cookie, 4);
      break;
    case 4:
      socket_of(kernel, cookie)->queue = (uint32_t)rand_r(seed) % 11;
      break;
    default:
      overflow(kernel, cookie, (uint32_t)rand_r(seed) % 20);
    }
  }
}

struct sums {
  uint64_t overflows, drops;
};

static void sum_up(void *data, const struct lb_readings *reading) {
  struct sums *sums = data;
  bool of_namespace = !*reading->label;
  if (of_namespace) {
    sums->overflows += reading->values.v[LB_OVERFLOWS_UNATTRIBUTED].counter;
    return;
  }
  sums->overflows += reading->values.v[LB_OVERFLOWS].counter;
  sums->drops += reading->values.v[LB_DROPS].counter;
}

static void select_ports(struct world *world, uint16_t first, uint16_t last) {
  for (uint16_t port = first; port <= last; port++)
    assert_int_equal(lb_settings_add_port(&world->settings, port), 0);
  restart(world);
}

static void
shares_and_unattributed_are_the_kernels_number_at_all_times(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  select_ports(world, 80, 83);
  kernel->before = live;
  struct sums before = {0};
  for (int i = 0; i < 20000; i++) {
    struct lb_sample_errors troubles;
    kernel->dump_err = rand_r(&kernel->seed) % 20 ? 0 : -ENOBUFS;
    kernel->netstat_err = rand_r(&kernel->seed) % 20 ? 0 : -EACCES;
    for (int looks = rand_r(&kernel->seed) % 3; looks > 0; looks--)
      lb_collector_sample(world->survey, ++world->now_ms);
    if (try_look(world, &troubles) || troubles.netstat)
      continue;
    struct sums sums = {0};
    lb_collector_visit_readings(world->survey, sum_up, &sums);
    assert_int_equal(sums.overflows, counter(world, "", LB_OVERFLOWS));
    assert_true(sums.drops <= counter(world, "", LB_DROPS));
    assert_true(sums.drops >= before.drops);
    assert_true(sums.overflows >= before.overflows);
    before = sums;
  }
  assert_true(before.overflows > 100000);
}

static void live_alone(struct kernel *kernel, const char *read) {
  (void)read;
  overflow(kernel, 1, (uint32_t)rand_r(&kernel->seed) % 3);
  noise(kernel, 1, (uint32_t)rand_r(&kernel->seed) % 3);
}

static void a_culprit_alone_gets_everything_at_all_times(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 81);
  look(world);
  kernel->before = live_alone;
  for (int i = 0; i < 20000; i++) {
    look(world);
    assert_int_equal(counter(world, "80", LB_OVERFLOWS),
                     counter(world, "", LB_OVERFLOWS));
  }
  assert_int_equal(counter(world, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_WORLD(a_look_gives_all_readings),
      IN_WORLD(what_was_counted_before_the_first_look_is_nobodys),
      IN_WORLD(one_culprit_gets_exactly_its_own),
      IN_WORLD(noise_alone_is_neither_drop_nor_overflow),
      IN_WORLD(a_full_socket_comes_before_a_noisy_one),
      IN_WORLD(sk_drops_wraps_at_32_bits),
      IN_WORLD(counters_of_a_32_bit_kernel_wrap),
      IN_WORLD(counters_never_go_back),
      IN_WORLD(a_restarted_server_goes_on_counting),
      IN_WORLD(a_selected_listener_that_is_away_sends_its_counters),
      IN_WORLD(a_found_port_that_is_away_is_silent_and_comes_back),
      IN_WORLD(a_socket_that_one_dump_misses_is_not_gone),
      IN_WORLD(a_socket_that_two_dumps_miss_is_not_gone),
      IN_WORLD(a_socket_back_from_shutdown_does_not_count_anew),
      IN_WORLD(what_happens_between_dump_and_counters_is_found),
      IN_WORLD(what_happens_after_the_counters_is_found_in_the_next_look),
      IN_WORLD(a_scan_beside_an_overload_gets_nothing),
      IN_WORLD(an_overflow_counted_before_its_drop_waits),
      IN_WORLD(an_overflow_without_a_drop_waits_for_one_look),
      IN_WORLD(a_failed_look_is_made_up_for),
      IN_WORLD(a_look_that_fails_half_way_is_made_up_for),
      IN_WORLD(without_netstat_there_are_gauges_only),
      IN_WORLD(without_netstat_from_the_start_counting_starts_later),
      IN_WORLD(without_somaxconn_the_rest_is_there),
      IN_WORLD(a_kernel_without_sk_drops_has_no_shares),
      IN_WORLD(a_kernel_without_a_counter_sends_none),
      IN_WORLD(peaks_are_those_of_all_looks),
      IN_WORLD(a_failed_look_at_the_end_loses_no_peak),
      IN_WORLD(an_end_that_fails_half_way_loses_no_peak),
      IN_WORLD(two_that_overflow_at_different_looks_get_their_own),
      IN_WORLD(each_member_that_was_full_counts_once),
      IN_WORLD(a_socket_that_was_full_and_is_gone_still_counts),
      IN_WORLD(unix_sockets_are_reported_without_counters),
      IN_WORLD(nobody_asks_for_unix_sockets_that_nobody_wants),
      IN_WORLD(a_service_of_ports_and_paths_is_their_sum),
      IN_WORLD(a_server_that_comes_back_to_its_path_has_its_label),
      IN_WORLD(two_sources_of_one_label_are_told_of),
      IN_WORLD(the_sockets_that_count_are_listed_with_their_names),
      IN_WORLD(what_cannot_be_asked_for_costs_only_itself),
      IN_WORLD(and_only_the_look),
      IN_WORLD(nor_is_a_name_forgotten_meanwhile),
      IN_WORLD(a_port_seen_full_meanwhile_counts_for_a_service),
      IN_WORLD(a_hint_waits_until_it_can_be_given),
      IN_WORLD(what_moves_meanwhile_asks_for_no_unix_sockets),
      IN_WORLD(names_that_come_and_go_take_no_more_memory),
      IN_WORLD(a_selected_name_is_known_when_it_comes_back),
      IN_WORLD(elsewhere_labels_begin_with_the_namespace),
      IN_WORLD(a_namespace_without_a_label_of_its_own_is_told_of),
      IN_WORLD(another_in_its_place_goes_on_counting),
      IN_WORLD(no_socket_there_is_taken_for_one_of_the_other),
      IN_WORLD(an_overflow_there_waits_for_its_drop_as_well),
      IN_WORLD(what_listened_in_the_other_one_is_forgotten),
      IN_WORLD(a_limit_that_equals_somaxconn_is_hinted_at_once),
      IN_WORLD(a_raised_somaxconn_is_hinted_at_until_listen),
      IN_WORLD(a_unix_socket_is_hinted_at_as_well),
      IN_WORLD(a_socket_that_the_end_finds_is_hinted_at_by_the_next),
      IN_WORLD(the_steady_state_allocates_nothing),
      IN_WORLD(many_looks_at_unix_sockets_allocate_nothing_either),
      IN_WORLD(a_quiet_look_reads_no_counters),
      IN_WORLD(without_memory_there_is_no_survey),
      IN_WORLD(without_memory_a_look_is_made_up_for),
      IN_WORLD(shares_and_unattributed_are_the_kernels_number_at_all_times),
      IN_WORLD(a_culprit_alone_gets_everything_at_all_times),
  };
  return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
