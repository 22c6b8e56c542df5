// SPDX-License-Identifier: MIT
#include "kernel/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct process_search {
  struct lb_holders *holders;
  size_t len;
  pid_t *last; /* process that was counted last, by holder */
};

static int compare_inode(const void *key, const void *item) {
  const uint32_t *inode = key;
  const struct lb_holders *holders = item;
  return (*inode > holders->inode) - (*inode < holders->inode);
}

/* Reads a file of one line. */
static bool read_line(const char *path, char *line, size_t size) {
  FILE *file = fopen(path, "re");
  bool has_line = file && fgets(line, (int)size, file);
  if (file)
    fclose(file);
  if (has_line)
    line[strcspn(line, "\n")] = '\0';
  return has_line;
}

static void note_holder(struct process_search *search, uint32_t inode,
                        const char *dir, pid_t pid) {
  struct lb_holders *holders = bsearch(&inode, search->holders, search->len,
                                       sizeof(*holders), compare_inode);
  if (!holders || search->last[holders - search->holders] == pid)
    return;
  search->last[holders - search->holders] = pid;
  holders->others += holders->pid != 0;
  if (holders->pid && holders->pid < pid)
    return;
  char path[300];
  snprintf(path, sizeof(path), "%s/comm", dir);
  holders->pid = pid;
  if (!read_line(path, holders->comm, sizeof(holders->comm)))
    holders->comm[0] = '\0';
}

/* Returns false if the descriptors may not be read. */
static bool search_process(struct process_search *search, const char *proc,
                           const char *name) {
  char dir[256], path[300], target[64];
  pid_t pid = (pid_t)strtol(name, NULL, 10);
  snprintf(dir, sizeof(dir), "%s/%s", proc, name);
  snprintf(path, sizeof(path), "%s/fd", dir);
  DIR *fds = opendir(path);
  if (!fds)
    return errno != EACCES && errno != EPERM;
  for (struct dirent *entry;
       (entry = readdir(fds));) // NOLINT(concurrency-mt-unsafe): our own
  {
    unsigned inode;
    ssize_t len =
        readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    if (sscanf(target, "socket:[%u]", &inode) == 1) // NOLINT(cert-err34-c)
      note_holder(search, inode, dir, pid);
  }
  closedir(fds);
  return true;
}

int lb_processes_find(const char *proc, struct lb_holders *holders, size_t len,
                      bool *was_denied) {
  struct process_search search = {holders, len, calloc(len + 1, sizeof(pid_t))};
  *was_denied = false;
  if (!search.last)
    return -ENOMEM;
  DIR *dir = opendir(proc);
  int err = dir ? 0 : -errno;
  for (struct dirent *entry;
       dir && (entry = readdir(dir));) // NOLINT(concurrency-mt-unsafe): our own

    if (isdigit((unsigned char)entry->d_name[0]) && strlen(entry->d_name) < 16)
      *was_denied |= !search_process(&search, proc, entry->d_name);
  if (dir)
    closedir(dir);
  free(search.last);
  return err;
}

/* The line of version 2 is "0::PATH"; beside version 1 the path can be "/", and
 * systemd's "1:name=systemd:PATH" says more. */
static const char *cgroup_in(const char *line, bool has_path) {
  static const char systemd[] = ":name=systemd:";
  if (strncmp(line, "0::", 3) == 0)
    return has_path && strcmp(line + 3, "/") == 0 ? NULL : line + 3;
  const char *found = has_path ? NULL : strstr(line, systemd);
  return found ? found + strlen(systemd) : NULL;
}

bool lb_process_cgroup(const char *proc, pid_t pid, char *path, size_t size) {
  char name[300], line[4096];
  bool has_path = false;
  snprintf(name, sizeof(name), "%s/%d/cgroup", proc, (int)pid);
  FILE *file = fopen(name, "re");
  while (file && fgets(line, sizeof(line), file)) {
    line[strcspn(line, "\n")] = '\0';
    const char *found = cgroup_in(line, has_path);
    if (!found)
      continue;
    snprintf(path, size, "%s", found);
    has_path = true;
  }
  if (file)
    fclose(file);
  return has_path;
}
