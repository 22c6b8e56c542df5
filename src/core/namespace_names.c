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

/* What has the label: another namespace that is there, or one that this one
 * continues, being the same or gone. */
static struct lb_namespace *find_by_label(const struct lb_namespaces *all,
                                          const struct lb_namespace *ns,
                                          const char *label, bool is_other) {
  for (size_t i = 1; i < all->len; i++) {
    struct lb_namespace *known = all->v[i];
    bool is_known = known->is_named || known->origin == LB_NETNS_CONFIGURED;
    if (known != ns && is_known && strcmp(known->ref.label, label) == 0 &&
        is_other == (lb_namespace_is_there(known) &&
                     !lb_netns_is_same(&known->id, &ns->id)))
      return known;
  }
  return NULL;
}

/* A namespace that comes later does not change what others are called. */
static int choose_label(const struct lb_namespaces *all,
                        const struct lb_namespace *ns,
                        char label[static LB_LABEL_SIZE]) {
  struct lb_found_netns found = as_found(ns);
  int err = lb_netns_name(all->containers, &found, label);
  if (err || !find_by_label(all, ns, label, true))
    return err;
  if (found.file)
    return lb_label_of_netns(label, found.file);
  lb_netns_last_name(&found, label);
  return 0;
}

static int set_label(struct lb_namespace *ns, const char *label) {
  char *copy = strdup(label);
  if (!copy)
    return -ENOMEM;
  free((void *)ns->ref.label);
  ns->ref.label = copy;
  ns->is_named = true;
  return 0;
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
  char label[LB_LABEL_SIZE];
  if (found->is_named || found->origin == LB_NETNS_CONFIGURED)
    return 0;
  int err = choose_label(all, found, label);
  if (err)
    return err;
  struct lb_namespace *known = find_by_label(all, found, label, false);
  if (!known)
    return set_label(found, label);
  *ns = known;
  return move_namespace(all, known, found);
}

/* --- by the containers in it ---------------------------------------------- */

/* Of several containers, the one that the namespace was made for. */
static bool name_of_maker(const struct lb_namespaces *all,
                          const struct lb_namespace *ns,
                          char label[static LB_LABEL_SIZE]) {
  for (unsigned bit = 0; bit < 64; bit++) {
    if (!(ns->owners & UINT64_C(1) << bit))
      continue;
    const struct lb_container *owner = lb_collector_owner(ns->collector, bit);
    if (!lb_containers_owns(all->containers, owner, ns->ref.path))
      continue;
    memcpy(label, owner->label, LB_LABEL_SIZE);
    return true;
  }
  return false;
}

/* The one that all sockets belong to, or the maker, or as without sockets. */
static int name_after_owners(const struct lb_namespaces *all,
                             struct lb_namespace *ns,
                             char label[static LB_LABEL_SIZE]) {
  struct lb_found_netns found = as_found(ns);
  ns->is_settled = true;
  if (ns->owners && !(ns->owners & (ns->owners - 1))) {
    unsigned bit = (unsigned)__builtin_ctzll(ns->owners);
    memcpy(label, lb_collector_owner(ns->collector, bit)->label, LB_LABEL_SIZE);
    return 0;
  }
  if (ns->owners && name_of_maker(all, ns, label))
    return 0;
  ns->pid = found.pid = lb_netns_processes_pid(&all->processes, &ns->id);
  ns->is_settled = ns->owners || ns->pid;
  return lb_netns_name(all->containers, &found, label);
}

/* Its listeners have no names of containers either: they are all used. */
static void name_second(struct lb_namespace *ns,
                        char label[static LB_LABEL_SIZE]) {
  struct lb_found_netns found = as_found(ns);
  ns->ref.containers = NULL;
  memcpy(ns->taken, label, sizeof(ns->taken));
  if (!found.file || lb_label_of_netns(label, found.file))
    lb_netns_last_name(&found, label);
}

static int rename_namespace(const struct lb_namespaces *all,
                            struct lb_namespace *ns) {
  char label[LB_LABEL_SIZE];
  int err = name_after_owners(all, ns, label);
  if (err || (ns->is_named && strcmp(label, ns->ref.label) == 0))
    return err;
  if (find_by_label(all, ns, label, true))
    name_second(ns, label);
  struct lb_namespace *gone = find_by_label(all, ns, label, false);
  err = set_label(ns, label);
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
