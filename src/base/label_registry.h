/* SPDX-License-Identifier: MIT */
/* The labels in use, of all network namespaces: each has one user. */
#ifndef LB_BASE_LABEL_REGISTRY_H
#define LB_BASE_LABEL_REGISTRY_H

struct lb_label_registry;

/* Returns 0 or -ENOMEM; the caller frees *out. */
int lb_label_registry_new(struct lb_label_registry **out);
/* Frees the labels in use as well. Accepts NULL. */
void lb_label_registry_free(struct lb_label_registry *labels);

/* Claims a label that is not in use. Returns 0, and *out is a copy of it that
 * is valid until it is released; -EEXIST; or -ENOMEM. */
int lb_label_registry_claim(struct lb_label_registry *labels, const char *text,
                            const char **out);

/* Releases a claimed label, by the pointer that the claim returned. Accepts
 * NULL. */
void lb_label_registry_release(struct lb_label_registry *labels,
                               const char *label);

#endif
