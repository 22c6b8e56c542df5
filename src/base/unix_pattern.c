// SPDX-License-Identifier: MIT
/* Not fnmatch(3): a name can have any bytes, also those that the locale does
 * not know, and users choose it. Only the last "*" is ever tried again: an
 * earlier one of the same directory could not do better, and one of another
 * directory ends at its "/". */
#include "base/unix_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

bool lb_unix_is_pattern(const char *text) {
  return strpbrk(text, "*?[") != NULL;
}

int lb_unix_pattern_parse(const char *text, struct lb_unix_pattern *out) {
  size_t len = strlen(text);
  if (len > sizeof(out->text))
    return -ENAMETOOLONG;
  if (len == 0 || strchr("*?[", text[0]))
    return -EINVAL;
  out->len = (uint8_t)len;
  memcpy(out->text, text, len);
  return 0;
}

/* What is left of a pattern. */
struct rest {
  const char *at;
  const char *end;
};

static bool begins_with(const struct rest *rest, const char *text) {
  size_t len = strlen(text);
  return (size_t)(rest->end - rest->at) >= len &&
         memcmp(rest->at, text, len) == 0;
}

static unsigned hex_digit(char c) {
  return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* A byte, perhaps with a backslash in front. */
static unsigned char read_byte(struct rest *rest) {
  size_t left = (size_t)(rest->end - rest->at);
  const char *at = rest->at;
  if (left >= 4 && at[0] == '\\' && at[1] == 'x' &&
      isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3])) {
    rest->at += 4;
    return (unsigned char)(hex_digit(at[2]) << 4 | hex_digit(at[3]));
  }
  if (left >= 2 && *at == '\\')
    rest->at++;
  return (unsigned char)*rest->at++;
}

/* --- [...] --------------------------------------------------------------- */

static const struct {
  const char *name;
  int (*has)(int c);
} classes[] = {
    {"[:alnum:]", isalnum}, {"[:alpha:]", isalpha},   {"[:digit:]", isdigit},
    {"[:lower:]", islower}, {"[:punct:]", ispunct},   {"[:upper:]", isupper},
    {"[:space:]", isspace}, {"[:xdigit:]", isxdigit},
};

/* Returns whether there is a class here, and skips it. */
static bool read_class(struct rest *rest, unsigned char c, bool *has) {
  for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
    if (begins_with(rest, classes[i].name)) {
      rest->at += strlen(classes[i].name);
      *has |= c < 0x80 && classes[i].has(c);
      return true;
    }
  return false;
}

static void read_range(struct rest *rest, unsigned char c, bool *has) {
  unsigned char first = read_byte(rest), last = first;
  if (rest->end - rest->at >= 2 && rest->at[0] == '-' && rest->at[1] != ']') {
    rest->at++;
    last = read_byte(rest);
  }
  *has |= first <= c && c <= last;
}

/* Returns false, and changes nothing, if no "]" ends it. */
static bool read_bracket(struct rest *rest, unsigned char c, bool *has) {
  struct rest in = {rest->at + 1, rest->end};
  bool is_negated = begins_with(&in, "!") || begins_with(&in, "^");
  bool has_c = false;
  in.at += is_negated;
  for (bool is_first = true; is_first || !begins_with(&in, "]");
       is_first = false) {
    if (in.at == in.end)
      return false;
    if (!read_class(&in, c, &has_c))
      read_range(&in, c, &has_c);
  }
  rest->at = in.at + 1;
  *has = has_c != is_negated;
  return true;
}

/* --- a whole name -------------------------------------------------------- */

struct subject {
  const char *begin;
  const char *end;
  bool is_path; /* else "/" and "." are bytes like others */
};

static bool is_hidden(const struct subject *subject, const char *at) {
  return subject->is_path && at < subject->end && *at == '.' &&
         (at == subject->begin || at[-1] == '/');
}

/* Matches the byte at a place and skips what matches it. */
static bool match_one(const struct subject *subject, struct rest *rest,
                      const char *at) {
  bool is_special = is_hidden(subject, at) || (subject->is_path && *at == '/');
  bool has = true;
  if (*rest->at == '?') {
    rest->at++;
    return !is_special;
  }
  if (*rest->at == '[' && read_bracket(rest, (unsigned char)*at, &has))
    return has && !is_special;
  return *rest->at != '*' && read_byte(rest) == (unsigned char)*at;
}

static bool match_all(const struct subject *subject, struct rest rest) {
  struct rest star = {NULL, rest.end};
  const char *at = subject->begin, *again = NULL;
  while (at < subject->end || rest.at < rest.end) {
    struct rest next = rest;
    if (rest.at < rest.end && *rest.at == '*' && !is_hidden(subject, at)) {
      star.at = ++rest.at;
      again = at;
    } else if (at < subject->end && rest.at < rest.end &&
               match_one(subject, &next, at)) {
      rest = next;
      at++;
    } else {
      if (!star.at || again == subject->end ||
          (subject->is_path && *again == '/'))
        return false;
      rest = star;
      at = ++again;
    }
  }
  return true;
}

bool lb_unix_pattern_matches(const struct lb_unix_pattern *pattern,
                             const struct lb_unix_name *name) {
  int is_abstract = pattern->text[0] == '@';
  const struct subject subject = {name->bytes + is_abstract,
                                  name->bytes + name->len, !is_abstract};
  const struct rest rest = {pattern->text + is_abstract,
                            pattern->text + pattern->len};
  if (name->len == 0 || (name->bytes[0] == '\0') != is_abstract)
    return false;
  return match_all(&subject, rest) ||
         (pattern->len == name->len &&
          memcmp(subject.begin, rest.at, (size_t)(rest.end - rest.at)) == 0);
}
