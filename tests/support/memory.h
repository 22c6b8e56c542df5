/* SPDX-License-Identifier: MIT */
/* Allocations counted and refused: a program linked with WATCH_MEMORY of
 * Makefile.am makes all of its own here. Those of the C library are not seen.
 */
#ifndef LB_MEMORY_H
#define LB_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

extern struct memory {
  atomic_size_t calls;
  atomic_size_t largest; /* in bytes, of any call */
  atomic_long held;      /* allocations that are not freed */
  atomic_size_t fails;   /* this call of those to come; 0: none */
  atomic_bool lasts;     /* and so do all after it */
  atomic_size_t refused;
} memory;

#endif
