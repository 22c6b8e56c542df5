/* SPDX-License-Identifier: MIT */
/* Carries netlink requests to sock_diag and reads files under /proc, for one
 * network namespace. There are three:
 *
 *   kernel_transport.h  asks the running kernel
 *   recorder.h          passes all on to another one, and writes the answers to
 *                       a file
 *   replay.h            answers from such a file
 *
 * source.h, above, knows what to ask and what to ask again. */
#ifndef LB_KERNEL_TRANSPORT_H
#define LB_KERNEL_TRANSPORT_H

#include "kernel/sock.h"

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a request is for. The numbers are part of recordings. */
enum lb_query_kind {
  LB_QUERY_TCP_SOCKS,  /* listening TCP sockets */
  LB_QUERY_UNIX_SOCKS, /* listening UNIX sockets */
  LB_QUERY_CONNS,      /* TCP connections that no accept() has taken */
  LB_QUERY_PENDING,    /* connections that wait at one UNIX socket */
  LB_QUERY_MPTCP,      /* MPTCP connections whose client has closed */
  LB_QUERY_UNIX_CONNS, /* UNIX connections that servers have accepted */
  LB_QUERY_KINDS
};

/* The numbers are part of recordings. */
enum lb_file {
  LB_FILE_NETSTAT,   /* /proc/net/netstat */
  LB_FILE_SOMAXCONN, /* /proc/sys/net/core/somaxconn */
  LB_FILE_SNMP,      /* /proc/net/snmp */
  LB_FILES
};

/* Receives each datagram of an answer as the kernel sent it. Returns 1 if more
 * must come, 0 if the answer is complete, -errno if it is of no use. */
struct lb_datagram_handler {
  int (*handle)(void *data, const void *bytes, size_t len);
  void *data;
};

/* Queries of LB_QUERY_CONNS and the kinds after it are for inspections, the
 * others for samples: one of each may be under way at the same time, in two
 * threads. */
struct lb_transport {
  /* Sends a request, in which it may set nlmsg_seq and nlmsg_pid, and hands the
   * datagrams of the answer to the handler until that does not return 1.
   * Returns the handler's 0 or -errno, or the -errno of the transport. */
  int (*dump)(struct lb_transport *transport, enum lb_query_kind kind,
              struct nlmsghdr *request, struct lb_datagram_handler handler);

  /* Ends a query, for which there may have been several dumps or none: status
   * is what they came to, *cost_ns the CPU time that they took in ns. Returns
   * the status; a replay returns the recorded status and sets the recorded
   * time. */
  int (*end_query)(struct lb_transport *transport, enum lb_query_kind kind,
                   int status, uint64_t *cost_ns);

  /* Reads a whole file into buf and appends a NUL. Returns its length without
   * that; -EFBIG if it does not fit; or another -errno. */
  ssize_t (*read_file)(struct lb_transport *transport, enum lb_file file,
                       char *buf, size_t size);

  /* Closes what keeps the namespace alive, until it is used again. Not while a
   * query is under way. */
  void (*rest)(struct lb_transport *transport);

  /* Frees it. */
  void (*close)(struct lb_transport *transport);

  /* Checks the file at a path, for the own namespace: see file_check.h. */
  int (*check_file)(struct lb_transport *transport, const char *path,
                    const struct lb_file_id *file);

  /* Finds the file at a path of the configuration: see file_check.h. */
  int (*find_file)(struct lb_transport *transport, const char *path,
                   bool by_mount, struct lb_file_id *out);
};

#endif
