/* SPDX-License-Identifier: MIT */
/* From collectd's <Plugin listen_backlog> blocks to settings.
 *
 * It needs liboconfig's tree of the blocks, but not the daemon: it reports
 * errors to a sink, and reads nothing else but the TCP services that LocalPort
 * names. A bad option, value or block costs only itself and is one error. */
#ifndef LB_COLLECTD_OPTIONS_H
#define LB_COLLECTD_OPTIONS_H

#include "core/settings.h"

#include <liboconfig/oconfig.h>

/* Receives each error of the configuration: one line of printable text without
 * a newline, valid during the call. */
struct lb_error_sink {
  void (*error)(void *data, const char *sentence);
  void *data;
};

struct lb_options;

/* Returns 0 or -ENOMEM; the caller frees *out. */
int lb_options_new(struct lb_options **out);
/* Accepts NULL. */
void lb_options_free(struct lb_options *options);

/* Reads one <Plugin listen_backlog> block; there may be several. Returns 0 or
 * -ENOMEM. */
int lb_options_block(struct lb_options *options, const oconfig_item_t *block,
                     const struct lb_error_sink *errors);

/* Makes the settings of all blocks together, for a read every interval_s
 * seconds. If nothing was selected they report every listening port. Returns 0,
 * -ENOENT if something was selected but no selection is valid, or -ENOMEM;
 * writes *out only on success, and the caller frees it. */
int lb_options_settings(const struct lb_options *options, double interval_s,
                        struct lb_settings *out,
                        const struct lb_error_sink *errors);

#endif
