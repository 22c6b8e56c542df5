// SPDX-License-Identifier: MIT
/* One label, one source. The linker's --wrap sends our calls of calloc and
 * strdup through here. */
#include "base/label_registry.h"

#include "base/label.h"
#include "unit.h"

static bool fails;

void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_calloc(size_t n, size_t size) {
  return fails ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text) {
  return fails ? NULL : __real_strdup(text);
}

static int set_up(void **state) {
  struct lb_label_registry *labels;
  int err = lb_label_registry_new(&labels);
  *state = labels;
  return err;
}

static int tear_down(void **state) {
  lb_label_registry_free(*state);
  return 0;
}

static const char *claim(struct lb_label_registry *labels, const char *text) {
  const char *label;
  assert_int_equal(lb_label_registry_claim(labels, text, &label), 0);
  assert_string_equal(label, text);
  return label;
}

static void assert_taken(struct lb_label_registry *labels, const char *text) {
  const char *label = "untouched";
  assert_int_equal(lb_label_registry_claim(labels, text, &label), -EEXIST);
  assert_string_equal(label, "untouched");
}

static void the_first_has_it_until_it_lets_go(void **state) {
  struct lb_label_registry *labels = *state;
  const char *web = claim(labels, "80");
  assert_taken(labels, "80");
  assert_string_equal(web, "80");
  lb_label_registry_release(labels, web);
  claim(labels, "80");
  assert_taken(labels, "80");
}

static void labels_differ_in_any_byte(void **state) {
  struct lb_label_registry *labels = *state;
  static const char *const texts[] = {"",    "80",      "8",    "800", "80 ",
                                      "a-b", "blue:80", "blue", "A-b", "\xff"};
  for (size_t i = 0; i < LEN(texts); i++)
    claim(labels, texts[i]);
  for (size_t i = 0; i < LEN(texts); i++)
    assert_taken(labels, texts[i]);
}

static void a_label_is_a_copy(void **state) {
  struct lb_label_registry *labels = *state;
  char text[] = "80";
  const char *label = claim(labels, text);
  text[0] = '9';
  assert_string_equal(label, "80");
  assert_taken(labels, "80");
  claim(labels, "90");
}

static void no_label_can_be_let_go(void **state) {
  struct lb_label_registry *labels = *state;
  claim(labels, "80");
  lb_label_registry_release(labels, NULL);
  assert_taken(labels, "80");
}

/* Which are freed with the rest, as the sanitizer sees. */
static void many_come_and_go(void **state) {
  enum { MANY = 2000 };
  static const char *held[MANY];
  struct lb_label_registry *labels = *state;
  unsigned seed = 5;
  memset(held, 0, sizeof(held));
  for (int i = 0; i < 50 * MANY; i++) {
    size_t which = (size_t)rand_r(&seed) % MANY;
    char text[LB_LABEL_SIZE];
    lb_label_of_port(text, (uint16_t)which);
    if (!held[which]) {
      held[which] = claim(labels, text);
      continue;
    }
    assert_taken(labels, text);
    assert_string_equal(held[which], text);
    lb_label_registry_release(labels, held[which]);
    held[which] = NULL;
  }
}

static void without_memory_nothing_is_taken(void **state) {
  struct lb_label_registry *labels = *state, *none = NULL;
  const char *label = NULL;
  fails = true;
  int new_err = lb_label_registry_new(&none);
  int err = lb_label_registry_claim(labels, "80", &label);
  fails = false;
  assert_int_equal(new_err, -ENOMEM);
  assert_null(none);
  assert_int_equal(err, -ENOMEM);
  assert_null(label);
  claim(labels, "80");
  lb_label_registry_free(NULL);
}

#define WITH_LABELS(test)                                                      \
  cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_LABELS(the_first_has_it_until_it_lets_go),
      WITH_LABELS(labels_differ_in_any_byte),
      WITH_LABELS(a_label_is_a_copy),
      WITH_LABELS(no_label_can_be_let_go),
      WITH_LABELS(many_come_and_go),
      WITH_LABELS(without_memory_nothing_is_taken),
  };
  return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
