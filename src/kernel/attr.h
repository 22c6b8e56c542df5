/* SPDX-License-Identifier: MIT */
/* The attributes after the header of a sock_diag message, one by one:
 *
 *   struct lb_attrs attrs = {diag + 1, len};
 *   for (const struct rtattr *attr; (attr = lb_attrs_next(&attrs));) ...
 *   if (attrs.len) the rest is no whole attribute
 *
 * Inline, with the kernel's macros, because each message of an answer has
 * several: see answer.c. */
#ifndef LB_KERNEL_ATTR_H
#define LB_KERNEL_ATTR_H

#include <linux/rtnetlink.h>
#include <stddef.h>

struct lb_attrs {
  const void *at;
  size_t len; /* bytes left */
};

static inline const struct rtattr *lb_attrs_next(struct lb_attrs *attrs) {
  const struct rtattr *attr = attrs->at;
  if (attrs->len == 0 || !RTA_OK(attr, attrs->len))
    return NULL;
  size_t step = RTA_ALIGN(attr->rta_len);
  attrs->at = (const char *)attrs->at + step;
  attrs->len -= step < attrs->len ? step : attrs->len;
  return attr;
}

#endif
