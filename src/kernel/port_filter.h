/* SPDX-License-Identifier: MIT */
/* A set of local ports as inet_diag bytecode. */
#ifndef LB_KERNEL_PORT_FILTER_H
#define LB_KERNEL_PORT_FILTER_H

#include "base/ports.h"

/* What INET_DIAG_REQ_BYTECODE can hold: nla_len is 16 bits wide. */
#define LB_PORT_FILTER_SIZE 65528

/* Writes the program that accepts a local port within one of the ranges, which
 * ascend and neither touch nor overlap; len > 0. Returns its length, or 0 where
 * it does not fit into size bytes. It takes steps in proportion to the
 * logarithm of len, for the kernel runs it once per connection of the host. */
size_t lb_port_filter_write(const struct lb_ports *ports, size_t len, void *buf,
                            size_t size);

#endif
