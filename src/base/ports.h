/* SPDX-License-Identifier: MIT */
/* TCP ports: ranges and sets. */
#ifndef LB_BASE_PORTS_H
#define LB_BASE_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lb_ports {
  uint16_t first;
  uint16_t last;
};

/* One bit per port. */
struct lb_portset {
  uint8_t bits[8192];
};

static inline void lb_portset_add(struct lb_portset *set, uint16_t port) {
  set->bits[port / 8] |= (uint8_t)(1u << port % 8);
}

static inline bool lb_portset_has(const struct lb_portset *set, uint16_t port) {
  return set->bits[port / 8] & 1u << port % 8;
}

/* Parses a number, a range, or a service name of getservbyname(3). Returns 0,
 * -ERANGE for a port outside of 1 to 65535, -EINVAL for an empty text and an
 * empty, open or reversed range, -E2BIG for a list with commas, -ENOENT for an
 * unknown service; writes *out only on success. lb_ports_error() explains. */
int lb_ports_parse(const char *text, struct lb_ports *out);

#endif
