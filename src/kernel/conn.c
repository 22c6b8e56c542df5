// SPDX-License-Identifier: MIT
/* The array of connections keeps its memory from walk to walk, as the array of
 * rows does. */
#include "kernel/conn.h"

#include "base/array.h"

#include <stdlib.h>

struct lb_conn *lb_conns_add(struct lb_conns *conns) {
  if (lb_reserve(&conns->v, conns->len, &conns->cap, sizeof(*conns->v)))
    return NULL;
  return &conns->v[conns->len++];
}

void lb_conns_free(struct lb_conns *conns) {
  free(conns->v);
  *conns = (struct lb_conns){0};
}
