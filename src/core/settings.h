/* SPDX-License-Identifier: MIT */
/* What to report: the plain structs that the configuration fills and the
 * listeners read. */
#ifndef LB_CORE_SETTINGS_H
#define LB_CORE_SETTINGS_H

#include "base/address.h"
#include "base/netns_spec.h"
#include "base/ports.h"
#include "base/unix_pattern.h"
#include "kernel/containers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The configuration item that a selection comes from. */
enum lb_selected_by {
  LB_BY_LISTENER,   /* a <Listener> block, with a label that the user chose */
  LB_BY_LOCAL_PORT, /* one port: the label is its number */
  LB_BY_LOCAL_PATH, /* one UNIX name: the label is made of it (label.h) */
};

/* One listener that users selected: every socket that has one of the ports and
 * one of the addresses, or one of the UNIX names, or a name that one of the
 * patterns matches. Owns what it points to. */
struct lb_selection {
  enum lb_selected_by by;
  char *label;
  struct lb_ports *ports;
  size_t ports_len;
  struct lb_address *addresses;
  size_t addresses_len; /* 0: any address */
  struct lb_unix_name *unix_names;
  size_t unix_names_len;
  struct lb_unix_pattern *patterns;
  size_t patterns_len;
  struct lb_netns_spec *netns;
  size_t netns_len; /* 0: see lb_settings_apply() */
};

/* A namespace to sample, besides our own. */
struct lb_settings_netns {
  struct lb_netns_spec spec;
  bool for_all; /* for every selection that names no namespace */
};

/* When the waiting connections are inspected. */
enum lb_inspect {
  LB_INSPECT_NEVER,
  LB_INSPECT_ALWAYS, /* in every interval */
  LB_INSPECT_AUTO,   /* if a connection waits at the read; half-open ones if the
                        SYN queue is in trouble */
};

struct lb_settings {
  struct lb_selection *selections; /* no two with one label */
  size_t selections_len;
  struct lb_settings_netns *netns; /* no two with one path or label */
  size_t netns_len;

  bool listening_ports;               /* report every other TCP port */
  struct lb_portset ignored;          /* except these */
  bool listening_paths;               /* report every other UNIX name */
  struct lb_unix_name *ignored_paths; /* except these */
  size_t ignored_paths_len;
  struct lb_unix_pattern *patterns; /* report each UNIX name that matches one */
  size_t patterns_len;
  struct lb_unix_pattern *ignored_patterns; /* except these from others */
  size_t ignored_patterns_len;
  struct lb_portset port_labels; /* ports whose number is a selection's label */

  double sample_s; /* between samples within the interval; 0: no samples */
  enum lb_inspect inspect;
};

/* Frees what the struct owns and clears it, for another use. */
void lb_settings_free(struct lb_settings *settings);
void lb_selection_free(struct lb_selection *selection);

/* Adds a copy of a selection, which needs a label. Returns 0, -ENOMEM, or
 * -EEXIST if a selection or a namespace has this label. */
int lb_settings_add(struct lb_settings *settings,
                    const struct lb_selection *selection);

/* Adds the selection of one port, or of one UNIX name. Errors as above. */
int lb_settings_add_port(struct lb_settings *settings, uint16_t port);
int lb_settings_add_unix_name(struct lb_settings *settings,
                              const struct lb_unix_name *name);

/* Adds a namespace to sample; one with the same path keeps its label, and is
 * for_all as soon as one call says so. Errors as above. */
int lb_settings_add_netns(struct lb_settings *settings,
                          const struct lb_netns_spec *spec, bool for_all);

/* Excludes a UNIX name from listening_paths. Returns 0 or -ENOMEM. */
int lb_settings_ignore_unix_name(struct lb_settings *settings,
                                 const struct lb_unix_name *name);

/* The same for the names that a pattern matches: each is reported as long as it
 * has a socket, or they are excluded. Return 0 or -ENOMEM. */
int lb_settings_add_pattern(struct lb_settings *settings,
                            const struct lb_unix_pattern *pattern);
int lb_settings_ignore_pattern(struct lb_settings *settings,
                               const struct lb_unix_pattern *pattern);

/* Whether a selection or a namespace has this label. "" is the label of our own
 * namespace. */
bool lb_settings_has_label(const struct lb_settings *settings,
                           const char *label);

/* A namespace that is being sampled. Its owner keeps the strings. */
struct lb_netns_ref {
  const char *path;                 /* NULL: our own namespace */
  const char *label;                /* "" for our own; NULL: it has none yet */
  bool listed;                      /* "*" stands for it */
  bool is_foreign;                  /* a user may have chosen the label */
  struct lb_containers *containers; /* found ports are under the name of the
                                       container that has the socket; NULL:
                                       under the label of the namespace */
};

/* Whether it is our own namespace, or the configuration names it. */
bool lb_settings_name_netns(const struct lb_settings *settings,
                            const struct lb_netns_ref *ref);

/* Whether listening_ports, listening_paths and selections that name no
 * namespace apply in this one. */
bool lb_settings_apply(const struct lb_settings *settings,
                       const struct lb_netns_ref *ref);

/* Whether this selection applies in a namespace. */
bool lb_selection_applies(const struct lb_settings *settings,
                          const struct lb_selection *selection,
                          const struct lb_netns_ref *ref);

/* Whether the label comes without the namespace's label in front: in our own
 * namespace, and if the selection names exactly one. */
bool lb_selection_is_plain(const struct lb_selection *selection,
                           const struct lb_netns_ref *ref);

/* Writes the item of the configuration: LocalPort "80", LocalPath "/run/a" or
 * <Listener "api">. */
#define LB_SELECTION_TEXT_SIZE (LB_LABEL_SIZE + 16)
void lb_selection_format(const struct lb_selection *selection,
                         char text[static LB_SELECTION_TEXT_SIZE]);

/* Whether the selection has every socket of the port, in every namespace where
 * listening_ports applies. */
bool lb_selection_has_port(const struct lb_selection *selection, uint16_t port);

#endif
