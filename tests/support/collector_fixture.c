// SPDX-License-Identifier: MIT
#include "collector_fixture.h"

#include "unit.h"

int start_collector(struct fixture *fixture) {
  return lb_collector_new(&fixture->settings, &fixture->netns, fixture->labels,
                          source_of(&fixture->kernel), &fixture->collector);
}

int set_up_collector(void **state) {
  static struct fixture fixture;
  fixture = (struct fixture){.kernel = new_kernel(),
                             .settings = {.listening_ports = true},
                             .netns = {.label = ""}};
  *state = &fixture;
  return lb_label_registry_new(&fixture.labels) || start_collector(&fixture);
}

int tear_down_collector(void **state) {
  struct fixture *fixture = *state;
  lb_inspection_free(&fixture->inspection);
  lb_collector_free(fixture->collector);
  close_kernel(&fixture->kernel);
  lb_label_registry_free(fixture->labels);
  lb_settings_free(&fixture->settings);
  return 0;
}

void restart(struct fixture *fixture) {
  lb_collector_free(fixture->collector);
  fixture->collector = NULL;
  assert_int_equal(start_collector(fixture), 0);
}

void sample(struct fixture *fixture) {
  fixture->now_ms += 100;
  assert_int_equal(
      lb_collector_sample(fixture->collector, LB_ALL_PARTS, fixture->now_ms),
      0);
}

int try_interval(struct fixture *fixture, struct lb_sample_errors *errors) {
  fixture->now_ms += 10000;
  int err =
      lb_collector_sample(fixture->collector, LB_ALL_PARTS, fixture->now_ms);
  return err ? err
             : lb_collector_end_interval(fixture->collector, fixture->now_ms,
                                         errors);
}

void interval(struct fixture *fixture) {
  struct lb_sample_errors errors;
  assert_int_equal(try_interval(fixture, &errors), 0);
  assert_int_equal(errors.netstat, fixture->kernel.netstat_err);
  assert_int_equal(errors.unix_sockets, fixture->kernel.unix_err);
  assert_int_equal(errors.somaxconn, fixture->kernel.somaxconn ? 0 : -EACCES);
}

/* --- stories ------------------------------------------------------------- */

static struct lb_unix_pattern pattern(const char *text) {
  struct lb_unix_pattern out;
  assert_int_equal(lb_unix_pattern_parse(text, &out), 0);
  return out;
}

static void configure(struct fixture *fixture, const struct words *words) {
  struct lb_settings *settings = &fixture->settings;
  bool ignores = strcmp(words->v[0], "ignore") == 0;
  int err = 0;
  if (strcmp(words->v[0], "paths") == 0) {
    settings->listening_paths = true;
  } else if (strcmp(words->v[0], "only") == 0) {
    settings->listening_ports = false;
  } else if (lb_unix_is_pattern(words->v[1])) {
    struct lb_unix_pattern like = pattern(words->v[1]);
    err = ignores ? lb_settings_ignore_pattern(settings, &like)
                  : lb_settings_add_pattern(settings, &like);
  } else if (is_name(words->v[1])) {
    struct lb_unix_name name = path(words->v[1]);
    err = ignores ? lb_settings_ignore_unix_name(settings, &name)
                  : lb_settings_add_unix_name(settings, &name);
  } else if (ignores) {
    lb_portset_add(&settings->ignored, (uint16_t)number_at(words, 1));
  } else {
    err = lb_settings_add_port(settings, (uint16_t)number_at(words, 1));
  }
  assert_int_equal(err, 0);
  restart(fixture);
}

static void enter_netns(struct fixture *fixture, const struct words *words) {
  const struct lb_netns_spec *spec =
      add_netns(&fixture->settings, words->v[1], words->len == 2);
  fixture->netns =
      (struct lb_netns_ref){.path = spec->path, .label = spec->label};
  restart(fixture);
}

static struct lb_ports ports_of(const char *text) {
  char *end;
  uint16_t first = (uint16_t)strtoul(text, &end, 10);
  return (struct lb_ports){
      first, *end == '-' ? (uint16_t)strtoul(end + 1, NULL, 10) : first};
}

static void add_service(struct fixture *fixture, const struct words *words) {
  struct lb_ports ports[4];
  struct lb_address addresses[4];
  struct lb_unix_name names[4];
  struct lb_unix_pattern patterns[4];
  struct lb_selection service = {.label = (char *)words->v[1],
                                 .ports = ports,
                                 .addresses = addresses,
                                 .unix_names = names,
                                 .patterns = patterns};
  for (size_t i = 2; i < words->len; i++) {
    if (strcmp(words->v[i], "here") == 0) {
      service.netns = &fixture->settings.netns[0].spec;
      service.netns_len = 1;
    } else if (strcmp(words->v[i], "at") == 0)
      addresses[service.addresses_len++] = address(words->v[++i]);
    else if (lb_unix_is_pattern(words->v[i]))
      patterns[service.patterns_len++] = pattern(words->v[i]);
    else if (is_name(words->v[i]))
      names[service.unix_names_len++] = path(words->v[i]);
    else
      ports[service.ports_len++] = ports_of(words->v[i]);
  }
  assert_int_equal(lb_settings_add(&fixture->settings, &service), 0);
  restart(fixture);
}

static void play_sample(struct fixture *fixture, const struct words *words) {
  (void)words;
  sample(fixture);
}

static void play_end(struct fixture *fixture, const struct words *words) {
  (void)words;
  interval(fixture);
}

static void play_inspect(struct fixture *fixture, const struct words *words) {
  (void)words;
  uint64_t cost_ns = 0;
  sample(fixture);
  assert_int_equal(lb_collector_plan_inspection(fixture->collector,
                                                &fixture->inspection,
                                                fixture->now_ms),
                   0);
  lb_inspection_run(&fixture->inspection, source_of(&fixture->kernel),
                    UINT64_MAX, &cost_ns);
}

static void play_take(struct fixture *fixture, const struct words *words) {
  (void)words;
  struct lb_sample_errors errors;
  sample(fixture);
  if (fixture->inspection.done)
    assert_int_equal(
        lb_collector_take_inspection(fixture->collector, &fixture->inspection),
        0);
  fixture->inspection.done = false;
  assert_int_equal(
      lb_collector_end_interval(fixture->collector, fixture->now_ms, &errors),
      0);
}

static const struct {
  const char *verb;
  void (*play)(struct fixture *fixture, const struct words *words);
} verbs[] = {
    {"select", configure},   {"ignore", configure},  {"paths", configure},
    {"only", configure},     {"netns", enter_netns}, {"service", add_service},
    {"sample", play_sample}, {"end", play_end},      {"inspect", play_inspect},
    {"take", play_take},
};

static void play_statement(void *data, const struct words *words) {
  struct fixture *fixture = data;
  for (size_t i = 0; i < LEN(verbs); i++)
    if (strcmp(verbs[i].verb, words->v[0]) == 0) {
      verbs[i].play(fixture, words);
      return;
    }
  play_to_kernel(&fixture->kernel, words);
}

void play(struct fixture *fixture, const char *script) {
  for_each_statement(script, play_statement, fixture);
}

void play_stories(const struct story *stories, size_t len,
                  void (*assert_step)(struct fixture *fixture,
                                      const char *want)) {
  for (size_t i = 0; i < len; i++) {
    void *state;
    print_message("# %s\n", stories[i].name);
    assert_int_equal(set_up_collector(&state), 0);
    for (size_t j = 0; j < LEN(stories[i].steps) && stories[i].steps[j].script;
         j++) {
      play(state, stories[i].steps[j].script);
      assert_step(state, stories[i].steps[j].want);
    }
    assert_int_equal(tear_down_collector(&state), 0);
  }
}

/* --- what is reported ---------------------------------------------------- */

static void assert_text(struct fixture *fixture,
                        void (*visit)(void *data,
                                      const struct lb_readings *readings),
                        const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_readings(fixture->collector, visit, &got);
  assert_string_equal(got.at, want);
}

void assert_readings(struct fixture *fixture, const char *want) {
  assert_text(fixture, say_reading, want);
}

static void say_listener(void *data, const struct lb_readings *readings) {
  if (!readings->is_namespace)
    say_reading(data, readings);
}

void assert_listeners(struct fixture *fixture, const char *want) {
  assert_text(fixture, say_listener, want);
}

static void say_counter(struct text *out, const struct lb_values *values,
                        enum lb_reading_id id) {
  if (values->present & 1u << id)
    say(out, "%llu", (unsigned long long)values->v[id].counter);
  else
    say(out, "-");
}

static void say_share(struct text *out, const char *label,
                      const struct lb_values *values) {
  say(out, "%s ", label);
  say_counter(out, values, LB_DROPS);
  say(out, "/");
  say_counter(out, values, LB_OVERFLOWS);
  say(out, ", ");
}

static void say_listener_share(void *data, const struct lb_readings *readings) {
  if (!readings->is_namespace)
    say_share(data, readings->label, &readings->values);
}

static void say_namespace_share(void *data,
                                const struct lb_readings *readings) {
  if (!readings->is_namespace)
    return;
  say_share(data, "all", &readings->values);
  say_counter(data, &readings->values, LB_OVERFLOWS_UNATTRIBUTED);
  say(data, " of none");
}

void assert_shares(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_readings(fixture->collector, say_listener_share, &got);
  lb_collector_visit_readings(fixture->collector, say_namespace_share, &got);
  assert_string_equal(got.at, want);
}

static void say_sum(void *data, const struct lb_readings *readings) {
  const union lb_value *v = readings->values.v;
  if (!readings->is_namespace)
    say(data, "%s %g/%g, ", readings->label, v[LB_QUEUE].gauge,
        v[LB_LIMIT].gauge);
}

void assert_sums(struct fixture *fixture, const char *want) {
  assert_text(fixture, say_sum, want);
}

static void say_inspected(void *data, const struct lb_readings *readings) {
  static const enum lb_reading_id ids[] = {LB_QUEUE, LB_WAIT, LB_SYN,
                                           LB_ABANDONED};
  if (readings->is_namespace)
    return;
  say(data, "%s", readings->label);
  for (size_t i = 0; i < LEN(ids); i++)
    if (readings->values.present & 1u << ids[i])
      say(data, " %s %g", lb_reading_table[ids[i]].name,
          readings->values.v[ids[i]].gauge);
  say(data, "\n");
}

void assert_inspected(struct fixture *fixture, const char *want) {
  assert_text(fixture, say_inspected, want);
}

static void say_hint(void *data, const struct lb_hint *hint) {
  static const char *const kinds[LB_HINT_KINDS] = {"at", "raised",
                                                   "overflowed"};
  struct fixture *fixture = data;
  say(&fixture->said, "%s %s %u, ", hint->label, kinds[hint->kind],
      hint->sockets);
  lb_collector_told_hint(fixture->collector, hint);
}

void assert_hints(struct fixture *fixture, const char *want) {
  fixture->said.len = 0;
  fixture->said.at[0] = '\0';
  lb_collector_visit_hints(fixture->collector, say_hint, fixture);
  assert_string_equal(fixture->said.at, want);
}

void assert_conflicts(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  static const int kinds[] = {-EEXIST, -ENAMETOOLONG, -ESTALE};
  struct lb_conflict conflict;
  for (size_t kind = 0; kind < LEN(kinds);) {
    if (!lb_collector_next_conflict(fixture->collector, kinds[kind],
                                    &conflict)) {
      kind++;
      continue;
    }
    say(&got, "%s of %s: %s\n", conflict.label, conflict.source,
        conflict.err == -EEXIST         ? "taken"
        : conflict.err == -ENAMETOOLONG ? "too long"
        : conflict.err == -ESTALE       ? "another file"
                                        : "?");
    lb_collector_told_conflict(fixture->collector, &conflict);
  }
  assert_string_equal(got.at, want);
}

const char *take_label(struct lb_label_registry *labels, const char *text) {
  const char *label = NULL;
  assert_int_equal(lb_label_registry_claim(labels, text, LB_RANK_CONFIGURED,
                                           (struct lb_label_holder){0}, &label),
                   0);
  return label;
}

static void say_socket(void *data, const struct lb_socket_view *view) {
  if (view->name)
    say_path(data, view->name);
  else
    say(data, "%u", (unsigned)view->sock->port);
  say(data, " %u\n", (unsigned)view->sock->cookie);
}

void assert_sockets(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  lb_collector_visit_sockets(fixture->collector, say_socket, &got);
  assert_string_equal(got.at, want);
}

struct wanted {
  const char *label;
  enum lb_reading_id id;
  bool found;
  uint64_t counter;
};

static void pick_counter(void *data, const struct lb_readings *readings) {
  struct wanted *wanted = data;
  if (strcmp(readings->label, wanted->label) == 0 &&
      readings->values.present & 1u << wanted->id) {
    wanted->found = true;
    wanted->counter = readings->values.v[wanted->id].counter;
  }
}

uint64_t counter_of(struct fixture *fixture, const char *label,
                    enum lb_reading_id id) {
  struct wanted wanted = {.label = label, .id = id};
  lb_collector_visit_readings(fixture->collector, pick_counter, &wanted);
  if (!wanted.found)
    fail_msg("no %s of \"%s\"", lb_reading_table[id].name, label);
  return wanted.counter;
}
