// SPDX-License-Identifier: MIT
/* Patterns for the names of UNIX sockets. */
#include "base/unix_pattern.h"

#include "unit.h"

#include <errno.h>
#include <fnmatch.h>

TEST_CASE(a_name_with_a_wildcard_is_a_pattern) {
  static const struct {
    const char *text;
    bool is_pattern;
    int err;
  } cases[] = {
      {"/run/php/*.sock", true, 0}, {"@app-?", true, 0},
      {"/run/[ab]", true, 0},       {"run/*", true, 0},
      {"/run/php.sock", false, 0},  {"@a\\x2a", false, 0},
      {"/run/a]", false, 0},        {"*", true, -EINVAL},
      {"?a", true, -EINVAL},        {"[a]/b", true, -EINVAL},
      {"", false, -EINVAL},
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

TEST_CASE(a_pattern_matches_whole_names_as_glob_does) {
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
      {"/run/[\\]]", NAME("/run/]"), true},
      {"/run/[a-\\x63]", NAME("/run/b"), true},
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
      {"/run/*\\", NAME("/run/a\\"), true},
      {"/run/\\x2a?", NAME("/run/*a"), true},
      {"/run/\\x2?", NAME("/run/x2a"), true},
      {"/run/\\xE4*", NAME("/run/\xe4\xff\n"), true},
      {"@*", NAME("\0.a/b"), true},
      {"@a/*", NAME("\0a/b/c"), true},
      {"@a*", NAME("a"), false},
      {"@?b", NAME("\0a"), false},
      {"@a\\x00*", NAME("\0a\0b"), true},
      {"@a*b", NAME("\0a\0\1b"), true},
      {"a*", NAME("ab"), true},
      {"a*", NAME("\0ab"), false},
      {"./*", NAME("./a"), true},
      {"/*", NAME(""), false},
      {"@*", NAME("\0"), true},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    if (matches(cases[i].text, cases[i].name, cases[i].len) != cases[i].want)
      fail_msg("%s, %s", cases[i].text, cases[i].name);
}

#ifdef __GLIBC__ /* others have other rules for odd brackets */
/* Against fnmatch(3), which has the same rules for plain bytes. */
TEST_CASE(all_short_patterns_match_what_fnmatch_matches) {
  static const char letters[] = "ab*?/.[]!-", bytes[] = "ab/.";
  char text[] = "/......", name[] = "/.....";
  unsigned seed = 1;
  for (int i = 0; i < 200000; i++) {
    size_t text_len = 2 + (size_t)rand_r(&seed) % 5;
    size_t name_len = 1 + (size_t)rand_r(&seed) % 5;
    for (size_t at = 1; at <= text_len; at++)
      text[at] = at < text_len ? letters[(size_t)rand_r(&seed) % 10] : '\0';
    for (size_t at = 1; at <= name_len; at++)
      name[at] = at < name_len ? bytes[(size_t)rand_r(&seed) % 4] : '\0';
    const char *open = strchr(text, '[');
    if (open && strchr(open, '/'))
      continue; /* libraries differ */
    bool want = strcmp(text, name) == 0 ||
                fnmatch(text, name, FNM_PATHNAME | FNM_PERIOD) == 0;
    if (matches(text, name, strlen(name)) != want)
      fail_msg("%s, %s: %d", text, name, want);
  }
}
#endif

/* fnmatch() of some libraries takes hours for it. */
TEST_CASE(a_name_that_nearly_matches_many_stars_takes_no_time) {
  char name[LB_UNIX_NAME_SIZE];
  memset(name, 'a', sizeof(name));
  name[0] = '/';
  for (int i = 0; i < 1000; i++)
    assert_false(matches("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
                         name, sizeof(name)));
}

int main(void) { return run_all_tests(NULL, NULL); }
