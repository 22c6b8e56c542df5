// SPDX-License-Identifier: MIT
/* The walk asks for names and queue lengths alone. The inodes of the clients
 * that wait (UDIAG_SHOW_ICONS) take 4 bytes each, and a socket with more of
 * them than one message holds ends the whole dump as if it were complete: of
 * unix_diag_dump() (net/unix/diag.c) no error comes back.
 *
 * So these are asked for socket by socket. unix_diag_get_exact() makes its
 * answer larger until it has all inodes, and gives up with -EMSGSIZE when what
 * it adds comes to PAGE_SIZE: 954 connections always fit where that is 4 KiB,
 * and up to 1,954 do on Linux 6.18, because the allocator rounds up. For a
 * socket that is gone it says -ENOENT, and -ESTALE where another one has its
 * inode. The inode of a client that has closed its socket is 0:
 * sk_diag_dump_icons(). */
#include "kernel/unix_diag.h"

#include "kernel/attr.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static struct nlmsghdr *put_request(char *buf, uint16_t flags,
                                    struct unix_diag_req req) {
  struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
  msg->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  msg->nlmsg_flags = NLM_F_REQUEST | flags;
  req.sdiag_family = AF_UNIX;
  memcpy(mnl_nlmsg_put_extra_header(msg, sizeof(req)), &req, sizeof(req));
  return msg;
}

struct nlmsghdr *
lb_unix_request_listen_socks(char buf[static LB_UNIX_REQUEST_SIZE]) {
  return put_request(buf, NLM_F_DUMP,
                     (struct unix_diag_req){
                         .udiag_states = 1 << TCP_LISTEN,
                         .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN,
                     });
}

struct nlmsghdr *lb_unix_request_pending(char buf[static LB_UNIX_REQUEST_SIZE],
                                         const struct lb_listen_sock *row) {
  return put_request(buf, 0,
                     (struct unix_diag_req){
                         .udiag_ino = row->inode,
                         .udiag_show = UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
                         .udiag_cookie = {(uint32_t)row->cookie,
                                          (uint32_t)(row->cookie >> 32)},
                     });
}

/* One answer, with pointers into its message. */
struct answer {
  const struct unix_diag_msg *diag;
  const char *name; /* NULL: it has none */
  size_t name_len;
  const char *icons; /* NULL: it does not say; one uint32_t each */
  size_t icons_len;  /* of them */
  struct unix_diag_rqlen rqlen;
  bool has_rqlen;
};

/* unix_mkname_bsd() ends a pathname with a NUL, behind sun_path where it takes
 * up all of that. */
static bool parse_name(const char *payload, size_t len, struct answer *answer) {
  answer->name = payload;
  answer->name_len = len;
  if (len == LB_UNIX_NAME_SIZE + 1 && payload[LB_UNIX_NAME_SIZE] == '\0')
    answer->name_len = LB_UNIX_NAME_SIZE;
  return answer->name_len <= LB_UNIX_NAME_SIZE;
}

static bool parse_attribute(const struct rtattr *attr, struct answer *answer) {
  const char *payload = RTA_DATA(attr);
  size_t len = RTA_PAYLOAD(attr);
  switch (attr->rta_type) {
  case UNIX_DIAG_NAME:
    return parse_name(payload, len, answer);
  case UNIX_DIAG_ICONS:
    answer->icons = payload;
    answer->icons_len = len / sizeof(uint32_t);
    return len % sizeof(uint32_t) == 0;
  case UNIX_DIAG_RQLEN:
    answer->has_rqlen = len >= sizeof(answer->rqlen);
    if (answer->has_rqlen)
      memcpy(&answer->rqlen, payload, sizeof(answer->rqlen));
    return answer->has_rqlen;
  default:
    return true;
  }
}

static bool parse_attributes(const void *at, size_t len,
                             struct answer *answer) {
  struct lb_attrs attrs = {at, len};
  for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));)
    if (!parse_attribute(attr, answer))
      return false;
  return attrs.len == 0;
}

static bool parse_answer(const struct nlmsghdr *msg, struct answer *answer) {
  const struct unix_diag_msg *diag = NLMSG_DATA(msg);
  if (msg->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      msg->nlmsg_len < NLMSG_LENGTH(sizeof(*diag)) ||
      diag->udiag_family != AF_UNIX || diag->udiag_state != TCP_LISTEN)
    return false;

  *answer = (struct answer){.diag = diag};
  return parse_attributes(diag + 1,
                          msg->nlmsg_len - NLMSG_LENGTH(sizeof(*diag)), answer);
}

int lb_unix_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_unix_names *paths,
                              struct lb_listen_sock *row) {
  struct answer answer;
  if (!parse_answer(msg, &answer) || !answer.has_rqlen)
    return -EBADMSG;

  const struct unix_diag_msg *diag = answer.diag;
  if (diag->udiag_type != SOCK_STREAM && diag->udiag_type != SOCK_SEQPACKET)
    return 1;
  struct lb_unix_name path = {.len = 0};
  if (answer.name)
    path = lb_unix_name_of(answer.name, answer.name_len);
  if (path.len == 0)
    return 1;

  uint32_t number;
  int err = lb_unix_names_intern(paths, &path, &number);
  if (err)
    return err;
  *row = (struct lb_listen_sock){
      .cookie = (uint64_t)diag->udiag_cookie[1] << 32 | diag->udiag_cookie[0],
      .path = number,
      .queue = answer.rqlen.udiag_rqueue,
      .limit = answer.rqlen.udiag_wqueue,
      .inode = diag->udiag_ino,
      .family = AF_UNIX,
  };
  return 0;
}

static uint32_t count_zeros(const char *icons, size_t len) {
  uint32_t zeros = 0;
  for (size_t i = 0; i < len; i++) {
    uint32_t inode;
    memcpy(&inode, icons + i * sizeof(inode), sizeof(inode));
    zeros += inode == 0;
  }
  return zeros;
}

int lb_unix_pending(const struct nlmsghdr *msg, struct lb_pending *pending) {
  struct answer answer;
  if (!parse_answer(msg, &answer))
    return -EBADMSG;
  if (!answer.icons && (!answer.has_rqlen || answer.rqlen.udiag_rqueue > 0))
    return -ENODATA;
  *pending = (struct lb_pending){
      .waiting = (uint32_t)answer.icons_len,
      .closed = count_zeros(answer.icons, answer.icons_len),
  };
  return 0;
}
