/* SPDX-License-Identifier: MIT */
/* The labels in use, of all network namespaces: each has one holder. */
#ifndef LB_BASE_LABEL_REGISTRY_H
#define LB_BASE_LABEL_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

struct lb_label_registry;

/* A claim of a higher rank takes the label from a holder of a lower one. Anyone
 * can bind the name of a UNIX socket, or name an own container, so these have
 * the lowest ranks. */
enum lb_label_rank {
  LB_RANK_UNIX_NAME, /* a UNIX socket with some name */
  LB_RANK_UNIX_FILE, /* a UNIX socket that is the file of its name */
  LB_RANK_FOREIGN,   /* a namespace or port under a name that a user chose */
  LB_RANK_NETNS,     /* a network namespace that "*" found */
  LB_RANK_PORT,
  LB_RANK_CONFIGURED,
};

/* evict is called when the label has gone to another holder. data and which
 * tell holders apart. yield is called before, for a claim of no higher rank: it
 * returns whether the holder is gone, after giving the new one what continues.
 * NULL: never. */
struct lb_label_holder {
  void (*evict)(void *data, uint32_t which);
  void *data;
  uint32_t which;
  bool (*yield)(void *data, uint32_t which, const struct lb_label_holder *to);
};

/* Returns 0 or -ENOMEM; the caller frees *out. */
int lb_label_registry_new(struct lb_label_registry **out);
/* Frees the labels in use as well. Accepts NULL. */
void lb_label_registry_free(struct lb_label_registry *labels);

/* Claims a label that is not in use, or that a holder of a lower rank or one
 * that is gone has, or
 * raises the rank of a label of the same holder. Returns 0, and *out is a copy
 * of the label that is valid until it is released or its holder is evicted;
 * -EEXIST; or -ENOMEM. Allocates only for a label that is not in use. */
int lb_label_registry_claim(struct lb_label_registry *labels, const char *text,
                            enum lb_label_rank rank,
                            struct lb_label_holder holder, const char **out);

/* Releases a claimed label, by the pointer that the claim returned. Accepts
 * NULL. */
void lb_label_registry_release(struct lb_label_registry *labels,
                               const char *label);

#endif
