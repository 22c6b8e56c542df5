/* SPDX-License-Identifier: MIT */
/* The mount that an open file belongs to, by /proc/self/mountinfo. */
#ifndef LB_KERNEL_MOUNT_H
#define LB_KERNEL_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

struct lb_mount {
  uint32_t dev;  /* of the superblock, as MKDEV() makes it */
  bool is_local; /* no network and no other process answers for it */
};

/* MKDEV(), include/linux/kdev_t.h */
static inline uint32_t lb_kernel_dev(unsigned major, unsigned minor) {
  return major << 20 | minor;
}

/* proc: where procfs is mounted. Asks no file system but that. 0, or -ENODATA
 * if it is not listed there. */
int lb_mount_of(const char *proc, int fd, struct lb_mount *out);

#endif
