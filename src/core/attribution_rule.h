/* SPDX-License-Identifier: MIT */
/* The rule of the attribution: how to split what the kernel counted per network
 * namespace among the sockets that moved. */
#ifndef LB_CORE_ATTRIBUTION_RULE_H
#define LB_CORE_ATTRIBUTION_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket that moved: its sk_drops did. */
struct lb_mover {
  size_t socket;      /* the caller's number of it */
  uint32_t movement;  /* of sk_drops, since it was last attributed */
  bool full;          /* its queue was full in this sample or the one before */
  uint32_t overflows; /* out: its share of ListenOverflows */
  uint32_t drops;     /* out: its share of ListenDrops, with the overflows */
};

struct lb_increments {
  uint64_t drops;     /* of ListenDrops */
  uint64_t overflows; /* of ListenOverflows */
};

/* Splits the increments: first among the sockets that were full, then among the
 * others, in proportion to their movements. No socket gets more drops than it
 * moved, nor more overflows than drops. A socket that moved alone gets its
 * exact number. Returns the rest, which no movement covers. */
struct lb_increments lb_attribution_split(struct lb_mover *movers, size_t len,
                                          struct lb_increments increments);

#endif
