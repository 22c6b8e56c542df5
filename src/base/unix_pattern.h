/* SPDX-License-Identifier: MIT */
/* A shell pattern for the names of UNIX sockets, as in glob(7): fnmatch(3). */
#ifndef LB_BASE_UNIX_PATTERN_H
#define LB_BASE_UNIX_PATTERN_H

#include "base/unix_name.h"

#include <stdbool.h>

/* As it is configured. It begins with "@" for abstract names. */
struct lb_unix_pattern {
  uint8_t len;
  char text[LB_UNIX_NAME_SIZE + 1];
};

/* Whether a configured name is a pattern: it has a "*", a "?" or a "[". */
bool lb_unix_is_pattern(const char *text);

/* Returns 0; -EINVAL if it begins with a wildcard; -EILSEQ if it has a "\x", as
 * \xHH is for names; or -ENAMETOOLONG for more than LB_UNIX_NAME_SIZE bytes.
 * Writes *out only on success. */
int lb_unix_pattern_parse(const char *text, struct lb_unix_pattern *out);

/* Whether a pattern matches a whole name, byte by byte in any locale. In
 * pathnames no wildcard matches a "/", nor a "." at the beginning or after a
 * "/". A NUL in an abstract name is "@", as ss(8) and /proc/net/unix show it. A
 * backslash takes the next byte as it is. A pattern also matches itself. */
bool lb_unix_pattern_matches(const struct lb_unix_pattern *pattern,
                             const struct lb_unix_name *name);

#endif
