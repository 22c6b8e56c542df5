/* SPDX-License-Identifier: MIT */
/* The sockets that the kernel shows: listening sockets, TCP and UNIX, and the
 * connections that no accept() has taken yet; and growable arrays of both,
 * which keep their memory from sample to sample.
 *
 * Plain values: the parsers fill them, the core and the probe read them. */
#ifndef LB_KERNEL_SOCK_H
#define LB_KERNEL_SOCK_H

#include "base/unix_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file as the kernel knows it: parts of its inode number and of the device
 * of its superblock. */
struct lb_file_id {
  uint32_t inode; /* 0: none */
  uint32_t dev;
};

struct lb_listen_sock {
  uint64_t cookie;     /* unique since boot and for the life of the socket */
  uint64_t cgroup;     /* TCP: id of the control group that created it (since
                          Linux 5.8); 0: unknown */
  uint8_t address[16]; /* bound to; IPv4 as ::ffff:a.b.c.d; network order */
  uint32_t unix_name;  /* AF_UNIX: its number in lb_listen_socks.unix_names */
  uint32_t queue;      /* length of the accept queue, in connections */
  uint32_t limit;      /* backlog in force, after the somaxconn clamp */
  uint32_t sk_drops;   /* dropped segments, wraps at 32 bits; see has_drops */
  uint32_t ifindex;    /* SO_BINDTODEVICE or VRF; 0: any device */
  uint32_t inode;
  uint32_t owner;   /* TCP: number of its container: see listener_owners.c; 0:
                       none */
  uint32_t asked;   /* TCP: its container is not known yet: struct
                       lb_containers; 0: it is */
  uint32_t by_file; /* AF_UNIX: number + 1 of a configured name whose file it
                       is; 0: none; see unix_files.h */
  struct lb_file_id file; /* AF_UNIX: that it was bound to */
  uint16_t port;          /* host order */
  uint8_t family;         /* AF_INET, AF_INET6 or AF_UNIX, which has no port */
  bool has_drops;  /* TCP: the kernel reports sk_drops (since Linux 4.7) */
  bool v6only;     /* an IPv6 socket that accepts no IPv4 connections */
  bool is_foreign; /* AF_UNIX: not the file at its path; see unix_files.h */
};

/* The kernel drops when the queue exceeds the limit, so a limit of N admits
 * N + 1 connections: sk_acceptq_is_full(), include/net/sock.h. */
static inline bool lb_is_full(uint32_t queue, uint32_t limit) {
  return queue > limit;
}

/* At seven eighths of its limit, and not empty. */
static inline bool lb_is_nearly_full(uint32_t queue, uint32_t limit) {
  return queue > 0 && UINT64_C(8) * queue >= UINT64_C(7) * limit;
}

struct lb_unix_names;

struct lb_listen_socks {
  struct lb_unix_names *unix_names; /* borrowed; needed for UNIX sockets */
  struct lb_listen_sock *v;
  size_t len;
  size_t cap;
};

/* Makes room for one more. 0 or -ENOMEM. */
int lb_listen_socks_reserve(struct lb_listen_socks *socks);

/* Appends one, uninitialised. Returns it, or NULL when out of memory. */
static inline struct lb_listen_sock *
lb_listen_socks_add(struct lb_listen_socks *socks) {
  if (socks->len == socks->cap && lb_listen_socks_reserve(socks))
    return NULL;
  return &socks->v[socks->len++];
}

void lb_listen_socks_free(struct lb_listen_socks *socks);

enum lb_conn_kind {
  LB_CONN_HALF_OPEN,    /* a request socket: in the SYN queue */
  LB_CONN_WAITING,      /* in the accept queue */
  LB_CONN_CLOSED,       /* in the accept queue, and its client has sent FIN */
  LB_CONN_MPTCP_CLOSED, /* a WAITING one of MPTCP, whose client has closed */
  LB_CONN_ACCEPTED,     /* open ones that the server has accepted */
};

/* A TCP connection; accepted ones with the same local end are one. */
struct lb_conn {
  uint8_t address[16]; /* local; IPv4 as ::ffff:a.b.c.d; network order */
  uint32_t ifindex;    /* sk_bound_dev_if */
  uint32_t wait_ms;    /* since the handshake ended, of those in a queue */
  uint32_t number;     /* LB_CONN_ACCEPTED: of connections */
  uint16_t port;       /* local, host order */
  uint8_t family;      /* of the listening socket: AF_INET or AF_INET6 */
  uint8_t kind;        /* enum lb_conn_kind */
};

enum { LB_CONNS_RECENT = 256 };

struct lb_conns {
  struct lb_conn *v;
  size_t len;
  size_t cap;
  bool counts_accepted;             /* else they are left out */
  uint32_t recent[LB_CONNS_RECENT]; /* by hash of the local end: where the
                                       accepted ones may be in v */
};

/* Appends one, uninitialised. Returns it, or NULL when out of memory. */
struct lb_conn *lb_conns_add(struct lb_conns *conns);
/* Counts one more accepted connection, of which all but number is set. 0 or
 * -ENOMEM. */
int lb_conns_count(struct lb_conns *conns, const struct lb_conn *conn);
void lb_conns_free(struct lb_conns *conns);

/* The open connections that servers have accepted at one UNIX name: they carry
 * the name of the listening socket (unix_stream_connect(), net/unix/af_unix.c).
 */
struct lb_unix_count {
  struct lb_unix_name name;
  struct lb_listen_sock sock; /* one that has the name */
  uint32_t accepted;
};

struct lb_unix_counts {
  struct lb_unix_count *v; /* by lb_unix_name_compare() */
  size_t len;
  size_t cap;
};

/* Makes room for one more. 0 or -ENOMEM. */
int lb_unix_counts_reserve(struct lb_unix_counts *counts);
/* Sorts them, each name once. */
void lb_unix_counts_sort(struct lb_unix_counts *counts);
/* Counts a connection, if it has one of the names. */
void lb_unix_counts_add(struct lb_unix_counts *counts,
                        const struct lb_unix_name *name);
void lb_unix_counts_reset(struct lb_unix_counts *counts);
void lb_unix_counts_free(struct lb_unix_counts *counts);

/* The connections in the accept queue of one UNIX socket. */
struct lb_pending {
  uint32_t waiting;
  uint32_t closed; /* of these, how many clients have closed their socket */
};

#endif
