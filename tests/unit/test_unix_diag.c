// SPDX-License-Identifier: MIT
/* UNIX sockets: answers as a kernel sends them and as none should, the
 * requests, and the running kernel with sockets of our own. */
#include "kernel/unix_diag.h"

#include "errors.h"
#include "unit.h"

static const struct lb_listen_sock app = {
    .cookie = 0x100000002,
    .queue = 3,
    .limit = 2,
    .inode = 1513,
    .family = AF_UNIX,
};
#define APP "UNIX \"/run/app\" queue 3 limit 2 inode 1513 cookie 100000002\n"

static struct nlmsghdr *put_app(struct datagram *datagram) {
  return put_unix_sock(datagram, &app, SOCK_STREAM, "/run/app", 9);
}

static int parse_into(const struct nlmsghdr *msg, struct lb_unix_names *names,
                      struct lb_listen_sock *sock) {
  struct nlmsghdr *exact = exact_copy(msg, msg->nlmsg_len);
  int result = lb_unix_parse_listen_sock(exact, names, sock);
  free(exact);
  return result;
}

/* The socket that a message is parsed to, or what is returned instead. */
static void say_parsed(struct text *got, const struct nlmsghdr *msg) {
  struct lb_unix_names *names;
  struct lb_listen_sock sock;
  assert_int_equal(lb_unix_names_new(&names), 0);
  int result = parse_into(msg, names, &sock);
  if (result == 0)
    say_unix_sock(got, &sock, names);
  else
    say(got, "%s\n", result == 1 ? "skipped" : error_name(-result));
  lb_unix_names_free(names);
}

static void check(const struct nlmsghdr *msg, const char *want) {
  struct text got = {.len = 0};
  say_parsed(&got, msg);
  assert_string_equal(got.at, want);
}

static int parse_pending(const struct nlmsghdr *msg,
                         struct lb_pending *pending) {
  struct nlmsghdr *exact = exact_copy(msg, msg->nlmsg_len);
  int result = lb_unix_parse_pending(exact, pending);
  free(exact);
  return result;
}

static void check_pending(const struct nlmsghdr *msg, uint32_t waiting,
                          uint32_t closed) {
  struct lb_pending pending;
  assert_int_equal(parse_pending(msg, &pending), 0);
  assert_int_equal(pending.waiting, waiting);
  assert_int_equal(pending.closed, closed);
}

static void check_no_pending(const struct nlmsghdr *msg, int want_err) {
  struct lb_pending pending = {4711, 815};
  assert_int_equal(parse_pending(msg, &pending), want_err);
  assert_int_equal(pending.waiting, 4711);
  assert_int_equal(pending.closed, 815);
}

/* --- listening sockets --------------------------------------------------- */

TEST_CASE(numbers_are_as_large_as_the_kernel_has_them) {
  static const struct lb_listen_sock largest = {.cookie = UINT64_MAX,
                                                .queue = UINT32_MAX,
                                                .limit = UINT32_MAX - 1,
                                                .inode = UINT32_MAX - 2};
  struct datagram datagram = {.len = 0};
  check(put_unix_sock(&datagram, &largest, SOCK_SEQPACKET, "/run/big", 9),
        "UNIX \"/run/big\" queue 4294967295 limit 4294967294 inode 4294967293 "
        "cookie ffffffffffffffff\n");
}

TEST_CASE(fields_of_tcp_sockets_are_zero) {
  static const uint8_t zeros[sizeof(((struct lb_listen_sock *)0)->address)];
  struct datagram datagram = {.len = 0};
  struct lb_unix_names *names;
  struct lb_listen_sock sock;
  memset(&sock, 0x5a, sizeof(sock));
  assert_int_equal(lb_unix_names_new(&names), 0);
  assert_int_equal(parse_into(put_app(&datagram), names, &sock), 0);
  assert_memory_equal(sock.address, zeros, sizeof(zeros));
  assert_int_equal(sock.sk_drops + sock.ifindex + sock.port, 0);
  assert_int_equal(sock.family, AF_UNIX);
  assert_false(sock.has_drops || sock.v6only);
  lb_unix_names_free(names);
}

#define X27 "xxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X108 X27 X27 X27 X27
#define Z10 "\0\0\0\0\0\0\0\0\0\0"
#define TAIL " queue 3 limit 2 inode 1513 cookie 100000002\n"

TEST_CASE(a_name_is_what_bind_got) {
#define BYTES(literal) literal, sizeof(literal) - 1
  static const struct {
    const char *bytes;
    size_t len;
    const char *want;
  } cases[] = {
      {BYTES("/run/app\0"), "UNIX \"/run/app\"" TAIL},
      {BYTES("/run/app"), "UNIX \"/run/app\"" TAIL},
      {BYTES("relative.sock\0"), "UNIX \"relative.sock\"" TAIL},
      {BYTES("/\xe4 \n\0"), "UNIX \"/\\xe4 \\x0a\"" TAIL},
      {BYTES("/run/app\0old rest"), "UNIX \"/run/app\"" TAIL},
      {BYTES(X108 "\0"), "UNIX \"" X108 "\"" TAIL},
      {BYTES(X108), "UNIX \"" X108 "\"" TAIL},
      {BYTES("\0app"), "UNIX \"\\x00app\"" TAIL},
      {BYTES("\0app\xff\0\x01@"), "UNIX \"\\x00app\\xff\\x00\\x01@\"" TAIL},
      {BYTES("\0app" Z10 Z10 Z10), "UNIX \"\\x00app\"" TAIL},
      {BYTES("\0" X27 X27 X27 "yyyyyyyyyyyyyyyyyyyyyyyyyy"),
       "UNIX \"\\x00" X27 X27 X27 "yyyyyyyyyyyyyyyyyyyyyyyyyy\"" TAIL},
      {BYTES(""), "skipped\n"},
      {BYTES("\0"), "UNIX \"\\x00\"" TAIL},
      {BYTES(Z10), "UNIX \"\\x00\"" TAIL},
      {BYTES(X108 "y"), "EBADMSG\n"},
      {BYTES(X108 "\0\0"), "EBADMSG\n"},
      {BYTES("\0" X108 "\0"), "EBADMSG\n"},
      {BYTES(X108 X108), "EBADMSG\n"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    check(put_unix_sock(&datagram, &app, SOCK_STREAM, cases[i].bytes,
                        cases[i].len),
          cases[i].want);
  }
}

TEST_CASE(only_streams_and_seqpackets_with_a_name_are_not_skipped) {
  struct datagram nameless = {.len = 0};
  check(put_unix_sock(&nameless, &app, SOCK_STREAM, NULL, 0), "skipped\n");
  for (unsigned type = 0; type <= UINT8_MAX; type++) {
    struct datagram datagram = {.len = 0};
    check(put_unix_sock(&datagram, &app, (uint8_t)type, "/run/app", 9),
          type == 1 || type == 5 ? APP : "skipped\n");
  }
}

TEST_CASE(sockets_of_one_name_have_one_number) {
  static const struct {
    const char *bytes;
    size_t len;
    uint32_t want;
  } cases[] = {
      {"/run/app", 9, 0}, {"\0run/app", 8, 1},      {"/run/app", 8, 0},
      {"/run/ap", 8, 2},  {"\0run/app\0\0", 10, 1},
  };
  struct lb_unix_names *names;
  struct lb_listen_sock sock;
  assert_int_equal(lb_unix_names_new(&names), 0);
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    assert_int_equal(parse_into(put_unix_sock(&datagram, &app, SOCK_STREAM,
                                              cases[i].bytes, cases[i].len),
                                names, &sock),
                     0);
    assert_int_equal(sock.unix_name, cases[i].want);
  }
  lb_unix_names_free(names);
}

TEST_CASE(unknown_attributes_are_skipped) {
  struct datagram datagram = {.len = 0};
  struct nlmsghdr *msg = start_unix(&datagram, &app, SOCK_STREAM);
  const uint32_t more[] = {3, 2, 1};
  mnl_attr_put_u32(msg, 99, 1);
  mnl_attr_put(msg, UNIX_DIAG_RQLEN, sizeof(more), more);
  mnl_attr_put_u32(msg, UNIX_DIAG_UID, 0);
  mnl_attr_put(msg, UNIX_DIAG_NAME, 9, "/run/app");
  mnl_attr_put(msg, 100, 0, NULL);
  check(msg, APP);
}

/* --- pending connections ------------------------------------------------- */

/* Without inodes (-1) and without the length of the queue (-1) as well. */
TEST_CASE(pending_connections_are_counted_by_the_inodes_of_their_clients) {
  static const uint32_t inodes[] = {7, 0, 1, 0, UINT32_MAX, 0};
  static const struct {
    int inodes, queue;
    int waiting, closed; /* waiting -1: not told */
  } cases[] = {
      {0, 0, 0, 0},  {1, 1, 1, 0},  {2, 2, 2, 1},    {3, 3, 3, 1},
      {4, 4, 4, 2},  {5, 5, 5, 2},  {6, 6, 6, 3},    {2, 3, 2, 1},
      {2, -1, 2, 1}, {-1, 0, 0, 0}, {-1, 1, -1, -1}, {-1, -1, -1, -1},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    struct nlmsghdr *msg = start_unix(&datagram, &app, SOCK_STREAM);
    if (cases[i].inodes >= 0)
      mnl_attr_put(msg, UNIX_DIAG_ICONS, (size_t)cases[i].inodes * 4, inodes);
    if (cases[i].queue >= 0)
      put_rqlen(msg, (uint32_t)cases[i].queue, 5);
    if (cases[i].waiting < 0)
      check_no_pending(msg, -ENODATA);
    else
      check_pending(msg, (uint32_t)cases[i].waiting, (uint32_t)cases[i].closed);
  }
}

/* --- malformed ----------------------------------------------------------- */

TEST_CASE(attributes_that_are_too_short_are_malformed) {
  static const uint32_t numbers[2] = {7, 8};
  struct datagram none = {.len = 0};
  struct nlmsghdr *msg = start_unix(&none, &app, SOCK_STREAM);
  mnl_attr_put(msg, UNIX_DIAG_NAME, 9, "/run/app");
  check(msg, "EBADMSG\n"); /* the lengths are missing */
  for (size_t len = 0; len <= sizeof(numbers); len++) {
    struct datagram row = {.len = 0}, queue = {.len = 0}, inodes = {.len = 0};
    msg = start_unix(&row, &app, SOCK_STREAM);
    mnl_attr_put(msg, UNIX_DIAG_NAME, 9, "/run/app");
    mnl_attr_put(msg, UNIX_DIAG_RQLEN, len, numbers);
    if (len < sizeof(numbers))
      check(msg, "EBADMSG\n");
    msg = start_unix(&queue, &app, SOCK_STREAM);
    mnl_attr_put(msg, UNIX_DIAG_RQLEN, len, numbers);
    check_no_pending(msg, len < sizeof(numbers) ? -EBADMSG : -ENODATA);
    msg = start_unix(&inodes, &app, SOCK_STREAM);
    mnl_attr_put(msg, UNIX_DIAG_ICONS, len, numbers);
    if (len % 4)
      check_no_pending(msg, -EBADMSG);
    else
      check_pending(msg, (uint32_t)len / 4, 0);
  }
}

/* --- as recorded --------------------------------------------------------- */

/* Linux 6.18: a stream socket with a backlog of 2 and 3 clients, of which the
 * second has closed; a seqpacket socket with an abstract name. */
TEST_CASE(the_bytes_of_a_kernel_are_read) {
  static const char stream[] =
      "48000000 14000200 07000000 92100000 01010a00 0a64d000 dc540800 00000000 "
      "12000000 2f746d70 2f617070 2e736f63 6b000000 0c000400 03000000 02000000 "
      "05000600 00000000";
  static const char seqpacket[] =
      "3c000000 14000200 07000000 92100000 01050a00 0b64d000 dd540800 00000000 "
      "08000000 006462ff 0c000400 00000000 80000000 05000600 00000000";
  static const char pending[] =
      "44000000 14000000 07000000 92100000 01010a00 0a64d000 dc540800 00000000 "
      "10000300 0c64d000 00000000 0e64d000 0c000400 03000000 02000000 05000600 "
      "00000000";
  if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
    skip();
  struct text got = {.len = 0};
  struct datagram first = datagram_of_hex(stream),
                  second = datagram_of_hex(seqpacket),
                  third = datagram_of_hex(pending);
  say_parsed(&got, (void *)first.at);
  say_parsed(&got, (void *)second.at);
  assert_string_equal(got.at, "UNIX \"/tmp/app.sock\" queue 3 limit 2 "
                              "inode 13657098 cookie 854dc\n"
                              "UNIX \"\\x00db\\xff\" queue 0 limit 128 "
                              "inode 13657099 cookie 854dd\n");
  check_pending((void *)third.at, 3, 1);
}

/* --- connections ---------------------------------------------------------- */

TEST_CASE(accepted_connections_have_the_name_of_the_listening_socket) {
  static const struct {
    uint32_t inode;
    uint8_t type;
    const char *sun_path;
    size_t len;
    int want;
  } cases[] = {
      {7, SOCK_STREAM, "/run/a", 7, 0}, {7, SOCK_SEQPACKET, "\0b", 2, 0},
      {7, SOCK_STREAM, NULL, 0, 1},     {7, SOCK_DGRAM, "/run/a", 7, 1},
      {0, SOCK_STREAM, "/run/a", 7, 1},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    struct lb_unix_name name = {.len = 99};
    struct nlmsghdr *msg =
        put_unix_conn(&datagram, cases[i].inode, cases[i].type,
                      cases[i].sun_path, cases[i].len);
    assert_int_equal(lb_unix_parse_conn(msg, &name), cases[i].want);
    if (cases[i].want == 0)
      assert_int_equal(name.len, cases[i].sun_path[0] ? 6 : 2);
    struct unix_diag_msg *diag = NLMSG_DATA(msg);
    diag->udiag_state = TCP_LISTEN;
    assert_int_equal(lb_unix_parse_conn(msg, &name), -EBADMSG);
  }
}

/* --- requests ------------------------------------------------------------ */

/* Dump: LISTEN alone, 1 << 10; name, 1, file, 2, and lengths, 0x10;
 * NLM_F_REQUEST | NLM_F_DUMP. Pending connections: inodes, 8, and lengths; no
 * NLM_F_DUMP. Connections: ESTABLISHED, 1 << 1, and names. */
TEST_CASE(requests_name_the_state_or_the_socket_and_what_to_show) {
  static const struct lb_listen_sock sock = {.cookie = 0xfedcba9876543210,
                                             .inode = 1513};
  static const struct {
    struct nlmsghdr msg;
    struct unix_diag_req req;
  } want[] = {{.msg = {40, 20, 0x301, 0, 0},
               .req = {.sdiag_family = AF_UNIX,
                       .udiag_states = 0x400,
                       .udiag_show = 0x13}},
              {.msg = {40, 20, 0x1, 0, 0},
               .req = {.sdiag_family = AF_UNIX,
                       .udiag_ino = 1513,
                       .udiag_show = 0x18,
                       .udiag_cookie = {0x76543210, 0xfedcba98}}},
              {.msg = {40, 20, 0x301, 0, 0},
               .req = {.sdiag_family = AF_UNIX,
                       .udiag_states = 0x2,
                       .udiag_show = 0x1}}};
  assert_int_equal(sizeof(want[0]), 40);
  for (size_t i = 0; i < LEN(want); i++) {
    _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
    memset(buf, 0x5a, sizeof(buf));
    assert_ptr_equal(i == 2   ? lb_unix_request_conns(buf)
                     : i == 1 ? lb_unix_request_pending(buf, &sock)
                              : lb_unix_request_listen_socks(buf),
                     buf);
    assert_memory_equal(buf, &want[i], sizeof(want[i]));
    for (size_t j = sizeof(want[i]); j < sizeof(buf); j++)
      assert_int_equal(buf[j], 0x5a);
  }
}

/* --- the kernel ---------------------------------------------------------- */

static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};

/* A directory for sockets, with a name of its own. */
static struct {
  char path[64];
  struct lb_netlink *netlink;
} own;

static int open_folder(void **state) {
  (void)state;
  const char *tmp = getenv("TMPDIR");
  snprintf(own.path, sizeof(own.path), "%s/test_diag_unix.XXXXXX",
           tmp && strlen(tmp) < 32 ? tmp : "/tmp");
  return mkdtemp(own.path) ? lb_netlink_new(&own.netlink) : -1;
}

static int close_folder(void **state) {
  (void)state;
  lb_netlink_free(own.netlink);
  return rmdir(own.path);
}

/* The server's socket as the kernel shows it. */
static struct {
  struct lb_listen_sock sock;
  struct lb_unix_name name;
  size_t named; /* listening sockets of this name */
} found;

static bool find(const struct server *server) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  struct lb_listen_socks socks = {0};
  size_t count = 0;
  assert_int_equal(lb_unix_names_new(&socks.unix_names), 0);
  assert_int_equal(ask_kernel(own.netlink, lb_unix_request_listen_socks(buf),
                              lb_add_unix_socks(&socks)),
                   0);
  for (size_t i = 0; i < socks.len; i++)
    if (socks.v[i].inode == server->inode) {
      found.sock = socks.v[i];
      count++;
    }
  assert_in_range(count, 0, 1);
  found.named = 0;
  for (size_t i = 0; i < socks.len && count; i++)
    found.named += socks.v[i].unix_name == found.sock.unix_name;
  if (count) {
    const struct lb_unix_name *name =
        lb_unix_names_get(socks.unix_names, found.sock.unix_name);
    found.name = lb_unix_name_of(name->bytes, name->len);
  }
  lb_unix_names_free(socks.unix_names);
  lb_listen_socks_free(&socks);
  return count;
}

/* The socket of most tests. */
static struct server server;

static void open_socket(int type, const char *name, size_t len, int backlog) {
  if (!has_unix_diag())
    skip();
  assert_int_equal(open_unix_server(&server, type, name, len, backlog), 0);
}

static int connect_client(void) {
  int client = connect_unix(&server);
  assert_true(client >= 0);
  return client;
}

static int get_pending(const struct lb_listen_sock *row,
                       struct lb_pending *pending) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  return ask_kernel(own.netlink, lb_unix_request_pending(buf, row),
                    lb_set_pending(pending));
}

static void check_waiting(uint32_t waiting, uint32_t closed) {
  const struct lb_listen_sock sock = {.inode = server.inode,
                                      .cookie = server.cookie};
  struct lb_pending got;
  assert_int_equal(get_pending(&sock, &got), 0);
  assert_int_equal(got.waiting, waiting);
  assert_int_equal(got.closed, closed);
}

static void check_found(const char *name, size_t len, uint32_t queue,
                        uint32_t limit) {
  assert_true(find(&server));
  assert_int_equal(found.name.len, len);
  assert_memory_equal(found.name.bytes, name, len);
  assert_int_equal(found.sock.cookie, server.cookie);
  assert_int_equal(found.sock.family, AF_UNIX);
  assert_int_equal(found.sock.queue, queue);
  assert_int_equal(found.sock.limit, limit);
  assert_int_equal(found.named, 1);
}

/* A name in a buffer of 108 bytes and a NUL: in the directory, or abstract with
 * the directory's in it. */
static size_t put_name(char name[static LB_UNIX_NAME_SIZE + 1], bool abstract,
                       const char *rest) {
  memset(name, 0, LB_UNIX_NAME_SIZE + 1);
  struct text text = {.len = 0};
  say(&text, "%s/%s", own.path, rest);
  size_t len = text.len < LB_UNIX_NAME_SIZE ? text.len : LB_UNIX_NAME_SIZE;
  memcpy(name, text.at, len);
  if (abstract)
    name[0] = '\0';
  return len;
}

TEST_CASE(queue_and_limit_follow_clients_and_accept) {
  for (size_t i = 0; i < LEN(types) * 2; i++) {
    enum { BACKLOG = 3 };
    bool abstract = i % 2;
    char name[LB_UNIX_NAME_SIZE + 1];
    size_t len = put_name(name, abstract, "sock");
    int clients[BACKLOG + 1];
    open_socket(types[i / 2], name, len, BACKLOG);
    for (uint32_t queue = 0; queue <= BACKLOG; queue++) {
      check_found(name, len, queue, BACKLOG);
      clients[queue] = connect_client();
    }
    assert_int_equal(connect_unix(&server), -1); /* a limit of N admits N + 1 */
    assert_int_equal(errno, EAGAIN);
    check_found(name, len, BACKLOG + 1, BACKLOG);

    int accepted = accept(server.fd, NULL, NULL);
    assert_true(accepted >= 0); /* has the same name, but does not listen */
    check_found(name, len, BACKLOG, BACKLOG);
    close(accepted);
    for (size_t j = 0; j < LEN(clients); j++)
      close(clients[j]);
    close(server.fd);
    if (!abstract)
      assert_int_equal(unlink(name), 0);
  }
}

/* A short name in a whole struct sockaddr_un, and one that fills sun_path. */
TEST_CASE(a_name_may_fill_all_of_sun_path_and_be_padded_with_zeros) {
  for (int i = 0; i < 4; i++) {
    char name[LB_UNIX_NAME_SIZE + 1];
    bool abstract = i % 2, is_short = i < 2;
    size_t len = put_name(name, abstract, is_short ? "sock" : X108);
    open_socket(SOCK_STREAM, name, LB_UNIX_NAME_SIZE, 1);
    assert_true(is_short || len == LB_UNIX_NAME_SIZE);
    int client = is_short ? -1 : connect_unix(&server);
    check_found(name, len, !is_short, 1);
    close(client);
    close(server.fd);
    if (!abstract)
      assert_int_equal(unlink(name), 0);
  }
}

TEST_CASE(an_abstract_name_may_have_any_bytes) {
  char name[LB_UNIX_NAME_SIZE + 1];
  size_t len = put_name(name, true, "");
  assert_in_range(len, 1, LB_UNIX_NAME_SIZE - 16);
  memcpy(name + len, "\0\xff\0/\n@\x80\x01", 8);
  len += 8;
  open_socket(SOCK_SEQPACKET, name, len, 7);
  check_found(name, len, 0, 7);
  close(server.fd);
}

/* unix_autobind(): NUL and 5 hexadecimal digits. */
TEST_CASE(a_name_may_be_chosen_by_the_kernel) {
  open_socket(SOCK_STREAM, NULL, 0, 1);
  assert_true(find(&server));
  assert_int_equal(found.name.len, 6);
  assert_int_equal(found.name.bytes[0], '\0');
  assert_int_equal(strspn(found.name.bytes + 1, "0123456789abcdef"), 5);
  close(server.fd);
}

TEST_CASE(a_socket_that_does_not_listen_is_not_shown) {
  static const int others[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
  for (size_t i = 0; i < LEN(others); i++) {
    open_socket(others[i], NULL, 0, -1);
    assert_false(find(&server));
    close(server.fd);
  }
}

TEST_CASE(clients_that_have_closed_are_counted_until_accept) {
  static const uint32_t closed[] = {1, 1, 1, 0, 0}; /* of those left */
  for (size_t i = 0; i < LEN(types); i++) {
    int clients[LEN(closed)];
    open_socket(types[i], NULL, 0, 8);
    check_waiting(0, 0);
    for (uint32_t j = 0; j < LEN(clients); j++) {
      clients[j] = connect_client();
      check_waiting(j + 1, 0);
    }
    assert_int_equal(send(clients[0], "request", 7, 0), 7);
    assert_int_equal(shutdown(clients[1], SHUT_WR), 0); /* may still read */
    check_waiting(5, 0);
    close(clients[0]);
    check_waiting(5, 1);
    close(clients[3]);
    check_waiting(5, 2);
    for (uint32_t j = 0; j < LEN(clients); j++) {
      int accepted = accept(server.fd, NULL, NULL);
      assert_true(accepted >= 0);
      close(accepted);
      check_waiting(4 - j, closed[j]);
    }
    close(clients[1]);
    close(clients[2]);
    close(clients[4]);
    close(server.fd);
  }
}

/* What unix_diag.h says of unix_diag_get_exact(), for pages of any size. That
 * they have closed spares us as many descriptors. */
TEST_CASE(too_many_pending_connections_are_an_error) {
  const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
  const uint32_t certain = page / 4 - 70, too_many = page / 2;
  struct lb_pending pending = {4711, 815};
  uint32_t queue = 0;
  int client;
  open_socket(SOCK_STREAM, NULL, 0, (int)too_many);
  for (; queue < certain && (client = connect_unix(&server)) >= 0; queue++)
    close(client);
  check_waiting(queue, queue);
  for (; queue <= too_many && (client = connect_unix(&server)) >= 0; queue++)
    close(client);
  assert_true(find(&server));
  assert_int_equal(found.sock.queue, queue);
  if (queue > too_many) { /* else somaxconn allows no more */
    assert_int_equal(get_pending(&found.sock, &pending), -EMSGSIZE);
    assert_int_equal(pending.waiting, 4711);
    assert_int_equal(pending.closed, 815);
  }
  close(server.fd);
}

TEST_CASE(a_socket_that_is_gone_has_no_pending_connections) {
  struct lb_pending pending;
  open_socket(SOCK_STREAM, NULL, 0, 1);
  assert_true(find(&server));
  assert_int_equal(get_pending(&found.sock, &pending), 0);
  found.sock.cookie++;
  assert_int_equal(get_pending(&found.sock, &pending), -ESTALE);
  found.sock.cookie--;
  assert_int_equal(get_pending(&found.sock, &pending), 0);
  close(server.fd);
  assert_int_equal(get_pending(&found.sock, &pending), -ENOENT);
}

int main(void) { return run_all_tests(open_folder, close_folder); }
