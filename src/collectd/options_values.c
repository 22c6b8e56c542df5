// SPDX-License-Identifier: MIT
/* The values of each option. Outside of blocks every value becomes a selection
 * of its own. */
#include "collectd/options_internal.h"

#include "base/array.h"
#include "base/messages.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void reject_value(const struct lb_context *context, const char *option,
                         const oconfig_value_t *value, const char *why,
                         const char *expected) {
  struct lb_item_text item = lb_item_text(context, option, value);
  lb_report(context->errors, LB_MSG_BAD_VALUE, item.at, why, expected);
}

/* The selection that a value belongs to: the block's, or outside of blocks a
 * new one. NULL: no memory. */
static struct lb_selection *selection_of_value(struct lb_context *context) {
  static const struct lb_selection empty;
  struct lb_options *options = context->options;
  if (context->selection)
    return context->selection;
  if (lb_append(&options->selections, &options->selections_len, &empty, 1,
                sizeof(empty)))
    return NULL;
  return &options->selections[options->selections_len - 1];
}

static int parse_port_value(const oconfig_value_t *value,
                            struct lb_ports *out) {
  if (value->type == OCONFIG_TYPE_STRING)
    return lb_ports_parse(value->value.string, out);
  double number =
      value->type == OCONFIG_TYPE_NUMBER ? value->value.number : NAN;
  if (!(number >= 1 && number <= UINT16_MAX))
    return -ERANGE;
  uint16_t port = (uint16_t)number;
  if (port != number)
    return -ERANGE;
  *out = (struct lb_ports){port, port};
  return 0;
}

int lb_read_local_port(struct lb_context *context, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_ports ports;
    int err = parse_port_value(value, &ports);
    if (err) {
      reject_value(context, "LocalPort", value, lb_ports_error(err),
                   err == -E2BIG ? LB_EXPECT_SEPARATE_PORTS : LB_EXPECT_PORT);
      continue;
    }
    struct lb_selection *into = selection_of_value(context);
    if (!into ||
        lb_append(&into->ports, &into->ports_len, &ports, 1, sizeof(ports)))
      return -ENOMEM;
  }
  return 0;
}

/* Returns 0; -EINVAL, -EILSEQ or -ENAMETOOLONG for a bad value; or -ENOMEM. */
static int add_pattern(struct lb_context *context, const char *text) {
  struct lb_unix_pattern pattern;
  int err = lb_unix_pattern_parse(text, &pattern);
  struct lb_selection *into = err ? NULL : selection_of_value(context);
  if (err)
    return err;
  return into ? lb_append(&into->patterns, &into->patterns_len, &pattern, 1,
                          sizeof(pattern))
              : -ENOMEM;
}

static int add_unix_name(struct lb_context *context, const char *text) {
  struct lb_unix_name name;
  int err = lb_unix_name_parse(text, &name);
  struct lb_selection *into = err ? NULL : selection_of_value(context);
  if (err)
    return err;
  return into ? lb_append(&into->unix_names, &into->unix_names_len, &name, 1,
                          sizeof(name))
              : -ENOMEM;
}

int lb_read_local_path(struct lb_context *context, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    const char *text = value->value.string;
    int err = -EINVAL;
    if (value->type == OCONFIG_TYPE_STRING && !lb_unix_name_is_odd(text))
      err = lb_unix_is_pattern(text) ? add_pattern(context, text)
                                     : add_unix_name(context, text);
    if (err == -ENOMEM)
      return err;
    if (err)
      reject_value(
          context, "LocalPath", value,
          err == -ENAMETOOLONG ? LB_WHY_UNIX_NAME_LONG : LB_WHY_UNIX_NAME,
          err == -EILSEQ ? LB_EXPECT_PATTERN_BYTE : LB_EXPECT_UNIX_NAME);
  }
  return 0;
}

int lb_read_net_namespace(struct lb_context *context,
                          const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_netns_spec spec;
    int err = value->type == OCONFIG_TYPE_STRING
                  ? lb_netns_spec_parse(value->value.string, &spec)
                  : -EINVAL;
    if (err) {
      reject_value(context, "NetNamespace", value,
                   err == -ENAMETOOLONG ? LB_WHY_LABEL_LONG : LB_WHY_NETNS_SPEC,
                   LB_EXPECT_NETNS);
      context->lost_netns = true;
      continue;
    }
    struct lb_selection *into = selection_of_value(context);
    if (!into ||
        lb_append(&into->netns, &into->netns_len, &spec, 1, sizeof(spec)))
      return -ENOMEM;
  }
  return 0;
}

int lb_read_local_address(struct lb_context *context,
                          const oconfig_item_t *item) {
  struct lb_selection *into = context->selection;
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_address address;
    if (value->type != OCONFIG_TYPE_STRING ||
        lb_address_parse(value->value.string, &address)) {
      reject_value(context, "LocalAddress", value, LB_WHY_ADDRESS,
                   LB_EXPECT_ADDRESS);
      context->lost_address = true;
      continue;
    }
    if (lb_append(&into->addresses, &into->addresses_len, &address, 1,
                  sizeof(address)))
      return -ENOMEM;
  }
  return 0;
}

/* --- options with one value ---------------------------------------------- */

static bool is_one_of(const char *text, const char *const words[3]) {
  for (int i = 0; i < 3; i++)
    if (strcasecmp(text, words[i]) == 0)
      return true;
  return false;
}

/* Accepts a boolean in quotes too, as collectd's own plugins do. */
static bool parse_boolean(const oconfig_item_t *item, bool *out) {
  static const char *const yes[] = {"true", "yes", "on"};
  static const char *const no[] = {"false", "no", "off"};
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type == OCONFIG_TYPE_NUMBER)
    return false;
  if (value->type == OCONFIG_TYPE_BOOLEAN)
    *out = value->value.boolean;
  else if (is_one_of(value->value.string, yes))
    *out = true;
  else if (is_one_of(value->value.string, no))
    *out = false;
  else
    return false;
  return true;
}

static bool read_boolean(const struct lb_context *context,
                         const oconfig_item_t *item, const char *option,
                         bool *out) {
  if (parse_boolean(item, out))
    return true;
  reject_value(context, option, &item->values[0], LB_WHY_BOOLEAN,
               LB_EXPECT_BOOLEAN);
  return false;
}

int lb_read_listening_ports(struct lb_context *context,
                            const oconfig_item_t *item) {
  struct lb_options *options = context->options;
  if (read_boolean(context, item, "ListeningPorts", &options->listening_ports))
    options->listening_ports_given = true;
  return 0;
}

int lb_read_listening_paths(struct lb_context *context,
                            const oconfig_item_t *item) {
  read_boolean(context, item, "ListeningPaths",
               &context->options->listening_paths);
  return 0;
}

int lb_read_ignore_selected(struct lb_context *context,
                            const oconfig_item_t *item) {
  read_boolean(context, item, "IgnoreSelected",
               &context->options->ignore_selected);
  return 0;
}

int lb_read_inspect_queue(struct lb_context *context,
                          const oconfig_item_t *item) {
  const oconfig_value_t *value = &item->values[0];
  enum lb_inspect *inspect = &context->options->inspect;
  bool always;
  if (parse_boolean(item, &always))
    *inspect = always ? LB_INSPECT_ALWAYS : LB_INSPECT_NEVER;
  else if (item->values_num == 1 && value->type == OCONFIG_TYPE_STRING &&
           strcasecmp(value->value.string, "auto") == 0)
    *inspect = LB_INSPECT_AUTO;
  else
    reject_value(context, "InspectQueue", value, LB_WHY_INSPECT,
                 LB_EXPECT_INSPECT);
  return 0;
}

static double seconds_of_value(const oconfig_item_t *item) {
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type == OCONFIG_TYPE_BOOLEAN)
    return NAN;
  if (value->type == OCONFIG_TYPE_NUMBER)
    return value->value.number;
  char *end;
  double seconds = strtod(value->value.string, &end);
  return *end || end == value->value.string ? NAN : seconds;
}

int lb_read_sample_interval(struct lb_context *context,
                            const oconfig_item_t *item) {
  struct lb_options *options = context->options;
  struct lb_sample_value sample = {
      seconds_of_value(item),
      lb_item_text(context, "SampleInterval", item->values)};
  return lb_append(&options->samples, &options->samples_len, &sample, 1,
                   sizeof(sample));
}
