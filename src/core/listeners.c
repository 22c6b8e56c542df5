// SPDX-License-Identifier: MIT
/* Each port and each path has a chain of nodes, one per listener that selects
 * it, in the order of the configuration, and last the one that was found. The
 * heads of the ports are 256 KiB of which the kernel gives us the pages we
 * touch. A path has no counters to be kept, so its found listener goes with its
 * last socket, and its place serves for another: names of UNIX sockets are
 * without end, unlike ports. */
#include "core/listeners.h"

#include "base/array.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PORTS = 65536 };

#define NOBODY UINT32_MAX /* the listener of a path that is ignored */

struct node {
  uint32_t listener;
  uint32_t next; /* index + 1; 0: last */
};

struct lb_listeners {
  const struct lb_settings *settings;
  const struct lb_netns_ref *netns;
  struct lb_label_registry *labels;
  struct lb_unix_names *unix_names;
  struct lb_listener *v; /* the selections first, in their order */
  size_t len;
  uint32_t spare; /* listener without a source, index + 1; 0: none */
  struct node *nodes;
  size_t nodes_len;
  uint32_t *ports;      /* by port: node index + 1; 0: none */
  uint32_t *unix_heads; /* the same by number of path */
  size_t unix_heads_len;
  size_t selected_unix; /* numbers below this are the configuration's */
  bool finds_ports;
  bool finds_unix;
  bool wants_unix;
  bool knows_unix; /* in this sample */
  struct lb_conflict conflict;
};

/* --- labels -------------------------------------------------------------- */

void lb_listeners_note_conflict(struct lb_listeners *listeners, int err,
                                const char *label, const char *source) {
  if (listeners->conflict.count++)
    return;
  listeners->conflict.err = err;
  snprintf(listeners->conflict.label, sizeof(listeners->conflict.label), "%s",
           label);
  snprintf(listeners->conflict.source, sizeof(listeners->conflict.source), "%s",
           source);
}

/* *out stays NULL where the label cannot be had. 0 or -ENOMEM. */
static int claim(struct lb_listeners *listeners, const char *own, bool plain,
                 const char *source, const char **out) {
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

static int reserve_unix_head(struct lb_listeners *listeners, uint32_t path) {
  while (listeners->unix_heads_len <= path) {
    uint32_t none = 0;
    int err = lb_append(&listeners->unix_heads, &listeners->unix_heads_len,
                        &none, 1, sizeof(none));
    if (err)
      return err;
  }
  return 0;
}

/* Puts a listener at the end of a chain. 0 or -ENOMEM. */
static int link_listener(struct lb_listeners *listeners, uint32_t *head,
                         uint32_t listener) {
  struct node node = {.listener = listener};
  uint32_t last = 0;
  for (uint32_t at = *head; at; at = listeners->nodes[at - 1].next) {
    if (listeners->nodes[at - 1].listener == listener) /* its ranges overlap */
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
                          const struct lb_unix_name *path, uint32_t listener) {
  uint32_t number;
  int err = lb_unix_names_intern(listeners->unix_names, path, &number);
  if (!err)
    err = reserve_unix_head(listeners, number);
  if (!err)
    err = link_listener(listeners, &listeners->unix_heads[number], listener);
  if (!err && number >= listeners->selected_unix)
    listeners->selected_unix = number + 1;
  return err;
}

static uint32_t *head_of(const struct lb_listeners *listeners,
                         const struct lb_listen_sock *row) {
  if (row->family != AF_UNIX)
    return &listeners->ports[row->port];
  return row->path < listeners->unix_heads_len
             ? &listeners->unix_heads[row->path]
             : NULL;
}

/* --- selections ---------------------------------------------------------- */

static int claim_selection(struct lb_listeners *listeners,
                           const struct lb_selection *selection,
                           const char **label) {
  char source[LB_LABEL_SIZE + 40];
  snprintf(source, sizeof(source),
           selection->by == LB_BY_LOCAL_PORT ? "LocalPort \"%s\""
                                             : "<Listener \"%s\">",
           selection->label);
  bool plain = lb_selection_is_plain(selection, listeners->netns);
  return claim(listeners, selection->label, plain, source, label);
}

static int add_selection(struct lb_listeners *listeners,
                         const struct lb_selection *selection) {
  uint32_t index = (uint32_t)listeners->len;
  struct lb_listener listener = {.selection = selection,
                                 .has_ports = selection->ports_len > 0,
                                 .has_unix = selection->unix_names_len > 0};
  int err = claim_selection(listeners, selection, &listener.label);
  if (!err)
    err = lb_append(&listeners->v, &listeners->len, &listener, 1,
                    sizeof(listener));
  if (err) {
    lb_label_registry_release(listeners->labels, listener.label);
    return err;
  }
  for (size_t i = 0; i < selection->ports_len && !err; i++)
    err = link_ports(listeners, selection->ports[i], index);
  for (size_t i = 0; i < selection->unix_names_len && !err; i++)
    err = link_unix_name(listeners, &selection->unix_names[i], index);
  listeners->wants_unix |= selection->unix_names_len > 0;
  return err;
}

static int set_up(struct lb_listeners *listeners) {
  const struct lb_settings *settings = listeners->settings;
  bool applies = lb_settings_apply(settings, listeners->netns);
  listeners->finds_ports = settings->listening_ports && applies;
  listeners->finds_unix = settings->listening_paths && applies;
  listeners->wants_unix = listeners->finds_unix;
  listeners->ports = calloc(PORTS, sizeof(*listeners->ports));
  int err = listeners->ports ? 0 : -ENOMEM;
  for (size_t i = 0; i < settings->selections_len && !err; i++)
    if (lb_selection_applies(settings, &settings->selections[i],
                             listeners->netns))
      err = add_selection(listeners, &settings->selections[i]);
  for (size_t i = 0; i < settings->ignored_paths_len && !err; i++)
    err = link_unix_name(listeners, &settings->ignored_paths[i], NOBODY);
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
  int err = set_up(listeners);
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
    lb_label_registry_release(listeners->labels, listeners->v[i].label);
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

static int claim_found(struct lb_listeners *listeners,
                       const struct lb_listen_sock *row, const char **label) {
  char own[LB_LABEL_SIZE], source[LB_LABEL_SIZE + 40];
  if (row->family == AF_UNIX) {
    const struct lb_unix_name *path =
        lb_unix_names_get(listeners->unix_names, row->path);
    lb_label_of_unix_name(own, path);
    snprintf(source, sizeof(source), "the UNIX socket \"%s%.*s\"",
             path->bytes[0] ? "" : "@", path->len - !path->bytes[0],
             path->bytes + !path->bytes[0]);
  } else {
    lb_label_of_port(own, row->port);
    snprintf(source, sizeof(source), "port %s", own);
  }
  return claim(listeners, own, false, source, label);
}

/* A listener in the place of one that was forgotten, or a new one at the end.
 */
static int add_found(struct lb_listeners *listeners, uint32_t *head,
                     struct lb_listener listener) {
  uint32_t spare = listeners->spare;
  if (spare && listener.has_unix) {
    struct lb_listener *old = &listeners->v[spare - 1];
    listeners->spare = old->next_spare;
    listener.node = old->node;
    *old = listener;
    *head = listener.node;
    return 0;
  }
  listener.node = (uint32_t)listeners->nodes_len + 1;
  int err =
      lb_append(&listeners->v, &listeners->len, &listener, 1, sizeof(listener));
  if (err)
    return err;
  err = link_listener(listeners, head, (uint32_t)listeners->len - 1);
  if (err)
    listeners->len--;
  return err;
}

static bool finds(const struct lb_listeners *listeners,
                  const struct lb_listen_sock *row) {
  if (row->family == AF_UNIX)
    return listeners->finds_unix;
  return listeners->finds_ports &&
         !lb_portset_has(&listeners->settings->ignored, row->port);
}

int lb_listeners_discover(struct lb_listeners *listeners,
                          const struct lb_listen_sock *row) {
  if (!finds(listeners, row))
    return 0;
  struct lb_visit visit = lb_listeners_visit(listeners, row);
  if (lb_listeners_next(&visit) || visit.found)
    return 0;
  struct lb_listener listener = {.has_ports = row->family != AF_UNIX,
                                 .has_unix = row->family == AF_UNIX};
  int err = listener.has_unix ? reserve_unix_head(listeners, row->path) : 0;
  if (!err)
    err = claim_found(listeners, row, &listener.label);
  if (!err)
    err = add_found(listeners, head_of(listeners, row), listener);
  if (err)
    lb_label_registry_release(listeners->labels, listener.label);
  return err;
}

void lb_listeners_forget_unix(struct lb_listeners *listeners, uint32_t path) {
  if (path >= listeners->unix_heads_len || !listeners->unix_heads[path])
    return;
  uint32_t index = listeners->nodes[listeners->unix_heads[path] - 1].listener;
  struct lb_listener *listener = &listeners->v[index];
  lb_label_registry_release(listeners->labels, listener->label);
  *listener = (struct lb_listener){.node = listener->node,
                                   .next_spare = listeners->spare};
  listeners->spare = index + 1;
  listeners->unix_heads[path] = 0;
}

void lb_listeners_keep_unix_names(const struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->selected_unix; i++)
    lb_unix_names_keep(listeners->unix_names, (uint32_t)i);
}

/* --- samples ---------------------------------------------------------------
 */

void lb_listeners_begin_interval(struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->len; i++) {
    struct lb_listener *listener = &listeners->v[i];
    listener->peak = 0;
    listener->samples = listener->busy = listener->full = 0;
    listener->fill = 0;
    listener->inspected = (struct lb_inspected){0};
    listener->at_somaxconn = listener->somaxconn_raised = 0;
  }
}

void lb_listeners_begin_sample(struct lb_listeners *listeners,
                               bool knows_unix) {
  listeners->knows_unix = knows_unix;
  for (size_t i = 0; i < listeners->len; i++) {
    struct lb_listener *listener = &listeners->v[i];
    listener->queue = listener->limit = 0;
    listener->sockets = listener->tcp_sockets = 0;
  }
}

static bool is_bound_to(const struct lb_selection *selection,
                        const struct lb_listen_sock *row) {
  if (selection->addresses_len == 0 || row->family == AF_UNIX)
    return true;
  for (size_t i = 0; i < selection->addresses_len; i++)
    if (memcmp(selection->addresses[i].bytes, row->address,
               sizeof(row->address)) == 0)
      return true;
  return false;
}

struct lb_visit lb_listeners_visit(struct lb_listeners *listeners,
                                   const struct lb_listen_sock *row) {
  const uint32_t *head = head_of(listeners, row);
  return (struct lb_visit){listeners, row, head ? *head : 0, false};
}

struct lb_listener *lb_listeners_next(struct lb_visit *visit) {
  struct lb_listeners *listeners = visit->listeners;
  while (visit->node) {
    const struct node *node = &listeners->nodes[visit->node - 1];
    visit->node = node->next;
    if (node->listener == NOBODY) {
      visit->found = true;
      continue;
    }
    struct lb_listener *listener = &listeners->v[node->listener];
    if (listener->selection ? is_bound_to(listener->selection, visit->row)
                            : !visit->found) {
      visit->found = true;
      return listener;
    }
  }
  return NULL;
}

bool lb_listeners_want(struct lb_listeners *listeners,
                       const struct lb_listen_sock *row) {
  struct lb_visit visit = lb_listeners_visit(listeners, row);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
    if (lb_listeners_reports(listeners, listener))
      return true;
  return false;
}

/* In percent of the limit + 1 connections that fit, and never above 100,
 * where collectd's type "percent" ends. */
static double fill_percent(const struct lb_listen_sock *row) {
  if (lb_is_full(row->queue, row->limit))
    return 100;
  return 100.0 * row->queue / ((double)row->limit + 1);
}

static void add_queue(struct lb_listener *listener,
                      const struct lb_listen_sock *row) {
  double fill = fill_percent(row);
  if (fill > listener->fill)
    listener->fill = fill;
  listener->busy += listener->queue == 0;
  listener->queue += row->queue;
  if (listener->queue > listener->peak)
    listener->peak = listener->queue;
}

void lb_listeners_add_socket(struct lb_listeners *listeners,
                             const struct lb_listen_sock *row, bool is_full) {
  struct lb_visit visit = lb_listeners_visit(listeners, row);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->full += is_full; /* which is said once, so in any sample */
    if (listener->has_unix && !listeners->knows_unix)
      continue;
    listener->samples += listener->sockets == 0;
    listener->sockets++;
    listener->tcp_sockets += row->family != AF_UNIX;
    listener->limit += row->limit;
    if (row->queue)
      add_queue(listener, row);
  }
}

void lb_listeners_repeat_sample(struct lb_listeners *listeners) {
  for (size_t i = 0; i < listeners->len; i++) {
    struct lb_listener *listener = &listeners->v[i];
    listener->samples += listener->sockets > 0;
    listener->busy += listener->queue > 0;
  }
}

/* --- readings ------------------------------------------------------------ */

size_t lb_listeners_len(const struct lb_listeners *listeners) {
  return listeners->len;
}

struct lb_listener *lb_listeners_get(const struct lb_listeners *listeners,
                                     size_t i) {
  return &listeners->v[i];
}

struct lb_conflict *lb_listeners_conflict(struct lb_listeners *listeners) {
  return &listeners->conflict;
}

bool lb_listeners_reports(const struct lb_listeners *listeners,
                          const struct lb_listener *listener) {
  if (!listener->label || (listener->has_unix && !listeners->knows_unix))
    return false;
  return listener->selection || listener->sockets > 0;
}

/* Where all that wait have been reset, nobody can tell since when the first one
 * does. */
static void put_inspected(const struct lb_listener *listener,
                          struct lb_values *values) {
  const struct lb_inspected *inspected = &listener->inspected;
  if (!inspected->done || listener->sockets == 0)
    return;
  if (listener->tcp_sockets &&
      (inspected->visible > 0 || inspected->queue == 0))
    lb_put_gauge(values, LB_WAIT, inspected->wait_ms / 1000.0);
  if (listener->tcp_sockets)
    lb_put_gauge(values, LB_SYN, (double)inspected->syn);
  if (!inspected->lacks_abandoned)
    lb_put_gauge(values, LB_ABANDONED, (double)inspected->abandoned);
}

struct lb_values lb_listener_values(const struct lb_listener *listener,
                                    bool counters) {
  struct lb_values values = {.present = 0};
  lb_put_gauge(&values, LB_SOCKETS, listener->sockets);
  if (listener->sockets > 0) {
    lb_put_gauge(&values, LB_QUEUE, (double)listener->queue);
    lb_put_gauge(&values, LB_LIMIT, (double)listener->limit);
  }
  if (listener->samples > 0) {
    lb_put_gauge(&values, LB_PEAK, (double)listener->peak);
    lb_put_gauge(&values, LB_BUSY, 100.0 * listener->busy / listener->samples);
    lb_put_gauge(&values, LB_FILL, listener->fill);
    lb_put_gauge(&values, LB_FULL, listener->full);
  }
  put_inspected(listener, &values);
  if (counters && listener->has_ports) {
    lb_put_counter(&values, LB_DROPS, listener->drops);
    lb_put_counter(&values, LB_OVERFLOWS, listener->overflows);
  }
  return values;
}
