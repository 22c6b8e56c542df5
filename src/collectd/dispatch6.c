// SPDX-License-Identifier: MIT
/* One metric family for each reading, with the values of all listeners in it,
 * and others for network namespaces: in a family of both, sums would count each
 * drop twice. collectd 6 takes a family at once and copies it, so a batch of
 * listeners needs no memory of its own. */
#include "collectd/dispatch.h"

enum { BATCH_SIZE = 64, FAMILY_NAME_SIZE = 64 };

struct batch_entry {
  label_pair_t labels[2]; /* sorted by name, as collectd searches them */
  size_t labels_len;
  enum lb_subject subject;
  struct lb_values values;
};

static struct {
  cdtime_t time;
  cdtime_t interval;
  size_t len;
  struct batch_entry v[BATCH_SIZE];
} batch;

const bool lb_backend_is_queued = false;

/* --- a family ------------------------------------------------------------ */

static bool is_percentage(const struct lb_reading *row) {
  return strcmp(row->unit, "%") == 0;
}

static value_t family_value(const struct lb_reading *row,
                            union lb_value value) {
  if (row->is_counter)
    return (value_t){.counter = value.counter};
  return (value_t){.gauge =
                       is_percentage(row) ? value.gauge / 100 : value.gauge};
}

static size_t fill_metrics(metric_t metrics[static BATCH_SIZE], int id,
                           enum lb_subject subject, metric_family_t *family) {
  size_t len = 0;
  for (size_t i = 0; i < batch.len; i++) {
    struct batch_entry *entry = &batch.v[i];
    if (entry->subject != subject || !(entry->values.present & 1u << id))
      continue;
    metrics[len++] = (metric_t){
        .family = family,
        .label = {.ptr = entry->labels, .num = entry->labels_len},
        .value = family_value(&lb_reading_table[id], entry->values.v[id]),
        .time = batch.time,
        .interval = batch.interval,
    };
  }
  return len;
}

static void dispatch_family(int id, enum lb_subject subject) {
  const struct lb_reading *row = &lb_reading_table[id];
  char name[FAMILY_NAME_SIZE];
  metric_t metrics[BATCH_SIZE];
  metric_family_t family = {
      .name = name,
      .help = (char *)row->meaning,
      .unit = is_percentage(row) ? "1" : (char *)row->unit,
      .type = row->is_counter ? METRIC_TYPE_COUNTER : METRIC_TYPE_GAUGE,
      .metric = {.ptr = metrics},
  };
  snprintf(name, sizeof(name), LB_PLUGIN_NAME ".%s%s",
           subject == LB_NAMESPACE ? "netns." : "", row->name);
  family.metric.num = fill_metrics(metrics, id, subject, &family);
  if (family.metric.num)
    plugin_dispatch_metric_family(&family);
}

/* --- a batch ------------------------------------------------------------- */

static void add_metric_label(struct batch_entry *entry, const char *name,
                             const char *value) {
  if (*value)
    entry->labels[entry->labels_len++] = (label_pair_t){
        .name = (char *)name,
        .value = (char *)value,
    };
}

void lb_backend_send(const struct lb_readings *readings,
                     const struct lb_values *values, cdtime_t time,
                     cdtime_t interval) {
  if (batch.len == BATCH_SIZE)
    lb_backend_flush();
  batch.time = time;
  batch.interval = interval;
  struct batch_entry *entry = &batch.v[batch.len++];
  entry->labels_len = 0;
  add_metric_label(entry, "listener", readings->name);
  add_metric_label(entry, "netns", readings->netns);
  entry->subject = readings->is_namespace ? LB_NAMESPACE : LB_LISTENER;
  entry->values = *values;
}

void lb_backend_flush(void) {
  for (int id = 0; id < LB_READINGS; id++) {
    dispatch_family(id, LB_LISTENER);
    dispatch_family(id, LB_NAMESPACE);
  }
  batch.len = 0;
}
