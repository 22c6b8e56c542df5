// SPDX-License-Identifier: MIT
#include "core/hints.h"

static unsigned bit(enum lb_hint_kind kind) { return 1u << kind; }

/* --- what was told ------------------------------------------------------- */

/* FNV-1a: a listener of the same label may be a new one. */
static uint64_t key_of(const struct lb_listener *listener,
                       enum lb_hint_kind kind) {
  uint64_t hash = 14695981039346656037u;
  const uint32_t numbers[] = {listener->hints.limit, (uint32_t)kind};
  for (const char *c = listener->label; *c; c++)
    hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    hash = (hash ^ numbers[i]) * 1099511628211u;
  return hash;
}

/* The entry of any other listener keeps what was told. */
static bool can_be_forgotten(const struct lb_listener *listener) {
  return !listener->selection && listener->has_unix;
}

static bool was_told(const struct lb_hints *hints,
                     const struct lb_listener *listener,
                     enum lb_hint_kind kind) {
  uint64_t key = key_of(listener, kind);
  bool found = false;
  for (size_t i = 0; i < LB_HINTS_REMEMBERED && !found; i++)
    found = hints->told[i] == key;
  return found && can_be_forgotten(listener);
}

static void remember(struct lb_hints *hints, struct lb_listener *listener,
                     enum lb_hint_kind kind) {
  listener->hints.due &= ~bit(kind);
  listener->hints.told |= bit(kind);
  if (can_be_forgotten(listener))
    hints->told[hints->told_len++ % LB_HINTS_REMEMBERED] =
        key_of(listener, kind);
}

/* The hint about an overflow says as well that the limit is somaxconn. */
void lb_hints_told(struct lb_hints *hints, struct lb_listeners *listeners,
                   const struct lb_hint *hint) {
  struct lb_listener *listener = lb_listeners_get(listeners, hint->listener);
  remember(hints, listener, hint->kind);
  if (hint->kind == LB_HINT_OVERFLOWED)
    remember(hints, listener, LB_HINT_AT_SOMAXCONN);
}

/* --- what is found ------------------------------------------------------- */

static void make_due(const struct lb_hints *hints, struct lb_listener *listener,
                     enum lb_hint_kind kind) {
  struct lb_listener_hints *own = &listener->hints;
  if (!(own->told & bit(kind)) && !was_told(hints, listener, kind))
    own->due |= bit(kind);
}

static void count_limit(struct lb_listeners *listeners,
                        const struct lb_listen_sock *sock, uint32_t somaxconn) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    struct lb_listener_hints *own = &listener->hints;
    bool is_below =
        own->has_limit && sock->limit == own->limit && sock->limit < somaxconn;
    own->at_somaxconn += sock->limit == somaxconn;
    own->below_somaxconn += is_below;
    if (is_below || sock->limit == somaxconn)
      own->cgroup = sock->cgroup;
  }
}

/* The kernel counts no overflows of UNIX sockets. */
static bool overflowed(const struct lb_listener *listener) {
  return listener->attribution.overflows != listener->hints.overflows ||
         (!listener->sample.has_tcp && listener->interval.full > 0);
}

static void find_hints(const struct lb_hints *hints,
                       struct lb_listener *listener) {
  struct lb_listener_hints *own = &listener->hints;
  if (own->at_somaxconn) {
    if (!own->has_limit || own->limit != hints->somaxconn) {
      own->has_limit = true;
      own->limit = hints->somaxconn;
      own->told = 0;
    }
    own->due &= ~bit(LB_HINT_SOMAXCONN_RAISED);
    make_due(hints, listener, LB_HINT_AT_SOMAXCONN);
    if (overflowed(listener))
      make_due(hints, listener, LB_HINT_OVERFLOWED);
    if (own->due & bit(LB_HINT_OVERFLOWED))
      own->due &= ~bit(LB_HINT_AT_SOMAXCONN);
  } else {
    own->due = 0;
    if (own->below_somaxconn)
      make_due(hints, listener, LB_HINT_SOMAXCONN_RAISED);
  }
}

void lb_hints_find(struct lb_hints *hints, const struct lb_socket_table *table,
                   struct lb_listeners *listeners, uint32_t somaxconn) {
  hints->somaxconn = somaxconn;
  for (size_t i = 0; i < lb_listeners_len(listeners); i++) {
    struct lb_listener_hints *own = &lb_listeners_get(listeners, i)->hints;
    own->at_somaxconn = own->below_somaxconn = 0;
  }
  for (size_t i = 0; i < table->len; i++)
    if (lb_socket_is_present(table, &table->v[i]))
      count_limit(listeners, &table->v[i].sock, somaxconn);
  for (size_t i = 0; i < lb_listeners_len(listeners); i++) {
    struct lb_listener *listener = lb_listeners_get(listeners, i);
    if (lb_listeners_reports(listeners, listener) &&
        (listener->selection || listener->sample.sockets > 0))
      find_hints(hints, listener);
    listener->hints.overflows = listener->attribution.overflows;
  }
}

void lb_hints_visit(const struct lb_hints *hints,
                    const struct lb_listeners *listeners,
                    void (*visit)(void *data, const struct lb_hint *hint),
                    void *data) {
  for (size_t i = 0; i < lb_listeners_len(listeners); i++) {
    const struct lb_listener *listener = lb_listeners_get(listeners, i);
    const struct lb_listener_hints *own = &listener->hints;
    for (enum lb_hint_kind kind = 0;
         kind < LB_HINT_KINDS && own->due && listener->label; kind++)
      if (own->due & bit(kind))
        visit(data, &(struct lb_hint){.kind = kind,
                                      .listener = i,
                                      .label = listener->label,
                                      .port = lb_listeners_port(listeners, i),
                                      .sockets = own->at_somaxconn
                                                     ? own->at_somaxconn
                                                     : own->below_somaxconn,
                                      .somaxconn = hints->somaxconn,
                                      .cgroup = own->cgroup});
  }
}
