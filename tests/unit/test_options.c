// SPDX-License-Identifier: MIT
/* Configurations, the settings they make and the errors they cause: a bad
 * option, value or block costs only itself and is one sentence. */
#include "collectd/options.h"

#include "memory.h"
#include "unit.h"

#include <time.h>

static void on_error(void *data, const char *sentence) {
  say(data, "%s\n", sentence);
}

/* Returns what the options return: 0, -ENOENT or -ENOMEM. */
static int read_blocks(double interval_s, const oconfig_item_t *blocks,
                       size_t len, struct lb_settings *settings,
                       struct text *errors) {
  const struct lb_error_sink sink = {on_error, errors};
  struct lb_options *options = NULL;
  int err = lb_options_new(&options);
  for (size_t i = 0; i < len && !err; i++)
    err = lb_options_block(options, &blocks[i], &sink);
  if (!err)
    err = lb_options_settings(options, interval_s, settings, &sink);
  lb_options_free(options);
  return err;
}

static void say_all(struct text *got, const struct lb_settings *settings) {
  say_settings(got, settings);
  if (settings->inspect == LB_INSPECT_NEVER)
    say(got, "never inspect\n");
}

/* Says the settings ("nothing" if no selection is valid), the samples unless
 * they have the default of 0.1 s, and the errors. */
static void say_blocks(struct text *got, double interval_s,
                       const oconfig_item_t *blocks, size_t len) {
  static const struct lb_settings unwritten;
  struct text errors = {.len = 0};
  struct lb_settings settings;
  memset(&settings, 0, sizeof(settings));
  int err = read_blocks(interval_s, blocks, len, &settings, &errors);
  if (err) {
    assert_int_equal(err, -ENOENT);
    assert_memory_equal(&settings, &unwritten, sizeof(settings));
    say(got, "nothing\n");
  } else {
    say_all(got, &settings);
    if (settings.sample_s != 0.1)
      say(got, "every %g\n", settings.sample_s);
  }
  say(got, "%s", errors.at);
  lb_settings_free(&settings);
}

struct options_case {
  const char *config; /* the inside of a <Plugin> block */
  const char *want;   /* settings and errors, as say_blocks() says them */
};

static void check_every(double interval_s, const struct options_case *cases,
                        size_t len) {
  for (size_t i = 0; i < len; i++) {
    struct text want = {.len = 0}, got = {.len = 0};
    say(&want, "%s---\n%s", cases[i].config, cases[i].want);
    say(&got, "%s---\n", cases[i].config);
    oconfig_item_t block = read_config(cases[i].config);
    say_blocks(&got, interval_s, &block, 1);
    free_config(&block);
    assert_string_equal(got.at, want.at);
  }
}

#define CASES(name) static const struct options_case name[]

/* The cases of one test. */
struct table {
  const struct options_case *cases;
  size_t len;
};

static void check_table(void **state) {
  const struct table *table = *state;
  check_every(10, table->cases, table->len);
}

/* Configurations. */
#define LISTENER(name, inside)                                                 \
  "<Listener \"" name "\">\n" inside "</Listener>\n"
#define BLOCK(inside) LISTENER("api", inside)

/* Errors. */
#define IN_API " in <Listener \"api\">"
#define PORT_FORM                                                              \
  "a port from 1 to 65535, a range like \"8000-8010\" or a service like "      \
  "\"https\"\n"
#define NOT_PORT ": not a TCP port, expected " PORT_FORM
#define NO_SERVICE ": unknown service, expected " PORT_FORM
#define BAD_RANGE ": an empty or reversed range, expected " PORT_FORM
#define ADDRESS_FORM                                                           \
  "a numeric address in quotes, like \"10.0.0.1\" or \"::1\"\n"
#define NOT_ADDRESS ": not an IP address, expected " ADDRESS_FORM
#define PATH_FORM                                                              \
  "a path like \"/run/app.sock\", an abstract name like \"@app\" or a "        \
  "pattern like \"/run/php/*.sock\"\n"
#define NOT_PATH ": not the name of a UNIX socket, expected " PATH_FORM
#define NETNS_FORM "a name under /run/netns, an absolute path, or \"*\"\n"
#define NOT_NETNS ": not a network namespace, expected " NETNS_FORM
#define NOT_A_MODE ": not one mode, expected \"auto\", true or false\n"
#define NOT_BOOLEAN ": not one boolean, expected true or false\n"
#define NOT_NAME                                                               \
  ": not one valid name, expected one name in quotes, of 1 to 127 bytes, "     \
  "without \"/\" and \";\"\n"
#define NO_VALUE ": no value, expected "
#define NO_OPTION ": a block, expected an option with "
#define UNKNOWN                                                                \
  ", expected LocalPort, LocalPath, <Listener>, NetNamespace, "                \
  "ListeningPorts, ListeningPaths, IgnoreSelected, SampleInterval or "         \
  "InspectQueue\n"
#define UNKNOWN_IN                                                             \
  ", expected LocalPort, LocalPath, LocalAddress or NetNamespace\n"
#define ONLY_IN ": misplaced, expected inside a <Listener> block\n"
#define NOT_IN ": misplaced, expected outside of <Listener> blocks\n"
#define WITHOUT(name, option)                                                  \
  "<Listener \"" name "\">: ignored, it has no valid " option "\n"
#define PORT_TWICE(port, labels)                                               \
  "LocalPort \"" port "\": label " labels "already configured, ignored. For "  \
  "a second view of the port use <Listener \"name\">.\n"
#define PATH_TWICE(path, label)                                                \
  "LocalPath \"" path "\": label \"" label "\" already configured, ignored. "  \
  "For a second view of the socket use <Listener \"name\">.\n"
#define NAME_TWICE(name)                                                       \
  "<Listener \"" name "\">: label already configured, ignored. Use another "   \
  "name.\n"
#define NETNS_TWICE(item, label)                                               \
  "NetNamespace " item ": label \"" label "\" already configured, ignored. "   \
  "Use another name or path.\n"
#define LIKE_NETNS(name)                                                       \
  "<Listener \"" name "\">: ignored, its NetNamespace has the same label. "    \
  "Use another name.\n"
#define HIDDEN(item, port)                                                     \
  item ": ListeningPorts does not report port " port ", which has the same "   \
       "label. Use a <Listener> with a name that is not a port number.\n"
#define SAMPLE(value, why, interval)                                           \
  "SampleInterval " value ": " why ", expected 0, or seconds from 0.001 to "   \
  "the interval (" interval ")\n"

/* --- ports ---------------------------------------------------------------- */

CASES(without_a_selection_every_listening_port_is_reported) = {
    {"", "others\n"},
    {"ListeningPorts true\n", "others\n"},
    {"ListeningPorts false\n", "others\n"}, /* as in tcpconns */
    {"IgnoreSelected true\n", "others\n"},
    {"IgnoreSelected false\n", "others\n"},
    {"NetNamespace blue\n",
     "namespace blue: /run/netns/blue for all\nothers\n"},
};

CASES(a_port_is_a_number_a_range_or_a_service) = {
    {"LocalPort \"80\"\n", "port 80\n"},
    {"LocalPort 80\n", "port 80\n"},
    {"LocalPort https\n", "port 443\n"},
    {"LocalPort \"https\" 80\nLocalPort \"22\"\n",
     "port 443\nport 80\nport 22\n"},
    {"LocalPort \"8000-8002\"\n", "port 8000\nport 8001\nport 8002\n"},
    {"LocalPort 65535 1\n", "port 65535\nport 1\n"},
    {"LocalPort 80\nListeningPorts true\n", "port 80\nothers\n"},
    {"ListeningPorts true\nLocalPort 80\n", "port 80\nothers\n"},
    {"LocalPort 80\nListeningPorts false\n", "port 80\n"},
};

CASES(ignored_ports_are_excluded_from_the_listening_ones) = {
    {"LocalPort 22\nIgnoreSelected true\n", "others but 22\n"},
    {"IgnoreSelected true\nLocalPort 22\n", "others but 22\n"},
    {"IgnoreSelected true\nLocalPort 22 \"8000-8010\"\nListeningPorts "
     "true\n",
     "others but 22 8000-8010\n"},
    /* ignored ports have no labels that could conflict */
    {"IgnoreSelected true\nLocalPort 22 \"20-25\" ssh\n", "others but 20-25\n"},
    {"IgnoreSelected true\nLocalPort \"1-65535\"\n", "others but 1-65535\n"},
    {"IgnoreSelected false\nLocalPort 22\n", "port 22\n"},
    {"IgnoreSelected true\nLocalPort 22\n" BLOCK("LocalPort 8443\n"),
     "api: 8443\nothers but 22\n"},
    {"IgnoreSelected true\n" BLOCK("LocalPort 8443\n"), "api: 8443\n"},
    {"IgnoreSelected true\nLocalPort 22\nListeningPorts 7\n" BLOCK(
         "LocalPort 8443\n"),
     "api: 8443\nothers but 22\nListeningPorts 7" NOT_BOOLEAN},
    {LISTENER("80", "LocalPort 8080\n") "LocalPort 80\nIgnoreSelected true\n",
     "80: 8080\nothers but 80\n"},
};

CASES(a_bad_port_is_one_error_and_the_others_are_used) = {
    {"LocalPort \"0\" 443 0 \"65536\" 65536\n",
     "port 443\nLocalPort \"0\"" NOT_PORT "LocalPort 0" NOT_PORT
     "LocalPort \"65536\"" NOT_PORT "LocalPort 65536" NOT_PORT},
    {"LocalPort 80.5 65535.5 0.5 -80 443\n",
     "port 443\nLocalPort 80.5" NOT_PORT "LocalPort 65535.5" NOT_PORT
     "LocalPort 0.5" NOT_PORT "LocalPort -80" NOT_PORT},
    {"LocalPort 1e300 4294967376 nan inf -inf 443\n",
     "port 443\nLocalPort 1e+300" NOT_PORT "LocalPort 4294967376" NOT_PORT
     "LocalPort nan" NOT_PORT "LocalPort inf" NOT_PORT
     "LocalPort -inf" NOT_PORT},
    {"LocalPort true false 443\n",
     "port 443\nLocalPort true" NOT_PORT "LocalPort false" NOT_PORT},
    {"LocalPort \"no-such\" 443 \"0-80\"\n",
     "port 443\nLocalPort \"no-such\"" NO_SERVICE
     "LocalPort \"0-80\"" NOT_PORT},
    {"LocalPort \"\" \"80-\" \"90-80\" 443\n",
     "port 443\nLocalPort \"\"" BAD_RANGE "LocalPort \"80-\"" BAD_RANGE
     "LocalPort \"90-80\"" BAD_RANGE},
    {"LocalPort \"80,443\" 22\n",
     "port 22\nLocalPort \"80,443\": a list in one value, expected separate "
     "values: "
     "LocalPort \"80\" \"443\"\n"},
    {BLOCK("LocalPort \"0\" 443\n"),
     "api: 443\nLocalPort \"0\"" IN_API NOT_PORT},
};

/* --- <Listener> blocks ---------------------------------------------------- */

CASES(a_block_reports_all_its_sockets_under_its_name) = {
    {BLOCK("LocalPort \"8443\"\n"), "api: 8443\n"},
    {"<Listener api>\nLocalPort 8443\n</Listener>\n", "api: 8443\n"},
    {BLOCK("LocalPort \"8000-8010\" https 9000\nLocalPort 1\n"),
     "api: 8000-8010 443 9000 1\n"},
    {BLOCK("LocalAddress \"10.0.0.1\" \"::1\"\nLocalPort 80\n"
           "LocalAddress \"fe80::1\"\n"),
     "api: 80 at ::ffff:10.0.0.1 ::1 fe80::1\n"},
    {LISTENER("public web", "LocalPort 80\nLocalAddress 10.0.0.1\n"),
     "public web: 80 at ::ffff:10.0.0.1\n"},
    /* it is the sum of its selectors: a repeated one is no conflict */
    {BLOCK("LocalPort 80 80 \"70-90\"\n"), "api: 80 80 70-90\n"},
    /* a socket may count for several */
    {"LocalPort 80\n" LISTENER("a", "LocalPort 80\n")
         LISTENER("b", "LocalPort 80\n"),
     "port 80\na: 80\nb: 80\n"},
    {"ListeningPorts true\n" BLOCK("LocalPort 8443\n"), "api: 8443\nothers\n"},
    {LISTENER("80", "LocalPort 80\n"), "80: 80\n"},
};

#define NO_NAME                                                                \
  "<Listener>" NO_VALUE "a block with a name: <Listener \"name\">\n"
CASES(a_block_without_one_valid_name_is_ignored) = {
    {"LocalPort 80\n<Listener>\nLocalPort 81\n</Listener>\n",
     "port 80\n" NO_NAME},
    {"LocalPort 80\nListener\n",
     "port 80\nListener" NO_VALUE "a block with a name: <Listener \"name\">\n"},
    {"LocalPort 80\n<Listener \"a\" \"b\">\nLocalPort 81\n</Listener>\n",
     "port 80\n<Listener \"a\">" NOT_NAME},
    {"LocalPort 80\n<Listener 81>\nLocalPort 81\n</Listener>\n",
     "port 80\n<Listener 81>" NOT_NAME},
    {"LocalPort 80\n<Listener true>\nLocalPort 81\n</Listener>\n",
     "port 80\n<Listener true>" NOT_NAME},
    {"LocalPort 80\n" LISTENER("", "LocalPort 81\n"),
     "port 80\n<Listener \"\">" NOT_NAME},
    {"LocalPort 80\n" LISTENER("a/b", "LocalPort 81\n"),
     "port 80\n<Listener \"a/b\">" NOT_NAME},
    {"LocalPort 80\n" LISTENER("a\tb", "LocalPort 81\n"),
     "port 80\n<Listener \"a?b\">" NOT_NAME},
    /* liboconfig's tree is the same for an option and an empty block */
    {"LocalPort 80\nListener \"a\"\n",
     "port 80\n" WITHOUT("a", "LocalPort or LocalPath")},
};

/* Without the bad selector it would select more than was meant. */
#define NO_SELECTOR WITHOUT("api", "LocalPort or LocalPath")
#define NO_ADDRESS WITHOUT("api", "LocalAddress")
#define NO_NETNS WITHOUT("api", "NetNamespace")
CASES(a_block_with_bad_selectors_only_is_ignored) = {
    {"LocalPort 80\n" BLOCK(""), "port 80\n" NO_SELECTOR},
    {"LocalPort 80\n" BLOCK("LocalAddress \"::1\"\n"), "port 80\n" NO_SELECTOR},
    {"LocalPort 80\n" BLOCK("LocalPort \"0\" \"x\"\n"),
     "port 80\nLocalPort \"0\"" IN_API NOT_PORT
     "LocalPort \"x\"" IN_API NO_SERVICE NO_SELECTOR},
    {"LocalPort 80\n" BLOCK("LocalPath \"@\"\n"),
     "port 80\nLocalPath \"@\"" IN_API NOT_PATH NO_SELECTOR},
    {"LocalPort 80\n" BLOCK("LocalPort 81\nLocalAddress \"localhost\"\n"),
     "port 80\nLocalAddress \"localhost\"" IN_API NOT_ADDRESS NO_ADDRESS},
    {"LocalPort 80\n" BLOCK("LocalPort 81\nLocalAddress \"10.0.0\" 10 true\n"),
     "port 80\nLocalAddress \"10.0.0\"" IN_API NOT_ADDRESS
     "LocalAddress 10" IN_API NOT_ADDRESS
     "LocalAddress true" IN_API NOT_ADDRESS NO_ADDRESS},
    {BLOCK("LocalPort 81\n"
           "LocalAddress \"[::1]\" \"10.0.0.1\" \"10.0.0.0/8\"\n"),
     "api: 81 at ::ffff:10.0.0.1\n"
     "LocalAddress \"[::1]\"" IN_API NOT_ADDRESS
     "LocalAddress \"10.0.0.0/8\"" IN_API NOT_ADDRESS},
    {"LocalPort 80\n" BLOCK("LocalPort 81\nNetNamespace \"..\" 7\n"),
     "port 80\nNetNamespace \"..\"" IN_API NOT_NETNS
     "NetNamespace 7" IN_API NOT_NETNS NO_NETNS},
    /* an address selects among ports alone */
    {BLOCK("LocalPath \"/run/a\"\nLocalAddress \"x\"\n"),
     "api: \"/run/a\"\nLocalAddress \"x\"" IN_API NOT_ADDRESS},
    {"LocalPort 80\n" BLOCK(
         "LocalPath \"/run/a\"\nLocalPort 81\nLocalAddress \"x\"\n"),
     "port 80\nLocalAddress \"x\"" IN_API NOT_ADDRESS NO_ADDRESS},
    /* a selector without a value is bad */
    {"LocalPort 80\n" BLOCK("LocalPort 81\nLocalAddress\n"),
     "port 80\nLocalAddress" IN_API NO_VALUE ADDRESS_FORM NO_ADDRESS},
    {"LocalPort 80\n" BLOCK("LocalPort 81\n<LocalAddress \"::1\">\nA 1\n"
                            "</LocalAddress>\n"),
     "port 80\n<LocalAddress \"::1\">" IN_API NO_OPTION ADDRESS_FORM
         NO_ADDRESS},
    {"LocalPort 80\n" BLOCK("LocalPort 81\nNetNamespace\n"),
     "port 80\nNetNamespace" IN_API NO_VALUE NETNS_FORM NO_NETNS},
    {"LocalPort 80\n" BLOCK("LocalPort 81\n<NetNamespace \"blue\">\nA 1\n"
                            "</NetNamespace>\n"),
     "port 80\n<NetNamespace \"blue\">" IN_API NO_OPTION NETNS_FORM NO_NETNS},
    /* a later selector does not make up for it */
    {"LocalPort 80\n" BLOCK("LocalPort 81\nLocalAddress \"x\"\nNetNamespace\n"),
     "port 80\nLocalAddress \"x\"" IN_API NOT_ADDRESS
     "NetNamespace" IN_API NO_VALUE NETNS_FORM NO_ADDRESS},
    {"LocalPort 80\n" BLOCK(
         "LocalPath \"/a\"\nNetNamespace \"..\"\nLocalAddress\n"),
     "port 80\nNetNamespace \"..\"" IN_API NOT_NETNS
     "LocalAddress" IN_API NO_VALUE ADDRESS_FORM NO_NETNS},
};

/* --- options -------------------------------------------------------------- */

CASES(option_names_are_case_insensitive) = {
    {"localport 80\nLISTENINGPORTS true\n<LISTENER \"Api\">\nLOCALPORT 81\n"
     "localaddress \"::1\"\n</LISTENER>\n",
     "port 80\nApi: 81 at ::1\nothers\n"},
    {"LocalPort 22\nignoreselected TRUE\n", "others but 22\n"},
    {"sampleinterval 2\nlocalpath \"c\"\n", ".-c: \"c\"\nevery 2\n"},
};

CASES(a_boolean_may_be_in_quotes_and_the_last_good_one_counts) = {
    {"LocalPort 80\nListeningPorts \"true\"\n", "port 80\nothers\n"},
    {"LocalPort 80\nListeningPorts \"Yes\"\n", "port 80\nothers\n"},
    {"LocalPort 80\nListeningPorts \"ON\"\n", "port 80\nothers\n"},
    {"LocalPort 80\nListeningPorts \"false\"\n", "port 80\n"},
    {"LocalPort 80\nListeningPorts \"no\"\n", "port 80\n"},
    {"LocalPort 80\nListeningPorts \"off\"\n", "port 80\n"},
    {"LocalPort 80\nIgnoreSelected \"yes\"\n", "others but 80\n"},
    {"LocalPort 80\nListeningPorts true\nListeningPorts false\n", "port 80\n"},
    {"LocalPort 80\nIgnoreSelected true\nIgnoreSelected false\n", "port 80\n"},
    {"LocalPort 80\nListeningPorts true\nListeningPorts 7\n",
     "port 80\nothers\nListeningPorts 7" NOT_BOOLEAN},
    {"InspectQueue true\n", "others\ninspect\n"},
    {"InspectQueue \"on\"\nLocalPort 80\n", "port 80\ninspect\n"},
    {"InspectQueue false\n", "others\nnever inspect\n"},
    {"InspectQueue true\nInspectQueue false\n", "others\nnever inspect\n"},
    {"InspectQueue true\nInspectQueue \"AUTO\"\n", "others\n"},
    {"InspectQueue \"no\"\nInspectQueue auto\n", "others\n"},
    {"InspectQueue true\nInspectQueue 1\n",
     "others\ninspect\nInspectQueue 1" NOT_A_MODE},
    {"InspectQueue false\nInspectQueue \"auto\" true\n",
     "others\nnever inspect\nInspectQueue \"auto\"" NOT_A_MODE},
};

CASES(what_is_not_one_boolean_leaves_the_default) = {
    {"LocalPort 80\nListeningPorts 1\nListeningPorts \"1\"\nListeningPorts "
     "\"\"\nListeningPorts true false\n",
     "port 80\nListeningPorts 1" NOT_BOOLEAN "ListeningPorts \"1\"" NOT_BOOLEAN
     "ListeningPorts \"\"" NOT_BOOLEAN "ListeningPorts true" NOT_BOOLEAN},
    {"LocalPort 80\nIgnoreSelected \"truely\"\nIgnoreSelected 0\n",
     "port 80\nIgnoreSelected \"truely\"" NOT_BOOLEAN
     "IgnoreSelected 0" NOT_BOOLEAN},
    {"LocalPort 80\nListeningPaths 1\nListeningPaths true true\n",
     "port 80\nListeningPaths 1" NOT_BOOLEAN "ListeningPaths true" NOT_BOOLEAN},
    {"LocalPort 80\nInspectQueue \"deep\"\n",
     "port 80\nInspectQueue \"deep\"" NOT_A_MODE},
};

CASES(an_unknown_or_misplaced_option_costs_only_itself) = {
    {"LocalPort 80\nLocalProt \"81\"\nVerbose\n",
     "port 80\nLocalProt \"81\": unknown option" UNKNOWN
     "Verbose: unknown option" UNKNOWN},
    {"LocalPort 80\n<Listen \"a\">\nLocalPort 81\n</Listen>\n"
     "<Listen>\nLocalPort 81\n</Listen>\n",
     "port 80\n<Listen \"a\">: unknown block" UNKNOWN
     "<Listen>: unknown block" UNKNOWN},
    {BLOCK("LocalPort 80\nNonsense\n<A \"b\">\nB 1\n</A>\n"),
     "api: 80\nNonsense" IN_API ": unknown option" UNKNOWN_IN "<A \"b\">" IN_API
     ": unknown block" UNKNOWN_IN},
    {"LocalPort 80\nLocalAddress \"::1\"\n",
     "port 80\nLocalAddress \"::1\"" ONLY_IN},
    {BLOCK("LocalPort 80\nListeningPorts true\nListeningPaths true\n"
           "SampleInterval 1\nInspectQueue true\nIgnoreSelected true\n"),
     "api: 80\nListeningPorts true" IN_API NOT_IN
     "ListeningPaths true" IN_API NOT_IN "SampleInterval 1" IN_API NOT_IN
     "InspectQueue true" IN_API NOT_IN "IgnoreSelected true" IN_API NOT_IN},
    {BLOCK("LocalPort 80\n" LISTENER("b", "LocalPort 81\n")),
     "api: 80\n<Listener \"b\">" IN_API NOT_IN},
};

CASES(an_option_written_as_a_block_or_without_a_value_is_said) = {
    {"LocalPort 80\n<LocalPort \"81\">\nA 1\n</LocalPort>\n",
     "port 80\n<LocalPort \"81\">" NO_OPTION PORT_FORM},
    {"LocalPort 80\n<ListeningPorts true>\nA 1\n</ListeningPorts>\n",
     "port 80\n<ListeningPorts true>" NO_OPTION "true or false\n"},
    {"LocalPort 80\n<NetNamespace \"blue\">\nA 1\n</NetNamespace>\n"
     "<SampleInterval 1>\nA 1\n</SampleInterval>\n",
     "port 80\n<NetNamespace \"blue\">" NO_OPTION NETNS_FORM
     "<SampleInterval 1>" NO_OPTION
     "0, or seconds from 0.001 to the interval\n"},
    /* liboconfig's tree is the same for an option and an empty block */
    {"LocalPort 80\n<LocalPort \"x\">\n</LocalPort>\n",
     "port 80\nLocalPort \"x\"" NO_SERVICE},
    {"LocalPort 80\nLocalPort\nLocalPath\nNetNamespace\n",
     "port 80\nLocalPort" NO_VALUE PORT_FORM "LocalPath" NO_VALUE PATH_FORM
     "NetNamespace" NO_VALUE NETNS_FORM},
    {"LocalPort 80\nListeningPorts\nIgnoreSelected\nListeningPaths\n"
     "InspectQueue\nSampleInterval\n",
     "port 80\nListeningPorts" NO_VALUE "true or false\n"
     "IgnoreSelected" NO_VALUE "true or false\n"
     "ListeningPaths" NO_VALUE "true or false\n"
     "InspectQueue" NO_VALUE "\"auto\", true or false\n"
     "SampleInterval" NO_VALUE "0, or seconds from 0.001 to the interval\n"},
};

/* --- nothing valid -------------------------------------------------------- */

CASES(a_selection_without_a_valid_value_selects_nothing) = {
    {"LocalPort \"x\"\n", "nothing\nLocalPort \"x\"" NO_SERVICE},
    {"LocalPort \"x\"\nListeningPorts false\n",
     "nothing\nLocalPort \"x\"" NO_SERVICE},
    {BLOCK(""), "nothing\n" NO_SELECTOR},
    {LISTENER("a/b", "LocalPort 80\n"), "nothing\n<Listener \"a/b\">" NOT_NAME},
    {LISTENER("a;b", "LocalPort 80\n"), "nothing\n<Listener \"a;b\">" NOT_NAME},
    {"LocalPort \"x\"\n" BLOCK("LocalPort 80\nLocalAddress \"x\"\n"),
     "nothing\nLocalPort \"x\"" NO_SERVICE
     "LocalAddress \"x\"" IN_API NOT_ADDRESS NO_ADDRESS},
    {BLOCK("NetNamespace \"\"\nLocalPort 81\n"),
     "nothing\nNetNamespace \"\"" IN_API NOT_NETNS NO_NETNS},
    {"LocalPath \"@\"\nSampleInterval 11\n",
     "nothing\nLocalPath \"@\"" NOT_PATH SAMPLE("11", "out of range", "10")},
    {"LocalPath \"@\"\nListeningPaths false\nListeningPorts false\n",
     "nothing\nLocalPath \"@\"" NOT_PATH},
    {BLOCK("LocalPath 7\n"),
     "nothing\nLocalPath 7" IN_API NOT_PATH NO_SELECTOR},
    /* without a value */
    {"LocalPort\n", "nothing\nLocalPort" NO_VALUE PORT_FORM},
    {"LocalPath\n", "nothing\nLocalPath" NO_VALUE PATH_FORM},
    {"<LocalPort \"80\">\nA 1\n</LocalPort>\n",
     "nothing\n<LocalPort \"80\">" NO_OPTION PORT_FORM},
    {"<LocalPath \"/a\">\nA 1\n</LocalPath>\n",
     "nothing\n<LocalPath \"/a\">" NO_OPTION PATH_FORM},
    {"<Listener>\nLocalPort 80\n</Listener>\n", "nothing\n" NO_NAME},
};

CASES(every_port_is_reported_only_if_that_was_asked_for) = {
    {"LocalPort \"x\"\nListeningPorts true\n",
     "others\nLocalPort \"x\"" NO_SERVICE},
    {"IgnoreSelected true\nLocalPort \"x\" 22\n",
     "others but 22\nLocalPort \"x\"" NO_SERVICE},
    {"IgnoreSelected true\nLocalPort \"x\"\n",
     "others\nLocalPort \"x\"" NO_SERVICE},
    {"LocalProt \"80\"\n", "others\nLocalProt \"80\": unknown option" UNKNOWN},
    {"ListeningPaths \"perhaps\"\n",
     "others\nListeningPaths \"perhaps\"" NOT_BOOLEAN},
};

/* --- UNIX sockets --------------------------------------------------------- */

CASES(unix_names_are_selected_like_ports) = {
    {"LocalPath \"/run/a.sock\"\n", "run-a.sock: \"/run/a.sock\"\n"},
    {"LocalPath \"/run/a\" \"@b\"\nLocalPort 80\nLocalPath \"c\"\n",
     "run-a: \"/run/a\"\n@b: \"\\x00b\"\nport 80\n.-c: \"c\"\n"},
    {"LocalPath \"@a\\\\x00\\\\xff\" \"/run/my app\"\n",
     "@a__: \"\\x00a\\x00\\xff\"\nrun-my_app: \"/run/my app\"\n"},
    {"LocalPath \"/run/a\"\nListeningPorts true\n",
     "run-a: \"/run/a\"\nothers\n"},
    {BLOCK("LocalPath \"/run/a\" \"@b\"\nLocalPath \"/run/a\"\n"),
     "api: \"/run/a\" \"\\x00b\" \"/run/a\"\n"},
    {BLOCK("LocalPath \"/run/a\"\nLocalPort 80\nLocalAddress \"::1\"\n"),
     "api: 80 \"/run/a\" at ::1\n"},
    {BLOCK("LocalPath \"/run/a\"\nLocalAddress \"::1\"\n"),
     "api: \"/run/a\" at ::1\n"},
    /* a socket may count for several */
    {"LocalPath \"/run/a\"\n" BLOCK("LocalPath \"/run/a\"\n"),
     "run-a: \"/run/a\"\napi: \"/run/a\"\n"},
};

CASES(a_bad_unix_name_is_one_error_and_the_others_are_used) = {
    {"LocalPath \"\" \"/run/a\" \"@\"\n",
     "run-a: \"/run/a\"\nLocalPath \"\"" NOT_PATH "LocalPath \"@\"" NOT_PATH},
    {"LocalPort 80\nLocalPath 81 true \"@a\\\\x4\"\n",
     "port 80\nLocalPath 81" NOT_PATH "LocalPath true" NOT_PATH
     "LocalPath \"@a\\x4\"" NOT_PATH},
    {BLOCK("LocalPath \"/run/a\" \"@\" false\nLocalPort \"x\"\n"),
     "api: \"/run/a\"\nLocalPath \"@\"" IN_API NOT_PATH
     "LocalPath false" IN_API NOT_PATH "LocalPort \"x\"" IN_API NO_SERVICE},
    {BLOCK("LocalPath \"@\"\nLocalPort 80\n"),
     "api: 80\nLocalPath \"@\"" IN_API NOT_PATH},
    {"LocalPort 80\nLocalPath \"@a\\\\x00*\"\n",
     "port 80\nLocalPath \"@a\\x00*\": not the name of a UNIX socket, "
     "expected \"?\" in place of \\xHH in a pattern\n"},
};

#define ODD(path) "LocalPath \"" path "\"" NOT_PATH
CASES(a_value_that_is_hardly_a_socket_is_an_error) = {
    {"LocalPath \"unix:/run/a\" \"/run/a;\" \"/run/a \" \"/run/b\"\n",
     "run-b: \"/run/b\"\n" ODD("unix:/run/a") ODD("/run/a;") ODD("/run/a ")},
    {"LocalPath \" /run/a\" \"unix:a\" \"unix@/run/a\" \"abns@a\"\n",
     "nothing\n" ODD(" /run/a") ODD("unix:a") ODD("unix@/run/a") ODD("abns@a")},
    {"LocalPath \"http+unix://a\" \"/run/a,\" \"/run/php/\" \"*\" \"[a]\"\n",
     "nothing\n" ODD("http+unix://a") ODD("/run/a,") ODD("/run/php/") ODD("*")
         ODD("[a]")},
    {BLOCK("LocalPath \"unix:/run/a*\" \"/run/a:/b\" \"a/b@/c\" \"unixes:a\" "
           "\"@unix:/a\"\n"),
     "api: \"/run/a:/b\" \"a/b@/c\" \"unixes:a\" \"\\x00unix:/a\"\n"
     "LocalPath \"unix:/run/a*\"" IN_API NOT_PATH},
};

CASES(patterns_select_unix_names_without_a_label) = {
    {"LocalPath \"/run/php/*.sock\" \"/run/a\" \"@a-?\"\n",
     "run-a: \"/run/a\"\npaths like \"/run/php/*.sock\" like \"@a-?\"\n"},
    {"LocalPath \"/run/*\"\n", "paths like \"/run/*\"\n"},
    {"LocalPath \"/run/*\" \"/run/*\"\nListeningPorts true\n",
     "paths like \"/run/*\" like \"/run/*\"\nothers\n"},
    {BLOCK("LocalPath \"/run/[ab]\" \"/run/c\"\n"),
     "api: \"/run/c\" like \"/run/[ab]\"\n"},
    {BLOCK("LocalPath \"/run/*\"\n"), "api: like \"/run/*\"\n"},
    {"LocalPath \"/run/*\"\nIgnoreSelected true\nListeningPaths true\n",
     "other paths but like \"/run/*\"\n"},
    {"LocalPath \"/run/*\"\nIgnoreSelected true\n", "others\n"},
};

CASES(listening_paths_are_a_selection) = {
    {"ListeningPaths true\n", "other paths\n"},
    {"ListeningPaths \"yes\"\nListeningPorts true\n", "others\nother paths\n"},
    {"ListeningPaths true\nListeningPorts false\n", "other paths\n"},
    {"ListeningPaths true\nLocalPort 80\n", "port 80\nother paths\n"},
    {"ListeningPaths true\nLocalPath \"/run/a\"\n",
     "run-a: \"/run/a\"\nother paths\n"},
    {"ListeningPaths false\n", "others\n"},
    {"ListeningPaths true\nListeningPaths false\n", "others\n"},
    {"ListeningPaths true\nListeningPaths 7\n",
     "other paths\nListeningPaths 7" NOT_BOOLEAN},
    {"ListeningPaths true\nLocalPort \"x\"\n",
     "other paths\nLocalPort \"x\"" NO_SERVICE},
};

CASES(ignored_unix_names_are_excluded_from_the_listening_ones) = {
    {"LocalPath \"/run/a\"\nIgnoreSelected true\n", "others\n"},
    {"LocalPath \"/run/a\" \"@b\" \"/run/a\"\nIgnoreSelected true\n"
     "ListeningPaths true\n",
     "other paths but \"/run/a\" \"\\x00b\" \"/run/a\"\n"},
    {"LocalPath \"/run/a\"\nLocalPort 22\nIgnoreSelected true\n"
     "ListeningPaths true\n",
     "others but 22\nother paths but \"/run/a\"\n"},
    {"LocalPort 22\nIgnoreSelected true\nListeningPaths true\n",
     "others but 22\nother paths\n"},
    {"LocalPath \"@\"\nIgnoreSelected true\nListeningPaths true\n",
     "other paths\nLocalPath \"@\"" NOT_PATH},
    /* a block is not ignored */
    {"LocalPath \"/run/a\"\nIgnoreSelected true\n" LISTENER(
         "run-a", "LocalPath \"/run/b\"\n"),
     "run-a: \"/run/b\"\nothers\n"},
};

/* --- network namespaces --------------------------------------------------- */

CASES(namespaces_outside_of_blocks_are_for_all_selections) = {
    {"NetNamespace \"blue\" \"/proc/1/ns/net\"\nNetNamespace \"*\"\nLocalPort "
     "80\n",
     "port 80\nnamespace blue: /run/netns/blue for all\n"
     "namespace proc-1-ns-net: /proc/1/ns/net for all\n"
     "namespace *: * for all\n"},
    {"NetNamespace \"blue\" \"/run/netns/blue\" \"blue\" \"*\" \"*\"\n",
     "namespace blue: /run/netns/blue for all\nnamespace *: * for all\n"
     "others\n"},
    {"IgnoreSelected true\nNetNamespace \"blue\"\nLocalPort 80\n",
     "namespace blue: /run/netns/blue for all\nothers but 80\n"},
};

CASES(a_block_has_its_own_namespaces_once_each) = {
    {BLOCK("LocalPort 80\nNetNamespace \"blue\"\n"),
     "api: 80 in blue\nnamespace blue: /run/netns/blue\n"},
    {BLOCK("NetNamespace \"blue\" \"*\"\nLocalPort 80\n"
           "NetNamespace \"/run/x\"\nLocalPath \"/run/a\"\n"),
     "api: 80 \"/run/a\" in blue * run-x\nnamespace blue: "
     "/run/netns/blue\n"
     "namespace *: *\nnamespace run-x: /run/x\n"},
    {BLOCK("LocalPort 80\nNetNamespace red blue \"/run/netns/blue\" blue\n"),
     "api: 80 in red blue\nnamespace red: /run/netns/red\nnamespace blue: "
     "/run/netns/blue\n"},
    /* a namespace may be for all and for a block */
    {"<Listener \"api\">\nLocalPort 80\nNetNamespace blue\n</Listener>\n"
     "NetNamespace \"*\" \"/run/netns/blue\"\n"
     "<Listener \"b\">\nLocalPort 80\nNetNamespace \"*\" red\n</Listener>\n",
     "api: 80 in blue\nb: 80 in * red\n"
     "namespace blue: /run/netns/blue for all\nnamespace *: * for all\n"
     "namespace red: /run/netns/red\n"},
};

CASES(a_bad_namespace_is_one_error_and_the_others_are_used) = {
    {"NetNamespace \"\" \".\" \"..\" \"a/b\" \"blue\" 7 true\n",
     "namespace blue: /run/netns/blue for all\nothers\nNetNamespace "
     "\"\"" NOT_NETNS "NetNamespace \".\"" NOT_NETNS
     "NetNamespace \"..\"" NOT_NETNS "NetNamespace \"a/b\"" NOT_NETNS
     "NetNamespace 7" NOT_NETNS "NetNamespace true" NOT_NETNS},
    {BLOCK("LocalPort 80\nNetNamespace \"..\" \"blue\"\n"),
     "api: 80 in blue\nnamespace blue: /run/netns/blue\nNetNamespace "
     "\"..\"" IN_API NOT_NETNS},
};

/* --- labels --------------------------------------------------------------- */

CASES(a_port_whose_label_is_in_use_is_ignored) = {
    {"LocalPort 80 443 80\n", "port 80\nport 443\n" PORT_TWICE("80", "")},
    {"LocalPort \"80\" \"http\"\n", "port 80\n" PORT_TWICE("80", "")},
    {"LocalPort 80\nLocalPort 80\nLocalPort 80\n",
     "port 80\n" PORT_TWICE("80", "") PORT_TWICE("80", "")},
    {"LocalPort 8001 \"8000-8002\"\n",
     "port 8001\nport 8000\nport 8002\n" PORT_TWICE("8000-8002", "8001 ")},
    {"LocalPort \"8000-8003\" \"8002-8005\"\n",
     "port 8000\nport 8001\nport 8002\nport 8003\nport 8004\nport "
     "8005\n" PORT_TWICE("8002-8005", "8002 and 1 more ")},
    {"LocalPort \"8000-8003\" \"8000-8003\"\n",
     "port 8000\nport 8001\nport 8002\nport 8003\n" PORT_TWICE(
         "8000-8003", "8000 and 3 more ")},
    {LISTENER("80", "LocalPort 8080\n") "LocalPort 80\n",
     "80: 8080\n" PORT_TWICE("80", "")},
    {"LocalPath \"/80\"\nLocalPort 80\n", "80: \"/80\"\n" PORT_TWICE("80", "")},
    {"NetNamespace \"81\"\nLocalPort \"80-82\"\n",
     "port 80\nport 82\nnamespace 81: /run/netns/81 for all\n" PORT_TWICE(
         "80-82", "81 ")},
    /* an ignored block uses no label */
    {LISTENER("80", "LocalPort \"x\"\n") "LocalPort 80\n",
     "port 80\nLocalPort \"x\" in <Listener \"80\">" NO_SERVICE WITHOUT(
         "80", "LocalPort or LocalPath")},
};

CASES(a_unix_name_whose_label_is_in_use_is_ignored) = {
    {"LocalPath \"/a/b\" \"/a-b\" \"/a/b\"\n",
     "a-b: \"/a/b\"\n" PATH_TWICE("/a-b", "a-b") PATH_TWICE("/a/b", "a-b")},
    {"LocalPort 80\nLocalPath \"/80\"\n", "port 80\n" PATH_TWICE("/80", "80")},
    {LISTENER("@a_", "LocalPort 80\n") "LocalPath \"@a\\\\xff\" \"/@a\"\n",
     "@a_: 80\n@a: \"/@a\"\n" PATH_TWICE("@a\\xff", "@a_")},
    {"NetNamespace \"80\"\nLocalPort 80 81\nLocalPath \"/80\"\n",
     "port 81\nnamespace 80: /run/netns/80 for all\n" PORT_TWICE("80", "")
         PATH_TWICE("/80", "80")},
};

CASES(a_block_whose_label_is_in_use_is_ignored) = {
    {BLOCK("LocalPort 80\n") BLOCK("LocalPort 81\n")
         LISTENER("API", "LocalPort 82\n"),
     "api: 80\nAPI: 82\n" NAME_TWICE("api")},
    {"LocalPort 80\n" LISTENER("80", "LocalPort 8080\n"),
     "port 80\n" NAME_TWICE("80")},
    {"LocalPath \"/api\"\n" BLOCK("LocalPort 80\n"),
     "api: \"/api\"\n" NAME_TWICE("api")},
    {"NetNamespace \"api\"\n" BLOCK("LocalPort 80\n") "LocalPort 81\n",
     "port 81\nnamespace api: /run/netns/api for all\n" NAME_TWICE("api")},
};

CASES(a_namespace_whose_label_is_in_use_is_ignored) = {
    {"LocalPort 80\nNetNamespace \"80\" \"blue\"\n",
     "port 80\nnamespace blue: /run/netns/blue for all\n" NETNS_TWICE("\"80\"",
                                                                      "80")},
    {"NetNamespace \"run-x\" \"/run/x\" \"/run-x\"\n",
     "namespace run-x: /run/netns/run-x for all\nothers\n" NETNS_TWICE(
         "\"/run/x\"", "run-x") NETNS_TWICE("\"/run-x\"", "run-x")},
    {BLOCK("LocalPort 80\n") "NetNamespace \"api\" \"/run/netns/api\"\n",
     "api: 80\nnamespace run-netns-api: /run/netns/api for all\n" NETNS_TWICE(
         "\"api\"", "api")},
    {"LocalPath \"/run/a\"\n" BLOCK(
         "LocalPort 80\nNetNamespace \"run-a\" \"blue\"\n"),
     "run-a: \"/run/a\"\napi: 80 in blue\nnamespace blue: "
     "/run/netns/blue\n" NETNS_TWICE("\"run-a\"" IN_API, "run-a")},
    /* a block must not fall back to our own namespace */
    {"LocalPort 80\n" BLOCK("LocalPort 81\nNetNamespace \"80\" \"/80\"\n"),
     "port 80\n" NETNS_TWICE("\"80\"" IN_API, "80")
         NETNS_TWICE("\"/80\"" IN_API, "80") NO_NETNS},
};

CASES(the_namespaces_of_an_ignored_block_are_not_sampled) = {
    {"LocalPort 80\n" LISTENER("blue",
                               "LocalPort 81\nNetNamespace \"red\" \"blue\" "
                               "\"*\"\n") "LocalPath \"/red\" \"/blue\"\n",
     "port 80\nred: \"/red\"\nblue: \"/blue\"\n" LIKE_NETNS("blue")},
    {LISTENER("a", "LocalPort 81\nNetNamespace \"red\"\n")
         LISTENER("blue", "LocalPort 81\nNetNamespace \"red\" \"blue\"\n")
             LISTENER("a", "LocalPort 82\nNetNamespace \"blue\"\n"),
     "a: 81 in red\nnamespace red: /run/netns/red\n" LIKE_NETNS("blue")
         NAME_TWICE("a")},
    {BLOCK("LocalPort x\nNetNamespace red\n") "LocalPath \"/red\"\n",
     "red: \"/red\"\nLocalPort \"x\"" IN_API NO_SERVICE NO_SELECTOR},
};

CASES(a_listening_port_loses_its_label_to_a_selection) = {
    {"ListeningPorts true\nLocalPort 443\n" LISTENER("8080", "LocalPort 80\n"),
     "port 443\n8080: 80\nothers but 8080\n" HIDDEN("<Listener \"8080\">",
                                                    "8080")},
    /* the port is found at other addresses, and in our own namespace */
    {"ListeningPorts true\n" LISTENER("80",
                                      "LocalPort 80\nLocalAddress \"::1\"\n"),
     "80: 80 at ::1\nothers but 80\n" HIDDEN("<Listener \"80\">", "80")},
    {LISTENER("80",
              "LocalPort 80\nNetNamespace \"blue\"\n") "ListeningPorts true\n",
     "80: 80 in blue\nnamespace blue: /run/netns/blue\nothers but 80\n" HIDDEN(
         "<Listener \"80\">", "80")},
    {"ListeningPorts true\n" LISTENER("80", "LocalPort 80\n"),
     "80: 80\nothers\n"},
    {"ListeningPorts true\n" LISTENER("8005", "LocalPort \"8000-8010\"\n"),
     "8005: 8000-8010\nothers\n"},
    {"IgnoreSelected true\nLocalPort 8080\n" LISTENER("8080", "LocalPort 80\n"),
     "8080: 80\nothers but 8080\n"},
    {LISTENER("8080", "LocalPort 80\n"), "8080: 80\n"},
    {"LocalPath \"/80\"\nListeningPorts true\n",
     "80: \"/80\"\nothers but 80\n" HIDDEN("LocalPath \"/80\"", "80")},
    {LISTENER("80", "LocalPath \"/run/a\"\n") "ListeningPorts true\n",
     "80: \"/run/a\"\nothers but 80\n" HIDDEN("<Listener \"80\">", "80")},
};

/* Texts that are too long for a table. */
static void check_one(const struct text *config, const struct text *want) {
  check_every(10, &(struct options_case){config->at, want->at}, 1);
}

static void a_label_too_long_with_its_namespace_is_said_for_each(void **state) {
  (void)state;
#define TOO_LONG(label, item)                                                  \
  "Label longer than 127 bytes, so not reported: " item " (\"" label           \
  "\"). A <Listener> in collectd.conf can name each.\n"
  struct text config = {.len = 0}, want = config, config2 = config,
              want2 = want;
  char longest[128];
  const char *x126 = longest + 1, *x125 = longest + 2, *x124 = longest + 3;
  memset(longest, 'x', 127);
  longest[127] = '\0';
  say(&config,
      "NetNamespace \"blue\" \"*\" \"a\"\nLocalPort 80\n" LISTENER(
          "%s", "LocalPort 81\n") LISTENER("%s", "LocalPort 82\n")
          LISTENER("%s", "LocalPort 83\nNetNamespace \"red\"\n"),
      x125, x126, longest);
  say(&want,
      "port 80\n%s: 81\n%s: 82\n%s: 83 in red\n"
      "namespace blue: /run/netns/blue for all\nnamespace *: * for all\n"
      "namespace a: /run/netns/a for all\nnamespace red: "
      "/run/netns/red\n" TOO_LONG("blue:%s", "<Listener \"%.64s\">")
          TOO_LONG("blue:%s", "<Listener \"%.64s\">")
              TOO_LONG("a:%s", "<Listener \"%.64s\">"),
      x125, x126, longest, longest, x125, longest, x126, longest, x126);
  check_one(&config, &want);
  say(&config2,
      "NetNamespace \"%s\"\nLocalPort 80 443\nLocalPath \"/1\" \"/run\"\n",
      x124);
  say(&want2,
      "port 80\nport 443\n1: \"/1\"\nrun: \"/run\"\n"
      "namespace %s: /run/netns/%s for all\n" TOO_LONG("%s:443",
                                                       "LocalPort \"443\"")
          TOO_LONG("%s:run", "LocalPath \"/run\""),
      x124, x124, x124, x124);
  check_one(&config2, &want2);
}

/* --- plugin blocks -------------------------------------------------------- */

static void all_plugin_blocks_are_one_configuration(void **state) {
  (void)state;
  oconfig_item_t blocks[] = {
      read_config("LocalPort 80\n" LISTENER("a", "LocalPort 81\n")),
      read_config("LocalPort 82 80\n" LISTENER("a", "LocalPort 83\n")),
      read_config("ListeningPorts true\n"),
      read_config(""),
  };
  struct text got = {.len = 0}, none = got, ignored = got;
  say_blocks(&got, 10, blocks, LEN(blocks));
  assert_string_equal(got.at, "port 80\na: 81\nport 82\nothers\n" PORT_TWICE(
                                  "80", "") NAME_TWICE("a"));
  oconfig_item_t with_ignore[] = {
      read_config("LocalPort 80\n"),
      read_config("IgnoreSelected true\nLocalPort 81\n"),
  };
  say_blocks(&none, 10, NULL, 0);
  assert_string_equal(none.at, "others\n");
  say_blocks(&ignored, 10, with_ignore, LEN(with_ignore));
  assert_string_equal(ignored.at, "others but 80-81\n");
  for (size_t i = 0; i < LEN(blocks); i++)
    free_config(&blocks[i]);
  for (size_t i = 0; i < LEN(with_ignore); i++)
    free_config(&with_ignore[i]);
}

CASES(every_error_is_reported_in_its_order) = {
    {"LocalPort \"0\" 80 \"x\" true \"2-1\"\nPort 80\nListeningPorts "
     "1\n" BLOCK("LocalPort \"99999\" 8443\nLocalAddress \"localhost\" "
                 "\"::1\"\nNonsense\n") "LocalPort 81\n",
     "port 80\napi: 8443 at ::1\nport 81\nLocalPort \"0\"" NOT_PORT
     "LocalPort \"x\"" NO_SERVICE "LocalPort true" NOT_PORT
     "LocalPort \"2-1\"" BAD_RANGE "Port 80: unknown option" UNKNOWN
     "ListeningPorts 1" NOT_BOOLEAN "LocalPort \"99999\"" IN_API NOT_PORT
     "LocalAddress \"localhost\"" IN_API NOT_ADDRESS "Nonsense" IN_API
     ": unknown option" UNKNOWN_IN},
};

/* --- long and odd words --------------------------------------------------- */

static void what_is_too_long_costs_only_itself(void **state) {
  (void)state;
  struct text config = {.len = 0}, want = config;
  char word[600];
  memset(word, 'x', sizeof(word) - 1);
  word[0] = '/';
  word[sizeof(word) - 1] = '\0';
  say(&config,
      "LocalPort 80 \"%s\"\n%s \"%s\"\nLocalPath \"/run/a\" \"%.109s\"\n"
      "NetNamespace \"%.129s\"\n" LISTENER("%.127s", "LocalPort 81\n")
          LISTENER("%.128s", "LocalPort 82\n"),
      word, word + 1, word, word, word, word + 1, word + 1);
  say(&want,
      "port 80\nrun-a: \"/run/a\"\n%.127s: 81\nLocalPort \"%.80s\"" NO_SERVICE
      "%.64s \"%.80s\": unknown option" UNKNOWN
      "LocalPath \"%.80s\": longer than 108 bytes, expected " PATH_FORM
      "NetNamespace \"%.80s\": longer than 127 bytes, expected " NETNS_FORM
      "<Listener \"%.80s\">" NOT_NAME,
      word + 1, word, word + 1, word, word, word, word + 1);
  check_one(&config, &want);
}

static void an_error_is_one_line_whatever_the_value(void **state) {
  (void)state;
  oconfig_item_t block = read_config(
      "LocalPort 80 \"8\n1\"\nLocal\vPort \"a\nb\"\n" LISTENER("a\nb", ""));
  struct text got = {.len = 0};
  say_blocks(&got, 10, &block, 1);
  free_config(&block);
  size_t lines = 0;
  for (const char *at = got.at; (at = strchr(at, '\n')); at++)
    lines++;
  assert_int_equal(lines, 4); /* port 80 and three errors */
}

/* --- samples -------------------------------------------------------------- */

static void samples_are_0_1_s_apart_if_the_interval_is_longer(void **state) {
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
      /* 0.1 as collectd keeps it, and the next unit of 2^-30 s */
      {107374182.0 / 1073741824, "others\nevery 0\n"},
      {107374183.0 / 1073741824, "others\nevery 0\n"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    say_blocks(&got, cases[i].interval_s, NULL, 0);
    assert_string_equal(got.at, cases[i].want);
  }
}

CASES(the_last_good_sample_interval_counts) = {
    {"SampleInterval 0\n", "others\nevery 0\n"},
    {"SampleInterval -0\n", "others\nevery 0\n"},
    {"SampleInterval \"0\"\n", "others\nevery 0\n"},
    {"SampleInterval 0.001\n", "others\nevery 0.001\n"},
    {"SampleInterval 0.1\n", "others\n"},
    {"SampleInterval 10\n", "others\nevery 10\n"},
    {"SampleInterval \"0.5\"\n", "others\nevery 0.5\n"},
    {"SampleInterval 0.2\nSampleInterval 0.3\n", "others\nevery 0.3\n"},
    {"SampleInterval 0.2\nSampleInterval 11\n",
     "others\nevery 0.2\n" SAMPLE("11", "out of range", "10")},
};

CASES(a_bad_sample_interval_leaves_the_default) = {
    {"SampleInterval 10.1\nSampleInterval 0.0009\nSampleInterval -1\n"
     "SampleInterval inf\nSampleInterval -inf\nSampleInterval "
     "\"1e999\"\n",
     "others\n" SAMPLE("10.1", "out of range",
                       "10") SAMPLE("0.0009", "out of range", "10")
         SAMPLE("-1", "out of range", "10") SAMPLE("inf", "out of range", "10")
             SAMPLE("-inf", "out of range", "10")
                 SAMPLE("\"1e999\"", "out of range", "10")},
    {"SampleInterval nan\nSampleInterval \"\"\nSampleInterval "
     "\"0.1s\"\nSampleInterval \"nan\"\nSampleInterval 0.2 0.3\n"
     "SampleInterval false\n",
     "others\n" SAMPLE("nan", "not one number", "10")
         SAMPLE("\"\"", "not one number", "10")
             SAMPLE("\"0.1s\"", "not one number", "10")
                 SAMPLE("\"nan\"", "not one number", "10")
                     SAMPLE("0.2", "not one number", "10")
                         SAMPLE("false", "not one number", "10")},
};

static void a_sample_interval_is_at_most_the_interval(void **state) {
  (void)state;
  CASES(cases) = {
      {"SampleInterval 0.05\n", "others\nevery 0.05\n"},
      {"SampleInterval 0.06\n",
       "others\nevery 0\n" SAMPLE("0.06", "out of range", "0.05")},
  };
  check_every(0.05, cases, LEN(cases));
  /* collectd keeps 0.3 as a little less, which the samples do not exceed */
  const double below = 322122547.0 / 1073741824;
  oconfig_item_t block = read_config("SampleInterval 0.3\n");
  struct text errors = {.len = 0};
  struct lb_settings settings = {0};
  assert_true(below < 0.3);
  assert_int_equal(read_blocks(below, &block, 1, &settings, &errors), 0);
  assert_true(settings.sample_s == below);
  assert_string_equal(errors.at, "");
  lb_settings_free(&settings);
  free_config(&block);
}

/* --- memory and time ------------------------------------------------------ */

/* Refuses each allocation once. Returns how many there are. */
static size_t check_refusals(const char *config, const char *want) {
  static const struct lb_settings unwritten;
  oconfig_item_t block = read_config(config);
  size_t nth = 1;
  for (int err = -ENOMEM; err; nth++) {
    struct text got = {.len = 0}, errors = {.len = 0};
    struct lb_settings settings;
    memset(&settings, 0, sizeof(settings));
    long held = memory.held;
    memory.fails = nth;
    err = read_blocks(10, &block, 1, &settings, &errors);
    memory.fails = 0;
    if (err) {
      assert_int_equal(err, -ENOMEM);
      assert_memory_equal(&settings, &unwritten, sizeof(settings));
    } else {
      say_all(&got, &settings);
      say(&got, "%s", errors.at);
      assert_string_equal(got.at, want);
    }
    lb_settings_free(&settings);
    assert_int_equal(memory.held, held);
  }
  free_config(&block);
  return nth;
}

static void a_refused_allocation_is_enomem_and_leaves_nothing(void **state) {
  (void)state;
  size_t allocations = check_refusals(
      "LocalPort 80 81\nLocalPath \"/run/a\" \"@b\" \"/run/*\"\n"
      "NetNamespace \"blue\" \"*\"\nSampleInterval 1\n" BLOCK(
          "LocalPort 80\nLocalAddress \"::1\"\nLocalPath \"/run/a\" \"/b*\"\n"
          "NetNamespace \"red\" \"*\"\n")
          LISTENER("green", "LocalPort 80\nNetNamespace \"green\"\n"),
      "port 80\nport 81\nrun-a: \"/run/a\"\n@b: \"\\x00b\"\n"
      "api: 80 \"/run/a\" like \"/b*\" at ::1 in red *\n"
      "namespace blue: /run/netns/blue for all\nnamespace *: * for all\n"
      "namespace red: /run/netns/red\npaths like \"/run/*\"\n" LIKE_NETNS(
          "green"));
  assert_in_range(allocations, 40, 100);
  allocations = check_refusals(
      "LocalPath \"/run/a\" \"@b\" \"/c*\"\nIgnoreSelected true\n"
      "ListeningPaths true\n",
      "other paths but \"/run/a\" \"\\x00b\" like \"/c*\"\n");
  assert_in_range(allocations, 5, 20);
}

/* The CPU time to read the ports from 1 to last, twice in one option. */
static clock_t time_ports(unsigned last) {
  char text[64];
  snprintf(text, sizeof(text), "LocalPort \"1-%u\" \"1-%u\"\n", last, last);
  oconfig_item_t block = read_config(text);
  struct text errors = {.len = 0};
  struct lb_settings settings = {0};
  clock_t start = clock();
  assert_int_equal(read_blocks(10, &block, 1, &settings, &errors), 0);
  clock_t taken = clock() - start;
  assert_int_equal(settings.selections_len, last);
  if (last == 65535)
    assert_string_equal(errors.at, PORT_TWICE("1-65535", "1 and 65534 more "));
  lb_settings_free(&settings);
  free_config(&block);
  return taken;
}

/* If each port were compared with all others, it would be 16 times as much. */
static void the_time_to_read_ports_grows_with_their_number(void **state) {
  (void)state;
  clock_t in_parts = 0, taken = time_ports(65535);
  for (int i = 0; i < 16; i++)
    in_parts += time_ports(65535 / 16);
  if (taken > 5 * in_parts + CLOCKS_PER_SEC / 20)
    fail_msg("%ld us at once, %ld us in 16 parts", (long)taken, (long)in_parts);
}

static void no_options_can_be_freed(void **state) {
  (void)state;
  lb_options_free(NULL);
}

static int begin_test(void **state) {
  (void)state;
  memory.held = 0;
  return 0;
}

static int end_test(void **state) {
  (void)state;
  assert_int_equal(memory.held, 0);
  return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)
#define TABLE(name)                                                            \
  {                                                                            \
#name, check_table, begin_test, end_test, &(struct table) {                \
      name, LEN(name)                                                          \
    }                                                                          \
  }

int main(void) {
  const struct CMUnitTest tests[] = {
      TABLE(without_a_selection_every_listening_port_is_reported),
      TABLE(a_port_is_a_number_a_range_or_a_service),
      TABLE(ignored_ports_are_excluded_from_the_listening_ones),
      TABLE(a_bad_port_is_one_error_and_the_others_are_used),
      TABLE(a_block_reports_all_its_sockets_under_its_name),
      TABLE(a_block_without_one_valid_name_is_ignored),
      TABLE(a_block_with_bad_selectors_only_is_ignored),
      TABLE(option_names_are_case_insensitive),
      TABLE(a_boolean_may_be_in_quotes_and_the_last_good_one_counts),
      TABLE(what_is_not_one_boolean_leaves_the_default),
      TABLE(an_unknown_or_misplaced_option_costs_only_itself),
      TABLE(an_option_written_as_a_block_or_without_a_value_is_said),
      TABLE(a_selection_without_a_valid_value_selects_nothing),
      TABLE(every_port_is_reported_only_if_that_was_asked_for),
      TABLE(unix_names_are_selected_like_ports),
      TABLE(a_bad_unix_name_is_one_error_and_the_others_are_used),
      TABLE(a_value_that_is_hardly_a_socket_is_an_error),
      TABLE(patterns_select_unix_names_without_a_label),
      TABLE(listening_paths_are_a_selection),
      TABLE(ignored_unix_names_are_excluded_from_the_listening_ones),
      TABLE(namespaces_outside_of_blocks_are_for_all_selections),
      TABLE(a_block_has_its_own_namespaces_once_each),
      TABLE(a_bad_namespace_is_one_error_and_the_others_are_used),
      TABLE(a_port_whose_label_is_in_use_is_ignored),
      TABLE(a_unix_name_whose_label_is_in_use_is_ignored),
      TABLE(a_block_whose_label_is_in_use_is_ignored),
      TABLE(a_namespace_whose_label_is_in_use_is_ignored),
      TABLE(the_namespaces_of_an_ignored_block_are_not_sampled),
      TABLE(a_listening_port_loses_its_label_to_a_selection),
      TEST(a_label_too_long_with_its_namespace_is_said_for_each),
      TEST(all_plugin_blocks_are_one_configuration),
      TABLE(every_error_is_reported_in_its_order),
      TEST(what_is_too_long_costs_only_itself),
      TEST(an_error_is_one_line_whatever_the_value),
      TEST(samples_are_0_1_s_apart_if_the_interval_is_longer),
      TABLE(the_last_good_sample_interval_counts),
      TABLE(a_bad_sample_interval_leaves_the_default),
      TEST(a_sample_interval_is_at_most_the_interval),
      TEST(a_refused_allocation_is_enomem_and_leaves_nothing),
      TEST(the_time_to_read_ports_grows_with_their_number),
      TEST(no_options_can_be_freed),
  };
  return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
