// SPDX-License-Identifier: MIT
/* Listening sockets: the request names the state LISTEN and SKMEMINFO, nothing
 * else. Any other state makes the kernel walk every connection of the host, and
 * INET_DIAG_INFO only repeats what rqueue and wqueue say about a listening
 * socket: tcp_diag_get_info(), net/ipv4/tcp_diag.c.
 *
 * Connections: until accept() takes it, a connection has no struct socket and
 * so the inode 0. Orphans have none either, but close() moves those out of the
 * requested states at once. SYN_RECV holds request sockets, which
 * tcp_req_diag_fill() describes without INET_DIAG_SHUTDOWN, and the children of
 * TCP Fast Open: full sockets, already in the accept queue, which
 * inet_diag_msg_attrs_fill() always describes with it.
 *
 * The server cannot send before accept(), so the time since data was last sent
 * is the time since tcp_create_openreq_child() (net/ipv4/tcp_minisocks.c). The
 * client's data, FIN and keepalive probes do not change it.
 *
 * MPTCP: a connection is a TCP one as well, which stays ESTABLISHED when the
 * client closes. Only MPTCP's own list has CLOSE_WAIT (mptcp_diag_dump(),
 * net/mptcp/mptcp_diag.c); the inode is 0 there, too, until accept(). */
#include "kernel/inet_diag.h"

#include "kernel/attr.h"
#include "kernel/port_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

enum {
  LISTEN_STATES = 1 << TCP_LISTEN,
  HALF_OPEN_STATES = 1 << TCP_SYN_RECV,
  QUEUED_STATES = HALF_OPEN_STATES | 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT,
  LISTEN_EXTENSIONS = 1 << (INET_DIAG_SKMEMINFO - 1),
  QUEUED_EXTENSIONS = 1 << (INET_DIAG_INFO - 1),
  MPTCP = 262,      /* IPPROTO_MPTCP, netinet/in.h of glibc 2.32 */
  REQ_PROTOCOL = 3, /* INET_DIAG_REQ_PROTOCOL, linux/inet_diag.h of 5.9 */
  CGROUP_ID = 21,   /* INET_DIAG_CGROUP_ID, of 5.8: not asked for */
  ROOT_CGROUP = 1,  /* also of each socket on a host without version 2 */
};

/* --- requests ------------------------------------------------------------ */

_Static_assert(NLMSG_SPACE(sizeof(struct inet_diag_req_v2)) +
                       2 * sizeof(struct nlattr) + sizeof(uint32_t) +
                       LB_PORT_FILTER_SIZE <=
                   LB_CONNS_REQUEST_SIZE,
               "any request fits");

static struct nlmsghdr *put_inet_request(char *buf, uint8_t family,
                                         uint32_t states, uint8_t extensions) {
  struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
  msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (family == AF_UNSPEC) {
    struct inet_diag_req *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));
    msg->nlmsg_type = TCPDIAG_GETSOCK;
    req->idiag_states = states;
    req->idiag_ext = extensions;
  } else {
    struct inet_diag_req_v2 *req =
        mnl_nlmsg_put_extra_header(msg, sizeof(*req));
    msg->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    req->sdiag_family = family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_states = states;
    req->idiag_ext = extensions;
  }
  return msg;
}

struct nlmsghdr *
lb_inet_request_listen_socks(char buf[static LB_LISTEN_REQUEST_SIZE],
                             uint8_t family) {
  return put_inet_request(buf, family, LISTEN_STATES, LISTEN_EXTENSIONS);
}

static void put_port_filter(struct nlmsghdr *msg, const struct lb_ports *ports,
                            size_t len) {
  struct nlattr *attr = mnl_nlmsg_get_payload_tail(msg);
  size_t size = lb_port_filter_write(ports, len, attr + 1, LB_PORT_FILTER_SIZE);
  if (size == 0)
    return;
  attr->nla_type = INET_DIAG_REQ_BYTECODE;
  attr->nla_len = (uint16_t)(sizeof(*attr) + size);
  msg->nlmsg_len += attr->nla_len;
}

struct nlmsghdr *lb_inet_request_conns(char buf[static LB_CONNS_REQUEST_SIZE],
                                       uint8_t family,
                                       const struct lb_conn_filter *filter) {
  bool all = filter->queued || filter->accepted;
  struct nlmsghdr *msg =
      put_inet_request(buf, family, all ? QUEUED_STATES : HALF_OPEN_STATES,
                       filter->queued ? QUEUED_EXTENSIONS : 0);
  put_port_filter(msg, filter->ports, filter->len);
  return msg;
}

struct nlmsghdr *
lb_inet_request_mptcp_conns(char buf[static LB_CONNS_REQUEST_SIZE],
                            uint8_t family,
                            const struct lb_conn_filter *filter) {
  struct nlmsghdr *msg = put_inet_request(buf, family, 1 << TCP_CLOSE_WAIT, 0);
  struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(msg);
  req->sdiag_protocol = IPPROTO_RAW; /* 262 does not fit: the attribute */
  mnl_attr_put_u32(msg, REQ_PROTOCOL, MPTCP);
  put_port_filter(msg, filter->ports, filter->len);
  return msg;
}

/* --- answers ------------------------------------------------------------- */

/* The header of a message about a TCP socket, or NULL. */
static const struct inet_diag_msg *inet_header(const struct nlmsghdr *msg) {
  const struct inet_diag_msg *diag = NLMSG_DATA(msg);
  if ((msg->nlmsg_type != TCPDIAG_GETSOCK &&
       msg->nlmsg_type != SOCK_DIAG_BY_FAMILY) ||
      msg->nlmsg_len < NLMSG_LENGTH(sizeof(*diag)) ||
      (diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6))
    return NULL;
  return diag;
}

static struct lb_attrs inet_attrs(const struct nlmsghdr *msg,
                                  const struct inet_diag_msg *diag) {
  return (struct lb_attrs){diag + 1,
                           msg->nlmsg_len - NLMSG_LENGTH(sizeof(*diag))};
}

/* The address is all zeros before. */
static void get_local_address(const struct inet_diag_msg *diag,
                              uint8_t address[static 16]) {
  if (diag->idiag_family == AF_INET6) {
    memcpy(address, diag->id.idiag_src, 16);
    return;
  }
  memset(address + 10, 0xff, 2);
  memcpy(address + 12, diag->id.idiag_src, 4);
}

static bool parse_listen_attr(const struct rtattr *attr,
                              struct lb_listen_sock *sock) {
  const char *payload = RTA_DATA(attr);
  size_t len = RTA_PAYLOAD(attr);
  switch (attr->rta_type) {
  case INET_DIAG_SKMEMINFO:
    /* 8 values before Linux 4.7, 9 with SK_MEMINFO_DROPS since */
    sock->has_drops = len >= (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t);
    if (sock->has_drops)
      memcpy(&sock->sk_drops, payload + SK_MEMINFO_DROPS * sizeof(uint32_t),
             sizeof(sock->sk_drops));
    return true;
  case CGROUP_ID:
    if (len >= sizeof(sock->cgroup))
      memcpy(&sock->cgroup, payload, sizeof(sock->cgroup));
    if (sock->cgroup == ROOT_CGROUP)
      sock->cgroup = 0;
    return len >= sizeof(sock->cgroup);
  case INET_DIAG_SKV6ONLY:
    sock->v6only = len >= 1 && payload[0];
    return len >= 1;
  default:
    return true;
  }
}

int lb_inet_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_listen_sock *sock) {
  const struct inet_diag_msg *diag = inet_header(msg);
  if (!diag || diag->idiag_state != TCP_LISTEN)
    return -EBADMSG;

  *sock = (struct lb_listen_sock){
      .cookie =
          (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0],
      .queue = diag->idiag_rqueue,
      .limit = diag->idiag_wqueue,
      .ifindex = diag->id.idiag_if,
      .inode = diag->idiag_inode,
      .port = ntohs(diag->id.idiag_sport),
      .family = diag->idiag_family,
  };
  get_local_address(diag, sock->address);
  struct lb_attrs attrs = inet_attrs(msg, diag);
  for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));)
    if (!parse_listen_attr(attr, sock))
      return -EBADMSG;
  return attrs.len ? -EBADMSG : 0;
}

int lb_inet_parse_mptcp_conn(const struct nlmsghdr *msg, struct lb_conn *conn) {
  const struct inet_diag_msg *diag = inet_header(msg);
  if (!diag)
    return -EBADMSG;
  if (diag->idiag_inode || diag->idiag_state != TCP_CLOSE_WAIT)
    return 1;
  *conn = (struct lb_conn){
      .ifindex = diag->id.idiag_if,
      .port = ntohs(diag->id.idiag_sport),
      .family = diag->idiag_family,
      .kind = LB_CONN_MPTCP_CLOSED,
  };
  get_local_address(diag, conn->address);
  return 0;
}

int lb_inet_parse_accepted(const struct nlmsghdr *msg, struct lb_conn *conn) {
  const struct inet_diag_msg *diag = inet_header(msg);
  if (!diag)
    return -EBADMSG;
  if (diag->idiag_inode == 0 || (diag->idiag_state != TCP_ESTABLISHED &&
                                 diag->idiag_state != TCP_CLOSE_WAIT))
    return 1;
  *conn = (struct lb_conn){
      .ifindex = diag->id.idiag_if,
      .port = ntohs(diag->id.idiag_sport),
      .family = diag->idiag_family,
      .kind = LB_CONN_ACCEPTED,
  };
  get_local_address(diag, conn->address);
  return 0;
}

struct conn_details {
  bool is_full_socket; /* not a request socket */
  bool has_wait;
  uint32_t wait_ms;
};

static bool parse_conn_attr(const struct rtattr *attr,
                            struct conn_details *details) {
  enum { WAIT = offsetof(struct tcp_info, tcpi_last_data_sent) };
  switch (attr->rta_type) {
  case INET_DIAG_SHUTDOWN:
    details->is_full_socket = true;
    return true;
  case INET_DIAG_INFO: /* longer with each kernel */
    details->has_wait = RTA_PAYLOAD(attr) >= WAIT + sizeof(details->wait_ms);
    if (details->has_wait)
      memcpy(&details->wait_ms, (const char *)RTA_DATA(attr) + WAIT,
             sizeof(details->wait_ms));
    return details->has_wait;
  default:
    return true;
  }
}

static enum lb_conn_kind conn_kind(uint8_t state,
                                   const struct conn_details *details) {
  if (state == TCP_CLOSE_WAIT)
    return LB_CONN_CLOSED;
  if (state == TCP_SYN_RECV && !details->is_full_socket)
    return LB_CONN_HALF_OPEN;
  return LB_CONN_WAITING;
}

int lb_inet_parse_conn(const struct nlmsghdr *msg, struct lb_conn *conn) {
  const struct inet_diag_msg *diag = inet_header(msg);
  if (!diag)
    return -EBADMSG;
  /* Most are accepted: the inode tells, the attributes need not be parsed. */
  if (diag->idiag_inode || diag->idiag_state >= 32 ||
      !(1u << diag->idiag_state & QUEUED_STATES))
    return 1;

  struct conn_details details = {.has_wait = false};
  struct lb_attrs attrs = inet_attrs(msg, diag);
  for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));)
    if (!parse_conn_attr(attr, &details))
      return -EBADMSG;
  if (attrs.len)
    return -EBADMSG;
  enum lb_conn_kind kind = conn_kind(diag->idiag_state, &details);
  /* A request for half-open connections also returns children of TCP Fast Open,
   * even one that leaves SYN_RECV before the kernel describes it: without
   * INET_DIAG_INFO, so without the time that it has waited. */
  if (kind != LB_CONN_HALF_OPEN && !details.has_wait)
    return 1;

  *conn = (struct lb_conn){
      .ifindex = diag->id.idiag_if,
      .wait_ms = details.wait_ms,
      .port = ntohs(diag->id.idiag_sport),
      .family = diag->idiag_family,
      .kind = (uint8_t)kind,
  };
  get_local_address(diag, conn->address);
  return 0;
}
