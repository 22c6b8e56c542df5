/* SPDX-License-Identifier: MIT */
/* Whether the file at a path is the one that a UNIX socket was bound to, and
 * which file that is. */
#ifndef LB_KERNEL_FILE_CHECK_H
#define LB_KERNEL_FILE_CHECK_H

#include "kernel/sock.h"

/* What an open file is, as the kernel knows it without asking a file system
 * that is not local. */
struct lb_stat {
  uint32_t inode;
  uint32_t dev;  /* as stat(2) shows it, in the form of MKDEV() */
  bool has_disk; /* the device is a block device */
  bool is_dir;
  bool is_link;
  bool is_sock;
};

/* 0 or -errno. */
int lb_stat_cached(int fd, struct lb_stat *out);

/* Looks at a path in the file system of this process, and never waits: any
 * user can bind a socket below a mount point of FUSE, of which a lookup may
 * take for ever. proc: where procfs is mounted.
 *
 * Returns 0 if the file is the one that unix_diag shows for a socket; -ESTALE
 * if it is another one; else it is unknown: -EAGAIN if the kernel would have
 * to wait, -ENOENT, -EACCES, or before Linux 5.12 -ENOSYS or -EINVAL. */
int lb_file_check(const char *proc, const char *path,
                  const struct lb_file_id *file);

/* The file at a path that the configuration names; waits for no file system but
 * local ones. by_mount: with the
 * device of the mount, which unix_diag shows, where stat(2) has another one;
 * that reads /proc/self/mountinfo.
 *
 * Returns 0; -ENOTSOCK if the file is no socket; or another -errno: it is
 * unknown. */
int lb_file_find(const char *proc, const char *path, bool by_mount,
                 struct lb_file_id *out);

#endif
