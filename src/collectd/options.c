// SPDX-License-Identifier: MIT
/* Blocks: which option may be where. Nothing is judged before all blocks are
 * read, because IgnoreSelected may follow the LocalPort lines that it inverts.
 */
#include "collectd/options_internal.h"

#include "base/array.h"
#include "base/label.h"
#include "base/messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int lb_options_new(struct lb_options **out) {
  struct lb_options *options = calloc(1, sizeof(*options));
  if (!options)
    return -ENOMEM;
  options->inspect = LB_INSPECT_AUTO;
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

void lb_report(const struct lb_error_sink *errors, const char *format, ...) {
  char sentence[LB_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  lb_vmessage(sentence, format, args);
  va_end(args);
  errors->error(errors->data, sentence);
}

static void format_value(const oconfig_value_t *value, char *text,
                         size_t size) {
  switch (value->type) {
  case OCONFIG_TYPE_STRING:
    snprintf(text, size, " \"%.80s\"", value->value.string);
    break;
  case OCONFIG_TYPE_NUMBER:
    snprintf(text, size, " %.15g", value->value.number);
    break;
  default:
    snprintf(text, size, " %s", value->value.boolean ? "true" : "false");
  }
}

struct lb_item_text lb_item_text(const struct lb_context *context,
                                 const char *name,
                                 const oconfig_value_t *value) {
  struct lb_item_text item;
  char text[96] = "", place[96] = "";
  bool is_block = name[0] == '<';
  if (value)
    format_value(value, text, sizeof(text));
  if (context->listener)
    snprintf(place, sizeof(place), LB_IN_LISTENER, context->listener);
  snprintf(item.at, sizeof(item.at), "%.*s%s%s%s",
           is_block ? (int)strcspn(name, ">") : (int)strlen(name), name, text,
           is_block ? ">" : "", place);
  return item;
}

/* --- blocks -------------------------------------------------------------- */

static lb_values_reader read_listener;

enum { IN_PLUGIN = 1, IN_LISTENER = 2, IN_BOTH = IN_PLUGIN | IN_LISTENER };

enum role { NONE, PORT, PATH, LISTENER, ADDRESS, NETNS };

static const struct known_option {
  const char *name;
  lb_values_reader *read;
  const char *expected; /* the form of its values */
  unsigned where;
  enum role role; /* in a selection */
} known_options[] = {
    {"LocalPort", lb_read_local_port, LB_EXPECT_PORT, IN_BOTH, PORT},
    {"LocalPath", lb_read_local_path, LB_EXPECT_UNIX_NAME, IN_BOTH, PATH},
    {"LocalAddress", lb_read_local_address, LB_EXPECT_ADDRESS, IN_LISTENER,
     ADDRESS},
    {"NetNamespace", lb_read_net_namespace, LB_EXPECT_NETNS, IN_BOTH, NETNS},
    {"Listener", read_listener, LB_EXPECT_LISTENER, IN_PLUGIN, LISTENER},
    {"ListeningPorts", lb_read_listening_ports, LB_EXPECT_BOOLEAN, IN_PLUGIN,
     NONE},
    {"ListeningPaths", lb_read_listening_paths, LB_EXPECT_BOOLEAN, IN_PLUGIN,
     NONE},
    {"IgnoreSelected", lb_read_ignore_selected, LB_EXPECT_BOOLEAN, IN_PLUGIN,
     NONE},
    {"SampleInterval", lb_read_sample_interval, LB_EXPECT_SAMPLE, IN_PLUGIN,
     NONE},
    {"InspectQueue", lb_read_inspect_queue, LB_EXPECT_INSPECT, IN_PLUGIN, NONE},
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

static struct lb_item_text unread_item(const struct lb_context *context,
                                       const oconfig_item_t *item) {
  char name[80];
  snprintf(name, sizeof(name), item->children_num ? "<%.64s>" : "%.64s",
           item->key);
  return lb_item_text(context, name, item->values_num ? item->values : NULL);
}

static void reject_unknown(const struct lb_context *context,
                           const oconfig_item_t *item) {
  lb_report(context->errors,
            item->children_num ? LB_MSG_UNKNOWN_BLOCK : LB_MSG_UNKNOWN_OPTION,
            unread_item(context, item).at,
            context->listener ? LB_EXPECT_LISTENER_OPTIONS : LB_EXPECT_OPTIONS);
}

static void reject_misplaced(const struct lb_context *context,
                             const oconfig_item_t *item) {
  lb_report(context->errors,
            context->listener ? LB_MSG_NOT_IN_LISTENER
                              : LB_MSG_ONLY_IN_LISTENER,
            unread_item(context, item).at);
}

/* A block that should be an option, or an option without a value. */
static void reject_form(struct lb_context *context, const oconfig_item_t *item,
                        const struct known_option *option, bool is_block) {
  lb_report(context->errors, is_block ? LB_MSG_WRONG_BLOCK : LB_MSG_NO_VALUE,
            unread_item(context, item).at, option->expected);
  context->lost_address |= option->role == ADDRESS;
  context->lost_netns |= option->role == NETNS;
}

static int read_item(struct lb_context *context, const oconfig_item_t *item) {
  const struct known_option *option = find_option(item->key);
  unsigned here = context->listener ? IN_LISTENER : IN_PLUGIN;
  if (!option) {
    reject_unknown(context, item);
    return 0;
  }
  if (!(option->where & here)) {
    reject_misplaced(context, item);
    return 0;
  }
  if (!context->listener)
    note_role(context->options, option->role);
  bool is_wrong_block = item->children_num && option->role != LISTENER;
  if (!is_wrong_block && item->values_num)
    return option->read(context, item);
  reject_form(context, item, option, is_wrong_block);
  return 0;
}

static int read_items(struct lb_context *context, const oconfig_item_t *block) {
  int err = 0;
  for (int i = 0; i < block->children_num && !err; i++)
    err = read_item(context, &block->children[i]);
  return err;
}

/* A bad selector must not make a block select more than was meant: a block
 * without a good port or path, with bad addresses only or with bad namespaces
 * only is ignored. Returns the option without a good value, or NULL. */
static const char *lacking_option(const struct lb_context *inside) {
  const struct lb_selection *selection = inside->selection;
  if (selection->ports_len == 0 && selection->unix_names_len == 0 &&
      selection->patterns_len == 0)
    return "LocalPort or LocalPath";
  if (inside->lost_address && selection->addresses_len == 0 &&
      selection->ports_len > 0)
    return "LocalAddress";
  if (inside->lost_netns && selection->netns_len == 0)
    return "NetNamespace";
  return NULL;
}

static int read_listener(struct lb_context *context,
                         const oconfig_item_t *item) {
  struct lb_options *options = context->options;
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type != OCONFIG_TYPE_STRING ||
      !lb_label_is_valid(value->value.string)) {
    lb_report(context->errors, LB_MSG_BAD_VALUE,
              lb_item_text(context, "<Listener>", value).at, LB_WHY_NAME,
              LB_EXPECT_NAME);
    return 0;
  }
  struct lb_selection selection = {.label = strdup(value->value.string)};
  struct lb_context inside = {.options = options,
                              .errors = context->errors,
                              .listener = value->value.string,
                              .selection = &selection};
  int err = selection.label ? read_items(&inside, item) : -ENOMEM;
  const char *lacking = err ? NULL : lacking_option(&inside);
  if (lacking)
    lb_report(context->errors, LB_MSG_LISTENER_WITHOUT, inside.listener,
              lacking);
  else if (!err)
    err = lb_append(&options->selections, &options->selections_len, &selection,
                    1, sizeof(selection));
  if (lacking || err)
    lb_selection_free(&selection);
  return err;
}

int lb_options_block(struct lb_options *options, const oconfig_item_t *block,
                     const struct lb_error_sink *errors) {
  struct lb_context context = {.options = options, .errors = errors};
  return read_items(&context, block);
}
