/* SPDX-License-Identifier: MIT */
/* The source that asks the running kernel, in the namespace of the caller. */
#ifndef LB_LIVE_H
#define LB_LIVE_H

#include "source.h"

/* Sees everything that the source was answered, as it came. */
struct lb_witness {
  /* one datagram; or, without bytes, the outcome of one netlink dump, of which
   * a look may need several */
  void (*datagram)(void *data, const void *bytes, size_t len, int status);
  /* the outcome of listeners() */
  void (*listeners)(void *data, int status);
  /* a file; len is negative where it could not be read */
  void (*text)(void *data, enum lb_text text, const char *buf, ssize_t len);
  void *data;
};

/* proc is where procfs is mounted, "/proc" save in tests; witness may be NULL;
 * both must outlive the source. 0 or -ENOMEM; free with lb_live_free(). */
int lb_live_new(const char *proc, const struct lb_witness *witness,
                struct lb_source **out);
void lb_live_free(struct lb_source *source);

#endif
