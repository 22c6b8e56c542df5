/* SPDX-License-Identifier: MIT */
/* Sockets to listeners: what users selected, or one per port or path. */
#ifndef LB_CORE_LISTENERS_H
#define LB_CORE_LISTENERS_H

#include "base/label.h"
#include "base/label_registry.h"
#include "base/unix_names.h"
#include "core/readings.h"
#include "core/settings.h"
#include "kernel/listen_sock.h"

/* What an inspection of the waiting connections found. */
struct lb_inspected {
  uint64_t queue;     /* of its TCP sockets, as far as it stood all the while */
  uint64_t visible;   /* connections that wait and that the kernel shows */
  uint64_t abandoned; /* clients that have closed or reset */
  uint64_t syn;       /* half-open connections */
  uint32_t wait_ms;   /* of the longest-waiting one that is visible */
  bool done;          /* else all of this is unknown */
  bool lacks_abandoned; /* of some UNIX socket the kernel cannot tell */
};

struct lb_listener {
  const char *label; /* NULL: somebody else has it; counted, not reported */
  const struct lb_selection *selection; /* NULL: found */
  uint32_t node;                        /* of a found one: its only one */
  uint32_t next_spare;                  /* see lb_listeners_forget_unix() */
  bool has_ports;
  bool has_unix;

  /* this sample, sums over its sockets */
  uint64_t queue;
  uint64_t limit;
  uint32_t sockets;
  uint32_t tcp_sockets;

  /* this interval */
  uint64_t peak;
  uint32_t samples; /* in which it had a socket */
  uint32_t busy;    /* of these, in which somebody waited */
  uint32_t full;    /* sockets */
  double fill;      /* percent of the fullest, 0 to 100 */
  struct lb_inspected inspected;

  uint32_t at_somaxconn; /* hints: limit equals somaxconn, first said now */
  uint32_t
      somaxconn_raised; /* hints: somaxconn has been raised above it since */

  /* since the first sample */
  uint64_t drops;
  uint64_t overflows;
};

/* Sources that are left out because they could have no label of their own,
 * since this was last reset: the first, and how many. */
struct lb_conflict {
  unsigned count;
  int err; /* -EEXIST: somebody has it; -ENAMETOOLONG: it would be cut off */
  char label[LB_LABEL_SIZE];
  char source[LB_UNIX_NAME_SIZE + 40]; /* in words */
};

struct lb_listeners;

/* Borrows all of it for its life. 0 or -ENOMEM; the caller owns *out. */
int lb_listeners_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels,
                     struct lb_unix_names *unix_names,
                     struct lb_listeners **out);
void lb_listeners_free(struct lb_listeners *listeners);

/* Whether UNIX sockets matter to any listener. */
bool lb_listeners_want_unix(const struct lb_listeners *listeners);

/* Starts an interval. */
void lb_listeners_begin_interval(struct lb_listeners *listeners);

/* Starts a sample: every listener has no sockets. Where UNIX sockets could not
 * be asked for, listeners that may have some stay out of it. */
void lb_listeners_begin_sample(struct lb_listeners *listeners, bool knows_unix);

/* Makes the listener of a port or path that nobody selected, where
 * ListeningPorts or ListeningPaths wants it. 0 or -ENOMEM. To be called once
 * for each new socket. */
int lb_listeners_discover(struct lb_listeners *listeners,
                          const struct lb_listen_sock *row);

/* Forgets the found listener of a path whose number goes to another. */
void lb_listeners_forget_unix(struct lb_listeners *listeners, uint32_t path);

/* Says to the paths which numbers the listeners itself needs. */
void lb_listeners_keep_unix_names(const struct lb_listeners *listeners);

/* The listeners that a socket counts for, one after another: more than one
 * where selections overlap, none where nobody wants it.
 *
 *   struct lb_visit visit = lb_listeners_visit(listeners, row);
 *   for (struct lb_listener *l; (l = lb_listeners_next(&visit));) ...
 */
struct lb_visit {
  struct lb_listeners *listeners;
  const struct lb_listen_sock *row;
  uint32_t node;
  bool found;
};

struct lb_visit lb_listeners_visit(struct lb_listeners *listeners,
                                   const struct lb_listen_sock *row);
struct lb_listener *lb_listeners_next(struct lb_visit *visit);

/* Whether it counts for any listener that is reported. */
bool lb_listeners_want(struct lb_listeners *listeners,
                       const struct lb_listen_sock *row);

/* Adds a socket to all listeners that it counts for. is_full: it is the first
 * time in the interval that it was seen full. */
void lb_listeners_add_socket(struct lb_listeners *listeners,
                             const struct lb_listen_sock *row, bool is_full);

/* In place of lb_listeners_begin_sample() and lb_listeners_add_socket(): a
 * sample that showed the same as the one before, in the same interval. */
void lb_listeners_repeat_sample(struct lb_listeners *listeners);

size_t lb_listeners_len(const struct lb_listeners *listeners);
struct lb_listener *lb_listeners_get(const struct lb_listeners *listeners,
                                     size_t i);

/* Notes that a source is left out; see above. */
void lb_listeners_note_conflict(struct lb_listeners *listeners, int err,
                                const char *label, const char *source);

/* What could not be labelled, for the caller to read and to reset. */
struct lb_conflict *lb_listeners_conflict(struct lb_listeners *listeners);

/* Whether there is anything to say: a found port that nobody listens on any
 * more keeps its counters, for it may come back, but is not reported. */
bool lb_listeners_reports(const struct lb_listeners *listeners,
                          const struct lb_listener *listener);

/* The listener's readings; counters only where they were brought up to date. */
struct lb_values lb_listener_values(const struct lb_listener *listener,
                                    bool counters);

#endif
