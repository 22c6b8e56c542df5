// SPDX-License-Identifier: MIT
/* The sockets, counters and connections of a kernel do what the input says;
 * samples and inspections of it must lose no drop and count none twice.
 *
 * An input is a byte of flags and then operations of a byte each, followed by
 * their arguments. */
#include "readings.h"

#include "scripted_kernel.h"

enum {
  PORTS = 1,
  PATHS = 2,
  INSPECT = 4,
  SELECTIONS = 8,
  AUTO = 16
}; /* flags */

enum { SLOTS = 12, CONNS = 12 };

/* There is no other namespace beside it: within one the sums are exact. */
static struct {
  struct kernel kernel; /* a socket of cookie 0 is not there */
  uint64_t read_drops;  /* as last read */
  uint64_t read_overflows;
  uint64_t next_cookie;
  uint32_t between; /* overflows of the first socket before the next read */
} fuzzed;

static bool is_tcp(const struct listening *slot) {
  return slot->row.cookie && slot->row.family != AF_UNIX;
}

static void before_read(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") != 0 || kernel->netstat_err)
    return;
  if (is_tcp(&kernel->sockets[0]))
    overflow(kernel, kernel->sockets[0].row.cookie, fuzzed.between);
  fuzzed.between = 0;
  fuzzed.read_drops = kernel->drops;
  fuzzed.read_overflows = kernel->overflows;
}

static int open_kernel(void *data, const char *path,
                       const struct lb_netns_id *id,
                       struct lb_transport **out) {
  (void)data, (void)path, (void)id;
  *out = &fuzzed.kernel.transport;
  return 0;
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

static struct listening *take_slot(struct input *input) {
  return &fuzzed.kernel.sockets[take_number(input, 1) % SLOTS];
}

static void open_socket(struct input *input) {
  static const char *const names[] = {"/run/app.sock", "@app", "/8080", "/x"};
  struct listening *slot = take_slot(input);
  *slot = (struct listening){.row = {.cookie = ++fuzzed.next_cookie,
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
  slot->name = path(names[kind / 4 % 4]);
  if (kind & 16)
    slot->row.file = (struct lb_file_id){slot->row.inode, 1};
  slot->file_err = kind & 32 ? -ESTALE : kind & 64 ? -ENOENT : 0;
}

static void connect_client(struct kernel *kernel, struct input *input) {
  struct lb_conn made = {.port = take_port(input)};
  put_address(input, &made.family, made.address);
  made.kind = (uint8_t)(take_number(input, 1) % 3);
  made.wait_ms = take_number(input, 2);
  kernel->conns[kernel->conns_len++ % CONNS] = made;
  if (kernel->conns_len > CONNS)
    kernel->conns_len = CONNS;
}

/* Overflows, drops of a full SYN queue, and bare ACKs that are no drops. */
static void drop(struct kernel *kernel, struct input *input) {
  struct listening *slot = take_slot(input);
  unsigned kind = take_number(input, 1) % 4;
  uint32_t n = take_number(input, 1);
  if (!is_tcp(slot))
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

static void fill(struct listening *slot, struct input *input) {
  slot->row.queue = take_number(input, 1);
  slot->closed = take_number(input, 1);
  slot->pending_err = slot->closed > slot->row.queue ? -EMSGSIZE : 0;
}

static void fail_next(struct kernel *kernel, struct input *input) {
  unsigned which = take_number(input, 1);
  int *errs[] = {&kernel->dump_err, &kernel->unix_err, &kernel->netstat_err,
                 &kernel->conns_err};
  *errs[which % 4] = which & 4 ? -ENOBUFS : -ENOENT;
}

static void happen(struct kernel *kernel, unsigned what, struct input *input) {
  struct listening *slot = take_slot(input);
  switch (what) {
  case 0:
    open_socket(input);
    break;
  case 1:
    slot->row.cookie = 0;
    break;
  case 2:
    fill(slot, input);
    break;
  case 3:
    drop(kernel, input);
    break;
  case 4:
    connect_client(kernel, input);
    break;
  case 5:
    kernel->hidden = take_slot(input)->row.cookie;
    break;
  case 6:
    fail_next(kernel, input);
    break;
  default:
    fuzzed.between = take_number(input, 1);
  }
}

/* --- samples ------------------------------------------------------------- */

static const struct lb_values *namespace_of(const struct readings *readings) {
  for (size_t i = 0; i < readings->len; i++)
    if (readings->v[i].is_namespace &&
        readings->v[i].interval == readings->interval)
      return &readings->v[i].now;
  return NULL;
}

/* The shares add up to no more than the kernel counted, and with the
 * unattributed overflows to no more than the namespace's counter. */
static void check_sums(const struct readings *readings) {
  const struct lb_values *all = namespace_of(readings);
  uint64_t drops = sum_counters(readings, LB_DROPS);
  uint64_t overflows = sum_counters(readings, LB_OVERFLOWS);
  CHECK(drops <= fuzzed.read_drops);
  CHECK(overflows <= fuzzed.read_overflows);
  if (!all || !has_value(all, LB_OVERFLOWS))
    return;
  CHECK(drops <= all->v[LB_DROPS].counter);
  CHECK(all->v[LB_DROPS].counter == fuzzed.read_drops);
  CHECK(all->v[LB_OVERFLOWS].counter <= fuzzed.read_overflows);
  CHECK(overflows + all->v[LB_OVERFLOWS_UNATTRIBUTED].counter <=
        all->v[LB_OVERFLOWS].counter);
}

static void end_interval(struct lb_monitor *monitor, uint64_t now_ms,
                         uint8_t flags, struct readings *readings) {
  lb_monitor_prepare(monitor, now_ms);
  lb_monitor_inspect(monitor);
  lb_monitor_finish(monitor, now_ms);
  check_readings(readings, monitor);
  if (!(flags & SELECTIONS)) /* which overlap */
    check_sums(readings);
}

static void sample(struct kernel *kernel, struct lb_monitor *monitor,
                   struct input *input, uint64_t *now_ms, uint8_t flags,
                   struct readings *readings) {
  unsigned how = take_number(input, 1);
  *now_ms += how & 64 ? 70000 : 100;
  if (how % 4)
    lb_monitor_sample(monitor, 0, *now_ms);
  else
    end_interval(monitor, *now_ms, flags, readings);
  kernel->dump_err = kernel->unix_err = kernel->netstat_err = 0;
  kernel->conns_err = 0;
}

static void make_settings(struct lb_settings *settings, uint8_t flags) {
  struct lb_ports ports = {8079, 8080};
  settings->listening_ports = flags & PORTS || !(flags & (PATHS | SELECTIONS));
  settings->listening_paths = flags & PATHS;
  settings->inspect = flags & AUTO      ? LB_INSPECT_AUTO
                      : flags & INSPECT ? LB_INSPECT_ALWAYS
                                        : LB_INSPECT_NEVER;
  if (!(flags & SELECTIONS))
    return;
  add_web(settings, &ports, 1, "0.0.0.1");
  CHECK(lb_settings_add_port(settings, 8080) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct input input = {bytes, len};
  uint8_t flags = (uint8_t)take_number(&input, 1);
  struct readings readings = {.wraps = false};
  struct lb_settings settings;
  struct lb_monitor *monitor;
  uint64_t now_ms = 1000;
  memset(&settings, 0, sizeof(settings));
  make_settings(&settings, flags);
  memset(&fuzzed, 0, sizeof(fuzzed));
  fuzzed.kernel = new_kernel();
  fuzzed.kernel.len = SLOTS;
  fuzzed.kernel.cost_ns = 1000;
  fuzzed.kernel.somaxconn = 3;
  fuzzed.kernel.before = before_read;
  CHECK(lb_monitor_new(&settings,
                       (struct lb_transport_opener){open_kernel, NULL},
                       &monitor) == 0);
  while (input.left) {
    unsigned what = take_number(&input, 1) % 16;
    if (what < 8)
      happen(&fuzzed.kernel, what, &input);
    else
      sample(&fuzzed.kernel, monitor, &input, &now_ms, flags, &readings);
  }
  lb_monitor_free(monitor);
  lb_settings_free(&settings);
  free(readings.v);
  return 0;
}
