// SPDX-License-Identifier: MIT
#include "scripted_kernel.h"

#include "unit.h"

static void prepare(struct kernel *kernel, const char *read) {
  if (kernel->before)
    kernel->before(kernel, read);
}

static int dump_family(struct kernel *kernel, struct lb_listen_socks *rows,
                       bool is_unix) {
  for (size_t i = 0; i < kernel->len; i++) {
    const struct listening *socket = &kernel->sockets[i];
    if ((socket->row.family == AF_UNIX) != is_unix ||
        socket->row.cookie == kernel->hidden)
      continue;
    struct lb_listen_sock *row = lb_listen_socks_add(rows);
    if (!row)
      return -ENOMEM;
    *row = socket->row;
    if (is_unix && lb_unix_names_intern(rows->paths, &socket->name, &row->path))
      return -ENOMEM;
  }
  return 0;
}

static int script_listeners(struct lb_source *source,
                            struct lb_listen_socks *rows) {
  struct kernel *kernel = (struct kernel *)source;
  kernel->dumps++;
  prepare(kernel, "dump");
  if (kernel->dump_err)
    return kernel->dump_err;
  int err = dump_family(kernel, rows, false);
  if (--kernel->hidden_dumps <= 0)
    kernel->hidden = 0;
  return err;
}

/* What it fails with comes after some rows, as it may with a real one. */
static int script_paths(struct lb_source *source,
                        struct lb_listen_socks *rows) {
  struct kernel *kernel = (struct kernel *)source;
  kernel->path_dumps++;
  prepare(kernel, "paths");
  int err = dump_family(kernel, rows, true);
  return err ? err : kernel->paths_err;
}

static ssize_t script_text(struct lb_source *source, enum lb_text which,
                           char *buf, size_t size) {
  struct kernel *kernel = (struct kernel *)source;
  if (which == LB_TEXT_SOMAXCONN)
    return kernel->somaxconn ? snprintf(buf, size, "%u\n", kernel->somaxconn)
                             : -EACCES;
  kernel->netstats++;
  prepare(kernel, "netstat");
  if (kernel->netstat_err)
    return kernel->netstat_err;
  return snprintf(buf, size,
                  "TcpExt: SyncookiesSent %s ListenDrops TCPReqQFullDrop\n"
                  "TcpExt: %llu %llu %llu %llu\n",
                  kernel->no_overflows ? "Other" : "ListenOverflows",
                  (unsigned long long)kernel->cookies,
                  (unsigned long long)kernel->overflows,
                  (unsigned long long)kernel->drops,
                  (unsigned long long)kernel->syn_drops);
}

static bool is_asked_for(const struct lb_query *query,
                         const struct lb_conn *conn) {
  for (size_t i = 0; i < query->len; i++)
    if (query->ports[i].first <= conn->port &&
        conn->port <= query->ports[i].last)
      return query->queued || conn->kind == LB_CONN_HALF_OPEN;
  return false;
}

static void note_query(struct kernel *kernel, const struct lb_query *query) {
  assert_in_range(query->len, 1, LEN(kernel->asked));
  for (size_t i = 1; i < query->len; i++)
    assert_true(query->ports[i - 1].last + 1 < query->ports[i].first);
  memcpy(kernel->asked, query->ports, query->len * sizeof(*query->ports));
  kernel->asked_len = query->len;
  kernel->asked_queued = query->queued;
}

static int script_waiting(struct lb_source *source,
                          const struct lb_query *query, struct lb_conns *conns,
                          uint64_t *cost_ns) {
  struct kernel *kernel = (struct kernel *)source;
  kernel->walks++;
  prepare(kernel, "waiting");
  *cost_ns += kernel->cost_ns;
  note_query(kernel, query);
  for (size_t i = 0; i < kernel->conns_len; i++) {
    if (!is_asked_for(query, &kernel->conns[i]))
      continue;
    struct lb_conn *conn = lb_conns_add(conns);
    if (!conn)
      return -ENOMEM;
    *conn = kernel->conns[i];
  }
  return kernel->waiting_err;
}

static int script_pending(struct lb_source *source,
                          const struct lb_listen_sock *row,
                          struct lb_pending *pending, uint64_t *cost_ns) {
  struct kernel *kernel = (struct kernel *)source;
  kernel->pendings++;
  prepare(kernel, "pending");
  *cost_ns += kernel->cost_ns;
  for (size_t i = 0; i < kernel->len; i++) {
    const struct listening *socket = &kernel->sockets[i];
    if (socket->row.cookie != row->cookie)
      continue;
    if (!socket->pending_err)
      *pending = (struct lb_pending){socket->row.queue, socket->closed};
    return socket->pending_err;
  }
  return -ENOENT;
}

struct kernel new_kernel(void) {
  return (struct kernel){.source = {script_listeners, script_paths, script_text,
                                    script_waiting, script_pending},
                         .somaxconn = 4096,
                         .seed = 3};
}

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
  if (reading->at_somaxconn || reading->somaxconn_raised)
    say(out, " [at_somaxconn %u somaxconn_raised %u]", reading->at_somaxconn,
        reading->somaxconn_raised);
  say(out, "\n");
}

void say_clash(struct text *out, struct lb_conflict *clash) {
  if (clash->count)
    say(out, "%s of %s: %s, %u in all\n", clash->label, clash->source,
        clash->err == -EEXIST         ? "taken"
        : clash->err == -ENAMETOOLONG ? "too long"
                                      : "?",
        clash->count);
  *clash = (struct lb_conflict){0};
}
