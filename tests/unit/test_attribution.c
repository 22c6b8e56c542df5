// SPDX-License-Identifier: MIT
/* Who gets how much of the namespace's counters: literal cases, and over many
 * random ones the rules that must hold for all. */
#include "core/attribution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX 4

struct share_case {
  const char *name;
  struct {
    uint32_t movement;
    bool full;
  } movers[MAX];
  size_t len;
  struct lb_increments increments;
  struct {
    uint32_t drops;
    uint32_t overflows;
  } want[MAX];
  struct lb_increments left;
};

static const struct share_case cases[] = {
    {"nobody moved", {{0}}, 0, {3, 2}, {{0}}, {3, 2}},
    {"noise without increments gets nothing",
     {{500, false}, {20, true}},
     2,
     {0, 0},
     {{0, 0}, {0, 0}},
     {0, 0}},
    {"one culprit gets all", {{10, true}}, 1, {7, 7}, {{7, 7}}, {0, 0}},
    {"one culprit need not have been seen full",
     {{10, false}},
     1,
     {7, 5},
     {{7, 5}},
     {0, 0}},
    {"a dropped final ACK moves twice and counts once",
     {{200, true}},
     1,
     {100, 100},
     {{100, 100}},
     {0, 0}},
    {"the full ones come first",
     {{100, false}, {30, true}},
     2,
     {30, 30},
     {{0, 0}, {30, 30}},
     {0, 0}},
    {"what the full ones cannot have moved goes to the others",
     {{100, false}, {30, true}},
     2,
     {40, 40},
     {{10, 10}, {30, 30}},
     {0, 0}},
    {"in proportion to the movement",
     {{300, true}, {100, true}},
     2,
     {200, 200},
     {{150, 150}, {50, 50}},
     {0, 0}},
    {"no unit is lost to rounding",
     {{1, true}, {1, true}, {1, true}},
     3,
     {2, 2},
     {{0, 0}, {1, 1}, {1, 1}},
     {0, 0}},
    {"nobody gets more than it moved",
     {{2, true}, {3, false}},
     2,
     {9, 9},
     {{2, 2}, {3, 3}},
     {4, 4}},
    {"drops that are no overflows follow",
     {{10, true}, {10, false}},
     2,
     {14, 6},
     {{10, 6}, {4, 0}},
     {0, 0}},
    {"an overflow whose drop was not counted yet is left over",
     {{10, true}},
     1,
     {2, 3},
     {{2, 2}},
     {0, 1}},
    {"beyond 32 bits",
     {{UINT32_MAX, true}, {UINT32_MAX, true}},
     2,
     {8589934590, 4294967296},
     {{UINT32_MAX, 2147483648}, {UINT32_MAX, 2147483648}},
     {0, 0}},
};

static void literal_cases(void **state) {
  (void)state;
  for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
    const struct share_case *want = &cases[c];
    print_message("# %s\n", want->name);
    struct lb_mover movers[MAX];
    for (size_t i = 0; i < want->len; i++)
      movers[i] = (struct lb_mover){.movement = want->movers[i].movement,
                                    .full = want->movers[i].full,
                                    .drops = 77,
                                    .overflows = 77};
    struct lb_increments left =
        lb_attribute(movers, want->len, want->increments);
    for (size_t i = 0; i < want->len; i++) {
      assert_int_equal(movers[i].drops, want->want[i].drops);
      assert_int_equal(movers[i].overflows, want->want[i].overflows);
    }
    assert_int_equal(left.drops, want->left.drops);
    assert_int_equal(left.overflows, want->left.overflows);
  }
}

static uint32_t draw(unsigned *seed) {
  switch (rand_r(seed) % 4) {
  case 0:
    return (uint32_t)rand_r(seed) % 3;
  case 1:
    return UINT32_MAX - (uint32_t)rand_r(seed) % 3;
  default:
    return (uint32_t)rand_r(seed) % 1000;
  }
}

static void every_unit_finds_one_place(void **state) {
  (void)state;
  unsigned seed = 20;
  for (int round = 0; round < 100000; round++) {
    struct lb_mover movers[MAX] = {{0}};
    size_t len = (size_t)rand_r(&seed) % (MAX + 1);
    uint64_t movement = 0, drops = 0, overflows = 0;
    for (size_t i = 0; i < len; i++) {
      movers[i].movement = draw(&seed);
      movers[i].full = rand_r(&seed) % 2;
      movement += movers[i].movement;
    }
    struct lb_increments given = {draw(&seed), draw(&seed)};
    struct lb_increments left = lb_attribute(movers, len, given);
    for (size_t i = 0; i < len; i++) {
      assert_true(movers[i].overflows <= movers[i].drops);
      assert_true(movers[i].drops <= movers[i].movement);
      drops += movers[i].drops;
      overflows += movers[i].overflows;
    }
    assert_int_equal(drops + left.drops, given.drops);
    assert_int_equal(overflows + left.overflows, given.overflows);
    if (given.drops <= movement)
      assert_int_equal(left.drops, 0);
    if (given.overflows <= given.drops && given.drops <= movement)
      assert_int_equal(left.overflows, 0);
  }
}

/* Movement and increments that together have more than 64 bits. */
static void beyond_64_bits_the_sum_is_exact_too(void **state) {
  (void)state;
  unsigned seed = 7;
  for (int round = 0; round < 100000; round++) {
    struct lb_mover movers[MAX] = {{0}};
    uint64_t movement = 0, drops = 0, overflows = 0;
    for (size_t i = 0; i < MAX; i++) {
      movers[i].movement = UINT32_MAX - (uint32_t)rand_r(&seed) % 3;
      movement += movers[i].movement;
    }
    uint64_t less = (uint64_t)rand_r(&seed) % 5;
    struct lb_increments given = {movement - less, movement - less};
    struct lb_increments left = lb_attribute(movers, MAX, given);
    for (size_t i = 0; i < MAX; i++) {
      assert_int_equal(movers[i].overflows, movers[i].drops);
      assert_true(movers[i].drops <= movers[i].movement);
      drops += movers[i].drops;
      overflows += movers[i].overflows;
    }
    assert_int_equal(drops, given.drops);
    assert_int_equal(overflows, given.overflows);
    assert_int_equal(left.drops, 0);
    assert_int_equal(left.overflows, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(literal_cases),
      cmocka_unit_test(every_unit_finds_one_place),
      cmocka_unit_test(beyond_64_bits_the_sum_is_exact_too),
  };
  return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
