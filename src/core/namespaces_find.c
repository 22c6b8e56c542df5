// SPDX-License-Identifier: MIT
#include "core/namespaces_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MS = 60000 }; /* counters of a namespace that may come back */

/* --- walks through the processes ----------------------------------------- */

enum {
  WALK_SHARE = 900, /* of the time: walks take a 900th of it */
  EARLY = 4,        /* those that cannot wait take up to this many times that */
};

static uint64_t spacing_of_walks_ms(const struct lb_namespaces *all) {
  return all->walk_ns * WALK_SHARE / 1000000;
}

static uint64_t read_cpu_ns(const struct lb_namespaces *all) {
  return all->cpu_ns ? all->cpu_ns() : 0;
}

static int walk_processes(struct lb_namespaces *all) {
  uint64_t start = read_cpu_ns(all);
  int err = lb_netns_processes_find(&all->processes, LB_PROC);
  all->walk_ns = read_cpu_ns(all) - start;
  all->walked_ms = all->now_ms;
  all->has_walked = true;
  return err;
}

static bool is_walk_due(const struct lb_namespaces *all, unsigned divisor) {
  return !all->has_walked &&
         all->now_ms - all->walked_ms >= spacing_of_walks_ms(all) / divisor;
}

/* The lowest process in a namespace; a walk for its sake may come early. */
static pid_t find_process(struct lb_namespaces *all,
                          const struct lb_netns_id *id) {
  pid_t pid = lb_netns_processes_pid(&all->processes, id);
  if (pid || !all->has_list || !is_walk_due(all, EARLY))
    return pid;
  walk_processes(all);
  return lb_netns_processes_pid(&all->processes, id);
}

/* --- one of them ---------------------------------------------------------- */

/* A file that appears for what only processes showed has a name. */
static bool is_sampled_elsewhere(const struct lb_namespaces *all,
                                 const struct lb_namespace *ns,
                                 const struct lb_netns_id *id) {
  for (size_t i = 0; i < all->len; i++) {
    const struct lb_namespace *other = all->v[i];
    if (other != ns && lb_namespace_is_open(other) &&
        lb_namespace_is_there(other) && other->origin <= ns->origin &&
        lb_netns_is_same(&other->id, id))
      return true;
  }
  return false;
}

/* What is at the path now. "*" takes a namespace with several names once;
 * Docker lists our own. Returns 0 or -errno: -ENOENT if nothing is to be
 * sampled. */
static int identify_namespace(const struct lb_namespaces *all,
                              struct lb_namespace *ns, struct lb_netns_id *id) {
  bool is_configured = ns->origin == LB_NETNS_CONFIGURED;
  int err = is_configured || ns->is_listed ? lb_netns_identify(ns->ref.path, id)
                                           : -ENOENT;
  ns->is_absent = err == -ENOENT || err == -EINVAL;
  if (!err && !is_configured && is_sampled_elsewhere(all, ns, id))
    err = -ENOENT;
  return err;
}

/* A namespace whose path appears is new, unless it had another path before. */
static bool is_new(const struct lb_namespaces *all,
                   const struct lb_namespace *ns) {
  for (size_t i = 0; i < all->len; i++)
    if (all->v[i] != ns && all->v[i]->collector &&
        lb_netns_is_same(&all->v[i]->id, &ns->id))
      return false;
  return all->has_found && !ns->collector;
}

static void enter_namespace(struct lb_namespaces *all, struct lb_namespace *ns,
                            bool was_absent) {
  bool counts_from_zero = was_absent && is_new(all, ns);
  ns->err = lb_namespace_enter(all, ns);
  if (!ns->err && counts_from_zero)
    lb_collector_count_from_zero(ns->collector);
}

/* The processes in it may give it a name. */
static bool waits_for_walk(const struct lb_namespaces *all,
                           struct lb_namespace *ns) {
  if (ns->is_named || ns->pid || ns->origin == LB_NETNS_CONFIGURED)
    return false;
  if (!ns->found_ms)
    ns->found_ms = all->now_ms;
  bool waits = all->walked_ms < ns->found_ms;
  if (waits)
    ns->err = -ENOENT;
  ns->is_absent = waits;
  return waits;
}

/* An error other than -ENOENT may be over at the next sample, which reports it
 * if it is not. */
static void update_namespace(struct lb_namespaces *all,
                             struct lb_namespace *ns) {
  struct lb_netns_id id;
  bool was_absent = ns->is_absent;
  int err = identify_namespace(all, ns, &id);
  if (lb_namespace_is_open(ns) && err && err != -ENOENT)
    return;
  if (err) {
    ns->is_listed &= ns->origin != LB_NETNS_PROCESS;
    lb_namespace_leave(ns, err);
    return;
  }
  if (lb_namespace_is_open(ns) && lb_netns_is_same(&ns->id, &id))
    return;
  lb_namespace_leave(ns, 0);
  ns->id = id;
  ns->pid = find_process(all, &id);
  ns->ref.listed |= ns->pid != 0;
  if (waits_for_walk(all, ns))
    return;
  ns->err = lb_namespace_name(all, &ns);
  if (!ns->err && !lb_namespace_is_open(ns))
    enter_namespace(all, ns, was_absent);
}

/* --- in files ------------------------------------------------------------ */

static struct lb_namespace *find_path(const struct lb_namespaces *all,
                                      const char *path) {
  for (size_t i = 1; i < all->len; i++)
    if (strcmp(all->v[i]->ref.path, path) == 0)
      return all->v[i];
  return NULL;
}

static int take_listed(void *data, const char *path, const char *name) {
  struct lb_namespaces *all = data;
  struct lb_namespace *ns = find_path(all, path);
  char label[LB_LABEL_SIZE];
  if (!ns && lb_label_of_netns(label, name)) {
    all->has_long_names = true;
    return 0;
  }
  if (!ns)
    ns = lb_namespaces_add(all, LB_NETNS_FILE, path, label);
  if (!ns)
    return -ENOMEM;
  ns->is_listed = ns->ref.listed = true;
  return 0;
}

/* If the listing fails, the namespaces that have a source stay. */
static int list_files(struct lb_namespaces *all) {
  all->has_long_names = false;
  for (size_t i = 1; i < all->len; i++)
    if (all->v[i]->origin != LB_NETNS_PROCESS)
      all->v[i]->is_listed = false;
  int err = lb_netns_list(take_listed, all);
  for (size_t i = 1; i < all->len && err; i++)
    all->v[i]->is_listed |= lb_namespace_is_open(all->v[i]);
  return err || !all->has_long_names ? err : -ENAMETOOLONG;
}

/* --- of processes -------------------------------------------------------- */

static bool leads_to(const char *path, const struct lb_netns_id *id) {
  struct lb_netns_id found;
  return !lb_netns_identify(path, &found) && lb_netns_is_same(&found, id);
}

/* Another process of the namespace, as the last walk has it. Its path has the
 * same size. */
static bool follow_process(struct lb_namespaces *all, struct lb_namespace *ns) {
  char path[LB_NETNS_PROCESS_PATH_SIZE];
  pid_t pid = lb_netns_processes_pid(&all->processes, &ns->id);
  lb_netns_process_path(path, pid);
  if (!pid || !leads_to(path, &ns->id))
    return false;
  memcpy((char *)ns->ref.path, path, sizeof(path));
  return true;
}

/* Whether the process that led to it does, or another one. Its source stays
 * until a walk has shown that there is none: it knows if the namespace is the
 * same when there is one again. */
static void check_process(struct lb_namespaces *all, struct lb_namespace *ns) {
  bool is_reached = leads_to(ns->ref.path, &ns->id) || follow_process(all, ns);
  if (!is_reached && is_walk_due(all, EARLY)) {
    walk_processes(all);
    is_reached = follow_process(all, ns);
  }
  ns->is_lost = !is_reached && !all->has_walked;
  ns->is_listed = is_reached || ns->is_lost;
}

static int list_processes(struct lb_namespaces *all) {
  int err = is_walk_due(all, 1) ? walk_processes(all) : 0;
  for (size_t i = 1; i < all->len; i++)
    if (all->v[i]->origin == LB_NETNS_PROCESS && all->v[i]->is_listed)
      check_process(all, all->v[i]);
  return err;
}

static bool is_found_already(const struct lb_namespaces *all,
                             const struct lb_netns_id *id) {
  for (size_t i = 0; i < all->len; i++) {
    const struct lb_namespace *ns = all->v[i];
    bool has_id = lb_namespace_is_open(ns) || ns->origin == LB_NETNS_PROCESS;
    if (has_id && lb_namespace_is_there(ns) && lb_netns_is_same(&ns->id, id))
      return true;
  }
  return false;
}

static int add_process(struct lb_namespaces *all,
                       const struct lb_netns_process *process) {
  struct lb_found_netns found = {.id = {all->processes.dev, process->ino}};
  char path[LB_NETNS_PROCESS_PATH_SIZE], label[LB_LABEL_SIZE];
  lb_netns_process_path(path, process->pid);
  if (is_found_already(all, &found.id) || !leads_to(path, &found.id))
    return 0;
  lb_netns_last_name(&found, label);
  struct lb_namespace *ns =
      lb_namespaces_add(all, LB_NETNS_PROCESS, path, label);
  if (!ns)
    return -ENOMEM;
  ns->id = found.id;
  ns->is_listed = ns->ref.listed = true;
  return 0;
}

static int update_processes(struct lb_namespaces *all) {
  int err = 0;
  for (size_t i = 0; i < all->processes.len && !err; i++)
    err = add_process(all, &all->processes.v[i]);
  for (size_t i = 1; i < all->len; i++)
    if (all->v[i]->origin == LB_NETNS_PROCESS && !all->v[i]->is_lost)
      update_namespace(all, all->v[i]);
  return err;
}

/* --- all of them --------------------------------------------------------- */

static void forget_namespaces(struct lb_namespaces *all) {
  size_t kept = 1;
  for (size_t i = 1; i < all->len; i++) {
    struct lb_namespace *ns = all->v[i];
    if (lb_namespace_is_open(ns) || ns->is_listed)
      ns->seen_ms = all->now_ms;
    if (ns->origin == LB_NETNS_CONFIGURED ||
        all->now_ms - ns->seen_ms <= KEEP_MS)
      all->v[kept++] = ns;
    else
      lb_namespace_free(ns);
  }
  all->len = kept;
}

static void update_files(struct lb_namespaces *all, bool are_there) {
  for (size_t i = 1; i < all->len; i++)
    if (all->v[i]->origin != LB_NETNS_PROCESS &&
        lb_namespace_is_there(all->v[i]) == are_there)
      update_namespace(all, all->v[i]);
}

/* A namespace that has a file is found there. One that has lost its file may go
 * on as that of a process. */
static int find_all(struct lb_namespaces *all) {
  int files_err = all->has_list ? list_files(all) : 0;
  int list_err = all->has_list ? list_processes(all) : 0;
  update_files(all, true);
  int err = all->has_list ? update_processes(all) : 0;
  update_files(all, false);
  if (files_err || list_err)
    return files_err ? files_err : list_err;
  return err;
}

void lb_namespaces_find(struct lb_namespaces *all, uint64_t now_ms) {
  all->now_ms = now_ms;
  all->has_walked = false;
  for (size_t i = 0; i < all->len; i++)
    all->v[i]->taken[0] = '\0';
  if (all->containers)
    lb_containers_limit(all->containers, now_ms, all->cpu_ns);
  all->listing_err = find_all(all);
  all->has_found = true;
  forget_namespaces(all);
}

uint64_t lb_namespaces_share_walk(const struct lb_namespaces *all,
                                  uint64_t taken_ns, uint64_t interval_ns) {
  uint64_t most = interval_ns / WALK_SHARE;
  uint64_t share = all->walk_ns < most ? all->walk_ns : most;
  uint64_t walk_ns = all->has_walked ? all->walk_ns : 0;
  return interval_ns ? taken_ns - walk_ns + share : taken_ns;
}
