/* SPDX-License-Identifier: MIT */
/* The bytes of one netlink dump to rows: pure, one datagram at a time. */
#ifndef LB_DUMP_H
#define LB_DUMP_H

#include "row.h"

struct lb_dump {
  struct lb_rows *rows; /* appended to */
  uint32_t seq;         /* of the request; 0: any (a replay) */
  uint32_t portid;      /* of the asking socket; 0: any */
};

/* Feeds one datagram as received. Returns 1 when more must come, 0 when the
 * kernel ended the dump well, -errno when the dump is worth nothing:
 * the kernel's own error (in NLMSG_ERROR, or in the payload of NLMSG_DONE:
 * -ENOENT there means that the tcp_diag module is missing), -EBADMSG for
 * malformed bytes, -EPROTO or -ESRCH for a message that answers another
 * request or socket, -EINTR for a dump that the kernel calls interrupted,
 * -ENOMEM. */
int lb_dump_feed(const struct lb_dump *dump, const void *bytes, size_t len);

#endif
