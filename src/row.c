// SPDX-License-Identifier: MIT
/* The array of rows keeps its memory from look to look, so that a look in the
 * steady state allocates nothing. */
#include "row.h"

#include <stdlib.h>

struct lb_row *lb_rows_add(struct lb_rows *rows) {
  if (rows->len == rows->cap) {
    size_t cap = rows->cap ? rows->cap * 2 : 64;
    struct lb_row *v = reallocarray(rows->v, cap, sizeof(*v));
    if (!v)
      return NULL;
    rows->v = v;
    rows->cap = cap;
  }
  return &rows->v[rows->len++];
}

void lb_rows_free(struct lb_rows *rows) {
  free(rows->v);
  *rows = (struct lb_rows){0};
}
