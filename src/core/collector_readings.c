// SPDX-License-Identifier: MIT
/* What a collector reports of the interval that has ended. */
#include "core/collector_internal.h"

#include <errno.h>
#include <sys/socket.h>

/* The kernel's counters began before the first read, if the namespace did. */
static struct lb_readings namespace_readings(struct lb_collector *collector) {
  struct lb_readings readings = {
      .label = lb_listeners_netns_label(collector->listeners),
      .netns = lb_listeners_netns_label(collector->listeners),
      .name = "",
      .is_namespace = true,
      .sent = &collector->sent,
      .has_base = collector->counts_from == 0 || collector->sent.time,
  };
  if (collector->has_somaxconn)
    lb_put_gauge(&readings.values, LB_SOMAXCONN, collector->somaxconn);
  if (collector->has_counters)
    lb_attribution_put(&collector->attribution, &readings.values);
  else if (collector->has_netstat)
    lb_attribution_put_read(&collector->attribution, &collector->netstat,
                            &readings.values);
  lb_arrivals_put(&collector->arrivals, &readings.values);
  return readings;
}

static struct lb_readings
listener_readings(const struct lb_collector *collector, size_t i,
                  bool has_shares) {
  struct lb_listener *listener = lb_listeners_get(collector->listeners, i);
  struct lb_label_parts parts =
      lb_listeners_label_parts(collector->listeners, i);
  struct lb_readings readings = {
      .label = listener->label,
      .netns = parts.netns,
      .name = parts.name,
      .sent = &listener->sent,
      .has_base = collector->counts_from < collector->interval,
  };
  lb_listener_put(listener, &readings.values);
  lb_inspection_put_listener(listener, collector->inspect == LB_INSPECT_AUTO,
                             &readings.values);
  if (has_shares)
    lb_attribution_put_listener(listener, &readings.values);
  return readings;
}

void lb_collector_visit_readings(
    struct lb_collector *collector,
    void (*visit)(void *data, const struct lb_readings *readings), void *data) {
  if (lb_listeners_netns_label(collector->listeners)) {
    struct lb_readings readings = namespace_readings(collector);
    visit(data, &readings);
  }
  bool has_shares = collector->has_counters && !collector->table.lacks_drops &&
                    lb_attribution_has_shares(&collector->attribution);
  for (size_t i = 0; i < lb_listeners_len(collector->listeners); i++) {
    if (!lb_listeners_reports(collector->listeners,
                              lb_listeners_get(collector->listeners, i)))
      continue;
    struct lb_readings readings = listener_readings(collector, i, has_shares);
    visit(data, &readings);
  }
}

void lb_collector_visit_sockets(
    const struct lb_collector *collector,
    void (*visit)(void *data, const struct lb_socket_view *view), void *data) {
  lb_listeners_visit_sockets(collector->listeners, &collector->table, visit,
                             data);
}

void lb_collector_visit_hints(const struct lb_collector *collector,
                              void (*visit)(void *data,
                                            const struct lb_hint *hint),
                              void *data) {
  lb_hints_visit(&collector->hints, collector->listeners, visit, data);
}

void lb_collector_told_hint(struct lb_collector *collector,
                            const struct lb_hint *hint) {
  lb_hints_told(&collector->hints, collector->listeners, hint);
}

bool lb_collector_next_conflict(struct lb_collector *collector, int err,
                                struct lb_conflict *out) {
  return err == -ESTALE
             ? lb_unix_files_next_foreign(&collector->table,
                                          collector->listeners, out)
             : lb_listeners_next_conflict(collector->listeners, err, out);
}

void lb_collector_told_conflict(struct lb_collector *collector,
                                const struct lb_conflict *conflict) {
  if (conflict->err == -ESTALE)
    lb_unix_files_told_foreign(&collector->table, conflict);
  else
    lb_listeners_told_conflict(collector->listeners, conflict);
}
