// SPDX-License-Identifier: MIT
/* Each port and each UNIX name has a chain of nodes, one per listener: the
 * selections in the order of the configuration, then the one that was found.
 * The chain heads of all ports take 256 KiB, of which only the pages in use
 * take memory.
 *
 * Found ports stay, because they have counters. UNIX names come without end and
 * have no counters, so the found listener of a UNIX name goes with its last
 * socket, and its entry is used again. */
#include "core/listeners.h"

#include "base/array.h"
#include "base/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PORTS = 65536 };

#define IGNORED                                                                \
  UINT32_MAX /* in place of a listener: ListeningPaths skips it                \
              */

struct chain_node {
  uint32_t listener; /* index */
  uint32_t next;     /* node index + 1; 0: last */
};

struct entry {
  struct lb_listener listener;
  uint32_t node;      /* of a found listener: node index + 1 */
  uint32_t next_free; /* of an unused entry: index + 1 of the next */
};

struct lb_listeners {
  const struct lb_settings *settings;
  const struct lb_netns_ref *netns;
  struct lb_label_registry *labels;
  struct lb_unix_names *unix_names;
  struct entry *v; /* the selections first, in their order */
  size_t len;
  uint32_t first_free; /* index + 1; 0: none */
  struct chain_node *nodes;
  size_t nodes_len;
  uint32_t *ports;      /* by port: node index + 1; 0: none */
  uint32_t *unix_heads; /* the same by number of the UNIX name */
  size_t unix_heads_len;
  size_t selected_unix; /* numbers below this are the configuration's */
  bool finds_ports;
  bool finds_unix;
  bool wants_unix;
  bool knows_unix; /* in the last sample */
  struct lb_conflict conflict;
};

/* --- labels -------------------------------------------------------------- */

void lb_listeners_note_conflict(struct lb_listeners *listeners, int err,
                                const char *label, const char *source) {
  struct lb_conflict *conflict = &listeners->conflict;
  if (conflict->count++)
    return;
  conflict->err = err;
  snprintf(conflict->label, sizeof(conflict->label), "%s", label);
  snprintf(conflict->source, sizeof(conflict->source), "%s", source);
}

/* Returns 0 also after a conflict, with *out still NULL, or -ENOMEM. */
static int claim_label(struct lb_listeners *listeners, const char *own,
                       bool plain, const char *source, const char **out) {
  char label[LB_LABEL_SIZE];
  int err = lb_label_in(label, plain ? "" : listeners->netns->label, own);
  if (err)
    snprintf(label, sizeof(label), "%s", own);
  else
    err = lb_label_registry_claim(listeners->labels, label, out);
  if (err == -ENOMEM)
    return err;
  if (err)
    lb_listeners_note_conflict(listeners, err, label, source);
  return 0;
}

/* --- chains -------------------------------------------------------------- */

static int reserve_unix_head(struct lb_listeners *listeners, uint32_t number) {
  while (listeners->unix_heads_len <= number) {
    uint32_t none = 0;
    int err = lb_append(&listeners->unix_heads, &listeners->unix_heads_len,
                        &none, 1, sizeof(none));
    if (err)
      return err;
  }
  return 0;
}

/* Appends a listener to a chain, once even if its port ranges overlap. Returns
 * 0 or -ENOMEM. */
static int link_listener(struct lb_listeners *listeners, uint32_t *head,
                         uint32_t listener) {
  struct chain_node node = {.listener = listener};
  uint32_t last = 0;
  for (uint32_t at = *head; at; at = listeners->nodes[at - 1].next) {
    if (listeners->nodes[at - 1].listener == listener)
      return 0;
    last = at;
  }
  int err = lb_append(&listeners->nodes, &listeners->nodes_len, &node, 1,
                      sizeof(node));
  if (err)
    return err;
  uint32_t *end = last ? &listeners->nodes[last - 1].next : head;
  *end = (uint32_t)listeners->nodes_len;
  return 0;
}

static int link_ports(struct lb_listeners *listeners, struct lb_ports ports,
                      uint32_t listener) {
  int err = 0;
  for (unsigned port = ports.first; port <= ports.last && !err; port++)
    err = link_listener(listeners, &listeners->ports[port], listener);
  return err;
}

static int link_unix_name(struct lb_listeners *listeners,
                          const struct lb_unix_name *name, uint32_t listener) {
  uint32_t number;
  int err = lb_unix_names_intern(listeners->unix_names, name, &number);
  if (!err)
    err = reserve_unix_head(listeners, number);
  if (!err)
    err = link_listener(listeners, &listeners->unix_heads[number], listener);
  if (!err && number >= listeners->selected_unix)
    listeners->selected_unix = number + 1;
  return err;
}

/* NULL: no listener of this UNIX name yet. */
static uint32_t *chain_of(const struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock) {
  if (sock->family != AF_UNIX)
    return &listeners->ports[sock->port];
  return sock->unix_name < listeners->unix_heads_len
             ? &listeners->unix_heads[sock->unix_name]
             : NULL;
}

/* --- selections ---------------------------------------------------------- */

static int claim_selection_label(struct lb_listeners *listeners,
                                 const struct lb_selection *selection,
                                 const char **label) {
  char source[LB_SELECTION_TEXT_SIZE];
  lb_selection_format(selection, source);
  bool plain = lb_selection_is_plain(selection, listeners->netns);
  return claim_label(listeners, selection->label, plain, source, label);
}

static int add_selection(struct lb_listeners *listeners,
                         const struct lb_selection *selection) {
  uint32_t index = (uint32_t)listeners->len;
  struct entry entry = {
      .listener = {.selection = selection,
                   .has_ports = selection->ports_len > 0,
                   .has_unix = selection->unix_names_len > 0}};
  const char **label = &entry.listener.label;
  int err = claim_selection_label(listeners, selection, label);
  if (!err)
    err = lb_append(&listeners->v, &listeners->len, &entry, 1, sizeof(entry));
  if (err) {
    lb_label_registry_release(listeners->labels, *label);
    return err;
  }
  for (size_t i = 0; i < selection->ports_len && !err; i++)
    err = link_ports(listeners, selection->ports[i], index);
  for (size_t i = 0; i < selection->unix_names_len && !err; i++)
    err = link_unix_name(listeners, &selection->unix_names[i], index);
  listeners->wants_unix |= selection->unix_names_len > 0;
  return err;
}

static int apply_settings(struct lb_listeners *listeners) {
  const struct lb_settings *settings = listeners->settings;
  const struct lb_netns_ref *netns = listeners->netns;
  bool applies = lb_settings_apply(settings, netns);
  listeners->finds_ports = settings->listening_ports && applies;
  listeners->finds_unix = settings->listening_paths && applies;
  listeners->wants_unix = listeners->finds_unix;
  listeners->ports = calloc(PORTS, sizeof(*listeners->ports));
  int err = listeners->ports ? 0 : -ENOMEM;
  for (size_t i = 0; i < settings->selections_len && !err; i++)
    if (lb_selection_applies(settings, &settings->selections[i], netns))
      err = add_selection(listeners, &settings->selections[i]);
  for (size_t i = 0; i < settings->ignored_paths_len && !err; i++)
    err = link_unix_name(listeners, &settings->ignored_paths[i], IGNORED);
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
    lb_label_registry_release(listeners->labels,
                              listeners->v[i].listener.label);
  free(listeners->v);
  free(listeners->nodes);
  free(listeners->ports);
  free(listeners->unix_heads);
  free(listeners);
}

bool lb_listeners_want_unix(const struct lb_listeners *listeners) {
  return listeners->wants_unix;
}

/* --- found listeners ----------------------------------------------------- */

static int claim_found_label(struct lb_listeners *listeners,
                             const struct lb_listen_sock *sock,
                             const char **label) {
  char own[LB_LABEL_SIZE], source[LB_LABEL_SIZE + 40];
  if (sock->family == AF_UNIX) {
    const struct lb_unix_name *name =
        lb_unix_names_get(listeners->unix_names, sock->unix_name);
    lb_label_of_unix_name(own, name);
    snprintf(source, sizeof(source), LB_SOURCE_UNIX, name->bytes[0] ? "" : "@",
             name->len - !name->bytes[0], name->bytes + !name->bytes[0]);
  } else {
    lb_label_of_port(own, sock->port);
    snprintf(source, sizeof(source), LB_SOURCE_PORT, own);
  }
  return claim_label(listeners, own, false, source, label);
}

/* An unused entry brings its node, which is in no chain. */
static void reuse_entry(struct lb_listeners *listeners, uint32_t *head,
                        const struct lb_listener *listener) {
  struct entry *entry = &listeners->v[listeners->first_free - 1];
  listeners->first_free = entry->next_free;
  entry->listener = *listener;
  *head = entry->node;
}

static int add_found(struct lb_listeners *listeners, uint32_t *head,
                     const struct lb_listener *listener) {
  if (listeners->first_free && listener->has_unix) {
    reuse_entry(listeners, head, listener);
    return 0;
  }
  struct entry entry = {.listener = *listener,
                        .node = (uint32_t)listeners->nodes_len + 1};
  int err = lb_append(&listeners->v, &listeners->len, &entry, 1, sizeof(entry));
  if (err)
    return err;
  err = link_listener(listeners, head, (uint32_t)listeners->len - 1);
  if (err)
    listeners->len--;
  return err;
}

static bool finds_socket(const struct lb_listeners *listeners,
                         const struct lb_listen_sock *sock) {
  if (sock->family == AF_UNIX)
    return listeners->finds_unix;
  return listeners->finds_ports &&
         !lb_portset_has(&listeners->settings->ignored, sock->port);
}

int lb_listeners_discover(struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock) {
  if (!finds_socket(listeners, sock))
    return 0;
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  if (lb_listeners_next(&visit) || visit.found)
    return 0;
  struct lb_listener listener = {.has_ports = sock->family != AF_UNIX,
                                 .has_unix = sock->family == AF_UNIX};
  int err =
      listener.has_unix ? reserve_unix_head(listeners, sock->unix_name) : 0;
  if (!err)
    err = claim_found_label(listeners, sock, &listener.label);
  if (!err)
    err = add_found(listeners, chain_of(listeners, sock), &listener);
  if (err)
    lb_label_registry_release(listeners->labels, listener.label);
  return err;
}

void lb_listeners_forget_unix(struct lb_listeners *listeners, uint32_t number) {
  if (number >= listeners->unix_heads_len || !listeners->unix_heads[number])
    return;
  uint32_t index = listeners->nodes[listeners->unix_heads[number] - 1].listener;
  struct entry *entry = &listeners->v[index];
  lb_label_registry_release(listeners->labels, entry->listener.label);
  entry->listener = (struct lb_listener){.label = NULL};
  entry->next_free = listeners->first_free;
  listeners->first_free = index + 1;
  listeners->unix_heads[number] = 0;
}

void lb_listeners_keep_unix_names(const struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->selected_unix; i++)
    lb_unix_names_keep(listeners->unix_names, (uint32_t)i);
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
  const uint32_t *head = chain_of(listeners, sock);
  return (struct lb_visit){listeners, sock, head ? *head : 0, false};
}

struct lb_listener *lb_listeners_next(struct lb_visit *visit) {
  struct lb_listeners *listeners = visit->listeners;
  while (visit->node) {
    const struct chain_node *node = &listeners->nodes[visit->node - 1];
    visit->node = node->next;
    if (node->listener == IGNORED) {
      visit->found = true;
      continue;
    }
    struct lb_listener *listener = &listeners->v[node->listener].listener;
    if (listener->selection ? is_bound_to(listener->selection, visit->sock)
                            : !visit->found) {
      visit->found = true;
      return listener;
    }
  }
  return NULL;
}

bool lb_listeners_want(struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
    if (lb_listeners_reports(listeners, listener))
      return true;
  return false;
}

/* --- samples ------------------------------------------------------------- */

void lb_listeners_begin_interval(struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->len; i++)
    lb_listener_begin_interval(&listeners->v[i].listener);
}

void lb_listeners_begin_sample(struct lb_listeners *listeners,
                               bool knows_unix) {
  listeners->knows_unix = knows_unix;
  for (size_t i = 0; i < listeners->len; i++)
    listeners->v[i].listener.sample = (struct lb_listener_sample){.queue = 0};
}

void lb_listeners_add_socket(struct lb_listeners *listeners,
                             const struct lb_listen_sock *sock, bool is_full) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->interval.full += is_full; /* also if the sample does not count */
    if (!listener->has_unix || listeners->knows_unix)
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

struct lb_conflict *lb_listeners_conflict(struct lb_listeners *listeners) {
  return &listeners->conflict;
}

bool lb_listeners_reports(const struct lb_listeners *listeners,
                          const struct lb_listener *listener) {
  if (!listener->label || (listener->has_unix && !listeners->knows_unix))
    return false;
  return listener->selection || listener->sample.sockets > 0;
}
