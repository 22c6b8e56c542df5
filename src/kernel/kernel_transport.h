/* SPDX-License-Identifier: MIT */
/* The transport that asks the running kernel. */
#ifndef LB_KERNEL_KERNEL_TRANSPORT_H
#define LB_KERNEL_KERNEL_TRANSPORT_H

#include "kernel/netns.h"
#include "kernel/transport.h"

/* proc: where procfs is mounted, "/proc" except in tests. netns: the path of a
 * network namespace, and *id which one is meant; NULL: the caller's own, and id
 * is ignored. Borrows proc and netns. 0 or -ENOMEM; the caller closes *out.
 *
 * Opens nothing yet. For another namespace every call returns -ENOENT or
 * -ESTALE once that one is not at its path any more, and then closes its
 * socket, which would keep the namespace alive. */
int lb_kernel_transport_new(const char *proc, const char *netns,
                            const struct lb_netns_id *id,
                            struct lb_transport **out);

#endif
