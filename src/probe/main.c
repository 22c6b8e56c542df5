// SPDX-License-Identifier: MIT
/* listen_backlog-probe: the plugin's readings as a table, without collectd. */
#include "base/label.h"
#include "base/messages.h"
#include "core/monitor.h"
#include "kernel/netns.h"
#include "kernel/recording.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* There is one thread, save while lb_netns_run() waits for another, which calls
 * none of strerror(), exit() and getopt_long(). */
// NOLINTBEGIN(concurrency-mt-unsafe)

struct arguments {
  struct lb_settings settings;
  double interval_s;
  unsigned long count; /* 0: until interrupted */
  bool counted;        /* by the user */
  bool sockets;
  bool tcp;
  const char *record;
  const char *replay;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

static int fail(const char *what, int err) {
  char buf[LB_REASON_SIZE];
  fprintf(stderr, "listen_backlog-probe: %s: %s\n", what,
          lb_file_error(err, buf));
  return EXIT_FAILURE;
}

/* --- output -------------------------------------------------------------- */

static const enum lb_reading_id columns[] = {
    LB_QUEUE, LB_LIMIT, LB_PEAK,      LB_BUSY, LB_FILL,      LB_SOCKETS,
    LB_FULL,  LB_DROPS, LB_OVERFLOWS, LB_WAIT, LB_ABANDONED, LB_SYN};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct line {
  char label[LB_LABEL_SIZE];
  bool is_namespace;
  struct lb_values values;
};

struct table {
  const struct arguments *arguments;
  struct line *lines;
  size_t len;
  bool out_of_memory;
  bool failed; /* something could not be read */
};

static void add_line(void *data, const struct lb_readings *reading) {
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
  line->is_namespace = reading->is_namespace;
  line->values = reading->values;
}

/* Listeners first, by namespace, ports by number; then the namespaces. */
static int compare_lines(const void *a, const void *b) {
  const struct line *left = a, *right = b;
  if (left->is_namespace != right->is_namespace)
    return left->is_namespace ? 1 : -1;
  return strverscmp(left->label, right->label);
}

/* What says the same as another column for a lack of looks is not shown. */
static bool is_shown(const struct arguments *arguments, enum lb_reading_id id) {
  switch (id) {
  case LB_PEAK:
  case LB_BUSY:
    return arguments->settings.sample_s > 0;
  case LB_WAIT:
  case LB_ABANDONED:
  case LB_SYN:
    return arguments->settings.inspect;
  default:
    return true;
  }
}

static void print_value(const struct lb_values *values, enum lb_reading_id id,
                        int width) {
  char text[32] = "-";
  if (values->present & 1u << id) {
    if (lb_reading_table[id].is_counter)
      snprintf(text, sizeof(text), "%llu",
               (unsigned long long)values->v[id].counter);
    else
      snprintf(text, sizeof(text), "%.*g", id == LB_FILL ? 6 : 15,
               values->v[id].gauge);
  }
  printf(" %*s", width, text);
}

static void print_listener(const struct arguments *arguments,
                           const struct line *line, int width) {
  printf("%-*s", width, line->label);
  for (size_t i = 0; i < COLUMNS; i++)
    if (is_shown(arguments, columns[i]))
      print_value(&line->values, columns[i], 9);
  putchar('\n');
}

static void print_namespace(const struct line *line) {
  putchar('\n');
  if (line->label[0])
    printf("NAMESPACE %s\n", line->label);
  for (int i = 0; i < LB_READINGS; i++)
    if (lb_reading_table[i].subjects & LB_NAMESPACE) {
      printf("%-22s", lb_reading_table[i].name);
      print_value(&line->values, (enum lb_reading_id)i, 1);
      putchar('\n');
    }
}

static void print_heading(const struct arguments *arguments, int width) {
  printf("%-*s", width, "LISTENER");
  for (size_t i = 0; i < COLUMNS; i++) {
    char upper[32];
    size_t n = 0;
    for (const char *c = lb_reading_table[columns[i]].name; *c; c++)
      upper[n++] = (char)toupper((unsigned char)*c);
    upper[n] = '\0';
    if (is_shown(arguments, columns[i]))
      printf(" %9s", upper);
  }
  putchar('\n');
}

static void print_table(struct table *table) {
  int width = 12;
  if (table->len)
    qsort(table->lines, table->len, sizeof(*table->lines), compare_lines);
  for (size_t i = 0; i < table->len; i++)
    if (!table->lines[i].is_namespace &&
        (int)strlen(table->lines[i].label) > width)
      width = (int)strlen(table->lines[i].label);
  print_heading(table->arguments, width);
  for (size_t i = 0; i < table->len; i++)
    if (table->lines[i].is_namespace)
      print_namespace(&table->lines[i]);
    else
      print_listener(table->arguments, &table->lines[i], width);
}

/* As ss(8) writes it: "*" is both families, "[::]" is IPv6 alone. A device of
 * a recording has no name here, only its index. */
static void format_address(const struct lb_listen_sock *row, bool named,
                           char *out, size_t size) {
  static const uint8_t any[16];
  char address[INET6_ADDRSTRLEN] = "*";
  char device[IF_NAMESIZE + 1] = "";
  bool v6 = row->family == AF_INET6;
  if (!v6)
    inet_ntop(AF_INET, row->address + 12, address, sizeof(address));
  else if (memcmp(row->address, any, sizeof(any)) != 0 || row->v6only)
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

static void print_socket(void *data, const struct lb_listen_sock *row,
                         const struct lb_unix_name *path) {
  const struct arguments *arguments = data;
  char address[LB_UNIX_NAME_TEXT_SIZE], drops[16] = "-";
  if (path)
    lb_unix_name_format(path, address);
  else
    format_address(row, !arguments->replay, address, sizeof(address));
  if (row->has_drops)
    snprintf(drops, sizeof(drops), "%u", row->sk_drops);
  printf("%-28s %9u %9u %9s %9u %9llx\n", address, row->queue, row->limit,
         drops, row->inode, (unsigned long long)row->cookie);
}

static void print_sockets(const struct arguments *arguments,
                          const struct lb_outcome *outcome) {
  if (outcome->label[0])
    printf("NAMESPACE %s\n", outcome->label);
  printf("%-28s %9s %9s %9s %9s %9s\n", "ADDRESS", "QUEUE", "LIMIT", "SK_DROPS",
         "INODE", "COOKIE");
  lb_collector_visit_sockets(outcome->collector, print_socket,
                             (void *)arguments);
}

/* --- looks --------------------------------------------------------------- */

static void complain(const struct lb_outcome *outcome, const char *what,
                     const char *why) {
  fprintf(stderr, "listen_backlog-probe: %s%s%s%s failed: %s\n", what,
          outcome->path ? " in the network namespace \"" : "",
          outcome->path ? outcome->label : "", outcome->path ? "\"" : "", why);
}

/* Says what could not be read; true: nothing. */
static bool is_whole(const struct lb_outcome *outcome) {
  char buf[LB_REASON_SIZE];
  const struct lb_sample_errors *troubles = &outcome->errors;
  if (outcome->err) {
    complain(outcome, "reading the listening sockets by sock_diag",
             outcome->path ? lb_netns_error(outcome->err, buf)
                           : lb_netlink_error(outcome->err, "tcp_diag", buf));
    return false;
  }
  if (troubles->netstat)
    complain(outcome, "reading /proc/net/netstat",
             lb_file_error(troubles->netstat, buf));
  if (troubles->somaxconn)
    complain(outcome, "reading /proc/sys/net/core/somaxconn",
             lb_file_error(troubles->somaxconn, buf));
  if (troubles->unix_sockets)
    complain(outcome, "reading the listening UNIX sockets by sock_diag",
             lb_netlink_error(troubles->unix_sockets, "unix_diag", buf));
  if (outcome->inspection_err)
    complain(outcome, "reading the waiting connections by sock_diag",
             lb_netlink_error(outcome->inspection_err, "tcp_diag", buf));
  return !troubles->netstat && !troubles->somaxconn &&
         !troubles->unix_sockets && !outcome->inspection_err;
}

static void on_outcome(void *data, const struct lb_outcome *outcome) {
  struct table *table = data;
  table->failed |= !is_whole(outcome);
  if (outcome->err)
    return;
  struct lb_conflict *clash = lb_collector_conflict(outcome->collector);
  if (clash->count)
    fprintf(
        stderr, "listen_backlog-probe: no label can be had for %s: \"%s\" %s\n",
        clash->source, clash->label,
        clash->err == -EEXIST ? "is that of something else" : "is too long");
  clash->count = 0;
  if (table->arguments->sockets)
    print_sockets(table->arguments, outcome);
  else
    lb_collector_visit_readings(outcome->collector, add_line, table);
}

/* Whether all that "*" stands for could be found. */
static bool is_listed(const struct lb_monitor *monitor) {
  char buf[LB_REASON_SIZE];
  int err = lb_monitor_listing_error(monitor);
  if (err)
    fprintf(stderr,
            "listen_backlog-probe: listing the network namespaces in "
            "/run/netns and /run/docker/netns failed: %s\n",
            lb_netns_error(err, buf));
  return !err;
}

static int print_interval(const struct arguments *arguments,
                          struct lb_monitor *monitor, unsigned long number) {
  struct table table = {.arguments = arguments};
  if (arguments->count != 1)
    printf("%s# look %lu\n", number > 1 ? "\n" : "", number);
  lb_monitor_visit(monitor, on_outcome, &table);
  table.failed |= !is_listed(monitor);
  int err = table.out_of_memory ? -ENOMEM : 0;
  if (table.len)
    print_table(&table);
  free(table.lines);
  if (fflush(stdout))
    err = -errno;
  if (err)
    return fail("writing", err);
  return table.failed ? EXIT_FAILURE : EXIT_SUCCESS;
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

static uint64_t to_ms(struct timespec time) {
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static bool is_before(struct timespec a, struct timespec b) {
  return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static void look_once(struct lb_monitor *monitor, struct lb_recorder *recorder,
                      uint64_t now_ms) {
  if (recorder)
    lb_recorder_begin_sample(recorder, now_ms, false);
  for (size_t i = 0; i < lb_monitor_len(monitor); i++)
    lb_monitor_sample(monitor, i, now_ms);
}

/* Looks every sample_s within the interval, and sleeps until it ends. */
static void pass_interval(const struct arguments *arguments,
                          struct lb_monitor *monitor,
                          struct lb_recorder *recorder, struct timespec from,
                          struct timespec until) {
  double sample_s = arguments->settings.sample_s;
  struct timespec next = add_seconds(from, sample_s);
  while (sample_s > 0 && is_before(next, until) && !interrupted) {
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    look_once(monitor, recorder, to_ms(next));
    next = add_seconds(next, sample_s);
  }
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void end_interval(const struct arguments *arguments,
                         struct lb_monitor *monitor,
                         struct lb_recorder *recorder, uint64_t now_ms) {
  if (recorder && arguments->settings.inspect)
    lb_recorder_begin_sample(recorder, now_ms, false);
  lb_monitor_prepare(monitor, now_ms);
  lb_monitor_inspect(monitor);
  if (recorder)
    lb_recorder_begin_sample(recorder, now_ms, true);
  lb_monitor_finish(monitor, now_ms);
}

/* Without looks within the interval the first end is at once. */
static int look_live(const struct arguments *arguments,
                     struct lb_monitor *monitor, struct lb_recorder *recorder) {
  int status = EXIT_SUCCESS;
  struct timespec at, next;
  clock_gettime(CLOCK_MONOTONIC, &at);
  next = at;
  if (arguments->settings.sample_s > 0)
    next = add_seconds(at, arguments->interval_s);
  for (unsigned long number = 1; !interrupted; number++) {
    pass_interval(arguments, monitor, recorder, at, next);
    if (interrupted && number > 1)
      break;
    end_interval(arguments, monitor, recorder, to_ms(next));
    if (print_interval(arguments, monitor, number))
      status = EXIT_FAILURE;
    if (number == arguments->count || ferror(stdout))
      break;
    at = next;
    next = add_seconds(next, arguments->interval_s);
  }
  return status;
}

static int run_live(const struct arguments *arguments) {
  struct lb_recorder *recorder = NULL;
  struct lb_monitor *monitor = NULL;
  struct lb_live_world world;
  int status = EXIT_FAILURE;

  int err =
      arguments->record ? lb_recorder_open(arguments->record, &recorder) : 0;
  if (err)
    return fail(arguments->record, err);
  lb_live_world_init(&world, recorder ? lb_recorder_witness(recorder) : NULL);
  err = lb_monitor_new(&arguments->settings, &world.world, &monitor);
  if (err)
    fail("starting", err);
  else
    status = look_live(arguments, monitor, recorder);

  lb_monitor_free(monitor);
  err = recorder ? lb_recorder_close(recorder) : 0;
  return err ? fail(arguments->record, err) : status;
}

/* --- replays ------------------------------------------------------------- */

/* A recording is of one namespace. */
struct replay_world {
  struct lb_world world;
  struct lb_replay *replay;
};

static int replay_list(struct lb_world *world,
                       int (*visit)(void *data, const char *path,
                                    const char *name),
                       void *data) {
  (void)world, (void)visit, (void)data;
  return 0;
}

static int replay_identify(struct lb_world *world, const char *path,
                           struct lb_netns_id *id) {
  (void)world, (void)path, (void)id;
  return -ENOENT;
}

static int replay_open(struct lb_world *world, const char *path,
                       const struct lb_netns_id *id, struct lb_source **out) {
  (void)path, (void)id;
  *out = lb_replay_source(((struct replay_world *)world)->replay);
  return 0;
}

static void replay_leave(struct lb_world *world, struct lb_source *source) {
  (void)world, (void)source;
}

/* The look before a walk was recorded as the last one within the interval, and
 * what the walk was answered behind it. */
static int look_replayed(struct arguments *arguments,
                         struct lb_monitor *monitor, struct lb_replay *replay) {
  int status = EXIT_SUCCESS;
  uint64_t now_ms;
  bool ends;
  unsigned long number = 0;
  arguments->count = lb_replay_intervals(replay);
  while (lb_replay_next(replay, &now_ms, &ends)) {
    bool walks = arguments->settings.inspect && lb_replay_ends_next(replay);
    if (!ends && !walks) {
      lb_monitor_sample(monitor, 0, now_ms);
      continue;
    }
    if (!ends) {
      lb_monitor_prepare(monitor, now_ms);
      lb_monitor_inspect(monitor);
      continue;
    }
    if (!arguments->settings.inspect)
      lb_monitor_prepare(monitor, now_ms);
    lb_monitor_finish(monitor, now_ms);
    if (print_interval(arguments, monitor, ++number))
      status = EXIT_FAILURE;
  }
  return status;
}

static int run_replay(struct arguments *arguments) {
  struct replay_world world = {
      {replay_list, replay_identify, replay_open, replay_leave, replay_leave},
      NULL};
  struct lb_monitor *monitor;
  int err = lb_replay_open(arguments->replay, &world.replay);
  if (err == -EBADMSG || err == -EOPNOTSUPP) {
    fprintf(stderr, "listen_backlog-probe: %s: %s\n", arguments->replay,
            err == -EBADMSG ? "no recording of this program"
                            : "a recording of another version or byte order");
    return EXIT_FAILURE;
  }
  if (err)
    return fail(arguments->replay, err);
  int status;
  err = lb_monitor_new(&arguments->settings, &world.world, &monitor);
  if (err) {
    status = fail("starting", err);
  } else {
    status = look_replayed(arguments, monitor, world.replay);
    lb_monitor_free(monitor);
  }
  lb_replay_free(world.replay);
  return status;
}

/* --- arguments ----------------------------------------------------------- */

static void print_usage(FILE *file) {
  fputs(
      "usage: listen_backlog-probe [OPTION]... [PORT|PATH]...\n"
      "Shows the accept queue of each listening TCP port, or of those given\n"
      "by number, range (8000-8010) or service name, and of listening UNIX\n"
      "sockets given by path or @name.\n"
      "\n"
      "  -x, --unix              each listening UNIX socket\n"
      "  -t, --tcp               each listening TCP port, too\n"
      "  -N, --netns PLACE       in that network namespace, too: its name, "
      "its\n"
      "                          path, or \"*\" for all\n"
      "  -q, --inspect           walk the waiting connections\n"
      "  -i, --interval SECONDS  look again and again\n"
      "  -n, --count N           this many times (with -i: until "
      "interrupted)\n"
      "      --sample SECONDS    look that often within the interval as well\n"
      "  -s, --sockets           each listening socket on its own\n"
      "      --record FILE       keep the kernel's raw answers in FILE\n"
      "      --replay FILE       take them from FILE\n"
      "      --list-values       what collectd is handed, one name a line\n"
      "  -h, --help\n"
      "  -V, --version\n",
      file);
}

static void list_values(void) {
  for (int i = 0; i < LB_READINGS; i++) {
    const struct lb_reading *metric = &lb_reading_table[i];
    printf("%s-%s\t%s\t%s%s\t%s\n", metric->type, metric->name,
           metric->is_counter ? "counter" : "gauge",
           metric->subjects & LB_LISTENER ? "listener" : "",
           metric->subjects == (LB_LISTENER | LB_NAMESPACE) ? ",namespace"
           : metric->subjects & LB_NAMESPACE                ? "namespace"
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
    return refuse("port", text, LB_EXPECT_PORT);
  for (unsigned port = ports.first; port <= ports.last; port++)
    if (lb_settings_add_port(&arguments->settings, (uint16_t)port) == -ENOMEM)
      return fail("starting", -ENOMEM);
  return 0;
}

static int add_path(struct arguments *arguments, const char *text) {
  struct lb_unix_name path;
  if (lb_unix_name_parse(text, &path))
    return refuse("path", text, LB_EXPECT_UNIX_NAME);
  int err = lb_settings_add_unix_name(&arguments->settings, &path);
  if (err == -EEXIST)
    return refuse("path", text, "one whose label nothing before it has");
  return err ? fail("starting", err) : 0;
}

static int add_place(struct arguments *arguments, const char *text) {
  struct lb_netns_spec spec;
  int err = lb_netns_spec_parse(text, &spec);
  if (!err)
    err = lb_settings_add_netns(&arguments->settings, &spec, true);
  if (err == -ENOMEM)
    return fail("starting", err);
  return err ? refuse("network namespace", text, LB_EXPECT_NETNS) : 0;
}

enum { OPTION_RECORD = 256, OPTION_REPLAY, OPTION_LIST_VALUES, OPTION_SAMPLE };

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

static int parse_number(struct arguments *arguments, int option) {
  static const char seconds[] = "seconds from 0.001 to 86400";
  if (option == 'i' && !parse_seconds(optarg, &arguments->interval_s))
    return refuse("--interval", optarg, seconds);
  if (option == OPTION_SAMPLE &&
      !parse_seconds(optarg, &arguments->settings.sample_s))
    return refuse("--sample", optarg, seconds);
  if (option == 'n' && !parse_count(optarg, &arguments->count))
    return refuse("--count", optarg, "a whole number from 1");
  arguments->counted |= option == 'n';
  if (option == 'i' && !arguments->counted)
    arguments->count = 0;
  return 0;
}

static int parse_option(struct arguments *arguments, int option) {
  switch (option) {
  case 'x':
    arguments->settings.listening_paths = true;
    return 0;
  case 't':
    arguments->tcp = true;
    return 0;
  case 'N':
    return add_place(arguments, optarg);
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
    list_values();
    exit(EXIT_SUCCESS);
  case 'h':
    print_usage(stdout);
    exit(EXIT_SUCCESS);
  case 'V':
    puts("listen_backlog-probe " LB_VERSION);
    exit(EXIT_SUCCESS);
  case '?':
    print_usage(stderr);
    return 2;
  default:
    return parse_number(arguments, option);
  }
}

static int check_combination(const struct arguments *arguments) {
  const char *what = NULL;
  if (arguments->record && arguments->replay)
    what = "--record and --replay";
  else if (arguments->settings.netns_len &&
           (arguments->record || arguments->replay))
    what = "--netns and a recording, which is of one namespace,";
  if (what)
    fprintf(stderr, "listen_backlog-probe: %s exclude each other\n", what);
  return what ? 2 : 0;
}

static int parse_arguments(struct arguments *arguments, int argc,
                           char *const *argv) {
  int option, status = 0;
  while (!status && (option = getopt_long(argc, argv, "xtN:qi:n:shV",
                                          long_options, NULL)) != -1)
    status = parse_option(arguments, option);
  for (int i = optind; !status && i < argc; i++)
    status = strchr("/@", argv[i][0]) && argv[i][0]
                 ? add_path(arguments, argv[i])
                 : add_port(arguments, argv[i]);
  struct lb_settings *settings = &arguments->settings;
  settings->listening_ports =
      arguments->tcp ||
      (settings->selections_len == 0 && !settings->listening_paths);
  return status ? status : check_combination(arguments);
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

// NOLINTEND(concurrency-mt-unsafe)
