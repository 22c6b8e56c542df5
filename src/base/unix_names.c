// SPDX-License-Identifier: MIT
/* A table of names by number, and chains of numbers by the hash of the name.
 * Each name is allocated with its own length: most have 20 to 30 bytes, and a
 * host with containers has thousands. Free numbers are chained, the lowest
 * first, so that numbers stay small. */
#include "base/unix_names.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_HEADS = 64 }; /* a power of two */

struct entry {
  struct lb_unix_name *name; /* allocated up to its len; NULL: free */
  uint32_t next;             /* in its chain: number + 1; 0: last */
  bool is_kept;              /* in this sweep */
};

struct lb_unix_names {
  struct entry *entries;
  size_t len;
  uint32_t *heads; /* by hash: number + 1; 0: none */
  size_t heads_len;
  uint32_t free; /* number + 1; 0: none */
};

static bool is_same_name(const struct lb_unix_name *a,
                         const struct lb_unix_name *b) {
  return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* FNV-1a */
static uint32_t *name_head(const struct lb_unix_names *names,
                           const struct lb_unix_name *name) {
  uint32_t hash = 2166136261;
  for (size_t i = 0; i < name->len; i++)
    hash = (hash ^ (unsigned char)name->bytes[i]) * 16777619;
  return &names->heads[hash & (names->heads_len - 1)];
}

static void link_name(struct lb_unix_names *names, size_t number) {
  struct entry *entry = &names->entries[number];
  uint32_t *head = name_head(names, entry->name);
  entry->next = *head;
  *head = (uint32_t)number + 1;
}

static void unlink_name(struct lb_unix_names *names, size_t number) {
  struct entry *entry = &names->entries[number];
  uint32_t *at = name_head(names, entry->name);
  while (*at != number + 1)
    at = &names->entries[*at - 1].next;
  *at = entry->next;
}

/* There are at least as many heads as names: the chains stay short. */
static int grow_name_heads(struct lb_unix_names *names) {
  size_t len = names->heads_len ? names->heads_len * 2 : FIRST_HEADS;
  uint32_t *heads = calloc(len, sizeof(*heads));
  if (!heads)
    return -ENOMEM;
  free(names->heads);
  names->heads = heads;
  names->heads_len = len;
  for (size_t i = 0; i < names->len; i++)
    if (names->entries[i].name)
      link_name(names, i);
  return 0;
}

/* Called when no number is free: appends one. */
static int add_number(struct lb_unix_names *names) {
  struct entry entry = {.next = names->free};
  int err = names->len < names->heads_len ? 0 : grow_name_heads(names);
  if (!err)
    err = lb_append(&names->entries, &names->len, &entry, 1, sizeof(entry));
  if (!err)
    names->free = (uint32_t)names->len;
  return err;
}

int lb_unix_names_new(struct lb_unix_names **out) {
  struct lb_unix_names *names = calloc(1, sizeof(*names));
  int err = names ? grow_name_heads(names) : -ENOMEM;
  if (err) {
    lb_unix_names_free(names);
    return err;
  }
  *out = names;
  return 0;
}

void lb_unix_names_free(struct lb_unix_names *names) {
  if (!names)
    return;
  for (size_t i = 0; i < names->len; i++)
    free(names->entries[i].name);
  free(names->entries);
  free(names->heads);
  free(names);
}

static struct lb_unix_name *copy_name(const struct lb_unix_name *name) {
  size_t size = offsetof(struct lb_unix_name, bytes) + name->len;
  void *copy = malloc(size);
  return copy ? memcpy(copy, name, size) : NULL;
}

static int store_name(struct lb_unix_names *names,
                      const struct lb_unix_name *name, uint32_t *number) {
  int err = names->free ? 0 : add_number(names);
  if (err)
    return err;
  struct entry *entry = &names->entries[names->free - 1];
  entry->name = copy_name(name);
  if (!entry->name)
    return -ENOMEM;
  *number = names->free - 1;
  names->free = entry->next;
  link_name(names, *number);
  return 0;
}

int lb_unix_names_intern(struct lb_unix_names *names,
                         const struct lb_unix_name *name, uint32_t *number) {
  for (uint32_t at = *name_head(names, name); at;
       at = names->entries[at - 1].next) {
    if (is_same_name(names->entries[at - 1].name, name)) {
      *number = at - 1;
      return 0;
    }
  }
  return store_name(names, name, number);
}

const struct lb_unix_name *lb_unix_names_get(const struct lb_unix_names *names,
                                             uint32_t number) {
  return names->entries[number].name;
}

size_t lb_unix_names_end(const struct lb_unix_names *names) {
  return names->len;
}

void lb_unix_names_begin_sweep(struct lb_unix_names *names) {
  for (size_t i = 0; i < names->len; i++)
    names->entries[i].is_kept = false;
}

void lb_unix_names_keep(struct lb_unix_names *names, uint32_t number) {
  names->entries[number].is_kept = true;
}

void lb_unix_names_end_sweep(struct lb_unix_names *names,
                             void (*freed)(void *data, uint32_t number),
                             void *data) {
  for (size_t i = names->len; i-- > 0;) {
    struct entry *entry = &names->entries[i];
    if (!entry->name || entry->is_kept)
      continue;
    unlink_name(names, i);
    free(entry->name);
    *entry = (struct entry){.next = names->free};
    names->free = (uint32_t)i + 1;
    if (freed)
      freed(data, (uint32_t)i);
  }
}
