/* SPDX-License-Identifier: MIT */
/* What to report: the plain struct in which configuration and survey meet. */
#ifndef LB_SETTINGS_H
#define LB_SETTINGS_H

#include "ports.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One selected listener. Its ports and addresses stand in the arrays of the
 * settings, from the index on. */
struct lb_selection {
  char *name; /* owned; NULL: its one port's number is the label */
  size_t ports_at;
  size_t ports_len;
  size_t addresses_at;
  size_t addresses_len; /* 0: bound to any address */
};

/* IPv4 as ::ffff:a.b.c.d, network order: as struct lb_row has it. */
struct lb_address {
  uint8_t bytes[16];
};

struct lb_settings {
  struct lb_selection *selections;
  size_t selections_len;
  struct lb_ports *ports;
  size_t ports_len;
  struct lb_address *addresses;
  size_t addresses_len;
  bool listening_ports;       /* report every other port that is listened on */
  struct lb_portset ignored;  /* save these */
  struct lb_portset labelled; /* whose number is a selection's label */
};

void lb_settings_free(struct lb_settings *settings);

/* Adds a listener that reports under its port number. 0, -ENOMEM, or -EEXIST
 * where another has this label. */
int lb_settings_add_port(struct lb_settings *settings, uint16_t port);

/* Adds one under a name; everything is copied. Errors as above. */
int lb_settings_add(struct lb_settings *settings, const char *name,
                    const struct lb_ports *ports, size_t ports_len,
                    const struct lb_address *addresses, size_t addresses_len);

bool lb_settings_has_label(const struct lb_settings *settings,
                           const char *label);

/* Whether the selection takes every socket of the port, wherever bound. */
bool lb_settings_takes_port(const struct lb_settings *settings,
                            const struct lb_selection *selection,
                            uint16_t port);

/* Parses a numeric IPv4 or IPv6 address. 0 or -EINVAL. */
int lb_address_parse(const char *text, struct lb_address *out);

#endif
