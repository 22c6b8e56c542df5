// SPDX-License-Identifier: MIT
#include "kernel/netns_name.h"

#include "kernel/cgroups.h"
#include "kernel/netns_processes.h"
#include "kernel/processes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a session or a user's manager starts is in a scope below its service,
 * and so no service of its own. */
static bool name_service(pid_t pid, char label[static LB_LABEL_SIZE]) {
  char path[4096], unit[LB_UNIT_SIZE];
  if (!lb_process_cgroup(LB_PROC, pid, path, sizeof(path)) ||
      !lb_cgroup_unit(path, unit))
    return false;
  const char *last = strstr(path, unit);
  size_t len = strlen(unit), end = strlen(".service");
  if (!last || strstr(last, ".scope") || len <= end ||
      strcmp(unit + len - end, ".service") != 0)
    return false;
  unit[len - end] = '\0';
  return lb_label_of_netns(label, unit) == 0;
}

void lb_netns_last_name(const struct lb_found_netns *found,
                        char label[static LB_LABEL_SIZE]) {
  snprintf(label, LB_LABEL_SIZE, "netns-%" PRIu64, found->id.ino);
}

int lb_netns_name(const struct lb_found_netns *found,
                  char label[static LB_LABEL_SIZE]) {
  if (found->file)
    return lb_label_of_netns(label, found->file);
  if (!found->pid || !name_service(found->pid, label))
    lb_netns_last_name(found, label);
  return 0;
}
