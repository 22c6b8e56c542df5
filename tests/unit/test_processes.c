// SPDX-License-Identifier: MIT
/* A folder in place of /proc, and the real one. */
#include "kernel/netns_processes.h"
#include "kernel/processes.h"

#include "proc.h"
#include "unit.h"

#include <inttypes.h>
#include <limits.h>

static struct proc folder;

static const char *const dirs[] = {
    "7",    "7/fd",  "30",    "30/fd", "31",   "31/fd", "x",  "x/fd",
    "7/ns", "30/ns", "31/ns", "1",     "1/ns", "x/ns",  "32", "32/ns"};
static const struct {
  const char *name, *target;
} links[] = {
    {"7/fd/0", "/dev/null"},
    {"30/fd/3", "socket:[100]"},
    {"30/fd/4", "socket:[100]"},
    {"31/fd/3", "socket:[100]"},
    {"31/fd/5", "socket:[4294967295]"},
    {"7/fd/1", "socket:[100]"},
    {"x/fd/1", "socket:[200]"},
    {"7/fd/2", "socket:[junk]"},
    {"1/ns/net", "net:[300]"},
    {"7/ns/net", "net:[100]"},
    {"30/ns/net", "net:[18446744073709551615]"},
    {"31/ns/net", "net:[100]"},
    {"x/ns/net", "net:[400]"},
    {"32/ns/net", "net:junk"},
};

static int set_up(void **state) {
  (void)state;
  make_proc(&folder, "processes");
  for (size_t i = 0; i < LEN(dirs); i++)
    assert_int_equal(mkdir(proc_path(&folder, dirs[i]), 0700), 0);
  for (size_t i = 0; i < LEN(links); i++)
    assert_int_equal(
        symlink(links[i].target, proc_path(&folder, links[i].name)), 0);
  write_proc(&folder, "7/comm", "master of all\n");
  write_proc(&folder, "30/comm", "worker\n");
  write_proc(&folder, "7/cgroup", "");
  return 0;
}

static int tear_down(void **state) {
  static const char *const files[] = {"7/comm", "30/comm", "7/cgroup"};
  (void)state;
  for (size_t i = 0; i < LEN(links); i++)
    unlink(proc_path(&folder, links[i].name));
  for (size_t i = 0; i < LEN(files); i++)
    unlink(proc_path(&folder, files[i]));
  for (size_t i = LEN(dirs); i-- > 0;)
    rmdir(proc_path(&folder, dirs[i]));
  remove_proc(&folder);
  return access(folder.root, F_OK) == 0;
}
#define PROC_TEST(name) TEST_WITH(name, set_up, tear_down)

PROC_TEST(each_process_counts_once_and_the_lowest_pid_is_named) {
  struct lb_holders holders[] = {
      {.inode = 100}, {.inode = 200}, {.inode = UINT32_MAX}};
  bool was_denied = true;
  int fds = count_fds();
  assert_int_equal(
      lb_processes_find(folder.root, holders, LEN(holders), &was_denied), 0);
  assert_false(was_denied);
  assert_int_equal(holders[0].pid, 7);
  assert_int_equal(holders[0].others, 2);
  assert_string_equal(holders[0].comm, "master of all");
  assert_int_equal(holders[1].pid, 0);
  assert_int_equal(holders[2].pid, 31);
  assert_string_equal(holders[2].comm, "");
  assert_int_equal(count_fds(), fds);
}

PROC_TEST(the_cgroup_of_a_process_is_that_of_version_2_or_of_systemd) {
  static const struct {
    const char *text, *want;
  } cases[] = {
      {"1:name=systemd:/other\n0::/a.service\n", "/a.service"},
      {"0::/a.service\n", "/a.service"},
      {"0::/\n", "/"},
      {"9:name=systemd:/docker/1\n8:pids:/docker/2\n0::/\n", "/docker/1"},
      {"8:pids:/docker/2\n9:name=systemd:/docker/1\n", "/docker/1"},
      {"8:pids:/docker/2\n", NULL},
      {"", NULL},
  };
  char path[64];
  for (size_t i = 0; i < LEN(cases); i++) {
    write_proc(&folder, "7/cgroup", cases[i].text);
    assert_int_equal(lb_process_cgroup(folder.root, 7, path, sizeof(path)),
                     cases[i].want != NULL);
    if (cases[i].want)
      assert_string_equal(path, cases[i].want);
  }
  assert_false(lb_process_cgroup(folder.root, 31, path, sizeof(path)));
}

/* --- network namespaces -------------------------------------------------- */

static struct lb_netns_processes all;

/* "INODE PID; " of each, and which inodes of 0 to 500 are found. */
static void assert_namespaces(const char *want) {
  struct text got = {.len = 0};
  for (size_t i = 0; i < all.len; i++)
    say(&got, "%" PRIu64 " %d; ", all.v[i].ino, (int)all.v[i].pid);
  assert_string_equal(got.at, want);
  for (uint64_t ino = 0; ino < 500; ino++) {
    struct lb_netns_id id = {all.dev, ino}, other = {all.dev + 1, ino};
    pid_t pid = 0;
    for (size_t i = 0; i < all.len; i++)
      pid += all.v[i].ino == ino ? all.v[i].pid : 0;
    assert_int_equal(lb_netns_processes_pid(&all, &id), pid);
    assert_int_equal(lb_netns_processes_pid(&all, &other), 0);
  }
}

PROC_TEST(each_namespace_of_a_process_is_found_with_its_lowest_pid) {
  int fds = count_fds();
  for (int i = 0; i < 3; i++) {
    assert_int_equal(lb_netns_processes_find(&all, folder.root), 0);
    assert_namespaces("100 7; 300 1; 18446744073709551615 30; ");
    assert_false(all.was_denied);
  }
  assert_int_equal(count_fds(), fds);
  lb_netns_processes_free(&all);
  assert_namespaces("");
}

PROC_TEST(processes_that_may_not_be_read_or_seen_are_noticed) {
  uint32_t had = set_capabilities(0);
  assert_int_equal(chmod(proc_path(&folder, "7/ns"), 0), 0);
  int err = lb_netns_processes_find(&all, folder.root);
  assert_int_equal(chmod(proc_path(&folder, "7/ns"), 0700), 0);
  set_capabilities(had);
  assert_int_equal(err, 0);
  assert_namespaces("100 31; 300 1; 18446744073709551615 30; ");
  assert_true(all.was_denied);

  char first[128];
  snprintf(first, sizeof(first), "%s", proc_path(&folder, "1"));
  assert_int_equal(rename(first, proc_path(&folder, "33")), 0);
  err = lb_netns_processes_find(&all, folder.root);
  assert_int_equal(rename(proc_path(&folder, "33"), first), 0);
  assert_int_equal(err, 0);
  assert_namespaces("100 7; 300 33; 18446744073709551615 30; ");
  assert_true(all.was_denied);
  lb_netns_processes_free(&all);
}

TEST_CASE(a_hundred_namespaces_are_found_and_the_next_walk_forgets_them) {
  char name[64], target[64];
  make_proc(&folder, "namespaces");
  for (int i = 1; i <= 100; i++) {
    snprintf(name, sizeof(name), "%d", i);
    assert_int_equal(mkdir(proc_path(&folder, name), 0700), 0);
    snprintf(name, sizeof(name), "%d/ns", i);
    assert_int_equal(mkdir(proc_path(&folder, name), 0700), 0);
    snprintf(name, sizeof(name), "%d/ns/net", i);
    snprintf(target, sizeof(target), "net:[%d]", i * 37 % 101);
    assert_int_equal(symlink(target, proc_path(&folder, name)), 0);
  }
  assert_int_equal(lb_netns_processes_find(&all, folder.root), 0);
  assert_int_equal(all.len, 100);
  for (size_t i = 0; i < all.len; i++)
    assert_int_equal(all.v[i].pid * 37 % 101, all.v[i].ino);
  for (int i = 1; i <= 100; i++) {
    static const char *const parts[] = {"%d/ns/net", "%d/ns", "%d"};
    for (size_t part = 0; part < LEN(parts); part++) {
      snprintf(name, sizeof(name), parts[part], i);
      remove(proc_path(&folder, name));
    }
  }
  assert_int_equal(lb_netns_processes_find(&all, folder.root), 0);
  assert_namespaces("");
  remove_proc(&folder);
  lb_netns_processes_free(&all);
}

TEST_CASE(the_path_of_a_process_leads_to_its_namespace) {
  char path[LB_NETNS_PROCESS_PATH_SIZE];
  struct lb_netns_id own, found;
  lb_netns_process_path(path, getpid());
  assert_int_equal(lb_netns_identify(path, &found), 0);
  assert_int_equal(lb_netns_identify(NULL, &own), 0);
  assert_true(lb_netns_is_same(&own, &found));
  assert_int_equal(lb_netns_processes_find(&all, LB_PROC), 0);
  assert_in_range(lb_netns_processes_pid(&all, &own), 1, getpid());
  lb_netns_process_path(path, INT_MAX);
  assert_string_equal(path, "/proc/2147483647/ns/net");
  lb_netns_processes_free(&all);
}

TEST_CASE(without_proc_there_is_an_error) {
  assert_int_equal(lb_netns_processes_find(&all, "/nonexistent"), -ENOENT);
  bool was_denied;
  assert_int_equal(lb_processes_find("/nonexistent", NULL, 0, &was_denied),
                   -ENOENT);
}

TEST_CASE(a_socket_of_this_process_is_found_in_the_real_proc) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct stat status;
  char comm[32] = "";
  bool was_denied;
  FILE *file = fopen("/proc/self/comm", "re");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%31s", comm), 1);
  fclose(file);
  assert_int_equal(fstat(fd, &status), 0);
  struct lb_holders holders = {.inode = (uint32_t)status.st_ino};
  assert_int_equal(lb_processes_find("/proc", &holders, 1, &was_denied), 0);
  assert_int_equal(holders.pid, getpid());
  assert_string_equal(holders.comm, comm);
  close(fd);
}

int main(void) { return run_all_tests(NULL, NULL); }
