/* SPDX-License-Identifier: MIT */
/* Arrays that grow: with the configuration and what is found, or from look to
 * look. */
#ifndef LB_BASE_ARRAY_H
#define LB_BASE_ARRAY_H

#include <stddef.h>

/* Appends n items of size bytes each to the array that the pointer at array
 * points to and that holds *len. Its memory is a power of two of items, so it
 * must have been grown by this function alone. 0 or -ENOMEM, nothing changed.
 */
int lb_append(void *array, size_t *len, const void *items, size_t n,
              size_t size);

/* Makes room for one item more in an array of len that has room for *cap, and
 * that is used again and again: its memory is never given back. 0 or -ENOMEM,
 * nothing changed. */
int lb_reserve(void *array, size_t len, size_t *cap, size_t size);

#endif
