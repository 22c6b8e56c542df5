/* SPDX-License-Identifier: MIT */
/* unix_diag, the kernel's list of UNIX sockets: requests for listening sockets
 * and for the connections that wait at one of them, and the parsers of one
 * message of their answers. Pure functions of buffers that the caller owns. */
#ifndef LB_KERNEL_UNIX_DIAG_H
#define LB_KERNEL_UNIX_DIAG_H

#include "base/unix_names.h"
#include "kernel/sock.h"

#include <linux/netlink.h>

/* Bytes that hold either request; align the buffer for struct nlmsghdr. */
#define LB_UNIX_REQUEST_SIZE 64

/* Builds the request for all listening sockets. Returns the message, which
 * starts at buf; its sequence number and port id are 0. */
struct nlmsghdr *
lb_unix_request_listen_socks(char buf[static LB_UNIX_REQUEST_SIZE]);

/* Builds the request for all connections. */
struct nlmsghdr *lb_unix_request_conns(char buf[static LB_UNIX_REQUEST_SIZE]);

/* Builds the request for the connections that wait at one socket, known by its
 * inode and cookie: not a dump, the answer is a single message. */
struct nlmsghdr *lb_unix_request_pending(char buf[static LB_UNIX_REQUEST_SIZE],
                                         const struct lb_listen_sock *sock);

/* Parses one message, whose nlmsg_len has been checked, and gives its name a
 * number. 0; 1 if the socket has no name or is of a type that does not listen;
 * -EBADMSG if it is not a whole description of a listening UNIX socket;
 * -ENOMEM. sock is undefined unless 0 is returned. */
int lb_unix_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_unix_names *names,
                              struct lb_listen_sock *sock);

/* Parses one message about a connection. 0 and its name; 1 if it has none or
 * the server has not accepted it; -EBADMSG. */
int lb_unix_parse_conn(const struct nlmsghdr *msg, struct lb_unix_name *name);

/* Parses the single message. 0; -EBADMSG; -ENODATA if it does not tell the
 * connections. */
int lb_unix_parse_pending(const struct nlmsghdr *msg,
                          struct lb_pending *pending);

#endif
