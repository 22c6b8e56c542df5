// SPDX-License-Identifier: MIT
/* readlink(2) tells the inode number, "net:[4026531840]", and makes no inode
 * for it, which stat(2) would. The device is that of every namespace: there is
 * one nsfs. */
#include "kernel/netns_processes.h"

#include "base/array.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the inode is, or would be. */
static size_t find_place(const struct lb_netns_processes *all, uint64_t ino) {
  size_t from = 0, to = all->len;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (all->v[middle].ino < ino)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static bool is_at(const struct lb_netns_processes *all, size_t place,
                  uint64_t ino) {
  return place < all->len && all->v[place].ino == ino;
}

static int note_process(struct lb_netns_processes *all, uint64_t ino,
                        pid_t pid) {
  size_t place = find_place(all, ino);
  if (is_at(all, place, ino)) {
    if (pid < all->v[place].pid)
      all->v[place].pid = pid;
    return 0;
  }
  if (lb_reserve(&all->v, all->len, &all->cap, sizeof(*all->v)))
    return -ENOMEM;
  memmove(&all->v[place + 1], &all->v[place],
          (all->len - place) * sizeof(*all->v));
  all->v[place] = (struct lb_netns_process){ino, pid};
  all->len++;
  return 0;
}

/* access(2) would check without the capabilities of a user other than root. */
static bool has_entry(int proc, const char *name) {
  struct stat status;
  return fstatat(proc, name, &status, 0) == 0;
}

/* Of a process that has just ended the kernel says EACCES as well
 * (proc_ns_readlink(), fs/proc/namespaces.c). */
static bool is_denied(int proc, const char *name, int err) {
  return (err == EACCES || err == EPERM) && has_entry(proc, name);
}

/* A process that has ended meanwhile, or whose main thread has, is in none. */
static int read_process(struct lb_netns_processes *all, int proc,
                        const char *name) {
  char path[32], target[64];
  uint64_t ino;
  snprintf(path, sizeof(path), "%.15s/ns/net", name);
  ssize_t len = readlinkat(proc, path, target, sizeof(target) - 1);
  all->was_denied |= len < 0 && is_denied(proc, name, errno);
  target[len > 0 ? len : 0] = '\0';
  if (sscanf(target, "net:[%" SCNu64 "]", &ino) != 1) // NOLINT(cert-err34-c)
    return 0;
  return note_process(all, ino, (pid_t)strtol(name, NULL, 10));
}

static bool is_process(const struct dirent *entry) {
  return isdigit((unsigned char)entry->d_name[0]) && strlen(entry->d_name) < 16;
}

/* With hidepid=, or ProtectProc= of systemd, the first process is not there. */
int lb_netns_processes_find(struct lb_netns_processes *all, const char *proc) {
  struct lb_netns_id own;
  int err = lb_netns_identify(NULL, &own);
  if (err)
    return err;
  DIR *dir = opendir(proc);
  if (!dir)
    return -errno;
  all->len = 0;
  all->dev = own.dev;
  all->was_denied = !has_entry(dirfd(dir), "1");
  for (struct dirent *entry;
       !err &&
       (entry = readdir(dir));) // NOLINT(concurrency-mt-unsafe): our own
    if (is_process(entry))
      err = read_process(all, dirfd(dir), entry->d_name);
  closedir(dir);
  return err;
}

void lb_netns_processes_free(struct lb_netns_processes *all) {
  free(all->v);
  *all = (struct lb_netns_processes){.len = 0};
}

pid_t lb_netns_processes_pid(const struct lb_netns_processes *all,
                             const struct lb_netns_id *id) {
  size_t place = find_place(all, id->ino);
  return id->dev == all->dev && is_at(all, place, id->ino) ? all->v[place].pid
                                                           : 0;
}

void lb_netns_process_path(char path[static LB_NETNS_PROCESS_PATH_SIZE],
                           pid_t pid) {
  snprintf(path, LB_NETNS_PROCESS_PATH_SIZE, LB_PROC "/%d/ns/net", (int)pid);
}
