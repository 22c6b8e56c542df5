// SPDX-License-Identifier: MIT
/* The only setns(2). A namespace belongs to the thread, and a thread that could
 * not go back would from then on work in the wrong one. So the thread that
 * enters is made for this and never goes back. It takes no signals: the
 * daemon's handlers would run in the wrong namespace, too. */
#include "kernel/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  STACK_BYTES = 256 * 1024, /* it also holds the thread-local data of all
                               libraries of the process */
};

static struct lb_netns_id netns_id_of(const struct stat *status) {
  return (struct lb_netns_id){status->st_dev, status->st_ino};
}

int lb_netns_identify(const char *path, struct lb_netns_id *id) {
  struct stat status;
  if (stat(path ? path : "/proc/thread-self/ns/net", &status))
    return -errno;
  *id = netns_id_of(&status);
  return 0;
}

/* --- in one of them ------------------------------------------------------- */

/* Of threads that have worked for the calling one. */
static _Thread_local uint64_t helpers_ns;

uint64_t lb_netns_helpers_ns(void) { return helpers_ns; }

struct job {
  const char *path;
  const struct lb_netns_id *id;
  int (*run)(void *data);
  void *data;
  int status;
  uint64_t cpu_ns; /* of its thread */
};

/* The path may lead elsewhere by now, so the opened file is checked. */
static int enter_opened(int fd, const struct lb_netns_id *id) {
  struct stat status;
  if (fstat(fd, &status))
    return -errno;
  struct lb_netns_id found = netns_id_of(&status);
  if (!lb_netns_is_same(&found, id))
    return -ESTALE;
  return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

static int enter_netns(const char *path, const struct lb_netns_id *id) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return -errno;
  int err = enter_opened(fd, id);
  close(fd);
  return err;
}

static void *run_job(void *data) {
  struct job *job = data;
  struct timespec used;
  int err = enter_netns(job->path, job->id);
  job->status = err ? err : job->run(job->data);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  job->cpu_ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
  return NULL;
}

/* 0 or an errno, as pthread_create(). */
static int start_thread(pthread_t *thread, struct job *job) {
  pthread_attr_t attr;
  int err = pthread_attr_init(&attr);
  if (err)
    return err;
  err = pthread_attr_setstacksize(&attr, STACK_BYTES);
  if (!err)
    err = pthread_create(thread, &attr, run_job, job);
  pthread_attr_destroy(&attr);
  return err;
}

int lb_netns_run(const char *path, const struct lb_netns_id *id,
                 int (*run)(void *data), void *data) {
  struct job job = {.path = path, .id = id, .run = run, .data = data};
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* a thread inherits it */
  int err = start_thread(&thread, &job);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (err)
    return -err;
  pthread_join(thread, NULL);
  helpers_ns += job.cpu_ns + job.cpu_ns / 3; /* its end */
  return job.status;
}

/* --- the list of them ---------------------------------------------------- */

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int visit_entry(const char *dir, const char *name,
                       int (*visit)(void *data, const char *path,
                                    const char *name),
                       void *data) {
  char path[512];
  int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
  if (n < 0 || (size_t)n >= sizeof(path))
    return -ENAMETOOLONG;
  return visit(data, path, name);
}

/* Frees the entries. */
static int visit_entries(const char *dir, struct dirent **entries, int len,
                         int (*visit)(void *data, const char *path,
                                      const char *name),
                         void *data) {
  int status = 0;
  for (int i = 0; i < len; i++) {
    if (!status)
      status = visit_entry(dir, entries[i]->d_name, visit, data);
    free(entries[i]);
  }
  free(entries);
  return status;
}

int lb_netns_list_in(const char *const dirs[], size_t len,
                     int (*visit)(void *data, const char *path,
                                  const char *name),
                     void *data) {
  int err = 0;
  for (size_t i = 0; i < len; i++) {
    struct dirent **entries;
    int found = scandir(dirs[i], &entries, is_visible, compare_names);
    if (found < 0) {
      if (errno != ENOENT && !err)
        err = -errno;
      continue;
    }
    int status = visit_entries(dirs[i], entries, found, visit, data);
    if (status)
      return status;
  }
  return err;
}

int lb_netns_list(int (*visit)(void *data, const char *path, const char *name),
                  void *data) {
  static const char *const dirs[] = {"/run/netns", "/run/docker/netns"};
  return lb_netns_list_in(dirs, sizeof(dirs) / sizeof(dirs[0]), visit, data);
}
