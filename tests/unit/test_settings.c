// SPDX-License-Identifier: MIT
/* Settings: one label, one listener, and what refuses the second leaves
 * everything as it was. */
#include "core/settings.h"

#include "base/label.h"
#include "unit.h"

#include <errno.h>

static struct lb_address address(const char *text) {
  struct lb_address parsed;
  assert_int_equal(lb_address_parse(text, &parsed), 0);
  return parsed;
}

static struct lb_unix_name path(const char *text) {
  struct lb_unix_name parsed;
  assert_int_equal(lb_unix_name_parse(text, &parsed), 0);
  return parsed;
}

static void add(struct lb_settings *settings, const char *name,
                struct lb_ports ports, int want) {
  const struct lb_service service = {
      .name = name, .ports = &ports, .ports_len = 1};
  assert_int_equal(lb_settings_add(settings, &service), want);
}

static void add_in(struct lb_settings *settings, const char *name,
                   const uint32_t *places, size_t len) {
  const struct lb_ports ports = {80, 80};
  const struct lb_service service = {.name = name,
                                     .ports = &ports,
                                     .ports_len = 1,
                                     .places = places,
                                     .places_len = len};
  assert_int_equal(lb_settings_add(settings, &service), 0);
}

static void add_path(struct lb_settings *settings, const char *text, int want) {
  const struct lb_unix_name parsed = path(text);
  assert_int_equal(lb_settings_add_unix_name(settings, &parsed), want);
}

static uint32_t add_place(struct lb_settings *settings, const char *text,
                          bool global) {
  uint32_t place = 4242;
  assert_int_equal(lb_settings_add_netns(settings, text, &place), 0);
  assert_in_range(place, 0, settings->places_len - 1);
  settings->places[place].global |= global;
  return place;
}

static void check(const struct lb_settings *settings, const char *want) {
  struct text got = {.len = 0};
  say_settings(&got, settings);
  assert_string_equal(got.at, want);
}

static void selections_stay_in_their_order(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  const struct lb_ports ports[] = {{8000, 8010}, {9000, 9000}};
  const struct lb_address addresses[] = {address("10.0.0.1"), address("::1")};
  const struct lb_unix_name paths[] = {path("/run/api.sock"), path("@api")};
  const uint32_t places[] = {add_place(&settings, "red", false),
                             add_place(&settings, "*", true)};
  const struct lb_service api = {"api", ports, 2,      addresses, 2,
                                 paths, 2,     places, 2};
  assert_int_equal(lb_settings_add_port(&settings, 443), 0);
  add_path(&settings, "/run/a b", 0);
  assert_int_equal(lb_settings_add(&settings, &api), 0);
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  add_path(&settings, "@\\xff", 0);
  add(&settings, "web", (struct lb_ports){80, 80}, 0);
  add_in(&settings, "elsewhere", places, 1);
  check(&settings, "port 443\n"
                   "run-a_b: \"/run/a b\"\n"
                   "api: 8000-8010 9000 \"/run/api.sock\" \"\\x00api\" at "
                   "::ffff:10.0.0.1 ::1 in red *\n"
                   "port 80\n"
                   "@_: \"\\x00\\xff\"\n"
                   "web: 80\n"
                   "elsewhere: 80 in red\n"
                   "namespace red: /run/netns/red\n"
                   "namespace *: * for all\n");
  lb_settings_free(&settings);
}

static void a_name_is_copied(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  char name[] = "api";
  add(&settings, name, (struct lb_ports){80, 80}, 0);
  memset(name, 'x', 3);
  check(&settings, "api: 80\n");
  lb_settings_free(&settings);
}

static void a_label_is_taken_once(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  assert_int_equal(lb_settings_add_port(&settings, 80), -EEXIST);
  add(&settings, "80", (struct lb_ports){8080, 8080}, -EEXIST);
  add(&settings, "8080", (struct lb_ports){80, 80}, 0);
  assert_int_equal(lb_settings_add_port(&settings, 8080), -EEXIST);
  add(&settings, "api", (struct lb_ports){1, 2}, 0);
  add(&settings, "api", (struct lb_ports){3, 4}, -EEXIST);
  add_path(&settings, "/80", -EEXIST);
  add_path(&settings, "/api", -EEXIST);
  add_path(&settings, "/a/b", 0);
  add_path(&settings, "/a-b", -EEXIST);
  add_path(&settings, "/a/b", -EEXIST);
  add_path(&settings, "/443", 0);
  assert_int_equal(lb_settings_add_port(&settings, 443), -EEXIST);
  add(&settings, "a-b", (struct lb_ports){1, 2}, -EEXIST);
  check(&settings, "port 80\n"
                   "8080: 80\n"
                   "api: 1-2\n"
                   "a-b: \"/a/b\"\n"
                   "443: \"/443\"\n");
  lb_settings_free(&settings);
}

static void a_namespace_has_a_label_like_others(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  uint32_t place = 4242;
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  add(&settings, "api", (struct lb_ports){1, 2}, 0);
  add_path(&settings, "/run/x", 0);
  static const char *const taken[] = {"80", "api", "run-x", "/80", "/run/x"};
  for (size_t i = 0; i < LEN(taken); i++)
    assert_int_equal(lb_settings_add_netns(&settings, taken[i], &place),
                     -EEXIST);
  assert_int_equal(place, 4242);
  add_place(&settings, "443", true);
  add_place(&settings, "/proc/1/ns/net", true);
  add_place(&settings, "*", true);
  assert_int_equal(lb_settings_add_port(&settings, 443), -EEXIST);
  add(&settings, "443", (struct lb_ports){1, 2}, -EEXIST);
  add_path(&settings, "/443", -EEXIST);
  add_path(&settings, "/proc/1-ns-net", -EEXIST);
  add(&settings, "*", (struct lb_ports){1, 1}, 0); /* which labels nothing */
  add(&settings, "", (struct lb_ports){1, 1}, -EEXIST); /* the own one */
  assert_int_equal(lb_settings_add_netns(&settings, "proc-1-ns-net", &place),
                   -EEXIST);
  assert_true(lb_settings_has_label(&settings, "443"));
  assert_true(lb_settings_has_label(&settings, "proc-1-ns-net"));
  check(&settings, "port 80\n"
                   "api: 1-2\n"
                   "run-x: \"/run/x\"\n"
                   "*: 1\n"
                   "namespace 443: /run/netns/443 for all\n"
                   "namespace proc-1-ns-net: /proc/1/ns/net for all\n"
                   "namespace *: * for all\n");
  lb_settings_free(&settings);
}

static void a_namespace_in_two_spellings_is_one(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  assert_int_equal(add_place(&settings, "blue", false), 0);
  assert_int_equal(add_place(&settings, "*", false), 1);
  assert_int_equal(add_place(&settings, "/run/netns/red", false), 2);
  assert_int_equal(add_place(&settings, "/run/netns/blue", true), 0);
  assert_int_equal(add_place(&settings, "blue", false), 0);
  assert_int_equal(add_place(&settings, "red", false), 2);
  assert_int_equal(add_place(&settings, "*", false), 1);
  assert_int_equal(add_place(&settings, "/run/netns/*", false), 3);
  check(&settings, "namespace blue: /run/netns/blue for all\n"
                   "namespace *: *\n"
                   "namespace run-netns-red: /run/netns/red\n"
                   "namespace run-netns-*: /run/netns/*\n");
  lb_settings_free(&settings);
}

static void a_namespace_taken_back_leaves_its_label(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  add_place(&settings, "blue", true);
  add_place(&settings, "red", true);
  add_place(&settings, "80", true);
  lb_settings_drop_netns(&settings, 1);
  assert_false(lb_settings_has_label(&settings, "red"));
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  add_place(&settings, "green", false);
  check(&settings, "port 80\n"
                   "namespace blue: /run/netns/blue for all\n"
                   "namespace green: /run/netns/green\n");
  lb_settings_free(&settings);
}

static void what_is_no_namespace_is_refused(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  static const char *const inputs[] = {"",      ".",   "..",   "a/b",
                                       "blue/", "./a", "../a", "*/"};
  uint32_t place = 4242;
  for (size_t i = 0; i < LEN(inputs); i++) {
    if (lb_netns_spec_check(inputs[i]) != -EINVAL)
      fail_msg("\"%s\" is accepted", inputs[i]);
    assert_int_equal(lb_settings_add_netns(&settings, inputs[i], &place),
                     -EINVAL);
  }
  char text[4096];
  memset(text, 'x', sizeof(text) - 1);
  text[sizeof(text) - 1] = '\0';
  assert_int_equal(lb_netns_spec_check(text), -ENAMETOOLONG);
  text[0] = '/';
  assert_int_equal(lb_settings_add_netns(&settings, text, &place),
                   -ENAMETOOLONG);
  assert_int_equal(place, 4242);
  check(&settings, "");
  lb_settings_free(&settings);
}

static void the_longest_namespaces_are_kept_whole(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  char text[129], want[200];
  memset(text, 'x', 128);
  text[128] = '\0';
  snprintf(want, sizeof(want), "/run/netns/%s", text + 1);
  add_place(&settings, text + 1, false);
  assert_string_equal(settings.places[0].path, want);
  assert_string_equal(settings.places[0].label, text + 1);
  text[0] = '/';
  text[1] = 'y';
  add_place(&settings, text, false);
  assert_string_equal(settings.places[1].path, text);
  assert_string_equal(settings.places[1].label, text + 1);
  lb_settings_free(&settings);
}

static void names_that_only_resemble_each_other_are_two(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  static const char *const names[] = {"80 ", "080",  "+80", "API",  "api",
                                      "ap",  "apis", "0",   "65536"};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  for (size_t i = 0; i < LEN(names); i++)
    add(&settings, names[i], (struct lb_ports){1, 1}, 0);
  for (size_t i = 0; i < LEN(names); i++)
    assert_true(lb_settings_has_label(&settings, names[i]));
  assert_true(lb_settings_has_label(&settings, "80"));
  assert_false(lb_settings_has_label(&settings, "8"));
  assert_false(lb_settings_has_label(&settings, "800"));
  assert_false(lb_settings_has_label(&settings, "Api"));
  lb_settings_free(&settings);
}

static void a_selection_takes_a_port_wherever_it_is_bound(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  const struct lb_ports ports[] = {{8000, 8010}, {9000, 9000}};
  const struct lb_address loopback = address("127.0.0.1");
  const struct lb_unix_name run = path("/80");
  const uint32_t blue = add_place(&settings, "blue", true);
  const struct lb_service services[] = {
      {.name = "any", .ports = ports, .ports_len = 2},
      {.name = "one",
       .ports = ports,
       .ports_len = 2,
       .addresses = &loopback,
       .addresses_len = 1},
      {.name = "there",
       .ports = ports,
       .ports_len = 2,
       .places = &blue,
       .places_len = 1},
      {.name = "path", .paths = &run, .paths_len = 1},
  };
  for (size_t i = 0; i < LEN(services); i++)
    assert_int_equal(lb_settings_add(&settings, &services[i]), 0);
  static const struct {
    uint16_t port;
    bool want;
  } cases[] = {{7999, false}, {8000, true}, {8005, true},  {8010, true},
               {8011, false}, {9000, true}, {9001, false}, {1, false}};
  for (size_t i = 0; i < LEN(cases); i++) {
    assert_int_equal(lb_settings_takes_port(&settings, &settings.selections[0],
                                            cases[i].port),
                     cases[i].want);
    for (size_t j = 1; j < settings.selections_len; j++)
      assert_false(lb_settings_takes_port(&settings, &settings.selections[j],
                                          cases[i].port));
  }
  lb_settings_free(&settings);
}

static void every_port_can_be_selected(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  for (unsigned port = 1; port <= 65535; port++)
    assert_int_equal(lb_settings_add_port(&settings, (uint16_t)port), 0);
  assert_int_equal(settings.selections_len, 65535);
  for (unsigned port = 1; port <= 65535; port++) {
    char label[LB_LABEL_SIZE];
    lb_label_of_port(label, (uint16_t)port);
    assert_true(lb_settings_has_label(&settings, label));
    assert_int_equal(lb_settings_add_port(&settings, (uint16_t)port), -EEXIST);
  }
  assert_int_equal(settings.selections_len, 65535);
  lb_settings_free(&settings);
}

static void freed_settings_are_empty_and_serve_again(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  add(&settings, "api", (struct lb_ports){80, 80}, 0);
  add_path(&settings, "/run/a", 0);
  add_place(&settings, "blue", true);
  const struct lb_unix_name ignored = path("/run/b");
  assert_int_equal(lb_settings_ignore_unix_name(&settings, &ignored), 0);
  settings.listening_paths = true;
  lb_settings_free(&settings);
  check(&settings, "");
  lb_settings_free(&settings);
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  check(&settings, "port 80\n");
  lb_settings_free(&settings);
}

static void ignored_paths_stay_as_they_are(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_paths = true};
  const struct lb_unix_name ignored[] = {path("/run/a"), path("@b"),
                                         path("/run/a")};
  for (size_t i = 0; i < LEN(ignored); i++)
    assert_int_equal(lb_settings_ignore_unix_name(&settings, &ignored[i]), 0);
  assert_false(lb_settings_has_label(&settings, "run-a"));
  check(&settings, "other paths but \"/run/a\" \"\\x00b\" \"/run/a\"\n");
  lb_settings_free(&settings);
}

/* --- where selections apply ---------------------------------------------- */

static const struct lb_netns_ref scopes[] = {
    {NULL, "", false},
    {"/run/netns/blue", "blue", true},
    {"/run/netns/red", "red", true},
    {"/proc/1/ns/net", "proc-1-ns-net", false},
};

/* A line for each scope: what applies there, ":" before what is not plain. */
static void check_scopes(const struct lb_settings *settings, const char *want) {
  struct text got = {.len = 0};
  for (size_t i = 0; i < LEN(scopes); i++) {
    say(&got, "%s%s", i ? scopes[i].label : "own",
        lb_settings_apply(settings, &scopes[i]) ? " all" : "");
    for (size_t j = 0; j < settings->selections_len; j++) {
      const struct lb_selection *selection = &settings->selections[j];
      if (lb_selection_applies(settings, selection, &scopes[i]))
        say(&got, " %s%s",
            lb_selection_is_plain(settings, selection, &scopes[i]) ? "" : ":",
            selection->name ? selection->name : "port");
    }
    say(&got, "\n");
  }
  assert_string_equal(got.at, want);
}

/* One that names no place, and one for each way to name some. */
static void add_everywhere(struct lb_settings *settings) {
  const uint32_t blue = add_place(settings, "blue", false);
  const uint32_t pid = add_place(settings, "/proc/1/ns/net", false);
  const uint32_t every = add_place(settings, "*", false);
  assert_int_equal(lb_settings_add_port(settings, 80), 0);
  add_in(settings, "b", (uint32_t[]){blue}, 1);
  add_in(settings, "b+p", (uint32_t[]){blue, pid}, 2);
  add_in(settings, "*", (uint32_t[]){every}, 1);
  add_in(settings, "b+*", (uint32_t[]){blue, every}, 2);
}

static void a_selection_without_places_applies_in_the_own_one(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  add_everywhere(&settings);
  check_scopes(&settings, "own all port\n"
                          "blue b :b+p :* :b+*\n"
                          "red :* :b+*\n"
                          "proc-1-ns-net :b+p\n");
  lb_settings_free(&settings);
}

static void and_in_each_global_one(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  add_place(&settings, "blue", true);
  add_everywhere(&settings);
  check_scopes(&settings, "own all port\n"
                          "blue all :port b :b+p :* :b+*\n"
                          "red :* :b+*\n"
                          "proc-1-ns-net :b+p\n");
  lb_settings_free(&settings);
}

static void which_all_listed_ones_are_with_an_asterisk(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  add_place(&settings, "*", true);
  add_everywhere(&settings);
  check_scopes(&settings, "own all port\n"
                          "blue all :port b :b+p :* :b+*\n"
                          "red all :port :* :b+*\n"
                          "proc-1-ns-net :b+p\n");
  lb_settings_free(&settings);
}

/* --- what users write ---------------------------------------------------- */

static void an_address_is_its_bytes(void **state) {
  (void)state;
  static const struct {
    const char *input;
    const char *want;
  } cases[] = {
      {"10.0.0.1", "00000000000000000000ffff0a000001"},
      {"0.0.0.0", "00000000000000000000ffff00000000"},
      {"255.255.255.255", "00000000000000000000ffffffffffff"},
      {"::", "00000000000000000000000000000000"},
      {"::1", "00000000000000000000000000000001"},
      {"2001:DB8::a:1", "20010db80000000000000000000a0001"},
      {"::ffff:10.0.0.1", "00000000000000000000ffff0a000001"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    struct lb_address parsed = address(cases[i].input);
    for (size_t j = 0; j < sizeof(parsed.bytes); j++)
      say(&got, "%02x", parsed.bytes[j]);
    assert_string_equal(got.at, cases[i].want);
  }
}

static void what_is_no_address_is_refused(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "",           " ",          "localhost",  "10.0.0",
      "10.0.0.256", "10.0.0.1 ",  " ::1",       "10.0.0.1:80",
      "[::1]",      "10.0.0.0/8", "fe80::1%lo", "1:2:3:4:5:6:7:8:9",
      "::g",        "*",          "10.0.0.1.1",
  };
  for (size_t i = 0; i < LEN(inputs); i++) {
    struct lb_address parsed, before;
    memset(&parsed, 0x5a, sizeof(parsed));
    before = parsed;
    if (lb_address_parse(inputs[i], &parsed) != -EINVAL)
      fail_msg("\"%s\" is accepted", inputs[i]);
    assert_memory_equal(&parsed, &before, sizeof(parsed));
  }
}

static void a_path_is_its_bytes(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"/run/gunicorn.sock", "\"/run/gunicorn.sock\""},
      {"gunicorn.sock", "\"gunicorn.sock\""},
      {"/", "\"/\""},
      {"/run/a b\xc3\xa9\n", "\"/run/a b\\xc3\\xa9\\x0a\""},
      {"/run/@a", "\"/run/@a\""},
      {"/run/\\x41", "\"/run/\\x41\""}, /* of abstract names only */
      {"@name", "\"\\x00name\""},
      {"@@", "\"\\x00@\""},
      {"@/run/a", "\"\\x00/run/a\""},
      {"@\\x41\\xfF\\x0a", "\"\\x00A\\xff\\x0a\""},
      {"@a\\x00b", "\"\\x00a\\x00b\""},
      {"@\\x00b", "\"\\x00\\x00b\""},
      {"@a\\x00\\x00", "\"\\x00a\""}, /* as sockets are shown */
      {"@a\\b\\", "\"\\x00a\\b\\\""},
      {"@\\x5cx41", "\"\\x00\\x41\""},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    struct lb_unix_name parsed = path(cases[i][0]);
    say_path(&got, &parsed);
    assert_string_equal(got.at, cases[i][1]);
  }
}

static void check_no_path(const char *text, int want) {
  struct lb_unix_name parsed, before;
  memset(&parsed, 0x5a, sizeof(parsed));
  before = parsed;
  if (lb_unix_name_parse(text, &parsed) != want)
    fail_msg("\"%s\" is accepted, or refused for another reason", text);
  assert_memory_equal(&parsed, &before, sizeof(parsed));
}

static void what_is_no_path_is_refused(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "",      "@",      "@\\x00",  "@\\x00\\x00", "@a\\x",
      "@\\x4", "@\\xg0", "@\\x0g1", "@\\x+1",      "@a\\x 1",
  };
  for (size_t i = 0; i < LEN(inputs); i++)
    check_no_path(inputs[i], -EINVAL);
}

static void a_path_is_as_long_as_sun_path(void **state) {
  (void)state;
  char text[4096];
  memset(text, 'x', sizeof(text));
  text[sizeof(text) - 1] = '\0';
  check_no_path(text, -ENAMETOOLONG);
  text[0] = '@';
  check_no_path(text, -ENAMETOOLONG);
  text[109] = '\0';
  check_no_path(text, -ENAMETOOLONG);
  check_no_path("@\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
                "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxx",
                -ENAMETOOLONG);
  text[108] = '\0';
  struct lb_unix_name longest = path(text);
  assert_int_equal(longest.len, 108);
  assert_int_equal(longest.bytes[0], '\0');
  assert_memory_equal(longest.bytes + 1, text + 1, 107);
  text[0] = '/';
  longest = path(text);
  assert_int_equal(longest.len, 108);
  assert_memory_equal(longest.bytes, text, 108);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(selections_stay_in_their_order),
      cmocka_unit_test(a_name_is_copied),
      cmocka_unit_test(a_label_is_taken_once),
      cmocka_unit_test(a_namespace_has_a_label_like_others),
      cmocka_unit_test(a_namespace_in_two_spellings_is_one),
      cmocka_unit_test(a_namespace_taken_back_leaves_its_label),
      cmocka_unit_test(what_is_no_namespace_is_refused),
      cmocka_unit_test(the_longest_namespaces_are_kept_whole),
      cmocka_unit_test(names_that_only_resemble_each_other_are_two),
      cmocka_unit_test(a_selection_takes_a_port_wherever_it_is_bound),
      cmocka_unit_test(every_port_can_be_selected),
      cmocka_unit_test(freed_settings_are_empty_and_serve_again),
      cmocka_unit_test(ignored_paths_stay_as_they_are),
      cmocka_unit_test(a_selection_without_places_applies_in_the_own_one),
      cmocka_unit_test(and_in_each_global_one),
      cmocka_unit_test(which_all_listed_ones_are_with_an_asterisk),
      cmocka_unit_test(an_address_is_its_bytes),
      cmocka_unit_test(what_is_no_address_is_refused),
      cmocka_unit_test(a_path_is_its_bytes),
      cmocka_unit_test(what_is_no_path_is_refused),
      cmocka_unit_test(a_path_is_as_long_as_sun_path),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
