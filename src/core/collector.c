// SPDX-License-Identifier: MIT
/* The order of a look, and why:
 *
 * 1. Dump the listeners. Where one of the last look is missing, dump once more,
 *    and then once more: the kernel leaves live sockets out when others come
 *    and go, of a large SO_REUSEPORT group even twice.
 * 2. Where some sk_drops moved, read the namespace's counters, after the dump:
 *    every movement seen is then in the increments read.
 * 3. Increments can hold more than the movements seen, by what happened between
 *    the two reads. Where they exceed the movements, or those of the sockets
 *    seen full, dump again, so that what is a full socket's is not laid on one
 *    that is scanned meanwhile. Whatever no movement covers now belongs to a
 *    socket that is gone. So every increment finds its place in the look that
 *    reads it, and shares and unattributed add up to the number reported.
 * 4. A movement between the two dumps may be younger than the counters read. It
 *    stays open for the next look, as far as it got no share (carry_over()).
 * 5. The kernel counts an overflow just before its drop, and a read can come
 *    between. Such an overflow waits for the next look (hold_back()). */
#include "core/collector.h"

#include "core/attribution.h"
#include "core/socket_table.h"
#include "kernel/netstat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NETSTAT_BYTES = 16384, SYSCTL_BYTES = 64, MOST_DUMPS = 3 };

struct lb_collector {
  struct lb_source *source;
  const struct lb_netns_ref *scope;
  struct lb_label_registry *labels;
  const char *label; /* NULL: somebody else has it */
  struct lb_unix_names *paths;
  struct lb_listeners *group;
  struct lb_socket_table ledger;
  struct lb_listen_socks rows;
  struct lb_mover *movers;
  size_t movers_cap;

  struct lb_netstat netstat; /* as far as settled */
  uint64_t overflows_read;   /* ListenOverflows as last read */
  uint64_t total[LB_MIBS];
  uint64_t overflows_unattributed;
  bool primed;     /* the first counters are read */
  bool is_current; /* they are up to date with the last look */
  int netstat_err; /* why not */

  uint32_t somaxconn;
  bool has_somaxconn;

  uint32_t interval;
  bool ended;      /* the next look begins another */
  bool is_grouped; /* the listeners have what the last look showed */
  int paths_err;   /* of the UNIX sockets in the last look */
  uint32_t walk;   /* number of the last one planned */
};

static int set_up(struct lb_collector *survey,
                  const struct lb_settings *settings) {
  const struct lb_netns_ref *scope = survey->scope;
  int err = lb_unix_names_new(&survey->paths);
  if (!err)
    err = lb_label_registry_claim(survey->labels, scope->label, &survey->label);
  if (err == -ENOMEM)
    return err;
  int clash = err;
  survey->rows.paths = survey->paths;
  err = lb_listeners_new(settings, scope, survey->labels, survey->paths,
                         &survey->group);
  if (!err && clash)
    lb_listeners_note_conflict(survey->group, clash, scope->label,
                               "the network namespace");
  return err;
}

int lb_collector_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *scope,
                     struct lb_label_registry *labels, struct lb_source *source,
                     struct lb_collector **out) {
  struct lb_collector *survey = calloc(1, sizeof(*survey));
  if (!survey)
    return -ENOMEM;
  survey->source = source;
  survey->scope = scope;
  survey->labels = labels;
  survey->interval = 1;
  int err = set_up(survey, settings);
  if (err) {
    lb_collector_free(survey);
    return err;
  }
  *out = survey;
  return 0;
}

void lb_collector_free(struct lb_collector *survey) {
  if (!survey)
    return;
  lb_listeners_free(survey->group);
  lb_label_registry_release(survey->labels, survey->label);
  lb_socket_table_free(&survey->ledger);
  lb_listen_socks_free(&survey->rows);
  lb_unix_names_free(survey->paths);
  free(survey->movers);
  free(survey);
}

void lb_collector_rebind(struct lb_collector *survey,
                         struct lb_source *source) {
  survey->source = source;
  lb_socket_table_free(&survey->ledger);
  survey->ledger.forgot_paths = true;
  survey->is_grouped = false;
  memset(survey->netstat.counter, 0, sizeof(survey->netstat.counter));
  survey->overflows_read = 0;
}

/* A failure to see the UNIX sockets costs only theirs. */
static void dump_paths(struct lb_collector *survey) {
  size_t before = survey->rows.len;
  survey->paths_err = survey->source->paths(survey->source, &survey->rows);
  if (survey->paths_err)
    survey->rows.len = before;
}

/* UNIX sockets have no sk_drops: what is about those leaves them out. */
static int dump(struct lb_collector *survey, bool paths, uint64_t now_ms) {
  struct lb_socket_table *ledger = &survey->ledger;
  bool asks = paths && lb_listeners_want_unix(survey->group);
  survey->rows.len = 0;
  int err = survey->source->listeners(survey->source, &survey->rows);
  if (!err && asks)
    dump_paths(survey);
  if (!err)
    err = lb_socket_table_merge(ledger, &survey->rows, now_ms);
  if (!err && asks && survey->paths_err)
    lb_socket_table_keep_unix(ledger, now_ms);
  for (size_t i = ledger->known; i < ledger->len && !err; i++)
    err = lb_listeners_discover(survey->group, &ledger->v[i].row);
  return err;
}

/* --- counters ------------------------------------------------------------ */

static int read_netstat(struct lb_collector *survey, struct lb_netstat *out) {
  char text[NETSTAT_BYTES];
  ssize_t len =
      survey->source->text(survey->source, LB_TEXT_NETSTAT, text, sizeof(text));
  return len < 0 ? (int)len : lb_netstat_parse(text, out);
}

static bool can_share(const struct lb_netstat *netstat) {
  unsigned needed = 1u << LB_MIB_LISTEN_DROPS | 1u << LB_MIB_LISTEN_OVERFLOWS;
  return (netstat->present & needed) == needed;
}

/* A 32-bit kernel's counter wraps; any other way back is no increment. */
static uint64_t increment(uint64_t before, uint64_t now) {
  if (now >= before)
    return now - before;
  uint32_t wrapped = (uint32_t)now - (uint32_t)before;
  return before <= UINT32_MAX && wrapped <= INT32_MAX ? wrapped : 0;
}

static bool was_full(const struct lb_socket *socket) {
  return socket->full_now || socket->full_before;
}

static uint64_t sum_movements(const struct lb_socket_table *ledger,
                              bool full_only) {
  uint64_t sum = 0;
  for (size_t i = 0; i < ledger->len; i++)
    if (!full_only || was_full(&ledger->v[i]))
      sum += lb_socket_movement(&ledger->v[i]);
  return sum;
}

static int reserve_movers(struct lb_collector *survey) {
  if (survey->movers_cap >= survey->ledger.cap)
    return 0;
  struct lb_mover *movers =
      reallocarray(survey->movers, survey->ledger.cap, sizeof(*survey->movers));
  if (!movers)
    return -ENOMEM;
  survey->movers = movers;
  survey->movers_cap = survey->ledger.cap;
  return 0;
}

static size_t find_movers(struct lb_collector *survey) {
  const struct lb_socket_table *ledger = &survey->ledger;
  size_t len = 0;
  for (size_t i = 0; i < ledger->len; i++) {
    const struct lb_socket *socket = &ledger->v[i];
    uint32_t movement = lb_socket_movement(socket);
    if (movement)
      survey->movers[len++] = (struct lb_mover){
          .socket = i,
          .movement = movement,
          .full = was_full(socket),
      };
  }
  return len;
}

/* Up to here the socket's movement has had its share, save what moved after
 * the counters were asked for and got none yet. */
static void carry_over(struct lb_socket *socket, uint32_t given) {
  uint32_t open = lb_socket_movement(socket) - given;
  uint32_t young = socket->row.sk_drops - socket->asked;
  socket->settled = socket->row.sk_drops - (young < open ? young : open);
}

static void credit(struct lb_collector *survey, const struct lb_mover *mover) {
  struct lb_socket *socket = &survey->ledger.v[mover->socket];
  struct lb_visit visit = lb_listeners_visit(survey->group, &socket->row);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->drops += mover->drops;
    listener->overflows += mover->overflows;
  }
  carry_over(socket, mover->drops);
}

static void share(struct lb_collector *survey, struct lb_increments found) {
  size_t len = find_movers(survey);
  struct lb_increments left = lb_attribute(survey->movers, len, found);
  survey->overflows_unattributed += left.overflows;
  for (size_t i = 0; i < len; i++)
    credit(survey, &survey->movers[i]);
}

/* What was counted before the first look is nobody's. */
static void prime(struct lb_collector *survey,
                  const struct lb_netstat *netstat) {
  memcpy(survey->total, netstat->counter, sizeof(survey->total));
  survey->overflows_unattributed = netstat->counter[LB_MIB_LISTEN_OVERFLOWS];
  for (size_t i = 0; i < survey->ledger.len; i++)
    survey->ledger.v[i].settled = survey->ledger.v[i].row.sk_drops;
  survey->netstat = *netstat;
  survey->overflows_read = netstat->counter[LB_MIB_LISTEN_OVERFLOWS];
  survey->primed = true;
}

static void note_asked(struct lb_socket_table *ledger) {
  for (size_t i = 0; i < ledger->len; i++)
    ledger->v[i].asked = ledger->v[i].row.sk_drops;
}

static struct lb_increments increments(const struct lb_collector *survey,
                                       const struct lb_netstat *netstat) {
  const uint64_t *before = survey->netstat.counter, *now = netstat->counter;
  return (struct lb_increments){
      .drops = increment(before[LB_MIB_LISTEN_DROPS], now[LB_MIB_LISTEN_DROPS]),
      .overflows = increment(before[LB_MIB_LISTEN_OVERFLOWS],
                             now[LB_MIB_LISTEN_OVERFLOWS]),
  };
}

/* Takes overflows whose drops are not counted yet out of what was read, for one
 * look: tcp_conn_request() and tcp_v4_syn_recv_sock() raise ListenOverflows
 * before they call tcp_listendrop(). */
static void hold_back(struct lb_collector *survey, struct lb_netstat *netstat) {
  uint64_t *overflows = &netstat->counter[LB_MIB_LISTEN_OVERFLOWS];
  uint64_t fresh = increment(survey->overflows_read, *overflows);
  survey->overflows_read = *overflows;
  struct lb_increments read = increments(survey, netstat);
  if (read.overflows <= read.drops)
    return;
  uint64_t early = read.overflows - read.drops;
  *overflows -= early < fresh ? early : fresh;
}

/* Reads the counters and gives every increment its place. -errno only where
 * the dump that this may take fails: nothing is settled then. */
static int settle(struct lb_collector *survey, uint64_t now_ms) {
  struct lb_socket_table *ledger = &survey->ledger;
  struct lb_netstat netstat;
  note_asked(ledger);
  survey->netstat_err = read_netstat(survey, &netstat);
  if (survey->netstat_err)
    return 0;
  if (!survey->primed) {
    prime(survey, &netstat);
    survey->is_current = true;
    return 0;
  }

  hold_back(survey, &netstat);
  struct lb_increments found = increments(survey, &netstat);
  if (found.drops > sum_movements(ledger, false) ||
      found.overflows > sum_movements(ledger, true)) {
    int err = dump(survey, false, now_ms);
    if (err)
      return err;
  }
  if (reserve_movers(survey))
    return -ENOMEM;
  share(survey, found);
  for (int i = 0; i < LB_MIBS; i++)
    survey->total[i] +=
        increment(survey->netstat.counter[i], netstat.counter[i]);
  survey->netstat = netstat;
  survey->is_current = true;
  return 0;
}

/* --- looks --------------------------------------------------------------- */

/* Whether this is the first time in the interval that it was seen full. */
static bool becomes_full(const struct lb_collector *survey,
                         struct lb_socket *socket) {
  if (!socket->full_now || socket->full_in == survey->interval)
    return false;
  socket->full_in = survey->interval;
  return true;
}

/* Most looks show what the look before has shown. */
static void regroup(struct lb_collector *survey, bool is_same) {
  struct lb_socket_table *ledger = &survey->ledger;
  if (is_same) {
    lb_listeners_repeat_sample(survey->group);
    return;
  }
  lb_listeners_begin_sample(survey->group, survey->paths_err == 0);
  for (size_t i = 0; i < ledger->len; i++) {
    struct lb_socket *socket = &ledger->v[i];
    if (lb_socket_is_present(ledger, socket))
      lb_listeners_add_socket(survey->group, &socket->row,
                              becomes_full(survey, socket));
  }
}

static void begin_interval(struct lb_collector *survey) {
  survey->ended = false;
  survey->interval++;
  lb_listeners_begin_interval(survey->group);
}

int lb_collector_sample(struct lb_collector *survey, uint64_t now_ms) {
  struct lb_socket_table *ledger = &survey->ledger;
  bool begins = survey->ended;
  int paths_err_before = survey->paths_err;
  if (begins)
    begin_interval(survey);
  survey->is_current = false;
  lb_socket_table_begin_sample(ledger);
  int err = dump(survey, true, now_ms);
  for (int i = 1; i < MOST_DUMPS && !err && lb_socket_table_misses(ledger); i++)
    err = dump(survey, true, now_ms);
  if (!err && ledger->moved)
    err = settle(survey, now_ms);
  if (err) {
    survey->is_grouped = false;
    return err;
  }
  bool is_same = survey->is_grouped && !begins &&
                 lb_socket_table_is_same(ledger) &&
                 survey->paths_err == paths_err_before;
  lb_socket_table_end_sample(ledger, now_ms);
  regroup(survey, is_same);
  survey->is_grouped = true;
  return 0;
}

/* --- what waits ---------------------------------------------------------- */

static bool is_wanted(const struct lb_collector *survey,
                      const struct lb_socket *socket) {
  return lb_socket_is_present(&survey->ledger, socket) &&
         lb_listeners_want(survey->group, &socket->row);
}

int lb_collector_plan_inspection(struct lb_collector *survey,
                                 struct lb_inspection *walk) {
  struct lb_socket_table *ledger = &survey->ledger;
  lb_inspection_begin_plan(walk);
  survey->walk++;
  for (size_t i = 0; i < ledger->len; i++) {
    struct lb_socket *socket = &ledger->v[i];
    if (!is_wanted(survey, socket))
      continue;
    socket->noted = survey->walk;
    socket->noted_queue = socket->row.queue;
    if (lb_inspection_add_socket(walk, &socket->row))
      return -ENOMEM;
  }
  lb_inspection_end_plan(walk);
  return 0;
}

/* Of a queue that is longer than what the walk shows of it the rest was reset:
 * tcp_reset() takes such a connection out of the tables, not out of the queue.
 * Connections come and go while the walk goes on, so only what stood there
 * before and after it counts. */
static uint32_t lasting_queue(const struct lb_collector *survey,
                              const struct lb_socket *socket) {
  if (socket->noted != survey->walk)
    return 0;
  return socket->noted_queue < socket->row.queue ? socket->noted_queue
                                                 : socket->row.queue;
}

static void take_point(struct lb_inspected *sum,
                       const struct lb_endpoint *point) {
  sum->queue += point->queue;
  sum->visible += point->visible;
  sum->abandoned += point->closed;
  if (point->queue > point->visible)
    sum->abandoned += point->queue - point->visible;
  sum->syn += point->half_open;
  if (point->wait_ms > sum->wait_ms)
    sum->wait_ms = point->wait_ms;
}

static void take_target(struct lb_inspected *sum,
                        const struct lb_unix_target *target) {
  if (!target->err)
    sum->abandoned += target->found.closed;
  else if (target->err != -ENOENT) /* else it has gone meanwhile */
    sum->lacks_abandoned = true;
}

/* Of a listener all of whose sockets are younger than the plan nothing was
 * asked. */
static void begin_inspected(struct lb_collector *survey) {
  const struct lb_socket_table *ledger = &survey->ledger;
  for (size_t i = 0; i < lb_listeners_len(survey->group); i++)
    lb_listeners_get(survey->group, i)->inspected = (struct lb_inspected){0};
  for (size_t i = 0; i < ledger->len; i++) {
    const struct lb_socket *socket = &ledger->v[i];
    if (socket->noted != survey->walk || !lb_socket_is_present(ledger, socket))
      continue;
    struct lb_visit visit = lb_listeners_visit(survey->group, &socket->row);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      listener->inspected.done = true;
  }
}

static void take_walk(struct lb_collector *survey,
                      const struct lb_inspection *walk) {
  begin_inspected(survey);
  for (size_t i = 0; i < walk->points_len; i++) {
    struct lb_visit visit =
        lb_listeners_visit(survey->group, &walk->points[i].row);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      take_point(&listener->inspected, &walk->points[i]);
  }
  for (size_t i = 0; i < walk->targets_len; i++) {
    struct lb_visit visit =
        lb_listeners_visit(survey->group, &walk->targets[i].row);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      take_target(&listener->inspected, &walk->targets[i]);
  }
}

/* Sockets that nobody wants have points as well, lest what waits there is laid
 * on one of any address that is wanted. */
int lb_collector_take_inspection(struct lb_collector *survey,
                                 struct lb_inspection *walk) {
  const struct lb_socket_table *ledger = &survey->ledger;
  for (size_t i = 0; i < ledger->len; i++) {
    const struct lb_socket *socket = &ledger->v[i];
    if (socket->row.family == AF_UNIX || !lb_socket_is_present(ledger, socket))
      continue;
    if (lb_inspection_add_endpoint(walk, &socket->row,
                                   lasting_queue(survey, socket)))
      return -ENOMEM;
  }
  lb_inspection_match(walk);
  take_walk(survey, walk);
  return 0;
}

/* --- the end of an interval ---------------------------------------------- */

static int read_somaxconn(struct lb_collector *survey) {
  char buf[SYSCTL_BYTES];
  ssize_t len =
      survey->source->text(survey->source, LB_TEXT_SOMAXCONN, buf, sizeof(buf));
  int err = len < 0 ? (int)len : lb_sysctl_parse(buf, &survey->somaxconn);
  survey->has_somaxconn = err == 0;
  return err;
}

/* listen() lowers what it is given to somaxconn and tells nobody:
 * __sys_listen_socket(), net/socket.c. A raise reaches the next listen() only.
 */
static void hint(struct lb_collector *survey, struct lb_socket *socket) {
  uint32_t limit = socket->row.limit;
  bool clamped = limit == survey->somaxconn && !socket->hinted_clamped;
  bool outgrown = socket->hinted_clamped && socket->hint_limit == limit &&
                  survey->somaxconn > limit && !socket->hinted_outgrown;
  if ((!clamped && !outgrown) ||
      !lb_listeners_want(survey->group, &socket->row))
    return; /* or nobody would be told */
  struct lb_visit visit = lb_listeners_visit(survey->group, &socket->row);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->clamped += clamped;
    listener->outgrown += outgrown;
  }
  socket->hinted_clamped = true;
  socket->hinted_outgrown |= outgrown;
  socket->hint_limit = limit;
}

static void forget_path(void *data, uint32_t path) {
  lb_listeners_forget_unix(data, path);
}

static void sweep_paths(struct lb_collector *survey) {
  struct lb_socket_table *ledger = &survey->ledger;
  lb_unix_names_begin_sweep(survey->paths);
  lb_listeners_keep_unix_names(survey->group);
  for (size_t i = 0; i < ledger->len; i++)
    if (ledger->v[i].row.family == AF_UNIX)
      lb_unix_names_keep(survey->paths, ledger->v[i].row.path);
  lb_unix_names_end_sweep(survey->paths, forget_path, survey->group);
  ledger->forgot_paths = false;
}

int lb_collector_end_interval(struct lb_collector *survey, uint64_t now_ms,
                              struct lb_sample_errors *troubles) {
  if (!survey->is_current) {
    int err = settle(survey, now_ms);
    if (err)
      return err;
    lb_socket_table_end_sample(&survey->ledger,
                               now_ms); /* it may have dumped again */
    survey->is_grouped = false;
  }
  struct lb_sample_errors found = {
      .netstat = survey->is_current ? 0 : survey->netstat_err,
      .somaxconn = read_somaxconn(survey),
      .paths = survey->paths_err,
  };
  struct lb_socket_table *ledger = &survey->ledger;
  for (size_t i = 0; i < ledger->len && survey->has_somaxconn; i++)
    if (lb_socket_is_present(ledger, &ledger->v[i]))
      hint(survey, &ledger->v[i]);
  if (ledger->forgot_paths)
    sweep_paths(survey);
  survey->ended = true;
  *troubles = found;
  return 0;
}

/* --- readings ------------------------------------------------------------ */

static struct lb_values namespace_values(const struct lb_collector *survey) {
  static const struct {
    enum lb_mib counter;
    enum lb_reading_id metric;
  } counters[] = {
      {LB_MIB_LISTEN_DROPS, LB_DROPS},
      {LB_MIB_LISTEN_OVERFLOWS, LB_OVERFLOWS},
      {LB_MIB_REQQ_FULL_DROP, LB_SYN_DROPS},
      {LB_MIB_SYNCOOKIES_SENT, LB_SYNCOOKIES_SENT},
  };
  struct lb_values values = {.present = 0};
  if (survey->has_somaxconn)
    lb_put_gauge(&values, LB_SOMAXCONN, survey->somaxconn);
  if (!survey->is_current)
    return values;
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
    if (survey->netstat.present & 1u << counters[i].counter)
      lb_put_counter(&values, counters[i].metric,
                     survey->total[counters[i].counter]);
  if (can_share(&survey->netstat))
    lb_put_counter(&values, LB_OVERFLOWS_UNATTRIBUTED,
                   survey->overflows_unattributed);
  return values;
}

static struct lb_readings reading_of(const struct lb_listener *listener,
                                     bool counters) {
  return (struct lb_readings){
      .label = listener->label,
      .values = lb_listener_values(listener, counters),
      .clamped = listener->clamped,
      .outgrown = listener->outgrown,
  };
}

void lb_collector_visit_readings(
    const struct lb_collector *survey,
    void (*visit)(void *data, const struct lb_readings *reading), void *data) {
  if (survey->label) {
    struct lb_readings reading = {.label = survey->label,
                                  .is_namespace = true,
                                  .values = namespace_values(survey)};
    visit(data, &reading);
  }
  bool counters = survey->is_current && can_share(&survey->netstat) &&
                  !survey->ledger.lacks_drops;
  for (size_t i = 0; i < lb_listeners_len(survey->group); i++) {
    const struct lb_listener *listener = lb_listeners_get(survey->group, i);
    if (!lb_listeners_reports(survey->group, listener))
      continue;
    struct lb_readings reading = reading_of(listener, counters);
    visit(data, &reading);
  }
}

void lb_collector_visit_sockets(const struct lb_collector *survey,
                                void (*visit)(void *data,
                                              const struct lb_listen_sock *row,
                                              const struct lb_unix_name *path),
                                void *data) {
  const struct lb_socket_table *ledger = &survey->ledger;
  for (size_t i = 0; i < ledger->len; i++) {
    const struct lb_listen_sock *row = &ledger->v[i].row;
    bool is_unix = row->family == AF_UNIX;
    if (is_wanted(survey, &ledger->v[i]))
      visit(data, row,
            is_unix ? lb_unix_names_get(survey->paths, row->path) : NULL);
  }
}

uint32_t lb_collector_somaxconn(const struct lb_collector *survey) {
  return survey->somaxconn;
}

struct lb_conflict *lb_collector_conflict(struct lb_collector *survey) {
  return lb_listeners_conflict(survey->group);
}
