/* SPDX-License-Identifier: MIT */
/* A transport that answers from a recording (recorder.h). */
#ifndef LB_KERNEL_REPLAY_H
#define LB_KERNEL_REPLAY_H

#include "kernel/transport.h"

#include <stdbool.h>

struct lb_replay;

/* Copies the bytes of a recording. 0, -ENOMEM, -EBADMSG if they are not one,
 * -EOPNOTSUPP for another version or byte order. The caller owns *out. */
int lb_replay_new(const void *bytes, size_t len, struct lb_replay **out);

/* The same from a file or a pipe; -EFBIG: it has more than LB_RECORDING_MAX
 * bytes; or the -errno of reading it. */
int lb_replay_open(const char *path, struct lb_replay **out);
void lb_replay_free(struct lb_replay *replay);

/* The number of samples that end an interval. */
size_t lb_replay_intervals(const struct lb_replay *replay);

/* Goes on to the next sample: 1, or 0 at the end. Skips what is left of the
 * current one. */
int lb_replay_next(struct lb_replay *replay, uint64_t *now_ms, bool *ends);

/* Whether the sample after the current one ends an interval. In a recording
 * with inspections the current one is then the sample that an inspection began
 * with. */
bool lb_replay_ends_next(const struct lb_replay *replay);

/* Answers as recorded in the current sample, in order, each kind of query and
 * each file on its own. A query that was recorded fewer times gets the last
 * answer again; -ENODATA if it was never recorded. What a request asks for is
 * ignored: an answer holds at least what the readings need. Borrowed: closing
 * it does nothing. */
struct lb_transport *lb_replay_transport(struct lb_replay *replay);

#endif
