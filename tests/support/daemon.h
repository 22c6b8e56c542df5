/* SPDX-License-Identifier: MIT */
/* A program that is collectd, as far as the plugin can see. */
#ifndef LB_DAEMON_H
#define LB_DAEMON_H

#include <collectd.h>

#include <configfile.h>

#include <plugin.h>

#include <utils_complain.h>

enum { DAEMON_LOG_SIZE = 16384, MAX_READS = 4 };

struct fake_read {
  const char *name; /* NULL: no callback */
  int (*simple)(void);
  plugin_read_cb complex;
  cdtime_t interval; /* of a complex one */
  cdtime_t next;
};

extern struct fake_collectd {
  int (*config)(oconfig_item_t *block); /* that the plugin registered */
  int (*init)(void);
  int (*shutdown)(void);
  struct fake_read reads[MAX_READS];
  int register_error; /* of each registration of a read while set */
  bool single_read;   /* collectd -T */

  cdtime_t interval;
  cdtime_t due; /* the multiple of the interval that read_collectd() reads at */
  cdtime_t now; /* moves with each call of cdtime() */
  cdtime_t (*clock)(void);                     /* takes its place; or NULL */
  void (*on_log)(int level, const char *line); /* or NULL: see log */
  void (*on_values)(const value_list_t *list);
  char log[DAEMON_LOG_SIZE]; /* lines like "ERR: text\n" */
  size_t log_len;
} collectd;

/* Registers the plugin with a daemon that has nothing yet: the interval is
 * 10 s. */
void start_collectd(void);

/* Calls the read callback that is due next, when it is due. */
int call_next_read(void);

/* Calls those that are due up to the next multiple of the interval. */
int read_collectd(void);

/* Compares what was logged since the last time. */
#define check_log(want)                                                        \
  do {                                                                         \
    assert_string_equal(collectd.log, want);                                   \
    reset_log();                                                               \
  } while (0)
void reset_log(void);

#endif
