// SPDX-License-Identifier: MIT
/* unix_diag shows i_ino, cut to 32 bits, and the device of the superblock,
 * s_dev (sk_diag_dump_vfs(), net/unix/diag.c). stat(2) shows the same inode
 * number, but on btrfs and on an overlay of two file systems another device.
 * Then /proc/self/mountinfo has the s_dev: show_mountinfo(),
 * fs/proc_namespace.c. The device counts: in a tmpfs of their own, users can
 * get any inode number. */
#include "kernel/file_check.h"

#include "kernel/local_path.h"
#include "kernel/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

int lb_stat_cached(int fd, struct lb_stat *out) {
  struct statx found;
  if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
              STATX_INO | STATX_TYPE, &found))
    return -errno;
  *out = (struct lb_stat){
      .inode = (uint32_t)found.stx_ino,
      .dev = lb_kernel_dev(found.stx_dev_major, found.stx_dev_minor),
      .has_disk = found.stx_dev_major != 0,
      .is_dir = S_ISDIR(found.stx_mode),
      .is_link = S_ISLNK(found.stx_mode),
      .is_sock = S_ISSOCK(found.stx_mode),
  };
  return 0;
}

static int compare_file(const char *proc, int fd,
                        const struct lb_file_id *file) {
  struct lb_stat found = {.inode = 0};
  struct lb_mount mount = {.dev = 0};
  int err = lb_stat_cached(fd, &found);
  if (err)
    return err;
  if (found.inode != file->inode)
    return -ESTALE;
  if (found.dev == file->dev)
    return 0;
  err = lb_mount_of(proc, fd, &mount);
  if (err)
    return err;
  return mount.dev == file->dev ? 0 : -ESTALE;
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

/* --- configured paths ---------------------------------------------------- */

static int identify(const char *proc, int fd, bool by_mount,
                    struct lb_file_id *out) {
  struct lb_stat found = {.inode = 0};
  struct lb_mount mount = {.dev = 0};
  int err = lb_stat_cached(fd, &found);
  if (!err && !found.is_sock)
    err = -ENOTSOCK;
  if (!err && by_mount)
    err = lb_mount_of(proc, fd, &mount);
  if (!err)
    *out = (struct lb_file_id){found.inode, by_mount ? mount.dev : found.dev};
  return err;
}

/* The kernel's memory has nearly every path; not a link that nothing has
 * followed for a day, nor one that had to make room. */
int lb_file_find(const char *proc, const char *path, bool by_mount,
                 struct lb_file_id *out) {
  int fd = open_cached(path);
  if (fd == -EAGAIN || fd == -ENOSYS || fd == -EINVAL)
    fd = lb_local_path_open(proc, path);
  if (fd < 0)
    return fd;
  int err = identify(proc, fd, by_mount, out);
  close(fd);
  return err;
}
