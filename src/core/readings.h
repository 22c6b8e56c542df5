/* SPDX-License-Identifier: MIT */
/* The one table of readings. doc/writers.md and the dashboards are made from
 * it; tests hold the man page, the README, the graphs and their own lists
 * against it. */
#ifndef LB_CORE_READINGS_H
#define LB_CORE_READINGS_H

#include <stdbool.h>
#include <stdint.h>

enum lb_reading_id {
  LB_QUEUE,
  LB_LIMIT,
  LB_PEAK,
  LB_BUSY,
  LB_FILL,
  LB_SOCKETS,
  LB_FULL,
  LB_DROPS,
  LB_OVERFLOWS,
  LB_OVERFLOWS_5M,
  LB_WAIT,
  LB_ABANDONED,
  LB_SYN,
  LB_ACTIVE,
  LB_SYN_DROPS,
  LB_SYNCOOKIES_SENT,
  LB_OVERFLOWS_UNATTRIBUTED,
  LB_SOMAXCONN,
  LB_ARRIVALS,
  LB_READINGS
};

enum { LB_COUNTERS = 6 }; /* rows of the table that are counters */

enum lb_subject { LB_LISTENER = 1, LB_NAMESPACE = 2 };

struct lb_reading {
  const char *name;    /* also the type instance */
  const char *type;    /* in collectd's types.db */
  const char *unit;    /* in the Unified Code for Units of Measure */
  unsigned is_counter; /* else a gauge */
  unsigned subjects;   /* enum lb_subject */
  const char *meaning; /* a phrase, shown by the probe and the dashboards */
};

extern const struct lb_reading lb_reading_table[LB_READINGS];

union lb_value {
  double gauge;
  uint64_t counter;
};

/* Absent is not zero: only a value whose bit is set was measured. */
struct lb_values {
  unsigned present; /* bit 1 << enum lb_reading_id */
  union lb_value v[LB_READINGS];
};

static inline void lb_put_gauge(struct lb_values *values, enum lb_reading_id id,
                                double gauge) {
  values->v[id].gauge = gauge;
  values->present |= 1u << id;
}

static inline void lb_put_counter(struct lb_values *values,
                                  enum lb_reading_id id, uint64_t counter) {
  values->v[id].counter = counter;
  values->present |= 1u << id;
}

/* The counters of one listener or namespace as they were last sent, in the
 * order of the table. All 0 at first. Written by the sender alone. */
struct lb_sent {
  uint64_t time; /* of any clock of the sender's; 0: never */
  uint64_t counters[LB_COUNTERS];
};

/* The values of one listener or of the namespace. */
struct lb_readings {
  /* Valid until the monitor or the collector is called again. */
  const char *label; /* "": the own namespace */
  const char *netns; /* the same label without the listener's name */
  const char *name;  /* of a listener within its namespace, else "" */
  bool is_namespace; /* else a listener */
  struct lb_values values;
  struct lb_sent *sent;
  bool has_base; /* sent has the counters as of the interval before, also if
                    they were never sent: else nothing is known of that time */
};

#endif
