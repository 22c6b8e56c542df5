// SPDX-License-Identifier: MIT
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_DEPTH = 8 };

static const char blanks[] = " \t\r";
static const char ends[] = " \t\r\n<>#\"";

static char *copy_word(const char *text, size_t len) {
  char *word = malloc(len + 1);
  if (!word)
    abort();
  memcpy(word, text, len);
  word[len] = '\0';
  return word;
}

static char *read_quoted(const char **at) {
  char *word = copy_word(*at + 1, strlen(*at + 1));
  size_t len = 0;
  for (++*at; **at && **at != '"'; ++*at) {
    if (**at == '\\' && (*at)[1])
      ++*at;
    word[len++] = **at;
  }
  *at += **at == '"';
  word[len] = '\0';
  return word;
}

static char *read_word(const char **at) {
  size_t len = strcspn(*at, ends);
  char *word = copy_word(*at, len ? len : 1);
  *at += len ? len : 1;
  return word;
}

static bool is_boolean(const char *word, int *boolean) {
  *boolean = !strcasecmp(word, "true") || !strcasecmp(word, "yes") ||
             !strcasecmp(word, "on");
  return *boolean || !strcasecmp(word, "false") || !strcasecmp(word, "no") ||
         !strcasecmp(word, "off");
}

static oconfig_value_t read_value(const char **at) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_STRING};
  bool is_quoted = **at == '"';
  char *word = is_quoted ? read_quoted(at) : read_word(at), *end;
  double number = strtod(word, &end);
  int boolean;
  value.value.string = word;
  if (is_quoted)
    return value;
  if (*end == '\0' && end > word) {
    value.type = OCONFIG_TYPE_NUMBER;
    value.value.number = number;
  } else if (is_boolean(word, &boolean)) {
    value.type = OCONFIG_TYPE_BOOLEAN;
    value.value.boolean = boolean;
  } else {
    return value;
  }
  free(word);
  return value;
}

static void *add_zeroed(void *array, int *len, size_t size) {
  char *grown = reallocarray(array, (size_t)*len + 1, size);
  if (!grown)
    abort();
  memset(grown + (size_t)*len * size, 0, size);
  ++*len;
  return grown;
}

static void read_values(const char **at, oconfig_item_t *item) {
  while (*(*at += strspn(*at, blanks)) && !strchr("\n>#", **at)) {
    if (**at == '<') {
      ++*at;
      continue;
    }
    item->values =
        add_zeroed(item->values, &item->values_num, sizeof(*item->values));
    item->values[item->values_num - 1] = read_value(at);
  }
}

/* Reads to the end of the block, or of the text. */
static void read_items(const char **at, oconfig_item_t *block, int depth) {
  for (;;) {
    *at += strspn(*at, " \t\r\n>");
    if (**at == '#') {
      *at += strcspn(*at, "\n");
      continue;
    }
    bool is_end = strncmp(*at, "</", 2) == 0;
    if (is_end)
      *at += strcspn(*at, "\n");
    if (**at == '\0' || (is_end && depth > 0))
      return;
    if (is_end)
      continue;
    bool is_block = **at == '<';
    *at += is_block;
    if (**at == '\0')
      return;
    block->children = add_zeroed(block->children, &block->children_num,
                                 sizeof(*block->children));
    oconfig_item_t *item = &block->children[block->children_num - 1];
    item->key = **at == '"' ? read_quoted(at) : read_word(at);
    read_values(at, item);
    if (is_block && depth < MOST_DEPTH)
      read_items(at, item, depth + 1);
  }
}

oconfig_item_t read_config(const char *text) {
  oconfig_item_t root = {.key = copy_word("Plugin", 6)};
  read_items(&text, &root, 0);
  return root;
}

void free_config(oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++)
    if (item->values[i].type == OCONFIG_TYPE_STRING)
      free(item->values[i].value.string);
  for (int i = 0; i < item->children_num; i++)
    free_config(&item->children[i]);
  free(item->key);
  free(item->values);
  free(item->children);
}
