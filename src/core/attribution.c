// SPDX-License-Identifier: MIT
/* Two reads are not one instant, which matters twice:
 *
 * - A drop between the dump before the counters and the dump after them may be
 *   younger than the counters. Its movement stays open for the next round,
 *   unless this round's increments already used it (settle_socket()).
 * - The kernel counts an overflow just before its drop, and a read can come
 *   between. Such an overflow waits for the next round (hold_back()). */
#include "core/attribution.h"

#include "core/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Samples. */
enum {
  NEARLY_FULL_KEEP = 20, /* a queue was nearly full lately */
  NEW_SAMPLES = 10,      /* of a new collector, which knows no socket */
};

void lb_attribution_free(struct lb_attribution *attribution) {
  free(attribution->movers);
  *attribution = (struct lb_attribution){.movers = NULL};
}

void lb_attribution_count_from_zero(struct lb_attribution *attribution) {
  attribution->is_primed = true;
}

void lb_attribution_rebind(struct lb_attribution *attribution) {
  memset(attribution->settled.counter, 0, sizeof(attribution->settled.counter));
  memset(attribution->learned.counter, 0, sizeof(attribution->learned.counter));
  memset(attribution->amount, 0, sizeof(attribution->amount));
  attribution->overflows_read = 0;
  attribution->sample = attribution->first_sample = 0;
  attribution->misses = false;
}

void lb_attribution_inherit(struct lb_attribution *attribution,
                            struct lb_attribution *gone) {
  for (int i = 0; i < LB_MIBS; i++) {
    attribution->total[i] += gone->total[i];
    gone->total[i] = 0;
  }
  attribution->overflows_unattributed += gone->overflows_unattributed;
  gone->overflows_unattributed = 0;
}

/* How far sk_drops has moved. It wraps at 32 bits. */
static uint32_t movement_since(const struct lb_socket *socket,
                               uint32_t sk_drops) {
  return socket->sock.has_drops ? socket->sock.sk_drops - sk_drops : 0;
}

static uint32_t movement_of(const struct lb_socket *socket) {
  return movement_since(socket, socket->attribution.settled);
}

static bool was_full(const struct lb_socket *socket) {
  return socket->full_now || socket->full_before;
}

/* --- reading ------------------------------------------------------------- */

static struct lb_increments increments_between(const struct lb_netstat *before,
                                               const struct lb_netstat *now) {
  return (struct lb_increments){
      .drops = lb_mib_increment(before->counter[LB_MIB_LISTEN_DROPS],
                                now->counter[LB_MIB_LISTEN_DROPS]),
      .overflows = lb_mib_increment(before->counter[LB_MIB_LISTEN_OVERFLOWS],
                                    now->counter[LB_MIB_LISTEN_OVERFLOWS]),
  };
}

static struct lb_increments
increments_of(const struct lb_attribution *attribution) {
  return increments_between(&attribution->settled, &attribution->read);
}

static void prime(struct lb_attribution *attribution,
                  struct lb_socket_table *table) {
  const uint64_t *counter = attribution->read.counter;
  memcpy(attribution->total, counter, sizeof(attribution->total));
  attribution->overflows_unattributed = counter[LB_MIB_LISTEN_OVERFLOWS];
  attribution->overflows_read = counter[LB_MIB_LISTEN_OVERFLOWS];
  attribution->settled = attribution->learned = attribution->read;
  attribution->is_primed = true;
  attribution->first_sample = table->sample;
  for (size_t i = 0; i < table->len; i++) {
    struct lb_socket *socket = &table->v[i];
    socket->attribution.settled = socket->attribution.learned =
        socket->sock.sk_drops;
  }
}

/* If the drop of an overflow is not counted yet, takes the overflow out of what
 * was read, once: tcp_conn_request() and tcp_v4_syn_recv_sock() (net/ipv4)
 * raise ListenOverflows before they call tcp_listendrop(). */
static void hold_back(struct lb_attribution *attribution) {
  uint64_t *overflows = &attribution->read.counter[LB_MIB_LISTEN_OVERFLOWS];
  uint64_t fresh = lb_mib_increment(attribution->overflows_read, *overflows);
  attribution->overflows_now = *overflows;
  struct lb_increments read = increments_of(attribution);
  if (read.overflows <= read.drops)
    return;
  uint64_t early = read.overflows - read.drops;
  *overflows -= early < fresh ? early : fresh;
}

/* --- movers -------------------------------------------------------------- */

static int reserve_movers(struct lb_attribution *attribution, size_t cap) {
  if (attribution->movers_cap >= cap)
    return 0;
  struct lb_mover *movers =
      reallocarray(attribution->movers, cap, sizeof(*movers));
  if (!movers)
    return -ENOMEM;
  attribution->movers = movers;
  attribution->movers_cap = cap;
  return 0;
}

static struct lb_mover mover_of(struct lb_socket_table *table, size_t i) {
  struct lb_socket *socket = &table->v[i];
  struct lb_mover mover = {.socket = i,
                           .evidence = &socket->attribution.evidence,
                           .movement = movement_of(socket)};
  lb_evidence_judge(&mover, was_full(socket),
                    socket->nearly_full &&
                        table->sample - socket->nearly_full < NEARLY_FULL_KEEP);
  return mover;
}

static size_t find_movers(struct lb_attribution *attribution,
                          struct lb_socket_table *table) {
  size_t len = 0;
  for (size_t i = 0; i < table->len; i++)
    if (movement_of(&table->v[i]))
      attribution->movers[len++] = mover_of(table, i);
  return len;
}

int lb_attribution_begin(struct lb_attribution *attribution,
                         struct lb_socket_table *table) {
  if (reserve_movers(attribution, table->cap))
    return -ENOMEM;
  for (size_t i = 0; i < table->len; i++)
    table->v[i].attribution.asked = table->v[i].sock.sk_drops;
  return 0;
}

static uint64_t movement_of_all(const struct lb_mover *movers, size_t len) {
  uint64_t movement = 0;
  for (size_t i = 0; i < len; i++)
    movement += movers[i].movement;
  return movement;
}

/* Overflows whose drops are not counted yet are no other drops. */
static void amounts_of(struct lb_increments increments,
                       uint64_t amount[static LB_CAUSES]) {
  amount[LB_CAUSE_OVERFLOW] = increments.overflows;
  amount[LB_CAUSE_OTHER] = increments.drops > increments.overflows
                               ? increments.drops - increments.overflows
                               : 0;
}

/* Drops have to be covered by likely sockets, so that one that only moves for
 * other reasons does not get them, also if it is the only one that moved before
 * the counters were read. */
static bool is_covered(const struct lb_attribution *attribution, size_t len,
                       struct lb_increments increments) {
  uint64_t amount[LB_CAUSES], likely[LB_CAUSES] = {0};
  amounts_of(increments, amount);
  for (size_t i = 0; i < len; i++) {
    const struct lb_mover *mover = &attribution->movers[i];
    for (int cause = 0; cause < LB_CAUSES; cause++)
      if (mover->rank[cause] >= LB_MOVER_LIKELY)
        likely[cause] += mover->movement;
  }
  return increments.drops <= movement_of_all(attribution->movers, len) &&
         amount[LB_CAUSE_OVERFLOW] <= likely[LB_CAUSE_OVERFLOW] &&
         amount[LB_CAUSE_OTHER] <= likely[LB_CAUSE_OTHER];
}

bool lb_attribution_read(struct lb_attribution *attribution,
                         struct lb_socket_table *table,
                         const struct lb_netstat *netstat) {
  attribution->read = *netstat;
  if (!attribution->is_primed)
    prime(attribution, table);
  hold_back(attribution);
  size_t len = find_movers(attribution, table);
  return !is_covered(attribution, len, increments_of(attribution));
}

/* --- settling ------------------------------------------------------------ */

/* Whether a TCP socket of the last round that has moved in at least so many
 * rounds is missing: its last drops are unknown. */
static bool has_left(const struct lb_attribution *attribution,
                     const struct lb_socket_table *table, uint8_t rounds) {
  for (size_t i = 0; i < table->len && table->present < table->len; i++) {
    const struct lb_socket *socket = &table->v[i];
    if (socket->sock.has_drops && !lb_socket_is_present(table, socket) &&
        socket->sample >= attribution->sample &&
        socket->attribution.evidence.rounds >= rounds)
      return true;
  }
  return false;
}

/* What moved in the last round takes part, too. Sockets that have not moved may
 * come and go, as those of an FTP server do. */
static void learn_round(struct lb_attribution *attribution,
                        struct lb_socket_table *table) {
  uint64_t amount[LB_CAUSES];
  amounts_of(increments_between(&attribution->learned, &attribution->read),
             amount);
  attribution->learned = attribution->read;
  bool is_whole = !has_left(attribution, table, 1);
  attribution->sample = table->sample;
  size_t len = 0;
  for (size_t i = 0; i < table->len; i++) {
    struct lb_socket *socket = &table->v[i];
    struct lb_evidence *evidence = &socket->attribution.evidence;
    uint32_t movement = movement_since(socket, socket->attribution.learned);
    socket->attribution.learned = socket->sock.sk_drops;
    if (movement || evidence->previous)
      attribution->movers[len++] =
          (struct lb_mover){.evidence = evidence, .movement = movement};
  }
  if (is_whole)
    lb_evidence_learn(attribution->movers, len, amount, attribution->amount);
}

/* Several sockets may have dropped, and one of them is new: a later round of
 * the interval knows more. To a collector that has just begun, all are new. */
static bool is_undecided(const struct lb_attribution *attribution,
                         const struct lb_socket_table *table, size_t len) {
  bool has_new = table->sample - attribution->first_sample < NEW_SAMPLES;
  for (size_t i = 0; i < len && !has_new; i++)
    has_new = lb_evidence_is_new(attribution->movers[i].evidence);
  return len > 1 && has_new &&
         !is_covered(attribution, len, increments_of(attribution));
}

/* Closes the socket's movement, except what is younger than the counters and
 * got no share. The next round has that, also to learn from. Returns whether
 * some stays open. */
static bool settle_socket(struct lb_socket *socket, uint32_t given) {
  uint32_t sk_drops = socket->sock.sk_drops;
  uint32_t open = movement_of(socket) - given;
  uint32_t young = sk_drops - socket->attribution.asked;
  socket->attribution.settled = sk_drops - (young < open ? young : open);
  socket->attribution.learned = socket->attribution.settled;
  return socket->attribution.settled != sk_drops;
}

static void credit_listeners(struct lb_listeners *listeners,
                             const struct lb_socket *socket,
                             const struct lb_mover *mover) {
  struct lb_visit visit = lb_listeners_visit(listeners, &socket->sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->attribution.drops += mover->drops;
    listener->attribution.overflows += mover->overflows;
  }
}

static void add_totals(struct lb_attribution *attribution) {
  const uint64_t *before = attribution->settled.counter;
  const uint64_t *now = attribution->read.counter;
  for (int i = 0; i < LB_MIBS; i++)
    attribution->total[i] += lb_mib_increment(before[i], now[i]);
  attribution->settled = attribution->read;
}

static void settle_movers(struct lb_attribution *attribution,
                          struct lb_socket_table *table,
                          struct lb_listeners *listeners, size_t len) {
  table->drops_moved = false;
  for (size_t i = 0; i < len; i++) {
    const struct lb_mover *mover = &attribution->movers[i];
    struct lb_socket *socket = &table->v[mover->socket];
    credit_listeners(listeners, socket, mover);
    table->drops_moved |= settle_socket(socket, mover->drops);
  }
}

int lb_attribution_settle(struct lb_attribution *attribution,
                          struct lb_socket_table *table,
                          struct lb_listeners *listeners, bool may_wait) {
  if (reserve_movers(attribution, table->cap))
    return -ENOMEM;
  attribution->misses |= has_left(attribution, table, 0);
  learn_round(attribution, table);
  size_t len = find_movers(attribution, table);
  if (may_wait && is_undecided(attribution, table, len))
    return -EAGAIN;
  struct lb_increments all = increments_of(attribution);
  /* Then a socket dropped that no dump has shown. */
  bool is_short = movement_of_all(attribution->movers, len) < all.drops;
  struct lb_increments left = lb_attribution_split(
      attribution->movers, len, all,
      attribution->misses || is_short ? LB_MOVER_SUSPECT : 0);
  attribution->overflows_unattributed += left.overflows;
  attribution->overflows_read = attribution->overflows_now;
  attribution->misses = false;
  settle_movers(attribution, table, listeners, len);
  add_totals(attribution);
  return 0;
}

/* --- readings ------------------------------------------------------------ */

bool lb_attribution_has_shares(const struct lb_attribution *attribution) {
  unsigned needed = 1u << LB_MIB_LISTEN_DROPS | 1u << LB_MIB_LISTEN_OVERFLOWS;
  return (attribution->settled.present & needed) == needed;
}

static const enum lb_reading_id reading_of_mib[LB_MIBS] = {
    [LB_MIB_LISTEN_DROPS] = LB_DROPS,
    [LB_MIB_LISTEN_OVERFLOWS] = LB_OVERFLOWS,
    [LB_MIB_REQQ_FULL_DROP] = LB_SYN_DROPS,
    [LB_MIB_SYNCOOKIES_SENT] = LB_SYNCOOKIES_SENT,
};

void lb_attribution_put(const struct lb_attribution *attribution,
                        struct lb_values *values) {
  for (int i = 0; i < LB_MIBS; i++)
    if (attribution->settled.present & 1u << i)
      lb_put_counter(values, reading_of_mib[i], attribution->total[i]);
  if (lb_attribution_has_shares(attribution))
    lb_put_counter(values, LB_OVERFLOWS_UNATTRIBUTED,
                   attribution->overflows_unattributed);
}

/* An overflow whose drop is not counted yet may have to wait for the next
 * round, so it waits here: see hold_back(). */
void lb_attribution_put_read(const struct lb_attribution *attribution,
                             const struct lb_netstat *netstat,
                             struct lb_values *values) {
  uint64_t now[LB_MIBS];
  const uint64_t *read = netstat->counter;
  for (int i = 0; i < LB_MIBS; i++)
    now[i] =
        attribution->is_primed
            ? attribution->total[i] +
                  lb_mib_increment(attribution->settled.counter[i], read[i])
            : read[i];
  if (attribution->is_primed) {
    uint64_t drops =
        now[LB_MIB_LISTEN_DROPS] - attribution->total[LB_MIB_LISTEN_DROPS];
    uint64_t before = attribution->total[LB_MIB_LISTEN_OVERFLOWS];
    if (now[LB_MIB_LISTEN_OVERFLOWS] - before > drops)
      now[LB_MIB_LISTEN_OVERFLOWS] = before + drops;
  }
  for (int i = 0; i < LB_MIBS; i++)
    if (netstat->present & 1u << i)
      lb_put_counter(values, reading_of_mib[i], now[i]);
}

void lb_attribution_put_listener(const struct lb_listener *listener,
                                 struct lb_values *values) {
  if (!listener->has_ports)
    return;
  lb_put_counter(values, LB_DROPS, listener->attribution.drops);
  lb_put_counter(values, LB_OVERFLOWS, listener->attribution.overflows);
  if (listener->sample.sockets > 0)
    lb_put_gauge(values, LB_OVERFLOWS_5M, (double)listener->overflows.sum);
}
