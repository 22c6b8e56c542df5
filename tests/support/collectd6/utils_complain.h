/* SPDX-License-Identifier: MIT */
#ifndef LB_COLLECTD6_UTILS_COMPLAIN_H
#define LB_COLLECTD6_UTILS_COMPLAIN_H

#include "utils_time.h"

typedef struct {
  cdtime_t last;
  cdtime_t interval;
  bool complained_once;
} c_complain_t;

#define C_COMPLAIN_INIT_STATIC                                                 \
  { 0, 0, 0 }

__attribute__((format(printf, 3, 4))) void
c_complain(int level, c_complain_t *complaint, const char *format, ...);
__attribute__((format(printf, 3, 4))) void
c_complain_once(int level, c_complain_t *complaint, const char *format, ...);

#endif
