// SPDX-License-Identifier: MIT
#include "kernel/cgroups.h"

#include "base/array.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  MOST_GROUPS = 65536,
  MOST_MISSED = 64, /* ids that are remembered */
  PATH_BYTES = 4096,
};

/* The id of a group is its inode, also for a 32-bit program. */
_Static_assert(sizeof(ino_t) == 8, "-D_FILE_OFFSET_BITS=64 is missing");

static void forget_groups(struct lb_cgroups *cgroups) {
  for (size_t i = 0; i < cgroups->len; i++)
    free(cgroups->v[i].path);
  free(cgroups->v);
  cgroups->v = NULL;
  cgroups->len = 0;
}

void lb_cgroups_free(struct lb_cgroups *cgroups) {
  forget_groups(cgroups);
  free(cgroups->missed);
  *cgroups = (struct lb_cgroups){.walks = 0};
}

/* --- the walk ------------------------------------------------------------ */

static int note_group(struct lb_cgroups *cgroups, int fd, const char *path) {
  struct stat status;
  if (fstat(fd, &status))
    return 0;
  struct lb_cgroup group = {status.st_ino, strdup(path)};
  int err = group.path ? lb_append(&cgroups->v, &cgroups->len, &group, 1,
                                   sizeof(group))
                       : -ENOMEM;
  if (err)
    free(group.path);
  return err;
}

static int note_subgroup(struct lb_cgroups *cgroups, int fd, const char *parent,
                         const struct dirent *entry) {
  char path[PATH_BYTES];
  if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
    return 0;
  int len = snprintf(path, sizeof(path), "%s/%s",
                     strcmp(parent, "/") == 0 ? "" : parent, entry->d_name);
  int child = openat(fd, entry->d_name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (child < 0)
    return 0;
  int err = len < (int)sizeof(path) ? note_group(cgroups, child, path) : 0;
  close(child);
  return err;
}

/* A group that goes meanwhile is left out. */
static int note_subgroups(struct lb_cgroups *cgroups, int root, size_t parent) {
  const char *path = cgroups->v[parent].path;
  int err = 0;
  int fd = openat(root, path[1] ? path + 1 : ".",
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    if (fd >= 0)
      close(fd);
    return 0;
  }
  for (struct dirent *entry;
       !err && cgroups->len < MOST_GROUPS &&
       (entry = readdir(dir));) // NOLINT(concurrency-mt-unsafe): our own
    err = note_subgroup(cgroups, dirfd(dir), path, entry);
  closedir(dir);
  return err;
}

static int compare_groups(const void *a, const void *b) {
  const struct lb_cgroup *left = a, *right = b;
  return (left->id > right->id) - (left->id < right->id);
}

/* Only groups of version 2 have this file. */
static int open_root_at(const char *dir, const char *below) {
  char path[PATH_BYTES];
  snprintf(path, sizeof(path), "%s%s", dir, below);
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || faccessat(fd, "cgroup.controllers", F_OK, 0) == 0)
    return fd;
  close(fd);
  return -1;
}

/* Version 2 is the whole tree or, beside version 1, below "unified". */
static int open_root(const char *dir) {
  int fd = open_root_at(dir, "/unified");
  return fd < 0 ? open_root_at(dir, "") : fd;
}

static void walk_all(struct lb_cgroups *cgroups, const char *dir) {
  int root = open_root(dir);
  forget_groups(cgroups);
  cgroups->walks++;
  if (root < 0)
    return;
  int err = note_group(cgroups, root, "/");
  for (size_t i = 0; i < cgroups->len && !err; i++)
    err = note_subgroups(cgroups, root, i);
  close(root);
  if (cgroups->len)
    qsort(cgroups->v, cgroups->len, sizeof(*cgroups->v), compare_groups);
}

/* --- ids ----------------------------------------------------------------- */

static const char *known_path(const struct lb_cgroups *cgroups, uint64_t id) {
  const struct lb_cgroup key = {.id = id};
  const struct lb_cgroup *group =
      cgroups->len ? bsearch(&key, cgroups->v, cgroups->len,
                             sizeof(*cgroups->v), compare_groups)
                   : NULL;
  return group ? group->path : NULL;
}

const char *lb_cgroups_known_path(const struct lb_cgroups *cgroups,
                                  uint64_t id) {
  return known_path(cgroups, id);
}

static bool was_missed(const struct lb_cgroups *cgroups, uint64_t id) {
  for (size_t i = 0; i < cgroups->missed_len; i++)
    if (cgroups->missed[i] == id)
      return true;
  return false;
}

static void note_missed(struct lb_cgroups *cgroups, uint64_t id) {
  if (cgroups->missed_len < MOST_MISSED)
    lb_append(&cgroups->missed, &cgroups->missed_len, &id, 1, sizeof(id));
  else
    cgroups->missed[cgroups->next_missed++ % MOST_MISSED] = id;
}

/* An id that is gone does not come back before the next boot. */
const char *lb_cgroups_path(struct lb_cgroups *cgroups, const char *dir,
                            uint64_t id) {
  const char *path = id ? known_path(cgroups, id) : NULL;
  if (path || !id || was_missed(cgroups, id))
    return path;
  walk_all(cgroups, dir);
  path = known_path(cgroups, id);
  if (!path)
    note_missed(cgroups, id);
  return path;
}

/* --- units --------------------------------------------------------------- */

static bool ends_with(const char *text, size_t len, const char *end) {
  size_t n = strlen(end);
  return len > n && memcmp(text + len - n, end, n) == 0;
}

bool lb_cgroup_unit(const char *path, char unit[static LB_UNIT_SIZE]) {
  bool is_found = false;
  while (*path) {
    path += *path == '/';
    size_t len = strcspn(path, "/");
    if (len < LB_UNIT_SIZE &&
        (ends_with(path, len, ".service") || ends_with(path, len, ".socket"))) {
      memcpy(unit, path, len);
      unit[len] = '\0';
      is_found = true;
    }
    path += len;
  }
  return is_found;
}
