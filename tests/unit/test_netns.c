// SPDX-License-Identifier: MIT
/* Network namespaces: one for this process, and others made in it, whose only
 * names are those of descriptors under /proc/self/fd. The linker's --wrap sends
 * the calls of pthread_create, pthread_attr_init, fstat and scandir through
 * here.
 */
#include "kernel/netns.h"

#include "unit.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>

/* What the calls fail with, or 0. */
static struct { int create, attr, fstat, scandir; } errors;

typedef int select_entry(const struct dirent *entry);
typedef int compare_entries(const struct dirent **a, const struct dirent **b);

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr,
     void *(*start)(void *), void *data) {
  return errors.create ? errors.create
                       : __real_pthread_create(thread, attr, start, data);
}

WRAP(int, pthread_attr_init, pthread_attr_t *attr) {
  return errors.attr ? errors.attr : __real_pthread_attr_init(attr);
}

WRAP(int, fstat, int fd, struct stat *status) {
  errno = errors.fstat;
  return errors.fstat ? -1 : __real_fstat(fd, status);
}

WRAP(int, scandir, const char *dir, struct dirent ***list, select_entry *select,
     compare_entries *compare) {
  errno = errors.scandir;
  return errors.scandir ? -1 : __real_scandir(dir, list, select, compare);
}

static struct lb_netns_id identify(const char *path) {
  struct lb_netns_id id;
  assert_int_equal(lb_netns_identify(path, &id), 0);
  return id;
}

/* --- identity ------------------------------------------------------------ */

TEST_CASE(a_namespace_is_known_by_device_and_inode) {
  const struct lb_netns_id a = {4, 4026531840}, b = {4, 4026531841},
                           c = {5, 4026531840};
  struct lb_netns_id none = identify(NULL), own = identify(OWN_NETNS);
  struct stat status;
  assert_int_equal(stat("/proc/self/ns/net", &status), 0);
  assert_int_equal(none.dev, status.st_dev);
  assert_int_equal(none.ino, status.st_ino);
  assert_true(lb_netns_is_same(&none, &own));
  assert_true(lb_netns_is_same(&a, &a));
  assert_false(lb_netns_is_same(&a, &b));
  assert_false(lb_netns_is_same(&a, &c));
}

TEST_CASE(a_path_that_leads_nowhere_is_an_error) {
  struct lb_netns_id id = {7, 8};
  assert_int_equal(lb_netns_identify("/proc/self/ns/nothing", &id), -ENOENT);
  assert_int_equal(lb_netns_identify("/dev/null/x", &id), -ENOTDIR);
  assert_int_equal(lb_netns_identify("", &id), -ENOENT);
  assert_int_equal(id.dev, 7);
  assert_int_equal(id.ino, 8);
}

/* --- in another one ------------------------------------------------------ */

/* What the function that is run saw. */
struct visit {
  int result; /* what it returns */
  unsigned calls;
  struct lb_netns_id id;
  pid_t thread;
  sigset_t blocked;
  int fds;
};

static int look_around(void *data) {
  struct visit *visit = data;
  visit->calls++;
  visit->thread = gettid();
  visit->fds = count_fds();
  pthread_sigmask(SIG_SETMASK, NULL, &visit->blocked);
  return lb_netns_identify(NULL, &visit->id) ? -EIO : visit->result;
}

struct other {
  int fd;
  char path[32];
  struct lb_netns_id id;
};

static struct other open_other(void) {
  struct other other = {.fd = open_new_netns()};
  snprintf(other.path, sizeof(other.path), "/proc/self/fd/%d", other.fd);
  other.id = identify(other.path);
  return other;
}

TEST_CASE(elsewhere_the_function_runs_in_a_thread_and_the_caller_stays_here) {
  struct lb_netns_id own = identify(NULL);
  static const int results[] = {0, 1, 4711, -1, -ENOBUFS};
  struct other others[2] = {open_other(), open_other()};
  int fds = count_fds();
  assert_false(lb_netns_is_same(&others[0].id, &others[1].id));
  for (size_t i = 0; i < LEN(results); i++) {
    const struct other *other = &others[i % 2];
    struct visit visit = {.result = results[i]};
    assert_int_equal(lb_netns_run(other->path, &other->id, look_around, &visit),
                     results[i]);
    struct lb_netns_id after = identify(NULL);
    assert_int_equal(visit.calls, 1);
    assert_true(lb_netns_is_same(&visit.id, &other->id));
    assert_true(lb_netns_is_same(&after, &own));
    assert_int_not_equal(visit.thread, gettid());
    assert_int_equal(visit.fds, fds); /* no descriptor, not even meanwhile */
    assert_int_equal(count_fds(), fds);
  }
  close(others[0].fd);
  close(others[1].fd);
}

/* Blocks SIGUSR2, and nothing else. */
static sigset_t block_one(void) {
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &one, &before);
  return before;
}

/* Of the signals that can be: SIGUSR2 or all are blocked. The C library keeps
 * those from 32 to SIGRTMIN - 1. */
static void check_blocked(const sigset_t *blocked, bool all) {
  for (int number = 1; number <= SIGRTMAX; number++)
    if (number != SIGKILL && number != SIGSTOP &&
        (number < 32 || number >= SIGRTMIN) &&
        sigismember(blocked, number) != (all || number == SIGUSR2))
      fail_msg("signal %d", number);
}

TEST_CASE(elsewhere_all_signals_are_blocked) {
  if (getenv("LB_EMULATOR"))
    skip(); /* it keeps some for itself */
  struct other other = open_other();
  struct visit visit = {.calls = 0};
  sigset_t before = block_one(), after;
  lb_netns_run(other.path, &other.id, look_around, &visit);
  pthread_sigmask(SIG_SETMASK, &before, &after);
  check_blocked(&visit.blocked, true);
  check_blocked(&after, false);
  close(other.fd);
}

/* --- refused ------------------------------------------------------------- */

static int must_not_run(void *data) {
  *(bool *)data = true;
  return 4711;
}

/* Nothing runs, no descriptor is left, signals are blocked as before. */
static void check_refused(const char *path, const struct lb_netns_id *id,
                          int want) {
  bool ran = false;
  int fds = count_fds();
  struct lb_netns_id own = identify(NULL);
  sigset_t before = block_one(), after;
  int err = lb_netns_run(path, id, must_not_run, &ran);
  memset(&errors, 0, sizeof(errors));
  pthread_sigmask(SIG_SETMASK, &before, &after);
  check_blocked(&after, false);
  struct lb_netns_id now = identify(NULL);
  assert_false(ran);
  assert_int_equal(err, want);
  assert_int_equal(count_fds(), fds);
  assert_true(lb_netns_is_same(&now, &own));
}

TEST_CASE(another_namespace_at_the_path_is_not_entered) {
  struct lb_netns_id ids[2] = {identify(NULL), identify(NULL)};
  ids[0].ino++;
  ids[1].dev++;
  for (size_t i = 0; i < LEN(ids); i++)
    check_refused(OWN_NETNS, &ids[i], -ESTALE);
  check_refused("/proc/self/ns/nothing", &ids[0], -ENOENT);
  check_refused("/dev/null/x", &ids[0], -ENOTDIR);
}

TEST_CASE(without_the_privilege_none_is_entered) {
  struct lb_netns_id own = identify(NULL);
  uint32_t had = set_capabilities(0);
  check_refused(OWN_NETNS, &own, -EPERM);
  set_capabilities(had);
}

TEST_CASE(if_the_thread_or_the_check_fails_none_is_entered) {
  struct lb_netns_id own = identify(NULL);
  errors.create = EAGAIN;
  check_refused(OWN_NETNS, &own, -EAGAIN);
  errors.create = EINVAL;
  check_refused(OWN_NETNS, &own, -EINVAL);
  errors.attr = ENOMEM;
  check_refused(OWN_NETNS, &own, -ENOMEM);
  if (sizeof(void *) == 4)
    return; /* the linker sees another name of fstat(): fstat64() */
  errors.fstat = EIO;
  check_refused(OWN_NETNS, &own, -EIO);
}

/* A place to make files in. */
struct folder {
  char at[64];
  char path[384];
};

static const char *path_in(struct folder *folder, const char *name) {
  snprintf(folder->path, sizeof(folder->path), "%s/%s", folder->at, name);
  return folder->path;
}

static struct folder make_folder(void) {
  struct folder folder = {.at = "/tmp/test_netns.XXXXXX"};
  assert_non_null(mkdtemp(folder.at));
  return folder;
}

static void make_file(struct folder *folder, const char *name) {
  int fd = creat(path_in(folder, name), 0600);
  assert_true(fd >= 0);
  close(fd);
}

static void check_no_netns(const char *path) {
  struct lb_netns_id id = identify(path);
  check_refused(path, &id, -EINVAL);
}

/* A FIFO without a writer must not be waited for. */
TEST_CASE(a_file_that_is_not_a_network_namespace_is_not_entered) {
  struct folder folder = make_folder();
  check_no_netns("/proc/self/ns/uts");
  check_no_netns(folder.at);
  make_file(&folder, "file");
  check_no_netns(folder.path);
  unlink(folder.path);
  assert_int_equal(mkfifo(path_in(&folder, "fifo"), 0600), 0);
  check_no_netns(folder.path);
  unlink(folder.path);
  rmdir(folder.at);
}

/* --- the list ------------------------------------------------------------ */

struct list {
  struct text text;
  const char *stop_at; /* a name */
};

static int on_entry(void *data, const char *path, const char *name) {
  struct list *list = data;
  say(&list->text, "%s %s\n", name, path);
  return list->stop_at && strcmp(name, list->stop_at) == 0 ? 4711 : 0;
}

/* Two directories with files that were made in no order. */
static struct folder a, b;
static const char *const names_a[] = {"red", ".hidden", "blue", "Z", "10", "9"};
static const char *const names_b[] = {"red", "default"};

static int make_lists(void **state) {
  (void)state;
  a = make_folder();
  b = make_folder();
  for (size_t i = 0; i < LEN(names_a); i++)
    make_file(&a, names_a[i]);
  for (size_t i = 0; i < LEN(names_b); i++)
    make_file(&b, names_b[i]);
  return 0;
}

static int remove_lists(void **state) {
  (void)state;
  for (size_t i = 0; i < LEN(names_a); i++)
    unlink(path_in(&a, names_a[i]));
  for (size_t i = 0; i < LEN(names_b); i++)
    unlink(path_in(&b, names_b[i]));
  rmdir(a.at);
  rmdir(b.at);
  return 0;
}

/* In want the directories are %1$s and %2$s. */
__attribute__((format(printf, 4, 0))) static void
check_list(const char *const *dirs, size_t len, const char *stop_at,
           const char *want, ...) {
  struct list list = {.stop_at = stop_at};
  struct text text = {.len = 0};
  int status = lb_netns_list_in(dirs, len, on_entry, &list);
  say(&list.text, "= %d\n", status);
  va_list args;
  va_start(args, want);
  vsnprintf(text.at, sizeof(text.at), want, args);
  va_end(args);
  assert_string_equal(list.text.at, text.at);
}

#define LIST_A "10 %1$s/10\n9 %1$s/9\nZ %1$s/Z\nblue %1$s/blue\nred %1$s/red\n"
#define LIST_B "default %2$s/default\nred %2$s/red\n"

TEST_WITH(directories_are_visited_one_by_one_in_the_order_of_names, make_lists,
          remove_lists) {
  const char *const dirs[] = {a.at, b.at};
  check_list(dirs, 2, NULL, LIST_A LIST_B "= 0\n", a.at, b.at);
  check_list(dirs, 2, "9", "10 %1$s/10\n9 %1$s/9\n= 4711\n", a.at, b.at);
  check_list(dirs, 2, "default", LIST_A "default %2$s/default\n= 4711\n", a.at,
             b.at);
}

TEST_WITH(a_directory_that_is_missing_or_unreadable_costs_only_itself,
          make_lists, remove_lists) {
  const char *const missing[] = {"/proc/self/ns/nothing", a.at};
  check_list(missing, 2, NULL, LIST_A "= 0\n", a.at);
  check_list(missing, 1, NULL, "= 0\n", a.at);
  char *loop = strdup(path_in(&a, ".loop"));
  assert_non_null(loop);
  assert_int_equal(symlink(loop, loop), 0);
  const char *const bad[] = {"/dev/null", a.at, loop};
  check_list(bad, 3, NULL, LIST_A "= -20\n", a.at); /* ENOTDIR: the first */
  unlink(loop);
  free(loop);
}

TEST_CASE(without_memory_or_descriptors_the_list_is_an_error) {
  if (sizeof(void *) == 4)
    skip(); /* the linker sees another name of scandir(): scandir64() */
  static const int codes[] = {ENOMEM, EMFILE, ENFILE, EACCES};
  struct list list = {.stop_at = NULL};
  for (size_t i = 0; i < LEN(codes); i++) {
    errors.scandir = codes[i];
    int err = lb_netns_list(on_entry, &list);
    errors.scandir = 0;
    assert_int_equal(err, -codes[i]);
  }
  assert_string_equal(list.text.at, "");
}

TEST_WITH(a_path_of_more_than_511_bytes_is_an_error, make_lists, remove_lists) {
  char dir[512];
  const char *const dirs[] = {dir};
  memset(dir, '/', sizeof(dir));
  memcpy(dir, b.at, strlen(b.at));
  dir[503] = '\0'; /* with "/default" 511 bytes */
  check_list(dirs, 1, NULL, "default %1$s/default\nred %1$s/red\n= 0\n", dir);
  dir[503] = '/';
  dir[504] = '\0';
  check_list(dirs, 1, NULL, "= -36\n", dir); /* ENAMETOOLONG */
}

/* Others may change what is there meanwhile. */
TEST_CASE(the_directories_of_iproute2_and_docker_are_listed) {
  static const char *const dirs[] = {"/run/netns", "/run/docker/netns"};
  struct list before, got, after;
  int status;
  do {
    before = got = after = (struct list){.stop_at = NULL};
    lb_netns_list_in(dirs, LEN(dirs), on_entry, &before);
    status = lb_netns_list(on_entry, &got);
    lb_netns_list_in(dirs, LEN(dirs), on_entry, &after);
  } while (strcmp(before.text.at, after.text.at) != 0);
  assert_string_equal(got.text.at, before.text.at);
  assert_int_equal(status, lb_netns_list_in(dirs, LEN(dirs), on_entry, &after));
}

int main(void) {
  if (!enter_new_netns()) {
    printf("# no network namespaces here: nothing is tested elsewhere\n");
    cmocka_set_skip_filter("elsewhere_*");
  }
  return run_all_tests(NULL, NULL);
}
