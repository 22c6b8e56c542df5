// SPDX-License-Identifier: MIT
/* Names of UNIX sockets: parsed, formatted, and numbered by the table. */
#include "base/unix_names.h"

#include "memory.h"
#include "unit.h"

static struct lb_unix_names *names;

static int begin_test(void **state) {
  (void)state;
  memory.held = 0;
  return lb_unix_names_new(&names);
}

static int end_test(void **state) {
  (void)state;
  lb_unix_names_free(names);
  assert_int_equal(memory.held, 0);
  return 0;
}

/* --- one name ------------------------------------------------------------ */

/* Reads from memory that ends with the name, so that an overrun is seen. */
static struct lb_unix_name name_of(const char *sun_path, size_t len) {
  char *exact = malloc(len ? len : 1);
  assert_non_null(exact);
  memcpy(exact, sun_path, len);
  struct lb_unix_name name = lb_unix_name_of(exact, len);
  free(exact);
  return name;
}

static struct lb_unix_name parsed_name(const char *text) {
  struct lb_unix_name name;
  assert_int_equal(lb_unix_name_parse(text, &name), 0);
  return name;
}

static void assert_bytes(const struct lb_unix_name *name, const char *want) {
  struct text got = {.len = 0};
  say_path(&got, name);
  assert_string_equal(got.at, want);
}

#define NAME(literal) literal, sizeof(literal) - 1

TEST_WITH(the_name_in_sun_path_ends_at_its_nul_or_last_nuls, begin_test,
          end_test) {
  static const struct {
    const char *sun_path;
    size_t len;
    const char *want;
  } cases[] = {
      {NAME("/run/a.sock"), "\"/run/a.sock\""},
      {NAME("/run/a.sock\0"), "\"/run/a.sock\""},
      {NAME("/run/a.sock\0\0\0\0"), "\"/run/a.sock\""},
      {NAME("/run/a.sock\0rubbish"), "\"/run/a.sock\""},
      {NAME("a"), "\"a\""},
      {NAME("run/a b\n\x80\xff"), "\"run/a b\\x0a\\x80\\xff\""},
      {NAME("\0abc"), "\"\\x00abc\""},
      {NAME("\0abc\0\0\0"), "\"\\x00abc\""},
      {NAME("\0a\0c\0"), "\"\\x00a\\x00c\""},
      {NAME("\0\0\0c"), "\"\\x00\\x00\\x00c\""},
      {NAME("\0/run/a.sock"), "\"\\x00/run/a.sock\""},
      {NAME("\0\1\xff"), "\"\\x00\\x01\\xff\""},
      {NAME("\0"), "\"\\x00\""},
      {NAME("\0\0\0\0"), "\"\\x00\""},
      {NAME(""), "\"\""},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_unix_name name = name_of(cases[i].sun_path, cases[i].len);
    assert_bytes(&name, cases[i].want);
  }
  assert_int_equal(lb_unix_name_of(NULL, 0).len, 0);
}

/* The kernel appends a NUL to a pathname that fills sun_path. */
TEST_WITH(a_name_may_fill_sun_path, begin_test, end_test) {
  static const struct {
    char first, after; /* the last byte of the name */
    size_t len;
  } cases[] = {
      {'x', '\0', 108}, {'x', '\0', 109},  {'x', 'x', 109},
      {'x', 'x', 200},  {'\0', '\0', 108}, {'\0', 'x', 109},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char full[200];
    memset(full, 'x', sizeof(full));
    full[0] = cases[i].first;
    full[108] = cases[i].after;
    struct lb_unix_name name = name_of(full, cases[i].len);
    assert_int_equal(name.len, 108);
    assert_memory_equal(name.bytes, full, 108);
  }
}

TEST_WITH(a_pathname_or_an_abstract_name_is_parsed, begin_test, end_test) {
  static const char *const cases[][2] = {
      {"/run/gunicorn.sock", "\"/run/gunicorn.sock\""},
      {"gunicorn.sock", "\"gunicorn.sock\""},
      {"/", "\"/\""},
      {"/run/a b\xc3\xa9\n", "\"/run/a b\\xc3\\xa9\\x0a\""},
      {"/run/@a", "\"/run/@a\""},
      {"/run/\\x41", "\"/run/\\x41\""}, /* escapes are for abstract names */
      {"@name", "\"\\x00name\""},
      {"@@", "\"\\x00@\""},
      {"@/run/a", "\"\\x00/run/a\""},
      {"@\\x41\\xfF\\x0a", "\"\\x00A\\xff\\x0a\""},
      {"@a\\x00b", "\"\\x00a\\x00b\""},
      {"@\\x00b", "\"\\x00\\x00b\""},
      {"@a\\x00\\x00", "\"\\x00a\""}, /* as lb_unix_name_of() has it */
      {"@a\\b\\", "\"\\x00a\\b\\\""},
      {"@\\x5cx41", "\"\\x00\\x41\""},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_unix_name name = parsed_name(cases[i][0]);
    assert_bytes(&name, cases[i][1]);
  }
}

static void assert_no_name(const char *text, int want) {
  struct lb_unix_name name, before;
  memset(&name, 0x5a, sizeof(name));
  before = name;
  if (lb_unix_name_parse(text, &name) != want)
    fail_msg("\"%s\" is accepted, or refused for another reason", text);
  assert_memory_equal(&name, &before, sizeof(name));
}

TEST_WITH(an_empty_name_or_a_bad_escape_is_refused, begin_test, end_test) {
  static const char *const texts[] = {
      "",      "@",      "@\\x00",  "@\\x00\\x00", "@a\\x",
      "@\\x4", "@\\xg0", "@\\x0g1", "@\\x+1",      "@a\\x 1",
  };
  for (size_t i = 0; i < LEN(texts); i++)
    assert_no_name(texts[i], -EINVAL);
}

TEST_WITH(a_parsed_name_has_at_most_108_bytes, begin_test, end_test) {
  static const char first[] = {'x', '/', '@'};
  for (size_t i = 0; i < LEN(first); i++) {
    char text[4096];
    memset(text, 'x', sizeof(text));
    text[0] = first[i];
    text[sizeof(text) - 1] = '\0';
    assert_no_name(text, -ENAMETOOLONG);
    text[109] = '\0';
    assert_no_name(text, -ENAMETOOLONG);
    text[108] = '\0';
    struct lb_unix_name name = parsed_name(text);
    assert_int_equal(name.len, 108);
    assert_int_equal(name.bytes[0], first[i] == '@' ? '\0' : first[i]);
    assert_memory_equal(name.bytes + 1, text + 1, 107);
  }
  struct text escaped = {.len = 0}; /* "@" and 108 bytes, some of them NUL */
  say(&escaped, "@");
  for (int i = 0; i < 24; i++)
    say(&escaped, "\\x00");
  say(&escaped, "%084d", 0);
  assert_no_name(escaped.at, -ENAMETOOLONG);
}

TEST_WITH(a_name_is_formatted_as_it_is_parsed, begin_test, end_test) {
  static const struct {
    const char *sun_path;
    size_t len;
    const char *want;
  } cases[] = {
      {NAME("/run/a.sock"), "/run/a.sock"},
      {NAME("/run/a b\x7f\n\xff"), "/run/a\\x20b\\x7f\\x0a\\xff"},
      {NAME("\0app"), "@app"},
      {NAME("\0a\0@ ~"), "@a\\x00@\\x20~"},
      {NAME("\0"), "@"},
      {NAME(""), ""},
  };
  char longest[LB_UNIX_NAME_SIZE], text[LB_UNIX_NAME_TEXT_SIZE];
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_unix_name name = name_of(cases[i].sun_path, cases[i].len);
    lb_unix_name_format(&name, text);
    assert_string_equal(text, cases[i].want);
  }
  memset(longest, '\x01', sizeof(longest));
  struct lb_unix_name name = name_of(longest, sizeof(longest));
  lb_unix_name_format(&name, text);
  assert_int_equal(strlen(text), 4 * LB_UNIX_NAME_SIZE);
}

/* --- numbers ------------------------------------------------------------- */

static uint32_t number_of(struct lb_unix_name name) {
  uint32_t number = UINT32_MAX;
  assert_int_equal(lb_unix_names_intern(names, &name, &number), 0);
  return number;
}

static struct lb_unix_name nth_name(unsigned i) {
  char text[32];
  snprintf(text, sizeof(text), "/run/%u.sock", i);
  return parsed_name(text);
}

static uint32_t number_of_nth(unsigned i) { return number_of(nth_name(i)); }

/* "NUMBER NAME", and numbers which a sweep frees. */
static void say_number(struct text *text, uint32_t number) {
  say(text, "%u ", number);
  say_path(text, lb_unix_names_get(names, number));
  say(text, "\n");
}

static void say_freed(void *data, uint32_t number) {
  say(data, "%u freed\n", number);
}

TEST_WITH(a_name_has_one_number, begin_test, end_test) {
  static const char *const texts[] = {"/run/a", "/run/b", "/run/a", "/run/",
                                      "/run/b", "/run/",  "/run/a"};
  struct text got = {.len = 0};
  assert_int_equal(lb_unix_names_end(names), 0);
  for (size_t i = 0; i < LEN(texts); i++)
    say_number(&got, number_of(parsed_name(texts[i])));
  assert_string_equal(got.at,
                      "0 \"/run/a\"\n1 \"/run/b\"\n0 \"/run/a\"\n2 \"/run/\"\n"
                      "1 \"/run/b\"\n2 \"/run/\"\n0 \"/run/a\"\n");
  assert_int_equal(lb_unix_names_end(names), 3);
}

TEST_WITH(names_that_differ_in_a_byte_or_their_length_are_two, begin_test,
          end_test) {
  static const struct {
    const char *sun_path;
    size_t len;
  } cases[] = {
      {NAME("\0a")}, {NAME("a")},     {NAME("\0a\0b")},
      {NAME("\0")},  {NAME("\0aa")},  {NAME("\0a\0c")},
      {NAME("A")},   {NAME("\0\0a")}, {NAME("\xff")},
  };
  char xs[LB_UNIX_NAME_SIZE];
  memset(xs, 'x', sizeof(xs));
  for (unsigned round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < LEN(cases); i++)
      assert_int_equal(number_of(name_of(cases[i].sun_path, cases[i].len)), i);
    for (uint32_t len = 1; len <= LB_UNIX_NAME_SIZE; len++)
      assert_int_equal(number_of(name_of(xs, len)), LEN(cases) + len - 1);
  }
  for (uint32_t i = 0; i < LEN(cases); i++) {
    const struct lb_unix_name *name = lb_unix_names_get(names, i);
    assert_int_equal(name->len, cases[i].len);
    assert_memory_equal(name->bytes, cases[i].sun_path, cases[i].len);
  }
}

TEST_WITH(bytes_after_the_name_do_not_count, begin_test, end_test) {
  struct lb_unix_name a = parsed_name("/run/a"), same = a;
  memset(same.bytes + same.len, 'x', sizeof(same.bytes) - same.len);
  assert_int_equal(number_of(a), 0);
  assert_int_equal(number_of(same), 0);
}

TEST_WITH(five_thousand_names_keep_their_numbers, begin_test, end_test) {
  struct text got = {.len = 0};
  for (unsigned round = 0; round < 2; round++)
    for (unsigned i = 0; i < 5000; i++)
      assert_int_equal(number_of_nth(i), i);
  assert_int_equal(lb_unix_names_end(names), 5000);
  say_number(&got, 0);
  say_number(&got, 4999);
  assert_string_equal(got.at, "0 \"/run/0.sock\"\n4999 \"/run/4999.sock\"\n");
}

/* --- sweeps -------------------------------------------------------------- */

TEST_WITH(a_sweep_frees_the_numbers_that_are_not_kept_in_it, begin_test,
          end_test) {
  struct text got = {.len = 0};
  for (unsigned i = 0; i < 5; i++)
    number_of_nth(i);
  lb_unix_names_begin_sweep(names);
  lb_unix_names_keep(names, 0);
  lb_unix_names_keep(names, 3);
  lb_unix_names_keep(names, 3);
  lb_unix_names_end_sweep(names, say_freed, &got);
  say_number(&got, 0);
  say_number(&got, 3);
  lb_unix_names_begin_sweep(names);
  lb_unix_names_keep(names, 3);
  lb_unix_names_end_sweep(names, say_freed, &got);
  lb_unix_names_begin_sweep(names);
  lb_unix_names_end_sweep(names, say_freed, &got);
  lb_unix_names_begin_sweep(names);
  lb_unix_names_end_sweep(names, say_freed, &got);
  assert_string_equal(got.at, "4 freed\n2 freed\n1 freed\n"
                              "0 \"/run/0.sock\"\n3 \"/run/3.sock\"\n"
                              "0 freed\n3 freed\n");
}

TEST_WITH(a_new_name_gets_the_lowest_free_number, begin_test, end_test) {
  struct text got = {.len = 0};
  for (unsigned i = 0; i < 5; i++)
    number_of_nth(i);
  lb_unix_names_begin_sweep(names);
  lb_unix_names_keep(names, 1);
  lb_unix_names_end_sweep(names, NULL, NULL);
  say_number(&got, number_of_nth(4)); /* a freed name is new */
  for (unsigned i = 10; i < 15; i++)
    say_number(&got, number_of_nth(i));
  say_number(&got, 1);
  assert_string_equal(got.at, "0 \"/run/4.sock\"\n2 \"/run/10.sock\"\n"
                              "3 \"/run/11.sock\"\n4 \"/run/12.sock\"\n"
                              "5 \"/run/13.sock\"\n6 \"/run/14.sock\"\n"
                              "1 \"/run/1.sock\"\n");
  assert_int_equal(lb_unix_names_end(names), 7);
}

static bool is_in_use(unsigned name, unsigned round) {
  return name * 7919 % 40 != round && name * 104729 % 37 != round % 37;
}

TEST_WITH(numbers_stay_unique_while_names_come_and_go, begin_test, end_test) {
  enum { NAMES = 1000 };
  static uint32_t numbers[NAMES];
  for (unsigned round = 0; round < 40; round++) {
    bool is_seen[NAMES] = {false};
    lb_unix_names_begin_sweep(names);
    for (unsigned i = 0; i < NAMES; i++) {
      if (!is_in_use(i, round))
        continue;
      uint32_t now = number_of_nth(i);
      if (round && is_in_use(i, round - 1))
        assert_int_equal(now, numbers[i]);
      numbers[i] = now;
      assert_in_range(now, 0, NAMES - 1);
      assert_false(is_seen[now]);
      is_seen[now] = true;
      lb_unix_names_keep(names, now);
    }
    lb_unix_names_end_sweep(names, NULL, NULL);
  }
  assert_in_range(lb_unix_names_end(names), 900, NAMES);
}

/* --- memory -------------------------------------------------------------- */

TEST_WITH(a_name_costs_its_own_length_and_a_known_one_nothing, begin_test,
          end_test) {
  struct lb_unix_name other = parsed_name("/run/a");
  struct lb_unix_name name = parsed_name("/run/gunicorn.sock");
  uint32_t number = 0;
  number_of(other); /* the table grows */
  memory.calls = memory.largest = 0;
  assert_int_equal(lb_unix_names_intern(names, &name, &number), 0);
  assert_in_range(memory.calls, 1, 2); /* the name, the table */
  lb_unix_names_begin_sweep(names);
  lb_unix_names_keep(names, 1);
  lb_unix_names_end_sweep(names, NULL, NULL);
  memory.calls = memory.largest = 0;
  assert_int_equal(number_of(name_of(NAME("/run/gunicorn.sock2"))), 0);
  assert_int_equal(memory.largest, 1 + 19);
  memory.calls = 0;
  for (unsigned i = 0; i < 10; i++) {
    lb_unix_names_begin_sweep(names);
    assert_int_equal(lb_unix_names_intern(names, &name, &number), 0);
    lb_unix_names_keep(names, number);
    lb_unix_names_end_sweep(names, NULL, NULL);
  }
  assert_int_equal(memory.calls, 0);
}

TEST_WITH(a_refused_allocation_is_enomem_and_can_be_tried_again, begin_test,
          end_test) {
  struct lb_unix_names *none = NULL;
  unsigned errors = 0;
  for (unsigned i = 0; i < 300; i++) {
    struct lb_unix_name name = nth_name(i);
    int err = -ENOMEM;
    for (size_t fails = 1; err; fails++) {
      uint32_t number = UINT32_MAX;
      memory.fails = fails;
      err = lb_unix_names_intern(names, &name, &number);
      memory.fails = 0;
      assert_int_equal(number, err ? UINT32_MAX : i);
      assert_true(err == 0 || err == -ENOMEM);
      errors += err != 0;
    }
  }
  for (unsigned i = 0; i < 300; i++)
    assert_int_equal(number_of_nth(i), i);
  /* 300 names, the table 10 times, the chains 3 times; the name that made the
   * chains grow finds them grown when it is tried again */
  assert_int_equal(errors, 300 + 10 + 3 - 3);

  for (size_t fails = 1; fails <= 2; fails++) {
    memory.fails = fails;
    assert_int_equal(lb_unix_names_new(&none), -ENOMEM);
    assert_null(none);
  }
  lb_unix_names_free(NULL);
}

int main(void) { return run_all_tests(NULL, NULL); }
