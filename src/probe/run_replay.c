// SPDX-License-Identifier: MIT
#include "core/monitor.h"
#include "kernel/replay.h"
#include "probe/error.h"
#include "probe/interval.h"
#include "probe/run.h"

#include <errno.h>
#include <stdlib.h>

/* A recording is of one namespace. */
static int open_replay(void *data, const char *path,
                       const struct lb_netns_id *id,
                       struct lb_transport **out) {
  (void)path, (void)id;
  *out = lb_replay_transport(data);
  return 0;
}

/* The sample before an inspection was recorded as the last one within the
 * interval, with the answers to the inspection after it. */
static int replay_intervals(const struct lb_arguments *arguments,
                            struct lb_monitor *monitor,
                            struct lb_replay *replay) {
  bool inspect = arguments->settings.inspect == LB_INSPECT_ALWAYS;
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
    if (lb_interval_print(arguments, monitor, NULL, ++number))
      status = EXIT_FAILURE;
  }
  return status;
}

int lb_run_replay(struct lb_arguments *arguments) {
  struct lb_replay *replay;
  struct lb_monitor *monitor = NULL;
  int status = EXIT_FAILURE;
  char buf[LB_REASON_SIZE];
  int err = lb_replay_open(arguments->replay, &replay);
  if (err) {
    lb_probe_error(LB_MSG_FILE, arguments->replay,
                   lb_recording_error(err, buf));
    return EXIT_FAILURE;
  }
  arguments->count = lb_replay_intervals(replay);
  err = lb_monitor_new(&arguments->settings,
                       (struct lb_transport_opener){open_replay, replay},
                       &monitor);
  if (err)
    lb_probe_error(LB_MSG_START_FAILED, lb_file_error(err, buf));
  else
    status = replay_intervals(arguments, monitor, replay);
  lb_monitor_free(monitor);
  lb_replay_free(replay);
  return status;
}
