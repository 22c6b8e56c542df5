// SPDX-License-Identifier: MIT
/* The kernel's own namespaces, apart from live.c so that a test can put its own
 * procfs under every source. */
#include "kernel/world.h"

#include "kernel/live.h"

static int list(struct lb_world *world,
                int (*visit)(void *data, const char *path, const char *name),
                void *data) {
  (void)world;
  return lb_netns_list(visit, data);
}

static int identify(struct lb_world *world, const char *path,
                    struct lb_netns_id *id) {
  (void)world;
  return lb_netns_identify(path, id);
}

static int open_source(struct lb_world *world, const char *path,
                       const struct lb_netns_id *id, struct lb_source **out) {
  const struct lb_live_world *live = (const struct lb_live_world *)world;
  const struct lb_live_options options = {
      .proc = "/proc",
      .witness = live->witness,
      .netns = path,
      .id = *id,
  };
  return lb_live_new(&options, out);
}

static void close_source(struct lb_world *world, struct lb_source *source) {
  (void)world;
  lb_live_free(source);
}

static void rest(struct lb_world *world, struct lb_source *source) {
  (void)world;
  lb_live_rest(source);
}

void lb_live_world_init(struct lb_live_world *live,
                        const struct lb_witness *witness) {
  live->world =
      (struct lb_world){list, identify, open_source, close_source, rest};
  live->witness = witness;
}
