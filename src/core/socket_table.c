// SPDX-License-Identifier: MIT
/* The kernel inspections its tables in the same order each time, so the socket
 * after the one just found is nearly always the next row: the merge samples
 * there first, and the hash serves only where sockets came or went. */
#include "core/socket_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FIRST_SLOTS = 128 };

void lb_socket_table_free(struct lb_socket_table *table) {
  free(table->v);
  free(table->slots);
  *table = (struct lb_socket_table){0};
}

/* splitmix64's finaliser: cookies are counters, their low bits are not enough
 */
static size_t first_slot(const struct lb_socket_table *table, uint64_t cookie) {
  cookie = (cookie ^ cookie >> 30) * 0xbf58476d1ce4e5b9u;
  cookie = (cookie ^ cookie >> 27) * 0x94d049bb133111ebu;
  return (size_t)(cookie ^ cookie >> 31) & (table->slots_len - 1);
}

/* The slot that holds the cookie, or the empty one where it belongs. */
static uint32_t *find_slot(const struct lb_socket_table *table,
                           uint64_t cookie) {
  size_t i = first_slot(table, cookie);
  while (table->slots[i] && table->v[table->slots[i] - 1].sock.cookie != cookie)
    i = (i + 1) & (table->slots_len - 1);
  return &table->slots[i];
}

static void rebuild(struct lb_socket_table *table) {
  memset(table->slots, 0, table->slots_len * sizeof(*table->slots));
  for (size_t i = 0; i < table->len; i++)
    *find_slot(table, table->v[i].sock.cookie) = (uint32_t)(i + 1);
}

/* Room for one more socket, with at most half of the slots taken. */
static int reserve(struct lb_socket_table *table) {
  if (table->len < table->cap)
    return 0;
  size_t slots_len = table->slots_len ? table->slots_len * 2 : FIRST_SLOTS;
  struct lb_socket *v =
      reallocarray(table->v, slots_len / 2, sizeof(*table->v));
  if (!v)
    return -ENOMEM;
  table->v = v;
  uint32_t *slots = calloc(slots_len, sizeof(*slots));
  if (!slots)
    return -ENOMEM;
  free(table->slots);
  table->slots = slots;
  table->slots_len = slots_len;
  table->cap = slots_len / 2;
  rebuild(table);
  return 0;
}

static struct lb_socket *find(const struct lb_socket_table *table, size_t guess,
                              uint64_t cookie) {
  if (guess < table->len && table->v[guess].sock.cookie == cookie)
    return &table->v[guess];
  if (table->len == 0)
    return NULL;
  uint32_t slot = *find_slot(table, cookie);
  return slot ? &table->v[slot - 1] : NULL;
}

static struct lb_socket *add(struct lb_socket_table *table,
                             const struct lb_listen_sock *row) {
  if (reserve(table))
    return NULL;
  struct lb_socket *socket = &table->v[table->len];
  *socket = (struct lb_socket){
      .sock = *row,
      .sample = table->sample,
  };
  *find_slot(table, row->cookie) = (uint32_t)++table->len;
  table->present++;
  table->changed = true;
  return socket;
}

/* The first sight of a socket in this sample. */
static void enter_look(struct lb_socket_table *table,
                       struct lb_socket *socket) {
  bool was_there = socket->sample == table->complete;
  socket->full_before = was_there && socket->full_now;
  socket->full_now = false;
  socket->sample = table->sample;
  table->seen_again += was_there;
  table->changed |= !was_there;
  table->present++;
}

static bool is_changed(const struct lb_listen_sock *before,
                       const struct lb_listen_sock *now) {
  return before->queue != now->queue || before->limit != now->limit ||
         before->port != now->port;
}

int lb_socket_table_merge(struct lb_socket_table *table,
                          const struct lb_listen_socks *rows, uint64_t now_ms) {
  size_t guess = 0;
  for (size_t i = 0; i < rows->len; i++) {
    const struct lb_listen_sock *row = &rows->v[i];
    struct lb_socket *socket = find(table, guess, row->cookie);
    if (!socket)
      socket = add(table, row);
    else if (!lb_socket_is_present(table, socket))
      enter_look(table, socket);
    if (!socket)
      return -ENOMEM;
    table->changed |= is_changed(&socket->sock, row);
    socket->sock = *row;
    socket->seen_ms = now_ms;
    socket->full_now |= lb_is_full(row->queue, row->limit);
    table->lacks_drops |= !row->has_drops && row->family != AF_UNIX;
    table->moved |= lb_socket_movement(socket) != 0;
    guess = (size_t)(socket - table->v) + 1;
  }
  return 0;
}

void lb_socket_table_keep_unix(struct lb_socket_table *table, uint64_t now_ms) {
  for (size_t i = 0; i < table->len; i++) {
    struct lb_socket *socket = &table->v[i];
    if (socket->sock.family != AF_UNIX || socket->sample != table->complete)
      continue;
    enter_look(table, socket);
    socket->seen_ms = now_ms;
  }
}

void lb_socket_table_begin_sample(struct lb_socket_table *table) {
  table->sample++;
  table->present = 0;
  table->seen_again = 0;
  table->moved = false;
  table->changed = false;
}

/* UNIX sockets have no counts that could be back, and names without end. */
static bool is_over(const struct lb_socket_table *table,
                    const struct lb_socket *socket, uint64_t now_ms) {
  if (socket->sock.family == AF_UNIX && table->sample - socket->sample > 1)
    return true;
  return now_ms - socket->seen_ms > LB_SOCKET_KEEP_MS;
}

static void forget(struct lb_socket_table *table, uint64_t now_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < table->len; i++) {
    if (is_over(table, &table->v[i], now_ms)) {
      table->forgot_unix |= table->v[i].sock.family == AF_UNIX;
      continue;
    }
    if (kept != i)
      table->v[kept] = table->v[i];
    kept++;
  }
  if (kept == table->len)
    return;
  table->len = kept;
  rebuild(table);
}

void lb_socket_table_end_sample(struct lb_socket_table *table,
                                uint64_t now_ms) {
  table->complete = table->sample;
  table->present_before = table->present;
  if (table->present < table->len)
    forget(table, now_ms);
  table->known = table->len;
}
