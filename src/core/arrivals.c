// SPDX-License-Identifier: MIT
#include "core/arrivals.h"

#include "kernel/netstat.h"

enum { SNMP_BYTES = 16384 };

void lb_arrivals_rebind(struct lb_arrivals *arrivals) { arrivals->read = 0; }

void lb_arrivals_read(struct lb_arrivals *arrivals, struct lb_source *source) {
  char text[SNMP_BYTES];
  uint64_t now;
  ssize_t len = lb_source_read_file(source, LB_FILE_SNMP, text, sizeof(text));
  arrivals->is_current = len >= 0 && lb_snmp_parse(text, &now) == 0;
  if (!arrivals->is_current)
    return;
  arrivals->total += lb_mib_increment(arrivals->read, now);
  arrivals->read = now;
}

void lb_arrivals_put(const struct lb_arrivals *arrivals,
                     struct lb_values *values) {
  if (arrivals->is_current)
    lb_put_counter(values, LB_ARRIVALS, arrivals->total);
}
