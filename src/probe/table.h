/* SPDX-License-Identifier: MIT */
/* The readings of an interval, as lines of text. */
#ifndef LB_PROBE_TABLE_H
#define LB_PROBE_TABLE_H

#include "base/label.h"
#include "core/collector.h"

struct lb_table_line {
  char label[LB_LABEL_SIZE];
  bool is_namespace;
  struct lb_values values;
};

struct lb_table {
  struct lb_table_line *lines; /* owned */
  size_t len;
  size_t cap;
};

/* Adds a copy. Returns 0 or -ENOMEM. */
int lb_table_add(struct lb_table *table, const struct lb_readings *readings);

/* Listeners, ports by number, and then namespaces. */
void lb_table_sort(struct lb_table *table);

/* Whether there is a column for a reading: not without samples or inspections,
 * if it needs them. */
bool lb_table_has_column(const struct lb_settings *settings, int id);

/* Prints the listeners, ports by number, and then the namespaces. Without
 * samples or inspections their columns are hidden. */
void lb_table_print(struct lb_table *table, const struct lb_settings *settings);
void lb_table_free(struct lb_table *table);

#endif
