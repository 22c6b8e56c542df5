// SPDX-License-Identifier: MIT
/* Recordings: what the recorder writes, and what the replay answers from it,
 * through a source, as the kernel did. Damaged recordings do no harm. */
#include "kernel/record.h"
#include "kernel/recorder.h"
#include "kernel/replay.h"
#include "kernel/source.h"

#include "examples.h"
#include "memory.h"
#include "unit.h"

#include <sys/mman.h>

/* --- answers ------------------------------------------------------------- */

static void put_waiting(struct datagram *datagram, uint32_t wait_ms) {
  put_conn(datagram, &(struct lb_conn){.family = AF_INET,
                                       .port = 80,
                                       .kind = LB_CONN_WAITING,
                                       .wait_ms = wait_ms});
}

/* --- recordings ---------------------------------------------------------- */

struct recording {
  char at[16384];
  size_t len;
};

static void add_record(struct recording *recording, uint32_t kind, int status,
                       uint64_t number, const void *bytes, size_t len) {
  const struct lb_record record = {kind, status, number, len};
  assert_in_range(recording->len, 0,
                  sizeof(recording->at) - sizeof(record) - len - 8);
  memcpy(recording->at + recording->len, &record, sizeof(record));
  recording->len += sizeof(record);
  if (len)
    memcpy(recording->at + recording->len, bytes, len);
  recording->len += lb_record_padded(len);
}

static struct recording start(void) {
  struct recording recording = {.len = sizeof(lb_record_expected)};
  memcpy(recording.at, &lb_record_expected, sizeof(lb_record_expected));
  return recording;
}

static void add_sample(struct recording *recording, uint64_t now_ms,
                       bool ends) {
  add_record(recording, ends ? LB_RECORD_FINAL_SAMPLE : LB_RECORD_SAMPLE, 0,
             now_ms, NULL, 0);
}

static void add_datagram(struct recording *recording, enum lb_query_kind kind,
                         const struct datagram *datagram) {
  add_record(recording, LB_RECORD_DATAGRAM, 0, kind, datagram->at,
             datagram->len);
}

static void add_dump(struct recording *recording, enum lb_query_kind kind,
                     int status) {
  add_record(recording, LB_RECORD_DUMP, status, kind, NULL, 0);
}

static void add_end(struct recording *recording, enum lb_query_kind kind,
                    int status, uint64_t cost_ns) {
  add_record(recording, lb_record_end_of(kind), status, cost_ns, NULL, 0);
}

static void add_file(struct recording *recording, enum lb_file file,
                     const char *text) {
  add_record(recording, (uint32_t)LB_RECORD_FILE + file, 0, 0, text,
             strlen(text));
}

/* A whole dump that ends with this status. */
static void add_tcp_dump(struct recording *recording,
                         const struct lb_listen_sock *first,
                         const struct lb_listen_sock *second, int status) {
  struct datagram datagram = {.len = 0};
  if (first)
    put_sock(&datagram, first);
  if (second)
    put_sock(&datagram, second);
  if (!status)
    put_done(&datagram, 0);
  if (datagram.len)
    add_datagram(recording, LB_QUERY_TCP_SOCKS, &datagram);
  add_dump(recording, LB_QUERY_TCP_SOCKS, status);
}

static void add_tcp_socks(struct recording *recording,
                          const struct lb_listen_sock *first,
                          const struct lb_listen_sock *second) {
  add_tcp_dump(recording, first, second, 0);
  add_end(recording, LB_QUERY_TCP_SOCKS, 0, 0);
}

static void add_unix_socks(struct recording *recording, const char *path) {
  struct datagram datagram = {.len = 0};
  put_unix_sock(&datagram, &api, SOCK_STREAM, path, strlen(path));
  put_done(&datagram, 0);
  add_datagram(recording, LB_QUERY_UNIX_SOCKS, &datagram);
  add_dump(recording, LB_QUERY_UNIX_SOCKS, 0);
  add_end(recording, LB_QUERY_UNIX_SOCKS, 0, 0);
}

static void add_conns(struct recording *recording, uint32_t wait_ms,
                      uint64_t cost_ns) {
  struct datagram datagram = {.len = 0};
  put_waiting(&datagram, wait_ms);
  put_done(&datagram, 0);
  add_datagram(recording, LB_QUERY_CONNS, &datagram);
  add_dump(recording, LB_QUERY_CONNS, 0);
  add_end(recording, LB_QUERY_CONNS, 0, cost_ns);
}

/* Clients of a UNIX socket, the first of them closed. */
static void add_pending(struct recording *recording, size_t clients,
                        uint64_t cost_ns) {
  static const uint32_t inodes[] = {0, 7, 8, 9};
  struct datagram datagram = {.len = 0};
  assert_in_range(clients, 0, LEN(inodes));
  put_pending(&datagram, &api, inodes, clients);
  add_datagram(recording, LB_QUERY_PENDING, &datagram);
  add_dump(recording, LB_QUERY_PENDING, 0);
  add_end(recording, LB_QUERY_PENDING, 0, cost_ns);
}

/* --- replays ------------------------------------------------------------- */

static struct lb_replay *replay;
static struct lb_source source;

/* In memory that ends where the recording does, so that an overrun is seen. */
static int open_bytes(const char *at, size_t len) {
  char *exact = malloc(len);
  assert_non_null(exact);
  memcpy(exact, at, len);
  int err = lb_replay_new(exact, len, &replay);
  free(exact);
  if (!err)
    lb_source_open(&source, lb_replay_transport(replay));
  return err;
}

static void open_recording(const struct recording *recording) {
  assert_int_equal(open_bytes(recording->at, recording->len), 0);
}

static int close_replay(void **state) {
  (void)state;
  lb_source_close(&source);
  lb_replay_free(replay);
  replay = NULL;
  return 0;
}

static void say_sample(struct text *got) {
  uint64_t now_ms = 77;
  bool ends = false;
  if (lb_replay_next(replay, &now_ms, &ends))
    say(got, "%s %llu\n", ends ? "final" : "sample",
        (unsigned long long)now_ms);
  else
    say(got, "end\n");
}

static void say_err(struct text *got, const char *what, int err) {
  assert_in_range(-err, 0, 4095);
  say(got, "%s%s%s\n", what, err ? " " : "", err ? strerrorname_np(-err) : "");
}

static void say_tcp(struct text *got) {
  struct lb_listen_socks socks = {0};
  say_err(got, "tcp", lb_source_tcp_socks(&source, &socks));
  assert_in_range(socks.len, 0, 5);
  say_socks(got, &socks);
  lb_listen_socks_free(&socks);
}

static void say_unix(struct text *got) {
  struct lb_listen_socks socks = {0};
  assert_int_equal(lb_unix_names_new(&socks.unix_names), 0);
  say_err(got, "unix", lb_source_unix_socks(&source, &socks));
  say_socks(got, &socks);
  lb_unix_names_free(socks.unix_names);
  lb_listen_socks_free(&socks);
}

static const struct lb_ports port_80 = {80, 80};
static const struct lb_conn_filter filter = {&port_80, 1, .queued = true};

static void say_conns(struct text *got) {
  struct lb_conns conns = {0};
  uint64_t cost_ns = 1000;
  int err = lb_source_conns(&source, &filter, &conns, &cost_ns);
  for (size_t i = 0; i < conns.len; i++)
    say(got, "port %d kind %d %u ms ", conns.v[i].port, conns.v[i].kind,
        conns.v[i].wait_ms);
  say(got, "cost %llu ", (unsigned long long)cost_ns - 1000);
  say_err(got, "conns", err);
  lb_conns_free(&conns);
}

static void say_pending(struct text *got) {
  struct lb_pending pending = {77, 77};
  uint64_t cost_ns = 1000;
  int err = lb_source_pending(&source, &api, &pending, &cost_ns);
  assert_in_range(pending.closed, 0, pending.waiting);
  say(got, "%u waiting, %u closed cost %llu ", pending.waiting, pending.closed,
      (unsigned long long)cost_ns - 1000);
  say_err(got, "pending", err);
}

static void say_file(struct text *got, enum lb_file file) {
  char buf[256] = "";
  ssize_t len = lb_source_read_file(&source, file, buf, sizeof(buf));
  assert_int_equal(buf[len > 0 ? len : 0], 0);
  say(got, "file %d \"%s\"", (int)file, buf);
  say_err(got, "", len < 0 ? (int)len : 0);
}

static void say_query(struct text *got, enum lb_query_kind kind) {
  static void (*const says[])(struct text *) = {say_tcp, say_unix, say_conns,
                                                say_pending};
  says[kind](got);
}

/* What a script of letters says: s: the next sample; t, u, c, p: a query; n, m:
 * a file. */
static void check_replay(const struct recording *recording, const char *script,
                         const char *want) {
  struct text got = {.len = 0};
  open_recording(recording);
  for (const char *c = script; *c; c++)
    if (*c == 's')
      say_sample(&got);
    else if (*c == 'n' || *c == 'm')
      say_file(&got, *c == 'n' ? LB_FILE_NETSTAT : LB_FILE_SOMAXCONN);
    else
      say_query(&got, (enum lb_query_kind)(strchr("tucp", *c) - "tucp"));
  assert_string_equal(got.at, want);
  close_replay(NULL);
}

TEST_WITH(everything_comes_back_as_it_was, NULL, close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1000, true);
  add_tcp_socks(&recording, &http, &https);
  add_file(&recording, LB_FILE_NETSTAT, "TcpExt: A\nTcpExt: 1\n");
  add_file(&recording, LB_FILE_SOMAXCONN, "4096\n");
  add_unix_socks(&recording, "/run/api");
  add_conns(&recording, 250, 41000);
  add_pending(&recording, 3, 5000);
  add_sample(&recording, 1099511627776u, true);
  add_tcp_socks(&recording, &https, NULL);
  add_file(&recording, LB_FILE_NETSTAT, "TcpExt: A\nTcpExt: 22\n");
  add_file(&recording, LB_FILE_SOMAXCONN, "128\n");
  add_unix_socks(&recording, "/run/b");
  add_conns(&recording, 4294967295u, 1099511627776u);
  add_pending(&recording, 0, 0);
  check_replay(
      &recording, "stnmucpstnmucpss",
      "final 1000\ntcp\n" HTTP HTTPS
      "file 0 \"TcpExt: A\nTcpExt: 1\n\"\nfile 1 \"4096\n\"\n"
      "unix\n" API "port 80 kind 1 250 ms cost 41000 conns\n"
      "3 waiting, 1 closed cost 5000 pending\n"
      "final 1099511627776\ntcp\n" HTTPS
      "file 0 \"TcpExt: A\nTcpExt: 22\n\"\nfile 1 \"128\n\"\n"
      "unix\n" API_AT(
          "/run/b") "port 80 kind 1 4294967295 ms cost 1099511627776 conns\n"
                    "0 waiting, 0 closed cost 0 pending\nend\nend\n");
}

TEST_WITH(each_kind_of_answer_has_an_order_of_its_own, NULL, close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_file(&recording, LB_FILE_NETSTAT, "a");
  add_pending(&recording, 4, 10);
  add_tcp_socks(&recording, &http, NULL);
  add_file(&recording, LB_FILE_SOMAXCONN, "1");
  add_dump(&recording, LB_QUERY_PENDING, -EMSGSIZE);
  add_end(&recording, LB_QUERY_PENDING, -EMSGSIZE, 20);
  add_file(&recording, LB_FILE_NETSTAT, "b");
  add_tcp_socks(&recording, &https, NULL);
  add_file(&recording, LB_FILE_SOMAXCONN, "2");
  add_pending(&recording, 2, 30);
  check_replay(&recording, "smttnmnppp",
               "final 1\nfile 1 \"1\"\ntcp\n" HTTP "tcp\n" HTTPS
               "file 0 \"a\"\nfile 1 \"2\"\nfile 0 \"b\"\n"
               "4 waiting, 1 closed cost 10 pending\n"
               "77 waiting, 77 closed cost 20 pending EMSGSIZE\n"
               "2 waiting, 1 closed cost 30 pending\n");
}

/* As if an inspection had been recorded beside samples in another thread. */
TEST_WITH(answers_that_overlap_are_told_apart, NULL, close_replay) {
  static const uint32_t client = 7;
  struct recording recording = start();
  struct datagram answers[LB_QUERY_KINDS] = {{.len = 0}}, done = {.len = 0};
  put_sock(&answers[LB_QUERY_TCP_SOCKS], &http);
  put_unix_sock(&answers[LB_QUERY_UNIX_SOCKS], &api, SOCK_STREAM, "/run/api",
                8);
  put_waiting(&answers[LB_QUERY_CONNS], 250);
  put_pending(&answers[LB_QUERY_PENDING], &api, &client, 1);
  put_done(&done, 0);
  add_sample(&recording, 1, true);
  for (int kind = LB_QUERY_KINDS; kind-- > 0;)
    add_datagram(&recording, (enum lb_query_kind)kind, &answers[kind]);
  for (int kind = 0; kind < LB_QUERY_PENDING; kind++)
    add_datagram(&recording, (enum lb_query_kind)kind, &done);
  for (int kind = LB_QUERY_KINDS; kind-- > 0;)
    add_dump(&recording, (enum lb_query_kind)kind, 0);
  for (int kind = 0; kind < LB_QUERY_KINDS; kind++)
    add_end(&recording, (enum lb_query_kind)kind, 0, 9);
  check_replay(&recording, "spuct",
               "final 1\n1 waiting, 0 closed cost 9 pending\n"
               "unix\n" API "port 80 kind 1 250 ms cost 9 conns\n"
               "tcp\n" HTTP);
}

TEST_WITH(samples_within_an_interval_differ_from_those_at_its_end, NULL,
          close_replay) {
  struct recording recording = start();
  add_sample(&recording, 100, false);
  add_tcp_socks(&recording, &http, NULL);
  add_conns(&recording, 5, 9); /* the inspection after that sample */
  add_sample(&recording, 200, true);
  add_tcp_socks(&recording, &https, NULL);
  add_sample(&recording, 300, false);
  add_sample(&recording, 400, false);
  add_sample(&recording, 500, true);
  add_sample(&recording, 600, false);
  check_replay(&recording, "stcstcsssss",
               "sample 100\ntcp\n" HTTP "port 80 kind 1 5 ms cost 9 conns\n"
               "final 200\ntcp\n" HTTPS "cost 0 conns ENODATA\n"
               "sample 300\nsample 400\nfinal 500\nsample 600\nend\n");

  static const bool ends_next[] = {true, false, false, true, false, false};
  uint64_t now_ms;
  bool ends;
  open_recording(&recording);
  for (size_t i = 0; i < LEN(ends_next); i++) {
    assert_int_equal(lb_replay_intervals(replay), 2);
    assert_int_equal(lb_replay_next(replay, &now_ms, &ends), 1);
    assert_int_equal(lb_replay_ends_next(replay), ends_next[i]);
  }
}

TEST_WITH(asked_for_more_than_was_recorded_it_repeats_the_last_answer, NULL,
          close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_tcp_socks(&recording, &http, NULL);
  add_tcp_socks(&recording, &https, NULL);
  add_file(&recording, LB_FILE_NETSTAT, "a");
  add_file(&recording, LB_FILE_NETSTAT, "b");
  add_conns(&recording, 250, 9);
  check_replay(&recording, "stttnnncc",
               "final 1\ntcp\n" HTTP "tcp\n" HTTPS "tcp\n" HTTPS
               "file 0 \"a\"\nfile 0 \"b\"\nfile 0 \"b\"\n"
               "port 80 kind 1 250 ms cost 9 conns\n"
               "port 80 kind 1 250 ms cost 9 conns\n");
}

TEST_WITH(what_a_sample_did_not_ask_for_is_no_data, NULL, close_replay) {
  struct recording recording = start();
  add_tcp_socks(&recording, &http, NULL); /* before any sample */
  add_sample(&recording, 1, true);
  add_tcp_socks(&recording, &http, NULL);
  add_file(&recording, LB_FILE_NETSTAT, "a");
  add_sample(&recording, 2, true);
  add_sample(&recording, 3, true);
  add_file(&recording, LB_FILE_SOMAXCONN, "1");
  check_replay(&recording, "tnstnmstnmstnmucp",
               "tcp ENODATA\nfile 0 \"\" ENODATA\n"
               "final 1\ntcp\n" HTTP "file 0 \"a\"\nfile 1 \"\" ENODATA\n"
               "final 2\ntcp ENODATA\n"
               "file 0 \"\" ENODATA\nfile 1 \"\" ENODATA\n"
               "final 3\ntcp ENODATA\nfile 0 \"\" ENODATA\nfile 1 \"1\"\n"
               "unix ENODATA\ncost 0 conns ENODATA\n"
               "77 waiting, 77 closed cost 0 pending ENODATA\n");
}

TEST_WITH(the_next_sample_skips_what_is_left_of_the_current_one, NULL,
          close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_tcp_socks(&recording, &http, NULL);
  add_tcp_socks(&recording, &http, NULL);
  add_file(&recording, LB_FILE_NETSTAT, "a");
  add_sample(&recording, 2, true);
  add_tcp_socks(&recording, &https, NULL);
  add_file(&recording, LB_FILE_NETSTAT, "b");
  check_replay(&recording, "ststn",
               "final 1\ntcp\n" HTTP "final 2\ntcp\n" HTTPS "file 0 \"b\"\n");
}

/* --- answers that took several dumps ------------------------------------- */

TEST_WITH(an_answer_may_have_several_datagrams, NULL, close_replay) {
  struct recording recording = start();
  struct datagram rows = {.len = 0};
  put_sock(&rows, &http);
  put_sock(&rows, &https);
  add_sample(&recording, 1, true);
  add_datagram(&recording, LB_QUERY_TCP_SOCKS, &rows);
  add_datagram(&recording, LB_QUERY_TCP_SOCKS, &rows);
  add_tcp_socks(&recording, &http, NULL);
  check_replay(&recording, "st", "final 1\ntcp\n" HTTP HTTPS HTTP HTTPS HTTP);
}

TEST_WITH(of_a_lost_dump_and_a_good_one_the_good_one_counts, NULL,
          close_replay) {
  struct recording recording = start();
  struct datagram cut = {.len = 0}, conn = {.len = 0}, row = {.len = 0};
  put_sock(&cut, &http);
  put_sock(&cut, &http);
  cut.len -= 8;
  put_waiting(&conn, 1);
  put_unix_sock(&row, &api, SOCK_STREAM, "/run/lost", 9);
  add_sample(&recording, 1, true);
  add_tcp_dump(&recording, &http, NULL, -ENOBUFS);
  add_tcp_socks(&recording, &https, NULL);
  add_datagram(&recording, LB_QUERY_TCP_SOCKS, &cut);
  add_dump(&recording, LB_QUERY_TCP_SOCKS, -EBADMSG);
  add_tcp_socks(&recording, &https, NULL);
  add_datagram(&recording, LB_QUERY_CONNS, &conn);
  add_dump(&recording, LB_QUERY_CONNS, -ENOBUFS);
  add_conns(&recording, 2, 9);
  add_datagram(&recording, LB_QUERY_UNIX_SOCKS, &row);
  add_dump(&recording, LB_QUERY_UNIX_SOCKS, -ENOBUFS);
  add_unix_socks(&recording, "/run/api");
  add_dump(&recording, LB_QUERY_PENDING, -ENOBUFS);
  add_pending(&recording, 2, 9);
  check_replay(&recording, "stttcup",
               "final 1\ntcp\n" HTTPS "tcp\n" HTTPS "tcp\n" HTTPS
               "port 80 kind 1 2 ms cost 9 conns\nunix\n" API
               "2 waiting, 1 closed cost 9 pending\n");
}

/* The second answer is recorded as a source asks that has found it out. */
TEST_WITH(a_kernel_that_refused_both_families_answered_for_each, NULL,
          close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_tcp_dump(&recording, NULL, NULL, -EOPNOTSUPP);
  add_tcp_dump(&recording, &http, NULL, 0);
  add_tcp_socks(&recording, &https, NULL);
  add_tcp_dump(&recording, &https, NULL, 0);
  add_tcp_socks(&recording, &http, NULL);
  check_replay(&recording, "stt",
               "final 1\ntcp\n" HTTP HTTPS "tcp\n" HTTPS HTTP);
}

TEST_WITH(dumps_and_datagrams_after_the_end_are_skipped, NULL, close_replay) {
  struct recording recording = start();
  struct datagram rows = {.len = 0}, done = {.len = 0};
  put_sock(&rows, &http);
  put_done(&done, 0);
  add_sample(&recording, 1, true);
  add_tcp_dump(&recording, &http, NULL, 0);
  add_tcp_socks(&recording, &http, NULL); /* a dump more than is asked for */
  add_datagram(&recording, LB_QUERY_TCP_SOCKS, &done);
  add_datagram(&recording, LB_QUERY_TCP_SOCKS, &rows);
  add_dump(&recording, LB_QUERY_TCP_SOCKS, 0);
  add_end(&recording, LB_QUERY_TCP_SOCKS, 0, 0);
  add_tcp_socks(&recording, &https, NULL);
  check_replay(&recording, "sttt", "final 1\ntcp\n" HTTP "tcp\ntcp\n" HTTPS);
}

TEST_WITH(a_query_that_failed_fails_again_and_has_its_cost, NULL,
          close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_dump(&recording, LB_QUERY_TCP_SOCKS, -EAFNOSUPPORT);
  add_end(&recording, LB_QUERY_TCP_SOCKS, -EAFNOSUPPORT, 0);
  add_tcp_dump(&recording, &http, NULL, -ENOENT);
  add_end(&recording, LB_QUERY_TCP_SOCKS, -ENOENT, 0);
  add_tcp_dump(&recording, &http, NULL, -ENOBUFS);
  add_tcp_dump(&recording, &http, NULL, -ETIMEDOUT);
  add_end(&recording, LB_QUERY_TCP_SOCKS, -ETIMEDOUT, 0);
  struct datagram done = {.len = 0}; /* of a dump that failed all the same */
  put_done(&done, 0);
  add_datagram(&recording, LB_QUERY_CONNS, &done);
  add_dump(&recording, LB_QUERY_CONNS, -ETIMEDOUT);
  add_end(&recording, LB_QUERY_CONNS, 0, 123);
  add_end(&recording, LB_QUERY_PENDING, -ESTALE, 45); /* without a dump */
  add_end(&recording, LB_QUERY_UNIX_SOCKS, -ESTALE, 0);
  check_replay(&recording, "stttcpu",
               "final 1\ntcp EAFNOSUPPORT\ntcp ENOENT\ntcp ETIMEDOUT\n"
               "cost 123 conns ETIMEDOUT\n"
               "77 waiting, 77 closed cost 45 pending ESTALE\n"
               "unix ESTALE\n");
}

TEST_WITH(an_answer_without_its_end_is_none, NULL, close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_tcp_dump(&recording, &http, NULL, 0);
  check_replay(&recording, "sts", "final 1\ntcp ENODATA\nend\n");
}

/* Its status says that the dump was good: still that is not "no socket
 * listens".
 */
TEST_WITH(damaged_bytes_of_a_good_dump_are_an_error, NULL, close_replay) {
  enum { STATE, END, ERROR, DUMP, ALL, DAMAGES };
  for (int damage = 0; damage < DAMAGES; damage++) {
    struct recording recording = start();
    struct datagram datagram = {.len = 0};
    struct inet_diag_msg *diag =
        mnl_nlmsg_get_payload(put_sock(&datagram, &http));
    if (damage == STATE)
      diag->idiag_state = TCP_ESTABLISHED;
    if (damage != END)
      put_done(&datagram, damage == ERROR ? -ENOENT : 0);
    add_sample(&recording, 1, true);
    if (damage != ALL)
      add_datagram(&recording, LB_QUERY_TCP_SOCKS, &datagram);
    if (damage != DUMP)
      add_dump(&recording, LB_QUERY_TCP_SOCKS, 0);
    add_end(&recording, LB_QUERY_TCP_SOCKS, 0, 0);
    check_replay(&recording, "st",
                 damage == ERROR ? "final 1\ntcp ENOENT\n"
                                 : "final 1\ntcp EBADMSG\n");
  }
}

/* --- files --------------------------------------------------------------- */

TEST_WITH(a_file_that_could_not_be_read_cannot_be_again, NULL, close_replay) {
  struct recording recording = start();
  add_sample(&recording, 1, true);
  add_record(&recording, LB_RECORD_FILE, -EACCES, 0, NULL, 0);
  add_file(&recording, LB_FILE_SOMAXCONN, "");
  check_replay(&recording, "snm", "final 1\nfile 0 \"\" EACCES\nfile 1 \"\"\n");
}

TEST_WITH(a_file_needs_room_for_itself_and_a_nul, NULL, close_replay) {
  struct recording recording = start();
  struct text ignored = {.len = 0};
  char buf[6] = "";
  add_sample(&recording, 1, true);
  add_file(&recording, LB_FILE_SOMAXCONN, "4096\n");
  open_recording(&recording);
  say_sample(&ignored);
  for (size_t size = 0; size <= 5; size++)
    assert_int_equal(lb_source_read_file(&source, LB_FILE_SOMAXCONN, buf, size),
                     -EFBIG);
  assert_int_equal(lb_source_read_file(&source, LB_FILE_SOMAXCONN, buf, 6), 5);
  assert_string_equal(buf, "4096\n");
}

/* --- the recorder -------------------------------------------------------- */

/* A transport whose every answer is the same; it logs what it is asked. */
static struct text asked;
static int inner_status;
static ssize_t inner_len;

static int inner_dump(struct lb_transport *transport, enum lb_query_kind kind,
                      struct nlmsghdr *request,
                      struct lb_datagram_handler handler) {
  (void)transport;
  say(&asked, "dump %d seq %u, ", (int)kind, request->nlmsg_seq);
  assert_int_equal(handler.handle(handler.data, "one", 3), 1);
  assert_int_equal(handler.handle(handler.data, "eightful", 8), 1);
  return inner_status;
}

static int inner_end_query(struct lb_transport *transport,
                           enum lb_query_kind kind, int status,
                           uint64_t *cost_ns) {
  (void)transport;
  say(&asked, "end %d %d, ", (int)kind, status);
  *cost_ns += 1;
  return status;
}

static ssize_t inner_read_file(struct lb_transport *transport,
                               enum lb_file file, char *buf, size_t size) {
  (void)transport, (void)size;
  say(&asked, "file %d, ", (int)file);
  memcpy(buf, "4096\n", 6);
  return inner_len;
}

static void inner_rest(struct lb_transport *transport) {
  (void)transport;
  say(&asked, "rest, ");
}

static void inner_close(struct lb_transport *transport) {
  (void)transport;
  say(&asked, "close");
}

static struct lb_transport inner = {inner_dump, inner_end_query,
                                    inner_read_file, inner_rest, inner_close};

static int count_datagram(void *data, const void *bytes, size_t len) {
  say(data, "%.*s, ", (int)len, (const char *)bytes);
  return 1;
}

/* A file in memory, which no test can leave behind. */
struct recorded_file {
  int fd;
  char path[32];
};

static struct recorded_file make_file(void) {
  struct recorded_file file = {.fd = memfd_create("recording", MFD_CLOEXEC)};
  assert_true(file.fd >= 0);
  snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
  return file;
}

static void check_file(const struct recorded_file *file,
                       const struct recording *want) {
  static char got[sizeof(want->at)];
  assert_int_equal(pread(file->fd, got, sizeof(got), 0), want->len);
  assert_memory_equal(got, want->at, want->len);
  close(file->fd);
}

TEST_WITH(the_recorder_passes_all_on_and_writes_the_answers, NULL,
          close_replay) {
  struct recorded_file file = make_file();
  struct lb_recorder *recorder;
  struct text seen = {.len = 0};
  struct nlmsghdr request = {.nlmsg_seq = 5};
  struct lb_datagram_handler handler = {count_datagram, &seen};
  uint64_t cost_ns = 40;
  char buf[16];
  asked.len = 0;
  assert_int_equal(lb_recorder_open(file.path, &recorder), 0);
  struct lb_transport *transport = lb_recorder_wrap(recorder, &inner);
  lb_recorder_begin_sample(recorder, 7, false);
  inner_status = 0;
  assert_int_equal(
      transport->dump(transport, LB_QUERY_CONNS, &request, handler), 0);
  inner_status = -ENOBUFS;
  assert_int_equal(
      transport->dump(transport, LB_QUERY_PENDING, &request, handler),
      -ENOBUFS);
  assert_int_equal(
      transport->end_query(transport, LB_QUERY_PENDING, -ENOBUFS, &cost_ns),
      -ENOBUFS);
  assert_int_equal(cost_ns, 41);
  lb_recorder_begin_sample(recorder, 8, true);
  inner_len = 5;
  assert_int_equal(
      transport->read_file(transport, LB_FILE_SOMAXCONN, buf, sizeof(buf)), 5);
  inner_len = -EACCES;
  assert_int_equal(
      transport->read_file(transport, LB_FILE_NETSTAT, buf, sizeof(buf)),
      -EACCES);
  transport->rest(transport);
  transport->close(transport);
  assert_int_equal(lb_recorder_close(recorder), 0);
  assert_string_equal(asked.at, "dump 2 seq 5, dump 3 seq 5, end 3 -105, "
                                "file 1, file 0, rest, close");
  assert_string_equal(seen.at, "one, eightful, one, eightful, ");

  struct recording want = start();
  add_sample(&want, 7, false);
  add_record(&want, LB_RECORD_DATAGRAM, 0, 2, "one", 3);
  add_record(&want, LB_RECORD_DATAGRAM, 0, 2, "eightful", 8);
  add_record(&want, LB_RECORD_DUMP, 0, 2, NULL, 0);
  add_record(&want, LB_RECORD_DATAGRAM, 0, 3, "one", 3);
  add_record(&want, LB_RECORD_DATAGRAM, 0, 3, "eightful", 8);
  add_record(&want, LB_RECORD_DUMP, -ENOBUFS, 3, NULL, 0);
  add_record(&want, LB_RECORD_PENDING, -ENOBUFS, 41, NULL, 0);
  add_sample(&want, 8, true);
  add_record(&want, LB_RECORD_FILE + 1, 0, 0, "4096\n", 5);
  add_record(&want, LB_RECORD_FILE, -EACCES, 0, NULL, 0);
  check_file(&file, &want);
}

/* Recordings of older versions stay readable. */
TEST_WITH(the_numbers_of_the_format_do_not_change, NULL, close_replay) {
  static const uint32_t ends[] = {4, 22, 23, 24};
  static const char header[] = "lbacklog\1\0\0\0\4\3\2\1";
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    assert_memory_equal(&lb_record_expected, header, 16);
  assert_int_equal(sizeof(struct lb_record), 24);
  assert_int_equal(LB_RECORD_FINAL_SAMPLE, 1);
  assert_int_equal(LB_RECORD_DATAGRAM, 2);
  assert_int_equal(LB_RECORD_DUMP, 3);
  assert_int_equal(LB_RECORD_FILE, 5);
  assert_int_equal(LB_RECORD_SAMPLE, 21);
  assert_int_equal(LB_FILE_NETSTAT, 0);
  assert_int_equal(LB_FILE_SOMAXCONN, 1);
  for (int kind = 0; kind < LB_QUERY_KINDS; kind++)
    assert_int_equal(lb_record_end_of((enum lb_query_kind)kind), ends[kind]);
}

TEST_WITH(a_recorder_overwrites_what_was_there, NULL, close_replay) {
  struct recorded_file file = make_file();
  struct recording want = start();
  for (int samples = 2; samples > 0; samples--) {
    struct lb_recorder *recorder;
    assert_int_equal(lb_recorder_open(file.path, &recorder), 0);
    for (int i = 0; i < samples; i++)
      lb_recorder_begin_sample(recorder, 3, true);
    assert_int_equal(lb_recorder_close(recorder), 0);
  }
  add_sample(&want, 3, true);
  check_file(&file, &want);
}

TEST_WITH(a_full_disk_is_an_error_at_the_end, NULL, close_replay) {
  static const int samples[] = {1, 10000}; /* 1: the buffer holds it */
  for (size_t i = 0; i < LEN(samples); i++) {
    struct lb_recorder *recorder;
    assert_int_equal(lb_recorder_open("/dev/full", &recorder), 0);
    for (int j = 0; j < samples[i]; j++)
      lb_recorder_begin_sample(recorder, 1, true);
    assert_int_equal(lb_recorder_close(recorder), -ENOSPC);
  }
}

/* --- recordings as files ------------------------------------------------- */

TEST_WITH(a_recording_of_any_size_is_read_whole, NULL, close_replay) {
  /* 64 KiB in all, one word less, one more, and three times that */
  static const size_t sizes[] = {65472, 65464, 65480, 196544, 200000};
  for (size_t i = 0; i < LEN(sizes); i++) {
    struct recorded_file file = make_file();
    struct text ignored = {.len = 0};
    struct recording begin = start();
    const struct lb_record record = {LB_RECORD_FILE, 0, 0, sizes[i]};
    char *text = calloc(1, sizes[i] + 1), *got = malloc(sizes[i] + 1);
    memset(text, 'x', sizes[i]);
    text[sizes[i] - 1] = 'y';
    add_sample(&begin, 1, true);
    assert_int_equal(write(file.fd, begin.at, begin.len), begin.len);
    assert_int_equal(write(file.fd, &record, sizeof(record)), sizeof(record));
    assert_int_equal(write(file.fd, text, sizes[i]), sizes[i]);
    assert_int_equal(lb_replay_open(file.path, &replay), 0);
    close(file.fd);
    lb_source_open(&source, lb_replay_transport(replay));
    say_sample(&ignored);
    assert_int_equal(
        lb_source_read_file(&source, LB_FILE_NETSTAT, got, sizes[i] + 1),
        sizes[i]);
    assert_string_equal(got, text);
    close_replay(NULL);
    free(text);
    free(got);
  }
}

TEST_WITH(a_path_that_cannot_be_opened_is_an_error, NULL, close_replay) {
  struct lb_recorder *recorder;
  assert_int_equal(lb_recorder_open("/dev/null/x", &recorder), -ENOTDIR);
  assert_int_equal(lb_recorder_open("/", &recorder), -EISDIR);
  assert_int_equal(lb_recorder_open("", &recorder), -ENOENT);
  assert_int_equal(lb_replay_open("/dev/null/x", &replay), -ENOTDIR);
  assert_int_equal(lb_replay_open("", &replay), -ENOENT);
  assert_int_equal(lb_replay_open("/dev/null", &replay), -EBADMSG);
  assert_int_equal(lb_replay_open("/", &replay), -EIO); /* it cannot be read */
}

TEST_WITH(without_memory_there_is_no_recorder_and_no_replay, NULL,
          close_replay) {
  struct recorded_file file = make_file();
  struct lb_recorder *recorder;
  memory.fails = 1;
  assert_int_equal(lb_recorder_open("/dev/null", &recorder), -ENOMEM);
  assert_int_equal(lb_recorder_open(file.path, &recorder), 0);
  assert_int_equal(lb_recorder_close(recorder), 0);
  size_t opens = 0;
  for (int err = -ENOMEM; err; opens++) {
    memory.fails = opens + 1;
    err = lb_replay_open(file.path, &replay);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  close(file.fd);
  assert_int_equal(opens, 4); /* three allocations */
}

/* --- damage -------------------------------------------------------------- */

/* With every kind of record. */
static struct recording small_recording(void) {
  struct recording recording = start();
  add_sample(&recording, 1000, true);
  add_tcp_dump(&recording, &http, NULL, -ENOBUFS);
  add_tcp_socks(&recording, &https, NULL);
  add_file(&recording, LB_FILE_NETSTAT, "TcpExt: A\nTcpExt: 1\n");
  add_file(&recording, LB_FILE_SOMAXCONN, "4096\n");
  add_unix_socks(&recording, "/run/api");
  add_conns(&recording, 250, 41000);
  add_pending(&recording, 3, 5000);
  add_sample(&recording, 2000, false);
  add_tcp_dump(&recording, NULL, NULL, -ENOENT);
  add_end(&recording, LB_QUERY_TCP_SOCKS, -ENOENT, 0);
  return recording;
}

enum { SMALL_RECORDS = 20 };

/* Whatever it says, it is an answer or an error, and comes to an end. */
static void play_all(void) {
  uint64_t now_ms;
  bool ends;
  unsigned samples = 0, intervals = 0;
  while (lb_replay_next(replay, &now_ms, &ends)) {
    assert_in_range(++samples, 1, SMALL_RECORDS);
    intervals += ends;
    for (int i = 0; i < 4; i++) {
      struct text ignored = {.len = 0};
      for (int kind = 0; kind < LB_QUERY_KINDS; kind++)
        say_query(&ignored, (enum lb_query_kind)kind);
      say_file(&ignored, LB_FILE_NETSTAT);
      say_file(&ignored, LB_FILE_SOMAXCONN);
    }
  }
  assert_int_equal(lb_replay_intervals(replay), intervals);
  close_replay(NULL);
}

/* The monitor adds such numbers up. */
TEST_WITH(a_clock_that_goes_back_and_huge_numbers_are_refused, NULL,
          close_replay) {
  static const struct {
    uint64_t first_ms, second_ms, cost_ns;
    int want;
  } cases[] = {
      {1000, 1000, 1099511627776u, 0},
      {1000, 999, 0, -EBADMSG},
      {1000, 1099511627777u, 0, -EBADMSG},
      {1000, 2000, 1099511627777u, -EBADMSG},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct recording recording = start();
    add_sample(&recording, cases[i].first_ms, false);
    add_end(&recording, LB_QUERY_CONNS, 0, cases[i].cost_ns);
    add_sample(&recording, cases[i].second_ms, true);
    assert_int_equal(open_bytes(recording.at, recording.len), cases[i].want);
    close_replay(NULL);
  }
}

TEST_WITH(only_a_status_that_is_an_errno_is_accepted, NULL, close_replay) {
  static const struct {
    int status, want;
  } cases[] = {{-4095, 0}, {-4096, -EBADMSG}, {1, -EBADMSG}};
  for (size_t i = 0; i < LEN(cases); i++) {
    struct recording recording = start();
    add_end(&recording, LB_QUERY_CONNS, cases[i].status, 0);
    assert_int_equal(open_bytes(recording.at, recording.len), cases[i].want);
    close_replay(NULL);
  }
}

TEST_WITH(a_file_of_another_kind_is_refused, NULL, close_replay) {
  struct recording recording = small_recording();
  static const struct {
    size_t at; /* in the header: magic, version, byte order */
    int want;
  } cases[] = {{0, -EBADMSG},     {7, -EBADMSG},     {8, -EOPNOTSUPP},
               {11, -EOPNOTSUPP}, {12, -EOPNOTSUPP}, {15, -EOPNOTSUPP}};
  for (size_t i = 0; i < LEN(cases); i++) {
    recording.at[cases[i].at] ^= 3;
    assert_int_equal(open_bytes(recording.at, recording.len), cases[i].want);
    assert_null(replay);
    recording.at[cases[i].at] ^= 3;
  }
}

TEST_WITH(a_cut_off_file_is_refused_except_between_records, NULL,
          close_replay) {
  struct recording recording = small_recording();
  unsigned accepted = 0;
  for (size_t len = 0; len <= recording.len; len++) {
    int err = open_bytes(recording.at, len);
    if (err) {
      assert_int_equal(err, -EBADMSG);
      continue;
    }
    accepted++;
    play_all();
  }
  assert_int_equal(accepted, SMALL_RECORDS + 1);
}

/* The C library gives a block again that was just freed: after the copy of the
 * recording, whose length is a multiple of 16, there is a word of the old
 * block. As a record it would begin a sample or be a file. */
TEST_WITH(nothing_after_the_end_is_read, NULL, close_replay) {
  static const uint32_t kinds[] = {LB_RECORD_FINAL_SAMPLE, LB_RECORD_FILE};
  for (size_t i = 0; i < LEN(kinds); i++) {
    struct recording recording = start();
    struct text got = {.len = 0};
    uint32_t *old = malloc(64 + 8);
    add_sample(&recording, 1, false);
    add_sample(&recording, 2, true);
    assert_int_equal(recording.len, 64);
    for (size_t j = 0; j < (64 + 8) / sizeof(*old); j++)
      old[j] = kinds[i];
    free(old);
    assert_int_equal(lb_replay_new(recording.at, recording.len, &replay), 0);
    lb_source_open(&source, lb_replay_transport(replay));
    assert_int_equal(lb_replay_intervals(replay), 1);
    say_sample(&got);
    say_sample(&got);
    assert_false(lb_replay_ends_next(replay));
    say_file(&got, LB_FILE_NETSTAT);
    say_sample(&got);
    assert_string_equal(got.at, "sample 1\nfinal 2\n"
                                "file 0 \"\" ENODATA\nend\n");
    close_replay(NULL);
  }
}

/* Flips one bit at a time, then all bits of a byte at a time. */
TEST_WITH(no_damage_to_a_byte_does_harm, NULL, close_replay) {
  struct recording recording = small_recording();
  for (size_t i = 0; i < recording.len * 9; i++) {
    char *damaged = &recording.at[i / 9], whole = *damaged;
    *damaged = (char)(whole ^ (i % 9 < 8 ? 1 << i % 9 : 0xff));
    int err = open_bytes(recording.at, recording.len);
    *damaged = whole;
    if (err)
      assert_true(err == -EBADMSG || err == -EOPNOTSUPP);
    else
      play_all();
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
