/* SPDX-License-Identifier: MIT */
/* Evidence: what earlier rounds tell about a socket whose sk_drops moves. Did
 * it drop, or did it move for another reason?
 *
 * Each socket has two chances: which part of its movement is overflows, and
 * which part is other drops. They are learned. In each round the movements,
 * each times its chance, should add up to what the kernel counted for the
 * namespace; the error changes the chances of all that moved, in proportion to
 * their movement (the normalised least mean squares filter). A second step does
 * the same with the differences to the round before, because a listener with
 * steady deferred accepts explains the level of the drops, but not their ups
 * and downs. So a socket that moves while nothing is dropped gets chance 0, and
 * one that moves as the counters do gets chance 1. */
#ifndef LB_CORE_EVIDENCE_H
#define LB_CORE_EVIDENCE_H

#include "core/attribution_rule.h"

/* Learns from a round: what moved in it or in the round before, and how much of
 * each cause the kernel counted. previous is the same of the round before; it
 * becomes amount. */
void lb_evidence_learn(struct lb_mover *movers, size_t len,
                       const uint64_t amount[static LB_CAUSES],
                       uint64_t previous[static LB_CAUSES]);

/* Whether it has moved in too few rounds to know its chances. */
bool lb_evidence_is_new(const struct lb_evidence *evidence);

/* Sets what the mover is expected to have dropped, and its rank for each cause.
 * was_full, was_nearly_full: its accept queue, in this sample or lately. */
void lb_evidence_judge(struct lb_mover *mover, bool was_full,
                       bool was_nearly_full);

#endif
