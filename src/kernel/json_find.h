/* SPDX-License-Identifier: MIT */
/* Finds single values in JSON that another program wrote, without a copy of it.
 * Text that is cut off or is no JSON has no such value; what it has beside the
 * value is not checked. */
#ifndef LB_KERNEL_JSON_FIND_H
#define LB_KERNEL_JSON_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* The value of a member of an object, or NULL. Accepts NULL. */
const char *lb_json_member(const char *object, const char *key);

/* The first element of an array, and the one after an element, or NULL. Accept
 * NULL. */
const char *lb_json_first(const char *array);
const char *lb_json_next(const char *element);

/* Copies a string; \n and \u1234 become "_". Returns false if the value is NULL
 * or no string, or if it does not fit. */
bool lb_json_copy(const char *value, char *out, size_t size);

/* Whether the value is this string. Accepts NULL. */
bool lb_json_is(const char *value, const char *text);

#endif
