// SPDX-License-Identifier: MIT
#include "unit.h"

enum { MAX_TESTS = 64 };

static struct CMUnitTest tests[MAX_TESTS];
static size_t tests_len;

void add_test(size_t place, struct CMUnitTest test) {
  if (place >= MAX_TESTS)
    abort();
  tests[place] = test;
  if (tests_len <= place)
    tests_len = place + 1;
}

int run_all_tests(CMFixtureFunction setup, CMFixtureFunction teardown) {
  return _cmocka_run_group_tests("tests", tests, tests_len, setup, teardown);
}

void *exact_copy(const void *bytes, size_t len) {
  void *exact = calloc(1, len ? len : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, len);
  return exact;
}
