/* SPDX-License-Identifier: MIT */
/* The probe's lines on stderr. */
#ifndef LB_PROBE_ERROR_H
#define LB_PROBE_ERROR_H

#include "base/messages.h"

/* Prints a line after the program's name. */
__attribute__((format(printf, 1, 2))) void lb_probe_error(const char *format,
                                                          ...);

#endif
