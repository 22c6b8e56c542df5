// SPDX-License-Identifier: MIT
/* All blocks together. A label belongs to the item that comes first in the
 * configuration. */
#include "collectd/options_internal.h"

#include "base/array.h"
#include "base/label.h"
#include "base/messages.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SAMPLE 0.1
#define MIN_SAMPLE 0.001

/* --- values outside of blocks -------------------------------------------- */

static void report_port_labels(const struct lb_error_sink *errors,
                               const struct lb_ports *ports, unsigned conflicts,
                               unsigned first) {
  char range[LB_LABEL_SIZE], labels[48] = "";
  if (ports->first == ports->last) {
    lb_label_of_port(range, ports->first);
  } else {
    snprintf(range, sizeof(range), "%u-%u", ports->first, ports->last);
    snprintf(labels, sizeof(labels),
             conflicts > 1 ? LB_TEXT_LABELS : LB_TEXT_LABEL, first,
             conflicts - 1);
  }
  lb_report(errors, LB_MSG_PORT_LABEL, range, labels);
}

/* One listener per port. */
static int select_ports(struct lb_settings *settings,
                        const struct lb_ports *ports,
                        const struct lb_error_sink *errors) {
  unsigned conflicts = 0, first = 0;
  for (unsigned port = ports->first; port <= ports->last; port++) {
    int err = lb_settings_add_port(settings, (uint16_t)port);
    if (err == -ENOMEM)
      return err;
    if (err && conflicts++ == 0)
      first = port;
  }
  if (conflicts)
    report_port_labels(errors, ports, conflicts, first);
  return 0;
}

static int select_unix_name(struct lb_settings *settings,
                            const struct lb_unix_name *name,
                            const struct lb_error_sink *errors) {
  int err = lb_settings_add_unix_name(settings, name);
  if (err != -EEXIST)
    return err;
  char label[LB_LABEL_SIZE], text[LB_UNIX_NAME_TEXT_SIZE];
  lb_label_of_unix_name(label, name);
  lb_unix_name_format(name, text);
  lb_report(errors, LB_MSG_PATH_LABEL, text, label);
  return 0;
}

/* Returns 0, -ENOMEM, or -EEXIST, which it reports. */
static int select_netns(struct lb_settings *settings,
                        const struct lb_context *context,
                        const struct lb_netns_spec *spec, bool for_all) {
  int err = lb_settings_add_netns(settings, spec, for_all);
  if (err != -EEXIST)
    return err;
  const oconfig_value_t value = {.type = OCONFIG_TYPE_STRING,
                                 .value = {.string = (char *)spec->text}};
  lb_report(context->errors, LB_MSG_NETNS_LABEL,
            lb_item_text(context, "NetNamespace", &value).at, spec->label);
  return err;
}

static int add_value(struct lb_settings *settings,
                     const struct lb_selection *value,
                     const struct lb_error_sink *errors) {
  const struct lb_context context = {.errors = errors};
  int err = 0;
  if (value->netns_len)
    err = select_netns(settings, &context, value->netns, true);
  else if (value->unix_names_len)
    err = select_unix_name(settings, value->unix_names, errors);
  else if (value->patterns_len)
    err = lb_settings_add_pattern(settings, value->patterns);
  else if (value->ports_len)
    err = select_ports(settings, value->ports, errors);
  return err == -EEXIST ? 0 : err;
}

static int ignore_value(struct lb_settings *settings,
                        const struct lb_selection *value) {
  if (value->unix_names_len)
    return lb_settings_ignore_unix_name(settings, value->unix_names);
  if (value->patterns_len)
    return lb_settings_ignore_pattern(settings, value->patterns);
  for (unsigned port = value->ports->first; port <= value->ports->last; port++)
    lb_portset_add(&settings->ignored, (uint16_t)port);
  return 0;
}

/* --- <Listener> blocks --------------------------------------------------- */

static bool has_netns(const struct lb_selection *selection,
                      const struct lb_netns_spec *spec) {
  for (size_t i = 0; i < selection->netns_len; i++)
    if (strcmp(selection->netns[i].path, spec->path) == 0)
      return true;
  return false;
}

/* Adds a block's namespaces to those to sample, and to the selection each that
 * has a label, once in whatever spelling. Returns 0 or -ENOMEM. */
static int add_listener_netns(struct lb_settings *settings,
                              const struct lb_selection *block,
                              struct lb_selection *selection,
                              const struct lb_error_sink *errors) {
  const struct lb_context context = {.errors = errors,
                                     .listener = block->label};
  int err = 0;
  for (size_t i = 0; i < block->netns_len && err != -ENOMEM; i++) {
    const struct lb_netns_spec *spec = &block->netns[i];
    err = select_netns(settings, &context, spec, false);
    if (!err && !has_netns(selection, spec))
      err = lb_append(&selection->netns, &selection->netns_len, spec, 1,
                      sizeof(*spec));
  }
  return err == -ENOMEM ? err : 0;
}

/* Returns 0, -ENOMEM, or -EEXIST if the block is ignored, which it reports. */
static int add_listener_label(struct lb_settings *settings,
                              const struct lb_selection *selection,
                              bool has_lost_netns,
                              const struct lb_error_sink *errors) {
  if (has_lost_netns) {
    lb_report(errors, LB_MSG_LISTENER_WITHOUT, selection->label,
              "NetNamespace");
    return -EEXIST;
  }
  int err = lb_settings_add(settings, selection);
  if (err == -EEXIST)
    lb_report(errors, LB_MSG_LISTENER_LIKE_NETNS, selection->label);
  return err;
}

/* The namespaces of an ignored block are not sampled for it. */
static int add_listener(struct lb_settings *settings,
                        const struct lb_selection *block,
                        const struct lb_error_sink *errors) {
  if (lb_settings_has_label(settings, block->label)) {
    lb_report(errors, LB_MSG_LISTENER_LABEL, block->label);
    return 0;
  }
  size_t before = settings->netns_len;
  struct lb_selection selection = *block;
  selection.netns = NULL;
  selection.netns_len = 0;
  int err = add_listener_netns(settings, block, &selection, errors);
  if (!err)
    err = add_listener_label(settings, &selection,
                             block->netns_len && !selection.netns_len, errors);
  if (err)
    settings->netns_len = before;
  free(selection.netns);
  return err == -EEXIST ? 0 : err;
}

/* --- other options ------------------------------------------------------- */

/* collectd keeps its interval in units of 2^-30 s, so 0.1 is not quite 0.1. */
#define SLACK 1e-6

static double choose_sample(const struct lb_options *options, double interval_s,
                            const struct lb_error_sink *errors) {
  double result = interval_s > DEFAULT_SAMPLE + SLACK ? DEFAULT_SAMPLE : 0;
  char expected[128];
  snprintf(expected, sizeof(expected), LB_EXPECT_SAMPLE_NOW, interval_s);
  for (size_t i = 0; i < options->samples_len; i++) {
    const struct lb_sample_value *sample = &options->samples[i];
    double seconds = sample->seconds;
    if (seconds == 0)
      result = 0;
    else if (seconds >= MIN_SAMPLE && seconds <= interval_s + SLACK)
      result = seconds < interval_s ? seconds : interval_s;
    else
      lb_report(errors, LB_MSG_BAD_VALUE, sample->item.at,
                isnan(seconds) ? LB_WHY_NUMBER : LB_WHY_RANGE, expected);
  }
  return result;
}

/* IgnoreSelected implies ListeningPorts, unless it excludes UNIX names alone
 * and ListeningPaths is there to exclude them from. Returns 0 or -ENOENT. */
static int choose_listening(struct lb_settings *settings,
                            const struct lb_options *options) {
  bool ports = options->tried_port, paths = options->tried_path;
  bool others = options->listening_paths;
  bool ignoring = options->ignore_selected && (ports || (paths && !others));
  bool selected = options->tried_listener || others ||
                  ((ports || paths) && !options->ignore_selected);
  settings->listening_paths = others;
  settings->listening_ports = options->listening_ports_given
                                  ? options->listening_ports
                                  : ignoring || !selected;
  if (settings->selections_len || settings->patterns_len ||
      settings->listening_ports || others)
    return 0;
  if (selected)
    return -ENOENT;
  settings->listening_ports = true;
  return 0;
}

/* --- labels while collectd runs ------------------------------------------ */

/* ListeningPorts must not report port 8080 if a <Listener "8080"> has its
 * label. */
static void hide_labelled_ports(struct lb_settings *settings,
                                const struct lb_error_sink *errors) {
  char item[LB_SELECTION_TEXT_SIZE];
  for (size_t i = 0; i < settings->selections_len; i++) {
    const struct lb_selection *selection = &settings->selections[i];
    uint16_t port = lb_label_port(selection->label);
    if (!port || lb_portset_has(&settings->ignored, port) ||
        lb_selection_has_port(selection, port))
      continue;
    lb_portset_add(&settings->ignored, port);
    lb_selection_format(selection, item);
    lb_report(errors, LB_MSG_PORT_HIDDEN, item, port);
  }
}

static void report_long_labels(const struct lb_settings *settings,
                               const struct lb_netns_ref *ref,
                               const struct lb_error_sink *errors) {
  char label[LB_LABEL_SIZE], item[LB_SELECTION_TEXT_SIZE],
      text[LB_MESSAGE_SIZE];
  for (size_t i = 0; i < settings->selections_len; i++) {
    const struct lb_selection *selection = &settings->selections[i];
    if (!lb_selection_applies(settings, selection, ref) ||
        lb_selection_is_plain(selection, ref) ||
        lb_label_in(label, ref->label, selection->label) == 0)
      continue;
    lb_selection_format(selection, item);
    snprintf(text, sizeof(text), LB_TEXT_TOO_LONG, item, ref->label,
             selection->label);
    lb_report(errors, LB_MSG_LABEL_TOO_LONG, text);
  }
}

/* --- all ----------------------------------------------------------------- */

static int add_all(struct lb_settings *settings,
                   const struct lb_options *options,
                   const struct lb_error_sink *errors) {
  int err = 0;
  for (size_t i = 0; i < options->selections_len && !err; i++) {
    const struct lb_selection *selection = &options->selections[i];
    if (selection->label)
      err = add_listener(settings, selection, errors);
    else if (options->ignore_selected && !selection->netns_len)
      err = ignore_value(settings, selection);
    else
      err = add_value(settings, selection, errors);
  }
  return err;
}

int lb_options_settings(const struct lb_options *options, double interval_s,
                        struct lb_settings *out,
                        const struct lb_error_sink *errors) {
  struct lb_settings settings = {.inspect = options->inspect};
  int err = add_all(&settings, options, errors);
  if (!err) {
    settings.sample_s = choose_sample(options, interval_s, errors);
    err = choose_listening(&settings, options);
  }
  if (err) {
    lb_settings_free(&settings);
    return err;
  }
  if (settings.listening_ports)
    hide_labelled_ports(&settings, errors);
  for (size_t i = 0; i < settings.netns_len; i++) {
    const struct lb_netns_spec *spec = &settings.netns[i].spec;
    const struct lb_netns_ref ref = {.path = spec->path, .label = spec->label};
    if (spec->path[0])
      report_long_labels(&settings, &ref, errors);
  }
  *out = settings;
  return 0;
}
