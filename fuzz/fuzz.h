/* SPDX-License-Identifier: MIT */
/* What all fuzz targets use. Each is a program of its own: linked with
 * libFuzzer it gets the inputs that this makes up, linked with replay.c those
 * in files. */
#ifndef LB_FUZZ_H
#define LB_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What must hold for any input. */
#define CHECK(what)                                                            \
  do {                                                                         \
    if (!(what)) {                                                             \
      fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, \
              #what);                                                          \
      abort();                                                                 \
    }                                                                          \
  } while (0)

/* 0, or -errno in the range of the kernel. */
static inline bool is_status(int status) {
  return status <= 0 && status >= -4095;
}

/* --- the input: taken from its front, zeros once it is used up ----------- */

struct input {
  const uint8_t *at;
  size_t left;
};

static inline struct input take(struct input *input, size_t len) {
  if (len > input->left)
    len = input->left;
  struct input front = {input->at, len};
  input->at += len;
  input->left -= len;
  return front;
}

/* A number of so many bytes, the lowest first. */
static inline uint32_t take_number(struct input *input, size_t len) {
  struct input front = take(input, len);
  uint32_t number = 0;
  for (size_t i = 0; i < front.left; i++)
    number |= (uint32_t)front.at[i] << 8 * i;
  return number;
}

/* A copy in memory that ends where the copy does, so that an overrun is seen.
 * zero: it gets a NUL at its end. */
static inline void *copy_of(struct input input, bool zero) {
  size_t size = input.left + zero;
  char *copy = malloc(size ? size : 1);
  CHECK(copy);
  if (input.left)
    memcpy(copy, input.at, input.left);
  if (zero)
    copy[input.left] = '\0';
  return copy;
}

#endif
