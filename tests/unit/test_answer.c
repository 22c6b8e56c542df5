// SPDX-License-Identifier: MIT
/* The messages of netlink answers: what the kernel sends, what it sends when
 * something is wrong, and what it never should, for all message handlers.
 * test_inet_conn and test_unix_diag have the requests and what the parsers of
 * connections and UNIX sockets have of their own. */
#include "kernel/answer.h"

#include "examples.h"
#include "memory.h"
#include "unit.h"

static const struct nlmsghdr dump_request = {
    .nlmsg_flags = NLM_F_DUMP, .nlmsg_seq = SEQ, .nlmsg_pid = PORTID};
static const struct nlmsghdr single_request = {.nlmsg_seq = SEQ,
                                               .nlmsg_pid = PORTID};
static const struct nlmsghdr any_request = {.nlmsg_flags = NLM_F_DUMP};

static int feed(const struct lb_answer *answer, const void *bytes, size_t len) {
  char *exact = exact_copy(bytes, len);
  int result = lb_answer_feed(answer, exact, len);
  free(exact);
  return result;
}

/* Feeds one datagram of a dump of TCP sockets; text: what they are after it, or
 * NULL for any. */
static void check_request(const struct nlmsghdr *request,
                          const struct datagram *datagram, int want,
                          const char *text) {
  struct lb_listen_socks socks = {0};
  const struct lb_answer answer = {request, lb_add_tcp_socks(&socks)};
  struct text got = {.len = 0};
  assert_int_equal(feed(&answer, datagram->at, datagram->len), want);
  say_socks(&got, &socks);
  if (text)
    assert_string_equal(got.at, text);
  lb_listen_socks_free(&socks);
}

static void check(const struct datagram *datagram, int want, const char *text) {
  check_request(&dump_request, datagram, want, text);
}

/* --- TCP sockets --------------------------------------------------------- */

TEST_CASE(a_message_of_either_type_is_a_socket) {
  for (uint16_t type = 18; type <= 20; type += 2) {
    struct datagram datagram = {.len = 0};
    put_sock_with(&datagram, type, &http, 9);
    put_sock_with(&datagram, type, &https, 9);
    check(&datagram, 1, HTTP HTTPS);
  }
}

TEST_CASE(drops_are_absent_before_linux_4_7_and_without_attributes) {
  struct datagram datagram = {.len = 0}, bare = {.len = 0};
  put_sock_with(&datagram, TCPDIAG_GETSOCK, &http, 8);
  put_sock_with(&datagram, TCPDIAG_GETSOCK, &http, 0);
  put_sock_with(&datagram, TCPDIAG_GETSOCK, &http, 9);
  check(&datagram, 1, HTTP_DROPS("?") HTTP_DROPS("?") HTTP);
  bare.len = put_sock(&bare, &http)->nlmsg_len = 16 + 72;
  check(&bare, 1, HTTP_DROPS("?"));
}

TEST_CASE(ipv6_sockets_keep_their_address_and_are_v6only_or_dual_stack) {
  struct datagram datagram = {.len = 0};
  struct lb_listen_sock any = https, mapped = http;
  any.v6only = false;
  memset(any.address, 0, sizeof(any.address));
  mapped.family = AF_INET6;
  put_sock(&datagram, &any);
  put_sock(&datagram, &mapped);
  check(&datagram, 1,
        HTTPS_AT("::") "\n"
                       "IPv6 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops 5 "
                       "inode 1513 cookie 100000002\n");
}

TEST_CASE(sockets_are_appended_over_many_datagrams) {
  struct lb_listen_socks socks = {0};
  const struct lb_answer answer = {&dump_request, lb_add_tcp_socks(&socks)};
  struct datagram done = {.len = 0};
  for (uint32_t i = 0; i < 1000; i++) {
    struct datagram datagram = {.len = 0};
    struct lb_listen_sock sock = http;
    sock.inode = i;
    put_sock(&datagram, &sock);
    assert_int_equal(feed(&answer, datagram.at, datagram.len), 1);
  }
  put_done(&done, 0);
  assert_int_equal(feed(&answer, done.at, done.len), 0);
  assert_int_equal(socks.len, 1000);
  for (uint32_t i = 0; i < 1000; i++)
    assert_int_equal(socks.v[i].inode, i);
  lb_listen_socks_free(&socks);
}

/* netlink.c has its buffer at such a place. */
TEST_CASE(a_datagram_may_begin_at_any_multiple_of_four) {
  struct datagram datagram = {.len = 4};
  struct lb_listen_socks socks = {0};
  const struct lb_answer answer = {&dump_request, lb_add_tcp_socks(&socks)};
  struct text got = {.len = 0};
  put_sock(&datagram, &http);
  put_done(&datagram, 0);
  assert_int_equal(lb_answer_feed(&answer, datagram.at + 4, datagram.len - 4),
                   0);
  say_socks(&got, &socks);
  assert_string_equal(got.at, HTTP);
  lb_listen_socks_free(&socks);
}

/* --- ends ---------------------------------------------------------------- */

/* h: http, s: https, n: NLMSG_NOOP, d: NLMSG_DONE without a status, D: with 0,
 * E: NLMSG_DONE with -ENOENT, !: NLMSG_ERROR without its error */
static struct datagram messages(const char *script) {
  struct datagram datagram = {.len = 0};
  for (; *script; script++)
    switch (*script) {
    case 'h':
    case 's':
      put_sock(&datagram, *script == 'h' ? &http : &https);
      break;
    case 'D':
    case 'E':
      put_done(&datagram, *script == 'D' ? 0 : -ENOENT);
      break;
    default:
      put_empty(&datagram, *script == 'n'   ? NLMSG_NOOP
                           : *script == 'd' ? NLMSG_DONE
                                            : NLMSG_ERROR);
    }
  return datagram;
}

TEST_CASE(a_dump_goes_on_until_its_end_or_an_error) {
  static const struct {
    const char *messages;
    int want;
    const char *socks; /* NULL: of no use */
  } cases[] = {
      {"hs", 1, HTTP HTTPS},  {"D", 0, ""},          {"d", 0, ""},
      {"hsD", 0, HTTP HTTPS}, {"hDs", 0, HTTP}, /* what follows the end is not
                                                   read */
      {"nhnDn", 0, HTTP},     {"n", 1, ""},          {"E", -ENOENT, NULL},
      {"hE", -ENOENT, NULL},  {"!", -EBADMSG, NULL}, {"", -EBADMSG, NULL},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = messages(cases[i].messages);
    check(&datagram, cases[i].want, cases[i].socks);
  }
}

TEST_CASE(the_kernel_can_answer_with_an_error) {
  static const struct {
    int status;
    int want_error; /* in NLMSG_ERROR */
    int want_done;  /* in NLMSG_DONE */
  } cases[] = {
      {-EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP},
      {-EINVAL, -EINVAL, -EINVAL},
      {-4095, -4095, -4095},
      {-4096, -EBADMSG, -EBADMSG},
      {0, -EBADMSG, 0}, /* an acknowledgement, which was not asked for */
      {1, -EBADMSG, 0},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram error = {.len = 0}, done = {.len = 0};
    put_error(&error, cases[i].status);
    check(&error, cases[i].want_error, NULL);
    put_done(&done, cases[i].status);
    check(&done, cases[i].want_done, NULL);
  }
}

TEST_CASE(a_replay_accepts_any_sequence_number_and_port_id) {
  struct datagram datagram = {.len = 0};
  put_sock(&datagram, &http);
  put_sock(&datagram, &https)->nlmsg_seq = 0;
  put_done(&datagram, 0)->nlmsg_pid = 1;
  check_request(&any_request, &datagram, 0, HTTP HTTPS);
}

/* --- refused ------------------------------------------------------------- */

static const struct lb_conn half_open = {
    .family = AF_INET, .port = 80, .kind = LB_CONN_HALF_OPEN};

static struct {
  struct lb_listen_socks socks;
  struct lb_conns conns;
  struct lb_pending pending;
} into;

static int open_handlers(void **state) {
  (void)state;
  memset(&into, 0, sizeof(into));
  into.pending = (struct lb_pending){4711, 815};
  return lb_unix_names_new(&into.socks.unix_names);
}

static int close_handlers(void **state) {
  (void)state;
  lb_unix_names_free(into.socks.unix_names);
  lb_listen_socks_free(&into.socks);
  lb_conns_free(&into.conns);
  return 0;
}

#define INTO_TEST(name) TEST_WITH(name, open_handlers, close_handlers)

static int feed_into(struct lb_msg_handler handler,
                     const struct datagram *datagram) {
  const struct lb_answer answer = {&dump_request, handler};
  return feed(&answer, datagram->at, datagram->len);
}

/* A message of each handler: h of a TCP socket, u of a UNIX socket, c of a
 * connection, p of pending connections; an end, D, and an error, E. */
static const char kinds[] = "hucp", all_kinds[] = "hucpDE";

static struct nlmsghdr *put_kind(struct datagram *datagram, char kind) {
  static const uint32_t inodes[] = {7, 0};
  static const struct lb_conn waiting = {
      .family = AF_INET, .port = 80, .kind = LB_CONN_WAITING};
  return kind == 'h'   ? put_sock(datagram, &http)
         : kind == 'u' ? put_unix_sock(datagram, &api, SOCK_STREAM, "/run/a", 7)
         : kind == 'c' ? put_conn(datagram, &waiting)
         : kind == 'D' ? put_done(datagram, 0)
         : kind == 'E' ? put_error(datagram, -EINVAL)
                       : put_pending(datagram, &api, inodes, LEN(inodes));
}

/* kept: how many sockets or answers came of it. */
static int feed_kind(const struct nlmsghdr *request, char kind,
                     const struct datagram *datagram, size_t *kept) {
  const struct lb_msg_handler handlers[] = {
      lb_add_tcp_socks(&into.socks), lb_add_unix_socks(&into.socks),
      lb_add_conns(&into.conns), lb_set_pending(&into.pending)};
  const struct lb_answer answer = {
      request,
      handlers[(size_t)(strchr(all_kinds, kind) - all_kinds) % LEN(handlers)]};
  assert_int_equal(open_handlers(NULL), 0);
  int result = feed(&answer, datagram->at, datagram->len);
  bool is_set = into.pending.waiting != 4711;
  *kept = into.socks.len + into.conns.len + is_set;
  if (is_set)
    assert_in_range(into.pending.waiting, into.pending.closed, 2);
  else
    assert_int_equal(into.pending.closed, 815);
  close_handlers(NULL);
  return result;
}

/* One field of a message, which is refused with each of these values. */
struct bad_field {
  const char *kinds;
  size_t at, size;
  int want;
  uint32_t values[16];
  size_t len;
};
#define BAD(kinds, type, base, name, want, ...)                                \
  {                                                                            \
    kinds, (base) + offsetof(struct type, name),                               \
        sizeof(((struct type *)0)->name), want, {__VA_ARGS__},                 \
        LEN(((const uint32_t[]){__VA_ARGS__}))                                 \
  }

static void check_bad_field(const struct bad_field *field, uint32_t value) {
  const char *bytes = (const char *)&value;
  if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
    bytes += sizeof(value) - field->size;
  for (const char *kind = field->kinds; *kind; kind++)
    for (size_t before = 0; before < 2; before++) {
      struct datagram datagram = {.len = 0};
      size_t kept;
      if (before) /* D and E are fed to the handlers of h and u */
        put_kind(&datagram, *kind == 'D' ? 'h' : *kind == 'E' ? 'u' : *kind);
      memcpy((char *)put_kind(&datagram, *kind) + field->at, bytes,
             field->size);
      assert_int_equal(feed_kind(&dump_request, *kind, &datagram, &kept),
                       field->want);
      assert_int_equal(kept, before);
    }
}

TEST_CASE(a_message_with_a_wrong_field_is_refused) {
  static const struct bad_field fields[] = {
      BAD(all_kinds, nlmsghdr, 0, nlmsg_seq, -EPROTO, SEQ - 1, SEQ + 1, 0,
          UINT32_MAX),
      BAD(all_kinds, nlmsghdr, 0, nlmsg_pid, -ESRCH, PORTID - 1, PORTID + 1, 0,
          UINT32_MAX),
      BAD(all_kinds, nlmsghdr, 0, nlmsg_flags, -EINTR, NLM_F_DUMP_INTR),
      BAD(kinds, nlmsghdr, 0, nlmsg_len, -EBADMSG, 0, 1, 15, 1000, 0x7fffffff,
          0x80000000, UINT32_MAX),
      BAD("hc", nlmsghdr, 0, nlmsg_len, -EBADMSG, 16, 20, 87),
      BAD("up", nlmsghdr, 0, nlmsg_len, -EBADMSG, 16, 17, 18, 19, 20, 21, 22,
          23, 24, 25, 26, 27, 28, 29, 30, 31),
      BAD(kinds, nlmsghdr, 0, nlmsg_type, -EBADMSG, 0, NLMSG_ERROR,
          NLMSG_OVERRUN, 5, 15, 16, 17, 19, 21, 65535),
      BAD("up", nlmsghdr, 0, nlmsg_type, -EBADMSG, 18),
      BAD("hc", inet_diag_msg, 16, idiag_family, -EBADMSG, AF_UNSPEC, AF_UNIX,
          AF_NETLINK, AF_VSOCK, 255),
      BAD("up", unix_diag_msg, 16, udiag_family, -EBADMSG, AF_UNSPEC, AF_INET,
          AF_INET6, AF_PACKET, AF_VSOCK, 255),
      BAD("hc", nlattr, 88, nla_len, -EBADMSG, 0, 1, 2, 3, 2000, 65535),
      BAD("up", nlattr, 32, nla_len, -EBADMSG, 0, 1, 2, 3, 2000, 65535),
  };
  static const struct bad_field states[] = {
      BAD("h", inet_diag_msg, 16, idiag_state, -EBADMSG, 0),
      BAD("up", unix_diag_msg, 16, udiag_state, -EBADMSG, 0),
  };
  for (size_t i = 0; i < LEN(fields); i++)
    for (size_t j = 0; j < fields[i].len; j++)
      check_bad_field(&fields[i], fields[i].values[j]);
  for (uint32_t value = 0; value <= UINT8_MAX; value++)
    for (size_t i = 0; i < LEN(states) && value != TCP_LISTEN; i++)
      check_bad_field(&states[i], value);
}

TEST_CASE(a_datagram_that_is_cut_off_is_malformed_except_between_messages) {
  struct datagram whole = messages("hsD");
  size_t first = messages("h").len, second = messages("hs").len;
  for (size_t len = 0; len < whole.len; len++) {
    struct datagram cut = whole;
    cut.len = len;
    check(&cut, len == first || len == second ? 1 : -EBADMSG, NULL);
  }
}

/* The padding of an attribute may be missing. */
TEST_CASE(a_message_that_is_cut_off_is_malformed_except_between_attributes) {
  enum { INFO_END = 100 + sizeof(struct tcp_info) };
  static const struct {
    char kind;
    uint32_t first, last;
    int want;
    size_t kept; /* a connection without INET_DIAG_INFO is skipped */
  } cases[] = {
      {'h', 88, 88, 1, 1},
      {'h', 93, 96, 1, 1},
      {'h', 108, 108, 1, 1},
      {'h', 114, 116, 1, 1},
      {'h', 156, 156, 1, 1},
      {'u', 56, 56, 1, 1}, /* the name, the lengths */
      {'u', 61, 64, 1, 1},
      {'c', 88, 88, 1, 0},
      {'c', 93, 96, 1, 0},
      {'c', INFO_END, INFO_END, 1, 1},
      {'p', 32, 32, -ENODATA, 0},
      {'p', 44, 44, 1, 1},
      {'p', 56, 56, 1, 1},
      {'p', 61, 64, 1, 1},
  };
  for (const char *kind = kinds; *kind; kind++) {
    struct datagram datagram = {.len = 0};
    struct nlmsghdr *msg = put_kind(&datagram, *kind);
    for (uint32_t len = (uint32_t)datagram.len; len >= NLMSG_HDRLEN; len--) {
      int want = -EBADMSG;
      size_t want_kept = 0, kept;
      for (size_t i = 0; i < LEN(cases); i++)
        if (cases[i].kind == *kind && len >= cases[i].first &&
            len <= cases[i].last) {
          want = cases[i].want;
          want_kept = cases[i].kept;
        }
      datagram.len = msg->nlmsg_len = len;
      assert_int_equal(feed_kind(&dump_request, *kind, &datagram, &kept), want);
      assert_int_equal(kept, want_kept);
    }
  }
}

TEST_CASE(the_cgroup_is_unknown_if_it_is_the_root) {
  struct datagram datagram = {.len = 0};
  struct lb_listen_sock row = http;
  row.cgroup = UINT64_C(0x100000002);
  put_sock(&datagram, &row);
  row.cgroup = 1;
  put_sock(&datagram, &row);
  check(&datagram, 1,
        "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops 5 inode 1513 "
        "cookie 100000002 cgroup 4294967298\n" HTTP);
}

TEST_CASE(a_short_cgroup_is_malformed) {
  struct datagram datagram = {.len = 0};
  struct nlmsghdr *msg = put_sock(&datagram, &http);
  mnl_attr_put_u32(msg, INET_DIAG_CGROUP_ID, 2);
  datagram.len = msg->nlmsg_len;
  check(&datagram, -EBADMSG, NULL);
}

TEST_CASE(an_empty_v6only_is_malformed) {
  struct datagram datagram = {.len = 0};
  struct nlmsghdr *msg = put_sock(&datagram, &http);
  mnl_attr_put(msg, INET_DIAG_SKV6ONLY, 0, NULL);
  datagram.len = msg->nlmsg_len;
  check(&datagram, -EBADMSG, NULL);
}

/* An error and an end follow, or nothing. */
TEST_CASE(one_wrong_bit_does_no_more_harm_than_an_error) {
  for (size_t i = 0; i < 2 * strlen(kinds); i++) {
    struct datagram whole = {.len = 0};
    char kind = kinds[i / 2];
    uint32_t end = put_kind(&whole, kind)->nlmsg_len;
    if (i % 2) {
      put_error(&whole, -EINVAL);
      put_done(&whole, -ENOENT);
    }
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
      struct datagram damaged = whole;
      size_t kept;
      damaged.at[bit / 8] = (char)(damaged.at[bit / 8] ^ 1 << bit % 8);
      int result = feed_kind(&any_request, kind, &damaged, &kept);
      assert_true(result <= 1);
      assert_in_range(kept, 0, 2);
      if (bit / 8 >= NLMSG_HDRLEN && bit / 8 < end)
        assert_true(result == (i % 2 ? -EINVAL : 1) || result == -EBADMSG ||
                    result == -ENODATA);
    }
  }
}

/* --- other handlers ----------------------------------------------------- */

INTO_TEST(unix_sockets_without_a_name_or_that_cannot_listen_are_skipped) {
  struct datagram first = {.len = 0}, second = {.len = 0};
  struct text got = {.len = 0};
  put_unix_sock(&first, &api, SOCK_STREAM, "/run/app", 9);
  put_unix_sock(&first, &api, SOCK_STREAM, NULL, 0);
  put_unix_sock(&first, &api, SOCK_DGRAM, "/run/log", 9);
  put_unix_sock(&first, &api, SOCK_SEQPACKET, "\0db", 3);
  put_unix_sock(&second, &api, SOCK_STREAM, "/run/app", 9);
  put_done(&second, 0);
  assert_int_equal(feed_into(lb_add_unix_socks(&into.socks), &first), 1);
  assert_int_equal(feed_into(lb_add_unix_socks(&into.socks), &second), 0);
  say_socks(&got, &into.socks);
  assert_string_equal(got.at,
                      API_AT("/run/app") API_AT("\\x00db") API_AT("/run/app"));
  assert_int_equal(into.socks.v[0].unix_name, into.socks.v[2].unix_name);
}

INTO_TEST(accepted_connections_are_skipped) {
  struct datagram datagram = {.len = 0};
  put_conn(&datagram, &half_open);
  struct inet_diag_msg *diag =
      mnl_nlmsg_get_payload(put_conn(&datagram, &half_open));
  diag->idiag_inode = 1513;
  put_conn(&datagram, &half_open);
  put_done(&datagram, 0);
  assert_int_equal(feed_into(lb_add_conns(&into.conns), &datagram), 0);
  assert_int_equal(into.conns.len, 2);
  for (size_t i = 0; i < into.conns.len; i++) {
    assert_int_equal(into.conns.v[i].kind, LB_CONN_HALF_OPEN);
    assert_int_equal(into.conns.v[i].port, 80);
  }
}

static int log_type(void *data, const struct nlmsghdr *msg) {
  say(data, "type %u\n", msg->nlmsg_type);
  return msg->nlmsg_type == 99 ? -EXDEV : 0;
}

INTO_TEST(an_error_of_the_handler_ends_the_answer) {
  struct text log = {.len = 0};
  struct datagram datagram = {.len = 0};
  put_empty(&datagram, 98);
  put_empty(&datagram, NLMSG_NOOP);
  put_empty(&datagram, 99);
  put_empty(&datagram, 98);
  assert_int_equal(
      feed_into((struct lb_msg_handler){log_type, &log}, &datagram), -EXDEV);
  assert_string_equal(log.at, "type 98\ntype 99\n");
}

static int feed_without_memory(struct lb_msg_handler handler,
                               const struct datagram *datagram) {
  const struct lb_answer answer = {&dump_request, handler};
  memory.fails = 1;
  memory.lasts = true;
  int result = lb_answer_feed(&answer, datagram->at, datagram->len);
  memory.fails = 0;
  memory.lasts = false;
  return result;
}

INTO_TEST(without_memory_nothing_is_appended) {
  struct datagram inet = {.len = 0}, local = {.len = 0}, conn = {.len = 0};
  const struct lb_msg_handler tcp = lb_add_tcp_socks(&into.socks),
                              unix_socks = lb_add_unix_socks(&into.socks);
  put_sock(&inet, &http);
  put_unix_sock(&local, &api, SOCK_STREAM, "/run/app", 9);
  put_conn(&conn, &half_open);
  assert_int_equal(feed_without_memory(tcp, &inet), -ENOMEM);
  assert_int_equal(feed_without_memory(unix_socks, &local), -ENOMEM);
  assert_int_equal(feed_without_memory(lb_add_conns(&into.conns), &conn),
                   -ENOMEM);
  assert_int_equal(into.socks.len + into.conns.len, 0);

  assert_non_null(
      lb_listen_socks_add(&into.socks)); /* now for the name alone */
  assert_int_equal(feed_without_memory(unix_socks, &local), -ENOMEM);
  assert_int_equal(into.socks.len, 1);
  assert_int_equal(feed_without_memory(tcp, &inet), 1);
  assert_int_equal(into.socks.len, 2);
}

/* --- single answers ------------------------------------------------------ */

static void check_single(const struct datagram *datagram, int want,
                         uint32_t want_waiting) {
  struct lb_pending pending = {4711, 815};
  const struct lb_answer answer = {&single_request, lb_set_pending(&pending)};
  assert_int_equal(feed(&answer, datagram->at, datagram->len), want);
  assert_int_equal(pending.waiting, want_waiting);
  assert_int_equal(pending.closed, want == 0 ? 1 : 815);
}

TEST_CASE(a_single_answer_is_the_first_message_or_an_error_and_not_empty) {
  static const uint32_t inodes[] = {7, 0, 8};
  static const int errors[] = {-ENOENT, -ESTALE, -EMSGSIZE};
  struct datagram alone = {.len = 0}, among_others = {.len = 0};
  put_pending(&alone, &api, inodes, 3);
  check_single(&alone, 0, 3);
  put_empty(&among_others, NLMSG_NOOP);
  put_pending(&among_others, &api, inodes, 2);
  put_pending(&among_others, &api, inodes, 3); /* is not read */
  check_single(&among_others, 0, 2);
  struct datagram early = messages("n"), empty = messages("D");
  check_single(&early, 1, 4711);
  check_single(&empty, -EBADMSG, 4711);
  for (size_t i = 0; i < LEN(errors); i++) {
    struct datagram error = {.len = 0}, done = {.len = 0};
    put_error(&error, errors[i]);
    check_single(&error, errors[i], 4711);
    put_done(&done, errors[i]);
    check_single(&done, errors[i], 4711);
  }
}

TEST_CASE(a_single_answer_must_answer_its_request) {
  struct datagram foreign = {.len = 0}, stray = {.len = 0};
  put_pending(&foreign, &api, NULL, 0)->nlmsg_seq++;
  check_single(&foreign, -EPROTO, 4711);
  put_pending(&stray, &api, NULL, 0)->nlmsg_pid++;
  check_single(&stray, -ESRCH, 4711);
}

/* --- as recorded --------------------------------------------------------- */

static int feed_hex(const struct lb_answer *answer, const char *hex) {
  struct datagram datagram = datagram_of_hex(hex);
  return feed(answer, datagram.at, datagram.len);
}

/* Linux 6.18: 127.0.0.1:8080 with a backlog of 2, 3 connections and a fourth
 * tried, [::1]:9090 bound to lo and IPv6 alone; then the second datagram. */
TEST_CASE(the_bytes_of_a_kernel_are_read) {
  static const char bytes[] =
      "a4000000 12000200 07000000 92100000 020a0000 1f900000 7f000001 00000000 "
      "00000000 00000000 00000000 00000000 00000000 00000000 00000000 66a10100 "
      "00000000 00000000 03000000 02000000 00000000 7f0e1900 05000800 00000000 "
      "08000f00 00000000 0c001500 01000000 00000000 06001600 52000000 28000700 "
      "00000000 00000200 00000000 00400000 00000000 00000000 00000000 00000000 "
      "01000000 ac000000 12000200 07000000 92100000 0a0a0000 23820000 00000000 "
      "00000000 00000000 00000001 00000000 00000000 00000000 00000000 01000000 "
      "67a10100 00000000 00000000 00000000 80000000 00000000 830e1900 05000800 "
      "00000000 05000b00 01000000 08000f00 00000000 0c001500 01000000 00000000 "
      "06001600 12000000 28000700 00000000 00000200 00000000 00400000 00000000 "
      "00000000 00000000 00000000 00000000";
  static const char end[] = "14000000 03000200 07000000 92100000 00000000";
  if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
    skip();
  struct lb_listen_socks socks = {0};
  const struct lb_answer answer = {&dump_request, lb_add_tcp_socks(&socks)};
  struct text got = {.len = 0};
  assert_int_equal(feed_hex(&answer, bytes), 1);
  assert_int_equal(feed_hex(&answer, end), 0);
  say_socks(&got, &socks);
  assert_string_equal(got.at,
                      "IPv4 [::ffff:127.0.0.1]:8080 queue 3 limit 2 drops 1 "
                      "inode 1642111 cookie 1a166\n"
                      "IPv6 [::1]:9090 on 1 queue 0 limit 128 drops 0 "
                      "inode 1642115 cookie 1a167 v6only\n");
  lb_listen_socks_free(&socks);
}

int main(void) { return run_all_tests(NULL, NULL); }
