// SPDX-License-Identifier: MIT
/* Flat arrays and indices, so that 65,535 listeners of one range cost three
 * allocations, not 65,535. */
#include "core/settings.h"

#include "base/array.h"
#include "base/label.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETNS_DIR "/run/netns/" /* ip-netns(8) */

void lb_settings_free(struct lb_settings *settings) {
  for (size_t i = 0; i < settings->selections_len; i++)
    free(settings->selections[i].name);
  lb_settings_drop_netns(settings, 0);
  free(settings->selections);
  free(settings->ports);
  free(settings->addresses);
  free(settings->paths);
  free(settings->place_refs);
  free(settings->places);
  free(settings->ignored_paths);
  memset(settings, 0, sizeof(*settings));
}

/* --- selections ---------------------------------------------------------- */

/* The selection comes last: what a failure leaves behind belongs to nobody. */
static int add(struct lb_settings *settings, char *name,
               const struct lb_service *service) {
  struct lb_selection selection = {
      .name = name,
      .ports_at = settings->ports_len,
      .ports_len = service->ports_len,
      .addresses_at = settings->addresses_len,
      .addresses_len = service->addresses_len,
      .paths_at = settings->paths_len,
      .paths_len = service->paths_len,
      .places_at = settings->place_refs_len,
      .places_len = service->places_len,
  };
  if (lb_append(&settings->ports, &settings->ports_len, service->ports,
                service->ports_len, sizeof(*service->ports)) ||
      lb_append(&settings->addresses, &settings->addresses_len,
                service->addresses, service->addresses_len,
                sizeof(*service->addresses)) ||
      lb_append(&settings->paths, &settings->paths_len, service->paths,
                service->paths_len, sizeof(*service->paths)) ||
      lb_append(&settings->place_refs, &settings->place_refs_len,
                service->places, service->places_len, sizeof(*service->places)))
    return -ENOMEM;
  return lb_append(&settings->selections, &settings->selections_len, &selection,
                   1, sizeof(selection));
}

int lb_settings_add_port(struct lb_settings *settings, uint16_t port) {
  char label[LB_LABEL_SIZE];
  lb_label_of_port(label, port);
  if (lb_settings_has_label(settings, label))
    return -EEXIST;
  const struct lb_ports ports = {port, port};
  const struct lb_service service = {.ports = &ports, .ports_len = 1};
  int err = add(settings, NULL, &service);
  if (!err)
    lb_portset_add(&settings->labelled, port);
  return err;
}

int lb_settings_add_unix_name(struct lb_settings *settings,
                              const struct lb_unix_name *path) {
  char label[LB_LABEL_SIZE];
  lb_label_of_unix_name(label, path);
  const struct lb_service service = {
      .name = label, .paths = path, .paths_len = 1};
  return lb_settings_add(settings, &service);
}

int lb_settings_add(struct lb_settings *settings,
                    const struct lb_service *service) {
  if (lb_settings_has_label(settings, service->name))
    return -EEXIST;
  char *name = strdup(service->name);
  if (!name)
    return -ENOMEM;
  int err = add(settings, name, service);
  if (err) {
    free(name);
    return err;
  }
  uint16_t port = lb_label_port(name);
  if (port)
    lb_portset_add(&settings->labelled, port);
  return 0;
}

int lb_settings_ignore_unix_name(struct lb_settings *settings,
                                 const struct lb_unix_name *path) {
  return lb_append(&settings->ignored_paths, &settings->ignored_paths_len, path,
                   1, sizeof(*path));
}

static bool is_place_label(const struct lb_settings *settings,
                           const char *label) {
  for (size_t i = 0; i < settings->places_len; i++) {
    const char *taken = settings->places[i].label;
    if (taken && strcmp(taken, label) == 0)
      return true;
  }
  return *label == '\0'; /* the own namespace's */
}

bool lb_settings_has_label(const struct lb_settings *settings,
                           const char *label) {
  if (is_place_label(settings, label))
    return true;
  uint16_t port = lb_label_port(label);
  if (port)
    return lb_portset_has(&settings->labelled, port);
  for (size_t i = 0; i < settings->selections_len; i++) {
    const char *name = settings->selections[i].name;
    if (name && strcmp(name, label) == 0)
      return true;
  }
  return false;
}

bool lb_settings_takes_port(const struct lb_settings *settings,
                            const struct lb_selection *selection,
                            uint16_t port) {
  if (selection->addresses_len || selection->places_len)
    return false;
  for (size_t i = 0; i < selection->ports_len; i++) {
    const struct lb_ports *ports = &settings->ports[selection->ports_at + i];
    if (ports->first <= port && port <= ports->last)
      return true;
  }
  return false;
}

/* --- places -------------------------------------------------------------- */

int lb_netns_spec_check(const char *text) {
  char label[LB_LABEL_SIZE];
  if (text[0] != '/' && (strchr(text, '/') || strcmp(text, "") == 0 ||
                         strcmp(text, ".") == 0 || strcmp(text, "..") == 0))
    return -EINVAL;
  return lb_label_of_netns(label, text);
}

static bool is_same_path(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static int append_place(struct lb_settings *settings, const char *path,
                        const char *label) {
  struct lb_netns_spec place = {
      .path = path ? strdup(path) : NULL,
      .label = path ? strdup(label) : NULL,
  };
  int err = path && (!place.path || !place.label) ? -ENOMEM : 0;
  if (!err)
    err = lb_append(&settings->places, &settings->places_len, &place, 1,
                    sizeof(place));
  if (err) {
    free(place.path);
    free(place.label);
  }
  return err;
}

int lb_settings_add_netns(struct lb_settings *settings, const char *text,
                          uint32_t *out) {
  int err = lb_netns_spec_check(text);
  if (err)
    return err;
  char buf[sizeof(NETNS_DIR) + LB_LABEL_SIZE], label[LB_LABEL_SIZE];
  snprintf(buf, sizeof(buf), "%s%s", text[0] == '/' ? "" : NETNS_DIR, text);
  const char *path = strcmp(text, "*") == 0 ? NULL : buf;
  for (uint32_t i = 0; i < settings->places_len; i++)
    if (is_same_path(settings->places[i].path, path)) {
      *out = i;
      return 0;
    }
  lb_label_of_netns(label, text);
  if (path && lb_settings_has_label(settings, label))
    return -EEXIST;
  err = append_place(settings, path, label);
  if (!err)
    *out = (uint32_t)settings->places_len - 1;
  return err;
}

void lb_settings_drop_netns(struct lb_settings *settings, size_t from) {
  while (settings->places_len > from) {
    struct lb_netns_spec *place = &settings->places[--settings->places_len];
    free(place->path);
    free(place->label);
  }
}

static bool covers(const struct lb_netns_spec *place,
                   const struct lb_netns_ref *scope) {
  if (!scope->path)
    return false;
  return place->path ? strcmp(place->path, scope->path) == 0 : scope->listed;
}

bool lb_settings_apply(const struct lb_settings *settings,
                       const struct lb_netns_ref *scope) {
  for (size_t i = 0; i < settings->places_len; i++) {
    const struct lb_netns_spec *place = &settings->places[i];
    if (place->global && covers(place, scope))
      return true;
  }
  return scope->path == NULL;
}

bool lb_selection_applies(const struct lb_settings *settings,
                          const struct lb_selection *selection,
                          const struct lb_netns_ref *scope) {
  for (size_t i = 0; i < selection->places_len; i++) {
    uint32_t place = settings->place_refs[selection->places_at + i];
    if (covers(&settings->places[place], scope))
      return true;
  }
  return selection->places_len == 0 && lb_settings_apply(settings, scope);
}

bool lb_selection_is_plain(const struct lb_settings *settings,
                           const struct lb_selection *selection,
                           const struct lb_netns_ref *scope) {
  if (!scope->path)
    return true;
  return selection->places_len == 1 &&
         settings->places[settings->place_refs[selection->places_at]].path;
}

/* --- what users write ---------------------------------------------------- */

int lb_address_parse(const char *text, struct lb_address *out) {
  struct lb_address parsed = {{[10] = 0xff, [11] = 0xff}};
  if (inet_pton(AF_INET, text, parsed.bytes + 12) != 1 &&
      inet_pton(AF_INET6, text, parsed.bytes) != 1)
    return -EINVAL;
  *out = parsed;
  return 0;
}

/* Reads the next byte of an abstract name. 0 or -EINVAL. */
static int read_byte(const char **text, char *out) {
  const char *at = *text;
  if (at[0] != '\\' || at[1] != 'x') {
    *out = *at;
    *text = at + 1;
    return 0;
  }
  if (!isxdigit((unsigned char)at[2]) || !isxdigit((unsigned char)at[3]))
    return -EINVAL;
  const char digits[] = {at[2], at[3], '\0'};
  *out = (char)strtoul(digits, NULL, 16);
  *text = at + 4;
  return 0;
}

int lb_unix_name_parse(const char *text, struct lb_unix_name *out) {
  char name[LB_UNIX_NAME_SIZE] = "";
  size_t len = 0;
  bool abstract = *text == '@';
  while (*text) {
    int err = 0;
    if (len == sizeof(name))
      return -ENAMETOOLONG;
    if (abstract)
      err = read_byte(&text, &name[len++]);
    else
      name[len++] = *text++;
    if (err)
      return err;
  }
  if (abstract)
    name[0] = '\0';
  struct lb_unix_name path = lb_unix_name_of(name, len);
  if (path.len <= abstract)
    return -EINVAL;
  *out = path;
  return 0;
}
