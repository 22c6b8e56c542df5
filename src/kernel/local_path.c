// SPDX-License-Identifier: MIT
/* One name after the other: a lookup asks the file system of the directory, and
 * so does readlink(), because nothing can be mounted on a link. Where something
 * is mounted, O_PATH does not ask the new file system yet. */
#include "kernel/local_path.h"

#include "kernel/file_check.h"
#include "kernel/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, MOST_LINKS = 40 };

struct walk {
  const char *proc;
  int fd; /* of the directory, or at last of the file */
  uint32_t dev;
  char left[PATH_BYTES];
  int links;
};

/* Owns the descriptor from now on. A file system of a block device is local. */
static int enter_dir(struct walk *walk, int fd, const struct lb_stat *found) {
  struct lb_mount mount = {.is_local = true};
  if (walk->fd >= 0)
    close(walk->fd);
  bool is_mount = walk->fd < 0 || walk->dev != found->dev;
  walk->fd = fd;
  walk->dev = found->dev;
  int err = is_mount && !found->has_disk && found->is_dir
                ? lb_mount_of(walk->proc, fd, &mount)
                : 0;
  if (err)
    return err;
  return mount.is_local ? 0 : -EAGAIN;
}

static int enter_root(struct walk *walk) {
  struct lb_stat found;
  int fd = open("/", O_PATH | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int err = lb_stat_cached(fd, &found);
  if (err)
    close(fd);
  else
    err = enter_dir(walk, fd, &found);
  return err;
}

static int follow(struct walk *walk, int link) {
  char path[PATH_BYTES];
  ssize_t len = readlinkat(link, "", path, sizeof(path));
  if (len < 0)
    return -errno;
  if (++walk->links > MOST_LINKS)
    return -ELOOP;
  size_t left = strlen(walk->left);
  if ((size_t)len + 1 + left >= sizeof(path))
    return -ENAMETOOLONG;
  path[len] = '/';
  memcpy(path + len + 1, walk->left, left + 1);
  memcpy(walk->left, path, sizeof(path));
  return path[0] == '/' ? enter_root(walk) : 0;
}

static int step(struct walk *walk, const char *name) {
  struct lb_stat found;
  int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int err = lb_stat_cached(fd, &found);
  if (!err && !found.is_link)
    return enter_dir(walk, fd, &found);
  if (!err)
    err = follow(walk, fd);
  close(fd);
  return err;
}

/* Takes the first name off what is left. Returns false if there is none. */
static bool next_name(struct walk *walk, char name[static PATH_BYTES]) {
  size_t start = strspn(walk->left, "/");
  size_t len = strcspn(walk->left + start, "/");
  memcpy(name, walk->left + start, len);
  name[len] = '\0';
  memmove(walk->left, walk->left + start + len,
          strlen(walk->left + start + len) + 1);
  return len > 0;
}

int lb_local_path_open(const char *proc, const char *path) {
  struct walk walk = {.proc = proc, .fd = -1};
  char name[PATH_BYTES];
  if ((size_t)snprintf(walk.left, sizeof(walk.left), "%s", path) >=
      sizeof(walk.left))
    return -ENAMETOOLONG;
  int err = enter_root(&walk);
  while (!err && next_name(&walk, name))
    err = step(&walk, name);
  if (err && walk.fd >= 0)
    close(walk.fd);
  return err ? err : walk.fd;
}
