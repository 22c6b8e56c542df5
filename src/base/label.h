/* SPDX-License-Identifier: MIT */
/* The plugin instance that a listener has in collectd. */
#ifndef LB_BASE_LABEL_H
#define LB_BASE_LABEL_H

#include "base/unix_name.h"

#include <stdbool.h>
#include <stdint.h>

#define LB_LABEL_SIZE 128 /* collectd's DATA_MAX_NAME_LEN, NUL included */

/* A port's label is its number. */
void lb_label_of_port(char label[static LB_LABEL_SIZE], uint16_t port);

/* The port whose label this is, or 0: "80" is one, "080" and "80a" are not. */
uint16_t lb_label_port(const char *label);

/* A UNIX socket's label is its path without the leading slash, with "-" for "/"
 * and "_" for each space and each byte that is no printable ASCII; an abstract
 * name keeps its "@" in front. */
void lb_label_of_unix_name(char label[static LB_LABEL_SIZE],
                           const struct lb_unix_name *path);

/* The same for a namespace's path or name of any length. 0 or -ENAMETOOLONG. */
int lb_label_of_netns(char label[static LB_LABEL_SIZE], const char *place);

/* "NETNS:LABEL", or the label alone where netns is "". 0, or -ENAMETOOLONG
 * where it does not fit, which would make two labels one. */
int lb_label_in(char label[static LB_LABEL_SIZE], const char *netns,
                const char *own);

/* Whether a user's name serves as a label unchanged: 1 to 127 bytes, no "/",
 * which collectd turns into "_", no control characters. */
bool lb_label_is_valid(const char *name);

#endif
