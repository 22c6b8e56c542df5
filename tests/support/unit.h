/* SPDX-License-Identifier: MIT */
/* What the unit tests share: whole outputs as text, netlink answers and
 * configurations made in memory, listeners on loopback, a stand-in for /proc.
 */
#ifndef LB_UNIT_H
#define LB_UNIT_H

#include "core/settings.h"
#include "kernel/listen_sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <liboconfig/oconfig.h>
#include <linux/capability.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* --- text ---------------------------------------------------------------- */

/* A whole output, written down to be compared with a literal. */
struct text {
  char at[16384];
  size_t len;
};

__attribute__((format(printf, 2, 3))) static inline void
say(struct text *text, const char *format, ...) {
  size_t room = sizeof(text->at) - text->len;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text->at + text->len, room, format, args);
  va_end(args);
  assert_in_range(n, 0, room - 1);
  text->len += (size_t)n;
}

static inline void say_row(struct text *text,
                           const struct lb_listen_sock *row) {
  bool v6 = row->family == AF_INET6;
  char address[INET6_ADDRSTRLEN], drops[16] = "?";
  inet_ntop(AF_INET6, row->address, address, sizeof(address));
  if (row->has_drops)
    snprintf(drops, sizeof(drops), "%u", row->sk_drops);
  say(text, "IPv%d [%s]:%u", v6 ? 6 : 4, address, (unsigned)row->port);
  if (row->ifindex)
    say(text, " on %u", row->ifindex);
  say(text, " queue %u limit %u drops %s inode %u cookie %llx%s\n", row->queue,
      row->limit, drops, row->inode, (unsigned long long)row->cookie,
      row->v6only ? " v6only" : "");
}

/* In quotes; \xHH is a byte that is no printable ASCII. */
static inline void say_path(struct text *text,
                            const struct lb_unix_name *path) {
  say(text, "\"");
  for (size_t i = 0; i < path->len; i++) {
    unsigned char byte = (unsigned char)path->bytes[i];
    say(text, byte < ' ' || byte > '~' ? "\\x%02x" : "%c", byte);
  }
  say(text, "\"");
}

static inline void say_unix_row(struct text *text,
                                const struct lb_listen_sock *row,
                                const struct lb_unix_names *paths) {
  say(text, "UNIX ");
  say_path(text, lb_unix_names_get(paths, row->path));
  say(text, " queue %u limit %u inode %u cookie %llx\n", row->queue, row->limit,
      row->inode, (unsigned long long)row->cookie);
}

static inline void say_rows(struct text *text,
                            const struct lb_listen_socks *rows) {
  for (size_t i = 0; i < rows->len; i++)
    if (rows->v[i].family == AF_UNIX)
      say_unix_row(text, &rows->v[i], rows->paths);
    else
      say_row(text, &rows->v[i]);
}

static inline void say_ports(struct text *text, unsigned first, unsigned last) {
  if (first == last)
    say(text, " %u", first);
  else
    say(text, " %u-%u", first, last);
}

static inline void say_ignored(struct text *text,
                               const struct lb_portset *ignored) {
  const char *but = " but";
  for (unsigned first = 0; first <= UINT16_MAX; first++) {
    unsigned last = first;
    while (last <= UINT16_MAX && lb_portset_has(ignored, (uint16_t)last))
      last++;
    if (last == first)
      continue;
    say(text, "%s", but);
    but = "";
    say_ports(text, first, last - 1);
    first = last;
  }
}

static inline void say_paths(struct text *text,
                             const struct lb_unix_name *paths, size_t len) {
  for (size_t i = 0; i < len; i++) {
    say(text, " ");
    say_path(text, &paths[i]);
  }
}

/* "NAME: PORTS PATHS at ADDRESSES in NAMESPACES", or its port alone. */
static inline void say_selection(struct text *text,
                                 const struct lb_settings *settings,
                                 const struct lb_selection *selection) {
  say(text, selection->name ? "%s:" : "port%s",
      selection->name ? selection->name : "");
  for (size_t i = 0; i < selection->ports_len; i++) {
    const struct lb_ports *ports = &settings->ports[selection->ports_at + i];
    say_ports(text, ports->first, ports->last);
  }
  if (selection->paths_len)
    say_paths(text, &settings->paths[selection->paths_at],
              selection->paths_len);
  for (size_t i = 0; i < selection->addresses_len; i++) {
    char address[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, settings->addresses[selection->addresses_at + i].bytes,
              address, sizeof(address));
    say(text, "%s %s", i ? "" : " at", address);
  }
  for (size_t i = 0; i < selection->places_len; i++) {
    uint32_t place = settings->place_refs[selection->places_at + i];
    assert_in_range(place, 0, settings->places_len - 1);
    const char *label = settings->places[place].label;
    say(text, "%s %s", i ? "" : " in", label ? label : "*");
  }
  say(text, "\n");
}

/* A line for each selection and each namespace, "others but PORTS" for
 * ListeningPorts, "other paths but PATHS" for ListeningPaths. */
static inline void say_settings(struct text *text,
                                const struct lb_settings *settings) {
  for (size_t i = 0; i < settings->selections_len; i++)
    say_selection(text, settings, &settings->selections[i]);
  for (size_t i = 0; i < settings->places_len; i++) {
    const struct lb_netns_spec *place = &settings->places[i];
    say(text, "namespace %s: %s%s\n", place->label ? place->label : "*",
        place->path ? place->path : "*", place->global ? " for all" : "");
  }
  if (settings->listening_ports) {
    say(text, "others");
    say_ignored(text, &settings->ignored);
    say(text, "\n");
  }
  if (settings->listening_paths) {
    say(text, "other paths%s", settings->ignored_paths_len ? " but" : "");
    say_paths(text, settings->ignored_paths, settings->ignored_paths_len);
    say(text, "\n");
  }
  if (settings->inspect)
    say(text, "inspect\n");
}

/* --- netlink answers ----------------------------------------------------- */

enum { SEQ = 7, PORTID = 4242 }; /* of the question they answer */

struct datagram {
  _Alignas(8) char at[4096];
  size_t len;
};

static inline struct nlmsghdr *start_message(struct datagram *datagram,
                                             uint16_t type) {
  assert_in_range(datagram->len, 0, sizeof(datagram->at) - 512);
  struct nlmsghdr *msg = mnl_nlmsg_put_header(datagram->at + datagram->len);
  msg->nlmsg_type = type;
  msg->nlmsg_flags = NLM_F_MULTI;
  msg->nlmsg_seq = SEQ;
  msg->nlmsg_pid = PORTID;
  return msg;
}

static inline struct nlmsghdr *end_message(struct datagram *datagram,
                                           struct nlmsghdr *msg) {
  datagram->len += (msg->nlmsg_len + 3) & ~(size_t)3;
  return msg;
}

static inline struct nlmsghdr *put_empty(struct datagram *datagram,
                                         uint16_t type) {
  return end_message(datagram, start_message(datagram, type));
}

/* With the int in it that inet_diag's dumps end with; 0: ended well. */
static inline struct nlmsghdr *put_done(struct datagram *datagram, int status) {
  struct nlmsghdr *msg = start_message(datagram, NLMSG_DONE);
  memcpy(mnl_nlmsg_put_extra_header(msg, sizeof(status)), &status,
         sizeof(status));
  return end_message(datagram, msg);
}

static inline struct nlmsghdr *put_error(struct datagram *datagram,
                                         int status) {
  struct nlmsghdr *msg = start_message(datagram, NLMSG_ERROR);
  struct nlmsgerr *error = mnl_nlmsg_put_extra_header(msg, sizeof(*error));
  error->error = status;
  error->msg = (struct nlmsghdr){.nlmsg_len = 76,
                                 .nlmsg_type = TCPDIAG_GETSOCK,
                                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                                 .nlmsg_seq = SEQ};
  return end_message(datagram, msg);
}

/* SKMEMINFO of so many values, 9 with sk_drops as the last one, 0 for none. */
static inline void put_meminfo(struct nlmsghdr *msg, uint32_t drops,
                               size_t values) {
  const uint32_t meminfo[] = {1, 131072, 2, 16384, 3, 4, 5, 6, drops};
  if (values)
    mnl_attr_put(msg, INET_DIAG_SKMEMINFO, values * sizeof(meminfo[0]),
                 meminfo);
}

/* The kernel's answer that is parsed to row, type 18 or 20, its attributes in
 * the order of Linux 6.18. */
static inline struct nlmsghdr *put_row_with(struct datagram *datagram,
                                            uint16_t type,
                                            const struct lb_listen_sock *row,
                                            size_t meminfo_values) {
  struct nlmsghdr *msg = start_message(datagram, type);
  struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  bool v6 = row->family == AF_INET6;
  diag->idiag_family = row->family;
  diag->idiag_state = TCP_LISTEN;
  diag->id.idiag_sport = htons(row->port);
  memcpy(diag->id.idiag_src, row->address + (v6 ? 0 : 12), v6 ? 16 : 4);
  diag->id.idiag_if = row->ifindex;
  diag->id.idiag_cookie[0] = (uint32_t)row->cookie;
  diag->id.idiag_cookie[1] = (uint32_t)(row->cookie >> 32);
  diag->idiag_rqueue = row->queue;
  diag->idiag_wqueue = row->limit;
  diag->idiag_inode = row->inode;
  mnl_attr_put_u8(msg, INET_DIAG_SHUTDOWN, 0);
  if (v6)
    mnl_attr_put_u8(msg, INET_DIAG_SKV6ONLY, row->v6only);
  mnl_attr_put_u64(msg, INET_DIAG_CGROUP_ID, 1);
  mnl_attr_put_u16(msg, INET_DIAG_SOCKOPT, 0x52);
  put_meminfo(msg, row->sk_drops, meminfo_values);
  return end_message(datagram, msg);
}

static inline struct nlmsghdr *put_row(struct datagram *datagram,
                                       const struct lb_listen_sock *row) {
  return put_row_with(datagram, TCPDIAG_GETSOCK, row, row->has_drops ? 9 : 8);
}

static inline struct nlmsghdr *start_unix(struct datagram *datagram,
                                          const struct lb_listen_sock *row,
                                          uint8_t type) {
  struct nlmsghdr *msg = start_message(datagram, SOCK_DIAG_BY_FAMILY);
  struct unix_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  diag->udiag_family = AF_UNIX;
  diag->udiag_type = type;
  diag->udiag_state = TCP_LISTEN;
  diag->udiag_ino = row->inode;
  diag->udiag_cookie[0] = (uint32_t)row->cookie;
  diag->udiag_cookie[1] = (uint32_t)(row->cookie >> 32);
  return msg;
}

static inline void put_rqlen(struct nlmsghdr *msg, uint32_t queue,
                             uint32_t limit) {
  const struct unix_diag_rqlen rqlen = {queue, limit};
  mnl_attr_put(msg, UNIX_DIAG_RQLEN, sizeof(rqlen), &rqlen);
}

/* unix_diag's answer that is parsed to row, its attributes in the order of
 * Linux 6.18; sun_path as it stands there, NULL for none. */
static inline struct nlmsghdr *put_unix_row(struct datagram *datagram,
                                            const struct lb_listen_sock *row,
                                            uint8_t type, const char *sun_path,
                                            size_t len) {
  struct nlmsghdr *msg = start_unix(datagram, row, type);
  if (sun_path)
    mnl_attr_put(msg, UNIX_DIAG_NAME, len, sun_path);
  put_rqlen(msg, row->queue, row->limit);
  mnl_attr_put_u8(msg, UNIX_DIAG_SHUTDOWN, 0);
  return end_message(datagram, msg);
}

/* The answer to the question who waits at a socket: the inodes of clients. */
static inline struct nlmsghdr *put_pending(struct datagram *datagram,
                                           const struct lb_listen_sock *row,
                                           const uint32_t *inodes, size_t len) {
  struct nlmsghdr *msg = start_unix(datagram, row, SOCK_STREAM);
  msg->nlmsg_flags = 0;
  mnl_attr_put(msg, UNIX_DIAG_ICONS, len * sizeof(*inodes), inodes);
  put_rqlen(msg, (uint32_t)len, row->limit);
  mnl_attr_put_u8(msg, UNIX_DIAG_SHUTDOWN, 0);
  return end_message(datagram, msg);
}

/* --- configurations ------------------------------------------------------ */

/* collectd's syntax, as far as the tests need it: a block or an option a line;
 * values in quotes, numbers (whatever strtod() takes), booleans, bare words.
 * The item returned is the block around it all, to be freed by free_config().
 */
static inline const char *read_value(const char *at, oconfig_value_t *value) {
  size_t len = *at == '"' ? strcspn(at + 1, "\"") : strcspn(at, " >\n");
  char *word = strndup(*at == '"' ? at + 1 : at, len), *end;
  assert_non_null(word);
  *value = (oconfig_value_t){.type = OCONFIG_TYPE_STRING};
  value->value.string = word;
  if (*at == '"')
    return at + len + 2;
  double number = strtod(word, &end);
  bool yes = strcmp(word, "true") == 0;
  if (*end == '\0') {
    value->type = OCONFIG_TYPE_NUMBER;
    value->value.number = number;
  } else if (yes || strcmp(word, "false") == 0) {
    value->type = OCONFIG_TYPE_BOOLEAN;
    value->value.boolean = yes;
  } else {
    return at + len;
  }
  free(word);
  return at + len;
}

static inline void *add_to(void *array, int *len, size_t size) {
  void *grown = reallocarray(array, (size_t)*len + 1, size);
  assert_non_null(grown);
  memset((char *)grown + (size_t)*len * size, 0, size);
  ++*len;
  return grown;
}

static inline const char *read_items(const char *at, oconfig_item_t *block) {
  for (;;) {
    at += strspn(at, " \n");
    if (strncmp(at, "</", 2) == 0)
      return at + strcspn(at, "\n");
    if (*at == '\0')
      return at;
    bool is_block = *at == '<';
    at += is_block;
    block->children =
        add_to(block->children, &block->children_num, sizeof(*block->children));
    oconfig_item_t *item = &block->children[block->children_num - 1];
    size_t len = strcspn(at, " >\n");
    item->key = strndup(at, len);
    at += len;
    while (*(at += strspn(at, " ")) && !strchr(">\n", *at)) {
      item->values =
          add_to(item->values, &item->values_num, sizeof(*item->values));
      at = read_value(at, &item->values[item->values_num - 1]);
    }
    if (is_block)
      at = read_items(at + 1, item);
  }
}

static inline oconfig_item_t read_config(const char *text) {
  oconfig_item_t root = {0};
  root.key = strdup("Plugin");
  read_items(text, &root);
  return root;
}

static inline void free_config(oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++)
    if (item->values[i].type == OCONFIG_TYPE_STRING)
      free(item->values[i].value.string);
  for (int i = 0; i < item->children_num; i++)
    free_config(&item->children[i]);
  free(item->key);
  free(item->values);
  free(item->children);
}

/* --- sockets ------------------------------------------------------------- */

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/* A listener on a free port of loopback; of both families where it is IPv6 and
 * not v6only. */
struct server {
  int fd;
  uint32_t inode;
  uint64_t cookie;
  uint16_t port;
};

static inline int bind_loopback(int fd, int family, bool v6only) {
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

/* backlog < 0: bound only. 0 or -1. */
static inline int open_server(struct server *server, int family, bool v6only,
                              int backlog) {
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

/* A UNIX socket bound to exactly these bytes; to an abstract name that the
 * kernel finds, where len is 0. backlog < 0: bound only. 0 or -1. */
static inline int open_unix_server(struct server *server, int type,
                                   const char *sun_path, size_t len,
                                   int backlog) {
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

/* A client of it, in its queue; or -1, with EAGAIN where that is full. */
static inline int connect_unix(const struct server *server) {
  struct sockaddr_un address;
  socklen_t len = sizeof(address), type_len = sizeof(int);
  int type;
  if (getsockname(server->fd, (struct sockaddr *)&address, &len) ||
      getsockopt(server->fd, SOL_SOCKET, SO_TYPE, &type, &type_len))
    return -1;
  if (len > sizeof(address)) /* the NUL that the kernel puts behind sun_path */
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

/* tcp_get_info() has the queue of a listener in tcpi_unacked. */
static inline size_t queue_of(const struct server *server) {
  struct tcp_info info = {0};
  socklen_t len = sizeof(info);
  return getsockopt(server->fd, IPPROTO_TCP, TCP_INFO, &info, &len)
             ? SIZE_MAX
             : info.tcpi_unacked;
}

/* Connects clients to an empty queue and waits until they stand in it. */
static inline int fill_queue(const struct server *server, int *clients,
                             size_t len) {
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

static inline bool has_sock_diag(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd >= 0)
    close(fd);
  return fd >= 0;
}

/* --- network namespaces -------------------------------------------------- */

#define OWN_NETNS "/proc/thread-self/ns/net"

static inline bool raise_lo(void) {
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool is_up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
  if (fd >= 0)
    close(fd);
  return is_up;
}

/* Takes the process, which has one thread yet, to a network namespace in which
 * it may make others. False where that is not allowed. */
static inline bool enter_new_netns(void) {
  return (unshare(CLONE_NEWNET) == 0 ||
          unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
         raise_lo();
}

/* Makes another one, which lives as long as the descriptor returned. */
static inline int open_new_netns(void) {
  int own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  assert_true(own >= 0);
  assert_int_equal(unshare(CLONE_NEWNET), 0);
  int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0 && raise_lo());
  assert_int_equal(setns(own, CLONE_NEWNET), 0);
  close(own);
  return fd;
}

/* Takes capabilities from the calling thread and those that it starts, or gives
 * them back: the first 32, of which CAP_SYS_ADMIN is one. Returns those that it
 * had. */
static inline uint32_t set_capabilities(uint32_t effective) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  assert_int_equal(syscall(SYS_capget, &header, data), 0);
  uint32_t before = data[0].effective;
  data[0].effective = effective;
  assert_int_equal(syscall(SYS_capset, &header, data), 0);
  return before;
}

/* Asked for a socket of no inode, unix_diag_get_exact() says -EINVAL; without
 * it the kernel says -ENOENT. */
static inline bool has_unix_diag(void) {
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

/* --- a stand-in for /proc ------------------------------------------------ */

struct proc {
  char root[64];
  char path[128];
};

static inline const char *proc_path(struct proc *proc, const char *name) {
  snprintf(proc->path, sizeof(proc->path), "%s/%s", proc->root, name);
  return proc->path;
}

static inline void make_proc(struct proc *proc, const char *test) {
  static const char *const folders[] = {"net", "sys", "sys/net",
                                        "sys/net/core"};
  const char *tmp = getenv("TMPDIR");
  snprintf(proc->root, sizeof(proc->root), "%s/%s.XXXXXX",
           tmp && strlen(tmp) < 40 ? tmp : "/tmp", test);
  assert_non_null(mkdtemp(proc->root));
  for (size_t i = 0; i < LEN(folders); i++)
    assert_int_equal(mkdir(proc_path(proc, folders[i]), 0700), 0);
}

static inline void write_proc(struct proc *proc, const char *name,
                              const char *text) {
  FILE *file = fopen(proc_path(proc, name), "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static inline void remove_proc(struct proc *proc) {
  static const char *const names[] = {"net/netstat",  "sys/net/core/somaxconn",
                                      "sys/net/core", "sys/net",
                                      "sys",          "net"};
  for (size_t i = 0; i < LEN(names); i++)
    remove(proc_path(proc, names[i]));
  remove(proc->root);
}

/* How many descriptors are open. */
static inline int count_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  int count = -3; /* ".", ".." and the directory itself */
  assert_non_null(dir);
  while (readdir(dir))
    count++;
  closedir(dir);
  return count;
}

#endif
