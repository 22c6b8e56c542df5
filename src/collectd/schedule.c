// SPDX-License-Identifier: MIT
#include "collectd/schedule.h"

#include <stdbool.h>

#define AHEAD_NS 1000000u
#define LONG_NS 60000000000u /* to wait for a first value */

/* Reads this far after a multiple stay where they are. */
static uint64_t tolerance(const struct lb_schedule *schedule) {
  return schedule->interval / 8;
}

static uint64_t multiple_from(const struct lb_schedule *schedule,
                              uint64_t time) {
  return (time + schedule->interval - 1) / schedule->interval *
         schedule->interval;
}

uint64_t lb_schedule_stamp(const struct lb_schedule *schedule, uint64_t now) {
  return (now + schedule->interval / 2) / schedule->interval *
         schedule->interval;
}

/* The stamp of a first read at once may be one that collectd had before it was
 * started again. */
static bool is_first_too_early(const struct lb_schedule *schedule,
                               uint64_t now) {
  return schedule->next == 0 && multiple_from(schedule, now) - now <= LONG_NS;
}

enum lb_call lb_schedule_call(struct lb_schedule *schedule, uint64_t now) {
  if (schedule->due ? now < schedule->due : is_first_too_early(schedule, now))
    return LB_CALL_IGNORE;
  if (schedule->due && now - schedule->due <= tolerance(schedule))
    return LB_CALL_REGISTER;
  if (now < schedule->next) /* 0.1 s is a little less in collectd's unit */
    schedule->next = now;
  uint64_t stamp = lb_schedule_stamp(schedule, now);
  if (stamp <= schedule->last)
    return LB_CALL_IGNORE;
  schedule->last = stamp;
  return LB_CALL_READ;
}

static bool is_off(const struct lb_schedule *schedule) {
  return schedule->next % schedule->interval > tolerance(schedule);
}

/* The multiple after the last stamp, so that none is left out. */
static uint64_t next_multiple(const struct lb_schedule *schedule,
                              uint64_t now) {
  uint64_t ahead = multiple_from(schedule, now + AHEAD_NS);
  uint64_t after = schedule->last ? schedule->last + schedule->interval : 0;
  return ahead > after ? ahead : after;
}

uint64_t lb_schedule_end(struct lb_schedule *schedule, uint64_t now) {
  if (schedule->due)
    return now < schedule->due ? 0 : next_multiple(schedule, now);
  bool is_known = schedule->next != 0;
  schedule->next += schedule->interval;
  if (!is_known || schedule->next < now)
    schedule->next = now;
  return is_known && !is_off(schedule) ? 0 : next_multiple(schedule, now);
}

void lb_schedule_registered(struct lb_schedule *schedule, uint64_t now,
                            uint64_t due) {
  schedule->due = due;
  schedule->next = now;
}
