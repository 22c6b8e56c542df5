/* SPDX-License-Identifier: MIT */
#ifndef LB_COLLECTD6_PLUGIN_H
#define LB_COLLECTD6_PLUGIN_H

#include "collectd.h"
#include "configfile.h"
#include "metric.h"

enum { LOG_ERR = 3, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

typedef struct {
  void *data;
  void (*free_func)(void *);
} user_data_t;

int plugin_register_complex_config(const char *name,
                                   int (*callback)(oconfig_item_t *));
int plugin_register_init(const char *name, int (*callback)(void));
int plugin_register_read(const char *name, int (*callback)(void));
int plugin_register_complex_read(const char *group, const char *name,
                                 int (*callback)(user_data_t *),
                                 cdtime_t interval, user_data_t const *data);
int plugin_unregister_read(const char *name);
int plugin_register_shutdown(const char *name, int (*callback)(void));

/* Copies the family. Returns 0 or an errno. */
int plugin_dispatch_metric_family(metric_family_t const *family);

__attribute__((format(printf, 2, 3))) void plugin_log(int level,
                                                      const char *format, ...);
cdtime_t plugin_get_interval(void);

void module_register(void);

#endif
