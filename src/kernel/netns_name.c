// SPDX-License-Identifier: MIT
#include "kernel/netns_name.h"

#include "kernel/cgroups.h"
#include "kernel/netns_processes.h"
#include "kernel/processes.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Whether each digit of the form is a hexadecimal one here. */
static bool has_form(const char *text, const char *form) {
  for (; *form; text++, form++)
    if (*form == '0' ? !isxdigit((unsigned char)*text) : *text != *form)
      return false;
  return *text == '\0';
}

bool lb_netns_is_generated(const char *path) {
  static const char docker[] = "/run/docker/netns/",
                    uuid[] = "00000000-0000-0000-0000-000000000000";
  size_t len = strlen(path);
  if (strncmp(path, docker, strlen(docker)) == 0)
    return has_form(path + strlen(docker), "000000000000");
  return len > strlen(uuid) && has_form(path + len - strlen(uuid), uuid) &&
         strchr("/-", path[len - strlen(uuid) - 1]);
}

static bool name_container(struct lb_containers *containers, const char *path,
                           char label[static LB_LABEL_SIZE], bool *is_foreign) {
  struct lb_container container;
  lb_containers_of_path(containers, path, &container);
  *is_foreign = container.is_foreign;
  memcpy(label, container.label, sizeof(container.label));
  return label[0];
}

/* What a session or a user's manager starts is in a scope below its service,
 * and so no service of its own. */
static bool name_service(const char *path, char label[static LB_LABEL_SIZE]) {
  char unit[LB_UNIT_SIZE];
  if (!lb_cgroup_unit(path, unit))
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

int lb_netns_name(struct lb_containers *containers,
                  const struct lb_found_netns *found,
                  char label[static LB_LABEL_SIZE], bool *is_foreign) {
  char path[4096];
  bool is_plain = found->file && !lb_netns_is_generated(found->path);
  bool has_group = !is_plain && found->pid &&
                   lb_process_cgroup(LB_PROC, found->pid, path, sizeof(path));
  *is_foreign = false;
  if (has_group && name_container(containers, path, label, is_foreign))
    return 0;
  if (!found->file && has_group && name_service(path, label))
    return 0;
  *is_foreign = false;
  if (found->file)
    return lb_label_of_netns(label, found->file);
  lb_netns_last_name(found, label);
  return 0;
}
