// SPDX-License-Identifier: MIT
#include "base/address.h"

#include "unit.h"

TEST_CASE(an_address_is_parsed_to_16_bytes) {
  static const char *const cases[][2] = {
      {"10.0.0.1", "00000000000000000000ffff0a000001"},
      {"0.0.0.0", "00000000000000000000ffff00000000"},
      {"255.255.255.255", "00000000000000000000ffffffffffff"},
      {"::", "00000000000000000000000000000000"},
      {"::1", "00000000000000000000000000000001"},
      {"2001:DB8::a:1", "20010db80000000000000000000a0001"},
      {"::ffff:10.0.0.1", "00000000000000000000ffff0a000001"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    struct lb_address parsed;
    assert_int_equal(lb_address_parse(cases[i][0], &parsed), 0);
    for (size_t j = 0; j < sizeof(parsed.bytes); j++)
      say(&got, "%02x", parsed.bytes[j]);
    assert_string_equal(got.at, cases[i][1]);
  }
}

TEST_CASE(a_text_that_is_no_numeric_address_is_refused) {
  static const char *const texts[] = {
      "",           " ",          "localhost",  "10.0.0",
      "10.0.0.256", "10.0.0.1 ",  " ::1",       "10.0.0.1:80",
      "[::1]",      "10.0.0.0/8", "fe80::1%lo", "1:2:3:4:5:6:7:8:9",
      "::g",        "*",          "10.0.0.1.1",
  };
  for (size_t i = 0; i < LEN(texts); i++) {
    struct lb_address parsed, before;
    memset(&parsed, 0x5a, sizeof(parsed));
    before = parsed;
    if (lb_address_parse(texts[i], &parsed) != -EINVAL)
      fail_msg("\"%s\" is accepted", texts[i]);
    assert_memory_equal(&parsed, &before, sizeof(parsed));
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
