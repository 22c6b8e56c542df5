/* SPDX-License-Identifier: MIT */
/* Where a look gets its raw material: one network namespace.
 *
 * live.c asks the kernel, recording.c replays what the kernel once said, tests
 * script one. Nothing behind this seam knows which. */
#ifndef LB_KERNEL_SOURCE_H
#define LB_KERNEL_SOURCE_H

#include "base/ports.h"
#include "kernel/conn.h"
#include "kernel/listen_sock.h"
#include "kernel/unix_diag.h"

#include <sys/types.h>

enum lb_text {
  LB_TEXT_NETSTAT,   /* /proc/net/netstat */
  LB_TEXT_SOMAXCONN, /* /proc/sys/net/core/somaxconn */
  LB_TEXTS
};

/* Which connections a walk is for. */
struct lb_query {
  const struct lb_ports *ports; /* local; ascending, apart from each other */
  size_t len;                   /* > 0 */
  bool queued;                  /* else only the half-open ones */
};

struct lb_source {
  /* Appends every listening TCP socket, IPv4 and IPv6, to rows. 0 only for a
   * dump that the kernel ended without an error; -errno else, and rows then
   * hold nothing of use. The kernel may leave a socket out or show one twice
   * when others come and go during the dump; it never says so. */
  int (*listeners)(struct lb_source *source, struct lb_listen_socks *rows);

  /* The same for every listening UNIX socket that has a name, stream and
   * seqpacket; needs rows->paths. */
  int (*paths)(struct lb_source *source, struct lb_listen_socks *rows);

  /* Reads a whole file into buf and puts a NUL behind it. Returns its length
   * or -errno; -EFBIG where it does not fit. */
  ssize_t (*text)(struct lb_source *source, enum lb_text text, char *buf,
                  size_t size);

  /* Walks all connections and appends those asked for that no accept() has
   * taken, and possibly others. Adds the CPU time that it took to *cost_ns,
   * also where it fails. 0 or -errno. May run beside the functions above in
   * another thread. */
  int (*waiting)(struct lb_source *source, const struct lb_query *query,
                 struct lb_conns *conns, uint64_t *cost_ns);

  /* Counts what waits at one UNIX socket, known by its inode and cookie; cost
   * and threads as above. 0 or -errno: -ENOENT where it is gone, -EMSGSIZE
   * where the kernel cannot say because there are too many. */
  int (*pending)(struct lb_source *source, const struct lb_listen_sock *row,
                 struct lb_pending *pending, uint64_t *cost_ns);
};

#endif
