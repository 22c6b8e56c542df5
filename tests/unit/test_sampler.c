// SPDX-License-Identifier: MIT
/* The sampler's thread, seen from the monitor that it samples: the linker's
 * --wrap puts a monitor of two namespaces there. The tests wait for samples,
 * and never for a time. */
#include "collectd/sampler.h"

#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { PATIENCE_S = 60 };

/* --- what the linker sends here ------------------------------------------- */

static int create_fails_with;
static int created, joined;
static atomic_bool calloc_fails;
static _Thread_local void (*on_lock)(void); /* once */
static _Thread_local bool is_main;

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr,
     void *(*start)(void *), void *data) {
  if (create_fails_with)
    return create_fails_with;
  created++;
  return __real_pthread_create(thread, attr, start, data);
}

WRAP(int, pthread_join, pthread_t thread, void **value) {
  joined++;
  return __real_pthread_join(thread, value);
}

WRAP(int, pthread_mutex_lock, pthread_mutex_t *lock) {
  void (*then)(void) = on_lock;
  on_lock = NULL;
  if (then)
    then();
  return __real_pthread_mutex_lock(lock);
}

WRAP(void *, calloc, size_t n, size_t size) {
  return atomic_load(&calloc_fails) ? NULL : __real_calloc(n, size);
}

/* --- the monitor ---------------------------------------------------------- */

enum { NAMESPACES = 2 };

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int waits;               /* of the thread, for the time of its next sample */
  int samples[NAMESPACES]; /* begun */
  int whole;               /* samples that were ended as whole */
  atomic_bool idle;        /* nothing is due */
  atomic_uint periods;     /* from one sample to the next; 0: one */
  bool blocks;      /* samples of the first namespace end when this is false */
  sigset_t signals; /* that the thread blocks */
  char name[16];    /* of the thread */
  size_t stack;     /* of the thread, in bytes */
} monitor = {.lock = PTHREAD_MUTEX_INITIALIZER,
             .changed = PTHREAD_COND_INITIALIZER};

#define MONITOR ((struct lb_monitor *)&monitor)

WRAP_TIME(int, pthread_cond_timedwait, pthread_cond_t *cond,
          pthread_mutex_t *lock, const struct timespec *until) {
  if (!is_main) {
    pthread_mutex_lock(&monitor.lock);
    monitor.waits++;
    pthread_cond_broadcast(&monitor.changed);
    pthread_mutex_unlock(&monitor.lock);
  }
  return __real_pthread_cond_timedwait(cond, lock, until);
}

WRAP(size_t, lb_monitor_len, const struct lb_monitor *sampled) {
  assert_ptr_equal(sampled, MONITOR);
  return NAMESPACES;
}

WRAP(void, lb_monitor_sample, struct lb_monitor *sampled, size_t i,
     uint64_t now_ms) {
  if (sampled != MONITOR || i >= NAMESPACES || now_ms > lb_sampler_now_ms())
    abort(); /* assertions are for the main thread */
  pthread_mutex_lock(&monitor.lock);
  monitor.samples[i]++;
  pthread_sigmask(SIG_SETMASK, NULL, &monitor.signals);
  pthread_getname_np(pthread_self(), monitor.name, sizeof(monitor.name));
  pthread_attr_t attr;
  pthread_getattr_np(pthread_self(), &attr);
  pthread_attr_getstacksize(&attr, &monitor.stack);
  pthread_attr_destroy(&attr);
  pthread_cond_broadcast(&monitor.changed);
  while (monitor.blocks && i == 0)
    pthread_cond_wait(&monitor.changed, &monitor.lock);
  pthread_mutex_unlock(&monitor.lock);
}

WRAP(bool, lb_monitor_begin_sample, struct lb_monitor *sampled,
     uint64_t now_ns) {
  if (sampled != MONITOR || now_ns / 1000000 > lb_sampler_now_ms())
    abort();
  return !monitor.idle;
}

WRAP(void, lb_monitor_end_sample, struct lb_monitor *sampled, bool is_whole,
     uint64_t now_ns) {
  if (sampled != MONITOR || now_ns / 1000000 > lb_sampler_now_ms())
    abort();
  pthread_mutex_lock(&monitor.lock);
  monitor.whole += is_whole;
  pthread_mutex_unlock(&monitor.lock);
}

WRAP(uint64_t, lb_monitor_next_sample, const struct lb_monitor *sampled,
     uint64_t due_ns, uint64_t period_ns) {
  (void)sampled;
  unsigned periods = monitor.periods;
  return due_ns + (periods ? periods : 1) * period_ns;
}

static int samples_of(int i) {
  pthread_mutex_lock(&monitor.lock);
  int samples = monitor.samples[i];
  pthread_mutex_unlock(&monitor.lock);
  return samples;
}

static void wait_for(const int *number, int least) {
  struct timespec until;
  int err = 0;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_S;
  pthread_mutex_lock(&monitor.lock);
  while (*number < least && !err)
    err = pthread_cond_timedwait(&monitor.changed, &monitor.lock, &until);
  pthread_mutex_unlock(&monitor.lock);
  assert_int_equal(err, 0);
}

static void wait_for_samples(int samples) {
  wait_for(&monitor.samples[0], samples);
}

static void set_blocks(bool blocks) {
  pthread_mutex_lock(&monitor.lock);
  monitor.blocks = blocks;
  pthread_cond_broadcast(&monitor.changed);
  pthread_mutex_unlock(&monitor.lock);
}

static void unblock(void) { set_blocks(false); }

/* Until the clock has gone on, while nothing else is to happen. */
static void let_pass(uint64_t ms) {
  for (uint64_t since = lb_sampler_now_ms(); lb_sampler_now_ms() - since <= ms;)
    sched_yield();
}

/* --- fixture -------------------------------------------------------------- */

static struct lb_sampler *sampler;

static int set_up(void **state) {
  (void)state;
  is_main = true;
  alarm(2 * PATIENCE_S); /* for a thread that does not end */
  monitor.waits = monitor.samples[0] = monitor.samples[1] = 0;
  monitor.blocks = false;
  monitor.idle = false;
  monitor.whole = 0;
  monitor.periods = 0;
  create_fails_with = created = joined = 0;
  return 0;
}

static void stop(void) {
  lb_sampler_stop(sampler);
  sampler = NULL;
}

static int tear_down(void **state) {
  (void)state;
  unblock();
  stop();
  alarm(0);
  return 0;
}

static void start(double period_s) {
  assert_int_equal(lb_sampler_start(MONITOR, period_s, &sampler), 0);
}

static struct lb_sample_counts take_counts(void) {
  lb_sampler_lock(sampler);
  struct lb_sample_counts counts = lb_sampler_take_counts(sampler);
  lb_sampler_unlock(sampler);
  return counts;
}

/* --- samples -------------------------------------------------------------- */

TEST_WITH(samples_are_taken_at_the_period_and_counted, set_up, tear_down) {
  enum { PERIOD_MS = 2, SAMPLES = 20 };
  uint64_t before = lb_sampler_now_ms();
  start((double)PERIOD_MS / 1000);
  wait_for_samples(SAMPLES);
  assert_true(lb_sampler_now_ms() + 1 - before >= SAMPLES * PERIOD_MS);
  struct lb_sample_counts counts = take_counts();
  uint64_t periods = (lb_sampler_now_ms() + 1 - before) / PERIOD_MS;
  assert_in_range(counts.made, SAMPLES, periods);
  assert_in_range(counts.made + counts.missed, SAMPLES, periods);
}

TEST_WITH(counts_begin_at_0_after_they_are_taken, set_up, tear_down) {
  start(0.001);
  wait_for_samples(5);
  lb_sampler_lock(sampler);
  struct lb_sample_counts first = lb_sampler_take_counts(sampler),
                          second = lb_sampler_take_counts(sampler);
  lb_sampler_unlock(sampler);
  assert_in_range(first.made, 5, UINT64_MAX);
  assert_int_equal(second.made, 0);
  assert_int_equal(second.missed, 0);
}

TEST_WITH(there_are_no_samples_while_the_lock_is_held, set_up, tear_down) {
  start(0.001);
  wait_for_samples(3);
  lb_sampler_lock(sampler);
  int samples = samples_of(0);
  let_pass(20);
  assert_int_equal(samples_of(0), samples);
  lb_sampler_unlock(sampler);
  wait_for_samples(samples + 3);
}

TEST_WITH(samples_missed_during_a_lock_are_counted_not_made_up, set_up,
          tear_down) {
  enum { PERIOD_MS = 4, PERIODS = 12 };
  uint64_t before = lb_sampler_now_ms();
  start((double)PERIOD_MS / 1000);
  wait_for_samples(1);
  lb_sampler_lock(sampler);
  let_pass(PERIODS * PERIOD_MS);
  lb_sampler_unlock(sampler);
  wait_for_samples(samples_of(0) + 4);
  struct lb_sample_counts counts = take_counts();
  uint64_t periods = (lb_sampler_now_ms() + 1 - before) / PERIOD_MS;
  assert_in_range(counts.missed, PERIODS - 1, periods);
  assert_in_range(counts.made + counts.missed, PERIODS, periods);
}

TEST_WITH(samples_missed_during_a_slow_sample_are_counted, set_up, tear_down) {
  set_blocks(true);
  start(0.002);
  wait_for_samples(1);
  let_pass(20);
  set_blocks(false);
  wait_for_samples(2);
  assert_in_range(take_counts().missed, 8, UINT64_MAX);
}

TEST_WITH(each_sample_is_of_all_namespaces, set_up, tear_down) {
  start(0.001);
  wait_for_samples(5);
  assert_in_range(samples_of(1), 4, INT32_MAX);
  assert_in_range(monitor.whole, 4, INT32_MAX);
}

/* The limit of CPU time makes samples rarer: these are not missed. */
TEST_WITH(samples_come_when_the_monitor_says_and_none_is_missed, set_up,
          tear_down) {
  enum { PERIODS = 20, SAMPLES = 5 };
  uint64_t before = lb_sampler_now_ms();
  monitor.periods = PERIODS;
  start(0.001);
  wait_for_samples(SAMPLES);
  uint64_t passed = lb_sampler_now_ms() + 1 - before;
  assert_true(passed >= (SAMPLES - 1) * PERIODS);
  /* On a loaded machine the thread comes late: each period before the first
   * sample, and every 20 later, is one that is missed. */
  uint64_t late = passed - (SAMPLES - 1) * PERIODS;
  assert_in_range(take_counts().missed, 0, late);
}

TEST_WITH(without_anything_due_no_sample_is_made, set_up, tear_down) {
  monitor.idle = true;
  start(0.001);
  wait_for(&monitor.waits, 5);
  assert_int_equal(samples_of(0), 0);
  assert_int_equal(take_counts().made, 0);
}

/* The sample under way ends when the lock is asked for. */
TEST_WITH(the_lock_waits_for_one_sample_of_one_namespace, set_up, tear_down) {
  set_blocks(true);
  start(0.001);
  wait_for_samples(1);
  on_lock = unblock;
  lb_sampler_lock(sampler);
  assert_int_equal(samples_of(0), 1);
  assert_int_equal(samples_of(1), 0);
  assert_int_equal(monitor.whole, 0);
  lb_sampler_unlock(sampler);
  wait_for_samples(3); /* and the next samples are whole */
  assert_in_range(samples_of(1), 1, INT32_MAX);
}

/* --- the thread ----------------------------------------------------------- */

TEST_WITH(without_a_period_there_is_no_thread, set_up, tear_down) {
  start(0);
  assert_int_equal(created, 0);
  struct lb_sample_counts counts = take_counts();
  assert_int_equal(counts.made + counts.missed, 0);
  stop();
  assert_int_equal(joined, 0);
  assert_int_equal(samples_of(0), 0);
}

TEST_WITH(stopping_ends_the_thread_and_may_be_repeated, set_up, tear_down) {
  for (int i = 1; i <= 50; i++) {
    start(0.001);
    if (i % 2)
      wait_for_samples(samples_of(0) + 1);
    stop();
    assert_int_equal(created, i);
    assert_int_equal(joined, i);
  }
  int samples = samples_of(0);
  let_pass(5);
  assert_int_equal(samples_of(0), samples);
  lb_sampler_stop(NULL);
}

TEST_WITH(stopping_does_not_wait_for_the_next_sample, set_up, tear_down) {
  uint64_t before = lb_sampler_now_ms();
  start(3600);
  wait_for(&monitor.waits, 1);
  stop();
  assert_int_equal(joined, 1);
  assert_int_equal(samples_of(0), 0);
  assert_in_range(lb_sampler_now_ms() - before, 0, PATIENCE_S * 1000);
}

TEST_WITH(stopping_waits_for_the_sample_under_way, set_up, tear_down) {
  set_blocks(true);
  start(0.001);
  wait_for_samples(1);
  on_lock = unblock;
  stop();
  assert_int_equal(joined, 1);
  assert_int_equal(samples_of(0), 1);
}

TEST_WITH(the_thread_has_a_name_a_small_stack_and_no_signals, set_up,
          tear_down) {
  sigset_t one, after;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &one, NULL);
  start(0.001);
  wait_for_samples(2);
  stop();
  pthread_sigmask(SIG_UNBLOCK, &one, &after);
  for (int signal = 1; signal < 32; signal++) {
    assert_int_equal(sigismember(&after, signal), signal == SIGUSR2);
    if (signal != SIGKILL && signal != SIGSTOP)
      assert_true(sigismember(&monitor.signals, signal));
  }
  assert_string_equal(monitor.name, "listen_backlog");
  /* The thread sanitizer and musl add room for their own data. */
#if defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
  assert_in_range(monitor.stack, 256 * 1024, 1024 * 1024);
#else
  assert_int_equal(monitor.stack, 256 * 1024);
#endif
}

TEST_WITH(without_a_thread_or_memory_there_is_no_sampler, set_up, tear_down) {
  sigset_t set;
  create_fails_with = EAGAIN;
  assert_int_equal(lb_sampler_start(MONITOR, 1, &sampler), -EAGAIN);
  assert_null(sampler);
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  assert_false(sigismember(&set, SIGTERM));

  create_fails_with = 0;
  atomic_store(&calloc_fails, true);
  int err = lb_sampler_start(MONITOR, 1, &sampler);
  atomic_store(&calloc_fails, false);
  assert_int_equal(err, -ENOMEM);
  assert_null(sampler);
  assert_int_equal(created, 0);
}

int main(void) { return run_all_tests(NULL, NULL); }
