/* SPDX-License-Identifier: MIT */
/* The part of collectd 6 that the plugin uses, declared anew: with this folder
 * as --with-collectd-headers the plugin compiles where there is no collectd 6.
 * A collectd would not load it: the structures are complete only as far as the
 * plugin writes them. */
#ifndef LB_COLLECTD6_H
#define LB_COLLECTD6_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_MAX_NAME_LEN 128

typedef uint64_t cdtime_t;

#endif
