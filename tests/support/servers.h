/* SPDX-License-Identifier: MIT */
/* Listening sockets and network namespaces of a test's own. */
#ifndef LB_SERVERS_H
#define LB_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A listening socket on a free port of loopback; an IPv6 one that is not v6only
 * is for both families. */
struct server {
  int fd;
  uint32_t inode;
  uint64_t cookie;
  uint16_t port;
};

/* backlog < 0: bound only. 0 or -1. */
int open_server(struct server *server, int family, bool v6only, int backlog);

/* A UNIX socket bound to exactly these bytes; to an abstract name that the
 * kernel chooses if len is 0. backlog < 0: bound only. 0 or -1. */
int open_unix_server(struct server *server, int type, const char *sun_path,
                     size_t len, int backlog);

/* Connects a client, which waits in the queue. Its descriptor, or -1: with
 * EAGAIN if the queue is full. */
int connect_unix(const struct server *server);

/* tcp_get_info() has the queue of a listener in tcpi_unacked. */
size_t queue_of(const struct server *server);

/* Connects clients and waits until the queue, empty before, holds them. */
int fill_queue(const struct server *server, int *clients, size_t len);

bool has_sock_diag(void);

/* --- network namespaces -------------------------------------------------- */

#define OWN_NETNS "/proc/thread-self/ns/net"

bool raise_lo(void);

/* Takes the process, which has one thread yet, to a network namespace in which
 * it may make others. False if that is not allowed. */
bool enter_new_netns(void);

/* Makes another one, which lives as long as the descriptor returned. */
int open_new_netns(void);

/* Takes capabilities from the calling thread and those that it starts, or gives
 * them back: the first 32, of which CAP_SYS_ADMIN is one. Returns those that it
 * had. */
uint32_t set_capabilities(uint32_t effective);

/* Asked for a socket of no inode, unix_diag_get_exact() says -EINVAL; without
 * it the kernel says -ENOENT. */
bool has_unix_diag(void);

#endif
