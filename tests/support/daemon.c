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

/* --- reads, as plugin.c of collectd 5 calls them ---------------------------
 */

static int add_read(struct fake_read read) {
  struct fake_read *end = collectd.reads + MAX_READS;
  struct fake_read *place = collectd.reads;
  if (collectd.register_error)
    return collectd.register_error;
  require(!collectd.single_read || !read.complex, "a callback more with -T");
  for (struct fake_read *other = collectd.reads; other < end; other++)
    require(!other->name || strcmp(other->name, read.name) != 0,
            "two callbacks of one name");
  while (place < end && place->name)
    place++;
  require(place < end, "that many callbacks");
  *place = read;
  place->next = cdtime();
  return 0;
}

int plugin_register_read(const char *name, int (*callback)(void)) {
  check_name(name);
  return add_read((struct fake_read){.name = name, .simple = callback});
}

int plugin_register_complex_read(const char *group, const char *name,
                                 plugin_read_cb callback, cdtime_t interval,
                                 user_data_t const *data) {
  require(!group && !data && interval, name);
  return add_read((struct fake_read){
      .name = name, .complex = callback, .interval = interval});
}

int plugin_unregister_read(const char *name) {
  for (size_t i = 0; i < MAX_READS; i++)
    if (collectd.reads[i].name && strcmp(collectd.reads[i].name, name) == 0) {
      collectd.reads[i].name = NULL;
      return 0;
    }
  require(0, name);
  return -1;
}

char const *global_option_get(char const *option) {
  require(strcmp(option, "ReadThreads") == 0, option);
  return collectd.single_read ? "-1" : "5";
}

static struct fake_read *next_read(void) {
  struct fake_read *first = NULL;
  for (size_t i = 0; i < MAX_READS; i++) {
    struct fake_read *read = &collectd.reads[i];
    if (read->name && (!first || read->next < first->next))
      first = read;
  }
  return first;
}

int call_next_read(void) {
  struct fake_read *read = next_read();
  if (!read)
    return -1;
  const char *name = read->name;
  if (collectd.now < read->next)
    collectd.now = read->next;
  int err = read->simple ? read->simple() : read->complex(NULL);
  if (read->name != name) /* it was replaced */
    return err;
  read->next += read->simple ? collectd.interval : read->interval;
  cdtime_t now = cdtime();
  if (read->next < now)
    read->next = now;
  return err;
}

/* What is due a little after it belongs to it: time passes in each call. */
int read_collectd(void) {
  int err = 0;
  uint64_t interval = CDTIME_T_TO_NS(collectd.interval);
  uint64_t due = (CDTIME_T_TO_NS(collectd.now) / interval + 1) * interval;
  cdtime_t end = NS_TO_CDTIME_T(due + interval / 16);
  collectd.due = NS_TO_CDTIME_T(due);
  for (const struct fake_read *read; (read = next_read()) && read->next <= end;)
    err |= call_next_read();
  if (collectd.now < collectd.due)
    collectd.now = collectd.due;
  return err;
}

int plugin_register_shutdown(const char *name, plugin_shutdown_cb callback) {
  check_name(name);
  collectd.shutdown = callback;
  return 0;
}

cdtime_t cdtime(void) { return ++collectd.now; }

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
