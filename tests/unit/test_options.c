// SPDX-License-Identifier: MIT
/* Configurations to settings and to the sentences in the log: a bad option, a
 * bad value, a bad block costs only itself and is one sentence that names it
 * and what would be accepted. */
#include "collectd/options.h"

#include "unit.h"

#include <errno.h>
#include <time.h>

/* The allocation that fails, counted down; 0: none. The linker sends all calls
 * here (--wrap). */
static unsigned failing;

static bool fails(void) { return failing && --failing == 0; }

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) {
  return fails() ? NULL : __real_calloc(n, size);
}

void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size) {
  return fails() ? NULL : __real_reallocarray(old, n, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) {
  return fails() ? NULL : __real_strdup(text);
}

struct options_case {
  const char *config; /* the inside of a <Plugin> block */
  const char *want;   /* settings; NULL: nothing valid is left */
  const char *errors;
};

static void on_error(void *data, const char *sentence) {
  struct text *text = data;
  say(text, "%s.\n", sentence);
}

/* The settings and the sentences of several <Plugin> blocks, for reads every so
 * many seconds; looks within the interval are said where they are not the
 * default of 0.1 s. */
static void take_every(double interval_s, const oconfig_item_t *blocks,
                       size_t len, struct text *got) {
  struct text errors = {.len = 0};
  const struct lb_error_sink to_text = {on_error, &errors};
  struct lb_options *options;
  struct lb_settings settings;
  memset(&settings, 0, sizeof(settings));
  assert_int_equal(lb_options_new(&options), 0);
  for (size_t i = 0; i < len; i++)
    assert_int_equal(lb_options_block(options, &blocks[i], &to_text), 0);
  int err = lb_options_settings(options, interval_s, &settings, &to_text);
  lb_options_free(options);
  if (err) {
    static const struct lb_settings nothing;
    assert_int_equal(err, -ENOENT);
    assert_memory_equal(&settings, &nothing, sizeof(nothing));
    say(got, "nothing\n");
  } else {
    say_settings(got, &settings);
    if (settings.sample_s != 0.1)
      say(got, "every %g\n", settings.sample_s);
  }
  say(got, "%s", errors.at);
  lb_settings_free(&settings);
}

static void take(const oconfig_item_t *blocks, size_t len, struct text *got) {
  take_every(10, blocks, len, got);
}

static void check_every(double interval_s, const struct options_case *cases,
                        size_t len) {
  for (size_t i = 0; i < len; i++) {
    struct text want = {.len = 0}, got = {.len = 0};
    say(&want, "%s---\n%s%s", cases[i].config,
        cases[i].want ? cases[i].want : "nothing\n", cases[i].errors);
    say(&got, "%s---\n", cases[i].config);
    oconfig_item_t block = read_config(cases[i].config);
    take_every(interval_s, &block, 1, &got);
    free_config(&block);
    assert_string_equal(got.at, want.at);
  }
}

static void check(const struct options_case *cases, size_t len) {
  check_every(10, cases, len);
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
#define PATH_FORM                                                              \
  "accepted is a pathname as the server gives it to bind(), like "             \
  "\"/run/gunicorn.sock\", or an abstract name like \"@name\", of at most "    \
  "108 "                                                                       \
  "bytes.\n"
#define PLACE_FORM                                                             \
  "accepted is a name under /run/netns, an absolute path, or \"*\".\n"
#define PATH_TAKEN                                                             \
  " is taken already and stays with what took it; accepted is a path that is " \
  "selected once, or a <Listener> block with a name of its own.\n"
#define PLACE_TAKEN                                                            \
  " is taken already and stays with what took it; accepted is a name or a "    \
  "path with a label of its own.\n"
#define OPTIONS                                                                \
  "accepted is LocalPort, LocalPath, ListeningPorts, ListeningPaths, "         \
  "IgnoreSelected, NetNamespace, SampleInterval, InspectQueue and "            \
  "<Listener>.\n"
#define LISTENER_OPTIONS                                                       \
  "accepted is LocalPort, LocalAddress, LocalPath and NetNamespace.\n"
#define NO_PORT                                                                \
  " is left out: it has no LocalPort and no LocalPath that can be used; "      \
  "accepted is at least one.\n"
#define SAMPLE_FORM                                                            \
  "accepted is 0, or seconds from 0.001 to the interval, which is "
#define TOO_LONG                                                               \
  " is longer than 127 bytes, so what has it is left out; accepted is a "      \
  "<Listener> block with a shorter name.\n"
#define NO_NAMESPACE                                                           \
  " is left out: it has no NetNamespace that can be used; accepted is a good " \
  "one, or none at all to look where others are looked for.\n"
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
       "LocalPort true: not a TCP port; " PORT_FORM},
      {"LocalPort false 443\n", "port 443\n",
       "LocalPort false: not a TCP port; " PORT_FORM},
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
       "LocalPort true: not a TCP port; " PORT_FORM
       "LocalPort \"2-1\": an empty or reversed range; " PORT_FORM
       "Port 80: unknown option; " OPTIONS
       "ListeningPorts 1: not one boolean; " BOOLEAN_FORM
       "LocalPort \"99999\" in <Listener \"api\">: not a TCP port; " PORT_FORM
       "LocalAddress \"localhost\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM
       "Nonsense in <Listener \"api\">: unknown option; " LISTENER_OPTIONS},
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
       "NetNamespace in <Listener \"api\">: no value; " PLACE_FORM
       "<Listener \"api\">" NO_NAMESPACE},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort \"81\"\n"
       "  <NetNamespace \"blue\">\n    A 1\n  </NetNamespace>\n</Listener>\n",
       "port 80\n",
       "<NetNamespace> in <Listener \"api\">: an option, not a "
       "block; " PLACE_FORM "<Listener \"api\">" NO_NAMESPACE},
  };
  check(cases, LEN(cases));
}

static void what_is_unknown_costs_only_itself(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\nLocalProt \"81\"\n", "port 80\n",
       "LocalProt \"81\": unknown option; " OPTIONS},
      {"LocalPort 80\nVerbose\n", "port 80\n",
       "Verbose: unknown option; " OPTIONS},
      {"LocalPort 80\n<Listen \"a\">\n  LocalPort \"81\"\n</Listen>\n",
       "port 80\n", "<Listen> \"a\": unknown block; " OPTIONS},
      {"LocalPort 80\n<Listen>\n  LocalPort \"81\"\n</Listen>\n", "port 80\n",
       "<Listen>: unknown block; " OPTIONS},
      {"LocalPort 80\nLocalAddress \"::1\"\n", "port 80\n",
       "LocalAddress \"::1\": unknown option; " OPTIONS},
      {"<Listener \"api\">\n  LocalPort \"80\"\n  ListeningPorts true\n"
       "</Listener>\n",
       "api: 80\n",
       "ListeningPorts true in <Listener \"api\">: unknown "
       "option; " LISTENER_OPTIONS},
      {"<Listener \"api\">\n  LocalPort \"80\"\n  ListeningPaths true\n"
       "  SampleInterval 1\n  InspectQueue true\n</Listener>\n",
       "api: 80\n",
       "ListeningPaths true in <Listener \"api\">: unknown "
       "option; " LISTENER_OPTIONS
       "SampleInterval 1 in <Listener \"api\">: unknown "
       "option; " LISTENER_OPTIONS
       "InspectQueue true in <Listener \"api\">: unknown "
       "option; " LISTENER_OPTIONS},
      {"<Listener \"api\">\n  LocalPort \"80\"\n"
       "  <Listener \"b\">\n    LocalPort \"81\"\n  </Listener>\n</Listener>\n",
       "api: 80\n",
       "<Listener> \"b\" in <Listener \"api\">: unknown "
       "block; " LISTENER_OPTIONS},
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
      {"LocalPort 80\nLocalPath\nListeningPaths\nInspectQueue\nNetNamespace\n"
       "SampleInterval\n",
       "port 80\n",
       "LocalPath: no value; " PATH_FORM
       "ListeningPaths: no value; accepted is true or false.\n"
       "InspectQueue: no value; accepted is true or false.\n"
       "NetNamespace: no value; " PLACE_FORM
       "SampleInterval: no value; accepted is 0, or seconds from 0.001 to the "
       "interval.\n"},
      {"LocalPort 80\n<NetNamespace \"blue\">\n  A 1\n</NetNamespace>\n"
       "<SampleInterval 1>\n  A 1\n</SampleInterval>\n",
       "port 80\n",
       "<NetNamespace>: an option, not a block; " PLACE_FORM
       "<SampleInterval>: an option, not a block; accepted is 0, or seconds "
       "from 0.001 to the interval.\n"},
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
      {"LocalPort 80\nListeningPaths 1\nListeningPaths true true\n",
       "port 80\n",
       "ListeningPaths 1: not one boolean; " BOOLEAN_FORM
       "ListeningPaths true: not one boolean; " BOOLEAN_FORM},
      {"ListeningPaths \"perhaps\"\n", "others\n",
       "ListeningPaths \"perhaps\": not one boolean; " BOOLEAN_FORM},
      {"LocalPort 80\nInspectQueue \"deep\"\n", "port 80\n",
       "InspectQueue \"deep\": not one boolean; " BOOLEAN_FORM},
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
           "%.64s \"%.80s\": unknown option; " OPTIONS,
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
       "<LocalPath>: an option, not a block; " PATH_FORM},
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
       "LocalProt \"80\": unknown option; " OPTIONS},
  };
  check(cases, LEN(cases));
}

/* --- UNIX sockets -------------------------------------------------------- */

static void paths_are_selected_like_ports(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPath \"/run/a.sock\"\n", "run-a.sock: \"/run/a.sock\"\n", ""},
      {"LocalPath \"/run/a\" \"@b\"\nLocalPort 80\nlocalpath \"c\"\n",
       "run-a: \"/run/a\"\n@b: \"\\x00b\"\nport 80\nc: \"c\"\n", ""},
      {"LocalPath \"@a\\x00\\xff\" \"/run/my app\"\n",
       "@a__: \"\\x00a\\x00\\xff\"\nrun-my_app: \"/run/my app\"\n", ""},
      {"LocalPath \"/run/a\"\nListeningPorts true\n",
       "run-a: \"/run/a\"\nothers\n", ""},
      {"<Listener \"api\">\n  LocalPath \"/run/a\" \"@b\"\n"
       "  LocalPath \"/run/a\"\n</Listener>\n",
       "api: \"/run/a\" \"\\x00b\" \"/run/a\"\n", ""},
      {"<Listener \"api\">\n  LocalPath \"/run/a\"\n  LocalPort 80\n"
       "  LocalAddress \"::1\"\n</Listener>\n",
       "api: 80 \"/run/a\" at ::1\n", ""},
      /* a socket may count for several */
      {"LocalPath \"/run/a\"\n"
       "<Listener \"api\">\n  LocalPath \"/run/a\"\n</Listener>\n",
       "run-a: \"/run/a\"\napi: \"/run/a\"\n", ""},
  };
  check(cases, LEN(cases));
}

static void an_address_matters_to_ports_alone(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"<Listener \"api\">\n  LocalPath \"/run/a\"\n  LocalAddress \"::1\"\n"
       "</Listener>\n",
       "api: \"/run/a\" at ::1\n", ""},
      {"<Listener \"api\">\n  LocalPath \"/run/a\"\n  LocalAddress \"x\"\n"
       "</Listener>\n",
       "api: \"/run/a\"\n",
       "LocalAddress \"x\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPath \"/run/a\"\n"
       "  LocalPort 81\n  LocalAddress \"x\"\n</Listener>\n",
       "port 80\n",
       "LocalAddress \"x\" in <Listener \"api\">: not an "
       "address; " ADDRESS_FORM "<Listener \"api\">" NO_ADDRESS},
  };
  check(cases, LEN(cases));
}

static void a_bad_path_costs_only_itself(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPath \"\" \"/run/a\" \"@\"\n", "run-a: \"/run/a\"\n",
       "LocalPath \"\": not a UNIX socket; " PATH_FORM
       "LocalPath \"@\": not a UNIX socket; " PATH_FORM},
      {"LocalPort 80\nLocalPath 81 true \"@a\\x4\"\n", "port 80\n",
       "LocalPath 81: not a UNIX socket; " PATH_FORM
       "LocalPath true: not a UNIX socket; " PATH_FORM
       "LocalPath \"@a\\x4\": not a UNIX socket; " PATH_FORM},
      {"<Listener \"api\">\n  LocalPath \"/run/a\" \"@\" false\n"
       "  LocalPort \"x\"\n</Listener>\n",
       "api: \"/run/a\"\n",
       "LocalPath \"@\" in <Listener \"api\">: not a UNIX socket; " PATH_FORM
       "LocalPath false in <Listener \"api\">: not a UNIX socket; " PATH_FORM
       "LocalPort \"x\" in <Listener \"api\">: unknown service; " PORT_FORM},
      {"<Listener \"api\">\n  LocalPath \"@\"\n  LocalPort 80\n</Listener>\n",
       "api: 80\n",
       "LocalPath \"@\" in <Listener \"api\">: not a UNIX socket; " PATH_FORM},
      {"LocalPort 80\n<Listener \"api\">\n  LocalPath \"@\"\n</Listener>\n",
       "port 80\n",
       "LocalPath \"@\" in <Listener \"api\">: not a UNIX socket; " PATH_FORM
       "<Listener \"api\">" NO_PORT},
  };
  check(cases, LEN(cases));
}

static void other_paths_are_a_selection(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"ListeningPaths true\n", "other paths\n", ""},
      {"ListeningPaths \"yes\"\nListeningPorts true\n", "others\nother paths\n",
       ""},
      {"ListeningPaths true\nListeningPorts false\n", "other paths\n", ""},
      {"ListeningPaths true\nLocalPort 80\n", "port 80\nother paths\n", ""},
      {"ListeningPaths true\nLocalPath \"/run/a\"\n",
       "run-a: \"/run/a\"\nother paths\n", ""},
      {"ListeningPaths false\n", "others\n", ""},
      {"ListeningPaths true\nListeningPaths false\n", "others\n", ""},
      {"ListeningPaths true\nListeningPaths 7\n", "other paths\n",
       "ListeningPaths 7: not one boolean; " BOOLEAN_FORM},
      {"ListeningPaths true\nLocalPort \"x\"\n", "other paths\n",
       "LocalPort \"x\": unknown service; " PORT_FORM},
  };
  check(cases, LEN(cases));
}

static void ignored_paths_are_left_out_of_the_others(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPath \"/run/a\"\nIgnoreSelected true\n", "others\n", ""},
      {"LocalPath \"/run/a\" \"@b\" \"/run/a\"\nIgnoreSelected true\n"
       "ListeningPaths true\n",
       "other paths but \"/run/a\" \"\\x00b\" \"/run/a\"\n", ""},
      {"LocalPath \"/run/a\"\nLocalPort 22\nIgnoreSelected true\n"
       "ListeningPaths true\n",
       "others but 22\nother paths but \"/run/a\"\n", ""},
      {"LocalPort 22\nIgnoreSelected true\nListeningPaths true\n",
       "others but 22\nother paths\n", ""},
      {"LocalPath \"@\"\nIgnoreSelected true\nListeningPaths true\n",
       "other paths\n", "LocalPath \"@\": not a UNIX socket; " PATH_FORM},
      /* what a block selects is not ignored */
      {"LocalPath \"/run/a\"\nIgnoreSelected true\n"
       "<Listener \"run-a\">\n  LocalPath \"/run/b\"\n</Listener>\n",
       "run-a: \"/run/b\"\nothers\n", ""},
  };
  check(cases, LEN(cases));
}

static void a_path_has_a_label_of_its_own(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPath \"/a/b\" \"/a-b\" \"/a/b\"\n", "a-b: \"/a/b\"\n",
       "LocalPath \"/a-b\": the label \"a-b\"" PATH_TAKEN
       "LocalPath \"/a/b\": the label \"a-b\"" PATH_TAKEN},
      {"LocalPort 80\nLocalPath \"/80\"\n", "port 80\n",
       "LocalPath \"/80\": the label \"80\"" PATH_TAKEN},
      {"LocalPath \"/80\"\nLocalPort 80\n", "80: \"/80\"\n",
       "LocalPort \"80\": the label \"80\"" PORT_TAKEN},
      {"<Listener \"@a_\">\n  LocalPort 80\n</Listener>\n"
       "LocalPath \"@a\\xff\" \"/@a\"\n",
       "@a_: 80\n@a: \"/@a\"\n",
       "LocalPath \"@a\\xff\": the label \"@a_\"" PATH_TAKEN},
      {"LocalPath \"/api\"\n<Listener \"api\">\n  LocalPort 80\n</Listener>\n",
       "api: \"/api\"\n", "<Listener \"api\">" NAME_TAKEN},
      {"LocalPath \"/80\"\nListeningPorts true\n",
       "80: \"/80\"\nothers but 80\n",
       "LocalPath \"/80\" has the label of port 80, which ListeningPorts "
       "therefore leaves out; accepted is a <Listener> block with a name that "
       "is no port number.\n"},
      {"<Listener \"80\">\n  LocalPath \"/run/a\"\n</Listener>\n"
       "ListeningPorts true\n",
       "80: \"/run/a\"\nothers but 80\n",
       "<Listener \"80\"> has the label of port 80, which ListeningPorts "
       "therefore leaves out; accepted is a name that is no port number.\n"},
  };
  check(cases, LEN(cases));
}

static void paths_that_are_all_bad_are_not_everything(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPath \"@\"\n", NULL,
       "LocalPath \"@\": not a UNIX socket; " PATH_FORM},
      {"LocalPath\n", NULL, "LocalPath: no value; " PATH_FORM},
      {"LocalPath \"@\"\nListeningPaths false\nListeningPorts false\n", NULL,
       "LocalPath \"@\": not a UNIX socket; " PATH_FORM},
      {"<Listener \"api\">\n  LocalPath 7\n</Listener>\n", NULL,
       "LocalPath 7 in <Listener \"api\">: not a UNIX socket; " PATH_FORM
       "<Listener \"api\">" NO_PORT},
      {"LocalPath \"@\"\nSampleInterval 11\n", NULL,
       "LocalPath \"@\": not a UNIX socket; " PATH_FORM
       "SampleInterval 11: out of range; " SAMPLE_FORM "10.\n"},
  };
  check(cases, LEN(cases));
}

/* --- network namespaces -------------------------------------------------- */

static void namespaces_for_all_are_no_selection(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"NetNamespace \"blue\"\n",
       "namespace blue: /run/netns/blue for all\nothers\n", ""},
      {"NetNamespace \"blue\" \"/proc/1/ns/net\"\nNetNamespace \"*\"\n"
       "LocalPort 80\n",
       "port 80\nnamespace blue: /run/netns/blue for all\n"
       "namespace proc-1-ns-net: /proc/1/ns/net for all\n"
       "namespace *: * for all\n",
       ""},
      {"NetNamespace blue\n",
       "namespace blue: /run/netns/blue for all\nothers\n", ""},
      /* one namespace, however it is spelled */
      {"netnamespace \"blue\" \"/run/netns/blue\" \"blue\" \"*\" \"*\"\n",
       "namespace blue: /run/netns/blue for all\nnamespace *: * for all\n"
       "others\n",
       ""},
  };
  check(cases, LEN(cases));
}

static void a_listener_has_namespaces_of_its_own(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"<Listener \"api\">\n  LocalPort 80\n  NetNamespace \"blue\"\n"
       "</Listener>\n",
       "api: 80 in blue\nnamespace blue: /run/netns/blue\n", ""},
      {"<Listener \"api\">\n  NetNamespace \"blue\" \"*\"\n  LocalPort 80\n"
       "  NetNamespace \"/run/x\"\n  LocalPath \"/run/a\"\n</Listener>\n",
       "api: 80 \"/run/a\" in blue * run-x\nnamespace blue: /run/netns/blue\n"
       "namespace *: *\nnamespace run-x: /run/x\n",
       ""},
      {"<Listener \"api\">\n  LocalPort 80\n"
       "  NetNamespace \"blue\" \"/run/netns/blue\" \"blue\"\n</Listener>\n",
       "api: 80 in blue\nnamespace blue: /run/netns/blue\n", ""},
      /* a namespace for all may be one of a block as well */
      {"<Listener \"api\">\n  LocalPort 80\n  NetNamespace \"blue\"\n"
       "</Listener>\nNetNamespace \"*\" \"/run/netns/blue\"\n"
       "<Listener \"b\">\n  LocalPort 80\n  NetNamespace \"*\" \"red\"\n"
       "</Listener>\n",
       "api: 80 in blue\nb: 80 in * red\n"
       "namespace blue: /run/netns/blue for all\nnamespace *: * for all\n"
       "namespace red: /run/netns/red\n",
       ""},
      /* there it takes no port from the others here */
      {"<Listener \"80\">\n  LocalPort 80\n  NetNamespace \"blue\"\n"
       "</Listener>\nListeningPorts true\n",
       "80: 80 in blue\nnamespace blue: /run/netns/blue\nothers but 80\n",
       "<Listener \"80\"> has the label of port 80, which ListeningPorts "
       "therefore leaves out; accepted is a name that is no port number.\n"},
  };
  check(cases, LEN(cases));
}

static void a_bad_namespace_costs_only_itself(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"NetNamespace \"\" \".\" \"..\" \"a/b\" \"blue\" 7 true\n",
       "namespace blue: /run/netns/blue for all\nothers\n",
       "NetNamespace \"\": not a network namespace; " PLACE_FORM
       "NetNamespace \".\": not a network namespace; " PLACE_FORM
       "NetNamespace \"..\": not a network namespace; " PLACE_FORM
       "NetNamespace \"a/b\": not a network namespace; " PLACE_FORM
       "NetNamespace 7: not a network namespace; " PLACE_FORM
       "NetNamespace true: not a network namespace; " PLACE_FORM},
      {"LocalPort 80\nNetNamespace \"a/b\"\n", "port 80\n",
       "NetNamespace \"a/b\": not a network namespace; " PLACE_FORM},
      {"<Listener \"api\">\n  LocalPort 80\n  NetNamespace \"..\" \"blue\"\n"
       "</Listener>\n",
       "api: 80 in blue\nnamespace blue: /run/netns/blue\n",
       "NetNamespace \"..\" in <Listener \"api\">: not a network "
       "namespace; " PLACE_FORM},
  };
  check(cases, LEN(cases));
}

static void a_listener_never_falls_back_to_the_own_namespace(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort 81\n"
       "  NetNamespace \"..\" 7\n</Listener>\n",
       "port 80\n",
       "NetNamespace \"..\" in <Listener \"api\">: not a network "
       "namespace; " PLACE_FORM
       "NetNamespace 7 in <Listener \"api\">: not a network "
       "namespace; " PLACE_FORM "<Listener \"api\">" NO_NAMESPACE},
      {"<Listener \"api\">\n  NetNamespace \"\"\n  LocalPort 81\n"
       "</Listener>\n",
       NULL,
       "NetNamespace \"\" in <Listener \"api\">: not a network "
       "namespace; " PLACE_FORM "<Listener \"api\">" NO_NAMESPACE},
      /* nor where the labels are somebody else's */
      {"LocalPort 80\n<Listener \"api\">\n  LocalPort 81\n"
       "  NetNamespace \"80\" \"/80\"\n</Listener>\n",
       "port 80\n",
       "NetNamespace \"80\" in <Listener \"api\">: the label \"80\"" PLACE_TAKEN
       "NetNamespace \"/80\" in <Listener \"api\">: the label "
       "\"80\"" PLACE_TAKEN "<Listener \"api\">" NO_NAMESPACE},
  };
  check(cases, LEN(cases));
}

static void a_namespace_has_a_label_of_its_own(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\nNetNamespace \"80\" \"blue\"\n",
       "port 80\nnamespace blue: /run/netns/blue for all\n",
       "NetNamespace \"80\": the label \"80\"" PLACE_TAKEN},
      {"NetNamespace \"80\"\nLocalPort 80 81\nLocalPath \"/80\"\n",
       "port 81\nnamespace 80: /run/netns/80 for all\n",
       "LocalPort \"80\": the label \"80\"" PORT_TAKEN
       "LocalPath \"/80\": the label \"80\"" PATH_TAKEN},
      {"NetNamespace \"81\"\nLocalPort \"80-82\"\n",
       "port 80\nport 82\nnamespace 81: /run/netns/81 for all\n",
       "LocalPort \"80-82\": the label \"81\"" PORT_TAKEN},
      {"NetNamespace \"run-x\" \"/run/x\" \"/run-x\"\n",
       "namespace run-x: /run/netns/run-x for all\nothers\n",
       "NetNamespace \"/run/x\": the label \"run-x\"" PLACE_TAKEN
       "NetNamespace \"/run-x\": the label \"run-x\"" PLACE_TAKEN},
      {"NetNamespace \"api\"\n<Listener \"api\">\n  LocalPort 80\n"
       "</Listener>\nLocalPort 81\n",
       "port 81\nnamespace api: /run/netns/api for all\n",
       "<Listener \"api\">" NAME_TAKEN},
      {"<Listener \"api\">\n  LocalPort 80\n</Listener>\n"
       "NetNamespace \"api\" \"/run/netns/api\"\n",
       "api: 80\nnamespace run-netns-api: /run/netns/api for all\n",
       "NetNamespace \"api\": the label \"api\"" PLACE_TAKEN},
      {"LocalPath \"/run/a\"\n<Listener \"api\">\n  LocalPort 80\n"
       "  NetNamespace \"run-a\" \"blue\"\n</Listener>\n",
       "run-a: \"/run/a\"\napi: 80 in blue\n"
       "namespace blue: /run/netns/blue\n",
       "NetNamespace \"run-a\" in <Listener \"api\">: the label "
       "\"run-a\"" PLACE_TAKEN},
  };
  check(cases, LEN(cases));
}

static void what_is_left_out_takes_its_namespaces_along(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"LocalPort 80\n<Listener \"blue\">\n  LocalPort 81\n"
       "  NetNamespace \"red\" \"blue\" \"*\"\n</Listener>\n"
       "LocalPath \"/red\" \"/blue\"\n",
       "port 80\nred: \"/red\"\nblue: \"/blue\"\n",
       "<Listener \"blue\"> is left out: its NetNamespace has this label, too; "
       "accepted is a name of its own.\n"},
      {"<Listener \"a\">\n  LocalPort 81\n  NetNamespace \"red\"\n"
       "</Listener>\n"
       "<Listener \"blue\">\n  LocalPort 81\n"
       "  NetNamespace \"red\" \"blue\"\n</Listener>\n"
       "<Listener \"a\">\n  LocalPort 82\n  NetNamespace \"blue\"\n"
       "</Listener>\n",
       "a: 81 in red\nnamespace red: /run/netns/red\n",
       "<Listener \"blue\"> is left out: its NetNamespace has this label, too; "
       "accepted is a name of its own.\n"
       "<Listener \"a\">" NAME_TAKEN},
      {"<Listener \"a\">\n  LocalPort \"x\"\n  NetNamespace \"red\"\n"
       "</Listener>\nLocalPath \"/red\"\n",
       "red: \"/red\"\n",
       "LocalPort \"x\" in <Listener \"a\">: unknown service; " PORT_FORM
       "<Listener \"a\">" NO_PORT},
  };
  check(cases, LEN(cases));
}

static void what_is_too_long_costs_only_itself(void **state) {
  (void)state;
  char word[130], config[512], errors[512];
  memset(word, 'x', sizeof(word) - 1);
  word[0] = '/';
  word[109] = '\0';
  snprintf(config, sizeof(config), "LocalPath \"/run/a\" \"%s\"\n", word);
  snprintf(errors, sizeof(errors),
           "LocalPath \"%.80s\": too long for a UNIX socket; " PATH_FORM, word);
  check(&(struct options_case){config, "run-a: \"/run/a\"\n", errors}, 1);

  word[109] = 'x';
  word[129] = '\0';
  snprintf(config, sizeof(config), "LocalPort 80\nNetNamespace \"%s\"\n", word);
  snprintf(errors, sizeof(errors),
           "NetNamespace \"%.80s\": longer than the 127 bytes of a "
           "label; " PLACE_FORM,
           word);
  check(&(struct options_case){config, "port 80\n", errors}, 1);
}

static void a_label_that_does_not_fit_is_said_once_a_place(void **state) {
  (void)state;
  char longest[128], config[1024], want[1024], errors[2048];
  memset(longest, 'x', 127);
  longest[127] = '\0';
  snprintf(config, sizeof(config),
           "NetNamespace \"blue\" \"*\" \"a\"\nLocalPort 80\n"
           "<Listener \"%s\">\n  LocalPort 81\n</Listener>\n"
           "<Listener \"%s\">\n  LocalPort 82\n</Listener>\n"
           "<Listener \"%s\">\n  LocalPort 83\n  NetNamespace \"red\"\n"
           "</Listener>\n",
           longest + 2, longest + 1, longest);
  snprintf(want, sizeof(want),
           "port 80\n%s: 81\n%s: 82\n%s: 83 in red\n"
           "namespace blue: /run/netns/blue for all\n"
           "namespace *: * for all\n"
           "namespace a: /run/netns/a for all\n"
           "namespace red: /run/netns/red\n",
           longest + 2, longest + 1, longest);
  snprintf(errors, sizeof(errors),
           "The label \"blue:%s\"" TOO_LONG "The label \"blue:%s\"" TOO_LONG
           "The label \"a:%s\"" TOO_LONG,
           longest + 2, longest + 1, longest + 1);
  check(&(struct options_case){config, want, errors}, 1);

  snprintf(config, sizeof(config),
           "NetNamespace \"%s\"\nLocalPort 80 81000 443\n"
           "LocalPath \"/1\" \"/run\"\n",
           longest + 3);
  snprintf(want, sizeof(want),
           "port 80\nport 443\n1: \"/1\"\nrun: \"/run\"\n"
           "namespace %s: /run/netns/%s for all\n",
           longest + 3, longest + 3);
  snprintf(errors, sizeof(errors),
           "LocalPort 81000: not a TCP port; " PORT_FORM
           "The label \"%s:443\"" TOO_LONG "The label \"%s:run\"" TOO_LONG,
           longest + 3, longest + 3);
  check(&(struct options_case){config, want, errors}, 1);
}

/* --- looks --------------------------------------------------------------- */

static void looks_within_the_interval_are_a_tenth_of_a_second(void **state) {
  (void)state;
  static const struct {
    double interval_s;
    const char *want;
  } cases[] = {
      {10, "others\n"},
      {86400, "others\n"},
      {1, "others\n"},
      {0.2, "others\n"},
      {0.1, "others\nevery 0\n"},
      {0.05, "others\nevery 0\n"},
      {0.001, "others\nevery 0\n"},
      /* 0.1 as collectd hands it out, and the next unit of 2^-30 s */
      {107374182.0 / 1073741824, "others\nevery 0\n"},
      {107374183.0 / 1073741824, "others\nevery 0\n"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    take_every(cases[i].interval_s, NULL, 0, &got);
    assert_string_equal(got.at, cases[i].want);
  }
}

static void looks_can_be_more_or_less_often(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"SampleInterval 0\n", "others\nevery 0\n", ""},
      {"SampleInterval -0\n", "others\nevery 0\n", ""},
      {"SampleInterval 0.001\n", "others\nevery 0.001\n", ""},
      {"SampleInterval 0.1\n", "others\n", ""},
      {"SampleInterval 10\n", "others\nevery 10\n", ""},
      {"SampleInterval \"0.5\"\n", "others\nevery 0.5\n", ""},
      {"SampleInterval \"0\"\n", "others\nevery 0\n", ""},
      {"sampleinterval 2\nLocalPort 80\n", "port 80\nevery 2\n", ""},
      /* the last good one counts */
      {"SampleInterval 0.2\nSampleInterval 0.3\n", "others\nevery 0.3\n", ""},
      {"SampleInterval 0.2\nSampleInterval 11\n", "others\nevery 0.2\n",
       "SampleInterval 11: out of range; " SAMPLE_FORM "10.\n"},
  };
  check(cases, LEN(cases));
}

static void looks_out_of_range_leave_the_default(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"SampleInterval 10.1\n", "others\n",
       "SampleInterval 10.1: out of range; " SAMPLE_FORM "10.\n"},
      {"SampleInterval 0.0009\n", "others\n",
       "SampleInterval 0.0009: out of range; " SAMPLE_FORM "10.\n"},
      {"SampleInterval -1\n", "others\n",
       "SampleInterval -1: out of range; " SAMPLE_FORM "10.\n"},
      {"SampleInterval inf\nSampleInterval -inf\nSampleInterval nan\n",
       "others\n",
       "SampleInterval inf: out of range; " SAMPLE_FORM "10.\n"
       "SampleInterval -inf: out of range; " SAMPLE_FORM "10.\n"
       "SampleInterval nan: not one number; " SAMPLE_FORM "10.\n"},
      {"SampleInterval \"\"\nSampleInterval \"0.1s\"\nSampleInterval \"nan\"\n"
       "SampleInterval \"1e999\"\n",
       "others\n",
       "SampleInterval \"\": not one number; " SAMPLE_FORM "10.\n"
       "SampleInterval \"0.1s\": not one number; " SAMPLE_FORM "10.\n"
       "SampleInterval \"nan\": not one number; " SAMPLE_FORM "10.\n"
       "SampleInterval \"1e999\": out of range; " SAMPLE_FORM "10.\n"},
      {"SampleInterval 0.2 0.3\nSampleInterval false\n", "others\n",
       "SampleInterval 0.2: not one number; " SAMPLE_FORM "10.\n"
       "SampleInterval false: not one number; " SAMPLE_FORM "10.\n"},
  };
  check(cases, LEN(cases));
}

static void looks_fit_into_a_short_interval(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"SampleInterval 0.05\n", "others\nevery 0.05\n", ""},
      {"SampleInterval 0.06\n", "others\nevery 0\n",
       "SampleInterval 0.06: out of range; " SAMPLE_FORM "0.05.\n"},
  };
  check_every(0.05, cases, LEN(cases));
  /* collectd hands out 0.3 as a little less, which is not exceeded */
  double below = 322122547.0 / 1073741824;
  oconfig_item_t block = read_config("SampleInterval 0.3\nLocalPort 80\n");
  struct text errors = {.len = 0};
  const struct lb_error_sink to_text = {on_error, &errors};
  struct lb_options *options;
  struct lb_settings settings = {0};
  assert_true(below < 0.3);
  assert_int_equal(lb_options_new(&options), 0);
  assert_int_equal(lb_options_block(options, &block, &to_text), 0);
  assert_int_equal(lb_options_settings(options, below, &settings, &to_text), 0);
  assert_true(settings.sample_s == below);
  assert_string_equal(errors.at, "");
  lb_settings_free(&settings);
  lb_options_free(options);
  free_config(&block);
}

static void the_queue_is_inspected_where_asked_for(void **state) {
  (void)state;
  static const struct options_case cases[] = {
      {"InspectQueue true\n", "others\ninspect\n", ""},
      {"InspectQueue \"on\"\nLocalPort 80\n", "port 80\ninspect\n", ""},
      {"InspectQueue false\n", "others\n", ""},
      {"InspectQueue true\nInspectQueue false\n", "others\n", ""},
      {"InspectQueue true\nInspectQueue 1\n", "others\ninspect\n",
       "InspectQueue 1: not one boolean; " BOOLEAN_FORM},
  };
  check(cases, LEN(cases));
}

/* --- memory -------------------------------------------------------------- */

/* 0 or -ENOMEM, and then nothing is left of it. */
static int take_failing(const oconfig_item_t *block, unsigned nth,
                        struct text *got) {
  struct text errors = {.len = 0};
  const struct lb_error_sink to_text = {on_error, &errors};
  struct lb_options *options = NULL;
  struct lb_settings settings, before;
  memset(&settings, 0, sizeof(settings));
  memset(&before, 0, sizeof(before));
  failing = nth;
  int err = lb_options_new(&options);
  if (!err)
    err = lb_options_block(options, block, &to_text);
  if (!err)
    err = lb_options_settings(options, 10, &settings, &to_text);
  failing = 0;
  if (err) {
    assert_int_equal(err, -ENOMEM);
    assert_memory_equal(&settings, &before, sizeof(settings));
  } else {
    say_settings(got, &settings);
    say(got, "%s", errors.at);
  }
  lb_settings_free(&settings);
  lb_options_free(options);
  return err;
}

static void out_of_memory_nothing_is_left(void **state) {
  (void)state;
  oconfig_item_t block = read_config(
      "LocalPort 80 81\nLocalPath \"/run/a\" \"@b\"\nNetNamespace \"blue\" "
      "\"*\"\n"
      "SampleInterval 1\n"
      "<Listener \"api\">\n  LocalPort 80\n  LocalAddress \"::1\"\n"
      "  LocalPath \"/run/a\"\n  NetNamespace \"red\" \"*\"\n</Listener>\n"
      "<Listener \"green\">\n  LocalPort 80\n  NetNamespace \"green\"\n"
      "</Listener>\n");
  struct text got = {.len = 0};
  unsigned nth = 1;
  while (take_failing(&block, nth, &got))
    nth++;
  free_config(&block);
  assert_in_range(nth, 30, 100);
  assert_string_equal(
      got.at, "port 80\nport 81\nrun-a: \"/run/a\"\n@b: \"\\x00b\"\n"
              "api: 80 \"/run/a\" at ::1 in red *\n"
              "namespace blue: /run/netns/blue for all\n"
              "namespace *: * for all\nnamespace red: /run/netns/red\n"
              "<Listener \"green\"> is left out: its NetNamespace has this "
              "label, too; accepted is a name of its own.\n");
}

static void ignored_out_of_memory_nothing_is_left(void **state) {
  (void)state;
  oconfig_item_t block = read_config("LocalPath \"/run/a\" \"@b\"\n"
                                     "IgnoreSelected true\n"
                                     "ListeningPaths true\n");
  struct text got = {.len = 0};
  unsigned nth = 1;
  while (take_failing(&block, nth, &got))
    nth++;
  free_config(&block);
  assert_in_range(nth, 5, 20);
  assert_string_equal(got.at, "other paths but \"/run/a\" \"\\x00b\"\n");
}

/* --- size ---------------------------------------------------------------- */

static void every_port_at_once_takes_no_time(void **state) {
  (void)state;
  oconfig_item_t block = read_config("LocalPort \"1-65535\" \"1-65535\"\n");
  struct text errors = {.len = 0};
  const struct lb_error_sink to_text = {on_error, &errors};
  struct lb_options *options;
  struct lb_settings settings = {0};
  clock_t start = clock();
  assert_int_equal(lb_options_new(&options), 0);
  assert_int_equal(lb_options_block(options, &block, &to_text), 0);
  assert_int_equal(lb_options_settings(options, 10, &settings, &to_text), 0);
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
      cmocka_unit_test(paths_are_selected_like_ports),
      cmocka_unit_test(an_address_matters_to_ports_alone),
      cmocka_unit_test(a_bad_path_costs_only_itself),
      cmocka_unit_test(other_paths_are_a_selection),
      cmocka_unit_test(ignored_paths_are_left_out_of_the_others),
      cmocka_unit_test(a_path_has_a_label_of_its_own),
      cmocka_unit_test(paths_that_are_all_bad_are_not_everything),
      cmocka_unit_test(namespaces_for_all_are_no_selection),
      cmocka_unit_test(a_listener_has_namespaces_of_its_own),
      cmocka_unit_test(a_bad_namespace_costs_only_itself),
      cmocka_unit_test(a_listener_never_falls_back_to_the_own_namespace),
      cmocka_unit_test(a_namespace_has_a_label_of_its_own),
      cmocka_unit_test(what_is_left_out_takes_its_namespaces_along),
      cmocka_unit_test(what_is_too_long_costs_only_itself),
      cmocka_unit_test(a_label_that_does_not_fit_is_said_once_a_place),
      cmocka_unit_test(looks_within_the_interval_are_a_tenth_of_a_second),
      cmocka_unit_test(looks_can_be_more_or_less_often),
      cmocka_unit_test(looks_out_of_range_leave_the_default),
      cmocka_unit_test(looks_fit_into_a_short_interval),
      cmocka_unit_test(the_queue_is_inspected_where_asked_for),
      cmocka_unit_test(out_of_memory_nothing_is_left),
      cmocka_unit_test(ignored_out_of_memory_nothing_is_left),
      cmocka_unit_test(every_port_at_once_takes_no_time),
      cmocka_unit_test(options_that_are_not_there_can_be_freed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
