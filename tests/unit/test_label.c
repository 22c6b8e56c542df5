// SPDX-License-Identifier: MIT
#include "base/label.h"

#include "unit.h"

TEST_CASE(each_port_and_nothing_else_has_a_number_as_label) {
  static const char *const others[] = {
      "",           "0",    "00",  "080",  "80a",   "a80",     " 80",
      "80 ",        "+80",  "-80", "80.0", "65536", "99999",   "100000",
      "4294967376", "0x50", "8 0", "80\n", "80-81", "blue:80", "http",
  };
  for (unsigned port = 1; port <= 65535; port++) {
    char label[LB_LABEL_SIZE], want[8];
    snprintf(want, sizeof(want), "%u", port);
    lb_label_of_port(label, (uint16_t)port);
    assert_string_equal(label, want);
    assert_int_equal(lb_label_port(label), port);
  }
  for (size_t i = 0; i < LEN(others); i++)
    if (lb_label_port(others[i]))
      fail_msg("\"%s\" is port %u", others[i], lb_label_port(others[i]));
}

TEST_CASE(a_name_that_collectd_would_change_is_no_label) {
  static const char *const valid[] = {
      "a",  "api",       "80",  "public web", "caf\xc3\xa9", "a.b", "a:b", "-",
      "..", "@abstract", "a_b", "a\\b",       "\xff",        "%s",  "\"",
  };
  static const char *const changed[] = {
      "",    "/",        "a/b",  "/run", "run/", "a\nb",  "\t",
      "a\n", "\x1b[31m", "\x01", "\x1f", "\x7f", "a\x7f", "a;b",
  };
  for (size_t i = 0; i < LEN(valid); i++)
    if (!lb_label_is_valid(valid[i]))
      fail_msg("\"%s\" is refused", valid[i]);
  for (size_t i = 0; i < LEN(changed); i++)
    if (lb_label_is_valid(changed[i]))
      fail_msg("\"%s\" is accepted", changed[i]);

  char name[4096];
  memset(name, 'x', sizeof(name) - 1);
  name[sizeof(name) - 1] = '\0';
  assert_false(lb_label_is_valid(name));
  name[128] = '\0';
  assert_false(lb_label_is_valid(name));
  name[127] = '\0';
  assert_true(lb_label_is_valid(name));
}

/* --- UNIX names ---------------------------------------------------------- */

static void check_unix_name(const char *sun_path, size_t len,
                            const char *want) {
  char label[LB_LABEL_SIZE];
  struct lb_unix_name name = lb_unix_name_of(sun_path, len);
  memset(label, '#', sizeof(label));
  lb_label_of_unix_name(label, &name);
  assert_string_equal(label, want);
  assert_true(lb_label_is_valid(label));
}

TEST_CASE(a_unix_name_is_labelled_without_slashes_and_odd_bytes) {
#define NAME(literal) literal, sizeof(literal) - 1
  static const struct {
    const char *sun_path;
    size_t len;
    const char *want;
  } cases[] = {
      {NAME("/run/gunicorn.sock"), "run-gunicorn.sock"},
      {NAME("run/gunicorn.sock"), ".-run-gunicorn.sock"},
      {NAME("8443"), ".-8443"},
      {NAME("run-gunicorn.sock"), ".-run-gunicorn.sock"},
      {NAME("."), ".-."},
      {NAME("../a"), ".-..-a"},
      {NAME(".a"), ".-.a"},
      {NAME("/run/a;host=b"), "run-a_host=b"},
      {NAME("\0a;host=b"), "@a_host=b"},
      {NAME("//run//a"), "-run--a"},
      {NAME("/run/a/"), "run-a-"},
      {NAME("/"), "-"},
      {NAME("//"), "-"},
      {NAME("/80"), "80"},
      {NAME("/run/a-b"), "run-a-b"},
      {NAME("./a"), ".-a"},
      {NAME("/run/a\"b\\c:d@e"), "run-a\"b\\c:d@e"},
      {NAME("/run/my app"), "run-my_app"},
      {NAME("/run/caf\xc3\xa9"), "run-caf__"},
      {NAME("/\x01\x1f\t\n\x7f\x80\xff!~"), "_______!~"},
      {NAME(" "), ".-_"},
      {NAME("\0name"), "@name"},
      {NAME("\0/tmp/.X11-unix/X0"), "@-tmp-.X11-unix-X0"},
      {NAME("\0a\0b \xff"), "@a_b__"},
      {NAME("\0@"), "@@"},
      {NAME("@name"), ".-@name"},
      {NAME(""), "-"},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    check_unix_name(cases[i].sun_path, cases[i].len, cases[i].want);
}

TEST_CASE(the_longest_unix_name_fits_into_a_label) {
  char name[LB_UNIX_NAME_SIZE], want[LB_UNIX_NAME_SIZE + 3] = ".-";
  memset(name, 'x', sizeof(name));
  memset(want + 2, 'x', sizeof(name));
  check_unix_name(name, sizeof(name), want);
  memset(want, 'x', sizeof(name));
  want[sizeof(name)] = '\0';
  name[0] = '/';
  check_unix_name(name, sizeof(name), want + 1);
  name[0] = '\0';
  want[0] = '@';
  check_unix_name(name, sizeof(name), want);
}

/* --- network namespaces -------------------------------------------------- */

TEST_CASE(a_namespace_is_labelled_like_a_pathname) {
  static const char *const cases[][2] = {
      {"blue", "blue"},
      {"80", "80"},
      {"@blue", "@blue"},
      {"my blue", "my_blue"},
      {"blue;host=a", "blue_host=a"},
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

TEST_CASE(a_namespace_has_no_label_of_more_than_127_bytes) {
  char name[4096], label[LB_LABEL_SIZE] = "before";
  memset(name, 'x', sizeof(name));
  name[sizeof(name) - 1] = '\0';
  assert_int_equal(lb_label_of_netns(label, name), -ENAMETOOLONG);
  name[128] = '\0';
  assert_int_equal(lb_label_of_netns(label, name), -ENAMETOOLONG);
  assert_string_equal(label, "before");
  assert_int_equal(lb_label_of_netns(label, name + 1), 0);
  assert_string_equal(label, name + 1);
  name[0] = '/'; /* which the label does not contain */
  assert_int_equal(lb_label_of_netns(label, name), 0);
  assert_string_equal(label, name + 1);
}

TEST_CASE(the_label_of_another_namespace_comes_first) {
  static const char *const cases[][3] = {
      {"blue", "80", "blue:80"},
      {"a:b", "c:d", "a:b:c:d"},
      {"", "80", "80"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char label[LB_LABEL_SIZE];
    assert_int_equal(lb_label_in(label, cases[i][0], cases[i][1]), 0);
    assert_string_equal(label, cases[i][2]);
  }
}

TEST_CASE(a_label_is_never_cut_off) {
  static const struct {
    const char *netns;
    int len; /* of the own label */
    int want;
  } cases[] = {
      {"", 128, -ENAMETOOLONG},
      {"", 127, 0},
      {"b", 126, -ENAMETOOLONG},
      {"b", 125, 0},
      {"blue", 122, 0},
      {"b", 127, -ENAMETOOLONG},
      {"blue", 123, -ENAMETOOLONG},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char own[LB_LABEL_SIZE + 1], want[LB_LABEL_SIZE + 8];
    char label[LB_LABEL_SIZE] = "before";
    memset(own, 'x', sizeof(own));
    own[cases[i].len] = '\0';
    snprintf(want, sizeof(want), "%s%s%s", cases[i].netns,
             cases[i].netns[0] ? ":" : "", own);
    assert_int_equal(lb_label_in(label, cases[i].netns, own), cases[i].want);
    assert_string_equal(label, cases[i].want ? "before" : want);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
