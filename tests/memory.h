/* SPDX-License-Identifier: MIT */
/* Allocations counted and refused. The linker sends every one of ours here
 * (--wrap=malloc,--wrap=calloc,--wrap=reallocarray); those that the C library
 * makes for itself it does not. */
#ifndef LB_MEMORY_H
#define LB_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

static struct {
  size_t calls;
  size_t largest; /* in bytes, of any call */
  size_t fails;   /* this call of those to come; 0: none */
} memory;

static bool is_refused(size_t size) {
  memory.calls++;
  if (size > memory.largest)
    memory.largest = size;
  return memory.fails && --memory.fails == 0;
}

void *__wrap_malloc(size_t size) {
  return is_refused(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  return is_refused(n * size) ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
  return is_refused(n * size) ? NULL : __real_reallocarray(old, n, size);
}

#endif
