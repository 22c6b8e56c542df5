/* SPDX-License-Identifier: MIT */
/* inet_diag: the question for connections that wait for accept() or for the end
 * of their handshake, and one answer to one of them. Pure functions of buffers
 * that the caller owns. */
#ifndef LB_KERNEL_INET_CONN_H
#define LB_KERNEL_INET_CONN_H

#include "base/ports.h"
#include "kernel/conn.h"

#include <linux/netlink.h>
#include <stdbool.h>

/* Holds any request; align the buffer for struct nlmsghdr. An attribute has at
 * most 64 KiB. */
#define LB_CONN_REQUEST_SIZE (65536 + 256)

/* Builds the request for the connections of local ports: ranges that ascend and
 * neither touch nor overlap. queued: those in ESTABLISHED and CLOSE_WAIT as
 * well as those in SYN_RECV; else those in SYN_RECV alone, which spares the
 * kernel to describe every connection of the ports. family 0: both at once, by
 * TCPDIAG_GETSOCK; AF_INET or AF_INET6: by SOCK_DIAG_BY_FAMILY. Where there are
 * too many ranges for a filter there is none, and others answer as well.
 * Sequence number and portid are left 0. */
struct nlmsghdr *lb_inet_request_conns(char *buf, uint8_t family,
                                       const struct lb_ports *ports, size_t len,
                                       bool queued);

/* Parses one answer, whose nlmsg_len has been checked. 0; 1 where it is none
 * that waits, and conn undefined; -EBADMSG where it is no whole answer. */
int lb_inet_parse_conn(const struct nlmsghdr *msg, struct lb_conn *conn);

#endif
