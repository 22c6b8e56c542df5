// SPDX-License-Identifier: MIT
/* Comparisons with NAN are false, so what is unknown proves nothing. */
#include "core/diagnosis.h"

#include <math.h>

/* As in collectd.conf.d/listen_backlog-thresholds.conf. */
#define WARN_WAIT 1.0 /* seconds */
#define TROUBLE_WAIT 5.0
#define TROUBLE_FILL 90.0 /* percent */

#define WARN_FILL 50.0 /* of a queue that stays */

#define STANDING 80.0 /* percent of the samples: a burst is shorter */
#define LONG_BURST 40.0
#define FEW 5 /* connections: a short queue means little */

/* A client that is first in the queue for so long is not just next. */
#define STUCK_WAIT 3.0

/* How exactly the kernel and two reads tell the age of a connection: a jiffy
 * each, and the time that the reads took. */
#define AGE_ERROR 0.03

/* --- rates --------------------------------------------------------------- */

/* Overflows are dropped SYNs, each of which moves sk_drops by one, and dropped
 * ACKs of half-open connections, each by two (tcp_v4_syn_recv_sock() and
 * tcp_v4_rcv(), net/ipv4/tcp_ipv4.c). The half-open ones are few, and their
 * ACKs come again and again, so that only the SYNs tell how many clients there
 * are. */
static double refused_syns(const struct lb_observation *seen) {
  double syns = 2 * seen->overflows - seen->sk_drops;
  if (!(seen->overflows > 0) || syns < 0)
    return 0;
  return syns < seen->overflows ? syns : seen->overflows;
}

/* In the course of the observation. */
static bool has_begun_to_fall(const struct lb_observation *seen) {
  return seen->queue < 0.97 * seen->peak && !(seen->overflows > 0);
}

/* The connections in the queue arrived within the wait of the first. What came
 * and stayed makes the queue longer, the rest was served. */
static void find_rates(const struct lb_observation *seen,
                       struct lb_diagnosis *found) {
  double growth = (seen->queue - seen->queue_before) / seen->seconds;
  found->arriving = found->served = found->times = (double)NAN;
  found->full_in = found->empty_in = (double)NAN;
  found->refused = refused_syns(seen) / LB_TRIES / seen->seconds;
  if (growth > 0 && seen->queue <= seen->limit && !has_begun_to_fall(seen))
    found->full_in = (seen->limit + 1 - seen->queue) / growth;
  if (!(seen->queue > 0 && seen->wait > 0.05))
    return;
  double queued = seen->queue / seen->wait;
  found->arriving = queued + found->refused;
  if (growth < queued) {
    found->served = queued - growth;
    found->times = found->arriving / found->served;
  }
  if (growth < 0 && found->times < 1)
    found->empty_in = seen->queue / -growth;
}

/* --- sockets that accept nobody ------------------------------------------ */

/* Whether the first client in the queue is the same at both ends: it has grown
 * older by the time in between. A server that is 15 times too slow lets it grow
 * by 14 parts of 15. */
static bool is_head_same(const struct lb_observation *seen) {
  return seen->wait - seen->wait_before > seen->seconds - AGE_ERROR;
}

static bool knows_head(const struct lb_observation *seen) {
  return !isnan(seen->wait) && !isnan(seen->wait_before);
}

/* A full socket is filled again at once, so that its queue need not be seen to
 * fall although it accepts. */
static bool can_be_stuck(const struct lb_observation *seen) {
  if (!(seen->held > 0))
    return false;
  return knows_head(seen) ? is_head_same(seen) && seen->wait >= STUCK_WAIT
                          : seen->seconds >= 1;
}

static bool is_stuck(const struct lb_observation *seen,
                     struct lb_diagnosis *found) {
  if (!can_be_stuck(seen) || seen->held < seen->sockets)
    return false;
  found->stuck = seen->sockets;
  found->is_guess = !knows_head(seen) &&
                    (seen->queue > seen->queue_before || seen->always_full > 0);
  return true;
}

/* A member that is full all the time beside others that are not. */
static bool has_stuck_member(const struct lb_observation *seen,
                             struct lb_diagnosis *found) {
  bool is_held = can_be_stuck(seen) && seen->held < seen->sockets;
  bool is_full = seen->always_full > 0 && seen->roomy > 0 &&
                 seen->always_full + seen->roomy >= seen->sockets;
  found->stuck = is_full ? seen->always_full : seen->held;
  found->is_guess = !(is_held && knows_head(seen));
  return seen->sockets > 1 && (is_full || is_held);
}

/* --- the SYN queue, and clients that have left --------------------------- */

/* Drops that are no overflows, while the kernel counts full SYN queues. */
static bool has_full_syn_queue(const struct lb_observation *seen) {
  double others = seen->drops - seen->overflows;
  return seen->syn_drops > 0 && others > 0 && others > seen->overflows;
}

static bool is_saved_by_cookies(const struct lb_observation *seen) {
  return seen->syncookies > 0 && seen->syn > 0 &&
         4 * seen->syn >= 3 * seen->limit;
}

/* With too few workers clients leave, too, and neither a restart nor a shorter
 * backlog would help. A queue that has begun to fall is being served. */
static bool serves_the_gone(const struct lb_observation *seen,
                            const struct lb_diagnosis *found) {
  return seen->queue >= FEW && 2 * seen->abandoned > seen->queue &&
         (has_begun_to_fall(seen) || !(found->times > 1.2));
}

/* --- queues -------------------------------------------------------------- */

static bool has_overflowed(const struct lb_observation *seen) {
  return seen->overflows > 0 || seen->full > 0;
}

/* How bad the queue is. */
static enum lb_severity judge_queue(const struct lb_observation *seen) {
  bool is_long = seen->peak >= FEW;
  if (has_overflowed(seen) || seen->wait >= TROUBLE_WAIT ||
      (is_long && seen->fill >= TROUBLE_FILL))
    return LB_TROUBLE;
  bool is_standing = seen->busy >= STANDING;
  if (seen->wait >= WARN_WAIT ||
      (is_long && is_standing && seen->fill >= WARN_FILL) ||
      (isnan(seen->wait) && seen->lowest >= FEW))
    return LB_WARNING;
  return LB_OK;
}

static enum lb_finding cause_of_queue(const struct lb_observation *seen,
                                      struct lb_diagnosis *found) {
  double too_long = seen->full > 0 ? WARN_WAIT / 2 : WARN_WAIT;
  if (found->is_standing || seen->wait >= too_long)
    return LB_FOUND_SLOW;
  found->is_guess = seen->busy >= LONG_BURST;
  return found->is_clamped ? LB_FOUND_CLAMPED : LB_FOUND_BURSTS;
}

/* --- all together -------------------------------------------------------- */

static enum lb_finding cause_of(const struct lb_observation *seen,
                                struct lb_diagnosis *found) {
  struct lb_diagnosis stuck = *found;
  if (!(seen->sockets > 0))
    return LB_FOUND_GONE;
  if (is_stuck(seen, &stuck) || has_stuck_member(seen, &stuck)) {
    *found = stuck;
    return stuck.stuck < seen->sockets ? LB_FOUND_MEMBER : LB_FOUND_STUCK;
  }
  if (has_full_syn_queue(seen))
    return LB_FOUND_SYN_QUEUE;
  if (serves_the_gone(seen, found))
    return LB_FOUND_ABANDONED;
  found->severity = judge_queue(seen);
  if (found->severity != LB_OK)
    return cause_of_queue(seen, found);
  return is_saved_by_cookies(seen) ? LB_FOUND_SYN_COOKIES : LB_FOUND_HEALTHY;
}

struct lb_diagnosis lb_diagnose(const struct lb_observation *seen) {
  struct lb_diagnosis found = {
      .severity = LB_TROUBLE,
      .is_clamped = seen->sockets > 0 && seen->at_somaxconn == seen->sockets,
      .is_standing = seen->busy >= STANDING,
  };
  find_rates(seen, &found);
  found.cause = cause_of(seen, &found);
  if (found.cause == LB_FOUND_CLAMPED || found.cause == LB_FOUND_SYN_QUEUE)
    found.is_guess = true; /* the backlog that it asked for is not shown, nor
                              which SYN was dropped for which listener */
  return found;
}
