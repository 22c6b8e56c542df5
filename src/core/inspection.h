/* SPDX-License-Identifier: MIT */
/* One inspection of the connections that wait at the listeners of a network
 * namespace: what is asked for, what came, and to which socket it belongs.
 *
 * An inspection takes the kernel time in proportion to all connections of the
 * host, so samples go on meanwhile in another thread: between
 * lb_inspection_end_plan() and the last result nothing here is shared with
 * them. */
#ifndef LB_CORE_INSPECTION_H
#define LB_CORE_INSPECTION_H

#include "kernel/source.h"

/* A UNIX socket in whose queue somebody waits. */
struct lb_unix_target {
  struct lb_listen_sock row;
  struct lb_pending found;
  int err; /* 0: found holds */
};

/* All TCP sockets of one port, family, address and device: to tell the members
 * of a SO_REUSEPORT group apart is beyond what the kernel shows of a connection
 * that waits. */
struct lb_endpoint {
  struct lb_listen_sock row; /* one of them */
  uint64_t queue;            /* of all, as far as it stood all the while */
  uint64_t visible; /* connections that wait, as the inspection showed them */
  uint64_t closed;  /* of these, whose client has sent FIN */
  uint64_t half_open;
  uint32_t wait_ms; /* of the longest-waiting one */
};

struct lb_inspection {
  struct lb_ports *ports;
  size_t ports_len;
  size_t ports_cap;
  struct lb_unix_target *targets;
  size_t targets_len;
  size_t targets_cap;
  struct lb_endpoint *endpoints;
  size_t endpoints_len;
  size_t endpoints_cap;
  struct lb_conns conns;
  bool queued; /* at some TCP socket somebody waits */
  bool planned;
  bool done; /* the results hold */
  int err;   /* of the last inspection: one that is left out tells nothing */
};

void lb_inspection_free(struct lb_inspection *inspection);

/* Starts a plan: nothing is asked for. The memory is kept. */
void lb_inspection_begin_plan(struct lb_inspection *inspection);

/* Asks for what waits at a socket. 0 or -ENOMEM. */
int lb_inspection_add_socket(struct lb_inspection *inspection,
                             const struct lb_listen_sock *row);

/* Ends the plan. */
void lb_inspection_end_plan(struct lb_inspection *inspection);

/* Asks the source; sets done or err, and adds what it took to *cost_ns. */
void lb_inspection_run(struct lb_inspection *inspection,
                       struct lb_source *source, uint64_t *cost_ns);

/* Adds a TCP socket that is there after the inspection, with the number that
 * stood in its queue all the while; also one that nobody wants, for what
 * belongs to it must not be laid on another. Passes over it where its port was
 * not asked for. 0 or -ENOMEM. */
int lb_inspection_add_endpoint(struct lb_inspection *inspection,
                               const struct lb_listen_sock *row,
                               uint32_t queue);

/* Lays every connection found on the endpoint that it belongs to, as the
 * kernel's own lookup of a SYN's listener would: by address before any address,
 * by device before any device (inet_lhash2_lookup() and compute_score(),
 * net/ipv4/inet_hashtables.c). */
void lb_inspection_match(struct lb_inspection *inspection);

#endif
