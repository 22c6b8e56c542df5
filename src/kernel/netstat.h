/* SPDX-License-Identifier: MIT */
/* The TcpExt counters of a network namespace, out of /proc/net/netstat. */
#ifndef LB_KERNEL_NETSTAT_H
#define LB_KERNEL_NETSTAT_H

#include <stddef.h>
#include <stdint.h>

/* Segments and cookies since the namespace was made, of all its listeners
 * together. They are unsigned long in the kernel: a 32-bit one wraps. */
enum lb_mib {
  LB_MIB_LISTEN_DROPS, /* ListenDrops: tcp_listendrop(), include/net/tcp.h */
  LB_MIB_LISTEN_OVERFLOWS, /* ListenOverflows: of these, accept queue full */
  LB_MIB_REQQ_FULL_DROP,   /* TCPReqQFullDrop: SYN queue full, no cookies */
  LB_MIB_SYNCOOKIES_SENT,  /* SyncookiesSent */
  LB_MIBS
};

struct lb_netstat {
  uint64_t counter[LB_MIBS];
  unsigned present; /* bit 1 << counter: this kernel has it */
};

/* Parses the text of the file: a line of names and a line of values, each pair
 * with its prefix. 0, or -EBADMSG, and out untouched, where there is no whole
 * TcpExt pair or a value is no number. A name that is absent is absent. */
int lb_netstat_parse(const char *text, struct lb_netstat *out);

/* Parses the one number of a sysctl file. 0 or -EBADMSG. */
int lb_sysctl_parse(const char *text, uint32_t *out);

#endif
