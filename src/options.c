// SPDX-License-Identifier: MIT
/* Blocks are collected as they come and judged together at the end, because
 * IgnoreSelected may stand behind the LocalPort lines that it turns round. */
#include "options.h"

#include "array.h"
#include "label.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One LocalPort value (no name), or one <Listener> block. */
struct part {
  char *name;
  struct lb_ports *ports;
  size_t ports_len;
  struct lb_address *addresses;
  size_t addresses_len;
};

struct lb_options {
  struct part *parts;
  size_t parts_len;
  bool ignore_selected;
  bool listening_ports_given;
  bool listening_ports;
  bool tried_port;    /* something stood behind LocalPort, good or bad */
  bool tried_service; /* the same for <Listener> and LocalPath */
};

/* Where in the configuration we are, for error messages and for results. */
struct place {
  struct lb_options *options;
  const struct lb_errors *errors;
  const char *listener; /* name of the <Listener> block we are in, or NULL */
  struct part *part;    /* that block's */
  bool lost_address;    /* of that block's addresses one was bad */
  bool refused;         /* the block as a whole cannot be had */
};

__attribute__((format(printf, 2, 3))) static void
report(const struct lb_errors *errors, const char *format, ...) {
  char sentence[512];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof(sentence), format, args);
  va_end(args);
  for (char *c = sentence; *c; c++) /* a value may hold anything */
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = '?';
  errors->error(errors->data, sentence);
}

/* A value as it stands in the configuration, cut off where it is very long. */
struct shown {
  char text[96];
};

static struct shown show(const oconfig_value_t *value) {
  struct shown shown;
  switch (value->type) {
  case OCONFIG_TYPE_STRING:
    snprintf(shown.text, sizeof(shown.text), "\"%.80s\"", value->value.string);
    break;
  case OCONFIG_TYPE_NUMBER:
    snprintf(shown.text, sizeof(shown.text), "%.15g", value->value.number);
    break;
  default:
    snprintf(shown.text, sizeof(shown.text), "%s",
             value->value.boolean ? "true" : "false");
  }
  return shown;
}

/* "Option VALUE[ in <Listener "name">]: what; accepted is form" */
static void reject(const struct place *place, const char *option,
                   const oconfig_value_t *value, const char *what,
                   const char *form) {
  struct shown shown = value ? show(value) : (struct shown){""};
  report(place->errors, "%s%s%s%s%.64s%s: %s; accepted is %s", option,
         value ? " " : "", shown.text,
         place->listener ? " in <Listener \"" : "",
         place->listener ? place->listener : "", place->listener ? "\">" : "",
         what, form);
}

static void free_part(struct part *part) {
  free(part->name);
  free(part->ports);
  free(part->addresses);
}

static int add_part(struct lb_options *options, const struct part *part) {
  return lb_append(&options->parts, &options->parts_len, part, 1,
                   sizeof(*part));
}

int lb_options_new(struct lb_options **out) {
  *out = calloc(1, sizeof(**out));
  return *out ? 0 : -ENOMEM;
}

void lb_options_free(struct lb_options *options) {
  if (!options)
    return;
  for (size_t i = 0; i < options->parts_len; i++)
    free_part(&options->parts[i]);
  free(options->parts);
  free(options);
}

/* --- values -------------------------------------------------------------- */

static int get_ports(const oconfig_value_t *value, struct lb_ports *out) {
  if (value->type == OCONFIG_TYPE_STRING)
    return lb_ports_parse(value->value.string, out);
  double number = value->value.number;
  if (!(number >= 1 && number <= UINT16_MAX))
    return -ERANGE;
  uint16_t port = (uint16_t)number;
  if (port != number)
    return -ERANGE;
  *out = (struct lb_ports){port, port};
  return 0;
}

static int take_port(struct place *place, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_ports ports;
    if (value->type == OCONFIG_TYPE_BOOLEAN) {
      reject(place, "LocalPort", value, "not a port", LB_PORTS_FORM);
      continue;
    }
    int err = get_ports(value, &ports);
    if (err) {
      reject(place, "LocalPort", value, lb_ports_error(err), LB_PORTS_FORM);
      continue;
    }
    struct part part = {0};
    struct part *into = place->listener ? place->part : &part;
    err = lb_append(&into->ports, &into->ports_len, &ports, 1, sizeof(ports));
    if (!err && !place->listener)
      err = add_part(place->options, &part);
    if (err) {
      free(part.ports);
      return err;
    }
  }
  return 0;
}

static int take_address(struct place *place, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_address address;
    if (value->type != OCONFIG_TYPE_STRING ||
        lb_address_parse(value->value.string, &address)) {
      reject(place, "LocalAddress", value, "not an address",
             "a numeric IPv4 or IPv6 address that the socket is bound to, in "
             "quotes, like \"10.0.0.1\" or \"::1\"");
      place->lost_address = true;
      continue;
    }
    int err = lb_append(&place->part->addresses, &place->part->addresses_len,
                        &address, 1, sizeof(address));
    if (err)
      return err;
  }
  return 0;
}

static bool is_word(const char *text, const char *const words[3]) {
  for (int i = 0; i < 3; i++)
    if (strcasecmp(text, words[i]) == 0)
      return true;
  return false;
}

/* As collectd's own plugins, this takes a boolean in quotes, too. */
static bool get_boolean(const oconfig_item_t *item, bool *out) {
  static const char *const yes[] = {"true", "yes", "on"};
  static const char *const no[] = {"false", "no", "off"};
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type == OCONFIG_TYPE_NUMBER)
    return false;
  if (value->type == OCONFIG_TYPE_BOOLEAN)
    *out = value->value.boolean;
  else if (is_word(value->value.string, yes))
    *out = true;
  else if (is_word(value->value.string, no))
    *out = false;
  else
    return false;
  return true;
}

static bool take_boolean(struct place *place, const oconfig_item_t *item,
                         const char *option, bool *out) {
  if (get_boolean(item, out))
    return true;
  reject(place, option, &item->values[0], "not one boolean",
         "true or false, once");
  return false;
}

static int take_listening_ports(struct place *place,
                                const oconfig_item_t *item) {
  struct lb_options *options = place->options;
  if (take_boolean(place, item, "ListeningPorts", &options->listening_ports))
    options->listening_ports_given = true;
  return 0;
}

static int take_ignore_selected(struct place *place,
                                const oconfig_item_t *item) {
  take_boolean(place, item, "IgnoreSelected", &place->options->ignore_selected);
  return 0;
}

/* --- options of later versions: their defaults do no harm ---------------- */

static int refuse_paths(struct place *place, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++)
    reject(place, "LocalPath", &item->values[i],
           "this version does not look at UNIX sockets", "LocalPort");
  return 0;
}

static int refuse_listening_paths(struct place *place,
                                  const oconfig_item_t *item) {
  bool on;
  if (get_boolean(item, &on) && !on)
    return 0;
  place->options->tried_service = true;
  reject(place, "ListeningPaths", &item->values[0],
         "this version does not look at UNIX sockets", "false");
  return 0;
}

static int refuse_inspect_queue(struct place *place,
                                const oconfig_item_t *item) {
  bool on;
  if (!get_boolean(item, &on) || on)
    reject(place, "InspectQueue", &item->values[0],
           "this version does not look into the queue", "false");
  return 0;
}

static int refuse_sample_interval(struct place *place,
                                  const oconfig_item_t *item) {
  const oconfig_value_t *value = &item->values[0];
  bool zero = item->values_num == 1 && value->type == OCONFIG_TYPE_NUMBER &&
              value->value.number == 0;
  if (!zero)
    reject(place, "SampleInterval", value,
           "this version makes one look per interval", "0");
  return 0;
}

static int refuse_namespace(struct place *place, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++)
    reject(place, "NetNamespace", &item->values[i],
           "this version looks at collectd's own network namespace only",
           "no NetNamespace");
  return 0;
}

/* --- blocks -------------------------------------------------------------- */

static int take_listener(struct place *place, const oconfig_item_t *item);

enum { IN_PLUGIN = 1, IN_LISTENER = 2, IN_BOTH = IN_PLUGIN | IN_LISTENER };

enum { PORT = 1, SERVICE = 2, ADDRESS = 4, NAMESPACE = 8 };

struct option {
  const char *name;
  const char *form; /* what its values are, where it has none */
  int (*take)(struct place *place, const oconfig_item_t *item);
  unsigned where;
  bool is_block;
  unsigned role; /* in the selection */
};

static const struct option known_options[] = {
    {"LocalPort", LB_PORTS_FORM, take_port, IN_BOTH, false, PORT},
    {"LocalAddress", "a numeric IPv4 or IPv6 address", take_address,
     IN_LISTENER, false, ADDRESS},
    {"ListeningPorts", "true or false", take_listening_ports, IN_PLUGIN, false,
     0},
    {"IgnoreSelected", "true or false", take_ignore_selected, IN_PLUGIN, false,
     0},
    {"Listener", "a block with a name, <Listener \"name\">", take_listener,
     IN_PLUGIN, true, SERVICE},
    {"LocalPath", "LocalPort", refuse_paths, IN_BOTH, false, SERVICE},
    {"ListeningPaths", "false", refuse_listening_paths, IN_PLUGIN, false, 0},
    {"NetNamespace", "no NetNamespace", refuse_namespace, IN_BOTH, false,
     NAMESPACE},
    {"SampleInterval", "0", refuse_sample_interval, IN_PLUGIN, false, 0},
    {"InspectQueue", "false", refuse_inspect_queue, IN_PLUGIN, false, 0},
};

static const struct option *find_option(const char *name, bool in_listener) {
  unsigned where = in_listener ? IN_LISTENER : IN_PLUGIN;
  for (size_t i = 0; i < sizeof(known_options) / sizeof(known_options[0]); i++)
    if (known_options[i].where & where &&
        strcasecmp(known_options[i].name, name) == 0)
      return &known_options[i];
  return NULL;
}

/* What was tried, whether it comes out good or bad. */
static void note_role(struct place *place, const struct option *option) {
  if (option->role & PORT && !place->listener)
    place->options->tried_port = true;
  if (option->role & SERVICE && !place->listener)
    place->options->tried_service = true;
  if (option->role & NAMESPACE)
    place->refused = true;
}

static void reject_unknown(const struct place *place, const char *key,
                           const oconfig_item_t *item) {
  reject(place, key, item->values_num ? &item->values[0] : NULL,
         item->children_num ? "unknown block" : "unknown option",
         place->listener
             ? "LocalPort and LocalAddress"
             : "LocalPort, ListeningPorts, IgnoreSelected and <Listener>");
}

static int take_child(struct place *place, const oconfig_item_t *item) {
  const struct option *option = find_option(item->key, place->listener != NULL);
  char key[80];
  snprintf(key, sizeof(key), item->children_num ? "<%.64s>" : "%.64s",
           item->key);
  if (!option) {
    reject_unknown(place, key, item);
    return 0;
  }
  note_role(place, option);
  bool misplaced = item->children_num && !option->is_block;
  if (!misplaced && item->values_num)
    return option->take(place, item);
  reject(place, key, NULL, misplaced ? "an option, not a block" : "no value",
         option->form);
  place->lost_address |= (option->role & ADDRESS) != 0;
  return 0;
}

static int take_children(struct place *place, const oconfig_item_t *block) {
  for (int i = 0; i < block->children_num; i++) {
    int err = take_child(place, &block->children[i]);
    if (err)
      return err;
  }
  return 0;
}

/* A selector that got lost must not make the block select more than was meant:
 * without any good port, or with addresses of which none was good, it goes. */
static const char *unusable(const struct place *inside) {
  if (inside->refused)
    return "its NetNamespace cannot be had; accepted is a block without one";
  if (inside->part->ports_len == 0)
    return "it has no LocalPort that can be used; accepted is at least one";
  if (inside->lost_address && inside->part->addresses_len == 0)
    return "it has no LocalAddress that can be used; accepted is a good one, "
           "or none at all for any address";
  return NULL;
}

static int take_listener(struct place *place, const oconfig_item_t *item) {
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type != OCONFIG_TYPE_STRING ||
      !lb_label_is_valid(value->value.string)) {
    reject(place, "Listener", value, "not one name",
           "a name in quotes of 1 to 127 bytes, without \"/\" and control "
           "characters");
    return 0;
  }

  struct part part = {0};
  struct place inside = {.options = place->options,
                         .errors = place->errors,
                         .listener = value->value.string,
                         .part = &part};
  int err = take_children(&inside, item);
  const char *why = err ? NULL : unusable(&inside);
  if (why)
    report(place->errors, "<Listener \"%.64s\"> is left out: %s",
           inside.listener, why);
  if (!err && !why) {
    part.name = strdup(inside.listener);
    err = part.name ? add_part(place->options, &part) : -ENOMEM;
    if (!err)
      return 0;
  }
  free_part(&part);
  return err;
}

int lb_options_block(struct lb_options *options, const oconfig_item_t *block,
                     const struct lb_errors *errors) {
  struct place place = {.options = options, .errors = errors};
  return take_children(&place, block);
}

/* --- all together -------------------------------------------------------- */

static void report_duplicates(const struct lb_errors *errors,
                              const struct lb_ports *ports, unsigned duplicates,
                              uint16_t first) {
  char range[32] = "";
  if (ports->first != ports->last)
    snprintf(range, sizeof(range), "-%u", (unsigned)ports->last);
  char more[48] = "";
  if (duplicates > 1)
    snprintf(more, sizeof(more), " and %u more of the range", duplicates - 1);
  report(errors,
         "LocalPort \"%u%s\": the label \"%u\"%s is taken already and stays "
         "with what took it; accepted is a port that is selected once, or a "
         "<Listener> block with a name of its own",
         (unsigned)ports->first, range, (unsigned)first, more);
}

static int add_ports(struct lb_settings *settings, const struct lb_ports *ports,
                     const struct lb_errors *errors) {
  unsigned duplicates = 0;
  uint16_t first = 0;
  for (unsigned port = ports->first; port <= ports->last; port++) {
    int err = lb_settings_add_port(settings, (uint16_t)port);
    if (err == -ENOMEM)
      return err;
    if (err && duplicates++ == 0)
      first = (uint16_t)port;
  }
  if (duplicates)
    report_duplicates(errors, ports, duplicates, first);
  return 0;
}

static void ignore_ports(struct lb_settings *settings,
                         const struct lb_ports *ports) {
  for (unsigned port = ports->first; port <= ports->last; port++)
    lb_portset_add(&settings->ignored, (uint16_t)port);
}

static int settle_part(struct lb_settings *settings, const struct part *part,
                       bool ignore, const struct lb_errors *errors) {
  if (part->name) {
    int err =
        lb_settings_add(settings, part->name, part->ports, part->ports_len,
                        part->addresses, part->addresses_len);
    if (err != -EEXIST)
      return err;
    report(errors,
           "<Listener \"%.64s\">: the label is taken already and stays with "
           "what took it; accepted is a name of its own",
           part->name);
    return 0;
  }
  if (!ignore)
    return add_ports(settings, part->ports, errors);
  ignore_ports(settings, part->ports);
  return 0;
}

/* A <Listener "8080"> keeps its label from the port 8080 that ListeningPorts
 * would report under the same one. */
static void resolve_listening(struct lb_settings *settings,
                              const struct lb_errors *errors) {
  for (size_t i = 0; i < settings->selections_len; i++) {
    const struct lb_selection *selection = &settings->selections[i];
    uint16_t port = selection->name ? lb_label_port(selection->name) : 0;
    if (!port || lb_portset_has(&settings->ignored, port) ||
        lb_settings_takes_port(settings, selection, port))
      continue;
    lb_portset_add(&settings->ignored, port);
    report(errors,
           "<Listener \"%u\"> has the label of port %u, which ListeningPorts "
           "therefore leaves out; accepted is a name that is no port number",
           (unsigned)port, (unsigned)port);
  }
}

int lb_options_settings(const struct lb_options *options,
                        struct lb_settings *out,
                        const struct lb_errors *errors) {
  struct lb_settings settings = {0};
  for (size_t i = 0; i < options->parts_len; i++) {
    int err = settle_part(&settings, &options->parts[i],
                          options->ignore_selected, errors);
    if (err) {
      lb_settings_free(&settings);
      return err;
    }
  }

  bool ignoring = options->ignore_selected && options->tried_port;
  bool selected = options->tried_service ||
                  (options->tried_port && !options->ignore_selected);
  settings.listening_ports = options->listening_ports_given
                                 ? options->listening_ports
                                 : ignoring || !selected;
  if (settings.selections_len == 0 && !settings.listening_ports) {
    if (selected) {
      lb_settings_free(&settings);
      return -ENOENT;
    }
    settings.listening_ports = true;
  }
  if (settings.listening_ports)
    resolve_listening(&settings, errors);
  *out = settings;
  return 0;
}
