/* SPDX-License-Identifier: MIT */
/* Arrays that grow. */
#ifndef LB_BASE_ARRAY_H
#define LB_BASE_ARRAY_H

#include <stddef.h>

/* Appends n items of size bytes to an array of *len items. array is the address
 * of the pointer to it. The capacity follows from *len, so that only this
 * function may grow the array. Returns 0, or -ENOMEM and changes nothing. */
int lb_append(void *array, size_t *len, const void *items, size_t n,
              size_t size);

/* Makes room for one more item in an array of len items that has room for *cap.
 * For arrays that are filled anew in every sample and keep their memory.
 * Returns 0, or -ENOMEM and changes nothing. */
int lb_reserve(void *array, size_t len, size_t *cap, size_t size);

#endif
