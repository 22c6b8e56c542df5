/* SPDX-License-Identifier: MIT */
/* A network namespace as the configuration names it. */
#ifndef LB_BASE_NETNS_SPEC_H
#define LB_BASE_NETNS_SPEC_H

#include "base/label.h"

#define LB_NETNS_DIR "/run/netns/" /* of ip-netns(8) */

struct lb_netns_spec {
  char text[LB_LABEL_SIZE + 1];                    /* as configured */
  char path[sizeof(LB_NETNS_DIR) + LB_LABEL_SIZE]; /* absolute; "" for "*" */
  char label[LB_LABEL_SIZE];                       /* "" for "*" */
};

/* Parses a name under /run/netns, an absolute path, or "*", which stands for
 * the namespaces that lb_netns_list() finds. Returns 0, -EINVAL, or
 * -ENAMETOOLONG for more than a label can hold; writes *out only on success. */
int lb_netns_spec_parse(const char *text, struct lb_netns_spec *out);

#endif
