/* SPDX-License-Identifier: MIT */
/* Other network namespaces: where they are and how to do something in one. */
#ifndef LB_KERNEL_NETNS_H
#define LB_KERNEL_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a namespace is, whatever it is called: st_dev and st_ino of nsfs. No
 * other has the same while it lives; a later one may. */
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

/* Runs a function in the namespace at a path, where that is still the one of
 * this id, and returns what it returns; else -ESTALE, or -errno of open(2),
 * setns(2) or pthread_create(3): -EPERM without CAP_SYS_ADMIN, -EINVAL where
 * the file is no network namespace.
 *
 * It runs in a thread of its own, made for it and ended with it: the calling
 * thread enters no other namespace, so it cannot get stuck in one. */
int lb_netns_run(const char *path, const struct lb_netns_id *id,
                 int (*run)(void *data), void *data);

/* Visits what "*" stands for: all files in /run/netns, then in
 * /run/docker/netns, each in the order of their names, without those that begin
 * with ".". A directory that is not there is empty; one that cannot be read
 * does not keep the other from being visited. 0, -errno, or what visit returned
 * where that is not 0, which ends it. Allocates what scandir(3) does, and frees
 * it. */
int lb_netns_list(int (*visit)(void *data, const char *path, const char *name),
                  void *data);

/* The same in other directories. */
int lb_netns_list_in(const char *const dirs[], size_t len,
                     int (*visit)(void *data, const char *path,
                                  const char *name),
                     void *data);

#endif
