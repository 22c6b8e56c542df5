// SPDX-License-Identifier: MIT
/* Labels: which names serve as they are, which are a port's, and what becomes
 * of paths and of labels in other namespaces. */
#include "base/label.h"

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

/* --- paths --------------------------------------------------------------- */

static void check_path(const char *sun_path, size_t len, const char *want) {
  char label[LB_LABEL_SIZE];
  struct lb_unix_name path = lb_unix_name_of(sun_path, len);
  memset(label, '#', sizeof(label));
  lb_label_of_unix_name(label, &path);
  assert_string_equal(label, want);
  assert_true(lb_label_is_valid(label));
}

static void a_path_loses_its_slashes(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"/run/gunicorn.sock", "run-gunicorn.sock"},
      {"run/gunicorn.sock", "run-gunicorn.sock"},
      {"//run//a", "-run--a"},
      {"/run/a/", "run-a-"},
      {"/", "-"},
      {"//", "-"},
      {"/80", "80"},
      {"/run/a-b", "run-a-b"},
      {"./a", ".-a"},
      {"/run/a\"b\\c:d@e", "run-a\"b\\c:d@e"},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    check_path(cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static void bytes_that_do_not_print_become_underscores(void **state) {
  (void)state;
  check_path("/run/my app", 11, "run-my_app");
  check_path("/run/caf\xc3\xa9", 10, "run-caf__");
  check_path("/\x01\x1f\t\n\x7f\x80\xff!~", 10, "_______!~");
  check_path(" ", 1, "_");
}

static void an_abstract_name_keeps_its_at_sign(void **state) {
  (void)state;
  check_path("\0name", 5, "@name");
  check_path("\0/tmp/.X11-unix/X0", 18, "@-tmp-.X11-unix-X0");
  check_path("\0a\0b \xff", 6, "@a_b__");
  check_path("\0@", 2, "@@");
  check_path("@name", 5, "@name");
}

static void a_socket_without_a_name_has_a_label_too(void **state) {
  (void)state;
  check_path("", 0, "-");
}

static void the_longest_path_fits(void **state) {
  (void)state;
  char path[LB_UNIX_NAME_SIZE], want[LB_UNIX_NAME_SIZE + 1] = {0};
  memset(path, 'x', sizeof(path));
  memset(want, 'x', sizeof(path));
  check_path(path, sizeof(path), want);
  path[0] = '/';
  check_path(path, sizeof(path), want + 1);
  path[0] = '\0';
  want[0] = '@';
  check_path(path, sizeof(path), want);
}

/* --- namespaces ---------------------------------------------------------- */

static void a_namespace_is_labelled_as_a_path_is(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"blue", "blue"},
      {"80", "80"},
      {"@blue", "@blue"},
      {"my blue", "my_blue"},
      {"caf\xc3\xa9", "caf__"},
      {"/run/netns/blue", "run-netns-blue"},
      {"/proc/1234/ns/net", "proc-1234-ns-net"},
      {"/", "-"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char label[LB_LABEL_SIZE];
    assert_int_equal(lb_label_of_netns(label, cases[i][0]), 0);
    assert_string_equal(label, cases[i][1]);
  }
}

static void a_namespace_that_would_be_cut_off_has_none(void **state) {
  (void)state;
  char place[4096], label[LB_LABEL_SIZE], before[LB_LABEL_SIZE];
  memset(place, 'x', sizeof(place));
  place[sizeof(place) - 1] = '\0';
  memset(label, '#', sizeof(label));
  memcpy(before, label, sizeof(label));
  assert_int_equal(lb_label_of_netns(label, place), -ENAMETOOLONG);
  place[128] = '\0';
  assert_int_equal(lb_label_of_netns(label, place), -ENAMETOOLONG);
  assert_memory_equal(label, before, sizeof(label));
  assert_int_equal(lb_label_of_netns(label, place + 1), 0);
  assert_string_equal(label, place + 1);
  place[0] = '/'; /* which does not count */
  assert_int_equal(lb_label_of_netns(label, place), 0);
  assert_string_equal(label, place + 1);
}

static void a_namespace_stands_before_the_label(void **state) {
  (void)state;
  char label[LB_LABEL_SIZE];
  assert_int_equal(lb_label_in(label, "blue", "80"), 0);
  assert_string_equal(label, "blue:80");
  assert_int_equal(lb_label_in(label, "a:b", "c:d"), 0);
  assert_string_equal(label, "a:b:c:d");
}

static void the_own_namespace_does_not(void **state) {
  (void)state;
  char label[LB_LABEL_SIZE];
  assert_int_equal(lb_label_in(label, "", "80"), 0);
  assert_string_equal(label, "80");
}

static void a_label_that_would_be_cut_off_is_none(void **state) {
  (void)state;
  char own[LB_LABEL_SIZE + 1], want[LB_LABEL_SIZE + 8];
  char label[LB_LABEL_SIZE] = "before";
  memset(own, 'x', sizeof(own) - 1);
  own[128] = '\0';
  assert_int_equal(lb_label_in(label, "", own), -ENAMETOOLONG);
  own[127] = '\0';
  assert_int_equal(lb_label_in(label, "b", own), -ENAMETOOLONG);
  own[123] = '\0';
  assert_int_equal(lb_label_in(label, "blue", own), -ENAMETOOLONG);
  assert_string_equal(label, "before");
  own[122] = '\0';
  snprintf(want, sizeof(want), "blue:%s", own);
  assert_int_equal(lb_label_in(label, "blue", own), 0);
  assert_string_equal(label, want);
  own[122] = 'x';
  own[127] = '\0';
  assert_int_equal(lb_label_in(label, "", own), 0);
  assert_string_equal(label, own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_port_has_its_number_as_label),
      cmocka_unit_test(every_port_is_found_by_its_label),
      cmocka_unit_test(what_no_port_writes_is_no_port),
      cmocka_unit_test(a_name_serves_unchanged),
      cmocka_unit_test(a_name_that_collectd_would_rewrite_does_not),
      cmocka_unit_test(a_name_has_at_most_127_bytes),
      cmocka_unit_test(a_path_loses_its_slashes),
      cmocka_unit_test(bytes_that_do_not_print_become_underscores),
      cmocka_unit_test(an_abstract_name_keeps_its_at_sign),
      cmocka_unit_test(a_socket_without_a_name_has_a_label_too),
      cmocka_unit_test(the_longest_path_fits),
      cmocka_unit_test(a_namespace_is_labelled_as_a_path_is),
      cmocka_unit_test(a_namespace_that_would_be_cut_off_has_none),
      cmocka_unit_test(a_namespace_stands_before_the_label),
      cmocka_unit_test(the_own_namespace_does_not),
      cmocka_unit_test(a_label_that_would_be_cut_off_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
