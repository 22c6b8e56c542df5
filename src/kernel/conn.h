/* SPDX-License-Identifier: MIT */
/* A TCP connection that no accept() has taken yet, as a walk of all connections
 * shows it, and a growable array of them. */
#ifndef LB_KERNEL_CONN_H
#define LB_KERNEL_CONN_H

#include <stddef.h>
#include <stdint.h>

enum lb_conn_kind {
  LB_CONN_HALF_OPEN, /* a request socket: in the SYN queue */
  LB_CONN_WAITING,   /* in the accept queue */
  LB_CONN_CLOSED,    /* the same, but its client has sent FIN */
};

struct lb_conn {
  uint8_t address[16]; /* local; IPv4 as ::ffff:a.b.c.d; network order */
  uint32_t ifindex;    /* sk_bound_dev_if */
  uint32_t wait_ms;    /* since the handshake ended; not of a half-open one */
  uint16_t port;       /* local, host order */
  uint8_t family;      /* AF_INET or AF_INET6, that of the listening socket */
  uint8_t kind;        /* enum lb_conn_kind */
};

struct lb_conns {
  struct lb_conn *v;
  size_t len;
  size_t cap;
};

/* Returns a new last one, uninitialised, or NULL when out of memory. */
struct lb_conn *lb_conns_add(struct lb_conns *conns);
void lb_conns_free(struct lb_conns *conns);

#endif
