// SPDX-License-Identifier: MIT
/* The running kernel as a source of UNIX sockets and of what waits, here and in
 * another network namespace, each with sockets of our own in it. The linker's
 * --wrap sends live.c's calls of netlink.c through here, where they are written
 * down and some of them fail. test_netlink.c has its listeners and files. */
#include "kernel/live.h"

#include "kernel/netlink.h"
#include "unit.h"

#include <pthread.h>

/* --- the calls ----------------------------------------------------------- */

static struct {
  int faults[2];  /* of the next dumps, until 0: these are lost */
  int refuse;     /* the request for both families, with this error */
  bool is_silent; /* for calls of two threads */
  struct text log;
} calls;

/* Calls of malloc() and calloc() until one that fails, or 0. */
static unsigned fail_after;

static struct lb_netns_id own;

int __real_lb_netlink_open(struct lb_netlink *nl);
int __wrap_lb_netlink_open(struct lb_netlink *nl);
int __real_lb_netlink_dump(struct lb_netlink *nl, struct nlmsghdr *request,
                           struct lb_taker taker, const struct lb_tap *tap);
int __wrap_lb_netlink_dump(struct lb_netlink *nl, struct nlmsghdr *request,
                           struct lb_taker taker, const struct lb_tap *tap);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t len, size_t size);
void *__wrap_calloc(size_t len, size_t size);

static bool is_out_of_memory(void) {
  return fail_after > 0 && --fail_after == 0;
}

void *__wrap_malloc(size_t size) {
  return is_out_of_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t len, size_t size) {
  return is_out_of_memory() ? NULL : __real_calloc(len, size);
}

int __wrap_lb_netlink_open(struct lb_netlink *nl) {
  struct lb_netns_id id = {0, 0};
  lb_netns_identify(NULL, &id);
  say(&calls.log, lb_netns_is_same(&id, &own) ? "open\n" : "open there\n");
  return __real_lb_netlink_open(nl);
}

static const char *name_of(const struct nlmsghdr *request) {
  if (request->nlmsg_type == TCPDIAG_GETSOCK)
    return "both";
  switch (*(const uint8_t *)mnl_nlmsg_get_payload(request)) {
  case AF_INET:
    return "IPv4";
  case AF_INET6:
    return "IPv6";
  default:
    return request->nlmsg_flags & NLM_F_DUMP ? "UNIX" : "one UNIX";
  }
}

static int next_fault(void) {
  int fault = calls.faults[0];
  calls.faults[0] = calls.faults[1];
  calls.faults[1] = 0;
  return fault;
}

int __wrap_lb_netlink_dump(struct lb_netlink *nl, struct nlmsghdr *request,
                           struct lb_taker taker, const struct lb_tap *tap) {
  if (calls.is_silent)
    return __real_lb_netlink_dump(nl, request, taker, tap);
  say(&calls.log, "%s%s", lb_netlink_is_open(nl) ? "" : "open, ",
      name_of(request));
  int err = __real_lb_netlink_dump(nl, request, taker, tap);
  bool is_refused = calls.refuse && request->nlmsg_type == TCPDIAG_GETSOCK;
  int fault = is_refused ? calls.refuse : next_fault();
  say(&calls.log, fault ? ": lost\n" : "\n");
  if (!fault)
    return err;
  lb_netlink_close(nl);
  return -fault;
}

static void reset_calls(int first_fault, int second_fault) {
  calls.faults[0] = first_fault;
  calls.faults[1] = second_fault;
  calls.refuse = 0;
  calls.log.len = 0;
  calls.log.at[0] = '\0';
}

/* --- sockets of our own -------------------------------------------------- */

/* Whether this process may make namespaces, and there is nobody else in its
 * own. */
static bool is_allowed;

enum { MAX_CLIENTS = 4 };

/* A TCP server and a UNIX server of one namespace, with clients that wait; of
 * the UNIX one the first has closed. */
struct world {
  struct server tcp;
  struct server local;
  char name[32];
  size_t name_len;
  int clients[MAX_CLIENTS];
  int locals[MAX_CLIENTS];
  size_t clients_len;
  size_t locals_len;
};

static struct world world;

static int open_world(struct world *to, size_t clients, size_t locals) {
  int n = snprintf(to->name, sizeof(to->name), "%clive %d", 0, (int)getpid());
  to->name_len = (size_t)n;
  if (open_server(&to->tcp, AF_INET, false, 5) ||
      fill_queue(&to->tcp, to->clients, clients) ||
      open_unix_server(&to->local, SOCK_SEQPACKET, to->name, to->name_len, 6))
    return -1;
  to->clients_len = clients;
  for (; to->locals_len < locals; to->locals_len++) {
    int client = connect_unix(&to->local);
    if (client < 0)
      return -1;
    to->locals[to->locals_len] = client;
  }
  close(to->locals[0]);
  to->locals[0] = -1;
  return 0;
}

static void close_world(struct world *from) {
  for (size_t i = 0; i < from->clients_len; i++)
    close(from->clients[i]);
  for (size_t i = 1; i < from->locals_len; i++)
    close(from->locals[i]);
  close(from->tcp.fd);
  close(from->local.fd);
}

/* --- what a source says -------------------------------------------------- */

static struct lb_source *new_live(const struct lb_live_options *options) {
  const struct lb_live_options here = {.proc = "/proc"};
  struct lb_source *live;
  assert_int_equal(lb_live_new(options ? options : &here, &live), 0);
  return live;
}

static void say_row_of(struct text *got, const struct lb_listen_socks *rows,
                       const struct lb_listen_sock *row,
                       const struct world *of) {
  bool is_tcp = row->inode == of->tcp.inode;
  bool is_local = row->inode == of->local.inode;
  if (!is_tcp && !is_local && !is_allowed)
    return; /* somebody else's */
  if (is_tcp)
    assert_int_equal(row->port, of->tcp.port);
  if (is_local) {
    const struct lb_unix_name *path = lb_unix_names_get(rows->paths, row->path);
    assert_int_equal(path->len, of->name_len);
    assert_memory_equal(path->bytes, of->name, of->name_len);
  }
  say(got, "%s queue %u limit %u",
      is_tcp     ? " tcp"
      : is_local ? " @live"
                 : " another",
      row->queue, row->limit);
}

static int say_look(struct text *got, struct lb_source *live,
                    const struct world *of, enum lb_channel channel) {
  bool is_paths = channel == LB_CHANNEL_PATHS;
  struct lb_listen_socks rows = {0};
  assert_int_equal(lb_unix_names_new(&rows.paths), 0);
  int err = is_paths ? live->paths(live, &rows) : live->listeners(live, &rows);
  say(got, is_paths ? "paths" : "listeners");
  for (size_t i = 0; !err && i < rows.len; i++)
    say_row_of(got, &rows, &rows.v[i], of);
  lb_unix_names_free(rows.paths);
  lb_listen_socks_free(&rows);
  return err;
}

static int say_waiting(struct text *got, struct lb_source *live,
                       const struct world *of, bool queued) {
  const struct lb_ports port = {of->tcp.port, of->tcp.port};
  const struct lb_query query = {&port, 1, queued};
  struct lb_conns conns = {0};
  uint64_t cost_ns = 0;
  int err = live->waiting(live, &query, &conns, &cost_ns);
  say(got, queued ? "waiting" : "half-open");
  for (size_t i = 0; !err && i < conns.len; i++) {
    assert_int_equal(conns.v[i].port, of->tcp.port);
    assert_int_equal(conns.v[i].family, AF_INET);
    assert_in_range(conns.v[i].wait_ms, 0, 3600000);
    say(got, " %d", conns.v[i].kind);
  }
  lb_conns_free(&conns);
  assert_true(cost_ns > 0);
  return err;
}

static int say_pending(struct text *got, struct lb_source *live,
                       const struct lb_listen_sock *row) {
  struct lb_pending pending = {77, 77};
  uint64_t cost_ns = 0;
  int err = live->pending(live, row, &pending, &cost_ns);
  say(got, "pending %u, %u closed", pending.waiting, pending.closed);
  assert_true(cost_ns > 0);
  return err;
}

static struct lb_listen_sock row_of(const struct server *server) {
  return (struct lb_listen_sock){
      .family = AF_UNIX, .inode = server->inode, .cookie = server->cookie};
}

static void say_answer(struct text *got, struct lb_source *live,
                       const struct world *of, enum lb_channel channel) {
  struct lb_listen_sock row = row_of(&of->local);
  int err = channel == LB_CHANNEL_WAITING   ? say_waiting(got, live, of, true)
            : channel == LB_CHANNEL_PENDING ? say_pending(got, live, &row)
                                            : say_look(got, live, of, channel);
  if (err)
    say(got, ": %d", err);
  say(got, "\n");
}

static void say_all(struct text *got, struct lb_source *live,
                    const struct world *of) {
  for (int channel = 0; channel < LB_CHANNELS; channel++)
    say_answer(got, live, of, (enum lb_channel)channel);
}

static const char *const answers[LB_CHANNELS] = {
    "listeners tcp queue 2 limit 5\n",
    "paths @live queue 3 limit 6\n",
    "waiting 1 1\n",
    "pending 3, 1 closed\n",
};
#define ANSWERS                                                                \
  "listeners tcp queue 2 limit 5\n"                                            \
  "paths @live queue 3 limit 6\n"                                              \
  "waiting 1 1\n"                                                              \
  "pending 3, 1 closed\n"

/* --- here ---------------------------------------------------------------- */

static void looks_and_walks_have_a_socket_each(void **state) {
  (void)state;
  struct text got = {.len = 0};
  int fds = count_fds();
  struct lb_source *live = new_live(NULL);
  assert_int_equal(count_fds(), fds);
  reset_calls(0, 0);
  say_all(&got, live, &world);
  say_all(&got, live, &world);
  assert_int_equal(count_fds(), fds + 2);
  lb_live_free(live);
  assert_int_equal(count_fds(), fds);
  assert_string_equal(got.at, ANSWERS ANSWERS);
  assert_string_equal(calls.log.at, "open, both\n"
                                    "UNIX\n"
                                    "open, both\n"
                                    "one UNIX\n"
                                    "both\n"
                                    "UNIX\n"
                                    "both\n"
                                    "one UNIX\n");
}

static void what_waits_is_not_half_open(void **state) {
  (void)state;
  struct text got = {.len = 0};
  struct lb_source *live = new_live(NULL);
  assert_int_equal(say_waiting(&got, live, &world, false), 0);
  lb_live_free(live);
  assert_string_equal(got.at, "half-open");
}

static void what_was_lost_is_asked_for_once_more(void **state) {
  (void)state;
  static const char *const logs[LB_CHANNELS] = {
      "open, both: lost\nopen, both\n",
      "open, UNIX: lost\nopen, UNIX\n",
      "open, both: lost\nopen, both\n",
      "open, one UNIX: lost\nopen, one UNIX\n",
  };
  for (int channel = 0; channel < LB_CHANNELS; channel++) {
    struct text got = {.len = 0};
    struct lb_source *live = new_live(NULL);
    reset_calls(ENOBUFS, 0);
    say_answer(&got, live, &world, (enum lb_channel)channel);
    lb_live_free(live);
    assert_string_equal(got.at, answers[channel]);
    assert_string_equal(calls.log.at, logs[channel]);
  }
}

static void but_not_more_than_once_and_not_after_every_error(void **state) {
  (void)state;
  static const struct {
    int faults[2];
    int want;
    const char *log;
  } cases[] = {
      {{ENOBUFS, EBUSY}, -EBUSY, "%1$s: lost\n%1$s: lost\n"},
      {{EINTR, EPERM}, -EPERM, "%1$s: lost\n%1$s: lost\n"},
      {{ETIMEDOUT, 0}, -ETIMEDOUT, "%1$s: lost\n"},
      {{ENOENT, 0}, -ENOENT, "%1$s: lost\n"},
  };
  static const char *const names[LB_CHANNELS] = {
      "open, both", "open, UNIX", "open, both", "open, one UNIX"};
  static const char *const failures[LB_CHANNELS] = {
      "listeners: %d\n", "paths: %d\n", "waiting: %d\n",
      "pending 77, 77 closed: %d\n"};
  for (size_t i = 0; i < LEN(cases) * LB_CHANNELS; i++) {
    size_t channel = i % LB_CHANNELS, at = i / LB_CHANNELS;
    struct text got = {.len = 0};
    char want[64], log[64];
    struct lb_source *live = new_live(NULL);
    reset_calls(cases[at].faults[0], cases[at].faults[1]);
    say_answer(&got, live, &world, (enum lb_channel)channel);
    lb_live_free(live);
    snprintf(want, sizeof(want), failures[channel], cases[at].want);
    snprintf(log, sizeof(log), cases[at].log, names[channel]);
    assert_string_equal(got.at, want);
    assert_string_equal(calls.log.at, log);
  }
}

static void connections_are_appended_to_those_that_are_there(void **state) {
  (void)state;
  const struct lb_ports port = {world.tcp.port, world.tcp.port};
  const struct lb_query query = {&port, 1, .queued = true};
  struct lb_conns conns = {0};
  uint64_t cost_ns = 4711;
  struct lb_source *live = new_live(NULL);
  lb_conns_add(&conns)->port = 1;
  for (size_t i = 1; i <= 3; i++) {
    reset_calls(ENOBUFS, 0);
    uint64_t before = cost_ns;
    assert_int_equal(live->waiting(live, &query, &conns, &cost_ns), 0);
    assert_int_equal(conns.len, 1 + 2 * i);
    assert_true(cost_ns > before);
  }
  assert_int_equal(conns.v[0].port, 1);
  lb_conns_free(&conns);
  lb_live_free(live);
}

/* Each of the two finds it out for itself. */
static void
refused_both_families_it_asks_for_one_after_the_other(void **state) {
  (void)state;
  static const int errors[] = {EOPNOTSUPP, EINVAL};
  for (size_t i = 0; i < LEN(errors); i++) {
    struct text got = {.len = 0};
    struct lb_source *live = new_live(NULL);
    reset_calls(0, 0);
    calls.refuse = errors[i];
    for (int look = 0; look < 2; look++) {
      say_answer(&got, live, &world, LB_CHANNEL_WAITING);
      say_answer(&got, live, &world, LB_CHANNEL_LISTENERS);
    }
    lb_live_free(live);
    assert_string_equal(got.at, "waiting 1 1\n"
                                "listeners tcp queue 2 limit 5\n"
                                "waiting 1 1\n"
                                "listeners tcp queue 2 limit 5\n");
    assert_string_equal(calls.log.at, "open, both: lost\n"
                                      "open, IPv4\n"
                                      "IPv6\n"
                                      "open, both: lost\n"
                                      "open, IPv4\n"
                                      "IPv6\n"
                                      "IPv4\n"
                                      "IPv6\n"
                                      "IPv4\n"
                                      "IPv6\n");
  }
}

static void a_socket_that_is_gone_has_nobody_waiting(void **state) {
  (void)state;
  struct server server;
  struct text got = {.len = 0}, want = {.len = 0};
  struct lb_source *live = new_live(NULL);
  assert_int_equal(open_unix_server(&server, SOCK_STREAM, NULL, 0, 1), 0);
  struct lb_listen_sock row = row_of(&server);
  reset_calls(0, 0);
  say(&got, ": %d\n", say_pending(&got, live, &row));
  row.cookie ^= 1; /* another one of its inode */
  say(&got, ": %d\n", say_pending(&got, live, &row));
  row.cookie ^= 1;
  close(server.fd);
  say(&got, ": %d\n", say_pending(&got, live, &row));
  lb_live_free(live);
  say(&want,
      "pending 0, 0 closed: 0\n"
      "pending 77, 77 closed: %1$d\n"
      "pending 77, 77 closed: %1$d\n",
      -ENOENT);
  assert_string_equal(got.at, want.at);
}

static void at_rest_it_has_no_socket(void **state) {
  (void)state;
  struct text got = {.len = 0};
  struct lb_source *live = new_live(NULL);
  int fds = count_fds();
  lb_live_rest(live);
  for (int i = 0; i < 2; i++) {
    reset_calls(0, 0);
    say_all(&got, live, &world);
    assert_string_equal(calls.log.at,
                        "open, both\nUNIX\nopen, both\none UNIX\n");
    lb_live_rest(live);
    assert_int_equal(count_fds(), fds);
  }
  lb_live_free(live);
  assert_string_equal(got.at, ANSWERS ANSWERS);
}

enum { ROUNDS = 200 };

static void *walk(void *data) {
  static struct text got;
  got.len = 0;
  for (int i = 0; i < ROUNDS; i++) {
    say_answer(&got, data, &world, LB_CHANNEL_WAITING);
    say_answer(&got, data, &world, LB_CHANNEL_PENDING);
  }
  return &got;
}

static void walks_and_looks_may_be_made_at_the_same_time(void **state) {
  (void)state;
  static struct text looks, want_looks, want_walks;
  struct lb_source *live = new_live(NULL);
  pthread_t thread;
  void *walks;
  reset_calls(0, 0);
  calls.is_silent = true;
  assert_int_equal(pthread_create(&thread, NULL, walk, live), 0);
  for (int i = 0; i < ROUNDS; i++) {
    say_answer(&looks, live, &world, LB_CHANNEL_LISTENERS);
    say_answer(&looks, live, &world, LB_CHANNEL_PATHS);
    say(&want_looks, "%s%s", answers[0], answers[1]);
    say(&want_walks, "%s%s", answers[2], answers[3]);
  }
  pthread_join(thread, &walks);
  calls.is_silent = false;
  lb_live_free(live);
  assert_string_equal(looks.at, want_looks.at);
  assert_string_equal(((struct text *)walks)->at, want_walks.at);
}

static void without_memory_there_is_no_source(void **state) {
  (void)state;
  const struct lb_live_options options = {.proc = "/proc"};
  for (unsigned after = 1; after <= 3; after++) {
    struct lb_source *live = NULL;
    fail_after = after;
    int err = lb_live_new(&options, &live);
    fail_after = 0;
    assert_int_equal(err, -ENOMEM);
    assert_null(live);
  }
  lb_live_free(NULL);
}

static void without_memory_there_is_no_walk(void **state) {
  (void)state;
  struct text got = {.len = 0}, want = {.len = 0};
  struct lb_source *live = new_live(NULL);
  reset_calls(0, 0);
  fail_after = 1;
  say_answer(&got, live, &world, LB_CHANNEL_WAITING);
  assert_int_equal(fail_after, 0);
  assert_string_equal(calls.log.at, "");
  say_answer(&got, live, &world, LB_CHANNEL_WAITING);
  lb_live_free(live);
  say(&want, "waiting: %d\nwaiting 1 1\n", -ENOMEM);
  assert_string_equal(got.at, want.at);
}

/* --- witnesses ----------------------------------------------------------- */

static void see_datagram(void *data, enum lb_channel channel, const void *bytes,
                         size_t len, int status) {
  if (bytes)
    assert_in_range(len, 16, 32768);
  say(data, bytes ? "%d datagram %d\n" : "%d dump %d\n", (int)channel, status);
}

static void see_answer(void *data, enum lb_channel channel, int status,
                       uint64_t cost_ns) {
  say(data, "%d answer %d%s\n", (int)channel, status,
      cost_ns ? " at a cost" : "");
}

static void see_text(void *data, enum lb_text which, const char *buf,
                     ssize_t len) {
  if (len < 0)
    say(data, "text %d: %zd\n", (int)which, len);
  else
    say(data, "text %d: \"%.*s\"\n", (int)which, (int)len, buf);
}

/* Small answers take two datagrams: rows and the end of it. */
static void a_witness_sees_every_channel(void **state) {
  (void)state;
  struct text seen = {.len = 0}, got = {.len = 0};
  const struct lb_witness witness = {see_datagram, see_answer, see_text, &seen};
  struct lb_source *live =
      new_live(&(struct lb_live_options){.proc = "/proc", .witness = &witness});
  reset_calls(0, 0);
  say_answer(&got, live, &world, LB_CHANNEL_WAITING);
  say_answer(&got, live, &world, LB_CHANNEL_PENDING);
  lb_live_free(live);
  assert_string_equal(seen.at, "2 datagram 0\n"
                               "2 datagram 0\n"
                               "2 dump 0\n"
                               "2 answer 0 at a cost\n"
                               "3 datagram 0\n"
                               "3 dump 0\n"
                               "3 answer 0 at a cost\n");
}

/* --- elsewhere ----------------------------------------------------------- */

/* Another namespace with a world of its own, in it the same name. */
struct elsewhere {
  struct world world;
  int fd;
  char path[32];
  struct lb_live_options options;
};

static void enter(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(setns(fd, CLONE_NEWNET), 0);
  close(fd);
}

static struct text read_file(const char *path) {
  struct text text = {.len = 0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  ssize_t n = read(fd, text.at, sizeof(text.at) - 1);
  assert_true(n > 0);
  close(fd);
  return text;
}

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

static void make_elsewhere(struct elsewhere *there) {
  int here = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  *there = (struct elsewhere){.fd = open_new_netns()};
  snprintf(there->path, sizeof(there->path), "/proc/self/fd/%d", there->fd);
  there->options = (struct lb_live_options){"/proc", NULL, there->path, {0, 0}};
  assert_int_equal(lb_netns_identify(there->path, &there->options.id), 0);
  enter(there->path);
  assert_int_equal(open_world(&there->world, 1, 2), 0);
  write_file("/proc/sys/net/core/somaxconn", "77");
  assert_int_equal(setns(here, CLONE_NEWNET), 0);
  close(here);
}

static void remove_elsewhere(struct elsewhere *there) {
  close_world(&there->world);
  close(there->fd);
}

static void say_texts(struct text *got, struct lb_source *live) {
  static char buf[65536];
  for (int which = LB_TEXTS; which-- > 0;) {
    ssize_t len = live->text(live, (enum lb_text)which, buf, sizeof(buf));
    if (len < 0)
      say(got, "text %d: %zd\n", which, len);
    else
      say(got, "text %d: %s", which, buf);
  }
}

#define ELSEWHERE                                                              \
  "listeners tcp queue 1 limit 5\n"                                            \
  "paths @live queue 2 limit 6\n"                                              \
  "waiting 1\n"                                                                \
  "pending 2, 1 closed\n"

static bool are_we_here(void) {
  struct lb_netns_id id;
  return lb_netns_identify(NULL, &id) == 0 && lb_netns_is_same(&id, &own);
}

static void elsewhere_other_sockets_answer(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0}, want = {.len = 0};
  make_elsewhere(&there);
  int fds = count_fds();
  struct lb_source *live = new_live(&there.options), *here = new_live(NULL);
  reset_calls(0, 0);
  say_all(&got, live, &there.world);
  say_all(&got, here, &world);
  say_all(&got, live, &there.world);
  assert_true(are_we_here());
  assert_int_equal(count_fds(), fds + 3); /* there, walks leave nothing open */
  lb_live_free(live);
  lb_live_free(here);
  assert_int_equal(count_fds(), fds);
  remove_elsewhere(&there);
  say(&want, ELSEWHERE ANSWERS ELSEWHERE);
  assert_string_equal(got.at, want.at);
  assert_string_equal(calls.log.at, "open there\nboth\nUNIX\n"
                                    "open there\nboth\n"
                                    "open there\none UNIX\n"
                                    "open, both\nUNIX\nopen, both\none UNIX\n"
                                    "both\nUNIX\nopen there\nboth\n"
                                    "open there\none UNIX\n");
}

static void elsewhere_there_are_other_files(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0}, want = {.len = 0};
  make_elsewhere(&there);
  int fds = count_fds();
  struct lb_source *live = new_live(&there.options);
  say_texts(&got, live);
  assert_true(are_we_here());
  assert_int_equal(count_fds(), fds);
  lb_live_free(live);

  struct text here = read_file("/proc/thread-self/net/netstat");
  int own_fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  enter(there.path);
  struct text netstat = read_file("/proc/thread-self/net/netstat");
  assert_int_equal(setns(own_fd, CLONE_NEWNET), 0);
  close(own_fd);
  remove_elsewhere(&there);
  say(&want, "text 1: 77\ntext 0: %s", netstat.at);
  assert_string_equal(got.at, want.at);
  assert_string_not_equal(netstat.at, here.at); /* its clients are fewer */
}

static void elsewhere_it_asks_again_after_an_error_too(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0};
  make_elsewhere(&there);
  struct lb_source *live = new_live(&there.options);
  reset_calls(ENOBUFS, 0);
  say_answer(&got, live, &there.world, LB_CHANNEL_LISTENERS);
  calls.refuse = EOPNOTSUPP;
  say_answer(&got, live, &there.world, LB_CHANNEL_WAITING);
  lb_live_free(live);
  remove_elsewhere(&there);
  assert_string_equal(got.at, "listeners tcp queue 1 limit 5\n"
                              "waiting 1\n");
  assert_string_equal(calls.log.at, "open there\nboth: lost\n"
                                    "open there\nboth\n"
                                    "open there\nboth: lost\n"
                                    "open there\nIPv4\nIPv6\n");
}

static void say_failures(struct text *want, int err) {
  say(want,
      "listeners: %1$d\npaths: %1$d\nwaiting: %1$d\n"
      "pending 77, 77 closed: %1$d\ntext 1: %1$d\ntext 0: %1$d\n",
      err);
}

static void elsewhere_gone_from_its_path_it_is_let_go(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0}, want = {.len = 0}, seen = {.len = 0};
  const struct lb_witness witness = {see_datagram, see_answer, see_text, &seen};
  make_elsewhere(&there);
  there.options.witness = &witness;
  int fds = count_fds();
  struct lb_source *live = new_live(&there.options);
  say_all(&got, live, &there.world);
  close(there.fd);
  got.len = seen.len = 0;
  say_all(&got, live, &there.world);
  say_texts(&got, live);
  assert_int_equal(count_fds(), fds - 1);
  lb_live_free(live);
  close_world(&there.world);
  say_failures(&want, -ENOENT);
  assert_string_equal(got.at, want.at);
  want.len = 0;
  say(&want,
      "0 answer %1$d\n1 answer %1$d\n2 answer %1$d at a cost\n"
      "3 answer %1$d at a cost\ntext 1: %1$d\ntext 0: %1$d\n",
      -ENOENT);
  assert_string_equal(seen.at, want.at);
}

static void elsewhere_so_it_is_where_another_one_took_its_place(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0}, want = {.len = 0};
  make_elsewhere(&there);
  int aside = dup(there.fd), other = open_new_netns();
  int fds = count_fds();
  struct lb_source *live = new_live(&there.options);
  say_all(&got, live, &there.world);
  say(&want, ELSEWHERE);
  assert_int_equal(dup2(other, there.fd), there.fd);
  say_all(&got, live, &there.world);
  say_texts(&got, live);
  say_failures(&want, -ESTALE);
  assert_int_equal(count_fds(), fds);
  assert_int_equal(dup2(aside, there.fd), there.fd); /* back again */
  say_all(&got, live, &there.world);
  say(&want, ELSEWHERE);
  lb_live_free(live);
  remove_elsewhere(&there);
  close(aside);
  close(other);
  assert_string_equal(got.at, want.at);
}

/* The file is read by nobody but a function of the looks, which closes their
 * socket as well. */
static void elsewhere_a_file_asked_for_lets_go_of_it_too(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0};
  make_elsewhere(&there);
  int fds = count_fds();
  struct lb_source *live = new_live(&there.options);
  say_answer(&got, live, &there.world, LB_CHANNEL_LISTENERS);
  assert_int_equal(count_fds(), fds + 1);
  close(there.fd);
  say_texts(&got, live);
  assert_int_equal(count_fds(), fds - 1);
  lb_live_free(live);
  close_world(&there.world);
}

static void elsewhere_it_keeps_nothing_at_rest(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0};
  make_elsewhere(&there);
  int fds = count_fds();
  struct lb_source *live = new_live(&there.options);
  say_all(&got, live, &there.world);
  lb_live_rest(live);
  assert_int_equal(count_fds(), fds);
  say_all(&got, live, &there.world);
  lb_live_free(live);
  remove_elsewhere(&there);
  assert_string_equal(got.at, ELSEWHERE ELSEWHERE);
}

static void elsewhere_it_says_that_the_privilege_is_missing(void **state) {
  (void)state;
  struct elsewhere there;
  struct text got = {.len = 0}, want = {.len = 0};
  make_elsewhere(&there);
  struct lb_source *live = new_live(&there.options);
  uint32_t had = set_capabilities(0);
  say_all(&got, live, &there.world);
  say_texts(&got, live);
  set_capabilities(had);
  say_failures(&want, -EPERM);
  say_all(&got, live, &there.world);
  say(&want, ELSEWHERE);
  lb_live_free(live);
  remove_elsewhere(&there);
  assert_string_equal(got.at, want.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(looks_and_walks_have_a_socket_each),
      cmocka_unit_test(what_waits_is_not_half_open),
      cmocka_unit_test(what_was_lost_is_asked_for_once_more),
      cmocka_unit_test(but_not_more_than_once_and_not_after_every_error),
      cmocka_unit_test(connections_are_appended_to_those_that_are_there),
      cmocka_unit_test(refused_both_families_it_asks_for_one_after_the_other),
      cmocka_unit_test(a_socket_that_is_gone_has_nobody_waiting),
      cmocka_unit_test(at_rest_it_has_no_socket),
      cmocka_unit_test(walks_and_looks_may_be_made_at_the_same_time),
      cmocka_unit_test(without_memory_there_is_no_source),
      cmocka_unit_test(without_memory_there_is_no_walk),
      cmocka_unit_test(a_witness_sees_every_channel),
      cmocka_unit_test(elsewhere_other_sockets_answer),
      cmocka_unit_test(elsewhere_there_are_other_files),
      cmocka_unit_test(elsewhere_it_asks_again_after_an_error_too),
      cmocka_unit_test(elsewhere_gone_from_its_path_it_is_let_go),
      cmocka_unit_test(elsewhere_so_it_is_where_another_one_took_its_place),
      cmocka_unit_test(elsewhere_a_file_asked_for_lets_go_of_it_too),
      cmocka_unit_test(elsewhere_it_keeps_nothing_at_rest),
      cmocka_unit_test(elsewhere_it_says_that_the_privilege_is_missing),
  };
  is_allowed = enter_new_netns();
  if (!is_allowed) {
    printf("# no network namespaces here: nothing is tested elsewhere\n");
    cmocka_set_skip_filter("elsewhere_*");
  }
  const char *missing = !has_sock_diag()                ? "sock_diag"
                        : open_world(&world, 2, 3)      ? "sockets to listen on"
                        : lb_netns_identify(NULL, &own) ? "procfs"
                                                        : NULL;
  if (missing) {
    printf("1..0 # SKIP no %s here\n", missing);
    return 0;
  }
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_world(&world);
  return failed;
}
