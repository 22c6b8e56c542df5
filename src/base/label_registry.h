/* SPDX-License-Identifier: MIT */
/* Who reports under which label, over all network namespaces: one label, one
 * source. */
#ifndef LB_BASE_LABEL_REGISTRY_H
#define LB_BASE_LABEL_REGISTRY_H

struct lb_label_registry;

/* 0 or -ENOMEM; the caller owns *out. */
int lb_label_registry_new(struct lb_label_registry **out);
void lb_label_registry_free(struct lb_label_registry *labels);

/* Takes a label. 0, and *out is its text until it is released; -EEXIST where
 * somebody has it; -ENOMEM. */
int lb_label_registry_claim(struct lb_label_registry *labels, const char *text,
                            const char **out);

/* NULL is allowed. */
void lb_label_registry_release(struct lb_label_registry *labels,
                               const char *label);

#endif
