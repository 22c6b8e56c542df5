// SPDX-License-Identifier: MIT
/* We ask for the state LISTEN and for SKMEMINFO, and for nothing else: any
 * other state makes the kernel walk every connection of the host, and
 * INET_DIAG_INFO repeats for a listener what rqueue and wqueue say already.
 * What the fields mean: tcp_diag_get_info(), net/ipv4/tcp_diag.c. */
#include "kernel/inet_diag.h"

#include "kernel/attr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

enum {
  STATES = 1 << TCP_LISTEN,
  EXTENSIONS = 1 << (INET_DIAG_SKMEMINFO - 1),
};

static struct nlmsghdr *put_header(char *buf, uint16_t type) {
  struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
  msg->nlmsg_type = type;
  msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  return msg;
}

struct nlmsghdr *
lb_inet_request_listen_socks_of_both(char buf[static LB_INET_REQUEST_SIZE]) {
  struct nlmsghdr *msg = put_header(buf, TCPDIAG_GETSOCK);
  struct inet_diag_req *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));
  req->idiag_states = STATES;
  req->idiag_ext = EXTENSIONS;
  return msg;
}

struct nlmsghdr *
lb_inet_request_listen_socks(char buf[static LB_INET_REQUEST_SIZE],
                             uint8_t family) {
  struct nlmsghdr *msg = put_header(buf, SOCK_DIAG_BY_FAMILY);
  struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));
  req->sdiag_family = family;
  req->sdiag_protocol = IPPROTO_TCP;
  req->idiag_states = STATES;
  req->idiag_ext = EXTENSIONS;
  return msg;
}

void lb_inet_address(const struct inet_diag_msg *diag,
                     uint8_t address[static 16]) {
  if (diag->idiag_family == AF_INET6) {
    memcpy(address, diag->id.idiag_src, 16);
    return;
  }
  memset(address, 0, 10);
  memset(address + 10, 0xff, 2);
  memcpy(address + 12, diag->id.idiag_src, 4);
}

static bool parse_attribute(const struct rtattr *attr,
                            struct lb_listen_sock *row) {
  const char *payload = RTA_DATA(attr);
  size_t len = RTA_PAYLOAD(attr);
  switch (attr->rta_type) {
  case INET_DIAG_SKMEMINFO:
    /* 8 values before Linux 4.7, 9 with SK_MEMINFO_DROPS since */
    row->has_drops = len >= (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t);
    if (row->has_drops)
      memcpy(&row->sk_drops, payload + SK_MEMINFO_DROPS * sizeof(uint32_t),
             sizeof(row->sk_drops));
    return true;
  case INET_DIAG_SKV6ONLY:
    row->v6only = len >= 1 && payload[0];
    return len >= 1;
  default:
    return true;
  }
}

static bool parse_attributes(const void *at, size_t len,
                             struct lb_listen_sock *row) {
  struct lb_attrs attrs = {at, len};
  for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));)
    if (!parse_attribute(attr, row))
      return false;
  return attrs.len == 0;
}

int lb_inet_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_listen_sock *row) {
  const struct inet_diag_msg *diag = NLMSG_DATA(msg);
  if ((msg->nlmsg_type != TCPDIAG_GETSOCK &&
       msg->nlmsg_type != SOCK_DIAG_BY_FAMILY) ||
      msg->nlmsg_len < NLMSG_LENGTH(sizeof(*diag)) ||
      (diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6) ||
      diag->idiag_state != TCP_LISTEN)
    return -EBADMSG;

  *row = (struct lb_listen_sock){
      .cookie =
          (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0],
      .queue = diag->idiag_rqueue,
      .limit = diag->idiag_wqueue,
      .ifindex = diag->id.idiag_if,
      .inode = diag->idiag_inode,
      .port = ntohs(diag->id.idiag_sport),
      .family = diag->idiag_family,
  };
  lb_inet_address(diag, row->address);
  size_t len = msg->nlmsg_len - NLMSG_LENGTH(sizeof(*diag));
  return parse_attributes(diag + 1, len, row) ? 0 : -EBADMSG;
}
