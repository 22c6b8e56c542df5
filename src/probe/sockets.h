/* SPDX-License-Identifier: MIT */
/* The listening sockets of an interval, the fullest first. */
#ifndef LB_PROBE_SOCKETS_H
#define LB_PROBE_SOCKETS_H

#include "core/collector.h"
#include "probe/arguments.h"
#include "probe/servers.h"

struct lb_socket_line {
  char label[LB_LABEL_SIZE]; /* of the listener */
  struct lb_listen_sock sock;
  struct lb_unix_name name; /* len 0: a TCP socket */
};

struct lb_socket_lines {
  struct lb_socket_line *v; /* owned */
  size_t len;
  size_t cap;
};

/* Adds a copy. Returns 0 or -ENOMEM. */
int lb_socket_lines_add(struct lb_socket_lines *lines,
                        const struct lb_socket_view *view);

/* Sorts them, and prints a table or, with --format json, the members of an
 * array, the first one without a comma before it if *is_first. netns: the label
 * of their namespace. servers finds the processes, except for a replay. Returns
 * 0 or -errno. */
int lb_socket_lines_print(struct lb_socket_lines *lines, const char *netns,
                          const struct lb_arguments *arguments,
                          struct lb_servers *servers, bool *is_first);
void lb_socket_lines_free(struct lb_socket_lines *lines);

#endif
