// SPDX-License-Identifier: MIT
/* What one port, address and device have in common stands in one endpoint;
 * endpoints are sorted, so that a connection finds its own by bisection. The
 * arrays are kept from inspection to inspection; qsort(3) may allocate for the
 * time of its call. */
#include "core/inspection.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void lb_inspection_free(struct lb_inspection *inspection) {
  free(inspection->ports);
  free(inspection->targets);
  free(inspection->endpoints);
  lb_conns_free(&inspection->conns);
  memset(inspection, 0, sizeof(*inspection));
}

/* --- the plan ------------------------------------------------------------ */

void lb_inspection_begin_plan(struct lb_inspection *inspection) {
  inspection->ports_len = inspection->targets_len = inspection->endpoints_len =
      0;
  inspection->conns.len = 0;
  inspection->queued = inspection->planned = inspection->done = false;
}

static int add_target(struct lb_inspection *inspection,
                      const struct lb_listen_sock *row) {
  int err = lb_reserve(&inspection->targets, inspection->targets_len,
                       &inspection->targets_cap, sizeof(*inspection->targets));
  if (!err)
    inspection->targets[inspection->targets_len++] =
        (struct lb_unix_target){.row = *row};
  return err;
}

static int add_port(struct lb_inspection *inspection, uint16_t port) {
  if (inspection->ports_len &&
      inspection->ports[inspection->ports_len - 1].last == port)
    return 0;
  int err = lb_reserve(&inspection->ports, inspection->ports_len,
                       &inspection->ports_cap, sizeof(*inspection->ports));
  if (!err)
    inspection->ports[inspection->ports_len++] = (struct lb_ports){port, port};
  return err;
}

int lb_inspection_add_socket(struct lb_inspection *inspection,
                             const struct lb_listen_sock *row) {
  if (row->family == AF_UNIX)
    return row->queue ? add_target(inspection, row) : 0;
  inspection->queued |= row->queue > 0;
  return add_port(inspection, row->port);
}

static int compare_ports(const void *a, const void *b) {
  const struct lb_ports *left = a, *right = b;
  return (int)left->first - (int)right->first;
}

static void merge_ports(struct lb_inspection *inspection) {
  if (inspection->ports_len == 0)
    return;
  struct lb_ports *ports = inspection->ports;
  qsort(ports, inspection->ports_len, sizeof(*ports), compare_ports);
  size_t kept = 0;
  for (size_t i = 1; i < inspection->ports_len; i++)
    if (ports[i].first <= ports[kept].last + 1)
      ports[kept].last = ports[i].last;
    else
      ports[++kept] = ports[i];
  inspection->ports_len = kept + 1;
}

void lb_inspection_end_plan(struct lb_inspection *inspection) {
  merge_ports(inspection);
  inspection->planned = true;
}

/* --- the inspection
 * ------------------------------------------------------------ */

void lb_inspection_run(struct lb_inspection *inspection,
                       struct lb_source *source, uint64_t *cost_ns) {
  struct lb_query query = {inspection->ports, inspection->ports_len,
                           inspection->queued};
  inspection->err = 0;
  if (inspection->ports_len)
    inspection->err =
        source->waiting(source, &query, &inspection->conns, cost_ns);
  for (size_t i = 0; i < inspection->targets_len && !inspection->err; i++) {
    struct lb_unix_target *target = &inspection->targets[i];
    target->err =
        source->pending(source, &target->row, &target->found, cost_ns);
  }
  inspection->done = inspection->err == 0;
}

/* --- the results --------------------------------------------------------- */

static int compare_port(const void *key, const void *item) {
  const uint16_t *port = key;
  const struct lb_ports *ports = item;
  return (*port > ports->last) - (*port < ports->first);
}

static bool asks_for(const struct lb_inspection *inspection, uint16_t port) {
  return inspection->ports_len &&
         bsearch(&port, inspection->ports, inspection->ports_len,
                 sizeof(*inspection->ports), compare_port);
}

int lb_inspection_add_endpoint(struct lb_inspection *inspection,
                               const struct lb_listen_sock *row,
                               uint32_t queue) {
  if (!asks_for(inspection, row->port))
    return 0;
  int err =
      lb_reserve(&inspection->endpoints, inspection->endpoints_len,
                 &inspection->endpoints_cap, sizeof(*inspection->endpoints));
  if (!err)
    inspection->endpoints[inspection->endpoints_len++] =
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

static int compare_endpoints(const void *a, const void *b) {
  const struct lb_endpoint *left = a, *right = b;
  return compare_rows(&left->row, &right->row);
}

static void merge_endpoints(struct lb_inspection *inspection) {
  if (inspection->endpoints_len == 0)
    return;
  struct lb_endpoint *endpoints = inspection->endpoints;
  qsort(endpoints, inspection->endpoints_len, sizeof(*endpoints),
        compare_endpoints);
  size_t kept = 0;
  for (size_t i = 1; i < inspection->endpoints_len; i++)
    if (compare_endpoints(&endpoints[kept], &endpoints[i]) == 0)
      endpoints[kept].queue += endpoints[i].queue;
    else
      endpoints[++kept] = endpoints[i];
  inspection->endpoints_len = kept + 1;
}

static struct lb_endpoint *find_endpoint(const struct lb_inspection *inspection,
                                         const struct lb_listen_sock *row) {
  const struct lb_endpoint key = {.row = *row};
  return inspection->endpoints_len
             ? bsearch(&key, inspection->endpoints, inspection->endpoints_len,
                       sizeof(*inspection->endpoints), compare_endpoints)
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

static struct lb_endpoint *endpoint_of(const struct lb_inspection *inspection,
                                       const struct lb_conn *conn) {
  struct lb_listen_sock row = {
      .port = conn->port, .family = conn->family, .ifindex = conn->ifindex};
  memcpy(row.address, conn->address, sizeof(row.address));
  const struct lb_listen_sock likely[] = {
      row, any_device(row), any_address(row), any_device(any_address(row))};
  struct lb_endpoint *endpoint = NULL;
  for (size_t i = 0; i < sizeof(likely) / sizeof(likely[0]) && !endpoint; i++)
    endpoint = find_endpoint(inspection, &likely[i]);
  return endpoint;
}

void lb_inspection_match(struct lb_inspection *inspection) {
  merge_endpoints(inspection);
  for (size_t i = 0; i < inspection->conns.len; i++) {
    const struct lb_conn *conn = &inspection->conns.v[i];
    struct lb_endpoint *endpoint = endpoint_of(inspection, conn);
    if (!endpoint)
      continue;
    if (conn->kind == LB_CONN_HALF_OPEN) {
      endpoint->half_open++;
      continue;
    }
    endpoint->visible++;
    endpoint->closed += conn->kind == LB_CONN_CLOSED;
    if (conn->wait_ms > endpoint->wait_ms)
      endpoint->wait_ms = conn->wait_ms;
  }
}
