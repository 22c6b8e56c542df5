// SPDX-License-Identifier: MIT
#include "say.h"

#include "unit.h"

void say(struct text *text, const char *format, ...) {
  size_t room = sizeof(text->at) - text->len;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text->at + text->len, room, format, args);
  va_end(args);
  assert_in_range(n, 0, room - 1);
  text->len += (size_t)n;
}

static void say_row(struct text *text, const struct lb_listen_sock *row) {
  bool v6 = row->family == AF_INET6;
  char address[INET6_ADDRSTRLEN], drops[16] = "?";
  inet_ntop(AF_INET6, row->address, address, sizeof(address));
  if (row->has_drops)
    snprintf(drops, sizeof(drops), "%u", row->sk_drops);
  say(text, "IPv%d [%s]:%u", v6 ? 6 : 4, address, (unsigned)row->port);
  if (row->ifindex)
    say(text, " on %u", row->ifindex);
  say(text, " queue %u limit %u drops %s inode %u cookie %llx%s\n", row->queue,
      row->limit, drops, row->inode, (unsigned long long)row->cookie,
      row->v6only ? " v6only" : "");
}

void say_path(struct text *text, const struct lb_unix_name *path) {
  say(text, "\"");
  for (size_t i = 0; i < path->len; i++) {
    unsigned char byte = (unsigned char)path->bytes[i];
    say(text, byte < ' ' || byte > '~' ? "\\x%02x" : "%c", byte);
  }
  say(text, "\"");
}

void say_unix_row(struct text *text, const struct lb_listen_sock *row,
                  const struct lb_unix_names *paths) {
  say(text, "UNIX ");
  say_path(text, lb_unix_names_get(paths, row->path));
  say(text, " queue %u limit %u inode %u cookie %llx\n", row->queue, row->limit,
      row->inode, (unsigned long long)row->cookie);
}

void say_rows(struct text *text, const struct lb_listen_socks *rows) {
  for (size_t i = 0; i < rows->len; i++)
    if (rows->v[i].family == AF_UNIX)
      say_unix_row(text, &rows->v[i], rows->paths);
    else
      say_row(text, &rows->v[i]);
}

void say_ports(struct text *text, unsigned first, unsigned last) {
  if (first == last)
    say(text, " %u", first);
  else
    say(text, " %u-%u", first, last);
}

static void say_ignored(struct text *text, const struct lb_portset *ignored) {
  const char *but = " but";
  for (unsigned first = 0; first <= UINT16_MAX; first++) {
    unsigned last = first;
    while (last <= UINT16_MAX && lb_portset_has(ignored, (uint16_t)last))
      last++;
    if (last == first)
      continue;
    say(text, "%s", but);
    but = "";
    say_ports(text, first, last - 1);
    first = last;
  }
}

static void say_paths(struct text *text, const struct lb_unix_name *paths,
                      size_t len) {
  for (size_t i = 0; i < len; i++) {
    say(text, " ");
    say_path(text, &paths[i]);
  }
}

/* "NAME: PORTS PATHS at ADDRESSES in NAMESPACES", or its port alone. */
static void say_selection(struct text *text, const struct lb_settings *settings,
                          const struct lb_selection *selection) {
  say(text, selection->name ? "%s:" : "port%s",
      selection->name ? selection->name : "");
  for (size_t i = 0; i < selection->ports_len; i++) {
    const struct lb_ports *ports = &settings->ports[selection->ports_at + i];
    say_ports(text, ports->first, ports->last);
  }
  if (selection->paths_len)
    say_paths(text, &settings->paths[selection->paths_at],
              selection->paths_len);
  for (size_t i = 0; i < selection->addresses_len; i++) {
    char address[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, settings->addresses[selection->addresses_at + i].bytes,
              address, sizeof(address));
    say(text, "%s %s", i ? "" : " at", address);
  }
  for (size_t i = 0; i < selection->places_len; i++) {
    uint32_t place = settings->place_refs[selection->places_at + i];
    assert_in_range(place, 0, settings->places_len - 1);
    const char *label = settings->places[place].label;
    say(text, "%s %s", i ? "" : " in", label ? label : "*");
  }
  say(text, "\n");
}

void say_settings(struct text *text, const struct lb_settings *settings) {
  for (size_t i = 0; i < settings->selections_len; i++)
    say_selection(text, settings, &settings->selections[i]);
  for (size_t i = 0; i < settings->places_len; i++) {
    const struct lb_netns_spec *place = &settings->places[i];
    say(text, "namespace %s: %s%s\n", place->label ? place->label : "*",
        place->path ? place->path : "*", place->global ? " for all" : "");
  }
  if (settings->listening_ports) {
    say(text, "others");
    say_ignored(text, &settings->ignored);
    say(text, "\n");
  }
  if (settings->listening_paths) {
    say(text, "other paths%s", settings->ignored_paths_len ? " but" : "");
    say_paths(text, settings->ignored_paths, settings->ignored_paths_len);
    say(text, "\n");
  }
  if (settings->inspect)
    say(text, "inspect\n");
}
