// SPDX-License-Identifier: MIT
#include "kernel/sock.h"

#include "base/array.h"

#include <stdlib.h>

int lb_listen_socks_reserve(struct lb_listen_socks *socks) {
  return lb_reserve(&socks->v, socks->len, &socks->cap, sizeof(*socks->v));
}

void lb_listen_socks_free(struct lb_listen_socks *socks) {
  free(socks->v);
  *socks = (struct lb_listen_socks){0};
}

struct lb_conn *lb_conns_add(struct lb_conns *conns) {
  if (lb_reserve(&conns->v, conns->len, &conns->cap, sizeof(*conns->v)))
    return NULL;
  return &conns->v[conns->len++];
}

void lb_conns_free(struct lb_conns *conns) {
  free(conns->v);
  *conns = (struct lb_conns){0};
}
