// SPDX-License-Identifier: MIT
/* Connections that no accept() has taken: the requests, answers as Linux 6.18
 * was seen to make them, malformed answers, and the running kernel with
 * connections over loopback. The time that one waits is compared with the clock
 * that the kernel itself takes it from. */
#include "kernel/inet_diag.h"

#include "kernel/port_filter.h"
#include "memory.h"
#include "unit.h"

#include <linux/rtnetlink.h>
#include <time.h>

static void say_conn(struct text *text, const struct lb_conn *conn) {
  static const char *const kinds[] = {
      [LB_CONN_HALF_OPEN] = "half-open",
      [LB_CONN_WAITING] = "waiting",
      [LB_CONN_CLOSED] = "closed",
  };
  char address[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, conn->address, address, sizeof(address));
  say(text, "IPv%d [%s]:%u", conn->family == AF_INET6 ? 6 : 4, address,
      (unsigned)conn->port);
  if (conn->ifindex)
    say(text, " on %u", conn->ifindex);
  assert_in_range(conn->kind, 0, LEN(kinds) - 1);
  say(text, " %s %u ms\n", kinds[conn->kind], conn->wait_ms);
}

/* --- requests ------------------------------------------------------------ */

/* It is the only attribute. */
static void say_filter(struct text *text, const struct nlmsghdr *msg,
                       size_t header, const struct lb_ports *ports,
                       size_t len) {
  static char want[LB_PORT_FILTER_SIZE];
  size_t size = lb_port_filter_write(ports, len, want, sizeof(want));
  const struct nlattr *attr = mnl_nlmsg_get_payload_offset(msg, header);
  if (msg->nlmsg_len == mnl_nlmsg_size(header))
    return;
  assert_int_equal(mnl_attr_get_type(attr), INET_DIAG_REQ_BYTECODE);
  assert_int_equal(mnl_attr_get_payload_len(attr), size);
  assert_memory_equal(mnl_attr_get_payload(attr), want, size);
  assert_ptr_equal(mnl_attr_next(attr), mnl_nlmsg_get_payload_tail(msg));
  say(text, " filter %zu", size);
}

/* States and extensions are said in hex, and what else is not 0; filter NULL:
 * the request for listening sockets. */
static void say_request(struct text *text, uint8_t family,
                        const struct lb_conn_filter *filter) {
  static _Alignas(8) char buf[LB_CONNS_REQUEST_SIZE], zeros[64];
  memset(buf, 0xa5, sizeof(buf));
  struct nlmsghdr *msg = filter ? lb_inet_request_conns(buf, family, filter)
                                : lb_inet_request_listen_socks(buf, family);
  assert_ptr_equal(msg, buf);
  say(text, "type %u flags %x", msg->nlmsg_type, msg->nlmsg_flags);
  if (msg->nlmsg_seq || msg->nlmsg_pid)
    say(text, " seq %u portid %u", msg->nlmsg_seq, msg->nlmsg_pid);
  size_t header = sizeof(struct inet_diag_req);
  if (msg->nlmsg_type == TCPDIAG_GETSOCK) {
    struct inet_diag_req *req = NLMSG_DATA(msg);
    say(text, " states %x ext %x", req->idiag_states, req->idiag_ext);
    req->idiag_states = req->idiag_ext = 0;
  } else {
    struct inet_diag_req_v2 *req = NLMSG_DATA(msg);
    say(text, " family %u protocol %u states %x ext %x", req->sdiag_family,
        req->sdiag_protocol, req->idiag_states, req->idiag_ext);
    req->sdiag_family = req->sdiag_protocol = req->idiag_ext = 0;
    req->idiag_states = 0;
    header = sizeof(*req);
  }
  assert_memory_equal(NLMSG_DATA(msg), zeros, header);
  if (filter)
    say_filter(text, msg, header, filter->ports, filter->len);
  for (size_t i = msg->nlmsg_len; i < sizeof(buf); i++)
    assert_int_equal((uint8_t)buf[i], 0xa5);
  say(text, " len %u\n", msg->nlmsg_len);
}

static const struct lb_ports port_80 = {80, 80};

static struct lb_ports *alternating(size_t len) {
  struct lb_ports *ports = calloc(len, sizeof(*ports));
  assert_non_null(ports);
  for (size_t i = 0; i < len; i++)
    ports[i].first = ports[i].last = (uint16_t)(2 * i);
  return ports;
}

/* 3,200 ranges just fit into a filter; with 32,768 there is none; 0: the
 * request for listening sockets and their drops. */
TEST_CASE(a_request_names_states_extensions_and_ports) {
  static const struct {
    uint8_t family;
    size_t ranges;
    unsigned asked; /* 1: queued, 2: accepted */
    const char *want;
  } cases[] = {
      {AF_UNSPEC, 1, 2,
       "type 18 flags 301 states 10a ext 0 filter 20 len 100\n"},
      {AF_UNSPEC, 1, 3,
       "type 18 flags 301 states 10a ext 2 filter 20 len 100\n"},
      {AF_UNSPEC, 1, true,
       "type 18 flags 301 states 10a ext 2 filter 20 len 100\n"},
      {AF_UNSPEC, 1, false,
       "type 18 flags 301 states 8 ext 0 filter 20 len 100\n"},
      {AF_INET, 1, true,
       "type 20 flags 301 family 2 protocol 6 states 10a ext 2 filter 20 "
       "len 96\n"},
      {AF_INET6, 1, false,
       "type 20 flags 301 family 10 protocol 6 states 8 ext 0 filter 20 "
       "len 96\n"},
      {AF_UNSPEC, 3200, true,
       "type 18 flags 301 states 10a ext 2 filter 59384 len 59464\n"},
      {AF_INET, 3200, true,
       "type 20 flags 301 family 2 protocol 6 states 10a ext 2 filter 59384 "
       "len 59460\n"},
      {AF_UNSPEC, 32768, true, "type 18 flags 301 states 10a ext 2 len 76\n"},
      {AF_INET6, 32768, false,
       "type 20 flags 301 family 10 protocol 6 states 8 ext 0 len 72\n"},
      {AF_UNSPEC, 0, 0, "type 18 flags 301 states 400 ext 40 len 76\n"},
      {AF_INET, 0, 0,
       "type 20 flags 301 family 2 protocol 6 states 400 ext 40 len 72\n"},
      {AF_INET6, 0, 0,
       "type 20 flags 301 family 10 protocol 6 states 400 ext 40 len 72\n"},
  };
  struct lb_ports *ports = alternating(32768);
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    const struct lb_conn_filter filter = {
        cases[i].ranges == 1 ? &port_80 : ports, cases[i].ranges,
        cases[i].asked & 1, cases[i].asked & 2};
    say_request(&got, cases[i].family, filter.len ? &filter : NULL);
    assert_string_equal(got.at, cases[i].want);
  }
  free(ports);
}

TEST_CASE(a_request_for_mptcp_has_its_number_in_an_attribute) {
  static _Alignas(8) char buf[LB_CONNS_REQUEST_SIZE];
  const struct lb_conn_filter filter = {&port_80, 1, .queued = true};
  struct nlmsghdr *msg = lb_inet_request_mptcp_conns(buf, AF_INET6, &filter);
  const struct inet_diag_req_v2 *req = NLMSG_DATA(msg);
  struct inet_diag_req_v2 want = {
      .sdiag_family = AF_INET6, .sdiag_protocol = 255, .idiag_states = 1 << 8};
  assert_int_equal(msg->nlmsg_len, 96 + 8);
  assert_int_equal(msg->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
  assert_memory_equal(req, &want, sizeof(want));
  const struct nlattr *attr = mnl_nlmsg_get_payload_offset(msg, sizeof(*req));
  assert_int_equal(mnl_attr_get_type(attr), 3);
  assert_int_equal(mnl_attr_get_u32(attr), 262);
  assert_int_equal(mnl_attr_get_type(mnl_attr_next(attr)),
                   INET_DIAG_REQ_BYTECODE);
}

/* --- answers ------------------------------------------------------------- */

/* struct tcp_info has grown to this many bytes. */
enum { INFO = 280, LAST_DATA_SENT = 44 };

struct answer {
  uint8_t family;
  uint8_t state;
  bool is_full; /* a full socket, not a request socket */
  size_t info;  /* bytes of INET_DIAG_INFO; 0: not asked for */
  uint32_t wait_ms;
  uint16_t type; /* 0: 18 */
  uint32_t ifindex;
  uint32_t inode;
};

/* 10.1.2.3:8080 or [2001:db8::7]:8080, the attributes as root sees them. */
static struct nlmsghdr *put_answer(struct datagram *datagram,
                                   const struct answer *answer) {
  static const uint32_t v4[] = {0x0a010203},
                        v6[] = {0x20010db8, 0, 0, 0x00000007};
  struct nlmsghdr *msg =
      start_message(datagram, answer->type ? answer->type : TCPDIAG_GETSOCK);
  struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  bool is_v6 = answer->family == AF_INET6;
  for (size_t i = 0; i < (is_v6 ? LEN(v6) : LEN(v4)); i++)
    diag->id.idiag_src[i] = htonl(is_v6 ? v6[i] : v4[i]);
  diag->idiag_family = answer->family;
  diag->idiag_state = answer->state;
  diag->idiag_inode = answer->inode;
  diag->id.idiag_if = answer->ifindex;
  diag->id.idiag_sport = htons(8080);
  diag->id.idiag_dport = htons(40000);
  diag->id.idiag_cookie[0] = 77;
  if (answer->is_full)
    mnl_attr_put_u8(msg, INET_DIAG_SHUTDOWN, 0);
  mnl_attr_put_u32(msg, INET_DIAG_MARK, 5);
  if (answer->is_full) {
    mnl_attr_put_u64(msg, INET_DIAG_CGROUP_ID, 1);
    mnl_attr_put_u16(msg, INET_DIAG_SOCKOPT, 0x52);
  }
  if (answer->info) {
    uint32_t info[INFO]; /* whatever is read but last_data_sent is seen */
    memset(info, 0xee, sizeof(info));
    info[LAST_DATA_SENT / 4] = answer->wait_ms;
    mnl_attr_put(msg, INET_DIAG_INFO, answer->info, info);
  }
  return end_message(datagram, msg);
}

static int parse(const struct nlmsghdr *msg, struct lb_conn *conn) {
  struct nlmsghdr *exact = exact_copy(msg, msg->nlmsg_len);
  int result = lb_inet_parse_conn(exact, conn);
  free(exact);
  return result;
}

/* The connection, or what is returned instead. */
static void check_message(const struct nlmsghdr *msg, const char *want) {
  struct lb_conn conn;
  struct text got = {.len = 0};
  memset(&conn, 0xa5, sizeof(conn));
  int result = parse(msg, &conn);
  if (result)
    say(&got, "%d", result);
  else
    say_conn(&got, &conn);
  assert_string_equal(got.at, want);
}

static void check(struct answer answer, const char *want) {
  struct datagram datagram = {.len = 0};
  check_message(put_answer(&datagram, &answer), want);
}

static const struct answer waiting = {
    AF_INET, TCP_ESTABLISHED, true, INFO, 1234, 0, 0, 0};
#define WAITING "IPv4 [::ffff:10.1.2.3]:8080 waiting 1234 ms\n"

TEST_CASE(state_inode_and_attributes_tell_what_a_connection_is) {
  static const struct {
    struct answer answer;
    const char *want; /* "1": it is skipped */
  } cases[] = {
      {{AF_INET, TCP_ESTABLISHED, true, INFO, 1234, 0, 0, 0}, WAITING},
      {{AF_INET, TCP_ESTABLISHED, true, INFO, 1234, 20, 0, 0}, WAITING},
      {{AF_INET6, TCP_ESTABLISHED, true, INFO, UINT32_MAX, 0, 7, 0},
       "IPv6 [2001:db8::7]:8080 on 7 waiting 4294967295 ms\n"},
      /* its client has sent FIN */
      {{AF_INET, TCP_CLOSE_WAIT, true, INFO, 1234, 0, 0, 0},
       "IPv4 [::ffff:10.1.2.3]:8080 closed 1234 ms\n"},
      /* request sockets */
      {{AF_INET, TCP_SYN_RECV, false, 0, 0, 0, 0, 0},
       "IPv4 [::ffff:10.1.2.3]:8080 half-open 0 ms\n"},
      {{AF_INET6, TCP_SYN_RECV, false, 0, 0, 20, 3, 0},
       "IPv6 [2001:db8::7]:8080 on 3 half-open 0 ms\n"},
      /* a child of TCP Fast Open; and such children, whatever their state is
       * meanwhile, in the answer to a request for half-open ones alone */
      {{AF_INET, TCP_SYN_RECV, true, INFO, 1234, 0, 0, 0}, WAITING},
      {{AF_INET, TCP_SYN_RECV, true, 0, 0, 0, 0, 0}, "1"},
      {{AF_INET, TCP_ESTABLISHED, true, 0, 0, 0, 0, 0}, "1"},
      {{AF_INET, TCP_CLOSE_WAIT, true, 0, 0, 0, 0, 0}, "1"},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    check(cases[i].answer, cases[i].want);
}

/* Without CAP_NET_ADMIN there is not even a mark. */
/* With the states and inodes of MPTCP's own list. */
TEST_CASE(of_mptcp_those_count_that_wait_and_whose_client_has_closed) {
  static const struct {
    uint8_t state;
    uint32_t inode;
    int want;
  } cases[] = {{TCP_CLOSE_WAIT, 0, 0},
               {TCP_CLOSE_WAIT, 7, 1},
               {TCP_ESTABLISHED, 0, 1},
               {TCP_LISTEN, 7, 1}};
  for (size_t i = 0; i < LEN(cases); i++) {
    const struct lb_conn shown = {.address = {[15] = 1},
                                  .port = 80,
                                  .family = AF_INET6,
                                  .kind = LB_CONN_MPTCP_CLOSED};
    struct datagram datagram = {.len = 0};
    struct lb_conn got;
    struct nlmsghdr *msg = put_conn(&datagram, &shown);
    struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
    diag->idiag_state = cases[i].state;
    diag->idiag_inode = cases[i].inode;
    assert_int_equal(lb_inet_parse_mptcp_conn(msg, &got), cases[i].want);
    if (!cases[i].want)
      assert_memory_equal(&got, &shown, sizeof(got));
    msg->nlmsg_len = NLMSG_LENGTH(sizeof(*diag) - 1);
    assert_int_equal(lb_inet_parse_mptcp_conn(msg, &got), -EBADMSG);
  }
}

TEST_CASE(a_request_socket_may_have_no_attributes) {
  struct datagram datagram = {.len = 0};
  struct answer answer = {.family = AF_INET, .state = TCP_SYN_RECV};
  struct nlmsghdr *msg = put_answer(&datagram, &answer);
  msg->nlmsg_len = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
  check_message(msg, "IPv4 [::ffff:10.1.2.3]:8080 half-open 0 ms\n");
}

TEST_CASE(an_open_accepted_connection_has_its_local_end) {
  for (unsigned tcp_state = 0; tcp_state < 16; tcp_state++)
    for (uint32_t inode = 0; inode < 2; inode++) {
      struct datagram datagram = {.len = 0};
      struct answer answer = waiting;
      struct lb_conn conn;
      answer.state = (uint8_t)tcp_state;
      answer.inode = inode;
      bool is_open = inode && (tcp_state == TCP_ESTABLISHED ||
                               tcp_state == TCP_CLOSE_WAIT);
      struct nlmsghdr *msg = put_answer(&datagram, &answer);
      assert_int_equal(lb_inet_parse_accepted(msg, &conn), !is_open);
      if (is_open) {
        assert_int_equal(conn.kind, LB_CONN_ACCEPTED);
        assert_int_equal(conn.port, 8080);
        assert_int_equal(conn.address[15], 3);
      }
      msg->nlmsg_len = NLMSG_LENGTH(1);
      assert_int_equal(lb_inet_parse_accepted(msg, &conn), -EBADMSG);
    }
}

TEST_CASE(an_accepted_connection_is_skipped) {
  static const uint8_t states[] = {TCP_ESTABLISHED, TCP_CLOSE_WAIT,
                                   TCP_SYN_RECV};
  static const uint32_t inodes[] = {1, 1513, UINT32_MAX};
  for (size_t i = 0; i < LEN(states) * LEN(inodes); i++) {
    struct answer answer = waiting;
    answer.state = states[i % LEN(states)];
    answer.inode = inodes[i / LEN(states)];
    check(answer, "1");
  }
}

/* A socket may change its state between being found and being described. */
TEST_CASE(a_connection_in_any_other_state_is_skipped) {
  for (unsigned tcp_state = 0; tcp_state < 256; tcp_state++) {
    struct answer answer = waiting;
    answer.state = (uint8_t)tcp_state;
    if (tcp_state != TCP_ESTABLISHED && tcp_state != TCP_SYN_RECV &&
        tcp_state != TCP_CLOSE_WAIT)
      check(answer, "1");
  }
}

TEST_CASE(the_info_of_any_kernel_is_read_if_it_has_the_time) {
  static const size_t lens[] = {48, 52, 104, 192, 232, 248, 280, 284, 1000};
  struct answer answer = waiting;
  for (size_t i = 0; i < LEN(lens); i++) {
    answer.info = lens[i];
    check(answer, WAITING);
  }
  for (answer.info = 1; answer.info < LAST_DATA_SENT + 4; answer.info++)
    check(answer, "-74");
}

/* --- the array ----------------------------------------------------------- */

TEST_CASE(the_array_keeps_its_connections_and_its_memory) {
  struct lb_conns conns = {.len = 0};
  for (uint32_t i = 0; i < 1000; i++) {
    struct lb_conn *conn = lb_conns_add(&conns);
    assert_non_null(conn);
    conn->wait_ms = i;
  }
  assert_int_equal(conns.len, 1000);
  for (uint32_t i = 0; i < 1000; i++)
    assert_int_equal(conns.v[i].wait_ms, i);
  conns.len = 0;
  memory.fails = 1; /* of the first call that needs more */
  size_t added = 0;
  while (lb_conns_add(&conns))
    added++;
  assert_int_equal(added, 1024);
  assert_int_equal(conns.len, 1024);
  lb_conns_free(&conns);
  assert_int_equal(conns.len + conns.cap, 0);
  assert_null(conns.v);
}

/* --- the kernel ---------------------------------------------------------- */

static struct lb_netlink *netlink; /* NULL: no sock_diag here */

static int open_netlink(void **state) {
  (void)state;
  return has_sock_diag() ? lb_netlink_new(&netlink) : 0;
}

static int close_netlink(void **state) {
  (void)state;
  lb_netlink_free(netlink);
  return 0;
}

static void need_kernel(void) {
  if (!netlink)
    skip();
}

static struct lb_conns get_conns(uint8_t family, const struct lb_ports *ports,
                                 size_t len, bool queued) {
  static _Alignas(8) char buf[LB_CONNS_REQUEST_SIZE];
  struct lb_conns conns = {.len = 0};
  assert_int_equal(
      ask_kernel(netlink,
                 lb_inet_request_conns(
                     buf, family,
                     &(struct lb_conn_filter){ports, len, .queued = queued}),
                 lb_add_conns(&conns)),
      0);
  return conns;
}

static struct lb_conns get_conns_of(const struct server *server, bool queued) {
  const struct lb_ports ports = {server->port, server->port};
  return get_conns(AF_UNSPEC, &ports, 1, queued);
}

static int compare_conns(const void *a, const void *b) {
  const struct lb_conn *left = a, *right = b;
  int order = memcmp(left->address, right->address, sizeof(left->address));
  return order ? order : left->kind - right->kind;
}

/* Those of the server's port, which may be any, without the time. */
static struct text text_of(const struct server *server,
                           struct lb_conns *conns) {
  struct text text = {.len = 0};
  if (conns->len)
    qsort(conns->v, conns->len, sizeof(*conns->v), compare_conns);
  for (size_t i = 0; i < conns->len; i++) {
    if (conns->v[i].port != server->port)
      continue;
    conns->v[i].port = 0;
    conns->v[i].wait_ms = 0;
    say_conn(&text, &conns->v[i]);
  }
  lb_conns_free(conns);
  return text;
}

static struct text conns_of(const struct server *server, bool queued) {
  struct lb_conns conns = get_conns_of(server, queued);
  return text_of(server, &conns);
}

/* A listening socket and its clients, of which some may be closed (-1). */
static struct {
  struct server server;
  int fds[3];
  size_t len;
} clients;

static void open_queue(int family, size_t len) {
  need_kernel();
  assert_int_equal(open_server(&clients.server, family, false, 10), 0);
  assert_int_equal(fill_queue(&clients.server, clients.fds, len), 0);
  clients.len = len;
}

static int close_queue(void **state) {
  (void)state;
  for (size_t i = 0; i < clients.len; i++)
    if (clients.fds[i] >= 0)
      close(clients.fds[i]);
  if (netlink)
    close(clients.server.fd);
  return 0;
}
#define QUEUE(name) TEST_WITH(name, NULL, close_queue)

static void close_client(size_t i) {
  close(clients.fds[i]);
  clients.fds[i] = -1;
}

/* An IPv4 client more. */
static void connect_v4(void) {
  const struct sockaddr_in v4 = {.sin_family = AF_INET,
                                 .sin_port = htons(clients.server.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&v4, sizeof(v4)), 0);
  clients.fds[clients.len++] = fd;
}

static void check_conns(bool queued, const char *want) {
  assert_string_equal(conns_of(&clients.server, queued).at, want);
}

/* What a client did may still be on its way. */
static void await(bool queued, const char *want) {
  struct text got = conns_of(&clients.server, queued);
  for (int i = 0; i < 5000 && strcmp(got.at, want) != 0; i++) {
    poll(NULL, 0, 1);
    got = conns_of(&clients.server, queued);
  }
  assert_string_equal(got.at, want);
}

/* Leaves connections half-open until their clients send. */
static void defer_accept(void) {
  const int seconds = 60;
  assert_int_equal(setsockopt(clients.server.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
                              &seconds, sizeof(seconds)),
                   0);
}

#define ONE_WAITING "IPv4 [::ffff:127.0.0.1]:0 waiting 0 ms\n"
#define ONE_CLOSED "IPv4 [::ffff:127.0.0.1]:0 closed 0 ms\n"
#define ONE_HALF_OPEN "IPv4 [::ffff:127.0.0.1]:0 half-open 0 ms\n"

QUEUE(a_connection_is_shown_until_it_is_accepted) {
  static const char *const want[] = {ONE_WAITING ONE_WAITING, ONE_WAITING, ""};
  int accepted[2];
  open_queue(AF_INET, 2);
  check_conns(true, want[0]);
  for (size_t i = 0; i < 2; i++) {
    accepted[i] = accept(clients.server.fd, NULL, NULL);
    check_conns(true, want[i + 1]);
  }
  close(accepted[0]);
  close(accepted[1]);
}

QUEUE(the_fin_of_its_client_is_shown) {
  open_queue(AF_INET, 3);
  assert_int_equal(shutdown(clients.fds[0], SHUT_WR), 0);
  await(true, ONE_WAITING ONE_WAITING ONE_CLOSED);
  close_client(1);
  await(true, ONE_WAITING ONE_CLOSED ONE_CLOSED);
}

/* The kernel keeps it in the queue, but in no table. */
QUEUE(a_reset_connection_stays_queued_but_is_not_shown) {
  const struct linger now = {.l_onoff = 1};
  open_queue(AF_INET, 3);
  assert_int_equal(
      setsockopt(clients.fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
  close_client(1);
  await(true, ONE_WAITING ONE_WAITING);
  assert_int_equal(queue_of(&clients.server), 3);
}

QUEUE(a_connection_is_half_open_until_its_handshake_ends) {
  open_queue(AF_INET, 1);
  defer_accept();
  connect_v4();
  await(true, ONE_HALF_OPEN ONE_WAITING);
  check_conns(false, ONE_HALF_OPEN);
  assert_int_equal(send(clients.fds[1], "x", 1, 0), 1);
  await(true, ONE_WAITING ONE_WAITING);
  check_conns(false, "");
}

/* An IPv4 client of an IPv6 socket is one of that socket's family. */
QUEUE(the_family_of_a_connection_is_that_of_its_server) {
  const char *both = "IPv6 [::1]:0 waiting 0 ms\n"
                     "IPv6 [::ffff:127.0.0.1]:0 waiting 0 ms\n";
  open_queue(AF_INET6, 1);
  connect_v4();
  await(true, both);
  const struct lb_ports ports = {clients.server.port, clients.server.port};
  struct lb_conns v4_conns = get_conns(AF_INET, &ports, 1, true);
  assert_string_equal(text_of(&clients.server, &v4_conns).at, "");
  struct lb_conns v6_conns = get_conns(AF_INET6, &ports, 1, true);
  assert_string_equal(text_of(&clients.server, &v6_conns).at, both);
  close_client(1);
  defer_accept();
  connect_v4();
  await(false, "IPv6 [::ffff:127.0.0.1]:0 half-open 0 ms\n");
}

QUEUE(only_requested_ports_are_shown) {
  struct server other;
  int client;
  open_queue(AF_INET, 1);
  assert_int_equal(open_server(&other, AF_INET, false, 10), 0);
  assert_int_equal(fill_queue(&other, &client, 1), 0);
  const struct server *const servers[] = {&other, &clients.server};
  for (int i = 0; i < 2; i++) {
    struct lb_conns conns = get_conns_of(servers[i], true);
    assert_int_equal(conns.len, 1);
    assert_string_equal(text_of(servers[i], &conns).at, ONE_WAITING);
  }
  close(client);
  close(other.fd);
}

QUEUE(with_too_many_ports_for_a_filter_all_are_shown) {
  open_queue(AF_INET, 1);
  struct lb_ports *ports = alternating(32768); /* the even ones */
  struct lb_conns conns = get_conns(AF_UNSPEC, ports, 32768, true);
  assert_string_equal(text_of(&clients.server, &conns).at, ONE_WAITING);
  free(ports);
}

/* --- the clock ----------------------------------------------------------- */

/* It goes forward with jiffies, from which the kernel takes the wait, and by
 * as much at a time, and so it is late when they are. */
static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t tick_ns(void) {
  struct timespec tick;
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return tick.tv_nsec;
}

/* When the handshake of the one connection ended. */
struct age {
  int64_t not_before, not_after;
};

static struct age open_one(void) {
  struct age age = {.not_before = now_ns()};
  open_queue(AF_INET, 1);
  age.not_after = now_ns();
  return age;
}

/* Samples the one connection until it has waited for so many ticks; each time
 * it must have waited as long as the clock says, to a tick at either end and
 * the rest of a millisecond. */
static void check_age(const struct age *age, enum lb_conn_kind kind,
                      int64_t ticks) {
  int64_t tick = tick_ns(), wait;
  do {
    int64_t before = now_ns();
    struct lb_conns conns = get_conns_of(&clients.server, true);
    int64_t after = now_ns();
    assert_int_equal(conns.len, 1);
    assert_int_equal(conns.v[0].kind, kind);
    wait = conns.v[0].wait_ms * INT64_C(1000000);
    lb_conns_free(&conns);
    if (wait > after - age->not_before + 2 * tick ||
        wait + 1000000 < before - age->not_after - 2 * tick)
      fail_msg("%lld ns for %lld to %lld", (long long)wait,
               (long long)(before - age->not_after),
               (long long)(after - age->not_before));
    poll(NULL, 0, 1);
  } while (wait < ticks * tick);
}

/* Neither data nor a FIN of the client begins it anew. */
QUEUE(a_connection_waits_since_its_handshake_ended_whatever_its_client_sends) {
  struct age age = open_one();
  check_age(&age, LB_CONN_WAITING, 10);
  assert_int_equal(send(clients.fds[0], "data", 4, 0), 4);
  check_age(&age, LB_CONN_WAITING, 20);
  assert_int_equal(shutdown(clients.fds[0], SHUT_WR), 0);
  await(true, ONE_CLOSED);
  check_age(&age, LB_CONN_CLOSED, 30);
}

QUEUE(each_connection_has_a_wait_of_its_own) {
  struct age age = open_one();
  check_age(&age, LB_CONN_WAITING, 20);
  int64_t between = now_ns();
  connect_v4();
  await(true, ONE_WAITING ONE_WAITING);
  int64_t before = now_ns();
  struct lb_conns conns = get_conns_of(&clients.server, true);
  int64_t after = now_ns();
  assert_int_equal(conns.len, 2);
  int64_t a = conns.v[0].wait_ms * INT64_C(1000000);
  int64_t b = conns.v[1].wait_ms * INT64_C(1000000);
  int64_t younger = a < b ? a : b, older = a < b ? b : a;
  assert_true(younger <= after - between + 2 * tick_ns());
  /* The kernel may be held up between the one and the other. */
  assert_true(older - younger + 1000000 >=
              between - age.not_after - (after - before) - 2 * tick_ns());
  lb_conns_free(&conns);
}

int main(void) { return run_all_tests(open_netlink, close_netlink); }
