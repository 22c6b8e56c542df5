// SPDX-License-Identifier: MIT
/* The running kernel as a source, in whatever network namespace this runs:
 * listeners of our own on loopback must be found among the others. Faults are
 * put between libmnl and us: the linker's --wrap sends our calls of its open,
 * bind, sendto and recvfrom, and of setsockopt, through here, where a script
 * spoils some of them. */
#include "kernel/live.h"

#include "kernel/inet_diag.h"
#include "kernel/netlink.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

/* --- the wire ------------------------------------------------------------ */

enum fault {
  NONE,
  /* or an errno, or one of these, for a datagram that did come: */
  FOREIGN = 1000, /* it answers another request */
  STRAY,          /* it is for another socket */
  CUT,            /* the end of it is missing */
  EMPTY,
  NO_TCP_DIAG, /* the answer of a kernel without the module */
};

static const char *name_of(int fault) {
  static const struct {
    int fault;
    const char *name;
  } names[] = {
      {EINTR, "EINTR"},
      {ENOBUFS, "ENOBUFS"},
      {EAGAIN, "EAGAIN"},
      {ENOSPC, "ENOSPC"},
      {EPERM, "EPERM"},
      {EAFNOSUPPORT, "EAFNOSUPPORT"},
      {FOREIGN, "foreign"},
      {STRAY, "stray"},
      {CUT, "cut"},
      {EMPTY, "empty"},
      {NO_TCP_DIAG, "no tcp_diag"},
  };
  for (size_t i = 0; i < LEN(names); i++)
    if (names[i].fault == fault)
      return names[i].name;
  fail_msg("fault %d has no name", fault);
  return "";
}

enum { FAULTS = 4 };

struct script {
  int open[FAULTS]; /* of the next calls, until NONE */
  int bind[FAULTS];
  int option[FAULTS];
  int send[FAULTS];
  int receive[FAULTS];
};

static struct {
  struct script script;
  int refuse;         /* the request for both families, with this error */
  uint32_t refused;   /* sequence number to be answered so, or 0 */
  bool socket_is_bad; /* not CLOEXEC, could wait for ever, reads too little */
  struct text log;    /* what was done: each call but a good receive */
} wire;

static int next_fault(int faults[FAULTS]) {
  int fault = faults[0];
  memmove(faults, faults + 1, (FAULTS - 1) * sizeof(*faults));
  faults[FAULTS - 1] = NONE;
  return fault;
}

static int fail_with(int err) {
  errno = err;
  return -1;
}

struct mnl_socket *__real_mnl_socket_open2(int bus, int flags);
struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __real_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid);
int __real_setsockopt(int fd, int level, int option, const void *value,
                      socklen_t len);
int __wrap_setsockopt(int fd, int level, int option, const void *value,
                      socklen_t len);
ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
                                 size_t size);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
                                 size_t size);
ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
                                   size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
                                   size_t size);

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags) {
  int fault = next_fault(wire.script.open);
  if (!fault) {
    say(&wire.log, "open\n");
    return __real_mnl_socket_open2(bus, flags);
  }
  say(&wire.log, "open: %s\n", name_of(fault));
  fail_with(fault);
  return NULL;
}

int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid) {
  int fault = next_fault(wire.script.bind);
  return fault ? fail_with(fault) : __real_mnl_socket_bind(nl, groups, pid);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value,
                      socklen_t len) {
  int fault = next_fault(wire.script.option);
  return fault ? fail_with(fault)
               : __real_setsockopt(fd, level, option, value, len);
}

static const char *question_of(const struct nlmsghdr *msg) {
  if (msg->nlmsg_type == TCPDIAG_GETSOCK)
    return "for both";
  switch (*(const uint8_t *)mnl_nlmsg_get_payload(msg)) {
  case AF_INET:
    return "for IPv4";
  case AF_INET6:
    return "for IPv6";
  default:
    return msg->nlmsg_flags & NLM_F_DUMP ? "for UNIX" : "who waits";
  }
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
                                 size_t size) {
  const struct nlmsghdr *msg = req;
  say(&wire.log, "ask %s", question_of(msg));
  int fault = next_fault(wire.script.send);
  if (fault) {
    say(&wire.log, ": %s\n", name_of(fault));
    return fail_with(fault);
  }
  bool refused = wire.refuse && msg->nlmsg_type == TCPDIAG_GETSOCK;
  say(&wire.log, "%s\n", refused ? ": refused" : "");
  if (!refused)
    return __real_mnl_socket_sendto(nl, req, size);
  wire.refused = msg->nlmsg_seq;
  return (ssize_t)size;
}

static ssize_t put_refusal(const struct mnl_socket *nl, void *buf) {
  struct datagram answer = {.len = 0};
  struct nlmsghdr *msg = put_error(&answer, -wire.refuse);
  msg->nlmsg_seq = wire.refused;
  msg->nlmsg_pid = mnl_socket_get_portid(nl);
  memcpy(buf, answer.at, answer.len);
  wire.refused = 0;
  return (ssize_t)answer.len;
}

static ssize_t spoil(struct nlmsghdr *msg, ssize_t len, int fault) {
  switch (fault) {
  case FOREIGN:
    msg->nlmsg_seq += 1000;
    return len;
  case STRAY:
    msg->nlmsg_pid += 1000;
    return len;
  case CUT:
    return len - 8;
  case EMPTY:
    return 0;
  default: /* NO_TCP_DIAG */
    msg->nlmsg_type = NLMSG_DONE;
    msg->nlmsg_len = 20;
    memcpy(mnl_nlmsg_get_payload(msg), &(int){-ENOENT}, sizeof(int));
    return 20;
  }
}

/* netlink_dump() makes batches of up to 32 KiB, as large as the reads it saw.
 */
static void check_socket(const struct mnl_socket *nl, size_t size) {
  struct timeval timeout = {0};
  socklen_t len = sizeof(timeout);
  int fd = mnl_socket_get_fd(nl);
  if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &len) ||
      timeout.tv_sec != 1 || !(fcntl(fd, F_GETFD) & FD_CLOEXEC) ||
      size != 32768)
    wire.socket_is_bad = true;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
                                   size_t size) {
  check_socket(nl, size);
  if (wire.refused)
    return put_refusal(nl, buf);
  int fault = next_fault(wire.script.receive);
  if (!fault)
    return __real_mnl_socket_recvfrom(nl, buf, size);
  say(&wire.log, "receive: %s\n", name_of(fault));
  if (fault < FOREIGN)
    return fail_with(fault);
  return spoil(buf, __real_mnl_socket_recvfrom(nl, buf, size), fault);
}

static void reset_wire(struct script script) {
  wire.script = script;
  wire.refuse = 0;
  wire.refused = 0;
  wire.log.len = 0;
  wire.log.at[0] = '\0';
}

/* --- listeners of our own ------------------------------------------------ */

enum { SERVERS = 4, CLIENTS = 3 };

static struct {
  struct server servers[SERVERS];
  size_t len;
  int clients[CLIENTS];
  size_t clients_len;
  struct text want; /* the rows they must be found as */
} world;

static int open_next(int family, bool v6only, int backlog) {
  int err = open_server(&world.servers[world.len], family, v6only, backlog);
  world.len += !err;
  return err;
}

static int fill(const struct server *server, size_t clients) {
  int *fds = &world.clients[world.clients_len];
  world.clients_len += clients;
  return fill_queue(server, fds, clients);
}

static int open_world(void) {
  if (open_next(AF_INET, false, 5) || open_next(AF_INET, false, 7) ||
      fill(&world.servers[0], 2))
    return -1;
  say(&world.want, "0: IPv4 [::ffff:127.0.0.1] queue 2 limit 5 drops 0\n"
                   "1: IPv4 [::ffff:127.0.0.1] queue 0 limit 7 drops 0\n");
  if (open_next(AF_INET6, true, 0) == 0) {
    if (fill(&world.servers[2], 1) || open_next(AF_INET6, false, 3))
      return -1;
    say(&world.want, "2: IPv6 [::1] queue 1 limit 0 drops 0 v6only\n"
                     "3: IPv6 [::] queue 0 limit 3 drops 0\n");
  }
  return 0;
}

static void close_world(void) {
  for (size_t i = 0; i < world.clients_len; i++)
    close(world.clients[i]);
  for (size_t i = 0; i < world.len; i++)
    close(world.servers[i].fd);
}

/* Of what was found the rows of our own, in our order. */
static void say_ours(struct text *got, const struct lb_listen_socks *rows) {
  for (size_t i = 0; i < world.len; i++)
    for (size_t j = 0; j < rows->len; j++) {
      const struct lb_listen_sock *row = &rows->v[j];
      char address[INET6_ADDRSTRLEN];
      if (row->inode != world.servers[i].inode)
        continue;
      assert_int_equal(row->port, world.servers[i].port);
      assert_int_equal(row->cookie, world.servers[i].cookie);
      assert_int_equal(row->ifindex, 0);
      assert_true(row->has_drops);
      inet_ntop(AF_INET6, row->address, address, sizeof(address));
      say(got, "%zu: IPv%d [%s] queue %u limit %u drops %u%s\n", i,
          row->family == AF_INET6 ? 6 : 4, address, row->queue, row->limit,
          row->sk_drops, row->v6only ? " v6only" : "");
    }
}

static struct lb_source *new_live_of(const char *proc,
                                     const struct lb_witness *witness) {
  const struct lb_live_options options = {.proc = proc, .witness = witness};
  struct lb_source *live;
  assert_int_equal(lb_live_new(&options, &live), 0);
  return live;
}

static struct lb_source *new_live(const struct lb_witness *witness) {
  return new_live_of("/proc", witness);
}

/* All our listeners, each once. */
static void check_found(struct lb_source *live) {
  struct lb_listen_socks rows = {0};
  struct text got = {.len = 0};
  int err = live->listeners(live, &rows);
  say_ours(&got, &rows);
  lb_listen_socks_free(&rows);
  assert_int_equal(err, 0);
  assert_string_equal(got.at, world.want.at);
}

static void check_fails(struct lb_source *live, int want_err) {
  struct lb_listen_socks rows = {0};
  int err = live->listeners(live, &rows);
  lb_listen_socks_free(&rows);
  assert_int_equal(err, want_err);
}

/* --- the kernel ---------------------------------------------------------- */

static void our_listeners_are_found(void **state) {
  (void)state;
  reset_wire((struct script){0});
  int fds = count_fds();
  struct lb_source *live = new_live(NULL);
  for (int i = 0; i < 3; i++)
    check_found(live);
  lb_live_free(live);
  assert_int_equal(count_fds(), fds);
  assert_string_equal(wire.log.at, "open\n"
                                   "ask for both\n"
                                   "ask for both\n"
                                   "ask for both\n");
  assert_false(wire.socket_is_bad);
}

static void rows_are_appended_to_those_that_are_there(void **state) {
  (void)state;
  reset_wire((struct script){.receive = {ENOBUFS}});
  struct lb_source *live = new_live(NULL);
  struct lb_listen_socks rows = {0};
  struct text got = {.len = 0}, want = {.len = 0};
  *lb_listen_socks_add(&rows) = (struct lb_listen_sock){.port = 4711};
  for (int i = 0; i < 2; i++)
    assert_int_equal(live->listeners(live, &rows), 0);
  assert_int_equal(rows.v[0].port, 4711);
  rows.v[0].inode = 0;
  say_ours(&got, &rows);
  for (size_t i = 0; i < world.len; i++) {
    const char *line = world.want.at;
    for (size_t j = 0; j < i; j++)
      line = strchr(line, '\n') + 1;
    int len = (int)(strchr(line, '\n') + 1 - line);
    say(&want, "%.*s%.*s", len, line, len, line);
  }
  assert_string_equal(got.at, want.at);
  lb_listen_socks_free(&rows);
  lb_live_free(live);
}

static volatile sig_atomic_t signals;

static void on_signal(int number) {
  (void)number;
  signals++;
}

static void a_storm_of_signals_costs_nothing(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = on_signal};
  const struct itimerval storm = {{0, 50}, {0, 50}}, calm = {{0, 0}, {0, 0}};
  reset_wire((struct script){0});
  struct lb_source *live = new_live(NULL);
  sigaction(SIGALRM, &action, NULL); /* for good: one may come late */
  signals = 0;
  setitimer(ITIMER_REAL, &storm, NULL);
  for (int i = 0; i < 1000 || (signals < 100 && i < 100000); i++) {
    struct lb_listen_socks rows = {0};
    struct text got = {.len = 0};
    int err = live->listeners(live, &rows);
    say_ours(&got, &rows);
    lb_listen_socks_free(&rows);
    if (err || strcmp(got.at, world.want.at) != 0) {
      setitimer(ITIMER_REAL, &calm, NULL);
      fail_msg("look %d: %d\n%s", i, err, got.at);
    }
    wire.log.len = 0;
  }
  setitimer(ITIMER_REAL, &calm, NULL);
  lb_live_free(live);
  assert_true(signals >= 100);
}

/* --- faults -------------------------------------------------------------- */

struct fault_case {
  struct script script;
  int want;
  const char *log;
};

/* The look as scripted, then one that must be good again. */
static void check_faults(const struct fault_case *cases, size_t len) {
  for (size_t i = 0; i < len; i++) {
    int fds = count_fds();
    struct lb_source *live = new_live(NULL);
    reset_wire(cases[i].script);
    if (cases[i].want)
      check_fails(live, cases[i].want);
    else
      check_found(live);
    assert_string_equal(wire.log.at, cases[i].log);

    reset_wire((struct script){0});
    check_found(live);
    assert_string_equal(wire.log.at, cases[i].want ? "open\nask for both\n"
                                                   : "ask for both\n");
    lb_live_free(live);
    assert_int_equal(count_fds(), fds);
  }
}

static void interrupted_calls_are_made_again(void **state) {
  (void)state;
  static const struct fault_case cases[] = {
      {{.receive = {EINTR, EINTR}},
       0,
       "open\nask for both\nreceive: EINTR\nreceive: EINTR\n"},
      {{.send = {EINTR, EINTR}},
       0,
       "open\nask for both: EINTR\nask for both: EINTR\nask for both\n"},
  };
  check_faults(cases, LEN(cases));
}

static void what_was_lost_is_asked_for_once_more(void **state) {
  (void)state;
  static const struct fault_case cases[] = {
      {{.receive = {ENOBUFS}},
       0,
       "open\nask for both\nreceive: ENOBUFS\nopen\nask for both\n"},
      {{.receive = {ENOSPC}},
       0,
       "open\nask for both\nreceive: ENOSPC\nopen\nask for both\n"},
      {{.receive = {FOREIGN}},
       0,
       "open\nask for both\nreceive: foreign\nopen\nask for both\n"},
      {{.receive = {STRAY}},
       0,
       "open\nask for both\nreceive: stray\nopen\nask for both\n"},
      {{.receive = {CUT}},
       0,
       "open\nask for both\nreceive: cut\nopen\nask for both\n"},
      {{.receive = {EMPTY}},
       0,
       "open\nask for both\nreceive: empty\nopen\nask for both\n"},
      {{.send = {ENOBUFS}},
       0,
       "open\nask for both: ENOBUFS\nopen\nask for both\n"},
  };
  check_faults(cases, LEN(cases));
}

static void but_not_more_than_once(void **state) {
  (void)state;
  static const struct fault_case cases[] = {
      {{.receive = {ENOBUFS, ENOBUFS}},
       -ENOBUFS,
       "open\nask for both\nreceive: ENOBUFS\n"
       "open\nask for both\nreceive: ENOBUFS\n"},
      {{.receive = {ENOSPC, ENOSPC}},
       -ENOSPC,
       "open\nask for both\nreceive: ENOSPC\n"
       "open\nask for both\nreceive: ENOSPC\n"},
      {{.receive = {FOREIGN, FOREIGN}},
       -EPROTO,
       "open\nask for both\nreceive: foreign\n"
       "open\nask for both\nreceive: foreign\n"},
      {{.receive = {STRAY, STRAY}},
       -ESRCH,
       "open\nask for both\nreceive: stray\n"
       "open\nask for both\nreceive: stray\n"},
      {{.receive = {CUT, EMPTY}},
       -EBADMSG,
       "open\nask for both\nreceive: cut\n"
       "open\nask for both\nreceive: empty\n"},
      {{.receive = {ENOBUFS}, .open = {NONE, EPERM}}, /* the last one counts */
       -EPERM,
       "open\nask for both\nreceive: ENOBUFS\nopen: EPERM\n"},
  };
  check_faults(cases, LEN(cases));
}

static void what_is_not_there_is_not_asked_for_again(void **state) {
  (void)state;
  static const struct fault_case cases[] = {
      {{.open = {EAFNOSUPPORT}}, -EAFNOSUPPORT, "open: EAFNOSUPPORT\n"},
      {{.open = {EPERM}}, -EPERM, "open: EPERM\n"},
      {{.send = {EPERM}}, -EPERM, "open\nask for both: EPERM\n"},
      {{.receive = {EAGAIN}},
       -ETIMEDOUT,
       "open\nask for both\nreceive: EAGAIN\n"},
      {{.receive = {NO_TCP_DIAG}},
       -ENOENT,
       "open\nask for both\nreceive: no tcp_diag\n"},
  };
  check_faults(cases, LEN(cases));
}

static void a_fault_that_lasts_is_an_error_until_it_is_over(void **state) {
  (void)state;
  struct lb_source *live = new_live(NULL);
  for (int i = 0; i < 5; i++) {
    reset_wire((struct script){.open = {EAFNOSUPPORT}});
    check_fails(live, -EAFNOSUPPORT);
    assert_string_equal(wire.log.at, "open: EAFNOSUPPORT\n");
  }
  reset_wire((struct script){0});
  check_found(live);
  assert_string_equal(wire.log.at, "open\nask for both\n");
  lb_live_free(live);
}

/* --- a kernel that refuses the request for both families ----------------- */

static void
refused_both_families_it_asks_for_one_after_the_other(void **state) {
  (void)state;
  static const int errors[] = {EOPNOTSUPP, EINVAL};
  for (size_t i = 0; i < LEN(errors); i++) {
    struct lb_source *live = new_live(NULL);
    reset_wire((struct script){0});
    wire.refuse = errors[i];
    for (int look = 0; look < 3; look++)
      check_found(live);
    lb_live_free(live);
    assert_string_equal(wire.log.at, "open\n"
                                     "ask for both: refused\n"
                                     "open\n"
                                     "ask for IPv4\n"
                                     "ask for IPv6\n" /* and so from now on */
                                     "ask for IPv4\n"
                                     "ask for IPv6\n"
                                     "ask for IPv4\n"
                                     "ask for IPv6\n");
  }
}

static void that_is_remembered_only_once_it_has_helped(void **state) {
  (void)state;
  struct lb_source *live = new_live(NULL);
  reset_wire((struct script){.receive = {EAGAIN}});
  wire.refuse = EOPNOTSUPP;
  check_fails(live, -ETIMEDOUT);
  check_found(live);
  check_found(live);
  lb_live_free(live);
  assert_string_equal(wire.log.at, "open\n"
                                   "ask for both: refused\n"
                                   "open\n"
                                   "ask for IPv4\n"
                                   "receive: EAGAIN\n"
                                   "open\n"
                                   "ask for both: refused\n"
                                   "open\n"
                                   "ask for IPv4\n"
                                   "ask for IPv6\n"
                                   "ask for IPv4\n"
                                   "ask for IPv6\n");
}

static void one_family_lost_both_are_asked_for_again(void **state) {
  (void)state;
  struct lb_source *live = new_live(NULL);
  reset_wire((struct script){0});
  wire.refuse = EOPNOTSUPP;
  check_found(live);
  reset_wire((struct script){.send = {NONE, ENOBUFS}});
  check_found(live);
  lb_live_free(live);
  assert_string_equal(wire.log.at, "ask for IPv4\n"
                                   "ask for IPv6: ENOBUFS\n"
                                   "open\n"
                                   "ask for IPv4\n"
                                   "ask for IPv6\n");
}

static void any_other_refusal_is_an_error(void **state) {
  (void)state;
  struct lb_source *live = new_live(NULL);
  reset_wire((struct script){0});
  wire.refuse = EPERM;
  check_fails(live, -EPERM);
  assert_string_equal(wire.log.at, "open\n"
                                   "ask for both: refused\n");
  wire.refuse = 0;
  check_found(live);
  lb_live_free(live);
}

/* --- witnesses ----------------------------------------------------------- */

struct seen {
  struct text log;
  struct lb_listen_socks rows; /* of all datagrams */
};

static void see_datagram(void *data, enum lb_channel channel, const void *bytes,
                         size_t len, int status) {
  struct seen *seen = data;
  assert_int_equal(channel, LB_CHANNEL_LISTENERS);
  if (!bytes) {
    assert_int_equal(len, 0);
    say(&seen->log, "outcome %d\n", status);
    return;
  }
  struct lb_dump dump = {.taker = lb_take_rows(&seen->rows)};
  assert_int_equal(status, 0);
  assert_in_range(lb_dump_feed(&dump, bytes, len), 0, 1);
}

static void see_answer(void *data, enum lb_channel channel, int status,
                       uint64_t cost_ns) {
  struct seen *seen = data;
  assert_int_equal(channel, LB_CHANNEL_LISTENERS);
  assert_int_equal(cost_ns, 0);
  say(&seen->log, "listeners %d\n", status);
}

static void see_text(void *data, enum lb_text which, const char *buf,
                     ssize_t len) {
  struct seen *seen = data;
  say(&seen->log, "text %d: %d", (int)which, (int)len);
  if (len >= 0)
    say(&seen->log, " \"%.*s\"", (int)len, buf);
  say(&seen->log, "\n");
}

static void a_witness_sees_what_the_kernel_said(void **state) {
  (void)state;
  struct seen seen = {.log.len = 0};
  struct text got = {.len = 0}, want = {.len = 0};
  const struct lb_witness witness = {see_datagram, see_answer, see_text, &seen};
  struct lb_source *live = new_live(&witness);
  reset_wire((struct script){0});
  check_found(live);
  say_ours(&got, &seen.rows);
  assert_string_equal(got.at, world.want.at);
  reset_wire((struct script){.receive = {ENOBUFS}, .open = {NONE}});
  check_found(live);
  reset_wire((struct script){.receive = {EAGAIN}});
  check_fails(live, -ETIMEDOUT);
  reset_wire((struct script){.open = {EPERM}});
  check_fails(live, -EPERM);
  lb_live_free(live);
  lb_listen_socks_free(&seen.rows);
  say(&want,
      "outcome 0\nlisteners 0\n"
      "outcome %d\noutcome 0\nlisteners 0\n"
      "outcome %d\nlisteners %d\n"
      "outcome %d\nlisteners %d\n",
      -ENOBUFS, -ETIMEDOUT, -ETIMEDOUT, -EPERM, -EPERM);
  assert_string_equal(seen.log.at, want.at);
}

static void requests_are_numbered_from_1_on(void **state) {
  (void)state;
  struct lb_netlink *netlink;
  struct lb_listen_socks rows = {0};
  reset_wire((struct script){.receive = {NONE}});
  assert_int_equal(lb_netlink_new(&netlink), 0);
  for (uint32_t i = 1; i <= 4; i++) {
    _Alignas(8) char buf[LB_INET_REQUEST_SIZE];
    struct nlmsghdr *request = lb_inet_request_listen_socks(buf, AF_INET);
    if (i == 2) /* through a reopening, too */
      reset_wire((struct script){.receive = {ENOBUFS}});
    assert_int_equal(
        lb_netlink_dump(netlink, request, lb_take_rows(&rows), NULL),
        i == 2 ? -ENOBUFS : 0);
    assert_int_equal(request->nlmsg_seq, i);
  }
  lb_netlink_free(netlink);
  lb_listen_socks_free(&rows);
  assert_string_equal(wire.log.at, "ask for IPv4\n"
                                   "receive: ENOBUFS\n"
                                   "open\n"
                                   "ask for IPv4\n"
                                   "ask for IPv4\n");
}

static void what_is_not_there_can_be_freed(void **state) {
  (void)state;
  lb_live_free(NULL);
  lb_netlink_free(NULL);
}

/* --- the socket itself --------------------------------------------------- */

static void a_socket_is_opened_once(void **state) {
  (void)state;
  struct lb_netlink *netlink;
  struct lb_listen_socks rows = {0};
  _Alignas(8) char buf[LB_INET_REQUEST_SIZE];
  int fds = count_fds();
  reset_wire((struct script){.open = {EPERM}});
  assert_int_equal(lb_netlink_new(&netlink), 0);
  assert_false(lb_netlink_is_open(netlink));
  assert_int_equal(lb_netlink_open(netlink), -EPERM);
  assert_false(lb_netlink_is_open(netlink));
  for (int i = 0; i < 2; i++) {
    assert_int_equal(lb_netlink_open(netlink), 0);
    assert_true(lb_netlink_is_open(netlink));
    assert_int_equal(count_fds(), fds + 1);
  }
  assert_int_equal(lb_netlink_dump(netlink,
                                   lb_inet_request_listen_socks_of_both(buf),
                                   lb_take_rows(&rows), NULL),
                   0);
  assert_true(lb_netlink_is_open(netlink));
  for (int i = 0; i < 2; i++) {
    lb_netlink_close(netlink);
    assert_false(lb_netlink_is_open(netlink));
    assert_int_equal(count_fds(), fds);
  }
  assert_int_equal(lb_netlink_dump(netlink,
                                   lb_inet_request_listen_socks_of_both(buf),
                                   lb_take_rows(&rows), NULL),
                   0);
  assert_true(lb_netlink_is_open(netlink));
  lb_netlink_free(netlink);
  lb_listen_socks_free(&rows);
  assert_int_equal(count_fds(), fds);
  assert_string_equal(wire.log.at, "open: EPERM\n"
                                   "open\n"
                                   "ask for both\n"
                                   "open\n"
                                   "ask for both\n");
}

static void one_that_cannot_be_made_ready_is_closed(void **state) {
  (void)state;
  static const struct script scripts[] = {{.bind = {ENOMEM, EADDRINUSE}},
                                          {.option = {ENOMEM, EADDRINUSE}}};
  for (size_t i = 0; i < LEN(scripts); i++) {
    struct lb_netlink *netlink;
    int fds = count_fds();
    reset_wire(scripts[i]);
    assert_int_equal(lb_netlink_new(&netlink), 0);
    assert_int_equal(lb_netlink_open(netlink), -ENOMEM);
    assert_false(lb_netlink_is_open(netlink));
    assert_int_equal(lb_netlink_open(netlink), -EADDRINUSE);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(lb_netlink_open(netlink), 0);
    assert_int_equal(count_fds(), fds + 1);
    lb_netlink_free(netlink);
    assert_int_equal(count_fds(), fds);
  }
}

static void any_error_closes_it(void **state) {
  (void)state;
  static const struct script scripts[] = {
      {.send = {EPERM}},      {.receive = {ENOBUFS}},     {.receive = {EAGAIN}},
      {.receive = {FOREIGN}}, {.receive = {NO_TCP_DIAG}},
  };
  for (size_t i = 0; i < LEN(scripts); i++) {
    struct lb_netlink *netlink;
    struct lb_listen_socks rows = {0};
    _Alignas(8) char buf[LB_INET_REQUEST_SIZE];
    int fds = count_fds();
    assert_int_equal(lb_netlink_new(&netlink), 0);
    reset_wire(scripts[i]);
    assert_true(lb_netlink_dump(netlink,
                                lb_inet_request_listen_socks_of_both(buf),
                                lb_take_rows(&rows), NULL) < 0);
    assert_false(lb_netlink_is_open(netlink));
    assert_int_equal(count_fds(), fds);
    lb_netlink_free(netlink);
    lb_listen_socks_free(&rows);
  }
}

/* --- UNIX sockets: a dump, and a single answer --------------------------- */

struct unix_world {
  struct server server;
  int client;
  struct lb_netlink *netlink;
};

static void open_unix_world(struct unix_world *unix_world) {
  if (!has_unix_diag())
    skip();
  assert_int_equal(
      open_unix_server(&unix_world->server, SOCK_STREAM, NULL, 0, 5), 0);
  unix_world->client = connect_unix(&unix_world->server);
  assert_true(unix_world->client >= 0);
  assert_int_equal(lb_netlink_new(&unix_world->netlink), 0);
}

static void close_unix_world(struct unix_world *unix_world) {
  close(unix_world->client);
  close(unix_world->server.fd);
  lb_netlink_free(unix_world->netlink);
}

static size_t count_ours(const struct unix_world *unix_world) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  struct lb_listen_socks rows = {0};
  size_t count = 0;
  assert_int_equal(lb_unix_names_new(&rows.paths), 0);
  int err =
      lb_netlink_dump(unix_world->netlink, lb_unix_request_listen_socks(buf),
                      lb_take_paths(&rows), NULL);
  for (size_t i = 0; i < rows.len; i++)
    count += rows.v[i].cookie == unix_world->server.cookie;
  lb_unix_names_free(rows.paths);
  lb_listen_socks_free(&rows);
  assert_int_equal(err, 0);
  return count;
}

static int ask_who_waits(const struct unix_world *unix_world, uint64_t cookie,
                         uint32_t *waiting, const struct lb_tap *tap) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  const struct lb_listen_sock row = {.inode = unix_world->server.inode,
                                     .cookie = cookie};
  struct lb_pending pending = {0, 0};
  int err =
      lb_netlink_dump(unix_world->netlink, lb_unix_request_pending(buf, &row),
                      lb_take_pending(&pending), tap);
  *waiting = pending.waiting;
  return err;
}

static void tap_datagram(void *data, const void *bytes, size_t len,
                         int status) {
  struct text *log = data;
  say(log, "%s %d\n", bytes && len ? "datagram" : "outcome", status);
}

static void dumps_and_single_answers_may_alternate(void **state) {
  (void)state;
  struct unix_world ours;
  struct text log = {.len = 0};
  const struct lb_tap tap = {tap_datagram, &log};
  uint32_t waiting;
  reset_wire((struct script){0});
  open_unix_world(&ours);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(count_ours(&ours), 1);
    assert_int_equal(ask_who_waits(&ours, ours.server.cookie, &waiting, &tap),
                     0);
    assert_int_equal(waiting, 1);
  }
  close_unix_world(&ours);
  assert_string_equal(wire.log.at, "open\n"
                                   "ask for UNIX\n"
                                   "ask who waits\n"
                                   "ask for UNIX\n"
                                   "ask who waits\n");
  assert_string_equal(log.at, "datagram 0\noutcome 0\n"
                              "datagram 0\noutcome 0\n");
}

static void a_single_answer_may_be_an_error(void **state) {
  (void)state;
  struct unix_world ours;
  struct text log = {.len = 0}, want = {.len = 0};
  const struct lb_tap tap = {tap_datagram, &log};
  uint32_t waiting;
  reset_wire((struct script){0});
  open_unix_world(&ours);
  assert_int_equal(ask_who_waits(&ours, ours.server.cookie + 1, &waiting, &tap),
                   -ESTALE);
  assert_false(lb_netlink_is_open(ours.netlink));
  assert_int_equal(ask_who_waits(&ours, ours.server.cookie, &waiting, &tap), 0);
  assert_int_equal(waiting, 1);
  close_unix_world(&ours);
  assert_string_equal(wire.log.at, "open\n"
                                   "ask who waits\n"
                                   "open\n"
                                   "ask who waits\n");
  say(&want, "datagram 0\noutcome %d\ndatagram 0\noutcome 0\n", -ESTALE);
  assert_string_equal(log.at, want.at);
}

static void faults_meet_a_single_answer_too(void **state) {
  (void)state;
  static const struct {
    struct script script;
    int want;
  } cases[] = {
      {{.receive = {EINTR, EINTR}}, 0},    {{.send = {EINTR}}, 0},
      {{.receive = {EAGAIN}}, -ETIMEDOUT}, {{.receive = {FOREIGN}}, -EPROTO},
      {{.receive = {STRAY}}, -ESRCH},      {{.receive = {CUT}}, -EBADMSG},
      {{.receive = {EMPTY}}, -EBADMSG},    {{.open = {EPERM}}, -EPERM},
  };
  struct unix_world ours;
  open_unix_world(&ours);
  for (size_t i = 0; i < LEN(cases); i++) {
    uint32_t waiting;
    lb_netlink_close(ours.netlink);
    reset_wire(cases[i].script);
    assert_int_equal(ask_who_waits(&ours, ours.server.cookie, &waiting, NULL),
                     cases[i].want);
    assert_int_equal(waiting, cases[i].want ? 0 : 1);
    assert_int_equal(lb_netlink_is_open(ours.netlink), !cases[i].want);
    reset_wire((struct script){0});
    assert_int_equal(ask_who_waits(&ours, ours.server.cookie, &waiting, NULL),
                     0);
    assert_int_equal(waiting, 1);
  }
  close_unix_world(&ours);
}

/* --- files --------------------------------------------------------------- */

static void files_are_read_whole_each_time(void **state) {
  (void)state;
  struct proc proc;
  struct lb_source *live;
  char buf[32];
  make_proc(&proc, "test_netlink");
  write_proc(&proc, "net/netstat", "TcpExt: A\n");
  write_proc(&proc, "sys/net/core/somaxconn", "4096\n");
  live = new_live_of(proc.root, NULL);
  assert_int_equal(live->text(live, LB_TEXT_NETSTAT, buf, sizeof(buf)), 10);
  assert_string_equal(buf, "TcpExt: A\n");
  assert_int_equal(live->text(live, LB_TEXT_SOMAXCONN, buf, sizeof(buf)), 5);
  assert_string_equal(buf, "4096\n");
  write_proc(&proc, "sys/net/core/somaxconn", "128\n");
  assert_int_equal(live->text(live, LB_TEXT_SOMAXCONN, buf, sizeof(buf)), 4);
  assert_string_equal(buf, "128\n");
  write_proc(&proc, "sys/net/core/somaxconn", "");
  assert_int_equal(live->text(live, LB_TEXT_SOMAXCONN, buf, sizeof(buf)), 0);
  assert_string_equal(buf, "");
  lb_live_free(live);
  remove_proc(&proc);
}

static void a_file_needs_room_for_itself_and_a_nul(void **state) {
  (void)state;
  struct proc proc;
  struct lb_source *live;
  make_proc(&proc, "test_netlink");
  write_proc(&proc, "net/netstat", "0123456789");
  live = new_live_of(proc.root, NULL);
  for (size_t size = 0; size <= 12; size++) {
    char *buf = malloc(size); /* an overrun is seen */
    ssize_t want = size > 10 ? 10 : -EFBIG;
    assert_int_equal(live->text(live, LB_TEXT_NETSTAT, buf, size), want);
    if (want == 10)
      assert_string_equal(buf, "0123456789");
    free(buf);
  }
  lb_live_free(live);
  remove_proc(&proc);
}

static void a_file_that_cannot_be_read_is_an_error(void **state) {
  (void)state;
  struct proc proc;
  struct lb_source *live;
  struct seen seen = {.log.len = 0};
  struct text want = {.len = 0};
  const struct lb_witness witness = {see_datagram, see_answer, see_text, &seen};
  char buf[64], far[300];
  int fds = count_fds();
  make_proc(&proc, "test_netlink");
  live = new_live_of(proc.root, &witness);
  assert_int_equal(live->text(live, LB_TEXT_NETSTAT, buf, sizeof(buf)),
                   -ENOENT);
  assert_int_equal(mkdir(proc_path(&proc, "net/netstat"), 0700), 0);
  assert_int_equal(live->text(live, LB_TEXT_NETSTAT, buf, sizeof(buf)),
                   -EISDIR);
  write_proc(&proc, "sys/net/core/somaxconn", "128\n");
  assert_int_equal(live->text(live, LB_TEXT_SOMAXCONN, buf, 3), -EFBIG);
  assert_int_equal(live->text(live, LB_TEXT_SOMAXCONN, buf, sizeof(buf)), 4);
  lb_live_free(live);
  remove_proc(&proc);

  memset(far, 'x', sizeof(far) - 1);
  far[sizeof(far) - 1] = '\0';
  live = new_live_of(far, &witness);
  assert_int_equal(live->text(live, LB_TEXT_NETSTAT, buf, sizeof(buf)),
                   -ENAMETOOLONG);
  lb_live_free(live);
  assert_int_equal(count_fds(), fds);
  say(&want, "text 0: %d\ntext 0: %d\ntext 1: %d\ntext 1: 4 \"128\n\"\n",
      -ENOENT, -EISDIR, -EFBIG);
  assert_string_equal(seen.log.at, want.at);
}

static void the_real_files_are_where_we_look(void **state) {
  (void)state;
  struct lb_source *live = new_live(NULL);
  static char buf[65536];
  ssize_t len = live->text(live, LB_TEXT_NETSTAT, buf, sizeof(buf));
  assert_in_range(len, 100, 16383); /* what the survey has room for */
  assert_memory_equal(buf, "TcpExt: SyncookiesSent ", 23);
  len = live->text(live, LB_TEXT_SOMAXCONN, buf, 64);
  assert_in_range(len, 2, 11);
  assert_int_equal(strspn(buf, "0123456789"), len - 1);
  assert_string_equal(buf + len - 1, "\n");
  lb_live_free(live);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(our_listeners_are_found),
      cmocka_unit_test(rows_are_appended_to_those_that_are_there),
      cmocka_unit_test(a_storm_of_signals_costs_nothing),
      cmocka_unit_test(interrupted_calls_are_made_again),
      cmocka_unit_test(what_was_lost_is_asked_for_once_more),
      cmocka_unit_test(but_not_more_than_once),
      cmocka_unit_test(what_is_not_there_is_not_asked_for_again),
      cmocka_unit_test(a_fault_that_lasts_is_an_error_until_it_is_over),
      cmocka_unit_test(refused_both_families_it_asks_for_one_after_the_other),
      cmocka_unit_test(that_is_remembered_only_once_it_has_helped),
      cmocka_unit_test(one_family_lost_both_are_asked_for_again),
      cmocka_unit_test(any_other_refusal_is_an_error),
      cmocka_unit_test(a_witness_sees_what_the_kernel_said),
      cmocka_unit_test(requests_are_numbered_from_1_on),
      cmocka_unit_test(what_is_not_there_can_be_freed),
      cmocka_unit_test(a_socket_is_opened_once),
      cmocka_unit_test(one_that_cannot_be_made_ready_is_closed),
      cmocka_unit_test(any_error_closes_it),
      cmocka_unit_test(dumps_and_single_answers_may_alternate),
      cmocka_unit_test(a_single_answer_may_be_an_error),
      cmocka_unit_test(faults_meet_a_single_answer_too),
      cmocka_unit_test(files_are_read_whole_each_time),
      cmocka_unit_test(a_file_needs_room_for_itself_and_a_nul),
      cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
      cmocka_unit_test(the_real_files_are_where_we_look),
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
