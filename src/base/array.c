// SPDX-License-Identifier: MIT
#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 64 };

static size_t capacity(size_t len) {
  size_t cap = 1;
  while (cap < len)
    cap *= 2;
  return len ? cap : 0;
}

int lb_append(void *array, size_t *len, const void *items, size_t n,
              size_t size) {
  void *old;
  memcpy(&old, array, sizeof(old));
  if (n == 0)
    return 0;
  if (*len + n > capacity(*len)) {
    void *grown = reallocarray(old, capacity(*len + n), size);
    if (!grown)
      return -ENOMEM;
    memcpy(array, &grown, sizeof(grown));
    old = grown;
  }
  memcpy((char *)old + *len * size, items, n * size);
  *len += n;
  return 0;
}

int lb_reserve(void *array, size_t len, size_t *cap, size_t size) {
  if (len < *cap)
    return 0;
  size_t grown_cap = *cap ? *cap * 2 : FIRST;
  void *old;
  memcpy(&old, array, sizeof(old));
  void *grown = reallocarray(old, grown_cap, size);
  if (!grown)
    return -ENOMEM;
  memcpy(array, &grown, sizeof(grown));
  *cap = grown_cap;
  return 0;
}
