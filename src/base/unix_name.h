/* SPDX-License-Identifier: MIT */
/* The name of one UNIX socket: a pathname or an abstract name. */
#ifndef LB_BASE_UNIX_NAME_H
#define LB_BASE_UNIX_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LB_UNIX_NAME_SIZE                                                      \
  108 /* bytes in sun_path: UNIX_PATH_MAX, linux/un.h                          \
       */

/* What lb_unix_name_format() writes at most, with the NUL. */
#define LB_UNIX_NAME_TEXT_SIZE (4 * LB_UNIX_NAME_SIZE + 1)

/* A pathname as the server gave it to bind(), without its NUL; or an abstract
 * name: a NUL, then any bytes, none of the last ones NUL. */
struct lb_unix_name {
  uint8_t len;
  char bytes[LB_UNIX_NAME_SIZE];
};

/* The name in the len bytes of sun_path that the kernel shows. A pathname ends
 * at its first NUL. An abstract name loses the NULs at its end, because servers
 * that pass a whole sockaddr_un to bind() get them. len 0: no name. */
struct lb_unix_name lb_unix_name_of(const char *sun_path, size_t len);

/* Parses a pathname, or "@" and an abstract name, in which \xHH is the byte HH.
 * Returns 0, -EINVAL for an empty name or a bad \xHH, -ENAMETOOLONG for more
 * than LB_UNIX_NAME_SIZE bytes; writes *out only on success. */
int lb_unix_name_parse(const char *text, struct lb_unix_name *out);

/* Whether a configured name can hardly be meant: it has a space at either end,
 * a
 * ",", a ";" or a "/" at its end, or a scheme in front, like "unix:/run/a",
 * "unix@a" or "http://a". */
bool lb_unix_name_is_odd(const char *text);

/* An order of names: < 0, 0 or > 0. */
int lb_unix_name_compare(const struct lb_unix_name *a,
                         const struct lb_unix_name *b);

/* Writes the name as lb_unix_name_parse() reads it, with \xHH for a space and
 * for every byte that is not printable ASCII, in pathnames too. */
void lb_unix_name_format(const struct lb_unix_name *name,
                         char text[static LB_UNIX_NAME_TEXT_SIZE]);

#endif
