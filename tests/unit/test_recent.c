// SPDX-License-Identifier: MIT
#include "core/recent.h"

#include "unit.h"

struct note {
  double time_s;
  uint64_t counter;
  uint64_t want;
};

static const struct {
  const char *name;
  struct note notes[10];
} cases[] = {
    {"a counter that does not move is 0",
     {{0, 0, 0}, {10, 0, 0}, {1000, 0, 0}}},
    {"what the first value has counts", {{5, 3, 3}, {304, 3, 3}, {305, 3, 0}}},
    {"the sum is 0 five minutes after the last movement",
     {{0, 1, 1}, {10, 5, 5}, {20, 5, 5}, {309, 5, 5}, {310, 5, 0}}},
    {"steps end one after the other",
     {{0, 1, 1},
      {60, 3, 3},
      {120, 7, 7},
      {300, 7, 6},
      {360, 7, 4},
      {420, 7, 0}}},
    {"a step takes what moves within 30 seconds, and ends with its last",
     {{0, 1, 1},
      {29, 2, 2},
      {30, 4, 4},
      {301, 4, 4},
      {329, 4, 2},
      {330, 4, 0}}},
    {"with an interval of ten minutes it is the interval's",
     {{0, 4, 4}, {600, 9, 5}, {1200, 9, 0}, {1800, 10, 1}}},
    {"with an interval of four minutes",
     {{0, 4, 4}, {240, 4, 4}, {480, 9, 5}, {720, 10, 6}, {960, 10, 1}}},
    {"a counter of 64 bits, and more than 32 bits at once",
     {{0, UINT64_C(1) << 40, UINT32_MAX}, {300, (UINT64_C(1) << 40) + 2, 2}}},
    {"a clock that has run for 49 days and for 136 years",
     {{4294967, 1, 1},
      {4294968, 3, 3},
      {4294970, 3, 3},
      {4295268, 3, 0},
      {4294967295., 4, 1},
      {4294967500., 6, 3},
      {4294967600., 6, 2}}},
};

TEST_CASE(the_sum_is_what_moved_in_the_last_five_minutes) {
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_recent recent = {.sum = 0};
    print_message("# %s\n", cases[i].name);
    const struct note *note = cases[i].notes;
    for (size_t j = 0; j < LEN(cases[i].notes); j++, note++) {
      if (j && note->time_s == 0)
        break;
      lb_recent_note(&recent, note->counter, (uint64_t)(note->time_s * 1000));
      assert_int_equal(recent.sum, note->want);
    }
  }
}

/* Against all movements, for any interval: not less than those of the last five
 * minutes, nor more than those of half a minute longer. */
TEST_CASE(the_sum_is_right_to_30_seconds_for_any_interval) {
  static const unsigned intervals_ms[] = {100,   1000,   10000, 31000,
                                          60000, 299000, 600000};
  static uint64_t moved[6000];
  for (size_t i = 0; i < LEN(intervals_ms); i++) {
    struct lb_recent recent = {.sum = 0};
    uint64_t counter = 0, step = intervals_ms[i];
    for (size_t n = 0; n < LEN(moved); n++) {
      moved[n] = n % 2000 < 1200 && n * n % 11 < 4 ? n % 5 : 0;
      counter += moved[n];
      lb_recent_note(&recent, counter, n * step);
      uint64_t least = 0, most = 0;
      for (size_t k = n + 1; k-- > 0 && (n - k) * step < 332000;) {
        least += (n - k) * step < 299000 ? moved[k] : 0;
        most += moved[k];
      }
      assert_in_range(recent.sum, least, most);
    }
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
