/* SPDX-License-Identifier: MIT */
/* What is known of every listening socket of one network namespace, monitored
 * or not, from sample to sample. Keyed by cookie, which outlives restarts of
 * the plugin's view, not of the server: a restarted server has a new socket.
 * TCP and UNIX sockets draw their cookies from one source: sock_gen_cookie(),
 * net/core/sock_diag.c. */
#ifndef LB_CORE_SOCKET_TABLE_H
#define LB_CORE_SOCKET_TABLE_H

#include "kernel/listen_sock.h"

/* A socket that left is remembered this long: a dump can miss a live one, and
 * after shutdown() and listen() the same socket is back with its old count. A
 * UNIX socket has none, and is forgotten after two samples without it. */
#define LB_SOCKET_KEEP_MS 60000

struct lb_socket {
  struct lb_listen_sock sock; /* as last seen */
  uint64_t seen_ms;           /* when */
  uint32_t sample;            /* in which sample */
  uint32_t settled;           /* sk_drops up to here have had their share */
  uint32_t asked;             /* sk_drops before the counters were read */
  uint32_t hint_limit;        /* the limit that was hinted at; see hints */
  uint32_t full_in; /* the interval in which it was last counted as full */
  uint32_t noted;   /* the inspection for which its queue was noted; 0: none */
  uint32_t noted_queue;
  bool full_now;            /* at some dump of the sample it was last seen in */
  bool full_before;         /* in the sample before */
  bool hinted_at_somaxconn; /* hints are given once per socket */
  bool hinted_raised;
};

struct lb_socket_table {
  struct lb_socket *v; /* in the order of the dump, new ones last */
  size_t len;
  size_t cap;
  uint32_t *slots; /* hash of cookies: index into v + 1; 0: empty */
  size_t slots_len;
  uint32_t sample;   /* the one under way or last done */
  uint32_t complete; /* the last complete one */
  size_t present;    /* sockets seen in this sample */
  size_t present_before;
  size_t seen_again; /* of those of the last complete sample */
  size_t known;      /* sockets from here on are new since that one */
  bool moved;        /* some sk_drops is not settled, as far as merged */
  bool changed; /* this sample's rows differ in more than sk_drops from those
                   of the last complete one, as far as merged */
  bool lacks_drops; /* a TCP row came without sk_drops: Linux before 4.7 */
  bool forgot_unix; /* a UNIX socket has gone out of it; reset by its reader */
};

void lb_socket_table_free(struct lb_socket_table *table);

/* Starts a sample. What was seen in the last complete one counts as missing
 * until a dump shows it. */
void lb_socket_table_begin_sample(struct lb_socket_table *table);

/* Takes in a complete dump; a sample may take in several, and the later row of
 * a socket counts. 0, or -ENOMEM with only a part taken in. */
int lb_socket_table_merge(struct lb_socket_table *table,
                          const struct lb_listen_socks *rows, uint64_t now_ms);

/* Takes the UNIX sockets of the last complete sample for present in this one,
 * where it could not ask for them. */
void lb_socket_table_keep_unix(struct lb_socket_table *table, uint64_t now_ms);

/* Whether a socket of the last complete sample has not been seen in this one.
 */
static inline bool lb_socket_table_misses(const struct lb_socket_table *table) {
  return table->seen_again < table->present_before;
}

/* Whether this sample shows the same sockets as the last complete one, and in
 * the same state. */
static inline bool
lb_socket_table_is_same(const struct lb_socket_table *table) {
  return !table->changed && !lb_socket_table_misses(table);
}

/* Ends a sample as complete, again where more was merged after that, and
 * forgets TCP sockets gone for LB_SOCKET_KEEP_MS and UNIX sockets gone for two
 * samples.
 */
void lb_socket_table_end_sample(struct lb_socket_table *table, uint64_t now_ms);

static inline bool lb_socket_is_present(const struct lb_socket_table *table,
                                        const struct lb_socket *socket) {
  return socket->sample == table->sample;
}

/* How far sk_drops has moved since its last settling, through 32-bit wrap. */
static inline uint32_t lb_socket_movement(const struct lb_socket *socket) {
  return socket->sock.has_drops ? socket->sock.sk_drops - socket->settled : 0;
}

#endif
