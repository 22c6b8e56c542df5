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

bool is_said(const char *reading) {
  static const char *const said[] = {"queue",
                                     "limit",
                                     "peak",
                                     "busy",
                                     "fill",
                                     "sockets",
                                     "full",
                                     "drops",
                                     "overflows",
                                     "wait",
                                     "abandoned",
                                     "syn",
                                     "syn_drops",
                                     "somaxconn",
                                     "syncookies_sent",
                                     "overflows_unattributed"};
  for (size_t i = 0; i < LEN(said); i++)
    if (strcmp(said[i], reading) == 0)
      return true;
  return false;
}

static void say_sock(struct text *text, const struct lb_listen_sock *row) {
  bool v6 = row->family == AF_INET6;
  char address[INET6_ADDRSTRLEN], drops[16] = "?";
  inet_ntop(AF_INET6, row->address, address, sizeof(address));
  if (row->has_drops)
    snprintf(drops, sizeof(drops), "%u", row->sk_drops);
  say(text, "IPv%d [%s]:%u", v6 ? 6 : 4, address, (unsigned)row->port);
  if (row->ifindex)
    say(text, " on %u", row->ifindex);
  say(text, " queue %u limit %u drops %s inode %u cookie %llx%s", row->queue,
      row->limit, drops, row->inode, (unsigned long long)row->cookie,
      row->v6only ? " v6only" : "");
  if (row->cgroup)
    say(text, " cgroup %llu", (unsigned long long)row->cgroup);
  say(text, "\n");
}

void say_path(struct text *text, const struct lb_unix_name *path) {
  say(text, "\"");
  for (size_t i = 0; i < path->len; i++) {
    unsigned char byte = (unsigned char)path->bytes[i];
    say(text, byte < ' ' || byte > '~' ? "\\x%02x" : "%c", byte);
  }
  say(text, "\"");
}

void say_unix_sock(struct text *text, const struct lb_listen_sock *row,
                   const struct lb_unix_names *paths) {
  say(text, "UNIX ");
  say_path(text, lb_unix_names_get(paths, row->unix_name));
  say(text, " queue %u limit %u inode %u cookie %llx", row->queue, row->limit,
      row->inode, (unsigned long long)row->cookie);
  if (row->file.inode)
    say(text, " file %u:%u", row->file.dev, row->file.inode);
  say(text, "\n");
}

void say_socks(struct text *text, const struct lb_listen_socks *rows) {
  for (size_t i = 0; i < rows->len; i++)
    if (rows->v[i].family == AF_UNIX)
      say_unix_sock(text, &rows->v[i], rows->unix_names);
    else
      say_sock(text, &rows->v[i]);
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

static void say_unix_names(struct text *text, const struct lb_unix_name *names,
                           size_t len) {
  for (size_t i = 0; i < len; i++) {
    say(text, " ");
    say_path(text, &names[i]);
  }
}

static void say_patterns(struct text *text,
                         const struct lb_unix_pattern *patterns, size_t len) {
  for (size_t i = 0; i < len; i++)
    say(text, " like \"%.*s\"", patterns[i].len, patterns[i].text);
}

static const char *netns_label(const struct lb_netns_spec *spec) {
  return spec->path[0] ? spec->label : "*";
}

/* "LABEL: PORTS NAMES at ADDRESSES in NAMESPACES"; "port LABEL" for the
 * selection of that port alone. */
static void say_selection(struct text *text,
                          const struct lb_selection *selection) {
  if (selection->by == LB_BY_LOCAL_PORT) {
    assert_int_equal(selection->ports_len, 1);
    assert_int_equal(selection->ports[0].first, selection->ports[0].last);
    assert_int_equal(selection->ports[0].first,
                     lb_label_port(selection->label));
    say(text, "port %s\n", selection->label);
    return;
  }
  say(text, "%s:", selection->label);
  for (size_t i = 0; i < selection->ports_len; i++)
    say_ports(text, selection->ports[i].first, selection->ports[i].last);
  say_unix_names(text, selection->unix_names, selection->unix_names_len);
  say_patterns(text, selection->patterns, selection->patterns_len);
  for (size_t i = 0; i < selection->addresses_len; i++) {
    char address[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, selection->addresses[i].bytes, address,
              sizeof(address));
    say(text, "%s %s", i ? "" : " at", address);
  }
  for (size_t i = 0; i < selection->netns_len; i++)
    say(text, "%s %s", i ? "" : " in", netns_label(&selection->netns[i]));
  say(text, "\n");
}

void say_settings(struct text *text, const struct lb_settings *settings) {
  for (size_t i = 0; i < settings->selections_len; i++)
    say_selection(text, &settings->selections[i]);
  for (size_t i = 0; i < settings->netns_len; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    say(text, "namespace %s: %s%s\n", netns_label(spec),
        spec->path[0] ? spec->path : "*",
        settings->netns[i].for_all ? " for all" : "");
  }
  if (settings->patterns_len) {
    say(text, "paths");
    say_patterns(text, settings->patterns, settings->patterns_len);
    say(text, "\n");
  }
  if (settings->listening_ports) {
    say(text, "others");
    say_ignored(text, &settings->ignored);
    say(text, "\n");
  }
  if (settings->listening_paths) {
    say(text, "other paths%s",
        settings->ignored_paths_len || settings->ignored_patterns_len ? " but"
                                                                      : "");
    say_unix_names(text, settings->ignored_paths, settings->ignored_paths_len);
    say_patterns(text, settings->ignored_patterns,
                 settings->ignored_patterns_len);
    say(text, "\n");
  }
  if (settings->inspect == LB_INSPECT_ALWAYS)
    say(text, "inspect\n");
}

const struct lb_netns_spec *add_netns(struct lb_settings *settings,
                                      const char *text, bool for_all) {
  struct lb_netns_spec spec;
  assert_int_equal(lb_netns_spec_parse(text, &spec), 0);
  assert_int_equal(lb_settings_add_netns(settings, &spec, for_all), 0);
  for (size_t i = 0; i < settings->netns_len; i++)
    if (strcmp(settings->netns[i].spec.path, spec.path) == 0)
      return &settings->netns[i].spec;
  fail();
  return NULL;
}
