// SPDX-License-Identifier: MIT
/* Which sockets count for which listener, and what that makes of them. */
#include "core/listeners.h"

#include "core/attribution.h"

#include "memory.h"
#include "scripted_kernel.h"

struct fixture {
  struct lb_settings settings;
  struct lb_netns_ref scope;
  struct lb_label_registry *labels;
  struct lb_unix_names *paths;
  struct lb_listeners *group;
};

static int set_up(void **state) {
  static struct fixture fixture;
  fixture = (struct fixture){.scope = {.label = ""}};
  *state = &fixture;
  return lb_label_registry_new(&fixture.labels) ||
         lb_unix_names_new(&fixture.paths);
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  lb_listeners_free(fixture->group);
  lb_unix_names_free(fixture->paths);
  lb_label_registry_free(fixture->labels);
  lb_settings_free(&fixture->settings);
  return 0;
}

static struct lb_listeners *start(struct fixture *fixture) {
  assert_int_equal(lb_listeners_new(&fixture->settings, &fixture->scope,
                                    fixture->labels, fixture->paths,
                                    &fixture->group),
                   0);
  lb_listeners_begin_sample(fixture->group, true);
  return fixture->group;
}

static struct lb_listen_sock row(uint16_t port, const char *local,
                                 uint32_t queue, uint32_t limit) {
  struct lb_listen_sock made = {.port = port, .queue = queue, .limit = limit};
  bind_row(&made, local);
  return made;
}

static struct lb_listen_sock unix_row(struct fixture *fixture, const char *name,
                                      uint32_t queue, uint32_t limit) {
  struct lb_listen_sock made = {
      .family = AF_UNIX, .queue = queue, .limit = limit};
  struct lb_unix_name bytes = path(name);
  assert_int_equal(lb_unix_names_intern(fixture->paths, &bytes, &made.unix_name), 0);
  return made;
}

static struct lb_values values_of(const struct lb_listeners *group, size_t i,
                                  bool has_shares) {
  struct lb_values values = {.present = 0};
  lb_listener_put(lb_listeners_get(group, i), &values);
  if (has_shares)
    lb_attribution_put_listener(lb_listeners_get(group, i), &values);
  return values;
}

static void add(struct lb_listeners *group, struct lb_listen_sock made) {
  assert_int_equal(lb_listeners_discover(group, &made), 0);
  lb_listeners_add_socket(group, &made, lb_is_full(made.queue, made.limit));
}

static void add_path(struct fixture *fixture, const char *name, uint32_t queue,
                     uint32_t limit) {
  add(fixture->group, unix_row(fixture, name, queue, limit));
}

/* "LABEL queue/limit fill sockets full" of everything that is reported. */
static void assert_group(const struct lb_listeners *group, const char *want) {
  struct text got = {.len = 0};
  for (size_t i = 0; i < lb_listeners_len(group); i++) {
    const struct lb_listener *listener = lb_listeners_get(group, i);
    if (lb_listeners_reports(group, listener))
      say(&got, "%s %u/%u %g %u %u\n", listener->label,
          (unsigned)listener->sample.queue, (unsigned)listener->sample.limit, listener->interval.fill,
          listener->sample.sockets, listener->interval.full);
  }
  assert_string_equal(got.at, want);
}

static void assert_clash(struct lb_listeners *group, const char *want) {
  struct text got = {.len = 0};
  say_clash(&got, lb_listeners_conflict(group));
  assert_string_equal(got.at, want);
}

static void add_service(struct fixture *fixture, struct lb_selection service) {
  assert_int_equal(lb_settings_add(&fixture->settings, &service), 0);
}

/* --- ports --------------------------------------------------------------- */

static void listening_ports_makes_one_listener_per_port(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  lb_portset_add(&fixture->settings.ignored, 22);
  struct lb_listeners *group = start(fixture);
  add(group, row(443, "0.0.0.0", 1, 9));
  add(group, row(80, "::", 0, 128));
  add(group, row(443, "::1", 2, 9));
  add(group, row(22, "0.0.0.0", 5, 9));
  assert_group(group, "443 3/18 20 2 0\n80 0/128 0 1 0\n");
}

static void a_found_port_keeps_its_place_while_it_is_away(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  add(group, row(80, "0.0.0.0", 0, 8));
  assert_int_equal(lb_listeners_len(group), 1);
  lb_listeners_begin_sample(group, true);
  assert_group(group, "");
  add(group, row(80, "0.0.0.0", 0, 16));
  assert_int_equal(lb_listeners_len(group), 1);
  assert_group(group, "80 0/16 0 1 0\n");
}

static void a_selected_listener_is_there_without_sockets(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(lb_settings_add_port(&fixture->settings, 80), 0);
  struct lb_listeners *group = start(fixture);
  add(group, row(81, "0.0.0.0", 0, 8));
  assert_group(group, "80 0/0 0 0 0\n");
  struct lb_values values =
      values_of(group, 0, true);
  assert_int_equal(values.present,
                   1 << LB_SOCKETS | 1 << LB_DROPS | 1 << LB_OVERFLOWS);
  values = values_of(group, 0, false);
  assert_int_equal(values.present, 1 << LB_SOCKETS);
}

static void addresses_narrow_a_listener(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_ports ports[] = {{8000, 8010}, {8005, 8020}};
  struct lb_address addresses[] = {address("10.0.0.1"), address("::1")};
  add_service(fixture, (struct lb_selection){.label = "api",
                                             .ports = ports,
                                             .ports_len = 2,
                                             .addresses = addresses,
                                             .addresses_len = 2});
  struct lb_listeners *group = start(fixture);
  add(group, row(8005, "10.0.0.1", 1, 1));
  add(group, row(8020, "::1", 0, 1));
  add(group, row(8005, "10.0.0.2", 0, 7)); /* nobody's: reported by its port */
  add(group, row(8005, "0.0.0.0", 0, 7));
  add(group, row(8005, "::", 0, 7));
  add(group, row(8021, "10.0.0.1", 0, 3));
  assert_group(group, "api 1/2 50 2 0\n8005 0/21 0 3 0\n8021 0/3 0 1 0\n");
}

static void a_socket_counts_for_every_selection_of_it(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_ports all = {1, 65535};
  assert_int_equal(lb_settings_add_port(&fixture->settings, 80), 0);
  add_service(fixture, (struct lb_selection){
                           .label = "all", .ports = &all, .ports_len = 1});
  struct lb_listeners *group = start(fixture);
  add(group, row(80, "0.0.0.0", 1, 3));
  add(group, row(65535, "0.0.0.0", 0, 3));
  assert_group(group, "80 1/3 25 1 0\nall 1/6 25 2 0\n");
}

static void one_full_member_of_eight_reads_fill_100_and_full_1(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  for (int i = 0; i < 8; i++)
    add(group, row(80, "0.0.0.0", i == 3 ? 17 : 0, 16));
  assert_group(group, "80 17/128 100 8 1\n");
}

static void fill_is_of_the_limit_plus_one_and_ends_at_100(void **state) {
  struct fixture *fixture = *state;
  static const struct {
    uint32_t queue, limit;
    double want;
    uint32_t full;
  } cases[] = {
      {0, 0, 0, 0},         {1, 0, 100, 1},   {3, 3, 75, 0},
      {4, 3, 100, 1},       {900, 3, 100, 1}, {0, UINT32_MAX, 0, 0},
      {1, 127, 0.78125, 0},
  };
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  for (size_t i = 0; i < LEN(cases); i++) {
    lb_listeners_begin_interval(group);
    lb_listeners_begin_sample(group, true);
    add(group, row(80, "0.0.0.0", cases[i].queue, cases[i].limit));
    assert_true(lb_listeners_get(group, 0)->interval.fill == cases[i].want);
    assert_int_equal(lb_listeners_get(group, 0)->interval.full, cases[i].full);
  }
}

/* --- many looks, one interval -------------------------------------------- */

/* "LABEL queue peak busy fill full" of the first listener, as readings. */
static void assert_peaks(const struct lb_listeners *group, const char *want) {
  struct text got = {.len = 0};
  struct lb_readings reading = {
      .label = lb_listeners_get(group, 0)->label,
      .values = values_of(group, 0, false)};
  say_reading(&got, &reading);
  assert_string_equal(got.at, want);
}

static void a_peak_is_the_highest_sum_of_one_look(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  static const uint32_t looks[][2] = {{3, 1}, {0, 6}, {0, 0}, {2, 2}};
  for (size_t i = 0; i < LEN(looks); i++) {
    lb_listeners_begin_sample(group, true);
    add(group, row(80, "0.0.0.0", looks[i][0], 7));
    add(group, row(80, "::", looks[i][1], 9));
  }
  assert_peaks(group, "80: queue 4 limit 16 peak 6 busy 75 fill 60 sockets 2 "
                      "full 0\n");
}

static void the_next_interval_begins_with_nothing(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(lb_settings_add_port(&fixture->settings, 80), 0);
  struct lb_listeners *group = start(fixture);
  add(group, row(80, "0.0.0.0", 9, 8));
  assert_peaks(group, "80: queue 9 limit 8 peak 9 busy 100 fill 100 sockets 1 "
                      "full 1\n");
  lb_listeners_begin_interval(group);
  lb_listeners_begin_sample(group, true);
  assert_peaks(group, "80: sockets 0\n");
  add(group, row(80, "0.0.0.0", 0, 8));
  assert_peaks(group, "80: queue 0 limit 8 peak 0 busy 0 fill 0 sockets 1 full "
                      "0\n");
}

static void looks_without_a_socket_are_not_counted(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(lb_settings_add_port(&fixture->settings, 80), 0);
  struct lb_listeners *group = start(fixture);
  lb_listeners_begin_sample(group, true);
  add(group, row(80, "0.0.0.0", 1, 3));
  lb_listeners_begin_sample(group, true);
  add(group, row(80, "0.0.0.0", 0, 3));
  lb_listeners_begin_sample(group, true);
  assert_peaks(group, "80: peak 1 busy 50 fill 25 sockets 0 full 0\n");
}

static void a_queue_of_several_sockets_is_busy_once(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  for (int i = 0; i < 3; i++)
    add(group, row(80, "0.0.0.0", 1, 3));
  assert_peaks(group, "80: queue 3 limit 9 peak 3 busy 100 fill 25 sockets 3 "
                      "full 0\n");
}

/* --- UNIX sockets -------------------------------------------------------- */

static void listening_paths_makes_one_listener_per_path(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = true;
  struct lb_unix_name ignored = path("/run/noise");
  assert_int_equal(lb_settings_ignore_unix_name(&fixture->settings, &ignored),
                   0);
  struct lb_listeners *group = start(fixture);
  assert_true(lb_listeners_want_unix(group));
  add_path(fixture, "/run/a.sock", 1, 9);
  add_path(fixture, "@\\x01b c", 0, 128);
  add_path(fixture, "/run/a.sock", 2, 9);
  add_path(fixture, "/run/noise", 5, 9);
  add_path(fixture, "relative", 0, 1);
  add_path(fixture, "/", 0, 1);
  add(group, row(80, "0.0.0.0", 0, 8));
  assert_group(group, "run-a.sock 3/18 20 2 0\n@_b_c 0/128 0 1 0\n"
                      "relative 0/1 0 1 0\n- 0/1 0 1 0\n");
  assert_clash(group, "");
}

static void selected_paths_come_before_found_ones(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = fixture->settings.listening_ports = true;
  struct lb_unix_name paths[] = {path("/run/api"), path("@api")},
                      web = path("/web");
  struct lb_ports port = {80, 80};
  add_service(fixture, (struct lb_selection){.label = "api",
                                             .ports = &port,
                                             .ports_len = 1,
                                             .unix_names = paths,
                                             .unix_names_len = LEN(paths)});
  assert_int_equal(lb_settings_add_unix_name(&fixture->settings, &web), 0);
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "/run/api2", 0, 1);
  add_path(fixture, "/web", 0, 3);
  add_path(fixture, "@api", 1, 7);
  add_path(fixture, "/run/api", 0, 8);
  add_path(fixture, "/api", 0, 4);
  add(group, row(80, "::", 2, 16));
  assert_group(group, "api 3/31 12.5 3 0\nweb 0/3 0 1 0\n"
                      "run-api2 0/1 0 1 0\n");
  assert_clash(group, "api of the UNIX socket \"/api\": taken, 1 in all\n");
}

static void a_unix_socket_has_no_drop_counters(void **state) {
  struct fixture *fixture = *state;
  struct lb_unix_name paths[] = {path("/run/a")};
  struct lb_ports port = {80, 80};
  assert_int_equal(lb_settings_add_unix_name(&fixture->settings, paths), 0);
  add_service(fixture, (struct lb_selection){.label = "both",
                                             .ports = &port,
                                             .ports_len = 1,
                                             .unix_names = paths,
                                             .unix_names_len = 1});
  struct lb_listeners *group = start(fixture);
  unsigned both = 1u << LB_DROPS | 1u << LB_OVERFLOWS;
  struct lb_values values =
      values_of(group, 0, true);
  assert_int_equal(values.present, 1u << LB_SOCKETS);
  values = values_of(group, 1, true);
  assert_int_equal(values.present, 1u << LB_SOCKETS | both);
}

static void an_address_is_of_the_ports_alone(void **state) {
  struct fixture *fixture = *state;
  struct lb_unix_name paths[] = {path("/run/a")};
  struct lb_address addresses[] = {address("10.0.0.1")};
  struct lb_ports port = {80, 80};
  add_service(fixture, (struct lb_selection){.label = "both",
                                             .ports = &port,
                                             .ports_len = 1,
                                             .addresses = addresses,
                                             .addresses_len = 1,
                                             .unix_names = paths,
                                             .unix_names_len = 1});
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "/run/a", 1, 3);
  add(group, row(80, "10.0.0.2", 1, 3));
  assert_group(group, "both 1/3 25 1 0\n");
}

static void an_ignored_path_may_be_selected(void **state) {
  struct fixture *fixture = *state;
  struct lb_unix_name a = path("/run/a");
  fixture->settings.listening_paths = true;
  assert_int_equal(lb_settings_add_unix_name(&fixture->settings, &a), 0);
  assert_int_equal(lb_settings_ignore_unix_name(&fixture->settings, &a), 0);
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "/run/a", 0, 3);
  assert_group(group, "run-a 0/3 0 1 0\n");
}

static void
without_the_unix_sockets_what_may_have_some_stays_out(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = fixture->settings.listening_paths = true;
  struct lb_unix_name paths[] = {path("/run/a")};
  struct lb_ports port = {80, 80};
  add_service(fixture, (struct lb_selection){.label = "both",
                                             .ports = &port,
                                             .ports_len = 1,
                                             .unix_names = paths,
                                             .unix_names_len = 1});
  struct lb_listeners *group = start(fixture);
  add(group, row(80, "0.0.0.0", 1, 3));
  add(group, row(81, "0.0.0.0", 1, 3));
  add_path(fixture, "/run/b", 2, 3);
  assert_group(group, "both 1/3 25 1 0\n81 1/3 25 1 0\nrun-b 2/3 50 1 0\n");
  struct lb_listen_sock web = row(80, "0.0.0.0", 1, 3), other = web;
  other.port = 81;
  assert_true(lb_listeners_want(group, &web));
  lb_listeners_begin_sample(group, false);
  add(group, row(80, "0.0.0.0", 3, 3));
  add(group, row(81, "0.0.0.0", 3, 3));
  add_path(fixture, "/run/b", 2, 3);
  assert_group(group, "81 3/3 75 1 0\n");
  assert_false(lb_listeners_want(group, &web));
  assert_true(lb_listeners_want(group, &other));
  lb_listeners_begin_sample(group, true);
  add(group, row(80, "0.0.0.0", 0, 3));
  assert_peaks(group, "both: queue 0 limit 3 peak 1 busy 50 fill 25 sockets 1 "
                      "full 0\n");
}

static void nobody_asks_for_unix_sockets_in_vain(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  assert_false(lb_listeners_want_unix(group));
  add_path(fixture, "/run/a", 0, 3);
  assert_group(group, "");
}

/* --- labels -------------------------------------------------------------- */

static void the_first_of_two_keeps_the_label(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = fixture->settings.listening_paths = true;
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "/80", 1, 3);
  add(group, row(80, "0.0.0.0", 0, 8));
  add_path(fixture, "/a-b", 0, 1);
  add_path(fixture, "/a/b", 0, 2);
  add_path(fixture, "a/b", 0, 2);
  assert_group(group, "80 1/3 25 1 0\na-b 0/1 0 1 0\n");
  assert_clash(group, "80 of port 80: taken, 3 in all\n");
  struct lb_listen_sock left_out = row(80, "0.0.0.0", 0, 8);
  assert_false(lb_listeners_want(group, &left_out));
  add(group, row(80, "::", 0, 8)); /* said once */
  assert_clash(group, "");
}

static void a_selected_port_keeps_its_label_from_a_path(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = true;
  assert_int_equal(lb_settings_add_port(&fixture->settings, 80), 0);
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "/80", 1, 3);
  assert_group(group, "80 0/0 0 0 0\n");
  assert_clash(group, "80 of the UNIX socket \"/80\": taken, 1 in all\n");
}

static void an_abstract_name_is_written_with_its_at(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = true;
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "@a/b", 1, 3);
  add_path(fixture, "@a-b", 0, 3);
  assert_group(group, "@a-b 1/3 25 1 0\n");
  assert_clash(group, "@a-b of the UNIX socket \"@a-b\": taken, 1 in all\n");
}

/* Of a place that applies to all selections without one. */
static void go_to(struct fixture *fixture, const char *place) {
  const struct lb_netns_spec *found =
      add_netns(&fixture->settings, place, true);
  fixture->scope =
      (struct lb_netns_ref){.path = found->path, .label = found->label};
}

static void elsewhere_labels_have_the_name_of_the_namespace(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = fixture->settings.listening_paths = true;
  struct lb_ports port = {81, 81};
  go_to(fixture, "blue");
  struct lb_netns_spec here = fixture->settings.netns[0].spec;
  add_service(fixture, (struct lb_selection){.label = "plain",
                                             .ports = &port,
                                             .ports_len = 1,
                                             .netns = &here,
                                             .netns_len = 1});
  add_service(fixture, (struct lb_selection){
                           .label = "all", .ports = &port, .ports_len = 1});
  assert_int_equal(lb_settings_add_port(&fixture->settings, 443), 0);
  struct lb_listeners *group = start(fixture);
  add(group, row(80, "0.0.0.0", 0, 8));
  add(group, row(81, "0.0.0.0", 0, 8));
  add_path(fixture, "/run/a", 0, 3);
  assert_group(group, "plain 0/8 0 1 0\nblue:all 0/8 0 1 0\n"
                      "blue:443 0/0 0 0 0\nblue:80 0/8 0 1 0\n"
                      "blue:run-a 0/3 0 1 0\n");
}

static void a_namespace_that_nothing_applies_to_has_no_listener(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_ports = fixture->settings.listening_paths = true;
  assert_int_equal(lb_settings_add_port(&fixture->settings, 443), 0);
  go_to(fixture, "blue");
  fixture->settings.netns[0].for_all = false;
  struct lb_listeners *group = start(fixture);
  assert_false(lb_listeners_want_unix(group));
  add(group, row(80, "0.0.0.0", 0, 8));
  add(group, row(443, "0.0.0.0", 0, 8));
  add_path(fixture, "/run/a", 0, 3);
  assert_int_equal(lb_listeners_len(group), 0);
}

static void a_label_is_never_cut_off(void **state) {
  struct fixture *fixture = *state;
  char place[LB_LABEL_SIZE];
  memset(place, 'n', 123);
  place[123] = '\0';
  go_to(fixture, place);
  fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  add(group, row(80, "0.0.0.0", 0, 8));
  add(group, row(443, "0.0.0.0", 0, 8));
  add(group, row(8080, "0.0.0.0", 0, 8));
  assert_int_equal(strlen(lb_listeners_get(group, 1)->label),
                   LB_LABEL_SIZE - 1);
  assert_null(lb_listeners_get(group, 2)->label);
  assert_clash(group, "8080 of port 8080: too long, 1 in all\n");
}

static void two_namespaces_share_the_labels(void **state) {
  struct fixture *fixture = *state;
  struct lb_netns_ref own = {.label = ""};
  struct lb_listeners *other;
  struct lb_unix_names *paths;
  fixture->settings.listening_paths = fixture->settings.listening_ports = true;
  go_to(fixture, "blue");
  struct lb_listeners *group = start(fixture);
  assert_int_equal(lb_unix_names_new(&paths), 0);
  assert_int_equal(lb_listeners_new(&fixture->settings, &own, fixture->labels,
                                    paths, &other),
                   0);
  lb_listeners_begin_sample(other, true);
  add(group, row(80, "0.0.0.0", 0, 8));
  add(other, row(80, "0.0.0.0", 0, 8));
  struct lb_listen_sock row = {.family = AF_UNIX};
  struct lb_unix_name name = path("blue:80");
  assert_int_equal(lb_unix_names_intern(paths, &name, &row.unix_name), 0);
  add(other, row);
  assert_group(group, "blue:80 0/8 0 1 0\n");
  assert_group(other, "80 0/8 0 1 0\n");
  assert_clash(other,
               "blue:80 of the UNIX socket \"blue:80\": taken, 1 in all\n");
  lb_listeners_free(other);
  lb_unix_names_free(paths);
}

/* --- names without end --------------------------------------------------- */

static void the_place_of_a_path_forgotten_serves_another(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = true;
  struct lb_listeners *group = start(fixture);
  struct lb_listen_sock a = unix_row(fixture, "/a", 1, 3);
  add(group, a);
  add_path(fixture, "/b", 0, 1);
  lb_listeners_forget_unix(group, a.unix_name);
  lb_listeners_forget_unix(group, a.unix_name); /* nobody's */
  lb_listeners_forget_unix(group, 1000);
  assert_group(group, "b 0/1 0 1 0\n");
  add_path(fixture, "/c", 0, 3);
  assert_group(group, "c 0/3 0 1 0\nb 0/1 0 1 0\n");
  add(group, a); /* found anew, with the label that it had */
  assert_group(group, "c 0/3 0 1 0\nb 0/1 0 1 0\na 1/3 25 1 0\n");
  assert_clash(group, "");
}

static void a_place_left_is_no_place_for_a_port(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  struct lb_listen_sock a = unix_row(fixture, "/a", 1, 3);
  add(group, a);
  lb_listeners_forget_unix(group, a.unix_name);
  add(group, row(80, "0.0.0.0", 0, 8));
  assert_int_equal(lb_listeners_len(group), 2);
  add_path(fixture, "/b", 0, 1);
  assert_int_equal(lb_listeners_len(group), 2);
  assert_group(group, "b 0/1 0 1 0\n80 0/8 0 1 0\n");
}

static void names_of_the_configuration_are_kept(void **state) {
  struct fixture *fixture = *state;
  struct lb_unix_name names[] = {path("/a"), path("/b"), path("/c")};
  fixture->settings.listening_paths = true;
  assert_int_equal(lb_settings_add_unix_name(&fixture->settings, &names[0]), 0);
  assert_int_equal(lb_settings_ignore_unix_name(&fixture->settings, &names[1]),
                   0);
  struct lb_listeners *group = start(fixture);
  add_path(fixture, "/c", 0, 3);
  lb_unix_names_begin_sweep(fixture->paths);
  lb_listeners_keep_unix_names(group);
  lb_unix_names_end_sweep(fixture->paths, NULL, NULL);
  struct text got = {.len = 0};
  for (uint32_t i = 0; i < lb_unix_names_end(fixture->paths); i++) {
    const struct lb_unix_name *kept = lb_unix_names_get(fixture->paths, i);
    say(&got, "%.*s ", kept ? kept->len : 1, kept ? kept->bytes : "-");
  }
  assert_string_equal(got.at, "/a /b - ");
}

/* --- memory -------------------------------------------------------------- */

static void out_of_memory_leaves_no_group(void **state) {
  struct fixture *fixture = *state;
  struct lb_unix_name name = path("/a");
  struct lb_ports ports = {80, 84};
  assert_int_equal(lb_settings_add_port(&fixture->settings, 80), 0);
  assert_int_equal(lb_settings_add_unix_name(&fixture->settings, &name), 0);
  assert_int_equal(lb_settings_ignore_unix_name(&fixture->settings, &name), 0);
  add_service(fixture, (struct lb_selection){
                           .label = "all", .ports = &ports, .ports_len = 1});
  size_t refused = 0;
  for (int err = -ENOMEM; err; refused++) {
    memory.fails = refused + 1;
    err = lb_listeners_new(&fixture->settings, &fixture->scope, fixture->labels,
                           fixture->paths, &fixture->group);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  assert_in_range(refused, 10, 100);
  assert_int_equal(lb_listeners_len(fixture->group), 3);
  assert_clash(fixture->group, ""); /* all labels were given back */
}

static void out_of_memory_finds_nobody_until_the_next_time(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.listening_paths = fixture->settings.listening_ports = true;
  struct lb_listeners *group = start(fixture);
  const struct lb_listen_sock rows[] = {row(80, "::", 0, 8),
                                        unix_row(fixture, "/a", 0, 8)};
  for (size_t i = 0; i < LEN(rows); i++) {
    size_t refused = 0;
    for (int err = -ENOMEM; err; refused++) {
      memory.fails = refused + 1;
      err = lb_listeners_discover(group, &rows[i]);
      memory.fails = 0;
      assert_int_equal(lb_listeners_len(group), i + !err);
    }
    assert_in_range(refused, 2, 10);
    lb_listeners_add_socket(group, &rows[i], false);
  }
  assert_group(group, "80 0/8 0 1 0\na 0/8 0 1 0\n");
  assert_clash(group, "");
}

#define IN_GROUP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_GROUP(listening_ports_makes_one_listener_per_port),
      IN_GROUP(a_found_port_keeps_its_place_while_it_is_away),
      IN_GROUP(a_selected_listener_is_there_without_sockets),
      IN_GROUP(addresses_narrow_a_listener),
      IN_GROUP(a_socket_counts_for_every_selection_of_it),
      IN_GROUP(one_full_member_of_eight_reads_fill_100_and_full_1),
      IN_GROUP(fill_is_of_the_limit_plus_one_and_ends_at_100),
      IN_GROUP(a_peak_is_the_highest_sum_of_one_look),
      IN_GROUP(the_next_interval_begins_with_nothing),
      IN_GROUP(looks_without_a_socket_are_not_counted),
      IN_GROUP(a_queue_of_several_sockets_is_busy_once),
      IN_GROUP(listening_paths_makes_one_listener_per_path),
      IN_GROUP(selected_paths_come_before_found_ones),
      IN_GROUP(a_unix_socket_has_no_drop_counters),
      IN_GROUP(an_address_is_of_the_ports_alone),
      IN_GROUP(an_ignored_path_may_be_selected),
      IN_GROUP(without_the_unix_sockets_what_may_have_some_stays_out),
      IN_GROUP(nobody_asks_for_unix_sockets_in_vain),
      IN_GROUP(the_first_of_two_keeps_the_label),
      IN_GROUP(a_selected_port_keeps_its_label_from_a_path),
      IN_GROUP(an_abstract_name_is_written_with_its_at),
      IN_GROUP(elsewhere_labels_have_the_name_of_the_namespace),
      IN_GROUP(a_namespace_that_nothing_applies_to_has_no_listener),
      IN_GROUP(a_label_is_never_cut_off),
      IN_GROUP(two_namespaces_share_the_labels),
      IN_GROUP(the_place_of_a_path_forgotten_serves_another),
      IN_GROUP(a_place_left_is_no_place_for_a_port),
      IN_GROUP(names_of_the_configuration_are_kept),
      IN_GROUP(out_of_memory_leaves_no_group),
      IN_GROUP(out_of_memory_finds_nobody_until_the_next_time),
  };
  return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
