// SPDX-License-Identifier: MIT
/* Found ports stay, because they have counters. UNIX names come without end and
 * have no counters, so the found listener of a UNIX name goes with its last
 * socket, and its entry is used again. */
#include "core/listeners_internal.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PORTS = 65536 };

/* --- selections ---------------------------------------------------------- */

static int add_selection(struct lb_listeners *listeners,
                         const struct lb_selection *selection) {
  uint32_t index = (uint32_t)listeners->len;
  struct lb_listener_entry entry = {
      .listener = {.selection = selection,
                   .has_ports = selection->ports_len > 0,
                   .has_unix = selection->unix_names_len > 0 ||
                               selection->patterns_len > 0}};
  int err = lb_append(&listeners->v, &listeners->len, &entry, 1, sizeof(entry));
  if (!err)
    err = lb_listeners_claim(listeners, index);
  for (size_t i = 0; i < selection->ports_len && !err; i++)
    err = lb_link_ports(listeners, selection->ports[i], index);
  for (size_t i = 0; i < selection->unix_names_len && !err; i++)
    err = lb_link_unix_name(listeners, &selection->unix_names[i], index);
  listeners->wants_unix |= entry.listener.has_unix;
  listeners->has_patterns |= selection->patterns_len > 0;
  listeners->selections = listeners->len;
  return err;
}

static int apply_settings(struct lb_listeners *listeners) {
  const struct lb_settings *settings = listeners->settings;
  const struct lb_netns_ref *netns = listeners->netns;
  bool applies = lb_settings_apply(settings, netns);
  listeners->applies = applies;
  listeners->finds_ports = settings->listening_ports && applies;
  listeners->finds_unix = settings->listening_paths && applies;
  listeners->wants_unix =
      listeners->finds_unix || (settings->patterns_len && applies);
  listeners->has_patterns =
      settings->patterns_len || settings->ignored_patterns_len;
  listeners->ports = calloc(PORTS, sizeof(*listeners->ports));
  int err =
      listeners->ports ? lb_listeners_claim(listeners, LB_OF_NETNS) : -ENOMEM;
  for (size_t i = 0; i < settings->selections_len && !err; i++)
    if (lb_selection_applies(settings, &settings->selections[i], netns))
      err = add_selection(listeners, &settings->selections[i]);
  for (size_t i = 0; i < settings->ignored_paths_len && !err; i++)
    err = lb_link_unix_name(listeners, &settings->ignored_paths[i], LB_IGNORED);
  if (!err && listeners->selected_unix) {
    listeners->files =
        calloc(listeners->selected_unix, sizeof(*listeners->files));
    err = listeners->files ? 0 : -ENOMEM;
  }
  return err;
}

int lb_listeners_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels,
                     struct lb_unix_names *unix_names,
                     struct lb_listeners **out) {
  struct lb_listeners *listeners = calloc(1, sizeof(*listeners));
  if (!listeners)
    return -ENOMEM;
  listeners->settings = settings;
  listeners->netns = netns;
  listeners->labels = labels;
  listeners->unix_names = unix_names;
  int err = apply_settings(listeners);
  if (err) {
    lb_listeners_free(listeners);
    return err;
  }
  *out = listeners;
  return 0;
}

void lb_listeners_free(struct lb_listeners *listeners) {
  if (!listeners)
    return;
  for (size_t i = 0; i < listeners->len; i++)
    lb_listeners_release(listeners, (uint32_t)i);
  lb_listeners_release(listeners, LB_OF_NETNS);
  free(listeners->owners);
  free(listeners->v);
  free(listeners->nodes);
  free(listeners->ports);
  free(listeners->unix_heads);
  free(listeners->files);
  free(listeners);
}

bool lb_listeners_want_unix(const struct lb_listeners *listeners) {
  return listeners->wants_unix;
}

/* --- found listeners ----------------------------------------------------- */

/* Returns the index of an unused entry, perhaps a new one; or -ENOMEM. */
static int64_t unused_entry(struct lb_listeners *listeners, bool is_unix) {
  static const struct lb_listener_entry none;
  if (listeners->first_free && is_unix)
    return listeners->first_free - 1;
  int err = lb_append(&listeners->v, &listeners->len, &none, 1, sizeof(none));
  return err ? err : (int64_t)listeners->len - 1;
}

static bool is_matched(const struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock) {
  const uint32_t *head = lb_chain_of(listeners, sock);
  for (uint32_t at = head ? *head : 0; at; at = listeners->nodes[at - 1].next)
    if (listeners->nodes[at - 1].listener == LB_MATCHED)
      return true;
  return false;
}

static int add_found(struct lb_listeners *listeners,
                     const struct lb_listen_sock *sock, uint32_t *index) {
  bool is_unix = sock->family == AF_UNIX;
  size_t before = listeners->len;
  uint32_t *head = lb_chain_of(listeners, sock);
  int64_t unused = head ? unused_entry(listeners, is_unix) : -ENOENT;
  if (unused < 0)
    return (int)unused;
  *index = (uint32_t)unused;
  int err = lb_link_listener(listeners, head, *index);
  if (err) {
    listeners->len = before;
    return err;
  }
  struct lb_listener_entry *entry = &listeners->v[*index];
  if (before == listeners->len)
    listeners->first_free = entry->next_free;
  *entry = (struct lb_listener_entry){
      .listener = {.has_ports = !is_unix, .has_unix = is_unix},
      .source = is_unix ? sock->unix_name : sock->port,
      .is_matched = is_unix && is_matched(listeners, sock),
      .owner = sock->owner,
  };
  return 0;
}

static bool finds_socket(const struct lb_listeners *listeners,
                         const struct lb_listen_sock *sock) {
  if (sock->family == AF_UNIX)
    return listeners->finds_unix || is_matched(listeners, sock);
  return listeners->finds_ports &&
         !lb_portset_has(&listeners->settings->ignored, sock->port);
}

/* A pattern outside of blocks is a selection of its own. */
static bool needs_listener(struct lb_listeners *listeners,
                           const struct lb_listen_sock *sock) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  bool matched = sock->family == AF_UNIX && is_matched(listeners, sock);
  for (struct lb_listener *each; (each = lb_listeners_next(&visit));)
    if (!matched || !each->selection ||
        (each->selection->by == LB_BY_LOCAL_PATH && !visit.file))
      return false;
  return matched || !visit.found;
}

int lb_listeners_discover(struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock) {
  uint32_t index = 0;
  if (sock->is_foreign || !finds_socket(listeners, sock) ||
      !needs_listener(listeners, sock))
    return 0;
  int err = sock->family == AF_UNIX
                ? lb_reserve_unix_head(listeners, sock->unix_name)
                : 0;
  if (!err)
    err = add_found(listeners, sock, &index);
  return err ? err : lb_listeners_claim(listeners, index);
}

const struct lb_unix_name *
lb_listeners_unix_name(const struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock) {
  return lb_unix_names_get(listeners->unix_names, sock->unix_name);
}

bool lb_listeners_check_file(const struct lb_listeners *listeners,
                             const struct lb_listen_sock *sock) {
  const uint32_t *head = lb_chain_of(listeners, sock);
  bool is_ignored = false;
  for (uint32_t at = head ? *head : 0; at; at = listeners->nodes[at - 1].next) {
    if (listeners->nodes[at - 1].listener != LB_IGNORED)
      return !listeners->netns->path;
    is_ignored = true;
  }
  return listeners->finds_unix && !is_ignored && !listeners->netns->path;
}

int lb_listeners_own_file(struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock) {
  const uint32_t *head = lb_chain_of(listeners, sock);
  for (uint32_t at = head ? *head : 0; at; at = listeners->nodes[at - 1].next) {
    uint32_t index = listeners->nodes[at - 1].listener;
    if (!lb_is_listener(index) || listeners->v[index].listener.selection)
      continue;
    listeners->v[index].is_file = true;
    return lb_listeners_claim(listeners, index);
  }
  return 0;
}

/* Before the number becomes another name's. */
static void forget_unix(void *data, uint32_t number) {
  struct lb_listeners *listeners = data;
  if (number >= listeners->unix_heads_len)
    return;
  struct lb_unix_head *head = &listeners->unix_heads[number];
  for (uint32_t at = head->first; at; at = listeners->nodes[at - 1].next) {
    uint32_t index = listeners->nodes[at - 1].listener;
    if (!lb_is_listener(index) || listeners->v[index].listener.selection)
      continue;
    struct lb_listener_entry *entry = &listeners->v[index];
    lb_listeners_release(listeners, index);
    entry->listener = (struct lb_listener){.label = NULL};
    entry->next_free = listeners->first_free;
    listeners->first_free = index + 1;
  }
  lb_free_chain(listeners, &head->first);
  head->has_matched = false;
}

void lb_listeners_sweep_unix(struct lb_listeners *listeners,
                             struct lb_socket_table *table) {
  lb_unix_names_begin_sweep(listeners->unix_names);
  for (size_t i = 0; i < listeners->selected_unix; i++)
    lb_unix_names_keep(listeners->unix_names, (uint32_t)i);
  for (size_t i = 0; i < table->len; i++)
    if (table->v[i].sock.family == AF_UNIX)
      lb_unix_names_keep(listeners->unix_names, table->v[i].sock.unix_name);
  lb_unix_names_end_sweep(listeners->unix_names, forget_unix, listeners);
  table->forgot_unix = false;
}

/* --- sockets ------------------------------------------------------------- */

bool lb_listeners_want(struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
    if (lb_listeners_reports(listeners, listener))
      return true;
  return false;
}

static void
visit_socket(struct lb_listeners *listeners, const struct lb_listen_sock *sock,
             void (*visit)(void *data, const struct lb_socket_view *view),
             void *data) {
  struct lb_visit each = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&each));)
    if (lb_listeners_reports(listeners, listener))
      visit(data, &(struct lb_socket_view){
                      listener->label, sock,
                      sock->family == AF_UNIX
                          ? lb_listeners_unix_name(listeners, sock)
                          : NULL});
}

void lb_listeners_visit_sockets(
    struct lb_listeners *listeners, const struct lb_socket_table *table,
    void (*visit)(void *data, const struct lb_socket_view *view), void *data) {
  for (size_t i = 0; i < table->len; i++)
    if (lb_socket_is_present(table, &table->v[i]))
      visit_socket(listeners, &table->v[i].sock, visit, data);
}

/* --- samples ------------------------------------------------------------- */

static bool is_known(const struct lb_listeners *listeners,
                     const struct lb_listener *listener) {
  return (!listener->has_ports || lb_has_part(listeners->known, LB_PART_TCP)) &&
         (!listener->has_unix || lb_has_part(listeners->known, LB_PART_UNIX));
}

void lb_listeners_begin_interval(struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->len; i++)
    lb_listener_begin_interval(&listeners->v[i].listener);
}

void lb_listeners_begin_sample(struct lb_listeners *listeners, unsigned known) {
  listeners->known = known;
  listeners->is_stale = false;
  for (size_t i = 0; i < listeners->len; i++)
    listeners->v[i].listener.sample = (struct lb_listener_sample){.queue = 0};
}

void lb_listeners_add_socket(struct lb_listeners *listeners,
                             const struct lb_listen_sock *sock, bool is_full) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->interval.full += is_full; /* also if the sample does not count */
    if (is_known(listeners, listener))
      lb_listener_add_socket(listener, sock);
  }
}

void lb_listeners_repeat_sample(struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->len; i++)
    lb_listener_repeat_sample(&listeners->v[i].listener);
}

/* --- readings ------------------------------------------------------------ */

size_t lb_listeners_len(const struct lb_listeners *listeners) {
  return listeners->len;
}

struct lb_listener *lb_listeners_get(const struct lb_listeners *listeners,
                                     size_t i) {
  return &listeners->v[i].listener;
}

uint16_t lb_listeners_port(const struct lb_listeners *listeners, size_t i) {
  const struct lb_listener_entry *entry = &listeners->v[i];
  const struct lb_selection *selection = entry->listener.selection;
  if (!entry->listener.has_ports)
    return 0;
  return selection ? selection->ports[0].first : (uint16_t)entry->source;
}

const char *lb_listeners_netns_label(const struct lb_listeners *listeners) {
  return listeners->netns_label;
}

bool lb_listeners_reports(const struct lb_listeners *listeners,
                          const struct lb_listener *listener) {
  if (!listener->label || !is_known(listeners, listener))
    return false;
  return listener->selection || listener->sample.sockets > 0 ||
         lb_listener_is_leaving(listener);
}
