/* SPDX-License-Identifier: MIT */
/* A sock_diag socket, the plugin's only kind of socket. */
#ifndef LB_KERNEL_NETLINK_H
#define LB_KERNEL_NETLINK_H

#include "kernel/dump.h"

#include <linux/netlink.h>
#include <stdbool.h>

/* Sees every datagram as received, before it is parsed, and last an empty one
 * with the dump's outcome in status. */
struct lb_tap {
  void (*datagram)(void *data, const void *bytes, size_t len, int status);
  void *data;
};

struct lb_netlink;

/* Opens nothing yet. 0 or -ENOMEM; the caller owns *out. */
int lb_netlink_new(struct lb_netlink **out);
void lb_netlink_free(struct lb_netlink *nl);

/* Opens the socket, where it is not, in the network namespace of the calling
 * thread, which it then belongs to. 0 or -errno: -EAFNOSUPPORT, -EPERM,
 * -EPROTONOSUPPORT: no such socket here. */
int lb_netlink_open(struct lb_netlink *nl);
bool lb_netlink_is_open(const struct lb_netlink *nl);
void lb_netlink_close(struct lb_netlink *nl);

/* Which network namespace the socket belongs to: a number that no other has had
 * since boot; 0: not known, as before Linux 5.14 or where it is closed. */
uint64_t lb_netlink_netns(const struct lb_netlink *nl);

/* Sends the request and hands the answer's messages to the taker; sets the
 * request's sequence number. A request without NLM_F_DUMP has one message for
 * an answer. The socket is opened where it is not, and kept: a used one answers
 * in batches of 32 KiB, a fresh one starts with 3.5 KB. After any error it is
 * closed, so that no late answer can meet the next request. 0 or -errno, as
 * lb_netlink_open() and lb_dump_feed() have them, and: -ENOBUFS: the kernel
 * lost the rest; -ENOSPC: a datagram was cut off; -ETIMEDOUT: no answer within
 * a second. */
int lb_netlink_dump(struct lb_netlink *nl, struct nlmsghdr *request,
                    struct lb_taker taker, const struct lb_tap *tap);

#endif
