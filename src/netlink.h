/* SPDX-License-Identifier: MIT */
/* The sock_diag socket, the only socket of the plugin. */
#ifndef LB_NETLINK_H
#define LB_NETLINK_H

#include "dump.h"

#include <linux/netlink.h>

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

/* Sends the request and appends all its rows; sets its sequence number. The
 * socket is opened on the first call, in the network namespace of the calling
 * thread, and kept: a used one answers in batches of 32 KiB, a fresh one
 * starts with 3.5 KB. After any error it is closed, so that no late answer can
 * meet the next request. 0 or -errno, as lb_dump_feed() has them, and:
 * -EAFNOSUPPORT, -EPERM, -EPROTONOSUPPORT: no such socket here; -ENOBUFS: the
 * kernel lost the rest; -ENOSPC: a datagram was cut off; -ETIMEDOUT: no answer
 * within a second. */
int lb_netlink_dump(struct lb_netlink *nl, struct nlmsghdr *request,
                    struct lb_rows *rows, const struct lb_tap *tap);

/* A reason in words for the errors of a dump; in buf where it is no literal. */
#define LB_REASON_SIZE 160
const char *lb_netlink_error(int err, char buf[static LB_REASON_SIZE]);

#endif
