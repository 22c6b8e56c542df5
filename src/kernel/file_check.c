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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#ifndef STATX_INO /* musl before 1.2.5 */
#include <linux/stat.h>
#endif
#ifndef SYS_openat2 /* headers before Linux 5.6; only MIPS and Alpha differ */
#define SYS_openat2 437
#endif

/* linux/openat2.h of Linux 5.12 */
enum { CACHED = 0x20, TRIES = 3 };
struct how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

/* A mount or a rename at the same time is -EAGAIN, too. So is a link with a
 * time of access that is to be written (pick_link(), fs/namei.c), until another
 * process follows it. */
static int open_cached(const char *path) {
  const struct how how = {.flags = O_PATH | O_CLOEXEC, .resolve = CACHED};
  long fd = -1;
  for (int tries = 0; tries < TRIES && fd < 0; tries++) {
    fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
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
static long mount_of(const char *proc, int fd) {
  static const char name[] = "mnt_id:";
  char path[256], line[128];
  long mount = -1;
  snprintf(path, sizeof(path), "%s/self/fdinfo/%d", proc, fd);
  FILE *file = fopen(path, "re");
  while (file && mount < 0 && fgets(line, sizeof(line), file))
    if (strncmp(line, name, sizeof(name) - 1) == 0)
      mount = strtol(line + sizeof(name) - 1, NULL, 10);
  if (file)
    fclose(file);
  return mount;
}

/* "MOUNT PARENT MAJOR:MINOR ...", if it is this mount. */
static bool get_dev(const char *line, long mount, uint32_t *dev) {
  char *end;
  if (strtol(line, &end, 10) != mount)
    return false;
  (void)strtol(end, &end, 10);
  unsigned long major = strtoul(end, &end, 10);
  if (*end != ':')
    return false;
  *dev = kernel_dev((unsigned)major, (unsigned)strtoul(end + 1, NULL, 10));
  return true;
}

/* A line can be longer than the buffer. */
static int find_dev(const char *proc, long mount, uint32_t *dev) {
  char path[256], line[512];
  bool is_found = false, begins = true;
  snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
  FILE *file = fopen(path, "re");
  while (file && !is_found && fgets(line, sizeof(line), file)) {
    is_found = begins && get_dev(line, mount, dev);
    begins = strchr(line, '\n') != NULL;
  }
  if (file)
    fclose(file);
  return is_found ? 0 : -ENODATA;
}

static int compare_file(const char *proc, int fd,
                        const struct lb_file_id *file) {
  struct statx found;
  uint32_t dev = 0;
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO,
              &found))
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
