// SPDX-License-Identifier: MIT
/* A label lasts longer than the namespace: a container has a new one after each
 * start. */
#include "core/namespaces_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct lb_found_netns as_found(const struct lb_namespace *ns) {
  const char *slash = strrchr(ns->ref.path, '/');
  return (struct lb_found_netns){
      .id = ns->id,
      .path = ns->ref.path,
      .file = ns->origin == LB_NETNS_PROCESS ? NULL : slash + 1,
      .pid = ns->pid,
  };
}

/* A name that a user may have chosen gives way to one that root did. */
struct name {
  char label[LB_LABEL_SIZE];
  bool is_foreign;
};

/* Whether another namespace is there, or this one may continue it, being the
 * same or gone. */
static bool is_other(const struct lb_namespace *known,
                     const struct lb_namespace *ns) {
  return lb_namespace_is_there(known) && !lb_netns_is_same(&known->id, &ns->id);
}

static bool has_label(const struct lb_namespace *known,
                      const struct lb_namespace *ns, const struct name *name) {
  bool is_known = known->is_named || known->origin == LB_NETNS_CONFIGURED;
  return known != ns && is_known && strcmp(known->ref.label, name->label) == 0;
}

/* Nor does a user continue what root's container was before it is forgotten. */
static bool is_taken(const struct lb_namespaces *all,
                     const struct lb_namespace *ns, const struct name *name) {
  for (size_t i = 1; i < all->len; i++) {
    const struct lb_namespace *known = all->v[i];
    if (!has_label(known, ns, name))
      continue;
    if (is_other(known, ns) ? name->is_foreign || !known->ref.is_foreign
                            : name->is_foreign && !known->ref.is_foreign)
      return true;
  }
  return false;
}

static struct lb_namespace *find_continued(const struct lb_namespaces *all,
                                           const struct lb_namespace *ns,
                                           const struct name *name) {
  for (size_t i = 1; i < all->len; i++) {
    struct lb_namespace *known = all->v[i];
    if (has_label(known, ns, name) && !is_other(known, ns) &&
        known->ref.is_foreign == name->is_foreign)
      return known;
  }
  return NULL;
}

static int set_label(struct lb_namespace *ns, const struct name *name) {
  char *copy = strdup(name->label);
  if (!copy)
    return -ENOMEM;
  free((void *)ns->ref.label);
  ns->ref.label = copy;
  ns->ref.is_foreign = name->is_foreign;
  ns->is_named = true;
  return 0;
}

/* Its listeners have no names of containers either: they are all used. */
static void name_second(struct lb_namespace *ns, struct name *name) {
  struct lb_found_netns found = as_found(ns);
  ns->ref.containers = NULL;
  memcpy(ns->taken, name->label, sizeof(ns->taken));
  name->is_foreign = false;
  if (!found.file || lb_label_of_netns(name->label, found.file))
    lb_netns_last_name(&found, name->label);
}

static int give_way(struct lb_namespace *ns, const struct name *to) {
  struct name name = *to;
  name_second(ns, &name);
  int err = set_label(ns, &name);
  return err || !ns->collector ? err : lb_collector_rename(ns->collector);
}

/* A namespace that comes later does not change what others are called, except
 * by a name of root. */
static int take_label(const struct lb_namespaces *all, struct lb_namespace *ns,
                      const struct name *name) {
  int err = 0;
  for (size_t i = 1; i < all->len && !err; i++)
    if (!name->is_foreign && all->v[i]->ref.is_foreign &&
        has_label(all->v[i], ns, name))
      err = give_way(all->v[i], name);
  return err ? err : set_label(ns, name);
}

static int choose_label(const struct lb_namespaces *all,
                        struct lb_namespace *ns, struct name *name) {
  struct lb_found_netns found = as_found(ns);
  int err =
      lb_netns_name(all->containers, &found, name->label, &name->is_foreign);
  if (!err && is_taken(all, ns, name)) {
    name->is_foreign = false;
    if (found.file)
      return lb_label_of_netns(name->label, found.file);
    lb_netns_last_name(&found, name->label);
  }
  return err;
}

/* Each keeps what is found by its path. */
static void swap_places(struct lb_namespace *a, struct lb_namespace *b) {
  const char *path = a->ref.path;
  struct lb_containers *containers = a->ref.containers;
  a->ref.containers = b->ref.containers;
  b->ref.containers = containers;
  enum lb_netns_origin origin = a->origin;
  a->ref.path = b->ref.path;
  a->origin = b->origin;
  b->ref.path = path;
  b->origin = origin;
}

/* A namespace that is known by its label is found in the place of a new one. If
 * it is the same one still, its counters and sockets stay. */
static int move_namespace(const struct lb_namespaces *all,
                          struct lb_namespace *known,
                          struct lb_namespace *found) {
  bool is_same =
      lb_namespace_is_open(known) && lb_netns_is_same(&known->id, &found->id);
  lb_namespace_leave(known, 0);
  swap_places(known, found);
  known->id = found->id;
  known->pid = found->pid;
  known->is_listed = known->ref.listed = true;
  known->is_absent = false;
  found->is_listed = false;
  found->err = -ENOENT;
  return is_same ? lb_namespace_open(all, known) : 0;
}

int lb_namespace_name(const struct lb_namespaces *all,
                      struct lb_namespace **ns) {
  struct lb_namespace *found = *ns;
  struct name name;
  if (found->is_named || found->origin == LB_NETNS_CONFIGURED)
    return 0;
  int err = choose_label(all, found, &name);
  if (err)
    return err;
  struct lb_namespace *known = find_continued(all, found, &name);
  if (!known)
    return take_label(all, found, &name);
  *ns = known;
  return move_namespace(all, known, found);
}

/* --- by the containers in it ---------------------------------------------- */

static void name_after(const struct lb_container *owner, struct name *name) {
  memcpy(name->label, owner->label, LB_LABEL_SIZE);
  name->is_foreign = owner->is_foreign;
}

/* Of several containers, the one that the namespace was made for. */
static bool name_of_maker(const struct lb_namespaces *all,
                          const struct lb_namespace *ns, struct name *name) {
  for (unsigned bit = 0; bit < 64; bit++) {
    if (!(ns->owners & UINT64_C(1) << bit))
      continue;
    const struct lb_container *owner = lb_collector_owner(ns->collector, bit);
    if (!lb_containers_owns(all->containers, owner, ns->ref.path))
      continue;
    name_after(owner, name);
    return true;
  }
  return false;
}

/* The one that all sockets belong to, or the maker, or as without sockets. */
static int name_after_owners(const struct lb_namespaces *all,
                             struct lb_namespace *ns, struct name *name) {
  struct lb_found_netns found = as_found(ns);
  ns->is_settled = true;
  if (ns->owners && !(ns->owners & (ns->owners - 1))) {
    unsigned bit = (unsigned)__builtin_ctzll(ns->owners);
    name_after(lb_collector_owner(ns->collector, bit), name);
    return 0;
  }
  if (ns->owners && name_of_maker(all, ns, name))
    return 0;
  ns->pid = found.pid = lb_netns_processes_pid(&all->processes, &ns->id);
  ns->is_settled = ns->owners || ns->pid;
  return lb_netns_name(all->containers, &found, name->label, &name->is_foreign);
}

static int rename_namespace(const struct lb_namespaces *all,
                            struct lb_namespace *ns) {
  struct name name;
  int err = name_after_owners(all, ns, &name);
  if (err || (ns->is_named && strcmp(name.label, ns->ref.label) == 0 &&
              name.is_foreign == ns->ref.is_foreign))
    return err;
  if (is_taken(all, ns, &name))
    name_second(ns, &name);
  struct lb_namespace *gone = find_continued(all, ns, &name);
  err = take_label(all, ns, &name);
  if (!err)
    err = lb_collector_rename(ns->collector);
  if (!err && gone && gone->collector) {
    lb_collector_inherit(ns->collector, gone->collector);
    gone->is_named = false;
  }
  return err;
}

static bool has_new_owners(struct lb_namespace *ns) {
  if (!ns->ref.containers || ns->is_waiting || ns->err ||
      !lb_collector_has_sockets(ns->collector))
    return false;
  uint64_t owners = lb_collector_owners(ns->collector);
  bool is_new = !ns->is_settled || owners != ns->owners;
  ns->owners = owners;
  return is_new;
}

void lb_namespaces_rename(struct lb_namespaces *all) {
  for (size_t i = 1; i < all->len; i++)
    if (has_new_owners(all->v[i])) {
      int err = rename_namespace(all, all->v[i]);
      if (err)
        all->v[i]->err = err;
    }
}
