// SPDX-License-Identifier: MIT
/* Recordings: what the recorder writes, and what the replay answers from it,
 * through a source, as the kernel did. Damaged recordings do no harm. */
#include "kernel/record.h"
#include "kernel/recorder.h"
#include "kernel/replay.h"
#include "kernel/source.h"

#include "errors.h"
#include "examples.h"
#include "memory.h"
#include "unit.h"

#include <sys/mman.h>

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

static void put_waiting(struct datagram *datagram, uint32_t wait_ms) {
  put_conn(datagram, &(struct lb_conn){.family = AF_INET,
                                       .port = 80,
                                       .kind = LB_CONN_WAITING,
                                       .wait_ms = wait_ms});
}

/* The inodes of a UNIX socket's clients, of which the first has closed. */
static const uint32_t inodes[] = {0, 7, 8, 9};

static void put_letter(struct datagram *datagram, char letter) {
  struct inet_diag_msg *diag;
  switch (letter) {
  case 'h':
  case 's':
    put_sock(datagram, letter == 'h' ? &http : &https);
    break;
  case '!': /* http, which does not listen */
    diag = mnl_nlmsg_get_payload(put_sock(datagram, &http));
    diag->idiag_state = TCP_ESTABLISHED;
    break;
  case 'a':
  case 'l':
    put_unix_sock(datagram, &api, SOCK_STREAM,
                  letter == 'a' ? "/run/api" : "/run/lost",
                  letter == 'a' ? 8 : 9);
    break;
  case 'w':
    put_waiting(datagram, 250);
    break;
  case 'p': /* one client, which has not closed */
    put_pending(datagram, &api, &inodes[1], 1);
    break;
  case 'x': /* is cut off */
    datagram->len -= 8;
    break;
  default:
    assert_true(letter == 'd' || letter == 'e');
    put_done(datagram, letter == 'd' ? 0 : -ENOENT);
  }
}

static struct datagram datagram_of(const char *letters) {
  struct datagram datagram = {.len = 0};
  for (; *letters; letters++)
    put_letter(&datagram, *letters);
  return datagram;
}

static enum lb_query_kind kind_of(char letter) {
  return (enum lb_query_kind)(strchr("tucpk", letter) - "tucpk");
}

/* Of an error's name or a number; "": 0. */
static int status_of(const char *text) {
  int err = error_number(text);
  return err ? -err : atoi(text);
}

static void add_answer(struct recording *recording, enum lb_query_kind kind,
                       const struct datagram *datagram, int status) {
  if (datagram->len)
    add_record(recording, LB_RECORD_DATAGRAM, 0, kind, datagram->at,
               datagram->len);
  add_record(recording, LB_RECORD_DUMP, status, kind, NULL, 0);
}

/* A whole answer, as add() has it. */
static void add_query(struct recording *recording, char kind, const char *what,
                      const char *cost_ns) {
  struct datagram datagram = {.len = 0};
  if (kind == 't')
    datagram = datagram_of(what);
  else if (kind == 'u')
    put_unix_sock(&datagram, &api, SOCK_STREAM, what, strlen(what));
  else if (kind == 'k')
    put_conn(&datagram, &(struct lb_conn){.family = AF_INET,
                                          .port = (uint16_t)atoi(what),
                                          .kind = LB_CONN_MPTCP_CLOSED});
  else if (kind == 'c')
    put_waiting(&datagram, (uint32_t)strtoul(what, NULL, 10));
  else
    put_pending(&datagram, &api, inodes, strtoul(what, NULL, 10));
  if (kind != 'p')
    put_done(&datagram, 0);
  if (kind == 'k') { /* IPv4, then IPv6 */
    add_answer(recording, LB_QUERY_MPTCP, &datagram, 0);
    datagram = datagram_of("d");
  }
  add_answer(recording, kind_of(kind), &datagram, 0);
  add_record(recording, lb_record_end_of(kind_of(kind)), 0,
             strtoull(cost_ns, NULL, 10), NULL, 0);
}

static void add_step(struct recording *recording, const char *step) {
  struct datagram datagram = {.len = 0};
  char what[32] = "", more[32] = "";
  sscanf(step + 1, "%31s %31s", what, more);
  switch (*step) {
  case 'F':
  case 'S':
    add_record(recording,
               *step == 'F' ? LB_RECORD_FINAL_SAMPLE : LB_RECORD_SAMPLE, 0,
               strtoull(what, NULL, 10), NULL, 0);
    break;
  case 'n':
  case 'm':
    add_record(recording, (uint32_t)LB_RECORD_FILE + (*step == 'm'), 0, 0,
               step + 2, strlen(step + 2));
    break;
  case 'B':
    datagram = datagram_of(more);
    add_record(recording, LB_RECORD_DATAGRAM, 0, kind_of(*what), datagram.at,
               datagram.len);
    break;
  case 'D':
    add_answer(recording, kind_of(*what), &datagram, status_of(more));
    break;
  case 'E':
    add_record(recording, lb_record_end_of(kind_of(*what)), status_of(more),
               strtoull(strrchr(step, ' '), NULL, 10), NULL, 0);
    break;
  default:
    add_query(recording, *step, what, more);
  }
}

/* Adds records, each up to ';':
 * F MS, S MS: begins a sample, the final one of its interval or not
 * t LETTERS, u PATH, c WAIT_MS COST_NS, p CLIENTS COST_NS: a whole answer
 * n TEXT, m TEXT: a file, netstat or somaxconn
 * B KIND LETTERS, D KIND STATUS, E KIND STATUS COST_NS: only a datagram, the
 * end of a dump, the end of an answer; KIND is t, u, c or p */
static void add(struct recording *recording, const char *records) {
  while (*records) {
    char step[64];
    size_t len = strcspn(records, ";");
    assert_in_range(len, 1, sizeof(step) - 1);
    snprintf(step, sizeof(step), "%.*s", (int)len, records);
    add_step(recording, step);
    records += len + (records[len] == ';');
  }
}

static struct recording recording_of(const char *records) {
  struct recording recording = {.len = sizeof(lb_record_expected)};
  memcpy(recording.at, &lb_record_expected, sizeof(lb_record_expected));
  add(&recording, records);
  return recording;
}

/* --- replays ------------------------------------------------------------- */

static struct lb_replay *replay;
static struct lb_source source;

static int open_bytes(const char *at, size_t len) {
  char *exact = exact_copy(at, len);
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

#define REPLAY_TEST(name) TEST_WITH(name, NULL, close_replay)

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
  say(got, "%s%s%s\n", what, err ? " " : "", err ? error_name(-err) : "");
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

static void say_mptcp(struct text *got) {
  struct lb_conns conns = {0};
  uint64_t cost_ns = 0;
  int err = lb_source_mptcp_conns(&source, &filter, &conns, &cost_ns);
  for (size_t i = 0; i < conns.len; i++)
    say(got, "port %d kind %d ", conns.v[i].port, conns.v[i].kind);
  say_err(got, "mptcp", err);
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

static void say_unix_conns(struct text *got) {
  struct lb_unix_count count = {.name = lb_unix_name_of("/run/api", 8)};
  struct lb_unix_counts counts = {.v = &count, .len = 1};
  uint64_t cost_ns = 0;
  int err = lb_source_unix_conns(&source, &counts, &cost_ns);
  say(got, "%u accepted ", count.accepted);
  say_err(got, "unix conns", err);
}

static void say_file(struct text *got, enum lb_file file) {
  char buf[256] = "";
  ssize_t len = lb_source_read_file(&source, file, buf, sizeof(buf));
  assert_int_equal(buf[len > 0 ? len : 0], 0);
  say(got, "file %d \"%s\"", (int)file, buf);
  say_err(got, "", len < 0 ? (int)len : 0);
}

static void say_query(struct text *got, enum lb_query_kind kind) {
  static void (*const says[])(struct text *) = {
      say_tcp, say_unix, say_conns, say_pending, say_mptcp, say_unix_conns};
  says[kind](got);
}

/* What a script of letters says: s: the next sample; t, u, c, p, k: a query;
 * n, m: a file. */
static void say_script(struct text *got, const char *script) {
  for (const char *c = script; *c; c++)
    if (*c == 's')
      say_sample(got);
    else if (*c == 'n' || *c == 'm')
      say_file(got, *c == 'n' ? LB_FILE_NETSTAT : LB_FILE_SOMAXCONN);
    else
      say_query(got, kind_of(*c));
}

struct replay_case {
  const char *behaviour;
  const char *records;
  const char *script;
  const char *want;
};

static void check_replays(const struct replay_case *cases, size_t len) {
  for (const struct replay_case *c = cases; c < cases + len; c++) {
    struct recording recording = recording_of(c->records);
    struct text got = {.len = 0};
    open_recording(&recording);
    say_script(&got, c->script);
    if (strcmp(got.at, c->want) != 0)
      print_error("not so: %s\n", c->behaviour);
    assert_string_equal(got.at, c->want);
    close_replay(NULL);
  }
}

REPLAY_TEST(a_replay_answers_as_the_kernel_did) {
  static const struct replay_case cases[] = {
      {"everything comes back as it was",
       "F 1000;t hs;n TcpExt: A\nTcpExt: 1\n;m 4096\n;u /run/api;"
       "c 250 41000;p 3 5000;"
       "F 1099511627776;t s;n TcpExt: A\nTcpExt: 22\n;m 128\n;u /run/b;"
       "c 4294967295 1099511627776;p 0 0",
       "stnmucpstnmucpss",
       "final 1000\ntcp\n" HTTP HTTPS
       "file 0 \"TcpExt: A\nTcpExt: 1\n\"\nfile 1 \"4096\n\"\n"
       "unix\n" API "port 80 kind 1 250 ms cost 41000 conns\n"
       "3 waiting, 1 closed cost 5000 pending\n"
       "final 1099511627776\ntcp\n" HTTPS
       "file 0 \"TcpExt: A\nTcpExt: 22\n\"\nfile 1 \"128\n\"\n"
       "unix\n" API_AT(
           "/run/b") "port 80 kind 1 4294967295 ms cost 1099511627776 conns\n"
                     "0 waiting, 0 closed cost 0 pending\nend\nend\n"},
      {"MPTCP has an answer of each family", "F 1;c 250 9;k 80 9;F 2;c 250 9",
       "scksck",
       "final 1\nport 80 kind 1 250 ms cost 9 conns\nport 80 kind 3 mptcp\n"
       "final 2\nport 80 kind 1 250 ms cost 9 conns\nmptcp ENODATA\n"},
      {"each kind of answer has an order of its own",
       "F 1;n a;p 4 10;t h;m 1;D p EMSGSIZE;E p EMSGSIZE 20;n b;t s;m 2;p 2 30",
       "smttnmnppp",
       "final 1\nfile 1 \"1\"\ntcp\n" HTTP "tcp\n" HTTPS
       "file 0 \"a\"\nfile 1 \"2\"\nfile 0 \"b\"\n"
       "4 waiting, 1 closed cost 10 pending\n"
       "77 waiting, 77 closed cost 20 pending EMSGSIZE\n"
       "2 waiting, 1 closed cost 30 pending\n"},
      {"answers that overlap, as of two threads, are told apart",
       "F 1;B p p;B c w;B u a;B t h;B t d;B u d;B c d;D p;D c;D u;D t;"
       "E t 0 9;E u 0 9;E c 0 9;E p 0 9",
       "spuct",
       "final 1\n1 waiting, 0 closed cost 9 pending\n"
       "unix\n" API "port 80 kind 1 250 ms cost 9 conns\n"
       "tcp\n" HTTP},
      {"asked for more than was recorded, it repeats the last answer",
       "F 1;t h;t s;n a;n b;c 250 9", "stttnnncc",
       "final 1\ntcp\n" HTTP "tcp\n" HTTPS "tcp\n" HTTPS
       "file 0 \"a\"\nfile 0 \"b\"\nfile 0 \"b\"\n"
       "port 80 kind 1 250 ms cost 9 conns\n"
       "port 80 kind 1 250 ms cost 9 conns\n"},
      {"there is no data before the first sample, nor of what no one asked for",
       "t h;F 1;t h;n a;F 2;F 3;m 1", "tnstnmstnmstnmucp",
       "tcp ENODATA\nfile 0 \"\" ENODATA\n"
       "final 1\ntcp\n" HTTP "file 0 \"a\"\nfile 1 \"\" ENODATA\n"
       "final 2\ntcp ENODATA\n"
       "file 0 \"\" ENODATA\nfile 1 \"\" ENODATA\n"
       "final 3\ntcp ENODATA\nfile 0 \"\" ENODATA\nfile 1 \"1\"\n"
       "unix ENODATA\ncost 0 conns ENODATA\n"
       "77 waiting, 77 closed cost 0 pending ENODATA\n"},
      {"the next sample skips what is left of the current one",
       "F 1;t h;t h;n a;F 2;t s;n b", "ststn",
       "final 1\ntcp\n" HTTP "final 2\ntcp\n" HTTPS "file 0 \"b\"\n"},
      {"an answer may have several datagrams", "F 1;B t hs;B t hs;t h", "st",
       "final 1\ntcp\n" HTTP HTTPS HTTP HTTPS HTTP},
      {"of a lost dump and a good one the good one counts",
       "F 1;B t h;D t ENOBUFS;t s;B t hhx;D t EBADMSG;t s;B c w;D c ENOBUFS;"
       "c 2 9;B u l;D u ENOBUFS;u /run/api;D p ENOBUFS;p 2 9",
       "stttcup",
       "final 1\ntcp\n" HTTPS "tcp\n" HTTPS "tcp\n" HTTPS
       "port 80 kind 1 2 ms cost 9 conns\nunix\n" API
       "2 waiting, 1 closed cost 9 pending\n"},
      {"a kernel that refused both families answered for each; the second "
       "answer is of a source that knows so",
       "F 1;D t EOPNOTSUPP;B t hd;D t;t s;B t sd;D t;t h", "stt",
       "final 1\ntcp\n" HTTP HTTPS "tcp\n" HTTPS HTTP},
      {"dumps and datagrams after the end are skipped",
       "F 1;B t hd;D t;t h;B t d;B t h;D t;E t 0 0;t s", "sttt",
       "final 1\ntcp\n" HTTP "tcp\ntcp\n" HTTPS},
      {"a query that failed fails again and has its cost, with or without a "
       "dump, or after a dump that ended well",
       "F 1;D t EAFNOSUPPORT;E t EAFNOSUPPORT 0;B t h;D t ENOENT;"
       "E t ENOENT 0;B t h;D t ENOBUFS;B t h;D t ETIMEDOUT;E t ETIMEDOUT 0;"
       "B c d;D c ETIMEDOUT;E c 0 123;E p ESTALE 45;E u ESTALE 0",
       "stttcpu",
       "final 1\ntcp EAFNOSUPPORT\ntcp ENOENT\ntcp ETIMEDOUT\n"
       "cost 123 conns ETIMEDOUT\n"
       "77 waiting, 77 closed cost 45 pending ESTALE\n"
       "unix ESTALE\n"},
      {"an answer without its end is none", "F 1;B t hd;D t", "sts",
       "final 1\ntcp ENODATA\nend\n"},
  };
  check_replays(cases, LEN(cases));
}

/* Its status says that the dump was good: still that is not "no socket
 * listens". */
REPLAY_TEST(damaged_bytes_of_a_good_dump_are_an_error) {
  static const struct replay_case cases[] = {
      {"a socket does not listen", "F 1;B t !d;D t;E t 0 0", "st",
       "final 1\ntcp EBADMSG\n"},
      {"the end of the dump is missing", "F 1;B t h;D t;E t 0 0", "st",
       "final 1\ntcp EBADMSG\n"},
      {"the dump ends with an error", "F 1;B t he;D t;E t 0 0", "st",
       "final 1\ntcp ENOENT\n"},
      {"the record of the dump is missing", "F 1;B t hd;E t 0 0", "st",
       "final 1\ntcp EBADMSG\n"},
      {"the datagram is missing", "F 1;D t;E t 0 0", "st",
       "final 1\ntcp EBADMSG\n"},
  };
  check_replays(cases, LEN(cases));
}

REPLAY_TEST(samples_within_an_interval_differ_from_those_at_its_end) {
  static const struct replay_case inspected_after_a_sample = {
      "the connections are the first sample's",
      "S 100;t h;c 5 9;F 200;t s;S 300;S 400;F 500;S 600", "stcstcsssss",
      "sample 100\ntcp\n" HTTP "port 80 kind 1 5 ms cost 9 conns\n"
      "final 200\ntcp\n" HTTPS "cost 0 conns ENODATA\n"
      "sample 300\nsample 400\nfinal 500\nsample 600\nend\n"};
  static const bool ends_next[] = {true, false, false, true, false, false};
  struct recording recording = recording_of(inspected_after_a_sample.records);
  uint64_t now_ms;
  bool ends;
  check_replays(&inspected_after_a_sample, 1);
  open_recording(&recording);
  for (size_t i = 0; i < LEN(ends_next); i++) {
    assert_int_equal(lb_replay_intervals(replay), 2);
    assert_int_equal(lb_replay_next(replay, &now_ms, &ends), 1);
    assert_int_equal(lb_replay_ends_next(replay), ends_next[i]);
  }
}

/* --- files --------------------------------------------------------------- */

REPLAY_TEST(a_file_that_could_not_be_read_cannot_be_again) {
  struct recording recording = recording_of("F 1");
  struct text got = {.len = 0};
  add_record(&recording, LB_RECORD_FILE, -EACCES, 0, NULL, 0);
  add(&recording, "m ");
  open_recording(&recording);
  say_script(&got, "snm");
  assert_string_equal(got.at, "final 1\nfile 0 \"\" EACCES\nfile 1 \"\"\n");
}

REPLAY_TEST(a_file_needs_room_for_itself_and_a_nul) {
  struct recording recording = recording_of("F 1;m 4096\n");
  struct text ignored = {.len = 0};
  char buf[6] = "";
  open_recording(&recording);
  say_sample(&ignored);
  for (size_t size = 0; size <= 5; size++)
    assert_int_equal(lb_source_read_file(&source, LB_FILE_SOMAXCONN, buf, size),
                     -EFBIG);
  assert_int_equal(lb_source_read_file(&source, LB_FILE_SOMAXCONN, buf, 6), 5);
  assert_string_equal(buf, "4096\n");
}

/* Of the path and the file, in the current sample. */
REPLAY_TEST(a_check_of_a_file_is_that_of_the_sample) {
  static const struct lb_file_id ids[] = {{6, 7}, {6, 8}};
  struct text ignored = {.len = 0};
  struct recording recording = recording_of("S 1");
  char bytes[] = "........./a";
  memcpy(bytes, ids, sizeof(ids[0]));
  memcpy(bytes + 8, "/a", 3);
  add_record(&recording, LB_RECORD_CHECK, 0, 0, bytes, 10);
  add(&recording, "F 2");
  add_record(&recording, LB_RECORD_CHECK, -ESTALE, 0, bytes, 10);
  open_recording(&recording);
  for (int i = 0; i < 2; i++) {
    say_sample(&ignored);
    assert_int_equal(lb_source_check_file(&source, "/a", &ids[0]),
                     i ? -ESTALE : 0);
    assert_int_equal(lb_source_check_file(&source, "/a", &ids[1]), -ENODATA);
    assert_int_equal(lb_source_check_file(&source, "/ab", &ids[0]), -ENODATA);
    assert_int_equal(lb_source_check_file(&source, "/", &ids[0]), -ENODATA);
  }
}

/* Of the path and the kind of look, in the current sample. */
REPLAY_TEST(a_file_that_was_found_is_that_of_the_sample) {
  const struct lb_found_file found[] = {{{6, 7}, 0}, {{6, 8}, 1}};
  struct lb_file_id got = {0};
  struct text ignored = {.len = 0};
  struct recording recording = recording_of("F 2");
  char bytes[LB_FIND_SIZE] = "";
  for (int i = 0; i < 2; i++)
    add_record(&recording, LB_RECORD_FIND, 0, 0, bytes,
               lb_record_find(bytes, "/a", &found[i]));
  add_record(&recording, LB_RECORD_FIND, -ENOENT, 0, bytes,
             lb_record_find(bytes, "/b", &found[0]));
  open_recording(&recording);
  say_sample(&ignored);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(lb_source_find_file(&source, "/a", i, &got), 0);
    assert_memory_equal(&got, &found[i].file, sizeof(got));
  }
  assert_int_equal(lb_source_find_file(&source, "/b", false, &got), -ENOENT);
  assert_int_equal(lb_source_find_file(&source, "/b", true, &got), -ENODATA);
  assert_int_equal(lb_source_find_file(&source, "/", false, &got), -ENODATA);
  assert_int_equal(got.dev, 8);
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

static int inner_check_file(struct lb_transport *transport, const char *path,
                            const struct lb_file_id *file) {
  (void)transport;
  say(&asked, "check %s %u:%u, ", path, file->dev, file->inode);
  return inner_status;
}

static int inner_find_file(struct lb_transport *transport, const char *path,
                           bool by_mount, struct lb_file_id *out) {
  (void)transport;
  say(&asked, "find %s %d, ", path, by_mount);
  *out = (struct lb_file_id){8, 9};
  return inner_status;
}

static struct lb_transport inner = {
    inner_dump,  inner_end_query,  inner_read_file, inner_rest,
    inner_close, inner_check_file, inner_find_file};

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

TEST_CASE(the_recorder_passes_all_on_and_writes_the_answers) {
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
  const struct lb_file_id id = {6, 7};
  inner_status = -ESTALE;
  assert_int_equal(transport->check_file(transport, "/a", &id), -ESTALE);
  struct lb_file_id found = {0};
  assert_int_equal(transport->find_file(transport, "/a", true, &found),
                   -ESTALE);
  assert_int_equal(found.inode, 0);
  inner_status = 0;
  assert_int_equal(transport->find_file(transport, "/b", false, &found), 0);
  assert_int_equal(found.inode, 8);
  transport->rest(transport);
  transport->close(transport);
  assert_int_equal(lb_recorder_close(recorder), 0);
  assert_string_equal(asked.at, "dump 2 seq 5, dump 3 seq 5, end 3 -105, "
                                "file 1, file 0, check /a 7:6, find /a 1, "
                                "find /b 0, rest, close");
  assert_string_equal(seen.at, "one, eightful, one, eightful, ");

  static const char *const ends[] = {"D c",
                                     "D p ENOBUFS;E p ENOBUFS 41;F 8;m 4096\n"};
  struct recording want = recording_of("S 7");
  for (size_t i = 0; i < LEN(ends); i++) {
    add_record(&want, LB_RECORD_DATAGRAM, 0, 2 + i, "one", 3);
    add_record(&want, LB_RECORD_DATAGRAM, 0, 2 + i, "eightful", 8);
    add(&want, ends[i]);
  }
  char check[] = "\6\0\0\0\7\0\0\0/a";
  memcpy(check, &id, sizeof(id));
  add_record(&want, LB_RECORD_FILE, -EACCES, 0, NULL, 0);
  add_record(&want, LB_RECORD_CHECK, -ESTALE, 0, check, 10);
  char find[] = "............/a";
  memcpy(find, (const uint32_t[]){8, 9, 1}, 12);
  add_record(&want, LB_RECORD_FIND, -ESTALE, 0, find, 14);
  memcpy(find, (const uint32_t[]){8, 9, 0}, 12);
  find[13] = 'b';
  add_record(&want, LB_RECORD_FIND, 0, 0, find, 14);
  check_file(&file, &want);
}

/* Recordings of older versions stay readable. */
TEST_CASE(the_numbers_of_the_format_do_not_change) {
  static const uint32_t ends[] = {4, 22, 23, 24, 25, 26};
  static const int numbers[] = {LB_RECORD_FINAL_SAMPLE, LB_RECORD_DATAGRAM,
                                LB_RECORD_DUMP,         LB_RECORD_FILE,
                                LB_RECORD_SAMPLE,       LB_FILE_NETSTAT,
                                LB_FILE_SOMAXCONN,      LB_FILE_SNMP,
                                LB_RECORD_CHECK,        LB_RECORD_FIND};
  static const int want[] = {1, 2, 3, 5, 21, 0, 1, 2, 53, 54};
  static const char header[] = "lbacklog\1\0\0\0\4\3\2\1";
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    assert_memory_equal(&lb_record_expected, header, 16);
  assert_int_equal(sizeof(struct lb_record), 24);
  for (size_t i = 0; i < LEN(numbers); i++)
    assert_int_equal(numbers[i], want[i]);
  for (int kind = 0; kind < LB_QUERY_KINDS; kind++)
    assert_int_equal(lb_record_end_of((enum lb_query_kind)kind), ends[kind]);
}

TEST_CASE(a_recorder_overwrites_what_was_there) {
  struct recorded_file file = make_file();
  struct recording want = recording_of("F 3");
  for (int samples = 2; samples > 0; samples--) {
    struct lb_recorder *recorder;
    assert_int_equal(lb_recorder_open(file.path, &recorder), 0);
    for (int i = 0; i < samples; i++)
      lb_recorder_begin_sample(recorder, 3, true);
    assert_int_equal(lb_recorder_close(recorder), 0);
  }
  check_file(&file, &want);
}

TEST_CASE(a_full_disk_is_an_error_at_the_end) {
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

REPLAY_TEST(a_recording_of_any_size_is_read_whole) {
  /* 64 KiB in all, one word less, one more, and three times that */
  static const size_t sizes[] = {65472, 65464, 65480, 196544, 200000};
  for (size_t i = 0; i < LEN(sizes); i++) {
    struct recorded_file file = make_file();
    struct text ignored = {.len = 0};
    struct recording begin = recording_of("F 1");
    const struct lb_record record = {LB_RECORD_FILE, 0, 0, sizes[i]};
    char *text = calloc(1, sizes[i] + 1), *got = malloc(sizes[i] + 1);
    memset(text, 'x', sizes[i]);
    text[sizes[i] - 1] = 'y';
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

REPLAY_TEST(a_path_that_cannot_be_opened_is_an_error) {
  struct lb_recorder *recorder;
  assert_int_equal(lb_recorder_open("/dev/null/x", &recorder), -ENOTDIR);
  assert_int_equal(lb_recorder_open("/", &recorder), -EISDIR);
  assert_int_equal(lb_recorder_open("", &recorder), -ENOENT);
  assert_int_equal(lb_replay_open("/dev/null/x", &replay), -ENOTDIR);
  assert_int_equal(lb_replay_open("", &replay), -ENOENT);
  assert_int_equal(lb_replay_open("/dev/null", &replay), -EBADMSG);
  assert_int_equal(lb_replay_open("/", &replay), -EISDIR);
}

REPLAY_TEST(a_file_is_read_no_further_than_a_wrong_header) {
  int ends[2];
  char path[32];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "lbacklog\2\0\0\0\4\3\2\1", 16), 16);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
  /* which would wait for more, because the writer is still there */
  assert_int_equal(lb_replay_open(path, &replay), -EOPNOTSUPP);
  close(ends[0]);
  close(ends[1]);
}

REPLAY_TEST(a_recording_has_at_most_256_mb) {
  static char text[(1 << 20) - sizeof(struct lb_record)];
  struct recorded_file file = make_file();
  struct lb_recorder *recorder;
  struct stat status;
  assert_int_equal(lb_recorder_open(file.path, &recorder), 0);
  struct lb_transport *transport = lb_recorder_wrap(recorder, &inner);
  inner_len = sizeof(text);
  for (int i = 0; i < 256; i++) /* with the header, the last is too much */
    transport->read_file(transport, LB_FILE_NETSTAT, text, sizeof(text));
  lb_recorder_begin_sample(recorder, 1, true); /* is not written either */
  assert_int_equal(lb_recorder_close(recorder), -EFBIG);
  assert_int_equal(fstat(file.fd, &status), 0);
  assert_int_equal(status.st_size, 16 + (255 << 20));
  assert_int_equal(lb_replay_open(file.path, &replay), 0);
  close_replay(NULL);
  assert_int_equal(ftruncate(file.fd, 256 << 20), 0);
  assert_int_equal(lb_replay_open(file.path, &replay), 0);
  close_replay(NULL);
  assert_int_equal(ftruncate(file.fd, (256 << 20) + 1), 0);
  assert_int_equal(lb_replay_open(file.path, &replay), -EFBIG);
  close(file.fd);
}

REPLAY_TEST(without_memory_there_is_no_recorder_and_no_replay) {
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
  close_replay(NULL);
  for (size_t call = 1; call <= 2; call++) {
    memory.fails = call;
    assert_int_equal(
        lb_replay_new(&lb_record_expected, sizeof(lb_record_expected), &replay),
        -ENOMEM);
  }
}

/* --- damage -------------------------------------------------------------- */

/* With every kind of record. */
static struct recording small_recording(void) {
  return recording_of("F 1000;B t h;D t ENOBUFS;t s;n TcpExt: A\nTcpExt: 1\n;"
                      "m 4096\n;u /run/api;c 250 41000;p 3 5000;S 2000;"
                      "D t ENOENT;E t ENOENT 0");
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
      for (int which = 0; which < LB_FILES; which++)
        say_file(&ignored, (enum lb_file)which);
    }
  }
  assert_int_equal(lb_replay_intervals(replay), intervals);
  close_replay(NULL);
}

REPLAY_TEST(numbers_and_statuses_out_of_range_are_refused) {
  static const struct {
    const char *behaviour, *records;
    int want;
  } cases[] = {
      {"the longest time", "S 1000;E c 0 1099511627776;F 1000", 0},
      {"a clock that goes back", "S 1000;E c 0 0;F 999", -EBADMSG},
      {"a huge time", "S 1000;E c 0 0;F 1099511627777", -EBADMSG},
      {"a huge cost", "S 1000;E c 0 1099511627777;F 2000", -EBADMSG},
      {"the largest errno", "E c -4095 0", 0},
      {"no errno", "E c -4096 0", -EBADMSG},
      {"a positive status", "E c 1 0", -EBADMSG},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct recording recording = recording_of(cases[i].records);
    int err = open_bytes(recording.at, recording.len);
    if (err != cases[i].want)
      print_error("not so: %s\n", cases[i].behaviour);
    assert_int_equal(err, cases[i].want);
    close_replay(NULL);
  }
}

REPLAY_TEST(a_file_of_another_kind_is_refused) {
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

REPLAY_TEST(a_cut_off_file_is_refused_except_between_records) {
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
REPLAY_TEST(nothing_after_the_end_is_read) {
  static const uint32_t kinds[] = {LB_RECORD_FINAL_SAMPLE, LB_RECORD_FILE};
  for (size_t i = 0; i < LEN(kinds); i++) {
    struct recording recording = recording_of("S 1;F 2");
    struct text got = {.len = 0};
    uint32_t *old = malloc(64 + 8);
    assert_non_null(old);
    assert_int_equal(recording.len, 64);
    for (size_t j = 0; j < (64 + 8) / sizeof(*old); j++)
      old[j] = kinds[i];
    free(old);
    assert_int_equal(lb_replay_new(recording.at, recording.len, &replay), 0);
    lb_source_open(&source, lb_replay_transport(replay));
    assert_int_equal(lb_replay_intervals(replay), 1);
    say_script(&got, "ss");
    assert_false(lb_replay_ends_next(replay));
    say_script(&got, "ns");
    assert_string_equal(got.at, "sample 1\nfinal 2\n"
                                "file 0 \"\" ENODATA\nend\n");
    close_replay(NULL);
  }
}

/* Flips one bit at a time, then all bits of a byte at a time. */
REPLAY_TEST(no_damage_to_a_byte_does_harm) {
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
