// SPDX-License-Identifier: MIT
/* The kernel shows sockets and counters in separate reads, and both change in
 * between. A sample reads in this order:
 *
 * 1. It dumps the sockets. If a socket of the last sample is missing, it dumps
 *    again, up to three times: while sockets come and go, the kernel's dump can
 *    leave out live ones, of a large SO_REUSEPORT group even twice.
 * 2. If no sk_drops has moved, nothing was dropped, and that is all.
 * 3. Otherwise it reads the namespace's counters. They come after the dump, so
 *    they include each drop that the dump shows.
 * 4. The counters can include drops from after the dump. If they exceed what
 *    the movements of likely sockets explain, it dumps the TCP sockets again
 *    and so finds which sockets these drops belong to. What no movement
 *    explains then belongs to a socket that is gone.
 * 5. The attribution splits the increments of the counters. Each increment gets
 *    its place in the sample that reads it, so that shares and unattributed
 *    always add up to what is reported for the namespace.
 *
 * The end of an interval does steps 3 to 5 also if no sk_drops has moved. */
#include "core/collector_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { NETSTAT_BYTES = 16384, SYSCTL_BYTES = 64, MOST_DUMPS = 3 };

int lb_collector_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels, struct lb_source *source,
                     struct lb_collector **out) {
  struct lb_collector *collector = calloc(1, sizeof(*collector));
  if (!collector)
    return -ENOMEM;
  collector->source = source;
  collector->inspect = settings->inspect;
  collector->interval = 1;
  collector->counts_from = LB_NEVER;
  int err = lb_unix_names_new(&collector->unix_names);
  collector->socks.unix_names = collector->unix_names;
  if (!err)
    err = lb_listeners_new(settings, netns, labels, collector->unix_names,
                           &collector->listeners);
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
  lb_socket_table_free(&collector->table);
  lb_listen_socks_free(&collector->socks);
  lb_unix_names_free(collector->unix_names);
  lb_attribution_free(&collector->attribution);
  free(collector);
}

void lb_collector_count_from_zero(struct lb_collector *collector) {
  lb_attribution_count_from_zero(&collector->attribution);
  collector->counts_from = 0;
}

void lb_collector_rebind(struct lb_collector *collector,
                         struct lb_source *source) {
  collector->source = source;
  lb_socket_table_free(&collector->table);
  collector->table.forgot_unix = true;
  collector->has_sample = collector->knows_mptcp = false;
  lb_attribution_rebind(&collector->attribution);
  lb_arrivals_rebind(&collector->arrivals);
}

/* --- samples ------------------------------------------------------------- */

unsigned lb_collector_parts(const struct lb_collector *collector) {
  return lb_listeners_want_unix(collector->listeners) ? LB_ALL_PARTS
                                                      : lb_only(LB_PART_TCP);
}

bool lb_collector_has_sockets(const struct lb_collector *collector) {
  return collector->table.len > 0;
}

unsigned lb_collector_lacks(const struct lb_collector *collector) {
  unsigned lacking = LB_NO_PARTS;
  if (collector->tcp_err)
    lacking |= lb_only(LB_PART_TCP);
  if (lb_is_module_missing(collector->unix_err))
    lacking |= lb_only(LB_PART_UNIX);
  return lacking & collector->asked;
}

/* Without tcp_diag the rest is reported all the same. Any other error is one of
 * all netlink sockets. */
static int dump_tcp_sockets(struct lb_collector *collector) {
  int err = lb_source_tcp_socks(collector->source, &collector->socks);
  collector->tcp_err = lb_is_module_missing(err) ? err : 0;
  return collector->tcp_err ? 0 : err;
}

/* If UNIX sockets cannot be read, TCP sockets are reported all the same. */
static void dump_unix_sockets(struct lb_collector *collector) {
  collector->unix_err =
      lb_source_unix_socks(collector->source, &collector->socks);
}

static int take_new_socket(struct lb_collector *collector,
                           struct lb_listen_sock *sock) {
  int err = lb_listeners_find_owner(collector->listeners, sock);
  return err || sock->asked ? err
                            : lb_listeners_discover(collector->listeners, sock);
}

/* Also those of earlier samples that had to wait for their owner. */
static int take_new_sockets(struct lb_collector *collector) {
  struct lb_socket_table *table = &collector->table;
  size_t i = collector->awaits_owner ? 0 : table->first_new;
  int err = 0;
  collector->awaits_owner = false;
  for (; i < table->len && !err; i++) {
    struct lb_listen_sock *sock = &table->v[i].sock;
    if (i >= table->first_new || sock->asked)
      err = take_new_socket(collector, sock);
    collector->awaits_owner |= err || sock->asked;
  }
  return err;
}

static int dump_sockets(struct lb_collector *collector, unsigned parts,
                        uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  int err = 0;
  collector->socks.len = 0;
  if (lb_has_part(parts, LB_PART_TCP))
    err = dump_tcp_sockets(collector);
  if (!err && lb_has_part(parts, LB_PART_UNIX))
    dump_unix_sockets(collector);
  if (!err)
    err = lb_socket_table_merge(table, &collector->socks, now_ms);
  for (size_t i = table->first_new; i < table->len && !err; i++)
    err = lb_listeners_match(collector->listeners, &table->v[i].sock);
  if (!err && lb_has_part(parts, LB_PART_UNIX))
    lb_unix_files_find(&collector->files, table, collector->listeners,
                       collector->source);
  if (!err) {
    lb_unix_files_check_new(table, collector->listeners, collector->source);
    err = take_new_sockets(collector);
  }
  return err ? err
             : lb_unix_files_take(table, table->first_new,
                                  collector->listeners);
}

static unsigned failed_parts(const struct lb_collector *collector) {
  return (collector->tcp_err ? lb_only(LB_PART_TCP) : LB_NO_PARTS) |
         (collector->unix_err ? lb_only(LB_PART_UNIX) : LB_NO_PARTS);
}

/* What the sample does not have stays as it was. */
static int dump_and_keep(struct lb_collector *collector, unsigned parts,
                         uint64_t now_ms) {
  int err = dump_sockets(collector, parts, now_ms);
  collector->known = collector->asked & ~failed_parts(collector);
  if (!err)
    lb_socket_table_keep(&collector->table, LB_ALL_PARTS & ~collector->known,
                         now_ms);
  return err;
}

static int read_netstat(struct lb_collector *collector,
                        struct lb_netstat *netstat) {
  struct lb_source *source = collector->source;
  char text[NETSTAT_BYTES];
  ssize_t len =
      lb_source_read_file(source, LB_FILE_NETSTAT, text, sizeof(text));
  if (len < 0)
    return (int)len;
  collector->knows_mptcp = true;
  collector->has_mptcp = lb_netstat_has_mptcp(text);
  return lb_netstat_parse(text, netstat);
}

/* Steps 3 to 5. Returns 0 also if the counters cannot be read. A dump without
 * UNIX sockets is enough: they have no sk_drops. */
static int attribute_drops(struct lb_collector *collector, bool is_end,
                           uint64_t now_ms) {
  struct lb_attribution *attribution = &collector->attribution;
  struct lb_socket_table *table = &collector->table;
  struct lb_netstat netstat;
  int err = lb_attribution_begin(attribution, table);
  if (err)
    return err;
  collector->netstat_err = read_netstat(collector, &netstat);
  if (collector->netstat_err)
    return 0;
  if (lb_attribution_read(attribution, table, &netstat))
    err = dump_sockets(collector, lb_only(LB_PART_TCP), now_ms);
  if (!err)
    err = lb_attribution_settle(attribution, table, collector->listeners,
                                !is_end);
  collector->has_counters = !err;
  if (!err && collector->counts_from == LB_NEVER)
    collector->counts_from = collector->interval;
  return err == -EAGAIN ? 0 : err;
}

static void begin_interval(struct lb_collector *collector) {
  collector->has_ended = false;
  collector->interval++;
  lb_listeners_begin_interval(collector->listeners);
}

static int read_sample(struct lb_collector *collector, unsigned parts,
                       uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  collector->asked = parts & lb_collector_parts(collector);
  collector->has_counters = collector->has_netstat = false;
  lb_socket_table_begin_sample(table);
  int err = dump_and_keep(collector, collector->asked, now_ms);
  for (int i = 1; i < MOST_DUMPS && !err && lb_socket_table_misses(table); i++)
    err = dump_and_keep(
        collector, collector->asked & ~lb_collector_lacks(collector), now_ms);
  if (!err && table->drops_moved && lb_has_part(collector->known, LB_PART_TCP))
    err = attribute_drops(collector, false, now_ms);
  return err;
}

/* Whether this sample is the first of the interval in which it is full. */
static bool becomes_full(const struct lb_collector *collector,
                         struct lb_socket *socket) {
  if (!socket->full_now ||
      socket->collector.full_interval == collector->interval)
    return false;
  socket->collector.full_interval = collector->interval;
  return true;
}

static void add_sample(struct lb_collector *collector) {
  struct lb_socket_table *table = &collector->table;
  lb_listeners_begin_sample(collector->listeners, collector->known);
  for (size_t i = 0; i < table->len; i++) {
    struct lb_socket *socket = &table->v[i];
    if (lb_socket_is_present(table, socket))
      lb_listeners_add_socket(collector->listeners, &socket->sock,
                              becomes_full(collector, socket));
  }
}

/* Most samples show the same as the one before, which is cheap to add. */
int lb_collector_sample(struct lb_collector *collector, unsigned parts,
                        uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  bool can_repeat = collector->has_sample && !collector->has_ended;
  unsigned known_before = collector->known;
  if (collector->has_ended)
    begin_interval(collector);
  int err = read_sample(collector, parts, now_ms);
  collector->has_sample = !err;
  if (err)
    return err;
  bool is_same = can_repeat && lb_socket_table_is_same(table) &&
                 collector->known == known_before;
  lb_socket_table_end_sample(table, now_ms);
  if (is_same)
    lb_listeners_repeat_sample(collector->listeners);
  else
    add_sample(collector);
  return 0;
}

/* --- counters ------------------------------------------------------------ */

/* A dump that this takes changes the table, also if something fails after it.
 * What it shows counts from the next sample on. */
static int complete_counters(struct lb_collector *collector, uint64_t now_ms) {
  if (collector->has_counters || collector->has_netstat)
    return 0;
  if (!lb_has_part(collector->known, LB_PART_TCP)) {
    collector->netstat_err = read_netstat(collector, &collector->netstat);
    collector->has_netstat = collector->netstat_err == 0;
    return 0;
  }
  collector->has_sample = false;
  int err = attribute_drops(collector, true, now_ms);
  if (!err)
    lb_socket_table_end_sample(&collector->table, now_ms);
  return err;
}

/* --- inspections --------------------------------------------------------- */

static uint64_t syn_trouble(const struct lb_collector *collector) {
  const uint64_t *total = collector->attribution.total;
  return total[LB_MIB_REQQ_FULL_DROP] + total[LB_MIB_SYNCOOKIES_SENT];
}

static void note_syn_trouble(struct lb_collector *collector) {
  if (!collector->has_counters)
    return;
  collector->syn_trouble = syn_trouble(collector);
  collector->knows_syn_trouble = true;
}

/* The counters are those of the end of the interval, unless an inspection comes
 * in between: so a host without trouble reads them once. */
static int plan_for_reason(struct lb_collector *collector,
                           struct lb_inspection *inspection, uint64_t now_ms) {
  struct lb_socket_table *table = &collector->table;
  int err = lb_inspection_plan(inspection, table, collector->listeners,
                               LB_SCOPE_QUEUES);
  if (!err)
    err = complete_counters(collector, now_ms);
  if (!err && collector->knows_syn_trouble && collector->has_counters &&
      syn_trouble(collector) != collector->syn_trouble)
    err = lb_inspection_plan(inspection, table, collector->listeners,
                             LB_SCOPE_HALF_OPEN);
  if (!inspection->planned)
    inspection->err = 0; /* there is nothing that could fail */
  return err;
}

/* Only MPTCP's own list knows which of its clients have closed. Hosts without
 * it are not asked for the list, which is a module of the kernel. */
int lb_collector_plan_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection,
                                 uint64_t now_ms) {
  struct lb_netstat netstat;
  int err = collector->inspect == LB_INSPECT_AUTO
                ? plan_for_reason(collector, inspection, now_ms)
                : lb_inspection_plan(inspection, &collector->table,
                                     collector->listeners, LB_SCOPE_ALL);
  if (!err && inspection->queued && !collector->knows_mptcp)
    read_netstat(collector, &netstat);
  inspection->has_mptcp = collector->has_mptcp;
  return err;
}

int lb_collector_take_inspection(struct lb_collector *collector,
                                 struct lb_inspection *inspection) {
  return lb_inspection_take(inspection, &collector->table,
                            collector->listeners);
}

/* --- the end of an interval ---------------------------------------------- */

static int read_somaxconn(struct lb_collector *collector) {
  struct lb_source *source = collector->source;
  char text[SYSCTL_BYTES];
  ssize_t len =
      lb_source_read_file(source, LB_FILE_SOMAXCONN, text, sizeof(text));
  int err = len < 0 ? (int)len : lb_sysctl_parse(text, &collector->somaxconn);
  collector->has_somaxconn = err == 0;
  return err;
}

/* Those without a socket, too: their overflows grow old. */
static void note_overflows(struct lb_listeners *listeners, uint64_t now_ms) {
  for (size_t i = 0; i < lb_listeners_len(listeners); i++) {
    struct lb_listener *listener = lb_listeners_get(listeners, i);
    lb_recent_note(&listener->overflows, listener->attribution.overflows,
                   now_ms);
  }
}

int lb_collector_end_interval(struct lb_collector *collector, uint64_t now_ms,
                              struct lb_sample_errors *errors) {
  int err = complete_counters(collector, now_ms);
  if (err)
    return err;
  *errors = (struct lb_sample_errors){
      .tcp_sockets = collector->tcp_err,
      .netstat = collector->has_counters ? 0 : collector->netstat_err,
      .somaxconn = read_somaxconn(collector),
      .unix_sockets = collector->unix_err,
  };
  if (collector->has_somaxconn)
    lb_hints_find(&collector->hints, &collector->table, collector->listeners,
                  collector->somaxconn);
  lb_arrivals_read(&collector->arrivals, collector->source);
  note_overflows(collector->listeners, now_ms);
  note_syn_trouble(collector);
  lb_unix_files_check_again(&collector->files, &collector->table,
                            collector->listeners, collector->source);
  if (collector->table.forgot_unix)
    lb_listeners_sweep_unix(collector->listeners, &collector->table);
  lb_listeners_claim_again(collector->listeners);
  collector->has_ended = true;
  return 0;
}
