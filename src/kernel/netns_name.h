/* SPDX-License-Identifier: MIT */
/* What a network namespace that "*" found is called. */
#ifndef LB_KERNEL_NETNS_NAME_H
#define LB_KERNEL_NETNS_NAME_H

#include "base/label.h"
#include "kernel/containers.h"
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

/* Whether the file of a namespace has a name that Docker, Podman or a plugin of
 * Kubernetes made up, another one after each start: 12 hexadecimal digits in
 * /run/docker/netns, or one that ends with a UUID. */
bool lb_netns_is_generated(const char *path);

/* Writes a label for it, and whether it is a name that a user may have chosen
 * (struct lb_container_path): the name of its file, unless that is generated;
 * else that of the container or the systemd service that its process is in;
 * else the name of the file or "netns-INODE". Returns 0, or -ENAMETOOLONG if
 * the name of the file does not fit. */
int lb_netns_name(struct lb_containers *containers,
                  const struct lb_found_netns *found,
                  char label[static LB_LABEL_SIZE], bool *is_foreign);

/* Writes "netns-INODE", for a namespace without another name or whose name is
 * taken. */
void lb_netns_last_name(const struct lb_found_netns *found,
                        char label[static LB_LABEL_SIZE]);

#endif
