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

/* What the options say, before their combination is known. */
struct command_line {
  struct lb_arguments *arguments;
  bool tcp;
  bool has_count;
  bool is_done; /* there is nothing to measure */
};

enum {
  OPTION_RECORD = 256,
  OPTION_REPLAY,
  OPTION_LIST_VALUES,
  OPTION_SAMPLE,
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
    printf("%s-%s\t%s\t%s%s\t%s\n", reading->type, reading->name,
           reading->is_counter ? "counter" : "gauge",
           reading->subjects & LB_LISTENER ? "listener" : "",
           reading->subjects == (LB_LISTENER | LB_NAMESPACE) ? ",namespace"
           : reading->subjects & LB_NAMESPACE                ? "namespace"
                                                             : "",
           reading->meaning);
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

static int add_unix_name_argument(struct lb_settings *settings,
                                  const char *text) {
  struct lb_unix_name name;
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
    arguments->settings.inspect = true;
    return 0;
  case 's':
    arguments->sockets = true;
    return 0;
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

static int check_combination(const struct lb_arguments *arguments) {
  if (arguments->record && arguments->replay)
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
    status = argv[i][0] == '/' || argv[i][0] == '@'
                 ? add_unix_name_argument(settings, argv[i])
                 : add_port_argument(settings, argv[i]);
  return status;
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
  *status = parse_selections(settings, argc, argv);
  settings->listening_ports =
      line.tcp || (settings->selections_len == 0 && !settings->listening_paths);
  if (!*status)
    *status = check_combination(out);
  return !*status;
}
