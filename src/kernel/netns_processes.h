/* SPDX-License-Identifier: MIT */
/* The network namespaces that processes are in. A namespace may have no file at
 * all: those of rootless Podman, systemd-nspawn, LXC and units with
 * PrivateNetwork=. */
#ifndef LB_KERNEL_NETNS_PROCESSES_H
#define LB_KERNEL_NETNS_PROCESSES_H

#include "kernel/netns.h"

#include <stddef.h>
#include <sys/types.h>

#define LB_PROC "/proc"

/* What the last walk has found. All 0 at first. */
struct lb_netns_processes {
  struct lb_netns_process {
    uint64_t ino; /* of the namespace */
    pid_t pid;    /* the lowest process that is in it */
  } * v;          /* by ino */
  size_t len;
  size_t cap;
  uint64_t dev; /* of all namespaces */
  bool was_denied;
};

/* Walks through all processes, and reads which namespace each is in: that of
 * its main thread, 3 to 10 us each. Of others than one's own processes this
 * needs CAP_SYS_PTRACE; sets was_denied if there are some that may not be read
 * or seen. proc: where procfs is mounted, LB_PROC except in tests. Returns 0,
 * -errno of opendir(3) or of stat(2), or -ENOMEM. */
int lb_netns_processes_find(struct lb_netns_processes *all, const char *proc);
void lb_netns_processes_free(struct lb_netns_processes *all);

/* The lowest process in a namespace when the last walk came by; 0: there was
 * none. */
pid_t lb_netns_processes_pid(const struct lb_netns_processes *all,
                             const struct lb_netns_id *id);

/* Writes the path that leads to the namespace of a process. */
#define LB_NETNS_PROCESS_PATH_SIZE 40
void lb_netns_process_path(char path[static LB_NETNS_PROCESS_PATH_SIZE],
                           pid_t pid);

#endif
