/* SPDX-License-Identifier: MIT */
/* inet_diag: the question for listening TCP sockets, and one answer to one
 * row. Pure functions of buffers that the caller owns. */
#ifndef LB_KERNEL_INET_DIAG_H
#define LB_KERNEL_INET_DIAG_H

#include "kernel/listen_sock.h"

#include <linux/netlink.h>

#define LB_INET_REQUEST_SIZE                                                   \
  128 /* holds any request; align the buffer for one */

/* Builds the request that walks the listeners of both families at once:
 * TCPDIAG_GETSOCK, which inet_diag_dump_compat() (net/ipv4/inet_diag.c, seen in
 * 5.10 to 7.2) runs with AF_UNSPEC; SOCK_DIAG_BY_FAMILY refuses AF_UNSPEC.
 * Returns the message inside buf; sequence number and portid are left 0. */
struct nlmsghdr *
lb_inet_request_listen_socks_of_both(char buf[static LB_INET_REQUEST_SIZE]);

/* The same for one family, AF_INET or AF_INET6, by SOCK_DIAG_BY_FAMILY. */
struct nlmsghdr *
lb_inet_request_listen_socks(char buf[static LB_INET_REQUEST_SIZE],
                             uint8_t family);

/* Parses one answer to either request, whose nlmsg_len has been checked.
 * -EBADMSG, and row undefined, where the message is no whole row of a listening
 * IPv4 or IPv6 socket. */
int lb_inet_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_listen_sock *row);

struct inet_diag_msg;

/* The local address of an answer: IPv4 as ::ffff:a.b.c.d, so that one
 * comparison serves both families; that of an IPv6 socket as it is. */
void lb_inet_address(const struct inet_diag_msg *diag,
                     uint8_t address[static 16]);

#endif
