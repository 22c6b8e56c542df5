// SPDX-License-Identifier: MIT
#include "core/monitor.h"
#include "kernel/recording.h"
#include "probe/error.h"
#include "probe/interval.h"
#include "probe/run.h"

#include <errno.h>
#include <stdlib.h>

/* A recording is of one namespace. */
struct replay_world {
  struct lb_world world;
  struct lb_replay *replay;
};

static int replay_list(struct lb_world *world,
                       int (*visit)(void *data, const char *path,
                                    const char *name),
                       void *data) {
  (void)world, (void)visit, (void)data;
  return 0;
}

static int replay_identify(struct lb_world *world, const char *path,
                           struct lb_netns_id *id) {
  (void)world, (void)path, (void)id;
  return -ENOENT;
}

static int replay_open(struct lb_world *world, const char *path,
                       const struct lb_netns_id *id, struct lb_source **out) {
  (void)path, (void)id;
  *out = lb_replay_source(((struct replay_world *)world)->replay);
  return 0;
}

static void replay_leave(struct lb_world *world, struct lb_source *source) {
  (void)world, (void)source;
}

/* The sample before an inspection was recorded as the last one within the
 * interval, with the answers to the inspection after it. */
static int replay_intervals(const struct lb_arguments *arguments,
                            struct lb_monitor *monitor,
                            struct lb_replay *replay) {
  bool inspect = arguments->settings.inspect;
  int status = EXIT_SUCCESS;
  uint64_t now_ms;
  bool ends;
  unsigned long number = 0;
  while (lb_replay_next(replay, &now_ms, &ends)) {
    bool inspects = inspect && lb_replay_ends_next(replay);
    if (!ends && !inspects) {
      lb_monitor_sample(monitor, 0, now_ms);
      continue;
    }
    if (!ends) {
      lb_monitor_prepare(monitor, now_ms);
      lb_monitor_inspect(monitor);
      continue;
    }
    if (!inspect)
      lb_monitor_prepare(monitor, now_ms);
    lb_monitor_finish(monitor, now_ms);
    if (lb_interval_print(arguments, monitor, ++number))
      status = EXIT_FAILURE;
  }
  return status;
}

int lb_run_replay(struct lb_arguments *arguments) {
  struct replay_world world = {
      {replay_list, replay_identify, replay_open, replay_leave, replay_leave},
      NULL};
  struct lb_monitor *monitor = NULL;
  int status = EXIT_FAILURE;
  char buf[LB_REASON_SIZE];
  int err = lb_replay_open(arguments->replay, &world.replay);
  if (err) {
    lb_probe_error(LB_MSG_FILE, arguments->replay,
                   lb_recording_error(err, buf));
    return EXIT_FAILURE;
  }
  arguments->count = lb_replay_intervals(world.replay);
  err = lb_monitor_new(&arguments->settings, &world.world, &monitor);
  if (err)
    lb_probe_error(LB_MSG_START_FAILED, lb_file_error(err, buf));
  else
    status = replay_intervals(arguments, monitor, world.replay);
  lb_monitor_free(monitor);
  lb_replay_free(world.replay);
  return status;
}
