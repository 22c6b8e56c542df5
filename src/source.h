/* SPDX-License-Identifier: MIT */
/* Where a look gets its raw material: one network namespace.
 *
 * live.c asks the kernel, recording.c replays what the kernel once said, tests
 * script one. Nothing behind this seam knows which. */
#ifndef LB_SOURCE_H
#define LB_SOURCE_H

#include "row.h"

#include <sys/types.h>

enum lb_text {
  LB_TEXT_NETSTAT,   /* /proc/net/netstat */
  LB_TEXT_SOMAXCONN, /* /proc/sys/net/core/somaxconn */
  LB_TEXTS
};

struct lb_source {
  /* Appends every listening TCP socket, IPv4 and IPv6, to rows. 0 only for a
   * dump that the kernel ended without an error; -errno else, and rows then
   * hold nothing of use. The kernel may leave a socket out or show one twice
   * when others come and go during the dump; it never says so. */
  int (*listeners)(struct lb_source *source, struct lb_rows *rows);

  /* Reads a whole file into buf and puts a NUL behind it. Returns its length
   * or -errno; -EFBIG where it does not fit. */
  ssize_t (*text)(struct lb_source *source, enum lb_text text, char *buf,
                  size_t size);
};

#endif
