/* SPDX-License-Identifier: MIT */
/* Which processes have a socket open. */
#ifndef LB_KERNEL_PROCESSES_H
#define LB_KERNEL_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LB_COMM_SIZE 64 /* a name of a process, with the NUL */

/* Which processes have one socket. */
struct lb_holders {
  uint32_t inode;          /* of the socket */
  pid_t pid;               /* the lowest; 0: none was found */
  unsigned others;         /* processes beside it */
  char comm[LB_COMM_SIZE]; /* its name */
};

/* Fills all but the inodes, which are ascending and unique. Reads the file
 * descriptors of all processes that may be read: of others than one's own,
 * with CAP_SYS_PTRACE. proc: where procfs is mounted. Sets *was_denied if there
 * are some that may not. Returns 0 or -errno of opendir(3). */
int lb_processes_find(const char *proc, struct lb_holders *holders, size_t len,
                      bool *was_denied);

/* Writes the path of the control group that a process is in: that of version 2,
 * or of systemd if it has none there. Returns false if it is unknown. */
bool lb_process_cgroup(const char *proc, pid_t pid, char *path, size_t size);

#endif
