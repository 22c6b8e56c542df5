// SPDX-License-Identifier: MIT
/* collectd replaces "/" and cuts off names after 127 bytes, so that two of them
 * could become one: a label contains nothing that it would change. Nor does it
 * contain ";", which begins a tag in the names of Graphite. */
#include "base/label.h"

#include <errno.h>
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

/* A name without its leading slash, unless it is "/". */
static const char *without_slash(const char *name, size_t *len) {
  bool strip = *len > 1 && name[0] == '/';
  *len -= strip;
  return name + strip;
}

static void write_label(char *label, const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    label[i] = text[i];
    if (text[i] == '/')
      label[i] = '-';
    else if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == ';')
      label[i] = '_';
  }
  label[len] = '\0';
}

static bool is_relative(const struct lb_unix_name *name) {
  return name->bytes[0] && name->bytes[0] != '/';
}

void lb_label_of_unix_name(char label[static LB_LABEL_SIZE],
                           const struct lb_unix_name *name) {
  size_t len = name->len, start = 0;
  const char *text = without_slash(name->bytes, &len);
  if (len && is_relative(name) && (len < 2 || memcmp(text, "./", 2) != 0)) {
    label[start++] = '.';
    label[start++] = '-';
  }
  write_label(label + start, text, len);
  if (len == 0)
    memcpy(label, "-", 2);
  else if (name->bytes[0] == '\0')
    label[0] = '@';
}

int lb_label_of_netns(char label[static LB_LABEL_SIZE], const char *name) {
  size_t len = strlen(name);
  const char *text = without_slash(name, &len);
  if (len >= LB_LABEL_SIZE)
    return -ENAMETOOLONG;
  write_label(label, text, len);
  return 0;
}

int lb_label_in(char label[static LB_LABEL_SIZE], const char *netns,
                const char *own) {
  char text[LB_LABEL_SIZE];
  int n = snprintf(text, sizeof(text), "%s%s%s", netns, *netns ? ":" : "", own);
  if (n < 0 || (size_t)n >= sizeof(text))
    return -ENAMETOOLONG;
  memcpy(label, text, (size_t)n + 1);
  return 0;
}

bool lb_label_is_valid(const char *name) {
  size_t len = strlen(name);
  if (len < 1 || len >= LB_LABEL_SIZE)
    return false;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c < ' ' || c == 0x7f || c == '/' || c == ';')
      return false;
  }
  return true;
}
