/* SPDX-License-Identifier: MIT */
/* What a program of the bench has used: CPU time and calls for memory. */
#ifndef LB_BENCH_H
#define LB_BENCH_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>

struct used {
  double cpu_us; /* user + system */
  size_t allocations;
};

static size_t allocations;

/* A program's own malloc() takes the place of the C library's, also in the C
 * library and in libmnl. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  allocations++;
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  allocations++;
  return __libc_realloc(old, size);
}

static struct used used(void) {
  struct rusage now;
  getrusage(RUSAGE_SELF, &now);
  return (struct used){
      (double)(now.ru_utime.tv_sec + now.ru_stime.tv_sec) * 1e6 +
          (double)(now.ru_utime.tv_usec + now.ru_stime.tv_usec),
      allocations};
}

#endif
