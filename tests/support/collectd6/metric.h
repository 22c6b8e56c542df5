/* SPDX-License-Identifier: MIT */
#ifndef LB_COLLECTD6_METRIC_H
#define LB_COLLECTD6_METRIC_H

#include "utils_time.h"

typedef enum {
  METRIC_TYPE_UNTYPED = 0,
  METRIC_TYPE_GAUGE = 1,
  METRIC_TYPE_COUNTER = 6,
} metric_type_t;

typedef union {
  double gauge;
  uint64_t counter;
} value_t;

typedef struct {
  char *name;
  char *value;
} label_pair_t;

typedef struct {
  label_pair_t *ptr; /* sorted by name */
  size_t num;
} label_set_t;

typedef struct metric_family_s metric_family_t;

typedef struct {
  metric_family_t *family;
  label_set_t label;
  value_t value;
  cdtime_t time;
  cdtime_t interval;
  void *meta;
} metric_t;

typedef struct {
  metric_t *ptr;
  size_t num;
} metric_list_t;

struct metric_family_s {
  char *name;
  char *help;
  char *unit;
  metric_type_t type;
  label_set_t resource;
  metric_list_t metric;
};

#endif
