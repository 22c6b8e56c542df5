// SPDX-License-Identifier: MIT
/* The plugin's callbacks, called as collectd calls them. The listening sockets
 * are real ones, which the plugin reads through sock_diag; a folder stands in
 * for /proc, so that every counter is known. The linker's --wrap sends the
 * plugin there, and can cut it off from the kernel. */
#include "daemon.h"

#include "collectd/dispatch.h"
#include "collectd/sampler.h"
#include "kernel/kernel_transport.h"
#include "memory.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#define PLUGIN "listen_backlog plugin: "

/* --- what collectd gets --------------------------------------------------- */

enum { MAX_COUNTERS = 256 };

static struct {
  bool others_exist; /* other listeners on this host are not written down */
  struct text values;
  struct {
    char id[4 * DATA_MAX_NAME_LEN];
    derive_t value;
  } counters[MAX_COUNTERS]; /* as last dispatched */
  size_t counters_len;
} seen;

static void check_counter(const char *id, derive_t value) {
  size_t i = 0;
  while (i < seen.counters_len && strcmp(seen.counters[i].id, id) != 0)
    i++;
  assert_in_range(i, 0, MAX_COUNTERS - 1);
  if (i == seen.counters_len) {
    seen.counters_len++;
    snprintf(seen.counters[i].id, sizeof(seen.counters[i].id), "%s", id);
  } else if (value < seen.counters[i].value) {
    fail_msg("%s went back", id);
  }
  seen.counters[i].value = value;
}

/* The types of types.db that the plugin uses, and their ranges. */
static void say_value(const char *id, const char *type, value_t value) {
  static const struct {
    const char *name;
    double max;
  } gauges[] = {{"queue_length", 1e300},
                {"percent", 100},
                {"count", 1e300},
                {"duration", 1e300}};
  if (strcmp(type, "derive") == 0) {
    check_counter(id, value.derive);
    say(&seen.values, "%s %lld\n", id, (long long)value.derive);
    return;
  }
  for (size_t i = 0; i < LEN(gauges); i++)
    if (strcmp(type, gauges[i].name) == 0) {
      assert_true(value.gauge >= 0 && value.gauge <= gauges[i].max);
      say(&seen.values, "%s %.15g\n", id, value.gauge);
      return;
    }
  fail_msg("no stock type: %s", type);
}

static bool is_ours(const char *label);

static void on_values(const value_list_t *list) {
  static const char no_host[DATA_MAX_NAME_LEN];
  char id[4 * DATA_MAX_NAME_LEN];
  bool is_base = list->time != collectd.due;
  if (is_base) {
    uint64_t before =
        CDTIME_T_TO_NS(collectd.due) - CDTIME_T_TO_NS(collectd.interval);
    assert_int_equal(list->time, NS_TO_CDTIME_T(before));
    assert_string_equal(list->type, "derive");
  }
  assert_int_equal(list->values_len, 1);
  assert_int_equal(list->interval, collectd.interval);
  assert_memory_equal(list->host, no_host, sizeof(no_host));
  assert_null(list->meta);
  assert_string_equal(list->plugin, "listen_backlog");
  snprintf(id, sizeof(id), "%s%s %s-%s", is_base ? "before: " : "",
           list->plugin_instance, list->type, list->type_instance);
  /* On a loaded host an inspection of a queue is left out. */
  bool may_lack = strcmp(list->type_instance, "wait") == 0 ||
                  strcmp(list->type_instance, "abandoned") == 0;
  if (is_said(list->type_instance) && !may_lack &&
      (!seen.others_exist || is_ours(list->plugin_instance)))
    say_value(id, list->type, list->values[0]);
}

/* The interval is 0.1 s: by default there are no samples within it. */
static void start_daemon(void) {
  start_collectd();
  memset(&seen, 0, sizeof(seen));
  collectd.on_values = on_values;
  collectd.interval = DOUBLE_TO_CDTIME_T(0.1);
}

/* What collectd itself allocates never fails and is not counted. */
static oconfig_item_t read_block(const char *text) {
  size_t fails = memory.fails;
  long held = memory.held;
  memory.fails = 0;
  oconfig_item_t block = read_config(text);
  memory.held = held;
  memory.fails = fails;
  return block;
}

static void free_block(oconfig_item_t *block) {
  long held = memory.held;
  free_config(block);
  memory.held = held;
}

/* Inspections of so short intervals would take more than 1 % of the time, so by
 * default there are none. */
__attribute__((format(printf, 1, 2))) static void configure(const char *format,
                                                            ...) {
  char text[8192];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (!strstr(text, "InspectQueue")) {
    size_t len = strlen(text);
    snprintf(text + len, sizeof(text) - len, "InspectQueue false\n");
  }
  oconfig_item_t block = read_block(text);
  assert_int_equal(collectd.config(&block), 0);
  free_block(&block);
}

static void do_read(void) {
  seen.values = (struct text){.len = 0};
  assert_int_equal(read_collectd(), 0);
}

static void do_init(void) { assert_int_equal(collectd.init(), 0); }

static void do_shutdown(void) {
  assert_int_equal(collectd.shutdown(), 0);
  check_log("");
}

static void check_reads(int reads, const char *want) {
  for (int i = 0; i < reads; i++) {
    do_read();
    assert_string_equal(seen.values.at, want);
  }
}

/* --- below the plugin ----------------------------------------------------- */

static struct proc proc;
static int create_error;  /* of every thread while set */
static int open_error;    /* of every netlink socket while set */
static int receive_error; /* of every answer while set */

WRAP(int, lb_kernel_transport_new, const char *path, const char *netns,
     const struct lb_netns_id *id, struct lb_transport **out) {
  assert_string_equal(path, "/proc");
  return __real_lb_kernel_transport_new(proc.root, netns, id, out);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr,
     void *(*run)(void *), void *data) {
  return create_error ? create_error
                      : __real_pthread_create(thread, attr, run, data);
}

static atomic_int samples;           /* within intervals */
static bool inspection_sees_samples; /* it waits for them */

WRAP(void, lb_monitor_sample, struct lb_monitor *monitor, size_t i,
     uint64_t now_ms) {
  __real_lb_monitor_sample(monitor, i, now_ms);
  samples++;
}

static bool is_locked; /* by the read */

WRAP(void, lb_sampler_lock, struct lb_sampler *sampler) {
  __real_lb_sampler_lock(sampler);
  is_locked = true;
}

WRAP(void, lb_sampler_unlock, struct lb_sampler *sampler) {
  is_locked = false;
  __real_lb_sampler_unlock(sampler);
}

WRAP(void, lb_dispatch_settle, const struct lb_stamps *stamps) { (void)stamps; }

WRAP(void, lb_monitor_prepare, struct lb_monitor *monitor, uint64_t now_ms) {
  assert_true(is_locked);
  __real_lb_monitor_prepare(monitor, now_ms);
}

WRAP(void, lb_monitor_finish, struct lb_monitor *monitor, uint64_t now_ms) {
  assert_true(is_locked);
  __real_lb_monitor_finish(monitor, now_ms);
}

WRAP(void, lb_monitor_inspect, struct lb_monitor *monitor) {
  assert_false(is_locked);
  __real_lb_monitor_inspect(monitor);
  int before = samples;
  for (int i = 0; inspection_sees_samples && samples < before + 3; i++) {
    assert_in_range(i, 0, 60000);
    poll(NULL, 0, 1);
  }
}

WRAP(struct mnl_socket *, mnl_socket_open2, int bus, int flags) {
  if (!open_error)
    return __real_mnl_socket_open2(bus, flags);
  errno = open_error;
  return NULL;
}

WRAP(ssize_t, mnl_socket_recvfrom, const struct mnl_socket *nl, void *buf,
     size_t size) {
  if (!receive_error)
    return __real_mnl_socket_recvfrom(nl, buf, size);
  errno = receive_error;
  return -1;
}

static void write_netstat(unsigned long long cookies, int drops) {
  struct text text = {.len = 0};
  say(&text,
      "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPReqQFullDrop\n"
      "TcpExt: %llu 10 %d 4\n",
      cookies, drops);
  write_proc(&proc, "net/netstat", text.at);
}

static void write_somaxconn(const char *text) {
  write_proc(&proc, "sys/net/core/somaxconn", text);
}

static struct {
  struct server half; /* limit 3, queue 1 */
  struct server full; /* limit 0, queue 1 */
  struct server gone; /* bound, but does not listen */
  int clients[2];
  char half_label[8], full_label[8], gone_label[8];
} host;

static int open_host(void) {
  if (open_server(&host.half, AF_INET, false, 3) ||
      open_server(&host.full, AF_INET, false, 0) ||
      open_server(&host.gone, AF_INET, false, -1) ||
      fill_queue(&host.half, &host.clients[0], 1) ||
      fill_queue(&host.full, &host.clients[1], 1))
    return -1;
  snprintf(host.half_label, 8, "%u", (unsigned)host.half.port);
  snprintf(host.full_label, 8, "%u", (unsigned)host.full.port);
  snprintf(host.gone_label, 8, "%u", (unsigned)host.gone.port);
  return 0;
}

static void close_host(void) {
  const int fds[] = {host.clients[0], host.clients[1], host.half.fd,
                     host.full.fd, host.gone.fd};
  for (size_t i = 0; i < LEN(fds); i++)
    close(fds[i]);
}

static bool is_ours(const char *label) {
  return *label == '\0' || strcmp(label, host.half_label) == 0 ||
         strcmp(label, host.full_label) == 0 ||
         strcmp(label, host.gone_label) == 0;
}

static int set_up(void **state) {
  (void)state;
  create_error = open_error = receive_error = 0;
  inspection_sees_samples = false;
  memory.fails = 0;
  alarm(300); /* a test that failed can leave the lock locked */
  make_proc(&proc, "test_plugin");
  write_netstat(3, 20);
  write_somaxconn("4096\n");
  start_daemon();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  remove_proc(&proc);
  return memory.held != 0;
}

/* --- values --------------------------------------------------------------- */

static void say_namespace(struct text *text, int drops) {
  say(text,
      " derive-drops %d\n"
      " derive-overflows 10\n"
      " derive-syn_drops 4\n"
      " derive-syncookies_sent 3\n"
      " derive-overflows_unattributed 10\n"
      " queue_length-somaxconn 4096\n",
      drops);
}

/* With sockets == 0 it is absent. */
static void say_listener(struct text *text, const char *label, int sockets,
                         int queue, int limit, int fill, int full) {
  if (sockets)
    say(text,
        "%1$s queue_length-queue %2$d\n"
        "%1$s queue_length-limit %3$d\n"
        "%1$s queue_length-peak %2$d\n"
        "%1$s percent-busy %4$d\n"
        "%1$s percent-fill %5$d\n",
        label, queue, limit, queue ? 100 : 0, fill);
  say(text, "%s count-sockets %d\n", label, sockets);
  if (sockets)
    say(text, "%s count-full %d\n", label, full);
  say(text, "%1$s derive-drops 0\n%1$s derive-overflows 0\n", label);
}

static void say_half(struct text *text, const char *label) {
  say_listener(text, label, 1, 1, 3, 25, 0);
}

static void say_full(struct text *text, const char *label) {
  say_listener(text, label, 1, 1, 0, 100, 1);
}

static void say_absent(struct text *text, const char *label) {
  say_listener(text, label, 0, 0, 0, 0, 0);
}

#define X25 "x-y-z-x-y-z-x-y-z-x-y-z-x"
#define ELSEWHERE X25 X25 X25 X25 X25 "yz" /* 127 bytes, the most */

static void configure_all(void) {
  configure("LocalPort \"%1$u\"\n"
            "<Listener \"full\">\n"
            "  LocalPort \"%2$u\"\n"
            "  LocalAddress \"127.0.0.1\"\n"
            "</Listener>\n"
            "<Listener \"both of them\">\n"
            "  LocalPort %1$u \"%2$u\"\n"
            "</Listener>\n",
            host.half.port, host.full.port);
  configure("<Listener \"" ELSEWHERE "\">\n"
            "  LocalPort \"%1$u\"\n"
            "  LocalAddress \"127.0.0.2\" \"::1\"\n"
            "</Listener>\n"
            "LocalPort \"%2$u\"\n",
            host.full.port, host.gone.port);
}

static struct text values_of_all(int drops) {
  struct text text = {.len = 0};
  say_namespace(&text, drops);
  say_half(&text, host.half_label);
  say_full(&text, "full");
  say_listener(&text, "both of them", 2, 2, 3, 100, 1);
  say_absent(&text, ELSEWHERE);
  say_absent(&text, host.gone_label);
  return text;
}

static struct text values_of_half(void) {
  struct text text = {.len = 0};
  say_namespace(&text, 20);
  say_half(&text, host.half_label);
  return text;
}

/* After reads without counters: those of then come first. */
static struct text with_bases(const struct text *values) {
  struct text all = {.len = 0};
  for (const char *line = values->at, *end; *line; line = end + 1) {
    end = strchr(line, '\n');
    const char *found = strstr(line, " derive-");
    if (found && found < end)
      say(&all, "before: %.*s\n", (int)(end - line), line);
  }
  say(&all, "%s", values->at);
  return all;
}

static void configure_half(void) {
  configure("LocalPort %u\n", (unsigned)host.half.port);
}

TEST_WITH(values_come_in_each_of_two_lives, set_up, tear_down) {
  for (int life = 0; life < 2; life++) {
    start_daemon();
    configure_all();
    do_init();
    for (int drops = 20; drops <= 25; drops += 5) {
      write_netstat(3, drops);
      check_reads(1, values_of_all(drops).at);
    }
    do_shutdown();
  }
}

/* Our two are in the order of the kernel's table. */
TEST_WITH(without_a_selection_every_listening_port_is_reported, set_up,
          tear_down) {
  for (int has_block = 0; has_block < 2; has_block++) {
    struct text want = {.len = 0}, other_order = {.len = 0};
    say_namespace(&want, 20);
    say_half(&want, host.half_label);
    say_full(&want, host.full_label);
    say_namespace(&other_order, 20);
    say_full(&other_order, host.full_label);
    say_half(&other_order, host.half_label);

    start_daemon();
    seen.others_exist = true;
    if (has_block)
      configure("%s", "");
    do_init();
    for (int i = 0; i < 2; i++) {
      do_read();
      if (strcmp(seen.values.at, other_order.at) != 0)
        assert_string_equal(seen.values.at, want.at);
    }
    if (!has_block)
      reset_log(); /* of inspections that take more than 1 % of the time */
    do_shutdown();
  }
}

TEST_WITH(a_server_that_comes_and_goes_keeps_its_counters, set_up, tear_down) {
  struct text absent = {.len = 0}, present = {.len = 0};
  struct server server;
  assert_int_equal(open_server(&server, AF_INET, false, -1), 0);
  configure("<Listener \"a\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)server.port);
  do_init();
  say_namespace(&absent, 20);
  say_absent(&absent, "a");
  say_namespace(&present, 20);
  say_listener(&present, "a", 1, 0, 5, 0, 0);
  check_reads(1, absent.at);
  assert_int_equal(listen(server.fd, 5), 0);
  check_reads(1, present.at);
  close(server.fd);
  check_reads(1, absent.at);
  do_shutdown();
}

/* --- configuration -------------------------------------------------------- */

TEST_WITH(a_bad_option_is_logged_and_the_rest_is_used, set_up, tear_down) {
  struct text want = {.len = 0};
  configure("LocalPort \"htps\" \"%u\"\n"
            "Port 80\n",
            (unsigned)host.half.port);
  check_log("ERR: " PLUGIN "LocalPort \"htps\": unknown service, expected a "
            "port from 1 to 65535, a range like \"8000-8010\" or a service "
            "like \"https\"\n"
            "ERR: " PLUGIN "Port 80: unknown option, expected LocalPort, "
            "LocalPath, <Listener>, NetNamespace, ListeningPorts, "
            "ListeningPaths, IgnoreSelected, SampleInterval or "
            "InspectQueue\n");
  configure("<Listener \"a\">\n"
            "  LocalPort \"%u\"\n"
            "</Listener>\n"
            "<Listener \"a\">\n"
            "  LocalPort \"%u\"\n"
            "</Listener>\n",
            (unsigned)host.full.port, (unsigned)host.half.port);
  check_log("");
  do_init();
  check_log("ERR: " PLUGIN "<Listener \"a\">: label already configured, "
            "ignored. Use another name.\n");
  say_namespace(&want, 20);
  say_half(&want, host.half_label);
  say_full(&want, "a");
  check_reads(1, want.at);
  do_shutdown();
}

TEST_WITH(init_fails_and_frees_all_if_no_selection_is_valid, set_up,
          tear_down) {
  for (int life = 0; life < 2; life++) {
    configure("LocalPort \"htps\"\n");
    reset_log();
    assert_int_equal(collectd.init(), -1);
    assert_int_equal(memory.held, 0);
    check_log("ERR: " PLUGIN "No valid selection: nothing will be reported. "
              "See the errors above.\n");
    check_reads(1, ""); /* collectd does not read then */
    check_log("");
  }
  start_daemon();
  configure_half(); /* the lives before have left nothing */
  do_init();
  check_reads(1, values_of_half().at);
  do_shutdown();
}

TEST_WITH(a_second_init_changes_nothing, set_up, tear_down) {
  configure_all();
  for (int i = 0; i < 2; i++) {
    do_init();
    check_reads(1, values_of_all(20).at);
  }
  do_shutdown();
}

TEST_WITH(shutdown_works_without_init_and_twice, set_up, tear_down) {
  do_shutdown();
  configure_half();
  do_shutdown();
  do_shutdown();
}

/* --- errors --------------------------------------------------------------- */

#define READING "Reading the listening sockets"

TEST_WITH(without_the_kernel_there_are_one_line_and_no_values, set_up,
          tear_down) {
  struct text values = values_of_all(20), back = with_bases(&values);
  configure_all();
  do_init();
  for (int i = 0; i < 2; i++) {
    open_error = EAFNOSUPPORT;
    receive_error = EAGAIN; /* closes the open socket */
    if (i > 0) {
      check_reads(1, "");
      check_log("ERR: " PLUGIN READING
                " failed, nothing is reported: no answer\n");
    }
    check_reads(5, "");
    check_log("ERR: " PLUGIN READING
              " failed, nothing is reported: Address family not supported by "
              "protocol; allow AF_NETLINK (RestrictAddressFamilies, "
              "seccomp)\n");
    open_error = receive_error = 0;
    check_reads(1, i ? back.at : values.at);
    check_log("NOTICE: " PLUGIN READING " works again.\n");
    check_reads(1, values.at);
    check_log("");
  }
  do_shutdown();
}

static struct text without_lines(const struct text *all, const char *word) {
  struct text rest = {.len = 0};
  for (const char *line = all->at, *end; *line; line = end + 1) {
    end = strchr(line, '\n');
    const char *found = strstr(line, word);
    if (!found || found > end)
      say(&rest, "%.*s\n", (int)(end - line), line);
  }
  return rest;
}

TEST_WITH(a_file_that_cannot_be_read_costs_its_own_values_alone, set_up,
          tear_down) {
  static const struct {
    const char *file, *bad, *good;
    const char *lost; /* in the lines of the values that are missing */
    const char *what;
  } cases[] = {
      {"net/netstat", "TcpExt: ListenDrops\nTcpExt: 2", NULL, " derive-",
       "Reading /proc/net/netstat failed, drops and overflows are missing"},
      {"sys/net/core/somaxconn", "many\n", "4096\n", "-somaxconn",
       "Reading /proc/sys/net/core/somaxconn failed, it is missing"},
  };
  for (size_t i = 0; i < 2 * LEN(cases); i++) { /* at once, and again later */
    const char *file = cases[i / 2].file, *what = cases[i / 2].what;
    struct text with = values_of_half(), absent = {.len = 0}, bad = absent;
    struct text without = without_lines(&with, cases[i / 2].lost);
    struct text back = with_bases(&with);
    say(&absent, "ERR: " PLUGIN "%s: No such file or directory\n", what);
    say(&bad, "ERR: " PLUGIN "%s: malformed data\n", what);
    if (i % 2 == 0) {
      start_daemon();
      configure_half();
      do_init();
    }
    remove(proc_path(&proc, file));
    check_reads(3, without.at);
    check_log(absent.at);
    write_proc(&proc, file, cases[i / 2].bad);
    check_reads(6, without.at); /* the other reason may have to wait */
    check_log(bad.at);
    if (cases[i / 2].good)
      write_proc(&proc, file, cases[i / 2].good);
    else
      write_netstat(3, 20);
    check_reads(1, i == 1 ? back.at : with.at);
    check_reads(1, with.at);
    assert_non_null(strstr(collectd.log, " works again.\n"));
    reset_log();
    if (i % 2)
      do_shutdown();
  }
}

/* The read that begins finds the namespaces anew. The path is no namespace,
 * which is another error than no path. */
TEST_WITH(a_namespace_is_looked_for_at_the_beginning_of_a_read, set_up,
          tear_down) {
  struct text half = values_of_half();
  configure("LocalPort %u\nNetNamespace \"%s\"\n", (unsigned)host.half.port,
            proc_path(&proc, "ns"));
  do_init();
  check_reads(1, half.at);
  assert_non_null(strstr(collectd.log, "-ns failed: it does not exist\n"));
  reset_log();
  write_proc(&proc, "ns", "");
  check_reads(1, half.at);
  assert_non_null(strstr(collectd.log, "-ns failed: no network namespace"));
  reset_log();
  remove(proc_path(&proc, "ns"));
  do_shutdown();
}

TEST_WITH(a_limit_that_equals_somaxconn_is_a_hint_in_the_log, set_up,
          tear_down) {
  write_somaxconn("3\n");
  configure("<Listener \"a\">\n  LocalPort %u\n</Listener>\n"
            "<Listener \"b\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)host.half.port, (unsigned)host.full.port);
  do_init();
  check_log("");
  do_read();
  check_log("INFO: " PLUGIN "Listener a: the limit equals net.core.somaxconn "
            "(3). The server may have asked for more.\n");
  do_read();
  check_log("");
  write_somaxconn("128\n");
  do_read();
  check_log("INFO: " PLUGIN "Listener a: the limit is the former "
            "net.core.somaxconn (now 128). Restart the server to raise it.\n");
  do_read();
  do_shutdown();
}

/* In a label a space becomes "_". */
TEST_WITH(a_label_that_is_in_use_is_an_error_in_the_log, set_up, tear_down) {
  static const char separators[] = {' ', '_'};
  struct server sockets[LEN(separators)];
  for (size_t i = 0; i < LEN(separators); i++) {
    char name[32] = "";
    int len = snprintf(name + 1, sizeof(name) - 1, "lb%c%d", separators[i],
                       (int)getpid());
    assert_int_equal(
        open_unix_server(&sockets[i], SOCK_STREAM, name, (size_t)len + 1, 1),
        0);
  }
  configure("ListeningPaths true\nListeningPorts false\n");
  seen.others_exist = true;
  do_init();
  do_read();
  /* possibly that of another run of this test */
  assert_non_null(strstr(collectd.log, "ERR: " PLUGIN "Label already used"));
  assert_non_null(strstr(collectd.log, "the UNIX socket \"@lb"));
  assert_non_null(strstr(collectd.log, "(\"@lb_"));
  reset_log();
  do_read();
  do_shutdown();
  for (size_t i = 0; i < LEN(separators); i++)
    close(sockets[i].fd);
}

/* --- the thread ----------------------------------------------------------- */

/* The last value of that name in what was read. */
static double last_value(const char *name) {
  const char *found = NULL;
  for (const char *at = seen.values.at; (at = strstr(at, name)); at++)
    found = at + strlen(name);
  assert_non_null(found);
  return strtod(found, NULL);
}

TEST_WITH(samples_see_a_queue_that_is_empty_again_at_the_read, set_up,
          tear_down) {
  struct server server;
  int clients[3];
  assert_int_equal(open_server(&server, AF_INET, false, 5), 0);
  collectd.interval = TIME_T_TO_CDTIME_T(10);
  configure("SampleInterval 0.001\n"
            "<Listener \"a\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)server.port);
  do_init();
  do_read();
  assert_true(last_value("a queue_length-peak ") == 0);
  double peak = 0;
  for (int i = 0; i < 100 && peak < 3; i++) {
    assert_int_equal(fill_queue(&server, clients, LEN(clients)), 0);
    poll(NULL, 0, 10 << i / 10);
    for (size_t j = 0; j < LEN(clients); j++) {
      close(accept(server.fd, NULL, NULL));
      close(clients[j]);
    }
    do_read();
    assert_true(last_value("a queue_length-queue ") == 0);
    peak = last_value("a queue_length-peak ");
  }
  assert_true(peak == 3);
  assert_true(last_value("a percent-fill ") == 50);
  assert_in_range(last_value("a percent-busy "), 1, 99);
  do_read();
  assert_true(last_value("a queue_length-peak ") == 0);
  close(server.fd);
  reset_log();
  do_shutdown();
}

TEST_WITH(samples_go_on_during_an_inspection, set_up, tear_down) {
  collectd.interval = TIME_T_TO_CDTIME_T(10);
  configure("SampleInterval 0.001\nInspectQueue true\nLocalPort %u\n",
            (unsigned)host.half.port);
  do_init();
  inspection_sees_samples = true;
  for (int i = 0; i < 10; i++)
    do_read();
  reset_log();
  do_shutdown();
}

/* Sanitizers show leaks, and races between the two threads. */
TEST_WITH(a_thousand_intervals_with_all_options_in_three_lives, set_up,
          tear_down) {
  for (int life = 0; life < 3; life++) {
    start_daemon();
    collectd.interval = TIME_T_TO_CDTIME_T(10);
    seen.others_exist = true;
    configure("SampleInterval 0.001\n"
              "InspectQueue true\n"
              "ListeningPorts true\n"
              "ListeningPaths true\n"
              "NetNamespace \"*\"\n"
              "<Listener \"both of them\">\n"
              "  LocalPort %u %u\n"
              "</Listener>\n",
              (unsigned)host.half.port, (unsigned)host.full.port);
    do_init();
    for (int i = 0; i < 1000; i++)
      do_read();
    assert_true(last_value(" derive-drops ") == 20);
    reset_log();
    assert_int_equal(collectd.shutdown(), 0);
    reset_log();
  }
}

/* --- the schedule --------------------------------------------------------- */

/* on_values() checks the time stamps. */
TEST_WITH(reads_are_at_multiples_again_after_a_late_one, set_up, tear_down) {
  struct text values = values_of_half(), back = with_bases(&values);
  collectd.now += DOUBLE_TO_CDTIME_T(0.03);
  configure_half();
  do_init();
  check_reads(3, values.at);
  assert_in_range(collectd.now, collectd.due, collectd.due + MS_TO_CDTIME_T(1));
  for (int i = 0; i < 3; i++) {
    collectd.now += DOUBLE_TO_CDTIME_T(0.26);
    check_reads(1, back.at);
    check_reads(2, values.at);
    assert_in_range(collectd.now, collectd.due,
                    collectd.due + MS_TO_CDTIME_T(1));
  }
  do_shutdown();
}

TEST_WITH(if_collectd_refuses_a_registration_reads_go_on_off_the_multiples,
          set_up, tear_down) {
  struct text values = values_of_half();
  collectd.now = collectd.reads[0].next += DOUBLE_TO_CDTIME_T(0.07);
  collectd.register_error = ENOMEM;
  configure_half();
  do_init();
  check_reads(1, ""); /* it would have been aligned */
  check_reads(3, values.at);
  collectd.register_error = 0;
  check_reads(3, values.at);
  assert_in_range(collectd.now, collectd.due, collectd.due + MS_TO_CDTIME_T(1));
  do_shutdown();
}

TEST_WITH(the_single_read_of_collectd_T_is_at_once, set_up, tear_down) {
  struct text values = values_of_half();
  collectd.single_read = true;
  collectd.now += DOUBLE_TO_CDTIME_T(0.04);
  collectd.due = TIME_T_TO_CDTIME_T(1700000000);
  configure_half();
  do_init();
  seen.values = (struct text){.len = 0};
  assert_int_equal(call_next_read(), 0);
  assert_string_equal(seen.values.at, values.at);
  do_shutdown();
}

/* --- what is missing at the start ----------------------------------------- */

TEST_WITH(each_read_tries_again_to_start_the_thread, set_up, tear_down) {
  for (int life = 0; life < 2; life++) {
    start_daemon();
    collectd.interval = TIME_T_TO_CDTIME_T(10);
    configure("<Listener \"full\">\n  LocalPort %u\n</Listener>\n",
              (unsigned)host.full.port);
    create_error = EAGAIN;
    do_init();
    check_log("ERR: " PLUGIN "Starting failed, each read retries: Resource "
              "temporarily unavailable\n");
    check_reads(5, "");
    check_log("");
    if (life == 1) { /* the first one ends before it began */
      create_error = 0;
      do_read();
      check_log("NOTICE: " PLUGIN "Started.\n");
      assert_true(last_value("full queue_length-queue ") == 1);
    }
    do_shutdown();
  }
}

static size_t count_in_log(const char *what) {
  size_t count = 0;
  for (const char *at = collectd.log; (at = strstr(at, what)); at++)
    count++;
  return count;
}

/* A refused allocation is one error, and a notice when it is over; but a
 * configuration that was not read to its end ends the plugin. */
static void check_log_of_refusal(bool is_refused, bool is_running) {
  assert_int_equal(count_in_log("ERR: "), is_refused);
  assert_int_equal(count_in_log(strerror(ENOMEM)), is_refused);
  assert_int_equal(count_in_log("NOTICE: "), is_refused && is_running);
  struct text ended = {.len = 0};
  say(&ended,
      "ERR: " PLUGIN "Reading the configuration failed, nothing will be "
      "reported: %s\n",
      strerror(ENOMEM));
  if (!is_running)
    assert_string_equal(collectd.log, ended.at);
  reset_log();
}

TEST_WITH(after_any_refused_allocation_the_next_read_is_right, set_up,
          tear_down) {
  size_t lives = 0, not_running = 0;
  for (bool is_refused_one = true; is_refused_one; lives++) {
    start_daemon();
    memory.refused = 0;
    memory.fails = lives + 1;
    configure_all();
    bool is_running = collectd.init() == 0;
    not_running += !is_running;
    if (!is_running)
      assert_int_equal(memory.held, 0);
    do_read();
    memory.fails = 0;
    check_reads(1, is_running ? values_of_all(20).at : "");
    is_refused_one = memory.refused > 0;
    check_log_of_refusal(is_refused_one, is_running);
    do_shutdown();
    assert_int_equal(memory.held, 0);
  }
  assert_in_range(lives, 40, 200);
  assert_in_range(not_running, 10, lives / 2);
}

int main(void) {
  const char *missing = !has_sock_diag() ? "sock_diag"
                        : open_host()    ? "loopback to listen on"
                                         : NULL;
  if (missing) {
    printf("1..0 # SKIP no %s here\n", missing);
    return 0;
  }
  int failed = run_all_tests(NULL, NULL);
  close_host();
  return failed;
}
