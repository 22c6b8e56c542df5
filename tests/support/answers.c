// SPDX-License-Identifier: MIT
#include "answers.h"

#include "examples.h"
#include "unit.h"

const struct lb_listen_sock http = {
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

const struct lb_listen_sock https = {
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

const struct lb_listen_sock api = {
    .cookie = 1, .limit = 5, .inode = 10, .family = AF_UNIX};

struct datagram datagram_of_hex(const char *hex) {
  struct datagram datagram = {.len = 0};
  unsigned byte;
  for (int n; sscanf(hex, " %2x%n", &byte, &n) == 1; hex += n)
    datagram.at[datagram.len++] = (char)byte;
  return datagram;
}

struct nlmsghdr *start_message(struct datagram *datagram, uint16_t type) {
  assert_in_range(datagram->len, 0, sizeof(datagram->at) - 512);
  struct nlmsghdr *msg = mnl_nlmsg_put_header(datagram->at + datagram->len);
  msg->nlmsg_type = type;
  msg->nlmsg_flags = NLM_F_MULTI;
  msg->nlmsg_seq = SEQ;
  msg->nlmsg_pid = PORTID;
  return msg;
}

struct nlmsghdr *end_message(struct datagram *datagram, struct nlmsghdr *msg) {
  datagram->len += (msg->nlmsg_len + 3) & ~(size_t)3;
  return msg;
}

struct nlmsghdr *put_empty(struct datagram *datagram, uint16_t type) {
  return end_message(datagram, start_message(datagram, type));
}

struct nlmsghdr *put_done(struct datagram *datagram, int status) {
  struct nlmsghdr *msg = start_message(datagram, NLMSG_DONE);
  memcpy(mnl_nlmsg_put_extra_header(msg, sizeof(status)), &status,
         sizeof(status));
  return end_message(datagram, msg);
}

struct nlmsghdr *put_error(struct datagram *datagram, int status) {
  struct nlmsghdr *msg = start_message(datagram, NLMSG_ERROR);
  struct nlmsgerr *error = mnl_nlmsg_put_extra_header(msg, sizeof(*error));
  error->error = status;
  error->msg = (struct nlmsghdr){.nlmsg_len = 76,
                                 .nlmsg_type = TCPDIAG_GETSOCK,
                                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                                 .nlmsg_seq = SEQ};
  return end_message(datagram, msg);
}

/* SKMEMINFO of so many values, 9 with sk_drops as the last one, 0 for none. */
static void put_meminfo(struct nlmsghdr *msg, uint32_t drops, size_t values) {
  const uint32_t meminfo[] = {1, 131072, 2, 16384, 3, 4, 5, 6, drops};
  if (values)
    mnl_attr_put(msg, INET_DIAG_SKMEMINFO, values * sizeof(meminfo[0]),
                 meminfo);
}

struct nlmsghdr *put_sock_with(struct datagram *datagram, uint16_t type,
                               const struct lb_listen_sock *row,
                               size_t meminfo_values) {
  struct nlmsghdr *msg = start_message(datagram, type);
  struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  bool v6 = row->family == AF_INET6;
  diag->idiag_family = row->family;
  diag->idiag_state = TCP_LISTEN;
  diag->id.idiag_sport = htons(row->port);
  memcpy(diag->id.idiag_src, row->address + (v6 ? 0 : 12), v6 ? 16 : 4);
  diag->id.idiag_if = row->ifindex;
  diag->id.idiag_cookie[0] = (uint32_t)row->cookie;
  diag->id.idiag_cookie[1] = (uint32_t)(row->cookie >> 32);
  diag->idiag_rqueue = row->queue;
  diag->idiag_wqueue = row->limit;
  diag->idiag_inode = row->inode;
  mnl_attr_put_u8(msg, INET_DIAG_SHUTDOWN, 0);
  if (v6)
    mnl_attr_put_u8(msg, INET_DIAG_SKV6ONLY, row->v6only);
  mnl_attr_put_u64(msg, INET_DIAG_CGROUP_ID, row->cgroup ? row->cgroup : 1);
  mnl_attr_put_u16(msg, INET_DIAG_SOCKOPT, 0x52);
  put_meminfo(msg, row->sk_drops, meminfo_values);
  return end_message(datagram, msg);
}

struct nlmsghdr *put_sock(struct datagram *datagram,
                          const struct lb_listen_sock *row) {
  return put_sock_with(datagram, TCPDIAG_GETSOCK, row, row->has_drops ? 9 : 8);
}

struct nlmsghdr *start_unix(struct datagram *datagram,
                            const struct lb_listen_sock *row, uint8_t type) {
  struct nlmsghdr *msg = start_message(datagram, SOCK_DIAG_BY_FAMILY);
  struct unix_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  diag->udiag_family = AF_UNIX;
  diag->udiag_type = type;
  diag->udiag_state = TCP_LISTEN;
  diag->udiag_ino = row->inode;
  diag->udiag_cookie[0] = (uint32_t)row->cookie;
  diag->udiag_cookie[1] = (uint32_t)(row->cookie >> 32);
  return msg;
}

void put_rqlen(struct nlmsghdr *msg, uint32_t queue, uint32_t limit) {
  const struct unix_diag_rqlen rqlen = {queue, limit};
  mnl_attr_put(msg, UNIX_DIAG_RQLEN, sizeof(rqlen), &rqlen);
}

struct nlmsghdr *put_unix_sock(struct datagram *datagram,
                               const struct lb_listen_sock *row, uint8_t type,
                               const char *sun_path, size_t len) {
  struct nlmsghdr *msg = start_unix(datagram, row, type);
  if (sun_path)
    mnl_attr_put(msg, UNIX_DIAG_NAME, len, sun_path);
  if (row->file.inode)
    mnl_attr_put(msg, UNIX_DIAG_VFS, sizeof(row->file), &row->file);
  put_rqlen(msg, row->queue, row->limit);
  mnl_attr_put_u8(msg, UNIX_DIAG_SHUTDOWN, 0);
  return end_message(datagram, msg);
}

struct nlmsghdr *put_unix_conn(struct datagram *datagram, uint32_t inode,
                               uint8_t type, const char *sun_path, size_t len) {
  const struct lb_listen_sock row = {.inode = inode};
  struct nlmsghdr *msg = start_unix(datagram, &row, type);
  struct unix_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  diag->udiag_state = TCP_ESTABLISHED;
  if (sun_path)
    mnl_attr_put(msg, UNIX_DIAG_NAME, len, sun_path);
  mnl_attr_put_u8(msg, UNIX_DIAG_SHUTDOWN, 0);
  return end_message(datagram, msg);
}

struct nlmsghdr *put_pending(struct datagram *datagram,
                             const struct lb_listen_sock *row,
                             const uint32_t *inodes, size_t len) {
  struct nlmsghdr *msg = start_unix(datagram, row, SOCK_STREAM);
  msg->nlmsg_flags = 0;
  mnl_attr_put(msg, UNIX_DIAG_ICONS, len * sizeof(*inodes), inodes);
  put_rqlen(msg, (uint32_t)len, row->limit);
  mnl_attr_put_u8(msg, UNIX_DIAG_SHUTDOWN, 0);
  return end_message(datagram, msg);
}

struct nlmsghdr *put_conn(struct datagram *datagram,
                          const struct lb_conn *conn) {
  static const uint8_t states[] = {[LB_CONN_HALF_OPEN] = TCP_SYN_RECV,
                                   [LB_CONN_WAITING] = TCP_ESTABLISHED,
                                   [LB_CONN_CLOSED] = TCP_CLOSE_WAIT,
                                   [LB_CONN_MPTCP_CLOSED] = TCP_CLOSE_WAIT,
                                   [LB_CONN_ACCEPTED] = TCP_ESTABLISHED};
  struct nlmsghdr *msg = start_message(datagram, TCPDIAG_GETSOCK);
  struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  bool v6 = conn->family == AF_INET6;
  diag->idiag_family = conn->family;
  diag->idiag_state = states[conn->kind];
  diag->id.idiag_sport = htons(conn->port);
  memcpy(diag->id.idiag_src, conn->address + (v6 ? 0 : 12), v6 ? 16 : 4);
  diag->id.idiag_if = conn->ifindex;
  diag->idiag_inode = conn->kind == LB_CONN_ACCEPTED;
  if (conn->kind != LB_CONN_HALF_OPEN) {
    const struct tcp_info info = {.tcpi_last_data_sent = conn->wait_ms};
    mnl_attr_put_u8(msg, INET_DIAG_SHUTDOWN, 0);
    mnl_attr_put(msg, INET_DIAG_INFO, sizeof(info), &info);
  }
  return end_message(datagram, msg);
}

static int feed_messages(void *data, const void *bytes, size_t len) {
  return lb_answer_feed(data, bytes, len);
}

int ask_kernel(struct lb_netlink *netlink, struct nlmsghdr *request,
               struct lb_msg_handler handler) {
  struct lb_answer answer = {request, handler};
  return lb_netlink_dump(netlink, request,
                         (struct lb_datagram_handler){feed_messages, &answer});
}
