// SPDX-License-Identifier: MIT
#include "kernel/container_path.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  ID_DIGITS = LB_CONTAINER_ID_SIZE - 1,
  UID_BYTES = LB_POD_UID_SIZE - 1,
  UID_DIGITS = 32, /* of a static pod: a hash */
};

/* One component of the path. */
struct part {
  const char *text;
  size_t len;
};

static bool is_part(struct part part, const char *text) {
  return part.len == strlen(text) && memcmp(part.text, text, part.len) == 0;
}

static bool take_prefix(struct part *part, const char *prefix) {
  size_t len = strlen(prefix);
  if (part->len <= len || memcmp(part->text, prefix, len) != 0)
    return false;
  part->text += len;
  part->len -= len;
  return true;
}

static bool take_suffix(struct part *part, const char *suffix) {
  size_t len = strlen(suffix);
  if (part->len <= len ||
      memcmp(part->text + part->len - len, suffix, len) != 0)
    return false;
  part->len -= len;
  return true;
}

static bool are_digits(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!isxdigit((unsigned char)text[i]))
      return false;
  return true;
}

/* "ID", "docker-ID" and the like. */
static bool take_id(struct lb_container_path *out, struct part part) {
  take_suffix(&part, ".scope");
  if (part.len < ID_DIGITS)
    return false;
  const char *id = part.text + part.len - ID_DIGITS;
  if ((id > part.text && id[-1] != '-') || !are_digits(id, ID_DIGITS))
    return false;
  out->is_podman = id - part.text >= 7 && memcmp(id - 7, "libpod-", 7) == 0;
  memcpy(out->id, id, ID_DIGITS);
  out->id[ID_DIGITS] = '\0';
  return true;
}

static bool take_uid(struct lb_container_path *out, struct part part,
                     size_t len) {
  const char *uid = part.text + part.len - len;
  if (part.len < len + 3 || memcmp(uid - 3, "pod", 3) != 0 ||
      (uid - 3 > part.text && uid[-4] != '-'))
    return false;
  for (size_t i = 0; i < len; i++)
    out->pod[i] = (char)(uid[i] == '_' ? '-' : uid[i]);
  out->pod[len] = '\0';
  return true;
}

/* systemd's driver has "_" for each "-" of the UID. */
static bool take_pod(struct lb_container_path *out, struct part part) {
  take_suffix(&part, ".slice");
  return take_uid(out, part, UID_BYTES) || take_uid(out, part, UID_DIGITS);
}

/* "\x2d" is the "-" of a name in the name of a unit. */
static bool take_name(struct lb_container_path *out, struct part part) {
  size_t len = 0;
  unsigned byte;
  for (size_t i = 0; i < part.len && len + 1 < sizeof(out->machine); i++) {
    out->machine[len] = part.text[i];
    if (part.len - i >= 4 && memcmp(part.text + i, "\\x", 2) == 0 &&
        are_digits(part.text + i + 2, 2) &&
        sscanf(part.text + i + 2, "%2x", &byte) == 1) { // NOLINT(cert-err34-c)
      out->machine[len] = (char)byte;
      i += 3;
    }
    len++;
  }
  out->machine[len] = '\0';
  return true;
}

static bool take_machine(struct lb_container_path *out, struct part part,
                         struct part parent) {
  if (take_suffix(&part, ".scope"))
    return take_prefix(&part, "machine-") && take_name(out, part);
  if (take_suffix(&part, ".service"))
    return take_prefix(&part, "systemd-nspawn@") && take_name(out, part);
  return (is_part(parent, "lxc") || take_prefix(&part, "lxc.payload.")) &&
         take_name(out, part);
}

/* "user-1000.slice". systemd has no other form of the number. */
static unsigned user_of(struct part part) {
  char canonical[sizeof("4294967295")];
  if (!take_prefix(&part, "user-") || !take_suffix(&part, ".slice"))
    return 0;
  unsigned user = (unsigned)strtoul(part.text, NULL, 10);
  snprintf(canonical, sizeof(canonical), "%u", user);
  return is_part(part, canonical) ? user : 0;
}

/* Only root makes groups in "/user.slice", but any user below the own one. */
static void take_slice(struct lb_container_path *out, struct part part,
                       struct part parent, unsigned depth) {
  if (depth != 1 || !is_part(parent, "user.slice"))
    return;
  out->user = user_of(part);
  out->is_foreign = !is_part(part, "user-0.slice");
}

static void take_part(struct lb_container_path *out, struct part part,
                      struct part parent) {
  struct lb_container_path inner = {
      .user = out->user,
      .is_foreign = out->is_foreign || out->id[0] || out->machine[0]};
  if (take_id(&inner, part)) {
    memcpy(inner.pod, out->pod, sizeof(inner.pod));
    *out = inner;
  } else if (take_pod(&inner, part) || take_machine(&inner, part, parent)) {
    *out = inner;
  }
}

/* What is inside of a machine or a container is named after that alone. ".."
 * is outside of the namespace of control groups that collectd is in. */
struct lb_container_path lb_container_path_parse(const char *path) {
  struct lb_container_path out = {.user = 0};
  struct part parent = {"", 0};
  unsigned depth = 0;
  while (*path) {
    path += *path == '/';
    struct part part = {path, strcspn(path, "/")};
    path += part.len;
    if (part.len == 0 || is_part(part, ".."))
      continue;
    take_slice(&out, part, parent, depth++);
    take_part(&out, part, parent);
    parent = part;
  }
  return out;
}
