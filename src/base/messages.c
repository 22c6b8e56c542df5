// SPDX-License-Identifier: MIT
#include "base/messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *lb_message(char out[static LB_MESSAGE_SIZE], const char *format,
                       ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(out, LB_MESSAGE_SIZE, format, args);
  va_end(args);
  for (char *c = out; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  return out;
}

const char *lb_file_error(int err, char buf[static LB_REASON_SIZE]) {
  switch (err) {
  case -EBADMSG:
    return LB_WHY_MALFORMED;
  case -ENODATA:
    return LB_WHY_UNRECORDED;
  default:
    return strerror_r(-err, buf, LB_REASON_SIZE);
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
             strerror_r(-err, name, sizeof(name)));
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

const char *lb_ports_error(int err) {
  switch (err) {
  case -ERANGE:
    return LB_WHY_PORT_RANGE;
  case -ENOENT:
    return LB_WHY_PORT_SERVICE;
  default:
    return LB_WHY_PORTS_REVERSED;
  }
}
