// SPDX-License-Identifier: MIT
/* The running kernel, asked through a source, here and in another network
 * namespace, each with sockets of our own in it. The linker's --wrap sends
 * calls of netlink.c through here, where they are logged and some of them fail.
 */
#include "kernel/kernel_transport.h"

#include "errors.h"
#include "kernel/netlink.h"
#include "kernel/source.h"
#include "memory.h"
#include "unit.h"

#include <pthread.h>

/* --- the calls ----------------------------------------------------------- */

static struct {
  int lost;        /* so many of the next answers */
  bool is_silent;  /* for calls of two threads */
  uint64_t cookie; /* of the socket's namespace; 0: as it is */
  struct text log;
} calls;

static struct lb_netns_id own;

static bool is_here(void) {
  struct lb_netns_id id = {0, 0};
  return lb_netns_identify(NULL, &id) == 0 && lb_netns_is_same(&id, &own);
}

WRAP(int, lb_netlink_open, struct lb_netlink *netlink) {
  say(&calls.log, is_here() ? "open\n" : "open there\n");
  return __real_lb_netlink_open(netlink);
}

static const char *name_of(const struct nlmsghdr *request) {
  if (request->nlmsg_type == TCPDIAG_GETSOCK)
    return "both";
  return request->nlmsg_flags & NLM_F_DUMP ? "UNIX" : "one UNIX";
}

WRAP(int, lb_netlink_dump, struct lb_netlink *netlink, struct nlmsghdr *request,
     struct lb_datagram_handler handler) {
  if (calls.is_silent)
    return __real_lb_netlink_dump(netlink, request, handler);
  bool is_lost = calls.lost && calls.lost--;
  say(&calls.log, "%s%s%s\n", lb_netlink_is_open(netlink) ? "" : "open, ",
      name_of(request), is_lost ? ": lost" : "");
  int err = __real_lb_netlink_dump(netlink, request, handler);
  if (is_lost)
    lb_netlink_close(netlink);
  return is_lost ? -ENOBUFS : err;
}

WRAP(uint64_t, lb_netlink_netns, const struct lb_netlink *netlink) {
  return calls.cookie ? calls.cookie : __real_lb_netlink_netns(netlink);
}

static void reset_calls(void) {
  calls.cookie = 0;
  calls.lost = 0;
  calls.log.len = 0;
  calls.log.at[0] = '\0';
}

/* --- sockets of our own -------------------------------------------------- */

/* Whether this process may make namespaces, and there is no other socket in its
 * own. */
static bool is_allowed;

enum { MAX_CLIENTS = 4 };

/* A TCP server and a UNIX server of one namespace, with clients that wait; the
 * first client of the UNIX server has closed. */
struct servers {
  struct server tcp;
  struct server local;
  char name[32];
  size_t name_len;
  int clients[MAX_CLIENTS];
  int locals[MAX_CLIENTS];
  size_t clients_len;
  size_t locals_len;
};

static struct servers ours;

static int open_servers(struct servers *to, size_t clients, size_t locals) {
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
  return 0;
}

static void close_servers(struct servers *from) {
  for (size_t i = 0; i < from->clients_len; i++)
    close(from->clients[i]);
  for (size_t i = 1; i < from->locals_len; i++)
    close(from->locals[i]);
  close(from->tcp.fd);
  close(from->local.fd);
}

/* --- what a source says -------------------------------------------------- */

static void open_source(struct lb_source *source, const char *proc,
                        const char *netns, const struct lb_netns_id *id) {
  struct lb_transport *transport;
  assert_int_equal(lb_kernel_transport_new(proc, netns, id, &transport), 0);
  lb_source_open(source, transport);
}

static void say_one_sock(struct text *got, const struct lb_listen_socks *socks,
                         const struct lb_listen_sock *sock,
                         const struct servers *of) {
  bool is_tcp = sock->inode == of->tcp.inode;
  bool is_local = sock->inode == of->local.inode;
  if (!is_tcp && !is_local && !is_allowed)
    return; /* another process's */
  if (is_tcp)
    assert_int_equal(sock->port, of->tcp.port);
  if (is_local) {
    const struct lb_unix_name *name =
        lb_unix_names_get(socks->unix_names, sock->unix_name);
    assert_int_equal(name->len, of->name_len);
    assert_memory_equal(name->bytes, of->name, of->name_len);
  }
  say(got, "%s queue %u limit %u",
      is_tcp     ? " tcp"
      : is_local ? " local"
                 : " another",
      sock->queue, sock->limit);
}

static int say_sock_query(struct text *got, struct lb_source *source,
                          const struct servers *of, enum lb_query_kind kind) {
  bool is_tcp = kind == LB_QUERY_TCP_SOCKS;
  struct lb_listen_socks socks = {0};
  assert_int_equal(lb_unix_names_new(&socks.unix_names), 0);
  int err = is_tcp ? lb_source_tcp_socks(source, &socks)
                   : lb_source_unix_socks(source, &socks);
  say(got, is_tcp ? "tcp socks" : "unix socks");
  for (size_t i = 0; i < socks.len; i++)
    say_one_sock(got, &socks, &socks.v[i], of);
  lb_unix_names_free(socks.unix_names);
  lb_listen_socks_free(&socks);
  return err;
}

static int say_conns(struct text *got, struct lb_source *source,
                     const struct servers *of, bool queued) {
  const struct lb_ports port = {of->tcp.port, of->tcp.port};
  const struct lb_conn_filter filter = {&port, 1, .queued = queued};
  struct lb_conns conns = {0};
  uint64_t cost_ns = 0;
  int err = lb_source_conns(source, &filter, &conns, &cost_ns);
  say(got, queued ? "conns" : "half-open");
  for (size_t i = 0; i < conns.len; i++) {
    assert_int_equal(conns.v[i].port, of->tcp.port);
    assert_int_equal(conns.v[i].family, AF_INET);
    assert_in_range(conns.v[i].wait_ms, 0, 3600000);
    say(got, " %d", conns.v[i].kind);
  }
  lb_conns_free(&conns);
  assert_true(cost_ns > 0);
  return err;
}

static int say_pending(struct text *got, struct lb_source *source,
                       const struct server *server) {
  const struct lb_listen_sock sock = {.inode = server->inode,
                                      .cookie = server->cookie};
  struct lb_pending pending = {77, 77};
  uint64_t cost_ns = 0;
  int err = lb_source_pending(source, &sock, &pending, &cost_ns);
  say(got, "pending %u, %u closed", pending.waiting, pending.closed);
  assert_true(cost_ns > 0);
  return err;
}

static void say_query(struct text *got, struct lb_source *source,
                      const struct servers *of, enum lb_query_kind kind) {
  int err = kind == LB_QUERY_CONNS     ? say_conns(got, source, of, true)
            : kind == LB_QUERY_PENDING ? say_pending(got, source, &of->local)
                                       : say_sock_query(got, source, of, kind);
  say(got, "%s%s\n", err ? ": " : "", err ? error_name(-err) : "");
}

static void say_all(struct text *got, struct lb_source *source,
                    const struct servers *of) {
  for (int kind = 0; kind <= LB_QUERY_PENDING; kind++)
    say_query(got, source, of, (enum lb_query_kind)kind);
}

#define HERE                                                                   \
  "tcp socks tcp queue 2 limit 5\n"                                            \
  "unix socks local queue 3 limit 6\n"                                         \
  "conns 1 1\n"                                                                \
  "pending 3, 1 closed\n"

/* --- here ---------------------------------------------------------------- */

static struct {
  struct proc proc;
  struct lb_source source;
  struct text got;
  int fds; /* open before the source was used */
} here;

static int open_here(void **state) {
  (void)state;
  here.fds = count_fds();
  here.got.len = 0;
  open_source(&here.source, "/proc", NULL, NULL);
  assert_int_equal(count_fds(), here.fds);
  reset_calls();
  return 0;
}

static int close_here(void **state) {
  (void)state;
  lb_source_close(&here.source);
  assert_int_equal(count_fds(), here.fds);
  return 0;
}
#define HERE_TEST(name) TEST_WITH(name, open_here, close_here)

HERE_TEST(samples_and_inspections_have_a_socket_each) {
  say_all(&here.got, &here.source, &ours);
  say_all(&here.got, &here.source, &ours);
  assert_int_equal(count_fds(), here.fds + 2);
  assert_string_equal(here.got.at, HERE HERE);
  assert_string_equal(calls.log.at, "open, both\nUNIX\nopen, both\none UNIX\n"
                                    "both\nUNIX\nboth\none UNIX\n");
}

HERE_TEST(waiting_connections_are_not_half_open) {
  assert_int_equal(say_conns(&here.got, &here.source, &ours, false), 0);
  assert_string_equal(here.got.at, "half-open");
}

HERE_TEST(a_unix_socket_that_is_gone_has_no_pending_connections) {
  struct server server;
  assert_int_equal(open_unix_server(&server, SOCK_STREAM, NULL, 0, 1), 0);
  assert_int_equal(say_pending(&here.got, &here.source, &server), 0);
  server.cookie ^= 1; /* another one of its inode */
  assert_int_equal(say_pending(&here.got, &here.source, &server), -ENOENT);
  server.cookie ^= 1;
  close(server.fd);
  assert_int_equal(say_pending(&here.got, &here.source, &server), -ENOENT);
  assert_string_equal(here.got.at, "pending 0, 0 closed"
                                   "pending 77, 77 closed"
                                   "pending 77, 77 closed");
}

/* A kernel may lack mptcp_diag. */
HERE_TEST(connections_of_mptcp_are_asked_for_with_the_socket_of_inspections) {
  static const struct lb_ports ports = {1, 65535};
  const struct lb_conn_filter filter = {&ports, 1, .queued = true};
  struct lb_conns conns = {0};
  uint64_t cost_ns = 0;
  assert_int_equal(say_conns(&here.got, &here.source, &ours, true), 0);
  int err = lb_source_mptcp_conns(&here.source, &filter, &conns, &cost_ns);
  assert_true(err == 0 || err == -ENOENT);
  assert_int_equal(count_fds(), here.fds + !err);
  assert_int_equal(conns.len, 0);
  lb_conns_free(&conns);
}

HERE_TEST(at_rest_there_is_no_socket) {
  lb_source_rest(&here.source);
  for (int i = 0; i < 2; i++) {
    reset_calls();
    say_all(&here.got, &here.source, &ours);
    assert_string_equal(calls.log.at,
                        "open, both\nUNIX\nopen, both\none UNIX\n");
    lb_source_rest(&here.source);
    assert_int_equal(count_fds(), here.fds);
  }
  assert_string_equal(here.got.at, HERE HERE);
}

enum { ROUNDS = 200 };

static void *inspect(void *data) {
  static struct text got;
  got.len = 0;
  for (int i = 0; i < ROUNDS; i++) {
    say_query(&got, data, &ours, LB_QUERY_CONNS);
    say_query(&got, data, &ours, LB_QUERY_PENDING);
  }
  return &got;
}

HERE_TEST(inspections_and_samples_may_run_in_two_threads) {
  static struct text want_samples, want_inspections;
  pthread_t thread;
  void *inspections;
  calls.is_silent = true;
  assert_int_equal(pthread_create(&thread, NULL, inspect, &here.source), 0);
  for (int i = 0; i < ROUNDS; i++) {
    say_query(&here.got, &here.source, &ours, LB_QUERY_TCP_SOCKS);
    say_query(&here.got, &here.source, &ours, LB_QUERY_UNIX_SOCKS);
    say(&want_samples, "tcp socks tcp queue 2 limit 5\n"
                       "unix socks local queue 3 limit 6\n");
    say(&want_inspections, "conns 1 1\npending 3, 1 closed\n");
  }
  pthread_join(thread, &inspections);
  calls.is_silent = false;
  assert_string_equal(here.got.at, want_samples.at);
  assert_string_equal(((struct text *)inspections)->at, want_inspections.at);
}

TEST_CASE(without_memory_there_is_no_transport) {
  struct lb_transport *transport = NULL;
  for (size_t call = 1; call <= 3; call++) {
    memory.fails = call;
    assert_int_equal(lb_kernel_transport_new("/proc", NULL, NULL, &transport),
                     -ENOMEM);
    assert_int_equal(memory.fails, 0);
    assert_null(transport);
  }
}

/* --- files here ---------------------------------------------------------- */

static int open_proc(void **state) {
  (void)state;
  here.fds = count_fds();
  make_proc(&here.proc, "test_kernel");
  open_source(&here.source, here.proc.root, NULL, NULL);
  return 0;
}

static int close_proc(void **state) {
  remove_proc(&here.proc);
  return close_here(state);
}
#define PROC_TEST(name) TEST_WITH(name, open_proc, close_proc)

/* The file fills the buffer of so many bytes in vain, or is this text. */
static void check_file(enum lb_file file, size_t size, ssize_t want,
                       const char *text) {
  char *buf = malloc(size); /* an overrun is seen */
  assert_int_equal(lb_source_read_file(&here.source, file, buf, size), want);
  if (want >= 0)
    assert_string_equal(buf, text);
  free(buf);
}

PROC_TEST(files_are_read_whole_each_time) {
  static const char *const texts[] = {"4096\n", "128\n", ""};
  write_proc(&here.proc, "net/netstat", "TcpExt: A\n");
  check_file(LB_FILE_NETSTAT, 32, 10, "TcpExt: A\n");
  for (size_t i = 0; i < LEN(texts); i++) {
    write_proc(&here.proc, "sys/net/core/somaxconn", texts[i]);
    check_file(LB_FILE_SOMAXCONN, 32, (ssize_t)strlen(texts[i]), texts[i]);
  }
}

PROC_TEST(a_file_needs_room_for_itself_and_a_nul) {
  write_proc(&here.proc, "net/netstat", "0123456789");
  for (size_t size = 0; size <= 12; size++)
    check_file(LB_FILE_NETSTAT, size, size > 10 ? 10 : -EFBIG, "0123456789");
}

PROC_TEST(a_file_that_cannot_be_read_is_an_error) {
  char far[300];
  check_file(LB_FILE_NETSTAT, 64, -ENOENT, NULL);
  assert_int_equal(mkdir(proc_path(&here.proc, "net/netstat"), 0700), 0);
  check_file(LB_FILE_NETSTAT, 64, -EISDIR, NULL);
  lb_source_close(&here.source);
  memset(far, 'x', sizeof(far) - 1);
  far[sizeof(far) - 1] = '\0';
  open_source(&here.source, far, NULL, NULL);
  check_file(LB_FILE_NETSTAT, 64, -ENAMETOOLONG, NULL);
}

HERE_TEST(the_real_files_are_where_the_transport_looks) {
  static char buf[65536];
  ssize_t len =
      lb_source_read_file(&here.source, LB_FILE_NETSTAT, buf, sizeof(buf));
  assert_in_range(len, 100, 16383); /* the collector has room for these */
  assert_memory_equal(buf, "TcpExt: SyncookiesSent ", 23);
  len = lb_source_read_file(&here.source, LB_FILE_SNMP, buf, sizeof(buf));
  assert_in_range(len, 100, 16383);
  assert_non_null(strstr(buf, " PassiveOpens "));
  len = lb_source_read_file(&here.source, LB_FILE_SOMAXCONN, buf, 64);
  assert_in_range(len, 2, 11);
  assert_int_equal(strspn(buf, "0123456789"), len - 1);
  assert_string_equal(buf + len - 1, "\n");
}

/* --- elsewhere ----------------------------------------------------------- */

/* Another namespace with servers of its own, one of the same name. */
static struct {
  struct servers servers;
  int fd;
  char path[32];
  struct lb_netns_id id;
  int fds; /* open before the source was used */
  struct lb_source source;
  struct text got;
} there;

static void enter(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(setns(fd, CLONE_NEWNET), 0);
  close(fd);
}

static struct text read_text(const char *path) {
  struct text text = {.len = 0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_true(read(fd, text.at, sizeof(text.at) - 1) > 0);
  close(fd);
  return text;
}

static void write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
}

static int make_elsewhere(void **state) {
  (void)state;
  int own_fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  memset(&there, 0, sizeof(there));
  there.fd = open_new_netns();
  snprintf(there.path, sizeof(there.path), "/proc/self/fd/%d", there.fd);
  assert_int_equal(lb_netns_identify(there.path, &there.id), 0);
  enter(there.path);
  assert_int_equal(open_servers(&there.servers, 1, 2), 0);
  write_text("/proc/sys/net/core/somaxconn", "77");
  assert_int_equal(setns(own_fd, CLONE_NEWNET), 0);
  close(own_fd);
  there.fds = count_fds();
  open_source(&there.source, "/proc", there.path, &there.id);
  reset_calls();
  return 0;
}

static int remove_elsewhere(void **state) {
  (void)state;
  lb_source_close(&there.source);
  close_servers(&there.servers);
  close(there.fd);
  return 0;
}

#define THERE_TEST(name) TEST_WITH(name, make_elsewhere, remove_elsewhere)

static void say_all_there(void) {
  say_all(&there.got, &there.source, &there.servers);
}

static void say_files_there(void) {
  static char buf[65536];
  for (int file = LB_FILE_SOMAXCONN; file >= 0; file--) {
    ssize_t len = lb_source_read_file(&there.source, (enum lb_file)file, buf,
                                      sizeof(buf));
    if (len < 0)
      say(&there.got, "file %d: %s\n", file, error_name((int)-len));
    else
      say(&there.got, "file %d: %s", file, buf);
  }
}

#define THERE                                                                  \
  "tcp socks tcp queue 1 limit 5\n"                                            \
  "unix socks local queue 2 limit 6\n"                                         \
  "conns 1\n"                                                                  \
  "pending 2, 1 closed\n"
#define ALL_FAIL(err)                                                          \
  "tcp socks: " err "\nunix socks: " err "\nconns: " err                       \
  "\npending 77, 77 closed: " err "\nfile 1: " err "\nfile 0: " err "\n"

THERE_TEST(elsewhere_other_sockets_answer) {
  struct lb_source own_source;
  open_source(&own_source, "/proc", NULL, NULL);

  say_all_there();
  say_all(&there.got, &own_source, &ours);
  say_all_there();
  assert_true(is_here());
  /* there, inspections leave nothing open */
  assert_int_equal(count_fds(), there.fds + 3);
  lb_source_close(&own_source);
  lb_source_close(&there.source);
  assert_int_equal(count_fds(), there.fds);
  assert_string_equal(there.got.at, THERE HERE THERE);
  assert_string_equal(calls.log.at, "open there\nboth\nUNIX\n"
                                    "open there\nboth\n"
                                    "open there\none UNIX\n"
                                    "open, both\nUNIX\nopen, both\none UNIX\n"
                                    "both\nUNIX\nopen there\nboth\n"
                                    "open there\none UNIX\n");
}

THERE_TEST(elsewhere_there_are_other_files) {
  struct text want = {.len = 0};
  say_files_there();
  assert_true(is_here());
  assert_int_equal(count_fds(), there.fds);

  struct text netstat_here = read_text("/proc/thread-self/net/netstat");
  int own_fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  enter(there.path);
  struct text netstat = read_text("/proc/thread-self/net/netstat");
  assert_int_equal(setns(own_fd, CLONE_NEWNET), 0);
  close(own_fd);
  say(&want, "file 1: 77\nfile 0: %s", netstat.at);
  assert_string_equal(there.got.at, want.at);
  assert_string_not_equal(netstat.at,
                          netstat_here.at); /* its clients are fewer */
}

static void set_somaxconn_there(const char *text) {
  int own_fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  enter(there.path);
  write_text("/proc/sys/net/core/somaxconn", text);
  assert_int_equal(setns(own_fd, CLONE_NEWNET), 0);
  close(own_fd);
}

static void check_somaxconn_there(const char *want) {
  char buf[64], small[3];
  assert_int_equal(lb_source_read_file(&there.source, LB_FILE_SOMAXCONN, small,
                                       sizeof(small)),
                   -EFBIG); /* and does not take what is read ahead */
  assert_int_equal(
      lb_source_read_file(&there.source, LB_FILE_SOMAXCONN, buf, sizeof(buf)),
      strlen(want));
  assert_string_equal(buf, want);
}

/* A visit costs more than reading a file. */
THERE_TEST(elsewhere_one_visit_reads_the_files_of_a_sample_for_one_time) {
  char netstat[65536];
  for (int i = 0; i < 3; i++) {
    set_somaxconn_there("78");
    assert_true(lb_source_read_file(&there.source, LB_FILE_NETSTAT, netstat,
                                    sizeof(netstat)) > 0);
    set_somaxconn_there("79");
    if (i == 1)
      say_query(&there.got, &there.source, &there.servers, LB_QUERY_CONNS);
    if (i == 2)
      say_query(&there.got, &there.source, &there.servers, LB_QUERY_TCP_SOCKS);
    check_somaxconn_there(i == 2 ? "79\n" : "78\n");
    check_somaxconn_there("79\n");
  }
}

THERE_TEST(elsewhere_a_socket_closed_by_an_error_is_opened_there_again) {
  calls.lost = 1;
  say_query(&there.got, &there.source, &there.servers, LB_QUERY_TCP_SOCKS);
  calls.lost = 1;
  say_query(&there.got, &there.source, &there.servers, LB_QUERY_CONNS);
  assert_string_equal(there.got.at, "tcp socks tcp queue 1 limit 5\nconns 1\n");
  assert_string_equal(calls.log.at, "open there\nboth: lost\n"
                                    "open there\nboth\n"
                                    "open there\nboth: lost\n"
                                    "open there\nboth\n");
}

THERE_TEST(elsewhere_nothing_keeps_a_namespace_that_has_left_its_path) {
  int aside = dup(there.fd);
  say_all_there();
  close(there.fd);
  say_all_there();
  say_files_there();
  assert_int_equal(count_fds(), there.fds); /* with aside */
  assert_string_equal(there.got.at, THERE ALL_FAIL("ENOENT"));
  there.fd = aside;
}

THERE_TEST(elsewhere_another_namespace_at_the_path_is_not_used) {
  int aside = dup(there.fd), other = open_new_netns(), fds = count_fds();
  assert_true(aside >= 0);
  say_all_there();
  assert_int_equal(dup2(other, there.fd), there.fd);
  say_all_there();
  say_files_there();
  assert_int_equal(count_fds(), fds);
  assert_int_equal(dup2(aside, there.fd), there.fd); /* back again */
  say_all_there();
  close(aside);
  close(other);
  assert_string_equal(there.got.at, THERE ALL_FAIL("ESTALE") THERE);
}

/* As if it had gone while no socket was open, and the next one had got its
 * inode number. */
THERE_TEST(elsewhere_a_namespace_with_the_same_inode_is_told_by_its_cookie) {
  calls.cookie = 1;
  say_all_there();
  lb_source_rest(&there.source);
  calls.cookie = 4711;
  say_all_there();
  assert_int_equal(count_fds(), there.fds);
  calls.cookie = 1;
  say_all_there();
  assert_string_equal(there.got.at, THERE
                      "tcp socks: ESTALE\nunix socks: ESTALE\nconns: ESTALE\n"
                      "pending 77, 77 closed: ESTALE\n" THERE);
}

/* Files are read for samples only. */
THERE_TEST(elsewhere_reading_a_file_closes_the_socket_of_one_that_is_gone) {
  int aside = dup(there.fd);
  say_query(&there.got, &there.source, &there.servers, LB_QUERY_TCP_SOCKS);
  assert_int_equal(count_fds(), there.fds + 2);
  close(there.fd);
  say_files_there();
  assert_int_equal(count_fds(), there.fds);
  there.fd = aside;
}

THERE_TEST(elsewhere_nothing_keeps_the_namespace_at_rest) {
  say_all_there();
  lb_source_rest(&there.source);
  assert_int_equal(count_fds(), there.fds);
  say_all_there();
  assert_string_equal(there.got.at, THERE THERE);
}

THERE_TEST(elsewhere_a_lack_of_privilege_is_an_error_until_it_ends) {
  uint32_t had = set_capabilities(0);
  say_all_there();
  say_files_there();
  set_capabilities(had);
  say_all_there();
  assert_string_equal(there.got.at, ALL_FAIL("EPERM") THERE);
}

int main(void) {
  is_allowed = enter_new_netns();
  if (!is_allowed) {
    printf("# no network namespaces here: nothing is tested elsewhere\n");
    cmocka_set_skip_filter("elsewhere_*");
  }
  const char *missing = !has_sock_diag()                ? "sock_diag"
                        : open_servers(&ours, 2, 3)     ? "sockets to listen on"
                        : lb_netns_identify(NULL, &own) ? "procfs"
                                                        : NULL;
  if (missing) {
    printf("1..0 # SKIP no %s here\n", missing);
    return 0;
  }
  int failed = run_all_tests(NULL, NULL);
  close_servers(&ours);
  return failed;
}
