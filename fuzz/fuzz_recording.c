// SPDX-License-Identifier: MIT
/* Any bytes as a recording: refused, or replayed to the end, with all kinds of
 * samples and inspections, and up to three namespaces that get the same
 * answers.
 *
 * An input is a byte of flags and a recording. */
#include "readings.h"

#include "base/array.h"
#include "kernel/netns_processes.h"
#include "kernel/replay.h"

#include <errno.h>

enum {
  PORTS = 1,
  PATHS = 2,
  INSPECT = 4,
  SAMPLE = 8,
  PLACES = 16,
  SELECTIONS = 32,
  ONE_BY_ONE = 64, /* each sample ends an interval */
  IGNORED = 128,
};

enum { SOURCES = 3 };

/* --- settings ------------------------------------------------------------ */

static void add_selections(struct lb_settings *settings) {
  struct lb_ports ports[] = {{1, 1023}, {8080, 8089}};
  struct lb_unix_name path;
  add_web(settings, ports, 2, "127.0.0.1");
  CHECK(lb_settings_add_port(settings, 8080) == 0);
  CHECK(lb_unix_name_parse("/run/app.sock", &path) == 0);
  CHECK(lb_settings_add_unix_name(settings, &path) == 0);
}

static void add_places(struct lb_settings *settings) {
  static const char *const texts[] = {"blue", "*"};
  struct lb_netns_spec spec;
  for (int i = 0; i < 2; i++) {
    CHECK(lb_netns_spec_parse(texts[i], &spec) == 0);
    CHECK(lb_settings_add_netns(settings, &spec, true) == 0);
  }
}

static void make_settings(struct lb_settings *settings, uint8_t flags) {
  settings->listening_paths = flags & PATHS;
  settings->listening_ports = flags & PORTS || !(flags & (PATHS | SELECTIONS));
  settings->inspect = flags & INSPECT ? LB_INSPECT_ALWAYS : LB_INSPECT_NEVER;
  settings->sample_s = flags & SAMPLE ? 0.1 : 0;
  if (flags & SELECTIONS)
    add_selections(settings);
  if (flags & PLACES)
    add_places(settings);
  if (flags & IGNORED)
    lb_portset_add(&settings->ignored, 8081);
}

/* --- namespaces ---------------------------------------------------------- */

static struct {
  struct lb_replay *replays[SOURCES];
  unsigned asked; /* so many times for a namespace: they come and go by this */
} played;

int __wrap_lb_netns_list(int (*visit)(void *data, const char *path,
                                      const char *name),
                         void *data);
int __wrap_lb_netns_identify(const char *path, struct lb_netns_id *id);
int __wrap_lb_netns_processes_find(struct lb_netns_processes *all,
                                   const char *proc);

int __wrap_lb_netns_list(int (*visit)(void *data, const char *path,
                                      const char *name),
                         void *data) {
  int err = visit(data, "/run/netns/blue", "blue");
  if (!err && played.asked++ % 3)
    err = visit(data, "/run/netns/red", "red");
  return err;
}

int __wrap_lb_netns_identify(const char *path, struct lb_netns_id *id) {
  bool is_red = path && (strstr(path, "red") || strstr(path, "/proc/"));
  if (path && played.asked++ % 5 == 4)
    return -ENOENT;
  *id = (struct lb_netns_id){.dev = 4, .ino = !path ? 1 : is_red ? 2 : 3};
  id->ino += played.asked % 8 == 6 ? 10 : 0;
  return 0;
}

/* Processes come and go, in the namespaces of "red". */
int __wrap_lb_netns_processes_find(struct lb_netns_processes *all,
                                   const char *proc) {
  (void)proc;
  all->dev = 4;
  all->len = 0;
  for (uint64_t ino = 2; ino < 14; ino += 10) {
    if (lb_reserve(&all->v, all->len, &all->cap, sizeof(*all->v)))
      return -ENOMEM;
    all->v[all->len++] = (struct lb_netns_process){ino, (pid_t)ino};
  }
  return 0;
}

static int open_replay(void *data, const char *path,
                       const struct lb_netns_id *id,
                       struct lb_transport **out) {
  (void)data;
  *out =
      lb_replay_transport(played.replays[path ? 1 + (unsigned)id->ino % 2 : 0]);
  return 0;
}

/* --- the replay ---------------------------------------------------------- */

static bool next_sample(uint64_t *now_ms, bool *ends) {
  int more = 0;
  for (int i = 0; i < SOURCES; i++)
    more += lb_replay_next(played.replays[i], now_ms, ends);
  CHECK(more == 0 || more == SOURCES);
  return more > 0;
}

static void end_interval(struct lb_monitor *monitor, uint64_t now_ms,
                         struct readings *readings) {
  lb_monitor_finish(monitor, now_ms);
  check_readings(readings, monitor);
}

/* As listen_backlog-probe replays. */
static void replay(struct lb_monitor *monitor, uint8_t flags,
                   struct readings *readings) {
  size_t intervals = lb_replay_intervals(played.replays[0]);
  uint64_t now_ms, before_ms = 0;
  bool ends;
  while (next_sample(&now_ms, &ends)) {
    bool inspects =
        flags & INSPECT && lb_replay_ends_next(played.replays[0]) && !ends;
    CHECK(now_ms >= before_ms); /* a clock that never goes back */
    before_ms = now_ms;
    intervals -= ends;
    if (flags & ONE_BY_ONE || inspects || (ends && !(flags & INSPECT)))
      lb_monitor_prepare(monitor, now_ms);
    if (flags & ONE_BY_ONE || inspects)
      lb_monitor_inspect(monitor);
    if (flags & ONE_BY_ONE || ends)
      end_interval(monitor, now_ms, readings);
    for (size_t i = 0; i < lb_monitor_len(monitor) && !ends && !inspects; i++)
      lb_monitor_sample(monitor, i, now_ms);
  }
  CHECK(intervals == 0);
}

/* Numbers to which no kernel counts: sums of them may wrap. */
static bool has_long_numbers(struct input input) {
  size_t digits = 0;
  for (size_t i = 0; i < input.left && digits < 16; i++)
    digits = input.at[i] >= '0' && input.at[i] <= '9' ? digits + 1 : 0;
  return digits == 16;
}

static void replay_all(uint8_t flags, struct readings *readings) {
  struct lb_settings settings;
  struct lb_monitor *monitor;
  const struct lb_transport_opener opener = {open_replay, NULL};
  memset(&settings, 0, sizeof(settings));
  make_settings(&settings, flags);
  CHECK(lb_monitor_new(&settings, opener, &monitor) == 0);
  replay(monitor, flags, readings);
  lb_monitor_free(monitor);
  lb_settings_free(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct input input = {bytes, len};
  uint8_t flags = (uint8_t)take_number(&input, 1);
  memset(&played, 0, sizeof(played));
  char *copy = copy_of(input, false);
  int err = 0;
  for (int i = 0; i < SOURCES && !err; i++) {
    err = lb_replay_new(copy, input.left, &played.replays[i]);
    CHECK(err == 0 || (i == 0 && (err == -EBADMSG || err == -EOPNOTSUPP)));
  }
  free(copy);
  if (!err) {
    struct readings readings = {.wraps = has_long_numbers(input)};
    replay_all(flags, &readings);
    free(readings.v);
  }
  for (int i = 0; i < SOURCES; i++)
    lb_replay_free(played.replays[i]);
  return 0;
}
