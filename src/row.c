// SPDX-License-Identifier: MIT
/* The array of rows keeps its memory from look to look, so that a look in the
 * steady state allocates nothing. */
#include "row.h"

#include "array.h"

#include <stdlib.h>

int lb_rows_grow(struct lb_rows *rows) {
  return lb_reserve(&rows->v, rows->len, &rows->cap, sizeof(*rows->v));
}

void lb_rows_free(struct lb_rows *rows) {
  free(rows->v);
  *rows = (struct lb_rows){0};
}
