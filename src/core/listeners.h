/* SPDX-License-Identifier: MIT */
/* Listeners: what is reported under one label. A listener is either selected by
 * the configuration, or found: one for each port or UNIX name that has a
 * listening socket. */
#ifndef LB_CORE_LISTENERS_H
#define LB_CORE_LISTENERS_H

#include "base/label.h"
#include "base/label_registry.h"
#include "base/unix_names.h"
#include "core/listener.h"
#include "core/parts.h"
#include "core/settings.h"
#include "core/socket_table.h"
#include "kernel/sock.h"

enum { LB_SOURCE_SIZE = LB_SELECTION_TEXT_SIZE + 16 };

/* Something that has no label. */
struct lb_conflict {
  int err; /* -EEXIST: the label is used; -ENAMETOOLONG: it does not fit;
              -ESTALE: a UNIX socket is not the file at its path */
  uint32_t which;
  char label[LB_LABEL_SIZE];
  char source[LB_SOURCE_SIZE]; /* in words, like "port 80" */
};

struct lb_listeners;

/* Borrows all arguments for its life. Returns 0, and the caller owns *out, or
 * -ENOMEM. */
int lb_listeners_new(const struct lb_settings *settings,
                     const struct lb_netns_ref *netns,
                     struct lb_label_registry *labels,
                     struct lb_unix_names *unix_names,
                     struct lb_listeners **out);
void lb_listeners_free(struct lb_listeners *listeners);

/* Whether some listener may have UNIX sockets. */
bool lb_listeners_want_unix(const struct lb_listeners *listeners);

/* Resets the interval and the inspection of every listener. */
void lb_listeners_begin_interval(struct lb_listeners *listeners);

/* Begins a sample: no listener has sockets. known: the parts that the kernel
 * was asked for and answered. The sample says nothing about listeners that may
 * have sockets of other parts. */
void lb_listeners_begin_sample(struct lb_listeners *listeners, unsigned known);

/* Finds the patterns that match the name of a UNIX socket. Before the functions
 * below, for sockets that are new in the socket table. Returns 0 or -ENOMEM. */
int lb_listeners_match(struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock);

/* Finds out which container a new socket belongs to; if sock->asked is not 0
 * then, it takes another call in a later sample. Returns 0 or -ENOMEM. */
int lb_listeners_find_owner(struct lb_listeners *listeners,
                            struct lb_listen_sock *sock);

/* The container with a number. */
const struct lb_container *
lb_listeners_owner(const struct lb_listeners *listeners, uint32_t number);

/* Adds a listener for a socket that no selection wants, if ListeningPorts or
 * ListeningPaths is true or a pattern matches. For sockets that are new in the
 * socket table. Returns 0 or -ENOMEM. */
int lb_listeners_discover(struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock);

/* Whether it matters if a UNIX socket is the file at its path: something may
 * want the socket, and it is of our own namespace. */
bool lb_listeners_check_file(const struct lb_listeners *listeners,
                             const struct lb_listen_sock *sock);

/* The socket is: its found listener gets the label before those that are not.
 * Returns 0 or -ENOMEM. */
int lb_listeners_own_file(struct lb_listeners *listeners,
                          const struct lb_listen_sock *sock);

/* The number of configured UNIX names: they have the first numbers. */
size_t lb_listeners_configured_names(const struct lb_listeners *listeners);

/* A socket is the file of a configured name, under whatever name it was bound:
 * it counts for the listeners of that name, in place of the socket that was the
 * file before. cookie 0: its file is a socket with this very name. Returns
 * whether that is new. */
bool lb_listeners_set_file(struct lb_listeners *listeners, uint32_t number,
                           uint64_t cookie);
/* After the last of some calls that returned true. */
void lb_listeners_link_files(struct lb_listeners *listeners,
                             struct lb_socket_table *table);

/* Forgets the UNIX names that neither the configuration nor a socket of the
 * table has, and their listeners. */
void lb_listeners_sweep_unix(struct lb_listeners *listeners,
                             struct lb_socket_table *table);

/* The listeners of a socket one after the other: several if selections overlap,
 * none if nothing wants it.
 *
 *   struct lb_visit visit = lb_listeners_visit(listeners, sock);
 *   for (struct lb_listener *l; (l = lb_listeners_next(&visit));) ...
 */
struct lb_visit {
  struct lb_listeners *listeners;
  const struct lb_listen_sock *sock;
  uint32_t node; /* the next one */
  uint32_t file; /* of the chain of a configured name whose file the socket is:
                    number + 1; 0: the chain of its own name */
  bool found;    /* a selection wants the socket, or it is ignored */
};

struct lb_visit lb_listeners_visit(struct lb_listeners *listeners,
                                   const struct lb_listen_sock *sock);
struct lb_listener *lb_listeners_next(struct lb_visit *visit);

/* Whether some listener that is reported has the socket. */
bool lb_listeners_want(struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock);

/* Adds a socket of the sample to its listeners. is_full: this is the first
 * sample of the interval in which it is full. */
void lb_listeners_add_socket(struct lb_listeners *listeners,
                             const struct lb_listen_sock *sock, bool is_full);

/* Replaces lb_listeners_begin_sample() and lb_listeners_add_socket() for a
 * sample that shows the same as the one before, in the same interval. */
void lb_listeners_repeat_sample(struct lb_listeners *listeners);

size_t lb_listeners_len(const struct lb_listeners *listeners);
struct lb_listener *lb_listeners_get(const struct lb_listeners *listeners,
                                     size_t i);

/* A listening socket as part of a listener. */
struct lb_socket_view {
  const char *label; /* of the listener */
  const struct lb_listen_sock *sock;
  const struct lb_unix_name *name; /* of a UNIX socket, else NULL */
};

/* See lb_collector_visit_sockets(). */
void lb_listeners_visit_sockets(
    struct lb_listeners *listeners, const struct lb_socket_table *table,
    void (*visit)(void *data, const struct lb_socket_view *view), void *data);

/* The first port of a listener, 0 if it has none. */
uint16_t lb_listeners_port(const struct lb_listeners *listeners, size_t i);

/* The label of a listener that has one, in two parts. */
struct lb_label_parts {
  const char *netns; /* the label of its namespace; "": our own */
  const char *name;  /* its label within that namespace */
};
struct lb_label_parts
lb_listeners_label_parts(const struct lb_listeners *listeners, size_t i);

/* The label of the namespace. NULL: it could have none. */
const char *lb_listeners_netns_label(const struct lb_listeners *listeners);

/* The label of the namespace has changed: claims all labels anew that have it
 * in front. Counters go on, without a base under the new label. Returns 0 or
 * -ENOMEM. */
int lb_listeners_rename(struct lb_listeners *listeners);

/* The namespace is gone, or there again. While it is gone, whatever claims one
 * of its labels gets it, and continues the counters. */
void lb_listeners_set_gone(struct lb_listeners *listeners, bool is_gone);

/* Tries again for everything that has no label. */
void lb_listeners_claim_again(struct lb_listeners *listeners);

/* The name of a UNIX socket. */
const struct lb_unix_name *
lb_listeners_unix_name(const struct lb_listeners *listeners,
                       const struct lb_listen_sock *sock);

/* Writes label and source of a UNIX socket of our own namespace. */
void lb_listeners_write_conflict(const struct lb_listeners *listeners,
                                 const struct lb_listen_sock *sock,
                                 struct lb_conflict *out);

/* A conflict with this err that has not been told yet: that of what has the
 * highest rank, and of these the oldest. Returns false if there is none. */
bool lb_listeners_next_conflict(struct lb_listeners *listeners, int err,
                                struct lb_conflict *out);
/* It is not the next one any more, unless it ends and comes back. */
void lb_listeners_told_conflict(struct lb_listeners *listeners,
                                const struct lb_conflict *conflict);

/* Whether the listener is reported. A found one without a socket is not, except
 * a port in the interval in which it is leaving; it keeps its counters until it
 * has a socket again. */
bool lb_listeners_reports(const struct lb_listeners *listeners,
                          const struct lb_listener *listener);

#endif
