// SPDX-License-Identifier: MIT
/* A source over a scripted transport: what it asks for, what it asks for again,
 * and what it makes of the answers. */
#include "kernel/source.h"

#include "errors.h"
#include "examples.h"
#include "memory.h"
#include "unit.h"

/* --- the transport ------------------------------------------------------- */

static struct {
  int errors[2]; /* of the next dumps, until 0: these break off */
  int refusal;   /* of each request for both families */
  int foreign;   /* so many of the next answers are to another request */
  int answer;    /* the error that the next answers are, or 0 */
  int status;    /* what each query ends with instead, or 0 */
  uint64_t cost_ns;
  struct text log;
} script;

static uint8_t family_of(const struct nlmsghdr *request) {
  return request->nlmsg_type == TCPDIAG_GETSOCK
             ? AF_UNSPEC
             : *(const uint8_t *)mnl_nlmsg_get_payload(request);
}

static const char *name_of(const struct nlmsghdr *request) {
  switch (family_of(request)) {
  case AF_UNSPEC:
    return "both";
  case AF_INET:
    return "IPv4";
  case AF_INET6:
    return "IPv6";
  default:
    return request->nlmsg_flags & NLM_F_DUMP ? "UNIX" : "one UNIX";
  }
}

static void put_socks(struct datagram *datagram, uint8_t family) {
  if (family != AF_INET6)
    put_sock(datagram, &http);
  if (family != AF_INET)
    put_sock(datagram, &https);
}

static void put_conns(struct datagram *datagram, uint8_t family) {
  if (family != AF_INET6)
    put_conn(datagram, &(struct lb_conn){.family = AF_INET,
                                         .port = 80,
                                         .wait_ms = 4,
                                         .kind = LB_CONN_WAITING});
  if (family != AF_INET)
    put_conn(datagram, &(struct lb_conn){.family = AF_INET6,
                                         .port = 80,
                                         .kind = LB_CONN_HALF_OPEN});
}

static void put_answer(struct datagram *datagram, enum lb_query_kind kind,
                       const struct nlmsghdr *request) {
  static const uint32_t clients[] = {0, 7, 8};
  if (script.answer)
    put_error(datagram, script.answer);
  else if (kind == LB_QUERY_TCP_SOCKS)
    put_socks(datagram, family_of(request));
  else if (kind == LB_QUERY_UNIX_SOCKS)
    put_unix_sock(datagram, &api, SOCK_STREAM, "/run/api", 8);
  else if (kind == LB_QUERY_CONNS)
    put_conns(datagram, family_of(request));
  else if (kind == LB_QUERY_UNIX_CONNS)
    put_unix_conn(datagram, 7, SOCK_STREAM, "/run/api", 8);
  else if (kind == LB_QUERY_MPTCP)
    put_conn(datagram, &(struct lb_conn){.family = family_of(request),
                                         .port = 80,
                                         .kind = LB_CONN_MPTCP_CLOSED});
  else
    put_pending(datagram, &api, clients, LEN(clients));
}

static int next_error(const struct nlmsghdr *request) {
  if (script.refusal && family_of(request) == AF_UNSPEC)
    return script.refusal;
  int err = script.errors[0];
  script.errors[0] = script.errors[1];
  script.errors[1] = 0;
  return err;
}

/* The part of a lost answer that did come counts for nothing. */
static int script_dump(struct lb_transport *transport, enum lb_query_kind kind,
                       struct nlmsghdr *request,
                       struct lb_datagram_handler handler) {
  struct datagram datagram = {.len = 0};
  (void)transport;
  say(&script.log, "%s, ", name_of(request));
  request->nlmsg_seq = SEQ + (script.foreign > 0);
  request->nlmsg_pid = PORTID;
  script.foreign -= script.foreign > 0;
  int err = next_error(request);
  put_answer(&datagram, kind, request);
  if (!err && request->nlmsg_flags & NLM_F_DUMP)
    put_done(&datagram, 0);
  int more = handler.handle(handler.data, datagram.at, datagram.len);
  return err ? err : more;
}

static int script_end_query(struct lb_transport *transport,
                            enum lb_query_kind kind, int status,
                            uint64_t *cost_ns) {
  (void)transport;
  say(&script.log, "end %d: %s", (int)kind, status ? error_name(-status) : "0");
  if (script.cost_ns)
    *cost_ns = script.cost_ns;
  return script.status ? script.status : status;
}

static ssize_t script_read_file(struct lb_transport *transport,
                                enum lb_file file, char *buf, size_t size) {
  (void)transport;
  return snprintf(buf, size, "file %d", (int)file);
}

static void script_rest(struct lb_transport *transport) {
  (void)transport;
  say(&script.log, "rest");
}

static void script_close(struct lb_transport *transport) {
  (void)transport;
  say(&script.log, "close");
}

static int script_check_file(struct lb_transport *transport, const char *path,
                             const struct lb_file_id *file) {
  (void)transport;
  say(&script.log, "check %s %u:%u", path, file->dev, file->inode);
  return script.status;
}

static int script_find_file(struct lb_transport *transport, const char *path,
                            bool by_mount, struct lb_file_id *out) {
  (void)transport;
  say(&script.log, "find %s%s", path, by_mount ? " by mount" : "");
  *out = (struct lb_file_id){6, 7};
  return script.status;
}

static struct lb_transport transport = {
    script_dump,  script_end_query,  script_read_file, script_rest,
    script_close, script_check_file, script_find_file};

/* --- the source ---------------------------------------------------------- */

static struct lb_source source;

static int set_up(void **state) {
  (void)state;
  memset(&script, 0, sizeof(script));
  lb_source_open(&source, &transport);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lb_source_close(&source);
  return 0;
}

static const struct lb_ports port_80 = {80, 80};
static const struct lb_conn_filter filter = {&port_80, 1, .queued = true};

/* Each answer is appended to one that is there already. */
static int say_sock_query(struct text *got, enum lb_query_kind kind) {
  struct lb_listen_socks socks = {0};
  assert_int_equal(lb_unix_names_new(&socks.unix_names), 0);
  struct lb_listen_sock *first = lb_listen_socks_add(&socks);
  assert_non_null(first);
  *first = (struct lb_listen_sock){.port = 7};
  int err = kind == LB_QUERY_TCP_SOCKS ? lb_source_tcp_socks(&source, &socks)
                                       : lb_source_unix_socks(&source, &socks);
  for (size_t i = 0; i < socks.len; i++)
    say(got, " %u", socks.v[i].port ? socks.v[i].port : socks.v[i].inode);
  lb_unix_names_free(socks.unix_names);
  lb_listen_socks_free(&socks);
  return err;
}

static int say_conns(struct text *got, enum lb_query_kind kind,
                     uint64_t *cost_ns) {
  struct lb_conns conns = {0};
  *lb_conns_add(&conns) = (struct lb_conn){.port = 7};
  int err = kind == LB_QUERY_CONNS
                ? lb_source_conns(&source, &filter, &conns, cost_ns)
                : lb_source_mptcp_conns(&source, &filter, &conns, cost_ns);
  for (size_t i = 0; i < conns.len; i++)
    say(got, " %u kind %u %u ms,", conns.v[i].port, conns.v[i].kind,
        conns.v[i].wait_ms);
  lb_conns_free(&conns);
  return err;
}

static int say_pending(struct text *got, uint64_t *cost_ns) {
  struct lb_pending pending = {77, 77};
  int err = lb_source_pending(&source, &api, &pending, cost_ns);
  say(got, " %u, %u closed", pending.waiting, pending.closed);
  return err;
}

static int say_unix_conns(struct text *got, uint64_t *cost_ns) {
  struct lb_unix_count count = {.name = lb_unix_name_of("/run/api", 8),
                                .accepted = 77};
  struct lb_unix_counts counts = {.v = &count, .len = 1};
  int err = lb_source_unix_conns(&source, &counts, cost_ns);
  say(got, " %u accepted", count.accepted);
  return err;
}

static int run_query(struct text *got, enum lb_query_kind kind,
                     uint64_t *cost_ns) {
  return kind == LB_QUERY_CONNS || kind == LB_QUERY_MPTCP
             ? say_conns(got, kind, cost_ns)
         : kind == LB_QUERY_PENDING    ? say_pending(got, cost_ns)
         : kind == LB_QUERY_UNIX_CONNS ? say_unix_conns(got, cost_ns)
                                       : say_sock_query(got, kind);
}

/* What a query returns and what the transport saw of it. */
static void check_query(enum lb_query_kind kind, int want_err,
                        const char *want_log) {
  static const char *const answers[] = {
      " 7 80 443",
      " 7 10",
      " 7 kind 0 0 ms, 80 kind 1 4 ms, 80 kind 0 0 ms,",
      " 3, 1 closed",
      " 7 kind 0 0 ms, 80 kind 3 0 ms, 80 kind 3 0 ms,",
      " 1 accepted"};
  static const char *const nothing[] = {" 7",
                                        " 7",
                                        " 7 kind 0 0 ms,",
                                        " 77, 77 closed",
                                        " 7 kind 0 0 ms,",
                                        " 0 accepted"};
  struct text got = {.len = 0};
  uint64_t cost_ns = 0;
  script.log.len = 0;
  script.log.at[0] = '\0';
  assert_int_equal(run_query(&got, kind, &cost_ns), want_err);
  assert_string_equal(got.at, (want_err ? nothing : answers)[kind]);
  assert_string_equal(script.log.at, want_log);
}

/* --- requests ------------------------------------------------------------ */

TEST_WITH(each_query_is_one_dump_unless_something_is_wrong, set_up, tear_down) {
  static const char *const logs[] = {
      "both, end 0: 0",     "UNIX, end 1: 0",       "both, end 2: 0",
      "one UNIX, end 3: 0", "IPv4, IPv6, end 4: 0", "UNIX, end 5: 0"};
  for (int kind = 0; kind < LB_QUERY_KINDS; kind++)
    check_query((enum lb_query_kind)kind, 0, logs[kind]);
}

TEST_WITH(a_lost_answer_is_asked_for_once_more, set_up, tear_down) {
  static const struct {
    int errors[2];
    int want;
    int dumps;
  } cases[] = {
      {{-ENOBUFS, 0}, 0, 2},
      {{-ENOSPC, 0}, 0, 2},
      {{-EINTR, 0}, 0, 2},
      {{-EBUSY, 0}, 0, 2},
      {{-EBADMSG, 0}, 0, 2},
      {{-EPROTO, 0}, 0, 2},
      {{-ESRCH, 0}, 0, 2},
      {{-ENOBUFS, -EBUSY}, -EBUSY, 2}, /* the last error counts */
      {{-EINTR, -EPERM}, -EPERM, 2},
      {{-ETIMEDOUT, 0}, -ETIMEDOUT, 1},
      {{-ENOENT, 0}, -ENOENT, 1},
      {{-EPERM, 0}, -EPERM, 1},
      {{-EAFNOSUPPORT, 0}, -EAFNOSUPPORT, 1},
      {{-ESTALE, 0}, -ESTALE, 1},
  };
  static const char *const names[] = {"both", "UNIX", "both", "one UNIX"};
  for (size_t i = 0; i < LEN(cases); i++)
    for (int kind = 0; kind <= LB_QUERY_PENDING; kind++) {
      struct text log = {.len = 0};
      for (int j = 0; j < cases[i].dumps; j++)
        say(&log, "%s, ", names[kind]);
      say(&log, "end %d: %s", kind,
          cases[i].want ? error_name(-cases[i].want) : "0");
      memcpy(script.errors, cases[i].errors, sizeof(script.errors));
      check_query((enum lb_query_kind)kind, cases[i].want, log.at);
    }
}

/* inet_diag is missing: each request makes the kernel look for it. */
TEST_WITH(what_no_family_has_is_one_request_from_then_on, set_up, tear_down) {
  script.refusal = -EOPNOTSUPP;
  script.errors[0] = -ENOENT;
  check_query(LB_QUERY_TCP_SOCKS, -ENOENT, "both, IPv4, end 0: ENOENT");
  script.errors[0] = -ENOENT;
  check_query(LB_QUERY_TCP_SOCKS, -ENOENT, "IPv4, end 0: ENOENT");
  script.refusal = 0;
  check_query(LB_QUERY_TCP_SOCKS, 0, "IPv4, both, end 0: 0");
  check_query(LB_QUERY_TCP_SOCKS, 0, "both, end 0: 0");
}

TEST_WITH(an_answer_to_another_request_is_asked_for_once_more, set_up,
          tear_down) {
  script.foreign = 1;
  check_query(LB_QUERY_TCP_SOCKS, 0, "both, both, end 0: 0");
  script.foreign = 2;
  check_query(LB_QUERY_PENDING, -EPROTO, "one UNIX, one UNIX, end 3: EPROTO");
}

TEST_WITH(refused_both_families_it_asks_for_each, set_up, tear_down) {
  static const int refusals[] = {-EOPNOTSUPP, -EINVAL};
  for (size_t i = 0; i < LEN(refusals); i++) {
    set_up(state);
    script.refusal = refusals[i];
    check_query(LB_QUERY_TCP_SOCKS, 0, "both, IPv4, IPv6, end 0: 0");
    check_query(LB_QUERY_TCP_SOCKS, 0, "IPv4, IPv6, end 0: 0");
    /* found out for each kind of query, since two threads ask */
    check_query(LB_QUERY_CONNS, 0, "both, IPv4, IPv6, end 2: 0");
    check_query(LB_QUERY_CONNS, 0, "IPv4, IPv6, end 2: 0");
    tear_down(state);
  }
}

TEST_WITH(a_refusal_is_forgotten_if_asking_for_each_does_not_help, set_up,
          tear_down) {
  script.refusal = -EOPNOTSUPP;
  script.errors[0] = -ETIMEDOUT;
  check_query(LB_QUERY_TCP_SOCKS, -ETIMEDOUT, "both, IPv4, end 0: ETIMEDOUT");
  check_query(LB_QUERY_TCP_SOCKS, 0, "both, IPv4, IPv6, end 0: 0");
}

TEST_WITH(if_one_family_is_lost_both_are_asked_for_again, set_up, tear_down) {
  script.refusal = -EOPNOTSUPP;
  check_query(LB_QUERY_TCP_SOCKS, 0, "both, IPv4, IPv6, end 0: 0");
  script.errors[0] = -ENOBUFS;
  check_query(LB_QUERY_TCP_SOCKS, 0, "IPv4, IPv4, IPv6, end 0: 0");
}

TEST_WITH(any_other_refusal_is_an_error, set_up, tear_down) {
  script.refusal = -EPERM;
  check_query(LB_QUERY_TCP_SOCKS, -EPERM, "both, end 0: EPERM");
  script.refusal = 0;
  check_query(LB_QUERY_TCP_SOCKS, 0, "both, end 0: 0");
}

/* --- results ------------------------------------------------------------- */

TEST_WITH(an_inode_of_another_socket_means_that_this_one_is_gone, set_up,
          tear_down) {
  script.answer = -ESTALE;
  check_query(LB_QUERY_PENDING, -ENOENT, "one UNIX, end 3: ENOENT");
  script.answer = -EMSGSIZE;
  check_query(LB_QUERY_PENDING, -EMSGSIZE, "one UNIX, end 3: EMSGSIZE");
}

TEST_WITH(the_transport_has_the_last_word_on_the_status, set_up, tear_down) {
  static const char *const logs[] = {
      "both, end 0: 0",     "UNIX, end 1: 0",       "both, end 2: 0",
      "one UNIX, end 3: 0", "IPv4, IPv6, end 4: 0", "UNIX, end 5: 0"};
  script.status = -EREMOTEIO;
  for (int kind = 0; kind < LB_QUERY_KINDS; kind++)
    check_query((enum lb_query_kind)kind, -EREMOTEIO, logs[kind]);
}

TEST_WITH(the_cost_of_inspections_is_added_also_if_they_fail, set_up,
          tear_down) {
  for (int kind = LB_QUERY_CONNS; kind < LB_QUERY_KINDS; kind++) {
    struct text ignored = {.len = 0};
    uint64_t cost_ns = 5;
    script.cost_ns = 0; /* measured */
    assert_int_equal(run_query(&ignored, (enum lb_query_kind)kind, &cost_ns),
                     0);
    assert_in_range(cost_ns, 6, 1000000000);
    script.cost_ns = 30; /* set by the transport */
    cost_ns = 5;
    assert_int_equal(run_query(&ignored, (enum lb_query_kind)kind, &cost_ns),
                     0);
    assert_int_equal(cost_ns, 35);
    script.errors[0] = -EPERM;
    assert_int_equal(run_query(&ignored, (enum lb_query_kind)kind, &cost_ns),
                     -EPERM);
    assert_int_equal(cost_ns, 65);
  }
}

TEST_WITH(without_memory_no_connections_are_asked_for, set_up, tear_down) {
  struct lb_conns conns = {0};
  uint64_t cost_ns = 0;
  memory.fails = 1;
  assert_int_equal(lb_source_conns(&source, &filter, &conns, &cost_ns),
                   -ENOMEM);
  assert_int_equal(memory.fails, 0);
  assert_string_equal(script.log.at, "end 2: ENOMEM");
  check_query(LB_QUERY_CONNS, 0, "both, end 2: 0");
}

TEST_WITH(files_rest_and_close_are_those_of_the_transport, set_up, tear_down) {
  const struct lb_file_id id = {6, 7};
  struct lb_file_id found;
  char buf[16];
  script.status = -ESTALE;
  assert_int_equal(lb_source_check_file(&source, "/a", &id), -ESTALE);
  assert_string_equal(script.log.at, "check /a 7:6");
  script.log.len = 0;
  assert_int_equal(lb_source_find_file(&source, "/a", true, &found), -ESTALE);
  assert_string_equal(script.log.at, "find /a by mount");
  script.log.len = 0;
  assert_int_equal(lb_source_read_file(&source, LB_FILE_SOMAXCONN, buf, 16), 6);
  assert_string_equal(buf, "file 1");
  lb_source_rest(&source);
  assert_string_equal(script.log.at, "rest");
  script.log.len = 0;
  lb_source_close(&source);
  lb_source_close(&source);
  assert_string_equal(script.log.at, "close");
}

int main(void) { return run_all_tests(NULL, NULL); }
