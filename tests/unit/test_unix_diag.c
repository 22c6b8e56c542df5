// SPDX-License-Identifier: MIT
/* unix_diag's answers to rows and to counts of those who wait: made-up ones,
 * as a kernel sends them and as none should, and those of the running kernel
 * to UNIX sockets of our own, of which we know better. */
#include "kernel/unix_diag.h"

#include "kernel/netlink.h"
#include "unit.h"

#include <errno.h>

enum { MALFORMED = -EBADMSG, PASSED_OVER = 1 };

static const struct lb_listen_sock app = {
    .cookie = 0x100000002,
    .queue = 3,
    .limit = 2,
    .inode = 1513,
    .family = AF_UNIX,
};
#define APP "UNIX \"/run/app\" queue 3 limit 2 inode 1513 cookie 100000002\n"

static struct nlmsghdr *put_app(struct datagram *datagram) {
  return put_unix_row(datagram, &app, SOCK_STREAM, "/run/app", 9);
}

/* Without a byte behind it, so that an overrun is seen. */
static struct nlmsghdr *exact_copy(const struct nlmsghdr *msg) {
  struct nlmsghdr *exact = malloc(msg->nlmsg_len);
  assert_non_null(exact);
  memcpy(exact, msg, msg->nlmsg_len);
  return exact;
}

/* Puts down the row that a message is parsed to, or what it is instead. */
static void say_parsed(struct text *got, const struct nlmsghdr *msg) {
  struct nlmsghdr *exact = exact_copy(msg);
  struct lb_unix_names *paths;
  struct lb_listen_sock row;
  assert_int_equal(lb_unix_names_new(&paths), 0);
  int result = lb_unix_parse_listen_sock(exact, paths, &row);
  if (result == 0)
    say_unix_row(got, &row, paths);
  else if (result == PASSED_OVER)
    say(got, "passed over\n");
  else
    say(got, "%s\n", strerror(-result));
  lb_unix_names_free(paths);
  free(exact);
}

static void check(const struct nlmsghdr *msg, const char *want) {
  struct text got = {.len = 0};
  say_parsed(&got, msg);
  assert_string_equal(got.at, want);
}

static int parse(const struct nlmsghdr *msg) {
  struct nlmsghdr *exact = exact_copy(msg);
  struct lb_unix_names *paths;
  struct lb_listen_sock row;
  assert_int_equal(lb_unix_names_new(&paths), 0);
  int result = lb_unix_parse_listen_sock(exact, paths, &row);
  lb_unix_names_free(paths);
  free(exact);
  return result;
}

static int parse_pending(const struct nlmsghdr *msg,
                         struct lb_pending *pending) {
  struct nlmsghdr *exact = exact_copy(msg);
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

/* --- rows ---------------------------------------------------------------- */

static void a_row_is_read(void **state) {
  (void)state;
  static const struct lb_listen_sock largest = {.cookie = UINT64_MAX,
                                                .queue = UINT32_MAX,
                                                .limit = UINT32_MAX - 1,
                                                .inode = UINT32_MAX - 2};
  struct datagram stream = {.len = 0}, seqpacket = {.len = 0};
  check(put_app(&stream), APP);
  check(put_unix_row(&seqpacket, &largest, SOCK_SEQPACKET, "/run/big", 9),
        "UNIX \"/run/big\" queue 4294967295 limit 4294967294 inode 4294967293 "
        "cookie ffffffffffffffff\n");
}

static void what_a_unix_socket_does_not_have_is_zero(void **state) {
  (void)state;
  static const uint8_t no_address[16];
  static const struct lb_unix_name other = {5, "/main"};
  struct datagram datagram = {.len = 0};
  struct lb_unix_names *paths;
  struct lb_listen_sock row;
  uint32_t number;
  memset(&row, 0x5a, sizeof(row));
  assert_int_equal(lb_unix_names_new(&paths), 0);
  assert_int_equal(lb_unix_names_intern(paths, &other, &number), 0);
  assert_int_equal(number, 0);
  assert_int_equal(lb_unix_parse_listen_sock(put_app(&datagram), paths, &row),
                   0);
  assert_memory_equal(row.address, no_address, sizeof(row.address));
  assert_int_equal(row.unix_name, 1);
  assert_int_equal(row.sk_drops, 0);
  assert_int_equal(row.ifindex, 0);
  assert_int_equal(row.port, 0);
  assert_int_equal(row.family, AF_UNIX);
  assert_false(row.has_drops);
  assert_false(row.v6only);
  lb_unix_names_free(paths);
}

#define X27 "xxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X108 X27 X27 X27 X27
#define Z10 "\0\0\0\0\0\0\0\0\0\0"
#define TAIL " queue 3 limit 2 inode 1513 cookie 100000002\n"

static void a_name_is_what_bind_was_given(void **state) {
  (void)state;
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
      {BYTES(""), "passed over\n"},
      {BYTES("\0"), "UNIX \"\\x00\"" TAIL},
      {BYTES(Z10), "UNIX \"\\x00\"" TAIL},
      {BYTES(X108 "y"), "Bad message\n"},
      {BYTES(X108 "\0\0"), "Bad message\n"},
      {BYTES("\0" X108 "\0"), "Bad message\n"},
      {BYTES(X108 X108), "Bad message\n"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    check(put_unix_row(&datagram, &app, SOCK_STREAM, cases[i].bytes,
                       cases[i].len),
          cases[i].want);
  }
}

static void a_socket_without_a_name_is_passed_over(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  check(put_unix_row(&datagram, &app, SOCK_STREAM, NULL, 0), "passed over\n");
}

static void of_all_types_two_listen(void **state) {
  (void)state;
  for (unsigned type = 0; type <= UINT8_MAX; type++) {
    struct datagram datagram = {.len = 0};
    check(put_unix_row(&datagram, &app, (uint8_t)type, "/run/app", 9),
          type == 1 || type == 5 ? APP : "passed over\n");
  }
}

static void a_name_has_one_number(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
    uint32_t want;
  } cases[] = {
      {"/run/app", 9, 0}, {"\0run/app", 8, 1},      {"/run/app", 8, 0},
      {"/run/ap", 8, 2},  {"\0run/app\0\0", 10, 1},
  };
  struct lb_unix_names *paths;
  struct lb_listen_sock row;
  assert_int_equal(lb_unix_names_new(&paths), 0);
  for (size_t i = 0; i < LEN(cases); i++) {
    struct datagram datagram = {.len = 0};
    struct nlmsghdr *msg = put_unix_row(&datagram, &app, SOCK_STREAM,
                                        cases[i].bytes, cases[i].len);
    assert_int_equal(lb_unix_parse_listen_sock(msg, paths, &row), 0);
    assert_int_equal(row.unix_name, cases[i].want);
  }
  lb_unix_names_free(paths);
}

static void what_is_unknown_is_passed_over(void **state) {
  (void)state;
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

/* --- who waits ----------------------------------------------------------- */

static void those_who_wait_are_counted(void **state) {
  (void)state;
  static const uint32_t inodes[] = {7, 0, 1, 0, UINT32_MAX, 0};
  static const uint32_t closed[] = {0, 1, 1, 2, 2, 3};
  check_pending(put_pending(&(struct datagram){.len = 0}, &app, NULL, 0), 0, 0);
  for (size_t len = 1; len <= LEN(inodes); len++) {
    struct datagram datagram = {.len = 0};
    check_pending(put_pending(&datagram, &app, inodes, len), (uint32_t)len,
                  closed[len - 1]);
  }
}

/* One reads the queue's length a moment after the other. */
static void the_inodes_count_not_the_length(void **state) {
  (void)state;
  static const uint32_t inodes[] = {7, 0};
  struct datagram with = {.len = 0}, without = {.len = 0};
  struct nlmsghdr *msg = start_unix(&with, &app, SOCK_STREAM);
  mnl_attr_put(msg, UNIX_DIAG_ICONS, sizeof(inodes), inodes);
  put_rqlen(msg, 3, 5);
  check_pending(msg, 2, 1);
  msg = start_unix(&without, &app, SOCK_STREAM);
  mnl_attr_put(msg, UNIX_DIAG_ICONS, sizeof(inodes), inodes);
  check_pending(msg, 2, 1);
}

static void without_inodes_an_empty_queue_is_known_to_be_empty(void **state) {
  (void)state;
  struct datagram empty = {.len = 0}, queued = {.len = 0}, silent = {.len = 0};
  struct nlmsghdr *msg = start_unix(&empty, &app, SOCK_STREAM);
  put_rqlen(msg, 0, 5);
  check_pending(msg, 0, 0);
  msg = start_unix(&queued, &app, SOCK_STREAM);
  put_rqlen(msg, 1, 5);
  check_no_pending(msg, -ENODATA);
  check_no_pending(start_unix(&silent, &app, SOCK_STREAM), -ENODATA);
}

static void inodes_cut_off_are_malformed(void **state) {
  (void)state;
  static const uint32_t inodes[] = {7, 8};
  for (size_t len = 0; len <= sizeof(inodes); len++) {
    struct datagram datagram = {.len = 0};
    struct nlmsghdr *msg = start_unix(&datagram, &app, SOCK_STREAM);
    mnl_attr_put(msg, UNIX_DIAG_ICONS, len, inodes);
    if (len % 4)
      check_no_pending(msg, MALFORMED);
    else
      check_pending(msg, (uint32_t)len / 4, 0);
  }
}

/* --- malformed ----------------------------------------------------------- */

/* A row and the answer to who waits, each in turn damaged by spoil. */
static void check_both_malformed(void (*spoil)(struct nlmsghdr *msg, size_t i),
                                 size_t times) {
  static const uint32_t inodes[] = {7, 0};
  for (size_t i = 0; i < times; i++) {
    struct datagram row = {.len = 0}, pending = {.len = 0};
    struct nlmsghdr *msg = put_app(&row);
    assert_int_equal(parse(msg), 0);
    spoil(msg, i);
    assert_int_equal(parse(msg), MALFORMED);
    msg = put_pending(&pending, &app, inodes, LEN(inodes));
    check_pending(msg, 2, 1);
    spoil(msg, i);
    check_no_pending(msg, MALFORMED);
  }
}

static void shorten(struct nlmsghdr *msg, size_t i) {
  msg->nlmsg_len = 16 + (uint32_t)i;
}

static void a_short_message_is_malformed(void **state) {
  (void)state;
  check_both_malformed(shorten, sizeof(struct unix_diag_msg));
}

static void set_type(struct nlmsghdr *msg, size_t i) {
  static const uint16_t types[] = {0,  NLMSG_DONE, 15, 16,   17,
                                   18, 19,         21, 65535};
  msg->nlmsg_type = types[i % LEN(types)];
}

static void a_message_of_another_type_is_malformed(void **state) {
  (void)state;
  check_both_malformed(set_type, 9);
}

static void set_family(struct nlmsghdr *msg, size_t i) {
  static const uint8_t families[] = {AF_UNSPEC, AF_INET,  AF_INET6,
                                     AF_PACKET, AF_VSOCK, 255};
  struct unix_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  diag->udiag_family = families[i % LEN(families)];
}

static void a_socket_of_another_family_is_no_row(void **state) {
  (void)state;
  check_both_malformed(set_family, 6);
}

static void set_state(struct nlmsghdr *msg, size_t i) {
  struct unix_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  diag->udiag_state = (uint8_t)(i < TCP_LISTEN ? i : i + 1);
}

static void a_socket_that_does_not_listen_is_no_row(void **state) {
  (void)state;
  check_both_malformed(set_state, 255);
}

static void set_attribute_len(struct nlmsghdr *msg, size_t i) {
  static const uint16_t lens[] = {0, 1, 3, 2000, 65535};
  struct nlattr *first =
      mnl_nlmsg_get_payload_offset(msg, sizeof(struct unix_diag_msg));
  first->nla_len = lens[i % LEN(lens)];
}

static void an_attribute_with_a_bad_length_is_malformed(void **state) {
  (void)state;
  check_both_malformed(set_attribute_len, 5);
}

static void a_row_cut_off_is_malformed(void **state) {
  (void)state;
  struct datagram whole = {.len = 0};
  struct nlmsghdr *msg = put_app(&whole);
  const uint32_t name_end = 32 + 16, rqlen_end = name_end + 12;
  assert_int_equal(msg->nlmsg_len, rqlen_end + 8);
  for (uint32_t len = 16; len <= rqlen_end + 8; len++) {
    struct datagram cut = whole;
    struct nlmsghdr *cut_msg = (void *)cut.at;
    cut_msg->nlmsg_len = len;
    /* of the last attribute, a byte, only the padding may be missing */
    check(cut_msg,
          len == rqlen_end || len >= rqlen_end + 5 ? APP : "Bad message\n");
  }
}

static void a_row_without_lengths_is_malformed(void **state) {
  (void)state;
  struct datagram datagram = {.len = 0};
  struct nlmsghdr *msg = start_unix(&datagram, &app, SOCK_STREAM);
  mnl_attr_put(msg, UNIX_DIAG_NAME, 9, "/run/app");
  check(msg, "Bad message\n");
}

static void short_lengths_are_malformed(void **state) {
  (void)state;
  static const uint32_t lengths[2];
  for (size_t len = 0; len < sizeof(lengths); len++) {
    struct datagram row = {.len = 0}, pending = {.len = 0};
    struct nlmsghdr *msg = start_unix(&row, &app, SOCK_STREAM);
    mnl_attr_put(msg, UNIX_DIAG_NAME, 9, "/run/app");
    mnl_attr_put(msg, UNIX_DIAG_RQLEN, len, lengths);
    check(msg, "Bad message\n");
    msg = start_unix(&pending, &app, SOCK_STREAM);
    mnl_attr_put(msg, UNIX_DIAG_RQLEN, len, lengths);
    check_no_pending(msg, MALFORMED);
  }
}

static void no_damage_of_one_bit_is_worse_than_an_error(void **state) {
  (void)state;
  static const uint32_t inodes[] = {7, 0};
  struct datagram messages[2] = {{.len = 0}, {.len = 0}};
  put_app(&messages[0]);
  put_pending(&messages[1], &app, inodes, LEN(inodes));
  for (size_t i = 0; i < LEN(messages); i++)
    for (size_t bit = 32; bit < messages[i].len * 8; bit++) { /* not the len */
      struct datagram damaged = messages[i];
      struct lb_pending pending = {0, 0};
      damaged.at[bit / 8] = (char)(damaged.at[bit / 8] ^ 1 << bit % 8);
      assert_in_range(parse((void *)damaged.at) + EBADMSG, 0, EBADMSG + 1);
      int result = parse_pending((void *)damaged.at, &pending);
      assert_true(result == 0 || result == -EBADMSG || result == -ENODATA);
      assert_in_range(pending.waiting, pending.closed, 2);
    }
}

/* --- as recorded --------------------------------------------------------- */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Linux 6.18: a stream socket with a backlog of 2 and 3 clients, of which the
 * second has closed; a seqpacket socket with an abstract name. */
static void the_bytes_of_a_kernel_are_read(void **state) {
  (void)state;
  _Alignas(8) static const uint8_t stream[] = {
      0x48, 0x00, 0x00, 0x00, 0x14, 0x00, 0x02, 0x00, 0x07, 0x00, 0x00, 0x00,
      0x92, 0x10, 0x00, 0x00, 0x01, 0x01, 0x0a, 0x00, 0x0a, 0x64, 0xd0, 0x00,
      0xdc, 0x54, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x00,
      0x2f, 0x74, 0x6d, 0x70, 0x2f, 0x61, 0x70, 0x70, 0x2e, 0x73, 0x6f, 0x63,
      0x6b, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x04, 0x00, 0x03, 0x00, 0x00, 0x00,
      0x02, 0x00, 0x00, 0x00, 0x05, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00};
  _Alignas(8) static const uint8_t seqpacket[] = {
      0x3c, 0x00, 0x00, 0x00, 0x14, 0x00, 0x02, 0x00, 0x07, 0x00, 0x00, 0x00,
      0x92, 0x10, 0x00, 0x00, 0x01, 0x05, 0x0a, 0x00, 0x0b, 0x64, 0xd0, 0x00,
      0xdd, 0x54, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
      0x00, 0x64, 0x62, 0xff, 0x0c, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x80, 0x00, 0x00, 0x00, 0x05, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00};
  _Alignas(8) static const uint8_t pending[] = {
      0x44, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00,
      0x92, 0x10, 0x00, 0x00, 0x01, 0x01, 0x0a, 0x00, 0x0a, 0x64, 0xd0, 0x00,
      0xdc, 0x54, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x03, 0x00,
      0x0c, 0x64, 0xd0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x64, 0xd0, 0x00,
      0x0c, 0x00, 0x04, 0x00, 0x03, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
      0x05, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00};
  struct text got = {.len = 0};
  say_parsed(&got, (const void *)stream);
  say_parsed(&got, (const void *)seqpacket);
  assert_string_equal(got.at, "UNIX \"/tmp/app.sock\" queue 3 limit 2 "
                              "inode 13657098 cookie 854dc\n"
                              "UNIX \"\\x00db\\xff\" queue 0 limit 128 "
                              "inode 13657099 cookie 854dd\n");
  check_pending((const void *)pending, 3, 1);
}
#endif

/* --- requests ------------------------------------------------------------ */

/* States: LISTEN alone, 1 << 10. To be shown: name, 1, and lengths, 0x10.
 * Flags: NLM_F_REQUEST | NLM_F_DUMP. */
static void a_request_asks_for_the_listeners(void **state) {
  (void)state;
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  memset(buf, 0x5a, sizeof(buf));
  static const struct {
    struct nlmsghdr msg;
    struct unix_diag_req req;
  } want = {.msg = {40, 20, 0x301, 0, 0},
            .req = {.sdiag_family = AF_UNIX,
                    .udiag_states = 0x400,
                    .udiag_show = 0x11}};
  assert_int_equal(sizeof(want), 40);
  assert_ptr_equal(lb_unix_request_listen_socks(buf), buf);
  assert_memory_equal(buf, &want, sizeof(want));
  for (size_t i = sizeof(want); i < sizeof(buf); i++)
    assert_int_equal(buf[i], 0x5a);
}

/* To be shown: inodes, 8, and lengths. No NLM_F_DUMP. */
static void a_request_asks_who_waits_at_one_socket(void **state) {
  (void)state;
  static const struct lb_listen_sock row = {.cookie = 0xfedcba9876543210,
                                            .inode = 1513};
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  memset(buf, 0x5a, sizeof(buf));
  static const struct {
    struct nlmsghdr msg;
    struct unix_diag_req req;
  } want = {.msg = {40, 20, 0x1, 0, 0},
            .req = {.sdiag_family = AF_UNIX,
                    .udiag_ino = 1513,
                    .udiag_show = 0x18,
                    .udiag_cookie = {0x76543210, 0xfedcba98}}};
  assert_ptr_equal(lb_unix_request_pending(buf, &row), buf);
  assert_memory_equal(buf, &want, sizeof(want));
  for (size_t i = sizeof(want); i < sizeof(buf); i++)
    assert_int_equal(buf[i], 0x5a);
}

/* --- the kernel ---------------------------------------------------------- */

static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};

/* A directory for sockets, whose name nobody else has. */
static struct {
  char path[64];
  struct lb_netlink *netlink;
} world;

static void need_kernel(void) {
  if (!has_unix_diag())
    skip();
}

static int open_world(void **state) {
  (void)state;
  const char *tmp = getenv("TMPDIR");
  snprintf(world.path, sizeof(world.path), "%s/test_diag_unix.XXXXXX",
           tmp && strlen(tmp) < 32 ? tmp : "/tmp");
  return mkdtemp(world.path) ? lb_netlink_new(&world.netlink) : -1;
}

static int close_world(void **state) {
  (void)state;
  lb_netlink_free(world.netlink);
  return rmdir(world.path);
}

/* The rows that the kernel has; free_rows() them. */
static struct lb_listen_socks get_rows(void) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  struct lb_listen_socks rows = {0};
  assert_int_equal(lb_unix_names_new(&rows.unix_names), 0);
  assert_int_equal(ask_kernel(world.netlink, lb_unix_request_listen_socks(buf),
                              lb_add_unix_socks(&rows)),
                   0);
  return rows;
}

static void free_rows(struct lb_listen_socks *rows) {
  lb_unix_names_free(rows->unix_names);
  lb_listen_socks_free(rows);
}

/* Whether there is a row of this inode, and which. */
static bool find(uint32_t inode, struct lb_listen_sock *row,
                 struct lb_unix_name *path) {
  struct lb_listen_socks rows = get_rows();
  size_t found = 0;
  for (size_t i = 0; i < rows.len; i++)
    if (rows.v[i].inode == inode) {
      const struct lb_unix_name *name =
          lb_unix_names_get(rows.unix_names, rows.v[i].unix_name);
      *path = lb_unix_name_of(name->bytes, name->len);
      *row = rows.v[i];
      found++;
    }
  free_rows(&rows);
  assert_in_range(found, 0, 1);
  return found;
}

static size_t count_named(const char *name, size_t len) {
  struct lb_listen_socks rows = get_rows();
  size_t count = 0;
  for (size_t i = 0; i < rows.len; i++) {
    const struct lb_unix_name *path =
        lb_unix_names_get(rows.unix_names, rows.v[i].unix_name);
    count += path->len == len && memcmp(path->bytes, name, len) == 0;
  }
  free_rows(&rows);
  return count;
}

static int ask_who_waits(const struct lb_listen_sock *row,
                         struct lb_pending *pending) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  return ask_kernel(world.netlink, lb_unix_request_pending(buf, row),
                    lb_set_pending(pending));
}

static void check_who_waits(const struct server *server, uint32_t waiting,
                            uint32_t closed) {
  const struct lb_listen_sock row = {.inode = server->inode,
                                     .cookie = server->cookie};
  struct lb_pending got;
  assert_int_equal(ask_who_waits(&row, &got), 0);
  assert_int_equal(got.waiting, waiting);
  assert_int_equal(got.closed, closed);
}

static void check_found(const struct server *server, const char *name,
                        size_t len, uint32_t queue, uint32_t limit) {
  struct lb_listen_sock row;
  struct lb_unix_name path;
  assert_true(find(server->inode, &row, &path));
  assert_int_equal(path.len, len);
  assert_memory_equal(path.bytes, name, len);
  assert_int_equal(row.cookie, server->cookie);
  assert_int_equal(row.family, AF_UNIX);
  assert_int_equal(row.queue, queue);
  assert_int_equal(row.limit, limit);
}

/* A name in a buffer of 108 bytes and a NUL: in the directory, or abstract with
 * the directory's in it. */
static size_t put_name(char name[static LB_UNIX_NAME_SIZE + 1], bool abstract,
                       const char *rest) {
  memset(name, 0, LB_UNIX_NAME_SIZE + 1);
  struct text text = {.len = 0};
  say(&text, "%s/%s", world.path, rest);
  size_t len = text.len < LB_UNIX_NAME_SIZE ? text.len : LB_UNIX_NAME_SIZE;
  memcpy(name, text.at, len);
  if (abstract)
    name[0] = '\0';
  return len;
}

static void queues_are_what_they_are(void **state) {
  (void)state;
  need_kernel();
  for (size_t i = 0; i < LEN(types) * 2; i++) {
    enum { BACKLOG = 3 };
    bool abstract = i % 2;
    char name[LB_UNIX_NAME_SIZE + 1];
    size_t len = put_name(name, abstract, "sock");
    struct server server;
    int clients[BACKLOG + 1];
    assert_int_equal(
        open_unix_server(&server, types[i / 2], name, len, BACKLOG), 0);
    for (uint32_t queue = 0; queue <= BACKLOG; queue++) {
      check_found(&server, name, len, queue, BACKLOG);
      clients[queue] = connect_unix(&server);
      assert_true(clients[queue] >= 0);
    }
    assert_int_equal(connect_unix(&server), -1); /* a limit of N holds N + 1 */
    assert_int_equal(errno, EAGAIN);
    check_found(&server, name, len, BACKLOG + 1, BACKLOG);

    int accepted = accept(server.fd, NULL, NULL);
    assert_true(accepted >= 0); /* has the same name, but does not listen */
    check_found(&server, name, len, BACKLOG, BACKLOG);
    assert_int_equal(count_named(name, len), 1);
    close(accepted);
    for (size_t j = 0; j < LEN(clients); j++)
      close(clients[j]);
    close(server.fd);
    if (!abstract)
      assert_int_equal(unlink(name), 0);
  }
}

static void a_server_may_give_bind_a_whole_sockaddr_un(void **state) {
  (void)state;
  need_kernel();
  char name[LB_UNIX_NAME_SIZE + 1];
  for (int abstract = 0; abstract <= 1; abstract++) {
    size_t len = put_name(name, abstract, "sock");
    struct server server;
    assert_int_equal(
        open_unix_server(&server, SOCK_STREAM, name, LB_UNIX_NAME_SIZE, 1), 0);
    check_found(&server, name, len, 0, 1);
    close(server.fd);
    if (!abstract)
      assert_int_equal(unlink(name), 0);
  }
}

static void a_name_may_take_up_all_of_sun_path(void **state) {
  (void)state;
  need_kernel();
  char name[LB_UNIX_NAME_SIZE + 1];
  for (int abstract = 0; abstract <= 1; abstract++) {
    struct server server;
    size_t len = put_name(name, abstract, X108);
    assert_int_equal(len, LB_UNIX_NAME_SIZE);
    assert_int_equal(open_unix_server(&server, SOCK_STREAM, name, len, 1), 0);
    int client = connect_unix(&server);
    assert_true(client >= 0);
    check_found(&server, name, len, 1, 1);
    close(client);
    close(server.fd);
    if (!abstract)
      assert_int_equal(unlink(name), 0);
  }
}

static void an_abstract_name_may_have_any_bytes(void **state) {
  (void)state;
  need_kernel();
  char name[LB_UNIX_NAME_SIZE + 1];
  struct server server;
  size_t len = put_name(name, true, "");
  assert_in_range(len, 1, LB_UNIX_NAME_SIZE - 16);
  memcpy(name + len, "\0\xff\0/\n@\x80\x01", 8);
  len += 8;
  assert_int_equal(open_unix_server(&server, SOCK_SEQPACKET, name, len, 7), 0);
  check_found(&server, name, len, 0, 7);
  close(server.fd);
}

/* unix_autobind(): NUL and 5 hexadecimal digits. */
static void a_name_may_be_the_kernels(void **state) {
  (void)state;
  need_kernel();
  struct server server;
  struct lb_listen_sock row;
  struct lb_unix_name path;
  assert_int_equal(open_unix_server(&server, SOCK_STREAM, NULL, 0, 1), 0);
  assert_true(find(server.inode, &row, &path));
  assert_int_equal(path.len, 6);
  assert_int_equal(path.bytes[0], '\0');
  assert_int_equal(strspn(path.bytes + 1, "0123456789abcdef"), 5);
  close(server.fd);
}

static void what_does_not_listen_is_not_found(void **state) {
  (void)state;
  need_kernel();
  static const int others[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
  for (size_t i = 0; i < LEN(others); i++) {
    struct server server;
    struct lb_listen_sock row;
    struct lb_unix_name path;
    assert_int_equal(open_unix_server(&server, others[i], NULL, 0, -1), 0);
    assert_false(find(server.inode, &row, &path));
    close(server.fd);
  }
}

static void clients_that_closed_are_counted(void **state) {
  (void)state;
  need_kernel();
  for (size_t i = 0; i < LEN(types); i++) {
    struct server server;
    int clients[5];
    assert_int_equal(open_unix_server(&server, types[i], NULL, 0, 8), 0);
    check_who_waits(&server, 0, 0);
    for (uint32_t j = 0; j < LEN(clients); j++) {
      clients[j] = connect_unix(&server);
      assert_true(clients[j] >= 0);
      check_who_waits(&server, j + 1, 0);
    }
    assert_int_equal(send(clients[0], "request", 7, 0), 7);
    assert_int_equal(shutdown(clients[1], SHUT_WR), 0); /* may still read */
    check_who_waits(&server, 5, 0);
    close(clients[0]);
    check_who_waits(&server, 5, 1);
    close(clients[3]);
    check_who_waits(&server, 5, 2);

    static const uint32_t closed[] = {1, 1, 1, 0, 0}; /* of those left */
    for (uint32_t j = 0; j < LEN(clients); j++) {
      int accepted = accept(server.fd, NULL, NULL);
      assert_true(accepted >= 0);
      close(accepted);
      check_who_waits(&server, 4 - j, closed[j]);
    }
    close(clients[1]);
    close(clients[2]);
    close(clients[4]);
    close(server.fd);
  }
}

/* What diag_unix.c says of unix_diag_get_exact(), for pages of any size. That
 * they have closed spares us as many descriptors. */
static void too_many_who_wait_are_an_error_and_not_less(void **state) {
  (void)state;
  need_kernel();
  const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
  const uint32_t certain = page / 4 - 70, too_many = page / 2;
  struct server server;
  struct lb_listen_sock row;
  struct lb_unix_name path;
  struct lb_pending pending = {4711, 815};
  uint32_t queue = 0;
  int client;
  assert_int_equal(
      open_unix_server(&server, SOCK_STREAM, NULL, 0, (int)too_many), 0);
  for (; queue < certain && (client = connect_unix(&server)) >= 0; queue++)
    close(client);
  check_who_waits(&server, queue, queue);
  for (; queue <= too_many && (client = connect_unix(&server)) >= 0; queue++)
    close(client);
  assert_true(find(server.inode, &row, &path));
  assert_int_equal(row.queue, queue);
  if (queue > too_many) { /* else somaxconn allows no more */
    assert_int_equal(ask_who_waits(&row, &pending), -EMSGSIZE);
    assert_int_equal(pending.waiting, 4711);
    assert_int_equal(pending.closed, 815);
  }
  close(server.fd);
}

static void at_a_socket_that_is_gone_nobody_waits(void **state) {
  (void)state;
  need_kernel();
  struct server server;
  struct lb_listen_sock row;
  struct lb_unix_name path;
  struct lb_pending pending;
  assert_int_equal(open_unix_server(&server, SOCK_STREAM, NULL, 0, 1), 0);
  assert_true(find(server.inode, &row, &path));
  assert_int_equal(ask_who_waits(&row, &pending), 0);
  row.cookie++;
  assert_int_equal(ask_who_waits(&row, &pending), -ESTALE);
  row.cookie--;
  assert_int_equal(ask_who_waits(&row, &pending), 0);
  close(server.fd);
  assert_int_equal(ask_who_waits(&row, &pending), -ENOENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_row_is_read),
    cmocka_unit_test(what_a_unix_socket_does_not_have_is_zero),
    cmocka_unit_test(a_name_is_what_bind_was_given),
    cmocka_unit_test(a_socket_without_a_name_is_passed_over),
    cmocka_unit_test(of_all_types_two_listen),
    cmocka_unit_test(a_name_has_one_number),
    cmocka_unit_test(what_is_unknown_is_passed_over),
    cmocka_unit_test(those_who_wait_are_counted),
    cmocka_unit_test(the_inodes_count_not_the_length),
    cmocka_unit_test(without_inodes_an_empty_queue_is_known_to_be_empty),
    cmocka_unit_test(inodes_cut_off_are_malformed),
    cmocka_unit_test(a_short_message_is_malformed),
    cmocka_unit_test(a_message_of_another_type_is_malformed),
    cmocka_unit_test(a_socket_of_another_family_is_no_row),
    cmocka_unit_test(a_socket_that_does_not_listen_is_no_row),
    cmocka_unit_test(an_attribute_with_a_bad_length_is_malformed),
    cmocka_unit_test(a_row_cut_off_is_malformed),
    cmocka_unit_test(a_row_without_lengths_is_malformed),
    cmocka_unit_test(short_lengths_are_malformed),
    cmocka_unit_test(no_damage_of_one_bit_is_worse_than_an_error),
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    cmocka_unit_test(the_bytes_of_a_kernel_are_read),
#endif
    cmocka_unit_test(a_request_asks_for_the_listeners),
    cmocka_unit_test(a_request_asks_who_waits_at_one_socket),
    cmocka_unit_test(queues_are_what_they_are),
    cmocka_unit_test(a_server_may_give_bind_a_whole_sockaddr_un),
    cmocka_unit_test(a_name_may_take_up_all_of_sun_path),
    cmocka_unit_test(an_abstract_name_may_have_any_bytes),
    cmocka_unit_test(a_name_may_be_the_kernels),
    cmocka_unit_test(what_does_not_listen_is_not_found),
    cmocka_unit_test(clients_that_closed_are_counted),
    cmocka_unit_test(too_many_who_wait_are_an_error_and_not_less),
    cmocka_unit_test(at_a_socket_that_is_gone_nobody_waits),
  };
  return cmocka_run_group_tests(tests, open_world, close_world);
}
