/* SPDX-License-Identifier: MIT */
/* unix_diag: the question for listening UNIX sockets, and one answer to one
 * row; and the question who waits at one of them. Pure functions of buffers
 * that the caller owns. */
#ifndef LB_KERNEL_UNIX_DIAG_H
#define LB_KERNEL_UNIX_DIAG_H

#include "base/unix_names.h"
#include "kernel/listen_sock.h"

#include <linux/netlink.h>

#define LB_UNIX_REQUEST_SIZE                                                   \
  64 /* holds either request; align the buffer for struct nlmsghdr */

/* Builds the request that walks the listeners. Sequence number and portid are
 * left 0. */
struct nlmsghdr *
lb_unix_request_listen_socks(char buf[static LB_UNIX_REQUEST_SIZE]);

/* Parses one answer, whose nlmsg_len has been checked, and numbers its name. 0;
 * 1 where it has no name or is of a type that does not listen, and row
 * undefined; -EBADMSG where it is no whole row of a listening UNIX socket;
 * -ENOMEM. */
int lb_unix_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_unix_names *paths,
                              struct lb_listen_sock *row);

/* Connections in a UNIX socket's queue. */
struct lb_pending {
  uint32_t waiting;
  uint32_t closed; /* of these, whose client has closed its socket */
};

/* Builds the request for the connections that wait at one socket: no dump, but
 * a single answer. */
struct nlmsghdr *lb_unix_request_pending(char buf[static LB_UNIX_REQUEST_SIZE],
                                         const struct lb_listen_sock *row);

/* Parses that answer. 0; -EBADMSG; -ENODATA where it does not say. */
int lb_unix_pending(const struct nlmsghdr *msg, struct lb_pending *pending);

#endif
