/* SPDX-License-Identifier: MIT */
/* collectd's <Plugin listen_backlog> blocks to settings.
 *
 * A pure function of the parsed tree: it neither logs nor needs the daemon.
 * A bad option, value or block costs only itself and is one error. */
#ifndef LB_COLLECTD_OPTIONS_H
#define LB_COLLECTD_OPTIONS_H

#include "core/settings.h"

#include <liboconfig/oconfig.h>

/* Takes one sentence without a newline; says what, where and what would be
 * accepted. */
struct lb_error_sink {
  void (*error)(void *data, const char *sentence);
  void *data;
};

struct lb_options;

/* 0 or -ENOMEM; the caller owns *out. */
int lb_options_new(struct lb_options **out);
void lb_options_free(struct lb_options *options);

/* Takes in one <Plugin listen_backlog> block; there may be several. 0 or
 * -ENOMEM. */
int lb_options_block(struct lb_options *options, const oconfig_item_t *block,
                     const struct lb_error_sink *errors);

/* All blocks together, for reads every interval_s seconds. With nothing
 * selected every listening port is. 0; -ENOENT where something was selected and
 * nothing valid is left; -ENOMEM. The caller owns what *out, zeroed before,
 * then holds.
 */
int lb_options_settings(const struct lb_options *options, double interval_s,
                        struct lb_settings *out,
                        const struct lb_error_sink *errors);

#endif
