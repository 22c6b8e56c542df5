// SPDX-License-Identifier: MIT
#include "scripted_kernel.h"

#include "bytecode.h"
#include "unit.h"

/* --- its answers --------------------------------------------------------- */

static int hand_over(struct lb_datagram_handler handler,
                     struct datagram *datagram) {
  int more = handler.handle(handler.data, datagram->at, datagram->len);
  datagram->len = 0;
  return more;
}

/* A longer answer takes several datagrams. */
static int hand_over_if_full(struct lb_datagram_handler handler,
                             struct datagram *datagram) {
  bool is_full = datagram->len > sizeof(datagram->at) - 800;
  return is_full ? hand_over(handler, datagram) : 1;
}

/* Ends the answer, or breaks it off with an error of the transport. */
static int end_answer(struct lb_datagram_handler handler,
                      struct datagram *datagram, int err) {
  if (!err)
    put_done(datagram, 0);
  int more = datagram->len ? hand_over(handler, datagram) : 1;
  return err && more > 0 ? err : more;
}

static uint8_t family_asked_for(const struct nlmsghdr *request) {
  const struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(request);
  return request->nlmsg_type == TCPDIAG_GETSOCK ? AF_UNSPEC : req->sdiag_family;
}

static bool is_shown(const struct kernel *kernel,
                     const struct listening *socket, uint8_t family) {
  bool is_unix = socket->row.family == AF_UNIX;
  if (!socket->row.cookie || socket->row.cookie == kernel->hidden ||
      is_unix != (family == AF_UNIX))
    return false;
  return is_unix || family == AF_UNSPEC || socket->row.family == family;
}

static int answer_socks(struct kernel *kernel, uint8_t family,
                        struct lb_datagram_handler handler, int err) {
  struct datagram datagram = {.len = 0};
  for (size_t i = 0; i < kernel->len; i++) {
    const struct listening *socket = &kernel->sockets[i];
    if (!is_shown(kernel, socket, family))
      continue;
    if (family == AF_UNIX)
      put_unix_sock(&datagram, &socket->row, SOCK_STREAM, socket->name.bytes,
                    socket->name.len);
    else
      put_sock(&datagram, &socket->row);
    int more = hand_over_if_full(handler, &datagram);
    if (more < 0)
      return more;
  }
  return end_answer(handler, &datagram, err);
}

static int answer_tcp_socks(struct kernel *kernel,
                            const struct nlmsghdr *request,
                            struct lb_datagram_handler handler) {
  if (kernel->dump_err)
    return kernel->dump_err;
  int err = answer_socks(kernel, family_asked_for(request), handler, 0);
  if (--kernel->hidden_dumps <= 0)
    kernel->hidden = 0;
  return err;
}

static void note_filter(struct kernel *kernel, const struct nlmsghdr *request) {
  bool both = request->nlmsg_type == TCPDIAG_GETSOCK;
  const struct inet_diag_req *old = mnl_nlmsg_get_payload(request);
  const struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(request);
  const struct nlattr *attr =
      mnl_nlmsg_get_payload_offset(request, both ? sizeof(*old) : sizeof(*req));
  uint32_t states = both ? old->idiag_states : req->idiag_states;
  uint8_t extensions = both ? old->idiag_ext : req->idiag_ext;
  kernel->asked_queued = extensions & 1 << (INET_DIAG_INFO - 1);
  kernel->asked_accepted = states & 1 << TCP_ESTABLISHED;
  assert_int_equal(mnl_attr_get_type(attr), INET_DIAG_REQ_BYTECODE);
  kernel->filter_len = mnl_attr_get_payload_len(attr);
  memcpy(kernel->filter, mnl_attr_get_payload(attr), kernel->filter_len);
}

static bool is_port_asked_for(const struct kernel *kernel, uint16_t port) {
  size_t steps;
  struct program program = {(op_t *)kernel->filter, kernel->filter_len};
  return run(&program, port, &steps);
}

static int answer_conns(struct kernel *kernel, const struct nlmsghdr *request,
                        struct lb_datagram_handler handler) {
  struct datagram datagram = {.len = 0};
  uint8_t family = family_asked_for(request);
  note_filter(kernel, request);
  for (size_t i = 0; i < kernel->conns_len; i++) {
    const struct lb_conn *conn = &kernel->conns[i];
    if ((family != AF_UNSPEC && conn->family != family) ||
        !is_port_asked_for(kernel, conn->port) ||
        (conn->kind == LB_CONN_ACCEPTED    ? !kernel->asked_accepted
         : conn->kind != LB_CONN_HALF_OPEN ? !kernel->asked_queued
                                           : false))
      continue;
    struct lb_conn shown = *conn;
    if (shown.kind == LB_CONN_MPTCP_CLOSED)
      shown.kind = LB_CONN_WAITING;
    put_conn(&datagram, &shown);
    int more = hand_over_if_full(handler, &datagram);
    if (more < 0)
      return more;
  }
  return end_answer(handler, &datagram, kernel->conns_err);
}

/* Of one family, after the attribute that names MPTCP. */
static int answer_mptcp(struct kernel *kernel, const struct nlmsghdr *request,
                        struct lb_datagram_handler handler) {
  const struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(request);
  const struct nlattr *attr =
      mnl_nlmsg_get_payload_offset(request, sizeof(*req));
  struct datagram datagram = {.len = 0};
  assert_int_equal(req->sdiag_protocol, IPPROTO_RAW);
  assert_int_equal(req->idiag_states, 1 << TCP_CLOSE_WAIT);
  assert_int_equal(mnl_attr_get_type(attr), 3);
  assert_int_equal(mnl_attr_get_u32(attr), 262);
  for (size_t i = 0; i < kernel->conns_len; i++)
    if (kernel->conns[i].kind == LB_CONN_MPTCP_CLOSED &&
        kernel->conns[i].family == req->sdiag_family)
      put_conn(&datagram, &kernel->conns[i]);
  return end_answer(handler, &datagram, kernel->mptcp_err);
}

static void put_clients(struct datagram *datagram,
                        const struct listening *socket) {
  uint32_t inodes[800] = {0};
  assert_in_range(socket->row.queue, 0, LEN(inodes));
  for (uint32_t i = 0; i < socket->row.queue; i++)
    inodes[i] = i < socket->closed ? 0 : 1000 + i;
  put_pending(datagram, &socket->row, inodes, socket->row.queue);
}

static int answer_pending(struct kernel *kernel, const struct nlmsghdr *request,
                          struct lb_datagram_handler handler) {
  const struct unix_diag_req *req = mnl_nlmsg_get_payload(request);
  struct datagram datagram = {.len = 0};
  for (size_t i = 0; i < kernel->len && !datagram.len; i++) {
    const struct listening *socket = &kernel->sockets[i];
    if (!socket->row.cookie || socket->row.family != AF_UNIX ||
        socket->row.inode != req->udiag_ino ||
        (uint32_t)socket->row.cookie != req->udiag_cookie[0])
      continue;
    if (socket->pending_err)
      put_error(&datagram, socket->pending_err);
    else
      put_clients(&datagram, socket);
  }
  if (!datagram.len)
    put_error(&datagram, -ENOENT);
  return hand_over(handler, &datagram);
}

/* And a client's end, which has no name. */
static int answer_unix_conns(struct kernel *kernel,
                             struct lb_datagram_handler handler) {
  struct datagram datagram = {.len = 0};
  put_unix_conn(&datagram, 1, SOCK_STREAM, NULL, 0);
  for (size_t i = 0; i < kernel->len; i++) {
    const struct listening *socket = &kernel->sockets[i];
    for (uint32_t n = 0; n < socket->accepted; n++)
      put_unix_conn(&datagram, 100 + n, SOCK_STREAM, socket->name.bytes,
                    socket->name.len);
  }
  return end_answer(handler, &datagram, kernel->conns_err);
}

/* --- a transport --------------------------------------------------------- */

/* Counts queries, not dumps: a source may repeat these. */
static void note_query(struct kernel *kernel, enum lb_query_kind kind) {
  static const char *const reads[] = {"dump",    "paths", "waiting",
                                      "pending", "mptcp", "accepted"};
  int *const counts[] = {&kernel->dumps,       &kernel->unix_dumps,
                         &kernel->inspections, &kernel->pendings,
                         &kernel->mptcps,      &kernel->unix_conns};
  if (kernel->is_asking[kind])
    return;
  kernel->is_asking[kind] = true;
  ++*counts[kind];
  if (kernel->before)
    kernel->before(kernel, reads[kind]);
}

static int script_dump(struct lb_transport *transport, enum lb_query_kind kind,
                       struct nlmsghdr *request,
                       struct lb_datagram_handler handler) {
  struct kernel *kernel = (struct kernel *)transport;
  note_query(kernel, kind);
  switch (kind) {
  case LB_QUERY_TCP_SOCKS:
    return answer_tcp_socks(kernel, request, handler);
  case LB_QUERY_UNIX_SOCKS:
    return answer_socks(kernel, AF_UNIX, handler, kernel->unix_err);
  case LB_QUERY_CONNS:
    return answer_conns(kernel, request, handler);
  case LB_QUERY_UNIX_CONNS:
    return answer_unix_conns(kernel, handler);
  case LB_QUERY_MPTCP:
    return answer_mptcp(kernel, request, handler);
  default:
    return answer_pending(kernel, request, handler);
  }
}

static int script_end_query(struct lb_transport *transport,
                            enum lb_query_kind kind, int status,
                            uint64_t *cost_ns) {
  struct kernel *kernel = (struct kernel *)transport;
  kernel->is_asking[kind] = false;
  *cost_ns =
      kind == LB_QUERY_UNIX_SOCKS ? kernel->unix_cost_ns : kernel->cost_ns;
  return status;
}

static ssize_t script_read_file(struct lb_transport *transport,
                                enum lb_file file, char *buf, size_t size) {
  struct kernel *kernel = (struct kernel *)transport;
  if (file == LB_FILE_SOMAXCONN)
    return kernel->somaxconn ? snprintf(buf, size, "%u\n", kernel->somaxconn)
                             : -EACCES;
  if (file == LB_FILE_SNMP) {
    kernel->snmps++;
    return snprintf(buf, size, "Tcp: MaxConn %s\nTcp: -1 %llu\n",
                    kernel->arrivals ? "PassiveOpens" : "ActiveOpens",
                    (unsigned long long)kernel->arrivals);
  }
  kernel->netstats++;
  if (kernel->before)
    kernel->before(kernel, "netstat");
  if (kernel->netstat_err)
    return kernel->netstat_err;
  return snprintf(
      buf, size,
      "TcpExt: SyncookiesSent %s ListenDrops TCPReqQFullDrop\n"
      "TcpExt: %llu %llu %llu %llu\n"
      "MPTcpExt: MPCapableSYNRX Other\nMPTcpExt: %llu 1\n",
      kernel->no_overflows ? "Other" : "ListenOverflows",
      (unsigned long long)kernel->cookies,
      (unsigned long long)kernel->overflows, (unsigned long long)kernel->drops,
      (unsigned long long)kernel->syn_drops, (unsigned long long)kernel->mptcp);
}

static int script_check_file(struct lb_transport *transport, const char *path,
                             const struct lb_file_id *file) {
  struct kernel *kernel = (struct kernel *)transport;
  kernel->checks++;
  for (size_t i = 0; i < kernel->len; i++) {
    const struct listening *socket = &kernel->sockets[i];
    if (socket->row.cookie && socket->row.file.inode == file->inode &&
        socket->row.file.dev == file->dev &&
        strncmp(socket->name.bytes, path, socket->name.len) == 0)
      return socket->file_err;
  }
  return -ENOENT; /* it has gone since */
}

static int script_find_file(struct lb_transport *transport, const char *path,
                            bool by_mount, struct lb_file_id *out) {
  struct kernel *kernel = (struct kernel *)transport;
  kernel->finds++;
  for (size_t i = 0; i < kernel->links_len; i++) {
    const struct linked *linked = &kernel->links[i];
    if (strcmp(linked->path, path) != 0)
      continue;
    *out = linked->file;
    if (by_mount && linked->mounted_dev)
      out->dev = linked->mounted_dev;
    return 0;
  }
  return -ENOENT;
}

/* The test owns it. */
static void script_close(struct lb_transport *transport) { (void)transport; }

struct kernel new_kernel(void) {
  return (struct kernel){.transport = {script_dump, script_end_query,
                                       script_read_file, script_close,
                                       script_close, script_check_file,
                                       script_find_file},
                         .somaxconn = 4096,
                         .seed = 3};
}

struct lb_source *source_of(struct kernel *kernel) {
  if (!kernel->source.transport)
    lb_source_open(&kernel->source, &kernel->transport);
  return &kernel->source;
}

void close_kernel(struct kernel *kernel) { lb_source_close(&kernel->source); }

void say_asked(struct text *text, const struct kernel *kernel) {
  for (unsigned first = 0; first <= UINT16_MAX; first++) {
    unsigned last = first;
    while (last <= UINT16_MAX && is_port_asked_for(kernel, (uint16_t)last))
      last++;
    if (last > first)
      say_ports(text, first, last - 1);
    first = last;
  }
}

/* --- what happens in it -------------------------------------------------- */

struct lb_address address(const char *text) {
  struct lb_address parsed;
  assert_int_equal(lb_address_parse(text, &parsed), 0);
  return parsed;
}

void bind_row(struct lb_listen_sock *row, const char *text) {
  row->family = strchr(text, ':') ? AF_INET6 : AF_INET;
  memcpy(row->address, address(text).bytes, sizeof(row->address));
}

struct lb_unix_name path(const char *text) {
  struct lb_unix_name parsed;
  assert_int_equal(lb_unix_name_parse(text, &parsed), 0);
  return parsed;
}

struct lb_listen_sock *listen_on(struct kernel *kernel, uint64_t cookie,
                                 uint16_t port) {
  assert_in_range(kernel->len, 0, MAX_SOCKETS - 1);
  struct lb_listen_sock *row = &kernel->sockets[kernel->len].row;
  kernel->sockets[kernel->len++] =
      (struct listening){.row = {.cookie = cookie,
                                 .inode = (uint32_t)cookie,
                                 .port = port,
                                 .limit = 8,
                                 .has_drops = true}};
  bind_row(row, "0.0.0.0");
  return row;
}

struct lb_listen_sock *listen_at(struct kernel *kernel, uint64_t cookie,
                                 const char *name) {
  assert_in_range(kernel->len, 0, MAX_SOCKETS - 1);
  struct listening *socket = &kernel->sockets[kernel->len++];
  *socket = (struct listening){.row = {.cookie = cookie,
                                       .inode = (uint32_t)cookie,
                                       .limit = 8,
                                       .family = AF_UNIX},
                               .name = path(name)};
  return &socket->row;
}

struct listening *listening_of(struct kernel *kernel, uint64_t cookie) {
  for (size_t i = 0; i < kernel->len; i++)
    if (kernel->sockets[i].row.cookie == cookie)
      return &kernel->sockets[i];
  fail_msg("no socket %u", (unsigned)cookie);
  return NULL;
}

struct lb_listen_sock *socket_of(struct kernel *kernel, uint64_t cookie) {
  return &listening_of(kernel, cookie)->row;
}

void close_socket(struct kernel *kernel, uint64_t cookie) {
  struct listening *socket = listening_of(kernel, cookie);
  *socket = kernel->sockets[--kernel->len];
}

void overflow(struct kernel *kernel, uint64_t cookie, uint32_t n) {
  socket_of(kernel, cookie)->sk_drops += n;
  kernel->drops += n;
  kernel->overflows += n;
}

void noise(struct kernel *kernel, uint64_t cookie, uint32_t n) {
  socket_of(kernel, cookie)->sk_drops += n;
}

struct lb_conn conn(const char *local, uint16_t port, enum lb_conn_kind kind,
                    uint32_t wait_ms) {
  struct lb_conn made = {.port = port,
                         .family = strchr(local, ':') ? AF_INET6 : AF_INET,
                         .kind = (uint8_t)kind,
                         .wait_ms = wait_ms};
  memcpy(made.address, address(local).bytes, sizeof(made.address));
  return made;
}

void connect_to(struct kernel *kernel, uint16_t port, enum lb_conn_kind kind,
                uint32_t wait_ms) {
  assert_in_range(kernel->conns_len, 0, MAX_CONNS - 1);
  kernel->conns[kernel->conns_len++] = conn("10.0.0.1", port, kind, wait_ms);
}

void say_reading(void *data, const struct lb_readings *reading) {
  struct text *out = data;
  const struct lb_values *values = &reading->values;
  say(out, "%s:", reading->label);
  for (int i = 0; i < LB_READINGS; i++) {
    if (!(values->present & 1u << i) || !is_said(lb_reading_table[i].name))
      continue;
    double value = lb_reading_table[i].is_counter ? (double)values->v[i].counter
                                                  : values->v[i].gauge;
    say(out, " %s %.15g", lb_reading_table[i].name, value);
  }
  say(out, "\n");
}
