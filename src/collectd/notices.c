// SPDX-License-Identifier: MIT
#include "collectd/notices.h"

#include <errno.h>

#define PAUSE TIME_T_TO_CDTIME_T(60)

static bool is_due(const struct lb_notices *notices, cdtime_t logged) {
  return logged == 0 || notices->now - logged >= PAUSE;
}

bool lb_names_add(char text[static LB_NAMES_SIZE], size_t *len,
                  const char *item) {
  size_t room = LB_NAMES_SIZE - *len;
  int n = snprintf(text + *len, room, "%s%s", *len ? ", " : "", item);
  if (n < 0 || (size_t)n >= room) {
    text[*len] = '\0';
    return false;
  }
  *len += (size_t)n;
  return true;
}

/* --- hints --------------------------------------------------------------- */

/* By port; those without a port last, by label. */
static bool comes_before(const struct lb_hint *a, const struct lb_hint *b) {
  uint16_t left = (uint16_t)(a->port - 1), right = (uint16_t)(b->port - 1);
  return left != right ? left < right : strcmp(a->label, b->label) < 0;
}

struct hint_visit {
  struct lb_notices *notices;
  struct lb_collector *collector;
};

/* Keeps as many as a line can have at most. */
static void note_hint(void *data, const struct lb_hint *hint) {
  const struct hint_visit *visit = data;
  struct lb_hint_line *line = &visit->notices->hints[hint->kind];
  if (!is_due(visit->notices, line->logged) ||
      (line->len && line->v[0].hint.somaxconn != hint->somaxconn))
    return;
  line->count++;
  size_t at = line->len;
  while (at > 0 && comes_before(hint, &line->v[at - 1].hint))
    at--;
  if (at == LB_MOST_HINTS)
    return;
  if (line->len < LB_MOST_HINTS)
    line->len++;
  memmove(&line->v[at + 1], &line->v[at],
          (line->len - 1 - at) * sizeof(line->v[0]));
  line->v[at] = (struct lb_noted_hint){visit->collector, *hint};
}

/* Only when a hint is told: it may walk through all control groups. */
static bool get_unit(struct lb_notices *notices, const struct lb_hint *hint,
                     char unit[static LB_UNIT_SIZE]) {
  const char *dir = notices->cgroup_dir ? notices->cgroup_dir : LB_CGROUP_DIR;
  const char *path = lb_cgroups_path(&notices->cgroups, dir, hint->cgroup);
  return path && lb_cgroup_unit(path, unit);
}

static bool add_hint(struct lb_notices *notices,
                     char text[static LB_NAMES_SIZE], size_t *len,
                     const struct lb_hint *hint) {
  char item[LB_LABEL_SIZE + LB_UNIT_SIZE + 48], unit[LB_UNIT_SIZE];
  bool has_unit = get_unit(notices, hint, unit);
  if (has_unit && hint->sockets > 1)
    snprintf(item, sizeof(item), LB_TEXT_SOCKETS_UNIT, hint->label,
             hint->sockets, unit);
  else if (has_unit)
    snprintf(item, sizeof(item), LB_TEXT_UNIT, hint->label, unit);
  else if (hint->sockets > 1)
    snprintf(item, sizeof(item), LB_TEXT_SOCKETS, hint->label, hint->sockets);
  else
    snprintf(item, sizeof(item), "%s", hint->label);
  return lb_names_add(text, len, item);
}

static void log_hint(enum lb_hint_kind kind, unsigned count, const char *names,
                     const char *more, uint32_t somaxconn) {
  const char *plural = count > 1 ? "s" : "";
  switch (kind) {
  case LB_HINT_AT_SOMAXCONN:
    lb_log(LOG_INFO, LB_MSG_AT_SOMAXCONN, plural, names, more, somaxconn);
    break;
  case LB_HINT_SOMAXCONN_RAISED:
    lb_log(LOG_INFO, LB_MSG_SOMAXCONN_RAISED, plural, names, more, somaxconn);
    break;
  default:
    lb_log(LOG_INFO, LB_MSG_OVERFLOWED, plural, names, more, somaxconn);
  }
}

static void end_hints(struct lb_notices *notices, enum lb_hint_kind kind) {
  struct lb_hint_line *line = &notices->hints[kind];
  char names[LB_NAMES_SIZE] = "", more[48] = "";
  size_t len = 0, told = 0;
  if (!line->len)
    return;
  while (told < line->len &&
         add_hint(notices, names, &len, &line->v[told].hint)) {
    lb_collector_told_hint(line->v[told].collector, &line->v[told].hint);
    told++;
  }
  if (line->count > told)
    snprintf(more, sizeof(more), LB_TEXT_AND_LATER,
             line->count - (unsigned)told);
  log_hint(kind, line->count, names, more, line->v[0].hint.somaxconn);
  line->logged = notices->now;
}

/* --- conflicts ----------------------------------------------------------- */

static const int kinds[LB_CONFLICT_KINDS] = {-EEXIST, -ENAMETOOLONG, -ESTALE};

/* Returns whether there may be room for more. */
static bool note_conflict(struct lb_notices *notices, int kind,
                          struct lb_collector *collector) {
  struct lb_conflict conflict;
  char item[LB_MESSAGE_SIZE];
  if (!lb_collector_next_conflict(collector, kinds[kind], &conflict))
    return false;
  snprintf(item, sizeof(item), LB_TEXT_CONFLICT, conflict.source,
           conflict.label);
  if (!lb_names_add(notices->conflicts[kind].text,
                    &notices->conflicts[kind].len, item))
    return false;
  lb_collector_told_conflict(collector, &conflict);
  return true;
}

static void end_conflicts(struct lb_notices *notices, int kind) {
  char text[LB_MESSAGE_SIZE];
  if (!notices->conflicts[kind].len)
    return;
  lb_log(kinds[kind] == -ESTALE ? LOG_WARNING : LOG_ERR, "%s",
         lb_label_refused(text, kinds[kind], notices->conflicts[kind].text));
  notices->conflicts[kind].logged = notices->now;
}

/* --- a read -------------------------------------------------------------- */

void lb_notices_begin(struct lb_notices *notices, cdtime_t now) {
  notices->now = now;
  for (int kind = 0; kind < LB_HINT_KINDS; kind++)
    notices->hints[kind].len = notices->hints[kind].count = 0;
  for (int kind = 0; kind < LB_CONFLICT_KINDS; kind++)
    notices->conflicts[kind].len = 0;
}

void lb_notices_add(struct lb_notices *notices,
                    struct lb_collector *collector) {
  struct hint_visit visit = {notices, collector};
  lb_collector_visit_hints(collector, note_hint, &visit);
  for (int kind = 0; kind < LB_CONFLICT_KINDS; kind++)
    while (is_due(notices, notices->conflicts[kind].logged) &&
           note_conflict(notices, kind, collector))
      ;
}

void lb_notices_end(struct lb_notices *notices) {
  for (enum lb_hint_kind kind = 0; kind < LB_HINT_KINDS; kind++)
    end_hints(notices, kind);
  for (int kind = 0; kind < LB_CONFLICT_KINDS; kind++)
    end_conflicts(notices, kind);
}

void lb_notices_free(struct lb_notices *notices) {
  lb_cgroups_free(&notices->cgroups);
}
