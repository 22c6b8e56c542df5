// SPDX-License-Identifier: MIT
/* Each port and each UNIX name has a chain of nodes, one per listener: the
 * selections in the order of the configuration, then the one that was found.
 * The chain heads of all ports take 256 KiB, of which only the pages in use
 * take memory. The nodes of UNIX names that are forgotten are used again. */
#include "core/listeners_internal.h"

#include "base/array.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* --- chains -------------------------------------------------------------- */

static int add_node(struct lb_listeners *listeners, uint32_t listener,
                    uint32_t *out) {
  const struct lb_chain_node node = {.listener = listener};
  if (listeners->first_free_node) {
    *out = listeners->first_free_node;
    listeners->first_free_node = listeners->nodes[*out - 1].next;
    listeners->nodes[*out - 1] = node;
    return 0;
  }
  int err = lb_append(&listeners->nodes, &listeners->nodes_len, &node, 1,
                      sizeof(node));
  *out = (uint32_t)listeners->nodes_len;
  return err;
}

int lb_link_listener(struct lb_listeners *listeners, uint32_t *head,
                     uint32_t listener) {
  uint32_t last = 0, node;
  for (uint32_t at = *head; at; at = listeners->nodes[at - 1].next) {
    if (listeners->nodes[at - 1].listener == listener)
      return 0;
    last = at;
  }
  int err = add_node(listeners, listener, &node);
  if (err)
    return err;
  *(last ? &listeners->nodes[last - 1].next : head) = node;
  return 0;
}

void lb_free_chain(struct lb_listeners *listeners, uint32_t *head) {
  while (*head) {
    struct lb_chain_node *node = &listeners->nodes[*head - 1];
    uint32_t next = node->next;
    node->next = listeners->first_free_node;
    listeners->first_free_node = *head;
    *head = next;
  }
}

int lb_reserve_unix_head(struct lb_listeners *listeners, uint32_t number) {
  while (listeners->unix_heads_len <= number) {
    static const struct lb_unix_head none;
    int err = lb_append(&listeners->unix_heads, &listeners->unix_heads_len,
                        &none, 1, sizeof(none));
    if (err)
      return err;
  }
  return 0;
}

int lb_link_ports(struct lb_listeners *listeners, struct lb_ports ports,
                  uint32_t listener) {
  int err = 0;
  for (unsigned port = ports.first; port <= ports.last && !err; port++)
    err = lb_link_listener(listeners, &listeners->ports[port], listener);
  return err;
}

int lb_link_unix_name(struct lb_listeners *listeners,
                      const struct lb_unix_name *name, uint32_t listener) {
  uint32_t number;
  int err = lb_unix_names_intern(listeners->unix_names, name, &number);
  if (!err)
    err = lb_reserve_unix_head(listeners, number);
  if (!err)
    err = lb_link_listener(listeners, &listeners->unix_heads[number].first,
                           listener);
  if (!err && number >= listeners->selected_unix)
    listeners->selected_unix = number + 1;
  return err;
}

uint32_t *lb_chain_of(const struct lb_listeners *listeners,
                      const struct lb_listen_sock *sock) {
  if (sock->family != AF_UNIX)
    return &listeners->ports[sock->port];
  return sock->unix_name < listeners->unix_heads_len
             ? &listeners->unix_heads[sock->unix_name].first
             : NULL;
}

/* --- patterns ------------------------------------------------------------ */

static bool matches_any(const struct lb_unix_pattern *patterns, size_t len,
                        const struct lb_unix_name *name) {
  for (size_t i = 0; i < len; i++)
    if (lb_unix_pattern_matches(&patterns[i], name))
      return true;
  return false;
}

/* Those outside of blocks. */
static int link_matched(struct lb_listeners *listeners, uint32_t *head,
                        const struct lb_unix_name *name) {
  const struct lb_settings *settings = listeners->settings;
  int err = 0;
  if (matches_any(settings->ignored_patterns, settings->ignored_patterns_len,
                  name))
    err = lb_link_listener(listeners, head, LB_IGNORED);
  if (!err && listeners->applies &&
      matches_any(settings->patterns, settings->patterns_len, name))
    err = lb_link_listener(listeners, head, LB_MATCHED);
  return err;
}

int lb_listeners_match(struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock) {
  if (sock->family != AF_UNIX || !listeners->has_patterns)
    return 0;
  const struct lb_unix_name *name = lb_listeners_unix_name(listeners, sock);
  int err = lb_reserve_unix_head(listeners, sock->unix_name);
  if (err || listeners->unix_heads[sock->unix_name].has_matched)
    return err;
  struct lb_unix_head *head = &listeners->unix_heads[sock->unix_name];
  for (uint32_t i = 0; i < listeners->selections && !err; i++) {
    const struct lb_selection *selection = listeners->v[i].listener.selection;
    if (matches_any(selection->patterns, selection->patterns_len, name))
      err = lb_link_listener(listeners, &head->first, i);
  }
  if (!err)
    err = link_matched(listeners, &head->first, name);
  head->has_matched = !err;
  return err;
}

/* --- the listeners of a socket ------------------------------------------- */

static bool is_bound_to(const struct lb_selection *selection,
                        const struct lb_listen_sock *sock) {
  if (selection->addresses_len == 0 || sock->family == AF_UNIX)
    return true;
  for (size_t i = 0; i < selection->addresses_len; i++)
    if (memcmp(selection->addresses[i].bytes, sock->address,
               sizeof(sock->address)) == 0)
      return true;
  return false;
}

struct lb_visit lb_listeners_visit(struct lb_listeners *listeners,
                                   const struct lb_listen_sock *sock) {
  const uint32_t *head = sock->is_foreign ? NULL : lb_chain_of(listeners, sock);
  return (struct lb_visit){listeners, sock, head ? *head : 0, false};
}

static bool is_of(const struct lb_listener_entry *entry,
                  const struct lb_visit *visit) {
  const struct lb_selection *selection = entry->listener.selection;
  return selection ? is_bound_to(selection, visit->sock)
                   : (!visit->found || entry->is_matched) &&
                         entry->owner == visit->sock->owner;
}

struct lb_listener *lb_listeners_next(struct lb_visit *visit) {
  struct lb_listeners *listeners = visit->listeners;
  while (visit->node) {
    const struct lb_chain_node *node = &listeners->nodes[visit->node - 1];
    visit->node = node->next;
    visit->found |= node->listener == LB_IGNORED;
    if (!lb_is_listener(node->listener))
      continue;
    struct lb_listener_entry *entry = &listeners->v[node->listener];
    if (is_of(entry, visit)) {
      visit->found = true;
      return &entry->listener;
    }
  }
  return NULL;
}
