// SPDX-License-Identifier: MIT
/* Labels are injective: two sources never share one, and collectd, which
 * rewrites "/" and cuts off at 127 bytes, must find nothing to rewrite. */
#include "label.h"

#include <stdio.h>
#include <string.h>

void lb_label_of_port(char label[static LB_LABEL_SIZE], uint16_t port) {
  snprintf(label, LB_LABEL_SIZE, "%u", (unsigned)port);
}

uint16_t lb_label_port(const char *label) {
  size_t len = strlen(label);
  if (len < 1 || len > 5 || label[0] == '0' ||
      strspn(label, "0123456789") != len)
    return 0;
  unsigned port = 0;
  for (size_t i = 0; i < len; i++)
    port = port * 10 + (unsigned)(label[i] - '0');
  return port > UINT16_MAX ? 0 : (uint16_t)port;
}

bool lb_label_is_valid(const char *name) {
  size_t len = strlen(name);
  if (len < 1 || len >= LB_LABEL_SIZE)
    return false;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c < ' ' || c == 0x7f || c == '/')
      return false;
  }
  return true;
}
