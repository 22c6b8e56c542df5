// SPDX-License-Identifier: MIT
/* An answer that was lost on the way is asked for once more at once, so a lost
 * batch or a stray message costs a sample nothing. What the kernel lacks is not
 * asked for twice: each request makes it look for the module tcp_diag
 * (request_module() in inet_diag_lock_handler()). */
#include "kernel/source.h"

#include "kernel/answer.h"
#include "kernel/unix_diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct query {
  struct lb_source *source;
  enum lb_query_kind kind;
  struct lb_msg_handler handler;
  size_t *len;   /* of the array that the handler appends to, or NULL */
  size_t before; /* what that was */
  const struct lb_conn_filter *filter; /* of LB_QUERY_CONNS, LB_QUERY_MPTCP */
  const struct lb_listen_sock *sock;   /* of LB_QUERY_PENDING */
  struct lb_unix_counts *counts;       /* of LB_QUERY_UNIX_CONNS */
};

static void drop_answer(const struct query *query) {
  if (query->len)
    *query->len = query->before;
  if (query->counts)
    lb_unix_counts_reset(query->counts);
}

/* -ESTALE in an answer: another socket has the inode of the one asked for. As
 * an error of the transport it would mean another namespace. */
static int feed_answer(void *data, const void *bytes, size_t len) {
  int more = lb_answer_feed(data, bytes, len);
  return more == -ESTALE ? -ENOENT : more;
}

static int send_query(const struct query *query, struct nlmsghdr *request) {
  struct lb_transport *transport = query->source->transport;
  struct lb_answer answer = {request, query->handler};
  return transport->dump(transport, query->kind, request,
                         (struct lb_datagram_handler){feed_answer, &answer});
}

static int ask_conns(const struct query *query, uint8_t family) {
  struct lb_source *source = query->source;
  if (!source->conns_request)
    source->conns_request = malloc(LB_CONNS_REQUEST_SIZE);
  if (!source->conns_request)
    return -ENOMEM;
  struct nlmsghdr *request =
      query->kind == LB_QUERY_MPTCP
          ? lb_inet_request_mptcp_conns(source->conns_request, family,
                                        query->filter)
          : lb_inet_request_conns(source->conns_request, family, query->filter);
  return send_query(query, request);
}

static int ask_family(const struct query *query, uint8_t family) {
  _Alignas(struct nlmsghdr) char buf[LB_LISTEN_REQUEST_SIZE];
  return query->kind == LB_QUERY_CONNS || query->kind == LB_QUERY_MPTCP
             ? ask_conns(query, family)
             : send_query(query, lb_inet_request_listen_socks(buf, family));
}

static int ask_one_by_one(const struct query *query) {
  int err = ask_family(query, AF_INET);
  return err ? err : ask_family(query, AF_INET6);
}

/* Without inet_diag both requests fail, and each makes the kernel look for a
 * module: from the second time on there is only one, until that works. */
static int ask_both_families(const struct query *query) {
  bool *by_family = &query->source->by_family[query->kind];
  bool *lacks = &query->source->lacks[query->kind];
  if (*by_family)
    return ask_one_by_one(query);
  if (*lacks) {
    int err = ask_family(query, AF_INET);
    if (lb_is_module_missing(err))
      return err;
    drop_answer(query);
  }
  int err = ask_family(query, AF_UNSPEC);
  *lacks = false;
  if (err != -EOPNOTSUPP && err != -EINVAL)
    return err;
  drop_answer(query);
  err = ask_one_by_one(query);
  *by_family = err == 0;
  *lacks = lb_is_module_missing(err);
  return err;
}

static int ask(const struct query *query) {
  _Alignas(struct nlmsghdr) char buf[LB_UNIX_REQUEST_SIZE];
  switch (query->kind) {
  case LB_QUERY_UNIX_SOCKS:
    return send_query(query, lb_unix_request_listen_socks(buf));
  case LB_QUERY_UNIX_CONNS:
    return send_query(query, lb_unix_request_conns(buf));
  case LB_QUERY_PENDING:
    return send_query(query, lb_unix_request_pending(buf, query->sock));
  case LB_QUERY_MPTCP:
    return ask_one_by_one(query);
  default:
    return ask_both_families(query);
  }
}

static bool is_worth_a_retry(int err) {
  switch (err) {
  case -ENOBUFS:
  case -ENOSPC:
  case -EINTR:
  case -EBUSY:
  case -EBADMSG:
  case -EPROTO:
  case -ESRCH:
    return true;
  default:
    return false;
  }
}

static uint64_t cpu_time_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int ask_and_retry(const struct query *query) {
  int err = ask(query);
  if (is_worth_a_retry(err)) {
    drop_answer(query);
    err = ask(query);
  }
  return err;
}

static int end_query(const struct query *query, int err, uint64_t *cost_ns) {
  struct lb_transport *transport = query->source->transport;
  err = transport->end_query(transport, query->kind, err, cost_ns);
  if (err)
    drop_answer(query);
  return err;
}

/* The caller can measure the time of samples. */
static int run_sample_query(const struct query *query) {
  uint64_t none = 0;
  return end_query(query, ask_and_retry(query), &none);
}

static int run_measured_query(const struct query *query, uint64_t *cost_ns) {
  uint64_t start = cpu_time_ns();
  int err = ask_and_retry(query);
  uint64_t cost = cpu_time_ns() - start;
  err = end_query(query, err, &cost);
  *cost_ns += cost;
  return err;
}

void lb_source_open(struct lb_source *source, struct lb_transport *transport) {
  *source = (struct lb_source){.transport = transport};
}

void lb_source_close(struct lb_source *source) {
  if (source->transport)
    source->transport->close(source->transport);
  free(source->conns_request);
  *source = (struct lb_source){.transport = NULL};
}

void lb_source_rest(struct lb_source *source) {
  source->transport->rest(source->transport);
}

int lb_source_tcp_socks(struct lb_source *source,
                        struct lb_listen_socks *socks) {
  return run_sample_query(&(struct query){.source = source,
                                          .kind = LB_QUERY_TCP_SOCKS,
                                          .handler = lb_add_tcp_socks(socks),
                                          .len = &socks->len,
                                          .before = socks->len});
}

int lb_source_unix_socks(struct lb_source *source,
                         struct lb_listen_socks *socks) {
  return run_measured_query(&(struct query){.source = source,
                                            .kind = LB_QUERY_UNIX_SOCKS,
                                            .handler = lb_add_unix_socks(socks),
                                            .len = &socks->len,
                                            .before = socks->len},
                            &source->unix_ns);
}

static int query_conns(struct lb_source *source, enum lb_query_kind kind,
                       struct lb_msg_handler handler,
                       const struct lb_conn_filter *filter,
                       struct lb_conns *conns, uint64_t *cost_ns) {
  return run_measured_query(&(struct query){.source = source,
                                            .kind = kind,
                                            .handler = handler,
                                            .len = &conns->len,
                                            .before = conns->len,
                                            .filter = filter},
                            cost_ns);
}

int lb_source_conns(struct lb_source *source,
                    const struct lb_conn_filter *filter, struct lb_conns *conns,
                    uint64_t *cost_ns) {
  return query_conns(source, LB_QUERY_CONNS, lb_add_conns(conns), filter, conns,
                     cost_ns);
}

int lb_source_mptcp_conns(struct lb_source *source,
                          const struct lb_conn_filter *filter,
                          struct lb_conns *conns, uint64_t *cost_ns) {
  return query_conns(source, LB_QUERY_MPTCP, lb_add_mptcp_conns(conns), filter,
                     conns, cost_ns);
}

int lb_source_pending(struct lb_source *source,
                      const struct lb_listen_sock *sock,
                      struct lb_pending *pending, uint64_t *cost_ns) {
  struct lb_pending found;
  int err =
      run_measured_query(&(struct query){.source = source,
                                         .kind = LB_QUERY_PENDING,
                                         .handler = lb_set_pending(&found),
                                         .sock = sock},
                         cost_ns);
  if (!err)
    *pending = found;
  return err;
}

int lb_source_unix_conns(struct lb_source *source,
                         struct lb_unix_counts *counts, uint64_t *cost_ns) {
  lb_unix_counts_reset(counts);
  return run_measured_query(
      &(struct query){.source = source,
                      .kind = LB_QUERY_UNIX_CONNS,
                      .handler = lb_count_unix_conns(counts),
                      .counts = counts},
      cost_ns);
}

int lb_source_check_file(struct lb_source *source, const char *path,
                         const struct lb_file_id *file) {
  return source->transport->check_file(source->transport, path, file);
}

int lb_source_find_file(struct lb_source *source, const char *path,
                        bool by_mount, struct lb_file_id *out) {
  return source->transport->find_file(source->transport, path, by_mount, out);
}

ssize_t lb_source_read_file(struct lb_source *source, enum lb_file file,
                            char *buf, size_t size) {
  return source->transport->read_file(source->transport, file, buf, size);
}
