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

TEST_CASE(a_name_is_a_file_under_run_netns) {
  assert_spec("blue", "/run/netns/blue", "blue");
  assert_spec("my blue", "/run/netns/my blue", "my_blue");
  assert_spec("**", "/run/netns/**", "**");
  assert_spec("...", "/run/netns/...", "...");
}

TEST_CASE(an_absolute_path_is_itself_and_its_label_has_no_slash) {
  assert_spec("/run/netns/blue", "/run/netns/blue", "run-netns-blue");
  assert_spec("/proc/1/ns/net", "/proc/1/ns/net", "proc-1-ns-net");
  assert_spec("/", "/", "-");
  assert_spec("/*", "/*", "*");
}

TEST_CASE(an_asterisk_has_neither_path_nor_label) { assert_spec("*", "", ""); }

TEST_CASE(a_text_of_any_other_form_is_refused) {
  static const char *const texts[] = {"",      ".",   "..",   "a/b",
                                      "blue/", "./a", "../a", "*/"};
  struct lb_netns_spec spec = {.text = "before"};
  for (size_t i = 0; i < LEN(texts); i++)
    if (lb_netns_spec_parse(texts[i], &spec) != -EINVAL)
      fail_msg("\"%s\" is accepted", texts[i]);
  assert_string_equal(spec.text, "before");
}

TEST_CASE(a_label_of_127_bytes_is_the_longest) {
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

int main(void) { return run_all_tests(NULL, NULL); }
