// SPDX-License-Identifier: MIT
#include "core/namespaces_internal.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT_OVER_MS = 120000 }; /* a file with nothing mounted on it */

void lb_namespace_free(struct lb_namespace *ns) {
  lb_collector_free(ns->collector);
  lb_source_close(&ns->source);
  lb_inspection_free(&ns->inspection);
  free((void *)ns->ref.path);
  free((void *)ns->ref.label);
  free(ns);
}

/* That of a process can be followed by that of another one. */
static char *copy_path(const char *path) {
  size_t size = strlen(path) + 1;
  char *copy = calloc(
      1, size < LB_NETNS_PROCESS_PATH_SIZE ? LB_NETNS_PROCESS_PATH_SIZE : size);
  return copy ? memcpy(copy, path, size) : NULL;
}

struct lb_namespace *lb_namespaces_add(struct lb_namespaces *all,
                                       enum lb_netns_origin origin,
                                       const char *path, const char *label) {
  struct lb_namespace *ns = calloc(1, sizeof(*ns));
  if (!ns)
    return NULL;
  ns->origin = origin;
  if (path && (origin == LB_NETNS_PROCESS ||
               (origin == LB_NETNS_FILE && lb_netns_is_generated(path))))
    ns->ref.containers = all->containers;
  ns->ref.path = path ? copy_path(path) : NULL;
  ns->ref.label = strdup(label);
  ns->err = -ENOENT;
  ns->is_absent = true;
  if ((path && !ns->ref.path) || !ns->ref.label ||
      lb_append(&all->v, &all->len, &ns, 1, sizeof(struct lb_namespace *))) {
    lb_namespace_free(ns);
    return NULL;
  }
  return ns;
}

static int add_configured(struct lb_namespaces *all, const char *path,
                          const char *label) {
  return lb_namespaces_add(all, LB_NETNS_CONFIGURED, path, label) ? 0 : -ENOMEM;
}

void lb_namespace_leave(struct lb_namespace *ns, int err) {
  lb_source_close(&ns->source);
  if (ns->collector)
    lb_collector_set_gone(ns->collector, true);
  lb_inspection_clear(&ns->inspection);
  ns->is_settled = false;
  ns->err = err;
}

void lb_namespace_lose(struct lb_namespace *ns) {
  if (ns->origin == LB_NETNS_PROCESS)
    ns->err = -ENOENT;
  else
    lb_namespace_leave(ns, -ENOENT);
}

int lb_namespace_open(const struct lb_namespaces *all,
                      struct lb_namespace *ns) {
  const struct lb_transport_opener *opener = &all->opener;
  struct lb_transport *transport;
  int err = opener->open(opener->data, ns->ref.path, &ns->id, &transport);
  if (err)
    return err;
  lb_source_open(&ns->source, transport);
  if (ns->collector)
    lb_collector_set_gone(ns->collector, false);
  return 0;
}

int lb_namespace_enter(struct lb_namespaces *all, struct lb_namespace *ns) {
  int err = lb_namespace_open(all, ns);
  if (err)
    return err;
  if (ns->collector)
    lb_collector_rebind(ns->collector, &ns->source);
  else
    err = lb_collector_new(all->settings, &ns->ref, all->labels, &ns->source,
                           &ns->collector);
  if (err)
    lb_source_close(&ns->source);
  return err;
}

/* --- life ---------------------------------------------------------------- */

static bool wants_listing(const struct lb_settings *settings) {
  for (size_t i = 0; i < settings->netns_len; i++)
    if (!settings->netns[i].spec.path[0])
      return true;
  return false;
}

/* If our own namespace cannot be identified, "*" may sample it twice. */
int lb_namespaces_init(struct lb_namespaces *all,
                       const struct lb_settings *settings,
                       struct lb_transport_opener opener) {
  *all = (struct lb_namespaces){.settings = settings,
                                .opener = opener,
                                .has_list = wants_listing(settings)};
  int err = lb_label_registry_new(&all->labels);
  if (!err && all->has_list)
    err = lb_containers_new("", &all->containers);
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
    lb_namespace_free(all->v[i]);
  free(all->v);
  lb_netns_processes_free(&all->processes);
  lb_containers_free(all->containers);
  lb_label_registry_free(all->labels);
}

/* --- one of them -----------------------------------------------------------
 */

/* What runs without a network has no values, nor a container a name yet. */
static bool is_silent(const struct lb_namespace *ns) {
  return (ns->origin == LB_NETNS_PROCESS || ns->ref.containers) && !ns->err &&
         !ns->has_listened;
}

void lb_namespace_note_mount(struct lb_namespace *ns, uint64_t now_ms) {
  bool is_mounted = ns->err != -EINVAL;
  if (is_mounted || !ns->unmounted)
    ns->mounted_ms = now_ms;
  ns->unmounted = is_mounted ? 0 : ns->unmounted + 1;
  ns->is_fresh = now_ms - ns->mounted_ms < LEFT_OVER_MS;
  if (ns->collector && lb_namespace_is_open(ns))
    lb_collector_set_gone(ns->collector, !is_mounted);
}

/* "ip netns add" makes the file first and mounts the namespace on it then, so
 * that one interval with the file alone is normal. After the end of a container
 * Docker keeps the file for up to a minute. */
static bool is_coming_or_gone(const struct lb_namespace *ns) {
  return ns->origin != LB_NETNS_CONFIGURED &&
         (ns->err == -ENOENT || ns->unmounted == 1 ||
          (ns->unmounted && ns->is_fresh && ns->ref.containers));
}

bool lb_namespace_is_news(const struct lb_namespace *ns) {
  return !is_coming_or_gone(ns) && !is_silent(ns) && !ns->is_waiting;
}

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
