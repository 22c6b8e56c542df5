/* SPDX-License-Identifier: MIT */
/* Writes the kernel's raw answers to a file: what a bug report needs. Replayed
 * (replay.h), it gives the same readings anywhere.
 *
 * A recording holds netlink bytes as they came, so it can be replayed only on
 * machines of the same byte order. It names addresses and ports of the host. */
#ifndef LB_KERNEL_RECORDER_H
#define LB_KERNEL_RECORDER_H

#include "kernel/transport.h"

#include <stdbool.h>

struct lb_recorder;

/* Creates or truncates the file. 0 or -errno; the caller owns *out. */
int lb_recorder_open(const char *path, struct lb_recorder **out);

/* Returns a transport that passes everything on to another one, which it owns,
 * and writes the answers. There can be one at a time; it lives at most as long
 * as the recorder. Not for two threads at once. */
struct lb_transport *lb_recorder_wrap(struct lb_recorder *recorder,
                                      struct lb_transport *transport);

/* Begins a sample; now_ms is the clock that the collector gets. ends: it is the
 * one at the end of an interval. The queries of an inspection belong to the
 * sample before it. */
void lb_recorder_begin_sample(struct lb_recorder *recorder, uint64_t now_ms,
                              bool ends);

/* Frees it. 0, or the -errno of the first failed write; -EFBIG: it is full at
 * LB_RECORDING_MAX bytes, and the rest is missing. */
int lb_recorder_close(struct lb_recorder *recorder);

#endif
