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

static uint32_t evicted[4];

static void note_evicted(void *data, uint32_t which) {
  assert_ptr_equal(data, evicted);
  evicted[which]++;
}

static int claim_for(const char *text, enum lb_label_rank rank, uint32_t which,
                     const char **label) {
  return lb_label_registry_claim(
      labels, text, rank,
      (struct lb_label_holder){note_evicted, evicted, which, NULL}, label);
}

static const char *claim(const char *text) {
  const char *label = NULL;
  assert_int_equal(claim_for(text, LB_RANK_PORT, 0, &label), 0);
  assert_string_equal(label, text);
  return label;
}

static void assert_in_use(const char *text) {
  const char *label = "untouched";
  assert_int_equal(claim_for(text, LB_RANK_PORT, 1, &label), -EEXIST);
  assert_string_equal(label, "untouched");
}

TEST_WITH(a_higher_rank_takes_a_label_and_an_equal_one_does_not, begin_test,
          end_test) {
  static const struct {
    enum lb_label_rank rank;
    uint32_t which;
    int err;
    uint32_t evicts; /* 0: none */
  } claims[] = {
      {LB_RANK_UNIX_NAME, 1, 0, 0},
      {LB_RANK_UNIX_NAME, 2, -EEXIST, 0},
      {LB_RANK_UNIX_FILE, 2, 0, 1},
      {LB_RANK_UNIX_NAME, 1, -EEXIST, 0},
      {LB_RANK_NETNS, 1, 0, 2},
      {LB_RANK_PORT, 1, 0, 0}, /* the same holder: it keeps the higher rank */
      {LB_RANK_UNIX_NAME, 1, 0, 0},
      {LB_RANK_PORT, 3, -EEXIST, 0},
      {LB_RANK_CONFIGURED, 3, 0, 1},
      {LB_RANK_CONFIGURED, 1, -EEXIST, 0},
  };
  for (size_t i = 0; i < LEN(claims); i++) {
    const char *label = NULL;
    memset(evicted, 0, sizeof(evicted));
    size_t calls = memory.calls;
    assert_int_equal(claim_for("80", claims[i].rank, claims[i].which, &label),
                     claims[i].err);
    assert_string_equal(label ? label : "80", "80");
    for (uint32_t which = 0; which < LEN(evicted); which++)
      assert_int_equal(evicted[which], which && which == claims[i].evicts);
    if (i > 0)
      assert_int_equal(memory.calls, calls);
  }
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
  assert_int_equal(claim_for("80", LB_RANK_PORT, 0, &label), -ENOMEM);
  assert_null(label);
  memory.fails = 2;
  assert_int_equal(claim_for("80", LB_RANK_PORT, 0, &label), -ENOMEM);
  tree_is_full = true;
  int err = claim_for("80", LB_RANK_PORT, 0, &label);
  tree_is_full = false;
  assert_int_equal(err, -ENOMEM);
  assert_null(label);
  claim("80");
}

int main(void) { return run_all_tests(NULL, NULL); }
