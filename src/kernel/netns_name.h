/* SPDX-License-Identifier: MIT */
/* What a network namespace that "*" found is called. */
#ifndef LB_KERNEL_NETNS_NAME_H
#define LB_KERNEL_NETNS_NAME_H

#include "base/label.h"
#include "kernel/netns.h"

#include <sys/types.h>

/* A namespace that "*" found. */
struct lb_found_netns {
  struct lb_netns_id id;
  const char *path; /* leads to it: its file, or /proc/PID/ns/net */
  const char *file; /* the name of its file in /run/netns or /run/docker/netns;
                       NULL: only processes show it */
  pid_t pid;        /* the lowest process in it; 0: none was seen */
};

/* Writes a label for it: the name of its file, else the systemd service of its
 * process, else "netns-INODE". Returns 0, or -ENAMETOOLONG if the name of the
 * file does not fit. */
int lb_netns_name(const struct lb_found_netns *found,
                  char label[static LB_LABEL_SIZE]);

/* Writes "netns-INODE", for a namespace without another name or whose name is
 * taken. */
void lb_netns_last_name(const struct lb_found_netns *found,
                        char label[static LB_LABEL_SIZE]);

#endif
