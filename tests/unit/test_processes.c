// SPDX-License-Identifier: MIT
/* A folder in place of /proc, and the real one. */
#include "kernel/processes.h"

#include "proc.h"
#include "unit.h"

static struct proc folder;

static const char *const dirs[] = {"7",  "7/fd",  "30", "30/fd",
                                   "31", "31/fd", "x",  "x/fd"};
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
  write_proc(&folder, "7/cgroup", "1:name=systemd:/other\n0::/a.service\n");
  write_proc(&folder, "30/cgroup", "1:name=systemd:/other\n");
  return 0;
}

static int tear_down(void **state) {
  static const char *const files[] = {"7/comm", "30/comm", "7/cgroup",
                                      "30/cgroup"};
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

PROC_TEST(the_cgroup_of_a_process_is_that_of_version_2) {
  char path[64];
  assert_true(lb_process_cgroup(folder.root, 7, path, sizeof(path)));
  assert_string_equal(path, "/a.service");
  assert_false(lb_process_cgroup(folder.root, 30, path, sizeof(path)));
  assert_false(lb_process_cgroup(folder.root, 31, path, sizeof(path)));
}

TEST_CASE(without_proc_there_is_an_error) {
  bool was_denied;
  assert_int_equal(lb_processes_find("/nonexistent", NULL, 0, &was_denied),
                   -ENOENT);
}

TEST_CASE(a_socket_of_this_process_is_found_in_the_real_proc) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct stat status;
  bool was_denied;
  assert_int_equal(fstat(fd, &status), 0);
  struct lb_holders holders = {.inode = (uint32_t)status.st_ino};
  assert_int_equal(lb_processes_find("/proc", &holders, 1, &was_denied), 0);
  assert_int_equal(holders.pid, getpid());
  assert_non_null(strstr(holders.comm, "test_proc"));
  close(fd);
}

int main(void) { return run_all_tests(NULL, NULL); }
