/* SPDX-License-Identifier: MIT */
/* Who serves a listening socket: process and systemd unit, of this host. */
#ifndef LB_PROBE_SERVERS_H
#define LB_PROBE_SERVERS_H

#include "kernel/cgroups.h"
#include "kernel/processes.h"
#include "kernel/sock.h"

/* All 0 at first. */
struct lb_servers {
  struct lb_cgroups cgroups;
  struct lb_holders *holders; /* by inode, of all sockets asked for */
  size_t len;
  bool was_denied; /* some processes could not be read */
};

/* Finds the processes of these sockets, if some socket is new: reads the
 * descriptors of all processes. Returns 0 or -errno. */
int lb_servers_find(struct lb_servers *servers, const uint32_t *inodes,
                    size_t len);

/* After that: the processes of one socket, or NULL. */
const struct lb_holders *lb_servers_holders(const struct lb_servers *servers,
                                            uint32_t inode);

/* Writes the unit that created the socket, else that its process is in. Returns
 * false if it is unknown. */
bool lb_servers_unit(struct lb_servers *servers,
                     const struct lb_listen_sock *sock,
                     char unit[static LB_UNIT_SIZE]);

/* Copies the name of a process or unit, which can have any bytes: what is no
 * printable ASCII becomes "_", so that it is one word and moves no cursor.
 * Returns out. */
const char *lb_clean_name(char out[static LB_UNIT_SIZE], const char *name);

void lb_servers_free(struct lb_servers *servers);

#endif
