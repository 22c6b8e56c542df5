/* SPDX-License-Identifier: MIT */
/* A set of local ports as inet_diag bytecode, which filters in the kernel. */
#ifndef LB_KERNEL_PORT_FILTER_H
#define LB_KERNEL_PORT_FILTER_H

#include "base/ports.h"

/* The longest INET_DIAG_REQ_BYTECODE, in bytes: nla_len has 16 bits. */
#define LB_PORT_FILTER_SIZE 65528

/* Writes the program that accepts a local port within one of the ranges, which
 * ascend with gaps between them; len > 0. Returns its length in bytes, or 0 if
 * it does not fit into size. The kernel runs it once for each connection of the
 * host, so its number of steps grows with the logarithm of len. */
size_t lb_port_filter_write(const struct lb_ports *ports, size_t len, void *buf,
                            size_t size);

#endif
