// SPDX-License-Identifier: MIT
#include "kernel/json_find.h"

#include <string.h>

enum { MOST_BYTES = 512 }; /* of a string that lb_json_is() compares */

static const char *skip_space(const char *at) {
  return at + strspn(at, " \t\r\n");
}

static const char *after_string(const char *quote) {
  const char *at = quote + 1;
  for (; *at && *at != '"'; at++)
    if (*at == '\\' && at[1])
      at++;
  return *at ? at + 1 : NULL;
}

static const char *after_scalar(const char *at) {
  return at + strcspn(at, ",:[]{}\" \t\r\n");
}

/* What follows a value. */
static const char *after_value(const char *at) {
  unsigned depth = 0;
  do {
    at = skip_space(at);
    if (*at == '\0')
      return NULL;
    if (*at == '"')
      at = after_string(at);
    else if (*at == '{' || *at == '[')
      depth++, at++;
    else if (depth && (*at == '}' || *at == ']'))
      depth--, at++;
    else if (depth && (*at == ',' || *at == ':'))
      at++;
    else
      at = after_scalar(at);
  } while (at && depth);
  return at ? skip_space(at) : NULL;
}

static const char *enter(const char *value, char bracket) {
  if (!value)
    return NULL;
  value = skip_space(value);
  return *value == bracket ? skip_space(value + 1) : NULL;
}

static const char *after_colon(const char *key) {
  const char *at = after_string(key);
  if (!at)
    return NULL;
  at = skip_space(at);
  return *at == ':' ? skip_space(at + 1) : NULL;
}

const char *lb_json_member(const char *object, const char *key) {
  for (const char *at = enter(object, '{'); at && *at == '"';) {
    const char *value = after_colon(at);
    if (!value || lb_json_is(at, key))
      return value;
    at = lb_json_next(value);
  }
  return NULL;
}

const char *lb_json_first(const char *array) {
  const char *first = enter(array, '[');
  return first && *first != ']' ? first : NULL;
}

const char *lb_json_next(const char *element) {
  const char *end = element ? after_value(element) : NULL;
  return end && *end == ',' ? skip_space(end + 1) : NULL;
}

static char unescape(const char **at) {
  char c = *++*at;
  if (strchr("\"\\/", c))
    return c;
  for (int i = 0; c == 'u' && i < 4 && (*at)[1] && (*at)[1] != '"'; i++)
    ++*at;
  return '_';
}

bool lb_json_copy(const char *value, char *out, size_t size) {
  if (!value || *value != '"' || !after_string(value))
    return false;
  size_t len = 0;
  for (const char *at = value + 1; *at != '"'; at++) {
    if (len + 1 >= size)
      return false;
    char c = *at;
    if (c == '\\')
      c = unescape(&at);
    out[len++] = c;
  }
  out[len] = '\0';
  return true;
}

bool lb_json_is(const char *value, const char *text) {
  char buf[MOST_BYTES];
  return lb_json_copy(value, buf, sizeof(buf)) && strcmp(buf, text) == 0;
}
