// SPDX-License-Identifier: MIT
/* A dump that was lost on the way is asked for once more at once: a lost batch
 * or a stray message then costs a look nothing. What the kernel does not have
 * is not asked for twice, because each request for tcp_diag has it look for the
 * module (request_module() in inet_diag_lock_handler()). The files are opened
 * for each read, so that nothing here outlives the namespace it came from. */
#include "live.h"

#include "diag_inet.h"
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct live {
  struct lb_source source; /* first: a live is a source */
  struct lb_netlink *netlink;
  const char *proc;
  const struct lb_witness *witness;
  bool by_family; /* the kernel refuses the request for both families */
};

static const char *const paths[LB_TEXTS] = {
    [LB_TEXT_NETSTAT] = "net/netstat",
    [LB_TEXT_SOMAXCONN] = "sys/net/core/somaxconn",
};

static int dump(struct live *live, struct nlmsghdr *request,
                struct lb_rows *rows) {
  if (!live->witness)
    return lb_netlink_dump(live->netlink, request, rows, NULL);
  struct lb_tap tap = {live->witness->datagram, live->witness->data};
  return lb_netlink_dump(live->netlink, request, rows, &tap);
}

static int dump_by_family(struct live *live, struct lb_rows *rows) {
  _Alignas(struct nlmsghdr) char buf[LB_INET_REQUEST_SIZE];
  int err = dump(live, lb_inet_request(buf, AF_INET), rows);
  return err ? err : dump(live, lb_inet_request(buf, AF_INET6), rows);
}

static int dump_both(struct live *live, struct lb_rows *rows) {
  if (live->by_family)
    return dump_by_family(live, rows);
  size_t before = rows->len;
  _Alignas(struct nlmsghdr) char buf[LB_INET_REQUEST_SIZE];
  int err = dump(live, lb_inet_request_both(buf), rows);
  if (err != -EOPNOTSUPP && err != -EINVAL)
    return err;
  rows->len = before;
  int err_by_family = dump_by_family(live, rows);
  live->by_family = err_by_family == 0;
  return err_by_family;
}

static bool is_worth_a_retry(int err) {
  switch (err) {
  case -ENOBUFS:
  case -ENOSPC:
  case -EINTR:
  case -EBUSY:
  case -EBADMSG:
  case -EPROTO:
  case -ESRCH:
    return true;
  default:
    return false;
  }
}

static int listeners(struct lb_source *source, struct lb_rows *rows) {
  struct live *live = (struct live *)source;
  size_t before = rows->len;
  int err = dump_both(live, rows);
  if (is_worth_a_retry(err)) {
    rows->len = before;
    err = dump_both(live, rows);
  }
  if (live->witness)
    live->witness->listeners(live->witness->data, err);
  return err;
}

static ssize_t read_all(int fd, char *buf, size_t size) {
  size_t len = 0;
  while (len < size) {
    ssize_t n = read(fd, buf + len, size - len);
    if (n == 0) {
      buf[len] = '\0';
      return (ssize_t)len;
    }
    if (n > 0)
      len += (size_t)n;
    else if (errno != EINTR)
      return -errno;
  }
  return -EFBIG;
}

static ssize_t text(struct lb_source *source, enum lb_text which, char *buf,
                    size_t size) {
  struct live *live = (struct live *)source;
  char path[256];
  int n = snprintf(path, sizeof(path), "%s/%s", live->proc, paths[which]);
  if (n < 0 || (size_t)n >= sizeof(path))
    return -ENAMETOOLONG;

  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? -errno : read_all(fd, buf, size);
  if (fd >= 0)
    close(fd);
  if (live->witness)
    live->witness->text(live->witness->data, which, buf, len);
  return len;
}

int lb_live_new(const char *proc, const struct lb_witness *witness,
                struct lb_source **out) {
  struct live *live = calloc(1, sizeof(*live));
  if (!live)
    return -ENOMEM;
  int err = lb_netlink_new(&live->netlink);
  if (err) {
    free(live);
    return err;
  }
  live->source = (struct lb_source){listeners, text};
  live->proc = proc;
  live->witness = witness;
  *out = &live->source;
  return 0;
}

void lb_live_free(struct lb_source *source) {
  struct live *live = (struct live *)source;
  if (!live)
    return;
  lb_netlink_free(live->netlink);
  free(live);
}
