// SPDX-License-Identifier: MIT
#include "probe/arguments.h"

#include "core/readings.h"
#include "probe/error.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USAGE_ERROR = 2 }; /* exit status */

/* By default an observation is shorter than a monitoring plugin may take. */
#define EXPLAIN_S 5.0
#define EXPLAIN_SAMPLE_S 0.01

/* What the options say, before their combination is known. */
struct command_line {
  struct lb_arguments *arguments;
  bool tcp;
  bool has_count;
  bool has_interval;
  bool is_done; /* there is nothing to measure */
};

enum {
  OPTION_RECORD = 256,
  OPTION_REPLAY,
  OPTION_LIST_VALUES,
  OPTION_SAMPLE,
  OPTION_EXPLAIN,
  OPTION_FORMAT,
};

static const struct option long_options[] = {
    {"unix", no_argument, NULL, 'x'},
    {"tcp", no_argument, NULL, 't'},
    {"netns", required_argument, NULL, 'N'},
    {"inspect", no_argument, NULL, 'q'},
    {"interval", required_argument, NULL, 'i'},
    {"count", required_argument, NULL, 'n'},
    {"sample", required_argument, NULL, OPTION_SAMPLE},
    {"sockets", no_argument, NULL, 's'},
    {"explain", no_argument, NULL, OPTION_EXPLAIN},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"record", required_argument, NULL, OPTION_RECORD},
    {"replay", required_argument, NULL, OPTION_REPLAY},
    {"list-values", no_argument, NULL, OPTION_LIST_VALUES},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static void print_reading_table(void) {
  for (int i = 0; i < LB_READINGS; i++) {
    const struct lb_reading *reading = &lb_reading_table[i];
    printf("%s-%s\t%s\t%s%s\t%s\t%s\n", reading->type, reading->name,
           reading->is_counter ? "counter" : "gauge",
           reading->subjects & LB_LISTENER ? "listener" : "",
           reading->subjects == (LB_LISTENER | LB_NAMESPACE) ? ",namespace"
           : reading->subjects & LB_NAMESPACE                ? "namespace"
                                                             : "",
           reading->meaning, reading->unit);
  }
}

static bool get_seconds_argument(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && *out >= 0.001 && *out <= 86400;
}

static bool get_count_argument(const char *text, unsigned long *out) {
  char *end;
  errno = 0;
  *out = strtoul(text, &end, 10);
  return !errno && *text >= '0' && *text <= '9' && *end == '\0' && *out > 0;
}

static int refuse(const char *what, const char *value, const char *form) {
  lb_probe_error(LB_MSG_ARGUMENT, what, value, form);
  return USAGE_ERROR;
}

static int fail_to_add(int err) {
  char buf[LB_REASON_SIZE];
  lb_probe_error(LB_MSG_START_FAILED, lb_file_error(err, buf));
  return EXIT_FAILURE;
}

static int add_port_argument(struct lb_settings *settings, const char *text) {
  struct lb_ports ports;
  if (lb_ports_parse(text, &ports))
    return refuse("port", text, LB_EXPECT_PORT);
  for (unsigned port = ports.first; port <= ports.last; port++)
    if (lb_settings_add_port(settings, (uint16_t)port) == -ENOMEM)
      return fail_to_add(-ENOMEM);
  return 0;
}

static int add_pattern_argument(struct lb_settings *settings,
                                const char *text) {
  struct lb_unix_pattern pattern;
  int err = lb_unix_pattern_parse(text, &pattern);
  if (err)
    return refuse("path", text,
                  err == -EILSEQ ? LB_EXPECT_PATTERN_BYTE
                                 : LB_EXPECT_UNIX_NAME);
  err = lb_settings_add_pattern(settings, &pattern);
  return err ? fail_to_add(err) : 0;
}

static int add_unix_name_argument(struct lb_settings *settings,
                                  const char *text) {
  struct lb_unix_name name;
  if (lb_unix_is_pattern(text))
    return add_pattern_argument(settings, text);
  if (lb_unix_name_parse(text, &name))
    return refuse("path", text, LB_EXPECT_UNIX_NAME);
  int err = lb_settings_add_unix_name(settings, &name);
  if (err == -EEXIST)
    return refuse("path", text, LB_EXPECT_LABEL);
  return err ? fail_to_add(err) : 0;
}

static int add_netns_argument(struct lb_settings *settings, const char *text) {
  struct lb_netns_spec spec;
  int err = lb_netns_spec_parse(text, &spec);
  if (!err)
    err = lb_settings_add_netns(settings, &spec, true);
  if (err == -ENOMEM)
    return fail_to_add(err);
  return err ? refuse("network namespace", text, LB_EXPECT_NETNS) : 0;
}

static int parse_numeric_option(struct command_line *line, int option) {
  struct lb_arguments *arguments = line->arguments;
  if (option == 'i' && !get_seconds_argument(optarg, &arguments->interval_s))
    return refuse("--interval", optarg, LB_EXPECT_SECONDS);
  if (option == OPTION_SAMPLE &&
      !get_seconds_argument(optarg, &arguments->settings.sample_s))
    return refuse("--sample", optarg, LB_EXPECT_SECONDS);
  if (option == 'n' && !get_count_argument(optarg, &arguments->count))
    return refuse("--count", optarg, LB_EXPECT_COUNT);
  line->has_count |= option == 'n';
  line->has_interval |= option == 'i';
  if (option == 'i' && !line->has_count)
    arguments->count = 0;
  return 0;
}

static int print_information(struct command_line *line, int option) {
  line->is_done = true;
  if (option == OPTION_LIST_VALUES)
    print_reading_table();
  else if (option == 'h')
    fputs(LB_PROBE_HELP, stdout);
  else
    puts("listen_backlog-probe " LB_VERSION);
  return 0;
}

static int parse_format(struct lb_arguments *arguments, const char *text) {
  static const char *const formats[] = {"table", "json", "prometheus"};
  for (int i = 0; i < 3; i++)
    if (strcmp(text, formats[i]) == 0) {
      arguments->format = (enum lb_format)i;
      return 0;
    }
  return refuse("--format", text, LB_EXPECT_FORMAT);
}

static int parse_option(struct command_line *line, int option) {
  struct lb_arguments *arguments = line->arguments;
  switch (option) {
  case 'x':
    arguments->settings.listening_paths = true;
    return 0;
  case 't':
    line->tcp = true;
    return 0;
  case 'N':
    return add_netns_argument(&arguments->settings, optarg);
  case 'q':
    arguments->settings.inspect = LB_INSPECT_ALWAYS;
    return 0;
  case 's':
    arguments->sockets = true;
    return 0;
  case OPTION_EXPLAIN:
    arguments->explain = true;
    return 0;
  case OPTION_FORMAT:
    return parse_format(arguments, optarg);
  case OPTION_RECORD:
    arguments->record = optarg;
    return 0;
  case OPTION_REPLAY:
    arguments->replay = optarg;
    return 0;
  case OPTION_LIST_VALUES:
  case 'h':
  case 'V':
    return print_information(line, option);
  case '?':
    fputs(LB_PROBE_HELP, stderr);
    return USAGE_ERROR;
  default:
    return parse_numeric_option(line, option);
  }
}

static int check_combination(const struct command_line *line) {
  const struct lb_arguments *arguments = line->arguments;
  if (arguments->explain && (arguments->sockets || line->has_count ||
                             arguments->record || arguments->replay))
    lb_probe_error(LB_MSG_EXPLAIN_ALONE);
  else if (arguments->format == LB_FORMAT_PROMETHEUS &&
           (arguments->sockets || arguments->explain))
    lb_probe_error(LB_MSG_PROMETHEUS_VALUES);
  else if (arguments->format == LB_FORMAT_PROMETHEUS && !arguments->explain &&
           (arguments->count != 1 || arguments->replay))
    lb_probe_error(LB_MSG_PROMETHEUS_ONCE);
  else if (arguments->record && arguments->replay)
    lb_probe_error(LB_MSG_RECORD_AND_REPLAY);
  else if (arguments->settings.netns_len &&
           (arguments->record || arguments->replay))
    lb_probe_error(LB_MSG_RECORD_NETNS);
  else
    return 0;
  return USAGE_ERROR;
}

static int parse_selections(struct lb_settings *settings, int argc,
                            char *const *argv) {
  int status = 0;
  for (int i = optind; !status && i < argc; i++)
    status = lb_unix_name_is_odd(argv[i])
                 ? refuse("path", argv[i], LB_EXPECT_UNIX_NAME)
             : argv[i][0] == '@' || strchr(argv[i], '/')
                 ? add_unix_name_argument(settings, argv[i])
                 : add_port_argument(settings, argv[i]);
  return status;
}

/* With nothing selected, a table has all TCP ports; an explanation is about all
 * that is in trouble. */
static int parse_requests(struct command_line *line, int argc,
                          char *const *argv) {
  struct lb_arguments *arguments = line->arguments;
  struct lb_settings *settings = &arguments->settings;
  int err = 0;
  if (!line->has_interval)
    arguments->interval_s = EXPLAIN_S;
  if (settings->sample_s == 0) // NOLINT(clang-diagnostic-float-equal)
    settings->sample_s = EXPLAIN_SAMPLE_S;
  settings->listening_ports = line->tcp;
  if (optind == argc && !line->tcp && !settings->listening_paths)
    settings->listening_ports = settings->listening_paths = true;
  for (int i = optind; !err && i < argc; i++) {
    err = lb_requests_add(&arguments->requests, settings, argv[i]);
    if (err == -EILSEQ)
      return refuse("path", argv[i], LB_EXPECT_PATTERN_BYTE);
    if (err == -EINVAL)
      return refuse("listener", argv[i], LB_EXPECT_REQUEST);
  }
  return err ? fail_to_add(err) : 0;
}

bool lb_arguments_parse(struct lb_arguments *out, int argc, char *const *argv,
                        int *status) {
  struct command_line line = {.arguments = out};
  struct lb_settings *settings = &out->settings;
  int option;
  out->interval_s = 1;
  out->count = 1;
  *status = 0;
  while (!*status && !line.is_done &&
         (option = getopt_long( // NOLINT(concurrency-mt-unsafe): one thread
              argc, argv, "xtN:qi:n:shV", long_options, NULL)) != -1)
    *status = parse_option(&line, option);
  if (*status || line.is_done)
    return false;
  *status = out->explain ? parse_requests(&line, argc, argv)
                         : parse_selections(settings, argc, argv);
  if (!out->explain)
    settings->listening_ports =
        line.tcp || (settings->selections_len == 0 &&
                     settings->patterns_len == 0 && !settings->listening_paths);
  if (settings->inspect == LB_INSPECT_NEVER && !out->record && !out->replay)
    settings->inspect = LB_INSPECT_AUTO;
  if (!*status)
    *status = check_combination(&line);
  return !*status;
}

void lb_arguments_free(struct lb_arguments *arguments) {
  lb_settings_free(&arguments->settings);
  lb_requests_free(&arguments->requests);
}
