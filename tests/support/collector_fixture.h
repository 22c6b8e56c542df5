/* SPDX-License-Identifier: MIT */
/* A collector that samples a scripted kernel, and what it reports as text. */
#ifndef LB_COLLECTOR_FIXTURE_H
#define LB_COLLECTOR_FIXTURE_H

#include "script.h"

struct fixture {
  struct kernel kernel;
  struct lb_settings settings; /* ListeningPorts at first */
  struct lb_netns_ref netns;
  struct lb_label_registry *labels;
  struct lb_collector *collector;
  struct lb_inspection inspection;
  struct text said;
  uint64_t now_ms;
};

/* Setup and teardown for cmocka; *state is the fixture. */
int set_up_collector(void **state);
int tear_down_collector(void **state);
#define TEST_ON_KERNEL(name)                                                   \
  TEST_WITH(name, set_up_collector, tear_down_collector)

/* Makes fixture->collector. 0 or -errno. */
int start_collector(struct fixture *fixture);

/* Makes another collector, after the settings have changed. */
void restart(struct fixture *fixture);

/* A sample within an interval. */
void sample(struct fixture *fixture);

/* The last sample of an interval and its end: the errors, or -errno. */
int try_interval(struct fixture *fixture, struct lb_sample_errors *errors);

/* The same without an error, except of what the test has made fail. */
void interval(struct fixture *fixture);

/* --- stories ------------------------------------------------------------- */

/* Plays statements to the kernel (script.h), and:
 *
 * - sample; end: the last sample of an interval, and its end
 * - inspect: a sample, a plan and a run; take: a sample, the results, the end
 *
 * After the others the collector starts anew:
 *
 * - select PORT|NAME|PATTERN, ignore PORT|NAME|PATTERN
 * - service LABEL PORT|PORT-PORT|NAME|PATTERN|at ADDRESS|here...: "here" is in
 * this namespace alone
 * - paths: with ListeningPaths; only: without ListeningPorts
 * - netns NAME [alone]: in this namespace, with nothing but services "here" */
void play(struct fixture *fixture, const char *script);

struct story {
  const char *name;
  struct {
    const char *script;
    const char *want;
  } steps[8];
};

/* Plays each story to a new kernel and asserts what each step wants. */
void play_stories(const struct story *stories, size_t len,
                  void (*assert_step)(struct fixture *fixture,
                                      const char *want));

/* --- what is reported ---------------------------------------------------- */

/* Everything, or the listeners alone, a line each. */
void assert_readings(struct fixture *fixture, const char *want);
void assert_listeners(struct fixture *fixture, const char *want);

/* "LABEL QUEUE/LIMIT, " for each listener. */
void assert_sums(struct fixture *fixture, const char *want);

/* "LABEL DROPS/OVERFLOWS, " for each listener, then "all DROPS/OVERFLOWS,
 * UNATTRIBUTED of none" for the namespace. "-" is absent. */
void assert_shares(struct fixture *fixture, const char *want);

/* "LABEL queue N wait S syn N abandoned N", of each listener. */
void assert_inspected(struct fixture *fixture, const char *want);

/* "LABEL at|raised|overflowed SOCKETS, " of each hint that is due: now they are
 * told. */
void assert_hints(struct fixture *fixture, const char *want);

/* "LABEL of SOURCE: taken|too long\n" of each conflict: now they are told. */
void assert_conflicts(struct fixture *fixture, const char *want);

/* Takes a label from any listener but a configured one. */
const char *take_label(struct lb_label_registry *labels, const char *text);

/* "PORT or NAME COOKIE" for each socket that counts. */
void assert_sockets(struct fixture *fixture, const char *want);

uint64_t counter_of(struct fixture *fixture, const char *label,
                    enum lb_reading_id id);

#endif
