/* SPDX-License-Identifier: MIT */
/* The messages of an answer to one netlink request, from its datagrams. Pure:
 * the caller owns all buffers. */
#ifndef LB_KERNEL_ANSWER_H
#define LB_KERNEL_ANSWER_H

#include "kernel/sock.h"

#include <linux/netlink.h>

/* Receives each message of the answer; nlmsg_len has been checked. Returns 0 or
 * -errno, which ends the answer. */
struct lb_msg_handler {
  int (*handle)(void *data, const struct nlmsghdr *msg);
  void *data;
};

/* Append what each message describes. Nothing is appended for a message that
 * returns an error. lb_add_unix_socks() needs socks->unix_names. */
struct lb_msg_handler lb_add_tcp_socks(struct lb_listen_socks *socks);
struct lb_msg_handler lb_add_unix_socks(struct lb_listen_socks *socks);
struct lb_msg_handler lb_add_conns(struct lb_conns *conns);
struct lb_msg_handler lb_add_mptcp_conns(struct lb_conns *conns);
/* Counts those that have one of the names. */
struct lb_msg_handler lb_count_unix_conns(struct lb_unix_counts *counts);
/* Sets pending; leaves it unchanged for a message that returns an error. */
struct lb_msg_handler lb_set_pending(struct lb_pending *pending);

struct lb_answer {
  /* nlmsg_seq and nlmsg_pid must be repeated by each message unless they are 0,
   * as in a replay. Without NLM_F_DUMP the answer is a single message. */
  const struct nlmsghdr *request;
  struct lb_msg_handler handler;
};

/* Feeds one datagram as received. Returns 1 if more must come; 0 if the kernel
 * has ended the dump well or the single message has been handled; -errno if the
 * answer is of no use: the kernel's own error (in NLMSG_ERROR, or in the
 * payload of NLMSG_DONE: -ENOENT for a dump means that the module tcp_diag or
 * unix_diag is missing), the handler's, -EBADMSG for malformed bytes, -EPROTO
 * or -ESRCH for a message that answers another request or another socket,
 * -EINTR for a dump that the kernel calls interrupted. */
int lb_answer_feed(const struct lb_answer *answer, const void *bytes,
                   size_t len);

#endif
