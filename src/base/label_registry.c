// SPDX-License-Identifier: MIT
/* The C library's balanced tree, because labels are claimed when listeners are
 * found, not in every sample. */
#include "base/label_registry.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct used_label {
  char *text; /* first: the tree compares it; what callers have */
  enum lb_label_rank rank;
  struct lb_label_holder holder;
};

struct lb_label_registry {
  void *tree; /* of struct used_label *, each owned */
};

static int compare_labels(const void *a, const void *b) {
  const struct used_label *left = a, *right = b;
  return strcmp(left->text, right->text);
}

static void free_label(void *data) {
  struct used_label *used = data;
  free(used->text);
  free(used);
}

int lb_label_registry_new(struct lb_label_registry **out) {
  struct lb_label_registry *labels = calloc(1, sizeof(*labels));
  if (!labels)
    return -ENOMEM;
  *out = labels;
  return 0;
}

void lb_label_registry_free(struct lb_label_registry *labels) {
  if (!labels)
    return;
  tdestroy(labels->tree, free_label);
  free(labels);
}

static struct used_label *find_label(const struct lb_label_registry *labels,
                                     const char *text) {
  const struct used_label key = {.text = (char *)text};
  struct used_label *const *node = tfind(&key, &labels->tree, compare_labels);
  return node ? *node : NULL;
}

static struct used_label *add_label(struct lb_label_registry *labels,
                                    const char *text) {
  struct used_label *used = calloc(1, sizeof(*used));
  if (!used)
    return NULL;
  used->text = strdup(text);
  if (!used->text || !tsearch(used, &labels->tree, compare_labels)) {
    free_label(used);
    return NULL;
  }
  return used;
}

static bool is_same_holder(const struct lb_label_holder *a,
                           const struct lb_label_holder *b) {
  return a->data == b->data && a->which == b->which;
}

static bool does_yield(const struct used_label *used,
                       const struct lb_label_holder *to) {
  const struct lb_label_holder *holder = &used->holder;
  return holder->yield && holder->yield(holder->data, holder->which, to);
}

int lb_label_registry_claim(struct lb_label_registry *labels, const char *text,
                            enum lb_label_rank rank,
                            struct lb_label_holder holder, const char **out) {
  struct used_label *used = find_label(labels, text);
  if (used && is_same_holder(&used->holder, &holder)) {
    if (used->rank < rank)
      used->rank = rank;
  } else if (used && used->rank >= rank && !does_yield(used, &holder)) {
    return -EEXIST;
  } else {
    if (used)
      used->holder.evict(used->holder.data, used->holder.which);
    else
      used = add_label(labels, text);
    if (!used)
      return -ENOMEM;
    used->rank = rank;
    used->holder = holder;
  }
  *out = used->text;
  return 0;
}

void lb_label_registry_release(struct lb_label_registry *labels,
                               const char *label) {
  struct used_label *used = label ? find_label(labels, label) : NULL;
  if (!used)
    return;
  tdelete(used, &labels->tree, compare_labels);
  free_label(used);
}
