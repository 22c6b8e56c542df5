/* SPDX-License-Identifier: MIT */
/* Hints: listeners with a limit that net.core.somaxconn explains.
 *
 * listen() silently lowers the backlog that it is given to somaxconn, and a
 * later change of somaxconn has no effect until the next listen()
 * (__sys_listen_socket(), net/socket.c).
 *
 * Each listener gives each hint once for each limit, also if its sockets come
 * and go. A hint is due until the caller has told it, as long as it is true. */
#ifndef LB_CORE_HINTS_H
#define LB_CORE_HINTS_H

#include "core/listeners.h"
#include "core/socket_table.h"

enum lb_hint_kind {
  LB_HINT_AT_SOMAXCONN,     /* the limit equals somaxconn: perhaps lowered */
  LB_HINT_SOMAXCONN_RAISED, /* after that, somaxconn was raised above it */
  LB_HINT_OVERFLOWED,       /* the queue overflowed at a limit of somaxconn */
  LB_HINT_KINDS
};

struct lb_hint {
  enum lb_hint_kind kind;
  size_t listener;    /* its index */
  const char *label;  /* valid as the listener's */
  uint16_t port;      /* the first one of the listener; 0: none */
  uint32_t sockets;   /* of the listener that have the limit */
  uint32_t somaxconn; /* of the namespace */
  uint64_t cgroup;    /* of one of these sockets; 0: unknown */
};

enum { LB_HINTS_REMEMBERED = 256 };

/* All 0 at first. Remembers what was told of UNIX names that may come back. */
struct lb_hints {
  uint32_t somaxconn;
  uint64_t told[LB_HINTS_REMEMBERED];
  size_t told_len; /* ever */
};

/* Finds the hints of the listeners that are reported, at the end of an
 * interval. */
void lb_hints_find(struct lb_hints *hints, const struct lb_socket_table *table,
                   struct lb_listeners *listeners, uint32_t somaxconn);

/* Visits the hints that are due. */
void lb_hints_visit(const struct lb_hints *hints,
                    const struct lb_listeners *listeners,
                    void (*visit)(void *data, const struct lb_hint *hint),
                    void *data);

/* The hint is not due any more. */
void lb_hints_told(struct lb_hints *hints, struct lb_listeners *listeners,
                   const struct lb_hint *hint);

#endif
