// SPDX-License-Identifier: MIT
#include "base/messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *lb_vmessage(char out[static LB_MESSAGE_SIZE], const char *format,
                        va_list args) {
  vsnprintf(out, LB_MESSAGE_SIZE, format, args);
  for (char *c = out; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  return out;
}

const char *lb_message(char out[static LB_MESSAGE_SIZE], const char *format,
                       ...) {
  va_list args;
  va_start(args, format);
  lb_vmessage(out, format, args);
  va_end(args);
  return out;
}

const char *lb_label_refused(char out[static LB_MESSAGE_SIZE], int err,
                             const char *sources) {
  switch (err) {
  case -EEXIST:
    return lb_message(out, LB_MSG_LABEL_TAKEN, sources);
  case -ESTALE:
    return lb_message(out, LB_MSG_OTHER_FILE, sources);
  default:
    return lb_message(out, LB_MSG_LABEL_TOO_LONG, sources);
  }
}

/* --- reasons ------------------------------------------------------------- */

/* strerror_r() of glibc returns the text, which need not be in buf; that of
 * POSIX and musl writes it to buf and returns 0 or an error. */
static const char *returned_text(const char *text, const char *buf) {
  (void)buf;
  return text;
}

static const char *written_text(int err, const char *buf) {
  (void)err;
  return buf;
}

/* clang-format off */
#define TEXT_OF(result, buf)                                                   \
  _Generic((result), char *: returned_text, int: written_text)(result, buf)
/* clang-format on */

static const char *system_text(int err, char *buf, size_t size) {
  snprintf(buf, size, "error %d", -err);
  return TEXT_OF(strerror_r(-err, buf, size), buf);
}

const char *lb_file_error(int err, char buf[static LB_REASON_SIZE]) {
  switch (err) {
  case -EBADMSG:
    return LB_WHY_MALFORMED;
  case -ENODATA:
    return LB_WHY_UNRECORDED;
  default:
    return system_text(err, buf, LB_REASON_SIZE);
  }
}

const char *lb_netlink_error(int err, const char *module,
                             char buf[static LB_REASON_SIZE]) {
  char name[80];
  switch (err) {
  case -ENOENT:
  case -EOPNOTSUPP:
    snprintf(buf, LB_REASON_SIZE, LB_WHY_NO_MODULE, module, module);
    return buf;
  case -EPROTO:
  case -ESRCH:
    return LB_WHY_FOREIGN_ANSWER;
  case -ETIMEDOUT:
    return LB_WHY_NO_ANSWER;
  case -ENOSPC:
    return LB_WHY_CUT_ANSWER;
  case -EAFNOSUPPORT:
  case -EPERM:
  case -EACCES:
  case -EPROTONOSUPPORT:
    snprintf(buf, LB_REASON_SIZE, LB_WHY_NO_NETLINK,
             system_text(err, name, sizeof(name)));
    return buf;
  default:
    return lb_file_error(err, buf);
  }
}

const char *lb_netns_error(int err, char buf[static LB_REASON_SIZE]) {
  switch (err) {
  case -EPERM:
    return LB_WHY_NETNS_PRIVILEGE;
  case -EINVAL:
    return LB_WHY_NETNS_UNMOUNTED;
  case -ENOENT:
  case -ESTALE:
    return LB_WHY_NETNS_GONE;
  case -ENAMETOOLONG:
    return LB_WHY_NETNS_NAME;
  default:
    return lb_file_error(err, buf);
  }
}

const char *lb_recording_error(int err, char buf[static LB_REASON_SIZE]) {
  switch (err) {
  case -EBADMSG:
    return LB_WHY_RECORDING;
  case -EOPNOTSUPP:
    return LB_WHY_RECORDING_VERSION;
  case -EFBIG:
    return LB_WHY_RECORDING_SIZE;
  default:
    return lb_file_error(err, buf);
  }
}

const char *lb_ports_error(int err) {
  switch (err) {
  case -ERANGE:
    return LB_WHY_PORT_RANGE;
  case -ENOENT:
    return LB_WHY_PORT_SERVICE;
  case -E2BIG:
    return LB_WHY_PORT_LIST;
  default:
    return LB_WHY_PORTS_REVERSED;
  }
}

/* --- tasks --------------------------------------------------------------- */

const char *lb_task_failed(char out[static LB_MESSAGE_SIZE], enum lb_task task,
                           const char *netns, int err) {
  char buf[LB_REASON_SIZE], in[LB_MESSAGE_SIZE] = "";
  if (*netns)
    snprintf(in, sizeof(in), LB_IN_NETNS, netns);
  switch (task) {
  case LB_TASK_TCP:
    return lb_message(out, LB_MSG_TCP, in,
                      lb_netlink_error(err, "tcp_diag", buf));
  case LB_TASK_TCP_SOCKETS:
    return lb_message(out, LB_MSG_TCP_SOCKETS, in,
                      lb_netlink_error(err, "tcp_diag", buf));
  case LB_TASK_NETSTAT:
    return lb_message(out, LB_MSG_NETSTAT, in, lb_file_error(err, buf));
  case LB_TASK_SOMAXCONN:
    return lb_message(out, LB_MSG_SOMAXCONN, in, lb_file_error(err, buf));
  case LB_TASK_UNIX:
    return lb_message(out, LB_MSG_UNIX, in,
                      lb_netlink_error(err, "unix_diag", buf));
  case LB_TASK_INSPECT:
    return lb_message(out, LB_MSG_INSPECT, in,
                      lb_netlink_error(err, "tcp_diag", buf));
  case LB_TASK_NETNS:
    return lb_message(out, LB_MSG_NETNS, netns, lb_netns_error(err, buf));
  default:
    return lb_message(out, LB_MSG_LIST, lb_netns_error(err, buf));
  }
}

const char *lb_task_recovered(char out[static LB_MESSAGE_SIZE],
                              enum lb_task task, const char *netns) {
  static const char *const what[LB_TASKS] = {
      [LB_TASK_TCP] = LB_WHAT_TCP,
      [LB_TASK_TCP_SOCKETS] = LB_WHAT_TCP_SOCKETS,
      [LB_TASK_NETSTAT] = LB_WHAT_NETSTAT,
      [LB_TASK_SOMAXCONN] = LB_WHAT_SOMAXCONN,
      [LB_TASK_UNIX] = LB_WHAT_UNIX,
      [LB_TASK_INSPECT] = LB_WHAT_INSPECT,
      [LB_TASK_LIST] = LB_WHAT_LIST,
  };
  if (task == LB_TASK_NETNS)
    return lb_message(out, LB_MSG_NETNS_RECOVERED, netns);
  return lb_message(out, LB_MSG_RECOVERED, what[task]);
}
