/* SPDX-License-Identifier: MIT */
/* The table of the names of UNIX sockets: a small number stands for each name,
 * so that struct lb_listen_sock stays small and names are compared once. */
#ifndef LB_BASE_UNIX_NAMES_H
#define LB_BASE_UNIX_NAMES_H

#include "base/unix_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lb_unix_names;

/* Returns 0 or -ENOMEM; the caller frees *out. */
int lb_unix_names_new(struct lb_unix_names **out);
/* Accepts NULL. */
void lb_unix_names_free(struct lb_unix_names *names);

/* Looks up the number of a name; an unknown name gets the lowest free number.
 * Numbers stay the same until a sweep frees them. Returns 0 or -ENOMEM. */
int lb_unix_names_intern(struct lb_unix_names *names,
                         const struct lb_unix_name *name, uint32_t *number);

/* The name of a number that is in use, valid until a sweep frees it. Only its
 * first len bytes are allocated: do not copy it by assignment. */
const struct lb_unix_name *lb_unix_names_get(const struct lb_unix_names *names,
                                             uint32_t number);

/* All numbers in use are below this. */
size_t lb_unix_names_end(const struct lb_unix_names *names);

/* A sweep frees the names that are not in use any more: begin, keep each number
 * that is in use, end. freed is called for each freed number; it may be NULL.
 */
void lb_unix_names_begin_sweep(struct lb_unix_names *names);
void lb_unix_names_keep(struct lb_unix_names *names, uint32_t number);
void lb_unix_names_end_sweep(struct lb_unix_names *names,
                             void (*freed)(void *data, uint32_t number),
                             void *data);

#endif
