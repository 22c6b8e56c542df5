/* SPDX-License-Identifier: MIT */
/* Attribution: which listening sockets dropped what one network namespace
 * dropped.
 *
 * The kernel counts ListenDrops and ListenOverflows per namespace only. Each
 * socket has sk_drops, which every listen drop moves (tcp_listendrop(),
 * include/net/tcp.h). But sk_drops also moves without a listen drop: once for
 * each bare ACK that TCP_DEFER_ACCEPT ignores and for each half-open check of a
 * scan, and twice for a final ACK that is dropped (tcp_check_req(), and
 * discard_and_relse in tcp_v4_rcv(), net/ipv4). So the increments of the
 * counters say how much was dropped, and the movements of sk_drops say where it
 * may have been. evidence.h learns which sockets move without drops, and the
 * rule (attribution_rule.h) splits the increments.
 *
 * One round, after a dump:
 *
 *   lb_attribution_begin(attribution, table);
 *   read the counters;
 *   if (lb_attribution_read(attribution, table, &netstat))
 *     merge another dump of the TCP sockets into the table;
 *   lb_attribution_settle(attribution, table, listeners);
 *
 * A round that is given up before lb_attribution_settle() attributes nothing,
 * and loses nothing: the next round includes it. */
#ifndef LB_CORE_ATTRIBUTION_H
#define LB_CORE_ATTRIBUTION_H

#include "core/listeners.h"
#include "core/socket_table.h"
#include "kernel/netstat.h"

/* The counters of one namespace, in segments. All 0 at first. */
struct lb_attribution {
  struct lb_netstat settled; /* the kernel's, as far as attributed */
  struct lb_netstat read;    /* as last read, less what has to wait */
  uint64_t overflows_now;    /* ListenOverflows as last read */
  uint64_t overflows_read;   /* the same when last attributed */
  bool is_primed;            /* the counters were read once */
  uint32_t first_sample;     /* number of the sample in which they were */
  bool misses;               /* a socket has left since they were attributed */

  struct lb_netstat learned;  /* the kernel's, as far as learned from */
  uint64_t amount[LB_CAUSES]; /* in the last round */
  uint32_t sample;            /* number of its sample */

  /* What is reported: it never goes back. */
  uint64_t total[LB_MIBS];
  uint64_t overflows_unattributed;

  struct lb_mover *movers; /* memory for the rule */
  size_t movers_cap;
};

void lb_attribution_free(struct lb_attribution *attribution);

/* Takes the counters as 0 so far, before the very first read. */
void lb_attribution_count_from_zero(struct lb_attribution *attribution);

/* Continues with another namespace: its counters began at 0. */
void lb_attribution_rebind(struct lb_attribution *attribution);

/* Goes on from the totals of a namespace that is gone, which become 0. */
void lb_attribution_inherit(struct lb_attribution *attribution,
                            struct lb_attribution *gone);

/* Begins a round, just before the counters are read. Returns 0 or -ENOMEM. */
int lb_attribution_begin(struct lb_attribution *attribution,
                         struct lb_socket_table *table);

/* Takes the counters read. Returns whether the movements in the table do not
 * cover the increments; another dump may show more. What the kernel counted
 * before the very first read is never attributed. */
bool lb_attribution_read(struct lb_attribution *attribution,
                         struct lb_socket_table *table,
                         const struct lb_netstat *netstat);

/* Ends the round: learns from it, adds to each listener what its sockets
 * dropped, and to the unattributed overflows what no movement explains. Shares
 * and unattributed add up to the total. Returns 0; -EAGAIN if may_wait and too
 * little is known yet about the sockets, so that a later round has to attribute
 * this one, too; or -ENOMEM. */
int lb_attribution_settle(struct lb_attribution *attribution,
                          struct lb_socket_table *table,
                          struct lb_listeners *listeners, bool may_wait);

/* Whether the kernel has the counters that listeners get a share of. */
bool lb_attribution_has_shares(const struct lb_attribution *attribution);

/* Puts the counters of the namespace. */
void lb_attribution_put(const struct lb_attribution *attribution,
                        struct lb_values *values);

/* Puts the counters of the namespace as read without a sample of its TCP
 * sockets: nothing is attributed until the next round, which includes this, and
 * how many overflows belong to no socket is not known. */
void lb_attribution_put_read(const struct lb_attribution *attribution,
                             const struct lb_netstat *netstat,
                             struct lb_values *values);

/* Puts the counters of a listener: none if it has UNIX sockets only. */
void lb_attribution_put_listener(const struct lb_listener *listener,
                                 struct lb_values *values);

#endif
