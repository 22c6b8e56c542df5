// SPDX-License-Identifier: MIT
/* Looks at a scripted kernel: sockets and counters that the test moves, also
 * between the reads of one look, where a real kernel moves them, too. */
#include "survey.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the kernel ---------------------------------------------------------- */

enum { MAX_SOCKETS = 64 };

struct kernel {
  struct lb_source source; /* first: a kernel is a source */
  struct lb_row sockets[MAX_SOCKETS];
  size_t len;
  uint64_t drops, overflows; /* ListenDrops, ListenOverflows */
  uint64_t syn_drops, cookies;
  unsigned somaxconn;

  uint64_t hidden;   /* cookie that the next dumps leave out */
  int hidden_dumps;  /* so many of them; 0: one */
  int dump_err;      /* of each dump while set */
  int netstat_err;   /* of each read while set */
  bool no_overflows; /* a kernel without ListenOverflows */
  void (*before)(struct kernel *kernel, const char *read); /* or NULL */
  unsigned seed;
  int dumps; /* so far */
  int netstats;
};

static int dump(struct lb_source *source, struct lb_rows *rows) {
  struct kernel *kernel = (struct kernel *)source;
  kernel->dumps++;
  if (kernel->before)
    kernel->before(kernel, "dump");
  if (kernel->dump_err)
    return kernel->dump_err;
  for (size_t i = 0; i < kernel->len; i++) {
    if (kernel->sockets[i].cookie == kernel->hidden)
      continue;
    struct lb_row *row = lb_rows_add(rows);
    assert_non_null(row);
    *row = kernel->sockets[i];
  }
  if (--kernel->hidden_dumps <= 0)
    kernel->hidden = 0;
  return 0;
}

static ssize_t text(struct lb_source *source, enum lb_text which, char *buf,
                    size_t size) {
  struct kernel *kernel = (struct kernel *)source;
  if (which == LB_TEXT_SOMAXCONN)
    return kernel->somaxconn ? snprintf(buf, size, "%u\n", kernel->somaxconn)
                             : -EACCES;
  kernel->netstats++;
  if (kernel->before)
    kernel->before(kernel, "netstat");
  if (kernel->netstat_err)
    return kernel->netstat_err;
  return snprintf(buf, size,
                  "TcpExt: SyncookiesSent %s ListenDrops TCPReqQFullDrop\n"
                  "TcpExt: %llu %llu %llu %llu\n",
                  kernel->no_overflows ? "Other" : "ListenOverflows",
                  (unsigned long long)kernel->cookies,
                  (unsigned long long)kernel->overflows,
                  (unsigned long long)kernel->drops,
                  (unsigned long long)kernel->syn_drops);
}

static struct kernel new_kernel(void) {
  return (struct kernel){.source = {dump, text}, .somaxconn = 4096, .seed = 3};
}

static struct lb_row *listen_on(struct kernel *kernel, uint64_t cookie,
                                uint16_t port) {
  assert_true(kernel->len < MAX_SOCKETS);
  struct lb_row *row = &kernel->sockets[kernel->len++];
  *row = (struct lb_row){
      .cookie = cookie, .port = port, .limit = 8, .has_drops = true};
  return row;
}

static struct lb_row *socket_of(struct kernel *kernel, uint64_t cookie) {
  for (size_t i = 0; i < kernel->len; i++)
    if (kernel->sockets[i].cookie == cookie)
      return &kernel->sockets[i];
  fail_msg("no socket %u", (unsigned)cookie);
  return NULL;
}

static void close_socket(struct kernel *kernel, uint64_t cookie) {
  struct lb_row *row = socket_of(kernel, cookie);
  *row = kernel->sockets[--kernel->len];
}

/* n SYNs for a full accept queue */
static void overflow(struct kernel *kernel, uint64_t cookie, uint32_t n) {
  socket_of(kernel, cookie)->sk_drops += n;
  kernel->drops += n;
  kernel->overflows += n;
}

/* n bare ACKs that TCP_DEFER_ACCEPT waits out, or SYNs of a scan */
static void noise(struct kernel *kernel, uint64_t cookie, uint32_t n) {
  socket_of(kernel, cookie)->sk_drops += n;
}

/* --- the survey ---------------------------------------------------------- */

struct world {
  struct kernel kernel;
  struct lb_settings settings;
  struct lb_survey *survey;
  uint64_t now_ms;
};

static int set_up(void **state) {
  static struct world world;
  world = (struct world){.kernel = new_kernel(),
                         .settings = {.listening_ports = true}};
  *state = &world;
  return lb_survey_new(&world.settings, &world.kernel.source, &world.survey);
}

static int tear_down(void **state) {
  struct world *world = *state;
  lb_survey_free(world->survey);
  lb_settings_free(&world->settings);
  return 0;
}

static int try_look(struct world *world, struct lb_troubles *troubles) {
  world->now_ms += 10000;
  int err = lb_survey_look(world->survey, world->now_ms);
  return err ? err : lb_survey_end(world->survey, world->now_ms, troubles);
}

static void look(struct world *world) {
  struct lb_troubles troubles;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.netstat, 0);
}

struct output {
  char text[2048];
  size_t len;
};

static void print_reading(void *data, const struct lb_reading *reading) {
  struct output *out = data;
  out->len +=
      (size_t)snprintf(out->text + out->len, sizeof(out->text) - out->len,
                       "%s:", reading->label);
  for (int i = 0; i < LB_METRICS; i++) {
    const struct lb_values *values = &reading->values;
    if (!(values->present & 1u << i))
      continue;
    double value = lb_metrics[i].is_counter ? (double)values->v[i].counter
                                            : values->v[i].gauge;
    out->len +=
        (size_t)snprintf(out->text + out->len, sizeof(out->text) - out->len,
                         " %s %.15g", lb_metrics[i].name, value);
  }
  if (reading->clamped || reading->outgrown)
    out->len += (size_t)snprintf(
        out->text + out->len, sizeof(out->text) - out->len,
        " [clamped %u outgrown %u]", reading->clamped, reading->outgrown);
  out->text[out->len++] = '\n';
  out->text[out->len] = '\0';
}

static void assert_readings(struct world *world, const char *want) {
  struct output out = {.len = 0};
  lb_survey_readings(world->survey, print_reading, &out);
  assert_string_equal(out.text, want);
}

struct wanted {
  const char *label;
  enum lb_metric_id id;
  bool found;
  uint64_t counter;
};

static void pick(void *data, const struct lb_reading *reading) {
  struct wanted *wanted = data;
  if (strcmp(reading->label, wanted->label) == 0 &&
      reading->values.present & 1u << wanted->id) {
    wanted->found = true;
    wanted->counter = reading->values.v[wanted->id].counter;
  }
}

static uint64_t counter(struct world *world, const char *label,
                        enum lb_metric_id id) {
  struct wanted wanted = {.label = label, .id = id};
  lb_survey_readings(world->survey, pick, &wanted);
  if (!wanted.found)
    fail_msg("no %s of \"%s\"", lb_metrics[id].name, label);
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
  assert_readings(world,
                  ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 0 somaxconn 4096\n"
                  "80: queue 12 limit 16 fill 100 sockets 2 full 1 drops 0 "
                  "overflows 0\n"
                  "443: queue 0 limit 8 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0\n");
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
                  "80: queue 0 limit 8 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0\n");
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
  assert_int_equal(world->kernel.sockets[0].sk_drops, 3);
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
  lb_survey_free(world->survey);
  assert_int_equal(lb_settings_add_port(&world->settings, 80), 0);
  assert_int_equal(
      lb_survey_new(&world->settings, &kernel->source, &world->survey), 0);
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
  assert_readings(world,
                  ": drops 40 overflows 40 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 40 somaxconn 4096\n"
                  "80: queue 0 limit 16 fill 0 sockets 2 full 0 drops 0 "
                  "overflows 0\n");
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
                         "80: queue 0 limit 16 fill 0 sockets 2 full 0 drops 0 "
                         "overflows 0\n");
}

static void a_socket_back_from_shutdown_does_not_count_anew(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 40);
  look(world);
  struct lb_row row = *socket_of(kernel, 1);
  close_socket(kernel, 1);
  look(world);
  kernel->sockets[kernel->len++] = row;
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
  struct lb_troubles troubles;
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
  struct lb_troubles troubles;
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
  struct lb_troubles troubles;
  listen_on(kernel, 1, 80);
  look(world);
  overflow(kernel, 1, 3);
  kernel->netstat_err = -EACCES;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.netstat, -EACCES);
  assert_readings(world, ": somaxconn 4096\n"
                         "80: queue 0 limit 8 fill 0 sockets 1 full 0\n");
  overflow(kernel, 1, 4);
  kernel->netstat_err = 0;
  look(world);
  assert_int_equal(counter(world, "80", LB_OVERFLOWS), 7);
}

static void without_netstat_from_the_start_counting_starts_later(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_troubles troubles;
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
  struct lb_troubles troubles;
  listen_on(&world->kernel, 1, 80);
  world->kernel.somaxconn = 0;
  assert_int_equal(try_look(world, &troubles), 0);
  assert_int_equal(troubles.somaxconn, -EACCES);
  assert_readings(world, ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 0\n"
                         "80: queue 0 limit 8 fill 0 sockets 1 full 0 drops 0 "
                         "overflows 0\n");
}

static void a_kernel_without_sk_drops_has_no_shares(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80)->has_drops = false;
  look(world);
  world->kernel.overflows = world->kernel.drops = 9;
  look(world);
  assert_readings(world, ": drops 9 overflows 9 syn_drops 0 syncookies_sent 0 "
                         "overflows_unattributed 9 somaxconn 4096\n"
                         "80: queue 0 limit 8 fill 0 sockets 1 full 0\n");
}

static void a_kernel_without_a_counter_sends_none(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  world->kernel.no_overflows = true;
  look(world);
  assert_readings(world, ": drops 0 syn_drops 0 syncookies_sent 0 "
                         "somaxconn 4096\n"
                         "80: queue 0 limit 8 fill 0 sockets 1 full 0\n");
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
  assert_readings(world,
                  ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 0 somaxconn 128\n"
                  "80: queue 0 limit 256 fill 0 sockets 2 full 0 drops 0 "
                  "overflows 0 [clamped 2 outgrown 0]\n"
                  "443: queue 0 limit 127 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0\n");
  listen_on(kernel, 4, 443)->limit = 128;
  look(world);
  assert_readings(world,
                  ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 0 somaxconn 128\n"
                  "80: queue 0 limit 256 fill 0 sockets 2 full 0 drops 0 "
                  "overflows 0\n"
                  "443: queue 0 limit 255 fill 0 sockets 2 full 0 drops 0 "
                  "overflows 0 [clamped 1 outgrown 0]\n");
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
  assert_readings(world,
                  ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 0 somaxconn 1024\n"
                  "80: queue 0 limit 128 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0 [clamped 0 outgrown 1]\n"
                  "443: queue 0 limit 1024 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0\n");
  look(world);
  assert_readings(world,
                  ": drops 0 overflows 0 syn_drops 0 syncookies_sent 0 "
                  "overflows_unattributed 0 somaxconn 1024\n"
                  "80: queue 0 limit 128 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0\n"
                  "443: queue 0 limit 1024 fill 0 sockets 1 full 0 drops 0 "
                  "overflows 0\n");
}

/* --- cost ---------------------------------------------------------------- */

/* The linker sends every allocation of ours here (--wrap). */
static unsigned allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

void *__wrap_malloc(size_t size) {
  allocations++;
  return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  allocations++;
  return __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
  allocations++;
  return __real_reallocarray(old, n, size);
}

static void the_steady_state_allocates_nothing(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  for (uint16_t i = 1; i <= 40; i++)
    listen_on(kernel, i, i);
  look(world);
  overflow(kernel, 5, 1);
  look(world);
  assert_true(allocations > 0);
  unsigned before = allocations;
  for (int i = 0; i < 100; i++) {
    overflow(kernel, 5, 2);
    noise(kernel, 7, 3);
    look(world);
  }
  assert_int_equal(allocations, before);
}

static void a_quiet_look_reads_no_counters(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  look(world);
  int dumps = world->kernel.dumps, netstats = world->kernel.netstats;
  assert_int_equal(lb_survey_look(world->survey, world->now_ms + 1), 0);
  assert_int_equal(world->kernel.dumps, dumps + 1);
  assert_int_equal(world->kernel.netstats, netstats);
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
        kernel->sockets[(size_t)rand_r(seed) % kernel->len].cookie;
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

static void sum_up(void *data, const struct lb_reading *reading) {
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
  lb_survey_free(world->survey);
  for (uint16_t port = first; port <= last; port++)
    assert_int_equal(lb_settings_add_port(&world->settings, port), 0);
  assert_int_equal(
      lb_survey_new(&world->settings, &world->kernel.source, &world->survey),
      0);
}

static void
shares_and_unattributed_are_the_kernels_number_at_all_times(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  select_ports(world, 80, 83);
  kernel->before = live;
  struct sums before = {0};
  for (int i = 0; i < 20000; i++) {
    struct lb_troubles troubles;
    kernel->dump_err = rand_r(&kernel->seed) % 20 ? 0 : -ENOBUFS;
    kernel->netstat_err = rand_r(&kernel->seed) % 20 ? 0 : -EACCES;
    if (try_look(world, &troubles) || troubles.netstat)
      continue;
    struct sums sums = {0};
    lb_survey_readings(world->survey, sum_up, &sums);
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
      IN_WORLD(a_limit_that_equals_somaxconn_is_hinted_at_once),
      IN_WORLD(a_raised_somaxconn_is_hinted_at_until_listen),
      IN_WORLD(the_steady_state_allocates_nothing),
      IN_WORLD(a_quiet_look_reads_no_counters),
      IN_WORLD(shares_and_unattributed_are_the_kernels_number_at_all_times),
      IN_WORLD(a_culprit_alone_gets_everything_at_all_times),
  };
  return cmocka_run_group_tests_name("survey", tests, NULL, NULL);
}
