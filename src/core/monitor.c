// SPDX-License-Identifier: MIT
#include "core/monitor.h"

#include "core/namespaces.h"

#include <errno.h>
#include <stdlib.h>

enum { INSPECTION_PER_MILLE = 9 }; /* share of the time */

/* The time that inspections may take. */
struct budget {
  uint64_t granted_ms; /* when time was last added; 0: never */
  int64_t left_ns;
  bool is_unlimited; /* until the first time is added */
};

struct lb_monitor {
  const struct lb_settings *settings;
  struct lb_namespaces all;
  struct budget budget;
  unsigned missing;       /* parts whose module the kernel lacks */
  unsigned found_missing; /* the same, as far as this read has asked */
  size_t next_inspected;  /* so that all get their turn */
  struct lb_inspection_cost cost;
};

int lb_monitor_new(const struct lb_settings *settings,
                   struct lb_transport_opener opener, struct lb_monitor **out) {
  struct lb_monitor *monitor = calloc(1, sizeof(*monitor));
  if (!monitor)
    return -ENOMEM;
  monitor->settings = settings;
  int err = lb_namespaces_init(&monitor->all, settings, opener);
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
  lb_namespaces_free(&monitor->all);
  free(monitor);
}

size_t lb_monitor_len(const struct lb_monitor *monitor) {
  return monitor->all.len;
}

/* --- samples ------------------------------------------------------------- */

/* What the kernel lacks, as our own namespace shows it: another one may be gone
 * instead. */
static unsigned lacks_here(const struct lb_namespace *ns) {
  return ns->ref.path || ns->err ? LB_NO_PARTS
                                 : lb_collector_lacks(ns->collector);
}

/* Each request for a missing module makes the kernel run modprobe(8), so it is
 * only asked for at reads. */
void lb_monitor_sample(struct lb_monitor *monitor, size_t i, uint64_t now_ms) {
  struct lb_namespace *ns = monitor->all.v[i];
  unsigned parts = LB_ALL_PARTS & ~monitor->missing;
  if (!lb_namespace_is_open(ns))
    return;
  ns->err = lb_collector_sample(ns->collector, parts, now_ms);
  monitor->missing |= lacks_here(ns);
}

/* No inspection is running, so the source can be replaced. The error of an
 * inspection was the replaced namespace's. */
static void sample_or_replace(struct lb_monitor *monitor,
                              struct lb_namespace *ns, unsigned parts,
                              uint64_t now_ms) {
  ns->err = lb_collector_sample(ns->collector, parts, now_ms);
  if (!lb_namespace_is_replaced(ns))
    return;
  lb_namespace_leave(ns, 0);
  ns->inspection.err = 0;
  ns->err = lb_namespace_enter(&monitor->all, ns);
  if (!ns->err)
    ns->err = lb_collector_sample(ns->collector, parts, now_ms);
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

static void plan_inspection(struct lb_monitor *monitor, struct lb_namespace *ns,
                            uint64_t now_ms) {
  if (!lb_namespace_is_open(ns))
    return;
  sample_or_replace(monitor, ns, LB_ALL_PARTS & ~monitor->missing, now_ms);
  monitor->found_missing |= lacks_here(ns);
  if (!ns->err)
    ns->err = lb_collector_plan_inspection(ns->collector, &ns->inspection);
}

void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms) {
  lb_namespaces_find(&monitor->all, now_ms);
  monitor->found_missing = LB_NO_PARTS;
  for (size_t i = 0; i < monitor->all.len; i++) {
    struct lb_namespace *ns = monitor->all.v[i];
    lb_inspection_clear(&ns->inspection);
    if (!lb_namespace_is_open(ns))
      ns->inspection.err = 0;
  }
  if (!monitor->settings->inspect)
    return;
  grant_time(&monitor->budget, now_ms);
  monitor->cost.slowed = !has_time(&monitor->budget);
  for (size_t i = 0; i < monitor->all.len && !monitor->cost.slowed; i++)
    plan_inspection(monitor, monitor->all.v[i], now_ms);
}

void lb_monitor_inspect(struct lb_monitor *monitor) {
  uint64_t cost_ns = 0;
  for (size_t n = 0; n < monitor->all.len; n++) {
    struct lb_namespace *ns =
        monitor->all.v[monitor->next_inspected % monitor->all.len];
    if (ns->inspection.planned && !has_time(&monitor->budget)) {
      monitor->cost.slowed = true;
      break;
    }
    monitor->next_inspected = (monitor->next_inspected + 1) % monitor->all.len;
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

static void finish_namespace(struct lb_monitor *monitor,
                             struct lb_namespace *ns, uint64_t now_ms) {
  sample_or_replace(monitor, ns, LB_ALL_PARTS & ~monitor->found_missing,
                    now_ms);
  if (!ns->err && ns->inspection.done)
    ns->err = lb_collector_take_inspection(ns->collector, &ns->inspection);
  if (!ns->err)
    ns->err = lb_collector_end_interval(ns->collector, now_ms, &ns->errors);
  if (lb_namespace_is_gone(ns))
    lb_namespace_leave(ns, -ENOENT);
  else if (!ns->err)
    monitor->found_missing |= lb_collector_lacks(ns->collector);
}

/* Without samples within the interval, nothing is kept open until the next. */
void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms) {
  for (size_t i = 0; i < monitor->all.len; i++) {
    struct lb_namespace *ns = monitor->all.v[i];
    if (lb_namespace_is_open(ns))
      finish_namespace(monitor, ns, now_ms);
    ns->unmounted = ns->err == -EINVAL ? ns->unmounted + 1 : 0;
    if (lb_namespace_is_open(ns) && ns->ref.path &&
        monitor->settings->sample_s == 0)
      lb_source_rest(&ns->source);
  }
  monitor->missing = monitor->found_missing;
}

/* "ip netns add" makes the file first and mounts the namespace on it then, so
 * that one interval with the file alone is normal. */
static bool is_coming_or_gone(const struct lb_namespace *ns) {
  return !ns->is_configured && (ns->err == -ENOENT || ns->unmounted == 1);
}

void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data) {
  for (size_t i = 0; i < monitor->all.len; i++) {
    struct lb_namespace *ns = monitor->all.v[i];
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
  return monitor->all.listing_err;
}
