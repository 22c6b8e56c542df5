// SPDX-License-Identifier: MIT
/* Labels: which names serve as they are, and which are a port's. */
#include "label.h"

#include "unit.h"

static void a_port_has_its_number_as_label(void **state) {
  (void)state;
  char label[LB_LABEL_SIZE];
  lb_label_of_port(label, 1);
  assert_string_equal(label, "1");
  lb_label_of_port(label, 80);
  assert_string_equal(label, "80");
  lb_label_of_port(label, 65535);
  assert_string_equal(label, "65535");
}

static void every_port_is_found_by_its_label(void **state) {
  (void)state;
  for (unsigned port = 1; port <= 65535; port++) {
    char label[LB_LABEL_SIZE];
    lb_label_of_port(label, (uint16_t)port);
    assert_int_equal(lb_label_port(label), port);
  }
}

static void what_no_port_writes_is_no_port(void **state) {
  (void)state;
  static const char *const names[] = {
      "",           "0",    "00",  "080",  "80a",   "a80",     " 80",
      "80 ",        "+80",  "-80", "80.0", "65536", "99999",   "100000",
      "4294967376", "0x50", "8 0", "80\n", "80-81", "blue:80", "http",
  };
  for (size_t i = 0; i < LEN(names); i++)
    if (lb_label_port(names[i]))
      fail_msg("\"%s\" is port %u", names[i], lb_label_port(names[i]));
}

static void a_name_serves_unchanged(void **state) {
  (void)state;
  static const char *const names[] = {
      "a",  "api",       "80",  "public web", "caf\xc3\xa9", "a.b", "a:b", "-",
      "..", "@abstract", "a_b", "a\\b",       "\xff",        "%s",  "\"",
  };
  for (size_t i = 0; i < LEN(names); i++)
    if (!lb_label_is_valid(names[i]))
      fail_msg("\"%s\" is refused", names[i]);
}

static void a_name_that_collectd_would_rewrite_does_not(void **state) {
  (void)state;
  static const char *const names[] = {
      "",    "/",        "a/b",  "/run", "run/", "a\nb",  "\t",
      "a\n", "\x1b[31m", "\x01", "\x1f", "\x7f", "a\x7f",
  };
  for (size_t i = 0; i < LEN(names); i++)
    if (lb_label_is_valid(names[i]))
      fail_msg("\"%s\" is accepted", names[i]);
}

static void a_name_has_at_most_127_bytes(void **state) {
  (void)state;
  char name[4096];
  memset(name, 'x', sizeof(name));
  name[127] = '\0';
  assert_true(lb_label_is_valid(name));
  name[127] = 'x';
  name[128] = '\0';
  assert_false(lb_label_is_valid(name));
  name[128] = 'x';
  name[sizeof(name) - 1] = '\0';
  assert_false(lb_label_is_valid(name));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_port_has_its_number_as_label),
      cmocka_unit_test(every_port_is_found_by_its_label),
      cmocka_unit_test(what_no_port_writes_is_no_port),
      cmocka_unit_test(a_name_serves_unchanged),
      cmocka_unit_test(a_name_that_collectd_would_rewrite_does_not),
      cmocka_unit_test(a_name_has_at_most_127_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
