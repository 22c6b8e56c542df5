// SPDX-License-Identifier: MIT
#include "collectd/log.h"

#include "base/messages.h"
#include "collectd/dispatch.h"

#define LINE LB_PLUGIN_NAME " plugin: %s"

void lb_log(int level, const char *format, ...) {
  char text[LB_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  plugin_log(level, LINE, lb_vmessage(text, format, args));
  va_end(args);
}

static bool log_after_pause(c_complain_t *pauses, int level, const char *format,
                            va_list args) {
  char text[LB_MESSAGE_SIZE];
  cdtime_t last = pauses->last;
  c_complain(level, pauses, LINE, lb_vmessage(text, format, args));
  return pauses->last != last;
}

bool lb_log_event(c_complain_t *pauses, int level, const char *format, ...) {
  va_list args;
  va_start(args, format);
  bool is_logged = log_after_pause(pauses, level, format, args);
  va_end(args);
  return is_logged;
}

void lb_log_once(c_complain_t *pauses, int level, const char *format, ...) {
  char text[LB_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  c_complain_once(level, pauses, LINE, lb_vmessage(text, format, args));
  va_end(args);
}

bool lb_condition_is_news(const struct lb_condition *condition, int reason) {
  return condition->reason != reason;
}

void lb_condition_begin(struct lb_condition *condition, int level, int reason,
                        const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (lb_condition_is_news(condition, reason) &&
      log_after_pause(&condition->pauses, level, format, args))
    condition->reason = reason;
  va_end(args);
}

bool lb_condition_end(struct lb_condition *condition) {
  bool was_logged = condition->reason != 0;
  condition->reason = 0;
  return was_logged;
}
