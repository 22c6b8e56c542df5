// SPDX-License-Identifier: MIT
#include "collectd/dispatch.h"

#include <time.h>

enum { SETTLE_NS = 20000000 };

/* The counters that are present, as they were last sent. */
static struct lb_values sent_counters(const struct lb_readings *readings) {
  struct lb_values sent = {.present = 0};
  const uint64_t *counter = readings->sent->counters;
  for (int i = 0; i < LB_READINGS; i++) {
    if (!lb_reading_table[i].is_counter)
      continue;
    if (readings->values.present & 1u << i)
      lb_put_counter(&sent, (enum lb_reading_id)i, *counter);
    counter++;
  }
  return sent;
}

bool lb_dispatch_base(const struct lb_readings *readings,
                      const struct lb_stamps *stamps) {
  if (!readings->has_base || readings->sent->time == stamps->before)
    return false;
  struct lb_values base = sent_counters(readings);
  if (!base.present)
    return false;
  lb_backend_send(readings, &base, stamps->before, stamps->interval);
  return lb_backend_is_queued;
}

void lb_dispatch_settle(const struct lb_stamps *stamps) {
  uint64_t part = CDTIME_T_TO_NS(stamps->interval) / 20;
  const struct timespec pause = {.tv_nsec =
                                     part < SETTLE_NS ? (long)part : SETTLE_NS};
  nanosleep(&pause, NULL);
}

static void remember_sent(const struct lb_readings *readings, cdtime_t now) {
  const struct lb_values *values = &readings->values;
  uint64_t *counter = readings->sent->counters;
  for (int i = 0; i < LB_READINGS; i++) {
    if (!lb_reading_table[i].is_counter)
      continue;
    if (values->present & 1u << i) {
      *counter = values->v[i].counter;
      readings->sent->time = now;
    }
    counter++;
  }
}

void lb_dispatch(const struct lb_readings *readings,
                 const struct lb_stamps *stamps) {
  lb_backend_send(readings, &readings->values, stamps->now, stamps->interval);
  remember_sent(readings, stamps->now);
}
