/* SPDX-License-Identifier: MIT */
/* What collector.c and collector_readings.c share. */
#ifndef LB_CORE_COLLECTOR_INTERNAL_H
#define LB_CORE_COLLECTOR_INTERNAL_H

#include "core/arrivals.h"
#include "core/attribution.h"
#include "core/collector.h"
#include "core/hints.h"
#include "core/socket_table.h"
#include "core/unix_files.h"
#include "kernel/netstat.h"

#define LB_NEVER UINT32_MAX

struct lb_collector {
  enum lb_inspect inspect;
  struct lb_source *source;
  struct lb_unix_names *unix_names;
  struct lb_listeners *listeners;
  struct lb_socket_table table;
  struct lb_listen_socks socks; /* the last dump */
  struct lb_attribution attribution;
  struct lb_arrivals arrivals;
  struct lb_hints hints;
  struct lb_unix_files files;

  struct lb_sent sent;  /* of the namespace */
  uint32_t interval;    /* number, from 1 */
  uint32_t counts_from; /* interval, or LB_NEVER; 0: the namespace was new */
  bool has_ended;       /* the next sample begins another interval */
  uint64_t syn_trouble; /* SYNs that met a full SYN queue, at the end of the
                           interval before; see knows_syn_trouble */
  bool knows_syn_trouble;
  bool awaits_owner; /* a socket had to wait for its owner */
  bool has_sample;   /* the listeners have what the last sample showed */
  unsigned asked;    /* parts of the last sample */
  unsigned known;    /* of these, the ones that it has */
  int tcp_err;       /* of the last dump of TCP sockets: no tcp_diag */
  int unix_err;      /* of the last dump of UNIX sockets */
  bool has_counters; /* they are up to date with the last sample */
  bool has_netstat;  /* without it: those of the namespace are */
  struct lb_netstat netstat;
  int netstat_err;
  uint32_t somaxconn;
  bool has_somaxconn;
  bool knows_mptcp; /* has_mptcp is known */
  bool has_mptcp;   /* a socket of MPTCP has had a client */
};

#endif
