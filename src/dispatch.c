// SPDX-License-Identifier: MIT
/* The only place that knows value_list_t. */
#include "dispatch.h"

static void dispatch(const char *label, const struct lb_metric *metric,
                     value_t value, cdtime_t time) {
  value_list_t list = VALUE_LIST_INIT;
  list.values = &value;
  list.values_len = 1;
  list.time = time;
  snprintf(list.plugin, sizeof(list.plugin), "%s", LB_PLUGIN_NAME);
  snprintf(list.plugin_instance, sizeof(list.plugin_instance), "%s", label);
  snprintf(list.type, sizeof(list.type), "%s", metric->type);
  snprintf(list.type_instance, sizeof(list.type_instance), "%s", metric->name);
  plugin_dispatch_values(&list);
}

void lb_dispatch(const struct lb_reading *reading, cdtime_t time) {
  const struct lb_values *values = &reading->values;
  for (int i = 0; i < LB_METRICS; i++) {
    if (!(values->present & 1u << i))
      continue;
    value_t value;
    if (lb_metrics[i].is_counter)
      value.derive = (derive_t)values->v[i].counter;
    else
      value.gauge = values->v[i].gauge;
    dispatch(reading->label, &lb_metrics[i], value, time);
  }
}
