// SPDX-License-Identifier: MIT
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>

int lb_address_parse(const char *text, struct lb_address *out) {
  struct lb_address parsed = {{[10] = 0xff, [11] = 0xff}};
  if (inet_pton(AF_INET, text, parsed.bytes + 12) != 1 &&
      inet_pton(AF_INET6, text, parsed.bytes) != 1)
    return -EINVAL;
  *out = parsed;
  return 0;
}
