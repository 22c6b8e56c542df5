/* SPDX-License-Identifier: MIT */
/* One listener: what is reported under one label, as the sum of its sockets. */
#ifndef LB_CORE_LISTENER_H
#define LB_CORE_LISTENER_H

#include "core/readings.h"
#include "core/recent.h"
#include "kernel/sock.h"

struct lb_selection;

/* Sums over the sockets of one sample; queue and limit in connections. */
struct lb_listener_sample {
  uint64_t queue;
  uint64_t limit;
  uint32_t sockets;
  bool has_tcp; /* some of the sockets */
};

struct lb_listener_interval {
  uint64_t peak;    /* highest queue of any sample */
  uint32_t samples; /* in which it had a socket */
  uint32_t busy;    /* of these, in which a connection waited */
  uint32_t full;    /* sockets that were full in some sample */
  double fill;      /* percent: the highest of any socket in any sample */
};

/* Since the first sample: these never go back. */
struct lb_listener_attribution {
  uint64_t drops;
  uint64_t overflows;
};

/* As of the end of the interval before. */
struct lb_listener_before {
  bool had_sockets;
  bool was_seen; /* some sample so far showed a socket */
  struct lb_listener_attribution attribution;
};

/* What the inspection of this interval found, in connections. */
struct lb_listener_inspection {
  uint64_t queue;       /* of the TCP sockets, as far as it lasted */
  uint64_t visible;     /* waiting connections that the kernel showed */
  uint64_t abandoned;   /* the client has closed or reset them */
  uint64_t syn;         /* half-open connections */
  uint64_t active;      /* accepted connections */
  uint32_t wait_ms;     /* of the longest-waiting visible one */
  bool done;            /* else all of this is unknown */
  bool has_active;      /* accepted connections were counted */
  bool has_syn;         /* half-open connections were asked for */
  bool lacks_abandoned; /* unknown for some socket */
};

/* From interval to interval: see hints.h. */
struct lb_listener_hints {
  uint32_t at_somaxconn;    /* sockets whose limit is somaxconn */
  uint32_t below_somaxconn; /* sockets whose limit was somaxconn before */
  uint32_t limit;           /* that the hints are about */
  uint64_t cgroup;          /* of one of these sockets; 0: unknown */
  bool has_limit;
  unsigned due;       /* bit 1 << enum lb_hint_kind */
  unsigned told;      /* the same */
  uint64_t overflows; /* at the end of the last interval */
};

/* A nested struct belongs to the module that it is named after: only that
 * module writes it. The listeners write sample, interval and before; sent
 * belongs to the sender, overflows to the collector. */
struct lb_listener {
  const char *label; /* NULL: it could have none, so it is not reported */
  const struct lb_selection *selection; /* NULL: found */
  bool has_ports;
  bool has_unix;
  struct lb_listener_sample sample;
  struct lb_listener_interval interval;
  struct lb_listener_attribution attribution;
  struct lb_listener_before before;
  struct lb_sent sent;
  struct lb_listener_inspection inspection;
  struct lb_listener_hints hints;
  struct lb_recent overflows; /* as of the ends of intervals */
};

/* Remembers the interval before, and resets the interval and the inspection. */
void lb_listener_begin_interval(struct lb_listener *listener);

/* Whether the last socket of a port has gone in this interval, or drops of
 * sockets that are gone were counted only now. */
bool lb_listener_is_leaving(const struct lb_listener *listener);

/* Adds a socket to the sample. */
void lb_listener_add_socket(struct lb_listener *listener,
                            const struct lb_listen_sock *sock);

/* Counts a sample that shows the same as the one before. */
static inline void lb_listener_repeat_sample(struct lb_listener *listener) {
  listener->interval.samples += listener->sample.sockets > 0;
  listener->interval.busy += listener->sample.queue > 0;
}

/* Puts the readings of the last sample and of the interval. */
void lb_listener_put(const struct lb_listener *listener,
                     struct lb_values *values);

#endif
