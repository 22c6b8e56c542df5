/* SPDX-License-Identifier: MIT */
/* Names of UNIX sockets to small numbers, so that a row stays small and a name
 * is compared once, not by everybody who meets the row. */
#ifndef LB_BASE_UNIX_NAMES_H
#define LB_BASE_UNIX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LB_UNIX_NAME_SIZE 108 /* sun_path: UNIX_PATH_MAX, linux/un.h */

/* A pathname as bind() got it, without its NUL; or an abstract name, which
 * begins with NUL and may hold any bytes, without NULs at its end. */
struct lb_unix_name {
  uint8_t len;
  char bytes[LB_UNIX_NAME_SIZE];
};

/* Takes sun_path as the kernel shows it: what follows the NUL that ends a
 * pathname is cut off, and so are the NULs at the end of an abstract name,
 * which servers bind that give bind() the whole sockaddr_un. len 0: there is
 * none. */
struct lb_unix_name lb_unix_name_of(const char *sun_path, size_t len);

struct lb_unix_names;

/* 0 or -ENOMEM; the caller owns *out. */
int lb_unix_names_new(struct lb_unix_names **out);
void lb_unix_names_free(struct lb_unix_names *paths);

/* The number of a name, a new one where it has none yet. Numbers are small and
 * stay the same until a sweep frees them. 0 or -ENOMEM. */
int lb_unix_names_intern(struct lb_unix_names *paths,
                         const struct lb_unix_name *path, uint32_t *number);

/* The name of a number that is in use; valid until a sweep frees it. Only its
 * len bytes are there: it cannot be copied by assignment. */
const struct lb_unix_name *lb_unix_names_get(const struct lb_unix_names *paths,
                                             uint32_t number);

/* Numbers in use are below this. */
size_t lb_unix_names_end(const struct lb_unix_names *paths);

/* Forgets the names of which nobody says that they are kept: begin, keep those
 * that are in use, end. freed may be NULL. */
void lb_unix_names_begin_sweep(struct lb_unix_names *paths);
void lb_unix_names_keep(struct lb_unix_names *paths, uint32_t number);
void lb_unix_names_end_sweep(struct lb_unix_names *paths,
                             void (*freed)(void *data, uint32_t number),
                             void *data);

#endif
