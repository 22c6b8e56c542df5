/* SPDX-License-Identifier: MIT */
/* The source that asks the running kernel, in one network namespace. */
#ifndef LB_KERNEL_LIVE_H
#define LB_KERNEL_LIVE_H

#include "kernel/netns.h"
#include "kernel/source.h"

/* What was asked for. */
enum lb_channel {
  LB_CHANNEL_LISTENERS,
  LB_CHANNEL_PATHS,
  LB_CHANNEL_WAITING,
  LB_CHANNEL_PENDING,
  LB_CHANNELS
};

/* Sees everything that the source was answered, as it came. */
struct lb_witness {
  /* one datagram; or, without bytes, the outcome of one netlink dump, of which
   * an answer may need several */
  void (*datagram)(void *data, enum lb_channel channel, const void *bytes,
                   size_t len, int status);
  /* the outcome of listeners(), paths(), waiting() or pending(), and what the
   * latter two cost */
  void (*answer)(void *data, enum lb_channel channel, int status,
                 uint64_t cost_ns);
  /* a file; len is negative where it could not be read */
  void (*text)(void *data, enum lb_text text, const char *buf, ssize_t len);
  void *data;
};

struct lb_live_options {
  const char *proc; /* where procfs is mounted, "/proc" save in tests */
  const struct lb_witness *witness; /* or NULL; not for two threads at once */
  const char *netns;     /* path of a namespace; NULL: the caller's */
  struct lb_netns_id id; /* the one that is meant; nothing else is looked at */
};

/* What options points to is borrowed for the life of the source. 0 or -ENOMEM;
 * free with lb_live_free(). Of another namespace every function answers -ESTALE
 * or -ENOENT once that is gone from its path, and then closes its socket, which
 * would keep it alive: waiting() and pending() share one, the others another.
 */
int lb_live_new(const struct lb_live_options *options, struct lb_source **out);
void lb_live_free(struct lb_source *source);

/* Closes its sockets until it is asked again, so that it keeps no namespace
 * alive meanwhile. Not beside a function of the source. */
void lb_live_rest(struct lb_source *source);

#endif
