/* SPDX-License-Identifier: MIT */
/* A scripted kernel: the sockets, connections and counters of one network
 * namespace, which a test moves, also between the reads of one look, where a
 * real kernel moves them, too. Until it is moved it answers that there is
 * nothing. */
#ifndef LB_SCRIPT_H
#define LB_SCRIPT_H

#include "core/collector.h"

#include "unit.h"

enum { MAX_SOCKETS = 64, MAX_CONNS = 64 };

struct listening {
  struct lb_listen_sock row;
  struct lb_unix_name name; /* of a UNIX socket */
  uint32_t closed;          /* clients that it waits for in vain */
  int pending_err;          /* who waits there is not told */
};

struct kernel {
  struct lb_source source; /* first: a kernel is a source */
  struct listening sockets[MAX_SOCKETS];
  size_t len;
  struct lb_conn conns[MAX_CONNS];
  size_t conns_len;
  uint64_t drops, overflows; /* ListenDrops, ListenOverflows */
  uint64_t syn_drops, cookies;
  unsigned somaxconn; /* 0: cannot be read */

  uint64_t hidden;   /* cookie that the next dumps leave out */
  int hidden_dumps;  /* so many of them; 0: one */
  int dump_err;      /* of each while set */
  int paths_err;     /* the same */
  int netstat_err;   /* the same */
  int waiting_err;   /* the same */
  bool no_overflows; /* a kernel without ListenOverflows */
  uint64_t cost_ns;  /* of each question who waits */
  void (*before)(struct kernel *kernel, const char *read); /* or NULL */
  unsigned seed;

  int dumps; /* so far */
  int path_dumps;
  int netstats;
  int walks;
  int pendings;
  struct lb_ports asked[8]; /* by the last walk */
  size_t asked_len;
  bool asked_queued;
};

struct kernel new_kernel(void);

/* --- what happens in it -------------------------------------------------- */

struct lb_address address(const char *text);

void bind_row(struct lb_listen_sock *row, const char *text);

struct lb_unix_name path(const char *text);

/* On any IPv4 address. */
struct lb_listen_sock *listen_on(struct kernel *kernel, uint64_t cookie,
                                 uint16_t port);

struct lb_listen_sock *listen_at(struct kernel *kernel, uint64_t cookie,
                                 const char *name);

struct listening *listening_of(struct kernel *kernel, uint64_t cookie);

struct lb_listen_sock *socket_of(struct kernel *kernel, uint64_t cookie);

void close_socket(struct kernel *kernel, uint64_t cookie);

/* n SYNs for a full accept queue */
void overflow(struct kernel *kernel, uint64_t cookie, uint32_t n);

/* n bare ACKs that TCP_DEFER_ACCEPT waits out, or SYNs of a scan */
void noise(struct kernel *kernel, uint64_t cookie, uint32_t n);

struct lb_conn conn(const char *local, uint16_t port, enum lb_conn_kind kind,
                    uint32_t wait_ms);

/* A client at 10.0.0.1. */
void connect_to(struct kernel *kernel, uint16_t port, enum lb_conn_kind kind,
                uint32_t wait_ms);

/* --- what is reported of it ---------------------------------------------- */

void say_reading(void *data, const struct lb_readings *reading);

/* "LABEL of SOURCE: ERRNO, and so many others", or nothing. */
void say_clash(struct text *out, struct lb_conflict *clash);

#endif
