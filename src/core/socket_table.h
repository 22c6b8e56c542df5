/* SPDX-License-Identifier: MIT */
/* Every listening socket of one network namespace, selected or not, from
 * sample to sample.
 *
 * A socket is known by its cookie, which no other socket has until the next
 * boot: TCP and UNIX sockets draw it from one sequence (sock_gen_cookie(),
 * net/core/sock_diag.c). A server that restarts has a new socket. */
#ifndef LB_CORE_SOCKET_TABLE_H
#define LB_CORE_SOCKET_TABLE_H

#include "core/attribution_rule.h"
#include "core/parts.h"
#include "kernel/sock.h"

/* The table keeps a TCP socket this long after a dump last showed it: a dump
 * can miss a live socket, and a socket that calls shutdown() and then listen()
 * comes back with its old sk_drops. A UNIX socket has no sk_drops: the table
 * drops it after two samples without it. */
#define LB_SOCKET_KEEP_MS 60000

/* A nested struct belongs to the module that it is named after: only that
 * module writes it. The table writes the rest. A new socket has zeros. */
struct lb_socket {
  struct lb_listen_sock sock; /* as the last dump showed it */
  uint64_t seen_ms;           /* when that was */
  uint32_t sample;            /* number of the last sample that showed it */
  bool full_now;              /* in some dump of that sample */
  bool full_before;           /* in the sample before that one */
  uint32_t nearly_full;       /* number of the last sample that showed it with a
                                 nearly full queue; 0: none */
  struct {
    uint32_t settled; /* sk_drops up to here is attributed */
    uint32_t asked;   /* sk_drops just before the counters were read */
    uint32_t learned; /* sk_drops up to here is learned from */
    struct lb_evidence evidence;
  } attribution;
  struct {
    uint32_t number; /* of the last plan that includes it; 0: none */
    uint32_t queue;  /* when that plan was made */
  } inspection;
  struct {
    bool is_checked; /* at least once */
    bool is_own;     /* the file at its path, at some check */
    bool is_told;    /* that it is foreign */
    bool is_noted;   /* as a reason to look at the configured paths */
  } files;
  struct {
    uint32_t full_interval; /* the last one that counts it as full */
  } collector;
};

struct lb_socket_table {
  struct lb_socket *v; /* in the order of the dump, new sockets last */
  size_t len;
  size_t cap;
  uint32_t *slots; /* hash table of the cookies: index in v + 1; 0: empty */
  size_t slots_len;
  uint32_t sample;       /* number of the current or last sample */
  uint32_t complete;     /* number of the last complete sample */
  size_t present;        /* sockets in this sample so far */
  size_t present_before; /* sockets in the last complete sample */
  size_t seen_again;     /* sockets in both */
  size_t first_new;      /* sockets from this index on are new since then */
  bool changed;     /* so far, this sample differs from the last complete one in
                       more than sk_drops */
  bool drops_moved; /* some sk_drops has; the attribution resets it */
  bool lacks_drops; /* some TCP socket had no sk_drops: Linux before 4.7 */
  bool forgot_unix; /* dropped a UNIX socket; the reader of this resets it */
};

void lb_socket_table_free(struct lb_socket_table *table);

/* Begins a sample: the sockets of the last complete sample count as missing
 * until a dump shows them. */
void lb_socket_table_begin_sample(struct lb_socket_table *table);

/* Merges a complete dump, of which a sample may take several: the later row of
 * a socket replaces the earlier one. Returns 0, or -ENOMEM after a part of the
 * rows. */
int lb_socket_table_merge(struct lb_socket_table *table,
                          const struct lb_listen_socks *rows, uint64_t now_ms);

/* The socket with a cookie, or NULL. */
struct lb_socket *lb_socket_table_find(const struct lb_socket_table *table,
                                       uint64_t cookie);

/* Counts the sockets of these parts in the last complete sample as present, for
 * a sample that did not or could not ask the kernel for them. */
void lb_socket_table_keep(struct lb_socket_table *table, unsigned parts,
                          uint64_t now_ms);

/* Whether no dump of this sample has shown some socket of the last complete
 * sample. */
static inline bool lb_socket_table_misses(const struct lb_socket_table *table) {
  return table->seen_again < table->present_before;
}

/* Whether this sample shows the same sockets as the last complete one, with the
 * same queues and limits. */
static inline bool
lb_socket_table_is_same(const struct lb_socket_table *table) {
  return !table->changed && !lb_socket_table_misses(table);
}

/* Ends the sample as complete, or once more after another merge, and drops the
 * sockets that are gone for long enough: see LB_SOCKET_KEEP_MS. */
void lb_socket_table_end_sample(struct lb_socket_table *table, uint64_t now_ms);

static inline bool lb_socket_is_present(const struct lb_socket_table *table,
                                        const struct lb_socket *socket) {
  return socket->sample == table->sample;
}

#endif
