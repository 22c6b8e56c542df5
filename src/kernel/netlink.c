// SPDX-License-Identifier: MIT
/* One socket, one dump in flight: a second request before the first is
 * answered is -EBUSY, and after an error the rest of the old answer stands in
 * the way of the new one. So each dump is read to its end or the socket goes.
 */
#include "kernel/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
  BUFFER_BYTES = 32768, /* netlink_dump() never makes a larger batch;
                           MNL_SOCKET_BUFFER_SIZE is a page, which cuts off */
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
  struct lb_netlink *nl = calloc(1, sizeof(*nl));
  if (!nl)
    return -ENOMEM;
  *out = nl;
  return 0;
}

void lb_netlink_free(struct lb_netlink *nl) {
  if (!nl)
    return;
  lb_netlink_close(nl);
  free(nl);
}

bool lb_netlink_is_open(const struct lb_netlink *nl) { return nl->socket; }

void lb_netlink_close(struct lb_netlink *nl) {
  if (nl->socket)
    mnl_socket_close(nl->socket);
  nl->socket = NULL;
}

int lb_netlink_open(struct lb_netlink *nl) {
  if (nl->socket)
    return 0;
  nl->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
  if (!nl->socket)
    return -errno;
  struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
  if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
      setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO,
                 &timeout, sizeof(timeout)) < 0) {
    int err = -errno;
    lb_netlink_close(nl);
    return err;
  }
  return 0;
}

uint64_t lb_netlink_netns(const struct lb_netlink *nl) {
  uint64_t cookie = 0;
  socklen_t len = sizeof(cookie);
  if (nl->socket)
    getsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_NETNS_COOKIE,
               &cookie, &len);
  return cookie;
}

static ssize_t send_request(struct lb_netlink *nl,
                            const struct nlmsghdr *request) {
  ssize_t n;
  do
    n = mnl_socket_sendto(nl->socket, request, request->nlmsg_len);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

static ssize_t receive(struct lb_netlink *nl) {
  ssize_t n;
  do
    n = mnl_socket_recvfrom(nl->socket, nl->buf, sizeof(nl->buf));
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
  return n;
}

static int run_dump(struct lb_netlink *nl, const struct nlmsghdr *request,
                    struct lb_taker taker, const struct lb_tap *tap) {
  ssize_t n = send_request(nl, request);
  if (n < 0)
    return (int)n;

  struct lb_dump dump = {
      .taker = taker,
      .seq = request->nlmsg_seq,
      .portid = mnl_socket_get_portid(nl->socket),
      .single = !(request->nlmsg_flags & NLM_F_DUMP),
  };
  int more;
  do {
    n = receive(nl);
    if (n < 0)
      return (int)n;
    if (tap)
      tap->datagram(tap->data, nl->buf, (size_t)n, 0);
    more = lb_dump_feed(&dump, nl->buf, (size_t)n);
  } while (more > 0);
  return more;
}

int lb_netlink_dump(struct lb_netlink *nl, struct nlmsghdr *request,
                    struct lb_taker taker, const struct lb_tap *tap) {
  int err = lb_netlink_open(nl);
  if (!err) {
    if (++nl->seq == 0) /* 0 would match any answer */
      nl->seq = 1;
    request->nlmsg_seq = nl->seq;
    err = run_dump(nl, request, taker, tap);
    if (err)
      lb_netlink_close(nl);
  }
  if (tap)
    tap->datagram(tap->data, NULL, 0, err);
  return err;
}
