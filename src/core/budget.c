// SPDX-License-Identifier: MIT
#include "core/budget.h"

enum {
  WINDOW = 10, /* intervals over which the limit holds */

  /* shares of the time, in units of 0.01 % */
  AIM = 90,
  LEAST_FOR_ENDS = 40,
  LEAST_FOR_INSPECTIONS = 20,
  MOST_FOR_INSPECTIONS = 90,

  SLOW_AFTER = 3, /* intervals: then it is reported */
  FAST_AFTER = 10,
};

static uint64_t share_of(uint64_t time_ns, unsigned share) {
  return time_ns / 10000 * share;
}

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t greater(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* --- the plan ------------------------------------------------------------- */

/* In each so-many-th interval, if count may be in WINDOW of them. */
static uint32_t every_for(uint64_t cost_ns, uint64_t share_ns) {
  uint64_t count = share_ns * WINDOW / greater(cost_ns, 1);
  if (count == 0)
    return (uint32_t)lesser(cost_ns / greater(share_ns, 1) + 1, UINT32_MAX);
  return (uint32_t)((WINDOW + count - 1) / count);
}

static void plan_part(const struct lb_budget *budget, struct lb_pace *pace,
                      uint64_t share_ns) {
  pace->per_interval = budget->wanted;
  pace->every = 1;
  if (pace->cost_ns == 0 || share_ns / pace->cost_ns >= budget->wanted)
    return;
  pace->per_interval =
      (uint32_t)greater(1, share_ns / greater(pace->cost_ns, 1));
  if (share_ns < pace->cost_ns)
    pace->every = every_for(pace->cost_ns, share_ns);
}

/* More only by and by: the number of samples may change with each of them. */
static void set_ends(struct lb_budget *budget, uint64_t share_ns) {
  budget->ends_goal_ns = share_ns;
  if (share_ns <= budget->ends_ns)
    budget->ends_ns = share_ns;
  else
    budget->ends_ns += (share_ns - budget->ends_ns) / 16;
}

/* What a part needs, and at least half of what there is, unless the other part
 * leaves more. What the samples within the interval leave is for its end. */
static void plan_samples(struct lb_budget *budget) {
  uint64_t interval = budget->interval_ns, need[LB_PARTS];
  uint64_t ends = share_of(interval, LEAST_FOR_ENDS);
  uint64_t all = share_of(interval, AIM) -
                 lesser(budget->inspects ? budget->inspection_ns : 0,
                        share_of(interval, LEAST_FOR_INSPECTIONS));
  uint64_t left = all - lesser(budget->rest_ns, ends);
  for (int i = 0; i < LB_PARTS; i++)
    need[i] = budget->pace[i].cost_ns * budget->wanted;
  for (int i = 0; i < LB_PARTS; i++) {
    struct lb_pace *pace = &budget->pace[i];
    uint64_t other = lesser(need[LB_PARTS - 1 - i], left / 2);
    plan_part(budget, pace, left - other);
    all -= lesser(all, pace->cost_ns * (pace->per_interval - 1));
  }
  set_ends(budget, greater(ends, all));
}

static uint64_t spacing_within(const struct lb_budget *budget,
                               const struct lb_pace *pace) {
  return budget->interval_ns / pace->per_interval;
}

static bool is_as_wanted(const struct lb_budget *budget,
                         const struct lb_pace *pace) {
  return pace->per_interval >= budget->wanted && pace->every == 1;
}

/* A higher cost counts at once, a lower one by and by. So the sum of what is
 * known at each sample is never less than the sum of the costs, and whatever
 * the costs are, the pauses that are made of it pay for them. */
static void learn(uint64_t *known_ns, uint64_t cost_ns) {
  if (cost_ns >= *known_ns)
    *known_ns = cost_ns;
  else
    *known_ns -= (*known_ns - cost_ns + 1) / 2;
}

void lb_budget_init(struct lb_budget *budget, uint64_t interval_ns,
                    uint64_t period_ns, unsigned parts) {
  *budget = (struct lb_budget){
      .interval_ns = interval_ns, .wanted = 1, .parts = parts};
  if (period_ns)
    budget->wanted += (uint32_t)(interval_ns / period_ns);
  if (interval_ns)
    plan_samples(budget);
}

/* --- samples within the interval ------------------------------------------ */

/* A read that is late does not keep the next samples from being taken. */
static void begin_if_late(struct lb_budget *budget, uint64_t now_ns) {
  if (now_ns - budget->ended_ns < budget->interval_ns)
    return;
  budget->ended_ns = now_ns;
  for (int i = 0; i < LB_PARTS; i++)
    budget->pace[i].taken = 0;
}

static bool has_more(const struct lb_pace *pace) {
  return pace->taken + 1 < pace->per_interval;
}

unsigned lb_budget_due(struct lb_budget *budget, uint64_t now_ns) {
  unsigned due = LB_NO_PARTS;
  if (budget->interval_ns == 0)
    return LB_ALL_PARTS;
  begin_if_late(budget, now_ns);
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    const struct lb_pace *pace = &budget->pace[i];
    if (is_as_wanted(budget, pace) ||
        (has_more(pace) && now_ns >= pace->next_ns))
      due |= lb_only(i);
  }
  return due & budget->parts;
}

/* Returns whether a new plan is due. */
static bool note_costs(struct lb_budget *budget, unsigned parts,
                       const uint64_t costs_ns[LB_PARTS], bool is_whole) {
  bool is_news = false;
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    uint64_t *known = &budget->pace[i].cost_ns;
    if (!lb_has_part(parts, i))
      continue;
    is_news |= costs_ns[i] > *known;
    if (is_whole || costs_ns[i] > *known)
      learn(known, costs_ns[i]);
  }
  return is_news;
}

void lb_budget_sampled(struct lb_budget *budget, unsigned parts,
                       const uint64_t costs_ns[LB_PARTS], bool is_whole,
                       uint64_t now_ns) {
  if (budget->interval_ns == 0)
    return;
  if (note_costs(budget, parts, costs_ns, is_whole))
    plan_samples(budget);
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    struct lb_pace *pace = &budget->pace[i];
    if (!lb_has_part(parts, i))
      continue;
    budget->spent_ns += costs_ns[i];
    pace->taken++;
    pace->next_ns = now_ns + spacing_within(budget, pace);
  }
}

uint64_t lb_budget_next(const struct lb_budget *budget, uint64_t due_ns,
                        uint64_t period_ns) {
  uint64_t next = UINT64_MAX;
  if (budget->interval_ns == 0)
    return due_ns + period_ns;
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    const struct lb_pace *pace = &budget->pace[i];
    uint64_t begin = budget->ended_ns + budget->interval_ns;
    if (!lb_has_part(budget->parts, i))
      continue;
    if (is_as_wanted(budget, pace))
      return due_ns + period_ns;
    next = lesser(next, has_more(pace) ? pace->next_ns
                                       : begin + spacing_within(budget, pace));
  }
  return greater(due_ns + period_ns, next);
}

/* --- reads ---------------------------------------------------------------- */

bool lb_budget_takes_turns(const struct lb_budget *budget) {
  return budget->interval_ns &&
         budget->rest_ns > share_of(budget->interval_ns, LEAST_FOR_ENDS);
}

static void grant_ends(struct lb_budget *budget, uint64_t now_ns) {
  uint64_t passed = now_ns - budget->ended_ns + budget->interval_ns / 2;
  uint64_t intervals = greater(passed / budget->interval_ns, 1);
  int64_t share = (int64_t)budget->ends_ns;
  budget->rest_left += share * (int64_t)lesser(intervals, WINDOW);
  if (budget->rest_left > share)
    budget->rest_left = share;
}

/* A read may be a bit early or late. */
static bool has_turn(const struct lb_budget *budget, const struct lb_pace *pace,
                     uint64_t now_ns) {
  uint64_t passed = now_ns - pace->sampled_ns + budget->interval_ns / 2;
  return pace->every == 1 || passed / budget->interval_ns >= pace->every;
}

unsigned lb_budget_begin_read(struct lb_budget *budget, unsigned parts,
                              uint64_t now_ns) {
  unsigned sampled = LB_NO_PARTS;
  if (budget->interval_ns == 0)
    return LB_ALL_PARTS;
  budget->parts = parts;
  grant_ends(budget, now_ns);
  for (enum lb_part i = 0; i < LB_PARTS; i++)
    if (has_turn(budget, &budget->pace[i], now_ns))
      sampled |= lb_only(i);
  return sampled & parts;
}

unsigned lb_budget_turn_parts(const struct lb_budget *budget, unsigned parts,
                              uint64_t sample_ns) {
  bool has_all =
      lb_budget_takes_turns(budget) && sample_ns <= budget->ends_ns / 2;
  return has_all ? budget->parts : parts;
}

bool lb_budget_can_end(const struct lb_budget *budget) {
  return !lb_budget_takes_turns(budget) || budget->rest_left > 0;
}

void lb_budget_ended_one(struct lb_budget *budget, uint64_t cost_ns) {
  int64_t most = (int64_t)budget->ends_ns * WINDOW; /* what it can owe */
  budget->rest_left -= (int64_t)cost_ns;
  if (budget->rest_left < -most)
    budget->rest_left = -most;
  budget->spent_ns += cost_ns;
}

static void note_state(struct lb_lasting *lasting, bool is_slow) {
  lasting->steady = is_slow == lasting->is_slow ? 0 : lasting->steady + 1;
  if (lasting->steady < (is_slow ? SLOW_AFTER : FAST_AFTER))
    return;
  *lasting = (struct lb_lasting){.is_slow = is_slow};
}

void lb_budget_end_read(struct lb_budget *budget, unsigned parts,
                        const uint64_t costs_ns[LB_PARTS], uint64_t rest_ns,
                        uint64_t now_ns) {
  uint64_t sample_ns = 0;
  if (budget->interval_ns == 0)
    return;
  for (int i = 0; i < LB_PARTS; i++)
    sample_ns += costs_ns[i];
  note_costs(budget, parts, costs_ns, true);
  learn(&budget->rest_ns, rest_ns);
  budget->turn_ns = rest_ns + sample_ns;
  plan_samples(budget);
  budget->ended_ns = now_ns;
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    struct lb_pace *pace = &budget->pace[i];
    pace->taken = 0;
    pace->next_ns = now_ns + spacing_within(budget, pace);
    if (lb_has_part(parts, i))
      pace->sampled_ns = now_ns;
    note_state(&pace->lasting, !is_as_wanted(budget, pace));
  }
  note_state(&budget->turns, lb_budget_takes_turns(budget));
}

uint64_t lb_budget_spacing(const struct lb_budget *budget, enum lb_part part) {
  const struct lb_pace *pace = &budget->pace[part];
  if (!pace->lasting.is_slow)
    return 0;
  return pace->every > 1 && !lb_budget_takes_turns(budget)
             ? pace->every * budget->interval_ns
             : spacing_within(budget, pace);
}

uint64_t lb_budget_turn(const struct lb_budget *budget) {
  if (!budget->turns.is_slow)
    return 0;
  uint64_t turns = budget->turn_ns / greater(budget->ends_goal_ns, 1) + 1;
  return turns * budget->interval_ns;
}

/* --- inspections ---------------------------------------------------------- */

/* As a share of a time in which samples took so much. */
static uint64_t inspection_share(uint64_t time_ns, uint64_t samples_ns) {
  uint64_t most = share_of(time_ns, MOST_FOR_INSPECTIONS);
  uint64_t least = share_of(time_ns, LEAST_FOR_INSPECTIONS);
  return samples_ns + least < most ? most - samples_ns : least;
}

void lb_budget_grant(struct lb_budget *budget, uint64_t now_ns) {
  budget->is_first = budget->granted_ns == 0;
  uint64_t elapsed = budget->is_first ? 0 : now_ns - budget->granted_ns;
  int64_t share = (int64_t)inspection_share(elapsed, budget->spent_ns);
  budget->inspection_left += share;
  if (budget->inspection_left > share)
    budget->inspection_left = share;
  budget->granted_ns = now_ns;
  budget->spent_ns = 0;
  budget->inspects = true;
  budget->inspected++;
}

bool lb_budget_has_time(const struct lb_budget *budget) {
  return budget->lets_inspect || budget->is_first ||
         budget->inspection_left > 0;
}

bool lb_budget_can_inspect(const struct lb_budget *budget) {
  if (!lb_budget_has_time(budget))
    return false;
  if (budget->interval_ns == 0 || budget->inspection_ns == 0)
    return true;
  uint64_t samples = 0;
  for (int i = 0; i < LB_PARTS; i++)
    samples += budget->pace[i].cost_ns * budget->pace[i].per_interval /
               budget->pace[i].every;
  uint64_t share =
      inspection_share(budget->interval_ns, samples + budget->rest_ns);
  return budget->inspected >= every_for(budget->inspection_ns, share);
}

uint64_t lb_budget_inspection_limit(const struct lb_budget *budget) {
  uint64_t least = share_of(budget->interval_ns, LEAST_FOR_INSPECTIONS);
  if (budget->interval_ns == 0)
    return UINT64_MAX;
  return budget->inspection_left > (int64_t)least
             ? (uint64_t)budget->inspection_left
             : least;
}

void lb_budget_inspected(struct lb_budget *budget, uint64_t cost_ns) {
  budget->inspection_left -= (int64_t)cost_ns;
}

void lb_budget_end_inspections(struct lb_budget *budget, uint64_t cost_ns) {
  if (cost_ns == 0)
    return;
  learn(&budget->inspection_ns, cost_ns);
  budget->inspected = 0;
}
