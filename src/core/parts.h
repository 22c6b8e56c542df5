/* SPDX-License-Identifier: MIT */
/* The parts of a sample: each takes a dump of its own, which the kernel may
 * lack and which may be too expensive for every sample. */
#ifndef LB_CORE_PARTS_H
#define LB_CORE_PARTS_H

#include <stdbool.h>

enum lb_part { LB_PART_TCP, LB_PART_UNIX, LB_PARTS };

enum { LB_NO_PARTS = 0, LB_ALL_PARTS = (1 << LB_PARTS) - 1 }; /* sets of them */

static inline unsigned lb_only(enum lb_part part) { return 1u << part; }

static inline bool lb_has_part(unsigned parts, enum lb_part part) {
  return parts & 1u << part;
}

#endif
