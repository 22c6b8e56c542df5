/* SPDX-License-Identifier: MIT */
/* Reads configurations in collectd's syntax, for tests and fuzz targets. */
#ifndef LB_CONFIG_H
#define LB_CONFIG_H

#include <liboconfig/oconfig.h>

/* Reads options and blocks, one a line: values in quotes, with \ before a
 * character to be taken as it is; numbers; booleans; other words. "#" starts a
 * comment. Any text has a meaning: what is no block and no value is a word.
 * Returns the block around all of it; the caller frees it with free_config().
 */
oconfig_item_t read_config(const char *text);
void free_config(oconfig_item_t *item);

#endif
