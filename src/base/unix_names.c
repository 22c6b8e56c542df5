// SPDX-License-Identifier: MIT
/* A table of names by number, and chains of numbers by the hash of the name.
 * Each name is allocated at its own length: most have 20 or 30 bytes, and a
 * host of containers has thousands. What is free stands in a chain of its own,
 * the lowest number first, so that numbers stay small. */
#include "base/unix_names.h"

#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_HEADS = 64 }; /* a power of two */

struct entry {
  struct lb_unix_name *path; /* only as many bytes as it has; NULL: free */
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

struct lb_unix_name lb_unix_name_of(const char *sun_path, size_t len) {
  struct lb_unix_name path = {.len = 0};
  if (len > sizeof(path.bytes))
    len = sizeof(path.bytes);
  if (len == 0)
    return path;
  if (sun_path[0])
    len = strnlen(sun_path, len);
  else
    while (len > 1 && !sun_path[len - 1])
      len--;
  memcpy(path.bytes, sun_path, len);
  path.len = (uint8_t)len;
  return path;
}

static bool is_same(const struct lb_unix_name *a,
                    const struct lb_unix_name *b) {
  return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* FNV-1a */
static uint32_t *head_of(const struct lb_unix_names *paths,
                         const struct lb_unix_name *path) {
  uint32_t hash = 2166136261;
  for (size_t i = 0; i < path->len; i++)
    hash = (hash ^ (unsigned char)path->bytes[i]) * 16777619;
  return &paths->heads[hash & (paths->heads_len - 1)];
}

static void link_entry(struct lb_unix_names *paths, size_t number) {
  struct entry *entry = &paths->entries[number];
  uint32_t *head = head_of(paths, entry->path);
  entry->next = *head;
  *head = (uint32_t)number + 1;
}

static void unlink_entry(struct lb_unix_names *paths, size_t number) {
  struct entry *entry = &paths->entries[number];
  uint32_t *at = head_of(paths, entry->path);
  while (*at != number + 1)
    at = &paths->entries[*at - 1].next;
  *at = entry->next;
}

/* As many heads as names, so that chains stay short. */
static int grow_heads(struct lb_unix_names *paths) {
  size_t len = paths->heads_len ? paths->heads_len * 2 : FIRST_HEADS;
  uint32_t *heads = calloc(len, sizeof(*heads));
  if (!heads)
    return -ENOMEM;
  free(paths->heads);
  paths->heads = heads;
  paths->heads_len = len;
  for (size_t i = 0; i < paths->len; i++)
    if (paths->entries[i].path)
      link_entry(paths, i);
  return 0;
}

/* A new last entry, the first of those that are free. */
static int add_entry(struct lb_unix_names *paths) {
  struct entry entry = {.next = paths->free};
  int err = paths->len < paths->heads_len ? 0 : grow_heads(paths);
  if (!err)
    err = lb_append(&paths->entries, &paths->len, &entry, 1, sizeof(entry));
  if (!err)
    paths->free = (uint32_t)paths->len;
  return err;
}

int lb_unix_names_new(struct lb_unix_names **out) {
  struct lb_unix_names *paths = calloc(1, sizeof(*paths));
  int err = paths ? grow_heads(paths) : -ENOMEM;
  if (err) {
    lb_unix_names_free(paths);
    return err;
  }
  *out = paths;
  return 0;
}

void lb_unix_names_free(struct lb_unix_names *paths) {
  if (!paths)
    return;
  for (size_t i = 0; i < paths->len; i++)
    free(paths->entries[i].path);
  free(paths->entries);
  free(paths->heads);
  free(paths);
}

static struct lb_unix_name *copy_of(const struct lb_unix_name *path) {
  size_t size = offsetof(struct lb_unix_name, bytes) + path->len;
  void *copy = malloc(size);
  return copy ? memcpy(copy, path, size) : NULL;
}

static int add_path(struct lb_unix_names *paths,
                    const struct lb_unix_name *path, uint32_t *number) {
  int err = paths->free ? 0 : add_entry(paths);
  if (err)
    return err;
  struct entry *entry = &paths->entries[paths->free - 1];
  entry->path = copy_of(path);
  if (!entry->path)
    return -ENOMEM;
  *number = paths->free - 1;
  paths->free = entry->next;
  link_entry(paths, *number);
  return 0;
}

int lb_unix_names_intern(struct lb_unix_names *paths,
                         const struct lb_unix_name *path, uint32_t *number) {
  for (uint32_t at = *head_of(paths, path); at;
       at = paths->entries[at - 1].next) {
    if (is_same(paths->entries[at - 1].path, path)) {
      *number = at - 1;
      return 0;
    }
  }
  return add_path(paths, path, number);
}

const struct lb_unix_name *lb_unix_names_get(const struct lb_unix_names *paths,
                                             uint32_t number) {
  return paths->entries[number].path;
}

size_t lb_unix_names_end(const struct lb_unix_names *paths) {
  return paths->len;
}

void lb_unix_names_begin_sweep(struct lb_unix_names *paths) {
  for (size_t i = 0; i < paths->len; i++)
    paths->entries[i].is_kept = false;
}

void lb_unix_names_keep(struct lb_unix_names *paths, uint32_t number) {
  paths->entries[number].is_kept = true;
}

void lb_unix_names_end_sweep(struct lb_unix_names *paths,
                             void (*freed)(void *data, uint32_t number),
                             void *data) {
  for (size_t i = paths->len; i-- > 0;) {
    struct entry *entry = &paths->entries[i];
    if (!entry->path || entry->is_kept)
      continue;
    unlink_entry(paths, i);
    free(entry->path);
    *entry = (struct entry){.next = paths->free};
    paths->free = (uint32_t)i + 1;
    if (freed)
      freed(data, (uint32_t)i);
  }
}
