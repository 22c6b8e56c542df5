/* SPDX-License-Identifier: MIT */
/* One listening socket as the kernel shows it, TCP or UNIX, and a growable
 * array of them.
 *
 * This is the struct in which everything meets: the parser fills it, the
 * ledger, the groups and the probe read it. It has no behaviour. */
#ifndef LB_KERNEL_LISTEN_SOCK_H
#define LB_KERNEL_LISTEN_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lb_listen_sock {
  uint64_t cookie;     /* unique since boot and for the life of the socket */
  uint8_t address[16]; /* bound to; IPv4 as ::ffff:a.b.c.d; network order */
  uint32_t path;  /* AF_UNIX: the number of its name in lb_listen_socks.paths */
  uint32_t queue; /* connections waiting for accept() */
  uint32_t limit; /* backlog in force, after the somaxconn clamp */
  uint32_t sk_drops; /* dropped segments, wraps at 32 bits; see has_drops */
  uint32_t ifindex;  /* SO_BINDTODEVICE or VRF; 0: any device */
  uint32_t inode;
  uint16_t port;  /* host order */
  uint8_t family; /* AF_INET, AF_INET6 or AF_UNIX, which has no port */
  bool has_drops; /* TCP: the kernel reports sk_drops (since Linux 4.7) */
  bool v6only;    /* an IPv6 socket that takes no IPv4 connections */
};

/* The kernel drops when the queue exceeds the limit, so a limit of N holds
 * N + 1: sk_acceptq_is_full(), include/net/sock.h. */
static inline bool lb_is_full(uint32_t queue, uint32_t limit) {
  return queue > limit;
}

struct lb_unix_names;

struct lb_listen_socks {
  struct lb_unix_names *paths; /* borrowed; for the names of UNIX sockets */
  struct lb_listen_sock *v;
  size_t len;
  size_t cap;
};

/* Makes room for one more. 0 or -ENOMEM. */
int lb_listen_socks_reserve(struct lb_listen_socks *rows);

/* Returns a new last row, uninitialised, or NULL when out of memory. */
static inline struct lb_listen_sock *
lb_listen_socks_add(struct lb_listen_socks *rows) {
  if (rows->len == rows->cap && lb_listen_socks_reserve(rows))
    return NULL;
  return &rows->v[rows->len++];
}

void lb_listen_socks_free(struct lb_listen_socks *rows);

#endif
