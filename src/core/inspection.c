// SPDX-License-Identifier: MIT
/* What one port, address and device have in common stands in one point; points
 * are sorted, so that a connection finds its own by bisection. The arrays are
 * kept from walk to walk; qsort(3) may allocate for the time of its call. */
#include "core/inspection.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void lb_inspection_free(struct lb_inspection *walk) {
  free(walk->ports);
  free(walk->targets);
  free(walk->points);
  lb_conns_free(&walk->conns);
  memset(walk, 0, sizeof(*walk));
}

/* --- the plan ------------------------------------------------------------ */

void lb_inspection_begin_plan(struct lb_inspection *walk) {
  walk->ports_len = walk->targets_len = walk->points_len = 0;
  walk->conns.len = 0;
  walk->queued = walk->planned = walk->done = false;
}

static int add_target(struct lb_inspection *walk,
                      const struct lb_listen_sock *row) {
  int err = lb_reserve(&walk->targets, walk->targets_len, &walk->targets_cap,
                       sizeof(*walk->targets));
  if (!err)
    walk->targets[walk->targets_len++] = (struct lb_unix_target){.row = *row};
  return err;
}

static int add_port(struct lb_inspection *walk, uint16_t port) {
  if (walk->ports_len && walk->ports[walk->ports_len - 1].last == port)
    return 0;
  int err = lb_reserve(&walk->ports, walk->ports_len, &walk->ports_cap,
                       sizeof(*walk->ports));
  if (!err)
    walk->ports[walk->ports_len++] = (struct lb_ports){port, port};
  return err;
}

int lb_inspection_add_socket(struct lb_inspection *walk,
                             const struct lb_listen_sock *row) {
  if (row->family == AF_UNIX)
    return row->queue ? add_target(walk, row) : 0;
  walk->queued |= row->queue > 0;
  return add_port(walk, row->port);
}

static int compare_ports(const void *a, const void *b) {
  const struct lb_ports *left = a, *right = b;
  return (int)left->first - (int)right->first;
}

static void merge_ports(struct lb_inspection *walk) {
  if (walk->ports_len == 0)
    return;
  struct lb_ports *ports = walk->ports;
  qsort(ports, walk->ports_len, sizeof(*ports), compare_ports);
  size_t kept = 0;
  for (size_t i = 1; i < walk->ports_len; i++)
    if (ports[i].first <= ports[kept].last + 1)
      ports[kept].last = ports[i].last;
    else
      ports[++kept] = ports[i];
  walk->ports_len = kept + 1;
}

void lb_inspection_end_plan(struct lb_inspection *walk) {
  merge_ports(walk);
  walk->planned = true;
}

/* --- the walk ------------------------------------------------------------ */

void lb_inspection_run(struct lb_inspection *walk, struct lb_source *source,
                       uint64_t *cost_ns) {
  struct lb_query query = {walk->ports, walk->ports_len, walk->queued};
  walk->err = 0;
  if (walk->ports_len)
    walk->err = source->waiting(source, &query, &walk->conns, cost_ns);
  for (size_t i = 0; i < walk->targets_len && !walk->err; i++) {
    struct lb_unix_target *target = &walk->targets[i];
    target->err =
        source->pending(source, &target->row, &target->found, cost_ns);
  }
  walk->done = walk->err == 0;
}

/* --- the results --------------------------------------------------------- */

static int compare_port(const void *key, const void *item) {
  const uint16_t *port = key;
  const struct lb_ports *ports = item;
  return (*port > ports->last) - (*port < ports->first);
}

static bool asks_for(const struct lb_inspection *walk, uint16_t port) {
  return walk->ports_len && bsearch(&port, walk->ports, walk->ports_len,
                                    sizeof(*walk->ports), compare_port);
}

int lb_inspection_add_endpoint(struct lb_inspection *walk,
                               const struct lb_listen_sock *row,
                               uint32_t queue) {
  if (!asks_for(walk, row->port))
    return 0;
  int err = lb_reserve(&walk->points, walk->points_len, &walk->points_cap,
                       sizeof(*walk->points));
  if (!err)
    walk->points[walk->points_len++] =
        (struct lb_endpoint){.row = *row, .queue = queue};
  return err;
}

static int compare_rows(const struct lb_listen_sock *a,
                        const struct lb_listen_sock *b) {
  if (a->port != b->port)
    return a->port < b->port ? -1 : 1;
  if (a->family != b->family)
    return a->family < b->family ? -1 : 1;
  int order = memcmp(a->address, b->address, sizeof(a->address));
  if (order)
    return order;
  return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static int compare_points(const void *a, const void *b) {
  const struct lb_endpoint *left = a, *right = b;
  return compare_rows(&left->row, &right->row);
}

static void merge_points(struct lb_inspection *walk) {
  if (walk->points_len == 0)
    return;
  struct lb_endpoint *points = walk->points;
  qsort(points, walk->points_len, sizeof(*points), compare_points);
  size_t kept = 0;
  for (size_t i = 1; i < walk->points_len; i++)
    if (compare_points(&points[kept], &points[i]) == 0)
      points[kept].queue += points[i].queue;
    else
      points[++kept] = points[i];
  walk->points_len = kept + 1;
}

static struct lb_endpoint *find_point(const struct lb_inspection *walk,
                                      const struct lb_listen_sock *row) {
  const struct lb_endpoint key = {.row = *row};
  return walk->points_len ? bsearch(&key, walk->points, walk->points_len,
                                    sizeof(*walk->points), compare_points)
                          : NULL;
}

static struct lb_listen_sock any_address(struct lb_listen_sock row) {
  memset(row.address, 0, sizeof(row.address));
  if (row.family == AF_INET)
    row.address[10] = row.address[11] = 0xff;
  return row;
}

static struct lb_listen_sock any_device(struct lb_listen_sock row) {
  row.ifindex = 0;
  return row;
}

static struct lb_endpoint *point_of(const struct lb_inspection *walk,
                                    const struct lb_conn *conn) {
  struct lb_listen_sock row = {
      .port = conn->port, .family = conn->family, .ifindex = conn->ifindex};
  memcpy(row.address, conn->address, sizeof(row.address));
  const struct lb_listen_sock likely[] = {
      row, any_device(row), any_address(row), any_device(any_address(row))};
  struct lb_endpoint *point = NULL;
  for (size_t i = 0; i < sizeof(likely) / sizeof(likely[0]) && !point; i++)
    point = find_point(walk, &likely[i]);
  return point;
}

void lb_inspection_match(struct lb_inspection *walk) {
  merge_points(walk);
  for (size_t i = 0; i < walk->conns.len; i++) {
    const struct lb_conn *conn = &walk->conns.v[i];
    struct lb_endpoint *point = point_of(walk, conn);
    if (!point)
      continue;
    if (conn->kind == LB_CONN_HALF_OPEN) {
      point->half_open++;
      continue;
    }
    point->visible++;
    point->closed += conn->kind == LB_CONN_CLOSED;
    if (conn->wait_ms > point->wait_ms)
      point->wait_ms = conn->wait_ms;
  }
}
