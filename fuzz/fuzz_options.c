// SPDX-License-Identifier: MIT
/* Reads a configuration, and makes the listeners of every namespace that it
 * names. An option that is unknown is one error and changes nothing else.
 *
 * The input is a text in collectd's syntax. Its <Plugin> blocks are read; if it
 * has none it is the inside of one. */
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

struct outcome {
  struct lb_settings settings;
  unsigned sentences;
  int err;
};

static void on_error(void *data, const char *sentence) {
  struct outcome *outcome = data;
  size_t len = strlen(sentence);
  CHECK(len > 0 && len < 511); /* whole */
  for (size_t i = 0; i < len; i++)
    CHECK((unsigned char)sentence[i] >= ' ' && sentence[i] != 0x7f);
  CHECK(strstr(sentence, "expected ") || strstr(sentence, "ignored") ||
        strstr(sentence, "not report"));
  outcome->sentences++;
}

static bool is_ours(const oconfig_item_t *item) {
  return strcasecmp(item->key, "Plugin") == 0;
}

static void read_block(struct lb_options *options, const oconfig_item_t *block,
                       const struct lb_error_sink *errors) {
  CHECK(lb_options_block(options, block, errors) == 0);
}

/* extra: NULL, or the name of one more option. */
static void read_options(const oconfig_item_t *root, char *extra,
                         struct outcome *outcome) {
  const struct lb_error_sink errors = {on_error, outcome};
  struct lb_options *options;
  bool found = false;
  double interval_s = 10;
  CHECK(lb_options_new(&options) == 0);
  for (int i = 0; i < root->children_num; i++) {
    const oconfig_item_t *item = &root->children[i];
    if (is_ours(item))
      read_block(options, item, &errors);
    found |= is_ours(item);
    if (!strcasecmp(item->key, "Interval") && item->values_num &&
        item->values[0].type == OCONFIG_TYPE_NUMBER &&
        item->values[0].value.number >= 0.001 &&
        item->values[0].value.number <= 1e6)
      interval_s = item->values[0].value.number;
  }
  if (!found)
    read_block(options, root, &errors);
  if (extra) {
    oconfig_item_t item = {.key = extra};
    read_block(options, &(oconfig_item_t){.children = &item, .children_num = 1},
               &errors);
  }
  memset(&outcome->settings, 0, sizeof(outcome->settings));
  outcome->err =
      lb_options_settings(options, interval_s, &outcome->settings, &errors);
  lb_options_free(options);
  double sample_s = outcome->settings.sample_s;
  CHECK(sample_s == 0 || (sample_s >= 0.001 && sample_s <= interval_s));
}

/* The settings, zeroed before, were not written. */
static void check_nothing(const struct outcome *outcome) {
  const char *bytes = (const char *)&outcome->settings;
  CHECK(outcome->err == -ENOENT && outcome->sentences > 0);
  for (size_t i = 0; i < sizeof(outcome->settings); i++)
    CHECK(bytes[i] == 0);
}

static void check_selection(const struct lb_selection *selection) {
  CHECK(lb_label_is_valid(selection->label));
  CHECK(selection->ports_len + selection->unix_names_len +
            selection->patterns_len >
        0);
  for (size_t i = 0; i < selection->patterns_len; i++)
    CHECK(selection->patterns[i].len > 0 &&
          selection->patterns[i].len <= LB_UNIX_NAME_SIZE);
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
  CHECK(settings->selections_len || settings->patterns_len ||
        settings->listening_ports || settings->listening_paths);
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
         a->patterns_len == b->patterns_len && a->netns_len == b->netns_len &&
         (!a->ports_len ||
          !memcmp(a->ports, b->ports, a->ports_len * sizeof(*a->ports)));
}

static bool is_same(const struct lb_settings *a, const struct lb_settings *b) {
  if (a->selections_len != b->selections_len || a->netns_len != b->netns_len ||
      a->ignored_paths_len != b->ignored_paths_len ||
      a->patterns_len != b->patterns_len ||
      a->ignored_patterns_len != b->ignored_patterns_len ||
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

struct label_text {
  char at[LB_LABEL_SIZE];
};

/* The labels of all listeners. */
struct label_list {
  struct label_text *v;
  size_t len;
};

static int compare_texts(const void *a, const void *b) { return strcmp(a, b); }

static void note_labels(struct label_list *list,
                        const struct lb_listeners *listeners) {
  for (size_t i = 0; i < lb_listeners_len(listeners); i++) {
    const char *label = lb_listeners_get(listeners, i)->label;
    struct label_text text = {""};
    if (!label)
      continue;
    CHECK(lb_label_is_valid(label));
    snprintf(text.at, sizeof(text.at), "%s", label);
    CHECK(lb_append(&list->v, &list->len, &text, 1, sizeof(text)) == 0);
  }
}

/* Each label has one listener. When the listeners are freed, all labels are
 * free. */
static void check_labels(struct label_list *list,
                         struct lb_label_registry *labels) {
  const char *label;
  if (list->len)
    qsort(list->v, list->len, sizeof(*list->v), compare_texts);
  for (size_t i = 0; i < list->len; i++) {
    CHECK(i == 0 || strcmp(list->v[i - 1].at, list->v[i].at) < 0);
    CHECK(lb_label_registry_claim(labels, list->v[i].at, LB_RANK_UNIX_NAME,
                                  (struct lb_label_holder){0}, &label) == 0);
    lb_label_registry_release(labels, label);
  }
}

/* The number of listeners that a socket counts for; the selection has it once.
 */
static unsigned visit(struct lb_listeners *listeners,
                      const struct lb_listen_sock *sock,
                      const struct lb_selection *selection) {
  struct lb_visit visit = lb_listeners_visit(listeners, sock);
  unsigned count = 0, selected = 0;
  for (struct lb_listener *l; (l = lb_listeners_next(&visit)); count++)
    selected += selection && l->selection == selection;
  CHECK(selected == (selection != NULL));
  return count;
}

static void listen_at(struct lb_listeners *listeners,
                      const struct lb_listen_sock *sock,
                      const struct lb_selection *selection) {
  CHECK(lb_listeners_discover(listeners, sock) == 0);
  unsigned count = visit(listeners, sock, selection);
  lb_listeners_add_socket(listeners, sock, sock->queue > sock->limit);
  CHECK(!lb_listeners_want(listeners, sock) || count > 0);
}

/* Sockets at both ends of everything that is selected. */
static void listen_at_selection(struct lb_listeners *listeners,
                                const struct lb_selection *selection,
                                struct lb_unix_names *unix_names) {
  struct lb_listen_sock sock = {.family = AF_INET6, .queue = 2, .limit = 1};
  if (selection->addresses_len)
    memcpy(sock.address, selection->addresses[0].bytes, sizeof(sock.address));
  for (size_t i = 0; i < selection->ports_len; i++) {
    const struct lb_ports *ports = &selection->ports[i];
    sock.port = ports->first;
    listen_at(listeners, &sock, selection);
    sock.port = ports->last;
    listen_at(listeners, &sock, selection);
  }
  sock = (struct lb_listen_sock){.family = AF_UNIX, .queue = 1};
  for (size_t i = 0; i < selection->unix_names_len; i++) {
    CHECK(lb_unix_names_intern(unix_names, &selection->unix_names[i],
                               &sock.unix_name) == 0);
    listen_at(listeners, &sock, selection);
  }
}

/* Sockets that are found if the configuration wants others. */
static void listen_elsewhere(struct lb_listeners *listeners,
                             struct lb_unix_names *unix_names) {
  struct lb_unix_name path;
  struct lb_listen_sock sock = {.family = AF_INET,
                                .address = {[10] = 0xff, 0xff}};
  for (unsigned port = 1; port <= UINT16_MAX; port += 13107) {
    sock.port = (uint16_t)port;
    listen_at(listeners, &sock, NULL);
  }
  sock = (struct lb_listen_sock){.family = AF_UNIX};
  CHECK(lb_unix_name_parse("@found", &path) == 0);
  CHECK(lb_unix_names_intern(unix_names, &path, &sock.unix_name) == 0);
  listen_at(listeners, &sock, NULL);
}

static void check_values(const struct lb_listeners *listeners) {
  for (size_t i = 0; i < lb_listeners_len(listeners); i++) {
    struct lb_values values = {.present = 0};
    lb_listener_put(lb_listeners_get(listeners, i), &values);
    if (values.present & 1u << LB_FILL)
      CHECK(values.v[LB_FILL].gauge >= 0 && values.v[LB_FILL].gauge <= 100);
    if (values.present & 1u << LB_BUSY)
      CHECK(values.v[LB_BUSY].gauge >= 0 && values.v[LB_BUSY].gauge <= 100);
  }
}

struct made {
  struct lb_unix_names *unix_names;
  struct lb_listeners *listeners;
};

static struct made make_listeners(const struct lb_settings *settings,
                                  const struct lb_netns_ref *ref,
                                  struct lb_label_registry *labels,
                                  struct label_list *list) {
  struct made made;
  CHECK(lb_unix_names_new(&made.unix_names) == 0);
  CHECK(lb_listeners_new(settings, ref, labels, made.unix_names,
                         &made.listeners) == 0);
  lb_listeners_begin_interval(made.listeners);
  lb_listeners_begin_sample(made.listeners, LB_ALL_PARTS);
  /* some of very many selections */
  size_t step = 1 + settings->selections_len / 256;
  for (size_t i = 0; i < settings->selections_len; i += step) {
    const struct lb_selection *selection = &settings->selections[i];
    if (lb_selection_applies(settings, selection, ref))
      listen_at_selection(made.listeners, selection, made.unix_names);
  }
  listen_elsewhere(made.listeners, made.unix_names);
  check_values(made.listeners);
  note_labels(list, made.listeners);
  return made;
}

static void check_listeners(const struct lb_settings *settings) {
  enum { MOST = 5 };
  struct lb_netns_ref refs[MOST] = {
      {.label = ""},
      {.path = "/run/netns/listed", .label = "listed", .listed = true}};
  struct made made[MOST];
  struct label_list list = {NULL, 0};
  struct lb_label_registry *labels;
  size_t len = 2;
  for (size_t i = 0; i < settings->netns_len && len < MOST; i++) {
    const struct lb_netns_spec *spec = &settings->netns[i].spec;
    if (spec->path[0])
      refs[len++] =
          (struct lb_netns_ref){.path = spec->path, .label = spec->label};
  }
  CHECK(lb_label_registry_new(&labels) == 0);
  for (size_t i = 0; i < len; i++)
    made[i] = make_listeners(settings, &refs[i], labels, &list);
  for (size_t i = 0; i < len; i++) {
    lb_listeners_free(made[i].listeners);
    lb_unix_names_free(made[i].unix_names);
  }
  check_labels(&list, labels);
  lb_label_registry_free(labels);
  free(list.v);
}

static void check_own_labels(const struct lb_settings *settings) {
  struct label_list list = {NULL, 0};
  for (size_t i = 0; i < settings->selections_len; i++) {
    struct label_text text;
    snprintf(text.at, sizeof(text.at), "%s", settings->selections[i].label);
    CHECK(lb_settings_has_label(settings, text.at));
    CHECK(lb_append(&list.v, &list.len, &text, 1, sizeof(text)) == 0);
  }
  if (list.len)
    qsort(list.v, list.len, sizeof(*list.v), compare_texts);
  for (size_t i = 1; i < list.len; i++)
    CHECK(strcmp(list.v[i - 1].at, list.v[i].at) < 0);
  free(list.v);
}

static void check(const oconfig_item_t *root) {
  char extra[] = "Nonsense";
  struct outcome outcome = {.err = 0}, more = {.err = 0};
  read_options(root, NULL, &outcome);
  read_options(root, extra, &more);
  CHECK(more.err == outcome.err);
  CHECK(more.sentences == outcome.sentences + 1);
  CHECK(is_same(&outcome.settings, &more.settings));
  if (outcome.err) {
    check_nothing(&outcome);
  } else {
    check_settings(&outcome.settings);
    check_own_labels(&outcome.settings);
    check_listeners(&outcome.settings);
  }
  lb_settings_free(&outcome.settings);
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
