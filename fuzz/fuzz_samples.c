// SPDX-License-Identifier: MIT
/* A kernel whose sockets, counters and connections do whatever the input says,
 * and looks and walks at it: no drop may get lost or be counted twice.
 *
 * An input is a byte of flags and then operations of a byte each, with what
 * they need behind them. */
#include "readings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

enum { PORTS = 1, PATHS = 2, INSPECT = 4, SELECTIONS = 8 }; /* flags */

enum { SLOTS = 12, CONNS = 12 };

struct slot {
  struct lb_listen_sock row; /* cookie 0: nobody listens */
  struct lb_unix_name name;
  uint32_t closed;
};

/* Beside one kernel there is no other namespace: what is exact is so within
 * one. */
struct kernel {
  struct lb_source source;
  struct lb_world world;
  struct slot slots[SLOTS];
  struct lb_conn conns[CONNS];
  size_t conns_len;
  uint64_t drops;
  uint64_t overflows;
  uint64_t read_drops; /* as last read */
  uint64_t read_overflows;
  uint64_t next_cookie;
  unsigned hidden;  /* slot that the next dump leaves out, + 1 */
  int dump_err;     /* of the next one */
  int paths_err;    /* the same */
  int text_err;     /* the same */
  int waiting_err;  /* the same */
  uint32_t between; /* overflows of slot 0 between a dump and the counters */
};

static int take_error(int *err) {
  int taken = *err;
  *err = 0;
  return taken;
}

static int dump(struct kernel *kernel, struct lb_listen_socks *rows,
                bool is_unix) {
  for (unsigned i = 0; i < SLOTS; i++) {
    const struct slot *slot = &kernel->slots[i];
    if (!slot->row.cookie || (slot->row.family == AF_UNIX) != is_unix ||
        kernel->hidden == i + 1)
      continue;
    struct lb_listen_sock *row = lb_listen_socks_add(rows);
    CHECK(row);
    *row = slot->row;
    CHECK(!is_unix ||
          lb_unix_names_intern(rows->paths, &slot->name, &row->path) == 0);
  }
  return 0;
}

static int listeners(struct lb_source *source, struct lb_listen_socks *rows) {
  struct kernel *kernel = (struct kernel *)source;
  dump(kernel, rows, false);
  kernel->hidden = 0;
  return take_error(&kernel->dump_err);
}

static int paths(struct lb_source *source, struct lb_listen_socks *rows) {
  struct kernel *kernel = (struct kernel *)source;
  dump(kernel, rows, true);
  return take_error(&kernel->paths_err);
}

static void overflow(struct kernel *kernel, struct slot *slot, uint32_t n) {
  if (!slot->row.cookie || slot->row.family == AF_UNIX)
    return;
  slot->row.sk_drops += n;
  kernel->drops += n;
  kernel->overflows += n;
}

static ssize_t text(struct lb_source *source, enum lb_text which, char *buf,
                    size_t size) {
  struct kernel *kernel = (struct kernel *)source;
  int err = take_error(&kernel->text_err);
  if (err)
    return err;
  if (which == LB_TEXT_SOMAXCONN)
    return snprintf(buf, size, "128\n");
  overflow(kernel, &kernel->slots[0], kernel->between);
  kernel->between = 0;
  kernel->read_drops = kernel->drops;
  kernel->read_overflows = kernel->overflows;
  return snprintf(
      buf, size, "TcpExt: ListenOverflows ListenDrops\nTcpExt: %llu %llu\n",
      (unsigned long long)kernel->overflows, (unsigned long long)kernel->drops);
}

static int waiting(struct lb_source *source, const struct lb_query *query,
                   struct lb_conns *conns, uint64_t *cost_ns) {
  struct kernel *kernel = (struct kernel *)source;
  CHECK(query->len > 0);
  for (size_t i = 0; i < query->len; i++) {
    CHECK(query->ports[i].first <= query->ports[i].last);
    CHECK(i == 0 || query->ports[i - 1].last + 1 < (int)query->ports[i].first);
  }
  for (size_t i = 0; i < kernel->conns_len; i++) {
    struct lb_conn *conn = lb_conns_add(conns);
    CHECK(conn);
    *conn = kernel->conns[i];
  }
  *cost_ns += 1000;
  return take_error(&kernel->waiting_err);
}

static int pending(struct lb_source *source, const struct lb_listen_sock *row,
                   struct lb_pending *pending, uint64_t *cost_ns) {
  struct kernel *kernel = (struct kernel *)source;
  *cost_ns += 1000;
  for (int i = 0; i < SLOTS; i++) {
    const struct slot *slot = &kernel->slots[i];
    if (slot->row.cookie != row->cookie)
      continue;
    *pending = (struct lb_pending){slot->row.queue, slot->closed};
    return slot->closed > slot->row.queue ? -EMSGSIZE : 0;
  }
  return -ENOENT;
}

/* --- its world ----------------------------------------------------------- */

static struct kernel *kernel_of(struct lb_world *world) {
  return (struct kernel *)(void *)((char *)world -
                                   offsetof(struct kernel, world));
}

static int list(struct lb_world *world,
                int (*visit)(void *data, const char *path, const char *name),
                void *data) {
  (void)world, (void)visit, (void)data;
  return 0;
}

static int identify(struct lb_world *world, const char *path,
                    struct lb_netns_id *id) {
  (void)world, (void)path, (void)id;
  return -ENOENT;
}

static int open_source(struct lb_world *world, const char *path,
                       const struct lb_netns_id *id, struct lb_source **out) {
  (void)path, (void)id;
  *out = &kernel_of(world)->source;
  return 0;
}

static void leave(struct lb_world *world, struct lb_source *source) {
  (void)world, (void)source;
}

/* --- what happens -------------------------------------------------------- */

static uint16_t take_port(struct input *input) {
  return (uint16_t)(8078 + take_number(input, 1) % 4);
}

static void put_address(struct input *input, uint8_t *family,
                        uint8_t address[16]) {
  unsigned which = take_number(input, 1);
  *family = which & 1 ? AF_INET6 : AF_INET;
  memset(address, 0, 16);
  if (*family == AF_INET)
    memset(address + 10, 0xff, 2);
  if (which & 2)
    address[15] = 1;
}

static void open_socket(struct kernel *kernel, struct input *input) {
  static const char *const names[] = {"/run/app.sock", "@app", "8080", "/x"};
  struct slot *slot = &kernel->slots[take_number(input, 1) % SLOTS];
  *slot = (struct slot){.row = {.cookie = ++kernel->next_cookie,
                                .limit = take_number(input, 1),
                                .has_drops = true}};
  slot->row.inode = (uint32_t)slot->row.cookie;
  slot->row.port = take_port(input);
  put_address(input, &slot->row.family, slot->row.address);
  unsigned kind = take_number(input, 1);
  slot->row.ifindex = kind >> 2 & 1;
  if (kind % 4)
    return;
  slot->row = (struct lb_listen_sock){.cookie = slot->row.cookie,
                                      .limit = slot->row.limit,
                                      .inode = slot->row.inode,
                                      .family = AF_UNIX};
  CHECK(lb_unix_name_parse(names[kind / 4 % 4], &slot->name) == 0);
}

static void connect_to(struct kernel *kernel, struct input *input) {
  struct lb_conn conn = {.port = take_port(input)};
  put_address(input, &conn.family, conn.address);
  conn.kind = (uint8_t)(take_number(input, 1) % 3);
  conn.wait_ms = take_number(input, 2);
  kernel->conns[kernel->conns_len++ % CONNS] = conn;
  if (kernel->conns_len > CONNS)
    kernel->conns_len = CONNS;
}

/* Overflows, drops of a full SYN queue, and bare ACKs that are no drops. */
static void drop(struct kernel *kernel, struct input *input) {
  struct slot *slot = &kernel->slots[take_number(input, 1) % SLOTS];
  unsigned kind = take_number(input, 1) % 4;
  uint32_t n = take_number(input, 1);
  if (!slot->row.cookie || slot->row.family == AF_UNIX)
    return;
  if (kind < 3)
    slot->row.sk_drops += n;
  if (kind < 2)
    kernel->drops += n;
  if (kind < 1)
    kernel->overflows += n;
  if (kind == 3)
    slot->row.sk_drops += UINT32_MAX - 50; /* soon it wraps */
}

static void fail_next(struct kernel *kernel, struct input *input) {
  unsigned which = take_number(input, 1);
  int *errs[] = {&kernel->dump_err, &kernel->paths_err, &kernel->text_err,
                 &kernel->waiting_err};
  *errs[which % 4] = which & 4 ? -ENOBUFS : -ENOENT;
}

static void happen(struct kernel *kernel, unsigned what, struct input *input) {
  struct slot *slot = &kernel->slots[take_number(input, 1) % SLOTS];
  switch (what) {
  case 0:
    open_socket(kernel, input);
    break;
  case 1:
    slot->row.cookie = 0;
    break;
  case 2:
    slot->row.queue = take_number(input, 1);
    slot->closed = take_number(input, 1);
    break;
  case 3:
    drop(kernel, input);
    break;
  case 4:
    connect_to(kernel, input);
    break;
  case 5:
    kernel->hidden = 1 + take_number(input, 1) % SLOTS;
    break;
  case 6:
    fail_next(kernel, input);
    break;
  default:
    kernel->between = take_number(input, 1);
  }
}

/* --- looks --------------------------------------------------------------- */

static const struct lb_values *namespace_of(const struct readings *readings) {
  for (size_t i = 0; i < readings->len; i++)
    if (readings->v[i].is_namespace &&
        readings->v[i].interval == readings->interval)
      return &readings->v[i].now;
  return NULL;
}

/* What the listeners got is no more than the kernel counted, and with what
 * nobody got no more than is reported of it. */
static void check_sums(const struct kernel *kernel,
                       const struct readings *readings) {
  const struct lb_values *all = namespace_of(readings);
  uint64_t drops = sum_counters(readings, LB_DROPS);
  uint64_t overflows = sum_counters(readings, LB_OVERFLOWS);
  CHECK(drops <= kernel->read_drops);
  CHECK(overflows <= kernel->read_overflows);
  if (!all || !has_value(all, LB_OVERFLOWS))
    return;
  CHECK(drops <= all->v[LB_DROPS].counter);
  CHECK(all->v[LB_DROPS].counter == kernel->read_drops);
  CHECK(all->v[LB_OVERFLOWS].counter <= kernel->read_overflows);
  CHECK(overflows + all->v[LB_OVERFLOWS_UNATTRIBUTED].counter <=
        all->v[LB_OVERFLOWS].counter);
}

static void look(struct kernel *kernel, struct lb_monitor *monitor,
                 struct input *input, uint64_t *now_ms, uint8_t flags,
                 struct readings *readings) {
  unsigned how = take_number(input, 1);
  *now_ms += how & 64 ? 70000 : 100;
  if (how % 4) {
    lb_monitor_sample(monitor, 0, *now_ms);
    return;
  }
  lb_monitor_prepare(monitor, *now_ms);
  lb_monitor_inspect(monitor);
  lb_monitor_finish(monitor, *now_ms);
  check_readings(readings, monitor);
  if (!(flags & SELECTIONS)) /* which overlap */
    check_sums(kernel, readings);
}

static void make_settings(struct lb_settings *settings, uint8_t flags) {
  struct lb_ports ports = {8079, 8080};
  settings->listening_ports = flags & PORTS || !(flags & (PATHS | SELECTIONS));
  settings->listening_paths = flags & PATHS;
  settings->inspect = flags & INSPECT;
  if (!(flags & SELECTIONS))
    return;
  add_web(settings, &ports, 1, "0.0.0.1");
  CHECK(lb_settings_add_port(settings, 8080) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct input input = {bytes, len};
  uint8_t flags = (uint8_t)take_number(&input, 1);
  struct kernel kernel = {.source = {listeners, paths, text, waiting, pending},
                          .world = {list, identify, open_source, leave, leave}};
  struct readings readings = {.wraps = false};
  struct lb_settings settings;
  struct lb_monitor *monitor;
  uint64_t now_ms = 1000;
  memset(&settings, 0, sizeof(settings));
  make_settings(&settings, flags);
  CHECK(lb_monitor_new(&settings, &kernel.world, &monitor) == 0);
  while (input.left) {
    unsigned what = take_number(&input, 1) % 16;
    if (what < 8)
      happen(&kernel, what, &input);
    else
      look(&kernel, monitor, &input, &now_ms, flags, &readings);
  }
  lb_monitor_free(monitor);
  lb_settings_free(&settings);
  free(readings.v);
  return 0;
}
