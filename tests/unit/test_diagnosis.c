/* SPDX-License-Identifier: MIT */
/* Each cause, and what only looks like it. */
#include "core/diagnosis.h"
#include "probe/explanation.h"
#include "probe/json.h"

#include "unit.h"

#include <math.h>

/* What 5 seconds of a healthy web server show: the cases change some of it. */
static const struct lb_observation usual = {.seconds = 5,
                                            .sockets = 1,
                                            .limit = 128,
                                            .somaxconn = 4096,
                                            .peak = 1,
                                            .busy = 1,
                                            .fill = 0.8,
                                            .active = (double)NAN,
                                            .roomy = 1};

#define STANDING "busy 100 lowest 20 roomy 0 "
#define NO_WAIT "wait_before - wait - "
#define UNIX_SOCKET NO_WAIT "drops - overflows - syn - sk_drops - "

struct example {
  const char *title;
  enum lb_finding cause;
  enum lb_severity severity;
  bool is_guess;
  const char *change; /* "NAME VALUE ...", "-": unknown */
};

#define FIELD(name)                                                            \
  { #name, offsetof(struct lb_observation, name) }
static const struct {
  const char *name;
  size_t offset;
} fields[] = {
    FIELD(seconds),      FIELD(sockets), FIELD(limit),
    FIELD(queue_before), FIELD(queue),   FIELD(peak),
    FIELD(busy),         FIELD(fill),    FIELD(full),
    FIELD(wait_before),  FIELD(wait),    FIELD(abandoned),
    FIELD(syn),          FIELD(drops),   FIELD(overflows),
    FIELD(sk_drops),     FIELD(lowest),  FIELD(held),
    FIELD(always_full),  FIELD(roomy),   FIELD(at_somaxconn),
    FIELD(somaxconn),    FIELD(active),  FIELD(syn_drops),
    FIELD(syncookies),
};

static struct lb_observation changed(const char *change) {
  struct lb_observation seen = usual;
  char name[32], value[32];
  int used = 0;
  for (; sscanf(change, "%31s %31s%n", name, value, &used) == 2;
       change += used) {
    size_t i = 0;
    while (strcmp(fields[i].name, name) != 0)
      assert_true(++i < LEN(fields));
    *(double *)(void *)((char *)&seen + fields[i].offset) =
        value[0] == '-' ? (double)NAN : strtod(value, NULL);
  }
  seen.is_unix = strncmp(change, UNIX_SOCKET, sizeof(UNIX_SOCKET) - 1) == 0;
  return seen;
}

static void assert_found(const struct example *want) {
  struct lb_observation seen = changed(want->change);
  struct lb_diagnosis found = lb_diagnose(&seen);
  if (found.cause != want->cause || found.severity != want->severity ||
      found.is_guess != want->is_guess)
    fail_msg("%s: cause %d, severity %d, guess %d", want->title,
             (int)found.cause, (int)found.severity, found.is_guess);
}

static const struct example healthy[] = {
    {"an idle server", LB_FOUND_HEALTHY, LB_OK, false, ""},
    {"deferred accepts: dropped segments, half-open connections",
     LB_FOUND_HEALTHY, LB_OK, false, "sk_drops 20000 syn 300"},
    {"a scan beside another listener's full SYN queue", LB_FOUND_HEALTHY, LB_OK,
     false, "sk_drops 900 syn_drops 5000"},
    {"a SYN flood with cookies that all went to another listener",
     LB_FOUND_HEALTHY, LB_OK, false, "syncookies 5000 syn 3"},
    {"a SYN flood with cookies: all are served", LB_FOUND_SYN_COOKIES, LB_OK,
     false, "syncookies 5000 syn 128"},
    {"a rolling restart: the sockets of this moment are new", LB_FOUND_HEALTHY,
     LB_OK, false, "sockets 4 roomy 4"},
    {"a short queue of a single worker", LB_FOUND_HEALTHY, LB_OK, false,
     "limit 4 queue 2 peak 3 fill 60 busy 100 wait 0.2"},
    {"bursts that fit", LB_FOUND_HEALTHY, LB_OK, false,
     "peak 70 busy 41 fill 54"},
    {"one client that has waited less than it takes to be stuck", LB_FOUND_SLOW,
     LB_WARNING, false,
     STANDING "queue_before 1 queue 1 lowest 1 held 1 "
              "seconds 1 wait_before 0.6 wait 1.6"},
};

static const struct example troubled[] = {
    {"the socket has gone", LB_FOUND_GONE, LB_TROUBLE, false, "sockets 0"},
    {"the first client is the same after 5 seconds", LB_FOUND_STUCK, LB_TROUBLE,
     false,
     STANDING "queue_before 20 queue 40 held 1 wait_before 2 "
              "wait 7"},
    {"15 times too slow: the first client changes", LB_FOUND_SLOW, LB_TROUBLE,
     false,
     STANDING "queue_before 300 queue 580 held 1 limit 2048 "
              "wait_before 5 wait 9.67"},
    {"a full queue in which no accept is seen, but the first client changes",
     LB_FOUND_SLOW, LB_TROUBLE, false,
     STANDING "queue_before 129 queue 129 held 1 always_full "
              "1 full 1 fill 100 wait_before 3 wait 3"},
    {"the clients have reset their connections: the age of the first is "
     "unknown",
     LB_FOUND_STUCK, LB_TROUBLE, true,
     STANDING NO_WAIT "queue_before 129 queue "
                      "129 held 1 always_full 1 full 1 fill 100"},
    {"a UNIX socket with the same queue for 5 seconds", LB_FOUND_STUCK,
     LB_TROUBLE, false, UNIX_SOCKET STANDING "queue_before 3 queue 3 held 1"},
    {"a full UNIX socket may be filled again at once", LB_FOUND_STUCK,
     LB_TROUBLE, true,
     UNIX_SOCKET STANDING "queue_before 129 queue 129 held 1 "
                          "always_full 1 full 1 fill 100"},
    {"a UNIX socket with a queue that was seen to fall", LB_FOUND_SLOW,
     LB_TROUBLE, false,
     UNIX_SOCKET STANDING "queue_before 129 queue 129 full 1 fill 100"},
    {"a long queue of a UNIX socket that was never full", LB_FOUND_SLOW,
     LB_WARNING, false,
     UNIX_SOCKET STANDING "queue_before 30 queue 30 peak 40 fill 30"},
    {"one of four members is full, and its first client the same",
     LB_FOUND_MEMBER, LB_TROUBLE, false,
     "sockets 4 queue_before 17 queue 17 held 1 always_full 1 full 1 fill 100 "
     "busy 100 roomy 3 wait_before 9 wait 14"},
    {"one of four members is not full yet", LB_FOUND_MEMBER, LB_TROUBLE, false,
     "sockets 4 queue_before 6 queue 9 held 1 busy 100 roomy 4 wait_before 2 "
     "wait 7"},
    {"one of four members is full, and others are older", LB_FOUND_MEMBER,
     LB_TROUBLE, true,
     "sockets 4 queue_before 20 queue 20 held 1 always_full 1 full 1 fill 100 "
     "busy 100 roomy 3 wait_before 9 wait 9"},
    {"all members are full most of the time", LB_FOUND_SLOW, LB_TROUBLE, false,
     STANDING
     "sockets 4 queue_before 66 queue 66 "
     "always_full 2 full 4 fill 100 wait_before 3 wait 3 overflows 50 drops "
     "50"},
    {"two slow workers, a short backlog", LB_FOUND_SLOW, LB_TROUBLE, false,
     STANDING
     "limit 64 queue_before 65 queue 65 peak 65 "
     "fill 100 full 1 wait_before 2.6 wait 2.6 overflows 1000 drops 1000 "
     "abandoned 10"},
    {"two slow workers, a long backlog: no overflow", LB_FOUND_SLOW, LB_WARNING,
     false,
     STANDING "limit 2048 queue_before 20 queue 395 peak 395 "
              "fill 19 wait_before 0.2 wait 3.9"},
    {"clients leave because workers are too few", LB_FOUND_SLOW, LB_TROUBLE,
     false,
     STANDING "limit 2048 queue_before 700 queue 1064 peak "
              "1064 fill 52 wait_before 7 wait 11 abandoned 558"},
    {"a client waits longer than a second now and then", LB_FOUND_SLOW,
     LB_WARNING, false, "queue 1 busy 60 wait 1.2"},
    {"bursts over the backlog", LB_FOUND_BURSTS, LB_TROUBLE, false,
     "peak 129 busy 13 fill 100 full 1 overflows 80 drops 80"},
    {"an overload that has just begun", LB_FOUND_SLOW, LB_TROUBLE, false,
     "queue 129 peak 129 busy 17 fill 100 full 1 overflows 40 drops 40 wait "
     "0.7"},
    {"a burst that takes long, or an overload that is over", LB_FOUND_BURSTS,
     LB_TROUBLE, true,
     "peak 129 busy 71 fill 100 full 1 overflows 80 drops 80"},
    {"a queue that stays half full", LB_FOUND_SLOW, LB_WARNING, false,
     STANDING "queue_before 70 queue 70 peak 75 fill 58 wait_before 0.8 wait "
              "0.8"},
    {"bursts that nearly fill the backlog", LB_FOUND_BURSTS, LB_TROUBLE, false,
     "peak 119 busy 13 fill 92"},
    {"bursts at a limit of somaxconn", LB_FOUND_CLAMPED, LB_TROUBLE, true,
     "somaxconn 128 at_somaxconn 1 peak 129 busy 30 fill 100 full 1 overflows "
     "80 drops 80"},
    {"bursts at one of two limits", LB_FOUND_BURSTS, LB_TROUBLE, false,
     "sockets 2 somaxconn 128 at_somaxconn 1 roomy 2 peak 129 busy 30 fill 100 "
     "full 1"},
    {"a full SYN queue without cookies", LB_FOUND_SYN_QUEUE, LB_TROUBLE, true,
     "drops 29147 syn_drops 29147 syn 129"},
    {"an overflow while the SYN queue of another listener is full",
     LB_FOUND_BURSTS, LB_TROUBLE, false,
     "peak 129 busy 13 fill 100 full 1 drops 90 overflows 80 syn_drops 1000"},
    {"drops that are no overflows, for another reason than the SYN queue",
     LB_FOUND_HEALTHY, LB_OK, false, "drops 100"},
    {"the queue holds only the dead", LB_FOUND_ABANDONED, LB_TROUBLE, false,
     STANDING "queue_before 120 queue 100 peak 120 fill 93 "
              "wait_before 21 wait 22 abandoned 98"},
    {"the backend that hung has just come back", LB_FOUND_ABANDONED, LB_TROUBLE,
     false,
     STANDING "limit 2048 queue_before 340 queue 382 peak 399 fill 19 "
              "wait_before 17 wait 19 abandoned 281"},
    {"half of the queue has left", LB_FOUND_SLOW, LB_TROUBLE, false,
     STANDING "queue_before 100 queue 100 peak 100 fill 78 "
              "wait_before 7 wait 7 abandoned 50"},
};

TEST_CASE(what_is_healthy_is_called_healthy) {
  for (size_t i = 0; i < LEN(healthy); i++)
    assert_found(&healthy[i]);
}

TEST_CASE(each_cause_is_told_from_what_looks_like_it) {
  for (size_t i = 0; i < LEN(troubled); i++)
    assert_found(&troubled[i]);
}

static void assert_near(double got, double want, const char *title) {
  if (isnan(want) ? !isnan(got) : !(got > want * 0.99 && got < want * 1.01))
    fail_msg("%s: got %g, want %g", title, got, want);
}

TEST_CASE(rates_follow_from_queue_wait_growth_and_refused_syns) {
  static const struct {
    const char *title, *change;
    double arriving, served, times, full_in, empty_in;
  } cases[] = {
      {"a steady queue", "queue_before 50 queue 50 peak 50 wait 2", 25, 25, 1,
       (double)NAN, (double)NAN},
      {"a queue that grows", "queue_before 0 queue 50 peak 50 wait 2", 25, 15,
       1.667, 7.9, (double)NAN},
      {"a queue that falls", "queue_before 100 queue 50 peak 100 wait 2", 25,
       35, 0.714, (double)NAN, 5},
      {"a queue that has grown and falls",
       "queue_before 40 queue 50 peak 60 wait 2", 25, 23, 1.087, (double)NAN,
       (double)NAN},
      {"of 100 overflows, 50 are SYNs, so of 10 clients",
       "queue_before 50 queue 50 peak 50 wait 2 overflows 100 sk_drops 150", 27,
       25, 1.08, (double)NAN, (double)NAN},
      {"noise moves sk_drops, too: all overflows may be ACKs",
       "queue_before 50 queue 50 peak 50 wait 2 overflows 100 sk_drops 999", 25,
       25, 1, (double)NAN, (double)NAN},
      {"a UNIX socket", UNIX_SOCKET "queue_before 0 queue 50 peak 50",
       (double)NAN, (double)NAN, (double)NAN, 7.9, (double)NAN},
      {"nobody waits", "wait 0", (double)NAN, (double)NAN, (double)NAN,
       (double)NAN, (double)NAN},
      {"all came at once: nothing was served",
       "queue_before 0 queue 50 peak 50 wait 5", 10, (double)NAN, (double)NAN,
       7.9, (double)NAN},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_observation seen = changed(cases[i].change);
    struct lb_diagnosis found = lb_diagnose(&seen);
    assert_near(found.arriving, cases[i].arriving, cases[i].title);
    assert_near(found.served, cases[i].served, cases[i].title);
    assert_near(found.times, cases[i].times, cases[i].title);
    assert_near(found.full_in, cases[i].full_in, cases[i].title);
    assert_near(found.empty_in, cases[i].empty_in, cases[i].title);
  }
}

/* --- in words ------------------------------------------------------------ */

static const struct lb_holders one = {1, 4711, 0, "nginx"},
                               wild = {1, 7, 0, "\x1b[31m x\xff"},
                               some = {1, 4711, 3, "nginx"};

/* Between these two calls, what is printed to stdout goes to a file. */
static int begin_capture(FILE **file) {
  int before = dup(STDOUT_FILENO);
  *file = tmpfile();
  fflush(stdout);
  assert_true(before >= 0 && *file &&
              dup2(fileno(*file), STDOUT_FILENO) == STDOUT_FILENO);
  return before;
}

/* Returns the text; the caller frees it. */
static char *end_capture(int before, FILE *file) {
  fflush(stdout);
  long len = (long)lseek(fileno(file), 0, SEEK_END);
  char *text = calloc(1, (size_t)len + 1);
  assert_int_equal(pread(fileno(file), text, (size_t)len, 0), len);
  dup2(before, STDOUT_FILENO);
  close(before);
  fclose(file);
  return text;
}

static void assert_explained(const char *change,
                             struct lb_explanation explanation,
                             void (*explain)(const struct lb_explanation *),
                             const char *want) {
  struct lb_observation seen = changed(change);
  struct lb_diagnosis found = lb_diagnose(&seen);
  FILE *file;
  explanation.label = "80";
  explanation.seen = &seen;
  explanation.found = &found;
  int before = begin_capture(&file);
  explain(&explanation);
  char *got = end_capture(before, file);
  assert_string_equal(got, want);
  free(got);
}

TEST_CASE(each_explanation_has_the_words_that_its_numbers_ask_for) {
  static const struct {
    const char *change;
    struct lb_explanation explanation;
    const char *want;
  } cases[] = {
      {"",
       {.was_denied = true},
       "OK 80: healthy\n"
       "  Seen: queue 0, limit 128, at most 1, not empty 1 % of the time.\n"
       "  Who:  its process may not be seen, root may.\n"
       "  Sure: measured for 5.0 s.\n"},
      {"",
       {.holders = &wild, .unit = "a\x1b[2J b.service"},
       "OK 80: healthy\n"
       "  Seen: queue 0, limit 128, at most 1, not empty 1 % of the time.\n"
       "  Who:  _[31m_x_ (pid 7), unit a_[2J_b.service.\n"
       "  Sure: measured for 5.0 s.\n"},
      {"syncookies 5000 syn 128",
       {.unit = "web.service", .was_denied = true},
       "OK 80: the SYN queue is full, and SYN cookies serve all\n"
       "  Seen: queue 0, limit 128, at most 1, not empty 1 % of the time; 128 "
       "half-open; 5000 SYN cookies sent.\n"
       "  Do:   nothing, clients are served. If it lasts it is a SYN flood, or "
       "a return path that loses packets.\n"
       "  Who:  unit web.service; its process may not be seen, root may.\n"
       "  Sure: measured for 5.0 s.\n"},
      {STANDING "limit 64 queue_before 65 queue 65 peak 66 fill 100 full 1 "
                "wait_before 2.6 wait 2.6 overflows 2529 drops 2529 sk_drops "
                "2800 abandoned 15 active 2",
       {.holders = &some, .unit = "web.service"},
       "TROUBLE 80: too few or too slow workers\n"
       "  Seen: queue 65, limit 64, full, at most 66, never empty; the first "
       "client has waited 2.6 s; 15 of 65 waiting clients have left; 2529 "
       "attempts dropped; 2 being served.\n"
       "  Rate: arriving about 115/s, served 25/s: about 4.6 times the "
       "workers.\n"
       "  Do:   more workers, or faster ones. A longer backlog only lets "
       "clients wait longer.\n"
       "  Who:  nginx (pid 4711 and 3 more), unit web.service.\n"
       "  Sure: measured for 5.0 s; what arrives is a guess: each dropped "
       "client tries about 5 times.\n"},
      {STANDING "queue_before 100 queue 50 peak 100 fill 78 wait 2",
       {.holders = &one},
       "WARNING 80: too few or too slow workers\n"
       "  Seen: queue 50, limit 128, at most 100, never empty; the first "
       "client has waited 2.0 s.\n"
       "  Rate: arriving 25/s, served 35/s.\n"
       "  Do:   wait: the queue is falling, and empty in about 5 s. If it "
       "comes back, more workers.\n"
       "  Who:  nginx (pid 4711).\n"
       "  Sure: measured for 5.0 s.\n"},
      {NO_WAIT "somaxconn - overflows - drops - peak 129 busy 71 fill 100 full "
               "1",
       {.label = ""},
       "TROUBLE 80: bursts over the backlog\n"
       "  Seen: queue 0, limit 128, was full, at most 129, not empty 71 % of "
       "the time.\n"
       "  Do:   raise the backlog of the server (128), and restart it.\n"
       "  Sure: likely, from 5.0 s; or the server was too slow for a moment, "
       "so look again; drops are not known.\n"},
      {"sockets 2 limit 192 somaxconn 64 peak 140 fill 100 busy 9 full 1",
       {.label = ""},
       "TROUBLE 80: bursts over the backlog\n"
       "  Seen: queue 0, limit 192, at most 140, not empty 9 % of the time; 1 "
       "of 2 sockets full.\n"
       "  Do:   raise net.core.somaxconn (64, with sysctl -w), then restart "
       "the server: it gets its limit in listen().\n"
       "  Sure: measured for 5.0 s.\n"},
      {STANDING NO_WAIT "queue_before 129 queue 129 peak 129 fill 100 full 1 "
                        "always_full 1 held 1 abandoned 129",
       {.label = ""},
       "TROUBLE 80: it accepts nobody\n"
       "  Seen: queue 129, limit 128, full, never empty; 129 of 129 waiting "
       "clients have left.\n"
       "  Do:   find out what it waits for (a backend, a lock, a debugger), or "
       "restart it.\n"
       "  Sure: likely, from 5.0 s; a full queue is filled again at once, so "
       "an accept can go unseen; how long clients have waited is not known.\n"},
      {"sockets 4 queue_before 20 queue 20 peak 20 held 1 always_full 1 full 1 "
       "fill 100 busy 100 roomy 3 wait_before 9 wait 9",
       {.label = ""},
       "TROUBLE 80: 1 of 4 sockets accepts nobody\n"
       "  Seen: queue 20, limit 128, never empty; the first client has waited "
       "9.0 s; 1 of 4 sockets full.\n"
       "  Do:   restart the process of that socket: each client it gets waits "
       "in vain.\n"
       "  Sure: likely, from 5.0 s; the other sockets had room.\n"},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    assert_explained(cases[i].change, cases[i].explanation, lb_explain,
                     cases[i].want);
}

TEST_CASE(an_explanation_as_json_has_what_is_known) {
  assert_explained(
      STANDING UNIX_SOCKET "queue_before 0 queue 50 peak 50 limit 64 fill 77 "
                           "abandoned - somaxconn -",
      (struct lb_explanation){.holders = &one, .unit = "web.service"},
      lb_explain_json,
      "{\"listener\":\"80\",\"state\":\"WARNING\",\"cause\":\"slow\","
      "\"guess\":false,\"seconds\":5,\"sockets\":1,\"queue\":50,"
      "\"limit\":64,\"peak\":50,\"busy\":100,\"fill\":77,\"full\":0,"
      "\"unit\":\"web.service\",\"pid\":4711,\"process\":\"nginx\"}");
}

/* Whatever bytes a name has, JSON is UTF-8. */
TEST_CASE(json_strings_are_valid_whatever_bytes_a_name_has) {
  static const struct {
    const char *text, *want;
  } cases[] = {
      {"a\"b\\c\n\x7f\x01", "\"a\\\"b\\\\c\\u000a\\u007f\\u0001\""},
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7",
       "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7\""},
      {"\xc0\xaf", "\"\\ufffd\\ufffd\""},            /* too long */
      {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""}, /* half a pair */
      {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
      {"\xe2\x82", "\"\\ufffd\\ufffd\""}, /* cut off */
      {"\xff", "\"\\ufffd\""},
      {"", "\"\""},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    FILE *file;
    int before = begin_capture(&file);
    lb_json_string(cases[i].text);
    char *got = end_capture(before, file);
    assert_string_equal(got, cases[i].want);
    free(got);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
