// SPDX-License-Identifier: MIT
/* Recordings: written by hand through the witness that the live source has,
 * they answer as the kernel did; damaged ones do no harm. */
#include "kernel/recording.h"

#include "memory.h"
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- answers ------------------------------------------------------------- */

static const struct lb_listen_sock http = {
    .cookie = 1,
    .address = {[10] = 0xff, 0xff, 127, 0, 0, 1},
    .queue = 3,
    .limit = 2,
    .sk_drops = 5,
    .inode = 1513,
    .port = 80,
    .family = AF_INET,
    .has_drops = true,
};
#define HTTP                                                                   \
  "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops 5 inode 1513 cookie 1\n"

static const struct lb_listen_sock https = {
    .cookie = 2,
    .limit = 4096,
    .inode = 1514,
    .port = 443,
    .family = AF_INET6,
    .has_drops = true,
};
#define HTTPS "IPv6 [::]:443 queue 0 limit 4096 drops 0 inode 1514 cookie 2\n"

static const struct lb_listen_sock api = {
    .cookie = 3, .limit = 128, .inode = 1515};
#define API "UNIX \"/run/api\" queue 0 limit 128 inode 1515 cookie 3\n"

/* A connection to 127.0.0.1:80 that waits so long. */
static void put_conn(struct datagram *datagram, uint32_t wait_ms) {
  struct nlmsghdr *msg = start_message(datagram, TCPDIAG_GETSOCK);
  struct inet_diag_msg *diag = mnl_nlmsg_put_extra_header(msg, sizeof(*diag));
  const struct tcp_info info = {.tcpi_last_data_sent = wait_ms};
  diag->idiag_family = AF_INET;
  diag->idiag_state = TCP_ESTABLISHED;
  diag->id.idiag_sport = htons(80);
  memcpy(diag->id.idiag_src, http.address + 12, 4);
  mnl_attr_put_u8(msg, INET_DIAG_SHUTDOWN, 0);
  mnl_attr_put(msg, INET_DIAG_INFO, sizeof(info), &info);
  end_message(datagram, msg);
}

/* --- recording ----------------------------------------------------------- */

struct recording {
  int fd;
  char path[32];
  struct lb_recorder *recorder;
  const struct lb_witness *witness;
};

/* To a file in memory, which no test can leave behind. */
static struct recording start(void) {
  struct recording recording = {.fd = memfd_create("recording", MFD_CLOEXEC)};
  assert_true(recording.fd >= 0);
  snprintf(recording.path, sizeof(recording.path), "/proc/self/fd/%d",
           recording.fd);
  assert_int_equal(lb_recorder_open(recording.path, &recording.recorder), 0);
  recording.witness = lb_recorder_witness(recording.recorder);
  return recording;
}

static void record_datagram(struct recording *recording,
                            enum lb_channel channel,
                            const struct datagram *datagram) {
  recording->witness->datagram(recording->witness->data, channel, datagram->at,
                               datagram->len, 0);
}

static void record_dump(struct recording *recording, enum lb_channel channel,
                        int status) {
  recording->witness->datagram(recording->witness->data, channel, NULL, 0,
                               status);
}

static void record_end(struct recording *recording, enum lb_channel channel,
                       int status, uint64_t cost_ns) {
  recording->witness->answer(recording->witness->data, channel, status,
                             cost_ns);
}

static void record_rows(struct recording *recording,
                        const struct lb_listen_sock *first,
                        const struct lb_listen_sock *second) {
  struct datagram datagram = {.len = 0};
  put_row(&datagram, first);
  if (second)
    put_row(&datagram, second);
  record_datagram(recording, LB_CHANNEL_LISTENERS, &datagram);
}

static void record_done(struct recording *recording, int status) {
  struct datagram datagram = {.len = 0};
  put_done(&datagram, status);
  record_datagram(recording, LB_CHANNEL_LISTENERS, &datagram);
}

static void record_refusal(struct recording *recording, int status) {
  struct datagram datagram = {.len = 0};
  put_error(&datagram, status);
  record_datagram(recording, LB_CHANNEL_LISTENERS, &datagram);
}

static void record_outcome(struct recording *recording, int status) {
  record_dump(recording, LB_CHANNEL_LISTENERS, status);
}

static void record_listeners(struct recording *recording, int status) {
  record_end(recording, LB_CHANNEL_LISTENERS, status, 0);
}

static void record_text(struct recording *recording, enum lb_text which,
                        const char *text) {
  recording->witness->text(recording->witness->data, which, text,
                           (ssize_t)strlen(text));
}

/* One good answer of one or two rows. */
static void record_answer(struct recording *recording,
                          const struct lb_listen_sock *first,
                          const struct lb_listen_sock *second) {
  record_rows(recording, first, second);
  record_done(recording, 0);
  record_outcome(recording, 0);
  record_listeners(recording, 0);
}

static void put_path(struct datagram *datagram,
                     const struct lb_listen_sock *row, const char *path) {
  put_unix_row(datagram, row, SOCK_STREAM, path, strlen(path));
}

static void record_paths(struct recording *recording,
                         const struct lb_listen_sock *row, const char *path) {
  struct datagram datagram = {.len = 0};
  put_path(&datagram, row, path);
  put_done(&datagram, 0);
  record_datagram(recording, LB_CHANNEL_PATHS, &datagram);
  record_dump(recording, LB_CHANNEL_PATHS, 0);
  record_end(recording, LB_CHANNEL_PATHS, 0, 0);
}

static void record_waiting(struct recording *recording, uint32_t wait_ms,
                           uint64_t cost_ns) {
  struct datagram datagram = {.len = 0};
  put_conn(&datagram, wait_ms);
  put_done(&datagram, 0);
  record_datagram(recording, LB_CHANNEL_WAITING, &datagram);
  record_dump(recording, LB_CHANNEL_WAITING, 0);
  record_end(recording, LB_CHANNEL_WAITING, 0, cost_ns);
}

/* Clients of a UNIX socket, the first of them closed. */
static void record_pending(struct recording *recording, size_t clients,
                           uint64_t cost_ns) {
  static const uint32_t inodes[] = {0, 7, 8, 9};
  struct datagram datagram = {.len = 0};
  assert_in_range(clients, 0, LEN(inodes));
  put_pending(&datagram, &api, inodes, clients);
  record_datagram(recording, LB_CHANNEL_PENDING, &datagram);
  record_dump(recording, LB_CHANNEL_PENDING, 0);
  record_end(recording, LB_CHANNEL_PENDING, 0, cost_ns);
}

static void close_recorder(struct recording *recording) {
  assert_int_equal(lb_recorder_close(recording->recorder), 0);
}

static struct lb_replay *finish(struct recording *recording) {
  struct lb_replay *replay;
  close_recorder(recording);
  assert_int_equal(lb_replay_open(recording->path, &replay), 0);
  close(recording->fd);
  return replay;
}

struct bytes {
  char *at;
  size_t len;
};

static struct bytes finish_as_bytes(struct recording *recording) {
  close_recorder(recording);
  off_t end = lseek(recording->fd, 0, SEEK_END);
  assert_true(end > 0);
  struct bytes bytes = {malloc((size_t)end), (size_t)end};
  assert_int_equal(pread(recording->fd, bytes.at, bytes.len, 0), end);
  close(recording->fd);
  return bytes;
}

/* --- replay -------------------------------------------------------------- */

static void say_look(struct text *got, struct lb_replay *replay) {
  uint64_t now_ms = 77;
  bool ends = false;
  if (lb_replay_next(replay, &now_ms, &ends))
    say(got, "%s %llu\n", ends ? "look" : "sample", (unsigned long long)now_ms);
  else
    say(got, "end\n");
}

static void say_listeners(struct text *got, struct lb_replay *replay) {
  struct lb_source *source = lb_replay_source(replay);
  struct lb_listen_socks rows = {0};
  int err = source->listeners(source, &rows);
  say(got, "listeners %d\n", err);
  if (!err)
    say_rows(got, &rows);
  lb_listen_socks_free(&rows);
}

static void say_text(struct text *got, struct lb_replay *replay,
                     enum lb_text which) {
  struct lb_source *source = lb_replay_source(replay);
  char buf[256];
  ssize_t len = source->text(source, which, buf, sizeof(buf));
  say(got, "text %d: %d", (int)which, (int)len);
  if (len >= 0) {
    assert_int_equal(strlen(buf), len);
    say(got, " \"%s\"", buf);
  }
  say(got, "\n");
}

static void say_path_rows(struct text *got, struct lb_replay *replay) {
  struct lb_source *source = lb_replay_source(replay);
  struct lb_listen_socks rows = {0};
  assert_int_equal(lb_unix_names_new(&rows.paths), 0);
  int err = source->paths(source, &rows);
  say(got, "paths %d\n", err);
  if (!err)
    say_rows(got, &rows);
  lb_unix_names_free(rows.paths);
  lb_listen_socks_free(&rows);
}

static const struct lb_ports port_80 = {80, 80};
static const struct lb_query query = {&port_80, 1, .queued = true};

static void say_waiting(struct text *got, struct lb_replay *replay) {
  struct lb_source *source = lb_replay_source(replay);
  struct lb_conns conns = {0};
  uint64_t cost_ns = 1000;
  int err = source->waiting(source, &query, &conns, &cost_ns);
  say(got, "waiting %d cost %llu:", err, (unsigned long long)cost_ns - 1000);
  for (size_t i = 0; !err && i < conns.len; i++)
    say(got, " port %d kind %d %u ms", conns.v[i].port, conns.v[i].kind,
        conns.v[i].wait_ms);
  say(got, "\n");
  lb_conns_free(&conns);
}

static void say_pending(struct text *got, struct lb_replay *replay) {
  struct lb_source *source = lb_replay_source(replay);
  struct lb_pending pending = {77, 77};
  uint64_t cost_ns = 1000;
  int err = source->pending(source, &api, &pending, &cost_ns);
  say(got, "pending %d cost %llu: %u, %u closed\n", err,
      (unsigned long long)cost_ns - 1000, pending.waiting, pending.closed);
}

static void everything_comes_back_as_it_was(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1000, true);
  record_answer(&recording, &http, &https);
  record_text(&recording, LB_TEXT_NETSTAT, "TcpExt: A\nTcpExt: 1\n");
  record_text(&recording, LB_TEXT_SOMAXCONN, "4096\n");
  record_paths(&recording, &api, "/run/api");
  record_waiting(&recording, 250, 41000);
  record_pending(&recording, 3, 5000);
  lb_recorder_begin_sample(recording.recorder, 1099511627776u, true);
  record_answer(&recording, &https, NULL);
  record_text(&recording, LB_TEXT_NETSTAT, "TcpExt: A\nTcpExt: 22\n");
  record_text(&recording, LB_TEXT_SOMAXCONN, "128\n");
  record_paths(&recording, &api, "/run/b");
  record_waiting(&recording, 4294967295u, 1099511627776u);
  record_pending(&recording, 0, 0);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  for (int i = 0; i < 2; i++) {
    say_look(&got, replay);
    say_listeners(&got, replay);
    say_text(&got, replay, LB_TEXT_NETSTAT);
    say_text(&got, replay, LB_TEXT_SOMAXCONN);
    say_path_rows(&got, replay);
    say_waiting(&got, replay);
    say_pending(&got, replay);
  }
  say_look(&got, replay);
  say_look(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(
      got.at,
      "look 1000\n"
      "listeners 0\n" HTTP HTTPS "text 0: 20 \"TcpExt: A\nTcpExt: 1\n\"\n"
      "text 1: 5 \"4096\n\"\n"
      "paths 0\n" API "waiting 0 cost 41000: port 80 kind 1 250 ms\n"
      "pending 0 cost 5000: 3, 1 closed\n"
      "look 1099511627776\n"
      "listeners 0\n" HTTPS "text 0: 21 \"TcpExt: A\nTcpExt: 22\n\"\n"
      "text 1: 4 \"128\n\"\n"
      "paths 0\n"
      "UNIX \"/run/b\" queue 0 limit 128 inode 1515"
      " cookie 3\n"
      "waiting 0 cost 1099511627776:"
      " port 80 kind 1 4294967295 ms\n"
      "pending 0 cost 0: 0, 0 closed\n"
      "end\n"
      "end\n");
}

static void each_kind_is_answered_in_its_own_order(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_text(&recording, LB_TEXT_NETSTAT, "a");
  record_answer(&recording, &http, NULL);
  record_text(&recording, LB_TEXT_SOMAXCONN, "1");
  record_text(&recording, LB_TEXT_NETSTAT, "b");
  record_answer(&recording, &https, NULL);
  record_text(&recording, LB_TEXT_SOMAXCONN, "2");

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_text(&got, replay, LB_TEXT_SOMAXCONN);
  say_listeners(&got, replay);
  say_listeners(&got, replay);
  say_text(&got, replay, LB_TEXT_NETSTAT);
  say_text(&got, replay, LB_TEXT_SOMAXCONN);
  say_text(&got, replay, LB_TEXT_NETSTAT);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "text 1: 1 \"1\"\n"
                              "listeners 0\n" HTTP "listeners 0\n" HTTPS
                              "text 0: 1 \"a\"\n"
                              "text 1: 1 \"2\"\n"
                              "text 0: 1 \"b\"\n");
}

/* A walk is recorded among the looks that it runs beside. */
static void answers_that_overlap_are_told_apart(void **state) {
  (void)state;
  static const uint32_t client = 7;
  struct recording recording = start();
  struct datagram rows = {.len = 0}, path = {.len = 0}, conn = {.len = 0},
                  pending = {.len = 0}, done = {.len = 0};
  put_row(&rows, &http);
  put_path(&path, &api, "/run/api");
  put_conn(&conn, 250);
  put_pending(&pending, &api, &client, 1);
  put_done(&done, 0);
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_datagram(&recording, LB_CHANNEL_WAITING, &conn);
  record_datagram(&recording, LB_CHANNEL_LISTENERS, &rows);
  record_datagram(&recording, LB_CHANNEL_PENDING, &pending);
  record_datagram(&recording, LB_CHANNEL_PATHS, &path);
  for (int channel = 0; channel < LB_CHANNEL_PENDING; channel++)
    record_datagram(&recording, (enum lb_channel)channel, &done);
  for (int channel = LB_CHANNELS; channel-- > 0;)
    record_dump(&recording, (enum lb_channel)channel, 0);
  for (int channel = 0; channel < LB_CHANNELS; channel++)
    record_end(&recording, (enum lb_channel)channel, 0, 9);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_pending(&got, replay);
  say_path_rows(&got, replay);
  say_waiting(&got, replay);
  say_listeners(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "pending 0 cost 9: 1, 0 closed\n"
                              "paths 0\n" API
                              "waiting 0 cost 9: port 80 kind 1 250 ms\n"
                              "listeners 0\n" HTTP);
}

static void pending_is_answered_in_the_order_recorded(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_pending(&recording, 4, 10);
  record_dump(&recording, LB_CHANNEL_PENDING, -EMSGSIZE);
  record_end(&recording, LB_CHANNEL_PENDING, -EMSGSIZE, 20);
  record_pending(&recording, 2, 30);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  say_look(&got, replay);
  for (int i = 0; i < 4; i++)
    say_pending(&got, replay);
  lb_replay_free(replay);
  say(&want,
      "look 1\n"
      "pending 0 cost 10: 4, 1 closed\n"
      "pending %d cost 20: 77, 77 closed\n" /* as it was */
      "pending 0 cost 30: 2, 1 closed\n"
      "pending 0 cost 30: 2, 1 closed\n",
      -EMSGSIZE);
  assert_string_equal(got.at, want.at);
}

static void
looks_within_an_interval_are_told_from_those_at_its_end(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 100, false);
  record_answer(&recording, &http, NULL);
  record_waiting(&recording, 5, 9); /* comes after that look */
  lb_recorder_begin_sample(recording.recorder, 200, true);
  record_answer(&recording, &https, NULL);
  lb_recorder_begin_sample(recording.recorder, 300, false);
  lb_recorder_begin_sample(recording.recorder, 400, false);
  lb_recorder_begin_sample(recording.recorder, 500, true);
  lb_recorder_begin_sample(recording.recorder, 600, false);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  assert_int_equal(lb_replay_intervals(replay), 2);
  for (int i = 0; i < 2; i++) {
    say_look(&got, replay);
    say_listeners(&got, replay);
    say_waiting(&got, replay);
  }
  for (int i = 0; i < 5; i++)
    say_look(&got, replay);
  assert_int_equal(lb_replay_intervals(replay), 2);
  lb_replay_free(replay);
  say(&want,
      "sample 100\n"
      "listeners 0\n" HTTP "waiting 0 cost 9: port 80 kind 1 5 ms\n"
      "look 200\n"
      "listeners 0\n" HTTPS "waiting %d cost 0:\n"
      "sample 300\nsample 400\nlook 500\nsample 600\nend\n",
      -ENODATA);
  assert_string_equal(got.at, want.at);
}

static void asked_once_more_the_last_answer_is_repeated(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_answer(&recording, &http, NULL);
  record_answer(&recording, &https, NULL);
  record_text(&recording, LB_TEXT_NETSTAT, "a");
  record_text(&recording, LB_TEXT_NETSTAT, "b");
  record_waiting(&recording, 250, 9);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  for (int i = 0; i < 4; i++) {
    say_listeners(&got, replay);
    say_text(&got, replay, LB_TEXT_NETSTAT);
  }
  say_waiting(&got, replay);
  say_waiting(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "listeners 0\n" HTTP "text 0: 1 \"a\"\n"
                              "listeners 0\n" HTTPS "text 0: 1 \"b\"\n"
                              "listeners 0\n" HTTPS "text 0: 1 \"b\"\n"
                              "listeners 0\n" HTTPS "text 0: 1 \"b\"\n"
                              "waiting 0 cost 9: port 80 kind 1 250 ms\n"
                              "waiting 0 cost 9: port 80 kind 1 250 ms\n");
}

static void what_was_not_asked_in_a_look_is_no_data(void **state) {
  (void)state;
  struct recording recording = start();
  record_answer(&recording, &http, NULL); /* before any look */
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_answer(&recording, &http, NULL);
  record_text(&recording, LB_TEXT_NETSTAT, "a");
  lb_recorder_begin_sample(recording.recorder, 2, true);
  lb_recorder_begin_sample(recording.recorder, 3, true);
  record_text(&recording, LB_TEXT_SOMAXCONN, "1");

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  say_listeners(&got, replay); /* no look yet */
  for (int i = 0; i < 3; i++) {
    say_look(&got, replay);
    say_listeners(&got, replay);
    say_text(&got, replay, LB_TEXT_NETSTAT);
    say_text(&got, replay, LB_TEXT_SOMAXCONN);
  }
  say_path_rows(&got, replay);
  say_waiting(&got, replay);
  say_pending(&got, replay);
  lb_replay_free(replay);
  say(&want,
      "listeners %1$d\n"
      "look 1\nlisteners 0\n" HTTP "text 0: 1 \"a\"\ntext 1: %1$d\n"
      "look 2\nlisteners %1$d\ntext 0: %1$d\ntext 1: %1$d\n"
      "look 3\nlisteners %1$d\ntext 0: %1$d\ntext 1: 1 \"1\"\n"
      "paths %1$d\nwaiting %1$d cost 0:\n"
      "pending %1$d cost 0: 77, 77 closed\n",
      -ENODATA);
  assert_string_equal(got.at, want.at);
}

static void what_is_left_of_a_look_is_passed_over(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_answer(&recording, &http, NULL);
  record_answer(&recording, &http, NULL);
  record_text(&recording, LB_TEXT_NETSTAT, "a");
  lb_recorder_begin_sample(recording.recorder, 2, true);
  record_answer(&recording, &https, NULL);
  record_text(&recording, LB_TEXT_NETSTAT, "b");

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_listeners(&got, replay);
  say_look(&got, replay);
  say_text(&got, replay, LB_TEXT_NETSTAT);
  say_listeners(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "listeners 0\n" HTTP "look 2\n"
                              "text 0: 1 \"b\"\n"
                              "listeners 0\n" HTTPS);
}

static void an_answer_of_several_datagrams_is_one(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_rows(&recording, &http, &https);
  record_rows(&recording, &http, NULL);
  record_rows(&recording, &https, &https);
  record_done(&recording, 0);
  record_outcome(&recording, 0);
  record_listeners(&recording, 0);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_listeners(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "listeners 0\n" HTTP HTTPS HTTP HTTPS HTTPS);
}

/* --- failures ------------------------------------------------------------ */

static void of_a_failed_dump_and_a_good_one_the_good_one_counts(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_rows(&recording, &http, NULL); /* then the kernel lost the rest */
  record_outcome(&recording, -ENOBUFS);
  record_answer(&recording, &https, NULL);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_listeners(&got, replay);
  say_listeners(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "listeners 0\n" HTTPS "listeners 0\n" HTTPS);
}

static void a_dump_cut_off_and_a_good_one_likewise(void **state) {
  (void)state;
  struct recording recording = start();
  struct datagram cut = {.len = 0};
  put_row(&cut, &http);
  put_row(&cut, &http);
  lb_recorder_begin_sample(recording.recorder, 1, true);
  cut.len -= 8;
  record_datagram(&recording, LB_CHANNEL_LISTENERS, &cut);
  record_outcome(&recording, -EBADMSG);
  record_answer(&recording, &https, NULL);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_listeners(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "listeners 0\n" HTTPS);
}

/* As live.c asks a kernel that refuses the request for both. */
static void refused_for_both_families_it_is_one_after_the_other(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_refusal(&recording, -EOPNOTSUPP);
  record_outcome(&recording, -EOPNOTSUPP);
  record_rows(&recording, &http, NULL);
  record_done(&recording, 0);
  record_outcome(&recording, 0);
  record_rows(&recording, &https, NULL);
  record_done(&recording, 0);
  record_outcome(&recording, 0);
  record_listeners(&recording, 0);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_listeners(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n"
                              "listeners 0\n" HTTP HTTPS);
}

static void a_walk_that_was_made_again_is_one(void **state) {
  (void)state;
  struct recording recording = start();
  struct datagram conn = {.len = 0}, path = {.len = 0};
  put_conn(&conn, 1);
  put_path(&path, &api, "/run/lost");
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_datagram(&recording, LB_CHANNEL_WAITING, &conn);
  record_dump(&recording, LB_CHANNEL_WAITING, -ENOBUFS);
  record_waiting(&recording, 2, 9);
  record_datagram(&recording, LB_CHANNEL_PATHS, &path);
  record_dump(&recording, LB_CHANNEL_PATHS, -ENOBUFS);
  record_paths(&recording, &api, "/run/api");
  record_dump(&recording, LB_CHANNEL_PENDING, -ENOBUFS);
  record_pending(&recording, 2, 9);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_waiting(&got, replay);
  say_path_rows(&got, replay);
  say_pending(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at,
                      "look 1\n"
                      "waiting 0 cost 9: port 80 kind 1 2 ms\n"
                      "paths 0\n" API "pending 0 cost 9: 2, 1 closed\n");
}

static void a_walk_that_failed_had_a_cost_too(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_dump(&recording, LB_CHANNEL_WAITING, -ETIMEDOUT);
  record_end(&recording, LB_CHANNEL_WAITING, -ETIMEDOUT, 123);
  record_end(&recording, LB_CHANNEL_PENDING, -ESTALE, 45);
  record_end(&recording, LB_CHANNEL_PATHS, -ESTALE, 0);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  say_look(&got, replay);
  say_waiting(&got, replay);
  say_pending(&got, replay);
  say_path_rows(&got, replay);
  lb_replay_free(replay);
  say(&want,
      "look 1\nwaiting %1$d cost 123:\n"
      "pending %2$d cost 45: 77, 77 closed\npaths %2$d\n",
      -ETIMEDOUT, -ESTALE);
  assert_string_equal(got.at, want.at);
}

static void a_look_that_failed_fails_again(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_outcome(&recording, -EAFNOSUPPORT);
  record_listeners(&recording, -EAFNOSUPPORT);
  lb_recorder_begin_sample(recording.recorder, 2, true);
  record_done(&recording, -ENOENT);
  record_outcome(&recording, -ENOENT);
  record_listeners(&recording, -ENOENT);
  lb_recorder_begin_sample(recording.recorder, 3, true);
  record_rows(&recording, &http, NULL);
  record_outcome(&recording, -ENOBUFS);
  record_rows(&recording, &http, NULL);
  record_outcome(&recording, -ETIMEDOUT);
  record_listeners(&recording, -ETIMEDOUT);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  for (int i = 0; i < 3; i++) {
    say_look(&got, replay);
    say_listeners(&got, replay);
  }
  lb_replay_free(replay);
  say(&want,
      "look 1\nlisteners %d\nlook 2\nlisteners %d\nlook 3\nlisteners %d\n",
      -EAFNOSUPPORT, -ENOENT, -ETIMEDOUT);
  assert_string_equal(got.at, want.at);
}

static void a_recorder_that_was_stopped_in_an_answer_gives_none(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_rows(&recording, &http, NULL);
  record_done(&recording, 0);

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  say_look(&got, replay);
  say_listeners(&got, replay);
  say_look(&got, replay);
  lb_replay_free(replay);
  say(&want, "look 1\nlisteners %d\nend\n", -ENODATA);
  assert_string_equal(got.at, want.at);
}

static void rows_are_appended_to_those_that_are_there(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_rows(&recording, &http, NULL);
  record_outcome(&recording, -ENOBUFS);
  record_answer(&recording, &https, NULL);

  struct lb_replay *replay = finish(&recording);
  struct lb_source *source = lb_replay_source(replay);
  struct lb_listen_socks rows = {0};
  struct text got = {.len = 0};
  say_look(&got, replay);
  *lb_listen_socks_add(&rows) = http;
  assert_int_equal(source->listeners(source, &rows), 0);
  assert_int_equal(source->listeners(source, &rows), 0);
  say_rows(&got, &rows);
  lb_listen_socks_free(&rows);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n" HTTP HTTPS HTTPS);
}

static void connections_are_appended_likewise(void **state) {
  (void)state;
  struct recording recording = start();
  struct datagram conn = {.len = 0};
  put_conn(&conn, 1);
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_datagram(&recording, LB_CHANNEL_WAITING, &conn);
  record_dump(&recording, LB_CHANNEL_WAITING, -ENOBUFS);
  record_waiting(&recording, 2, 30);

  struct lb_replay *replay = finish(&recording);
  struct lb_source *source = lb_replay_source(replay);
  struct lb_conns conns = {0};
  struct text got = {.len = 0};
  uint64_t cost_ns = 7;
  say_look(&got, replay);
  *lb_conns_add(&conns) = (struct lb_conn){.wait_ms = 3};
  for (int i = 0; i < 2; i++)
    assert_int_equal(source->waiting(source, &query, &conns, &cost_ns), 0);
  for (size_t i = 0; i < conns.len; i++)
    say(&got, "%u ms\n", conns.v[i].wait_ms);
  lb_conns_free(&conns);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1\n3 ms\n2 ms\n2 ms\n");
  assert_int_equal(cost_ns, 67);
}

static void a_file_that_could_not_be_read_cannot_be_again(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  recording.witness->text(recording.witness->data, LB_TEXT_NETSTAT, NULL,
                          -EACCES);
  record_text(&recording, LB_TEXT_SOMAXCONN, "");

  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0}, want = {.len = 0};
  say_look(&got, replay);
  say_text(&got, replay, LB_TEXT_NETSTAT);
  say_text(&got, replay, LB_TEXT_SOMAXCONN);
  lb_replay_free(replay);
  say(&want, "look 1\ntext 0: %d\ntext 1: 0 \"\"\n", -EACCES);
  assert_string_equal(got.at, want.at);
}

static void a_text_needs_room_for_itself_and_a_nul(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  record_text(&recording, LB_TEXT_SOMAXCONN, "4096\n");
  struct lb_replay *replay = finish(&recording);
  struct lb_source *source = lb_replay_source(replay);
  uint64_t now_ms;
  bool ends;
  char buf[6] = "";
  assert_int_equal(lb_replay_next(replay, &now_ms, &ends), 1);
  for (size_t size = 0; size <= 5; size++)
    assert_int_equal(source->text(source, LB_TEXT_SOMAXCONN, buf, size),
                     -EFBIG);
  assert_int_equal(source->text(source, LB_TEXT_SOMAXCONN, buf, 6), 5);
  assert_string_equal(buf, "4096\n");
  lb_replay_free(replay);
}

static void the_last_look_within_an_interval_is_known(void **state) {
  (void)state;
  static const bool marks[] = {false, false, true, true, false};
  static const bool want[] = {false, true, true, false, false};
  struct recording recording = start();
  for (size_t i = 0; i < LEN(marks); i++) {
    lb_recorder_begin_sample(recording.recorder, i, marks[i]);
    record_text(&recording, LB_TEXT_SOMAXCONN, "4096\n");
  }
  struct lb_replay *replay = finish(&recording);
  uint64_t now_ms;
  bool ends;
  for (size_t i = 0; i < LEN(marks); i++) {
    assert_int_equal(lb_replay_next(replay, &now_ms, &ends), 1);
    assert_int_equal(lb_replay_ends_next(replay), want[i]);
  }
  lb_replay_free(replay);
}

/* --- files --------------------------------------------------------------- */

static void a_recording_of_any_size_is_read_whole(void **state) {
  (void)state;
  /* 64 KiB in all, one word less, one more, and three times that */
  static const size_t sizes[] = {65472, 65464, 65480, 196544, 200000};
  for (size_t i = 0; i < LEN(sizes); i++) {
    char *text = malloc(sizes[i] + 1), *got = malloc(sizes[i] + 1);
    assert_non_null(text);
    assert_non_null(got);
    memset(text, 'x', sizes[i]);
    text[sizes[i] - 1] = 'y';
    text[sizes[i]] = '\0';
    struct recording recording = start();
    lb_recorder_begin_sample(recording.recorder, 1, true);
    record_text(&recording, LB_TEXT_NETSTAT, text);
    struct lb_replay *replay = finish(&recording);
    struct lb_source *source = lb_replay_source(replay);
    uint64_t now_ms;
    bool ends;
    assert_int_equal(lb_replay_next(replay, &now_ms, &ends), 1);
    assert_int_equal(source->text(source, LB_TEXT_NETSTAT, got, sizes[i] + 1),
                     sizes[i]);
    assert_string_equal(got, text);
    lb_replay_free(replay);
    free(text);
    free(got);
  }
}

static void an_empty_recording_has_no_looks(void **state) {
  (void)state;
  struct recording recording = start();
  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "end\n");
}

static void a_recorder_overwrites_what_was_there(void **state) {
  (void)state;
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1, true);
  lb_recorder_begin_sample(recording.recorder, 2, true);
  close_recorder(&recording);
  assert_int_equal(lb_recorder_open(recording.path, &recording.recorder), 0);
  lb_recorder_begin_sample(recording.recorder, 3, true);
  struct lb_replay *replay = finish(&recording);
  struct text got = {.len = 0};
  say_look(&got, replay);
  say_look(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 3\nend\n");
}

static void a_path_that_cannot_be_opened_is_an_error(void **state) {
  (void)state;
  struct lb_recorder *recorder;
  struct lb_replay *replay;
  assert_int_equal(lb_recorder_open("/dev/null/x", &recorder), -ENOTDIR);
  assert_int_equal(lb_recorder_open("/", &recorder), -EISDIR);
  assert_int_equal(lb_recorder_open("", &recorder), -ENOENT);
  assert_int_equal(lb_replay_open("/dev/null/x", &replay), -ENOTDIR);
  assert_int_equal(lb_replay_open("", &replay), -ENOENT);
  assert_int_equal(lb_replay_open("/dev/null", &replay), -EBADMSG);
  assert_int_equal(lb_replay_open("/", &replay), -EIO); /* it cannot be read */
}

static void without_memory_there_is_no_recorder_and_no_replay(void **state) {
  (void)state;
  struct recording recording = start();
  struct lb_recorder *recorder;
  struct lb_replay *replay = NULL;
  close_recorder(&recording);
  memory.fails = 1;
  assert_int_equal(lb_recorder_open("/dev/null", &recorder), -ENOMEM);
  size_t opens = 0;
  for (int err = -ENOMEM; err; opens++) {
    memory.fails = opens + 1;
    err = lb_replay_open(recording.path, &replay);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  lb_replay_free(replay);
  close(recording.fd);
  assert_int_equal(opens, 4); /* three allocations */
}

static void a_full_disk_is_an_error_at_the_end(void **state) {
  (void)state;
  struct lb_recorder *recorder;
  assert_int_equal(lb_recorder_open("/dev/full", &recorder), 0);
  lb_recorder_begin_sample(recorder, 1, true); /* the buffer takes it */
  assert_int_equal(lb_recorder_close(recorder), -ENOSPC);

  assert_int_equal(lb_recorder_open("/dev/full", &recorder), 0);
  for (int i = 0; i < 10000; i++)
    lb_recorder_begin_sample(recorder, 1, true);
  assert_int_equal(lb_recorder_close(recorder), -ENOSPC);
}

/* --- damage -------------------------------------------------------------- */

/* With every kind of record. */
static struct bytes small_recording(void) {
  struct recording recording = start();
  lb_recorder_begin_sample(recording.recorder, 1000, true);
  record_rows(&recording, &http, NULL);
  record_outcome(&recording, -ENOBUFS);
  record_answer(&recording, &https, NULL);
  record_text(&recording, LB_TEXT_NETSTAT, "TcpExt: A\nTcpExt: 1\n");
  record_text(&recording, LB_TEXT_SOMAXCONN, "4096\n");
  record_paths(&recording, &api, "/run/api");
  record_waiting(&recording, 250, 41000);
  record_pending(&recording, 3, 5000);
  lb_recorder_begin_sample(recording.recorder, 2000, false);
  record_done(&recording, -ENOENT);
  record_outcome(&recording, -ENOENT);
  record_listeners(&recording, -ENOENT);
  return finish_as_bytes(&recording);
}

enum { SMALL_RECORDS = 22 };

static int open_bytes(const char *at, size_t len, struct lb_replay **replay) {
  char *exact = malloc(len);
  assert_non_null(exact);
  if (len)
    memcpy(exact, at, len);
  int err = lb_replay_new(exact, len, replay);
  free(exact);
  return err;
}

static bool is_errno(ssize_t err) { return err >= -4095 && err < 0; }

static void check_status(const char *what, ssize_t status) {
  if (status && !is_errno(status))
    fail_msg("%s() gives %zd", what, status);
}

static void play_rows(struct lb_source *source) {
  struct lb_listen_socks rows = {0};
  assert_int_equal(lb_unix_names_new(&rows.paths), 0);
  check_status("listeners", source->listeners(source, &rows));
  assert_in_range(rows.len, 0, 2);
  rows.len = 0;
  check_status("paths", source->paths(source, &rows));
  assert_in_range(rows.len, 0, 2);
  lb_unix_names_free(rows.paths);
  lb_listen_socks_free(&rows);
}

static void play_walks(struct lb_source *source) {
  struct lb_conns conns = {0};
  struct lb_pending pending = {0, 0};
  uint64_t cost_ns = 0;
  check_status("waiting", source->waiting(source, &query, &conns, &cost_ns));
  assert_in_range(conns.len, 0, 2);
  lb_conns_free(&conns);
  check_status("pending", source->pending(source, &api, &pending, &cost_ns));
  assert_in_range(pending.closed, 0, pending.waiting);
}

static void play_texts(struct lb_source *source) {
  for (int which = 0; which < LB_TEXTS; which++) {
    char buf[64];
    ssize_t n = source->text(source, (enum lb_text)which, buf, sizeof(buf));
    if (!is_errno(n) && (n < 0 || n >= (ssize_t)sizeof(buf) || buf[n]))
      fail_msg("text() gives %zd", n);
  }
}

/* Whatever it says, it is an answer or an error, and comes to an end. */
static void play_all(struct lb_replay *replay) {
  struct lb_source *source = lb_replay_source(replay);
  uint64_t now_ms;
  bool ends;
  unsigned looks = 0, intervals = 0;
  while (lb_replay_next(replay, &now_ms, &ends)) {
    assert_in_range(++looks, 1, SMALL_RECORDS);
    intervals += ends;
    for (int i = 0; i < 4; i++) {
      play_rows(source);
      play_walks(source);
      play_texts(source);
    }
  }
  assert_int_equal(lb_replay_intervals(replay), intervals);
}

/* A damaged one: the monitor adds these numbers up. */
static void
a_clock_that_goes_back_and_numbers_beyond_any_are_refused(void **state) {
  (void)state;
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
    struct lb_replay *replay = NULL;
    lb_recorder_begin_sample(recording.recorder, cases[i].first_ms, false);
    record_end(&recording, LB_CHANNEL_WAITING, 0, cases[i].cost_ns);
    lb_recorder_begin_sample(recording.recorder, cases[i].second_ms, true);
    close_recorder(&recording);
    assert_int_equal(lb_replay_open(recording.path, &replay), cases[i].want);
    close(recording.fd);
    lb_replay_free(replay);
  }
}

static void a_file_of_another_kind_is_refused(void **state) {
  (void)state;
  struct bytes bytes = small_recording();
  static const struct {
    size_t at; /* in the header: magic, version, byte order */
    int want;
  } cases[] = {{0, -EBADMSG},     {7, -EBADMSG},     {8, -EOPNOTSUPP},
               {11, -EOPNOTSUPP}, {12, -EOPNOTSUPP}, {15, -EOPNOTSUPP}};
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_replay *replay = NULL;
    bytes.at[cases[i].at] ^= 3;
    assert_int_equal(open_bytes(bytes.at, bytes.len, &replay), cases[i].want);
    assert_null(replay);
    bytes.at[cases[i].at] ^= 3;
  }
  free(bytes.at);
}

static void the_header_is_of_version_1(void **state) {
  (void)state;
  struct bytes bytes = small_recording();
  uint32_t version, byte_order;
  memcpy(&version, bytes.at + 8, sizeof(version));
  memcpy(&byte_order, bytes.at + 12, sizeof(byte_order));
  assert_memory_equal(bytes.at, "lbacklog", 8);
  assert_int_equal(version, 1);
  assert_int_equal(byte_order, 0x01020304);
  free(bytes.at);
}

static void put_old(struct bytes *bytes, uint32_t kind, int32_t status,
                    uint64_t now_ms, const void *data, size_t len) {
  const struct {
    uint32_t kind;
    int32_t status;
    uint64_t now_ms, len;
  } record = {kind, status, now_ms, len};
  memcpy(bytes->at + bytes->len, &record, sizeof(record));
  bytes->len += sizeof(record);
  if (len)
    memcpy(bytes->at + bytes->len, data, len);
  bytes->len += (len + 7) & ~(size_t)7;
}

/* Such as tests/data holds: kinds 1 to 6 alone, without a channel. */
static void a_recording_older_than_the_channels_is_replayed(void **state) {
  (void)state;
  const uint32_t version_and_order[] = {1, 0x01020304};
  struct datagram answer = {.len = 0};
  struct text got = {.len = 0};
  struct bytes bytes = {calloc(1, 4096), 16};
  struct lb_replay *replay;
  put_row(&answer, &http);
  put_done(&answer, 0);
  memcpy(bytes.at, "lbacklog", 8);
  memcpy(bytes.at + 8, version_and_order, 8);
  put_old(&bytes, 1, 0, 1000, NULL, 0);
  put_old(&bytes, 3, -ENOBUFS, 0, NULL, 0);
  put_old(&bytes, 2, 0, 0, answer.at, answer.len);
  put_old(&bytes, 3, 0, 0, NULL, 0);
  put_old(&bytes, 4, 0, 0, NULL, 0);
  put_old(&bytes, 5, 0, 0, "a", 1);
  put_old(&bytes, 6, 0, 0, "4096\n", 5);
  put_old(&bytes, 1, 0, 2000, NULL, 0);
  assert_int_equal(open_bytes(bytes.at, bytes.len, &replay), 0);
  free(bytes.at);
  assert_int_equal(lb_replay_intervals(replay), 2);
  say_look(&got, replay);
  say_listeners(&got, replay);
  say_text(&got, replay, LB_TEXT_NETSTAT);
  say_text(&got, replay, LB_TEXT_SOMAXCONN);
  say_look(&got, replay);
  say_look(&got, replay);
  lb_replay_free(replay);
  assert_string_equal(got.at, "look 1000\n"
                              "listeners 0\n" HTTP "text 0: 1 \"a\"\n"
                              "text 1: 5 \"4096\n\"\n"
                              "look 2000\nend\n");
}

static void a_file_cut_off_is_refused_save_between_records(void **state) {
  (void)state;
  struct bytes bytes = small_recording();
  unsigned accepted = 0;
  for (size_t len = 0; len <= bytes.len; len++) {
    struct lb_replay *replay;
    int err = open_bytes(bytes.at, len, &replay);
    if (err) {
      assert_int_equal(err, -EBADMSG);
      continue;
    }
    accepted++;
    play_all(replay);
    lb_replay_free(replay);
  }
  free(bytes.at);
  assert_int_equal(accepted, SMALL_RECORDS + 1);
}

/* A recording says that the dump was good, but its bytes are none: that is not
 * "nobody listens". */
static void damaged_bytes_of_a_good_dump_are_an_error(void **state) {
  (void)state;
  for (int damage = 0; damage < 3; damage++) {
    struct recording recording = start();
    struct datagram datagram = {.len = 0};
    struct inet_diag_msg *diag =
        mnl_nlmsg_get_payload(put_row(&datagram, &http));
    if (damage == 0)
      diag->idiag_state = TCP_ESTABLISHED;
    lb_recorder_begin_sample(recording.recorder, 1, true);
    record_datagram(&recording, LB_CHANNEL_LISTENERS, &datagram);
    if (damage != 1) /* the end is missing */
      record_done(&recording, damage == 2 ? -ENOENT : 0);
    record_outcome(&recording, 0);
    record_listeners(&recording, 0);

    struct lb_replay *replay = finish(&recording);
    struct lb_source *source = lb_replay_source(replay);
    struct lb_listen_socks rows = {0};
    uint64_t now_ms;
    bool ends;
    lb_replay_next(replay, &now_ms, &ends);
    int err = source->listeners(source, &rows);
    lb_listen_socks_free(&rows);
    lb_replay_free(replay);
    if (!is_errno(err))
      fail_msg("damage %d gives %d", damage, err);
  }
}

static void no_damage_of_one_bit_does_harm(void **state) {
  (void)state;
  struct bytes bytes = small_recording();
  for (size_t bit = 0; bit < bytes.len * 8; bit++) {
    struct lb_replay *replay;
    char *damaged = &bytes.at[bit / 8], whole = *damaged;
    *damaged = (char)(whole ^ 1 << bit % 8);
    int err = open_bytes(bytes.at, bytes.len, &replay);
    *damaged = whole;
    if (err) {
      assert_true(err == -EBADMSG || err == -EOPNOTSUPP);
      continue;
    }
    play_all(replay);
    lb_replay_free(replay);
  }
  free(bytes.at);
}

static void no_damage_of_one_byte_does_harm(void **state) {
  (void)state;
  struct bytes bytes = small_recording();
  for (size_t i = 0; i < bytes.len; i++) {
    struct lb_replay *replay;
    bytes.at[i] = (char)~bytes.at[i];
    int err = open_bytes(bytes.at, bytes.len, &replay);
    bytes.at[i] = (char)~bytes.at[i];
    if (err) {
      assert_true(err == -EBADMSG || err == -EOPNOTSUPP);
      continue;
    }
    play_all(replay);
    lb_replay_free(replay);
  }
  free(bytes.at);
}

static void a_replay_that_is_not_there_can_be_freed(void **state) {
  (void)state;
  lb_replay_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_comes_back_as_it_was),
      cmocka_unit_test(each_kind_is_answered_in_its_own_order),
      cmocka_unit_test(answers_that_overlap_are_told_apart),
      cmocka_unit_test(pending_is_answered_in_the_order_recorded),
      cmocka_unit_test(looks_within_an_interval_are_told_from_those_at_its_end),
      cmocka_unit_test(asked_once_more_the_last_answer_is_repeated),
      cmocka_unit_test(what_was_not_asked_in_a_look_is_no_data),
      cmocka_unit_test(what_is_left_of_a_look_is_passed_over),
      cmocka_unit_test(an_answer_of_several_datagrams_is_one),
      cmocka_unit_test(of_a_failed_dump_and_a_good_one_the_good_one_counts),
      cmocka_unit_test(a_dump_cut_off_and_a_good_one_likewise),
      cmocka_unit_test(refused_for_both_families_it_is_one_after_the_other),
      cmocka_unit_test(a_walk_that_was_made_again_is_one),
      cmocka_unit_test(a_walk_that_failed_had_a_cost_too),
      cmocka_unit_test(a_look_that_failed_fails_again),
      cmocka_unit_test(a_recorder_that_was_stopped_in_an_answer_gives_none),
      cmocka_unit_test(rows_are_appended_to_those_that_are_there),
      cmocka_unit_test(connections_are_appended_likewise),
      cmocka_unit_test(a_file_that_could_not_be_read_cannot_be_again),
      cmocka_unit_test(a_text_needs_room_for_itself_and_a_nul),
      cmocka_unit_test(the_last_look_within_an_interval_is_known),
      cmocka_unit_test(a_recording_of_any_size_is_read_whole),
      cmocka_unit_test(an_empty_recording_has_no_looks),
      cmocka_unit_test(a_recorder_overwrites_what_was_there),
      cmocka_unit_test(a_path_that_cannot_be_opened_is_an_error),
      cmocka_unit_test(without_memory_there_is_no_recorder_and_no_replay),
      cmocka_unit_test(a_full_disk_is_an_error_at_the_end),
      cmocka_unit_test(
          a_clock_that_goes_back_and_numbers_beyond_any_are_refused),
      cmocka_unit_test(a_file_of_another_kind_is_refused),
      cmocka_unit_test(the_header_is_of_version_1),
      cmocka_unit_test(a_recording_older_than_the_channels_is_replayed),
      cmocka_unit_test(a_file_cut_off_is_refused_save_between_records),
      cmocka_unit_test(damaged_bytes_of_a_good_dump_are_an_error),
      cmocka_unit_test(no_damage_of_one_bit_does_harm),
      cmocka_unit_test(no_damage_of_one_byte_does_harm),
      cmocka_unit_test(a_replay_that_is_not_there_can_be_freed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
