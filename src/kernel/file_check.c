// SPDX-License-Identifier: MIT
/* unix_diag shows i_ino, cut to 32 bits, and the device of the superblock,
 * s_dev (sk_diag_dump_vfs(), net/unix/diag.c). stat(2) shows the same inode
 * number, but on btrfs and on an overlay of two file systems another device.
 * Then /proc/self/mountinfo has the s_dev: show_mountinfo(),
 * fs/proc_namespace.c. The device counts: in a tmpfs of their own, users can
 * get any inode number. */
#include "kernel/file_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* linux/openat2.h of Linux 5.12; the numbers are the same on all machines. */
enum { OPENAT2 = 437, CACHED = 0x20, TRIES = 3 };
struct how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

/* A mount or a rename at the same time is -EAGAIN, too. */
static int open_cached(const char *path) {
  const struct how how = {.flags = O_PATH | O_CLOEXEC, .resolve = CACHED};
  long fd = -1;
  for (int tries = 0; tries < TRIES && fd < 0; tries++) {
    fd = syscall(OPENAT2, AT_FDCWD, path, &how, sizeof(how));
    if (fd < 0 && errno != EAGAIN)
      break;
  }
  return fd < 0 ? -errno : (int)fd;
}

/* MKDEV(), include/linux/kdev_t.h */
static uint32_t kernel_dev(unsigned major, unsigned minor) {
  return major << 20 | minor;
}

/* The mount of an open file, or -1. */
static int mount_of(const char *proc, int fd) {
  char path[256], line[128];
  int mount = -1;
  snprintf(path, sizeof(path), "%s/self/fdinfo/%d", proc, fd);
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof(line), file) && mount < 0)
    if (sscanf(line, "mnt_id: %d", &mount) != 1)
      mount = -1;
  if (file)
    fclose(file);
  return mount;
}

/* Its lines can be longer than the buffer: a part of a line is no number. */
static int find_dev(const char *proc, int mount, uint32_t *dev) {
  char path[256], line[512];
  int err = -ENODATA;
  snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
  FILE *file = fopen(path, "re");
  bool begins = true;
  while (file && err && fgets(line, sizeof(line), file)) {
    int id;
    unsigned major, minor;
    if (begins && sscanf(line, "%d %*d %u:%u", &id, &major, &minor) == 3 &&
        id == mount) {
      *dev = kernel_dev(major, minor);
      err = 0;
    }
    begins = strchr(line, '\n') != NULL;
  }
  if (file)
    fclose(file);
  return err;
}

static int compare_file(const char *proc, int fd,
                        const struct lb_file_id *file) {
  struct statx found;
  uint32_t dev = 0;
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &found))
    return -errno;
  if ((uint32_t)found.stx_ino != file->inode)
    return -ESTALE;
  if (kernel_dev(found.stx_dev_major, found.stx_dev_minor) == file->dev)
    return 0;
  int err = find_dev(proc, mount_of(proc, fd), &dev);
  if (err)
    return err;
  return dev == file->dev ? 0 : -ESTALE;
}

int lb_file_check(const char *proc, const char *path,
                  const struct lb_file_id *file) {
  int fd = open_cached(path);
  if (fd < 0)
    return fd;
  int err = compare_file(proc, fd, file);
  close(fd);
  return err;
}
