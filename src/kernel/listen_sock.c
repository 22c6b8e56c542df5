// SPDX-License-Identifier: MIT
/* The array of rows keeps its memory from look to look, so that a look in the
 * steady state allocates nothing. */
#include "kernel/listen_sock.h"

#include "base/array.h"

#include <stdlib.h>

int lb_listen_socks_reserve(struct lb_listen_socks *rows) {
  return lb_reserve(&rows->v, rows->len, &rows->cap, sizeof(*rows->v));
}

void lb_listen_socks_free(struct lb_listen_socks *rows) {
  free(rows->v);
  *rows = (struct lb_listen_socks){0};
}
