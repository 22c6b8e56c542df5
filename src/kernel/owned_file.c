// SPDX-License-Identifier: MIT
#include "kernel/owned_file.h"

#include "kernel/local_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_text(int fd, size_t size, char **out) {
  char *text = malloc(size + 1);
  if (!text)
    return -ENOMEM;
  ssize_t len = read(fd, text, size);
  if (len < 0) {
    int err = -errno;
    free(text);
    return err;
  }
  text[len] = '\0';
  *out = text;
  return 0;
}

/* The file that is there, not its path once more: that may lead elsewhere by
 * now. With O_NONBLOCK a lease of the user on it does not hold up open(2). */
static int read_found(const char *proc, int found, size_t size, char **out) {
  char path[256];
  snprintf(path, sizeof(path), "%s/self/fd/%d", proc, found);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return -errno;
  int err = read_text(fd, size, out);
  close(fd);
  return err;
}

int lb_owned_file_read(const char *proc, const char *path, uid_t uid,
                       size_t most, char **out) {
  struct stat status;
  int found = lb_local_path_open(proc, path);
  if (found < 0)
    return found;
  int err = fstat(found, &status) ? -errno : 0;
  bool is_owned = uid == LB_ANY_OWNER || status.st_uid == uid;
  if (!err && (!S_ISREG(status.st_mode) || !is_owned))
    err = -ESTALE;
  if (!err && status.st_size > (off_t)most)
    err = -EFBIG;
  if (!err)
    err = read_found(proc, found, (size_t)status.st_size, out);
  close(found);
  return err;
}
