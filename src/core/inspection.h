/* SPDX-License-Identifier: MIT */
/* An inspection: one pass over the connections that wait at the listening
 * sockets of one network namespace.
 *
 *   lb_inspection_plan(inspection, table, listeners, ...);  after a sample
 *   lb_inspection_run(inspection, source, &cost_ns);
 *   lb_inspection_take(inspection, table, listeners);  after another sample
 *
 * The run takes the kernel time in proportion to all connections of the host,
 * so that it may be done in another thread, beside samples: it shares nothing
 * with them but the source. */
#ifndef LB_CORE_INSPECTION_H
#define LB_CORE_INSPECTION_H

#include "core/listeners.h"
#include "core/socket_table.h"
#include "kernel/source.h"

/* A UNIX socket at which connections wait. */
struct lb_unix_target {
  struct lb_listen_sock sock;
  struct lb_pending found;
  int err; /* 0: found is valid; -ENOENT: the socket has gone; -EAGAIN: it was
              not asked; or -errno */
};

/* All TCP sockets of one port, family, address and device. The kernel does not
 * say which member of a SO_REUSEPORT group a connection belongs to. */
struct lb_endpoint {
  struct lb_listen_sock sock; /* one of them */
  uint64_t queue;             /* of all, as far as it lasted */
  uint64_t visible;           /* waiting connections that the kernel showed */
  uint64_t closed;            /* of these, the client has closed */
  uint64_t half_open;
  uint64_t accepted;
  uint32_t wait_ms; /* of the longest-waiting visible one */
};

/* All 0 at first. The memory is kept from one inspection to the next. */
struct lb_inspection {
  struct lb_ports *ports; /* of the TCP sockets, ascending */
  size_t ports_len;
  size_t ports_cap;
  struct lb_unix_target *targets;
  size_t targets_len;
  size_t targets_cap;
  size_t next_target;            /* so that all get their turn */
  struct lb_endpoint *endpoints; /* by port, family, address and device */
  size_t endpoints_len;
  size_t endpoints_cap;
  struct lb_conns conns;
  uint32_t number;              /* of the plan */
  struct lb_unix_counts counts; /* of the UNIX names, if accepted */
  int counts_err;               /* of the run */
  bool accepted;                /* accepted connections are asked for */
  bool half_open; /* half-open connections of all ports are asked for */
  bool queued;    /* a connection waits at some TCP socket */
  bool has_mptcp; /* some of these may be of MPTCP: set after the plan */
  int mptcp_err;  /* of the run: whether their clients have closed is unknown */
  bool planned;
  bool done; /* the run succeeded */
  int err;   /* of the last run, until the next one */
};

void lb_inspection_free(struct lb_inspection *inspection);

/* Drops plan and results. */
void lb_inspection_clear(struct lb_inspection *inspection);

enum lb_scope {
  LB_SCOPE_QUEUES,    /* the connections that wait */
  LB_SCOPE_HALF_OPEN, /* and half-open ones */
  LB_SCOPE_ALL,       /* and accepted ones */
};

/* Plans to ask for the sockets of the last sample that are reported. With
 * LB_SCOPE_QUEUES there is no plan if there is no queue. Returns 0, or -ENOMEM
 * without a plan. */
int lb_inspection_plan(struct lb_inspection *inspection,
                       struct lb_socket_table *table,
                       struct lb_listeners *listeners, enum lb_scope scope);

/* Asks the source, sets done or err, and adds the CPU time that it took to
 * *cost_ns. UNIX sockets are asked one by one: those for which limit_ns of CPU
 * time does not last come first in the next run. */
void lb_inspection_run(struct lb_inspection *inspection,
                       struct lb_source *source, uint64_t limit_ns,
                       uint64_t *cost_ns);

/* Gives each listener the results of its sockets. Returns 0 or -ENOMEM. */
int lb_inspection_take(struct lb_inspection *inspection,
                       const struct lb_socket_table *table,
                       struct lb_listeners *listeners);

/* Puts wait, syn, abandoned and active of a listener, as far as they are known.
 * knows_empty: if there was no inspection, an empty queue has none that wait.
 */
void lb_inspection_put_listener(const struct lb_listener *listener,
                                bool knows_empty, struct lb_values *values);

#endif
