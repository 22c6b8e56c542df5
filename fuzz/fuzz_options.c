// SPDX-License-Identifier: MIT
/* A configuration to settings, and to the listeners of every namespace it
 * names. A bad option costs only itself, and is one sentence.
 *
 * An input is a text in collectd's syntax, and any text has a meaning here:
 * what is no block and no value is a word. The <Plugin> blocks in it are ours,
 * or where there is none it is the inside of one. */
#include "config.h"
#include "fuzz.h"

#include "base/array.h"
#include "collectd/options.h"
#include "core/listeners.h"

#include <errno.h>
#include <math.h>
#include <strings.h>
#include <sys/socket.h>

enum { MOST_VALUES = 200, MOST_PORTS = 2000 };

/* --- size ---------------------------------------------------------------- */

struct size {
  unsigned values;
  unsigned ports; /* in ranges */
};

/* How many ports a range has after the first. */
static unsigned count_ports(const oconfig_value_t *value) {
  unsigned first, last;
  if (value->type != OCONFIG_TYPE_STRING ||
      sscanf(value->value.string, "%u-%u", &first, &last) != 2 ||
      first > last || last > UINT16_MAX)
    return 0;
  return last - first;
}

/* The size bounds the time that an input takes. */
static void add_size(struct size *size, const oconfig_item_t *item) {
  size->values += (unsigned)item->values_num;
  for (int i = 0; i < item->values_num; i++)
    size->ports += count_ports(&item->values[i]);
  for (int i = 0; i < item->children_num; i++)
    add_size(size, &item->children[i]);
}

/* --- settings ------------------------------------------------------------ */

struct taken {
  struct lb_settings settings;
  unsigned sentences;
  int err;
};

static void on_error(void *data, const char *sentence) {
  struct taken *taken = data;
  size_t len = strlen(sentence);
  CHECK(len > 0 && len < 511); /* whole */
  for (size_t i = 0; i < len; i++)
    CHECK((unsigned char)sentence[i] >= ' ' && sentence[i] != 0x7f);
  CHECK(strstr(sentence, "expected ") || strstr(sentence, "ignored") ||
        strstr(sentence, "not report"));
  taken->sentences++;
}

static bool is_ours(const oconfig_item_t *item) {
  return strcasecmp(item->key, "Plugin") == 0;
}

static void take_block(struct lb_options *options, const oconfig_item_t *block,
                       const struct lb_error_sink *errors) {
  CHECK(lb_options_block(options, block, errors) == 0);
}

/* With one option more, where extra is not NULL. */
static void take_options(const oconfig_item_t *root, char *extra,
                         struct taken *taken) {
  const struct lb_error_sink errors = {on_error, taken};
  struct lb_options *options;
  bool found = false;
  double interval_s = 10;
  CHECK(lb_options_new(&options) == 0);
  for (int i = 0; i < root->children_num; i++) {
    const oconfig_item_t *item = &root->children[i];
    if (is_ours(item))
      take_block(options, item, &errors);
    found |= is_ours(item);
    if (!strcasecmp(item->key, "Interval") && item->values_num &&
        item->values[0].type == OCONFIG_TYPE_NUMBER &&
        item->values[0].value.number >= 0.001 &&
        item->values[0].value.number <= 1e6)
      interval_s = item->values[0].value.number;
  }
  if (!found)
    take_block(options, root, &errors);
  if (extra) {
    oconfig_item_t item = {.key = extra};
    take_block(options, &(oconfig_item_t){.children = &item, .children_num = 1},
               &errors);
  }
  memset(&taken->settings, 0, sizeof(taken->settings));
  taken->err =
      lb_options_settings(options, interval_s, &taken->settings, &errors);
  lb_options_free(options);
  double sample_s = taken->settings.sample_s;
  CHECK(sample_s == 0 || (sample_s >= 0.001 && sample_s <= interval_s));
}

/* Nothing was written to what was zeroed before. */
static void check_nothing(const struct taken *taken) {
  const char *bytes = (const char *)&taken->settings;
  CHECK(taken->err == -ENOENT && taken->sentences > 0);
  for (size_t i = 0; i < sizeof(taken->settings); i++)
    CHECK(bytes[i] == 0);
}

static void check_selection(const struct lb_selection *selection) {
  CHECK(lb_label_is_valid(selection->label));
  CHECK(selection->ports_len + selection->unix_names_len > 0);
  CHECK(selection->by != LB_BY_LOCAL_PORT ||
        (selection->ports_len == 1 &&
         selection->ports[0].first == selection->ports[0].last));
  for (size_t i = 0; i < selection->ports_len; i++)
    CHECK(selection->ports[i].first > 0 &&
          selection->ports[i].first <= selection->ports[i].last);
  for (size_t i = 0; i < selection->unix_names_len; i++)
    CHECK(selection->unix_names[i].len > 0 &&
          selection->unix_names[i].len <= LB_UNIX_NAME_SIZE);
}

/* All namespaces of a selection are sampled. */
static void check_sampled(const struct lb_settings *settings,
                          const struct lb_selection *selection) {
  for (size_t i = 0; i < selection->netns_len; i++) {
    size_t j = 0;
    while (j < settings->netns_len &&
           strcmp(settings->netns[j].spec.path, selection->netns[i].path) != 0)
      j++;
    CHECK(j < settings->netns_len);
  }
}

static void check_settings(const struct lb_settings *settings) {
  CHECK(settings->selections_len || settings->listening_ports ||
        settings->listening_paths);
  for (size_t i = 0; i < settings->selections_len; i++) {
    check_selection(&settings->selections[i]);
    check_sampled(settings, &settings->selections[i]);
  }
  for (size_t i = 0; i < settings->netns_len; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    CHECK(!spec->path[0] == !spec->label[0]);
    CHECK(!spec->path[0] ||
          (spec->path[0] == '/' && lb_label_is_valid(spec->label)));
  }
}

static bool is_same_selection(const struct lb_selection *a,
                              const struct lb_selection *b) {
  return a->by == b->by && strcmp(a->label, b->label) == 0 &&
         a->ports_len == b->ports_len && a->addresses_len == b->addresses_len &&
         a->unix_names_len == b->unix_names_len &&
         a->netns_len == b->netns_len &&
         (!a->ports_len ||
          !memcmp(a->ports, b->ports, a->ports_len * sizeof(*a->ports)));
}

static bool is_same(const struct lb_settings *a, const struct lb_settings *b) {
  if (a->selections_len != b->selections_len || a->netns_len != b->netns_len ||
      a->ignored_paths_len != b->ignored_paths_len ||
      a->listening_ports != b->listening_ports ||
      a->listening_paths != b->listening_paths || a->inspect != b->inspect ||
      a->sample_s != b->sample_s ||
      memcmp(&a->ignored, &b->ignored, sizeof(a->ignored)) != 0)
    return false;
  for (size_t i = 0; i < a->selections_len; i++)
    if (!is_same_selection(&a->selections[i], &b->selections[i]))
      return false;
  for (size_t i = 0; i < a->netns_len; i++)
    if (strcmp(a->netns[i].spec.path, b->netns[i].spec.path) != 0 ||
        a->netns[i].for_all != b->netns[i].for_all)
      return false;
  return true;
}

/* --- listeners ----------------------------------------------------------- */

struct named {
  char label[LB_LABEL_SIZE];
};

/* All labels of all groups. */
struct names {
  struct named *v;
  size_t len;
};

static int compare_names(const void *a, const void *b) { return strcmp(a, b); }

static void note_labels(struct names *names, const struct lb_listeners *group) {
  for (size_t i = 0; i < lb_listeners_len(group); i++) {
    const char *label = lb_listeners_get(group, i)->label;
    struct named named = {""};
    if (!label)
      continue;
    CHECK(lb_label_is_valid(label));
    snprintf(named.label, sizeof(named.label), "%s", label);
    CHECK(lb_append(&names->v, &names->len, &named, 1, sizeof(named)) == 0);
  }
}

/* A label, one listener; and with the groups gone each is free again. */
static void check_labels(struct names *names,
                         struct lb_label_registry *labels) {
  const char *label;
  if (names->len)
    qsort(names->v, names->len, sizeof(*names->v), compare_names);
  for (size_t i = 0; i < names->len; i++) {
    CHECK(i == 0 || strcmp(names->v[i - 1].label, names->v[i].label) < 0);
    CHECK(lb_label_registry_claim(labels, names->v[i].label, &label) == 0);
    lb_label_registry_release(labels, label);
  }
}

/* How many listeners a socket counts for, of which no two are the same. */
static unsigned visit(struct lb_listeners *group,
                      const struct lb_listen_sock *row,
                      const struct lb_selection *selection) {
  struct lb_visit visit = lb_listeners_visit(group, row);
  unsigned listeners = 0, ours = 0;
  for (struct lb_listener *l; (l = lb_listeners_next(&visit)); listeners++)
    ours += selection && l->selection == selection;
  CHECK(ours <= 1);
  CHECK(!selection || ours == 1);
  return listeners;
}

static void listen_at(struct lb_listeners *group,
                      const struct lb_listen_sock *row,
                      const struct lb_selection *selection) {
  CHECK(lb_listeners_discover(group, row) == 0);
  unsigned listeners = visit(group, row, selection);
  lb_listeners_add_socket(group, row, row->queue > row->limit);
  CHECK(!lb_listeners_want(group, row) || listeners > 0);
}

/* A socket at the edges of whatever is selected is that selection's. */
static void listen_at_selection(struct lb_listeners *group,
                                const struct lb_selection *selection,
                                struct lb_unix_names *paths) {
  struct lb_listen_sock row = {.family = AF_INET6, .queue = 2, .limit = 1};
  if (selection->addresses_len)
    memcpy(row.address, selection->addresses[0].bytes, sizeof(row.address));
  for (size_t i = 0; i < selection->ports_len; i++) {
    const struct lb_ports *ports = &selection->ports[i];
    row.port = ports->first;
    listen_at(group, &row, selection);
    row.port = ports->last;
    listen_at(group, &row, selection);
  }
  row = (struct lb_listen_sock){.family = AF_UNIX, .queue = 1};
  for (size_t i = 0; i < selection->unix_names_len; i++) {
    CHECK(lb_unix_names_intern(paths, &selection->unix_names[i],
                               &row.unix_name) == 0);
    listen_at(group, &row, selection);
  }
}

/* Sockets that nobody selected, which are found where that is wanted. */
static void listen_elsewhere(struct lb_listeners *group,
                             struct lb_unix_names *paths) {
  struct lb_unix_name path;
  struct lb_listen_sock row = {.family = AF_INET,
                               .address = {[10] = 0xff, 0xff}};
  for (unsigned port = 1; port <= UINT16_MAX; port += 13107) {
    row.port = (uint16_t)port;
    listen_at(group, &row, NULL);
  }
  row = (struct lb_listen_sock){.family = AF_UNIX};
  CHECK(lb_unix_name_parse("@found", &path) == 0);
  CHECK(lb_unix_names_intern(paths, &path, &row.unix_name) == 0);
  listen_at(group, &row, NULL);
}

static void check_values(const struct lb_listeners *group) {
  for (size_t i = 0; i < lb_listeners_len(group); i++) {
    struct lb_values values = {.present = 0};
    lb_listener_put(lb_listeners_get(group, i), &values);
    if (values.present & 1u << LB_FILL)
      CHECK(values.v[LB_FILL].gauge >= 0 && values.v[LB_FILL].gauge <= 100);
    if (values.present & 1u << LB_BUSY)
      CHECK(values.v[LB_BUSY].gauge >= 0 && values.v[LB_BUSY].gauge <= 100);
  }
}

struct grouping {
  struct lb_unix_names *paths;
  struct lb_listeners *group;
};

static struct grouping make_group(const struct lb_settings *settings,
                                  const struct lb_netns_ref *scope,
                                  struct lb_label_registry *labels,
                                  struct names *names) {
  struct grouping made;
  CHECK(lb_unix_names_new(&made.paths) == 0);
  CHECK(lb_listeners_new(settings, scope, labels, made.paths, &made.group) ==
        0);
  lb_listeners_begin_interval(made.group);
  lb_listeners_begin_sample(made.group, true);
  /* of very many selections some */
  size_t step = 1 + settings->selections_len / 256;
  for (size_t i = 0; i < settings->selections_len; i += step) {
    const struct lb_selection *selection = &settings->selections[i];
    if (lb_selection_applies(settings, selection, scope))
      listen_at_selection(made.group, selection, made.paths);
  }
  listen_elsewhere(made.group, made.paths);
  check_values(made.group);
  note_labels(names, made.group);
  return made;
}

static void check_groups(const struct lb_settings *settings) {
  enum { MOST = 5 };
  struct lb_netns_ref scopes[MOST] = {{NULL, "", false},
                                      {"/run/netns/listed", "listed", true}};
  struct grouping made[MOST];
  struct names names = {NULL, 0};
  struct lb_label_registry *labels;
  size_t len = 2;
  for (size_t i = 0; i < settings->netns_len && len < MOST; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    if (spec->path[0])
      scopes[len++] = (struct lb_netns_ref){spec->path, spec->label, false};
  }
  CHECK(lb_label_registry_new(&labels) == 0);
  for (size_t i = 0; i < len; i++)
    made[i] = make_group(settings, &scopes[i], labels, &names);
  for (size_t i = 0; i < len; i++) {
    lb_listeners_free(made[i].group);
    lb_unix_names_free(made[i].paths);
  }
  check_labels(&names, labels);
  lb_label_registry_free(labels);
  free(names.v);
}

static void check_own_labels(const struct lb_settings *settings) {
  struct names names = {NULL, 0};
  for (size_t i = 0; i < settings->selections_len; i++) {
    struct named named;
    snprintf(named.label, sizeof(named.label), "%s",
             settings->selections[i].label);
    CHECK(lb_settings_has_label(settings, named.label));
    CHECK(lb_append(&names.v, &names.len, &named, 1, sizeof(named)) == 0);
  }
  if (names.len)
    qsort(names.v, names.len, sizeof(*names.v), compare_names);
  for (size_t i = 1; i < names.len; i++)
    CHECK(strcmp(names.v[i - 1].label, names.v[i].label) < 0);
  free(names.v);
}

static void check(const oconfig_item_t *root) {
  char extra[] = "Nonsense";
  struct taken taken = {.err = 0}, more = {.err = 0};
  take_options(root, NULL, &taken);
  take_options(root, extra, &more);
  CHECK(more.err == taken.err);
  CHECK(more.sentences == taken.sentences + 1);
  CHECK(is_same(&taken.settings, &more.settings));
  if (taken.err) {
    check_nothing(&taken);
  } else {
    check_settings(&taken.settings);
    check_own_labels(&taken.settings);
    check_groups(&taken.settings);
  }
  lb_settings_free(&taken.settings);
  lb_settings_free(&more.settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  char *text = copy_of((struct input){bytes, len}, true);
  struct size size = {0};
  oconfig_item_t root = read_config(text);
  add_size(&size, &root);
  if (size.values <= MOST_VALUES && size.ports <= MOST_PORTS)
    check(&root);
  free_config(&root);
  free(text);
  return 0;
}
