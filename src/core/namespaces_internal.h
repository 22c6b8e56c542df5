/* SPDX-License-Identifier: MIT */
/* What the parts of the namespaces share. */
#ifndef LB_CORE_NAMESPACES_INTERNAL_H
#define LB_CORE_NAMESPACES_INTERNAL_H

#include "core/namespaces.h"

#include <errno.h>

/* path NULL: our own namespace. Returns NULL without memory. */
struct lb_namespace *lb_namespaces_add(struct lb_namespaces *all,
                                       enum lb_netns_origin origin,
                                       const char *path, const char *label);
void lb_namespace_free(struct lb_namespace *ns);

/* Whether it is to be sampled, as far as the last listing knows. */
static inline bool lb_namespace_is_there(const struct lb_namespace *ns) {
  return ns->origin == LB_NETNS_CONFIGURED ||
         (ns->is_listed && ns->err != -EINVAL);
}

/* As lb_namespace_enter(), for the namespace that the collector is for
 * already. */
int lb_namespace_open(const struct lb_namespaces *all, struct lb_namespace *ns);

/* Gives a namespace its label before it is entered for the first time; *ns may
 * become another one that had this label. Returns 0, -ENAMETOOLONG, -ENOMEM or
 * -errno of the opener. */
int lb_namespace_name(const struct lb_namespaces *all,
                      struct lb_namespace **ns);

#endif
