// SPDX-License-Identifier: MIT
/* Patterns for the names of UNIX sockets. */
#include "base/unix_pattern.h"

#include "unit.h"

#include <errno.h>
#include <locale.h>

TEST_CASE(a_name_with_a_wildcard_is_a_pattern) {
  static const struct {
    const char *text;
    bool is_pattern;
    int err;
  } cases[] = {
      {"/run/php/*.sock", true, 0}, {"@app-?", true, 0},
      {"/run/[ab]", true, 0},       {"run/*", true, 0},
      {"/run/php.sock", false, 0},  {"@a\\x2a", false, -EILSEQ},
      {"/run/a]", false, 0},        {"*", true, -EINVAL},
      {"?a", true, -EINVAL},        {"[a]/b", true, -EINVAL},
      {"", false, -EINVAL},         {"@a\\x00*", true, -EILSEQ},
  };
  struct lb_unix_pattern pattern;
  for (size_t i = 0; i < LEN(cases); i++) {
    assert_int_equal(lb_unix_is_pattern(cases[i].text), cases[i].is_pattern);
    assert_int_equal(lb_unix_pattern_parse(cases[i].text, &pattern),
                     cases[i].err);
  }
}

TEST_CASE(a_pattern_may_be_as_long_as_a_name) {
  char text[LB_UNIX_NAME_SIZE + 2];
  struct lb_unix_pattern pattern = {.len = 3};
  memset(text, 'a', sizeof(text));
  text[sizeof(text) - 1] = '\0';
  assert_int_equal(lb_unix_pattern_parse(text, &pattern), -ENAMETOOLONG);
  assert_int_equal(pattern.len, 3);
  text[LB_UNIX_NAME_SIZE] = '\0';
  assert_int_equal(lb_unix_pattern_parse(text, &pattern), 0);
  assert_int_equal(pattern.len, LB_UNIX_NAME_SIZE);
}

/* In memory that ends with the name, so that an overrun is seen. */
static bool matches(const char *text, const char *name, size_t len) {
  struct lb_unix_pattern pattern;
  struct lb_unix_name whole = lb_unix_name_of(name, len);
  size_t size = offsetof(struct lb_unix_name, bytes) + whole.len;
  struct lb_unix_name *exact = exact_copy(&whole, size);
  assert_int_equal(lb_unix_pattern_parse(text, &pattern), 0);
  bool result = lb_unix_pattern_matches(&pattern, exact);
  free(exact);
  return result;
}

#define NAME(literal) literal, sizeof(literal) - 1

static const struct {
  const char *text;
  const char *name;
  size_t len;
  bool want;
} cases[] = {
    {"/run/php/*.sock", NAME("/run/php/a.sock"), true},
    {"/run/php/*.sock", NAME("/run/php/php8.2-fpm.sock"), true},
    {"/run/php/*.sock", NAME("/run/php/a.sock.1"), false},
    {"/run/php/*.sock", NAME("/run/php/a/b.sock"), false},
    {"/run/php/*.sock", NAME("/run/php/.sock"), false},
    {"/run/php/*.sock", NAME("/run/php/.a.sock"), false},
    {"/run/php/.*.sock", NAME("/run/php/.a.sock"), true},
    {"/run/php/*.sock", NAME("/run/php/a.sock/"), false},
    {"/run/php/*.sock", NAME("\0/run/php/a.sock"), false},
    {"/run/*/*.sock", NAME("/run/a/b.sock"), true},
    {"/run/*/*.sock", NAME("/run/a.sock"), false},
    {"/run/*/*.sock", NAME("/run/a/b/c.sock"), false},
    {"/*/*a*b*/c", NAME("/x/aab.abb/c"), true},
    {"/*/*a*b*/c", NAME("/x/ba/c"), false},
    {"/run/a*", NAME("/run/a"), true},
    {"/run/a**", NAME("/run/ab"), true},
    {"/run/?", NAME("/run/a"), true},
    {"/run/?", NAME("/run/."), false},
    {"/run/?", NAME("/run/"), false},
    {"/run?a", NAME("/run/a"), false},
    {"/run[/]a", NAME("/run/a"), false},
    {"/run/[.]a", NAME("/run/.a"), false},
    {"/run/[!a]b", NAME("/run/.b"), false},
    {"/run/a.[0-9]", NAME("/run/a.7"), true},
    {"/run/a.[0-9]", NAME("/run/a.x"), false},
    {"/run/[!0-9]", NAME("/run/a"), true},
    {"/run/[^0-9]", NAME("/run/1"), false},
    {"/run/[]a]", NAME("/run/]"), true},
    {"/run/[!]a]", NAME("/run/]"), false},
    {"/run/[a-]", NAME("/run/-"), true},
    {"/run/[a-c]", NAME("/run/b"), true},
    {"/run/[a-c]", NAME("/run/B"), false},
    {"/run/[[:digit:]x]", NAME("/run/5"), true},
    {"/run/[[:digit:]x]", NAME("/run/x"), true},
    {"/run/[[:digit:]x]", NAME("/run/y"), false},
    {"/run/[![:alpha:]]", NAME("/run/\xe4"), true},
    {"/run/[[:alpha:]]", NAME("/run/\xe4"), false},
    {"/run/a[1", NAME("/run/a[1"), true},
    {"/run/a[1", NAME("/run/a1"), false},
    {"/run/a[1].sock", NAME("/run/a1.sock"), true},
    {"/run/a[1].sock", NAME("/run/a[1].sock"), true},
    {"@a[1]", NAME("\0a[1]"), true},
    {"@a[1]", NAME("\0a[2]"), false},
    {"/run/\\*?", NAME("/run/*a"), true},
    {"/run/\\*?", NAME("/run/aa"), false},
    {"/run/*\\", NAME("/run/*\\"), true},
    {"/run/\xe4*", NAME("/run/\xe4\xff\n"), true},
    {"/run/*.sock", NAME("/run/\xc3\xa4\xff.sock"), true},
    {"/run/?", NAME("/run/\xff"), true},
    {"/run/?", NAME("/run/\xc3\xa4"), false},
    {"/run/??", NAME("/run/\xc3\xa4"), true},
    {"/run/[!a]?", NAME("/run/\xc3\xa4"), true},
    {"/run/\xc3?", NAME("/run/\xc3\xa4"), true},
    {"@*", NAME("\0.a/b"), true},
    {"@a/*", NAME("\0a/b/c"), true},
    {"@a*", NAME("a"), false},
    {"@?b", NAME("\0a"), false},
    {"@a?b", NAME("\0a\0b"), true},
    {"@a@*", NAME("\0a\0b"), true},
    {"@a@[b]", NAME("\0a@b"), true},
    {"@a@*", NAME("\0a\1b"), false},
    {"@a*b", NAME("\0a\0\1b"), true},
    {"a*", NAME("ab"), true},
    {"a*", NAME("\0ab"), false},
    {"./*", NAME("./a"), true},
    {"/*", NAME(""), false},
    {"@*", NAME("\0"), true},
};

static void match_cases(void) {
  for (size_t i = 0; i < LEN(cases); i++)
    if (matches(cases[i].text, cases[i].name, cases[i].len) != cases[i].want)
      fail_msg("%s, %s", cases[i].text, cases[i].name);
}

/* collectd has the C locale until a plugin sets another one. */
TEST_CASE(a_pattern_matches_whole_names_as_glob_does) { match_cases(); }

TEST_CASE(a_pattern_matches_byte_by_byte_in_a_locale_of_utf_8) {
  assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
  assert_true(MB_CUR_MAX > 1);
  match_cases();
  assert_true(MB_CUR_MAX > 1); /* the locale is as before */
  setlocale(LC_ALL, "C");
}

/* Some libraries tried each star again for each one before it. */
TEST_CASE(a_name_that_nearly_matches_many_stars_takes_no_time) {
  char name[LB_UNIX_NAME_SIZE];
  memset(name, 'a', sizeof(name));
  name[0] = '/';
  for (int i = 0; i < 1000; i++)
    assert_false(matches("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
                         name, sizeof(name)));
}

int main(void) { return run_all_tests(NULL, NULL); }
