/* SPDX-License-Identifier: MIT */
/* The readings of an interval, for programs. */
#ifndef LB_PROBE_FORMATS_H
#define LB_PROBE_FORMATS_H

#include "probe/arguments.h"
#include "probe/table.h"

/* Print the listeners, ports by number, and then the namespaces, as one line of
 * JSON or as metrics for Prometheus. Sorts the table. */
void lb_print_json(struct lb_table *table, const struct lb_settings *settings);
void lb_print_prometheus(struct lb_table *table,
                         const struct lb_settings *settings);

#endif
