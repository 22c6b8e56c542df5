// SPDX-License-Identifier: MIT
/* The name of the namespace, which is that of its containers. */
#include "core/collector_internal.h"

int lb_collector_rename(struct lb_collector *collector) {
  collector->sent.time = 0;
  return lb_listeners_rename(collector->listeners);
}

void lb_collector_set_gone(struct lb_collector *collector, bool is_gone) {
  lb_listeners_set_gone(collector->listeners, is_gone);
}

void lb_collector_inherit(struct lb_collector *collector,
                          struct lb_collector *gone) {
  const uint64_t *total = gone->attribution.total;
  collector->syn_trouble +=
      total[LB_MIB_REQQ_FULL_DROP] + total[LB_MIB_SYNCOOKIES_SENT];
  lb_attribution_inherit(&collector->attribution, &gone->attribution);
  collector->arrivals.total += gone->arrivals.total;
  gone->arrivals.total = 0;
  collector->sent = gone->sent;
}

uint64_t lb_collector_owners(const struct lb_collector *collector) {
  const struct lb_socket_table *table = &collector->table;
  uint64_t owners = 0;
  for (size_t i = 0; i < table->len; i++) {
    uint32_t owner = table->v[i].sock.owner;
    if (owner)
      owners |= UINT64_C(1) << (owner - 1) % 64;
  }
  return owners;
}

const struct lb_container *
lb_collector_owner(const struct lb_collector *collector, unsigned bit) {
  return lb_listeners_owner(collector->listeners, bit + 1);
}
