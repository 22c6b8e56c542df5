/* SPDX-License-Identifier: MIT */
/* A scripted kernel: a transport that answers with netlink bytes built from its
 * sockets, connections and counters. A test moves these, also between the reads
 * of one sample, as a real kernel does. */
#ifndef LB_SCRIPT_H
#define LB_SCRIPT_H

#include "core/collector.h"
#include "kernel/port_filter.h"
#include "kernel/source.h"

#include "unit.h"

enum { MAX_SOCKETS = 80, MAX_CONNS = 64 };

struct listening {
  struct lb_listen_sock row;
  struct lb_unix_name name; /* of a UNIX socket */
  uint32_t accepted;        /* connections of a UNIX socket */
  uint32_t closed;          /* waiting clients that have closed their socket */
  int pending_err;          /* of each query for its waiting connections */
  int file_err;             /* of each check of the file at its path */
};

/* A path of the configuration that leads to a file. */
struct linked {
  const char *path;
  struct lb_file_id file;
  uint32_t mounted_dev; /* if stat() has another device than the mount */
};

struct kernel {
  struct lb_transport transport; /* first: a kernel is a transport */
  struct lb_source source;       /* of source_of() */
  struct listening sockets[MAX_SOCKETS];
  size_t len;
  struct lb_conn conns[MAX_CONNS];
  size_t conns_len;
  uint64_t drops, overflows; /* ListenDrops, ListenOverflows */
  uint64_t syn_drops, cookies;
  uint64_t arrivals;  /* PassiveOpens; 0: a kernel without it */
  unsigned somaxconn; /* 0: cannot be read */

  struct linked links[4];
  size_t links_len;

  uint64_t hidden;   /* cookie that the next dumps leave out */
  int hidden_dumps;  /* so many of them; 0: one */
  int dump_err;      /* of each query for TCP sockets while set */
  int unix_err;      /* of each query for UNIX sockets, after some of them */
  int netstat_err;   /* of each read of /proc/net/netstat */
  int conns_err;     /* of each query for connections, after some of them */
  int mptcp_err;     /* of each query for those of MPTCP */
  uint64_t mptcp;    /* MPCapableSYNRX; 0: a kernel without MPTCP */
  bool no_overflows; /* a kernel without ListenOverflows */
  uint64_t cost_ns;  /* of each query of an inspection */
  uint64_t unix_cost_ns; /* of each query for UNIX sockets */
  /* Called before it answers: "dump", "paths", "netstat", "waiting",
   * "pending", "mptcp", "accepted"; or NULL */
  void (*before)(struct kernel *kernel, const char *read);
  unsigned seed;

  int dumps; /* queries so far, of each kind */
  int unix_dumps;
  int netstats;
  int snmps;
  int inspections;
  int pendings;
  int checks;
  int finds;
  int mptcps;
  int unix_conns;
  bool is_asking[LB_QUERY_KINDS]; /* a query that has begun, but not ended */
  bool asked_queued;              /* by the last query for connections */
  bool asked_accepted;
  size_t filter_len; /* the filter of ports of that query */
  _Alignas(4) char filter[LB_PORT_FILTER_SIZE];
};

/* It has nothing yet. */
struct kernel new_kernel(void);

/* A source over it. Free it with close_kernel(). */
struct lb_source *source_of(struct kernel *kernel);
void close_kernel(struct kernel *kernel);

/* The ports that the last query for connections asked for: " 80 443-444". */
void say_asked(struct text *text, const struct kernel *kernel);

/* --- what happens in it -------------------------------------------------- */

struct lb_address address(const char *text);

void bind_row(struct lb_listen_sock *row, const char *text);

struct lb_unix_name path(const char *text);

/* On any IPv4 address. */
struct lb_listen_sock *listen_on(struct kernel *kernel, uint64_t cookie,
                                 uint16_t port);

struct lb_listen_sock *listen_at(struct kernel *kernel, uint64_t cookie,
                                 const char *name);

struct listening *listening_of(struct kernel *kernel, uint64_t cookie);

struct lb_listen_sock *socket_of(struct kernel *kernel, uint64_t cookie);

void close_socket(struct kernel *kernel, uint64_t cookie);

/* n SYNs for a full accept queue */
void overflow(struct kernel *kernel, uint64_t cookie, uint32_t n);

/* n bare ACKs that TCP_DEFER_ACCEPT waits out, or SYNs of a scan */
void noise(struct kernel *kernel, uint64_t cookie, uint32_t n);

struct lb_conn conn(const char *local, uint16_t port, enum lb_conn_kind kind,
                    uint32_t wait_ms);

/* A client at 10.0.0.1. */
void connect_to(struct kernel *kernel, uint16_t port, enum lb_conn_kind kind,
                uint32_t wait_ms);

/* --- what is reported of it ---------------------------------------------- */

void say_reading(void *data, const struct lb_readings *reading);

#endif
