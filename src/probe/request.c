// SPDX-License-Identifier: MIT
#include "probe/request.h"

#include "base/array.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lb_requests_free(struct lb_requests *requests) {
  free(requests->v);
  *requests = (struct lb_requests){.len = 0};
}

static int append_request(struct lb_requests *requests,
                          const struct lb_request *request) {
  return lb_append(&requests->v, &requests->len, request, 1, sizeof(*request));
}

static int add_ports(struct lb_requests *requests, struct lb_ports ports) {
  int err = 0;
  for (unsigned port = ports.first; port <= ports.last && !err; port++) {
    struct lb_request request = {.is_label = false};
    lb_label_of_port(request.label, (uint16_t)port);
    memcpy(request.text, request.label, sizeof(request.text));
    err = append_request(requests, &request);
  }
  return err;
}

/* Listeners that only share its label have a lower rank. */
static int select_path(struct lb_settings *settings, const char *path,
                       struct lb_request *request) {
  struct lb_unix_name name;
  if (lb_unix_name_parse(path, &name))
    return -EINVAL;
  lb_label_of_unix_name(request->label, &name);
  int err = lb_settings_add_unix_name(settings, &name);
  return err == -EEXIST ? 0 : err;
}

static int add_unix(struct lb_requests *requests, struct lb_settings *settings,
                    const char *path) {
  struct lb_request request = {.is_label = false};
  snprintf(request.text, sizeof(request.text), "%.127s", path);
  int err = lb_unix_is_pattern(path)
                ? lb_unix_pattern_parse(path, &request.pattern)
                : select_path(settings, path, &request);
  if (err == -ENAMETOOLONG)
    err = -EINVAL;
  return err ? err : append_request(requests, &request);
}

static bool find_netns(const char *name, struct lb_netns_spec *spec) {
  return !lb_netns_spec_parse(name, spec) && access(spec->path, F_OK) == 0;
}

/* For "NETNS:OWN" or "NETNS". A namespace that is not in /run/netns is one that
 * "*" finds. */
static int add_netns_of(struct lb_settings *settings,
                        struct lb_request *request) {
  struct lb_netns_spec spec;
  char name[LB_LABEL_SIZE];
  size_t len = strcspn(request->label, ":");
  bool has_colon = request->label[len] == ':';
  snprintf(name, sizeof(name), "%.*s", (int)len, request->label);
  bool is_there = find_netns(name, &spec);
  request->is_netns = is_there && !has_colon;
  if (settings->netns_len || (!has_colon && !is_there))
    return 0;
  if (!is_there)
    lb_netns_spec_parse("*", &spec);
  return lb_settings_add_netns(settings, &spec, true);
}

static int add_label_request(struct lb_requests *requests,
                             struct lb_settings *settings, const char *label) {
  struct lb_request request = {.is_label = true};
  if (!lb_label_is_valid(label))
    return -EINVAL;
  snprintf(request.label, sizeof(request.label), "%s", label);
  memcpy(request.text, request.label, sizeof(request.text));
  int err = add_netns_of(settings, &request);
  settings->listening_ports |= request.is_netns || strchr(label, ':') != NULL;
  return err ? err : append_request(requests, &request);
}

int lb_requests_add(struct lb_requests *requests, struct lb_settings *settings,
                    const char *argument) {
  struct lb_ports ports;
  if (!lb_ports_parse(argument, &ports)) {
    settings->listening_ports = true;
    return add_ports(requests, ports);
  }
  settings->listening_paths = true;
  if (lb_unix_name_is_odd(argument))
    return -EINVAL;
  if (argument[0] == '@' || strchr(argument, '/'))
    return add_unix(requests, settings, argument);
  return add_label_request(requests, settings, argument);
}

static bool is_label(const char *label, const char *wanted) {
  size_t len = strlen(label), end = strlen(wanted);
  return end && len >= end && strcmp(label + len - end, wanted) == 0 &&
         (len == end || label[len - end - 1] == ':');
}

static bool has_match(const struct lb_requests *requests, const char *label) {
  for (size_t i = 0; i < requests->len; i++)
    if (requests->v[i].is_match && strcmp(requests->v[i].label, label) == 0)
      return true;
  return false;
}

int lb_requests_match(struct lb_requests *requests, const char *label,
                      const struct lb_unix_name *name) {
  struct lb_request match = {.is_match = true};
  for (size_t i = 0; i < requests->len; i++) {
    struct lb_request *request = &requests->v[i];
    if (!request->pattern.len ||
        !lb_unix_pattern_matches(&request->pattern, name))
      continue;
    request->is_matched = true;
    if (has_match(requests, label))
      continue;
    snprintf(match.label, sizeof(match.label), "%s", label);
    int err = append_request(requests, &match);
    if (err)
      return err;
  }
  return 0;
}

bool lb_request_matches(const struct lb_request *request, const char *label) {
  size_t len = strlen(request->label);
  if (request->is_netns)
    return strncmp(label, request->label, len) == 0 && label[len] == ':';
  if (request->is_match)
    return strcmp(label, request->label) == 0;
  return is_label(label, request->label);
}
