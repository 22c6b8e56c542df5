/* SPDX-License-Identifier: MIT */
/* What listeners.c, listener_chains.c and listener_labels.c share. */
#ifndef LB_CORE_LISTENERS_INTERNAL_H
#define LB_CORE_LISTENERS_INTERNAL_H

#include "core/listeners.h"

/* Why something has no label. */
struct lb_claim {
  int err;         /* 0: it has one; -EEXIST or -ENAMETOOLONG */
  bool is_told;    /* err is: see lb_listeners_told_conflict() */
  uint32_t number; /* of the conflict, in the order of time */
};

struct lb_listener_entry {
  struct lb_listener listener; /* without ports and UNIX names: unused */
  struct lb_claim claim;
  uint32_t source; /* of a found listener: port or number of UNIX name */
  uint32_t owner;  /* of a found listener: that of its sockets */
  bool is_file;    /* of a found listener: a socket is the file of its name */
  bool is_matched; /* of a found listener: a pattern outside of blocks has it */
  uint32_t next_free; /* of an unused entry: index + 1 of the next */
};

struct lb_chain_node {
  uint32_t listener; /* index, LB_IGNORED or LB_MATCHED */
  uint32_t next;     /* node index + 1; 0: last */
  bool by_pattern;   /* that matches the name, so it is none of its file */
};

/* The chain of a UNIX name. */
struct lb_unix_head {
  uint32_t first;   /* node index + 1; 0: none */
  bool has_matched; /* the listeners of patterns are in it */
};

/* The socket that is the file of a configured UNIX name. */
struct lb_configured_file {
  uint64_t cookie; /* 0: none */
  uint32_t next;   /* of the same socket: number + 1 of the name; 0: none */
};

struct lb_listeners {
  const struct lb_settings *settings;
  const struct lb_netns_ref *netns;
  struct lb_label_registry *labels;
  struct lb_unix_names *unix_names;
  const char *netns_label; /* NULL: it could have none */
  struct lb_claim netns_claim;
  uint32_t conflicts;          /* so far */
  struct lb_container *owners; /* by number - 1, each label once */
  size_t owners_len;
  struct lb_listener_entry *v; /* the selections first, in their order */
  size_t len;
  size_t selections;   /* of v */
  uint32_t first_free; /* index + 1; 0: none */
  struct lb_chain_node *nodes;
  size_t nodes_len;
  uint32_t first_free_node;        /* node index + 1; 0: none */
  uint32_t *ports;                 /* by port: node index + 1; 0: none */
  struct lb_unix_head *unix_heads; /* by number of the UNIX name */
  size_t unix_heads_len;
  size_t selected_unix; /* numbers below this are the configuration's */
  struct lb_configured_file *files; /* by these numbers */
  bool applies;                     /* what names no namespace */
  bool finds_ports;
  bool finds_unix;
  bool wants_unix;
  bool has_patterns;
  unsigned known; /* parts of the last sample */
  bool is_gone;   /* see lb_listeners_set_gone() */
  bool is_stale;  /* it was, after the last sample */
};

/* --- listener_chains.c --------------------------------------------------- */

/* In place of the index of a listener: ListeningPaths skips the name; a pattern
 * finds it, also without ListeningPaths. */
#define LB_IGNORED UINT32_MAX
#define LB_MATCHED (UINT32_MAX - 1)

static inline bool lb_is_listener(uint32_t listener) {
  return listener < LB_MATCHED;
}

/* Append a listener to a chain, or to those of ports or of a UNIX name, once
 * even if port ranges overlap. Return 0 or -ENOMEM. */
int lb_link_listener(struct lb_listeners *listeners, uint32_t *head,
                     uint32_t listener);
int lb_link_ports(struct lb_listeners *listeners, struct lb_ports ports,
                  uint32_t listener);
int lb_link_unix_name(struct lb_listeners *listeners,
                      const struct lb_unix_name *name, uint32_t listener);

/* Empties a chain. */
void lb_free_chain(struct lb_listeners *listeners, uint32_t *head);

/* Makes room for the chain of a UNIX name. 0 or -ENOMEM. */
int lb_reserve_unix_head(struct lb_listeners *listeners, uint32_t number);

/* The chain of a socket. NULL: no listener of this UNIX name yet. */
uint32_t *lb_chain_of(const struct lb_listeners *listeners,
                      const struct lb_listen_sock *sock);

/* --- listener_labels.c --------------------------------------------------- */

/* In place of the index of a listener: the namespace itself. */
#define LB_OF_NETNS UINT32_MAX

/* Claims the label of a listener by its index, or that of the namespace.
 * Returns 0 also after a conflict, without a label, or -ENOMEM. */
int lb_listeners_claim(struct lb_listeners *listeners, uint32_t which);

/* Whether a user may have chosen the name that the label begins with. */
bool lb_listeners_is_foreign(const struct lb_listeners *listeners,
                             uint32_t which);

/* Whether a listener of a container has no socket any more. The container may
 * have gone on in another namespace. */
bool lb_listeners_has_gone_on(const struct lb_listeners *listeners,
                              uint32_t which);

/* Whether the holder of a label is gone. If so, the new one, of which data are
 * listeners, too, continues its counters. */
bool lb_listeners_yield(void *data, uint32_t which,
                        const struct lb_label_holder *to);

/* Gives the label of a listener back. */
void lb_listeners_release(struct lb_listeners *listeners, uint32_t which);

#endif
