// SPDX-License-Identifier: MIT
/* The kernel walks its tables in the same order each time, so the socket after
 * the one just found is nearly always the next row: the merge looks there
 * first, and the hash serves only where sockets came or went. */
#include "core/socket_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST_SLOTS = 128 };

void lb_socket_table_free(struct lb_socket_table *ledger) {
  free(ledger->v);
  free(ledger->slots);
  *ledger = (struct lb_socket_table){0};
}

/* splitmix64's finaliser: cookies are counters, their low bits are not enough
 */
static size_t first_slot(const struct lb_socket_table *ledger,
                         uint64_t cookie) {
  cookie = (cookie ^ cookie >> 30) * 0xbf58476d1ce4e5b9u;
  cookie = (cookie ^ cookie >> 27) * 0x94d049bb133111ebu;
  return (size_t)(cookie ^ cookie >> 31) & (ledger->slots_len - 1);
}

/* The slot that holds the cookie, or the empty one where it belongs. */
static uint32_t *find_slot(const struct lb_socket_table *ledger,
                           uint64_t cookie) {
  size_t i = first_slot(ledger, cookie);
  while (ledger->slots[i] &&
         ledger->v[ledger->slots[i] - 1].row.cookie != cookie)
    i = (i + 1) & (ledger->slots_len - 1);
  return &ledger->slots[i];
}

static void rebuild(struct lb_socket_table *ledger) {
  memset(ledger->slots, 0, ledger->slots_len * sizeof(*ledger->slots));
  for (size_t i = 0; i < ledger->len; i++)
    *find_slot(ledger, ledger->v[i].row.cookie) = (uint32_t)(i + 1);
}

/* Room for one more socket, with at most half of the slots taken. */
static int reserve(struct lb_socket_table *ledger) {
  if (ledger->len < ledger->cap)
    return 0;
  size_t slots_len = ledger->slots_len ? ledger->slots_len * 2 : FIRST_SLOTS;
  struct lb_socket *v =
      reallocarray(ledger->v, slots_len / 2, sizeof(*ledger->v));
  if (!v)
    return -ENOMEM;
  ledger->v = v;
  uint32_t *slots = calloc(slots_len, sizeof(*slots));
  if (!slots)
    return -ENOMEM;
  free(ledger->slots);
  ledger->slots = slots;
  ledger->slots_len = slots_len;
  ledger->cap = slots_len / 2;
  rebuild(ledger);
  return 0;
}

static struct lb_socket *find(const struct lb_socket_table *ledger,
                              size_t guess, uint64_t cookie) {
  if (guess < ledger->len && ledger->v[guess].row.cookie == cookie)
    return &ledger->v[guess];
  if (ledger->len == 0)
    return NULL;
  uint32_t slot = *find_slot(ledger, cookie);
  return slot ? &ledger->v[slot - 1] : NULL;
}

static struct lb_socket *add(struct lb_socket_table *ledger,
                             const struct lb_listen_sock *row) {
  if (reserve(ledger))
    return NULL;
  struct lb_socket *socket = &ledger->v[ledger->len];
  *socket = (struct lb_socket){
      .row = *row,
      .look = ledger->look,
  };
  *find_slot(ledger, row->cookie) = (uint32_t)++ledger->len;
  ledger->present++;
  ledger->changed = true;
  return socket;
}

/* The first sight of a socket in this look. */
static void enter_look(struct lb_socket_table *ledger,
                       struct lb_socket *socket) {
  bool was_there = socket->look == ledger->complete;
  socket->full_before = was_there && socket->full_now;
  socket->full_now = false;
  socket->look = ledger->look;
  ledger->seen_again += was_there;
  ledger->changed |= !was_there;
  ledger->present++;
}

static bool is_changed(const struct lb_listen_sock *before,
                       const struct lb_listen_sock *now) {
  return before->queue != now->queue || before->limit != now->limit ||
         before->port != now->port;
}

int lb_socket_table_merge(struct lb_socket_table *ledger,
                          const struct lb_listen_socks *rows, uint64_t now_ms) {
  size_t guess = 0;
  for (size_t i = 0; i < rows->len; i++) {
    const struct lb_listen_sock *row = &rows->v[i];
    struct lb_socket *socket = find(ledger, guess, row->cookie);
    if (!socket)
      socket = add(ledger, row);
    else if (!lb_socket_is_present(ledger, socket))
      enter_look(ledger, socket);
    if (!socket)
      return -ENOMEM;
    ledger->changed |= is_changed(&socket->row, row);
    socket->row = *row;
    socket->seen_ms = now_ms;
    socket->full_now |= lb_is_full(row->queue, row->limit);
    ledger->lacks_drops |= !row->has_drops && row->family != AF_UNIX;
    ledger->moved |= lb_socket_movement(socket) != 0;
    guess = (size_t)(socket - ledger->v) + 1;
  }
  return 0;
}

void lb_socket_table_keep_unix(struct lb_socket_table *ledger,
                               uint64_t now_ms) {
  for (size_t i = 0; i < ledger->len; i++) {
    struct lb_socket *socket = &ledger->v[i];
    if (socket->row.family != AF_UNIX || socket->look != ledger->complete)
      continue;
    enter_look(ledger, socket);
    socket->seen_ms = now_ms;
  }
}

void lb_socket_table_begin_sample(struct lb_socket_table *ledger) {
  ledger->look++;
  ledger->present = 0;
  ledger->seen_again = 0;
  ledger->moved = false;
  ledger->changed = false;
}

/* UNIX sockets have no counts that could be back, and names without end. */
static bool is_over(const struct lb_socket_table *ledger,
                    const struct lb_socket *socket, uint64_t now_ms) {
  if (socket->row.family == AF_UNIX && ledger->look - socket->look > 1)
    return true;
  return now_ms - socket->seen_ms > LB_SOCKET_KEEP_MS;
}

static void forget(struct lb_socket_table *ledger, uint64_t now_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < ledger->len; i++) {
    if (is_over(ledger, &ledger->v[i], now_ms)) {
      ledger->forgot_paths |= ledger->v[i].row.family == AF_UNIX;
      continue;
    }
    if (kept != i)
      ledger->v[kept] = ledger->v[i];
    kept++;
  }
  if (kept == ledger->len)
    return;
  ledger->len = kept;
  rebuild(ledger);
}

void lb_socket_table_end_sample(struct lb_socket_table *ledger,
                                uint64_t now_ms) {
  ledger->complete = ledger->look;
  ledger->present_before = ledger->present;
  if (ledger->present < ledger->len)
    forget(ledger, now_ms);
  ledger->known = ledger->len;
}
