/* SPDX-License-Identifier: MIT */
/* For make lint, ahead of each test: cmocka's assertions in a form in which an
 * analyzer sees that the test ends where one fails. Never compiled to be run.
 */
#ifndef LB_LINT_H
#define LB_LINT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef assert_true
#undef assert_false
#undef assert_null
#undef assert_non_null
#undef assert_int_equal
#undef assert_int_not_equal
#undef assert_in_range
#undef assert_ptr_equal
#undef assert_string_equal
#undef fail_msg

#define assert_true(c) ((c) ? (void)0 : abort())
#define assert_false(c) assert_true(!(c))
#define assert_null(p) assert_true(!(p))
#define assert_non_null(p) assert_true(p)
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_int_not_equal(a, b) assert_true((a) != (b))
#define assert_in_range(a, low, high) assert_true((a) >= (low) && (a) <= (high))
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define fail_msg(...) (printf(__VA_ARGS__), abort())

#endif
