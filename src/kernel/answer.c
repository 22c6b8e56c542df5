// SPDX-License-Identifier: MIT
/* The messages are found with the macros of linux/netlink.h, which the compiler
 * can inline: libmnl's calls for each message and attribute made up half of the
 * plugin's own cost of a sample of 10,000 listening sockets. This is also
 * stricter. mnl_cb_run() accepts a message without a sequence number or port
 * id, ends quietly at a message that does not fit, and takes every NLMSG_DONE
 * for success. But the kernel can put an error in there: if tcp_diag is
 * missing,
 * __inet_diag_dump() returns -ENOENT through the dump, which would look like
 * "no socket listens". */
#include "kernel/answer.h"

#include "kernel/inet_diag.h"
#include "kernel/unix_diag.h"

#include <errno.h>
#include <string.h>

enum { MAX_ERRNO = 4095 }; /* include/linux/err.h of the kernel */

/* --- message handlers ---------------------------------------------------- */

static int add_tcp_sock(void *data, const struct nlmsghdr *msg) {
  struct lb_listen_socks *socks = data;
  struct lb_listen_sock *sock = lb_listen_socks_add(socks);
  if (!sock)
    return -ENOMEM;
  int err = lb_inet_parse_listen_sock(msg, sock);
  if (err)
    socks->len--;
  return err;
}

static int add_unix_sock(void *data, const struct nlmsghdr *msg) {
  struct lb_listen_socks *socks = data;
  struct lb_listen_sock *sock = lb_listen_socks_add(socks);
  if (!sock)
    return -ENOMEM;
  int err = lb_unix_parse_listen_sock(msg, socks->unix_names, sock);
  if (err)
    socks->len--;
  return err < 0 ? err : 0;
}

static int add_conn(void *data, const struct nlmsghdr *msg) {
  struct lb_conns *conns = data;
  struct lb_conn *conn = lb_conns_add(conns);
  if (!conn)
    return -ENOMEM;
  int err = lb_inet_parse_conn(msg, conn);
  if (err)
    conns->len--;
  if (err == 1 && conns->counts_accepted) {
    struct lb_conn accepted;
    if (lb_inet_parse_accepted(msg, &accepted) == 0)
      err = lb_conns_count(conns, &accepted);
  }
  return err < 0 ? err : 0;
}

static int count_unix_conn(void *data, const struct nlmsghdr *msg) {
  struct lb_unix_counts *counts = data;
  struct lb_unix_name name;
  int err = lb_unix_parse_conn(msg, &name);
  if (!err)
    lb_unix_counts_add(counts, &name);
  return err < 0 ? err : 0;
}

static int add_mptcp_conn(void *data, const struct nlmsghdr *msg) {
  struct lb_conns *conns = data;
  struct lb_conn conn;
  int err = lb_inet_parse_mptcp_conn(msg, &conn);
  if (err)
    return err < 0 ? err : 0;
  struct lb_conn *added = lb_conns_add(conns);
  if (!added)
    return -ENOMEM;
  *added = conn;
  return 0;
}

static int set_pending(void *data, const struct nlmsghdr *msg) {
  return lb_unix_parse_pending(msg, data);
}

struct lb_msg_handler lb_add_tcp_socks(struct lb_listen_socks *socks) {
  return (struct lb_msg_handler){add_tcp_sock, socks};
}

struct lb_msg_handler lb_add_unix_socks(struct lb_listen_socks *socks) {
  return (struct lb_msg_handler){add_unix_sock, socks};
}

struct lb_msg_handler lb_add_conns(struct lb_conns *conns) {
  return (struct lb_msg_handler){add_conn, conns};
}

struct lb_msg_handler lb_add_mptcp_conns(struct lb_conns *conns) {
  return (struct lb_msg_handler){add_mptcp_conn, conns};
}

struct lb_msg_handler lb_count_unix_conns(struct lb_unix_counts *counts) {
  return (struct lb_msg_handler){count_unix_conn, counts};
}

struct lb_msg_handler lb_set_pending(struct lb_pending *pending) {
  return (struct lb_msg_handler){set_pending, pending};
}

/* --- datagrams ----------------------------------------------------------- */

/* NLMSG_DONE and struct nlmsgerr begin with an int: 0 or -errno. */
static int get_status(const struct nlmsghdr *msg) {
  int status = 0;
  if (NLMSG_PAYLOAD(msg, 0) >= sizeof(status))
    memcpy(&status, NLMSG_DATA(msg), sizeof(status));
  return status < -MAX_ERRNO ? -EBADMSG : status;
}

/* Returns as lb_answer_feed(). */
static int feed_message(const struct lb_answer *answer,
                        const struct nlmsghdr *msg) {
  const struct nlmsghdr *request = answer->request;
  bool is_single = !(request->nlmsg_flags & NLM_F_DUMP);
  if (request->nlmsg_pid && msg->nlmsg_pid != request->nlmsg_pid)
    return -ESRCH;
  if (request->nlmsg_seq && msg->nlmsg_seq != request->nlmsg_seq)
    return -EPROTO;
  if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
    return -EINTR;

  int status;
  switch (msg->nlmsg_type) {
  case NLMSG_NOOP:
    return 1;
  case NLMSG_DONE:
    status = get_status(msg);
    if (status < 0)
      return status;
    return is_single ? -EBADMSG : 0; /* a single answer must not be empty */
  case NLMSG_ERROR:
    status = get_status(msg);
    return status < 0 ? status : -EBADMSG;
  default:
    status = answer->handler.handle(answer->handler.data, msg);
    return status ? status : !is_single;
  }
}

int lb_answer_feed(const struct lb_answer *answer, const void *bytes,
                   size_t len) {
  const struct nlmsghdr *msg = bytes;
  if (len == 0)
    return -EBADMSG;
  while (len > 0) {
    if (!NLMSG_OK(msg, len))
      return -EBADMSG;
    int more = feed_message(answer, msg);
    if (more <= 0)
      return more;
    size_t step = NLMSG_ALIGN(msg->nlmsg_len);
    msg = (const void *)((const char *)msg + step);
    len -= step < len ? step : len;
  }
  return 1;
}
