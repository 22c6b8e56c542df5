// SPDX-License-Identifier: MIT
#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_collectd collectd;

static void require(int is_so, const char *what) {
  if (is_so)
    return;
  fprintf(stderr, "collectd would not allow this: %s\n", what);
  abort();
}

static void check_name(const char *name) {
  require(strcmp(name, "listen_backlog") == 0, name);
}

int plugin_register_complex_config(const char *type,
                                   int (*callback)(oconfig_item_t *)) {
  check_name(type);
  collectd.config = callback;
  return 0;
}

int plugin_register_init(const char *name, plugin_init_cb callback) {
  check_name(name);
  collectd.init = callback;
  return 0;
}

int plugin_register_read(const char *name, int (*callback)(void)) {
  check_name(name);
  collectd.read = callback;
  return 0;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback) {
  check_name(name);
  collectd.shutdown = callback;
  return 0;
}

cdtime_t cdtime(void) {
  return collectd.clock ? collectd.clock() : ++collectd.now;
}

cdtime_t plugin_get_interval(void) { return collectd.interval; }

int plugin_dispatch_values(value_list_t const *list) {
  collectd.on_values(list);
  return 0;
}

/* --- the log ------------------------------------------------------------- */

void plugin_log(int level, const char *format, ...) {
  char line[1024]; /* as much as collectd has */
  va_list args;
  va_start(args, format);
  int len = vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  require(len > 0 && len < (int)sizeof(line) && !strchr(line, '\n'), line);
  if (collectd.on_log) {
    collectd.on_log(level, line);
    return;
  }
  size_t room = sizeof(collectd.log) - collectd.log_len;
  len = snprintf(collectd.log + collectd.log_len, room, "%s: %s\n",
                 level == LOG_ERR       ? "ERR"
                 : level == LOG_NOTICE  ? "NOTICE"
                 : level == LOG_WARNING ? "WARNING"
                 : level == LOG_INFO    ? "INFO"
                                        : "?",
                 line);
  require((size_t)len < room, "a longer log");
  collectd.log_len += (size_t)len;
}

void reset_log(void) {
  collectd.log_len = 0;
  collectd.log[0] = '\0';
}

/* As utils_complain.c does. */
static void complain(int level, c_complain_t *c, const char *format,
                     va_list args) {
  char line[512];
  cdtime_t now = cdtime();
  if (c->last + c->interval > now)
    return;
  c->last = now;
  c->interval =
      c->interval < collectd.interval ? collectd.interval : 2 * c->interval;
  if (c->interval > TIME_T_TO_CDTIME_T(86400))
    c->interval = TIME_T_TO_CDTIME_T(86400);
  int len = vsnprintf(line, sizeof(line), format, args);
  require(len > 0 && len < (int)sizeof(line), line);
  plugin_log(level, "%s", line);
}

void c_complain(int level, c_complain_t *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  complain(level, c, format, args);
  va_end(args);
}

void c_complain_once(int level, c_complain_t *c, const char *format, ...) {
  va_list args;
  if (c->complained_once)
    return;
  c->complained_once = true;
  va_start(args, format);
  complain(level, c, format, args);
  va_end(args);
}

/* --- a life -------------------------------------------------------------- */

void start_collectd(void) {
  memset(&collectd, 0, sizeof(collectd));
  collectd.now = TIME_T_TO_CDTIME_T(1700000000);
  collectd.interval = TIME_T_TO_CDTIME_T(10);
  module_register();
}

int read_collectd(void) {
  collectd.now += TIME_T_TO_CDTIME_T(10);
  return collectd.read();
}
