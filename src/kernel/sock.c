// SPDX-License-Identifier: MIT
#include "kernel/sock.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static bool is_same_end(const struct lb_conn *a, const struct lb_conn *b) {
  return a->port == b->port && a->family == b->family && a->kind == b->kind &&
         a->ifindex == b->ifindex &&
         memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* Two ends that share a place take turns at it: then there is more than one
 * entry of each. */
static uint32_t *place_of(struct lb_conns *conns, const struct lb_conn *conn) {
  uint32_t hash = conn->port;
  for (size_t i = 0; i < sizeof(conn->address); i++)
    hash = hash * 31 + conn->address[i];
  return &conns->recent[hash % LB_CONNS_RECENT];
}

int lb_conns_count(struct lb_conns *conns, const struct lb_conn *conn) {
  uint32_t *place = place_of(conns, conn);
  if (*place < conns->len && is_same_end(&conns->v[*place], conn)) {
    conns->v[*place].number++;
    return 0;
  }
  struct lb_conn *added = lb_conns_add(conns);
  if (!added)
    return -ENOMEM;
  *added = *conn;
  added->number = 1;
  *place = (uint32_t)conns->len - 1;
  return 0;
}

void lb_conns_free(struct lb_conns *conns) {
  free(conns->v);
  *conns = (struct lb_conns){0};
}

/* --- UNIX names ---------------------------------------------------------- */

int lb_unix_counts_reserve(struct lb_unix_counts *counts) {
  return lb_reserve(&counts->v, counts->len, &counts->cap, sizeof(*counts->v));
}

static int compare_counts(const void *a, const void *b) {
  const struct lb_unix_count *left = a, *right = b;
  return lb_unix_name_compare(&left->name, &right->name);
}

void lb_unix_counts_sort(struct lb_unix_counts *counts) {
  size_t kept = 0;
  if (counts->len == 0)
    return;
  qsort(counts->v, counts->len, sizeof(*counts->v), compare_counts);
  for (size_t i = 1; i < counts->len; i++)
    if (compare_counts(&counts->v[kept], &counts->v[i]) != 0)
      counts->v[++kept] = counts->v[i];
  counts->len = kept + 1;
}

void lb_unix_counts_add(struct lb_unix_counts *counts,
                        const struct lb_unix_name *name) {
  const struct lb_unix_count key = {.name = *name};
  struct lb_unix_count *count =
      counts->len ? bsearch(&key, counts->v, counts->len, sizeof(*counts->v),
                            compare_counts)
                  : NULL;
  if (count)
    count->accepted++;
}

void lb_unix_counts_reset(struct lb_unix_counts *counts) {
  for (size_t i = 0; i < counts->len; i++)
    counts->v[i].accepted = 0;
}

void lb_unix_counts_free(struct lb_unix_counts *counts) {
  free(counts->v);
  *counts = (struct lb_unix_counts){0};
}
