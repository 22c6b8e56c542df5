// SPDX-License-Identifier: MIT
/* The plan asks for ranges of ports, because the kernel walks all its
 * connections once, whatever is asked for. The endpoints are sorted, so that
 * each connection finds its own by bisection. qsort(3) may allocate memory for
 * the time of its call. */
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
  lb_unix_counts_free(&inspection->counts);
  memset(inspection, 0, sizeof(*inspection));
}

/* --- the plan ------------------------------------------------------------ */

void lb_inspection_clear(struct lb_inspection *inspection) {
  inspection->ports_len = 0;
  inspection->targets_len = 0;
  inspection->endpoints_len = 0;
  inspection->conns.len = 0;
  inspection->counts.len = 0;
  inspection->accepted = inspection->half_open = inspection->queued = false;
  inspection->planned = inspection->done = false;
  inspection->has_mptcp = false;
  inspection->mptcp_err = 0;
}

static int plan_target(struct lb_inspection *inspection,
                       const struct lb_listen_sock *sock) {
  int err = lb_reserve(&inspection->targets, inspection->targets_len,
                       &inspection->targets_cap, sizeof(*inspection->targets));
  if (!err)
    inspection->targets[inspection->targets_len++] =
        (struct lb_unix_target){.sock = *sock};
  return err;
}

/* The table of names has memory for their bytes alone. */
static int plan_unix_name(struct lb_inspection *inspection,
                          struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock) {
  const struct lb_unix_name *name = lb_listeners_unix_name(listeners, sock);
  struct lb_unix_counts *counts = &inspection->counts;
  int err = lb_unix_counts_reserve(counts);
  if (err)
    return err;
  struct lb_unix_count *count = &counts->v[counts->len++];
  *count = (struct lb_unix_count){.name = {.len = name->len}, .sock = *sock};
  memcpy(count->name.bytes, name->bytes, name->len);
  return 0;
}

static int plan_port(struct lb_inspection *inspection, uint16_t port) {
  if (inspection->ports_len &&
      inspection->ports[inspection->ports_len - 1].last == port)
    return 0;
  int err = lb_reserve(&inspection->ports, inspection->ports_len,
                       &inspection->ports_cap, sizeof(*inspection->ports));
  if (!err)
    inspection->ports[inspection->ports_len++] = (struct lb_ports){port, port};
  return err;
}

/* A TCP socket without a queue can have half-open connections. Each socket is
 * part of the plan: the queue of one that is not asked for is known to be
 * empty. */
static int plan_socket(struct lb_inspection *inspection,
                       struct lb_listeners *listeners,
                       struct lb_socket *socket) {
  const struct lb_listen_sock *sock = &socket->sock;
  socket->inspection.number = inspection->number;
  socket->inspection.queue = sock->queue;
  if (sock->family == AF_UNIX) {
    int err = sock->queue ? plan_target(inspection, sock) : 0;
    return err || !inspection->accepted
               ? err
               : plan_unix_name(inspection, listeners, sock);
  }
  inspection->queued |= sock->queue > 0;
  return sock->queue || inspection->half_open
             ? plan_port(inspection, sock->port)
             : 0;
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

int lb_inspection_plan(struct lb_inspection *inspection,
                       struct lb_socket_table *table,
                       struct lb_listeners *listeners, enum lb_scope scope) {
  int err = 0;
  lb_inspection_clear(inspection);
  inspection->half_open = scope != LB_SCOPE_QUEUES;
  inspection->accepted = inspection->conns.counts_accepted =
      scope == LB_SCOPE_ALL;
  inspection->number++;
  for (size_t i = 0; i < table->len && !err; i++) {
    struct lb_socket *socket = &table->v[i];
    if (lb_socket_is_present(table, socket) &&
        lb_listeners_want(listeners, &socket->sock))
      err = plan_socket(inspection, listeners, socket);
  }
  merge_ports(inspection);
  lb_unix_counts_sort(&inspection->counts);
  inspection->planned =
      !err && (inspection->half_open || inspection->ports_len > 0 ||
               inspection->targets_len > 0);
  return err;
}

/* --- the run ------------------------------------------------------------- */

static void ask_targets(struct lb_inspection *inspection,
                        struct lb_source *source, uint64_t limit_ns,
                        uint64_t *cost_ns) {
  size_t len = inspection->targets_len, first = inspection->next_target;
  for (size_t i = 0; i < len; i++) {
    struct lb_unix_target *target = &inspection->targets[(first + i) % len];
    target->err = -EAGAIN;
    if (*cost_ns >= limit_ns)
      continue;
    target->err =
        lb_source_pending(source, &target->sock, &target->found, cost_ns);
    inspection->next_target = (first + i + 1) % len;
  }
}

/* After the others: it takes a walk through all UNIX sockets. */
static void ask_unix_conns(struct lb_inspection *inspection,
                           struct lb_source *source, uint64_t limit_ns,
                           uint64_t *cost_ns) {
  if (inspection->counts.len == 0)
    return;
  inspection->counts_err =
      *cost_ns < limit_ns
          ? lb_source_unix_conns(source, &inspection->counts, cost_ns)
          : -EAGAIN;
}

void lb_inspection_run(struct lb_inspection *inspection,
                       struct lb_source *source, uint64_t limit_ns,
                       uint64_t *cost_ns) {
  struct lb_conn_filter filter = {inspection->ports, inspection->ports_len,
                                  inspection->queued, inspection->accepted};
  inspection->err = 0;
  if (inspection->ports_len)
    inspection->err =
        lb_source_conns(source, &filter, &inspection->conns, cost_ns);
  if (inspection->queued && inspection->has_mptcp && !inspection->err)
    inspection->mptcp_err =
        lb_source_mptcp_conns(source, &filter, &inspection->conns, cost_ns);
  if (!inspection->err)
    ask_targets(inspection, source, limit_ns, cost_ns);
  if (!inspection->err)
    ask_unix_conns(inspection, source, limit_ns, cost_ns);
  inspection->done = inspection->err == 0;
}

/* --- endpoints ----------------------------------------------------------- */

static int compare_port(const void *key, const void *item) {
  const uint16_t *port = key;
  const struct lb_ports *ports = item;
  return (*port > ports->last) - (*port < ports->first);
}

static bool asks_for_port(const struct lb_inspection *inspection,
                          uint16_t port) {
  return inspection->ports_len &&
         bsearch(&port, inspection->ports, inspection->ports_len,
                 sizeof(*inspection->ports), compare_port);
}

/* tcp_reset() takes a connection that its client resets out of the kernel's
 * tables, but not out of the accept queue. So if a queue is longer than what
 * the kernel showed of it, the rest was reset. Connections come and go between
 * two samples, so only as many count as both samples had. */
static uint32_t lasting_queue(const struct lb_inspection *inspection,
                              const struct lb_socket *socket) {
  uint32_t before = socket->inspection.queue, now = socket->sock.queue;
  if (socket->inspection.number != inspection->number)
    return 0;
  return before < now ? before : now;
}

/* Unselected sockets get an endpoint, too: otherwise their connections would
 * count for a selected socket of any address. */
static int add_endpoint(struct lb_inspection *inspection,
                        const struct lb_socket *socket) {
  if (!asks_for_port(inspection, socket->sock.port))
    return 0;
  int err =
      lb_reserve(&inspection->endpoints, inspection->endpoints_len,
                 &inspection->endpoints_cap, sizeof(*inspection->endpoints));
  if (!err)
    inspection->endpoints[inspection->endpoints_len++] = (struct lb_endpoint){
        .sock = socket->sock, .queue = lasting_queue(inspection, socket)};
  return err;
}

static int compare_endpoints(const void *a, const void *b) {
  const struct lb_listen_sock *left = &((const struct lb_endpoint *)a)->sock;
  const struct lb_listen_sock *right = &((const struct lb_endpoint *)b)->sock;
  if (left->port != right->port)
    return left->port < right->port ? -1 : 1;
  if (left->family != right->family)
    return left->family < right->family ? -1 : 1;
  int order = memcmp(left->address, right->address, sizeof(left->address));
  if (order)
    return order;
  return (left->ifindex > right->ifindex) - (left->ifindex < right->ifindex);
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
                                         const struct lb_listen_sock *sock) {
  const struct lb_endpoint key = {.sock = *sock};
  return inspection->endpoints_len
             ? bsearch(&key, inspection->endpoints, inspection->endpoints_len,
                       sizeof(*inspection->endpoints), compare_endpoints)
             : NULL;
}

static struct lb_listen_sock any_address(struct lb_listen_sock sock) {
  memset(sock.address, 0, sizeof(sock.address));
  if (sock.family == AF_INET)
    sock.address[10] = sock.address[11] = 0xff;
  return sock;
}

static struct lb_listen_sock any_device(struct lb_listen_sock sock) {
  sock.ifindex = 0;
  return sock;
}

/* As the kernel finds the listener of a SYN: an exact address wins over any
 * address, and then an exact device over any device (inet_lhash2_lookup() and
 * compute_score(), net/ipv4/inet_hashtables.c). */
static struct lb_endpoint *endpoint_of(const struct lb_inspection *inspection,
                                       const struct lb_conn *conn) {
  struct lb_listen_sock sock = {
      .port = conn->port, .family = conn->family, .ifindex = conn->ifindex};
  memcpy(sock.address, conn->address, sizeof(sock.address));
  const struct lb_listen_sock candidates[] = {
      sock, any_device(sock), any_address(sock), any_device(any_address(sock))};
  struct lb_endpoint *endpoint = NULL;
  for (size_t i = 0;
       i < sizeof(candidates) / sizeof(candidates[0]) && !endpoint; i++)
    endpoint = find_endpoint(inspection, &candidates[i]);
  return endpoint;
}

static void count_conn(struct lb_endpoint *endpoint,
                       const struct lb_conn *conn) {
  if (conn->kind == LB_CONN_HALF_OPEN) {
    endpoint->half_open++;
    return;
  }
  if (conn->kind == LB_CONN_ACCEPTED) {
    endpoint->accepted += conn->number;
    return;
  }
  endpoint->visible += conn->kind != LB_CONN_MPTCP_CLOSED;
  endpoint->closed += conn->kind != LB_CONN_WAITING;
  if (conn->wait_ms > endpoint->wait_ms)
    endpoint->wait_ms = conn->wait_ms;
}

static void match_conns(struct lb_inspection *inspection) {
  for (size_t i = 0; i < inspection->conns.len; i++) {
    const struct lb_conn *conn = &inspection->conns.v[i];
    struct lb_endpoint *endpoint = endpoint_of(inspection, conn);
    if (endpoint)
      count_conn(endpoint, conn);
  }
}

/* --- the results --------------------------------------------------------- */

/* A listener stays unknown if all its sockets are younger than the plan. */
static void begin_results(const struct lb_inspection *inspection,
                          const struct lb_socket_table *table,
                          struct lb_listeners *listeners) {
  for (size_t i = 0; i < lb_listeners_len(listeners); i++)
    lb_listeners_get(listeners, i)->inspection =
        (struct lb_listener_inspection){.done = false};
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_socket *socket = &table->v[i];
    if (socket->inspection.number != inspection->number ||
        !lb_socket_is_present(table, socket))
      continue;
    struct lb_visit visit = lb_listeners_visit(listeners, &socket->sock);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      listener->inspection =
          (struct lb_listener_inspection){.done = true,
                                          .has_syn = inspection->half_open,
                                          .has_active = inspection->accepted};
  }
}

/* An MPTCP connection is among the TCP ones as well, unless it has come between
 * the two answers. */
static void add_endpoint_results(struct lb_listener_inspection *sum,
                                 const struct lb_endpoint *endpoint,
                                 int mptcp_err) {
  sum->queue += endpoint->queue;
  sum->visible += endpoint->visible;
  sum->abandoned += endpoint->closed < endpoint->visible ? endpoint->closed
                                                         : endpoint->visible;
  sum->lacks_abandoned |= mptcp_err && endpoint->visible > 0;
  if (endpoint->queue > endpoint->visible)
    sum->abandoned += endpoint->queue - endpoint->visible;
  sum->syn += endpoint->half_open;
  sum->active += endpoint->accepted;
  if (endpoint->wait_ms > sum->wait_ms)
    sum->wait_ms = endpoint->wait_ms;
}

static void add_target_results(struct lb_listener_inspection *sum,
                               const struct lb_unix_target *target) {
  if (!target->err)
    sum->abandoned += target->found.closed;
  else if (target->err != -ENOENT)
    sum->lacks_abandoned = true;
}

static void add_unix_counts(const struct lb_inspection *inspection,
                            struct lb_listeners *listeners) {
  for (size_t i = 0; i < inspection->counts.len; i++) {
    const struct lb_unix_count *count = &inspection->counts.v[i];
    struct lb_visit visit = lb_listeners_visit(listeners, &count->sock);
    for (struct lb_listener *listener;
         (listener = lb_listeners_next(&visit));) {
      listener->inspection.active += count->accepted;
      listener->inspection.has_active &= inspection->counts_err == 0;
    }
  }
}

static void add_results(const struct lb_inspection *inspection,
                        struct lb_listeners *listeners) {
  for (size_t i = 0; i < inspection->endpoints_len; i++) {
    const struct lb_endpoint *endpoint = &inspection->endpoints[i];
    struct lb_visit visit = lb_listeners_visit(listeners, &endpoint->sock);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      add_endpoint_results(&listener->inspection, endpoint,
                           inspection->mptcp_err);
  }
  for (size_t i = 0; i < inspection->targets_len; i++) {
    const struct lb_unix_target *target = &inspection->targets[i];
    struct lb_visit visit = lb_listeners_visit(listeners, &target->sock);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      add_target_results(&listener->inspection, target);
  }
  add_unix_counts(inspection, listeners);
}

int lb_inspection_take(struct lb_inspection *inspection,
                       const struct lb_socket_table *table,
                       struct lb_listeners *listeners) {
  int err = 0;
  for (size_t i = 0; i < table->len && !err; i++) {
    const struct lb_socket *socket = &table->v[i];
    if (socket->sock.family != AF_UNIX && lb_socket_is_present(table, socket))
      err = add_endpoint(inspection, socket);
  }
  if (err)
    return err;
  merge_endpoints(inspection);
  match_conns(inspection);
  begin_results(inspection, table, listeners);
  add_results(inspection, listeners);
  return 0;
}

/* If all waiting connections were reset, the kernel shows none of them, and the
 * wait is unknown. */
void lb_inspection_put_listener(const struct lb_listener *listener,
                                bool knows_empty, struct lb_values *values) {
  const struct lb_listener_inspection *found = &listener->inspection;
  bool is_known = found->done || (knows_empty && listener->sample.queue == 0);
  if (!is_known || listener->sample.sockets == 0)
    return;
  if (listener->sample.has_tcp) {
    if (found->visible > 0 || found->queue == 0)
      lb_put_gauge(values, LB_WAIT, found->wait_ms / 1000.0);
    if (found->has_syn)
      lb_put_gauge(values, LB_SYN, (double)found->syn);
  }
  if (found->has_active)
    lb_put_gauge(values, LB_ACTIVE, (double)found->active);
  if (!found->lacks_abandoned)
    lb_put_gauge(values, LB_ABANDONED, (double)found->abandoned);
}
