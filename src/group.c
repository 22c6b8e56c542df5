// SPDX-License-Identifier: MIT
/* Each port has a chain of nodes, one per listener that selects it, in the
 * order of the configuration, and last the one that ListeningPorts found. The
 * heads are 256 KiB of which the kernel gives us the pages we touch. */
#include "group.h"

#include "array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536 };

struct node {
  uint32_t listener;
  uint32_t next; /* index + 1; 0: last */
};

struct lb_group {
  const struct lb_settings *settings;
  struct lb_listener *v; /* the selections first, in their order */
  size_t len;
  struct node *nodes;
  size_t nodes_len;
  uint32_t *heads; /* by port: node index + 1; 0: none */
};

/* Puts the newest listener at the end of the port's chain. */
static int link_port(struct lb_group *group, uint16_t port, size_t listener) {
  struct node node = {.listener = (uint32_t)listener};
  uint32_t last = 0;
  for (uint32_t at = group->heads[port]; at; at = group->nodes[at - 1].next) {
    if (group->nodes[at - 1].listener == listener) /* its ranges overlap */
      return 0;
    last = at;
  }
  int err = lb_append(&group->nodes, &group->nodes_len, &node, 1, sizeof(node));
  if (err)
    return err;
  uint32_t *end = last ? &group->nodes[last - 1].next : &group->heads[port];
  *end = (uint32_t)group->nodes_len;
  return 0;
}

static int add_listener(struct lb_group *group, struct lb_listener listener) {
  return lb_append(&group->v, &group->len, &listener, 1, sizeof(listener));
}

static int add_selection(struct lb_group *group,
                         const struct lb_selection *selection) {
  const struct lb_ports *ports = group->settings->ports + selection->ports_at;
  size_t listener = group->len;
  int err = add_listener(group, (struct lb_listener){.name = selection->name,
                                                     .port = ports[0].first,
                                                     .selected = true});
  for (size_t i = 0; i < selection->ports_len && !err; i++)
    for (unsigned port = ports[i].first; port <= ports[i].last && !err; port++)
      err = link_port(group, (uint16_t)port, listener);
  return err;
}

int lb_group_new(const struct lb_settings *settings, struct lb_group **out) {
  struct lb_group *group = calloc(1, sizeof(*group));
  if (!group)
    return -ENOMEM;
  group->settings = settings;
  group->heads = calloc(PORTS, sizeof(*group->heads));
  int err = group->heads ? 0 : -ENOMEM;
  for (size_t i = 0; i < settings->selections_len && !err; i++)
    err = add_selection(group, &settings->selections[i]);
  if (err) {
    lb_group_free(group);
    return err;
  }
  *out = group;
  return 0;
}

void lb_group_free(struct lb_group *group) {
  if (!group)
    return;
  free(group->v);
  free(group->nodes);
  free(group->heads);
  free(group);
}

void lb_group_begin(struct lb_group *group) {
  for (size_t i = 0; i < group->len; i++) {
    struct lb_listener *listener = &group->v[i];
    listener->queue = listener->limit = 0;
    listener->fill = 0;
    listener->sockets = listener->full = 0;
    listener->clamped = listener->outgrown = 0;
  }
}

static bool is_bound_to(const struct lb_group *group,
                        const struct lb_selection *selection,
                        const struct lb_row *row) {
  if (selection->addresses_len == 0)
    return true;
  const struct lb_address *addresses =
      &group->settings->addresses[selection->addresses_at];
  for (size_t i = 0; i < selection->addresses_len; i++)
    if (memcmp(addresses[i].bytes, row->address, sizeof(row->address)) == 0)
      return true;
  return false;
}

struct lb_visit lb_group_visit(struct lb_group *group,
                               const struct lb_row *row) {
  return (struct lb_visit){group, row, group->heads[row->port], false};
}

struct lb_listener *lb_group_next(struct lb_visit *visit) {
  struct lb_group *group = visit->group;
  while (visit->node) {
    const struct node *node = &group->nodes[visit->node - 1];
    visit->node = node->next;
    bool wanted =
        node->listener < group->settings->selections_len
            ? is_bound_to(group, &group->settings->selections[node->listener],
                          visit->row)
            : !visit->found;
    if (wanted) {
      visit->found = true;
      return &group->v[node->listener];
    }
  }
  return NULL;
}

int lb_group_discover(struct lb_group *group, const struct lb_row *row) {
  if (!group->settings->listening_ports ||
      lb_portset_has(&group->settings->ignored, row->port))
    return 0;
  struct lb_visit visit = lb_group_visit(group, row);
  if (lb_group_next(&visit))
    return 0;
  int err = add_listener(group, (struct lb_listener){.port = row->port});
  return err ? err : link_port(group, row->port, group->len - 1);
}

/* In percent of the limit + 1 connections that fit, and never above 100,
 * where collectd's type "percent" ends. */
static double fill_percent(const struct lb_row *row) {
  if (lb_is_full(row->queue, row->limit))
    return 100;
  return 100.0 * row->queue / ((double)row->limit + 1);
}

static void add_socket(struct lb_listener *listener, const struct lb_row *row) {
  listener->limit += row->limit;
  listener->sockets++;
  if (row->queue == 0)
    return;
  double fill = fill_percent(row);
  if (fill > listener->fill)
    listener->fill = fill;
  listener->queue += row->queue;
  listener->full += lb_is_full(row->queue, row->limit);
}

void lb_group_add(struct lb_group *group, const struct lb_row *row) {
  struct lb_visit visit = lb_group_visit(group, row);
  for (struct lb_listener *listener; (listener = lb_group_next(&visit));)
    add_socket(listener, row);
}

size_t lb_group_len(const struct lb_group *group) { return group->len; }

const struct lb_listener *lb_group_get(const struct lb_group *group, size_t i) {
  return &group->v[i];
}

const char *lb_listener_label(const struct lb_listener *listener,
                              char buf[static LB_LABEL_SIZE]) {
  if (listener->name)
    return listener->name;
  lb_label_of_port(buf, listener->port);
  return buf;
}

struct lb_values lb_listener_values(const struct lb_listener *listener,
                                    bool counters) {
  struct lb_values values = {.present = 0};
  lb_put_gauge(&values, LB_SOCKETS, listener->sockets);
  if (listener->sockets > 0) {
    lb_put_gauge(&values, LB_QUEUE, (double)listener->queue);
    lb_put_gauge(&values, LB_LIMIT, (double)listener->limit);
    lb_put_gauge(&values, LB_FILL, listener->fill);
    lb_put_gauge(&values, LB_FULL, listener->full);
  }
  if (counters) {
    lb_put_counter(&values, LB_DROPS, listener->drops);
    lb_put_counter(&values, LB_OVERFLOWS, listener->overflows);
  }
  return values;
}
