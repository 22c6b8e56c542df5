/* SPDX-License-Identifier: MIT */
/* The IP address that a TCP socket is bound to. */
#ifndef LB_BASE_ADDRESS_H
#define LB_BASE_ADDRESS_H

#include <stdint.h>

/* In network order; IPv4 as ::ffff:a.b.c.d, as in struct lb_listen_sock. */
struct lb_address {
  uint8_t bytes[16];
};

/* Parses a numeric IPv4 or IPv6 address, without port, mask or scope. Returns 0
 * or -EINVAL; writes *out only on success. */
int lb_address_parse(const char *text, struct lb_address *out);

#endif
