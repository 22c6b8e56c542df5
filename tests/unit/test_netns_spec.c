// SPDX-License-Identifier: MIT
#include "base/netns_spec.h"

#include "unit.h"

static void assert_spec(const char *text, const char *path, const char *label) {
  struct lb_netns_spec spec;
  assert_int_equal(lb_netns_spec_parse(text, &spec), 0);
  assert_string_equal(spec.text, text);
  assert_string_equal(spec.path, path);
  assert_string_equal(spec.label, label);
}

static void a_name_is_a_file_under_run_netns(void **state) {
  (void)state;
  assert_spec("blue", "/run/netns/blue", "blue");
  assert_spec("my blue", "/run/netns/my blue", "my_blue");
  assert_spec("**", "/run/netns/**", "**");
  assert_spec("...", "/run/netns/...", "...");
}

static void
an_absolute_path_is_itself_and_its_label_has_no_slash(void **state) {
  (void)state;
  assert_spec("/run/netns/blue", "/run/netns/blue", "run-netns-blue");
  assert_spec("/proc/1/ns/net", "/proc/1/ns/net", "proc-1-ns-net");
  assert_spec("/", "/", "-");
  assert_spec("/*", "/*", "*");
}

static void an_asterisk_has_neither_path_nor_label(void **state) {
  (void)state;
  assert_spec("*", "", "");
}

static void a_text_of_any_other_form_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"",      ".",   "..",   "a/b",
                                      "blue/", "./a", "../a", "*/"};
  struct lb_netns_spec spec = {.text = "before"};
  for (size_t i = 0; i < LEN(texts); i++)
    if (lb_netns_spec_parse(texts[i], &spec) != -EINVAL)
      fail_msg("\"%s\" is accepted", texts[i]);
  assert_string_equal(spec.text, "before");
}

static void a_label_of_127_bytes_is_the_longest(void **state) {
  (void)state;
  char text[4096], path[200];
  struct lb_netns_spec spec = {.text = "before"};
  memset(text, 'x', sizeof(text) - 1);
  text[sizeof(text) - 1] = '\0';
  assert_int_equal(lb_netns_spec_parse(text, &spec), -ENAMETOOLONG);
  text[0] = '/';
  assert_int_equal(lb_netns_spec_parse(text, &spec), -ENAMETOOLONG);
  text[129] = '\0';
  assert_int_equal(lb_netns_spec_parse(text, &spec), -ENAMETOOLONG);
  assert_string_equal(spec.text, "before");
  text[128] = '\0';
  assert_spec(text, text, text + 1);
  snprintf(path, sizeof(path), "/run/netns/%.127s", text + 1);
  assert_spec(text + 1, path, text + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_is_a_file_under_run_netns),
      cmocka_unit_test(an_absolute_path_is_itself_and_its_label_has_no_slash),
      cmocka_unit_test(an_asterisk_has_neither_path_nor_label),
      cmocka_unit_test(a_text_of_any_other_form_is_refused),
      cmocka_unit_test(a_label_of_127_bytes_is_the_longest),
  };
  return cmocka_run_group_tests_name("netns_spec", tests, NULL, NULL);
}
