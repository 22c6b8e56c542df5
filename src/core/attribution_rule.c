// SPDX-License-Identifier: MIT
/* The kernel counts an overflow as a drop, too. So the overflows are handed out
 * first, as the first drops of each socket; the other drops then come out of
 * the movement that is left. */
#include "core/attribution_rule.h"

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* part * of / whole, for part and of up to whole. The product exceeds 64 bits
 * only after years of movement without a read; the result is then rounded. */
static uint64_t proportion(uint64_t part, uint64_t of, uint64_t whole) {
  uint64_t product;
  while (__builtin_mul_overflow(part, of, &product)) {
    of >>= 1;
    whole >>= 1;
  }
  return whole ? product / whole : 0;
}

/* Hands out whole units without loss to rounding: each mover takes its
 * proportion of what is left among the movers that are left. Returns what they
 * have no room for. */
static uint64_t hand_out(struct lb_mover *movers, size_t len, bool full,
                         uint64_t amount, bool overflows) {
  uint64_t room = 0;
  for (size_t i = 0; i < len; i++)
    if (movers[i].full == full)
      room += movers[i].movement - movers[i].drops;

  uint64_t left = lesser(amount, room), uncovered = amount - left;
  for (size_t i = 0; i < len; i++) {
    struct lb_mover *mover = &movers[i];
    if (mover->full != full)
      continue;
    uint64_t own = mover->movement - mover->drops;
    uint64_t share = lesser(proportion(left, own, room), own);
    if (left - share > room - own)
      share = left - (room - own);
    mover->drops += (uint32_t)share;
    if (overflows)
      mover->overflows += (uint32_t)share;
    left -= share;
    room -= own;
  }
  return uncovered;
}

struct lb_increments lb_attribution_split(struct lb_mover *movers, size_t len,
                                          struct lb_increments increments) {
  for (size_t i = 0; i < len; i++)
    movers[i].overflows = movers[i].drops = 0;

  uint64_t both = lesser(increments.overflows, increments.drops);
  uint64_t left = hand_out(movers, len, true, both, true);
  left = hand_out(movers, len, false, left, true);
  uint64_t given = both - left;

  uint64_t others = increments.drops - both;
  others = hand_out(movers, len, true, others, false);
  others = hand_out(movers, len, false, others, false);
  return (struct lb_increments){
      .overflows = increments.overflows - given,
      .drops = left + others,
  };
}
