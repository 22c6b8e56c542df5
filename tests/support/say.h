/* SPDX-License-Identifier: MIT */
/* Whole outputs as text, to be compared with a literal. */
#ifndef LB_SAY_H
#define LB_SAY_H

#include "base/unix_names.h"
#include "core/settings.h"
#include "kernel/sock.h"

/* A whole output, written down to be compared with a literal. */
struct text {
  char at[16384];
  size_t len;
};

__attribute__((format(printf, 2, 3))) void say(struct text *text,
                                               const char *format, ...);

/* Whether texts show this reading. A new reading has its own test and need not
 * appear here: then no other test changes. */
bool is_said(const char *reading);

/* In quotes; \xHH is a byte that is no printable ASCII. */
void say_path(struct text *text, const struct lb_unix_name *path);

void say_unix_sock(struct text *text, const struct lb_listen_sock *row,
                   const struct lb_unix_names *paths);

void say_socks(struct text *text, const struct lb_listen_socks *rows);

void say_ports(struct text *text, unsigned first, unsigned last);

/* A line for each selection and each namespace, "others but PORTS" for
 * ListeningPorts, "other paths but PATHS" for ListeningPaths. */
void say_settings(struct text *text, const struct lb_settings *settings);

/* Adds a namespace to sample, and returns it from the settings. */
const struct lb_netns_spec *add_netns(struct lb_settings *settings,
                                      const char *text, bool for_all);

#endif
