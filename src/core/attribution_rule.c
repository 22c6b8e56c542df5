// SPDX-License-Identifier: MIT
/* The kernel counts an overflow as a drop, too. So the overflows are handed out
 * first, as the first drops of each socket; the other drops then come out of
 * the movement that is left. */
#include "core/attribution_rule.h"

/* Which movers may take how much. */
struct turn {
  enum lb_cause cause;
  int rank;
  bool only_expected;
};

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

static uint64_t room_of(const struct lb_mover *mover, struct turn turn) {
  uint32_t most = turn.only_expected ? mover->expected : mover->movement;
  bool may_take = mover->rank[turn.cause] == turn.rank && most > mover->drops;
  return may_take ? most - mover->drops : 0;
}

/* Hands out whole units without loss to rounding: each mover takes its
 * proportion of what is left among the movers that are left. Returns what they
 * have no room for. */
static uint64_t hand_out(struct lb_mover *movers, size_t len, struct turn turn,
                         uint64_t amount) {
  uint64_t room = 0;
  for (size_t i = 0; i < len; i++)
    room += room_of(&movers[i], turn);

  uint64_t left = lesser(amount, room), uncovered = amount - left;
  for (size_t i = 0; i < len && left; i++) {
    struct lb_mover *mover = &movers[i];
    uint64_t own = room_of(mover, turn);
    uint64_t share = lesser(proportion(left, own, room), own);
    if (left - share > room - own)
      share = left - (room - own);
    mover->drops += (uint32_t)share;
    if (turn.cause == LB_CAUSE_OVERFLOW)
      mover->overflows += (uint32_t)share;
    left -= share;
    room -= own;
  }
  return uncovered;
}

static uint64_t hand_out_ranks(struct lb_mover *movers, size_t len,
                               enum lb_cause cause, int lowest,
                               uint64_t amount) {
  for (int rank = LB_MOVER_FULL; rank >= LB_MOVER_LIKELY && amount; rank--)
    amount = hand_out(movers, len, (struct turn){cause, rank, true}, amount);
  for (int rank = LB_MOVER_FULL; rank >= LB_MOVER_LIKELY && amount; rank--)
    amount = hand_out(movers, len, (struct turn){cause, rank, false}, amount);
  for (int rank = LB_MOVER_LIKELY - 1; rank >= lowest && amount; rank--) {
    amount = hand_out(movers, len, (struct turn){cause, rank, true}, amount);
    amount = hand_out(movers, len, (struct turn){cause, rank, false}, amount);
  }
  return amount;
}

struct lb_increments lb_attribution_split(struct lb_mover *movers, size_t len,
                                          struct lb_increments increments,
                                          int lowest_rank) {
  for (size_t i = 0; i < len; i++)
    movers[i].overflows = movers[i].drops = 0;

  uint64_t both = lesser(increments.overflows, increments.drops);
  uint64_t left =
      hand_out_ranks(movers, len, LB_CAUSE_OVERFLOW, lowest_rank, both);
  uint64_t given = both - left;
  uint64_t others = hand_out_ranks(movers, len, LB_CAUSE_OTHER, lowest_rank,
                                   increments.drops - both);
  return (struct lb_increments){
      .overflows = increments.overflows - given,
      .drops = left + others,
  };
}
