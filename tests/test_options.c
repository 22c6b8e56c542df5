// SPDX-License-Identifier: MIT
/* Configurations to settings and to the sentences in the log: a bad option, a
 * bad value, a bad block costs only itself and is one sentence that names it
 * and what would be accepted. */
#include "options.h"

#include "unit.h"

#include <errno.h>
#include <time.h>

struct options_case {
  const char *config; /* the inside of a <Plugin> block */
  const char *want;   /* settings; NULL: nothing valid is left */
  const char *errors;
};

static void on_error(void *data, const char *sentence) {
  struct text *text = data;
  say(text, "%s.\n", sentence);
}

/* The settings and the sentences of several <Plugin> blocks. */
static void take(oconfig_item_t *blocks, size_t len, struct text *got) {
  struct text errors = {.len = 0};
  const struct lb_errors to_text = {on_error, &errors};
  struct lb_options *options;
  struct lb_settings settings;
  memset(&settings, 0, sizeof(settings));
  assert_int_equal(lb_options_new(&options), 0);
  for (size_t i = 0; i < len; i++)
    assert_int_equal(lb_options_block(options, &blocks[i], &to_text), 0);
  int err = lb_options_settings(options, &settings, &to_text);
  lb_options_free(options);
  if (err) {
    static const struct lb_settings nothing;
    assert_int_equal(err, -ENOENT);
    assert_memory_equal(&settings, &nothing, sizeof(nothing));
    say(got, "nothing\n");
  } else {
    say_settings(got, &settings);
  }
  say(got, "%s", errors.at);
  lb_settings_free(&settings);
}

static void check(const struct options_case *cases, size_t len) {
  for (size_t i = 0; i < len; i++) {
    struct text want = {.len = 0}, got = {.len = 0};
    say(&want, "%s---\n%s%s", cases[i].config,
        cases[i].want ? cases[i].want : "nothing\n", cases[i].errors);
    say(&got, "%s---\n", cases[i].config);
    oconfig_item_t block = read_config(cases[i].config);
    take(&block, 1, &got);
    free_config(&block);
    assert_string_equal(got.at, want.at);
  }
}

#define PORT_FORM                                                              \
  "accepted is a port from 1 to 65535, a range like \"8000-8010\" or a TCP "   \
  "service name like \"https\".\n"
#define ADDRESS_FORM                                                           \
  "accepted is a numeric IPv4 or IPv6 address that the socket is bound to, "   \
  "in quotes, like \"10.0.0.1\" or \"::1\".\n"
#define NAME_FORM                                                              \
  "accepted is a name in quotes of 1 to 127 bytes, without \"/\" and control " \
  "characters.\n"
#define BOOLEAN_FORM "accepted is true or false, once.\n"
#define PORT_TAKEN                                                             \
  " is taken already and stays with what took it; accepted is a port that is " \
  "selected once, or a <Listener> block with a name of its own.\n"
#define NAME_TAKEN                                                             \
  ": the label is taken already and stays with what took it; accepted is a "   \
  "name of its own.\n"
#define NO_PORT                                                                \
  " is left out: it has no LocalPort that can be used; accepted is at least "  \
  "one.\n"
#define NO_ADDRESS                                                             \
  " is left out: it has no LocalAddress that can be used; accepted is a good " \
  "one, or none at all for any address.\n"

/* --- what is selected ---------------------------------------------------- */

static void nothing_selected_is_every_port(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"", "others\n", ""},
      {"ListeningPorts true\n", "others\n", ""},
      {"ListeningPorts false\n", "others\n", ""}, /* as tcpconns has it */
      {"IgnoreSelected true\n", "others\n", ""},
      {"IgnoreSelected false\n", "others\n", ""},
  };
  check(cases, LEN(cases));
  struct text got = {.len = 0};
  take(NULL, 0, &got); /* not even a <Plugin> block */
  assert_string_equal(got.at, "others\n");
}

static void ports_are_selected_by_number_range_and_service(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"80\"\n", "port 80\n", ""},
      {"LocalPort 80\n", "port 80\n", ""},
      {"LocalPort https\n", "port 443\n", ""},
      {"LocalPort \"https\" 80\nLocalPort \"22\"\n",
       "port 443\nport 80\nport 22\n", ""},
      {"LocalPort \"8000-8003\"\n",
       "port 8000\nport 8001\nport 8002\nport 8003\n", ""},
      {"LocalPort 65535 1\n", "port 65535\nport 1\n", ""},
  };
  check(cases, LEN(cases));
}

static void selected_and_other_ports_go_together(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"80\"\nListeningPorts true\n", "port 80\nothers\n", ""},
      {"ListeningPorts true\nLocalPort \"80\"\n", "port 80\nothers\n", ""},
      {"LocalPort \"80\"\nListeningPorts false\n", "port 80\n", ""},
  };
  check(cases, LEN(cases));
}

static void ignored_ports_are_left_out_of_the_others(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"22\"\nIgnoreSelected true\n", "others but 22\n", ""},
      {"IgnoreSelected true\nLocalPort \"22\"\n", "others but 22\n", ""},
      {"IgnoreSelected true\nLocalPort \"22\" \"8000-8010\"\n"
       "ListeningPorts true\n",
       "others but 22 8000-8010\n", ""},
      /* ignored twice is no conflict of labels */
      {"IgnoreSelected true\nLocalPort \"22\" \"20-25\" \"ssh\"\n",
       "others but 20-25\n", ""},
      {"IgnoreSelected true\nLocalPort \"1-65535\"\n", "others but 1-65535\n",
       ""},
      {"IgnoreSelected false\nLocalPort \"22\"\n", "port 22\n", ""},
      {"IgnoreSelected true\nLocalPort \"22\"\n"
       "<Listener \"api\">\n  LocalPort \"8443\"\n</Listener>\n",
       "api: 8443\nothers but 22\n", ""},
      {"IgnoreSelected true\n"
       "<Listener \"api\">\n  LocalPort \"8443\"\n</Listener>\n",
       "api: 8443\n", ""},
  };
  check(cases, LEN(cases));
}

static void a_listener_has_its_ports_under_its_name(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"<Listener \"api\">\n  LocalPort \"8443\"\n</Listener>\n", "api: 8443\n",
       ""},
      {"<Listener api>\n  LocalPort 8443\n</Listener>\n", "api: 8443\n", ""},
      {"<Listener \"api\">\n  LocalPort \"8000-8010\" \"https\" 9000\n"
       "  LocalPort \"1\"\n</Listener>\n",
       "api: 8000-8010 443 9000 1\n", ""},
      {"<Listener \"api\">\n  LocalAddress \"10.0.0.1\" \"::1\"\n"
       "  LocalPort \"80\"\n  LocalAddress \"fe80::1\"\n</Listener>\n",
       "api: 80 at ::ffff:10.0.0.1 ::1 fe80::1\n", ""},
      {"<Listener \"public web\">\n  LocalPort \"80\"\n"
       "  LocalAddress 10.0.0.1\n</Listener>\n",
       "public web: 80 at ::ffff:10.0.0.1\n", ""},
      /* a listener sums its selectors, so a port twice in it is no conflict */
      {"<Listener \"api\">\n  LocalPort \"80\" \"80\" \"70-90\"\n</Listener>\n",
       "api: 80 80 70-90\n", ""},
      /* a socket may count for several */
      {"LocalPort \"80\"\n<Listener \"a\">\n  LocalPort \"80\"\n</Listener>\n"
       "<Listener \"b\">\n  LocalPort \"80\"\n</Listener>\n",
       "port 80\na: 80\nb: 80\n", ""},
      {"ListeningPorts true\n"
       "<Listener \"api\">\n  LocalPort \"8443\"\n</Listener>\n",
       "api: 8443\nothers\n", ""},
      {"<Listener \"80\">\n  LocalPort \"80\"\n</Listener>\n", "80: 80\n", ""},
  };
  check(cases, LEN(cases));
}

static void names_of_options_have_no_case(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"localport \"80\"\nLISTENINGPORTS true\n"
       "<LISTENER \"Api\">\n  LOCALPORT \"81\"\n  localaddress \"::1\"\n"
       "</LISTENER>\n",
       "port 80\nApi: 81 at ::1\nothers\n", ""},
      {"LocalPort \"22\"\nignoreselected TRUE\n", "others but 22\n", ""},
  };
  check(cases, LEN(cases));
}

static void a_boolean_may_stand_in_quotes(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"80\"\nListeningPorts \"true\"\n", "port 80\nothers\n", ""},
      {"LocalPort \"80\"\nListeningPorts \"Yes\"\n", "port 80\nothers\n", ""},
      {"LocalPort \"80\"\nListeningPorts \"ON\"\n", "port 80\nothers\n", ""},
      {"LocalPort \"80\"\nListeningPorts \"false\"\n", "port 80\n", ""},
      {"LocalPort \"80\"\nListeningPorts \"no\"\n", "port 80\n", ""},
      {"LocalPort \"80\"\nListeningPorts \"off\"\n", "port 80\n", ""},
      {"LocalPort \"80\"\nIgnoreSelected \"yes\"\n", "others but 80\n", ""},
  };
  check(cases, LEN(cases));
}

static void the_last_of_two_booleans_counts(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"80\"\nListeningPorts true\nListeningPorts false\n",
       "port 80\n", ""},
      {"LocalPort \"80\"\nIgnoreSelected true\nIgnoreSelected false\n",
       "port 80\n", ""},
      /* a bad one leaves what was there */
      {"LocalPort \"80\"\nListeningPorts true\nListeningPorts 7\n",
       "port 80\nothers\n", "ListeningPorts 7: not one boolean; " BOOLEAN_FORM},
  };
  check(cases, LEN(cases));
}

static void plugin_blocks_add_up(void **state) {
  (void)state;
  static const char *const configs[] = {
      "LocalPort \"80\"\n<Listener \"a\">\n  LocalPort \"81\"\n</Listener>\n",
      ("LocalPort \"82\" \"80\"\n<Listener \"a\">\n  LocalPort \"83\"\n"
       "</Listener>\n"),
      "ListeningPorts true\n",
      "",
  };
  oconfig_item_t blocks[LEN(configs)];
  for (size_t i = 0; i < LEN(configs); i++)
    blocks[i] = read_config(configs[i]);
  struct text got = {.len = 0};
  take(blocks, LEN(configs), &got);
  for (size_t i = 0; i < LEN(configs); i++)
    free_config(&blocks[i]);
  assert_string_equal(got.at, "port 80\n"
                              "a: 81\n"
                              "port 82\n"
                              "others\n"
                              "LocalPort \"80\": the label \"80\"" PORT_TAKEN
                              "<Listener \"a\">" NAME_TAKEN);
}

static void ignore_selected_counts_for_every_plugin_block(void **state) {
  (void)state;
  oconfig_item_t blocks[] = {
      read_config("LocalPort \"80\"\n"),
      read_config("IgnoreSelected true\nLocalPort \"81\"\n"),
  };
  struct text got = {.len = 0};
  take(blocks, LEN(blocks), &got);
  free_config(&blocks[0]);
  free_config(&blocks[1]);
  assert_string_equal(got.at, "others but 80-81\n");
}

/* --- what is refused ----------------------------------------------------- */

static void a_bad_port_costs_only_itself(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"0\" 443\n", "port 443\n",
       "LocalPort \"0\": not a TCP port; " PORT_FORM},
      {"LocalPort 0 443\n", "port 443\n",
       "LocalPort 0: not a TCP port; " PORT_FORM},
      {"LocalPort \"65536\" 443\n", "port 443\n",
       "LocalPort \"65536\": not a TCP port; " PORT_FORM},
      {"LocalPort 65536 443\n", "port 443\n",
       "LocalPort 65536: not a TCP port; " PORT_FORM},
      {"LocalPort 80.5 443\n", "port 443\n",
       "LocalPort 80.5: not a TCP port; " PORT_FORM},
      {"LocalPort 65535.5 443\n", "port 443\n",
       "LocalPort 65535.5: not a TCP port; " PORT_FORM},
      {"LocalPort 0.5 443\n", "port 443\n",
       "LocalPort 0.5: not a TCP port; " PORT_FORM},
      {"LocalPort -80 443\n", "port 443\n",
       "LocalPort -80: not a TCP port; " PORT_FORM},
      {"LocalPort 1e300 443\n", "port 443\n",
       "LocalPort 1e+300: not a TCP port; " PORT_FORM},
      {"LocalPort 4294967376 443\n", "port 443\n",
       "LocalPort 4294967376: not a TCP port; " PORT_FORM},
      {"LocalPort nan 443\n", "port 443\n",
       "LocalPort nan: not a TCP port; " PORT_FORM},
      {"LocalPort inf -inf 443\n", "port 443\n",
       "LocalPort inf: not a TCP port; " PORT_FORM
       "LocalPort -inf: not a TCP port; " PORT_FORM},
      {"LocalPort \"no-such\" 443\n", "port 443\n",
       "LocalPort \"no-such\": unknown service; " PORT_FORM},
      {"LocalPort \"\" 443\n", "port 443\n",
       "LocalPort \"\": an empty or reversed range; " PORT_FORM},
      {"LocalPort \"80-\" 443\n", "port 443\n",
       "LocalPort \"80-\": an empty or reversed range; " PORT_FORM},
      {"LocalPort \"90-80\" 443\n", "port 443\n",
       "LocalPort \"90-80\": an empty or reversed range; " PORT_FORM},
      {"LocalPort \"0-80\" 443\n", "port 443\n",
       "LocalPort \"0-80\": not a TCP port; " PORT_FORM},
      {"LocalPort true 443\n", "port 443\n",
       "LocalPort true: not a port; " PORT_FORM},
      {"LocalPort false 443\n", "port 443\n",
       "LocalPort false: not a port; " PORT_FORM},
      {"<Listener \"api\">\n  LocalPort \"0\" 443\n</Listener>\n", "api: 443\n",
       "LocalPort \"0\" in <Listener \"api\">: not a TCP port; " PORT_FORM},
  };
  check(cases, LEN(cases));
}

static void every_error_is_reported(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"0\" 80 \"x\" true \"2-1\"\n"
       "Port 80\n"
       "ListeningPorts 1\n"
       "<Listener \"api\">\n"
       "  LocalPort \"99999\" 8443\n"
       "  LocalAddress \"localhost\" \"::1\"\n"
       "  Nonsense\n"
       "</Listener>\n"
       "LocalPort 81\n",
       "port 80\napi: 8443 at ::1\nport 81\n",
       "LocalPort \"0\": not a TCP port; " PORT_FORM
       "LocalPort \"x\": unknown service; " PORT_FORM
       "LocalPort true: not a port; " PORT_FORM
       "LocalPort \"2-1\": an empty or reversed range; " PORT_FORM
       "Port 80: unknown option; accepted is LocalPort, ListeningPorts, "
       "IgnoreSelected and <Listener>.\n"
       "ListeningPorts 1: not one boolean; " BOOLEAN_FORM
       "LocalPort \"99999\" in <Listener \"api\">: not a TCP port; " PORT_FORM
       "LocalAddress \"localhost\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM
       "Nonsense in <Listener \"api\">: unknown option; accepted is LocalPort "
       "and LocalAddress.\n"},
  };
  check(cases, LEN(cases));
}

static void a_label_is_given_once(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"80\" \"443\" \"80\"\n", "port 80\nport 443\n",
       "LocalPort \"80\": the label \"80\"" PORT_TAKEN},
      {"LocalPort \"80\" \"http\"\n", "port 80\n",
       "LocalPort \"80\": the label \"80\"" PORT_TAKEN},
      {"LocalPort 80\nLocalPort 80\nLocalPort 80\n", "port 80\n",
       "LocalPort \"80\": the label \"80\"" PORT_TAKEN
       "LocalPort \"80\": the label \"80\"" PORT_TAKEN},
      {"LocalPort \"8001\" \"8000-8002\"\n",
       "port 8001\nport 8000\nport 8002\n",
       "LocalPort \"8000-8002\": the label \"8001\"" PORT_TAKEN},
      {"LocalPort \"8000-8003\" \"8002-8005\"\n",
       "port 8000\nport 8001\nport 8002\nport 8003\nport 8004\nport 8005\n",
       "LocalPort \"8002-8005\": the label \"8002\" and 1 more of the "
       "range" PORT_TAKEN},
      {"LocalPort \"8000-8003\" \"8000-8003\"\n",
       "port 8000\nport 8001\nport 8002\nport 8003\n",
       "LocalPort \"8000-8003\": the label \"8000\" and 3 more of the "
       "range" PORT_TAKEN},
      {"<Listener \"api\">\n  LocalPort \"80\"\n</Listener>\n"
       "<Listener \"api\">\n  LocalPort \"81\"\n</Listener>\n"
       "<Listener \"API\">\n  LocalPort \"82\"\n</Listener>\n",
       "api: 80\nAPI: 82\n", "<Listener \"api\">" NAME_TAKEN},
      {"<Listener \"80\">\n  LocalPort \"8080\"\n</Listener>\nLocalPort 80\n",
       "80: 8080\n", "LocalPort \"80\": the label \"80\"" PORT_TAKEN},
      {"LocalPort 80\n<Listener \"80\">\n  LocalPort \"8080\"\n</Listener>\n",
       "port 80\n", "<Listener \"80\">" NAME_TAKEN},
      /* what is left out takes no label */
      {"<Listener \"80\">\n  LocalPort \"x\"\n</Listener>\nLocalPort 80\n",
       "port 80\n",
       "LocalPort \"x\" in <Listener \"80\">: unknown service; " PORT_FORM
       "<Listener \"80\">" NO_PORT},
      /* what is ignored neither */
      {"<Listener \"80\">\n  LocalPort \"8080\"\n</Listener>\nLocalPort 80\n"
       "IgnoreSelected true\n",
       "80: 8080\nothers but 80\n", ""},
  };
  check(cases, LEN(cases));
}

static void a_listener_named_like_a_port_keeps_its_label(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"ListeningPorts true\n"
       "<Listener \"8080\">\n  LocalPort \"80\"\n</Listener>\n",
       "8080: 80\nothers but 8080\n",
       "<Listener \"8080\"> has the label of port 8080, which ListeningPorts "
       "therefore leaves out; accepted is a name that is no port number.\n"},
      /* bound elsewhere the port would be found, too */
      {"ListeningPorts true\n"
       "<Listener \"80\">\n  LocalPort \"80\"\n  LocalAddress \"::1\"\n"
       "</Listener>\n",
       "80: 80 at ::1\nothers but 80\n",
       "<Listener \"80\"> has the label of port 80, which ListeningPorts "
       "therefore leaves out; accepted is a name that is no port number.\n"},
      {"ListeningPorts true\n"
       "<Listener \"80\">\n  LocalPort \"80\"\n</Listener>\n",
       "80: 80\nothers\n", ""},
      {"ListeningPorts true\n"
       "<Listener \"8005\">\n  LocalPort \"8000-8010\"\n</Listener>\n",
       "8005: 8000-8010\nothers\n", ""},
      {"IgnoreSelected true\nLocalPort \"8080\"\n"
       "<Listener \"8080\">\n  LocalPort \"80\"\n</Listener>\n",
       "8080: 80\nothers but 8080\n", ""},
      {"<Listener \"8080\">\n  LocalPort \"80\"\n</Listener>\n", "8080: 80\n",
       ""},
  };
  check(cases, LEN(cases));
}

static void a_listener_needs_one_good_name(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener>\n  LocalPort \"81\"\n</Listener>\n",
       "port 80\n",
       "<Listener>: no value; accepted is a block with a name, <Listener "
       "\"name\">.\n"},
      {"LocalPort 80\n<Listener \"a\" \"b\">\n  LocalPort \"81\"\n"
       "</Listener>\n",
       "port 80\n", "Listener \"a\": not one name; " NAME_FORM},
      {"LocalPort 80\n<Listener 81>\n  LocalPort \"81\"\n</Listener>\n",
       "port 80\n", "Listener 81: not one name; " NAME_FORM},
      {"LocalPort 80\n<Listener true>\n  LocalPort \"81\"\n</Listener>\n",
       "port 80\n", "Listener true: not one name; " NAME_FORM},
      {"LocalPort 80\n<Listener \"\">\n  LocalPort \"81\"\n</Listener>\n",
       "port 80\n", "Listener \"\": not one name; " NAME_FORM},
      {"LocalPort 80\n<Listener \"a/b\">\n  LocalPort \"81\"\n</Listener>\n",
       "port 80\n", "Listener \"a/b\": not one name; " NAME_FORM},
      {"LocalPort 80\n<Listener \"a\tb\">\n  LocalPort \"81\"\n</Listener>\n",
       "port 80\n", "Listener \"a?b\": not one name; " NAME_FORM},
      {"LocalPort 80\nListener\n", "port 80\n",
       "Listener: no value; accepted is a block with a name, <Listener "
       "\"name\">.\n"},
      /* not a block, or an empty one: the parser shows no difference */
      {"LocalPort 80\nListener \"a\"\n", "port 80\n",
       "<Listener \"a\">" NO_PORT},
  };
  check(cases, LEN(cases));
}

static void a_name_has_at_most_127_bytes(void **state) {
  (void)state;
  char longest[128], config[512], want[512];
  memset(longest, 'x', 127);
  longest[127] = '\0';
  snprintf(config, sizeof(config),
           "LocalPort 80\n<Listener \"%s\">\n  LocalPort \"81\"\n</Listener>\n",
           longest);
  snprintf(want, sizeof(want), "port 80\n%s: 81\n", longest);
  check(&(struct options_case){config, want, ""}, 1);

  snprintf(
      config, sizeof(config),
      "LocalPort 80\n<Listener \"%sx\">\n  LocalPort \"81\"\n</Listener>\n",
      longest);
  snprintf(want, sizeof(want), "Listener \"%.80s\": not one name; " NAME_FORM,
           longest);
  check(&(struct options_case){config, "port 80\n", want}, 1);
}

static void a_listener_without_a_good_port_is_left_out(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener \"api\">\n</Listener>\n", "port 80\n",
       "<Listener \"api\">" NO_PORT},
      {"LocalPort 80\n<Listener \"api\">\n  LocalAddress \"::1\"\n"
       "</Listener>\n",
       "port 80\n", "<Listener \"api\">" NO_PORT},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"0\" \"x\"\n"
       "</Listener>\n",
       "port 80\n",
       "LocalPort \"0\" in <Listener \"api\">: not a TCP port; " PORT_FORM
       "LocalPort \"x\" in <Listener \"api\">: unknown service; " PORT_FORM
       "<Listener \"api\">" NO_PORT},
  };
  check(cases, LEN(cases));
}

static void a_listener_is_never_widened_by_a_bad_address(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  LocalAddress \"localhost\"\n</Listener>\n",
       "port 80\n",
       "LocalAddress \"localhost\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM "<Listener \"api\">" NO_ADDRESS},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  LocalAddress \"10.0.0\" 10 true\n</Listener>\n",
       "port 80\n",
       "LocalAddress \"10.0.0\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM
       "LocalAddress 10 in <Listener \"api\">: not an address; " ADDRESS_FORM
       "LocalAddress true in <Listener \"api\">: not an address; " ADDRESS_FORM
       "<Listener \"api\">" NO_ADDRESS},
      {"<Listener \"api\">\n  LocalPort \"81\"\n"
       "  LocalAddress \"[::1]\" \"10.0.0.1\" \"10.0.0.0/8\"\n</Listener>\n",
       "api: 81 at ::ffff:10.0.0.1\n",
       "LocalAddress \"[::1]\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM "LocalAddress \"10.0.0.0/8\" in <Listener "
       "\"api\">: not an address; " ADDRESS_FORM},
  };
  check(cases, LEN(cases));
}

static void nor_by_a_selector_without_a_value(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  LocalAddress\n</Listener>\n",
       "port 80\n",
       "LocalAddress in <Listener \"api\">: no value; accepted is a numeric "
       "IPv4 or IPv6 address.\n"
       "<Listener \"api\">" NO_ADDRESS},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  <LocalAddress \"::1\">\n    A 1\n  </LocalAddress>\n</Listener>\n",
       "port 80\n",
       "<LocalAddress> in <Listener \"api\">: an option, not a block; accepted "
       "is a numeric IPv4 or IPv6 address.\n"
       "<Listener \"api\">" NO_ADDRESS},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  NetNamespace\n</Listener>\n",
       "port 80\n",
       "NetNamespace in <Listener \"api\">: no value; accepted is no "
       "NetNamespace.\n"
       "<Listener \"api\"> is left out: its NetNamespace cannot be had; "
       "accepted is a block without one.\n"},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  <NetNamespace \"blue\">\n    A 1\n  </NetNamespace>\n</Listener>\n",
       "port 80\n",
       "<NetNamespace> in <Listener \"api\">: an option, not a block; accepted "
       "is no NetNamespace.\n"
       "<Listener \"api\"> is left out: its NetNamespace cannot be had; "
       "accepted is a block without one.\n"},
  };
  check(cases, LEN(cases));
}

static void what_is_unknown_costs_only_itself(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\nLocalProt \"81\"\n", "port 80\n",
       "LocalProt \"81\": unknown option; accepted is LocalPort, "
       "ListeningPorts, IgnoreSelected and <Listener>.\n"},
      {"LocalPort 80\nVerbose\n", "port 80\n",
       "Verbose: unknown option; accepted is LocalPort, ListeningPorts, "
       "IgnoreSelected and <Listener>.\n"},
      {"LocalPort 80\n<Listen \"a\">\n  LocalPort \"81\"\n</Listen>\n",
       "port 80\n",
       "<Listen> \"a\": unknown block; accepted is LocalPort, ListeningPorts, "
       "IgnoreSelected and <Listener>.\n"},
      {"LocalPort 80\n<Listen>\n  LocalPort \"81\"\n</Listen>\n", "port 80\n",
       "<Listen>: unknown block; accepted is LocalPort, ListeningPorts, "
       "IgnoreSelected and <Listener>.\n"},
      {"LocalPort 80\nLocalAddress \"::1\"\n", "port 80\n",
       "LocalAddress \"::1\": unknown option; accepted is LocalPort, "
       "ListeningPorts, IgnoreSelected and <Listener>.\n"},
      {"<Listener \"api\">\n  LocalPort \"80\"\n  ListeningPorts true\n"
       "</Listener>\n",
       "api: 80\n",
       "ListeningPorts true in <Listener \"api\">: unknown option; accepted is "
       "LocalPort and LocalAddress.\n"},
      {"<Listener \"api\">\n  LocalPort \"80\"\n"
       "  <Listener \"b\">\n    LocalPort \"81\"\n  </Listener>\n</Listener>\n",
       "api: 80\n",
       "<Listener> \"b\" in <Listener \"api\">: unknown block; accepted is "
       "LocalPort and LocalAddress.\n"},
  };
  check(cases, LEN(cases));
}

static void an_option_is_no_block_and_has_a_value(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<LocalPort \"81\">\n  A 1\n</LocalPort>\n", "port 80\n",
       "<LocalPort>: an option, not a block; " PORT_FORM},
      {"LocalPort 80\n<ListeningPorts true>\n  A 1\n</ListeningPorts>\n",
       "port 80\n",
       "<ListeningPorts>: an option, not a block; accepted is true or "
       "false.\n"},
      {"LocalPort 80\nLocalPort\n", "port 80\n",
       "LocalPort: no value; " PORT_FORM},
      {"LocalPort 80\nListeningPorts\n", "port 80\n",
       "ListeningPorts: no value; accepted is true or false.\n"},
      {"LocalPort 80\nIgnoreSelected\n", "port 80\n",
       "IgnoreSelected: no value; accepted is true or false.\n"},
  };
  check(cases, LEN(cases));
}

static void what_is_no_boolean_leaves_the_default(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\nListeningPorts 1\n", "port 80\n",
       "ListeningPorts 1: not one boolean; " BOOLEAN_FORM},
      {"LocalPort 80\nListeningPorts \"1\"\n", "port 80\n",
       "ListeningPorts \"1\": not one boolean; " BOOLEAN_FORM},
      {"LocalPort 80\nListeningPorts \"\"\n", "port 80\n",
       "ListeningPorts \"\": not one boolean; " BOOLEAN_FORM},
      {"LocalPort 80\nListeningPorts true false\n", "port 80\n",
       "ListeningPorts true: not one boolean; " BOOLEAN_FORM},
      {"LocalPort 80\nIgnoreSelected \"truely\"\n", "port 80\n",
       "IgnoreSelected \"truely\": not one boolean; " BOOLEAN_FORM},
      {"LocalPort 80\nIgnoreSelected 0\n", "port 80\n",
       "IgnoreSelected 0: not one boolean; " BOOLEAN_FORM},
  };
  check(cases, LEN(cases));
}

static void very_long_words_are_cut_off(void **state) {
  (void)state;
  char word[600], config[2048], errors[1024];
  memset(word, 'w', sizeof(word) - 1);
  word[sizeof(word) - 1] = '\0';
  snprintf(config, sizeof(config), "LocalPort 80 \"%s\"\n%s \"%s\"\n", word,
           word, word);
  snprintf(errors, sizeof(errors),
           "LocalPort \"%.80s\": unknown service; " PORT_FORM
           "%.64s \"%.80s\": unknown option; accepted is LocalPort, "
           "ListeningPorts, IgnoreSelected and <Listener>.\n",
           word, word, word);
  check(&(struct options_case){config, "port 80\n", errors}, 1);
}

/* How a line break is shown is open, but not by one. */
static void a_sentence_is_one_line_whatever_the_value(void **state) {
  (void)state;
  oconfig_item_t block = read_config("LocalPort 80 \"8\n1\"\n"
                                     "Local\vPort \"a\nb\"\n"
                                     "<Listener \"a\nb\">\n"
                                     "</Listener>\n");
  struct text got = {.len = 0};
  take(&block, 1, &got);
  free_config(&block);
  size_t lines = 0;
  for (const char *at = got.at; (at = strchr(at, '\n')); at++)
    lines++;
  assert_int_equal(lines, 4); /* port 80 and three errors */
}

/* --- nothing left -------------------------------------------------------- */

static void a_selection_that_is_all_bad_is_not_everything(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"x\"\n", NULL,
       "LocalPort \"x\": unknown service; " PORT_FORM},
      {"LocalPort \"x\"\nListeningPorts false\n", NULL,
       "LocalPort \"x\": unknown service; " PORT_FORM},
      {"<Listener \"api\">\n</Listener>\n", NULL, "<Listener \"api\">" NO_PORT},
      {"<Listener \"a/b\">\n  LocalPort \"80\"\n</Listener>\n", NULL,
       "Listener \"a/b\": not one name; " NAME_FORM},
      {"LocalPort \"x\"\n<Listener \"api\">\n  LocalPort \"80\"\n"
       "  LocalAddress \"x\"\n</Listener>\n",
       NULL,
       "LocalPort \"x\": unknown service; " PORT_FORM
       "LocalAddress \"x\" in <Listener \"api\">: not an address; " ADDRESS_FORM
       "<Listener \"api\">" NO_ADDRESS},
  };
  check(cases, LEN(cases));
}

static void nor_is_a_selection_without_a_value(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort\n", NULL, "LocalPort: no value; " PORT_FORM},
      {"<LocalPort \"80\">\n  A 1\n</LocalPort>\n", NULL,
       "<LocalPort>: an option, not a block; " PORT_FORM},
      {"<Listener>\n  LocalPort \"80\"\n</Listener>\n", NULL,
       "<Listener>: no value; accepted is a block with a name, <Listener "
       "\"name\">.\n"},
      {"<LocalPath \"/run/a.sock\">\n  A 1\n</LocalPath>\n", NULL,
       "<LocalPath>: an option, not a block; accepted is LocalPort.\n"},
  };
  check(cases, LEN(cases));
}

static void asked_for_everything_it_is_everything_for_all_that(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort \"x\"\nListeningPorts true\n", "others\n",
       "LocalPort \"x\": unknown service; " PORT_FORM},
      {"IgnoreSelected true\nLocalPort \"x\" 22\n", "others but 22\n",
       "LocalPort \"x\": unknown service; " PORT_FORM},
      {"IgnoreSelected true\nLocalPort \"x\"\n", "others\n",
       "LocalPort \"x\": unknown service; " PORT_FORM},
      {"LocalProt \"80\"\n", "others\n",
       "LocalProt \"80\": unknown option; accepted is LocalPort, "
       "ListeningPorts, IgnoreSelected and <Listener>.\n"},
  };
  check(cases, LEN(cases));
}

/* --- later versions ------------------------------------------------------ */

static void options_of_later_versions_are_refused(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\nLocalPath \"/run/a.sock\" \"@b\"\n", "port 80\n",
       "LocalPath \"/run/a.sock\": this version does not look at UNIX sockets; "
       "accepted is LocalPort.\n"
       "LocalPath \"@b\": this version does not look at UNIX sockets; accepted "
       "is LocalPort.\n"},
      {"LocalPort 80\nListeningPaths true\n", "port 80\n",
       "ListeningPaths true: this version does not look at UNIX sockets; "
       "accepted is false.\n"},
      {"LocalPort 80\nNetNamespace \"blue\" \"*\"\n", "port 80\n",
       "NetNamespace \"blue\": this version looks at collectd's own network "
       "namespace only; accepted is no NetNamespace.\n"
       "NetNamespace \"*\": this version looks at collectd's own network "
       "namespace only; accepted is no NetNamespace.\n"},
      {"LocalPort 80\nSampleInterval 0.1\n", "port 80\n",
       "SampleInterval 0.1: this version makes one look per interval; accepted "
       "is 0.\n"},
      {"LocalPort 80\nInspectQueue true\n", "port 80\n",
       "InspectQueue true: this version does not look into the queue; accepted "
       "is false.\n"},
      {"<Listener \"api\">\n  LocalPort 80\n  LocalPath \"/run/a.sock\"\n"
       "</Listener>\n",
       "api: 80\n",
       "LocalPath \"/run/a.sock\" in <Listener \"api\">: this version does not "
       "look at UNIX sockets; accepted is LocalPort.\n"},
  };
  check(cases, LEN(cases));
}

static void their_defaults_do_no_harm(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"ListeningPaths false\nSampleInterval 0\nInspectQueue false\n",
       "others\n", ""},
      {"ListeningPaths \"no\"\nInspectQueue \"off\"\n", "others\n", ""},
      {"SampleInterval \"0\"\n", "others\n",
       "SampleInterval \"0\": this version makes one look per interval; "
       "accepted is 0.\n"},
  };
  check(cases, LEN(cases));
}

static void a_listener_elsewhere_is_left_out(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  NetNamespace \"blue\"\n</Listener>\n",
       "port 80\n",
       "NetNamespace \"blue\" in <Listener \"api\">: this version looks at "
       "collectd's own network namespace only; accepted is no NetNamespace.\n"
       "<Listener \"api\"> is left out: its NetNamespace cannot be had; "
       "accepted is a block without one.\n"},
      {"<Listener \"api\">\n  NetNamespace \"blue\"\n  LocalPort \"81\"\n"
       "</Listener>\n",
       NULL,
       "NetNamespace \"blue\" in <Listener \"api\">: this version looks at "
       "collectd's own network namespace only; accepted is no NetNamespace.\n"
       "<Listener \"api\"> is left out: its NetNamespace cannot be had; "
       "accepted is a block without one.\n"},
  };
  check(cases, LEN(cases));
}

static void paths_alone_are_not_every_port(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPath \"/run/a.sock\"\n", NULL,
       "LocalPath \"/run/a.sock\": this version does not look at UNIX sockets; "
       "accepted is LocalPort.\n"},
      {"<Listener \"api\">\n  LocalPath \"/run/a.sock\"\n</Listener>\n", NULL,
       "LocalPath \"/run/a.sock\" in <Listener \"api\">: this version does not "
       "look at UNIX sockets; accepted is LocalPort.\n"
       "<Listener \"api\">" NO_PORT},
      {"ListeningPaths true\n", NULL,
       "ListeningPaths true: this version does not look at UNIX sockets; "
       "accepted is false.\n"},
  };
  check(cases, LEN(cases));
}

/* --- size ---------------------------------------------------------------- */

static void every_port_at_once_takes_no_time(void **state) {
  (void)state;
  oconfig_item_t block = read_config("LocalPort \"1-65535\" \"1-65535\"\n");
  struct text errors = {.len = 0};
  const struct lb_errors to_text = {on_error, &errors};
  struct lb_options *options;
  struct lb_settings settings = {0};
  clock_t start = clock();
  assert_int_equal(lb_options_new(&options), 0);
  assert_int_equal(lb_options_block(options, &block, &to_text), 0);
  assert_int_equal(lb_options_settings(options, &settings, &to_text), 0);
  assert_in_range(clock() - start, 0, CLOCKS_PER_SEC);
  assert_int_equal(settings.selections_len, 65535);
  assert_string_equal(errors.at, "LocalPort \"1-65535\": the label \"1\" and "
                                 "65534 more of the range" PORT_TAKEN);
  lb_settings_free(&settings);
  lb_options_free(options);
  free_config(&block);
}

static void options_that_are_not_there_can_be_freed(void **state) {
  (void)state;
  lb_options_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_selected_is_every_port),
      cmocka_unit_test(ports_are_selected_by_number_range_and_service),
      cmocka_unit_test(selected_and_other_ports_go_together),
      cmocka_unit_test(ignored_ports_are_left_out_of_the_others),
      cmocka_unit_test(a_listener_has_its_ports_under_its_name),
      cmocka_unit_test(names_of_options_have_no_case),
      cmocka_unit_test(a_boolean_may_stand_in_quotes),
      cmocka_unit_test(the_last_of_two_booleans_counts),
      cmocka_unit_test(plugin_blocks_add_up),
      cmocka_unit_test(ignore_selected_counts_for_every_plugin_block),
      cmocka_unit_test(a_bad_port_costs_only_itself),
      cmocka_unit_test(every_error_is_reported),
      cmocka_unit_test(a_label_is_given_once),
      cmocka_unit_test(a_listener_named_like_a_port_keeps_its_label),
      cmocka_unit_test(a_listener_needs_one_good_name),
      cmocka_unit_test(a_name_has_at_most_127_bytes),
      cmocka_unit_test(a_listener_without_a_good_port_is_left_out),
      cmocka_unit_test(a_listener_is_never_widened_by_a_bad_address),
      cmocka_unit_test(nor_by_a_selector_without_a_value),
      cmocka_unit_test(what_is_unknown_costs_only_itself),
      cmocka_unit_test(an_option_is_no_block_and_has_a_value),
      cmocka_unit_test(what_is_no_boolean_leaves_the_default),
      cmocka_unit_test(very_long_words_are_cut_off),
      cmocka_unit_test(a_sentence_is_one_line_whatever_the_value),
      cmocka_unit_test(a_selection_that_is_all_bad_is_not_everything),
      cmocka_unit_test(nor_is_a_selection_without_a_value),
      cmocka_unit_test(asked_for_everything_it_is_everything_for_all_that),
      cmocka_unit_test(options_of_later_versions_are_refused),
      cmocka_unit_test(their_defaults_do_no_harm),
      cmocka_unit_test(a_listener_elsewhere_is_left_out),
      cmocka_unit_test(paths_alone_are_not_every_port),
      cmocka_unit_test(every_port_at_once_takes_no_time),
      cmocka_unit_test(options_that_are_not_there_can_be_freed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
