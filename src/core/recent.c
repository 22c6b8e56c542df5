// SPDX-License-Identifier: MIT
#include "core/recent.h"

static void end_steps(struct lb_recent *recent, uint32_t now_s) {
  for (int i = 0; i < LB_RECENT_STEPS; i++) {
    if (now_s - recent->steps[i].last_s < LB_RECENT_S)
      continue;
    recent->sum -= recent->steps[i].moved;
    recent->steps[i].moved = 0;
  }
}

static void add_to_step(struct lb_recent *recent, uint64_t moved,
                        uint32_t now_s) {
  if (recent->steps[recent->newest].moved == 0 ||
      now_s - recent->began_s >= LB_RECENT_STEP_S) {
    recent->newest = (recent->newest + 1) % LB_RECENT_STEPS;
    recent->began_s = now_s;
  }
  uint32_t room = UINT32_MAX - recent->steps[recent->newest].moved;
  uint32_t added = moved < room ? (uint32_t)moved : room;
  recent->steps[recent->newest].moved += added;
  recent->steps[recent->newest].last_s = now_s;
  recent->sum += added;
}

void lb_recent_note(struct lb_recent *recent, uint64_t counter,
                    uint64_t now_ms) {
  uint32_t now_s = (uint32_t)(now_ms / 1000);
  uint64_t moved = counter - recent->counter;
  recent->counter = counter;
  if (recent->sum)
    end_steps(recent, now_s);
  if (moved)
    add_to_step(recent, moved, now_s);
}
