// SPDX-License-Identifier: MIT
#include "probe/json.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The length of a character of UTF-8, or 0 if it is none: too long, half of a
 * surrogate pair, or above U+10FFFF. */
static size_t utf8_len(const unsigned char *at) {
  static const struct {
    unsigned char first, last, low, high; /* of the first and second byte */
    size_t len;
  } forms[] = {
      {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
      {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
      {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
      {0xf4, 0xf4, 0x80, 0x8f, 4},
  };
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    if (at[0] < forms[i].first || at[0] > forms[i].last)
      continue;
    for (size_t n = 1; n < forms[i].len; n++) {
      unsigned char low = n == 1 ? forms[i].low : 0x80;
      unsigned char high = n == 1 ? forms[i].high : 0xbf;
      if (at[n] < low || at[n] > high)
        return 0;
    }
    return forms[i].len;
  }
  return 0;
}

void lb_json_string(const char *text) {
  const unsigned char *at = (const unsigned char *)text;
  putchar('"');
  while (*at) {
    size_t len = utf8_len(at);
    if (len == 0)
      fputs("\\ufffd", stdout);
    else if (*at == '"' || *at == '\\')
      printf("\\%c", *at);
    else if (*at < ' ' || *at == 0x7f)
      printf("\\u%04x", (unsigned)*at);
    else
      (void)fwrite(at, 1, len, stdout);
    at += len ? len : 1;
  }
  putchar('"');
}

void lb_json_name(const char *name, bool *is_first) {
  if (!*is_first)
    putchar(',');
  *is_first = false;
  lb_json_string(name);
  putchar(':');
}

void lb_json_number(const char *name, double number, bool *is_first) {
  if (isnan(number))
    return;
  lb_json_name(name, is_first);
  printf("%.17g", number);
}

void lb_json_text(const char *name, const char *text, bool *is_first) {
  lb_json_name(name, is_first);
  lb_json_string(text);
}
