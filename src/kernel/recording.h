/* SPDX-License-Identifier: MIT */
/* The kernel's raw answers in a file, and a source that replays them.
 *
 * A recording is what a bug report needs: replayed, it gives the same readings
 * anywhere. It holds netlink bytes as they came, so it is replayed on a machine
 * of the same byte order; it names addresses and ports of the host. */
#ifndef LB_KERNEL_RECORDING_H
#define LB_KERNEL_RECORDING_H

#include "kernel/live.h"
#include "kernel/source.h"

struct lb_recorder;

/* Creates or truncates the file. 0 or -errno; the caller owns *out. */
int lb_recorder_open(const char *path, struct lb_recorder **out);

/* What the live source to be recorded needs; lives as long as the recorder. */
const struct lb_witness *lb_recorder_witness(struct lb_recorder *recorder);

/* Starts a look; now_ms is the clock that it is given. ends: it is the one at
 * the end of an interval. What a walk is answered belongs to the look that it
 * comes after. */
void lb_recorder_begin_sample(struct lb_recorder *recorder, uint64_t now_ms,
                              bool ends);

/* 0, or -errno where something could not be written since it was opened. */
int lb_recorder_close(struct lb_recorder *recorder);

struct lb_replay;

/* Takes a copy of the bytes of a recording. 0, -ENOMEM, -EBADMSG where they are
 * none, -EOPNOTSUPP for another version or byte order. */
int lb_replay_new(const void *bytes, size_t len, struct lb_replay **out);

/* The same out of a file, or -errno of reading it. */
int lb_replay_open(const char *path, struct lb_replay **out);
void lb_replay_free(struct lb_replay *replay);

/* How many looks that end an interval it holds. */
size_t lb_replay_intervals(const struct lb_replay *replay);

/* Goes to the next look. 1, or 0 at the end. What is left of the look before is
 * passed over. */
int lb_replay_next(struct lb_replay *replay, uint64_t *now_ms, bool *ends);

/* Whether the look after this one ends an interval: of a recording with walks
 * this one is then what they began with. */
bool lb_replay_ends_next(const struct lb_replay *replay);

/* Answers as recorded in this look, in order and each kind on its own; asked
 * once more than recorded it repeats the last answer, -ENODATA without one. */
struct lb_source *lb_replay_source(struct lb_replay *replay);

#endif
