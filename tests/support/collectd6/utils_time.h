/* SPDX-License-Identifier: MIT */
#ifndef LB_COLLECTD6_UTILS_TIME_H
#define LB_COLLECTD6_UTILS_TIME_H

#include "collectd.h"

/* A cdtime_t counts in units of 2^-30 s. */
static inline cdtime_t lb_cdtime(uint64_t s, uint64_t ns) {
  return (s << 30) + ((ns << 30) + 500000000) / 1000000000;
}

static inline uint64_t lb_cdtime_ns(cdtime_t t) {
  uint64_t part = t & ((1u << 30) - 1);
  return (t >> 30) * 1000000000 + ((part * 1000000000 + (1u << 29)) >> 30);
}

#define TIME_T_TO_CDTIME_T(s) lb_cdtime((uint64_t)(s), 0)
#define NS_TO_CDTIME_T(ns) lb_cdtime((ns) / 1000000000, (ns) % 1000000000)
#define CDTIME_T_TO_NS(t) lb_cdtime_ns(t)

cdtime_t cdtime(void);

#endif
