// SPDX-License-Identifier: MIT
/* Netlink bytes to rows and to others that are taken out of them, and bytes
 * that are refused: what the kernel sends, what it sends when something is
 * wrong, and what it never should. The linker's --wrap sends allocations
 * through here, where memory can run out. */
#include "kernel/answer.h"

#include "kernel/inet_diag.h"
#include "memory.h"
#include "unit.h"

#include <errno.h>

static const struct lb_listen_sock http = {
    .cookie = 0x100000002,
    .address = {[10] = 0xff, 0xff, 127, 0, 0, 1},
    .queue = 3,
    .limit = 2,
    .sk_drops = 5,
    .inode = 1513,
    .port = 80,
    .family = AF_INET,
    .has_drops = true,
};
#define HTTP                                                                   \
  "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops 5 inode 1513 "             \
  "cookie 100000002\n"

static const struct lb_listen_sock https = {
    .cookie = 0xfedcba9876543210,
    .address = {[15] = 1},
    .limit = 4096,
    .sk_drops = 4294967295,
    .ifindex = 7,
    .inode = 4294967295,
    .port = 443,
    .family = AF_INET6,
    .has_drops = true,
    .v6only = true,
};
#define HTTPS                                                                  \
  "IPv6 [::1]:443 on 7 queue 0 limit 4096 drops 4294967295 "                   \
  "inode 4294967295 cookie fedcba9876543210 v6only\n"

static const struct nlmsghdr dump_request = {
    .nlmsg_flags = NLM_F_DUMP, .nlmsg_seq = SEQ, .nlmsg_pid = PORTID};
static const struct nlmsghdr single_request = {.nlmsg_seq = SEQ,
                                               .nlmsg_pid = PORTID};
static const struct nlmsghdr any_request = {.nlmsg_flags = NLM_F_DUMP};

/* Without a byte behind it, so that an overrun is seen. */
static int feed(const struct lb_answer *dump, const void *bytes, size_t len) {
  char *exact = calloc(1, len ? len : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, len);
  int result = lb_answer_feed(dump, exact, len);
  free(exact);
  return result;
}

static void check(const struct datagram *datagram, int want_result,
                  const char *want) {
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &dump_request};
  struct text got = {.len = 0};
  assert_int_equal(feed(&dump, datagram->at, datagram->len), want_result);
  say_rows(&got, &rows);
  assert_string_equal(got.at, want);
  lb_listen_socks_free(&rows);
}

/* What the rows are then is nobody's business. */
static void check_refused(const struct datagram *datagram, int want_err) {
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &dump_request};
  assert_int_equal(feed(&dump, datagram->at, datagram->len), want_err);
  lb_listen_socks_free(&rows);
}

/* --- rows ---------------------------------------------------------------- */

static void a_row_is_read_from_either_kind_of_answer(void **state) {
  (void)state;
  static const uint16_t types[] = {18, 20};
  for (size_t i = 0; i < LEN(types); i++) {
    struct datagram datagram = {.len = 0};
    put_row_with(&datagram, types[i], &http, 9);
    put_row_with(&datagram, types[i], &https, 9);
    check(&datagram, 1, HTTP HTTPS);
  }
}

static void drops_are_absent_before_linux_4_7(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  put_row_with(&datagram, TCPDIAG_GETSOCK, &http, 8);
  put_row_with(&datagram, TCPDIAG_GETSOCK, &http, 0);
  put_row_with(&datagram, TCPDIAG_GETSOCK, &http, 9);
  check(&datagram, 1,
        "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops ? inode 1513 "
        "cookie 100000002\n"
        "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops ? inode 1513 "
        "cookie 100000002\n" HTTP);
}

static void a_dual_stack_socket_is_not_v6only(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  struct lb_listen_sock any = https;
  any.v6only = false;
  memset(any.address, 0, sizeof(any.address));
  put_row(&datagram, &any);
  check(&datagram, 1,
        "IPv6 [::]:443 on 7 queue 0 limit 4096 drops 4294967295 "
        "inode 4294967295 cookie fedcba9876543210\n");
}

static void an_ipv4_address_in_an_ipv6_socket_is_taken_as_it_is(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  struct lb_listen_sock mapped = http;
  mapped.family = AF_INET6;
  put_row(&datagram, &mapped);
  check(&datagram, 1,
        "IPv6 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops 5 inode 1513 "
        "cookie 100000002\n");
}

static void a_row_without_attributes_is_a_row(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  struct nlmsghdr *msg = put_row(&datagram, &http);
  datagram.len = msg->nlmsg_len = 16 + 72;
  check(&datagram, 1,
        "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops ? inode 1513 "
        "cookie 100000002\n");
}

static void rows_are_appended_to_those_that_are_there(void **state) {
  (void)state;
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &dump_request};
  struct datagram datagrams[3] = {{.len = 0}, {.len = 0}, {.len = 0}};
  put_row(&datagrams[0], &http);
  put_row(&datagrams[0], &https);
  put_row(&datagrams[1], &http);
  put_done(&datagrams[2], 0);

  struct text got = {.len = 0};
  for (size_t i = 0; i < LEN(datagrams); i++)
    say(&got, "%d ", feed(&dump, datagrams[i].at, datagrams[i].len));
  say_rows(&got, &rows);
  assert_string_equal(got.at, "1 1 0 " HTTP HTTPS HTTP);
  lb_listen_socks_free(&rows);
}

static void a_thousand_rows_are_kept(void **state) {
  (void)state;
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &dump_request};
  for (uint32_t i = 0; i < 1000; i++) {
    struct datagram datagram = {.len = 0};
    struct lb_listen_sock row = http;
    row.inode = i;
    put_row(&datagram, &row);
    assert_int_equal(feed(&dump, datagram.at, datagram.len), 1);
  }
  assert_int_equal(rows.len, 1000);
  for (uint32_t i = 0; i < 1000; i++)
    assert_int_equal(rows.v[i].inode, i);
  lb_listen_socks_free(&rows);
}

/* --- the end ------------------------------------------------------------- */

static void done_ends_the_dump(void **state) {
  (void)state;
  struct datagram with_status = {.len = 0}, without = {.len = 0},
                  behind_rows = {.len = 0};
  put_done(&with_status, 0);
  check(&with_status, 0, "");
  put_empty(&without, NLMSG_DONE);
  check(&without, 0, "");
  put_row(&behind_rows, &http);
  put_row(&behind_rows, &https);
  put_done(&behind_rows, 0);
  check(&behind_rows, 0, HTTP HTTPS);
}

static void what_stands_behind_done_is_not_read(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  put_row(&datagram, &http);
  put_done(&datagram, 0);
  put_row(&datagram, &https);
  check(&datagram, 0, HTTP);
}

static void an_error_in_done_is_an_error(void **state) {
  (void)state;
  static const int errors[] = {-ENOENT, -ENOMEM, -EPERM, -EMSGSIZE};
  for (size_t i = 0; i < LEN(errors); i++) {
    struct datagram alone = {.len = 0}, behind_a_row = {.len = 0};
    put_done(&alone, errors[i]);
    check_refused(&alone, errors[i]);
    put_row(&behind_a_row, &http);
    put_done(&behind_a_row, errors[i]);
    check_refused(&behind_a_row, errors[i]);
  }
}

static void an_error_message_is_an_error(void **state) {
  (void)state;
  static const struct {
    int status;
    int want;
  } cases[] = {
      {-EOPNOTSUPP, -EOPNOTSUPP},
      {-EINVAL, -EINVAL},
      {-EBUSY, -EBUSY},
      {-ENOENT, -ENOENT},
      {0, -EBADMSG}, /* an acknowledgement, which nobody asked for */
      {1, -EBADMSG},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    put_error(&datagram, cases[i].status);
    check_refused(&datagram, cases[i].want);
  }
}

static void an_error_message_without_its_error_is_malformed(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  put_empty(&datagram, NLMSG_ERROR);
  check_refused(&datagram, -EBADMSG);
}

static void an_interrupted_dump_is_worth_nothing(void **state) {
  (void)state;
  struct datagram row = {.len = 0}, done = {.len = 0};
  put_row(&row, &http)->nlmsg_flags |= NLM_F_DUMP_INTR;
  check_refused(&row, -EINTR);
  put_row(&done, &http);
  put_done(&done, 0)->nlmsg_flags |= NLM_F_DUMP_INTR;
  check_refused(&done, -EINTR);
}

static void noop_is_passed_over(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  put_empty(&datagram, NLMSG_NOOP);
  put_row(&datagram, &http);
  put_empty(&datagram, NLMSG_NOOP);
  put_done(&datagram, 0);
  put_empty(&datagram, NLMSG_NOOP);
  check(&datagram, 0, HTTP);
}

/* --- whose answer -------------------------------------------------------- */

static void an_answer_to_another_request_is_refused(void **state) {
  (void)state;
  static const uint32_t seqs[] = {SEQ - 1, SEQ + 1, 0, UINT32_MAX};
  for (size_t i = 0; i < LEN(seqs); i++) {
    struct datagram row = {.len = 0}, second = {.len = 0}, done = {.len = 0},
                    error = {.len = 0};
    put_row(&row, &http)->nlmsg_seq = seqs[i];
    check_refused(&row, -EPROTO);
    put_row(&second, &http);
    put_row(&second, &http)->nlmsg_seq = seqs[i];
    check_refused(&second, -EPROTO);
    put_done(&done, 0)->nlmsg_seq = seqs[i];
    check_refused(&done, -EPROTO);
    put_error(&error, -EINVAL)->nlmsg_seq = seqs[i];
    check_refused(&error, -EPROTO);
  }
}

static void an_answer_to_another_socket_is_refused(void **state) {
  (void)state;
  static const uint32_t portids[] = {PORTID - 1, PORTID + 1, 0, UINT32_MAX};
  for (size_t i = 0; i < LEN(portids); i++) {
    struct datagram row = {.len = 0}, done = {.len = 0};
    put_row(&row, &http)->nlmsg_pid = portids[i];
    check_refused(&row, -ESRCH);
    put_done(&done, 0)->nlmsg_pid = portids[i];
    check_refused(&done, -ESRCH);
  }
}

static void a_replay_takes_any_number_and_socket(void **state) {
  (void)state;
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &any_request};
  struct datagram datagram = {.len = 0};
  put_row(&datagram, &http);
  put_row(&datagram, &https)->nlmsg_seq = 0;
  put_done(&datagram, 0)->nlmsg_pid = 1;
  struct text got = {.len = 0};
  say(&got, "%d ", feed(&dump, datagram.at, datagram.len));
  say_rows(&got, &rows);
  assert_string_equal(got.at, "0 " HTTP HTTPS);
  lb_listen_socks_free(&rows);
}

/* --- malformed ----------------------------------------------------------- */

static void an_empty_datagram_is_malformed(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  check_refused(&datagram, -EBADMSG);
}

static void a_datagram_cut_off_is_malformed(void **state) {
  (void)state;
  struct datagram whole = {.len = 0};
  put_row(&whole, &http);
  size_t first = whole.len;
  put_row(&whole, &https);
  size_t second = whole.len;
  put_done(&whole, 0);
  for (size_t len = 0; len < whole.len; len++) {
    struct datagram cut = whole;
    cut.len = len;
    check_refused(&cut, len == first || len == second ? 1 : -EBADMSG);
  }
  check(&whole, 0, HTTP HTTPS);
}

static void a_message_with_a_bad_length_is_malformed(void **state) {
  (void)state;
  static const uint32_t lens[] = {0,  1,    15,         16,         20,
                                  87, 1000, 0x7fffffff, 0x80000000, UINT32_MAX};
  for (size_t i = 0; i < LEN(lens); i++) {
    struct datagram datagram = {.len = 0};
    put_row(&datagram, &http)->nlmsg_len = lens[i];
    check_refused(&datagram, -EBADMSG);
  }
}

static void a_short_row_is_malformed(void **state) {
  (void)state;
  for (uint32_t len = 16; len < 16 + 72; len += 4) {
    struct datagram datagram = {.len = 0};
    put_row(&datagram, &http)->nlmsg_len = len;
    datagram.len = len;
    check_refused(&datagram, -EBADMSG);
  }
}

static void a_socket_that_does_not_listen_is_no_row(void **state) {
  (void)state;
  for (uint8_t tcp_state = 0; tcp_state < 16; tcp_state++) {
    struct datagram datagram = {.len = 0};
    struct inet_diag_msg *diag =
        mnl_nlmsg_get_payload(put_row(&datagram, &http));
    diag->idiag_state = tcp_state;
    if (tcp_state != 10)
      check_refused(&datagram, -EBADMSG);
    else
      check(&datagram, 1, HTTP);
  }
}

static void a_socket_of_another_family_is_no_row(void **state) {
  (void)state;
  static const uint8_t families[] = {AF_UNSPEC, AF_UNIX, AF_NETLINK, AF_VSOCK,
                                     255};
  for (size_t i = 0; i < LEN(families); i++) {
    struct datagram datagram = {.len = 0};
    struct inet_diag_msg *diag =
        mnl_nlmsg_get_payload(put_row(&datagram, &http));
    diag->idiag_family = families[i];
    check_refused(&datagram, -EBADMSG);
  }
}

static void a_message_of_unknown_type_is_malformed(void **state) {
  (void)state;
  static const uint16_t types[] = {0,  NLMSG_OVERRUN, 5, 15, 16, 17, 19,
                                   21, 65535};
  for (size_t i = 0; i < LEN(types); i++) {
    struct datagram datagram = {.len = 0};
    put_row(&datagram, &http)->nlmsg_type = types[i];
    check_refused(&datagram, -EBADMSG);
  }
}

static void an_attribute_with_a_bad_length_is_malformed(void **state) {
  (void)state;
  static const uint16_t lens[] = {0, 1, 3, 2000, 65535};
  for (size_t i = 0; i < LEN(lens); i++) {
    struct datagram datagram = {.len = 0};
    struct nlmsghdr *msg = put_row(&datagram, &http);
    struct nlattr *first =
        mnl_nlmsg_get_payload_offset(msg, sizeof(struct inet_diag_msg));
    first->nla_len = lens[i];
    check_refused(&datagram, -EBADMSG);
  }
}

static void an_attribute_cut_off_is_malformed(void **state) {
  (void)state;
  struct datagram whole = {.len = 0};
  put_row(&whole, &http);
  const uint32_t attributes[] = {88, 96, 108, 116, 156}; /* and the end */
  size_t next = 0;
  for (uint32_t len = 88; len <= 156; len += 4) {
    struct datagram cut = whole;
    ((struct nlmsghdr *)(void *)cut.at)->nlmsg_len = len;
    cut.len = len;
    if (len == attributes[next])
      next++;
    check_refused(&cut, next && attributes[next - 1] == len ? 1 : -EBADMSG);
  }
  assert_int_equal(whole.len, 156);
}

static void an_empty_v6only_is_malformed(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  struct nlmsghdr *msg = put_row(&datagram, &http);
  mnl_attr_put(msg, INET_DIAG_SKV6ONLY, 0, NULL);
  datagram.len = msg->nlmsg_len;
  check_refused(&datagram, -EBADMSG);
}

static void no_damage_of_one_bit_is_worse_than_an_error(void **state) {
  (void)state;
  struct datagram whole = {.len = 0};
  put_row(&whole, &https);
  put_error(&whole, -EINVAL);
  put_done(&whole, -ENOENT);
  for (size_t bit = 0; bit < whole.len * 8; bit++) {
    struct datagram damaged = whole;
    damaged.at[bit / 8] = (char)(damaged.at[bit / 8] ^ 1 << bit % 8);
    struct lb_listen_socks rows = {0};
    struct lb_answer any = {.handler = lb_add_tcp_socks(&rows),
                            .request = &any_request};
    assert_true(feed(&any, damaged.at, damaged.len) <= 1);
    assert_in_range(rows.len, 0, 2);
    lb_listen_socks_free(&rows);
  }
}

/* --- other takers -------------------------------------------------------- */

static void unix_sockets_are_taken_too(void **state) {
  (void)state;
  static const struct lb_listen_sock app = {
      .cookie = 1, .limit = 5, .inode = 10};
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_unix_socks(&rows),
                           .request = &dump_request};
  struct datagram datagrams[2] = {{.len = 0}, {.len = 0}};
  struct text got = {.len = 0};
  assert_int_equal(lb_unix_names_new(&rows.unix_names), 0);
  put_unix_row(&datagrams[0], &app, SOCK_STREAM, "/run/app", 9);
  put_unix_row(&datagrams[0], &app, SOCK_STREAM, NULL, 0); /* passed over */
  put_unix_row(&datagrams[0], &app, SOCK_DGRAM, "/run/log", 9);
  put_unix_row(&datagrams[0], &app, SOCK_SEQPACKET, "\0db", 3);
  put_unix_row(&datagrams[1], &app, SOCK_STREAM, "/run/app", 9);
  put_done(&datagrams[1], 0);
  for (size_t i = 0; i < LEN(datagrams); i++)
    say(&got, "%d\n", feed(&dump, datagrams[i].at, datagrams[i].len));
  say_rows(&got, &rows);
  assert_string_equal(got.at,
                      "1\n"
                      "0\n"
                      "UNIX \"/run/app\" queue 0 limit 5 inode 10 cookie 1\n"
                      "UNIX \"\\x00db\" queue 0 limit 5 inode 10 cookie 1\n"
                      "UNIX \"/run/app\" queue 0 limit 5 inode 10 cookie 1\n");
  assert_int_equal(rows.v[0].unix_name, rows.v[2].unix_name);
  lb_unix_names_free(rows.unix_names);
  lb_listen_socks_free(&rows);
}

/* As a walk of connections shows one, without attributes. */
static void put_connection(struct datagram *datagram, uint8_t tcp_state,
                           uint32_t inode) {
  struct nlmsghdr *msg = start_message(datagram, TCPDIAG_GETSOCK);
  struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  diag->idiag_family = AF_INET;
  diag->idiag_state = tcp_state;
  diag->id.idiag_sport = htons(80);
  diag->idiag_inode = inode;
  end_message(datagram, msg);
}

static void connections_are_taken_too(void **state) {
  (void)state;
  struct lb_conns conns = {0};
  struct lb_answer dump = {.handler = lb_add_conns(&conns),
                           .request = &dump_request};
  struct datagram datagrams[2] = {{.len = 0}, {.len = 0}};
  put_connection(&datagrams[0], TCP_SYN_RECV, 0);
  put_connection(&datagrams[0], TCP_ESTABLISHED, 1513); /* passed over */
  put_connection(&datagrams[1], TCP_SYN_RECV, 0);
  put_done(&datagrams[1], 0);
  assert_int_equal(feed(&dump, datagrams[0].at, datagrams[0].len), 1);
  assert_int_equal(feed(&dump, datagrams[1].at, datagrams[1].len), 0);
  assert_int_equal(conns.len, 2);
  for (size_t i = 0; i < conns.len; i++) {
    assert_int_equal(conns.v[i].kind, LB_CONN_HALF_OPEN);
    assert_int_equal(conns.v[i].port, 80);
  }
  lb_conns_free(&conns);
}

static int refuse(void *data, const struct nlmsghdr *msg) {
  struct text *log = data;
  say(log, "type %u\n", msg->nlmsg_type);
  return msg->nlmsg_type == 99 ? -EXDEV : 0;
}

static void what_the_taker_refuses_ends_the_dump(void **state) {
  (void)state;
  struct text log = {.len = 0};
  struct lb_answer dump = {.handler = {refuse, &log}, .request = &dump_request};
  struct datagram datagram = {.len = 0};
  put_empty(&datagram, 98);
  put_empty(&datagram, NLMSG_NOOP);
  put_empty(&datagram, 99);
  put_empty(&datagram, 98);
  assert_int_equal(feed(&dump, datagram.at, datagram.len), -EXDEV);
  assert_string_equal(log.at, "type 98\ntype 99\n");
}

static void a_message_of_no_use_to_the_taker_is_malformed(void **state) {
  (void)state;
  struct lb_listen_socks rows = {0};
  struct lb_conns conns = {0};
  struct lb_pending pending = {4711, 815};
  assert_int_equal(lb_unix_names_new(&rows.unix_names), 0);
  const struct lb_msg_handler takers[] = {
      lb_add_tcp_socks(&rows), lb_add_unix_socks(&rows), lb_add_conns(&conns),
      lb_set_pending(&pending)};
  for (size_t i = 0; i < LEN(takers); i++) {
    struct lb_answer dump = {.handler = takers[i], .request = &dump_request};
    struct datagram datagram = {.len = 0};
    put_empty(&datagram, SOCK_DIAG_BY_FAMILY);
    assert_int_equal(feed(&dump, datagram.at, datagram.len), -EBADMSG);
  }
  assert_int_equal(rows.len, 0);
  assert_int_equal(conns.len, 0);
  assert_int_equal(pending.waiting, 4711);
  assert_int_equal(pending.closed, 815);
  lb_unix_names_free(rows.unix_names);
  lb_listen_socks_free(&rows);
  lb_conns_free(&conns);
}

/* --- single answers ------------------------------------------------------ */

static int feed_single(const struct datagram *datagram,
                       struct lb_pending *pending) {
  struct lb_answer dump = {.handler = lb_set_pending(pending),
                           .request = &single_request};
  *pending = (struct lb_pending){4711, 815};
  return feed(&dump, datagram->at, datagram->len);
}

static void a_single_answer_is_one_message(void **state) {
  (void)state;
  static const uint32_t inodes[] = {7, 0, 8};
  static const struct lb_listen_sock app = {.inode = 10};
  struct datagram alone = {.len = 0}, among_others = {.len = 0};
  struct lb_pending pending;
  put_pending(&alone, &app, inodes, 3);
  assert_int_equal(feed_single(&alone, &pending), 0);
  assert_int_equal(pending.waiting, 3);
  assert_int_equal(pending.closed, 1);
  put_empty(&among_others, NLMSG_NOOP);
  put_pending(&among_others, &app, inodes, 2);
  put_pending(&among_others, &app, inodes, 3); /* is not read */
  assert_int_equal(feed_single(&among_others, &pending), 0);
  assert_int_equal(pending.waiting, 2);
  assert_int_equal(pending.closed, 1);
}

static void a_single_answer_can_be_an_error(void **state) {
  (void)state;
  static const int errors[] = {-ENOENT, -ESTALE, -EMSGSIZE};
  struct lb_pending pending;
  for (size_t i = 0; i < LEN(errors); i++) {
    struct datagram datagram = {.len = 0};
    put_error(&datagram, errors[i]);
    assert_int_equal(feed_single(&datagram, &pending), errors[i]);
    assert_int_equal(pending.waiting, 4711);
  }
}

static void a_single_answer_is_not_the_end_alone(void **state) {
  (void)state;
  static const int statuses[] = {0, -ENOENT};
  struct lb_pending pending;
  for (size_t i = 0; i < LEN(statuses); i++) {
    struct datagram datagram = {.len = 0};
    put_done(&datagram, statuses[i]);
    assert_int_equal(feed_single(&datagram, &pending),
                     statuses[i] ? statuses[i] : -EBADMSG);
    assert_int_equal(pending.waiting, 4711);
  }
}

static void a_single_answer_may_not_have_come_yet(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  struct lb_pending pending;
  put_empty(&datagram, NLMSG_NOOP);
  assert_int_equal(feed_single(&datagram, &pending), 1);
}

static void a_single_answer_answers_its_own_question(void **state) {
  (void)state;
  static const struct lb_listen_sock app = {.inode = 10};
  struct datagram foreign = {.len = 0}, stray = {.len = 0};
  struct lb_pending pending;
  put_pending(&foreign, &app, NULL, 0)->nlmsg_seq++;
  assert_int_equal(feed_single(&foreign, &pending), -EPROTO);
  put_pending(&stray, &app, NULL, 0)->nlmsg_pid++;
  assert_int_equal(feed_single(&stray, &pending), -ESRCH);
}

/* --- out of memory ------------------------------------------------------- */

static int feed_without_memory(struct lb_msg_handler taker,
                               const struct datagram *datagram) {
  struct lb_answer dump = {.handler = taker, .request = &dump_request};
  memory.fails = 1;
  memory.lasts = true;
  int result = lb_answer_feed(&dump, datagram->at, datagram->len);
  memory.fails = 0;
  return result;
}

static void memory_can_run_out(void **state) {
  (void)state;
  struct lb_listen_socks rows = {0};
  struct lb_conns conns = {0};
  struct datagram inet = {.len = 0}, local = {.len = 0},
                  connection = {.len = 0};
  assert_int_equal(lb_unix_names_new(&rows.unix_names), 0);
  put_row(&inet, &http);
  put_unix_row(&local, &http, SOCK_STREAM, "/run/app", 9);
  put_connection(&connection, TCP_SYN_RECV, 0);
  assert_int_equal(feed_without_memory(lb_add_tcp_socks(&rows), &inet),
                   -ENOMEM);
  assert_int_equal(feed_without_memory(lb_add_unix_socks(&rows), &local),
                   -ENOMEM);
  assert_int_equal(feed_without_memory(lb_add_conns(&conns), &connection),
                   -ENOMEM);
  assert_int_equal(rows.len, 0);
  assert_int_equal(conns.len, 0);

  assert_non_null(lb_listen_socks_add(&rows)); /* now for the name alone */
  assert_int_equal(feed_without_memory(lb_add_unix_socks(&rows), &local),
                   -ENOMEM);
  assert_int_equal(rows.len, 1);
  assert_int_equal(feed_without_memory(lb_add_tcp_socks(&rows), &inet), 1);
  assert_int_equal(rows.len, 2);
  lb_unix_names_free(rows.unix_names);
  lb_listen_socks_free(&rows);
  lb_conns_free(&conns);
}

/* --- as recorded --------------------------------------------------------- */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Linux 6.18: 127.0.0.1:8080 with a backlog of 2, 3 connections and a fourth
 * tried, [::1]:9090 bound to lo and IPv6 alone; then the second datagram. */
static void the_bytes_of_a_kernel_are_read(void **state) {
  (void)state;
  _Alignas(8) static const uint8_t bytes[] = {
      0xa4, 0x00, 0x00, 0x00, 0x12, 0x00, 0x02, 0x00, 0x07, 0x00, 0x00, 0x00,
      0x92, 0x10, 0x00, 0x00, 0x02, 0x0a, 0x00, 0x00, 0x1f, 0x90, 0x00, 0x00,
      0x7f, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x66, 0xa1, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x03, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x7f, 0x0e, 0x19, 0x00, 0x05, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x08, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x15, 0x00,
      0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x16, 0x00,
      0x52, 0x00, 0x00, 0x00, 0x28, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xac, 0x00, 0x00, 0x00,
      0x12, 0x00, 0x02, 0x00, 0x07, 0x00, 0x00, 0x00, 0x92, 0x10, 0x00, 0x00,
      0x0a, 0x0a, 0x00, 0x00, 0x23, 0x82, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x67, 0xa1, 0x01, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x83, 0x0e, 0x19, 0x00,
      0x05, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x0b, 0x00,
      0x01, 0x00, 0x00, 0x00, 0x08, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x0c, 0x00, 0x15, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x06, 0x00, 0x16, 0x00, 0x12, 0x00, 0x00, 0x00, 0x28, 0x00, 0x07, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  _Alignas(8) static const uint8_t end[] = {
      0x14, 0x00, 0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x07, 0x00,
      0x00, 0x00, 0x92, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &dump_request};
  struct text got = {.len = 0};
  say(&got, "%d ", feed(&dump, bytes, sizeof(bytes)));
  say(&got, "%d\n", feed(&dump, end, sizeof(end)));
  say_rows(&got, &rows);
  assert_string_equal(got.at,
                      "1 0\n"
                      "IPv4 [::ffff:127.0.0.1]:8080 queue 3 limit 2 drops 1 "
                      "inode 1642111 cookie 1a166\n"
                      "IPv6 [::1]:9090 on 1 queue 0 limit 128 drops 0 "
                      "inode 1642115 cookie 1a167 v6only\n");
  lb_listen_socks_free(&rows);
}
#endif

/* netlink.c has its buffer at such a place. */
static void a_datagram_may_stand_at_any_multiple_of_four(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  put_row(&datagram, &http);
  put_row(&datagram, &https);
  put_done(&datagram, 0);
  char *place = malloc(datagram.len + 4);
  assert_non_null(place);
  memcpy(place + 4, datagram.at, datagram.len);
  struct lb_listen_socks rows = {0};
  struct lb_answer dump = {.handler = lb_add_tcp_socks(&rows),
                           .request = &dump_request};
  struct text got = {.len = 0};
  say(&got, "%d ", lb_answer_feed(&dump, place + 4, datagram.len));
  say_rows(&got, &rows);
  assert_string_equal(got.at, "0 " HTTP HTTPS);
  lb_listen_socks_free(&rows);
  free(place);
}

/* --- requests ------------------------------------------------------------ */

/* States: LISTEN alone, 1 << 10. Extensions: SKMEMINFO alone, 1 << 6. Flags:
 * NLM_F_REQUEST | NLM_F_DUMP. */
static void one_request_asks_for_the_listeners_of_both_families(void **state) {
  (void)state;
  _Alignas(8) char buf[LB_LISTEN_REQUEST_SIZE];
  memset(buf, 0x5a, sizeof(buf));
  static const struct {
    struct nlmsghdr msg;
    struct inet_diag_req req;
  } want = {.msg = {76, 18, 0x301, 0, 0},
            .req = {.idiag_ext = 0x40, .idiag_states = 0x400}};
  assert_int_equal(sizeof(want), 76);
  assert_ptr_equal(lb_inet_request_listen_socks(buf, AF_UNSPEC), buf);
  assert_memory_equal(buf, &want, sizeof(want));
  for (size_t i = sizeof(want); i < sizeof(buf); i++)
    assert_int_equal(buf[i], 0x5a);
}

static void a_request_asks_for_the_listeners_of_one_family(void **state) {
  (void)state;
  static const uint8_t families[] = {AF_INET, AF_INET6};
  for (size_t i = 0; i < LEN(families); i++) {
    _Alignas(8) char buf[LB_LISTEN_REQUEST_SIZE];
    memset(buf, 0x5a, sizeof(buf));
    const struct {
      struct nlmsghdr msg;
      struct inet_diag_req_v2 req;
    } want = {.msg = {72, 20, 0x301, 0, 0},
              .req = {.sdiag_family = families[i],
                      .sdiag_protocol = 6,
                      .idiag_ext = 0x40,
                      .idiag_states = 0x400}};
    assert_int_equal(sizeof(want), 72);
    assert_ptr_equal(lb_inet_request_listen_socks(buf, families[i]), buf);
    assert_memory_equal(buf, &want, sizeof(want));
    for (size_t j = sizeof(want); j < sizeof(buf); j++)
      assert_int_equal(buf[j], 0x5a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_row_is_read_from_either_kind_of_answer),
    cmocka_unit_test(drops_are_absent_before_linux_4_7),
    cmocka_unit_test(a_dual_stack_socket_is_not_v6only),
    cmocka_unit_test(an_ipv4_address_in_an_ipv6_socket_is_taken_as_it_is),
    cmocka_unit_test(a_row_without_attributes_is_a_row),
    cmocka_unit_test(rows_are_appended_to_those_that_are_there),
    cmocka_unit_test(a_thousand_rows_are_kept),
    cmocka_unit_test(done_ends_the_dump),
    cmocka_unit_test(what_stands_behind_done_is_not_read),
    cmocka_unit_test(an_error_in_done_is_an_error),
    cmocka_unit_test(an_error_message_is_an_error),
    cmocka_unit_test(an_error_message_without_its_error_is_malformed),
    cmocka_unit_test(an_interrupted_dump_is_worth_nothing),
    cmocka_unit_test(noop_is_passed_over),
    cmocka_unit_test(an_answer_to_another_request_is_refused),
    cmocka_unit_test(an_answer_to_another_socket_is_refused),
    cmocka_unit_test(a_replay_takes_any_number_and_socket),
    cmocka_unit_test(an_empty_datagram_is_malformed),
    cmocka_unit_test(a_datagram_cut_off_is_malformed),
    cmocka_unit_test(a_message_with_a_bad_length_is_malformed),
    cmocka_unit_test(a_short_row_is_malformed),
    cmocka_unit_test(a_socket_that_does_not_listen_is_no_row),
    cmocka_unit_test(a_socket_of_another_family_is_no_row),
    cmocka_unit_test(a_message_of_unknown_type_is_malformed),
    cmocka_unit_test(an_attribute_with_a_bad_length_is_malformed),
    cmocka_unit_test(an_attribute_cut_off_is_malformed),
    cmocka_unit_test(an_empty_v6only_is_malformed),
    cmocka_unit_test(no_damage_of_one_bit_is_worse_than_an_error),
    cmocka_unit_test(unix_sockets_are_taken_too),
    cmocka_unit_test(connections_are_taken_too),
    cmocka_unit_test(what_the_taker_refuses_ends_the_dump),
    cmocka_unit_test(a_message_of_no_use_to_the_taker_is_malformed),
    cmocka_unit_test(a_single_answer_is_one_message),
    cmocka_unit_test(a_single_answer_can_be_an_error),
    cmocka_unit_test(a_single_answer_is_not_the_end_alone),
    cmocka_unit_test(a_single_answer_may_not_have_come_yet),
    cmocka_unit_test(a_single_answer_answers_its_own_question),
    cmocka_unit_test(memory_can_run_out),
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    cmocka_unit_test(the_bytes_of_a_kernel_are_read),
#endif
    cmocka_unit_test(a_datagram_may_stand_at_any_multiple_of_four),
    cmocka_unit_test(one_request_asks_for_the_listeners_of_both_families),
    cmocka_unit_test(a_request_asks_for_the_listeners_of_one_family),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
