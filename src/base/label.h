/* SPDX-License-Identifier: MIT */
/* Labels: the plugin instances under which collectd gets listeners and
 * namespaces. */
#ifndef LB_BASE_LABEL_H
#define LB_BASE_LABEL_H

#include "base/unix_name.h"

#include <stdbool.h>
#include <stdint.h>

#define LB_LABEL_SIZE 128 /* collectd's DATA_MAX_NAME_LEN, with the NUL */

/* A port's label is its number. */
void lb_label_of_port(char label[static LB_LABEL_SIZE], uint16_t port);

/* Returns the port that has this label, or 0: "080" and "80a" are no port's. */
uint16_t lb_label_port(const char *label);

/* A UNIX socket's label is its name without the leading slash, with "-" for "/"
 * and "_" for each ";", each space and each byte that is not printable ASCII.
 * An abstract name starts with "@", a relative one with ".-": anybody can bind
 * "80" in a directory of their own, and that must not be the label of a port.
 */
void lb_label_of_unix_name(char label[static LB_LABEL_SIZE],
                           const struct lb_unix_name *name);

/* The same for the name or path of a network namespace. Returns 0, or
 * -ENAMETOOLONG if it does not fit. */
int lb_label_of_netns(char label[static LB_LABEL_SIZE], const char *name);

/* Writes "NETNS:OWN", or OWN if netns is "". Returns 0, or -ENAMETOOLONG if it
 * does not fit: cut off, two labels could become one. */
int lb_label_in(char label[static LB_LABEL_SIZE], const char *netns,
                const char *own);

/* Whether collectd and its writers keep a name unchanged as a label: 1 to 127
 * bytes, no "/", no ";" and no control characters. */
bool lb_label_is_valid(const char *name);

#endif
