// SPDX-License-Identifier: MIT
/* The plugin's callbacks, driven as collectd drives them: this program is the
 * daemon, as far as the plugin can see. The listeners are real ones, asked for
 * by sock_diag; /proc is a folder of ours, so that every counter is known. The
 * linker's --wrap sends the plugin there, and lets the kernel be out of reach.
 */
#include "daemon.h"

#include <utils_complain.h>

#include "kernel/kernel_transport.h"
#include "memory.h"
#include "unit.h"

#include <pthread.h>

/* --- collectd ------------------------------------------------------------ */

struct seen {
  char id[3 * DATA_MAX_NAME_LEN];
  derive_t derive;
};

enum { MAX_SEEN = 256 };

static struct {
  cdtime_t now;      /* moves with each look at it */
  cdtime_t time;     /* of this read's values */
  cdtime_t interval; /* 0.1 s: by default no looks in between */
  bool crowded; /* others listen, too: what they have is not written down */
  struct text values;
  struct text log;
  struct seen counters[MAX_SEEN]; /* as last dispatched */
  size_t counters_len;
} fake;

static void check_name(const char *name) {
  assert_string_equal(name, "listen_backlog");
}

cdtime_t cdtime(void) { return ++fake.now; }

cdtime_t plugin_get_interval(void) { return fake.interval; }

void plugin_log(int level, const char *format, ...) {
  char line[1024]; /* as much as collectd has */
  va_list args;
  va_start(args, format);
  int len = vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  assert_in_range(len, 1, sizeof(line) - 1);
  assert_null(strchr(line, '\n'));
  say(&fake.log, "%s: %s\n",
      level == LOG_ERR       ? "ERR"
      : level == LOG_NOTICE  ? "NOTICE"
      : level == LOG_WARNING ? "WARNING"
      : level == LOG_INFO    ? "INFO"
                             : "?",
      line);
}

#define INTERVAL TIME_T_TO_CDTIME_T(10)

/* utils_complain.c, as far as it is used. */
void c_complain(int level, c_complain_t *c, const char *format, ...) {
  char line[512];
  cdtime_t now = cdtime();
  if (c->last + c->interval > now)
    return;
  c->last = now;
  c->interval = c->interval ? c->interval * 2 : INTERVAL;
  c->complained_once = true;
  va_list args;
  va_start(args, format);
  assert_in_range(vsnprintf(line, sizeof(line), format, args), 1,
                  sizeof(line) - 1);
  va_end(args);
  plugin_log(level, "%s", line);
}

static void check_counter(const char *id, derive_t derive) {
  size_t i = 0;
  while (i < fake.counters_len && strcmp(fake.counters[i].id, id) != 0)
    i++;
  assert_in_range(i, 0, MAX_SEEN - 1);
  struct seen *seen = &fake.counters[i];
  if (i == fake.counters_len) {
    fake.counters_len++;
    snprintf(seen->id, sizeof(seen->id), "%s", id);
  } else if (derive < seen->derive) {
    fail_msg("%s went back", id);
  }
  seen->derive = derive;
}

/* Of types.db: the types that we use, and their ranges. */
static void say_value(const char *id, const char *type, value_t value) {
  static const struct {
    const char *name;
    double max;
  } gauges[] = {{"queue_length", 1e300}, {"percent", 100}, {"count", 1e300}};
  if (strcmp(type, "derive") == 0) {
    check_counter(id, value.derive);
    say(&fake.values, "%s %lld\n", id, (long long)value.derive);
    return;
  }
  for (size_t i = 0; i < LEN(gauges); i++)
    if (strcmp(type, gauges[i].name) == 0) {
      assert_true(value.gauge >= 0 && value.gauge <= gauges[i].max);
      say(&fake.values, "%s %.15g\n", id, value.gauge);
      return;
    }
  fail_msg("no stock type: %s", type);
}

static bool is_ours(const char *label);

int plugin_dispatch_values(value_list_t const *list) {
  static const char no_host[DATA_MAX_NAME_LEN];
  char id[3 * DATA_MAX_NAME_LEN];
  if (!fake.time)
    fake.time = list->time;
  assert_true(list->time && list->time == fake.time);
  assert_int_equal(list->values_len, 1);
  assert_int_equal(list->interval, 0); /* collectd's own */
  assert_memory_equal(list->host, no_host, sizeof(no_host));
  assert_null(list->meta);
  assert_string_equal(list->plugin, "listen_backlog");
  snprintf(id, sizeof(id), "%s %s-%s", list->plugin_instance, list->type,
           list->type_instance);
  if (is_said(list->type_instance) &&
      (!fake.crowded || is_ours(list->plugin_instance)))
    say_value(id, list->type, list->values[0]);
  return 0;
}

static void reset(struct text *text) {
  text->len = 0;
  text->at[0] = '\0';
}

static void start_daemon(void) {
  memset(&fake, 0, sizeof(fake));
  memset(&plugin_has, 0, sizeof(plugin_has));
  fake.now = TIME_T_TO_CDTIME_T(1700000000);
  fake.interval = DOUBLE_TO_CDTIME_T(0.1);
  module_register();
}

__attribute__((format(printf, 1, 2))) static void configure(const char *format,
                                                            ...) {
  struct text config = {.len = 0};
  va_list args;
  va_start(args, format);
  vsnprintf(config.at, sizeof(config.at), format, args);
  va_end(args);
  size_t fails = memory.fails;
  memory.fails = 0; /* collectd's own memory is not short, nor counted */
  long held = memory.held;
  oconfig_item_t block = read_config(config.at);
  memory.held = held;
  memory.fails = fails;
  assert_int_equal(plugin_has.config(&block), 0);
  held = memory.held;
  fails = memory.fails;
  memory.fails = 0;
  free_config(&block);
  memory.fails = fails;
  memory.held = held;
}

/* One interval: what it dispatched is in fake.values. */
static void do_read(void) {
  reset(&fake.values);
  fake.time = 0;
  fake.now += INTERVAL;
  assert_int_equal(plugin_has.read(), 0);
}

/* What was logged since the last time. */
static void check_log(const char *want) {
  assert_string_equal(fake.log.at, want);
  reset(&fake.log);
}

/* --- behind the plugin --------------------------------------------------- */

int __real_lb_kernel_transport_new(const char *path, const char *netns,
                                   const struct lb_netns_id *id,
                                   struct lb_transport **out);
int __wrap_lb_kernel_transport_new(const char *path, const char *netns,
                                   const struct lb_netns_id *id,
                                   struct lb_transport **out);
struct mnl_socket *__real_mnl_socket_open2(int bus, int flags);
struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
                                   size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
                                   size_t size);

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data);

static struct proc proc;
static int create_error;  /* of every thread while set */
static int open_error;    /* of every netlink socket while set */
static int receive_error; /* of every answer while set */

int __wrap_lb_kernel_transport_new(const char *path, const char *netns,
                                   const struct lb_netns_id *id,
                                   struct lb_transport **out) {
  assert_string_equal(path, "/proc");
  return __real_lb_kernel_transport_new(proc.root, netns, id, out);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*run)(void *), void *data) {
  return create_error ? create_error
                      : __real_pthread_create(thread, attr, run, data);
}

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags) {
  if (!open_error)
    return __real_mnl_socket_open2(bus, flags);
  errno = open_error;
  return NULL;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
                                   size_t size) {
  if (!receive_error)
    return __real_mnl_socket_recvfrom(nl, buf, size);
  errno = receive_error;
  return -1;
}

static void write_netstat(unsigned long long cookies,
                          unsigned long long overflows,
                          unsigned long long drops,
                          unsigned long long syn_drops) {
  struct text text = {.len = 0};
  say(&text,
      "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPReqQFullDrop\n"
      "TcpExt: %llu %llu %llu %llu\n",
      cookies, overflows, drops, syn_drops);
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
} world;

static int open_world(void) {
  return open_server(&world.half, AF_INET, false, 3) ||
         open_server(&world.full, AF_INET, false, 0) ||
         open_server(&world.gone, AF_INET, false, -1) ||
         fill_queue(&world.half, &world.clients[0], 1) ||
         fill_queue(&world.full, &world.clients[1], 1);
}

static void close_world(void) {
  close(world.clients[0]);
  close(world.clients[1]);
  close(world.half.fd);
  close(world.full.fd);
  close(world.gone.fd);
}

static const char *label_of(const struct server *server, char buf[static 8]) {
  snprintf(buf, 8, "%u", (unsigned)server->port);
  return buf;
}

static bool is_ours(const char *label) {
  const struct server *servers[] = {&world.half, &world.full, &world.gone};
  char buf[8];
  for (size_t i = 0; i < LEN(servers); i++)
    if (strcmp(label, label_of(servers[i], buf)) == 0)
      return true;
  return *label == '\0'; /* the namespace */
}

static int set_up(void **state) {
  (void)state;
  create_error = open_error = receive_error = 0;
  make_proc(&proc, "test_plugin");
  write_netstat(3, 10, 20, 4);
  write_somaxconn("4096\n");
  start_daemon();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  remove_proc(&proc);
  return 0;
}

/* --- readings ------------------------------------------------------------ */

/* The lines of a namespace, its label an empty one. */
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

static void say_half(struct text *text, const char *label) {
  say(text,
      "%1$s queue_length-queue 1\n"
      "%1$s queue_length-limit 3\n"
      "%1$s queue_length-peak 1\n"
      "%1$s percent-busy 100\n"
      "%1$s percent-fill 25\n"
      "%1$s count-sockets 1\n"
      "%1$s count-full 0\n"
      "%1$s derive-drops 0\n"
      "%1$s derive-overflows 0\n",
      label);
}

static void say_full(struct text *text, const char *label) {
  say(text,
      "%1$s queue_length-queue 1\n"
      "%1$s queue_length-limit 0\n"
      "%1$s queue_length-peak 1\n"
      "%1$s percent-busy 100\n"
      "%1$s percent-fill 100\n"
      "%1$s count-sockets 1\n"
      "%1$s count-full 1\n"
      "%1$s derive-drops 0\n"
      "%1$s derive-overflows 0\n",
      label);
}

static void say_absent(struct text *text, const char *label) {
  say(text,
      "%1$s count-sockets 0\n"
      "%1$s derive-drops 0\n"
      "%1$s derive-overflows 0\n",
      label);
}

static void configure_all(void) {
  configure("LocalPort \"%1$u\"\n"
            "<Listener \"full\">\n"
            "  LocalPort \"%2$u\"\n"
            "  LocalAddress \"127.0.0.1\"\n"
            "</Listener>\n"
            "<Listener \"both of them\">\n"
            "  LocalPort %1$u \"%2$u\"\n"
            "</Listener>\n",
            world.half.port, world.full.port);
  configure("<Listener \"elsewhere\">\n"
            "  LocalPort \"%1$u\"\n"
            "  LocalAddress \"127.0.0.2\" \"::1\"\n"
            "</Listener>\n"
            "LocalPort \"%2$u\"\n",
            world.full.port, world.gone.port);
}

static void say_all(struct text *text, int drops) {
  char buf[8];
  say_namespace(text, drops);
  say_half(text, label_of(&world.half, buf));
  say_full(text, "full");
  say(text, "both of them queue_length-queue 2\n"
            "both of them queue_length-limit 3\n"
            "both of them queue_length-peak 2\n"
            "both of them percent-busy 100\n"
            "both of them percent-fill 100\n"
            "both of them count-sockets 2\n"
            "both of them count-full 1\n"
            "both of them derive-drops 0\n"
            "both of them derive-overflows 0\n");
  say_absent(text, "elsewhere");
  say_absent(text, label_of(&world.gone, buf));
}

static void a_whole_life_twice_over(void **state) {
  (void)state;
  for (int life = 0; life < 2; life++) {
    struct text first = {.len = 0}, second = {.len = 0};
    say_all(&first, 20);
    say_all(&second, 25);
    start_daemon();
    configure_all();
    assert_int_equal(plugin_has.init(), 0);
    write_netstat(3, 10, 20, 4);
    do_read();
    assert_string_equal(fake.values.at, first.at);
    write_netstat(3, 10, 25, 4);
    do_read();
    assert_string_equal(fake.values.at, second.at);
    assert_int_equal(plugin_has.shutdown(), 0);
    check_log("");
  }
}

/* Every port that is listened on reports, ours among them in the order of the
 * kernel's table, and no other. */
static void check_everything(void) {
  struct text want = {.len = 0}, other_order = {.len = 0};
  char half[8], full[8];
  label_of(&world.half, half);
  label_of(&world.full, full);
  say_namespace(&want, 20);
  say_half(&want, half);
  say_full(&want, full);
  say_namespace(&other_order, 20);
  say_full(&other_order, full);
  say_half(&other_order, half);

  fake.crowded = true;
  assert_int_equal(plugin_has.init(), 0);
  for (int i = 0; i < 2; i++) {
    do_read();
    if (strcmp(fake.values.at, other_order.at) != 0)
      assert_string_equal(fake.values.at, want.at);
  }
  assert_int_equal(plugin_has.shutdown(), 0);
}

static void without_configuration_every_listening_port_reports(void **state) {
  (void)state;
  check_everything();
}

static void an_empty_plugin_block_is_no_configuration(void **state) {
  (void)state;
  configure("%s", "");
  check_everything();
}

static void a_server_that_comes_and_goes_keeps_its_counters(void **state) {
  (void)state;
  struct text absent = {.len = 0}, present = {.len = 0};
  struct server server;
  assert_int_equal(open_server(&server, AF_INET, false, -1), 0);
  configure("<Listener \"a\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)server.port);
  assert_int_equal(plugin_has.init(), 0);
  say_namespace(&absent, 20);
  say_absent(&absent, "a");
  say_namespace(&present, 20);
  say(&present, "a queue_length-queue 0\n"
                "a queue_length-limit 5\n"
                "a queue_length-peak 0\n"
                "a percent-busy 0\n"
                "a percent-fill 0\n"
                "a count-sockets 1\n"
                "a count-full 0\n"
                "a derive-drops 0\n"
                "a derive-overflows 0\n");
  do_read();
  assert_string_equal(fake.values.at, absent.at);
  assert_int_equal(listen(server.fd, 5), 0);
  do_read();
  assert_string_equal(fake.values.at, present.at);
  close(server.fd);
  do_read();
  assert_string_equal(fake.values.at, absent.at);
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

/* A server may call listen() again for less than what waits already. */
static void a_queue_far_above_its_limit_is_100_percent(void **state) {
  (void)state;
  struct text want = {.len = 0};
  struct server server;
  int clients[3];
  assert_int_equal(open_server(&server, AF_INET, false, 2), 0);
  assert_int_equal(fill_queue(&server, clients, 3), 0);
  assert_int_equal(listen(server.fd, 0), 0);
  configure("<Listener \"a\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)server.port);
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  say_namespace(&want, 20);
  say(&want, "a queue_length-queue 3\n"
             "a queue_length-limit 0\n"
             "a queue_length-peak 3\n"
             "a percent-busy 100\n"
             "a percent-fill 100\n"
             "a count-sockets 1\n"
             "a count-full 1\n"
             "a derive-drops 0\n"
             "a derive-overflows 0\n");
  assert_string_equal(fake.values.at, want.at);
  for (int i = 0; i < 3; i++)
    close(clients[i]);
  close(server.fd);
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

/* And check_counter() holds for every counter of every test. */
static void
a_counter_of_the_kernel_that_goes_back_takes_none_along(void **state) {
  (void)state;
  static const struct {
    unsigned long long kernel;
    const char *want;
  } cases[] = {
      {4294967290, " derive-syncookies_sent 4294967290\n"},
      {5, " derive-syncookies_sent 4294967301\n"}, /* 32 bits wrapped */
      {0, " derive-syncookies_sent 4294967301\n"}, /* that did not */
      {7, " derive-syncookies_sent 4294967308\n"},
      {5000000000, " derive-syncookies_sent 9294967301\n"},
      {9, " derive-syncookies_sent 9294967301\n"},
  };
  configure("LocalPort %u\n", (unsigned)world.half.port);
  assert_int_equal(plugin_has.init(), 0);
  for (size_t i = 0; i < LEN(cases); i++) {
    write_netstat(cases[i].kernel, 10, 20, 4);
    do_read();
    assert_non_null(strstr(fake.values.at, cases[i].want));
  }
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

/* --- configuration ------------------------------------------------------- */

static void a_bad_configuration_is_logged_and_the_rest_is_used(void **state) {
  (void)state;
  struct text want = {.len = 0};
  char buf[8];
  configure("LocalPort \"htps\" \"%u\"\n"
            "Port 80\n",
            (unsigned)world.half.port);
  check_log("ERR: listen_backlog plugin: LocalPort \"htps\": unknown service, "
            "expected a port from 1 to 65535, a range like \"8000-8010\" or a "
            "service like \"https\"\n"
            "ERR: listen_backlog plugin: Port 80: unknown option, expected "
            "LocalPort, LocalPath, <Listener>, NetNamespace, ListeningPorts, "
            "ListeningPaths, IgnoreSelected, SampleInterval or "
            "InspectQueue\n");
  configure("<Listener \"a\">\n"
            "  LocalPort \"%u\"\n"
            "</Listener>\n"
            "<Listener \"a\">\n"
            "  LocalPort \"%u\"\n"
            "</Listener>\n",
            (unsigned)world.full.port, (unsigned)world.half.port);
  check_log("");
  assert_int_equal(plugin_has.init(), 0);
  check_log("ERR: listen_backlog plugin: <Listener \"a\">: label already "
            "configured, ignored. Use another name.\n");
  do_read();
  say_namespace(&want, 20);
  say_half(&want, label_of(&world.half, buf));
  say_full(&want, "a");
  assert_string_equal(fake.values.at, want.at);
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

static void with_nothing_valid_left_init_fails(void **state) {
  (void)state;
  for (int life = 0; life < 2; life++) {
    configure("LocalPort \"htps\"\n");
    reset(&fake.log);
    assert_int_equal(plugin_has.init(), -1);
    check_log("ERR: listen_backlog plugin: No valid selection: nothing "
              "will be reported. See the errors above.\n");
    do_read(); /* collectd would not */
    assert_string_equal(fake.values.at, "");
    check_log("");
  }
  assert_int_equal(plugin_has.shutdown(), 0);
}

static void a_second_init_changes_nothing(void **state) {
  (void)state;
  struct text want = {.len = 0};
  configure_all();
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  say_all(&want, 20);
  assert_string_equal(fake.values.at, want.at);
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

static void a_shutdown_needs_no_init(void **state) {
  (void)state;
  assert_int_equal(plugin_has.shutdown(), 0);
  configure("LocalPort 80\n");
  assert_int_equal(plugin_has.shutdown(), 0);
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

/* --- trouble ------------------------------------------------------------- */

#define LOOK "listen_backlog plugin: Reading the listening sockets"
#define NO_LOOK "ERR: " LOOK " failed, nothing is reported: "
#define LOOK_AGAIN "NOTICE: " LOOK " works again.\n"

static void check_silent_reads(int reads) {
  for (int i = 0; i < reads; i++) {
    do_read();
    assert_string_equal(fake.values.at, "");
  }
}

static void check_complaint(const char *start, const char *reason) {
  struct text want = {.len = 0};
  say(&want, "%s%s\n", start, reason);
  check_log(want.at);
}

static void without_the_kernel_there_is_one_complaint(void **state) {
  (void)state;
  struct text reason = {.len = 0}, want = {.len = 0};
  say(&reason, "%s; allow AF_NETLINK (RestrictAddressFamilies, seccomp)",
      strerror(EAFNOSUPPORT));
  say_all(&want, 20);
  configure_all();
  assert_int_equal(plugin_has.init(), 0);
  for (int i = 0; i < 2; i++) {
    open_error = EAFNOSUPPORT;
    receive_error = EAGAIN; /* closes what is open */
    if (i > 0) {
      check_silent_reads(1);
      check_complaint(NO_LOOK, "no answer");
    }
    check_silent_reads(5);
    check_complaint(NO_LOOK, reason.at);
    open_error = receive_error = 0;
    do_read();
    assert_string_equal(fake.values.at, want.at);
    check_log(LOOK_AGAIN);
    do_read();
    assert_string_equal(fake.values.at, want.at);
    check_log("");
  }
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

static void each_other_trouble_is_another_complaint(void **state) {
  (void)state;
  static const struct {
    int err;
    const char *reason;
  } cases[] = {
      {EAGAIN, "no answer"},
      {ENOSPC, "the answer was cut off"},
      {EAGAIN, "no answer"},
  };
  configure_all();
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  for (size_t i = 0; i < LEN(cases); i++) {
    receive_error = cases[i].err;
    check_silent_reads(3);
    check_complaint(NO_LOOK, cases[i].reason);
  }
  receive_error = ENOBUFS;
  check_silent_reads(6); /* the fourth reason in a row has to wait a little */
  check_complaint(NO_LOOK, strerror(ENOBUFS));
  receive_error = 0;
  do_read();
  check_log(LOOK_AGAIN);
  assert_int_equal(plugin_has.shutdown(), 0);
}

static void troubles_that_alternate_are_said_less_and_less_often(void **state) {
  (void)state;
  configure_all();
  assert_int_equal(plugin_has.init(), 0);
  for (int i = 0; i < 100; i++) {
    receive_error = i % 2 ? EAGAIN : ENOSPC;
    check_silent_reads(1);
  }
  size_t lines = 0;
  for (const char *at = fake.log.at; (at = strchr(at, '\n')); at++)
    lines++;
  assert_in_range(lines, 3, 7);
  receive_error = 0;
  assert_int_equal(plugin_has.shutdown(), 0);
  reset(&fake.log);
}

static void
trouble_that_comes_and_goes_is_said_less_and_less_often(void **state) {
  (void)state;
  configure_all();
  assert_int_equal(plugin_has.init(), 0);
  for (int i = 0; i < 100; i++) {
    receive_error = i % 2 ? 0 : EAGAIN;
    do_read();
  }
  size_t lines = 0;
  for (const char *at = fake.log.at; (at = strchr(at, '\n')); at++)
    lines++;
  assert_in_range(lines, 6, 14); /* its end as often */
  assert_int_equal(plugin_has.shutdown(), 0);
  reset(&fake.log);
}

static void say_without_counters(struct text *text) {
  char buf[8];
  say(text,
      " queue_length-somaxconn 4096\n"
      "%1$s queue_length-queue 1\n"
      "%1$s queue_length-limit 3\n"
      "%1$s queue_length-peak 1\n"
      "%1$s percent-busy 100\n"
      "%1$s percent-fill 25\n"
      "%1$s count-sockets 1\n"
      "%1$s count-full 0\n",
      label_of(&world.half, buf));
}

#define NETSTAT "listen_backlog plugin: Reading /proc/net/netstat"

static void without_netstat_there_are_no_counters(void **state) {
  (void)state;
  struct text with = {.len = 0}, without = {.len = 0};
  char buf[8];
  say_namespace(&with, 20);
  say_half(&with, label_of(&world.half, buf));
  say_without_counters(&without);
  configure("LocalPort %u\n", (unsigned)world.half.port);
  assert_int_equal(plugin_has.init(), 0);
  for (int i = 0; i < 2; i++) { /* from the first read on, and later */
    remove(proc_path(&proc, "net/netstat"));
    for (int j = 0; j < 3; j++) {
      do_read();
      assert_string_equal(fake.values.at, without.at);
    }
    check_complaint("ERR: " NETSTAT
                    " failed, drops and overflows are missing: ",
                    strerror(ENOENT));
    write_proc(&proc, "net/netstat", "TcpExt: ListenDrops\nTcpExt: 2");
    for (int j = 0; j < 3; j++) {
      do_read();
      assert_string_equal(fake.values.at, without.at);
    }
    check_log("ERR: " NETSTAT
              " failed, drops and overflows are missing: malformed data\n");
    write_netstat(3, 10, 20, 4);
    do_read();
    assert_string_equal(fake.values.at, with.at);
    check_log("NOTICE: " NETSTAT " works again.\n");
    do_read();
    assert_string_equal(fake.values.at, with.at);
    check_log("");
  }
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

static void a_kernel_without_a_counter_sends_none(void **state) {
  (void)state;
  struct text want = {.len = 0};
  write_proc(&proc, "net/netstat", "TcpExt: ListenDrops TW\nTcpExt: 20 1\n");
  configure("LocalPort %u\n", (unsigned)world.half.port);
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  do_read();
  say(&want, " derive-drops 20\n");
  say_without_counters(&want);
  assert_string_equal(fake.values.at, want.at);
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

#define SOMAXCONN_FILE                                                         \
  "listen_backlog plugin: Reading /proc/sys/net/core/somaxconn"

static void without_somaxconn_only_somaxconn_is_missing(void **state) {
  (void)state;
  struct text with = {.len = 0}, without = {.len = 0};
  char buf[8];
  say_namespace(&with, 20);
  say_half(&with, label_of(&world.half, buf));
  say(&without, " derive-drops 20\n"
                " derive-overflows 10\n"
                " derive-syn_drops 4\n"
                " derive-syncookies_sent 3\n"
                " derive-overflows_unattributed 10\n");
  say_half(&without, buf);
  configure("LocalPort %u\n", (unsigned)world.half.port);
  assert_int_equal(plugin_has.init(), 0);
  for (int i = 0; i < 2; i++) {
    remove(proc_path(&proc, "sys/net/core/somaxconn"));
    for (int j = 0; j < 3; j++) {
      do_read();
      assert_string_equal(fake.values.at, without.at);
    }
    check_complaint("ERR: " SOMAXCONN_FILE " failed, it is missing: ",
                    strerror(ENOENT));
    write_somaxconn("many\n");
    for (int j = 0; j < 6; j++) { /* the other reason may have to wait */
      do_read();
      assert_string_equal(fake.values.at, without.at);
    }
    check_log("ERR: " SOMAXCONN_FILE
              " failed, it is missing: malformed data\n");
    write_somaxconn("4096\n");
    do_read();
    assert_string_equal(fake.values.at, with.at);
    check_log("NOTICE: " SOMAXCONN_FILE " works again.\n");
  }
  assert_int_equal(plugin_has.shutdown(), 0);
  check_log("");
}

/* --- hints --------------------------------------------------------------- */

static void a_clamped_limit_is_hinted_at_once(void **state) {
  (void)state;
  write_somaxconn("3\n");
  configure("<Listener \"a\">\n  LocalPort %u\n</Listener>\n"
            "<Listener \"b\">\n  LocalPort %u\n</Listener>\n"
            "<Listener \"c\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)world.half.port, (unsigned)world.full.port,
            (unsigned)world.half.port);
  assert_int_equal(plugin_has.init(), 0);
  check_log("");
  do_read();
  check_log("INFO: listen_backlog plugin: Listeners a, c: the limit equals "
            "net.core.somaxconn (3). The server may have asked for more.\n");
  do_read();
  check_log("");
  write_somaxconn("128\n");
  do_read();
  check_log("INFO: listen_backlog plugin: Listeners a, c: the limit is the "
            "former net.core.somaxconn (now 128). Restart the server to raise "
            "it.\n");
  do_read();
  write_somaxconn("3\n");
  do_read();
  write_somaxconn("4096\n");
  do_read();
  check_log("");
  assert_int_equal(plugin_has.shutdown(), 0);
}

static void a_hint_counts_the_sockets_of_a_listener(void **state) {
  (void)state;
  struct server twin;
  write_somaxconn("3\n");
  assert_int_equal(open_server(&twin, AF_INET, false, 3), 0);
  configure("<Listener \"twins\">\n  LocalPort %u %u\n</Listener>\n",
            (unsigned)world.half.port, (unsigned)twin.port);
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  check_log("INFO: listen_backlog plugin: Listener twins (2 sockets): the "
            "limit equals net.core.somaxconn (3). The server may have asked "
            "for more.\n");
  close(twin.fd);
  do_read();
  check_log("");
  assert_int_equal(plugin_has.shutdown(), 0);
}

static void a_long_hint_says_how_many_more(void **state) {
  (void)state;
  struct text want = {.len = 0};
  write_somaxconn("3\n");
  say(&want, "INFO: listen_backlog plugin: Listeners ");
  for (int i = 0; i < 60; i++) {
    configure("<Listener \"listener %02d\">\n  LocalPort %u\n</Listener>\n", i,
              (unsigned)world.half.port);
    if (i < 24) /* 11 bytes and ", " each, of LB_NAMES_SIZE */
      say(&want, "%slistener %02d", i ? ", " : "", i);
  }
  say(&want, " and 36 more: the limit equals net.core.somaxconn (3). The "
             "server may have asked for more.\n");
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  check_log(want.at);
  assert_int_equal(plugin_has.shutdown(), 0);
}

/* --- the thread ---------------------------------------------------------- */

/* The last value of that name in what was read. */
static double last_value(const char *name) {
  const char *found = NULL;
  for (const char *at = fake.values.at; (at = strstr(at, name)); at++)
    found = at + strlen(name);
  assert_non_null(found);
  return strtod(found, NULL);
}

static void looks_within_the_interval_see_what_the_read_does_not(void **state) {
  (void)state;
  struct server server;
  int clients[3];
  assert_int_equal(open_server(&server, AF_INET, false, 5), 0);
  fake.interval = INTERVAL;
  configure("SampleInterval 0.001\n"
            "<Listener \"a\">\n  LocalPort %u\n</Listener>\n",
            (unsigned)server.port);
  assert_int_equal(plugin_has.init(), 0);
  do_read();
  assert_true(last_value("a queue_length-peak ") == 0);
  double peak = 0;
  for (int i = 0; i < 100 && peak == 0; i++) {
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
  assert_int_equal(plugin_has.shutdown(), 0);
  reset(&fake.log);
}

/* With sanitizers this is what shows leaks, and the two threads' races. */
static void a_thousand_intervals_with_everything_on_three_times(void **state) {
  (void)state;
  for (int life = 0; life < 3; life++) {
    start_daemon();
    fake.interval = INTERVAL;
    fake.crowded = true;
    configure("SampleInterval 0.001\n"
              "InspectQueue true\n"
              "ListeningPorts true\n"
              "ListeningPaths true\n"
              "NetNamespace \"*\"\n"
              "<Listener \"both of them\">\n"
              "  LocalPort %u %u\n"
              "</Listener>\n",
              (unsigned)world.half.port, (unsigned)world.full.port);
    assert_int_equal(plugin_has.init(), 0);
    for (int i = 0; i < 1000; i++)
      do_read();
    assert_true(last_value(" derive-drops ") == 20);
    assert_int_equal(plugin_has.shutdown(), 0);
    reset(&fake.log);
  }
}

/* --- what it cannot have at the start ------------------------------------- */

#define TRY_AGAIN                                                              \
  "ERR: listen_backlog plugin: Starting failed, each read retries: "

static void without_a_thread_each_read_tries_again(void **state) {
  (void)state;
  fake.interval = INTERVAL;
  for (int life = 0; life < 2; life++) {
    configure("<Listener \"full\">\n  LocalPort %u\n</Listener>\n",
              (unsigned)world.full.port);
    create_error = EAGAIN;
    assert_int_equal(plugin_has.init(), 0);
    check_complaint(TRY_AGAIN, strerror(EAGAIN));
    check_silent_reads(5);
    check_log("");
    if (life == 0) { /* one that is over before it began */
      assert_int_equal(plugin_has.shutdown(), 0);
      check_log("");
      continue;
    }
    create_error = 0;
    do_read();
    check_log("NOTICE: listen_backlog plugin: Started.\n");
    assert_true(last_value("full queue_length-queue ") == 1);
    assert_int_equal(plugin_has.shutdown(), 0);
    check_log("");
  }
}

static size_t count_in(const char *text, const char *what) {
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, what)); at++)
    count++;
  return count;
}

/* What was refused is one error, and a notice when it is over: but for a
 * configuration that was not read to its end, which is never. */
static void check_told_of(bool is_refused, bool is_running) {
  assert_int_equal(count_in(fake.log.at, "ERR: "), is_refused);
  assert_int_equal(count_in(fake.log.at, ": Cannot allocate memory\n"),
                   is_refused);
  assert_int_equal(count_in(fake.log.at, "NOTICE: "), is_refused && is_running);
  if (!is_running)
    assert_string_equal(fake.log.at,
                        "ERR: listen_backlog plugin: Reading the "
                        "configuration failed, nothing will be reported: "
                        "Cannot allocate memory\n");
  reset(&fake.log);
}

static void whichever_allocation_fails_the_next_read_is_right(void **state) {
  (void)state;
  struct text want = {.len = 0};
  size_t lives = 0, not_running = 0;
  long held_before = memory.held;
  say_all(&want, 20);
  for (bool is_refused_one = true; is_refused_one; lives++) {
    start_daemon();
    memory.refused = 0;
    memory.fails = lives + 1;
    configure_all();
    bool is_running = plugin_has.init() == 0;
    not_running += !is_running;
    do_read();
    memory.fails = 0;
    do_read();
    assert_string_equal(fake.values.at, is_running ? want.at : "");
    assert_int_equal(plugin_has.shutdown(), 0);
    is_refused_one = memory.refused > 0;
    check_told_of(is_refused_one, is_running);
    assert_int_equal(memory.held, held_before);
  }
  assert_in_range(lives, 40, 200);
  assert_in_range(not_running, 10, lives / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_whole_life_twice_over, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(
          without_configuration_every_listening_port_reports, set_up,
          tear_down),
      cmocka_unit_test_setup_teardown(an_empty_plugin_block_is_no_configuration,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_server_that_comes_and_goes_keeps_its_counters, set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_queue_far_above_its_limit_is_100_percent, set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_counter_of_the_kernel_that_goes_back_takes_none_along, set_up,
          tear_down),
      cmocka_unit_test_setup_teardown(
          a_bad_configuration_is_logged_and_the_rest_is_used, set_up,
          tear_down),
      cmocka_unit_test_setup_teardown(with_nothing_valid_left_init_fails,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_second_init_changes_nothing, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_shutdown_needs_no_init, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(without_the_kernel_there_is_one_complaint,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          trouble_that_comes_and_goes_is_said_less_and_less_often, set_up,
          tear_down),
      cmocka_unit_test_setup_teardown(
          troubles_that_alternate_are_said_less_and_less_often, set_up,
          tear_down),
      cmocka_unit_test_setup_teardown(each_other_trouble_is_another_complaint,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(without_netstat_there_are_no_counters,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_kernel_without_a_counter_sends_none,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          without_somaxconn_only_somaxconn_is_missing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_clamped_limit_is_hinted_at_once, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_hint_counts_the_sockets_of_a_listener,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_long_hint_says_how_many_more, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(
          looks_within_the_interval_see_what_the_read_does_not, set_up,
          tear_down),
      cmocka_unit_test_setup_teardown(without_a_thread_each_read_tries_again,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          whichever_allocation_fails_the_next_read_is_right, set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_thousand_intervals_with_everything_on_three_times, set_up,
          tear_down),
  };
  const char *missing = !has_sock_diag() ? "sock_diag"
                        : open_world()   ? "loopback to listen on"
                                         : NULL;
  if (missing) {
    printf("1..0 # SKIP no %s here\n", missing);
    return 0;
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_world();
  return failed;
}
