/* SPDX-License-Identifier: MIT */
/* Which container, pod or machine a control group belongs to: its name, which
 * it keeps when it restarts.
 *
 * The path of the group shows the ID of the container. What Docker and Podman
 * call it is in files of theirs, and the directories of the logs of Kubernetes
 * have the names of its pods; only root or CAP_DAC_READ_SEARCH may read these
 * of Docker and Podman. The first 12 digits of the ID need no privilege: they
 * are what "docker ps" and "podman ps" print. */
#ifndef LB_KERNEL_CONTAINERS_H
#define LB_KERNEL_CONTAINERS_H

#include "kernel/container_path.h"

#include <stdbool.h>
#include <stdint.h>

struct lb_container {
  char label[LB_LABEL_SIZE];     /* name, or 12 digits of the ID; "": none */
  char id[LB_CONTAINER_ID_SIZE]; /* "": it has none */
  bool is_foreign;               /* as struct lb_container_path */
};

struct lb_containers;

/* root: in front of all paths, "" except in tests; borrowed. Returns 0 or
 * -ENOMEM; the caller frees *out. */
int lb_containers_new(const char *root, struct lb_containers **out);
void lb_containers_free(struct lb_containers *containers); /* or NULL */

/* Limits searches to a 500th of the time, and 40 ms at once, because any user
 * can make control groups as fast as they like; until the second call 1 s. To
 * be called now and then, at now_ms of any clock that never goes back. cpu_ns:
 * the CPU time of this thread; NULL: there is no limit, as before the first
 * call. */
void lb_containers_limit(struct lb_containers *containers, uint64_t now_ms,
                         uint64_t (*cpu_ns)(void));

/* Finds the container of the control group with an id (struct lb_listen_sock).
 * Writes *out, with label "" if it belongs to no container or is unknown. An id
 * that is asked for the first time costs what lb_cgroups_path() says, and
 * reading a few files; the last 256 are remembered.
 *
 * *asked is 0 at first. Returns false if the time of searches is over: ask
 * again later, with the same *asked. One search is for all that were asked
 * before. */
bool lb_containers_of_cgroup(struct lb_containers *containers, uint64_t id,
                             uint32_t *asked, struct lb_container *out);

/* The same by the path of the group below its root. Nothing is remembered. */
void lb_containers_of_path(struct lb_containers *containers, const char *path,
                           struct lb_container *out);

/* Whether Docker or Podman made the file of a network namespace for this
 * container; others may have joined it. Reads files at each call. */
bool lb_containers_owns(struct lb_containers *containers,
                        const struct lb_container *container,
                        const char *netns);

/* The directory that may not be read, so that some container has its ID for a
 * name; NULL: none so far. */
const char *lb_containers_hidden(const struct lb_containers *containers);

#endif
