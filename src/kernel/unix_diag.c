// SPDX-License-Identifier: MIT
/* The dump asks for names, files and queue lengths alone. The inodes of the
 * waiting clients (UDIAG_SHOW_ICONS) take 4 bytes each, and a socket with more
 * of them than fit into one message ends the whole dump as if it were complete:
 * unix_diag_dump() (net/unix/diag.c) returns no error.
 *
 * So the inodes are requested socket by socket. unix_diag_get_exact() enlarges
 * its answer until all inodes fit, and gives up with -EMSGSIZE when the part
 * that it adds reaches PAGE_SIZE: with pages of 4 KiB 954 connections always
 * fit, and up to 1,954 do on Linux 6.18, because the allocator rounds up. It
 * returns -ENOENT for a socket that is gone, and -ESTALE if another socket has
 * its inode. The inode of a client that has closed its socket is 0:
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

/* --- requests ------------------------------------------------------------ */

static struct nlmsghdr *put_unix_request(char *buf, uint16_t flags,
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
  return put_unix_request(
      buf, NLM_F_DUMP,
      (struct unix_diag_req){
          .udiag_states = 1 << TCP_LISTEN,
          .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN,
      });
}

struct nlmsghdr *lb_unix_request_conns(char buf[static LB_UNIX_REQUEST_SIZE]) {
  return put_unix_request(buf, NLM_F_DUMP,
                          (struct unix_diag_req){
                              .udiag_states = 1 << TCP_ESTABLISHED,
                              .udiag_show = UDIAG_SHOW_NAME,
                          });
}

struct nlmsghdr *lb_unix_request_pending(char buf[static LB_UNIX_REQUEST_SIZE],
                                         const struct lb_listen_sock *sock) {
  return put_unix_request(buf, 0,
                          (struct unix_diag_req){
                              .udiag_ino = sock->inode,
                              .udiag_show = UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
                              .udiag_cookie = {(uint32_t)sock->cookie,
                                               (uint32_t)(sock->cookie >> 32)},
                          });
}

/* --- answers ------------------------------------------------------------- */

/* One message, with pointers into it. */
struct unix_sock {
  const struct unix_diag_msg *diag;
  const char *name; /* NULL: none */
  size_t name_len;
  const char *icons; /* NULL: not told; one uint32_t each */
  size_t icons_len;  /* of them */
  struct unix_diag_vfs vfs;
  struct unix_diag_rqlen rqlen;
  bool has_rqlen;
};

/* unix_mkname_bsd() ends a pathname with a NUL: after sun_path if it fills all
 * of that. */
static bool parse_unix_name(const char *payload, size_t len,
                            struct unix_sock *sock) {
  sock->name = payload;
  sock->name_len = len;
  if (len == LB_UNIX_NAME_SIZE + 1 && payload[LB_UNIX_NAME_SIZE] == '\0')
    sock->name_len = LB_UNIX_NAME_SIZE;
  return sock->name_len <= LB_UNIX_NAME_SIZE;
}

static bool parse_unix_attr(const struct rtattr *attr, struct unix_sock *sock) {
  const char *payload = RTA_DATA(attr);
  size_t len = RTA_PAYLOAD(attr);
  switch (attr->rta_type) {
  case UNIX_DIAG_NAME:
    return parse_unix_name(payload, len, sock);
  case UNIX_DIAG_VFS:
    if (len >= sizeof(sock->vfs))
      memcpy(&sock->vfs, payload, sizeof(sock->vfs));
    return len >= sizeof(sock->vfs);
  case UNIX_DIAG_ICONS:
    sock->icons = payload;
    sock->icons_len = len / sizeof(uint32_t);
    return len % sizeof(uint32_t) == 0;
  case UNIX_DIAG_RQLEN:
    sock->has_rqlen = len >= sizeof(sock->rqlen);
    if (sock->has_rqlen)
      memcpy(&sock->rqlen, payload, sizeof(sock->rqlen));
    return sock->has_rqlen;
  default:
    return true;
  }
}

static bool parse_unix_sock(const struct nlmsghdr *msg, uint8_t state,
                            struct unix_sock *sock) {
  const struct unix_diag_msg *diag = NLMSG_DATA(msg);
  if (msg->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      msg->nlmsg_len < NLMSG_LENGTH(sizeof(*diag)) ||
      diag->udiag_family != AF_UNIX || diag->udiag_state != state)
    return false;

  *sock = (struct unix_sock){.diag = diag};
  struct lb_attrs attrs = {diag + 1,
                           msg->nlmsg_len - NLMSG_LENGTH(sizeof(*diag))};
  for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));)
    if (!parse_unix_attr(attr, sock))
      return false;
  return attrs.len == 0;
}

int lb_unix_parse_listen_sock(const struct nlmsghdr *msg,
                              struct lb_unix_names *names,
                              struct lb_listen_sock *sock) {
  struct unix_sock parsed;
  if (!parse_unix_sock(msg, TCP_LISTEN, &parsed) || !parsed.has_rqlen)
    return -EBADMSG;

  const struct unix_diag_msg *diag = parsed.diag;
  if (diag->udiag_type != SOCK_STREAM && diag->udiag_type != SOCK_SEQPACKET)
    return 1;
  struct lb_unix_name name = {.len = 0};
  if (parsed.name)
    name = lb_unix_name_of(parsed.name, parsed.name_len);
  if (name.len == 0)
    return 1;

  uint32_t number;
  int err = lb_unix_names_intern(names, &name, &number);
  if (err)
    return err;
  *sock = (struct lb_listen_sock){
      .cookie = (uint64_t)diag->udiag_cookie[1] << 32 | diag->udiag_cookie[0],
      .unix_name = number,
      .queue = parsed.rqlen.udiag_rqueue,
      .limit = parsed.rqlen.udiag_wqueue,
      .inode = diag->udiag_ino,
      .file = {parsed.vfs.udiag_vfs_ino, parsed.vfs.udiag_vfs_dev},
      .family = AF_UNIX,
  };
  return 0;
}

/* A connection that waits has no inode: the dump leaves it out. The client's
 * end has a name only if it has bound one of its own. */
int lb_unix_parse_conn(const struct nlmsghdr *msg, struct lb_unix_name *name) {
  struct unix_sock parsed;
  if (!parse_unix_sock(msg, TCP_ESTABLISHED, &parsed))
    return -EBADMSG;
  if (!parsed.name || parsed.diag->udiag_ino == 0 ||
      parsed.diag->udiag_type == SOCK_DGRAM)
    return 1;
  *name = lb_unix_name_of(parsed.name, parsed.name_len);
  return name->len == 0;
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

int lb_unix_parse_pending(const struct nlmsghdr *msg,
                          struct lb_pending *pending) {
  struct unix_sock parsed;
  if (!parse_unix_sock(msg, TCP_LISTEN, &parsed))
    return -EBADMSG;
  if (!parsed.icons && (!parsed.has_rqlen || parsed.rqlen.udiag_rqueue > 0))
    return -ENODATA;
  *pending = (struct lb_pending){
      .waiting = (uint32_t)parsed.icons_len,
      .closed = count_zeros(parsed.icons, parsed.icons_len),
  };
  return 0;
}
