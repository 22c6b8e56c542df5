/* SPDX-License-Identifier: MIT */
/* The plugin instance that a listener has in collectd. */
#ifndef LB_LABEL_H
#define LB_LABEL_H

#include <stdbool.h>
#include <stdint.h>

#define LB_LABEL_SIZE 128 /* collectd's DATA_MAX_NAME_LEN, NUL included */

/* A port's label is its number. */
void lb_label_of_port(char label[static LB_LABEL_SIZE], uint16_t port);

/* The port whose label this is, or 0: "80" is one, "080" and "80a" are not. */
uint16_t lb_label_port(const char *label);

/* Whether a user's name serves as a label unchanged: 1 to 127 bytes, no "/",
 * which collectd turns into "_", no control characters. */
bool lb_label_is_valid(const char *name);

#endif
