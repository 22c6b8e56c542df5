// SPDX-License-Identifier: MIT
/* A connection has no struct socket, and so the inode 0, until accept() takes
 * it. Orphans have none either, but close() takes those out of the states that
 * are asked for at once. In SYN_RECV there are request sockets, which
 * tcp_req_diag_fill() describes without INET_DIAG_SHUTDOWN, and the children of
 * TCP Fast Open, full sockets in the accept queue already, which
 * inet_diag_msg_attrs_fill() never describes without it.
 *
 * The server cannot send before accept(), so the time since data was last sent
 * is the time since tcp_create_openreq_child() (net/ipv4/tcp_minisocks.c). Data
 * from the client, its FIN and keepalive probes do not change it. */
#include "kernel/inet_conn.h"

#include "kernel/attr.h"
#include "kernel/inet_diag.h"

#include "kernel/port_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

enum {
  HALF_OPEN_STATES = 1 << TCP_SYN_RECV,
  QUEUED_STATES = HALF_OPEN_STATES | 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT,
  QUEUED_EXTENSIONS = 1 << (INET_DIAG_INFO - 1),
};

_Static_assert(NLMSG_SPACE(sizeof(struct inet_diag_req)) +
                       sizeof(struct nlattr) + LB_PORT_FILTER_SIZE <=
                   LB_CONN_REQUEST_SIZE,
               "any request fits");

static void put_filter(struct nlmsghdr *msg, const struct lb_ports *ports,
                       size_t len) {
  struct nlattr *attr = mnl_nlmsg_get_payload_tail(msg);
  size_t size = lb_port_filter_write(ports, len, attr + 1, LB_PORT_FILTER_SIZE);
  if (size == 0)
    return;
  attr->nla_type = INET_DIAG_REQ_BYTECODE;
  attr->nla_len = (uint16_t)(sizeof(*attr) + size);
  msg->nlmsg_len += attr->nla_len;
}

struct nlmsghdr *lb_inet_request_conns(char *buf, uint8_t family,
                                       const struct lb_ports *ports, size_t len,
                                       bool queued) {
  uint32_t states = queued ? QUEUED_STATES : HALF_OPEN_STATES;
  uint8_t extensions = queued ? QUEUED_EXTENSIONS : 0;
  struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
  msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (family) {
    struct inet_diag_req_v2 *req =
        mnl_nlmsg_put_extra_header(msg, sizeof(*req));
    msg->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    req->sdiag_family = family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_states = states;
    req->idiag_ext = extensions;
  } else {
    struct inet_diag_req *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));
    msg->nlmsg_type = TCPDIAG_GETSOCK;
    req->idiag_states = states;
    req->idiag_ext = extensions;
  }
  put_filter(msg, ports, len);
  return msg;
}

/* What the attributes say of one connection. */
struct details {
  bool is_full; /* no request socket */
  bool has_wait;
  uint32_t wait_ms;
};

static bool parse_attribute(const struct rtattr *attr,
                            struct details *details) {
  enum { WAIT = offsetof(struct tcp_info, tcpi_last_data_sent) };
  switch (attr->rta_type) {
  case INET_DIAG_SHUTDOWN:
    details->is_full = true;
    return true;
  case INET_DIAG_INFO: /* grows from kernel to kernel */
    details->has_wait = RTA_PAYLOAD(attr) >= WAIT + sizeof(details->wait_ms);
    if (details->has_wait)
      memcpy(&details->wait_ms, (const char *)RTA_DATA(attr) + WAIT,
             sizeof(details->wait_ms));
    return details->has_wait;
  default:
    return true;
  }
}

static bool parse_attributes(const void *at, size_t len,
                             struct details *details) {
  struct lb_attrs attrs = {at, len};
  for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));)
    if (!parse_attribute(attr, details))
      return false;
  return attrs.len == 0;
}

static enum lb_conn_kind kind_of(uint8_t state, const struct details *details) {
  if (state == TCP_CLOSE_WAIT)
    return LB_CONN_CLOSED;
  if (state == TCP_SYN_RECV && !details->is_full)
    return LB_CONN_HALF_OPEN;
  return LB_CONN_WAITING;
}

/* The accepted ones, most of them all, are seen by their inode, before their
 * attributes are. */
int lb_inet_parse_conn(const struct nlmsghdr *msg, struct lb_conn *conn) {
  const struct inet_diag_msg *diag = NLMSG_DATA(msg);
  if ((msg->nlmsg_type != TCPDIAG_GETSOCK &&
       msg->nlmsg_type != SOCK_DIAG_BY_FAMILY) ||
      msg->nlmsg_len < NLMSG_LENGTH(sizeof(*diag)) ||
      (diag->idiag_family != AF_INET && diag->idiag_family != AF_INET6))
    return -EBADMSG;
  if (diag->idiag_inode || diag->idiag_state >= 32 ||
      !(1u << diag->idiag_state & QUEUED_STATES))
    return 1;

  struct details details = {.is_full = false};
  size_t len = msg->nlmsg_len - NLMSG_LENGTH(sizeof(*diag));
  if (!parse_attributes(diag + 1, len, &details))
    return -EBADMSG;
  enum lb_conn_kind kind = kind_of(diag->idiag_state, &details);
  /* Asked for the half-open ones alone, the kernel shows a child of TCP Fast
   * Open as well, even one that leaves SYN_RECV between being found and being
   * described. It says not how long that waits, and nobody asked. */
  if (kind != LB_CONN_HALF_OPEN && !details.has_wait)
    return 1;

  *conn = (struct lb_conn){
      .ifindex = diag->id.idiag_if,
      .wait_ms = details.wait_ms,
      .port = ntohs(diag->id.idiag_sport),
      .family = diag->idiag_family,
      .kind = (uint8_t)kind,
  };
  lb_inet_address(diag, conn->address);
  return 0;
}
