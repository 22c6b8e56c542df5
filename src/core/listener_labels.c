// SPDX-License-Identifier: MIT
/* Who gets which label. A claim that fails is repeated at each end of an
 * interval, because the label may have become free. */
#include "core/listeners_internal.h"

#include "base/messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char **label_of(struct lb_listeners *listeners, uint32_t which) {
  return which == LB_OF_NETNS ? &listeners->netns_label
                              : &listeners->v[which].listener.label;
}

static struct lb_claim *claim_of(struct lb_listeners *listeners,
                                 uint32_t which) {
  return which == LB_OF_NETNS ? &listeners->netns_claim
                              : &listeners->v[which].claim;
}

static bool is_in_use(const struct lb_listener *listener) {
  return listener->has_ports || listener->has_unix;
}

bool lb_listeners_is_foreign(const struct lb_listeners *listeners,
                             uint32_t which) {
  uint32_t owner = which == LB_OF_NETNS ? 0 : listeners->v[which].owner;
  return owner && listeners->netns->containers
             ? listeners->owners[owner - 1].is_foreign
             : listeners->netns->is_foreign;
}

static enum lb_label_rank rank_of(const struct lb_listeners *listeners,
                                  uint32_t which) {
  bool is_foreign = lb_listeners_is_foreign(listeners, which);
  if (which == LB_OF_NETNS) {
    if (lb_settings_name_netns(listeners->settings, listeners->netns))
      return LB_RANK_CONFIGURED;
    return is_foreign ? LB_RANK_FOREIGN : LB_RANK_NETNS;
  }
  const struct lb_listener *listener = &listeners->v[which].listener;
  if (listener->selection)
    return LB_RANK_CONFIGURED;
  if (listener->has_ports)
    return is_foreign ? LB_RANK_FOREIGN : LB_RANK_PORT;
  return listeners->v[which].is_file ? LB_RANK_UNIX_FILE : LB_RANK_UNIX_NAME;
}

/* The label without that of the namespace. */
static void write_own_label(const struct lb_listeners *listeners,
                            uint32_t which, char own[static LB_LABEL_SIZE]) {
  if (which == LB_OF_NETNS) {
    snprintf(own, LB_LABEL_SIZE, "%s", listeners->netns->label);
    return;
  }
  const struct lb_listener_entry *entry = &listeners->v[which];
  if (entry->listener.selection)
    snprintf(own, LB_LABEL_SIZE, "%s", entry->listener.selection->label);
  else if (entry->listener.has_ports)
    lb_label_of_port(own, (uint16_t)entry->source);
  else
    lb_label_of_unix_name(
        own, lb_unix_names_get(listeners->unix_names, entry->source));
}

/* What precedes the own label and ":"; "": nothing. */
static const char *prefix_of(const struct lb_listeners *listeners,
                             uint32_t which) {
  const struct lb_selection *selection =
      which == LB_OF_NETNS ? NULL : listeners->v[which].listener.selection;
  bool is_plain =
      which == LB_OF_NETNS ||
      (selection && lb_selection_is_plain(selection, listeners->netns));
  if (is_plain)
    return "";
  uint32_t owner = which == LB_OF_NETNS ? 0 : listeners->v[which].owner;
  return owner && listeners->netns->containers
             ? listeners->owners[owner - 1].label
             : listeners->netns->label;
}

/* Returns 0 or -ENAMETOOLONG, with the own label. */
static int write_label_of(const struct lb_listeners *listeners, uint32_t which,
                          char label[static LB_LABEL_SIZE]) {
  char own[LB_LABEL_SIZE];
  write_own_label(listeners, which, own);
  int err = lb_label_in(label, prefix_of(listeners, which), own);
  if (err)
    memcpy(label, own, sizeof(own));
  return err;
}

/* One that goes on keeps its number. */
static void note_conflict_of(struct lb_listeners *listeners, uint32_t which,
                             int err) {
  struct lb_claim *claim = claim_of(listeners, which);
  if (claim->err != err)
    *claim = (struct lb_claim){.err = err, .number = listeners->conflicts++};
}

/* Without memory a listener keeps the label that it had before a new name. */
struct lb_label_parts
lb_listeners_label_parts(const struct lb_listeners *listeners, size_t i) {
  const char *prefix = prefix_of(listeners, (uint32_t)i);
  const char *label = listeners->v[i].listener.label;
  size_t len = strlen(prefix);
  bool has_prefix =
      len && strncmp(label, prefix, len) == 0 && label[len] == ':';
  return (struct lb_label_parts){
      .netns = *prefix ? prefix : listeners->netns->label,
      .name = has_prefix ? label + len + 1 : label,
  };
}

/* --- claims -------------------------------------------------------------- */

static void lose_label(void *data, uint32_t which) {
  struct lb_listeners *listeners = data;
  *label_of(listeners, which) = NULL;
  note_conflict_of(listeners, which,
                   lb_listeners_has_gone_on(listeners, which) ? 0 : -EEXIST);
}

int lb_listeners_claim(struct lb_listeners *listeners, uint32_t which) {
  char label[LB_LABEL_SIZE];
  int err = write_label_of(listeners, which, label);
  if (!err)
    err = lb_label_registry_claim(
        listeners->labels, label, rank_of(listeners, which),
        (struct lb_label_holder){lose_label, listeners, which,
                                 lb_listeners_yield},
        label_of(listeners, which));
  if (err == -ENOMEM)
    return err;
  note_conflict_of(listeners, which, err);
  return 0;
}

void lb_listeners_release(struct lb_listeners *listeners, uint32_t which) {
  const char **label = label_of(listeners, which);
  lb_label_registry_release(listeners->labels, *label);
  *label = NULL;
}

static bool may_claim(const struct lb_listeners *listeners, uint32_t which) {
  return is_in_use(&listeners->v[which].listener) &&
         !lb_listeners_has_gone_on(listeners, which);
}

void lb_listeners_claim_again(struct lb_listeners *listeners) {
  if (!listeners->netns_label)
    lb_listeners_claim(listeners, LB_OF_NETNS);
  for (size_t i = 0; i < listeners->len; i++)
    if (!listeners->v[i].listener.label && may_claim(listeners, (uint32_t)i))
      lb_listeners_claim(listeners, (uint32_t)i);
}

static int rename_one(struct lb_listeners *listeners, uint32_t which) {
  const char **label = label_of(listeners, which);
  char now[LB_LABEL_SIZE];
  if (*label && !write_label_of(listeners, which, now) &&
      strcmp(*label, now) == 0)
    return 0;
  lb_listeners_release(listeners, which);
  if (which != LB_OF_NETNS)
    listeners->v[which].listener.sent.time = 0;
  return lb_listeners_claim(listeners, which);
}

/* The sent counters stay: they are the base of the first values under the new
 * label. */
int lb_listeners_rename(struct lb_listeners *listeners) {
  int err = rename_one(listeners, LB_OF_NETNS);
  for (size_t i = 0; i < listeners->len && !err; i++)
    if (may_claim(listeners, (uint32_t)i))
      err = rename_one(listeners, (uint32_t)i);
  return err;
}

/* --- conflicts ----------------------------------------------------------- */

static void write_unix_source(const struct lb_unix_name *name,
                              char source[static LB_SOURCE_SIZE]) {
  int is_abstract = name->bytes[0] == '\0';
  snprintf(source, LB_SOURCE_SIZE, LB_SOURCE_UNIX, is_abstract ? "@" : "",
           name->len - is_abstract, name->bytes + is_abstract);
}

static void write_source(const struct lb_listeners *listeners, uint32_t which,
                         char source[static LB_SOURCE_SIZE]) {
  const struct lb_listener_entry *entry = &listeners->v[which];
  if (which == LB_OF_NETNS) {
    snprintf(source, LB_SOURCE_SIZE, LB_SOURCE_NETNS);
  } else if (entry->listener.selection) {
    lb_selection_format(entry->listener.selection, source);
  } else if (entry->listener.has_ports) {
    snprintf(source, LB_SOURCE_SIZE, LB_SOURCE_PORT, entry->source);
  } else {
    write_unix_source(lb_unix_names_get(listeners->unix_names, entry->source),
                      source);
  }
}

void lb_listeners_write_conflict(const struct lb_listeners *listeners,
                                 const struct lb_listen_sock *sock,
                                 struct lb_conflict *out) {
  const struct lb_unix_name *name = lb_listeners_unix_name(listeners, sock);
  lb_label_of_unix_name(out->label, name);
  write_unix_source(name, out->source);
}

static bool is_news(const struct lb_listeners *listeners, uint32_t which,
                    int err) {
  if (which != LB_OF_NETNS && !is_in_use(&listeners->v[which].listener))
    return false;
  const struct lb_claim *claim = which == LB_OF_NETNS
                                     ? &listeners->netns_claim
                                     : &listeners->v[which].claim;
  return claim->err == err && !claim->is_told;
}

/* Of a higher rank, or the older one. */
static bool is_more_urgent(struct lb_listeners *listeners, uint32_t a,
                           uint32_t b) {
  enum lb_label_rank left = rank_of(listeners, a),
                     right = rank_of(listeners, b);
  if (left != right)
    return left > right;
  return (int32_t)(claim_of(listeners, a)->number -
                   claim_of(listeners, b)->number) < 0;
}

bool lb_listeners_next_conflict(struct lb_listeners *listeners, int err,
                                struct lb_conflict *out) {
  uint32_t best = LB_OF_NETNS;
  bool has_news = is_news(listeners, LB_OF_NETNS, err);
  for (uint32_t i = 0; i < listeners->len; i++) {
    if (!is_news(listeners, i, err) ||
        (has_news && !is_more_urgent(listeners, i, best)))
      continue;
    best = i;
    has_news = true;
  }
  if (!has_news)
    return false;
  *out = (struct lb_conflict){.err = err, .which = best};
  write_label_of(listeners, best, out->label);
  write_source(listeners, best, out->source);
  return true;
}

void lb_listeners_told_conflict(struct lb_listeners *listeners,
                                const struct lb_conflict *conflict) {
  claim_of(listeners, conflict->which)->is_told = true;
}
