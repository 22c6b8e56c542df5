/* SPDX-License-Identifier: MIT */
/* Hints: sockets with a limit that net.core.somaxconn explains.
 *
 * listen() silently lowers the backlog that it is given to somaxconn, and a
 * later change of somaxconn has no effect until the next listen()
 * (__sys_listen_socket(), net/socket.c). So there are two hints:
 *
 * at_somaxconn      the limit equals somaxconn: perhaps it was lowered
 * somaxconn_raised  after that, somaxconn was raised above the limit
 *
 * Each socket gives each hint once. */
#ifndef LB_CORE_HINTS_H
#define LB_CORE_HINTS_H

#include "core/listeners.h"
#include "core/socket_table.h"

/* Adds the new hints of the sockets in the last sample to their listeners. A
 * socket without a listener that is reported keeps its hint for later. */
void lb_hints_find(struct lb_socket_table *table,
                   struct lb_listeners *listeners, uint32_t somaxconn);

#endif
