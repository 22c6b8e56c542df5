// SPDX-License-Identifier: MIT
/* Samples are due at absolute times, so a slow one does not delay the others. A
 * sample that is still not taken when the next one is due is missed: a host
 * under load gets fewer samples, and never several at once. */
#include "collectd/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_BYTES = 256 * 1024 };

struct lb_sampler {
  struct lb_monitor *monitor;
  uint64_t period_ns; /* 0: there is no thread */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t stop;
  bool stopping;
  atomic_bool wanted; /* the read thread waits for the lock */
  struct lb_sample_counts samples;
};

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t lb_sampler_now_ms(void) { return now_ns() / 1000000; }

uint64_t lb_sampler_cpu_ns(void) {
  return read_clock(CLOCK_THREAD_CPUTIME_ID) + lb_netns_helpers_ns();
}

/* Waits without the lock. Returns false if the sampler is to stop. */
static bool wait_until(struct lb_sampler *sampler, uint64_t due_ns) {
  struct timespec due = {.tv_sec = (time_t)(due_ns / 1000000000u),
                         .tv_nsec = (long)(due_ns % 1000000000u)};
  int err = 0;
  while (!sampler->stopping && err != ETIMEDOUT)
    err = pthread_cond_timedwait(&sampler->stop, &sampler->lock, &due);
  return !sampler->stopping;
}

/* Stops early if the read thread is waiting: it takes a sample itself. */
static void sample_namespaces(struct lb_sampler *sampler) {
  struct lb_monitor *monitor = sampler->monitor;
  uint64_t now = now_ns();
  size_t i = 0, len = lb_monitor_len(monitor);
  if (lb_monitor_begin_sample(monitor, now)) {
    for (; i < len && !atomic_load(&sampler->wanted); i++)
      lb_monitor_sample(monitor, i, now / 1000000);
    sampler->samples.made++;
  }
  lb_monitor_end_sample(monitor, i == len, now);
}

/* The thread names itself: to name another thread takes /proc. */
static void *run_sampler(void *data) {
  struct lb_sampler *sampler = data;
  pthread_setname_np(pthread_self(), "listen_backlog");
  pthread_mutex_lock(&sampler->lock);
  uint64_t step_ns = sampler->period_ns; /* to the next sample */
  uint64_t due_ns = now_ns() + step_ns;
  while (wait_until(sampler, due_ns)) {
    uint64_t missed = (now_ns() - due_ns) / step_ns;
    sampler->samples.missed += missed;
    due_ns += missed * step_ns;
    sample_namespaces(sampler);
    uint64_t next_ns =
        lb_monitor_next_sample(sampler->monitor, due_ns, sampler->period_ns);
    step_ns = next_ns - due_ns;
    due_ns = next_ns;
  }
  pthread_mutex_unlock(&sampler->lock);
  return NULL;
}

/* All signals stay blocked in the thread: they are meant for the daemon. */
static int start_sampler_thread(struct lb_sampler *sampler) {
  pthread_attr_t attr;
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int err = pthread_create(&sampler->thread, &attr, run_sampler, sampler);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return -err;
}

static void free_sampler(struct lb_sampler *sampler) {
  pthread_cond_destroy(&sampler->stop);
  pthread_mutex_destroy(&sampler->lock);
  free(sampler);
}

int lb_sampler_start(struct lb_monitor *monitor, double period_s,
                     struct lb_sampler **out) {
  struct lb_sampler *sampler = calloc(1, sizeof(*sampler));
  if (!sampler)
    return -ENOMEM;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&sampler->stop, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&sampler->lock, NULL);
  sampler->monitor = monitor;
  sampler->period_ns = (uint64_t)(period_s * 1e9);
  int err = sampler->period_ns ? start_sampler_thread(sampler) : 0;
  if (err) {
    free_sampler(sampler);
    return err;
  }
  *out = sampler;
  return 0;
}

void lb_sampler_stop(struct lb_sampler *sampler) {
  if (!sampler)
    return;
  if (sampler->period_ns) {
    lb_sampler_lock(sampler);
    sampler->stopping = true;
    pthread_cond_signal(&sampler->stop);
    lb_sampler_unlock(sampler);
    pthread_join(sampler->thread, NULL);
  }
  free_sampler(sampler);
}

void lb_sampler_lock(struct lb_sampler *sampler) {
  atomic_store(&sampler->wanted, true);
  pthread_mutex_lock(&sampler->lock);
  atomic_store(&sampler->wanted, false);
}

void lb_sampler_unlock(struct lb_sampler *sampler) {
  pthread_mutex_unlock(&sampler->lock);
}

struct lb_sample_counts lb_sampler_take_counts(struct lb_sampler *sampler) {
  struct lb_sample_counts samples = sampler->samples;
  sampler->samples = (struct lb_sample_counts){0};
  return samples;
}
