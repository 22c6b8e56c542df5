// SPDX-License-Identifier: MIT
/* Flat arrays and indices, so that 65,535 listeners of one range cost three
 * allocations, not 65,535. */
#include "settings.h"

#include "array.h"
#include "label.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void lb_settings_free(struct lb_settings *settings) {
  for (size_t i = 0; i < settings->selections_len; i++)
    free(settings->selections[i].name);
  free(settings->selections);
  free(settings->ports);
  free(settings->addresses);
  memset(settings, 0, sizeof(*settings));
}

/* The selection comes last: what a failure leaves behind belongs to nobody. */
static int add(struct lb_settings *settings, char *name,
               const struct lb_ports *ports, size_t ports_len,
               const struct lb_address *addresses, size_t addresses_len) {
  struct lb_selection selection = {
      .name = name,
      .ports_at = settings->ports_len,
      .ports_len = ports_len,
      .addresses_at = settings->addresses_len,
      .addresses_len = addresses_len,
  };
  if (lb_append(&settings->ports, &settings->ports_len, ports, ports_len,
                sizeof(*ports)) ||
      lb_append(&settings->addresses, &settings->addresses_len, addresses,
                addresses_len, sizeof(*addresses)))
    return -ENOMEM;
  return lb_append(&settings->selections, &settings->selections_len, &selection,
                   1, sizeof(selection));
}

int lb_settings_add_port(struct lb_settings *settings, uint16_t port) {
  if (lb_portset_has(&settings->labelled, port))
    return -EEXIST;
  struct lb_ports ports = {port, port};
  int err = add(settings, NULL, &ports, 1, NULL, 0);
  if (!err)
    lb_portset_add(&settings->labelled, port);
  return err;
}

int lb_settings_add(struct lb_settings *settings, const char *name,
                    const struct lb_ports *ports, size_t ports_len,
                    const struct lb_address *addresses, size_t addresses_len) {
  if (lb_settings_has_label(settings, name))
    return -EEXIST;
  char *copy = strdup(name);
  if (!copy)
    return -ENOMEM;
  int err = add(settings, copy, ports, ports_len, addresses, addresses_len);
  if (err) {
    free(copy);
    return err;
  }
  uint16_t port = lb_label_port(name);
  if (port)
    lb_portset_add(&settings->labelled, port);
  return 0;
}

bool lb_settings_has_label(const struct lb_settings *settings,
                           const char *label) {
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
  const struct lb_ports *ports = settings->ports + selection->ports_at;
  for (size_t i = 0; i < selection->ports_len; i++)
    if (ports[i].first <= port && port <= ports[i].last)
      return selection->addresses_len == 0;
  return false;
}

int lb_address_parse(const char *text, struct lb_address *out) {
  struct lb_address parsed = {{[10] = 0xff, [11] = 0xff}};
  if (inet_pton(AF_INET, text, parsed.bytes + 12) != 1 &&
      inet_pton(AF_INET6, text, parsed.bytes) != 1)
    return -EINVAL;
  *out = parsed;
  return 0;
}
