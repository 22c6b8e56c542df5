// SPDX-License-Identifier: MIT
#include "core/evidence.h"

enum {
  NEW_ROUNDS = 10,
  MOST_DROPS = 2, /* per movement; if there are more, a socket that no dump has
                     shown dropped them */
};

/* Of a socket that has not moved yet; and how far one round changes the
 * chances: with less they are slower, but calmer. pull is how far it changes
 * one that is too high for the round. With these three,
 * tests/unit/test_worlds.c blames the fewest drops on the wrong listener. */
static const float first_chance = 0.25F, step = 0.08F, pull = 0.2F;

bool lb_evidence_is_new(const struct lb_evidence *evidence) {
  return evidence->rounds <= NEW_ROUNDS;
}

static float chance_of(const struct lb_evidence *evidence, int cause) {
  return evidence->rounds ? evidence->chance[cause] : first_chance;
}

/* Both are at least 0, and add up to at most 1: of what is too much, each loses
 * half, as far as it can. */
static void bound_chances(float chance[static LB_CAUSES]) {
  for (int cause = 0; cause < LB_CAUSES; cause++)
    if (chance[cause] < 0)
      chance[cause] = 0;
  if (chance[LB_CAUSE_OVERFLOW] + chance[LB_CAUSE_OTHER] <= 1)
    return;
  enum lb_cause lesser = chance[LB_CAUSE_OVERFLOW] > chance[LB_CAUSE_OTHER]
                             ? LB_CAUSE_OTHER
                             : LB_CAUSE_OVERFLOW;
  float gap = chance[!lesser] - chance[lesser];
  chance[lesser] = gap < 1 ? (1 - gap) / 2 : 0;
  chance[!lesser] = 1 - chance[lesser];
}

/* Of the movement, or of its difference to the round before. */
static float input_of(const struct lb_mover *mover, bool is_difference) {
  float input = (float)mover->movement;
  return is_difference ? input - (float)mover->evidence->previous : input;
}

static void learn_step(struct lb_mover *movers, size_t len,
                       const float amount[static LB_CAUSES],
                       bool is_difference) {
  float error[LB_CAUSES] = {amount[0], amount[1]}, power = 0;
  for (size_t i = 0; i < len; i++) {
    float input = input_of(&movers[i], is_difference);
    for (int cause = 0; cause < LB_CAUSES; cause++)
      error[cause] -= movers[i].evidence->chance[cause] * input;
    power += input * input;
  }
  for (size_t i = 0; i < len; i++) {
    struct lb_evidence *evidence = movers[i].evidence;
    float input = input_of(&movers[i], is_difference);
    if (input == 0)
      continue;
    for (int cause = 0; cause < LB_CAUSES; cause++)
      evidence->chance[cause] += step * error[cause] * input / power;
    bound_chances(evidence->chance);
  }
}

/* A socket that is new cannot wait for many steps, which are small if others
 * move much more: it dropped at least what the movement of all others does not
 * cover, and at most what the kernel counted. */
static void learn_bounds(struct lb_mover *mover, uint64_t others,
                         const uint64_t amount[static LB_CAUSES]) {
  struct lb_evidence *evidence = mover->evidence;
  for (int cause = 0; cause < LB_CAUSES; cause++) {
    float *chance = &evidence->chance[cause];
    float most = (float)amount[cause] / (float)mover->movement;
    if (*chance > most)
      *chance -= pull * (*chance - most);
    if (amount[cause] <= others)
      continue;
    float least = (float)(amount[cause] - others) / (float)mover->movement;
    if (*chance < least)
      *chance = least;
  }
  bound_chances(evidence->chance);
}

static void count_round(struct lb_evidence *evidence) {
  for (int cause = 0; cause < LB_CAUSES; cause++)
    evidence->chance[cause] = chance_of(evidence, cause);
  if (evidence->rounds < UINT8_MAX)
    evidence->rounds++;
}

void lb_evidence_learn(struct lb_mover *movers, size_t len,
                       const uint64_t amount[static LB_CAUSES],
                       uint64_t previous[static LB_CAUSES]) {
  float level[LB_CAUSES], difference[LB_CAUSES];
  for (int cause = 0; cause < LB_CAUSES; cause++) {
    level[cause] = (float)amount[cause];
    difference[cause] = level[cause] - (float)previous[cause];
    previous[cause] = amount[cause];
  }
  uint64_t all = 0;
  for (size_t i = 0; i < len; i++) {
    all += movers[i].movement;
    count_round(movers[i].evidence);
  }
  bool is_theirs = level[0] + level[1] <= (float)MOST_DROPS * (float)all;
  if (is_theirs) {
    learn_step(movers, len, level, false);
    learn_step(movers, len, difference, true);
  }
  for (size_t i = 0; i < len; i++) {
    struct lb_evidence *evidence = movers[i].evidence;
    evidence->previous = movers[i].movement;
    if (is_theirs && movers[i].movement && lb_evidence_is_new(evidence))
      learn_bounds(&movers[i], all - movers[i].movement, amount);
  }
}

void lb_evidence_judge(struct lb_mover *mover, bool was_full,
                       bool was_nearly_full) {
  float sum = 0;
  for (int cause = 0; cause < LB_CAUSES; cause++) {
    float chance = chance_of(mover->evidence, cause);
    mover->rank[cause] = (uint8_t)(chance * (float)LB_MOVER_NEARLY_FULL);
    sum += chance;
  }
  mover->expected = (uint32_t)((double)mover->movement * (sum < 1 ? sum : 1));
  if (was_full)
    mover->rank[LB_CAUSE_OVERFLOW] = LB_MOVER_FULL;
  else if (was_nearly_full)
    mover->rank[LB_CAUSE_OVERFLOW] = LB_MOVER_NEARLY_FULL;
}
