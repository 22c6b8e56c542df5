/* SPDX-License-Identifier: MIT */
/* A shell pattern for the names of UNIX sockets, as in glob(7). */
#ifndef LB_BASE_UNIX_PATTERN_H
#define LB_BASE_UNIX_PATTERN_H

#include "base/unix_name.h"

#include <stdbool.h>

/* As it is configured. It begins with "@" for abstract names. */
struct lb_unix_pattern {
  uint8_t len;
  char text[LB_UNIX_NAME_SIZE];
};

/* Whether a configured name is a pattern: it has a "*", a "?" or a "[". */
bool lb_unix_is_pattern(const char *text);

/* Returns 0; -EINVAL if it begins with a wildcard; or -ENAMETOOLONG for more
 * than LB_UNIX_NAME_SIZE bytes. Writes *out only on success. */
int lb_unix_pattern_parse(const char *text, struct lb_unix_pattern *out);

/* Whether a pattern matches a whole name, byte by byte in any locale. In
 * pathnames no wildcard matches a "/", nor a "." at the beginning or after a
 * "/". A backslash takes the next byte as it is, and \xHH is the byte HH. A
 * pattern also matches itself. Takes at most the product of both lengths. */
bool lb_unix_pattern_matches(const struct lb_unix_pattern *pattern,
                             const struct lb_unix_name *name);

#endif
