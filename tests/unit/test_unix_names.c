// SPDX-License-Identifier: MIT
/* Names of UNIX sockets: what of sun_path is the name, and the numbers that
 * names get, keep and leave to others. */
#include "base/unix_names.h"

#include "unit.h"

#include <errno.h>

/* --- memory -------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

static struct {
  bool counts;
  size_t calls;
  size_t bytes; /* of malloc() */
  size_t fails; /* this call of those to come; 0: none */
} memory;

static bool is_spent(void) {
  if (!memory.counts)
    return false;
  memory.calls++;
  return memory.fails && --memory.fails == 0;
}

void *__wrap_malloc(size_t size) {
  if (memory.counts)
    memory.bytes += size;
  return is_spent() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  return is_spent() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
  return is_spent() ? NULL : __real_reallocarray(old, n, size);
}

/* --- names --------------------------------------------------------------- */

/* Out of memory that ends where the name does, so that an overrun is seen. */
static struct lb_unix_name path_of(const char *sun_path, size_t len) {
  char *exact = malloc(len ? len : 1);
  assert_non_null(exact);
  memcpy(exact, sun_path, len);
  struct lb_unix_name path = lb_unix_name_of(exact, len);
  free(exact);
  return path;
}

struct name_case {
  const char *sun_path;
  size_t len;
  const char *want;
};

static void check_names(const struct name_case *cases, size_t len) {
  for (size_t i = 0; i < len; i++) {
    struct text got = {.len = 0};
    struct lb_unix_name path = path_of(cases[i].sun_path, cases[i].len);
    say_path(&got, &path);
    assert_string_equal(got.at, cases[i].want);
  }
}

#define NAME(literal) literal, sizeof(literal) - 1

static void a_pathname_ends_at_its_nul(void **state) {
  (void)state;
  static const struct name_case cases[] = {
      {NAME("/run/a.sock"), "\"/run/a.sock\""},
      {NAME("/run/a.sock\0"), "\"/run/a.sock\""},
      {NAME("/run/a.sock\0\0\0\0"), "\"/run/a.sock\""},
      {NAME("/run/a.sock\0rubbish"), "\"/run/a.sock\""},
      {NAME("a"), "\"a\""},
      {NAME("run/a b\n\x80\xff"), "\"run/a b\\x0a\\x80\\xff\""},
  };
  check_names(cases, LEN(cases));
}

static void an_abstract_name_ends_before_its_last_nuls(void **state) {
  (void)state;
  static const struct name_case cases[] = {
      {NAME("\0abc"), "\"\\x00abc\""},
      {NAME("\0abc\0\0\0"), "\"\\x00abc\""},
      {NAME("\0a\0c\0"), "\"\\x00a\\x00c\""},
      {NAME("\0\0\0c"), "\"\\x00\\x00\\x00c\""},
      {NAME("\0/run/a.sock"), "\"\\x00/run/a.sock\""},
      {NAME("\0\1\xff"), "\"\\x00\\x01\\xff\""},
  };
  check_names(cases, LEN(cases));
}

static void an_abstract_name_of_nuls_is_one_of_none(void **state) {
  (void)state;
  static const struct name_case cases[] = {
      {NAME("\0"), "\"\\x00\""},
      {NAME("\0\0\0\0"), "\"\\x00\""},
  };
  check_names(cases, LEN(cases));
}

static void nothing_is_no_name(void **state) {
  (void)state;
  assert_int_equal(path_of("", 0).len, 0);
  assert_int_equal(lb_unix_name_of(NULL, 0).len, 0);
}

/* The kernel puts a NUL behind a pathname that fills sun_path. */
static void a_name_may_fill_sun_path(void **state) {
  (void)state;
  char full[200];
  struct text want = {.len = 0};
  memset(full, 'x', sizeof(full));
  say(&want, "\"");
  for (size_t i = 0; i < 108; i++)
    say(&want, "x");
  say(&want, "\"");
  full[108] = '\0';
  check_names(&(struct name_case){full, 108, want.at}, 1);
  check_names(&(struct name_case){full, 109, want.at}, 1);
  full[108] = 'x';
  check_names(&(struct name_case){full, 109, want.at}, 1);
  check_names(&(struct name_case){full, sizeof(full), want.at}, 1);

  memmove(want.at + 5, want.at + 2, 109);
  memcpy(want.at, "\"\\x00", 5);
  full[0] = '\0';
  check_names(&(struct name_case){full, 108, want.at}, 1);
  check_names(&(struct name_case){full, 109, want.at}, 1);
}

/* --- names as users write them ------------------------------------------- */

static struct lb_unix_name parsed_name(const char *text) {
  struct lb_unix_name parsed;
  assert_int_equal(lb_unix_name_parse(text, &parsed), 0);
  return parsed;
}

static void a_path_is_its_bytes(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"/run/gunicorn.sock", "\"/run/gunicorn.sock\""},
      {"gunicorn.sock", "\"gunicorn.sock\""},
      {"/", "\"/\""},
      {"/run/a b\xc3\xa9\n", "\"/run/a b\\xc3\\xa9\\x0a\""},
      {"/run/@a", "\"/run/@a\""},
      {"/run/\\x41", "\"/run/\\x41\""}, /* of abstract names only */
      {"@name", "\"\\x00name\""},
      {"@@", "\"\\x00@\""},
      {"@/run/a", "\"\\x00/run/a\""},
      {"@\\x41\\xfF\\x0a", "\"\\x00A\\xff\\x0a\""},
      {"@a\\x00b", "\"\\x00a\\x00b\""},
      {"@\\x00b", "\"\\x00\\x00b\""},
      {"@a\\x00\\x00", "\"\\x00a\""}, /* as sockets are shown */
      {"@a\\b\\", "\"\\x00a\\b\\\""},
      {"@\\x5cx41", "\"\\x00\\x41\""},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    struct lb_unix_name parsed = parsed_name(cases[i][0]);
    say_path(&got, &parsed);
    assert_string_equal(got.at, cases[i][1]);
  }
}

static void check_no_path(const char *text, int want) {
  struct lb_unix_name parsed, before;
  memset(&parsed, 0x5a, sizeof(parsed));
  before = parsed;
  if (lb_unix_name_parse(text, &parsed) != want)
    fail_msg("\"%s\" is accepted, or refused for another reason", text);
  assert_memory_equal(&parsed, &before, sizeof(parsed));
}

static void what_is_no_path_is_refused(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "",      "@",      "@\\x00",  "@\\x00\\x00", "@a\\x",
      "@\\x4", "@\\xg0", "@\\x0g1", "@\\x+1",      "@a\\x 1",
  };
  for (size_t i = 0; i < LEN(inputs); i++)
    check_no_path(inputs[i], -EINVAL);
}

static void a_path_is_as_long_as_sun_path(void **state) {
  (void)state;
  char text[4096];
  memset(text, 'x', sizeof(text));
  text[sizeof(text) - 1] = '\0';
  check_no_path(text, -ENAMETOOLONG);
  text[0] = '@';
  check_no_path(text, -ENAMETOOLONG);
  text[109] = '\0';
  check_no_path(text, -ENAMETOOLONG);
  check_no_path("@\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
                "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxx",
                -ENAMETOOLONG);
  text[108] = '\0';
  struct lb_unix_name longest = parsed_name(text);
  assert_int_equal(longest.len, 108);
  assert_int_equal(longest.bytes[0], '\0');
  assert_memory_equal(longest.bytes + 1, text + 1, 107);
  text[0] = '/';
  longest = parsed_name(text);
  assert_int_equal(longest.len, 108);
  assert_memory_equal(longest.bytes, text, 108);
}

static void a_name_is_formatted_as_it_is_parsed(void **state) {
  (void)state;
  static const struct name_case cases[] = {
      {NAME("/run/a.sock"), "/run/a.sock"},
      {NAME("/run/a b\x7f\n\xff"), "/run/a\\x20b\\x7f\\x0a\\xff"},
      {NAME("\0app"), "@app"},
      {NAME("\0a\0@ ~"), "@a\\x00@\\x20~"},
      {NAME("\0"), "@"},
      {NAME(""), ""},
  };
  char longest[LB_UNIX_NAME_SIZE], text[LB_UNIX_NAME_TEXT_SIZE];
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_unix_name name = path_of(cases[i].sun_path, cases[i].len);
    lb_unix_name_format(&name, text);
    assert_string_equal(text, cases[i].want);
  }
  memset(longest, '\x01', sizeof(longest));
  struct lb_unix_name name = path_of(longest, sizeof(longest));
  lb_unix_name_format(&name, text);
  assert_int_equal(strlen(text), 4 * LB_UNIX_NAME_SIZE);
}

/* --- numbers ------------------------------------------------------------- */

static struct lb_unix_names *new_paths(void) {
  struct lb_unix_names *paths = NULL;
  assert_int_equal(lb_unix_names_new(&paths), 0);
  return paths;
}

static uint32_t number(struct lb_unix_names *paths, const char *name) {
  struct lb_unix_name path = path_of(name, strlen(name));
  uint32_t number = UINT32_MAX;
  assert_int_equal(lb_unix_names_intern(paths, &path, &number), 0);
  return number;
}

static uint32_t number_of(struct lb_unix_names *paths, unsigned i) {
  char name[32];
  snprintf(name, sizeof(name), "/run/%u.sock", i);
  return number(paths, name);
}

static void say_name(struct text *text, const struct lb_unix_names *paths,
                     uint32_t number) {
  say(text, "%u ", number);
  say_path(text, lb_unix_names_get(paths, number));
  say(text, "\n");
}

static void say_freed(void *data, uint32_t number) {
  say(data, "%u freed\n", number);
}

static void a_name_has_one_number(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct text got = {.len = 0};
  assert_int_equal(lb_unix_names_end(paths), 0);
  static const char *const names[] = {"/run/a", "/run/b", "/run/a", "/run/",
                                      "/run/b", "/run/",  "/run/a"};
  for (size_t i = 0; i < LEN(names); i++)
    say_name(&got, paths, number(paths, names[i]));
  assert_string_equal(got.at,
                      "0 \"/run/a\"\n1 \"/run/b\"\n0 \"/run/a\"\n2 \"/run/\"\n"
                      "1 \"/run/b\"\n2 \"/run/\"\n0 \"/run/a\"\n");
  assert_int_equal(lb_unix_names_end(paths), 3);
  lb_unix_names_free(paths);
}

static void names_differ_in_any_byte_and_in_length(void **state) {
  (void)state;
  static const struct name_case names[] = {
      {NAME("\0a"), "\"\\x00a\""},
      {NAME("a"), "\"a\""},
      {NAME("\0a\0b"), "\"\\x00a\\x00b\""},
      {NAME("\0a\0c"), "\"\\x00a\\x00c\""},
      {NAME("\0aa"), "\"\\x00aa\""},
      {NAME("\0\0a"), "\"\\x00\\x00a\""},
      {NAME("\0"), "\"\\x00\""},
      {NAME("\xff"), "\"\\xff\""},
      {NAME("A"), "\"A\""},
  };
  struct lb_unix_names *paths = new_paths();
  for (unsigned round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < LEN(names); i++) {
      struct lb_unix_name path = path_of(names[i].sun_path, names[i].len);
      uint32_t got = UINT32_MAX;
      assert_int_equal(lb_unix_names_intern(paths, &path, &got), 0);
      assert_int_equal(got, i);
    }
  }
  for (uint32_t i = 0; i < LEN(names); i++) {
    struct text got = {.len = 0};
    say_path(&got, lb_unix_names_get(paths, i));
    assert_string_equal(got.at, names[i].want);
  }
  lb_unix_names_free(paths);
}

/* So many that some have the same hash. */
static void names_that_begin_alike_differ(void **state) {
  (void)state;
  char xs[LB_UNIX_NAME_SIZE + 1];
  struct lb_unix_names *paths = new_paths();
  memset(xs, 'x', sizeof(xs));
  for (unsigned round = 0; round < 2; round++) {
    for (uint32_t len = 1; len <= LB_UNIX_NAME_SIZE; len++) {
      struct lb_unix_name path = path_of(xs, len);
      uint32_t got = UINT32_MAX;
      assert_int_equal(lb_unix_names_intern(paths, &path, &got), 0);
      assert_int_equal(got, len - 1);
    }
  }
  lb_unix_names_free(paths);
}

/* What stands behind a name in the caller's struct is no part of it. */
static void the_rest_of_the_struct_does_not_count(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct lb_unix_name a = path_of(NAME("/run/a")), same = a;
  uint32_t first = 1, second = 1;
  memset(same.bytes + same.len, 'x', sizeof(same.bytes) - same.len);
  assert_int_equal(lb_unix_names_intern(paths, &a, &first), 0);
  assert_int_equal(lb_unix_names_intern(paths, &same, &second), 0);
  assert_int_equal(first, 0);
  assert_int_equal(second, 0);
  lb_unix_names_free(paths);
}

static void many_names_keep_their_numbers(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  for (unsigned round = 0; round < 2; round++)
    for (unsigned i = 0; i < 5000; i++)
      assert_int_equal(number_of(paths, i), i);
  assert_int_equal(lb_unix_names_end(paths), 5000);
  struct text got = {.len = 0};
  say_name(&got, paths, 0);
  say_name(&got, paths, 4999);
  assert_string_equal(got.at, "0 \"/run/0.sock\"\n4999 \"/run/4999.sock\"\n");
  lb_unix_names_free(paths);
}

/* --- sweeps -------------------------------------------------------------- */

static void a_sweep_forgets_what_nobody_keeps(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct text got = {.len = 0};
  for (unsigned i = 0; i < 5; i++)
    number_of(paths, i);
  lb_unix_names_begin_sweep(paths);
  lb_unix_names_keep(paths, 1);
  lb_unix_names_keep(paths, 3);
  lb_unix_names_keep(paths, 3);
  lb_unix_names_end_sweep(paths, say_freed, &got);
  say_name(&got, paths, 1);
  say_name(&got, paths, 3);
  assert_string_equal(got.at, "4 freed\n2 freed\n0 freed\n"
                              "1 \"/run/1.sock\"\n3 \"/run/3.sock\"\n");
  lb_unix_names_free(paths);
}

static void the_lowest_free_number_is_the_next(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct text got = {.len = 0};
  for (unsigned i = 0; i < 5; i++)
    number_of(paths, i);
  lb_unix_names_begin_sweep(paths);
  lb_unix_names_keep(paths, 1);
  lb_unix_names_end_sweep(paths, NULL, NULL);
  for (unsigned i = 10; i < 16; i++)
    say_name(&got, paths, number_of(paths, i));
  say_name(&got, paths, 1);
  assert_string_equal(got.at, "0 \"/run/10.sock\"\n2 \"/run/11.sock\"\n"
                              "3 \"/run/12.sock\"\n4 \"/run/13.sock\"\n"
                              "5 \"/run/14.sock\"\n6 \"/run/15.sock\"\n"
                              "1 \"/run/1.sock\"\n");
  assert_int_equal(lb_unix_names_end(paths), 7);
  lb_unix_names_free(paths);
}

static void a_name_forgotten_is_new_when_it_returns(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct text got = {.len = 0};
  number(paths, "/run/a");
  number(paths, "/run/b");
  lb_unix_names_begin_sweep(paths);
  lb_unix_names_end_sweep(paths, say_freed, &got);
  say_name(&got, paths, number(paths, "/run/b"));
  say_name(&got, paths, number(paths, "/run/a"));
  assert_string_equal(got.at, "1 freed\n0 freed\n0 \"/run/b\"\n1 \"/run/a\"\n");
  lb_unix_names_free(paths);
}

static void what_was_kept_once_is_not_kept_for_good(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct text got = {.len = 0};
  number(paths, "/run/a");
  for (unsigned sweep = 0; sweep < 3; sweep++) {
    lb_unix_names_begin_sweep(paths);
    if (sweep == 0)
      lb_unix_names_keep(paths, 0);
    lb_unix_names_end_sweep(paths, say_freed, &got);
    say(&got, "swept\n");
  }
  assert_string_equal(got.at, "swept\n0 freed\nswept\nswept\n");
  lb_unix_names_free(paths);
}

static bool is_here(unsigned name, unsigned round) {
  return name * 7919 % 40 != round && name * 104729 % 37 != round % 37;
}

/* Whatever comes and goes: a name that is kept keeps its number, no number has
 * two names, and there are no more numbers than there ever were names. */
static void names_come_and_go(void **state) {
  (void)state;
  enum { NAMES = 1000 };
  static uint32_t numbers[NAMES];
  struct lb_unix_names *paths = new_paths();
  for (unsigned round = 0; round < 40; round++) {
    bool is_taken[NAMES] = {false};
    lb_unix_names_begin_sweep(paths);
    for (unsigned i = 0; i < NAMES; i++) {
      if (!is_here(i, round))
        continue;
      uint32_t now = number_of(paths, i);
      if (round && is_here(i, round - 1))
        assert_int_equal(now, numbers[i]);
      numbers[i] = now;
      assert_in_range(now, 0, NAMES - 1);
      assert_false(is_taken[now]);
      is_taken[now] = true;
      lb_unix_names_keep(paths, now);
    }
    lb_unix_names_end_sweep(paths, NULL, NULL);
  }
  assert_in_range(lb_unix_names_end(paths), 900, NAMES);
  lb_unix_names_free(paths);
}

/* --- memory -------------------------------------------------------------- */

static void a_name_costs_its_own_length(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct lb_unix_name path = lb_unix_name_of(NAME("/run/gunicorn.sock"));
  uint32_t got = 1;
  memory.counts = true;
  memory.bytes = 0;
  int err = lb_unix_names_intern(paths, &path, &got);
  memory.counts = false;
  assert_int_equal(err, 0);
  assert_int_equal(memory.bytes, 1 + 18);
  lb_unix_names_free(paths);
}

static void a_name_that_is_known_allocates_nothing(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  struct lb_unix_name path = lb_unix_name_of(NAME("/run/a"));
  uint32_t got = 1;
  number(paths, "/run/a");
  memory.counts = true;
  memory.calls = 0;
  for (unsigned i = 0; i < 10; i++) {
    lb_unix_names_begin_sweep(paths);
    int err = lb_unix_names_intern(paths, &path, &got);
    lb_unix_names_keep(paths, got);
    lb_unix_names_end_sweep(paths, NULL, NULL);
    if (err || got)
      memory.calls = 1000;
  }
  memory.counts = false;
  assert_int_equal(memory.calls, 0);
  lb_unix_names_free(paths);
}

/* Each allocation fails once: an error, nothing lost, and it can be asked
 * again. */
static void out_of_memory_changes_nothing(void **state) {
  (void)state;
  struct lb_unix_names *paths = new_paths();
  unsigned errors = 0;
  for (unsigned i = 0; i < 300; i++) {
    char name[32];
    snprintf(name, sizeof(name), "/run/%u.sock", i);
    struct lb_unix_name path = lb_unix_name_of(name, strlen(name));
    int err = -ENOMEM;
    for (size_t fails = 1; err; fails++) {
      uint32_t got = UINT32_MAX;
      memory.counts = true;
      memory.fails = fails;
      err = lb_unix_names_intern(paths, &path, &got);
      memory.counts = false;
      assert_int_equal(got, err ? UINT32_MAX : i);
      if (err) {
        assert_int_equal(err, -ENOMEM);
        errors++;
      }
    }
    memory.fails = 0;
  }
  for (unsigned i = 0; i < 300; i++)
    assert_int_equal(number_of(paths, i), i);
  /* 300 names, the table 10 times, the chains 3 times: the name that made those
   * grow finds them grown, and needs one allocation less than it was tried */
  assert_int_equal(errors, 300 + 10 + 3 - 3);
  lb_unix_names_free(paths);
}

static void none_are_made_without_memory(void **state) {
  (void)state;
  for (size_t fails = 1; fails <= 2; fails++) {
    struct lb_unix_names *paths = NULL;
    memory.counts = true;
    memory.fails = fails;
    int err = lb_unix_names_new(&paths);
    memory.counts = false;
    assert_int_equal(err, -ENOMEM);
    assert_null(paths);
  }
  memory.fails = 0;
  lb_unix_names_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pathname_ends_at_its_nul),
      cmocka_unit_test(an_abstract_name_ends_before_its_last_nuls),
      cmocka_unit_test(an_abstract_name_of_nuls_is_one_of_none),
      cmocka_unit_test(nothing_is_no_name),
      cmocka_unit_test(a_name_may_fill_sun_path),
      cmocka_unit_test(a_path_is_its_bytes),
      cmocka_unit_test(what_is_no_path_is_refused),
      cmocka_unit_test(a_path_is_as_long_as_sun_path),
      cmocka_unit_test(a_name_is_formatted_as_it_is_parsed),
      cmocka_unit_test(a_name_has_one_number),
      cmocka_unit_test(names_differ_in_any_byte_and_in_length),
      cmocka_unit_test(names_that_begin_alike_differ),
      cmocka_unit_test(the_rest_of_the_struct_does_not_count),
      cmocka_unit_test(many_names_keep_their_numbers),
      cmocka_unit_test(a_sweep_forgets_what_nobody_keeps),
      cmocka_unit_test(the_lowest_free_number_is_the_next),
      cmocka_unit_test(a_name_forgotten_is_new_when_it_returns),
      cmocka_unit_test(what_was_kept_once_is_not_kept_for_good),
      cmocka_unit_test(names_come_and_go),
      cmocka_unit_test(a_name_costs_its_own_length),
      cmocka_unit_test(a_name_that_is_known_allocates_nothing),
      cmocka_unit_test(out_of_memory_changes_nothing),
      cmocka_unit_test(none_are_made_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
