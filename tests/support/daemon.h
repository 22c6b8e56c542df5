/* SPDX-License-Identifier: MIT */
/* A program that is the daemon, as far as the plugin can see: what the plugin
 * registers. The rest of what it calls each program has of its own. */
#ifndef LB_DAEMON_H
#define LB_DAEMON_H

#include <collectd.h>

#include <plugin.h>

#include <utils_complain.h>

static struct {
  int (*config)(oconfig_item_t *block);
  int (*init)(void);
  int (*read)(void);
  int (*shutdown)(void);
} plugin_has;

/* The program's: each name that something is registered under. */
static void check_name(const char *name);

int plugin_register_complex_config(const char *type,
                                   int (*callback)(oconfig_item_t *)) {
  check_name(type);
  plugin_has.config = callback;
  return 0;
}

int plugin_register_init(const char *name, plugin_init_cb callback) {
  check_name(name);
  plugin_has.init = callback;
  return 0;
}

int plugin_register_read(const char *name, int (*callback)(void)) {
  check_name(name);
  plugin_has.read = callback;
  return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback) {
  check_name(name);
  plugin_has.shutdown = callback;
  return 0;
}

/* utils_complain.c, by means of the program's c_complain(). */
void c_complain_once(int level, c_complain_t *c, const char *format, ...) {
  char line[512];
  if (c->complained_once)
    return;
  c->complained_once = true;
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  c_complain(level, c, "%s", line);
}

#endif
