// SPDX-License-Identifier: MIT
#include "base/netns_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int lb_netns_spec_parse(const char *text, struct lb_netns_spec *out) {
  struct lb_netns_spec spec = {.text = ""};
  if (text[0] != '/' && (strchr(text, '/') || strcmp(text, "") == 0 ||
                         strcmp(text, ".") == 0 || strcmp(text, "..") == 0))
    return -EINVAL;
  int err = lb_label_of_netns(spec.label, text);
  if (err)
    return err;
  snprintf(spec.text, sizeof(spec.text), "%s", text);
  if (strcmp(text, "*") == 0)
    spec.label[0] = '\0';
  else
    snprintf(spec.path, sizeof(spec.path), "%s%s",
             text[0] == '/' ? "" : LB_NETNS_DIR, text);
  *out = spec;
  return 0;
}
