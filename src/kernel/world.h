/* SPDX-License-Identifier: MIT */
/* What network namespaces there are, and a source for each. */
#ifndef LB_KERNEL_WORLD_H
#define LB_KERNEL_WORLD_H

#include "kernel/netns.h"
#include "kernel/source.h"

struct lb_world {
  /* Visits what "*" stands for now; as lb_netns_list(). */
  int (*list)(struct lb_world *world,
              int (*visit)(void *data, const char *path, const char *name),
              void *data);

  /* As lb_netns_identify(). */
  int (*identify)(struct lb_world *world, const char *path,
                  struct lb_netns_id *id);

  /* A source for the namespace of this id at a path, which is borrowed for its
   * life; NULL: the caller's own, and id is of no matter. It asks nobody until
   * it is asked. Where that namespace is gone, it answers -ENOENT or -ESTALE. 0
   * or -ENOMEM. */
  int (*open)(struct lb_world *world, const char *path,
              const struct lb_netns_id *id, struct lb_source **out);
  void (*close)(struct lb_world *world, struct lb_source *source);

  /* Makes a source keep no namespace alive until it is asked again. */
  void (*rest)(struct lb_world *world, struct lb_source *source);
};

struct lb_witness;

/* The running kernel's. witness may be NULL; it sees what all sources of this
 * world are answered, and must outlive them. */
struct lb_live_world {
  struct lb_world world;
  const struct lb_witness *witness;
};

void lb_live_world_init(struct lb_live_world *live,
                        const struct lb_witness *witness);

#endif
