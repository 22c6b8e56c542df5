// SPDX-License-Identifier: MIT
#include "probe/error.h"

#include <stdio.h>

void lb_probe_error(const char *format, ...) {
  char text[LB_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  fprintf(stderr, "listen_backlog-probe: %s\n",
          lb_vmessage(text, format, args));
  va_end(args);
}
