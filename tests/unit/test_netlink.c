// SPDX-License-Identifier: MIT
/* The netlink socket, against the running kernel in whatever network namespace
 * this runs. Faults are put between libmnl and the code: the linker's --wrap
 * sends calls of its open, bind, sendto and recvfrom, and of setsockopt,
 * through here, where a script spoils some of them. */
#include "kernel/netlink.h"

#include "errors.h"
#include "kernel/inet_diag.h"
#include "kernel/unix_diag.h"
#include "unit.h"

#include <signal.h>
#include <sys/time.h>

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
  bool socket_is_bad; /* not CLOEXEC, could wait for ever, reads too little */
  struct text log;    /* each call but a good receive */
} wire;

static int next_fault(int faults[FAULTS]) {
  int fault = faults[0];
  memmove(faults, faults + 1, (FAULTS - 1) * sizeof(*faults));
  faults[FAULTS - 1] = NONE;
  return fault;
}

/* Logs a call. -1 and errno for one that is to fail. */
static int log_call(const char *call, int fault) {
  say(&wire.log, "%s%s%s, ", call, fault ? ": " : "",
      fault ? error_name(fault) : "");
  errno = fault;
  return fault ? -1 : 0;
}

WRAP(struct mnl_socket *, mnl_socket_open2, int bus, int flags) {
  return log_call("open", next_fault(wire.script.open))
             ? NULL
             : __real_mnl_socket_open2(bus, flags);
}

WRAP(int, mnl_socket_bind, struct mnl_socket *nl, unsigned groups, pid_t pid) {
  errno = next_fault(wire.script.bind);
  return errno ? -1 : __real_mnl_socket_bind(nl, groups, pid);
}

WRAP_TIME(int, setsockopt, int fd, int level, int option, const void *value,
          socklen_t len) {
  errno = next_fault(wire.script.option);
  return errno ? -1 : __real_setsockopt(fd, level, option, value, len);
}

WRAP(ssize_t, mnl_socket_sendto, const struct mnl_socket *nl, const void *req,
     size_t size) {
  return log_call("send", next_fault(wire.script.send))
             ? -1
             : __real_mnl_socket_sendto(nl, req, size);
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

WRAP(ssize_t, mnl_socket_recvfrom, const struct mnl_socket *nl, void *buf,
     size_t size) {
  check_socket(nl, size);
  int fault = next_fault(wire.script.receive);
  if (fault && fault < FOREIGN)
    return log_call("receive", fault);
  ssize_t len = __real_mnl_socket_recvfrom(nl, buf, size);
  return fault ? spoil(buf, len, fault) : len;
}

static void reset_wire(struct script script) {
  wire.script = script;
  wire.log.len = 0;
  wire.log.at[0] = '\0';
}

/* --- requests ------------------------------------------------------------ */

static struct server tcp, local;
static int clients[2]; /* of tcp; the queue of local has one more */
static int local_client;
static struct lb_netlink *netlink;

static int open_netlink(void **state) {
  (void)state;
  reset_wire((struct script){0});
  return lb_netlink_new(&netlink);
}

static int free_netlink(void **state) {
  (void)state;
  lb_netlink_free(netlink);
  return 0;
}

/* A dump, in which the server must be found with its queue. */
static int dump_tcp(void) {
  _Alignas(8) char buf[LB_LISTEN_REQUEST_SIZE];
  struct lb_listen_socks socks = {0};
  size_t found = 0;
  int err = ask_kernel(netlink, lb_inet_request_listen_socks(buf, AF_UNSPEC),
                       lb_add_tcp_socks(&socks));
  for (size_t i = 0; i < socks.len; i++)
    found += socks.v[i].cookie == tcp.cookie && socks.v[i].queue == 2 &&
             socks.v[i].port == tcp.port && socks.v[i].inode == tcp.inode;
  lb_listen_socks_free(&socks);
  if (!err)
    assert_int_equal(found, 1);
  return err;
}

static int dump_unix(void) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  struct lb_listen_socks socks = {0};
  size_t found = 0;
  assert_int_equal(lb_unix_names_new(&socks.unix_names), 0);
  int err = ask_kernel(netlink, lb_unix_request_listen_socks(buf),
                       lb_add_unix_socks(&socks));
  for (size_t i = 0; i < socks.len; i++)
    found += socks.v[i].cookie == local.cookie && socks.v[i].queue == 1;
  lb_unix_names_free(socks.unix_names);
  lb_listen_socks_free(&socks);
  if (!err)
    assert_int_equal(found, 1);
  return err;
}

/* The request whose answer is a single message. */
static int get_pending(uint64_t cookie) {
  _Alignas(8) char buf[LB_UNIX_REQUEST_SIZE];
  const struct lb_listen_sock sock = {.inode = local.inode, .cookie = cookie};
  struct lb_pending pending = {0, 0};
  int err = ask_kernel(netlink, lb_unix_request_pending(buf, &sock),
                       lb_set_pending(&pending));
  assert_int_equal(pending.waiting, err ? 0 : 1);
  return err;
}

/* --- faults -------------------------------------------------------------- */

static const struct fault_case {
  struct script script;
  int want;
  const char *log;
} cases[] = {
    {{.receive = {EINTR, EINTR}},
     0,
     "open, send, receive: EINTR, receive: EINTR, "},
    {{.send = {EINTR, EINTR}}, 0, "open, send: EINTR, send: EINTR, send, "},
    {{.receive = {ENOBUFS}}, -ENOBUFS, "open, send, receive: ENOBUFS, "},
    {{.receive = {ENOSPC}}, -ENOSPC, "open, send, receive: ENOSPC, "},
    {{.receive = {EAGAIN}}, -ETIMEDOUT, "open, send, receive: EAGAIN, "},
    {{.receive = {FOREIGN}}, -EPROTO, "open, send, "},
    {{.receive = {STRAY}}, -ESRCH, "open, send, "},
    {{.receive = {CUT}}, -EBADMSG, "open, send, "},
    {{.receive = {EMPTY}}, -EBADMSG, "open, send, "},
    {{.receive = {NO_TCP_DIAG}}, -ENOENT, "open, send, "},
    {{.send = {EPERM}}, -EPERM, "open, send: EPERM, "},
    {{.open = {EPERM}}, -EPERM, "open: EPERM, "},
    {{.open = {EAFNOSUPPORT}}, -EAFNOSUPPORT, "open: EAFNOSUPPORT, "},
    {{.bind = {ENOMEM}}, -ENOMEM, "open, "},
    {{.option = {ENOMEM}}, -ENOMEM, "open, "},
};

/* The request as scripted, then one that must be good again. */
static void check_faults(const struct fault_case *fault, int (*request)(void)) {
  int fds = count_fds();
  assert_int_equal(lb_netlink_new(&netlink), 0);
  reset_wire(fault->script);
  assert_int_equal(request(), fault->want);
  assert_string_equal(wire.log.at, fault->log);
  assert_int_equal(lb_netlink_is_open(netlink), fault->want == 0);
  assert_int_equal(count_fds(), fds + (fault->want == 0));
  reset_wire((struct script){0});
  assert_int_equal(request(), 0);
  assert_string_equal(wire.log.at, fault->want ? "open, send, " : "send, ");
  lb_netlink_free(netlink);
  assert_int_equal(count_fds(), fds);
}

TEST_CASE(dumps_retry_interruptions_and_close_the_socket_after_other_faults) {
  for (size_t i = 0; i < LEN(cases); i++)
    check_faults(&cases[i], dump_tcp);
  assert_false(wire.socket_is_bad);
}

static int get_local_pending(void) { return get_pending(local.cookie); }

TEST_CASE(single_answers_retry_interruptions_and_close_after_other_faults) {
  if (!has_unix_diag())
    skip();
  for (size_t i = 0; i < LEN(cases); i++)
    check_faults(&cases[i], get_local_pending);
}

TEST_WITH(a_single_answer_may_be_an_error, open_netlink, free_netlink) {
  if (!has_unix_diag())
    skip();
  assert_int_equal(get_pending(local.cookie + 1), -ESTALE);
  assert_false(lb_netlink_is_open(netlink));
  assert_int_equal(get_pending(local.cookie), 0);
  assert_string_equal(wire.log.at, "open, send, open, send, ");
}

TEST_WITH(dumps_and_single_answers_may_alternate, open_netlink, free_netlink) {
  if (!has_unix_diag())
    skip();
  for (int i = 0; i < 2; i++) {
    assert_int_equal(dump_unix(), 0);
    assert_int_equal(get_pending(local.cookie), 0);
    assert_int_equal(dump_tcp(), 0);
  }
  assert_string_equal(wire.log.at,
                      "open, send, send, send, send, send, send, ");
}

static volatile sig_atomic_t signals;

static void on_signal(int number) {
  (void)number;
  signals++;
}

TEST_WITH(a_storm_of_signals_costs_no_answer, open_netlink, free_netlink) {
  struct sigaction action = {.sa_handler = on_signal};
  const struct itimerval storm = {{0, 50}, {0, 50}}, calm = {{0, 0}, {0, 0}};
  sigaction(SIGALRM, &action, NULL); /* for good: one may come late */
  signals = 0;
  setitimer(ITIMER_REAL, &storm, NULL);
  int err = 0;
  for (int i = 0; !err && (i < 1000 || (signals < 100 && i < 100000)); i++) {
    err = dump_tcp();
    wire.log.len = 0;
  }
  setitimer(ITIMER_REAL, &calm, NULL);
  assert_int_equal(err, 0);
  assert_true(signals >= 100);
}

/* --- the socket itself --------------------------------------------------- */

static int no_more(void *data, const void *bytes, size_t len) {
  (void)data, (void)bytes, (void)len;
  return 0;
}

TEST_WITH(each_request_gets_a_number_and_the_port_id_of_the_socket,
          open_netlink, free_netlink) {
  for (uint32_t i = 1; i <= 4; i++) {
    _Alignas(8) char buf[LB_LISTEN_REQUEST_SIZE];
    struct nlmsghdr *request = lb_inet_request_listen_socks(buf, AF_INET);
    if (i == 2) /* the number goes on through a reopening */
      reset_wire((struct script){.receive = {ENOBUFS}});
    assert_int_equal(lb_netlink_dump(netlink, request,
                                     (struct lb_datagram_handler){no_more, 0}),
                     i == 2 ? -ENOBUFS : 0);
    assert_int_equal(request->nlmsg_seq, i);
    assert_int_not_equal(request->nlmsg_pid, 0);
    lb_netlink_close(netlink); /* the rest of the answer is not read */
  }
}

TEST_WITH(a_socket_is_opened_once_and_closed_once, open_netlink, free_netlink) {
  int fds = count_fds();
  reset_wire((struct script){.open = {EPERM}});
  assert_false(lb_netlink_is_open(netlink));
  assert_int_equal(lb_netlink_netns(netlink), 0);
  assert_int_equal(lb_netlink_open(netlink), -EPERM);
  assert_false(lb_netlink_is_open(netlink));
  for (int i = 0; i < 2; i++) {
    assert_int_equal(lb_netlink_open(netlink), 0);
    assert_true(lb_netlink_is_open(netlink));
    assert_int_equal(count_fds(), fds + 1);
  }
  assert_int_equal(dump_tcp(), 0);
  assert_true(lb_netlink_is_open(netlink));
  for (int i = 0; i < 2; i++) {
    lb_netlink_close(netlink);
    assert_false(lb_netlink_is_open(netlink));
    assert_int_equal(count_fds(), fds);
  }
  assert_int_equal(dump_tcp(), 0);
  assert_true(lb_netlink_is_open(netlink));
  assert_string_equal(wire.log.at, "open: EPERM, open, send, open, send, ");
}

TEST_CASE(a_socket_that_does_not_exist_can_be_freed) { lb_netlink_free(NULL); }

static int open_servers(void) {
  if (open_server(&tcp, AF_INET, false, 5) || fill_queue(&tcp, clients, 2) ||
      open_unix_server(&local, SOCK_STREAM, NULL, 0, 5))
    return -1;
  local_client = connect_unix(&local);
  return local_client < 0 ? -1 : 0;
}

static void close_servers(void) {
  close(clients[0]);
  close(clients[1]);
  close(local_client);
  close(tcp.fd);
  close(local.fd);
}

int main(void) {
  const char *missing = !has_sock_diag() ? "sock_diag"
                        : open_servers() ? "sockets to listen on"
                                         : NULL;
  if (missing) {
    printf("1..0 # SKIP no %s here\n", missing);
    return 0;
  }
  int failed = run_all_tests(NULL, NULL);
  close_servers();
  return failed;
}
