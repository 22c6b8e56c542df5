// SPDX-License-Identifier: MIT
/* Ports as users write them: what is taken, and which error the rest is. The
 * service names are of those that every /etc/services has. */
#include "base/ports.h"

#include "unit.h"

#include <errno.h>

struct port_case {
  const char *input;
  struct lb_ports want;
};

static void check_taken(const struct port_case *cases, size_t len) {
  for (size_t i = 0; i < len; i++) {
    struct text want = {.len = 0}, got = {.len = 0};
    struct lb_ports ports = {11, 12};
    say(&want, "%s: 0, %u-%u", cases[i].input, (unsigned)cases[i].want.first,
        (unsigned)cases[i].want.last);
    int err = lb_ports_parse(cases[i].input, &ports);
    say(&got, "%s: %d, %u-%u", cases[i].input, err, (unsigned)ports.first,
        (unsigned)ports.last);
    assert_string_equal(got.at, want.at);
  }
}

/* What is refused leaves what was there. */
static void check_refused(const char *const *inputs, size_t len, int want_err) {
  for (size_t i = 0; i < len; i++) {
    struct text want = {.len = 0}, got = {.len = 0};
    struct lb_ports ports = {11, 12};
    say(&want, "\"%s\": %d, 11-12", inputs[i], want_err);
    int err = lb_ports_parse(inputs[i], &ports);
    say(&got, "\"%s\": %d, %u-%u", inputs[i], err, (unsigned)ports.first,
        (unsigned)ports.last);
    assert_string_equal(got.at, want.at);
  }
}

static void a_number_is_one_port(void **state) {
  (void)state;
  static const struct port_case cases[] = {
      {"1", {1, 1}},          {"80", {80, 80}},
      {"8080", {8080, 8080}}, {"65535", {65535, 65535}},
      {"0080", {80, 80}},     {"0000000000000000000000000000443", {443, 443}},
  };
  check_taken(cases, LEN(cases));
}

static void a_range_has_both_its_ends(void **state) {
  (void)state;
  static const struct port_case cases[] = {
      {"8000-8010", {8000, 8010}}, {"80-80", {80, 80}},
      {"1-65535", {1, 65535}},     {"65534-65535", {65534, 65535}},
      {"080-0443", {80, 443}},
  };
  check_taken(cases, LEN(cases));
}

static void a_service_is_its_port(void **state) {
  (void)state;
  static const struct port_case cases[] = {
      {"http", {80, 80}}, {"https", {443, 443}},  {"ssh", {22, 22}},
      {"www", {80, 80}},  {"ftp-data", {20, 20}},
  };
  check_taken(cases, LEN(cases));
}

static void a_number_that_no_port_has_is_out_of_range(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "0",
      "00",
      "65536",
      "99999",
      "4294967376", /* 80 in 32 bits */
      "18446744073709551696",
      "99999999999999999999999999999999999999999999999999999999999999999999999",
      "0-80",
      "80-0",
      "0-0",
      "80-65536",
      "65536-65537",
      "65536-80",
      "80-4294967377",
  };
  check_refused(inputs, LEN(inputs), -ERANGE);
}

static void an_empty_open_or_reversed_range_is_invalid(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "",     "-",     "--",     "80-",       "-80",   "-0",
      "80-",  "1-2-3", "1--3",   "8010-8000", "2-1",   "65535-1",
      "1-2-", "-1-2",  "80-81-", "---",       "0-1-2",
  };
  check_refused(inputs, LEN(inputs), -EINVAL);
}

static void any_other_text_is_an_unknown_service(void **state) {
  (void)state;
  static const char *const inputs[] = {
      " ",           " 80",
      "80 ",         "+80",
      "0x50",        "80.5",
      "8e1",         "80,81",
      "80:81",       "http ",
      "8000 - 8010", "http-https",
      "80-http",     "no such service",
      "80\n",        "\t80",
      "80/tcp",      "*",
  };
  check_refused(inputs, LEN(inputs), -ENOENT);
}

static void a_set_has_what_was_added(void **state) {
  (void)state;
  static const uint16_t ports[] = {0, 1, 7, 8, 80, 255, 256, 8191, 65535};
  struct lb_portset set = {{0}};
  for (size_t i = 0; i < LEN(ports); i++)
    lb_portset_add(&set, ports[i]);
  struct text got = {.len = 0};
  for (unsigned port = 0; port <= 65535; port++)
    if (lb_portset_has(&set, (uint16_t)port))
      say(&got, "%u ", port);
  assert_string_equal(got.at, "0 1 7 8 80 255 256 8191 65535 ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_number_is_one_port),
      cmocka_unit_test(a_range_has_both_its_ends),
      cmocka_unit_test(a_service_is_its_port),
      cmocka_unit_test(a_number_that_no_port_has_is_out_of_range),
      cmocka_unit_test(an_empty_open_or_reversed_range_is_invalid),
      cmocka_unit_test(any_other_text_is_an_unknown_service),
      cmocka_unit_test(a_set_has_what_was_added),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
