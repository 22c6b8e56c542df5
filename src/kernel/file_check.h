/* SPDX-License-Identifier: MIT */
/* Whether the file at a path is the one that a UNIX socket was bound to. */
#ifndef LB_KERNEL_FILE_CHECK_H
#define LB_KERNEL_FILE_CHECK_H

#include "kernel/sock.h"

/* Looks at a path in the file system of this process, and never waits: any
 * user can bind a socket below a mount point of FUSE, of which a lookup may
 * take for ever. proc: where procfs is mounted.
 *
 * Returns 0 if the file is the one that unix_diag shows for a socket; -ESTALE
 * if it is another one; else it is unknown: -EAGAIN if the kernel would have
 * to wait, -ENOENT, -EACCES, or before Linux 5.12 -ENOSYS or -EINVAL. */
int lb_file_check(const char *proc, const char *path,
                  const struct lb_file_id *file);

#endif
