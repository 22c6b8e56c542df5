// SPDX-License-Identifier: MIT
/* Blocks: which option may be where. Nothing is judged before all blocks are
 * read, because IgnoreSelected may follow the LocalPort lines that it inverts.
 */
#include "collectd/options_internal.h"

#include "base/array.h"
#include "base/label.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SAMPLE_FORM "0, or seconds from 0.001 to the interval"

int lb_options_new(struct lb_options **out) {
  struct lb_options *options = calloc(1, sizeof(*options));
  if (!options)
    return -ENOMEM;
  *out = options;
  return 0;
}

void lb_options_free(struct lb_options *options) {
  if (!options)
    return;
  for (size_t i = 0; i < options->selections_len; i++)
    lb_selection_free(&options->selections[i]);
  free(options->selections);
  free(options->samples);
  free(options);
}

/* --- errors -------------------------------------------------------------- */

void lb_report_error(const struct lb_error_sink *errors, const char *format,
                     ...) {
  char sentence[512];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof(sentence), format, args);
  va_end(args);
  for (char *c = sentence; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  errors->error(errors->data, sentence);
}

struct lb_value_text lb_value_text(const oconfig_value_t *value) {
  struct lb_value_text text;
  switch (value->type) {
  case OCONFIG_TYPE_STRING:
    snprintf(text.at, sizeof(text.at), "\"%.80s\"", value->value.string);
    break;
  case OCONFIG_TYPE_NUMBER:
    snprintf(text.at, sizeof(text.at), "%.15g", value->value.number);
    break;
  default:
    snprintf(text.at, sizeof(text.at), "%s",
             value->value.boolean ? "true" : "false");
  }
  return text;
}

void lb_reject(const struct lb_context *context, const char *option,
               const char *value, const char *why, const char *expected) {
  lb_report_error(context->errors, "%s%s%s%s%.64s%s: %s; accepted is %s",
                  option, *value ? " " : "", value,
                  context->listener ? " in <Listener \"" : "",
                  context->listener ? context->listener : "",
                  context->listener ? "\">" : "", why, expected);
}

/* --- blocks -------------------------------------------------------------- */

static lb_values_reader read_listener;

enum { IN_PLUGIN = 1, IN_LISTENER = 2, IN_BOTH = IN_PLUGIN | IN_LISTENER };

enum role { NONE, PORT, PATH, LISTENER, ADDRESS, NETNS };

static const struct known_option {
  const char *name;
  const char *form; /* of its values */
  lb_values_reader *read;
  unsigned where;
  enum role role; /* in a selection */
} known_options[] = {
    {"LocalPort", LB_PORTS_FORM, lb_read_local_port, IN_BOTH, PORT},
    {"LocalAddress", "a numeric IPv4 or IPv6 address", lb_read_local_address,
     IN_LISTENER, ADDRESS},
    {"ListeningPorts", "true or false", lb_read_listening_ports, IN_PLUGIN,
     NONE},
    {"IgnoreSelected", "true or false", lb_read_ignore_selected, IN_PLUGIN,
     NONE},
    {"Listener", "a block with a name, <Listener \"name\">", read_listener,
     IN_PLUGIN, LISTENER},
    {"LocalPath", LB_UNIX_NAME_FORM, lb_read_local_path, IN_BOTH, PATH},
    {"ListeningPaths", "true or false", lb_read_listening_paths, IN_PLUGIN,
     NONE},
    {"NetNamespace", LB_NETNS_FORM, lb_read_net_namespace, IN_BOTH, NETNS},
    {"SampleInterval", SAMPLE_FORM, lb_read_sample_interval, IN_PLUGIN, NONE},
    {"InspectQueue", "true or false", lb_read_inspect_queue, IN_PLUGIN, NONE},
};

static const struct known_option *find_option(const char *name) {
  for (size_t i = 0; i < sizeof(known_options) / sizeof(known_options[0]); i++)
    if (strcasecmp(known_options[i].name, name) == 0)
      return &known_options[i];
  return NULL;
}

/* What the configuration tries to select, whether the value is good or bad. */
static void note_role(struct lb_options *options, enum role role) {
  options->tried_port |= role == PORT;
  options->tried_path |= role == PATH;
  options->tried_listener |= role == LISTENER;
}

static void reject_unknown(const struct lb_context *context, const char *key,
                           const oconfig_item_t *item) {
  struct lb_value_text text = {""};
  if (item->values_num)
    text = lb_value_text(&item->values[0]);
  lb_reject(context, key, text.at,
            item->children_num ? "unknown block" : "unknown option",
            context->listener
                ? "LocalPort, LocalAddress, LocalPath and NetNamespace"
                : "LocalPort, LocalPath, ListeningPorts, ListeningPaths, "
                  "IgnoreSelected, NetNamespace, SampleInterval, InspectQueue "
                  "and <Listener>");
}

static int read_item(struct lb_context *context, const oconfig_item_t *item) {
  const struct known_option *option = find_option(item->key);
  unsigned here = context->listener ? IN_LISTENER : IN_PLUGIN;
  bool is_block = item->children_num > 0;
  char key[80];
  snprintf(key, sizeof(key), is_block ? "<%.64s>" : "%.64s", item->key);
  if (!option || !(option->where & here)) {
    reject_unknown(context, key, item);
    return 0;
  }
  if (!context->listener)
    note_role(context->options, option->role);
  bool is_wrong_block = is_block && option->role != LISTENER;
  if (!is_wrong_block && item->values_num)
    return option->read(context, item);
  lb_reject(context, key, "",
            is_wrong_block ? "an option, not a block" : "no value",
            option->form);
  context->lost_address |= option->role == ADDRESS;
  context->lost_netns |= option->role == NETNS;
  return 0;
}

static int read_items(struct lb_context *context, const oconfig_item_t *block) {
  int err = 0;
  for (int i = 0; i < block->children_num && !err; i++)
    err = read_item(context, &block->children[i]);
  return err;
}

static const char no_namespace[] =
    "it has no NetNamespace that can be used; accepted is a good one, or none "
    "at all to look where others are looked for";

/* A bad selector must not make a block select more than was meant: a block
 * without a good port or path, with bad addresses only or with bad namespaces
 * only is ignored. */
static const char *why_unusable(const struct lb_context *inside) {
  const struct lb_selection *selection = inside->selection;
  if (selection->ports_len == 0 && selection->unix_names_len == 0)
    return "it has no LocalPort and no LocalPath that can be used; accepted is "
           "at least one";
  if (inside->lost_address && selection->addresses_len == 0 &&
      selection->ports_len > 0)
    return "it has no LocalAddress that can be used; accepted is a good one, "
           "or none at all for any address";
  if (inside->lost_netns && selection->netns_len == 0)
    return no_namespace;
  return NULL;
}

static int read_listener(struct lb_context *context,
                         const oconfig_item_t *item) {
  struct lb_options *options = context->options;
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type != OCONFIG_TYPE_STRING ||
      !lb_label_is_valid(value->value.string)) {
    lb_reject(context, "Listener", lb_value_text(value).at, "not one name",
              "a name in quotes of 1 to 127 bytes, without \"/\" and control "
              "characters");
    return 0;
  }
  struct lb_selection selection = {.label = strdup(value->value.string)};
  struct lb_context inside = {.options = options,
                              .errors = context->errors,
                              .listener = value->value.string,
                              .selection = &selection};
  int err = selection.label ? read_items(&inside, item) : -ENOMEM;
  const char *why = err ? NULL : why_unusable(&inside);
  if (why)
    lb_report_error(context->errors, "<Listener \"%.64s\"> is left out: %s",
                    inside.listener, why);
  else if (!err)
    err = lb_append(&options->selections, &options->selections_len, &selection,
                    1, sizeof(selection));
  if (why || err)
    lb_selection_free(&selection);
  return err;
}

int lb_options_block(struct lb_options *options, const oconfig_item_t *block,
                     const struct lb_error_sink *errors) {
  struct lb_context context = {.options = options, .errors = errors};
  return read_items(&context, block);
}
