// SPDX-License-Identifier: MIT
/* The order of a sample, and why:
 *
 * 1. Dump the listeners. Where one of the last sample is missing, dump once
 * more, and then once more: the kernel leaves live sockets out when others come
 *    and go, of a large SO_REUSEPORT group even twice.
 * 2. Where some sk_drops moved, read the namespace's counters, after the dump:
 *    every movement seen is then in the increments read.
 * 3. Increments can hold more than the movements seen, by what happened between
 *    the two reads. Where they exceed the movements, or those of the sockets
 *    seen full, dump again, so that what is a full socket's is not laid on one
 *    that is scanned meanwhile. Whatever no movement covers now belongs to a
 *    socket that is gone. So every increment finds its place in the sample that
 *    reads it, and shares and unattributed add up to the number reported.
 * 4. A movement between the two dumps may be younger than the counters read. It
 *    stays open for the next sample, as far as it got no share (carry_over()).
 * 5. The kernel counts an overflow just before its drop, and a read can come
 *    between. Such an overflow waits for the next sample (hold_back()). */
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
  const struct lb_netns_ref *netns;
  struct lb_label_registry *labels;
  const char *label; /* NULL: somebody else has it */
  struct lb_unix_names *unix_names;
  struct lb_listeners *listeners;
  struct lb_socket_table table;
  struct lb_listen_socks rows;
  struct lb_mover *movers;
  size_t movers_cap;

  struct lb_netstat netstat; /* as far as settled */
  uint64_t overflows_read;   /* ListenOverflows as last read */
  uint64_t total[LB_MIBS];
  uint64_t overflows_unattributed;
  bool primed;     /* the first counters are read */
  bool is_current; /* they are up to date with the last sample */
  int netstat_err; /* why not */

  uint32_t somaxconn;
  bool has_somaxconn;

  uint32_t interval;
  bool ended;          /* the next sample begins another */
  bool is_grouped;     /* the listeners have what the last sample showed */
  int unix_err;        /* of the UNIX sockets in the last sample */
  uint32_t inspection; /* number of the last one planned */
};

static int set_up(struct lb_collector *collector,
                  const struct lb_settings *settings) {
  const struct lb_netns_ref *netns = collector->netns;
  int err = lb_unix_names_new(&collector->unix_names);
  if (!err)
    err = lb_label_registry_claim(collector->labels, netns->label,
                                  &collector->label);
  if (err == -ENOMEM)
    return err;
  int conflict = err;
  collector->rows.paths = collector->unix_names;
  err = lb_listeners_new(settings, netns, collector->labels,
                         collector->unix_names, &collector->listeners);
  if (!err && conflict)
    lb_listeners_note_conflict(collector->listeners, conflict, netns->label,
                               "the network namespace");
  return err;
}

int lb_collector_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels, struct lb_source *source,
                     struct lb_collector **out) {
  struct lb_collector *collector = calloc(1, sizeof(*collector));
  if (!collector)
    return -ENOMEM;
  collector->source = source;
  collector->netns = netns;
  collector->labels = labels;
  collector->interval = 1;
  int err = set_up(collector, settings);
  if (err) {
    lb_collector_free(collector);
    return err;
  }
  *out = collector;
  return 0;
}

void lb_collector_free(struct lb_collector *collector) {
  if (!collector)
    return;
  lb_listeners_free(collector->listeners);
  lb_label_registry_release(collector->labels, collector->label);
  lb_socket_table_free(&collector->table);
  lb_listen_socks_free(&collector->rows);
  lb_unix_names_free(collector->unix_names);
  free(collector->movers);
  free(collector);
}

void lb_collector_rebind(struct lb_collector *collector,
                         struct lb_source *source) {
  collector->source = source;
  lb_socket_table_free(&collector->table);
  collector->table.forgot_unix = true;
  collector->is_grouped = false;
  memset(collector->netstat.counter, 0, sizeof(collector->netstat.counter));
  collector->overflows_read = 0;
}

/* A failure to see the UNIX sockets costs only theirs. */
static void dump_paths(struct lb_collector *collector) {
  size_t before = collector->rows.len;
  collector->unix_err =
      collector->source->paths(collector->source, &collector->rows);
  if (collector->unix_err)
    collector->rows.len = before;
}

/* UNIX sockets have no sk_drops: what is about those leaves them out. */
static int dump(struct lb_collector *collector, bool paths, uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  bool asks = paths && lb_listeners_want_unix(collector->listeners);
  collector->rows.len = 0;
  int err = collector->source->listeners(collector->source, &collector->rows);
  if (!err && asks)
    dump_paths(collector);
  if (!err)
    err = lb_socket_table_merge(table, &collector->rows, now_ms);
  if (!err && asks && collector->unix_err)
    lb_socket_table_keep_unix(table, now_ms);
  for (size_t i = table->known; i < table->len && !err; i++)
    err = lb_listeners_discover(collector->listeners, &table->v[i].sock);
  return err;
}

/* --- counters ------------------------------------------------------------ */

static int read_netstat(struct lb_collector *collector,
                        struct lb_netstat *out) {
  char text[NETSTAT_BYTES];
  ssize_t len = collector->source->text(collector->source, LB_TEXT_NETSTAT,
                                        text, sizeof(text));
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

static uint64_t sum_movements(const struct lb_socket_table *table,
                              bool full_only) {
  uint64_t sum = 0;
  for (size_t i = 0; i < table->len; i++)
    if (!full_only || was_full(&table->v[i]))
      sum += lb_socket_movement(&table->v[i]);
  return sum;
}

static int reserve_movers(struct lb_collector *collector) {
  if (collector->movers_cap >= collector->table.cap)
    return 0;
  struct lb_mover *movers = reallocarray(
      collector->movers, collector->table.cap, sizeof(*collector->movers));
  if (!movers)
    return -ENOMEM;
  collector->movers = movers;
  collector->movers_cap = collector->table.cap;
  return 0;
}

static size_t find_movers(struct lb_collector *collector) {
  const struct lb_socket_table *table = &collector->table;
  size_t len = 0;
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_socket *socket = &table->v[i];
    uint32_t movement = lb_socket_movement(socket);
    if (movement)
      collector->movers[len++] = (struct lb_mover){
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
  uint32_t young = socket->sock.sk_drops - socket->asked;
  socket->settled = socket->sock.sk_drops - (young < open ? young : open);
}

static void credit(struct lb_collector *collector,
                   const struct lb_mover *mover) {
  struct lb_socket *socket = &collector->table.v[mover->socket];
  struct lb_visit visit =
      lb_listeners_visit(collector->listeners, &socket->sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->drops += mover->drops;
    listener->overflows += mover->overflows;
  }
  carry_over(socket, mover->drops);
}

static void share(struct lb_collector *collector, struct lb_increments found) {
  size_t len = find_movers(collector);
  struct lb_increments left = lb_attribute(collector->movers, len, found);
  collector->overflows_unattributed += left.overflows;
  for (size_t i = 0; i < len; i++)
    credit(collector, &collector->movers[i]);
}

/* What was counted before the first sample is nobody's. */
static void prime(struct lb_collector *collector,
                  const struct lb_netstat *netstat) {
  memcpy(collector->total, netstat->counter, sizeof(collector->total));
  collector->overflows_unattributed = netstat->counter[LB_MIB_LISTEN_OVERFLOWS];
  for (size_t i = 0; i < collector->table.len; i++)
    collector->table.v[i].settled = collector->table.v[i].sock.sk_drops;
  collector->netstat = *netstat;
  collector->overflows_read = netstat->counter[LB_MIB_LISTEN_OVERFLOWS];
  collector->primed = true;
}

static void note_asked(struct lb_socket_table *table) {
  for (size_t i = 0; i < table->len; i++)
    table->v[i].asked = table->v[i].sock.sk_drops;
}

static struct lb_increments increments(const struct lb_collector *collector,
                                       const struct lb_netstat *netstat) {
  const uint64_t *before = collector->netstat.counter, *now = netstat->counter;
  return (struct lb_increments){
      .drops = increment(before[LB_MIB_LISTEN_DROPS], now[LB_MIB_LISTEN_DROPS]),
      .overflows = increment(before[LB_MIB_LISTEN_OVERFLOWS],
                             now[LB_MIB_LISTEN_OVERFLOWS]),
  };
}

/* Takes overflows whose drops are not counted yet out of what was read, for one
 * sample: tcp_conn_request() and tcp_v4_syn_recv_sock() raise ListenOverflows
 * before they call tcp_listendrop(). */
static void hold_back(struct lb_collector *collector,
                      struct lb_netstat *netstat) {
  uint64_t *overflows = &netstat->counter[LB_MIB_LISTEN_OVERFLOWS];
  uint64_t fresh = increment(collector->overflows_read, *overflows);
  collector->overflows_read = *overflows;
  struct lb_increments read = increments(collector, netstat);
  if (read.overflows <= read.drops)
    return;
  uint64_t early = read.overflows - read.drops;
  *overflows -= early < fresh ? early : fresh;
}

/* Reads the counters and gives every increment its place. -errno only where
 * the dump that this may take fails: nothing is settled then. */
static int settle(struct lb_collector *collector, uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  struct lb_netstat netstat;
  note_asked(table);
  collector->netstat_err = read_netstat(collector, &netstat);
  if (collector->netstat_err)
    return 0;
  if (!collector->primed) {
    prime(collector, &netstat);
    collector->is_current = true;
    return 0;
  }

  hold_back(collector, &netstat);
  struct lb_increments found = increments(collector, &netstat);
  if (found.drops > sum_movements(table, false) ||
      found.overflows > sum_movements(table, true)) {
    int err = dump(collector, false, now_ms);
    if (err)
      return err;
  }
  if (reserve_movers(collector))
    return -ENOMEM;
  share(collector, found);
  for (int i = 0; i < LB_MIBS; i++)
    collector->total[i] +=
        increment(collector->netstat.counter[i], netstat.counter[i]);
  collector->netstat = netstat;
  collector->is_current = true;
  return 0;
}

/* --- samples ---------------------------------------------------------------
 */

/* Whether this is the first time in the interval that it was seen full. */
static bool becomes_full(const struct lb_collector *collector,
                         struct lb_socket *socket) {
  if (!socket->full_now || socket->full_in == collector->interval)
    return false;
  socket->full_in = collector->interval;
  return true;
}

/* Most samples show what the sample before has shown. */
static void regroup(struct lb_collector *collector, bool is_same) {
  struct lb_socket_table *table = &collector->table;
  if (is_same) {
    lb_listeners_repeat_sample(collector->listeners);
    return;
  }
  lb_listeners_begin_sample(collector->listeners, collector->unix_err == 0);
  for (size_t i = 0; i < table->len; i++) {
    struct lb_socket *socket = &table->v[i];
    if (lb_socket_is_present(table, socket))
      lb_listeners_add_socket(collector->listeners, &socket->sock,
                              becomes_full(collector, socket));
  }
}

static void begin_interval(struct lb_collector *collector) {
  collector->ended = false;
  collector->interval++;
  lb_listeners_begin_interval(collector->listeners);
}

int lb_collector_sample(struct lb_collector *collector, uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  bool begins = collector->ended;
  int unix_err_before = collector->unix_err;
  if (begins)
    begin_interval(collector);
  collector->is_current = false;
  lb_socket_table_begin_sample(table);
  int err = dump(collector, true, now_ms);
  for (int i = 1; i < MOST_DUMPS && !err && lb_socket_table_misses(table); i++)
    err = dump(collector, true, now_ms);
  if (!err && table->moved)
    err = settle(collector, now_ms);
  if (err) {
    collector->is_grouped = false;
    return err;
  }
  bool is_same = collector->is_grouped && !begins &&
                 lb_socket_table_is_same(table) &&
                 collector->unix_err == unix_err_before;
  lb_socket_table_end_sample(table, now_ms);
  regroup(collector, is_same);
  collector->is_grouped = true;
  return 0;
}

/* --- what waits ---------------------------------------------------------- */

static bool is_wanted(const struct lb_collector *collector,
                      const struct lb_socket *socket) {
  return lb_socket_is_present(&collector->table, socket) &&
         lb_listeners_want(collector->listeners, &socket->sock);
}

int lb_collector_plan_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection) {
  struct lb_socket_table *table = &collector->table;
  lb_inspection_begin_plan(inspection);
  collector->inspection++;
  for (size_t i = 0; i < table->len; i++) {
    struct lb_socket *socket = &table->v[i];
    if (!is_wanted(collector, socket))
      continue;
    socket->noted = collector->inspection;
    socket->noted_queue = socket->sock.queue;
    if (lb_inspection_add_socket(inspection, &socket->sock))
      return -ENOMEM;
  }
  lb_inspection_end_plan(inspection);
  return 0;
}

/* Of a queue that is longer than what the inspection shows of it the rest was
 * reset: tcp_reset() takes such a connection out of the tables, not out of the
 * queue. Connections come and go while the inspection goes on, so only what
 * stood there before and after it counts. */
static uint32_t lasting_queue(const struct lb_collector *collector,
                              const struct lb_socket *socket) {
  if (socket->noted != collector->inspection)
    return 0;
  return socket->noted_queue < socket->sock.queue ? socket->noted_queue
                                                  : socket->sock.queue;
}

static void take_endpoint(struct lb_inspected *sum,
                          const struct lb_endpoint *endpoint) {
  sum->queue += endpoint->queue;
  sum->visible += endpoint->visible;
  sum->abandoned += endpoint->closed;
  if (endpoint->queue > endpoint->visible)
    sum->abandoned += endpoint->queue - endpoint->visible;
  sum->syn += endpoint->half_open;
  if (endpoint->wait_ms > sum->wait_ms)
    sum->wait_ms = endpoint->wait_ms;
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
static void begin_inspected(struct lb_collector *collector) {
  const struct lb_socket_table *table = &collector->table;
  for (size_t i = 0; i < lb_listeners_len(collector->listeners); i++)
    lb_listeners_get(collector->listeners, i)->inspected =
        (struct lb_inspected){0};
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_socket *socket = &table->v[i];
    if (socket->noted != collector->inspection ||
        !lb_socket_is_present(table, socket))
      continue;
    struct lb_visit visit =
        lb_listeners_visit(collector->listeners, &socket->sock);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      listener->inspected.done = true;
  }
}

static void take_results(struct lb_collector *collector,
                         const struct lb_inspection *inspection) {
  begin_inspected(collector);
  for (size_t i = 0; i < inspection->endpoints_len; i++) {
    struct lb_visit visit =
        lb_listeners_visit(collector->listeners, &inspection->endpoints[i].row);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      take_endpoint(&listener->inspected, &inspection->endpoints[i]);
  }
  for (size_t i = 0; i < inspection->targets_len; i++) {
    struct lb_visit visit =
        lb_listeners_visit(collector->listeners, &inspection->targets[i].row);
    for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));)
      take_target(&listener->inspected, &inspection->targets[i]);
  }
}

/* Sockets that nobody wants have endpoints as well, lest what waits there is
 * laid on one of any address that is wanted. */
int lb_collector_take_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection) {
  const struct lb_socket_table *table = &collector->table;
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_socket *socket = &table->v[i];
    if (socket->sock.family == AF_UNIX || !lb_socket_is_present(table, socket))
      continue;
    if (lb_inspection_add_endpoint(inspection, &socket->sock,
                                   lasting_queue(collector, socket)))
      return -ENOMEM;
  }
  lb_inspection_match(inspection);
  take_results(collector, inspection);
  return 0;
}

/* --- the end of an interval ---------------------------------------------- */

static int read_somaxconn(struct lb_collector *collector) {
  char buf[SYSCTL_BYTES];
  ssize_t len = collector->source->text(collector->source, LB_TEXT_SOMAXCONN,
                                        buf, sizeof(buf));
  int err = len < 0 ? (int)len : lb_sysctl_parse(buf, &collector->somaxconn);
  collector->has_somaxconn = err == 0;
  return err;
}

/* listen() lowers what it is given to somaxconn and tells nobody:
 * __sys_listen_socket(), net/socket.c. A raise reaches the next listen() only.
 */
static void hint(struct lb_collector *collector, struct lb_socket *socket) {
  uint32_t limit = socket->sock.limit;
  bool at_somaxconn =
      limit == collector->somaxconn && !socket->hinted_at_somaxconn;
  bool somaxconn_raised =
      socket->hinted_at_somaxconn && socket->hint_limit == limit &&
      collector->somaxconn > limit && !socket->hinted_raised;
  if ((!at_somaxconn && !somaxconn_raised) ||
      !lb_listeners_want(collector->listeners, &socket->sock))
    return; /* or nobody would be told */
  struct lb_visit visit =
      lb_listeners_visit(collector->listeners, &socket->sock);
  for (struct lb_listener *listener; (listener = lb_listeners_next(&visit));) {
    listener->at_somaxconn += at_somaxconn;
    listener->somaxconn_raised += somaxconn_raised;
  }
  socket->hinted_at_somaxconn = true;
  socket->hinted_raised |= somaxconn_raised;
  socket->hint_limit = limit;
}

static void forget_unix_name(void *data, uint32_t path) {
  lb_listeners_forget_unix(data, path);
}

static void sweep_unix_names(struct lb_collector *collector) {
  struct lb_socket_table *table = &collector->table;
  lb_unix_names_begin_sweep(collector->unix_names);
  lb_listeners_keep_unix_names(collector->listeners);
  for (size_t i = 0; i < table->len; i++)
    if (table->v[i].sock.family == AF_UNIX)
      lb_unix_names_keep(collector->unix_names, table->v[i].sock.path);
  lb_unix_names_end_sweep(collector->unix_names, forget_unix_name,
                          collector->listeners);
  table->forgot_unix = false;
}

int lb_collector_end_interval(struct lb_collector *collector, uint64_t now_ms,
                              struct lb_sample_errors *errors) {
  if (!collector->is_current) {
    int err = settle(collector, now_ms);
    if (err)
      return err;
    lb_socket_table_end_sample(&collector->table,
                               now_ms); /* it may have dumped again */
    collector->is_grouped = false;
  }
  struct lb_sample_errors found = {
      .netstat = collector->is_current ? 0 : collector->netstat_err,
      .somaxconn = read_somaxconn(collector),
      .unix_sockets = collector->unix_err,
  };
  struct lb_socket_table *table = &collector->table;
  for (size_t i = 0; i < table->len && collector->has_somaxconn; i++)
    if (lb_socket_is_present(table, &table->v[i]))
      hint(collector, &table->v[i]);
  if (table->forgot_unix)
    sweep_unix_names(collector);
  collector->ended = true;
  *errors = found;
  return 0;
}

/* --- readings ------------------------------------------------------------ */

static struct lb_values namespace_values(const struct lb_collector *collector) {
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
  if (collector->has_somaxconn)
    lb_put_gauge(&values, LB_SOMAXCONN, collector->somaxconn);
  if (!collector->is_current)
    return values;
  for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
    if (collector->netstat.present & 1u << counters[i].counter)
      lb_put_counter(&values, counters[i].metric,
                     collector->total[counters[i].counter]);
  if (can_share(&collector->netstat))
    lb_put_counter(&values, LB_OVERFLOWS_UNATTRIBUTED,
                   collector->overflows_unattributed);
  return values;
}

static struct lb_readings reading_of(const struct lb_listener *listener,
                                     bool counters) {
  return (struct lb_readings){
      .label = listener->label,
      .values = lb_listener_values(listener, counters),
      .at_somaxconn = listener->at_somaxconn,
      .somaxconn_raised = listener->somaxconn_raised,
  };
}

void lb_collector_visit_readings(
    const struct lb_collector *collector,
    void (*visit)(void *data, const struct lb_readings *reading), void *data) {
  if (collector->label) {
    struct lb_readings reading = {.label = collector->label,
                                  .is_namespace = true,
                                  .values = namespace_values(collector)};
    visit(data, &reading);
  }
  bool counters = collector->is_current && can_share(&collector->netstat) &&
                  !collector->table.lacks_drops;
  for (size_t i = 0; i < lb_listeners_len(collector->listeners); i++) {
    const struct lb_listener *listener =
        lb_listeners_get(collector->listeners, i);
    if (!lb_listeners_reports(collector->listeners, listener))
      continue;
    struct lb_readings reading = reading_of(listener, counters);
    visit(data, &reading);
  }
}

void lb_collector_visit_sockets(const struct lb_collector *collector,
                                void (*visit)(void *data,
                                              const struct lb_listen_sock *row,
                                              const struct lb_unix_name *path),
                                void *data) {
  const struct lb_socket_table *table = &collector->table;
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_listen_sock *row = &table->v[i].sock;
    bool is_unix = row->family == AF_UNIX;
    if (is_wanted(collector, &table->v[i]))
      visit(data, row,
            is_unix ? lb_unix_names_get(collector->unix_names, row->path)
                    : NULL);
  }
}

uint32_t lb_collector_somaxconn(const struct lb_collector *collector) {
  return collector->somaxconn;
}

struct lb_conflict *lb_collector_conflict(struct lb_collector *collector) {
  return lb_listeners_conflict(collector->listeners);
}
