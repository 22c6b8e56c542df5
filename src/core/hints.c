// SPDX-License-Identifier: MIT
#include "core/hints.h"

static void add_hints(struct lb_listeners *listeners,
                      const struct lb_listen_sock *sock, bool at_somaxconn,
                      bool somaxconn_raised) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->hints.at_somaxconn += at_somaxconn;
    listener->hints.somaxconn_raised += somaxconn_raised;
  }
}

static void hint_at(struct lb_socket *socket, struct lb_listeners *listeners,
                    uint32_t somaxconn) {
  uint32_t limit = socket->sock.limit;
  bool at_somaxconn = limit == somaxconn && !socket->hints.at_somaxconn;
  bool somaxconn_raised = socket->hints.at_somaxconn &&
                          !socket->hints.somaxconn_raised &&
                          socket->hints.limit == limit && somaxconn > limit;
  if (!at_somaxconn && !somaxconn_raised)
    return;
  if (!lb_listeners_want(listeners, &socket->sock))
    return;
  add_hints(listeners, &socket->sock, at_somaxconn, somaxconn_raised);
  socket->hints.at_somaxconn = true;
  socket->hints.somaxconn_raised |= somaxconn_raised;
  socket->hints.limit = limit;
}

void lb_hints_find(struct lb_socket_table *table,
                   struct lb_listeners *listeners, uint32_t somaxconn) {
  for (size_t i = 0; i < table->len; i++)
    if (lb_socket_is_present(table, &table->v[i]))
      hint_at(&table->v[i], listeners, somaxconn);
}
