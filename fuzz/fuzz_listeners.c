// SPDX-License-Identifier: MIT
/* Answers about listening TCP sockets: each is kept as libmnl reads its
 * message. */
#include "fuzz_inet.h"

struct seen {
  struct lb_listen_socks rows;
  struct lb_listen_sock first;
};

static bool is_same(const struct lb_listen_sock *a,
                    const struct lb_listen_sock *b) {
  return a->cookie == b->cookie && a->queue == b->queue &&
         a->limit == b->limit && a->inode == b->inode && a->port == b->port &&
         memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

static void check_row(void *data, const struct nlmsghdr *msg, bool added) {
  struct seen *seen = data;
  CHECK(added);
  const struct lb_listen_sock *row = &seen->rows.v[seen->rows.len - 1];
  const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  CHECK(mnl_nlmsg_get_payload_len(msg) >= sizeof(*diag));
  CHECK(diag->idiag_state == TCP_LISTEN);
  CHECK(row->family == diag->idiag_family);
  check_address(diag, row->address);
  CHECK(row->port == ntohs(diag->id.idiag_sport));
  CHECK(row->ifindex == diag->id.idiag_if);
  CHECK(row->inode == diag->idiag_inode);
  CHECK(row->queue == diag->idiag_rqueue);
  CHECK(row->limit == diag->idiag_wqueue);
  CHECK((uint32_t)row->cookie == diag->id.idiag_cookie[0]);
  CHECK(row->cookie >> 32 == diag->id.idiag_cookie[1]);

  uint32_t drops;
  bool has_drops =
      attr_number(find_attr(msg, sizeof(*diag), INET_DIAG_SKMEMINFO),
                  SK_MEMINFO_DROPS * sizeof(uint32_t), &drops);
  CHECK(row->has_drops == has_drops);
  CHECK(!has_drops || row->sk_drops == drops);
  const struct nlattr *v6only =
      find_attr(msg, sizeof(*diag), INET_DIAG_SKV6ONLY);
  CHECK(row->v6only == (v6only && mnl_attr_get_u8(v6only)));
  const struct nlattr *cgroup =
      find_attr(msg, sizeof(*diag), INET_DIAG_CGROUP_ID);
  uint64_t id = cgroup ? mnl_attr_get_u64(cgroup) : 0;
  CHECK(row->cgroup == (id == 1 ? 0 : id));

  if (seen->rows.len == 1)
    seen->first = *row;
  CHECK(is_same(seen->rows.v, &seen->first));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct seen seen = {.rows = {.len = 0}};
  struct fuzzed_answer answer = {.handler = lb_add_tcp_socks(&seen.rows),
                                 .len = &seen.rows.len,
                                 .check = check_row,
                                 .data = &seen};
  feed_input(&answer, (struct input){bytes, len});
  lb_listen_socks_free(&seen.rows);
  return 0;
}
