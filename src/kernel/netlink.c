// SPDX-License-Identifier: MIT
/* One socket, one dump under way: the kernel refuses a second request before
 * the first is answered with -EBUSY, and after an error the rest of the old
 * answer is still queued before the new one. So each answer is read to its end,
 * or the socket is closed. */
#include "kernel/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
  BUFFER_BYTES = 32768, /* the largest batch of netlink_dump();
                           MNL_SOCKET_BUFFER_SIZE, a page, is too small */
  ANSWER_TIMEOUT_S = 1,
};

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct lb_netlink {
  struct mnl_socket *socket; /* NULL: closed */
  uint32_t seq;
  _Alignas(struct nlmsghdr) char buf[BUFFER_BYTES];
};

int lb_netlink_new(struct lb_netlink **out) {
  struct lb_netlink *netlink = calloc(1, sizeof(*netlink));
  if (!netlink)
    return -ENOMEM;
  *out = netlink;
  return 0;
}

void lb_netlink_free(struct lb_netlink *netlink) {
  if (!netlink)
    return;
  lb_netlink_close(netlink);
  free(netlink);
}

bool lb_netlink_is_open(const struct lb_netlink *netlink) {
  return netlink->socket;
}

void lb_netlink_close(struct lb_netlink *netlink) {
  if (netlink->socket)
    mnl_socket_close(netlink->socket);
  netlink->socket = NULL;
}

int lb_netlink_open(struct lb_netlink *netlink) {
  if (netlink->socket)
    return 0;
  netlink->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
  if (!netlink->socket)
    return -errno;
  struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
  if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
      setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVTIMEO,
                 &timeout, sizeof(timeout)) < 0) {
    int err = -errno;
    lb_netlink_close(netlink);
    return err;
  }
  return 0;
}

uint64_t lb_netlink_netns(const struct lb_netlink *netlink) {
  uint64_t cookie = 0;
  socklen_t len = sizeof(cookie);
  if (netlink->socket)
    getsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_NETNS_COOKIE,
               &cookie, &len);
  return cookie;
}

static ssize_t send_request(struct lb_netlink *netlink,
                            const struct nlmsghdr *request) {
  ssize_t n;
  do
    n = mnl_socket_sendto(netlink->socket, request, request->nlmsg_len);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

static ssize_t receive_datagram(struct lb_netlink *netlink) {
  ssize_t n;
  do
    n = mnl_socket_recvfrom(netlink->socket, netlink->buf,
                            sizeof(netlink->buf));
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
  return n;
}

static int run_dump(struct lb_netlink *netlink, const struct nlmsghdr *request,
                    struct lb_datagram_handler handler) {
  ssize_t n = send_request(netlink, request);
  if (n < 0)
    return (int)n;
  int more;
  do {
    n = receive_datagram(netlink);
    if (n < 0)
      return (int)n;
    more = handler.handle(handler.data, netlink->buf, (size_t)n);
  } while (more > 0);
  return more;
}

int lb_netlink_dump(struct lb_netlink *netlink, struct nlmsghdr *request,
                    struct lb_datagram_handler handler) {
  int err = lb_netlink_open(netlink);
  if (err)
    return err;
  if (++netlink->seq == 0) /* 0 would match any answer */
    netlink->seq = 1;
  request->nlmsg_seq = netlink->seq;
  request->nlmsg_pid = mnl_socket_get_portid(netlink->socket);
  err = run_dump(netlink, request, handler);
  if (err)
    lb_netlink_close(netlink);
  return err;
}
