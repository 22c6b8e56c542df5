// SPDX-License-Identifier: MIT
#include "base/unix_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lb_unix_name lb_unix_name_of(const char *sun_path, size_t len) {
  struct lb_unix_name name = {.len = 0};
  if (len > sizeof(name.bytes))
    len = sizeof(name.bytes);
  if (len == 0)
    return name;
  if (sun_path[0])
    len = strnlen(sun_path, len);
  else
    while (len > 1 && !sun_path[len - 1])
      len--;
  memcpy(name.bytes, sun_path, len);
  name.len = (uint8_t)len;
  return name;
}

/* Reads one byte of an abstract name and moves *text to the next. Returns 0 or
 * -EINVAL. */
static int read_name_byte(const char **text, char *out) {
  const char *at = *text;
  if (at[0] != '\\' || at[1] != 'x') {
    *out = *at;
    *text = at + 1;
    return 0;
  }
  if (!isxdigit((unsigned char)at[2]) || !isxdigit((unsigned char)at[3]))
    return -EINVAL;
  const char digits[] = {at[2], at[3], '\0'};
  *out = (char)strtoul(digits, NULL, 16);
  *text = at + 4;
  return 0;
}

int lb_unix_name_parse(const char *text, struct lb_unix_name *out) {
  char bytes[LB_UNIX_NAME_SIZE] = "";
  size_t len = 0;
  bool is_abstract = *text == '@';
  while (*text) {
    int err = 0;
    if (len == sizeof(bytes))
      return -ENAMETOOLONG;
    if (is_abstract)
      err = read_name_byte(&text, &bytes[len++]);
    else
      bytes[len++] = *text++;
    if (err)
      return err;
  }
  if (is_abstract)
    bytes[0] = '\0';
  struct lb_unix_name name = lb_unix_name_of(bytes, len);
  if (name.len <= is_abstract)
    return -EINVAL;
  *out = name;
  return 0;
}

/* As URLs and servers write it: a word, then ":" or "@". */
static bool has_scheme(const char *text) {
  size_t word = strcspn(text, ":@/");
  if (word == 0 || text[word] == '\0' || text[word] == '/')
    return false;
  return text[word + 1] == '/' ||
         (word == 4 && (strncmp(text, "unix", word) == 0 ||
                        strncmp(text, "abns", word) == 0));
}

bool lb_unix_name_is_odd(const char *text) {
  size_t len = strlen(text);
  return len > 1 && (isspace((unsigned char)text[0]) ||
                     isspace((unsigned char)text[len - 1]) ||
                     strchr(",;/", text[len - 1]) || has_scheme(text));
}

void lb_unix_name_format(const struct lb_unix_name *name,
                         char text[static LB_UNIX_NAME_TEXT_SIZE]) {
  size_t len = 0;
  for (size_t i = 0; i < name->len; i++) {
    unsigned char c = (unsigned char)name->bytes[i];
    if (i == 0 && c == '\0')
      text[len++] = '@';
    else if (c > ' ' && c < 0x7f)
      text[len++] = (char)c;
    else
      len += (size_t)snprintf(text + len, LB_UNIX_NAME_TEXT_SIZE - len,
                              "\\x%02x", c);
  }
  text[len] = '\0';
}

int lb_unix_name_compare(const struct lb_unix_name *a,
                         const struct lb_unix_name *b) {
  return a->len == b->len ? memcmp(a->bytes, b->bytes, a->len)
                          : (int)a->len - (int)b->len;
}
