/* SPDX-License-Identifier: MIT */
/* What one network namespace has: listening sockets, connections that no
 * accept() has taken, and files under /proc; over any transport. */
#ifndef LB_KERNEL_SOURCE_H
#define LB_KERNEL_SOURCE_H

#include "kernel/inet_diag.h"
#include "kernel/sock.h"
#include "kernel/transport.h"

#include <errno.h>
#include <stdbool.h>

struct lb_source {
  struct lb_transport *transport; /* owned; NULL: closed */
  bool by_family[LB_QUERY_KINDS]; /* both families at once are refused */
  bool lacks[LB_QUERY_KINDS];     /* the same, and no family has an answer */
  char *conns_request;            /* NULL before the first one */
  uint64_t unix_ns;               /* CPU time of all queries for UNIX sockets */
};

/* Takes ownership of the transport. Asks nothing yet. */
void lb_source_open(struct lb_source *source, struct lb_transport *transport);
/* Closes the transport as well. A closed source may be closed again. */
void lb_source_close(struct lb_source *source);

/* Closes what keeps the namespace alive, until it is used again. Not while a
 * query is under way. */
void lb_source_rest(struct lb_source *source);

/* Whether an error of the two functions below means that the kernel lacks a
 * module, tcp_diag or unix_diag, and could not load it. -ENOENT can also mean
 * that another namespace is gone. */
static inline bool lb_is_module_missing(int err) {
  return err == -ENOENT || err == -EOPNOTSUPP;
}

/* Append every listening TCP socket, IPv4 and IPv6, or every listening UNIX
 * socket that has a name; the latter needs socks->unix_names. 0 if the kernel
 * ended each dump without an error; else -errno, and nothing is appended. The
 * kernel may leave out a socket or show one twice when others come and go
 * during the dump, and never says so. */
int lb_source_tcp_socks(struct lb_source *source,
                        struct lb_listen_socks *socks);
int lb_source_unix_socks(struct lb_source *source,
                         struct lb_listen_socks *socks);

/* Checks whether the file at a path is the one that a socket was bound to, for
 * the own network namespace. 0; -ESTALE if it is another one; or another
 * -errno: it is unknown. */
int lb_source_check_file(struct lb_source *source, const char *path,
                         const struct lb_file_id *file);

/* Finds the file at a path of the configuration. by_mount: with the device of
 * its mount. 0 or -errno, and out is unchanged. */
int lb_source_find_file(struct lb_source *source, const char *path,
                        bool by_mount, struct lb_file_id *out);

/* The functions below are for inspections: they may run in another thread than
 * the others. They add the CPU time that they took, in ns, to *cost_ns, also if
 * they fail. */

/* Appends the connections that the filter describes, and possibly others that
 * no accept() has taken. 0, or -errno and nothing is appended. */
int lb_source_conns(struct lb_source *source,
                    const struct lb_conn_filter *filter, struct lb_conns *conns,
                    uint64_t *cost_ns);

/* Appends those of MPTCP, as LB_CONN_MPTCP_CLOSED, whose client has closed. 0,
 * or -errno and nothing is appended: -ENOENT if the kernel has no mptcp_diag.
 */
int lb_source_mptcp_conns(struct lb_source *source,
                          const struct lb_conn_filter *filter,
                          struct lb_conns *conns, uint64_t *cost_ns);

/* Counts the UNIX connections that have one of the names. 0, or -errno and all
 * are 0. */
int lb_source_unix_conns(struct lb_source *source,
                         struct lb_unix_counts *counts, uint64_t *cost_ns);

/* Counts the connections that wait at one UNIX socket, known by its inode and
 * cookie. 0 or -errno, and pending is unchanged: -ENOENT if the socket is gone,
 * -EMSGSIZE if there are too many for the kernel to tell. */
int lb_source_pending(struct lb_source *source,
                      const struct lb_listen_sock *sock,
                      struct lb_pending *pending, uint64_t *cost_ns);

/* Reads a whole file into buf and appends a NUL. Returns its length without
 * that; -EFBIG if it does not fit; or another -errno. */
ssize_t lb_source_read_file(struct lb_source *source, enum lb_file file,
                            char *buf, size_t size);

#endif
