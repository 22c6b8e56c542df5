/* SPDX-License-Identifier: MIT */
/* The rule of the attribution: how to split what the kernel counted per network
 * namespace among the sockets that moved. */
#ifndef LB_CORE_ATTRIBUTION_RULE_H
#define LB_CORE_ATTRIBUTION_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why the kernel dropped. */
enum lb_cause {
  LB_CAUSE_OVERFLOW, /* the accept queue was full */
  LB_CAUSE_OTHER,    /* nearly always: the SYN queue was full, cookies off */
  LB_CAUSES
};

/* How likely it is that a movement is drops: chance * 9 by what the socket did
 * before, or what a sample saw. */
enum {
  LB_MOVER_SUSPECT = 2,     /* any lower one is known to move without drops */
  LB_MOVER_LIKELY = 6,      /* served before all the lower ones */
  LB_MOVER_NEARLY_FULL = 9, /* its accept queue was, lately */
  LB_MOVER_FULL,            /* in this sample or in the one before */
};

/* What is known about a socket: see evidence.h. All 0 at first. */
struct lb_evidence {
  float chance[LB_CAUSES]; /* 0 to 1: which part of its movement is drops */
  uint8_t rounds;          /* in which it moved; it stops at 255 */
  uint32_t previous;       /* its movement in the last round */
};

/* A socket that moved: its sk_drops did. */
struct lb_mover {
  size_t socket;                /* the caller's number of it */
  struct lb_evidence *evidence; /* of that socket; the rule does not read it */
  uint32_t movement;            /* of sk_drops, since it was last attributed */
  uint32_t expected;            /* so much of it is probably drops */
  uint8_t rank[LB_CAUSES];
  uint32_t overflows; /* out: its share of ListenOverflows */
  uint32_t drops;     /* out: its share of ListenDrops, with the overflows */
};

struct lb_increments {
  uint64_t drops;     /* of ListenDrops */
  uint64_t overflows; /* of ListenOverflows */
};

/* Splits the increments. The likely sockets come first, the highest rank before
 * the others: each gets what is expected of it, then the rest of its movement.
 * Then the unlikely ones follow, down to the lowest rank. Sockets of one rank
 * share in proportion. No socket gets more drops than it moved, nor more
 * overflows than drops. Returns the rest. */
struct lb_increments lb_attribution_split(struct lb_mover *movers, size_t len,
                                          struct lb_increments increments,
                                          int lowest_rank);

#endif
