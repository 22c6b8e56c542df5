// SPDX-License-Identifier: MIT
/* listen_backlog-probe: the plugin's readings as a table, without collectd. */
#include "label.h"
#include "live.h"
#include "netlink.h"
#include "recording.h"
#include "survey.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct arguments {
  struct lb_settings settings;
  double interval_s;
  unsigned long count; /* 0: until interrupted */
  bool counted;        /* by the user */
  bool sockets;
  const char *record;
  const char *replay;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

/* --- output -------------------------------------------------------------- */

static const enum lb_metric_id columns[] = {
    LB_QUEUE, LB_LIMIT, LB_FILL, LB_SOCKETS, LB_FULL, LB_DROPS, LB_OVERFLOWS};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct line {
  char label[LB_LABEL_SIZE];
  struct lb_values values;
};

struct table {
  struct line *lines;
  size_t len;
  bool out_of_memory;
};

static void add_line(void *data, const struct lb_reading *reading) {
  struct table *table = data;
  struct line *lines =
      reallocarray(table->lines, table->len + 1, sizeof(*lines));
  if (!lines) {
    table->out_of_memory = true;
    return;
  }
  table->lines = lines;
  struct line *line = &lines[table->len++];
  snprintf(line->label, sizeof(line->label), "%s", reading->label);
  line->values = reading->values;
}

/* Ports by number; the namespace, whose label is empty, stays first. */
static int compare_lines(const void *a, const void *b) {
  const struct line *left = a, *right = b;
  return (int)lb_label_port(left->label) - (int)lb_label_port(right->label);
}

static void print_value(const struct lb_values *values, enum lb_metric_id id,
                        int width) {
  char text[32] = "-";
  if (values->present & 1u << id) {
    if (lb_metrics[id].is_counter)
      snprintf(text, sizeof(text), "%llu",
               (unsigned long long)values->v[id].counter);
    else
      snprintf(text, sizeof(text), "%.*g", id == LB_FILL ? 6 : 15,
               values->v[id].gauge);
  }
  printf(" %*s", width, text);
}

static void print_listener(const struct line *line) {
  printf("%-12s", line->label);
  for (size_t i = 0; i < COLUMNS; i++)
    print_value(&line->values, columns[i], 9);
  putchar('\n');
}

static void print_namespace(const struct line *line) {
  for (int i = 0; i < LB_METRICS; i++)
    if (lb_metrics[i].scopes & LB_NAMESPACE) {
      printf("%-22s", lb_metrics[i].name);
      print_value(&line->values, (enum lb_metric_id)i, 1);
      putchar('\n');
    }
}

static void print_heading(void) {
  printf("%-12s", "LISTENER");
  for (size_t i = 0; i < COLUMNS; i++) {
    char upper[32];
    size_t n = 0;
    for (const char *c = lb_metrics[columns[i]].name; *c; c++)
      upper[n++] = (char)(*c - 'a' + 'A');
    upper[n] = '\0';
    printf(" %9s", upper);
  }
  putchar('\n');
}

static int print_table(const struct lb_survey *survey) {
  struct table table = {0};
  lb_survey_readings(survey, add_line, &table);
  if (table.out_of_memory) {
    free(table.lines);
    return -ENOMEM;
  }
  qsort(table.lines, table.len, sizeof(*table.lines), compare_lines);
  print_heading();
  for (size_t i = 1; i < table.len; i++)
    print_listener(&table.lines[i]);
  putchar('\n');
  print_namespace(&table.lines[0]);
  free(table.lines);
  return 0;
}

/* As ss(8) writes it: "*" is both families, "[::]" is IPv6 alone. A device of
 * a recording has no name here, only its index. */
static void format_address(const struct lb_row *row, bool named, char *out,
                           size_t size) {
  static const uint8_t any[16];
  char address[INET6_ADDRSTRLEN] = "*";
  char device[IF_NAMESIZE + 1] = "";
  bool v6 = row->family == AF_INET6;
  if (!v6)
    inet_ntop(AF_INET, row->address + 12, address, sizeof(address));
  else if (memcmp(row->address, any, sizeof(any)) || row->v6only)
    inet_ntop(AF_INET6, row->address, address, sizeof(address));
  else
    v6 = false;
  if (row->ifindex) {
    device[0] = '%';
    if (!named || !if_indextoname(row->ifindex, device + 1))
      snprintf(device + 1, sizeof(device) - 1, "%u", row->ifindex);
  }
  snprintf(out, size, "%s%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
           device, (unsigned)row->port);
}

static void print_socket(void *data, const struct lb_row *row) {
  const struct arguments *arguments = data;
  char address[128], drops[16] = "-";
  format_address(row, !arguments->replay, address, sizeof(address));
  if (row->has_drops)
    snprintf(drops, sizeof(drops), "%u", row->sk_drops);
  printf("%-28s %9u %9u %9s %9u %9llx\n", address, row->queue, row->limit,
         drops, row->inode, (unsigned long long)row->cookie);
}

static int print_look(const struct arguments *arguments,
                      const struct lb_survey *survey, unsigned long look) {
  int err = 0;
  if (arguments->count != 1)
    printf("%s# look %lu\n", look > 1 ? "\n" : "", look);
  if (arguments->sockets) {
    printf("%-28s %9s %9s %9s %9s %9s\n", "ADDRESS", "QUEUE", "LIMIT",
           "SK_DROPS", "INODE", "COOKIE");
    lb_survey_sockets(survey, print_socket, (void *)(uintptr_t)arguments);
  } else {
    err = print_table(survey);
  }
  if (fflush(stdout))
    err = -errno;
  return err;
}

/* --- looks --------------------------------------------------------------- */

static int fail(const char *what, int err) {
  fprintf(stderr, "listen_backlog-probe: %s: %s\n", what,
          err == -EBADMSG ? "malformed data" : strerror(-err));
  return EXIT_FAILURE;
}

static int look(const struct arguments *arguments, struct lb_survey *survey,
                uint64_t now_ms, unsigned long number) {
  struct lb_troubles troubles;
  int err = lb_survey_look(survey, now_ms);
  if (!err)
    err = lb_survey_end(survey, now_ms, &troubles);
  if (err) {
    char buf[LB_REASON_SIZE];
    fprintf(stderr,
            "listen_backlog-probe: reading the listening sockets by sock_diag "
            "failed: %s\n",
            lb_netlink_error(err, buf));
    return EXIT_FAILURE;
  }
  if (troubles.netstat)
    fail("reading /proc/net/netstat", troubles.netstat);
  if (troubles.somaxconn)
    fail("reading /proc/sys/net/core/somaxconn", troubles.somaxconn);
  err = print_look(arguments, survey, number);
  if (err)
    return fail("writing", err);
  return troubles.netstat || troubles.somaxconn ? EXIT_FAILURE : EXIT_SUCCESS;
}

static struct timespec add_seconds(struct timespec time, double seconds) {
  time_t whole = (time_t)seconds;
  time.tv_sec += whole;
  time.tv_nsec += (long)((seconds - (double)whole) * 1e9);
  if (time.tv_nsec >= 1000000000) {
    time.tv_nsec -= 1000000000;
    time.tv_sec++;
  }
  return time;
}

static int look_live(const struct arguments *arguments,
                     struct lb_survey *survey, struct lb_recorder *recorder) {
  int status = EXIT_SUCCESS;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned long number = 1; !interrupted; number++) {
    uint64_t now_ms =
        (uint64_t)next.tv_sec * 1000 + (uint64_t)next.tv_nsec / 1000000;
    if (recorder)
      lb_recorder_look(recorder, now_ms);
    if (look(arguments, survey, now_ms, number))
      status = EXIT_FAILURE;
    if (number == arguments->count || ferror(stdout))
      break;
    next = add_seconds(next, arguments->interval_s);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return status;
}

static int run_live(const struct arguments *arguments) {
  struct lb_recorder *recorder = NULL;
  struct lb_source *source = NULL;
  struct lb_survey *survey = NULL;
  int status = EXIT_FAILURE;

  int err =
      arguments->record ? lb_recorder_open(arguments->record, &recorder) : 0;
  if (err)
    return fail(arguments->record, err);
  err = lb_live_new("/proc", recorder ? lb_recorder_witness(recorder) : NULL,
                    &source);
  if (!err)
    err = lb_survey_new(&arguments->settings, source, &survey);
  if (err)
    fail("starting", err);
  else
    status = look_live(arguments, survey, recorder);

  lb_survey_free(survey);
  lb_live_free(source);
  err = recorder ? lb_recorder_close(recorder) : 0;
  return err ? fail(arguments->record, err) : status;
}

static int run_replay(struct arguments *arguments) {
  struct lb_replay *replay;
  struct lb_survey *survey;
  int err = lb_replay_open(arguments->replay, &replay);
  if (err == -EBADMSG || err == -EOPNOTSUPP) {
    fprintf(stderr, "listen_backlog-probe: %s: %s\n", arguments->replay,
            err == -EBADMSG ? "no recording of this program"
                            : "a recording of another version or byte order");
    return EXIT_FAILURE;
  }
  if (err)
    return fail(arguments->replay, err);
  err = lb_survey_new(&arguments->settings, lb_replay_source(replay), &survey);
  if (err) {
    lb_replay_free(replay);
    return fail("starting", err);
  }

  int status = EXIT_SUCCESS;
  uint64_t now_ms;
  arguments->count = lb_replay_looks(replay);
  for (unsigned long number = 1; lb_replay_next(replay, &now_ms); number++)
    if (look(arguments, survey, now_ms, number))
      status = EXIT_FAILURE;
  lb_survey_free(survey);
  lb_replay_free(replay);
  return status;
}

/* --- arguments ----------------------------------------------------------- */

static void print_usage(FILE *file) {
  fputs("usage: listen_backlog-probe [OPTION]... [PORT]...\n"
        "Shows the accept queue of each listening TCP port, or of those given\n"
        "by number, range (8000-8010) or service name.\n"
        "\n"
        "  -i, --interval SECONDS  look again and again\n"
        "  -n, --count N           this many times (with -i: until "
        "interrupted)\n"
        "  -s, --sockets           each listening socket on its own\n"
        "      --record FILE       keep the kernel's raw answers in FILE\n"
        "      --replay FILE       take them from FILE\n"
        "      --list-values       what collectd is handed, one name a line\n"
        "  -h, --help\n"
        "  -V, --version\n",
        file);
}

static void list_values(void) {
  for (int i = 0; i < LB_METRICS; i++) {
    const struct lb_metric *metric = &lb_metrics[i];
    printf("%s-%s\t%s\t%s%s\t%s\n", metric->type, metric->name,
           metric->is_counter ? "counter" : "gauge",
           metric->scopes & LB_LISTENER ? "listener" : "",
           metric->scopes == (LB_LISTENER | LB_NAMESPACE) ? ",namespace"
           : metric->scopes & LB_NAMESPACE                ? "namespace"
                                                          : "",
           metric->meaning);
  }
}

static bool parse_seconds(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && *out >= 0.001 && *out <= 86400;
}

static bool parse_count(const char *text, unsigned long *out) {
  char *end;
  errno = 0;
  *out = strtoul(text, &end, 10);
  return !errno && *text >= '0' && *text <= '9' && *end == '\0' && *out > 0;
}

static int refuse(const char *what, const char *value, const char *form) {
  fprintf(stderr, "listen_backlog-probe: %s \"%s\": accepted is %s\n", what,
          value, form);
  return 2;
}

static int add_port(struct arguments *arguments, const char *text) {
  struct lb_ports ports;
  if (lb_ports_parse(text, &ports))
    return refuse("port", text, LB_PORTS_FORM);
  for (unsigned port = ports.first; port <= ports.last; port++)
    if (lb_settings_add_port(&arguments->settings, (uint16_t)port) == -ENOMEM)
      return fail("starting", -ENOMEM);
  return 0;
}

enum { OPTION_RECORD = 256, OPTION_REPLAY, OPTION_LIST_VALUES };

static const struct option long_options[] = {
    {"interval", required_argument, NULL, 'i'},
    {"count", required_argument, NULL, 'n'},
    {"sockets", no_argument, NULL, 's'},
    {"record", required_argument, NULL, OPTION_RECORD},
    {"replay", required_argument, NULL, OPTION_REPLAY},
    {"list-values", no_argument, NULL, OPTION_LIST_VALUES},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static int parse_option(struct arguments *arguments, int option) {
  switch (option) {
  case 'i':
    if (!parse_seconds(optarg, &arguments->interval_s))
      return refuse("--interval", optarg, "seconds from 0.001 to 86400");
    if (!arguments->counted)
      arguments->count = 0;
    return 0;
  case 'n':
    arguments->counted = true;
    if (!parse_count(optarg, &arguments->count))
      return refuse("--count", optarg, "a whole number from 1");
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
    list_values();
    exit(EXIT_SUCCESS);
  case 'h':
    print_usage(stdout);
    exit(EXIT_SUCCESS);
  case 'V':
    puts("listen_backlog-probe " LB_VERSION);
    exit(EXIT_SUCCESS);
  default:
    print_usage(stderr);
    return 2;
  }
}

static int parse_arguments(struct arguments *arguments, int argc,
                           char *const *argv) {
  int option, status = 0;
  while (!status && (option = getopt_long(argc, argv, "i:n:shV", long_options,
                                          NULL)) != -1)
    status = parse_option(arguments, option);
  for (int i = optind; !status && i < argc; i++)
    status = add_port(arguments, argv[i]);
  if (!status && arguments->record && arguments->replay) {
    fputs("listen_backlog-probe: --record and --replay exclude each other\n",
          stderr);
    status = 2;
  }
  arguments->settings.listening_ports = arguments->settings.selections_len == 0;
  return status;
}

int main(int argc, char **argv) {
  struct arguments arguments = {.interval_s = 1, .count = 1};
  int status = parse_arguments(&arguments, argc, argv);
  if (!status) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = arguments.replay ? run_replay(&arguments) : run_live(&arguments);
  }
  lb_settings_free(&arguments.settings);
  return status;
}
