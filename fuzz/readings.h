/* SPDX-License-Identifier: MIT */
/* What must hold of all readings of all namespaces, interval after interval. */
#ifndef LB_FUZZ_READINGS_H
#define LB_FUZZ_READINGS_H

#include "fuzz.h"

#include "base/array.h"
#include "base/label.h"
#include "core/monitor.h"

#include <errno.h>
#include <math.h>
#include <sys/socket.h>

struct entry {
  char label[LB_LABEL_SIZE];
  bool is_namespace;
  unsigned interval;     /* in which it was reported last */
  struct lb_values now;  /* in that interval */
  struct lb_values last; /* whenever each was there last */
};

struct readings {
  struct entry *v;
  size_t len;
  unsigned interval;
  bool wraps; /* the kernel's counters were beyond any real ones */
};

static inline void check_gauge(enum lb_reading_id id, double gauge) {
  CHECK(isfinite(gauge) && gauge >= 0);
  if (strcmp(lb_reading_table[id].type, "percent") == 0)
    CHECK(gauge <= 100);
  else if (id != LB_WAIT)
    CHECK(gauge < 1e15 && gauge == (double)(uint64_t)gauge);
}

static inline bool has_value(const struct lb_values *values,
                             enum lb_reading_id id) {
  return values->present & 1u << id;
}

/* Each value is one of its subject's, and within its bounds. */
static inline void check_values(const struct lb_readings *reading) {
  const struct lb_values *values = &reading->values;
  unsigned subject = reading->is_namespace ? LB_NAMESPACE : LB_LISTENER;
  CHECK(values->present >> LB_READINGS == 0);
  for (int i = 0; i < LB_READINGS; i++) {
    enum lb_reading_id id = (enum lb_reading_id)i;
    if (!has_value(values, id))
      continue;
    CHECK(lb_reading_table[id].subjects & subject);
    if (!lb_reading_table[id].is_counter)
      check_gauge(id, values->v[id].gauge);
  }
}

/* A listener without a socket has none of what only sockets have. */
static inline void check_listener(const struct lb_values *values) {
  CHECK(has_value(values, LB_SOCKETS));
  bool is_there = values->v[LB_SOCKETS].gauge > 0;
  CHECK(has_value(values, LB_QUEUE) == is_there);
  CHECK(has_value(values, LB_LIMIT) == is_there);
  CHECK(has_value(values, LB_DROPS) == has_value(values, LB_OVERFLOWS));
  if (!is_there) {
    CHECK(!has_value(values, LB_WAIT) && !has_value(values, LB_SYN) &&
          !has_value(values, LB_ABANDONED));
    return;
  }
  CHECK(has_value(values, LB_PEAK) && has_value(values, LB_BUSY) &&
        has_value(values, LB_FILL) && has_value(values, LB_FULL));
  CHECK(values->v[LB_PEAK].gauge >= values->v[LB_QUEUE].gauge);
  CHECK((values->v[LB_PEAK].gauge > 0) == (values->v[LB_BUSY].gauge > 0));
}

static inline struct entry *entry_of(struct readings *readings,
                                     const struct lb_readings *reading) {
  for (size_t i = 0; i < readings->len; i++)
    if (strcmp(readings->v[i].label, reading->label) == 0)
      return &readings->v[i];
  struct entry entry = {.is_namespace = reading->is_namespace};
  CHECK(strlen(reading->label) < LB_LABEL_SIZE);
  snprintf(entry.label, sizeof(entry.label), "%s", reading->label);
  CHECK(lb_append(&readings->v, &readings->len, &entry, 1, sizeof(entry)) == 0);
  return &readings->v[readings->len - 1];
}

static inline void check_counters(const struct readings *readings,
                                  const struct lb_values *before,
                                  const struct lb_values *now) {
  for (int i = 0; i < LB_READINGS; i++) {
    enum lb_reading_id id = (enum lb_reading_id)i;
    if (lb_reading_table[id].is_counter && has_value(before, id) &&
        has_value(now, id) && !readings->wraps)
      CHECK(now->v[id].counter >= before->v[id].counter);
  }
}

static inline void on_reading(void *data, const struct lb_readings *reading) {
  struct readings *readings = data;
  CHECK(lb_label_is_valid(reading->label) ||
        (reading->is_namespace && reading->label[0] == '\0'));
  check_values(reading);
  if (!reading->is_namespace)
    check_listener(&reading->values);

  struct entry *entry = entry_of(readings, reading);
  CHECK(entry->interval < readings->interval); /* one label, one source */
  check_counters(readings, &entry->last, &reading->values);
  entry->interval = readings->interval;
  entry->now = reading->values;
  for (int i = 0; i < LB_READINGS; i++) {
    if (has_value(&reading->values, (enum lb_reading_id)i))
      entry->last.v[i] = reading->values.v[i];
  }
  entry->last.present |= reading->values.present;
}

static inline void on_socket(void *data, const struct lb_socket_view *view) {
  const struct lb_unix_name *path = view->name;
  (void)data;
  CHECK(view->label);
  CHECK((view->sock->family == AF_UNIX) == (path != NULL));
  CHECK(!path || (path->len > 0 && path->len <= LB_UNIX_NAME_SIZE));
}

static inline void on_hint(void *data, const struct lb_hint *hint) {
  CHECK(hint->label && hint->sockets > 0);
  lb_collector_told_hint(data, hint);
}

static inline void on_outcome(void *data, const struct lb_outcome *outcome) {
  struct readings *readings = data;
  CHECK(is_status(outcome->err) && is_status(outcome->inspection_err));
  CHECK((outcome->collector == NULL) == (outcome->err != 0));
  if (!outcome->collector)
    return;
  CHECK(is_status(outcome->errors.netstat));
  CHECK(is_status(outcome->errors.somaxconn));
  CHECK(is_status(outcome->errors.unix_sockets));
  lb_collector_visit_readings(outcome->collector, on_reading, readings);
  lb_collector_visit_sockets(outcome->collector, on_socket, NULL);
  lb_collector_visit_hints(outcome->collector, on_hint, outcome->collector);
  static const int kinds[] = {-EEXIST, -ENAMETOOLONG, -ESTALE};
  struct lb_conflict conflict;
  for (int i = 0; i < 3; i++)
    while (
        lb_collector_next_conflict(outcome->collector, kinds[i], &conflict)) {
      CHECK(conflict.err == kinds[i] && conflict.label[0]);
      lb_collector_told_conflict(outcome->collector, &conflict);
    }
}

/* After each end of an interval. */
static inline void check_readings(struct readings *readings,
                                  struct lb_monitor *monitor) {
  readings->interval++;
  lb_monitor_visit(monitor, on_outcome, readings);
}

/* The last counters of all listeners together, in one namespace. */
static inline uint64_t sum_counters(const struct readings *readings,
                                    enum lb_reading_id id) {
  uint64_t sum = 0;
  for (size_t i = 0; i < readings->len; i++)
    if (!readings->v[i].is_namespace && has_value(&readings->v[i].last, id))
      sum += readings->v[i].last.v[id].counter;
  return sum;
}

/* --- settings ------------------------------------------------------------ */

/* A service of the name "web": these ports, one address of any, "@app". */
static inline void add_web(struct lb_settings *settings, struct lb_ports *ports,
                           size_t len, const char *at) {
  struct lb_address address;
  struct lb_unix_name path;
  CHECK(lb_address_parse(at, &address) == 0);
  CHECK(lb_unix_name_parse("@app", &path) == 0);
  const struct lb_selection service = {.label = "web",
                                       .ports = ports,
                                       .ports_len = len,
                                       .addresses = &address,
                                       .addresses_len = 1,
                                       .unix_names = &path,
                                       .unix_names_len = 1};
  CHECK(lb_settings_add(settings, &service) == 0);
}

#endif
