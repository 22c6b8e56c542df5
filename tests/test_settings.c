// SPDX-License-Identifier: MIT
/* Settings: one label, one listener, and what refuses the second leaves
 * everything as it was. */
#include "settings.h"

#include "label.h"
#include "unit.h"

#include <errno.h>

static struct lb_address address(const char *text) {
  struct lb_address parsed;
  assert_int_equal(lb_address_parse(text, &parsed), 0);
  return parsed;
}

static void add(struct lb_settings *settings, const char *name,
                struct lb_ports ports, int want) {
  assert_int_equal(lb_settings_add(settings, name, &ports, 1, NULL, 0), want);
}

static void check(const struct lb_settings *settings, const char *want) {
  struct text got = {.len = 0};
  say_settings(&got, settings);
  assert_string_equal(got.at, want);
}

static void selections_stay_in_their_order(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  const struct lb_ports ports[] = {{8000, 8010}, {9000, 9000}};
  const struct lb_address addresses[] = {address("10.0.0.1"), address("::1")};
  assert_int_equal(lb_settings_add_port(&settings, 443), 0);
  assert_int_equal(lb_settings_add(&settings, "api", ports, 2, addresses, 2),
                   0);
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  add(&settings, "web", (struct lb_ports){80, 80}, 0);
  check(&settings, "port 443\n"
                   "api: 8000-8010 9000 at ::ffff:10.0.0.1 ::1\n"
                   "port 80\n"
                   "web: 80\n");
  lb_settings_free(&settings);
}

static void a_name_is_copied(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  char name[] = "api";
  add(&settings, name, (struct lb_ports){80, 80}, 0);
  memset(name, 'x', 3);
  check(&settings, "api: 80\n");
  lb_settings_free(&settings);
}

static void a_label_is_taken_once(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  assert_int_equal(lb_settings_add_port(&settings, 80), -EEXIST);
  add(&settings, "80", (struct lb_ports){8080, 8080}, -EEXIST);
  add(&settings, "8080", (struct lb_ports){80, 80}, 0);
  assert_int_equal(lb_settings_add_port(&settings, 8080), -EEXIST);
  add(&settings, "api", (struct lb_ports){1, 2}, 0);
  add(&settings, "api", (struct lb_ports){3, 4}, -EEXIST);
  check(&settings, "port 80\n"
                   "8080: 80\n"
                   "api: 1-2\n");
  lb_settings_free(&settings);
}

static void names_that_only_resemble_each_other_are_two(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  static const char *const names[] = {"80 ", "080",  "+80", "API",  "api",
                                      "ap",  "apis", "0",   "65536"};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  for (size_t i = 0; i < LEN(names); i++)
    add(&settings, names[i], (struct lb_ports){1, 1}, 0);
  for (size_t i = 0; i < LEN(names); i++)
    assert_true(lb_settings_has_label(&settings, names[i]));
  assert_true(lb_settings_has_label(&settings, "80"));
  assert_false(lb_settings_has_label(&settings, "8"));
  assert_false(lb_settings_has_label(&settings, "800"));
  assert_false(lb_settings_has_label(&settings, "Api"));
  assert_false(lb_settings_has_label(&settings, ""));
  lb_settings_free(&settings);
}

static void a_selection_takes_a_port_wherever_it_is_bound(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  const struct lb_ports ports[] = {{8000, 8010}, {9000, 9000}};
  const struct lb_address loopback = address("127.0.0.1");
  assert_int_equal(lb_settings_add(&settings, "any", ports, 2, NULL, 0), 0);
  assert_int_equal(lb_settings_add(&settings, "one", ports, 2, &loopback, 1),
                   0);
  static const struct {
    uint16_t port;
    bool want;
  } cases[] = {{7999, false}, {8000, true}, {8005, true},  {8010, true},
               {8011, false}, {9000, true}, {9001, false}, {1, false}};
  for (size_t i = 0; i < LEN(cases); i++) {
    assert_int_equal(lb_settings_takes_port(&settings, &settings.selections[0],
                                            cases[i].port),
                     cases[i].want);
    assert_false(lb_settings_takes_port(&settings, &settings.selections[1],
                                        cases[i].port));
  }
  lb_settings_free(&settings);
}

static void every_port_can_be_selected(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  for (unsigned port = 1; port <= 65535; port++)
    assert_int_equal(lb_settings_add_port(&settings, (uint16_t)port), 0);
  assert_int_equal(settings.selections_len, 65535);
  for (unsigned port = 1; port <= 65535; port++) {
    char label[LB_LABEL_SIZE];
    lb_label_of_port(label, (uint16_t)port);
    assert_true(lb_settings_has_label(&settings, label));
    assert_int_equal(lb_settings_add_port(&settings, (uint16_t)port), -EEXIST);
  }
  assert_int_equal(settings.selections_len, 65535);
  lb_settings_free(&settings);
}

static void freed_settings_are_empty_and_serve_again(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  add(&settings, "api", (struct lb_ports){80, 80}, 0);
  lb_settings_free(&settings);
  check(&settings, "");
  lb_settings_free(&settings);
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  check(&settings, "port 80\n");
  lb_settings_free(&settings);
}

static void an_address_is_its_bytes(void **state) {
  (void)state;
  static const struct {
    const char *input;
    const char *want;
  } cases[] = {
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
    struct lb_address parsed = address(cases[i].input);
    for (size_t j = 0; j < sizeof(parsed.bytes); j++)
      say(&got, "%02x", parsed.bytes[j]);
    assert_string_equal(got.at, cases[i].want);
  }
}

static void what_is_no_address_is_refused(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "",           " ",          "localhost",  "10.0.0",
      "10.0.0.256", "10.0.0.1 ",  " ::1",       "10.0.0.1:80",
      "[::1]",      "10.0.0.0/8", "fe80::1%lo", "1:2:3:4:5:6:7:8:9",
      "::g",        "*",          "10.0.0.1.1",
  };
  for (size_t i = 0; i < LEN(inputs); i++) {
    struct lb_address parsed, before;
    memset(&parsed, 0x5a, sizeof(parsed));
    before = parsed;
    if (lb_address_parse(inputs[i], &parsed) != -EINVAL)
      fail_msg("\"%s\" is accepted", inputs[i]);
    assert_memory_equal(&parsed, &before, sizeof(parsed));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(selections_stay_in_their_order),
      cmocka_unit_test(a_name_is_copied),
      cmocka_unit_test(a_label_is_taken_once),
      cmocka_unit_test(names_that_only_resemble_each_other_are_two),
      cmocka_unit_test(a_selection_takes_a_port_wherever_it_is_bound),
      cmocka_unit_test(every_port_can_be_selected),
      cmocka_unit_test(freed_settings_are_empty_and_serve_again),
      cmocka_unit_test(an_address_is_its_bytes),
      cmocka_unit_test(what_is_no_address_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
