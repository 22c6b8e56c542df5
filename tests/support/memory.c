// SPDX-License-Identifier: MIT
#include "memory.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *old);

struct memory memory;

static bool is_refused(size_t size) {
  memory.calls++;
  if (size > memory.largest)
    memory.largest = size;
  if (memory.fails == 0 || memory.fails-- > 1)
    return false;
  if (memory.lasts)
    memory.fails = 1;
  memory.refused++;
  return true;
}

static void *held(void *made) {
  memory.held += made != NULL;
  return made;
}

void *__wrap_malloc(size_t size) {
  return is_refused(size) ? NULL : held(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size) {
  return is_refused(n * size) ? NULL : held(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size) {
  if (is_refused(size))
    return NULL;
  void *grown = __real_realloc(old, size);
  return old ? grown : held(grown);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
  if (is_refused(n * size))
    return NULL;
  void *grown = __real_reallocarray(old, n, size);
  return old ? grown : held(grown);
}

char *__wrap_strdup(const char *text) {
  return is_refused(1) ? NULL : held(__real_strdup(text));
}

void __wrap_free(void *old) {
  memory.held -= old != NULL;
  __real_free(old);
}
