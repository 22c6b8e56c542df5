// SPDX-License-Identifier: MIT
/* The schedule of the reads, with the read threads of collectd 5 around it: see
 * plugin_insert_read() and plugin_read_thread() in src/daemon/plugin.c. */
#include "collectd/schedule.h"

#include "unit.h"

#include <stdbool.h>

#define S 1000000000ull
#define MS 1000000ull

enum { STAMPS = 4000 };

/* --- collectd ------------------------------------------------------------- */

static struct {
  struct lb_schedule schedule;
  uint64_t now;
  uint64_t next, period; /* of the callback that is registered */
  bool refuses;          /* registrations fail */
  uint64_t took;         /* by each read */
  uint64_t stamps[STAMPS], ends[STAMPS]; /* of the reads */
  size_t len;
  unsigned registrations;
} sim;

static void start(uint64_t now, uint64_t interval) {
  memset(&sim, 0, sizeof(sim));
  sim.schedule.interval = interval;
  sim.now = sim.next = now;
  sim.period = interval;
}

/* Returns whether collectd has registered it. */
static bool register_read(uint64_t due) {
  if (sim.refuses)
    return false;
  sim.period = due ? due - sim.now : sim.schedule.interval;
  lb_schedule_registered(&sim.schedule, sim.now, due);
  sim.now += 20000;
  sim.next = sim.now;
  sim.registrations++;
  return true;
}

/* Each stamp is a multiple, later than the one before, and at most half an
 * interval from the end of its samples. */
static void take_read(uint64_t now) {
  uint64_t interval = sim.schedule.interval, stamp = sim.schedule.last;
  assert_int_equal(stamp % interval, 0);
  assert_true(2 * (stamp > now ? stamp - now : now - stamp) <= interval);
  if (sim.len)
    assert_true(stamp > sim.stamps[sim.len - 1]);
  assert_in_range(sim.len, 0, STAMPS - 1);
  sim.stamps[sim.len] = stamp;
  sim.ends[sim.len++] = now;
  sim.now += sim.took;
}

/* One call, late by this much. */
static void call(uint64_t late) {
  if (sim.now < sim.next)
    sim.now = sim.next;
  sim.now += late;
  enum lb_call call = lb_schedule_call(&sim.schedule, sim.now);
  if (call == LB_CALL_REGISTER && register_read(0))
    return;
  if (call == LB_CALL_READ)
    take_read(sim.now);
  uint64_t due = lb_schedule_end(&sim.schedule, sim.now);
  if (due && register_read(due))
    return;
  sim.next += sim.period;
  if (sim.next < sim.now)
    sim.next = sim.now;
}

static void run_until(uint64_t time, uint64_t late) {
  while (sim.next <= time)
    call(late);
  sim.now = time;
}

/* Since the read with this index, without a hole. */
static void check_each_multiple(size_t from, size_t len) {
  assert_in_range(sim.len, from + len, STAMPS);
  for (size_t i = from + 1; i < from + len; i++)
    assert_int_equal(sim.stamps[i], sim.stamps[i - 1] + sim.schedule.interval);
}

static const uint64_t intervals[] = {100 * MS, 500 * MS, S,        2 * S,
                                     10 * S,   60 * S,   333333333};

static const uint64_t epoch = 1700000000ull * S;

/* --- tests ---------------------------------------------------------------- */

TEST_CASE(
    from_any_phase_each_multiple_gets_one_read_within_an_eighth_after_it) {
  for (size_t i = 0; i < LEN(intervals); i++)
    for (uint64_t phase = 0; phase < 200; phase++) {
      uint64_t interval = intervals[i];
      uint64_t began = epoch + phase * interval / 200 + phase % 7;
      start(began, interval);
      uint64_t late = phase % 5 * interval / 100;
      run_until(began + 20 * interval, late);
      check_each_multiple(0, 18);
      assert_true(sim.stamps[0] > began); /* collectd before had that one */
      assert_true(sim.stamps[0] <= began + interval + late + 2 * MS);
      for (size_t j = 0; j < sim.len; j++)
        assert_in_range(sim.ends[j], sim.stamps[j],
                        sim.stamps[j] + interval / 8 + MS);
      assert_in_range(sim.registrations, 2, 2);
    }
}

TEST_CASE(a_first_value_that_would_be_long_in_coming_is_read_at_once) {
  for (uint64_t phase = 0; phase < 60; phase++) {
    start(epoch / (3600 * S) * 3600 * S + phase * 60 * S + 1, 3600 * S);
    call(0);
    assert_int_equal(sim.len, phase < 59);
    run_until(sim.now + 10 * 3600 * S, 0);
    check_each_multiple(0, 10);
    assert_true(sim.ends[2] - sim.stamps[2] < S);
  }
}

/* Even if that is by about half an interval: a stamp that is nearest to two
 * reads is used once, and the second read lets the interval go on. */
TEST_CASE(reads_that_another_plugin_delays_have_stamps_of_their_own) {
  for (uint64_t percent = 0; percent < 100; percent++) {
    start(epoch + 123 * MS, S);
    unsigned seed = 1;
    for (int i = 0; i < 400; i++)
      call(percent * S / 100 + (unsigned)rand_r(&seed) % (40 * MS));
    assert_in_range(sim.len, 100, 400);
    for (size_t i = 1; i < sim.len; i++)
      assert_in_range(sim.stamps[i] - sim.stamps[i - 1], S, 3 * S);
    if (percent < 40)
      check_each_multiple(0, sim.len);
  }
}

TEST_CASE(a_read_that_is_late_by_many_intervals_leaves_out_those_alone) {
  for (size_t i = 0; i < LEN(intervals); i++)
    for (uint64_t tenths = 3; tenths < 100; tenths++) {
      uint64_t interval = intervals[i];
      start(epoch + 7, interval);
      run_until(epoch + 5 * interval + interval / 2, 0);
      size_t before = sim.len;
      sim.now += tenths * interval / 10 + 3; /* SIGSTOP, SIGCONT */
      uint64_t woke = sim.now;
      run_until(woke + 10 * interval, 0);
      check_each_multiple(before, 9);
      assert_true(sim.ends[before + 2] - sim.stamps[before + 2] <
                  interval / 8 + MS);
    }
}

TEST_CASE(
    a_read_that_takes_longer_than_the_interval_is_followed_by_aligned_ones) {
  start(epoch + 7, S);
  run_until(epoch + 5 * S, 0);
  for (uint64_t tenths = 5; tenths < 60; tenths++) {
    sim.took = tenths * S / 10;
    call(0);
    sim.took = MS;
    size_t before = sim.len;
    run_until(sim.now + 8 * S, 0);
    check_each_multiple(before, 6);
    assert_true(sim.ends[sim.len - 1] - sim.stamps[sim.len - 1] < S / 8);
  }
}

TEST_CASE(a_clock_that_is_set_gives_no_stamp_twice_and_the_multiples_again) {
  static const int64_t steps[] = {-3600, -10, -1, 1, 10, 3600};
  for (size_t i = 0; i < LEN(steps); i++)
    for (uint64_t off = 0; off < 10; off++) {
      start(epoch + 7, 10 * S);
      run_until(epoch + 55 * S, 0);
      size_t before = sim.len;
      sim.now += (uint64_t)(steps[i] * (int64_t)S) + off * 100 * MS;
      run_until(sim.now + 7200 * S, 0); /* collectd waits for the same time */
      check_each_multiple(before, 100);
      assert_true(sim.ends[sim.len - 1] - sim.stamps[sim.len - 1] < S);
    }
}

TEST_CASE(without_another_registration_reads_go_on_and_stamps_are_rounded) {
  for (uint64_t phase = 0; phase < 10; phase++) {
    start(epoch + phase * 100 * MS, S);
    sim.refuses = true;
    run_until(epoch + 20 * S, 0);
    check_each_multiple(0, 18);
    sim.refuses = false;
    size_t before = sim.len;
    run_until(epoch + 40 * S, 0);
    check_each_multiple(before, 18);
    assert_true(sim.ends[sim.len - 1] - sim.stamps[sim.len - 1] < S / 8);
  }
}

/* As above, but collectd has no memory at the multiple either. */
TEST_CASE(a_refusal_at_the_multiple_costs_one_interval_at_most) {
  start(epoch + 300 * MS, S);
  call(0); /* registers, and is called at once */
  call(0);
  sim.refuses = true;
  for (int i = 0; i < 20; i++)
    call(0);
  sim.refuses = false;
  size_t before = sim.len;
  run_until(sim.now + 20 * S, 0);
  check_each_multiple(before, 17);
  assert_true(before >= 10);
}

int main(void) { return run_all_tests(NULL, NULL); }
