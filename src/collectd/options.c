// SPDX-License-Identifier: MIT
/* Blocks are collected as they come and judged together at the end, because
 * IgnoreSelected may stand behind the LocalPort lines that it turns round. */
#include "collectd/options.h"

#include "base/array.h"
#include "base/label.h"
#include "base/messages.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_SAMPLE 0.1
#define MIN_SAMPLE 0.001
#define SAMPLE_FORM "0, or seconds from 0.001 to the interval"

/* One LocalPort, LocalPath or NetNamespace value, or one <Listener> block. */
struct part {
  char *name; /* of the block, else NULL */
  char *text; /* of a LocalPath value, as it was written */
  struct lb_ports *ports;
  size_t ports_len;
  struct lb_address *addresses;
  size_t addresses_len;
  struct lb_unix_name *paths;
  size_t paths_len;
  char **places; /* as they were written */
  size_t places_len;
};

/* A value as it stands in the configuration, cut off where it is very long. */
struct shown {
  char text[96];
};

/* One SampleInterval: what may stand there depends on the interval. */
struct sample {
  double seconds; /* NAN: not one number */
  struct shown shown;
};

struct lb_options {
  struct part *parts;
  size_t parts_len;
  bool ignore_selected;
  bool listening_ports_given;
  bool listening_ports;
  bool listening_paths;
  bool inspect;
  bool tried_port;    /* something stood behind LocalPort, good or bad */
  bool tried_path;    /* the same for LocalPath */
  bool tried_service; /* and for <Listener> */
  struct sample *samples;
  size_t samples_len;
};

/* Where in the configuration we are, for error messages and for results. */
struct spot {
  struct lb_options *options;
  const struct lb_error_sink *errors;
  const char *listener; /* name of the <Listener> block we are in, or NULL */
  struct part *part;    /* that block's */
  bool lost_address;    /* of that block's addresses one was bad */
  bool lost_namespace;  /* the same for its namespaces */
};

__attribute__((format(printf, 2, 3))) static void
report(const struct lb_error_sink *errors, const char *format, ...) {
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
static void reject_shown(const struct spot *spot, const char *option,
                         const char *shown, const char *what,
                         const char *form) {
  report(spot->errors, "%s%s%s%s%.64s%s: %s; accepted is %s", option,
         *shown ? " " : "", shown, spot->listener ? " in <Listener \"" : "",
         spot->listener ? spot->listener : "", spot->listener ? "\">" : "",
         what, form);
}

static void reject(const struct spot *spot, const char *option,
                   const oconfig_value_t *value, const char *what,
                   const char *form) {
  struct shown shown = value ? show(value) : (struct shown){""};
  reject_shown(spot, option, shown.text, what, form);
}

static void free_part(struct part *part) {
  for (size_t i = 0; i < part->places_len; i++)
    free(part->places[i]);
  free(part->places);
  free(part->name);
  free(part->text);
  free(part->ports);
  free(part->addresses);
  free(part->paths);
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
  free(options->samples);
  free(options);
}

/* A value joins the block that it stands in; elsewhere it is a part of its own.
 */
static struct part *part_of(const struct spot *spot, struct part *own) {
  return spot->part ? spot->part : own;
}

/* Keeps that part, or gives it up where err is not 0. 0 or -ENOMEM. */
static int keep(const struct spot *spot, struct part *own, int err) {
  if (!err && !spot->part)
    err = add_part(spot->options, own);
  if (err)
    free_part(own);
  return err;
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

static int take_port(struct spot *spot, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_ports ports;
    if (value->type == OCONFIG_TYPE_BOOLEAN) {
      reject(spot, "LocalPort", value, "not a port", LB_PORTS_FORM);
      continue;
    }
    int err = get_ports(value, &ports);
    if (err) {
      reject(spot, "LocalPort", value, lb_ports_error(err), LB_PORTS_FORM);
      continue;
    }
    struct part own = {0};
    struct part *into = part_of(spot, &own);
    err = lb_append(&into->ports, &into->ports_len, &ports, 1, sizeof(ports));
    err = keep(spot, &own, err);
    if (err)
      return err;
  }
  return 0;
}

static int add_path(struct spot *spot, const struct lb_unix_name *path,
                    const char *text) {
  struct part own = {0};
  struct part *into = part_of(spot, &own);
  int err = lb_append(&into->paths, &into->paths_len, path, 1, sizeof(*path));
  if (!err && !spot->part) {
    own.text = strdup(text);
    err = own.text ? 0 : -ENOMEM;
  }
  return keep(spot, &own, err);
}

static int take_path(struct spot *spot, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_unix_name path;
    int err = value->type == OCONFIG_TYPE_STRING
                  ? lb_unix_name_parse(value->value.string, &path)
                  : -EINVAL;
    if (err)
      reject(spot, "LocalPath", value,
             err == -ENAMETOOLONG ? "too long for a UNIX socket"
                                  : "not a UNIX socket",
             LB_UNIX_NAME_FORM);
    else
      err = add_path(spot, &path, value->value.string);
    if (err == -ENOMEM)
      return err;
  }
  return 0;
}

static int add_place(struct spot *spot, const char *text) {
  struct part own = {0};
  struct part *into = part_of(spot, &own);
  char *copy = strdup(text);
  int err =
      copy ? lb_append(&into->places, &into->places_len, &copy, 1, sizeof(copy))
           : -ENOMEM;
  if (err)
    free(copy);
  return keep(spot, &own, err);
}

static int take_namespace(struct spot *spot, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    int err = value->type == OCONFIG_TYPE_STRING
                  ? lb_netns_spec_check(value->value.string)
                  : -EINVAL;
    if (err) {
      reject(spot, "NetNamespace", value,
             err == -ENAMETOOLONG ? "longer than the 127 bytes of a label"
                                  : "not a network namespace",
             LB_NETNS_FORM);
      spot->lost_namespace = true;
      continue;
    }
    err = add_place(spot, value->value.string);
    if (err)
      return err;
  }
  return 0;
}

static int take_address(struct spot *spot, const oconfig_item_t *item) {
  for (int i = 0; i < item->values_num; i++) {
    const oconfig_value_t *value = &item->values[i];
    struct lb_address address;
    if (value->type != OCONFIG_TYPE_STRING ||
        lb_address_parse(value->value.string, &address)) {
      reject(spot, "LocalAddress", value, "not an address",
             "a numeric IPv4 or IPv6 address that the socket is bound to, in "
             "quotes, like \"10.0.0.1\" or \"::1\"");
      spot->lost_address = true;
      continue;
    }
    int err = lb_append(&spot->part->addresses, &spot->part->addresses_len,
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

static bool take_boolean(struct spot *spot, const oconfig_item_t *item,
                         const char *option, bool *out) {
  if (get_boolean(item, out))
    return true;
  reject(spot, option, &item->values[0], "not one boolean",
         "true or false, once");
  return false;
}

static int take_listening_ports(struct spot *spot, const oconfig_item_t *item) {
  struct lb_options *options = spot->options;
  if (take_boolean(spot, item, "ListeningPorts", &options->listening_ports))
    options->listening_ports_given = true;
  return 0;
}

static int take_listening_paths(struct spot *spot, const oconfig_item_t *item) {
  take_boolean(spot, item, "ListeningPaths", &spot->options->listening_paths);
  return 0;
}

static int take_ignore_selected(struct spot *spot, const oconfig_item_t *item) {
  take_boolean(spot, item, "IgnoreSelected", &spot->options->ignore_selected);
  return 0;
}

static int take_inspect_queue(struct spot *spot, const oconfig_item_t *item) {
  take_boolean(spot, item, "InspectQueue", &spot->options->inspect);
  return 0;
}

static double get_seconds(const oconfig_item_t *item) {
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type == OCONFIG_TYPE_BOOLEAN)
    return NAN;
  if (value->type == OCONFIG_TYPE_NUMBER)
    return value->value.number;
  char *end;
  double seconds = strtod(value->value.string, &end);
  return *end || end == value->value.string ? NAN : seconds;
}

static int take_sample_interval(struct spot *spot, const oconfig_item_t *item) {
  struct sample sample = {get_seconds(item), show(&item->values[0])};
  return lb_append(&spot->options->samples, &spot->options->samples_len,
                   &sample, 1, sizeof(sample));
}

/* --- blocks -------------------------------------------------------------- */

static int take_listener(struct spot *spot, const oconfig_item_t *item);

enum { IN_PLUGIN = 1, IN_LISTENER = 2, IN_BOTH = IN_PLUGIN | IN_LISTENER };

enum { PORT = 1, PATH = 2, SERVICE = 4, ADDRESS = 8, NAMESPACE = 16 };

struct option {
  const char *name;
  const char *form; /* what its values are, where it has none */
  int (*take)(struct spot *spot, const oconfig_item_t *item);
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
    {"LocalPath", LB_UNIX_NAME_FORM, take_path, IN_BOTH, false, PATH},
    {"ListeningPaths", "true or false", take_listening_paths, IN_PLUGIN, false,
     0},
    {"NetNamespace", LB_NETNS_FORM, take_namespace, IN_BOTH, false, NAMESPACE},
    {"SampleInterval", SAMPLE_FORM, take_sample_interval, IN_PLUGIN, false, 0},
    {"InspectQueue", "true or false", take_inspect_queue, IN_PLUGIN, false, 0},
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
static void note_role(struct lb_options *options, unsigned role) {
  options->tried_port |= (role & PORT) != 0;
  options->tried_path |= (role & PATH) != 0;
  options->tried_service |= (role & SERVICE) != 0;
}

static void reject_unknown(const struct spot *spot, const char *key,
                           const oconfig_item_t *item) {
  reject(spot, key, item->values_num ? &item->values[0] : NULL,
         item->children_num ? "unknown block" : "unknown option",
         spot->listener
             ? "LocalPort, LocalAddress, LocalPath and NetNamespace"
             : "LocalPort, LocalPath, ListeningPorts, ListeningPaths, "
               "IgnoreSelected, NetNamespace, SampleInterval, InspectQueue and "
               "<Listener>");
}

static int take_child(struct spot *spot, const oconfig_item_t *item) {
  const struct option *option = find_option(item->key, spot->listener != NULL);
  char key[80];
  snprintf(key, sizeof(key), item->children_num ? "<%.64s>" : "%.64s",
           item->key);
  if (!option) {
    reject_unknown(spot, key, item);
    return 0;
  }
  if (!spot->listener)
    note_role(spot->options, option->role);
  bool misplaced = item->children_num && !option->is_block;
  if (!misplaced && item->values_num)
    return option->take(spot, item);
  reject(spot, key, NULL, misplaced ? "an option, not a block" : "no value",
         option->form);
  spot->lost_address |= (option->role & ADDRESS) != 0;
  spot->lost_namespace |= (option->role & NAMESPACE) != 0;
  return 0;
}

static int take_children(struct spot *spot, const oconfig_item_t *block) {
  for (int i = 0; i < block->children_num; i++) {
    int err = take_child(spot, &block->children[i]);
    if (err)
      return err;
  }
  return 0;
}

static const char no_namespace[] =
    "it has no NetNamespace that can be used; accepted is a good one, or none "
    "at all to look where others are looked for";

/* A selector that got lost must not make the block select more than was meant:
 * without any good port or path, with ports and addresses of which none was
 * good, or with namespaces of which none was, it goes. */
static const char *unusable(const struct spot *inside) {
  const struct part *part = inside->part;
  if (part->ports_len == 0 && part->paths_len == 0)
    return "it has no LocalPort and no LocalPath that can be used; accepted is "
           "at least one";
  if (inside->lost_address && part->addresses_len == 0 && part->ports_len > 0)
    return "it has no LocalAddress that can be used; accepted is a good one, "
           "or none at all for any address";
  if (inside->lost_namespace && part->places_len == 0)
    return no_namespace;
  return NULL;
}

static void report_left_out(const struct lb_error_sink *errors,
                            const char *name, const char *why) {
  report(errors, "<Listener \"%.64s\"> is left out: %s", name, why);
}

static int take_listener(struct spot *spot, const oconfig_item_t *item) {
  const oconfig_value_t *value = &item->values[0];
  if (item->values_num != 1 || value->type != OCONFIG_TYPE_STRING ||
      !lb_label_is_valid(value->value.string)) {
    reject(spot, "Listener", value, "not one name",
           "a name in quotes of 1 to 127 bytes, without \"/\" and control "
           "characters");
    return 0;
  }

  struct part part = {0};
  struct spot inside = {.options = spot->options,
                        .errors = spot->errors,
                        .listener = value->value.string,
                        .part = &part};
  int err = take_children(&inside, item);
  const char *why = err ? NULL : unusable(&inside);
  if (why)
    report_left_out(spot->errors, inside.listener, why);
  if (!err && !why) {
    part.name = strdup(inside.listener);
    err = part.name ? add_part(spot->options, &part) : -ENOMEM;
    if (!err)
      return 0;
  }
  free_part(&part);
  return err;
}

int lb_options_block(struct lb_options *options, const oconfig_item_t *block,
                     const struct lb_error_sink *errors) {
  struct spot spot = {.options = options, .errors = errors};
  return take_children(&spot, block);
}

/* --- all together -------------------------------------------------------- */

static void report_duplicates(const struct lb_error_sink *errors,
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
                     const struct lb_error_sink *errors) {
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

static int settle_ports(struct lb_settings *settings,
                        const struct lb_ports *ports, bool ignore,
                        const struct lb_error_sink *errors) {
  if (!ignore)
    return add_ports(settings, ports, errors);
  for (unsigned port = ports->first; port <= ports->last; port++)
    lb_portset_add(&settings->ignored, (uint16_t)port);
  return 0;
}

static int settle_path(struct lb_settings *settings, const struct part *part,
                       bool ignore, const struct lb_error_sink *errors) {
  if (ignore)
    return lb_settings_ignore_unix_name(settings, part->paths);
  int err = lb_settings_add_unix_name(settings, part->paths);
  if (err != -EEXIST)
    return err;
  char label[LB_LABEL_SIZE];
  lb_label_of_unix_name(label, part->paths);
  report(errors,
         "LocalPath \"%.80s\": the label \"%s\" is taken already and stays "
         "with what took it; accepted is a path that is selected once, or a "
         "<Listener> block with a name of its own",
         part->text, label);
  return 0;
}

/* 0, -ENOMEM, or -EEXIST, reported. */
static int settle_place(struct lb_settings *settings, const struct spot *spot,
                        const char *text, uint32_t *out) {
  int err = lb_settings_add_netns(settings, text, out);
  if (err != -EEXIST)
    return err;
  char label[LB_LABEL_SIZE], what[2 * LB_LABEL_SIZE], shown[96];
  lb_label_of_netns(label, text);
  snprintf(what, sizeof(what),
           "the label \"%s\" is taken already and stays with what took it",
           label);
  snprintf(shown, sizeof(shown), "\"%.80s\"", text);
  reject_shown(spot, "NetNamespace", shown, what,
               "a name or a path with a label of its own");
  return err;
}

static int settle_namespace(struct lb_settings *settings, const char *text,
                            const struct lb_error_sink *errors) {
  const struct spot spot = {.errors = errors};
  uint32_t place;
  int err = settle_place(settings, &spot, text, &place);
  if (!err)
    settings->places[place].global = true;
  return err == -EEXIST ? 0 : err;
}

/* Each once, however often and in whatever spelling it was written. */
static int add_once(uint32_t **places, size_t *len, uint32_t place) {
  for (size_t i = 0; i < *len; i++)
    if ((*places)[i] == place)
      return 0;
  return lb_append(places, len, &place, 1, sizeof(place));
}

static int add_service(struct lb_settings *settings, const struct part *part,
                       const uint32_t *places, size_t places_len,
                       const struct lb_error_sink *errors) {
  if (part->places_len && places_len == 0) {
    report_left_out(errors, part->name, no_namespace);
    return 0;
  }
  const struct lb_service service = {
      .name = part->name,
      .ports = part->ports,
      .ports_len = part->ports_len,
      .addresses = part->addresses,
      .addresses_len = part->addresses_len,
      .paths = part->paths,
      .paths_len = part->paths_len,
      .places = places,
      .places_len = places_len,
  };
  int err = lb_settings_add(settings, &service);
  if (err == -EEXIST)
    report_left_out(errors, part->name,
                    "its NetNamespace has this label, too; accepted is a name "
                    "of its own");
  return err;
}

/* What is left out takes no label, so its namespaces go with it. */
static int settle_listener(struct lb_settings *settings,
                           const struct part *part,
                           const struct lb_error_sink *errors) {
  if (lb_settings_has_label(settings, part->name)) {
    report(errors,
           "<Listener \"%.64s\">: the label is taken already and stays with "
           "what took it; accepted is a name of its own",
           part->name);
    return 0;
  }
  const struct spot spot = {.errors = errors, .listener = part->name};
  size_t before = settings->places_len;
  uint32_t *places = NULL;
  size_t len = 0;
  int err = 0;
  for (size_t i = 0; i < part->places_len && err != -ENOMEM; i++) {
    uint32_t place;
    err = settle_place(settings, &spot, part->places[i], &place);
    if (!err)
      err = add_once(&places, &len, place);
  }
  if (err != -ENOMEM)
    err = add_service(settings, part, places, len, errors);
  if (err)
    lb_settings_drop_netns(settings, before);
  free(places);
  return err == -EEXIST ? 0 : err;
}

static int settle_part(struct lb_settings *settings, const struct part *part,
                       bool ignore, const struct lb_error_sink *errors) {
  if (part->name)
    return settle_listener(settings, part, errors);
  if (part->places_len)
    return settle_namespace(settings, part->places[0], errors);
  if (part->paths_len)
    return settle_path(settings, part, ignore, errors);
  return settle_ports(settings, part->ports, ignore, errors);
}

/* collectd keeps its interval in units of 2^-30 s, so 0.1 is not quite 0.1. */
#define SLACK 1e-6

static double settle_sample(const struct lb_options *options, double interval_s,
                            const struct lb_error_sink *errors) {
  const struct spot spot = {.errors = errors};
  double result = interval_s > DEFAULT_SAMPLE + SLACK ? DEFAULT_SAMPLE : 0;
  char form[128];
  snprintf(form, sizeof(form), SAMPLE_FORM ", which is %.6g", interval_s);
  for (size_t i = 0; i < options->samples_len; i++) {
    const struct sample *sample = &options->samples[i];
    double seconds = sample->seconds;
    if (seconds == 0)
      result = 0;
    else if (seconds >= MIN_SAMPLE && seconds <= interval_s + SLACK)
      result = seconds < interval_s ? seconds : interval_s;
    else
      reject_shown(&spot, "SampleInterval", sample->shown.text,
                   isnan(seconds) ? "not one number" : "out of range", form);
  }
  return result;
}

/* What is left out is left out of something: of ListeningPorts, unless it is
 * paths alone and ListeningPaths is there. 0 or -ENOENT. */
static int choose_others(struct lb_settings *settings,
                         const struct lb_options *options) {
  bool ports = options->tried_port, paths = options->tried_path;
  bool others = options->listening_paths;
  bool ignoring = options->ignore_selected && (ports || (paths && !others));
  bool selected = options->tried_service || others ||
                  ((ports || paths) && !options->ignore_selected);
  settings->listening_paths = others;
  settings->listening_ports = options->listening_ports_given
                                  ? options->listening_ports
                                  : ignoring || !selected;
  if (settings->selections_len || settings->listening_ports || others)
    return 0;
  if (selected)
    return -ENOENT;
  settings->listening_ports = true;
  return 0;
}

/* --- labels at run time -------------------------------------------------- */

/* A LocalPath; or a <Listener> that could as well be one. */
static bool is_path_alone(const struct lb_settings *settings,
                          const struct lb_selection *selection) {
  char label[LB_LABEL_SIZE];
  if (selection->ports_len || selection->paths_len != 1)
    return false;
  lb_label_of_unix_name(label, &settings->paths[selection->paths_at]);
  return strcmp(label, selection->name) == 0;
}

static void report_port_left_out(const struct lb_settings *settings,
                                 const struct lb_selection *selection,
                                 unsigned port,
                                 const struct lb_error_sink *errors) {
  char who[LB_UNIX_NAME_SIZE + 32];
  bool is_path = is_path_alone(settings, selection);
  if (is_path) {
    const struct lb_unix_name *path = &settings->paths[selection->paths_at];
    snprintf(who, sizeof(who), "LocalPath \"%.*s\"", path->len, path->bytes);
  } else {
    snprintf(who, sizeof(who), "<Listener \"%u\">", port);
  }
  report(errors,
         "%s has the label of port %u, which ListeningPorts therefore leaves "
         "out; accepted is %sa name that is no port number",
         who, port, is_path ? "a <Listener> block with " : "");
}

/* A <Listener "8080"> keeps its label from the port 8080 that ListeningPorts
 * would report under the same one. */
static void resolve_listening(struct lb_settings *settings,
                              const struct lb_error_sink *errors) {
  for (size_t i = 0; i < settings->selections_len; i++) {
    const struct lb_selection *selection = &settings->selections[i];
    uint16_t port = selection->name ? lb_label_port(selection->name) : 0;
    if (!port || lb_portset_has(&settings->ignored, port) ||
        lb_settings_takes_port(settings, selection, port))
      continue;
    lb_portset_add(&settings->ignored, port);
    report_port_left_out(settings, selection, port, errors);
  }
}

static void report_long_label(const struct lb_settings *settings,
                              const struct lb_selection *selection,
                              const struct lb_netns_ref *scope,
                              const struct lb_error_sink *errors) {
  char own[LB_LABEL_SIZE], label[LB_LABEL_SIZE];
  if (!lb_selection_applies(settings, selection, scope) ||
      lb_selection_is_plain(settings, selection, scope))
    return;
  if (selection->name)
    snprintf(own, sizeof(own), "%s", selection->name);
  else
    lb_label_of_port(own, settings->ports[selection->ports_at].first);
  if (lb_label_in(label, scope->label, own))
    report(errors,
           "The label \"%s:%s\" is longer than 127 bytes, so what has it is "
           "left out; accepted is a <Listener> block with a shorter name",
           scope->label, own);
}

static void report_long_labels(const struct lb_settings *settings,
                               const struct lb_error_sink *errors) {
  for (size_t i = 0; i < settings->places_len; i++) {
    const struct lb_netns_spec *place = &settings->places[i];
    const struct lb_netns_ref scope = {.path = place->path,
                                       .label = place->label};
    for (size_t j = 0; place->path && j < settings->selections_len; j++)
      report_long_label(settings, &settings->selections[j], &scope, errors);
  }
}

int lb_options_settings(const struct lb_options *options, double interval_s,
                        struct lb_settings *out,
                        const struct lb_error_sink *errors) {
  struct lb_settings settings = {.inspect = options->inspect};
  int err = 0;
  for (size_t i = 0; i < options->parts_len && !err; i++)
    err = settle_part(&settings, &options->parts[i], options->ignore_selected,
                      errors);
  if (!err) {
    settings.sample_s = settle_sample(options, interval_s, errors);
    err = choose_others(&settings, options);
  }
  if (err) {
    lb_settings_free(&settings);
    return err;
  }
  if (settings.listening_ports)
    resolve_listening(&settings, errors);
  report_long_labels(&settings, errors);
  *out = settings;
  return 0;
}
