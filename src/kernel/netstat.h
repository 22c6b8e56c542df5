/* SPDX-License-Identifier: MIT */
/* The counters of a network namespace, from /proc/net/netstat and
 * /proc/net/snmp, and the number in a sysctl file. */
#ifndef LB_KERNEL_NETSTAT_H
#define LB_KERNEL_NETSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Segments and cookies since the namespace was made, for all its listening
 * sockets together. They are unsigned long: in a 32-bit kernel they wrap. */
enum lb_mib {
  LB_MIB_LISTEN_DROPS, /* ListenDrops: tcp_listendrop(), include/net/tcp.h */
  LB_MIB_LISTEN_OVERFLOWS, /* ListenOverflows: those because of a full accept
                              queue */
  LB_MIB_REQQ_FULL_DROP,   /* TCPReqQFullDrop: SYN queue full, cookies off */
  LB_MIB_SYNCOOKIES_SENT,  /* SyncookiesSent */
  LB_MIBS
};

struct lb_netstat {
  uint64_t counter[LB_MIBS];
  unsigned present; /* bit 1 << counter: this kernel has it */
};

/* Parses the text of the file: pairs of a line of names and a line of values
 * with the same prefix. 0; or -EBADMSG, and out is unchanged, if there is no
 * whole TcpExt pair or a value is not a number. A name that the kernel lacks is
 * not in present. */
int lb_netstat_parse(const char *text, struct lb_netstat *out);

/* Whether the text says that a listening socket of MPTCP has got a client: the
 * counter MPCapableSYNRX, of subflow_check_req(), net/mptcp/subflow.c. */
bool lb_netstat_has_mptcp(const char *text);

/* Parses the text of /proc/net/snmp: the connections that have completed their
 * handshake at a listening socket, Tcp PassiveOpens
 * (tcp_create_openreq_child(), net/ipv4/tcp_minisocks.c). 0; -ENODATA if the
 * kernel lacks it; or -EBADMSG; out is unchanged if not 0. */
int lb_snmp_parse(const char *text, uint64_t *arrivals);

/* How far a counter has moved. Those of a 32-bit kernel wrap; any other step
 * back counts as 0. */
uint64_t lb_mib_increment(uint64_t before, uint64_t now);

/* Parses the text of a sysctl file that holds one number. 0; or -EBADMSG, and
 * out is unchanged. */
int lb_sysctl_parse(const char *text, uint32_t *out);

#endif
