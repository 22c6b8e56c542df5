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

static int add_node(struct lb_listeners *listeners, struct lb_chain_node node,
                    uint32_t *out) {
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

static int link_node(struct lb_listeners *listeners, uint32_t *head,
                     struct lb_chain_node made) {
  uint32_t last = 0, node;
  for (uint32_t at = *head; at; at = listeners->nodes[at - 1].next) {
    if (listeners->nodes[at - 1].listener == made.listener)
      return 0;
    last = at;
  }
  int err = add_node(listeners, made, &node);
  if (err)
    return err;
  *(last ? &listeners->nodes[last - 1].next : head) = node;
  return 0;
}

int lb_link_listener(struct lb_listeners *listeners, uint32_t *head,
                     uint32_t listener) {
  return link_node(listeners, head,
                   (struct lb_chain_node){.listener = listener});
}

static int link_by_pattern(struct lb_listeners *listeners, uint32_t *head,
                           uint32_t listener) {
  return link_node(
      listeners, head,
      (struct lb_chain_node){.listener = listener, .by_pattern = true});
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

/* --- files --------------------------------------------------------------- */

size_t lb_listeners_configured_names(const struct lb_listeners *listeners) {
  return listeners->selected_unix;
}

bool lb_listeners_set_file(struct lb_listeners *listeners, uint32_t number,
                           uint64_t cookie) {
  uint64_t before = listeners->files[number].cookie;
  listeners->files[number].cookie = cookie;
  return before != cookie;
}

void lb_listeners_link_files(struct lb_listeners *listeners,
                             struct lb_socket_table *table) {
  for (size_t i = 0; i < table->len; i++)
    table->v[i].sock.by_file = 0;
  for (size_t i = 0; i < listeners->selected_unix; i++) {
    struct lb_configured_file *file = &listeners->files[i];
    struct lb_socket *socket = lb_socket_table_find(table, file->cookie);
    file->next = 0;
    if (!socket) {
      file->cookie = 0;
      continue;
    }
    file->next = socket->sock.by_file;
    socket->sock.by_file = (uint32_t)i + 1;
  }
  table->changed = true;
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
    err = link_by_pattern(listeners, head, LB_IGNORED);
  if (!err && listeners->applies &&
      matches_any(settings->patterns, settings->patterns_len, name))
    err = link_by_pattern(listeners, head, LB_MATCHED);
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
      err = link_by_pattern(listeners, &head->first, i);
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

/* A foreign socket has no listener by its own name. */
static uint32_t first_node(struct lb_listeners *listeners,
                           const struct lb_listen_sock *sock, uint32_t file) {
  if (file)
    return listeners->unix_heads[file - 1].first;
  const uint32_t *head = sock->is_foreign ? NULL : lb_chain_of(listeners, sock);
  return head ? *head : 0;
}

/* Found listeners have sockets by their own name only. */
static bool is_of(const struct lb_listener_entry *entry,
                  const struct lb_visit *visit) {
  const struct lb_selection *selection = entry->listener.selection;
  return selection ? is_bound_to(selection, visit->sock)
                   : !visit->file && (!visit->found || entry->is_matched) &&
                         entry->owner == visit->sock->owner;
}

struct lb_visit lb_listeners_visit(struct lb_listeners *listeners,
                                   const struct lb_listen_sock *sock) {
  return (struct lb_visit){.listeners = listeners,
                           .sock = sock,
                           .node = first_node(listeners, sock, sock->by_file),
                           .file = sock->by_file};
}

/* The chains of the files come before that of the name. */
static bool begin_next_chain(struct lb_visit *visit) {
  if (!visit->file)
    return false;
  visit->file = visit->listeners->files[visit->file - 1].next;
  visit->node = first_node(visit->listeners, visit->sock, visit->file);
  return true;
}

/* In a chain before this one. */
static bool is_repeated(const struct lb_visit *visit, uint32_t listener) {
  const struct lb_listeners *listeners = visit->listeners;
  for (uint32_t file = visit->sock->by_file; file != visit->file;
       file = listeners->files[file - 1].next)
    for (uint32_t at = listeners->unix_heads[file - 1].first; at;
         at = listeners->nodes[at - 1].next)
      if (listeners->nodes[at - 1].listener == listener &&
          !listeners->nodes[at - 1].by_pattern)
        return true;
  return false;
}

static struct lb_listener *next_in_chain(struct lb_visit *visit) {
  struct lb_listeners *listeners = visit->listeners;
  while (visit->node) {
    const struct lb_chain_node *node = &listeners->nodes[visit->node - 1];
    visit->node = node->next;
    if (visit->file && node->by_pattern)
      continue;
    visit->found |= node->listener == LB_IGNORED;
    if (!lb_is_listener(node->listener) || is_repeated(visit, node->listener))
      continue;
    struct lb_listener_entry *entry = &listeners->v[node->listener];
    if (is_of(entry, visit)) {
      visit->found = true;
      return &entry->listener;
    }
  }
  return NULL;
}

struct lb_listener *lb_listeners_next(struct lb_visit *visit) {
  struct lb_listener *listener;
  do
    listener = next_in_chain(visit);
  while (!listener && begin_next_chain(visit));
  return listener;
}
