/* SPDX-License-Identifier: MIT */
/* Who reports under which label, over all network namespaces: one label, one
 * source. */
#ifndef LB_LABELS_H
#define LB_LABELS_H

struct lb_labels;

/* 0 or -ENOMEM; the caller owns *out. */
int lb_labels_new(struct lb_labels **out);
void lb_labels_free(struct lb_labels *labels);

/* Takes a label. 0, and *out is its text until it is released; -EEXIST where
 * somebody has it; -ENOMEM. */
int lb_labels_claim(struct lb_labels *labels, const char *text,
                    const char **out);

/* NULL is allowed. */
void lb_labels_release(struct lb_labels *labels, const char *label);

#endif
