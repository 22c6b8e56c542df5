// SPDX-License-Identifier: MIT
/* The kernel dumps its tables in the same order each time, so the next row is
 * nearly always the socket after the one just found. The merge tries that one
 * first and uses the hash table only if sockets came or went. */
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

/* The finaliser of splitmix64: cookies are consecutive numbers. */
static size_t first_slot(const struct lb_socket_table *table, uint64_t cookie) {
  cookie = (cookie ^ cookie >> 30) * 0xbf58476d1ce4e5b9u;
  cookie = (cookie ^ cookie >> 27) * 0x94d049bb133111ebu;
  return (size_t)(cookie ^ cookie >> 31) & (table->slots_len - 1);
}

/* The slot of the cookie, or the empty slot that it would take. */
static uint32_t *find_slot(const struct lb_socket_table *table,
                           uint64_t cookie) {
  size_t i = first_slot(table, cookie);
  while (table->slots[i] && table->v[table->slots[i] - 1].sock.cookie != cookie)
    i = (i + 1) & (table->slots_len - 1);
  return &table->slots[i];
}

static void fill_slots(struct lb_socket_table *table) {
  memset(table->slots, 0, table->slots_len * sizeof(*table->slots));
  for (size_t i = 0; i < table->len; i++)
    *find_slot(table, table->v[i].sock.cookie) = (uint32_t)(i + 1);
}

/* Makes room for one more socket; at most half of the slots are in use. */
static int reserve_socket(struct lb_socket_table *table) {
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
  fill_slots(table);
  return 0;
}

static struct lb_socket *find_socket(const struct lb_socket_table *table,
                                     size_t guess, uint64_t cookie) {
  if (guess < table->len && table->v[guess].sock.cookie == cookie)
    return &table->v[guess];
  if (table->len == 0)
    return NULL;
  uint32_t slot = *find_slot(table, cookie);
  return slot ? &table->v[slot - 1] : NULL;
}

struct lb_socket *lb_socket_table_find(const struct lb_socket_table *table,
                                       uint64_t cookie) {
  return find_socket(table, 0, cookie);
}

/* The rest of the row follows in merge_row(), which compares sk_drops with 0:
 * all drops of a new socket are movement. */
static struct lb_socket *add_socket(struct lb_socket_table *table,
                                    const struct lb_listen_sock *row) {
  if (reserve_socket(table))
    return NULL;
  struct lb_socket *socket = &table->v[table->len];
  *socket = (struct lb_socket){
      .sock = {.cookie = row->cookie},
      .sample = table->sample,
  };
  *find_slot(table, row->cookie) = (uint32_t)++table->len;
  table->present++;
  table->changed = true;
  return socket;
}

static void enter_sample(struct lb_socket_table *table,
                         struct lb_socket *socket) {
  bool was_there = socket->sample == table->complete;
  socket->full_before = was_there && socket->full_now;
  socket->full_now = false;
  socket->sample = table->sample;
  table->seen_again += was_there;
  table->changed |= !was_there;
  table->present++;
}

struct merged {
  bool changed;
  bool drops_moved;
  bool lacks_drops;
};

/* A socket that listens again can do so on another port. */
static void merge_row(struct merged *merged, struct lb_socket *socket,
                      const struct lb_listen_sock *row, uint64_t now_ms) {
  const struct lb_listen_sock *before = &socket->sock;
  merged->changed |= before->queue != row->queue ||
                     before->limit != row->limit || before->port != row->port;
  merged->drops_moved |= before->sk_drops != row->sk_drops;
  merged->lacks_drops |= !row->has_drops && row->family != AF_UNIX;
  bool is_foreign = before->is_foreign;
  uint32_t owner = before->owner, by_file = before->by_file;
  uint32_t asked = before->asked;
  socket->sock = *row;
  socket->sock.is_foreign = is_foreign;
  socket->sock.owner = owner;
  socket->sock.asked = asked;
  socket->sock.by_file = by_file;
  socket->seen_ms = now_ms;
  socket->full_now |= lb_is_full(row->queue, row->limit);
  if (lb_is_nearly_full(row->queue, row->limit))
    socket->nearly_full = socket->sample;
}

int lb_socket_table_merge(struct lb_socket_table *table,
                          const struct lb_listen_socks *rows, uint64_t now_ms) {
  struct merged merged = {.changed = false};
  size_t guess = 0, i = 0;
  for (; i < rows->len; i++) {
    const struct lb_listen_sock *row = &rows->v[i];
    struct lb_socket *socket = find_socket(table, guess, row->cookie);
    if (!socket)
      socket = add_socket(table, row);
    else if (!lb_socket_is_present(table, socket))
      enter_sample(table, socket);
    if (!socket)
      break;
    merge_row(&merged, socket, row, now_ms);
    guess = (size_t)(socket - table->v) + 1;
  }
  table->changed |= merged.changed;
  table->drops_moved |= merged.drops_moved;
  table->lacks_drops |= merged.lacks_drops;
  return i < rows->len ? -ENOMEM : 0;
}

static enum lb_part part_of(const struct lb_socket *socket) {
  return socket->sock.family == AF_UNIX ? LB_PART_UNIX : LB_PART_TCP;
}

void lb_socket_table_keep(struct lb_socket_table *table, unsigned parts,
                          uint64_t now_ms) {
  for (size_t i = 0; i < table->len && parts; i++) {
    struct lb_socket *socket = &table->v[i];
    if (!lb_has_part(parts, part_of(socket)) ||
        socket->sample != table->complete)
      continue;
    enter_sample(table, socket);
    socket->seen_ms = now_ms;
  }
}

void lb_socket_table_begin_sample(struct lb_socket_table *table) {
  table->sample++;
  table->present = 0;
  table->seen_again = 0;
  table->changed = false;
}

static bool is_forgettable(const struct lb_socket_table *table,
                           const struct lb_socket *socket, uint64_t now_ms) {
  if (socket->sock.family == AF_UNIX && table->sample - socket->sample > 1)
    return true;
  return now_ms - socket->seen_ms > LB_SOCKET_KEEP_MS;
}

static void forget_sockets(struct lb_socket_table *table, uint64_t now_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < table->len; i++) {
    if (is_forgettable(table, &table->v[i], now_ms)) {
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
  fill_slots(table);
}

void lb_socket_table_end_sample(struct lb_socket_table *table,
                                uint64_t now_ms) {
  table->complete = table->sample;
  table->present_before = table->present;
  if (table->present < table->len)
    forget_sockets(table, now_ms);
  table->first_new = table->len;
}
