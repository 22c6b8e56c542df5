// SPDX-License-Identifier: MIT
#include "servers.h"

#include "unit.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

static int bind_loopback(int fd, int family, bool v6only) {
  int only = v6only;
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (family == AF_INET)
    return bind(fd, (struct sockaddr *)&v4, sizeof(v4));
  if (v6only)
    v6.sin6_addr = in6addr_loopback;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) ||
                 bind(fd, (struct sockaddr *)&v6, sizeof(v6))
             ? -1
             : 0;
}

int open_server(struct server *server, int family, bool v6only, int backlog) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address = {.any = {0}};
  struct stat status;
  socklen_t len = sizeof(address), cookie_len = sizeof(server->cookie);
  server->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (server->fd < 0)
    return -1;
  if (bind_loopback(server->fd, family, v6only) ||
      (backlog >= 0 && listen(server->fd, backlog)) ||
      getsockname(server->fd, &address.any, &len) ||
      fstat(server->fd, &status) ||
      getsockopt(server->fd, SOL_SOCKET, SO_COOKIE, &server->cookie,
                 &cookie_len)) {
    close(server->fd);
    return -1;
  }
  server->port =
      ntohs(family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
  server->inode = (uint32_t)status.st_ino;
  return 0;
}

int open_unix_server(struct server *server, int type, const char *sun_path,
                     size_t len, int backlog) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat status;
  socklen_t cookie_len = sizeof(server->cookie);
  assert_in_range(len, 0, sizeof(address.sun_path));
  if (len)
    memcpy(address.sun_path, sun_path, len);
  server->port = 0;
  server->fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (server->fd < 0)
    return -1;
  if (bind(server->fd, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ||
      (backlog >= 0 && listen(server->fd, backlog)) ||
      fstat(server->fd, &status) ||
      getsockopt(server->fd, SOL_SOCKET, SO_COOKIE, &server->cookie,
                 &cookie_len)) {
    close(server->fd);
    return -1;
  }
  server->inode = (uint32_t)status.st_ino;
  return 0;
}

int connect_unix(const struct server *server) {
  struct sockaddr_un address;
  socklen_t len = sizeof(address), type_len = sizeof(int);
  int type;
  if (getsockname(server->fd, (struct sockaddr *)&address, &len) ||
      getsockopt(server->fd, SOL_SOCKET, SO_TYPE, &type, &type_len))
    return -1;
  if (len > sizeof(address)) /* the NUL that the kernel appends to sun_path */
    len = sizeof(address);
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len)) {
    int err = errno;
    close(fd);
    errno = err;
    return -1;
  }
  return fd;
}

size_t queue_of(const struct server *server) {
  struct tcp_info info = {0};
  socklen_t len = sizeof(info);
  return getsockopt(server->fd, IPPROTO_TCP, TCP_INFO, &info, &len)
             ? SIZE_MAX
             : info.tcpi_unacked;
}

int fill_queue(const struct server *server, int *clients, size_t len) {
  struct sockaddr_storage address = {0};
  socklen_t address_len = sizeof(address);
  if (getsockname(server->fd, (struct sockaddr *)&address, &address_len))
    return -1;
  for (size_t i = 0; i < len; i++) {
    clients[i] = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(clients[i], (struct sockaddr *)&address, address_len))
      return -1;
  }
  for (int i = 0; i < 5000 && queue_of(server) != len; i++)
    poll(NULL, 0, 1); /* the last ACK may still be on its way */
  return queue_of(server) == len ? 0 : -1;
}

bool has_sock_diag(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd >= 0)
    close(fd);
  return fd >= 0;
}

bool raise_lo(void) {
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool is_up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
  if (fd >= 0)
    close(fd);
  return is_up;
}

bool enter_new_netns(void) {
  return (unshare(CLONE_NEWNET) == 0 ||
          unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
         raise_lo();
}

int open_new_netns(void) {
  int own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  assert_true(own >= 0);
  assert_int_equal(unshare(CLONE_NEWNET), 0);
  int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0 && raise_lo());
  assert_int_equal(setns(own, CLONE_NEWNET), 0);
  close(own);
  return fd;
}

uint32_t set_capabilities(uint32_t effective) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  assert_int_equal(syscall(SYS_capget, &header, data), 0);
  uint32_t before = data[0].effective;
  data[0].effective = effective;
  assert_int_equal(syscall(SYS_capset, &header, data), 0);
  return before;
}

bool has_unix_diag(void) {
  const struct {
    struct nlmsghdr msg;
    struct unix_diag_req req;
  } request = {.msg = {.nlmsg_len = sizeof(request),
                       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                       .nlmsg_flags = NLM_F_REQUEST},
               .req = {.sdiag_family = AF_UNIX}};
  struct {
    struct nlmsghdr msg;
    struct nlmsgerr error;
  } answer = {.error = {.error = 0}};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0)
    return false;
  bool has = send(fd, &request, sizeof(request), 0) > 0 &&
             recv(fd, &answer, sizeof(answer), 0) > 0 &&
             answer.error.error == -EINVAL;
  close(fd);
  return has;
}
