// SPDX-License-Identifier: MIT
#include "core/monitor.h"

#include "core/budget.h"
#include "core/namespaces.h"

#include <errno.h>
#include <stdlib.h>

struct lb_monitor {
  const struct lb_settings *settings;
  struct lb_namespaces all;
  uint64_t (*cpu_ns)(void); /* NULL: nothing is measured */
  struct lb_budget budget;

  unsigned due;        /* parts of the sample within the interval */
  uint64_t sampler_ns; /* CPU time of its thread that is accounted for */
  uint64_t unix_ns;    /* of this sample's queries for UNIX sockets */

  unsigned read_parts;         /* parts of the read's sample */
  uint64_t costs_ns[LB_PARTS]; /* of that */
  uint64_t find_ns;            /* of finding the namespaces */
  size_t next_finished;        /* so that all get their turn */

  unsigned missing;       /* parts whose module the kernel lacks */
  unsigned found_missing; /* the same, as far as this read has asked */

  uint64_t inspecting_ns; /* of this interval's inspections, with the samples
                             before them */
  size_t next_inspected;  /* so that all get their turn */
  bool slowed;            /* some inspection was left out */
  uint64_t inspection_ns; /* of the last interval with inspections */
};

int lb_monitor_new(const struct lb_settings *settings,
                   struct lb_transport_opener opener, struct lb_monitor **out) {
  struct lb_monitor *monitor = calloc(1, sizeof(*monitor));
  if (!monitor)
    return -ENOMEM;
  monitor->settings = settings;
  monitor->due = LB_ALL_PARTS;
  lb_budget_init(&monitor->budget, 0, 0, LB_ALL_PARTS);
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

static uint64_t to_ns(uint64_t ms) { return ms * 1000000; }

static uint64_t thread_ns(const struct lb_monitor *monitor) {
  return monitor->cpu_ns ? monitor->cpu_ns() : 0;
}

static unsigned wanted_parts(const struct lb_monitor *monitor) {
  unsigned parts = LB_NO_PARTS;
  for (size_t i = 0; i < monitor->all.len; i++)
    if (lb_namespace_is_open(monitor->all.v[i]))
      parts |= lb_collector_parts(monitor->all.v[i]->collector);
  return parts;
}

void lb_monitor_limit(struct lb_monitor *monitor, double interval_s,
                      uint64_t (*cpu_ns)(void)) {
  monitor->cpu_ns = monitor->all.cpu_ns = cpu_ns;
  lb_budget_init(&monitor->budget, (uint64_t)(interval_s * 1e9),
                 (uint64_t)(monitor->settings->sample_s * 1e9),
                 wanted_parts(monitor));
}

void lb_monitor_inspect_always(struct lb_monitor *monitor) {
  lb_budget_inspect_always(&monitor->budget);
}

bool lb_monitor_begin_sample(struct lb_monitor *monitor, uint64_t now_ns) {
  monitor->due = lb_budget_due(&monitor->budget, now_ns) & ~monitor->missing;
  monitor->unix_ns = 0;
  return monitor->due != LB_NO_PARTS;
}

/* Splits the cost of a sample: that of asking for UNIX sockets is known, the
 * rest is for TCP sockets, if there were any. */
static void split_cost(uint64_t costs_ns[LB_PARTS], unsigned parts,
                       uint64_t total_ns, uint64_t unix_ns) {
  if (!lb_has_part(parts, LB_PART_TCP) || unix_ns > total_ns)
    unix_ns = total_ns;
  costs_ns[LB_PART_UNIX] += unix_ns;
  costs_ns[LB_PART_TCP] += total_ns - unix_ns;
}

void lb_monitor_end_sample(struct lb_monitor *monitor, bool is_whole,
                           uint64_t now_ns) {
  uint64_t costs[LB_PARTS] = {0}, now = thread_ns(monitor);
  split_cost(costs, monitor->due, now - monitor->sampler_ns, monitor->unix_ns);
  monitor->sampler_ns = now;
  lb_budget_sampled(&monitor->budget, monitor->due, costs, is_whole, now_ns);
  monitor->due = LB_ALL_PARTS;
}

uint64_t lb_monitor_next_sample(const struct lb_monitor *monitor,
                                uint64_t due_ns, uint64_t period_ns) {
  return lb_budget_next(&monitor->budget, due_ns, period_ns);
}

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
  unsigned parts = monitor->due & ~monitor->missing;
  uint64_t unix_ns = ns->source.unix_ns;
  if (!lb_namespace_is_open(ns))
    return;
  ns->err = lb_collector_sample(ns->collector, parts, now_ms);
  ns->is_sampled = false;
  monitor->unix_ns += ns->source.unix_ns - unix_ns;
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
  lb_namespace_leave(ns, -ENOENT);
  if (ns->origin == LB_NETNS_PROCESS) {
    ns->is_listed = false; /* the new one gets a name of its own */
    ns->id.ino = 0;
    return;
  }
  ns->inspection.err = 0;
  ns->err = lb_namespace_enter(&monitor->all, ns);
  if (!ns->err)
    ns->err = lb_collector_sample(ns->collector, parts, now_ms);
}

/* --- the samples of a read ------------------------------------------------ */

struct read_sample {
  unsigned parts;
  uint64_t total_ns; /* CPU time */
  uint64_t unix_ns;
};

static struct read_sample sample_at_read(struct lb_monitor *monitor,
                                         struct lb_namespace *ns,
                                         uint64_t now_ms) {
  uint64_t start = thread_ns(monitor), unix_ns = ns->source.unix_ns;
  unsigned parts = lb_budget_turn_parts(&monitor->budget, monitor->read_parts,
                                        ns->ref.path ? 0 : ns->sample_ns);
  parts &= ~monitor->found_missing;
  sample_or_replace(monitor, ns, parts, now_ms);
  return (struct read_sample){.parts = parts,
                              .total_ns = thread_ns(monitor) - start,
                              .unix_ns = ns->source.unix_ns - unix_ns};
}

/* Counts it as the sample of the read. */
static void count_sample(struct lb_monitor *monitor, struct lb_namespace *ns,
                         struct read_sample sample) {
  if (!ns->is_counted)
    split_cost(monitor->costs_ns, sample.parts, sample.total_ns,
               sample.unix_ns);
  ns->is_counted = true;
  if (!ns->err &&
      (lb_collector_parts(ns->collector) & ~sample.parts) == LB_NO_PARTS)
    ns->sample_ns = sample.total_ns;
}

/* --- inspections --------------------------------------------------------- */

static void plan_inspection(struct lb_monitor *monitor, struct lb_namespace *ns,
                            uint64_t now_ms) {
  unsigned parts = monitor->read_parts & ~monitor->missing;
  if (!lb_namespace_is_open(ns))
    return;
  sample_or_replace(monitor, ns, parts, now_ms);
  monitor->found_missing |= lacks_here(ns);
  if (!ns->err)
    ns->err =
        lb_collector_plan_inspection(ns->collector, &ns->inspection, now_ms);
}

static void spend_on_inspections(struct lb_monitor *monitor, uint64_t cost_ns) {
  monitor->inspecting_ns += cost_ns;
  lb_budget_inspected(&monitor->budget, cost_ns);
}

/* All of them, if the time lasts. */
static bool plan_all(struct lb_monitor *monitor, uint64_t now_ms) {
  uint64_t start = thread_ns(monitor);
  if (!lb_budget_can_inspect(&monitor->budget))
    return false;
  for (size_t i = 0; i < monitor->all.len; i++)
    plan_inspection(monitor, monitor->all.v[i], now_ms);
  spend_on_inspections(monitor, thread_ns(monitor) - start);
  return true;
}

static void plan_if_needed(struct lb_monitor *monitor, struct lb_namespace *ns,
                           uint64_t now_ms) {
  uint64_t start = thread_ns(monitor);
  if (!lb_namespace_is_open(ns))
    return;
  struct read_sample sample = sample_at_read(monitor, ns, now_ms);
  monitor->found_missing |= lacks_here(ns);
  if (!ns->err)
    ns->err =
        lb_collector_plan_inspection(ns->collector, &ns->inspection, now_ms);
  uint64_t cost_ns = thread_ns(monitor) - start;
  if (ns->inspection.planned && lb_budget_can_inspect(&monitor->budget)) {
    spend_on_inspections(monitor, cost_ns);
    return;
  }
  monitor->slowed |= ns->inspection.planned;
  lb_inspection_clear(&ns->inspection);
  ns->is_sampled = true;
  count_sample(monitor, ns, sample);
  ns->early_ns = cost_ns - sample.total_ns;
  lb_budget_ended_one(&monitor->budget, cost_ns);
}

static void plan_inspections(struct lb_monitor *monitor, uint64_t now_ms) {
  enum lb_inspect inspect = monitor->settings->inspect;
  monitor->slowed = false;
  if (inspect == LB_INSPECT_NEVER)
    return;
  lb_budget_grant(&monitor->budget, to_ns(now_ms));
  if (inspect == LB_INSPECT_ALWAYS)
    monitor->slowed = !plan_all(monitor, now_ms);
  else if (lb_budget_takes_turns(&monitor->budget))
    (void)plan_all(monitor, now_ms);
  else
    for (size_t i = 0; i < monitor->all.len; i++)
      plan_if_needed(monitor, monitor->all.v[i], now_ms);
}

static void find_namespaces(struct lb_monitor *monitor, uint64_t now_ms) {
  uint64_t start = thread_ns(monitor);
  lb_namespaces_find(&monitor->all, now_ms);
  for (size_t i = 0; i < monitor->all.len; i++) {
    struct lb_namespace *ns = monitor->all.v[i];
    lb_inspection_clear(&ns->inspection);
    ns->is_sampled = ns->is_counted = false;
    ns->early_ns = 0;
    if (!lb_namespace_is_open(ns))
      ns->inspection.err = 0;
  }
  monitor->read_parts = lb_budget_begin_read(
      &monitor->budget, wanted_parts(monitor), to_ns(now_ms));
  monitor->find_ns = lb_namespaces_share_walk(
      &monitor->all, thread_ns(monitor) - start, monitor->budget.interval_ns);
  lb_budget_ended_one(&monitor->budget, monitor->find_ns);
}

void lb_monitor_prepare(struct lb_monitor *monitor, uint64_t now_ms) {
  monitor->found_missing = LB_NO_PARTS;
  monitor->inspecting_ns = 0;
  for (int i = 0; i < LB_PARTS; i++)
    monitor->costs_ns[i] = 0;
  find_namespaces(monitor, now_ms);
  plan_inspections(monitor, now_ms);
}

void lb_monitor_inspect(struct lb_monitor *monitor) {
  for (size_t n = 0; n < monitor->all.len; n++) {
    struct lb_namespace *ns =
        monitor->all.v[monitor->next_inspected % monitor->all.len];
    if (ns->inspection.planned && !lb_budget_has_time(&monitor->budget)) {
      monitor->slowed = true;
      break;
    }
    monitor->next_inspected = (monitor->next_inspected + 1) % monitor->all.len;
    if (!ns->inspection.planned)
      continue;
    uint64_t taken_ns = 0;
    lb_inspection_run(&ns->inspection, &ns->source,
                      lb_budget_inspection_limit(&monitor->budget), &taken_ns);
    lb_budget_inspected(&monitor->budget, taken_ns);
    monitor->inspecting_ns += taken_ns;
  }
}

/* --- the end of an interval ---------------------------------------------- */

/* Returns the CPU time of the sample. */
static uint64_t end_interval(struct lb_monitor *monitor,
                             struct lb_namespace *ns, uint64_t now_ms) {
  struct read_sample sample = {.total_ns = 0};
  if (!ns->is_sampled) {
    sample = sample_at_read(monitor, ns, now_ms);
    count_sample(monitor, ns, sample);
  }
  ns->is_sampled = false;
  if (!ns->err && ns->inspection.done)
    ns->err = lb_collector_take_inspection(ns->collector, &ns->inspection);
  if (!ns->err)
    ns->err = lb_collector_end_interval(ns->collector, now_ms, &ns->errors);
  return sample.total_ns;
}

/* Without samples within the interval, nothing is kept open until the next. */
static void finish_namespace(struct lb_monitor *monitor,
                             struct lb_namespace *ns, uint64_t now_ms) {
  uint64_t start = thread_ns(monitor);
  uint64_t sample_ns = end_interval(monitor, ns, now_ms);
  if (lb_namespace_is_gone(ns))
    lb_namespace_lose(ns);
  else if (!ns->err)
    monitor->found_missing |= lb_collector_lacks(ns->collector);
  ns->has_listened |= !ns->err && lb_collector_has_sockets(ns->collector);
  if (lb_namespace_is_open(ns) && ns->ref.path &&
      monitor->settings->sample_s == 0)
    lb_source_rest(&ns->source);
  uint64_t cost_ns = thread_ns(monitor) - start;
  ns->rest_ns = ns->early_ns + cost_ns - sample_ns;
  lb_budget_ended_one(&monitor->budget, cost_ns);
}

/* The own namespace first, then the others from where the last read stopped.
 * Returns how many ended their interval. */
static size_t finish_namespaces(struct lb_monitor *monitor, uint64_t now_ms) {
  size_t others = monitor->all.len - 1, first = monitor->next_finished;
  size_t finished = 0;
  bool all_finished = true;
  for (size_t n = 0; n <= others; n++) {
    size_t i = n ? 1 + (first + n - 1) % others : 0;
    struct lb_namespace *ns = monitor->all.v[i];
    bool is_open = lb_namespace_is_open(ns);
    ns->is_waiting = is_open && n && !lb_budget_can_end(&monitor->budget);
    all_finished = all_finished && !ns->is_waiting;
    if (ns->is_waiting)
      continue;
    if (is_open)
      finish_namespace(monitor, ns, now_ms);
    finished += is_open;
    if (n && all_finished)
      monitor->next_finished = i;
    lb_namespace_note_mount(ns, now_ms);
  }
  return finished;
}

/* What all namespaces cost, from those that ended their interval. */
static void account(struct lb_monitor *monitor, size_t finished,
                    uint64_t now_ms) {
  uint64_t rest_ns = monitor->find_ns;
  size_t open = 0;
  for (size_t i = 0; i < monitor->all.len; i++)
    if (lb_namespace_is_open(monitor->all.v[i])) {
      rest_ns += monitor->all.v[i]->rest_ns;
      open++;
    }
  for (int i = 0; i < LB_PARTS && finished && finished < open; i++)
    monitor->costs_ns[i] = monitor->costs_ns[i] * open / finished;
  lb_budget_end_read(&monitor->budget, monitor->read_parts, monitor->costs_ns,
                     rest_ns, to_ns(now_ms));
  lb_budget_end_inspections(&monitor->budget, monitor->inspecting_ns);
  if (monitor->inspecting_ns)
    monitor->inspection_ns = monitor->inspecting_ns;
}

void lb_monitor_finish(struct lb_monitor *monitor, uint64_t now_ms) {
  size_t finished = finish_namespaces(monitor, now_ms);
  lb_namespaces_rename(&monitor->all);
  monitor->missing &= ~monitor->read_parts;
  monitor->missing |= monitor->found_missing;
  account(monitor, finished, now_ms);
}

struct lb_slowdowns lb_monitor_slowdowns(const struct lb_monitor *monitor) {
  const struct lb_budget *budget = &monitor->budget;
  struct lb_slowdowns slowdowns = {
      .inspections = monitor->slowed,
      .inspection_ns = monitor->inspection_ns,
      .namespaces = {budget->rest_ns,
                     monitor->all.len > 1 ? lb_budget_turn(budget) : 0},
      .interval_ns = budget->interval_ns,
  };
  for (enum lb_part i = 0; i < LB_PARTS; i++)
    slowdowns.samples[i] = (struct lb_slowdown){budget->pace[i].cost_ns,
                                                lb_budget_spacing(budget, i)};
  return slowdowns;
}

void lb_monitor_visit(struct lb_monitor *monitor,
                      void (*visit)(void *data,
                                    const struct lb_outcome *outcome),
                      void *data) {
  for (size_t i = 0; i < monitor->all.len; i++) {
    struct lb_namespace *ns = monitor->all.v[i];
    if (!lb_namespace_is_news(ns))
      continue;
    struct lb_outcome outcome = {
        .label = ns->ref.label,
        .path = ns->ref.path,
        .taken = ns->taken[0] ? ns->taken : NULL,
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

bool lb_monitor_misses_processes(const struct lb_monitor *monitor) {
  return monitor->all.processes.was_denied;
}

const char *lb_monitor_hidden_names(const struct lb_monitor *monitor) {
  const struct lb_containers *containers = monitor->all.containers;
  return containers ? lb_containers_hidden(containers) : NULL;
}
