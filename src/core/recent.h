/* SPDX-License-Identifier: MIT */
/* How far a counter has moved in the last five minutes.
 *
 * A pure function of the counter's values and their times. What the counter
 * moved within 30 seconds is one step, which ends five minutes after its last
 * movement: so the sum is 0 as soon as, and not before, the last movement is
 * five minutes old, and can include what is 30 seconds older than that. If more
 * than five minutes lie between two values, the sum is what has moved since
 * then. */
#ifndef LB_CORE_RECENT_H
#define LB_CORE_RECENT_H

#include <stdint.h>

enum {
  LB_RECENT_S = 300,
  LB_RECENT_STEP_S = 30,
  LB_RECENT_STEPS = LB_RECENT_S / LB_RECENT_STEP_S + 1,
};

/* All 0 at first: the counter begins at 0. */
struct lb_recent {
  uint64_t counter; /* as last noted */
  uint64_t sum;     /* of the steps */
  uint32_t began_s; /* the newest step */
  uint32_t newest;  /* its index */
  struct {
    uint32_t moved;
    uint32_t last_s; /* when it last moved; if moved is 0, never */
  } steps[LB_RECENT_STEPS];
};

/* Notes the counter, which never goes back; now_ms is of any clock that never
 * goes back. */
void lb_recent_note(struct lb_recent *recent, uint64_t counter,
                    uint64_t now_ms);

#endif
