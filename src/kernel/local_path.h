/* SPDX-License-Identifier: MIT */
/* Opens a path through local file systems alone. */
#ifndef LB_KERNEL_LOCAL_PATH_H
#define LB_KERNEL_LOCAL_PATH_H

/* Opens an absolute path with O_PATH and follows links, but asks no file system
 * that a network or another process answers for: any user can mount FUSE, of
 * which a lookup may take for ever. It reads the disk if it must. proc: where
 * procfs is mounted.
 *
 * Returns a file descriptor; -EAGAIN if the path leads through another file
 * system; or another -errno. */
int lb_local_path_open(const char *proc, const char *path);

#endif
