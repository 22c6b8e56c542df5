/* SPDX-License-Identifier: MIT */
/* A sock_diag socket, the only kind of socket that this software opens. */
#ifndef LB_KERNEL_NETLINK_H
#define LB_KERNEL_NETLINK_H

#include "kernel/transport.h"

#include <stdbool.h>

struct lb_netlink;

/* Opens nothing yet. 0 or -ENOMEM; the caller owns *out. */
int lb_netlink_new(struct lb_netlink **out);
void lb_netlink_free(struct lb_netlink *netlink);

/* Opens the socket if it is closed, in the network namespace of the calling
 * thread, where it stays. 0 or -errno: -EAFNOSUPPORT, -EPERM, -EPROTONOSUPPORT
 * if there are no such sockets here. */
int lb_netlink_open(struct lb_netlink *netlink);
bool lb_netlink_is_open(const struct lb_netlink *netlink);
void lb_netlink_close(struct lb_netlink *netlink);

/* The cookie of the socket's network namespace (SO_NETNS_COOKIE): unique since
 * boot. 0 if it is not known: before Linux 5.14, or if the socket is closed. */
uint64_t lb_netlink_netns(const struct lb_netlink *netlink);

/* Sends the request, whose sequence number and port id it sets, and hands the
 * datagrams of the answer to the handler until that does not return 1. Opens
 * the socket if it is closed and keeps it open: a used one gets batches of 32
 * KiB, a new one starts with 3.5 KB. Closes it after any error, so that no late
 * answer can mix with the next one. 0 or -errno: those of lb_netlink_open() and
 * of the handler; -ENOBUFS: the kernel lost the rest; -ENOSPC: a datagram was
 * cut off; -ETIMEDOUT: no answer within a second. */
int lb_netlink_dump(struct lb_netlink *netlink, struct nlmsghdr *request,
                    struct lb_datagram_handler handler);

#endif
