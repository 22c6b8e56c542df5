/* SPDX-License-Identifier: MIT */
/* The plugin's lines in collectd's log. Those that repeat go through collectd's
 * c_complain(), which makes pauses between them that grow up to a day. */
#ifndef LB_COLLECTD_LOG_H
#define LB_COLLECTD_LOG_H

#include <collectd.h>

#include <plugin.h>

#include <utils_complain.h>

/* Writes a line after the plugin's name. */
__attribute__((format(printf, 2, 3))) void lb_log(int level, const char *format,
                                                  ...);

/* Writes a line about an event, unless c_complain() makes a pause. Returns
 * whether it did. */
__attribute__((format(printf, 3, 4))) bool
lb_log_event(c_complain_t *pauses, int level, const char *format, ...);

/* Writes a line about an event, the first time only. */
__attribute__((format(printf, 3, 4))) void
lb_log_once(c_complain_t *pauses, int level, const char *format, ...);

/* A condition that lasts: one line when it begins or its reason changes. */
struct lb_condition {
  c_complain_t pauses;
  int reason; /* that the log has; 0: none */
};

/* Whether the log does not have this reason yet. */
bool lb_condition_is_news(const struct lb_condition *condition, int reason);

/* Writes the line as lb_log_event() does, if its reason is news. A reason that
 * falls into a pause stays news. */
__attribute__((format(printf, 4, 5))) void
lb_condition_begin(struct lb_condition *condition, int level, int reason,
                   const char *format, ...);

/* Ends the condition. Returns whether the log has its beginning. The pauses
 * stay as long as they are, unlike after c_release(): a condition may come and
 * go with every read. */
bool lb_condition_end(struct lb_condition *condition);

#endif
