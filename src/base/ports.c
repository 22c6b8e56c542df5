// SPDX-License-Identifier: MIT
/* Service names may contain "-" and start with a digit, like "3com-tsmux": only
 * a text of nothing but digits and "-" is a number or a range. */
#include "base/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static int parse_port_number(const char *text, size_t len, uint16_t *out) {
  unsigned port = 0;
  for (size_t i = 0; i < len; i++) {
    port = port * 10 + (unsigned)(text[i] - '0');
    if (port > UINT16_MAX)
      return -ERANGE;
  }
  if (port == 0)
    return -ERANGE;
  *out = (uint16_t)port;
  return 0;
}

static int parse_range(const char *text, struct lb_ports *out) {
  size_t first_len = strcspn(text, "-");
  const char *last = text + first_len + 1;
  size_t last_len = strlen(last);
  if (first_len == 0 || last_len == 0 || strchr(last, '-'))
    return -EINVAL;
  struct lb_ports ports;
  int err = parse_port_number(text, first_len, &ports.first);
  if (!err)
    err = parse_port_number(last, last_len, &ports.last);
  if (err)
    return err;
  if (ports.first > ports.last)
    return -EINVAL;
  *out = ports;
  return 0;
}

/* What separates the fields of /etc/services can be in no name; musl finds
 * "80/tcp" all the same. */
static int parse_service(const char *text, struct lb_ports *out) {
  struct servent entry, *found = NULL;
  char buf[1024];
  if (text[strcspn(text, "/# \t\n")])
    return -ENOENT;
  if (getservbyname_r(text, "tcp", &entry, buf, sizeof(buf), &found) || !found)
    return -ENOENT;
  uint16_t port = ntohs((uint16_t)found->s_port);
  if (port == 0)
    return -ERANGE;
  *out = (struct lb_ports){port, port};
  return 0;
}

int lb_ports_parse(const char *text, struct lb_ports *out) {
  size_t len = strlen(text);
  if (len == 0)
    return -EINVAL;
  if (strchr(text, ','))
    return -E2BIG;
  if (strspn(text, "0123456789-") < len)
    return parse_service(text, out);
  if (strchr(text, '-'))
    return parse_range(text, out);
  uint16_t port;
  int err = parse_port_number(text, len, &port);
  if (!err)
    *out = (struct lb_ports){port, port};
  return err;
}
