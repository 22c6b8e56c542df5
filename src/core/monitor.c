// SPDX-License-Identifier: MIT
/* Each end of an interval finds the namespaces anew, by path and by id. If
 * another namespace has taken a path, its sockets are counted where those of
 * the one before were. If a path has lost its namespace, the first sample that
 * notices closes everything that would keep the namespace alive; the source
 * itself stays until the end of the interval, because an inspection may be
 * using it. */
#include "core/monitor.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEEP_MS = 60000,         /* counters of a namespace that may come back */
  INSPECTION_PER_MILLE = 9 /* share of the time */
};

struct namespace {
  struct lb_netns_ref ref; /* owns path and label */
  bool is_configured;      /* else found by "*" */
  bool is_listed;          /* by the last listing */
  uint64_t seen_ms;        /* when it was last there */

  struct lb_netns_id id;          /* of what the source is for */
  struct lb_source source;        /* closed: the namespace is not there */
  struct lb_collector *collector; /* NULL: it never was */
  struct lb_inspection inspection;

  int err;            /* of the last sample, or why there is no source */
  unsigned unmounted; /* intervals in a row with nothing mounted at the path */
  struct lb_sample_errors errors;
};

/* The time that inspections may take. */
struct budget {
  uint64_t granted_ms; /* when time was last added; 0: never */
  int64_t left_ns;
  bool is_unlimited; /* until the first time is added */
};

struct lb_monitor {
  const struct lb_settings *settings;
  struct lb_transport_opener opener;
  struct lb_label_registry *labels;
  struct namespace **v; /* our own first */
  size_t len;
  bool has_long_names; /* in the last listing */
  int listing_err;
  struct budget budget;
  size_t next_inspected; /* so that all get their turn */
  struct lb_inspection_cost cost;
};

/* --- namespaces ---------------------------------------------------------- */

static bool has_source(const struct namespace *ns) {
  return ns->source.transport != NULL;
}

static void free_namespace(struct namespace *ns) {
  lb_collector_free(ns->collector);
  lb_source_close(&ns->source);
  lb_inspection_free(&ns->inspection);
  free((void *)ns->ref.path);
  free((void *)ns->ref.label);
  free(ns);
}

/* path NULL: our own namespace. Returns NULL without memory. */
static struct namespace *add_namespace(struct lb_monitor *monitor,
                                       const char *path, const char *label) {
  struct namespace *ns = calloc(1, sizeof(*ns));
  if (!ns)
    return NULL;
  ns->ref.path = path ? strdup(path) : NULL;
  ns->ref.label = strdup(label);
  ns->err = -ENOENT;
  if ((path && !ns->ref.path) || !ns->ref.label ||
      lb_append(&monitor->v, &monitor->len, &ns, 1,
                sizeof(struct namespace *))) {
    free_namespace(ns);
    return NULL;
  }
  return ns;
}

static int add_configured(struct lb_monitor *monitor, const char *path,
                          const char *label) {
  struct namespace *ns = add_namespace(monitor, path, label);
  if (!ns)
    return -ENOMEM;
  ns->is_configured = true;
  return 0;
}

/* Keeps the collector, and so the counters. */
static void leave_namespace(struct namespace *ns, int err) {
  lb_source_close(&ns->source);
  lb_inspection_clear(&ns->inspection);
  ns->err = err;
}

static int enter_namespace(struct lb_monitor *monitor, struct namespace *ns) {
  const struct lb_transport_opener *opener = &monitor->opener;
  struct lb_transport *transport;
  int err = opener->open(opener->data, ns->ref.path, &ns->id, &transport);
  if (err)
    return err;
  lb_source_open(&ns->source, transport);
  if (ns->collector)
    lb_collector_rebind(ns->collector, &ns->source);
  else
    err = lb_collector_new(monitor->settings, &ns->ref, monitor->labels,
                           &ns->source, &ns->collector);
  if (err)
    lb_source_close(&ns->source);
  return err;
}

/* --- finding ------------------------------------------------------------- */

static bool is_sampled_elsewhere(const struct lb_monitor *monitor,
                                 const struct namespace *ns,
                                 const struct lb_netns_id *id) {
  for (size_t i = 0; i < monitor->len; i++)
    if (monitor->v[i] != ns && has_source(monitor->v[i]) &&
        lb_netns_is_same(&monitor->v[i]->id, id))
      return true;
  return false;
}

/* What is at the path now. "*" takes a namespace with several names once;
 * Docker lists our own. Returns 0 or -errno: -ENOENT if nothing is to be
 * sampled. */
static int identify_namespace(const struct lb_monitor *monitor,
                              const struct namespace *ns,
                              struct lb_netns_id *id) {
  if (!ns->is_configured && !ns->is_listed)
    return -ENOENT;
  int err = lb_netns_identify(ns->ref.path, id);
  if (!err && !ns->is_configured && is_sampled_elsewhere(monitor, ns, id))
    err = -ENOENT;
  return err;
}

/* An error other than -ENOENT may be over at the next sample, which reports it
 * if it is not. */
static void update_namespace(struct lb_monitor *monitor, struct namespace *ns) {
  struct lb_netns_id id;
  int err = identify_namespace(monitor, ns, &id);
  if (has_source(ns) && err && err != -ENOENT)
    return;
  if (err) {
    leave_namespace(ns, err);
    return;
  }
  if (has_source(ns) && lb_netns_is_same(&ns->id, &id))
    return;
  leave_namespace(ns, 0);
  ns->id = id;
  ns->err = enter_namespace(monitor, ns);
}

static struct namespace *find_path(const struct lb_monitor *monitor,
                                   const char *path) {
  for (size_t i = 1; i < monitor->len; i++)
    if (strcmp(monitor->v[i]->ref.path, path) == 0)
      return monitor->v[i];
  return NULL;
}

static int take_listed(void *data, const char *path, const char *name) {
  struct lb_monitor *monitor = data;
  struct namespace *ns = find_path(monitor, path);
  char label[LB_LABEL_SIZE];
  if (!ns && lb_label_of_netns(label, name)) {
    monitor->has_long_names = true;
    return 0;
  }
  if (!ns)
    ns = add_namespace(monitor, path, label);
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
static int list_namespaces(struct lb_monitor *monitor) {
  monitor->has_long_names = false;
  for (size_t i = 1; i < monitor->len; i++)
    monitor->v[i]->is_listed = false;
  if (!wants_listing(monitor->settings))
    return 0;
  int err = lb_netns_list(take_listed, monitor);
  for (size_t i = 1; i < monitor->len && err; i++)
    monitor->v[i]->is_listed |= has_source(monitor->v[i]);
  return err || !monitor->has_long_names ? err : -ENAMETOOLONG;
}

static void forget_namespaces(struct lb_monitor *monitor, uint64_t now_ms) {
  size_t kept = 1;
  for (size_t i = 1; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    if (has_source(ns) || ns->is_listed)
      ns->seen_ms = now_ms;
    if (ns->is_configured || now_ms - ns->seen_ms <= KEEP_MS)
      monitor->v[kept++] = ns;
    else
      free_namespace(ns);
  }
  monitor->len = kept;
}

static void find_namespaces(struct lb_monitor *monitor, uint64_t now_ms) {
  monitor->listing_err = list_namespaces(monitor);
  for (size_t i = 1; i < monitor->len; i++)
    update_namespace(monitor, monitor->v[i]);
  forget_namespaces(monitor, now_ms);
}

/* --- the monitor --------------------------------------------------------- */

/* If our own namespace cannot be identified, "*" may sample it twice. */
static int add_own_and_configured(struct lb_monitor *monitor) {
  const struct lb_settings *settings = monitor->settings;
  int err = lb_label_registry_new(&monitor->labels);
  if (!err)
    err = add_configured(monitor, NULL, "");
  if (err)
    return err;
  lb_netns_identify(NULL, &monitor->v[0]->id);
  err = monitor->v[0]->err = enter_namespace(monitor, monitor->v[0]);
  for (size_t i = 0; i < settings->netns_len && !err; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    if (spec->path[0])
      err = add_configured(monitor, spec->path, spec->label);
  }
  return err;
}

int lb_monitor_new(const struct lb_settings *settings,
                   struct lb_transport_opener opener, struct lb_monitor **out) {
  struct lb_monitor *monitor = calloc(1, sizeof(*monitor));
  if (!monitor)
    return -ENOMEM;
  monitor->settings = settings;
  monitor->opener = opener;
  int err = add_own_and_configured(monitor);
  if (err) {
    lb_monitor_free(monitor);
    return err;
  }
  *out = monitor;
  return 0;
}

void lb_monitor_free(struct lb_monitor *monitor) {
  if (!monitor)
    return;
  for (size_t i = 0; i < monitor->len; i++)
    free_namespace(monitor->v[i]);
  free(monitor->v);
  lb_label_registry_free(monitor->labels);
  free(monitor);
}

size_t lb_monitor_len(const struct lb_monitor *monitor) { return monitor->len; }

/* --- samples ------------------------------------------------------------- */

void lb_monitor_sample(struct lb_monitor *monitor, size_t i, uint64_t now_ms) {
  struct namespace *ns = monitor->v[i];
  if (has_source(ns))
    ns->err = lb_collector_sample(ns->collector, now_ms);
}

/* Whether another namespace has taken the path and, by chance, the id. */
static bool is_replaced(const struct namespace *ns) {
  struct lb_netns_id id;
  return ns->err == -ESTALE && ns->ref.path &&
         !lb_netns_identify(ns->ref.path, &id) &&
         lb_netns_is_same(&ns->id, &id);
}

/* No inspection is running, so the source can be replaced. The error of an
 * inspection was the replaced namespace's. */
static void sample_or_replace(struct lb_monitor *monitor, struct namespace *ns,
                              uint64_t now_ms) {
  ns->err = lb_collector_sample(ns->collector, now_ms);
  if (!is_replaced(ns))
    return;
  leave_namespace(ns, 0);
  ns->inspection.err = 0;
  ns->err = enter_namespace(monitor, ns);
  if (!ns->err)
    ns->err = lb_collector_sample(ns->collector, now_ms);
}

/* --- inspections --------------------------------------------------------- */

/* Time that is left does not add up: it would make one long inspection. */
static void grant_time(struct budget *budget, uint64_t now_ms) {
  budget->is_unlimited = budget->granted_ms == 0;
  int64_t elapsed_ms =
      budget->is_unlimited ? 0 : (int64_t)(now_ms - budget->granted_ms);
  int64_t share_ns = elapsed_ms * 1000 * INSPECTION_PER_MILLE;
  budget->left_ns += share_ns;
  if (budget->left_ns > share_ns)
    budget->left_ns = share_ns;
  budget->granted_ms = now_ms;
}

static bool has_time(const struct budget *budget) {
  return budget->is_unlimited || budget->left_ns > 0;
}

static void plan_inspection(struct lb_monitor *monitor, struct namespace *ns,
                            uint64_t now_ms) {
  if (!has_source(ns))
    return;
  sample_or_replace(monitor, ns, now_ms);
  if (!ns->err)
    ns->err = lb_collector_plan_inspection(ns->collector, &ns->inspection);
}

void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms) {
  find_namespaces(monitor, now_ms);
  for (size_t i = 0; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    lb_inspection_clear(&ns->inspection);
    if (!has_source(ns))
      ns->inspection.err = 0;
  }
  if (!monitor->settings->inspect)
    return;
  grant_time(&monitor->budget, now_ms);
  monitor->cost.slowed = !has_time(&monitor->budget);
  for (size_t i = 0; i < monitor->len && !monitor->cost.slowed; i++)
    plan_inspection(monitor, monitor->v[i], now_ms);
}

void lb_monitor_inspect(struct lb_monitor *monitor) {
  uint64_t cost_ns = 0;
  for (size_t n = 0; n < monitor->len; n++) {
    struct namespace *ns = monitor->v[monitor->next_inspected % monitor->len];
    if (ns->inspection.planned && !has_time(&monitor->budget)) {
      monitor->cost.slowed = true;
      break;
    }
    monitor->next_inspected = (monitor->next_inspected + 1) % monitor->len;
    if (!ns->inspection.planned)
      continue;
    uint64_t taken_ns = 0;
    lb_inspection_run(&ns->inspection, &ns->source, &taken_ns);
    monitor->budget.left_ns -= (int64_t)taken_ns;
    cost_ns += taken_ns;
  }
  if (cost_ns)
    monitor->cost.cost_ns = cost_ns;
}

struct lb_inspection_cost
lb_monitor_inspection_cost(const struct lb_monitor *monitor) {
  return monitor->cost;
}

/* --- the end of an interval ---------------------------------------------- */

static bool is_missing(int err) { return err == -ENOENT || err == -ESTALE; }

/* A kernel without tcp_diag answers -ENOENT as well: so check the path. */
static bool is_gone(const struct namespace *ns) {
  const struct lb_sample_errors *errors = &ns->errors;
  struct lb_netns_id id;
  bool is_suspect = ns->err ? is_missing(ns->err)
                            : is_missing(errors->netstat) ||
                                  is_missing(errors->somaxconn) ||
                                  is_missing(errors->unix_sockets);
  if (!ns->ref.path || !is_suspect)
    return false;
  return lb_netns_identify(ns->ref.path, &id) ||
         !lb_netns_is_same(&ns->id, &id);
}

static void finish_namespace(struct lb_monitor *monitor, struct namespace *ns,
                             uint64_t now_ms) {
  sample_or_replace(monitor, ns, now_ms);
  if (!ns->err && ns->inspection.done)
    ns->err = lb_collector_take_inspection(ns->collector, &ns->inspection);
  if (!ns->err)
    ns->err = lb_collector_end_interval(ns->collector, now_ms, &ns->errors);
  if (is_gone(ns))
    leave_namespace(ns, -ENOENT);
}

/* Without samples within the interval, nothing is kept open until the next. */
void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms) {
  for (size_t i = 0; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    if (has_source(ns))
      finish_namespace(monitor, ns, now_ms);
    ns->unmounted = ns->err == -EINVAL ? ns->unmounted + 1 : 0;
    if (has_source(ns) && ns->ref.path && monitor->settings->sample_s == 0)
      lb_source_rest(&ns->source);
  }
}

/* "ip netns add" makes the file first and mounts the namespace on it then, so
 * that one interval with the file alone is normal. */
static bool is_coming_or_gone(const struct namespace *ns) {
  return !ns->is_configured && (ns->err == -ENOENT || ns->unmounted == 1);
}

void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data) {
  for (size_t i = 0; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    if (is_coming_or_gone(ns))
      continue;
    struct lb_outcome outcome = {
        .label = ns->ref.label,
        .path = ns->ref.path,
        .err = ns->err,
        .inspection_err = ns->inspection.err,
        .errors = ns->errors,
        .collector = ns->err ? NULL : ns->collector,
    };
    visit(data, &outcome);
  }
}

int lb_monitor_listing_error(const struct lb_monitor *monitor) {
  return monitor->listing_err;
}
