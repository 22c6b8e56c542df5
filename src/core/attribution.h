/* SPDX-License-Identifier: MIT */
/* Shares of a namespace's ListenDrops and ListenOverflows among its sockets.
 *
 * The kernel counts both per namespace only. Per socket it has sk_drops, which
 * every listen drop moves too, but which also moves without one: each bare ACK
 * that TCP_DEFER_ACCEPT waits out, each SYN of a scan, and twice for one final
 * ACK dropped (tcp_check_req() and discard_and_relse in tcp_v4_rcv(),
 * net/ipv4). So the increments say how much, the movements say whose. */
#ifndef LB_CORE_ATTRIBUTION_H
#define LB_CORE_ATTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lb_mover {
  size_t socket;      /* the caller's */
  uint32_t movement;  /* of sk_drops since the last settling */
  bool full;          /* seen full in this sample or the one before */
  uint32_t overflows; /* out: share of ListenOverflows */
  uint32_t drops;     /* out: share of ListenDrops, overflows included */
};

struct lb_increments {
  uint64_t drops;
  uint64_t overflows;
};

/* Hands the increments out: to the sockets seen full first, in proportion to
 * their movement, to none more than its movement and to none more overflows
 * than drops. With one mover its share is exact. Returns what no movement
 * covers. */
struct lb_increments lb_attribute(struct lb_mover *movers, size_t len,
                                  struct lb_increments increments);

#endif
