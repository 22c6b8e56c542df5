// SPDX-License-Identifier: MIT
#include "base/label_registry.h"

#include "base/label.h"
#include "memory.h"
#include "unit.h"

static struct lb_label_registry *labels;
static bool tree_is_full; /* tsearch(3) allocates in the C library */

WRAP(void *, tsearch, const void *key, void **root,
     int (*compare)(const void *, const void *)) {
  return tree_is_full ? NULL : __real_tsearch(key, root, compare);
}

static int begin_test(void **state) {
  (void)state;
  memory.held = 0;
  return lb_label_registry_new(&labels);
}

static int end_test(void **state) {
  (void)state;
  lb_label_registry_free(labels);
  assert_int_equal(memory.held, 0);
  return 0;
}

static const char *claim(const char *text) {
  const char *label = NULL;
  assert_int_equal(lb_label_registry_claim(labels, text, &label), 0);
  assert_string_equal(label, text);
  return label;
}

static void assert_in_use(const char *text) {
  const char *label = "untouched";
  assert_int_equal(lb_label_registry_claim(labels, text, &label), -EEXIST);
  assert_string_equal(label, "untouched");
}

TEST_WITH(a_label_is_in_use_until_it_is_released, begin_test, end_test) {
  const char *web = claim("80");
  assert_in_use("80");
  assert_string_equal(web, "80");
  lb_label_registry_release(labels, web);
  claim("80");
  assert_in_use("80");
  lb_label_registry_release(labels, NULL);
  assert_in_use("80");
}

TEST_WITH(labels_that_differ_in_one_byte_are_two, begin_test, end_test) {
  static const char *const texts[] = {"",    "80",      "8",    "800", "80 ",
                                      "a-b", "blue:80", "blue", "A-b", "\xff"};
  for (size_t i = 0; i < LEN(texts); i++)
    claim(texts[i]);
  for (size_t i = 0; i < LEN(texts); i++)
    assert_in_use(texts[i]);
}

TEST_WITH(a_claimed_label_is_a_copy, begin_test, end_test) {
  char text[] = "80";
  const char *label = claim(text);
  text[0] = '9';
  assert_string_equal(label, "80");
  assert_in_use("80");
  claim("90");
}

TEST_WITH(two_thousand_labels_are_claimed_and_released, begin_test, end_test) {
  enum { MANY = 2000 };
  static const char *held[MANY];
  unsigned seed = 5;
  memset(held, 0, sizeof(held));
  for (int i = 0; i < 50 * MANY; i++) {
    size_t which = (size_t)rand_r(&seed) % MANY;
    char text[LB_LABEL_SIZE];
    lb_label_of_port(text, (uint16_t)which);
    if (!held[which]) {
      held[which] = claim(text);
      continue;
    }
    assert_in_use(text);
    assert_string_equal(held[which], text);
    lb_label_registry_release(labels, held[which]);
    held[which] = NULL;
  }
}

TEST_WITH(without_memory_nothing_is_claimed, begin_test, end_test) {
  struct lb_label_registry *none = NULL;
  const char *label = NULL;
  memory.fails = 1;
  assert_int_equal(lb_label_registry_new(&none), -ENOMEM);
  assert_null(none);
  lb_label_registry_free(none);
  memory.fails = 1;
  assert_int_equal(lb_label_registry_claim(labels, "80", &label), -ENOMEM);
  assert_null(label);
  tree_is_full = true;
  int err = lb_label_registry_claim(labels, "80", &label);
  tree_is_full = false;
  assert_int_equal(err, -ENOMEM);
  assert_null(label);
  claim("80");
}

int main(void) { return run_all_tests(NULL, NULL); }
