// SPDX-License-Identifier: MIT
/* Preloaded into the daemon: spoils what the kernel says while the file named
 * by LB_FAULT holds the name of a fault, and appends to the file named by
 * LB_REQUESTS the states of sockets that each request asks for. The live tests
 * compile it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fault_is(const char *name) {
  char text[32] = "";
  const char *path = getenv("LB_FAULT");
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = path ? real(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return 0;
  ssize_t n = read(fd, text, sizeof(text) - 1);
  close(fd);
  return n > 0 && strcmp(text, name) == 0;
}

static int is_netlink(int fd) {
  int domain = 0;
  socklen_t len = sizeof(domain);
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
         domain == AF_NETLINK;
}

int socket(int domain, int type, int protocol) {
  int (*real)(int, int, int) = dlsym(RTLD_NEXT, "socket");
  if (domain == AF_NETLINK && fault_is("no socket")) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  return real(domain, type, protocol);
}

static unsigned states_of(const struct nlmsghdr *request) {
  const void *data = NLMSG_DATA(request);
  if (request->nlmsg_type == TCPDIAG_GETSOCK)
    return ((const struct inet_diag_req *)data)->idiag_states;
  if (*(const unsigned char *)data == AF_UNIX)
    return ((const struct unix_diag_req *)data)->udiag_states;
  return ((const struct inet_diag_req_v2 *)data)->idiag_states;
}

static void note_request(const struct nlmsghdr *request) {
  const char *path = getenv("LB_REQUESTS");
  int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
  if (fd < 0)
    return;
  dprintf(fd, "%u\n", states_of(request));
  close(fd);
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags,
               const struct sockaddr *to, socklen_t to_len) {
  ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *,
                  socklen_t) = dlsym(RTLD_NEXT, "sendto");
  if (is_netlink(fd))
    note_request(buf);
  return real(fd, buf, len, flags, to, to_len);
}

/* The answer of a kernel without tcp_diag. */
static ssize_t without_tcp_diag(struct nlmsghdr *message) {
  int error = -ENOENT;
  message->nlmsg_type = NLMSG_DONE;
  message->nlmsg_flags = NLM_F_MULTI;
  message->nlmsg_len = NLMSG_LENGTH(sizeof(error));
  memcpy(NLMSG_DATA(message), &error, sizeof(error));
  return message->nlmsg_len;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags) {
  static atomic_uint signals;
  ssize_t (*real)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
  if (!is_netlink(fd))
    return real(fd, msg, flags);
  if (fault_is("no buffer")) {
    errno = ENOBUFS;
    return -1;
  }
  if (fault_is("signals") && atomic_fetch_add(&signals, 1) % 3 < 2) {
    errno = EINTR;
    return -1;
  }

  ssize_t n = real(fd, msg, flags);
  struct nlmsghdr *first = msg->msg_iov[0].iov_base;
  if (n < (ssize_t)sizeof(*first))
    return n;
  if (fault_is("cut"))
    return n - 8;
  if (fault_is("flagged"))
    msg->msg_flags |= MSG_TRUNC;
  if (fault_is("foreign"))
    first->nlmsg_seq += 1000;
  if (fault_is("no tcp_diag"))
    return without_tcp_diag(first);
  return n;
}

static int is_refused(const char *path) {
  size_t len = strlen(path);
  const char *name = "/net/netstat";
  return len >= strlen(name) && !strcmp(path + len - strlen(name), name) &&
         fault_is("no netstat");
}

#define OPEN(NAME)                                                             \
  int NAME(const char *path, int flags, ...) {                                 \
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #NAME);             \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    int mode = (flags & O_CREAT) ? va_arg(rest, int) : 0;                      \
    va_end(rest);                                                              \
    if (!is_refused(path))                                                     \
      return real(path, flags, mode);                                          \
    errno = EACCES;                                                            \
    return -1;                                                                 \
  }
OPEN(open)
OPEN(open64)

#define FOPEN(NAME)                                                            \
  FILE *NAME(const char *path, const char *mode) {                             \
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, #NAME);       \
    if (!is_refused(path))                                                     \
      return real(path, mode);                                                 \
    errno = EACCES;                                                            \
    return NULL;                                                               \
  }
FOPEN(fopen)
FOPEN(fopen64)
