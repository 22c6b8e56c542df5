// SPDX-License-Identifier: MIT
#include "core/settings.h"

#include "base/array.h"
#include "base/label.h"
#include "base/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lb_selection_free(struct lb_selection *selection) {
  free(selection->label);
  free(selection->ports);
  free(selection->addresses);
  free(selection->unix_names);
  free(selection->patterns);
  free(selection->netns);
}

void lb_settings_free(struct lb_settings *settings) {
  for (size_t i = 0; i < settings->selections_len; i++)
    lb_selection_free(&settings->selections[i]);
  free(settings->selections);
  free(settings->netns);
  free(settings->ignored_paths);
  free(settings->patterns);
  free(settings->ignored_patterns);
  memset(settings, 0, sizeof(*settings));
}

/* --- selections ---------------------------------------------------------- */

/* Returns 0 or -ENOMEM; the caller frees *to either way. */
static int copy_selection(const struct lb_selection *from,
                          struct lb_selection *to) {
  *to = (struct lb_selection){.by = from->by, .label = strdup(from->label)};
  if (!to->label ||
      lb_append(&to->ports, &to->ports_len, from->ports, from->ports_len,
                sizeof(*from->ports)) ||
      lb_append(&to->addresses, &to->addresses_len, from->addresses,
                from->addresses_len, sizeof(*from->addresses)) ||
      lb_append(&to->unix_names, &to->unix_names_len, from->unix_names,
                from->unix_names_len, sizeof(*from->unix_names)) ||
      lb_append(&to->patterns, &to->patterns_len, from->patterns,
                from->patterns_len, sizeof(*from->patterns)) ||
      lb_append(&to->netns, &to->netns_len, from->netns, from->netns_len,
                sizeof(*from->netns)))
    return -ENOMEM;
  return 0;
}

int lb_settings_add(struct lb_settings *settings,
                    const struct lb_selection *selection) {
  struct lb_selection copy;
  if (lb_settings_has_label(settings, selection->label))
    return -EEXIST;
  int err = copy_selection(selection, &copy);
  if (!err)
    err = lb_append(&settings->selections, &settings->selections_len, &copy, 1,
                    sizeof(copy));
  if (err) {
    lb_selection_free(&copy);
    return err;
  }
  uint16_t port = lb_label_port(selection->label);
  if (port)
    lb_portset_add(&settings->port_labels, port);
  return 0;
}

int lb_settings_add_port(struct lb_settings *settings, uint16_t port) {
  char label[LB_LABEL_SIZE];
  struct lb_ports ports = {port, port};
  lb_label_of_port(label, port);
  return lb_settings_add(settings,
                         &(struct lb_selection){.by = LB_BY_LOCAL_PORT,
                                                .label = label,
                                                .ports = &ports,
                                                .ports_len = 1});
}

int lb_settings_add_unix_name(struct lb_settings *settings,
                              const struct lb_unix_name *name) {
  char label[LB_LABEL_SIZE];
  struct lb_unix_name copy = *name;
  lb_label_of_unix_name(label, name);
  return lb_settings_add(settings,
                         &(struct lb_selection){.by = LB_BY_LOCAL_PATH,
                                                .label = label,
                                                .unix_names = &copy,
                                                .unix_names_len = 1});
}

int lb_settings_ignore_unix_name(struct lb_settings *settings,
                                 const struct lb_unix_name *name) {
  return lb_append(&settings->ignored_paths, &settings->ignored_paths_len, name,
                   1, sizeof(*name));
}

int lb_settings_add_pattern(struct lb_settings *settings,
                            const struct lb_unix_pattern *pattern) {
  return lb_append(&settings->patterns, &settings->patterns_len, pattern, 1,
                   sizeof(*pattern));
}

int lb_settings_ignore_pattern(struct lb_settings *settings,
                               const struct lb_unix_pattern *pattern) {
  return lb_append(&settings->ignored_patterns, &settings->ignored_patterns_len,
                   pattern, 1, sizeof(*pattern));
}

bool lb_settings_has_label(const struct lb_settings *settings,
                           const char *label) {
  if (*label == '\0')
    return true;
  for (size_t i = 0; i < settings->netns_len; i++)
    if (strcmp(settings->netns[i].spec.label, label) == 0)
      return true;
  uint16_t port = lb_label_port(label);
  if (port) /* not a search through all ports of a range */
    return lb_portset_has(&settings->port_labels, port);
  for (size_t i = 0; i < settings->selections_len; i++)
    if (strcmp(settings->selections[i].label, label) == 0)
      return true;
  return false;
}

void lb_selection_format(const struct lb_selection *selection,
                         char text[static LB_SELECTION_TEXT_SIZE]) {
  char name[LB_UNIX_NAME_TEXT_SIZE];
  switch (selection->by) {
  case LB_BY_LISTENER:
    snprintf(text, LB_SELECTION_TEXT_SIZE, LB_ITEM_LISTENER, selection->label);
    break;
  case LB_BY_LOCAL_PORT:
    snprintf(text, LB_SELECTION_TEXT_SIZE, LB_ITEM_LOCAL_PORT,
             selection->label);
    break;
  case LB_BY_LOCAL_PATH:
    lb_unix_name_format(selection->unix_names, name);
    snprintf(text, LB_SELECTION_TEXT_SIZE, LB_ITEM_LOCAL_PATH, name);
    break;
  }
}

bool lb_selection_has_port(const struct lb_selection *selection,
                           uint16_t port) {
  if (selection->addresses_len || selection->netns_len)
    return false;
  for (size_t i = 0; i < selection->ports_len; i++) {
    const struct lb_ports *ports = &selection->ports[i];
    if (ports->first <= port && port <= ports->last)
      return true;
  }
  return false;
}

/* --- network namespaces -------------------------------------------------- */

int lb_settings_add_netns(struct lb_settings *settings,
                          const struct lb_netns_spec *spec, bool for_all) {
  for (size_t i = 0; i < settings->netns_len; i++)
    if (strcmp(settings->netns[i].spec.path, spec->path) == 0) {
      settings->netns[i].for_all |= for_all;
      return 0;
    }
  if (spec->path[0] && lb_settings_has_label(settings, spec->label))
    return -EEXIST;
  const struct lb_settings_netns netns = {*spec, for_all};
  return lb_append(&settings->netns, &settings->netns_len, &netns, 1,
                   sizeof(netns));
}

static bool names_netns(const struct lb_netns_spec *spec,
                        const struct lb_netns_ref *ref) {
  if (!ref->path)
    return false;
  return spec->path[0] ? strcmp(spec->path, ref->path) == 0 : ref->listed;
}

bool lb_settings_name_netns(const struct lb_settings *settings,
                            const struct lb_netns_ref *ref) {
  for (size_t i = 0; i < settings->netns_len && ref->path; i++)
    if (strcmp(settings->netns[i].spec.path, ref->path) == 0)
      return true;
  return ref->path == NULL;
}

bool lb_settings_apply(const struct lb_settings *settings,
                       const struct lb_netns_ref *ref) {
  for (size_t i = 0; i < settings->netns_len; i++)
    if (settings->netns[i].for_all &&
        names_netns(&settings->netns[i].spec, ref))
      return true;
  return ref->path == NULL;
}

bool lb_selection_applies(const struct lb_settings *settings,
                          const struct lb_selection *selection,
                          const struct lb_netns_ref *ref) {
  for (size_t i = 0; i < selection->netns_len; i++)
    if (names_netns(&selection->netns[i], ref))
      return true;
  return selection->netns_len == 0 && lb_settings_apply(settings, ref);
}

bool lb_selection_is_plain(const struct lb_selection *selection,
                           const struct lb_netns_ref *ref) {
  if (!ref->path)
    return true;
  return selection->netns_len == 1 && selection->netns[0].path[0];
}
