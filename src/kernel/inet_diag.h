/* SPDX-License-Identifier: MIT */
/* inet_diag, the kernel's list of TCP sockets: requests for listening sockets
 * and for connections that no accept() has taken, and the parsers of one
 * message of their answers. Pure functions of buffers that the caller owns. */
#ifndef LB_KERNEL_INET_DIAG_H
#define LB_KERNEL_INET_DIAG_H

#include "base/ports.h"
#include "kernel/sock.h"

#include <linux/netlink.h>

/* Bytes that hold a request; align the buffer for struct nlmsghdr. A filter of
 * ports is one attribute, of 64 KiB at most. */
#define LB_LISTEN_REQUEST_SIZE 128
#define LB_CONNS_REQUEST_SIZE (65536 + 256)

/* Builds the request for all listening sockets of a family, AF_INET or
 * AF_INET6, or of both at once: AF_UNSPEC. That is TCPDIAG_GETSOCK, which
 * inet_diag_dump_compat() (net/ipv4/inet_diag.c, seen in 5.10 to 7.2) runs for
 * both; SOCK_DIAG_BY_FAMILY refuses AF_UNSPEC. Returns the message, which
 * starts at buf; its sequence number and port id are 0. */
struct nlmsghdr *
lb_inet_request_listen_socks(char buf[static LB_LISTEN_REQUEST_SIZE],
                             uint8_t family);

/* Which connections a request is for. */
struct lb_conn_filter {
  const struct lb_ports *ports; /* local ports; ascending, with gaps between */
  size_t len;                   /* > 0 */
  bool queued;   /* those in accept queues, too; else half-open ones alone */
  bool accepted; /* the accepted ones, too; without queued those in accept
                    queues cannot be told how long they have waited */
};

/* Builds the request for connections, families as above. Half-open ones are in
 * SYN_RECV, those in accept queues in ESTABLISHED or CLOSE_WAIT as well;
 * without them the kernel does not have to describe every connection of the
 * ports. If the ranges are too many for one attribute, the request is for all
 * ports. */
struct nlmsghdr *lb_inet_request_conns(char buf[static LB_CONNS_REQUEST_SIZE],
                                       uint8_t family,
                                       const struct lb_conn_filter *filter);

/* Builds the request for the MPTCP connections whose client has closed, of one
 * family. If the kernel has no mptcp_diag the answer is -ENOENT. */
struct nlmsghdr *
lb_inet_request_mptcp_conns(char buf[static LB_CONNS_REQUEST_SIZE],
                            uint8_t family,
                            const struct lb_conn_filter *filter);

/* Parse one message, whose nlmsg_len has been checked. 0; 1 if the connection
 * has been accepted, or waits in a queue that was not asked for; -EBADMSG if
 * the message is not a whole description of such a socket. The output is
 * undefined unless 0 is returned. */
int lb_inet_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_listen_sock *sock);
int lb_inet_parse_conn(const struct nlmsghdr *msg, struct lb_conn *conn);
/* An open connection that has been accepted: 0; 1 if it is another one. Its
 * number is 0. */
int lb_inet_parse_accepted(const struct nlmsghdr *msg, struct lb_conn *conn);
int lb_inet_parse_mptcp_conn(const struct nlmsghdr *msg, struct lb_conn *conn);

#endif
