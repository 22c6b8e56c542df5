/* SPDX-License-Identifier: MIT */
/* The CPU time of samples and inspections: at most 1 % of one processor over
 * any ten intervals. What takes more is done less often, in this order:
 *
 * - Ending an interval takes what it needs, up to 0.4 %: /proc is read for each
 *   namespace. If all of them need more, they take turns, for which there is
 *   also what the other two leave.
 * - Inspections have 0.2 %, and what the samples leave.
 * - Samples have the rest. Each part has its own pace: first the samples within
 *   the interval become fewer, the last one is that of the read; then only each
 *   so-many-th read has one.
 *
 * All of this aims at 0.85 %; the difference pays for the sample that first
 * shows that it takes longer. If a single sample or inspection takes more than
 * 1 % of ten intervals, it is made as rarely as its cost demands.
 *
 * A pure function of times and costs, which are in ns: times of any clock that
 * never goes back, costs as CPU time. */
#ifndef LB_CORE_BUDGET_H
#define LB_CORE_BUDGET_H

#include "core/parts.h"

#include <stddef.h>
#include <stdint.h>

/* A state that is reported once it has lasted. */
struct lb_lasting {
  bool is_slow;    /* as reported */
  uint32_t steady; /* intervals in a row that were not as reported */
};

/* The samples of one part, in all namespaces. */
struct lb_pace {
  uint64_t cost_ns;      /* of one; the highest of the last ones */
  uint32_t per_interval; /* planned, with the read's */
  uint32_t every;        /* the read's is in each so-many-th interval */
  uint64_t sampled_ns;   /* the last read with one */
  uint32_t taken;        /* within this interval, without the read's */
  uint64_t next_ns;      /* no sample within the interval before this */
  struct lb_lasting lasting;
};

struct lb_budget {
  uint64_t interval_ns; /* 0: there is no limit for samples */
  uint32_t wanted;      /* samples per interval without a limit */
  unsigned parts;       /* that some namespace has */
  struct lb_pace pace[LB_PARTS];
  uint64_t ended_ns; /* when the interval began */

  uint64_t rest_ns; /* cost of ending an interval, without samples */
  uint64_t ends_ns; /* time for that and the read's sample, if namespaces take
                       turns */
  uint64_t ends_goal_ns; /* what that comes to by and by */
  int64_t rest_left;     /* of it */
  uint64_t turn_ns;      /* what all of them need */
  struct lb_lasting turns;
  uint64_t spent_ns; /* by samples and ends of intervals since the last grant */

  uint64_t granted_ns; /* when time was last granted to inspections */
  int64_t inspection_left;
  uint64_t inspection_ns; /* cost of all namespaces' last inspection */
  uint32_t inspected;     /* reads since then */
  bool is_first;          /* nothing was granted before */
  bool inspects;
  bool lets_inspect; /* always */
};

/* Samples of these parts are to be taken every period_ns, 0: only at the read.
 * An interval_ns of 0 limits inspections alone, to 0.9 %. */
void lb_budget_init(struct lb_budget *budget, uint64_t interval_ns,
                    uint64_t period_ns, unsigned parts);

/* --- samples within the interval ------------------------------------------ */

/* The parts of a sample at this time. */
unsigned lb_budget_due(struct lb_budget *budget, uint64_t now_ns);

/* Takes the costs of a sample of these parts, by part. is_whole: of all
 * namespaces. */
void lb_budget_sampled(struct lb_budget *budget, unsigned parts,
                       const uint64_t costs_ns[LB_PARTS], bool is_whole,
                       uint64_t now_ns);

/* When the next sample is due; due_ns is when this one was. */
uint64_t lb_budget_next(const struct lb_budget *budget, uint64_t due_ns,
                        uint64_t period_ns);

/* --- reads ---------------------------------------------------------------- */

/* Begins a read. parts: those that some namespace has. Returns the parts of the
 * read's sample. */
unsigned lb_budget_begin_read(struct lb_budget *budget, unsigned parts,
                              uint64_t now_ns);

/* Whether namespaces take turns at ending an interval. */
bool lb_budget_takes_turns(const struct lb_budget *budget);

/* Whether the time lasts for the end of the interval in another namespace. */
bool lb_budget_can_end(const struct lb_budget *budget);

/* The parts of the sample of one namespace at its turn: those of the read, or
 * all if namespaces take turns. sample_ns: what its last sample cost, if it is
 * one that does not wait for its turn. */
unsigned lb_budget_turn_parts(const struct lb_budget *budget, unsigned parts,
                              uint64_t sample_ns);

/* Takes what a part of the end of the interval cost: that in one namespace with
 * its sample, or finding them. */
void lb_budget_ended_one(struct lb_budget *budget, uint64_t cost_ns);

/* Ends the read: takes what the sample of all namespaces costs, by part, and
 * what the rest costs. If not all of them had their turn, these are estimates.
 */
void lb_budget_end_read(struct lb_budget *budget, unsigned parts,
                        const uint64_t costs_ns[LB_PARTS], uint64_t rest_ns,
                        uint64_t now_ns);

/* How far apart the samples of a part are, and the ends of intervals in one
 * namespace: in ns; 0: as configured. It changes only when that has lasted: for
 * three intervals, or, back to 0, for ten. */
uint64_t lb_budget_spacing(const struct lb_budget *budget, enum lb_part part);
uint64_t lb_budget_turn(const struct lb_budget *budget);

/* --- inspections ---------------------------------------------------------- */

/* Lets each inspection take as long as it takes. */
static inline void lb_budget_inspect_always(struct lb_budget *budget) {
  budget->lets_inspect = true;
}

/* Grants time to inspections, at each read. Time that is left does not add up:
 * it would make one long inspection. */
void lb_budget_grant(struct lb_budget *budget, uint64_t now_ns);

/* Whether an inspection may begin, and may go on with another namespace. */
bool lb_budget_can_inspect(const struct lb_budget *budget);
bool lb_budget_has_time(const struct lb_budget *budget);

/* How long an inspection may take that can be cut short. */
uint64_t lb_budget_inspection_limit(const struct lb_budget *budget);

/* Takes what a namespace's inspection cost. */
void lb_budget_inspected(struct lb_budget *budget, uint64_t cost_ns);

/* Takes what all of them cost in this interval; 0: there was none. */
void lb_budget_end_inspections(struct lb_budget *budget, uint64_t cost_ns);

#endif
