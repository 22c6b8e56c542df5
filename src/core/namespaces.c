// SPDX-License-Identifier: MIT
#include "core/namespaces.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MS = 60000 }; /* counters of a namespace that may come back */

static void free_namespace(struct lb_namespace *ns) {
  lb_collector_free(ns->collector);
  lb_source_close(&ns->source);
  lb_inspection_free(&ns->inspection);
  free((void *)ns->ref.path);
  free((void *)ns->ref.label);
  free(ns);
}

/* path NULL: our own namespace. Returns NULL without memory. */
static struct lb_namespace *add_namespace(struct lb_namespaces *all,
                                          const char *path, const char *label) {
  struct lb_namespace *ns = calloc(1, sizeof(*ns));
  if (!ns)
    return NULL;
  ns->ref.path = path ? strdup(path) : NULL;
  ns->ref.label = strdup(label);
  ns->err = -ENOENT;
  ns->is_absent = true;
  if ((path && !ns->ref.path) || !ns->ref.label ||
      lb_append(&all->v, &all->len, &ns, 1, sizeof(struct lb_namespace *))) {
    free_namespace(ns);
    return NULL;
  }
  return ns;
}

static int add_configured(struct lb_namespaces *all, const char *path,
                          const char *label) {
  struct lb_namespace *ns = add_namespace(all, path, label);
  if (!ns)
    return -ENOMEM;
  ns->is_configured = true;
  return 0;
}

void lb_namespace_leave(struct lb_namespace *ns, int err) {
  lb_source_close(&ns->source);
  lb_inspection_clear(&ns->inspection);
  ns->err = err;
}

int lb_namespace_enter(struct lb_namespaces *all, struct lb_namespace *ns) {
  const struct lb_transport_opener *opener = &all->opener;
  struct lb_transport *transport;
  int err = opener->open(opener->data, ns->ref.path, &ns->id, &transport);
  if (err)
    return err;
  lb_source_open(&ns->source, transport);
  if (ns->collector)
    lb_collector_rebind(ns->collector, &ns->source);
  else
    err = lb_collector_new(all->settings, &ns->ref, all->labels, &ns->source,
                           &ns->collector);
  if (err)
    lb_source_close(&ns->source);
  return err;
}

/* --- finding ------------------------------------------------------------- */

static bool is_sampled_elsewhere(const struct lb_namespaces *all,
                                 const struct lb_namespace *ns,
                                 const struct lb_netns_id *id) {
  for (size_t i = 0; i < all->len; i++)
    if (all->v[i] != ns && lb_namespace_is_open(all->v[i]) &&
        lb_netns_is_same(&all->v[i]->id, id))
      return true;
  return false;
}

/* What is at the path now. "*" takes a namespace with several names once;
 * Docker lists our own. Returns 0 or -errno: -ENOENT if nothing is to be
 * sampled. */
static int identify_namespace(const struct lb_namespaces *all,
                              struct lb_namespace *ns, struct lb_netns_id *id) {
  int err = ns->is_configured || ns->is_listed
                ? lb_netns_identify(ns->ref.path, id)
                : -ENOENT;
  ns->is_absent = err == -ENOENT || err == -EINVAL;
  if (!err && !ns->is_configured && is_sampled_elsewhere(all, ns, id))
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
    lb_namespace_leave(ns, err);
    return;
  }
  if (lb_namespace_is_open(ns) && lb_netns_is_same(&ns->id, &id))
    return;
  lb_namespace_leave(ns, 0);
  ns->id = id;
  bool counts_from_zero = was_absent && is_new(all, ns);
  ns->err = lb_namespace_enter(all, ns);
  if (!ns->err && counts_from_zero)
    lb_collector_count_from_zero(ns->collector);
}

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
    ns = add_namespace(all, path, label);
  if (!ns)
    return -ENOMEM;
  ns->is_listed = ns->ref.listed = true;
  return 0;
}

static bool wants_listing(const struct lb_settings *settings) {
  for (size_t i = 0; i < settings->netns_len; i++)
    if (!settings->netns[i].spec.path[0])
      return true;
  return false;
}

/* If the listing fails, the namespaces that have a source stay. */
static int list_namespaces(struct lb_namespaces *all) {
  all->has_long_names = false;
  for (size_t i = 1; i < all->len; i++)
    all->v[i]->is_listed = false;
  if (!wants_listing(all->settings))
    return 0;
  int err = lb_netns_list(take_listed, all);
  for (size_t i = 1; i < all->len && err; i++)
    all->v[i]->is_listed |= lb_namespace_is_open(all->v[i]);
  return err || !all->has_long_names ? err : -ENAMETOOLONG;
}

static void forget_namespaces(struct lb_namespaces *all, uint64_t now_ms) {
  size_t kept = 1;
  for (size_t i = 1; i < all->len; i++) {
    struct lb_namespace *ns = all->v[i];
    if (lb_namespace_is_open(ns) || ns->is_listed)
      ns->seen_ms = now_ms;
    if (ns->is_configured || now_ms - ns->seen_ms <= KEEP_MS)
      all->v[kept++] = ns;
    else
      free_namespace(ns);
  }
  all->len = kept;
}

void lb_namespaces_find(struct lb_namespaces *all, uint64_t now_ms) {
  all->listing_err = list_namespaces(all);
  for (size_t i = 1; i < all->len; i++)
    update_namespace(all, all->v[i]);
  all->has_found = true;
  forget_namespaces(all, now_ms);
}

/* --- life ---------------------------------------------------------------- */

/* If our own namespace cannot be identified, "*" may sample it twice. */
int lb_namespaces_init(struct lb_namespaces *all,
                       const struct lb_settings *settings,
                       struct lb_transport_opener opener) {
  *all = (struct lb_namespaces){.settings = settings, .opener = opener};
  int err = lb_label_registry_new(&all->labels);
  if (!err)
    err = add_configured(all, NULL, "");
  if (err)
    return err;
  lb_netns_identify(NULL, &all->v[0]->id);
  err = all->v[0]->err = lb_namespace_enter(all, all->v[0]);
  for (size_t i = 0; i < settings->netns_len && !err; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    if (spec->path[0])
      err = add_configured(all, spec->path, spec->label);
  }
  return err;
}

void lb_namespaces_free(struct lb_namespaces *all) {
  for (size_t i = 0; i < all->len; i++)
    free_namespace(all->v[i]);
  free(all->v);
  lb_label_registry_free(all->labels);
}

/* --- one of them -----------------------------------------------------------
 */

bool lb_namespace_is_replaced(const struct lb_namespace *ns) {
  struct lb_netns_id id;
  return ns->err == -ESTALE && ns->ref.path &&
         !lb_netns_identify(ns->ref.path, &id) &&
         lb_netns_is_same(&ns->id, &id);
}

static bool is_missing(int err) { return err == -ENOENT || err == -ESTALE; }

/* A kernel without tcp_diag answers -ENOENT as well: so check the path. */
bool lb_namespace_is_gone(const struct lb_namespace *ns) {
  const struct lb_sample_errors *errors = &ns->errors;
  struct lb_netns_id id;
  bool is_suspect = ns->err ? is_missing(ns->err)
                            : is_missing(errors->tcp_sockets) ||
                                  is_missing(errors->netstat) ||
                                  is_missing(errors->somaxconn) ||
                                  is_missing(errors->unix_sockets);
  if (!ns->ref.path || !is_suspect)
    return false;
  return lb_netns_identify(ns->ref.path, &id) ||
         !lb_netns_is_same(&ns->id, &id);
}
