// SPDX-License-Identifier: MIT
#include "base/unix_pattern.h"

#include <errno.h>
#include <fnmatch.h>
#include <locale.h>
#include <string.h>

bool lb_unix_is_pattern(const char *text) {
  return strpbrk(text, "*?[") != NULL;
}

int lb_unix_pattern_parse(const char *text, struct lb_unix_pattern *out) {
  size_t len = strlen(text);
  if (len > LB_UNIX_NAME_SIZE)
    return -ENAMETOOLONG;
  if (len == 0 || strchr("*?[", text[0]))
    return -EINVAL;
  if (strstr(text, "\\x"))
    return -EILSEQ;
  memcpy(out->text, text, len + 1);
  out->len = (uint8_t)len;
  return 0;
}

/* As fnmatch(3) in the C locale, in which each byte is a character. In another
 * one, which a plugin like python can set, "?" is not a byte, and with an old
 * glibc nothing matches a name with bytes that are no characters. */
static bool matches_bytes(const char *pattern, const char *text, int flags) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  locale_t before = uselocale(c); /* changes nothing if c is 0 */
  bool result = fnmatch(pattern, text, flags) == 0;
  uselocale(before);
  if (c)
    freelocale(c);
  return result;
}

bool lb_unix_pattern_matches(const struct lb_unix_pattern *pattern,
                             const struct lb_unix_name *name) {
  bool is_abstract = pattern->text[0] == '@';
  char text[LB_UNIX_NAME_SIZE + 1];
  if (name->len == 0 || (name->bytes[0] == '\0') != is_abstract)
    return false;
  for (size_t i = 0; i < name->len; i++)
    text[i] = (char)(name->bytes[i] ? name->bytes[i] : '@');
  text[name->len] = '\0';
  return strcmp(pattern->text, text) == 0 ||
         matches_bytes(pattern->text, text,
                       is_abstract ? 0 : FNM_PATHNAME | FNM_PERIOD);
}
