// SPDX-License-Identifier: MIT
/* The C library's balanced tree, because labels are claimed when listeners are
 * found, not in every sample. */
#include "base/label_registry.h"

#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct lb_label_registry {
  void *tree; /* of char *, each owned */
};

static int compare_labels(const void *a, const void *b) { return strcmp(a, b); }

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
  tdestroy(labels->tree, free);
  free(labels);
}

int lb_label_registry_claim(struct lb_label_registry *labels, const char *text,
                            const char **out) {
  char *copy = strdup(text);
  if (!copy)
    return -ENOMEM;
  char *const *node = tsearch(copy, &labels->tree, compare_labels);
  if (!node || *node != copy) {
    free(copy);
    return node ? -EEXIST : -ENOMEM;
  }
  *out = copy;
  return 0;
}

void lb_label_registry_release(struct lb_label_registry *labels,
                               const char *label) {
  if (!label)
    return;
  tdelete(label, &labels->tree, compare_labels);
  free((void *)label);
}
