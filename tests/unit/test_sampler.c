// SPDX-License-Identifier: MIT
/* The thread that looks, seen from what it looks at: each look of a scripted
 * kernel is told to the test, which waits for it, never for a time. The
 * linker's --wrap sends what makes threads, memory and locks through here. */
#include "collectd/sampler.h"

#include "scripted_kernel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { PATIENCE_S = 60 };

/* --- what the linker sends here ------------------------------------------ */

static int create_fails_with;
static int created, joined;
static atomic_bool calloc_fails;
static _Thread_local void (*on_lock)(void); /* once */
static _Thread_local bool is_main;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data);
int __real_pthread_join(pthread_t thread, void **value);
int __wrap_pthread_join(pthread_t thread, void **value);
int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data) {
  if (create_fails_with)
    return create_fails_with;
  created++;
  return __real_pthread_create(thread, attr, start, data);
}

int __wrap_pthread_join(pthread_t thread, void **value) {
  joined++;
  return __real_pthread_join(thread, value);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock) {
  void (*then)(void) = on_lock;
  on_lock = NULL;
  if (then)
    then();
  return __real_pthread_mutex_lock(lock);
}

void *__wrap_calloc(size_t n, size_t size) {
  return atomic_load(&calloc_fails) ? NULL : __real_calloc(n, size);
}

/* --- a kernel that tells of each look ------------------------------------ */

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int waits;        /* begun by the thread, for the time of its next look */
  int looks[2];     /* begun, at the own namespace and at another */
  bool blocks;      /* looks at the own one go on when this is false */
  bool is_expected; /* the next looks of a thread are checked */
  bool is_blocked;  /* all signals are */
  char name[16];
} stage = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .changed = PTHREAD_COND_INITIALIZER};

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until) {
  if (!is_main) {
    pthread_mutex_lock(&stage.lock);
    stage.waits++;
    pthread_cond_broadcast(&stage.changed);
    pthread_mutex_unlock(&stage.lock);
  }
  return __real_pthread_cond_timedwait(cond, lock, until);
}

static struct timespec deadline(void) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_sec += PATIENCE_S;
  return at;
}

static bool are_blocked(void) {
  static const int some[] = {SIGTERM, SIGINT,  SIGHUP, SIGUSR1,
                             SIGCHLD, SIGALRM, SIGPIPE};
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  for (size_t i = 0; i < LEN(some); i++)
    if (!sigismember(&set, some[i]))
      return false;
  return true;
}

static void on_look(int which) {
  pthread_mutex_lock(&stage.lock);
  stage.looks[which]++;
  if (stage.is_expected) {
    stage.is_blocked = are_blocked();
    pthread_getname_np(pthread_self(), stage.name, sizeof(stage.name));
  }
  pthread_cond_broadcast(&stage.changed);
  while (stage.blocks && which == 0)
    pthread_cond_wait(&stage.changed, &stage.lock);
  pthread_mutex_unlock(&stage.lock);
}

static int looks_at(int which) {
  pthread_mutex_lock(&stage.lock);
  int looks = stage.looks[which];
  pthread_mutex_unlock(&stage.lock);
  return looks;
}

/* False where it does not come about, which no test survives. */
static bool wait_until(const int *number, int least) {
  const struct timespec until = deadline();
  int err = 0;
  pthread_mutex_lock(&stage.lock);
  while (*number < least && !err)
    err = pthread_cond_timedwait(&stage.changed, &stage.lock, &until);
  pthread_mutex_unlock(&stage.lock);
  return !err;
}

static bool wait_for_looks(int looks) {
  return wait_until(&stage.looks[0], looks);
}

static void set_blocks(bool blocks) {
  pthread_mutex_lock(&stage.lock);
  stage.blocks = blocks;
  pthread_cond_broadcast(&stage.changed);
  pthread_mutex_unlock(&stage.lock);
}

static void unblock(void) { set_blocks(false); }

/* Until the clock has gone on, while nothing else is to happen. */
static void let_pass(uint64_t ms) {
  for (uint64_t since = lb_sampler_now_ms(); lb_sampler_now_ms() - since <= ms;)
    sched_yield();
}

static bool walk_saw_looks;

static void on_own(struct kernel *kernel, const char *read) {
  (void)kernel;
  if (strcmp(read, "dump") == 0)
    on_look(0);
  if (strcmp(read, "waiting") == 0) /* and the looks go on meanwhile */
    walk_saw_looks = wait_for_looks(looks_at(0) + 3);
}

static void on_other(struct kernel *kernel, const char *read) {
  (void)kernel;
  if (strcmp(read, "dump") == 0)
    on_look(1);
}

/* --- the world ----------------------------------------------------------- */

struct fixture {
  struct kernel own, other;
  struct lb_settings settings;
  struct lb_monitor *monitor;
  struct lb_sampler *sampler;
};

static int open_kernel(void *data, const char *path,
                       const struct lb_netns_id *id,
                       struct lb_transport **out) {
  struct fixture *fixture = data;
  (void)id;
  *out = path ? &fixture->other.transport : &fixture->own.transport;
  return 0;
}

int __wrap_lb_netns_identify(const char *path, struct lb_netns_id *id);
int __wrap_lb_netns_identify(const char *path, struct lb_netns_id *id) {
  *id = (struct lb_netns_id){.dev = 4, .ino = path ? 2 : 1};
  return 0;
}

static int set_up(void **state) {
  static struct fixture fixture;
  fixture =
      (struct fixture){.own = new_kernel(),
                       .other = new_kernel(),
                       .settings = {.listening_ports = true, .sample_s = 1}};
  add_netns(&fixture.settings, "other", false);
  fixture.own.before = on_own;
  fixture.other.before = on_other;
  listen_on(&fixture.own, 1, 80);
  is_main = true;
  alarm(2 * PATIENCE_S); /* for a thread that does not end */
  stage.waits = stage.looks[0] = stage.looks[1] = 0;
  stage.blocks = stage.is_expected = stage.is_blocked = false;
  create_fails_with = created = joined = 0;
  *state = &fixture;
  return lb_monitor_new(&fixture.settings,
                        (struct lb_transport_opener){open_kernel, &fixture},
                        &fixture.monitor);
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  unblock();
  lb_sampler_stop(fixture->sampler);
  lb_monitor_free(fixture->monitor);
  lb_settings_free(&fixture->settings);
  alarm(0);
  return 0;
}

static void start(struct fixture *fixture, double period_s) {
  assert_int_equal(
      lb_sampler_start(fixture->monitor, period_s, &fixture->sampler), 0);
}

static void stop(struct fixture *fixture) {
  lb_sampler_stop(fixture->sampler);
  fixture->sampler = NULL;
}

static struct lb_sample_counts count(struct fixture *fixture) {
  lb_sampler_lock(fixture->sampler);
  struct lb_sample_counts samples = lb_sampler_take_counts(fixture->sampler);
  lb_sampler_unlock(fixture->sampler);
  return samples;
}

/* --- looks --------------------------------------------------------------- */

static void looks_are_made_at_the_period(void **state) {
  struct fixture *fixture = *state;
  enum { PERIOD_MS = 2, LOOKS = 20 };
  uint64_t before = lb_sampler_now_ms();
  start(fixture, (double)PERIOD_MS / 1000);
  assert_true(wait_for_looks(LOOKS));
  assert_true(lb_sampler_now_ms() + 1 - before >= LOOKS * PERIOD_MS);
  struct lb_sample_counts samples = count(fixture);
  uint64_t periods = (lb_sampler_now_ms() + 1 - before) / PERIOD_MS;
  assert_in_range(samples.made, LOOKS, periods);
  assert_in_range(samples.made + samples.missed, LOOKS, periods);
  samples = count(fixture);
  assert_in_range(samples.made, 0, periods); /* it began anew */
}

static void a_count_begins_anew(void **state) {
  struct fixture *fixture = *state;
  start(fixture, 0.001);
  assert_true(wait_for_looks(5));
  lb_sampler_lock(fixture->sampler);
  struct lb_sample_counts first = lb_sampler_take_counts(fixture->sampler),
                          second = lb_sampler_take_counts(fixture->sampler);
  lb_sampler_unlock(fixture->sampler);
  assert_in_range(first.made, 5, UINT64_MAX);
  assert_int_equal(second.made, 0);
  assert_int_equal(second.missed, 0);
}

static void nothing_is_looked_at_while_it_is_held(void **state) {
  struct fixture *fixture = *state;
  start(fixture, 0.001);
  assert_true(wait_for_looks(3));
  lb_sampler_lock(fixture->sampler);
  int looks = looks_at(0);
  let_pass(20);
  assert_int_equal(looks_at(0), looks);
  lb_sampler_unlock(fixture->sampler);
  assert_true(wait_for_looks(looks + 3));
}

static void looks_that_are_late_are_counted_and_left_out(void **state) {
  struct fixture *fixture = *state;
  enum { PERIOD_MS = 4, PERIODS = 12 };
  uint64_t before = lb_sampler_now_ms();
  start(fixture, (double)PERIOD_MS / 1000);
  assert_true(wait_for_looks(1));
  lb_sampler_lock(fixture->sampler);
  let_pass(PERIODS * PERIOD_MS);
  lb_sampler_unlock(fixture->sampler);
  assert_true(wait_for_looks(looks_at(0) + 4));
  struct lb_sample_counts samples = count(fixture);
  uint64_t periods = (lb_sampler_now_ms() + 1 - before) / PERIOD_MS;
  assert_in_range(samples.missed, PERIODS - 1, periods);
  assert_in_range(samples.made + samples.missed, PERIODS, periods);
}

static void a_look_that_takes_long_makes_the_next_ones_late(void **state) {
  struct fixture *fixture = *state;
  set_blocks(true);
  start(fixture, 0.002);
  assert_true(wait_for_looks(1));
  let_pass(20);
  set_blocks(false);
  assert_true(wait_for_looks(2));
  assert_in_range(count(fixture).missed, 8, UINT64_MAX);
}

static void all_namespaces_are_looked_at(void **state) {
  struct fixture *fixture = *state;
  lb_monitor_prepare(fixture->monitor, 1);
  lb_monitor_finish(fixture->monitor, 1);
  int other = looks_at(1), own = looks_at(0);
  start(fixture, 0.001);
  assert_true(wait_for_looks(own + 5));
  assert_in_range(looks_at(1), other + 4, INT32_MAX);
}

/* The look that is under way ends when the lock is asked for. */
static void to_hold_it_takes_one_look_at_one_namespace(void **state) {
  struct fixture *fixture = *state;
  lb_monitor_prepare(fixture->monitor, 1);
  lb_monitor_finish(fixture->monitor, 1);
  int other = looks_at(1), own = looks_at(0);
  set_blocks(true);
  start(fixture, 0.001);
  assert_true(wait_for_looks(own + 1));
  on_lock = unblock;
  lb_sampler_lock(fixture->sampler);
  assert_int_equal(looks_at(0), own + 1);
  assert_int_equal(looks_at(1), other);
  lb_sampler_unlock(fixture->sampler);
  assert_true(wait_for_looks(own + 3)); /* and the rest has its turn again */
  assert_in_range(looks_at(1), other + 1, INT32_MAX);
}

/* --- the thread ---------------------------------------------------------- */

static void without_a_period_there_is_no_thread(void **state) {
  struct fixture *fixture = *state;
  start(fixture, 0);
  assert_int_equal(created, 0);
  lb_sampler_lock(fixture->sampler);
  struct lb_sample_counts samples = lb_sampler_take_counts(fixture->sampler);
  lb_sampler_unlock(fixture->sampler);
  assert_int_equal(samples.made + samples.missed, 0);
  stop(fixture);
  assert_int_equal(joined, 0);
  assert_int_equal(looks_at(0), 0);
}

static void to_stop_it_ends_the_thread(void **state) {
  struct fixture *fixture = *state;
  for (int i = 1; i <= 50; i++) {
    start(fixture, 0.001);
    if (i % 2)
      assert_true(wait_for_looks(looks_at(0) + 1));
    stop(fixture);
    assert_int_equal(created, i);
    assert_int_equal(joined, i);
  }
  int looks = looks_at(0);
  let_pass(5);
  assert_int_equal(looks_at(0), looks);
  lb_sampler_stop(NULL);
}

static void to_stop_it_does_not_wait_for_the_next_look(void **state) {
  struct fixture *fixture = *state;
  uint64_t before = lb_sampler_now_ms();
  start(fixture, 3600);
  assert_true(wait_until(&stage.waits, 1));
  stop(fixture);
  assert_int_equal(joined, 1);
  assert_int_equal(looks_at(0), 0);
  assert_in_range(lb_sampler_now_ms() - before, 0, PATIENCE_S * 1000);
}

static void to_stop_it_takes_the_look_that_is_under_way(void **state) {
  struct fixture *fixture = *state;
  set_blocks(true);
  start(fixture, 0.001);
  assert_true(wait_for_looks(1));
  on_lock = unblock;
  stop(fixture);
  assert_int_equal(joined, 1);
  assert_int_equal(looks_at(0), 1);
}

static void no_signal_is_taken_by_the_thread(void **state) {
  struct fixture *fixture = *state;
  sigset_t one, after;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &one, NULL);
  stage.is_expected = true;
  start(fixture, 0.001);
  assert_true(wait_for_looks(2));
  stop(fixture);
  pthread_sigmask(SIG_UNBLOCK, &one, &after);
  for (int signal = 1; signal < SIGRTMIN; signal++)
    assert_int_equal(sigismember(&after, signal), signal == SIGUSR2);
  assert_true(stage.is_blocked);
  assert_string_equal(stage.name, "listen_backlog");
}

static void without_a_thread_there_is_no_sampler(void **state) {
  struct fixture *fixture = *state;
  create_fails_with = EAGAIN;
  assert_int_equal(lb_sampler_start(fixture->monitor, 1, &fixture->sampler),
                   -EAGAIN);
  assert_null(fixture->sampler);
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  assert_false(sigismember(&set, SIGTERM));
}

static void without_memory_there_is_no_sampler(void **state) {
  struct fixture *fixture = *state;
  atomic_store(&calloc_fails, true);
  int err = lb_sampler_start(fixture->monitor, 1, &fixture->sampler);
  atomic_store(&calloc_fails, false);
  assert_int_equal(err, -ENOMEM);
  assert_null(fixture->sampler);
  assert_int_equal(created, 0);
}

/* --- with everything ----------------------------------------------------- */

struct found {
  double peak, abandoned;
  int readings;
};

static void take_reading(void *data, const struct lb_readings *reading) {
  struct found *found = data;
  if (strcmp(reading->label, "80") != 0)
    return;
  found->readings++;
  found->peak = reading->values.v[LB_PEAK].gauge;
  assert_true(reading->values.present & 1u << LB_ABANDONED);
  found->abandoned = reading->values.v[LB_ABANDONED].gauge;
}

static void take_outcome(void *data, const struct lb_outcome *outcome) {
  assert_int_equal(outcome->err, 0);
  assert_int_equal(outcome->inspection_err, 0);
  lb_collector_visit_readings(outcome->collector, take_reading, data);
}

static struct found read_all(struct fixture *fixture) {
  struct found found = {0};
  lb_sampler_lock(fixture->sampler);
  lb_monitor_prepare(fixture->monitor, lb_sampler_now_ms());
  lb_sampler_unlock(fixture->sampler);
  lb_monitor_inspect(fixture->monitor);
  lb_sampler_lock(fixture->sampler);
  fixture->own.sockets[0].row.queue = 0;
  lb_monitor_finish(fixture->monitor, lb_sampler_now_ms());
  lb_monitor_visit(fixture->monitor, take_outcome, &found);
  lb_sampler_unlock(fixture->sampler);
  return found;
}

static void looks_go_on_beside_a_walk(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.inspect = true;
  start(fixture, 0.001);
  for (uint32_t i = 1; i <= 30; i++) {
    lb_sampler_lock(fixture->sampler);
    fixture->own.sockets[0].row.queue = i;
    overflow(&fixture->own, 1, 1);
    lb_sampler_unlock(fixture->sampler);
    walk_saw_looks = false;
    struct found found = read_all(fixture);
    assert_true(walk_saw_looks);
    assert_int_equal(found.readings, 1);
    assert_int_equal((int)found.peak, i);
    assert_int_equal((int)found.abandoned, 0); /* the queue is empty now */
  }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_WORLD(looks_are_made_at_the_period),
      IN_WORLD(a_count_begins_anew),
      IN_WORLD(nothing_is_looked_at_while_it_is_held),
      IN_WORLD(looks_that_are_late_are_counted_and_left_out),
      IN_WORLD(a_look_that_takes_long_makes_the_next_ones_late),
      IN_WORLD(all_namespaces_are_looked_at),
      IN_WORLD(to_hold_it_takes_one_look_at_one_namespace),
      IN_WORLD(without_a_period_there_is_no_thread),
      IN_WORLD(to_stop_it_ends_the_thread),
      IN_WORLD(to_stop_it_does_not_wait_for_the_next_look),
      IN_WORLD(to_stop_it_takes_the_look_that_is_under_way),
      IN_WORLD(no_signal_is_taken_by_the_thread),
      IN_WORLD(without_a_thread_there_is_no_sampler),
      IN_WORLD(without_memory_there_is_no_sampler),
      IN_WORLD(looks_go_on_beside_a_walk),
  };
  return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
