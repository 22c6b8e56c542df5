// SPDX-License-Identifier: MIT
/* The walk over the messages is our own, with the macros of linux/netlink.h
 * that the compiler sees through: libmnl's calls for each message and
 * attribute made up half of the plugin's own cost of a look at 10,000
 * listeners. It is also stricter. mnl_cb_run() lets a message through that has
 * no sequence number or port id, ends quietly at one that does not fit, and
 * takes every NLMSG_DONE for success, but the kernel can put an error in there:
 * __inet_diag_dump() returns -ENOENT through the dump when tcp_diag is missing,
 * which would look like "nobody listens". */
#include "kernel/dump.h"

#include "kernel/inet_conn.h"
#include "kernel/inet_diag.h"

#include <errno.h>
#include <string.h>

enum { MAX_ERRNO = 4095 }; /* include/linux/err.h of the kernel */

/* The int that NLMSG_DONE and struct nlmsgerr begin with: 0 or -errno. */
static int get_status(const struct nlmsghdr *msg) {
  int status = 0;
  if (NLMSG_PAYLOAD(msg, 0) >= sizeof(status))
    memcpy(&status, NLMSG_DATA(msg), sizeof(status));
  return status < -MAX_ERRNO ? -EBADMSG : status;
}

static int take_row(void *data, const struct nlmsghdr *msg) {
  struct lb_listen_socks *rows = data;
  struct lb_listen_sock *row = lb_listen_socks_add(rows);
  if (!row)
    return -ENOMEM;
  int err = lb_inet_parse_listen_sock(msg, row);
  if (err)
    rows->len--;
  return err;
}

static int take_path(void *data, const struct nlmsghdr *msg) {
  struct lb_listen_socks *rows = data;
  struct lb_listen_sock *row = lb_listen_socks_add(rows);
  if (!row)
    return -ENOMEM;
  int err = lb_unix_parse_listen_sock(msg, rows->paths, row);
  if (err)
    rows->len--;
  return err < 0 ? err : 0;
}

static int take_conn(void *data, const struct nlmsghdr *msg) {
  struct lb_conns *conns = data;
  struct lb_conn *conn = lb_conns_add(conns);
  if (!conn)
    return -ENOMEM;
  int err = lb_inet_parse_conn(msg, conn);
  if (err)
    conns->len--;
  return err < 0 ? err : 0;
}

static int take_pending(void *data, const struct nlmsghdr *msg) {
  return lb_unix_pending(msg, data);
}

struct lb_taker lb_take_rows(struct lb_listen_socks *rows) {
  return (struct lb_taker){take_row, rows};
}

struct lb_taker lb_take_paths(struct lb_listen_socks *rows) {
  return (struct lb_taker){take_path, rows};
}

struct lb_taker lb_take_conns(struct lb_conns *conns) {
  return (struct lb_taker){take_conn, conns};
}

struct lb_taker lb_take_pending(struct lb_pending *pending) {
  return (struct lb_taker){take_pending, pending};
}

/* 1: go on; 0: the dump is over; -errno. */
static int take_message(const struct lb_dump *dump,
                        const struct nlmsghdr *msg) {
  if (dump->portid && msg->nlmsg_pid != dump->portid)
    return -ESRCH;
  if (dump->seq && msg->nlmsg_seq != dump->seq)
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
    return dump->single ? -EBADMSG : 0; /* which would answer nothing */
  case NLMSG_ERROR:
    status = get_status(msg);
    return status < 0 ? status : -EBADMSG;
  default:
    status = dump->taker.take(dump->taker.data, msg);
    return status ? status : !dump->single;
  }
}

int lb_dump_feed(const struct lb_dump *dump, const void *bytes, size_t len) {
  const struct nlmsghdr *msg = bytes;
  if (len == 0)
    return -EBADMSG;
  while (len > 0) {
    if (!NLMSG_OK(msg, len))
      return -EBADMSG;
    int more = take_message(dump, msg);
    if (more <= 0)
      return more;
    size_t step = NLMSG_ALIGN(msg->nlmsg_len);
    msg = (const void *)((const char *)msg + step);
    len -= step < len ? step : len;
  }
  return 1;
}
