// SPDX-License-Identifier: MIT
/* Settings: each label belongs to one selection or namespace; an addition that
 * is refused changes nothing; everything is freed. */
#include "core/settings.h"

#include "memory.h"
#include "unit.h"

static struct lb_settings settings;

static int begin_test(void **state) {
  (void)state;
  memory.held = 0;
  return 0;
}

/* Fails if a test leaves an allocation behind. */
static int end_test(void **state) {
  (void)state;
  lb_settings_free(&settings);
  assert_int_equal(memory.held, 0);
  return 0;
}

static void assert_settings(const char *want) {
  struct text got = {.len = 0};
  say_settings(&got, &settings);
  assert_string_equal(got.at, want);
}

static struct lb_address address_of(const char *text) {
  struct lb_address address;
  assert_int_equal(lb_address_parse(text, &address), 0);
  return address;
}

static struct lb_unix_name unix_name_of(const char *text) {
  struct lb_unix_name name;
  assert_int_equal(lb_unix_name_parse(text, &name), 0);
  return name;
}

static struct lb_netns_spec netns_of(const char *text) {
  struct lb_netns_spec spec;
  assert_int_equal(lb_netns_spec_parse(text, &spec), 0);
  return spec;
}

/* Each returns what the function under test returns. */
static int add_listener(const char *label, uint16_t first, uint16_t last) {
  struct lb_ports ports = {first, last};
  return lb_settings_add(
      &settings, &(struct lb_selection){
                     .label = (char *)label, .ports = &ports, .ports_len = 1});
}

static int add_listener_in(const char *label, struct lb_netns_spec *netns,
                           size_t len) {
  struct lb_ports ports = {80, 80};
  return lb_settings_add(&settings,
                         &(struct lb_selection){.label = (char *)label,
                                                .ports = &ports,
                                                .ports_len = 1,
                                                .netns = netns,
                                                .netns_len = len});
}

static int add_port(uint16_t port) {
  return lb_settings_add_port(&settings, port);
}

static int add_path(const char *text) {
  struct lb_unix_name name = unix_name_of(text);
  return lb_settings_add_unix_name(&settings, &name);
}

static int sample_netns(const char *text, bool for_all) {
  struct lb_netns_spec spec = netns_of(text);
  return lb_settings_add_netns(&settings, &spec, for_all);
}

/* --- labels -------------------------------------------------------------- */

TEST_WITH(selections_keep_the_order_in_which_they_were_added, begin_test,
          end_test) {
  struct lb_ports ports[] = {{8000, 8010}, {9000, 9000}};
  struct lb_address addresses[] = {address_of("10.0.0.1"), address_of("::1")};
  struct lb_unix_name names[] = {unix_name_of("/run/api.sock"),
                                 unix_name_of("@api")};
  struct lb_netns_spec netns[] = {netns_of("red"), netns_of("*")};
  char label[] = "api";
  struct lb_selection both = {.label = label,
                              .ports = ports,
                              .ports_len = 2,
                              .addresses = addresses,
                              .addresses_len = 2,
                              .unix_names = names,
                              .unix_names_len = 2,
                              .netns = netns,
                              .netns_len = 2};
  assert_int_equal(add_port(443), 0);
  assert_int_equal(add_path("/run/a b"), 0);
  assert_int_equal(lb_settings_add(&settings, &both), 0);
  memset(label, 'x', 3); /* the settings have copies */
  memset(ports, 0, sizeof(ports));
  memset(addresses, 0, sizeof(addresses));
  memset(names, 0, sizeof(names));
  memset(netns, 0, sizeof(netns));
  assert_int_equal(add_port(80), 0);
  assert_int_equal(add_path("@\\xff"), 0);
  assert_int_equal(add_listener("web", 80, 80), 0);
  assert_settings("port 443\n"
                  "run-a_b: \"/run/a b\"\n"
                  "api: 8000-8010 9000 \"/run/api.sock\" \"\\x00api\" at "
                  "::ffff:10.0.0.1 ::1 in red *\n"
                  "port 80\n"
                  "@_: \"\\x00\\xff\"\n"
                  "web: 80\n");
}

TEST_WITH(a_label_in_use_is_refused_to_ports_names_and_blocks, begin_test,
          end_test) {
  assert_int_equal(add_port(80), 0);
  assert_int_equal(add_port(80), -EEXIST);
  assert_int_equal(add_listener("80", 8080, 8080), -EEXIST);
  assert_int_equal(add_listener("8080", 80, 80), 0);
  assert_int_equal(add_port(8080), -EEXIST);
  assert_int_equal(add_listener("api", 1, 2), 0);
  assert_int_equal(add_listener("api", 3, 4), -EEXIST);
  assert_int_equal(add_path("/80"), -EEXIST);
  assert_int_equal(add_path("/api"), -EEXIST);
  assert_int_equal(add_path("/a/b"), 0);
  assert_int_equal(add_path("/a-b"), -EEXIST);
  assert_int_equal(add_path("/a/b"), -EEXIST);
  assert_int_equal(add_path("/443"), 0);
  assert_int_equal(add_port(443), -EEXIST);
  assert_int_equal(add_listener("a-b", 1, 2), -EEXIST);
  assert_settings(
      "port 80\n8080: 80\napi: 1-2\na-b: \"/a/b\"\n443: \"/443\"\n");
}

TEST_WITH(a_label_in_use_is_refused_to_namespaces, begin_test, end_test) {
  static const char *const used[] = {"80", "api", "run-x", "/80", "/run/x"};
  assert_int_equal(add_port(80), 0);
  assert_int_equal(add_listener("api", 1, 2), 0);
  assert_int_equal(add_path("/run/x"), 0);
  for (size_t i = 0; i < LEN(used); i++)
    assert_int_equal(sample_netns(used[i], true), -EEXIST);
  assert_settings("port 80\napi: 1-2\nrun-x: \"/run/x\"\n");
}

TEST_WITH(the_label_of_a_namespace_is_refused_to_others, begin_test, end_test) {
  assert_int_equal(sample_netns("443", true), 0);
  assert_int_equal(sample_netns("/proc/1/ns/net", true), 0);
  assert_int_equal(sample_netns("*", true), 0);
  assert_int_equal(add_port(443), -EEXIST);
  assert_int_equal(add_listener("443", 1, 2), -EEXIST);
  assert_int_equal(add_path("/443"), -EEXIST);
  assert_int_equal(add_path("/proc/1-ns-net"), -EEXIST);
  assert_int_equal(sample_netns("proc-1-ns-net", true), -EEXIST);
  assert_int_equal(add_listener("", 1, 1), -EEXIST); /* our own namespace */
  assert_int_equal(add_listener("*", 1, 1), 0);      /* labels nothing */
  assert_true(lb_settings_has_label(&settings, "443"));
  assert_true(lb_settings_has_label(&settings, "proc-1-ns-net"));
  assert_settings("*: 1\n"
                  "namespace 443: /run/netns/443 for all\n"
                  "namespace proc-1-ns-net: /proc/1/ns/net for all\n"
                  "namespace *: * for all\n");
}

TEST_WITH(labels_that_differ_in_one_byte_are_two, begin_test, end_test) {
  static const char *const labels[] = {"80 ", "080",  "+80", "API",  "api",
                                       "ap",  "apis", "0",   "65536"};
  assert_int_equal(add_port(80), 0);
  for (size_t i = 0; i < LEN(labels); i++)
    assert_int_equal(add_listener(labels[i], 1, 1), 0);
  for (size_t i = 0; i < LEN(labels); i++)
    assert_true(lb_settings_has_label(&settings, labels[i]));
  assert_true(lb_settings_has_label(&settings, "80"));
  assert_false(lb_settings_has_label(&settings, "8"));
  assert_false(lb_settings_has_label(&settings, "800"));
  assert_false(lb_settings_has_label(&settings, "Api"));
}

TEST_WITH(every_port_can_be_selected_once, begin_test, end_test) {
  for (unsigned port = 1; port <= 65535; port++)
    assert_int_equal(add_port((uint16_t)port), 0);
  for (unsigned port = 1; port <= 65535; port++) {
    char label[LB_LABEL_SIZE];
    lb_label_of_port(label, (uint16_t)port);
    assert_true(lb_settings_has_label(&settings, label));
    assert_int_equal(add_port((uint16_t)port), -EEXIST);
  }
  assert_int_equal(settings.selections_len, 65535);
}

TEST_WITH(ignored_names_use_no_label_and_may_be_repeated, begin_test,
          end_test) {
  static const char *const texts[] = {"/run/a", "@b", "/run/a"};
  settings.listening_paths = true;
  for (size_t i = 0; i < LEN(texts); i++) {
    struct lb_unix_name name = unix_name_of(texts[i]);
    assert_int_equal(lb_settings_ignore_unix_name(&settings, &name), 0);
  }
  assert_false(lb_settings_has_label(&settings, "run-a"));
  assert_settings("other paths but \"/run/a\" \"\\x00b\" \"/run/a\"\n");
}

TEST_WITH(freed_settings_are_empty_and_can_be_filled_again, begin_test,
          end_test) {
  struct lb_unix_name ignored = unix_name_of("/run/b");
  assert_int_equal(add_port(80), 0);
  assert_int_equal(add_path("/run/a"), 0);
  assert_int_equal(sample_netns("blue", true), 0);
  assert_int_equal(lb_settings_ignore_unix_name(&settings, &ignored), 0);
  settings.listening_ports = settings.listening_paths = true;
  lb_settings_free(&settings);
  assert_int_equal(memory.held, 0);
  assert_settings("");
  assert_int_equal(add_port(80), 0);
  assert_settings("port 80\n");
}

TEST_WITH(without_memory_nothing_is_added, begin_test, end_test) {
  struct lb_netns_spec netns[] = {netns_of("red")};
  size_t refused = 0;
  for (int err = -ENOMEM; err; refused += err != 0) {
    memory.fails = refused + 1;
    err = add_listener_in("80", netns, 1);
    memory.fails = 0;
    assert_settings(err ? "" : "80: 80 in red\n");
    assert_int_equal(lb_settings_has_label(&settings, "80"), !err);
  }
  assert_int_equal(refused, 4); /* label, ports, namespaces, selection */
  memory.fails = 1;
  assert_int_equal(sample_netns("blue", true), -ENOMEM);
  assert_settings("80: 80 in red\n");
}

/* --- ports --------------------------------------------------------------- */

TEST_WITH(a_selection_has_a_port_if_it_is_narrowed_by_nothing, begin_test,
          end_test) {
  struct lb_ports ports[] = {{8000, 8010}, {9000, 9000}};
  struct lb_address loopback = address_of("127.0.0.1");
  struct lb_unix_name name = unix_name_of("/80");
  struct lb_netns_spec blue = netns_of("blue");
  const struct lb_selection any = {.ports = ports, .ports_len = 2};
  const struct lb_selection narrowed[] = {
      {.ports = ports,
       .ports_len = 2,
       .addresses = &loopback,
       .addresses_len = 1},
      {.ports = ports, .ports_len = 2, .netns = &blue, .netns_len = 1},
      {.unix_names = &name, .unix_names_len = 1},
  };
  static const struct {
    uint16_t port;
    bool want;
  } cases[] = {{7999, false}, {8000, true}, {8005, true},  {8010, true},
               {8011, false}, {9000, true}, {9001, false}, {1, false}};
  for (size_t i = 0; i < LEN(cases); i++) {
    assert_int_equal(lb_selection_has_port(&any, cases[i].port), cases[i].want);
    for (size_t j = 0; j < LEN(narrowed); j++)
      assert_false(lb_selection_has_port(&narrowed[j], cases[i].port));
  }
}

/* --- network namespaces -------------------------------------------------- */

TEST_WITH(a_namespace_in_two_spellings_is_sampled_once, begin_test, end_test) {
  static const struct {
    const char *text;
    bool for_all;
  } cases[] = {
      {"blue", false},
      {"*", false},
      {"/run/netns/red", false},
      {"/run/netns/blue", true},
      {"blue", false},
      {"red", false},
      {"*", false},
      {"/run/netns/*", false},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    assert_int_equal(sample_netns(cases[i].text, cases[i].for_all), 0);
  assert_settings("namespace blue: /run/netns/blue for all\n"
                  "namespace *: *\n"
                  "namespace run-netns-red: /run/netns/red\n"
                  "namespace run-netns-*: /run/netns/*\n");
}

/* One line per namespace: "all" if listening_ports applies, then the labels of
 * the selections that apply, with ":" in front if they are not plain. */
static void say_applies(struct text *got) {
  static const struct lb_netns_ref refs[] = {
      {.label = ""},
      {.path = "/run/netns/blue", .label = "blue", .listed = true},
      {.path = "/run/netns/red", .label = "red", .listed = true},
      {.path = "/proc/1/ns/net", .label = "proc-1-ns-net"},
  };
  for (size_t i = 0; i < LEN(refs); i++) {
    say(got, "%s%s", i ? refs[i].label : "own",
        lb_settings_apply(&settings, &refs[i]) ? " all" : "");
    for (size_t j = 0; j < settings.selections_len; j++) {
      const struct lb_selection *selection = &settings.selections[j];
      if (lb_selection_applies(&settings, selection, &refs[i]))
        say(got, " %s%s", lb_selection_is_plain(selection, &refs[i]) ? "" : ":",
            selection->label);
    }
    say(got, "\n");
  }
}

TEST_WITH(a_selection_applies_in_its_namespaces_or_those_for_all, begin_test,
          end_test) {
  static const struct {
    const char *netns;
    bool for_all;
    const char *want;
  } cases[] = {
      {"blue", false,
       "own all 80\nblue b :b+p :* :b+*\nred :* :b+*\nproc-1-ns-net :b+p\n"},
      {"blue", true,
       "own all 80\nblue all :80 b :b+p :* :b+*\nred :* :b+*\n"
       "proc-1-ns-net :b+p\n"},
      {"*", true,
       "own all 80\nblue all :80 b :b+p :* :b+*\nred all :80 :* :b+*\n"
       "proc-1-ns-net :b+p\n"},
  };
  struct lb_netns_spec blue_pid[] = {netns_of("blue"),
                                     netns_of("/proc/1/ns/net")};
  struct lb_netns_spec blue_all[] = {netns_of("blue"), netns_of("*")};
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    lb_settings_free(&settings);
    assert_int_equal(sample_netns(cases[i].netns, cases[i].for_all), 0);
    assert_int_equal(add_port(80), 0);
    assert_int_equal(add_listener_in("b", blue_pid, 1), 0);
    assert_int_equal(add_listener_in("b+p", blue_pid, 2), 0);
    assert_int_equal(add_listener_in("*", blue_all + 1, 1), 0);
    assert_int_equal(add_listener_in("b+*", blue_all, 2), 0);
    say_applies(&got);
    assert_string_equal(got.at, cases[i].want);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
