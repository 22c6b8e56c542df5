// SPDX-License-Identifier: MIT
/* Answers about connections: only those are kept that no accept() has taken,
 * each as libmnl reads its message. */
#include "fuzz_inet.h"

static bool may_wait(const struct inet_diag_msg *diag) {
  return diag->idiag_inode == 0 && (diag->idiag_state == TCP_ESTABLISHED ||
                                    diag->idiag_state == TCP_SYN_RECV ||
                                    diag->idiag_state == TCP_CLOSE_WAIT);
}

static enum lb_conn_kind kind_of(const struct nlmsghdr *msg) {
  const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  if (diag->idiag_state == TCP_CLOSE_WAIT)
    return LB_CONN_CLOSED;
  if (diag->idiag_state == TCP_SYN_RECV &&
      !find_attr(msg, sizeof(*diag), INET_DIAG_SHUTDOWN))
    return LB_CONN_HALF_OPEN;
  return LB_CONN_WAITING;
}

static void check_conn(void *data, const struct nlmsghdr *msg, bool added) {
  const struct lb_conns *conns = data;
  const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  CHECK(mnl_nlmsg_get_payload_len(msg) >= sizeof(*diag));
  if (!may_wait(diag)) {
    CHECK(!added);
    return;
  }
  uint32_t wait_ms = 0;
  enum lb_conn_kind kind = kind_of(msg);
  bool has_wait =
      attr_number(find_attr(msg, sizeof(*diag), INET_DIAG_INFO),
                  offsetof(struct tcp_info, tcpi_last_data_sent), &wait_ms);
  CHECK(added == (kind == LB_CONN_HALF_OPEN || has_wait));
  if (!added)
    return;
  const struct lb_conn *conn = &conns->v[conns->len - 1];
  CHECK(conn->kind == kind);
  CHECK(conn->wait_ms == wait_ms);
  CHECK(conn->family == diag->idiag_family);
  CHECK(conn->port == ntohs(diag->id.idiag_sport));
  CHECK(conn->ifindex == diag->id.idiag_if);
  check_address(diag, conn->address);
}

/* Of MPTCP, those whose client has closed. */
static void check_mptcp_conn(void *data, const struct nlmsghdr *msg,
                             bool added) {
  const struct lb_conns *conns = data;
  const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  CHECK(mnl_nlmsg_get_payload_len(msg) >= sizeof(*diag));
  CHECK(added == (may_wait(diag) && diag->idiag_state == TCP_CLOSE_WAIT));
  if (!added)
    return;
  const struct lb_conn *conn = &conns->v[conns->len - 1];
  CHECK(conn->kind == LB_CONN_MPTCP_CLOSED && conn->wait_ms == 0);
  CHECK(conn->family == diag->idiag_family);
  CHECK(conn->port == ntohs(diag->id.idiag_sport));
  check_address(diag, conn->address);
}

static void feed(struct input input, bool is_mptcp) {
  struct lb_conns conns = {.len = 0};
  struct fuzzed_answer answer = {
      .handler = is_mptcp ? lb_add_mptcp_conns(&conns) : lb_add_conns(&conns),
      .len = &conns.len,
      .check = is_mptcp ? check_mptcp_conn : check_conn,
      .data = &conns};
  feed_input(&answer, input);
  lb_conns_free(&conns);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  feed((struct input){bytes, len}, false);
  feed((struct input){bytes, len}, true);
  return 0;
}
