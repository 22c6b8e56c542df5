/* SPDX-License-Identifier: MIT */
/* JSON on stdout. */
#ifndef LB_PROBE_JSON_H
#define LB_PROBE_JSON_H

#include <stdbool.h>

/* Prints a string with its quotes. A byte that is no part of valid UTF-8
 * becomes U+FFFD. */
void lb_json_string(const char *text);

/* Prints ,"NAME":VALUE, or nothing if the number is NAN. The comma is left out
 * if *is_first, which becomes false. */
void lb_json_number(const char *name, double number, bool *is_first);

/* Prints ,"NAME":"TEXT". */
void lb_json_text(const char *name, const char *text, bool *is_first);

/* Prints the comma and the name of a value that follows. */
void lb_json_name(const char *name, bool *is_first);

#endif
