// SPDX-License-Identifier: MIT
/* Network namespaces: one for this process, and others made in it, which have
 * no name but that of a descriptor of ours under /proc/self/fd. The linker's
 * --wrap sends the calls of pthread_create, pthread_attr_init, fstat and
 * scandir through here. */
#include "kernel/netns.h"

#include "unit.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>

static int create_fails_with, attr_fails_with, fstat_fails_with,
    scandir_fails_with;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *data) {
  return create_fails_with ? create_fails_with
                           : __real_pthread_create(thread, attr, start, data);
}

int __real_pthread_attr_init(pthread_attr_t *attr);
int __wrap_pthread_attr_init(pthread_attr_t *attr);
int __real_fstat(int fd, struct stat *status);
int __wrap_fstat(int fd, struct stat *status);
int __wrap_scandir(const char *dir, struct dirent ***list,
                   int (*select)(const struct dirent *entry),
                   int (*compare)(const struct dirent **a,
                                  const struct dirent **b));
int __real_scandir(const char *dir, struct dirent ***list,
                   int (*select)(const struct dirent *entry),
                   int (*compare)(const struct dirent **a,
                                  const struct dirent **b));

static int fail_with(int err) {
  errno = err;
  return -1;
}

int __wrap_pthread_attr_init(pthread_attr_t *attr) {
  return attr_fails_with ? attr_fails_with : __real_pthread_attr_init(attr);
}

int __wrap_fstat(int fd, struct stat *status) {
  return fstat_fails_with ? fail_with(fstat_fails_with)
                          : __real_fstat(fd, status);
}

int __wrap_scandir(const char *dir, struct dirent ***list,
                   int (*select)(const struct dirent *entry),
                   int (*compare)(const struct dirent **a,
                                  const struct dirent **b)) {
  return scandir_fails_with ? fail_with(scandir_fails_with)
                            : __real_scandir(dir, list, select, compare);
}

static struct lb_netns_id identify(const char *path) {
  struct lb_netns_id id;
  assert_int_equal(lb_netns_identify(path, &id), 0);
  return id;
}

/* --- what a namespace is ------------------------------------------------- */

static void without_a_path_it_is_that_of_the_thread(void **state) {
  (void)state;
  struct lb_netns_id none = identify(NULL), own = identify(OWN_NETNS);
  struct stat status;
  assert_int_equal(stat("/proc/self/ns/net", &status), 0);
  assert_int_equal(none.dev, status.st_dev);
  assert_int_equal(none.ino, status.st_ino);
  assert_true(lb_netns_is_same(&none, &own));
}

static void no_two_namespaces_are_the_same(void **state) {
  (void)state;
  const struct lb_netns_id a = {4, 4026531840}, b = {4, 4026531841},
                           c = {5, 4026531840};
  assert_true(lb_netns_is_same(&a, &a));
  assert_false(lb_netns_is_same(&a, &b));
  assert_false(lb_netns_is_same(&a, &c));
}

static void what_is_not_there_is_no_namespace(void **state) {
  (void)state;
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

static void elsewhere_a_function_runs_and_we_stay_here(void **state) {
  (void)state;
  struct lb_netns_id own = identify(NULL);
  struct other others[2] = {open_other(), open_other()};
  assert_false(lb_netns_is_same(&others[0].id, &others[1].id));
  for (int i = 0; i < 4; i++) {
    const struct other *other = &others[i % 2];
    struct visit visit = {.calls = 0};
    assert_int_equal(lb_netns_run(other->path, &other->id, look_around, &visit),
                     0);
    struct lb_netns_id after = identify(NULL);
    assert_int_equal(visit.calls, 1);
    assert_true(lb_netns_is_same(&visit.id, &other->id));
    assert_true(lb_netns_is_same(&after, &own));
    assert_int_not_equal(visit.thread, gettid());
  }
  close(others[0].fd);
  close(others[1].fd);
}

static void elsewhere_what_it_returns_comes_back(void **state) {
  (void)state;
  static const int results[] = {0, 1, 4711, -1, -ENOBUFS};
  struct other other = open_other();
  for (size_t i = 0; i < LEN(results); i++) {
    struct visit visit = {.result = results[i]};
    assert_int_equal(lb_netns_run(other.path, &other.id, look_around, &visit),
                     results[i]);
  }
  close(other.fd);
}

static void elsewhere_no_descriptor_is_kept(void **state) {
  (void)state;
  struct other other = open_other();
  struct visit visit = {.calls = 0};
  int fds = count_fds();
  lb_netns_run(other.path, &other.id, look_around, &visit);
  assert_int_equal(visit.fds, fds); /* not even meanwhile */
  assert_int_equal(count_fds(), fds);
  close(other.fd);
}

/* Blocks SIGUSR2, and nothing else. */
static sigset_t block_one(void) {
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &one, &before);
  return before;
}

/* Of the signals that can be: SIGUSR2 or all are blocked. */
static void check_blocked(const sigset_t *blocked, bool all) {
  for (int number = 1; number <= SIGRTMAX; number++)
    if (number != SIGKILL && number != SIGSTOP &&
        (number < __SIGRTMIN || number >= SIGRTMIN) &&
        sigismember(blocked, number) != (all || number == SIGUSR2))
      fail_msg("signal %d", number);
}

static void elsewhere_no_signal_is_taken(void **state) {
  (void)state;
  struct other other = open_other();
  struct visit visit = {.calls = 0};
  sigset_t before = block_one(), after;
  lb_netns_run(other.path, &other.id, look_around, &visit);
  pthread_sigmask(SIG_SETMASK, &before, &after);
  check_blocked(&visit.blocked, true);
  check_blocked(&after, false);
  close(other.fd);
}

/* --- not in another one -------------------------------------------------- */

static int must_not_run(void *data) {
  *(bool *)data = true;
  return 4711;
}

static int try_to_run(const char *path, const struct lb_netns_id *id) {
  bool ran = false;
  int fds = count_fds();
  int err = lb_netns_run(path, id, must_not_run, &ran);
  assert_false(ran);
  assert_int_equal(count_fds(), fds);
  return err;
}

static void another_one_at_its_path_is_not_entered(void **state) {
  (void)state;
  struct lb_netns_id ids[2] = {identify(NULL), identify(NULL)};
  ids[0].ino++;
  ids[1].dev++;
  for (size_t i = 0; i < LEN(ids); i++)
    assert_int_equal(try_to_run(OWN_NETNS, &ids[i]), -ESTALE);
}

static void what_is_not_there_is_not_entered(void **state) {
  (void)state;
  struct lb_netns_id own = identify(NULL);
  assert_int_equal(try_to_run("/proc/self/ns/nothing", &own), -ENOENT);
  assert_int_equal(try_to_run("/dev/null/x", &own), -ENOTDIR);
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

static void what_is_no_network_namespace_is_not_entered(void **state) {
  (void)state;
  struct folder folder = make_folder();
  struct lb_netns_id id = identify("/proc/self/ns/uts");
  assert_int_equal(try_to_run("/proc/self/ns/uts", &id), -EINVAL);
  id = identify(folder.at);
  assert_int_equal(try_to_run(folder.at, &id), -EINVAL);
  make_file(&folder, "file");
  id = identify(folder.path);
  assert_int_equal(try_to_run(folder.path, &id), -EINVAL);
  unlink(folder.path);
  rmdir(folder.at);
}

static void a_fifo_that_nobody_writes_to_is_not_waited_for(void **state) {
  (void)state;
  struct folder folder = make_folder();
  assert_int_equal(mkfifo(path_in(&folder, "fifo"), 0600), 0);
  struct lb_netns_id id = identify(folder.path);
  assert_int_equal(try_to_run(folder.path, &id), -EINVAL);
  unlink(folder.path);
  rmdir(folder.at);
}

static void without_the_privilege_none_is_entered(void **state) {
  (void)state;
  struct lb_netns_id own = identify(NULL);
  uint32_t had = set_capabilities(0);
  int err = try_to_run(OWN_NETNS, &own);
  set_capabilities(had);
  assert_int_equal(err, -EPERM);
}

static void without_a_thread_none_is_entered(void **state) {
  (void)state;
  static const int errors[] = {EAGAIN, EINVAL};
  struct lb_netns_id own = identify(NULL), after;
  sigset_t before = block_one(), mask;
  for (size_t i = 0; i < LEN(errors); i++) {
    create_fails_with = errors[i];
    int err = try_to_run(OWN_NETNS, &own);
    create_fails_with = 0;
    assert_int_equal(err, -errors[i]);
  }
  pthread_sigmask(SIG_SETMASK, &before, &mask);
  check_blocked(&mask, false);
  after = identify(NULL);
  assert_true(lb_netns_is_same(&after, &own));
}

static void without_attributes_of_a_thread_none_is_entered(void **state) {
  (void)state;
  struct lb_netns_id own = identify(NULL);
  sigset_t before = block_one(), mask;
  attr_fails_with = ENOMEM;
  int err = try_to_run(OWN_NETNS, &own);
  attr_fails_with = 0;
  pthread_sigmask(SIG_SETMASK, &before, &mask);
  assert_int_equal(err, -ENOMEM);
  check_blocked(&mask, false);
}

static void what_cannot_be_told_from_others_is_not_entered(void **state) {
  (void)state;
  struct lb_netns_id own = identify(NULL);
  fstat_fails_with = EIO;
  int err = try_to_run(OWN_NETNS, &own);
  fstat_fails_with = 0;
  assert_int_equal(err, -EIO);
}

/* --- where they are ------------------------------------------------------ */

struct list {
  struct text text;
  const char *stop_at; /* a name */
};

static int on_entry(void *data, const char *path, const char *name) {
  struct list *list = data;
  say(&list->text, "%s %s\n", name, path);
  return list->stop_at && strcmp(name, list->stop_at) == 0 ? 4711 : 0;
}

/* Two directories in which files were made in no order; the literals have them
 * as A and B. */
struct places {
  struct folder a, b;
  const char *dirs[2];
};

static const char *const names_a[] = {"red", ".hidden", "blue", "Z", "10", "9"};
static const char *const names_b[] = {"red", "default"};

static void make_places(struct places *places) {
  places->a = make_folder();
  places->b = make_folder();
  for (size_t i = 0; i < LEN(names_a); i++)
    make_file(&places->a, names_a[i]);
  for (size_t i = 0; i < LEN(names_b); i++)
    make_file(&places->b, names_b[i]);
  places->dirs[0] = places->a.at;
  places->dirs[1] = places->b.at;
}

static void remove_places(struct places *places) {
  for (size_t i = 0; i < LEN(names_a); i++)
    unlink(path_in(&places->a, names_a[i]));
  for (size_t i = 0; i < LEN(names_b); i++)
    unlink(path_in(&places->b, names_b[i]));
  rmdir(places->a.at);
  rmdir(places->b.at);
}

static void say_list(struct list *list, const char *const *dirs, size_t len) {
  int status = lb_netns_list_in(dirs, len, on_entry, list);
  say(&list->text, "= %d\n", status);
}

#define LIST_A "10 %1$s/10\n9 %1$s/9\nZ %1$s/Z\nblue %1$s/blue\nred %1$s/red\n"
#define LIST_B "default %2$s/default\nred %2$s/red\n"

static void each_directory_is_visited_in_the_order_of_names(void **state) {
  (void)state;
  struct places places;
  struct list list = {.stop_at = NULL};
  struct text want = {.len = 0};
  make_places(&places);
  say_list(&list, places.dirs, 2);
  say(&want, LIST_A LIST_B "= 0\n", places.a.at, places.b.at);
  remove_places(&places);
  assert_string_equal(list.text.at, want.at);
}

static void a_directory_that_is_not_there_is_empty(void **state) {
  (void)state;
  struct places places;
  struct list list = {.stop_at = NULL};
  struct text want = {.len = 0};
  make_places(&places);
  const char *const dirs[] = {"/proc/self/ns/nothing", places.dirs[0]};
  say_list(&list, dirs, 2);
  say_list(&list, dirs, 1);
  say(&want, LIST_A "= 0\n= 0\n", places.a.at);
  remove_places(&places);
  assert_string_equal(list.text.at, want.at);
}

static void one_that_cannot_be_read_costs_only_itself(void **state) {
  (void)state;
  struct places places;
  struct list list = {.stop_at = NULL};
  struct text want = {.len = 0};
  make_places(&places);
  char *loop = strdup(path_in(&places.a, ".loop"));
  assert_non_null(loop);
  assert_int_equal(symlink(loop, loop), 0);
  const char *const dirs[] = {"/dev/null", places.dirs[0], loop};
  say_list(&list, dirs, 3);
  say(&want, LIST_A "= %2$d\n", places.a.at, -ENOTDIR); /* the first error */
  unlink(loop);
  free(loop);
  remove_places(&places);
  assert_string_equal(list.text.at, want.at);
}

static void without_memory_or_descriptors_it_is_an_error(void **state) {
  (void)state;
  static const int errors[] = {ENOMEM, EMFILE, ENFILE, EACCES};
  struct list list = {.stop_at = NULL};
  for (size_t i = 0; i < LEN(errors); i++) {
    scandir_fails_with = errors[i];
    int err = lb_netns_list(on_entry, &list);
    scandir_fails_with = 0;
    assert_int_equal(err, -errors[i]);
  }
  assert_string_equal(list.text.at, "");
}

static void a_visit_can_end_it(void **state) {
  (void)state;
  struct places places;
  struct list lists[2] = {{.stop_at = "9"}, {.stop_at = "default"}};
  struct text want = {.len = 0};
  make_places(&places);
  say_list(&lists[0], places.dirs, 2);
  say_list(&lists[1], places.dirs, 2);
  say(&want, "10 %1$s/10\n9 %1$s/9\n= 4711\n", places.a.at);
  assert_string_equal(lists[0].text.at, want.at);
  want.len = 0;
  say(&want, LIST_A "default %2$s/default\n= 4711\n", places.a.at, places.b.at);
  assert_string_equal(lists[1].text.at, want.at);
  remove_places(&places);
}

static void a_path_that_is_too_long_is_an_error(void **state) {
  (void)state;
  struct folder folder = make_folder();
  struct list list = {.stop_at = NULL};
  struct text want = {.len = 0};
  char dir[512];
  size_t len = strlen(folder.at);
  make_file(&folder, "blue");
  memset(dir, '/', sizeof(dir));
  memcpy(dir, folder.at, len);
  dir[506] = '\0'; /* with "/blue" 511 bytes */
  say_list(&list, (const char *[]){dir}, 1);
  dir[506] = '/';
  dir[507] = '\0';
  say_list(&list, (const char *[]){dir}, 1);
  dir[506] = '\0';
  say(&want, "blue %s/blue\n= 0\n= %d\n", dir, -ENAMETOOLONG);
  unlink(folder.path);
  rmdir(folder.at);
  assert_string_equal(list.text.at, want.at);
}

/* What is there may change meanwhile, by others. */
static void those_of_iproute2_and_of_docker_are_listed(void **state) {
  (void)state;
  static const char *const dirs[] = {"/run/netns", "/run/docker/netns"};
  struct list before, got, after;
  do {
    before = got = after = (struct list){.stop_at = NULL};
    say_list(&before, dirs, LEN(dirs));
    int status = lb_netns_list(on_entry, &got);
    say(&got.text, "= %d\n", status);
    say_list(&after, dirs, LEN(dirs));
  } while (strcmp(before.text.at, after.text.at) != 0);
  assert_string_equal(got.text.at, before.text.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_path_it_is_that_of_the_thread),
      cmocka_unit_test(no_two_namespaces_are_the_same),
      cmocka_unit_test(what_is_not_there_is_no_namespace),
      cmocka_unit_test(elsewhere_a_function_runs_and_we_stay_here),
      cmocka_unit_test(elsewhere_what_it_returns_comes_back),
      cmocka_unit_test(elsewhere_no_descriptor_is_kept),
      cmocka_unit_test(elsewhere_no_signal_is_taken),
      cmocka_unit_test(another_one_at_its_path_is_not_entered),
      cmocka_unit_test(what_is_not_there_is_not_entered),
      cmocka_unit_test(what_is_no_network_namespace_is_not_entered),
      cmocka_unit_test(a_fifo_that_nobody_writes_to_is_not_waited_for),
      cmocka_unit_test(without_the_privilege_none_is_entered),
      cmocka_unit_test(without_a_thread_none_is_entered),
      cmocka_unit_test(without_attributes_of_a_thread_none_is_entered),
      cmocka_unit_test(what_cannot_be_told_from_others_is_not_entered),
      cmocka_unit_test(each_directory_is_visited_in_the_order_of_names),
      cmocka_unit_test(a_directory_that_is_not_there_is_empty),
      cmocka_unit_test(one_that_cannot_be_read_costs_only_itself),
      cmocka_unit_test(without_memory_or_descriptors_it_is_an_error),
      cmocka_unit_test(a_visit_can_end_it),
      cmocka_unit_test(a_path_that_is_too_long_is_an_error),
      cmocka_unit_test(those_of_iproute2_and_of_docker_are_listed),
  };
  if (!enter_new_netns()) {
    printf("# no network namespaces here: nothing is tested elsewhere\n");
    cmocka_set_skip_filter("elsewhere_*");
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
