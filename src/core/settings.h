/* SPDX-License-Identifier: MIT */
/* What to report: the plain struct in which configuration and survey meet. */
#ifndef LB_CORE_SETTINGS_H
#define LB_CORE_SETTINGS_H

#include "base/ports.h"
#include "base/unix_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where to look besides the own network namespace. */
struct lb_netns_spec {
  char *path;  /* owned; NULL: "*", all that lb_netns_list() finds */
  char *label; /* owned; of what is reported from there; NULL with "*" */
  bool global; /* all selections that name no place apply here, too */
};

/* One selected listener. Its ports, addresses, paths and places stand in the
 * arrays of the settings, from the index on. */
struct lb_selection {
  char *name; /* owned label; NULL: its one port's number is the label */
  size_t ports_at;
  size_t ports_len;
  size_t addresses_at;
  size_t addresses_len; /* 0: its ports bound to any address */
  size_t paths_at;
  size_t paths_len;
  size_t places_at;  /* in place_refs */
  size_t places_len; /* 0: the own namespace and all global places */
};

/* IPv4 as ::ffff:a.b.c.d, network order: as struct lb_listen_sock has it. */
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
  struct lb_unix_name *paths;
  size_t paths_len;
  uint32_t *place_refs; /* indices into places */
  size_t place_refs_len;
  struct lb_netns_spec *places; /* no two of one path */
  size_t places_len;

  bool listening_ports;               /* report every other port listened on */
  struct lb_portset ignored;          /* save these */
  bool listening_paths;               /* report every other UNIX socket */
  struct lb_unix_name *ignored_paths; /* save these */
  size_t ignored_paths_len;
  struct lb_portset labelled; /* whose number is a selection's label */

  double sample_s; /* between looks within the interval; 0: none */
  bool inspect;    /* walk the waiting connections */
};

void lb_settings_free(struct lb_settings *settings);

/* Adds a listener that reports under its port number. 0, -ENOMEM, or -EEXIST
 * where another has this label. */
int lb_settings_add_port(struct lb_settings *settings, uint16_t port);

/* Adds one that reports under its path (label.h). 0, -ENOMEM, or -EEXIST as
 * above. */
int lb_settings_add_unix_name(struct lb_settings *settings,
                              const struct lb_unix_name *path);

/* A listener under a name of the user's, out of several selectors. */
struct lb_service {
  const char *name;
  const struct lb_ports *ports;
  size_t ports_len;
  const struct lb_address *addresses; /* of the ports */
  size_t addresses_len;
  const struct lb_unix_name *paths;
  size_t paths_len;
  const uint32_t *places; /* as lb_settings_add_netns() numbers them */
  size_t places_len;
};

/* Adds one; everything is copied. Errors as above. */
int lb_settings_add(struct lb_settings *settings,
                    const struct lb_service *service);

/* Whether a text is a place: a name under /run/netns, an absolute path, or "*".
 * 0, -EINVAL, or -ENAMETOOLONG where it is longer than a label. */
int lb_netns_spec_check(const char *text);

/* Adds a place, or finds it where it is there already. Its label is the name,
 * or the path's (label.h). 0, -ENOMEM, -EEXIST where another place or selection
 * has the label, or an error as above. */
int lb_settings_add_netns(struct lb_settings *settings, const char *text,
                          uint32_t *out);

/* Takes back the places from this number on, which no selection has. */
void lb_settings_drop_netns(struct lb_settings *settings, size_t from);

/* Leaves a UNIX socket out of what listening_paths reports. 0 or -ENOMEM. */
int lb_settings_ignore_unix_name(struct lb_settings *settings,
                                 const struct lb_unix_name *path);

/* Whether a selection or a namespace reports under a label. */
bool lb_settings_has_label(const struct lb_settings *settings,
                           const char *label);

/* Whether the selection takes every socket of the port, wherever bound, in
 * every namespace that others are looked for in. */
bool lb_settings_takes_port(const struct lb_settings *settings,
                            const struct lb_selection *selection,
                            uint16_t port);

/* A namespace that is looked at. */
struct lb_netns_ref {
  const char *path;  /* NULL: the own one */
  const char *label; /* of what is reported from there; "" for the own one */
  bool listed;       /* one of those that "*" stands for */
};

/* Whether selections that name no place, and listening_ports and
 * listening_paths, apply in a namespace. */
bool lb_settings_apply(const struct lb_settings *settings,
                       const struct lb_netns_ref *scope);

/* Whether a selection does. */
bool lb_selection_applies(const struct lb_settings *settings,
                          const struct lb_selection *selection,
                          const struct lb_netns_ref *scope);

/* Whether its label is its name, with no namespace before it: it is looked for
 * in the own namespace, or in one place of its own. */
bool lb_selection_is_plain(const struct lb_settings *settings,
                           const struct lb_selection *selection,
                           const struct lb_netns_ref *scope);

/* Parses a numeric IPv4 or IPv6 address. 0 or -EINVAL. */
int lb_address_parse(const char *text, struct lb_address *out);

/* Parses a UNIX socket as users write it: a pathname as the server gives it to
 * bind(), or "@" and an abstract name, in which \xHH is the byte HH. 0, or
 * -EINVAL for an empty name and a bad \xHH, -ENAMETOOLONG beyond what sun_path
 * holds. */
int lb_unix_name_parse(const char *text, struct lb_unix_name *out);

#define LB_UNIX_NAME_FORM                                                      \
  "a pathname as the server gives it to bind(), like \"/run/gunicorn.sock\", " \
  "or an abstract name like \"@name\", of at most 108 bytes"
#define LB_NETNS_FORM "a name under /run/netns, an absolute path, or \"*\""

#endif
