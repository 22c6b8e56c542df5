/* SPDX-License-Identifier: MIT */
/* What the unit tests share. */
#ifndef LB_UNIT_H
#define LB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <liboconfig/oconfig.h>
#include <linux/capability.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

#include "answers.h"
#include "proc.h"
#include "say.h"
#include "servers.h"

/* --- configurations ------------------------------------------------------ */

/* collectd's syntax, as far as the tests need it: a block or an option a line;
 * values in quotes, numbers (whatever strtod() takes), booleans, bare words.
 * The item returned is the block around it all, to be freed by free_config().
 */
static inline const char *read_value(const char *at, oconfig_value_t *value) {
  size_t len = *at == '"' ? strcspn(at + 1, "\"") : strcspn(at, " >\n");
  char *word = strndup(*at == '"' ? at + 1 : at, len), *end;
  assert_non_null(word);
  *value = (oconfig_value_t){.type = OCONFIG_TYPE_STRING};
  value->value.string = word;
  if (*at == '"')
    return at + len + 2;
  double number = strtod(word, &end);
  bool yes = strcmp(word, "true") == 0;
  if (*end == '\0') {
    value->type = OCONFIG_TYPE_NUMBER;
    value->value.number = number;
  } else if (yes || strcmp(word, "false") == 0) {
    value->type = OCONFIG_TYPE_BOOLEAN;
    value->value.boolean = yes;
  } else {
    return at + len;
  }
  free(word);
  return at + len;
}

static inline void *add_to(void *array, int *len, size_t size) {
  void *grown = reallocarray(array, (size_t)*len + 1, size);
  assert_non_null(grown);
  memset((char *)grown + (size_t)*len * size, 0, size);
  ++*len;
  return grown;
}

static inline const char *read_items(const char *at, oconfig_item_t *block) {
  for (;;) {
    at += strspn(at, " \n");
    if (strncmp(at, "</", 2) == 0)
      return at + strcspn(at, "\n");
    if (*at == '\0')
      return at;
    bool is_block = *at == '<';
    at += is_block;
    block->children =
        add_to(block->children, &block->children_num, sizeof(*block->children));
    oconfig_item_t *item = &block->children[block->children_num - 1];
    size_t len = strcspn(at, " >\n");
    item->key = strndup(at, len);
    at += len;
    while (*(at += strspn(at, " ")) && !strchr(">\n", *at)) {
      item->values =
          add_to(item->values, &item->values_num, sizeof(*item->values));
      at = read_value(at, &item->values[item->values_num - 1]);
    }
    if (is_block)
      at = read_items(at + 1, item);
  }
}

static inline oconfig_item_t read_config(const char *text) {
  oconfig_item_t root = {0};
  root.key = strdup("Plugin");
  read_items(text, &root);
  return root;
}

static inline void free_config(oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++)
    if (item->values[i].type == OCONFIG_TYPE_STRING)
      free(item->values[i].value.string);
  for (int i = 0; i < item->children_num; i++)
    free_config(&item->children[i]);
  free(item->key);
  free(item->values);
  free(item->children);
}

#endif
