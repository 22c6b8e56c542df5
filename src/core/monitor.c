// SPDX-License-Identifier: MIT
/* Namespaces are found at each end of an interval, by where they are and by
 * what they are: a path at which another one stands goes on as the same place,
 * with its counters, and from the first sample after a namespace has left its
 * path nothing of ours is in it. */
#include "core/monitor.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A namespace of "*" that is gone may come back: its counters are kept so long.
 */
enum { KEEP_MS = 60000 };

/* Walks get this share of the time, so that with the samples it stays under 1
 * %.
 */
enum { INSPECTION_PER_MILLE = 9 };

struct namespace {
  struct lb_netns_ref netns; /* path and label are owned */
  bool named;                /* by the configuration */
  bool seen;                 /* by the listing that goes on */
  struct lb_netns_id id;
  struct lb_source source;        /* closed: it is not there */
  struct lb_collector *collector; /* NULL: it never was */
  uint64_t seen_ms;               /* when it was there last */
  struct lb_inspection inspection;

  int err;            /* of the last sample, or of the finding */
  unsigned unmounted; /* ends in a row at which there was only a file */
  struct lb_sample_errors errors;
};

struct lb_monitor {
  const struct lb_settings *settings;
  struct lb_transport_opener opener;
  struct lb_label_registry *labels;
  struct namespace **v; /* the own one first */
  size_t len;
  struct lb_netns_id own;
  bool has_long_names; /* that make no label */
  int error;

  uint64_t ended_ms;
  bool is_first; /* the first round of inspections is not held to a share */
  int64_t balance_ns;    /* time that inspections may take */
  size_t next_inspected; /* where the next round begins */
  struct lb_inspection_cost cost;
};

/* --- the set of namespaces ----------------------------------------------- */

static bool is_entered(const struct namespace *ns) {
  return ns->source.transport != NULL;
}

static void free_namespace(struct namespace *ns) {
  lb_collector_free(ns->collector);
  lb_source_close(&ns->source);
  lb_inspection_free(&ns->inspection);
  free((void *)ns->netns.path);
  free((void *)ns->netns.label);
  free(ns);
}

static char *copy(const char *text) { return text ? strdup(text) : NULL; }

static int add_namespace(struct lb_monitor *monitor, const char *path,
                         const char *label, bool named) {
  struct namespace *ns = calloc(1, sizeof(*ns));
  if (!ns)
    return -ENOMEM;
  ns->netns = (struct lb_netns_ref){copy(path), copy(label), false};
  ns->named = named;
  int err = (path && !ns->netns.path) || !ns->netns.label ? -ENOMEM : 0;
  if (!err)
    err = lb_append(&monitor->v, &monitor->len, &ns, 1,
                    sizeof(struct namespace *));
  if (err)
    free_namespace(ns);
  return err;
}

/* Closes what keeps a namespace alive; what was counted in it stays. */
static void leave(struct namespace *ns, int err) {
  lb_source_close(&ns->source);
  ns->inspection.done = ns->inspection.planned = false;
  ns->err = err;
}

static int enter(struct lb_monitor *monitor, struct namespace *ns) {
  struct lb_transport *transport;
  const struct lb_transport_opener *opener = &monitor->opener;
  int err = opener->open(opener->data, ns->netns.path, &ns->id, &transport);
  if (err)
    return err;
  lb_source_open(&ns->source, transport);
  if (ns->collector)
    lb_collector_rebind(ns->collector, &ns->source);
  else
    err = lb_collector_new(monitor->settings, &ns->netns, monitor->labels,
                           &ns->source, &ns->collector);
  if (err)
    lb_source_close(&ns->source);
  return err;
}

static bool is_elsewhere(const struct lb_monitor *monitor,
                         const struct namespace *ns,
                         const struct lb_netns_id *id) {
  if (lb_netns_is_same(id, &monitor->own))
    return true;
  for (size_t i = 1; i < monitor->len; i++)
    if (monitor->v[i] != ns && is_entered(monitor->v[i]) &&
        lb_netns_is_same(&monitor->v[i]->id, id))
      return true;
  return false;
}

/* Brings a namespace up to date with what is at its path. What is only listed
 * is looked at once, however many names it has: Docker lists the host's own. */
static void find(struct lb_monitor *monitor, struct namespace *ns) {
  struct lb_netns_id id;
  int err =
      ns->named || ns->seen ? lb_netns_identify(ns->netns.path, &id) : -ENOENT;
  if (!err && !ns->named && is_elsewhere(monitor, ns, &id))
    err = -ENOENT;
  if (is_entered(ns) && err && err != -ENOENT)
    return; /* the sample will say so; it may be over by then */
  if (err) {
    leave(ns, err);
    return;
  }
  if (is_entered(ns) && lb_netns_is_same(&ns->id, &id))
    return;
  leave(ns, 0);
  ns->id = id;
  ns->err = enter(monitor, ns);
}

static int on_listed(void *data, const char *path, const char *name) {
  struct lb_monitor *monitor = data;
  for (size_t i = 1; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    if (strcmp(ns->netns.path, path) == 0) {
      ns->seen = ns->netns.listed = true;
      return 0;
    }
  }
  char label[LB_LABEL_SIZE];
  if (lb_label_of_netns(label, name)) {
    monitor->has_long_names = true;
    return 0;
  }
  int err = add_namespace(monitor, path, label, false);
  if (!err) {
    struct namespace *ns = monitor->v[monitor->len - 1];
    ns->seen = ns->netns.listed = true;
  }
  return err;
}

static bool lists(const struct lb_settings *settings) {
  for (size_t i = 0; i < settings->netns_len; i++)
    if (!settings->netns[i].spec.path[0])
      return true;
  return false;
}

static void forget(struct lb_monitor *monitor, uint64_t now_ms) {
  size_t kept = 1;
  for (size_t i = 1; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    if (is_entered(ns) || ns->seen)
      ns->seen_ms = now_ms;
    if (ns->named || now_ms - ns->seen_ms <= KEEP_MS)
      monitor->v[kept++] = ns;
    else
      free_namespace(ns);
  }
  monitor->len = kept;
}

/* What a listing leaves out that fails is not gone by that. */
static int list(struct lb_monitor *monitor) {
  monitor->has_long_names = false;
  if (!lists(monitor->settings))
    return 0;
  int err = lb_netns_list(on_listed, monitor);
  for (size_t i = 1; i < monitor->len && err; i++)
    monitor->v[i]->seen |= is_entered(monitor->v[i]);
  return err || !monitor->has_long_names ? err : -ENAMETOOLONG;
}

static void refresh(struct lb_monitor *monitor, uint64_t now_ms) {
  for (size_t i = 1; i < monitor->len; i++)
    monitor->v[i]->seen = false;
  monitor->error = list(monitor);
  for (size_t i = 1; i < monitor->len; i++)
    find(monitor, monitor->v[i]);
  forget(monitor, now_ms);
}

static int set_up(struct lb_monitor *monitor) {
  const struct lb_settings *settings = monitor->settings;
  int err = lb_label_registry_new(&monitor->labels);
  if (!err)
    err = add_namespace(monitor, NULL, "", true);
  if (!err)
    err = enter(monitor, monitor->v[0]);
  for (size_t i = 0; i < settings->netns_len && !err; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    if (spec->path[0])
      err = add_namespace(monitor, spec->path, spec->label, true);
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
  int err = set_up(monitor);
  if (err) {
    lb_monitor_free(monitor);
    return err;
  }
  lb_netns_identify(NULL, &monitor->own); /* needed for "*" alone */
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

/* --- samples ---------------------------------------------------------------
 */

static bool is_miss(int err) { return err == -ENOENT || err == -ESTALE; }

/* Whether some answer was that nothing is there. -ENOENT is also what a kernel
 * without tcp_diag answers. */
static bool has_miss(const struct namespace *ns) {
  const struct lb_sample_errors *errors = &ns->errors;
  if (ns->err)
    return is_miss(ns->err);
  return is_miss(errors->netstat) || is_miss(errors->somaxconn) ||
         is_miss(errors->unix_sockets);
}

static bool is_gone(const struct namespace *ns) {
  struct lb_netns_id id;
  if (!ns->netns.path || !has_miss(ns))
    return false;
  return lb_netns_identify(ns->netns.path, &id) ||
         !lb_netns_is_same(&ns->id, &id);
}

/* The source of a namespace that is gone has let go of it by itself. It stays
 * until the end of the interval, because an inspection may be under way with
 * it. */
void lb_monitor_sample(struct lb_monitor *monitor, size_t i, uint64_t now_ms) {
  struct namespace *ns = monitor->v[i];
  if (is_entered(ns))
    ns->err = lb_collector_sample(ns->collector, now_ms);
}

/* --- inspections
 * --------------------------------------------------------------- */

/* What was not used is not saved up: it would come as one long inspection. */
static void credit_inspections(struct lb_monitor *monitor, uint64_t now_ms) {
  monitor->is_first = monitor->ended_ms == 0;
  int64_t elapsed_ms =
      monitor->is_first ? 0 : (int64_t)(now_ms - monitor->ended_ms);
  int64_t share_ns = elapsed_ms * 1000 * INSPECTION_PER_MILLE;
  monitor->balance_ns += share_ns;
  if (monitor->balance_ns > share_ns)
    monitor->balance_ns = share_ns;
  monitor->ended_ms = now_ms;
}

static bool may_inspect(const struct lb_monitor *monitor) {
  return monitor->is_first || monitor->balance_ns > 0;
}

/* Another one has come to the place of one that is gone, and has its id. */
static bool is_replaced(const struct namespace *ns) {
  struct lb_netns_id id;
  return ns->err == -ESTALE && ns->netns.path &&
         !lb_netns_identify(ns->netns.path, &id) &&
         lb_netns_is_same(&ns->id, &id);
}

/* At the end of an interval, but not beside the inspections. */
static void look_at_end(struct lb_monitor *monitor, struct namespace *ns,
                        uint64_t now_ms) {
  ns->err = lb_collector_sample(ns->collector, now_ms);
  if (!is_replaced(ns))
    return;
  leave(ns, 0);
  ns->inspection.err = 0; /* it was of the one that is gone */
  ns->err = enter(monitor, ns);
  if (!ns->err)
    ns->err = lb_collector_sample(ns->collector, now_ms);
}

static void plan_inspection(struct lb_monitor *monitor, struct namespace *ns,
                            uint64_t now_ms) {
  if (!is_entered(ns))
    return;
  look_at_end(monitor, ns, now_ms);
  if (!ns->err)
    ns->err = lb_collector_plan_inspection(ns->collector, &ns->inspection);
}

void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms) {
  refresh(monitor, now_ms);
  for (size_t i = 0; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    lb_inspection_clear(&ns->inspection);
    if (!is_entered(ns))
      ns->inspection.err = 0;
  }
  if (!monitor->settings->inspect)
    return;
  credit_inspections(monitor, now_ms);
  monitor->cost.slowed = !may_inspect(monitor);
  for (size_t i = 0; i < monitor->len && !monitor->cost.slowed; i++)
    plan_inspection(monitor, monitor->v[i], now_ms);
}

void lb_monitor_inspect(struct lb_monitor *monitor) {
  uint64_t cost_ns = 0;
  for (size_t n = 0; n < monitor->len; n++) {
    struct namespace *ns = monitor->v[monitor->next_inspected % monitor->len];
    if (ns->inspection.planned && !may_inspect(monitor)) {
      monitor->cost.slowed = true;
      break;
    }
    monitor->next_inspected = (monitor->next_inspected + 1) % monitor->len;
    if (!ns->inspection.planned)
      continue;
    uint64_t taken_ns = 0;
    lb_inspection_run(&ns->inspection, &ns->source, &taken_ns);
    monitor->balance_ns -= (int64_t)taken_ns;
    cost_ns += taken_ns;
  }
  if (cost_ns)
    monitor->cost.cost_ns = cost_ns;
}

/* --- the end ------------------------------------------------------------- */

static void end(struct lb_monitor *monitor, struct namespace *ns,
                uint64_t now_ms) {
  if (!is_entered(ns))
    return;
  look_at_end(monitor, ns, now_ms);
  if (!ns->err && ns->inspection.done)
    ns->err = lb_collector_take_inspection(ns->collector, &ns->inspection);
  if (!ns->err)
    ns->err = lb_collector_end_interval(ns->collector, now_ms, &ns->errors);
  if (is_gone(ns))
    leave(ns, -ENOENT);
}

void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms) {
  for (size_t i = 0; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    end(monitor, ns, now_ms);
    ns->unmounted = ns->err == -EINVAL ? ns->unmounted + 1 : 0;
    if (is_entered(ns) && ns->netns.path && monitor->settings->sample_s == 0)
      lb_source_rest(&ns->source);
  }
}

struct lb_inspection_cost
lb_monitor_inspection_cost(const struct lb_monitor *monitor) {
  return monitor->cost;
}

/* "ip netns add" makes a file first and mounts the namespace on it then. */
static bool is_coming_or_gone(const struct namespace *ns, int err) {
  return !ns->named && (err == -ENOENT || ns->unmounted == 1);
}

void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data) {
  for (size_t i = 0; i < monitor->len; i++) {
    struct namespace *ns = monitor->v[i];
    int err = is_entered(ns) || ns->err ? ns->err : -ENOENT;
    if (is_coming_or_gone(ns, err))
      continue;
    struct lb_outcome outcome = {
        .label = ns->netns.label,
        .path = ns->netns.path,
        .err = err,
        .inspection_err = ns->inspection.err,
        .errors = ns->errors,
        .collector = err ? NULL : ns->collector,
    };
    visit(data, &outcome);
  }
}

int lb_monitor_listing_error(const struct lb_monitor *monitor) {
  return monitor->error;
}
