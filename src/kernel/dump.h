/* SPDX-License-Identifier: MIT */
/* The bytes of one netlink answer to its messages: pure, one datagram at a
 * time. */
#ifndef LB_KERNEL_DUMP_H
#define LB_KERNEL_DUMP_H

#include "kernel/conn.h"
#include "kernel/listen_sock.h"
#include "kernel/unix_diag.h"

#include <linux/netlink.h>

/* What takes a message of the answer, whose nlmsg_len has been checked: 0 or
 * -errno, which ends the dump. */
struct lb_taker {
  int (*take)(void *data, const struct nlmsghdr *msg);
  void *data;
};

struct lb_taker lb_take_rows(struct lb_listen_socks *rows);
struct lb_taker
lb_take_paths(struct lb_listen_socks *rows); /* with rows->paths */
struct lb_taker lb_take_conns(struct lb_conns *conns);
struct lb_taker lb_take_pending(struct lb_pending *pending);

struct lb_dump {
  struct lb_taker taker;
  uint32_t seq;    /* of the request; 0: any (a replay) */
  uint32_t portid; /* of the asking socket; 0: any */
  bool single;     /* no dump: one message is the whole answer */
};

/* Feeds one datagram as received. Returns 1 when more must come, 0 when the
 * kernel ended the dump well or the single message has been taken, -errno when
 * the answer is worth nothing: the kernel's own error (in NLMSG_ERROR, or in
 * the payload of NLMSG_DONE: -ENOENT to a dump means that its module, tcp_diag
 * or unix_diag, is missing), the taker's, -EBADMSG for malformed bytes, -EPROTO
 * or -ESRCH for a message that answers another request or socket, -EINTR for a
 * dump that the kernel calls interrupted. */
int lb_dump_feed(const struct lb_dump *dump, const void *bytes, size_t len);

#endif
