/* SPDX-License-Identifier: MIT */
/* Other network namespaces: which there are, and how to run code in one. */
#ifndef LB_KERNEL_NETNS_H
#define LB_KERNEL_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Identifies a namespace whatever it is called: st_dev and st_ino of nsfs. No
 * other one has the same while it lives; a later one may. */
struct lb_netns_id {
  uint64_t dev;
  uint64_t ino;
};

static inline bool lb_netns_is_same(const struct lb_netns_id *a,
                                    const struct lb_netns_id *b) {
  return a->dev == b->dev && a->ino == b->ino;
}

/* Which namespace is at a path; NULL: that of the calling thread. 0 or -errno
 * of stat(2). Opens nothing, so it keeps no namespace alive. */
int lb_netns_identify(const char *path, struct lb_netns_id *id);

/* Runs a function in the namespace at a path, if that is still the one of this
 * id, and returns what it returns; else -ESTALE, or -errno of open(2), setns(2)
 * or pthread_create(3): -EPERM without CAP_SYS_ADMIN, -EINVAL if the file is
 * not a network namespace.
 *
 * The function runs in a thread that is made for it and ends with it: the
 * calling thread never enters another namespace, so it cannot get stuck in one.
 */
int lb_netns_run(const char *path, const struct lb_netns_id *id,
                 int (*run)(void *data), void *data);

/* The CPU time in ns of all threads that were made for the calling one. */
uint64_t lb_netns_helpers_ns(void);

/* Visits the namespaces that "*" selects: all files in /run/netns, then in
 * /run/docker/netns, in the order of their names, without those that begin with
 * ".". A directory that does not exist is empty; after one that cannot be read
 * the other is still visited. Returns 0, -errno, or what visit returned unless
 * that is 0, which ends the visit. Allocates and frees what scandir(3) needs.
 */
int lb_netns_list(int (*visit)(void *data, const char *path, const char *name),
                  void *data);

/* The same in other directories. */
int lb_netns_list_in(const char *const dirs[], size_t len,
                     int (*visit)(void *data, const char *path,
                                  const char *name),
                     void *data);

#endif
