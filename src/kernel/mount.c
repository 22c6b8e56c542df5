// SPDX-License-Identifier: MIT
#include "kernel/mount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The mount of an open file, or -1. */
static long mount_id(const char *proc, int fd) {
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

static bool has_local_type(const char *line) {
  static const char *const types[] = {"tmpfs", "ext4",  "xfs",   "btrfs",
                                      "ext3",  "ext2",  "f2fs",  "zfs",
                                      "ramfs", "jffs2", "ubifs", "overlay"};
  const char *type = strstr(line, " - ");
  for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
    size_t len = strlen(types[i]);
    if (strncmp(type + 3, types[i], len) == 0 && type[3 + len] == ' ')
      return true;
  }
  return false;
}

/* "MOUNT PARENT MAJOR:MINOR ... - TYPE ...", if it is this mount. */
static bool parse_line(const char *line, long mount, struct lb_mount *out) {
  char *end;
  if (strtol(line, &end, 10) != mount)
    return false;
  (void)strtol(end, &end, 10);
  unsigned long major = strtoul(end, &end, 10);
  if (*end != ':')
    return false;
  out->dev =
      lb_kernel_dev((unsigned)major, (unsigned)strtoul(end + 1, NULL, 10));
  out->is_local = has_local_type(line);
  return true;
}

int lb_mount_of(const char *proc, int fd, struct lb_mount *out) {
  char path[256], *line = NULL;
  size_t size = 0;
  bool is_found = false;
  long mount = mount_id(proc, fd);
  snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
  FILE *file = fopen(path, "re");
  while (file && !is_found && getline(&line, &size, file) > 0)
    is_found = parse_line(line, mount, out);
  free(line);
  if (file)
    fclose(file);
  return is_found ? 0 : -ENODATA;
}
