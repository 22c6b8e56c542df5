// SPDX-License-Identifier: MIT
/* A tree of directories in place of that of the kernel. */
#include "kernel/cgroups.h"

#include "proc.h"
#include "unit.h"

static struct proc tree;
static struct lb_cgroups cgroups;

static const char *const folders[] = {
    "system.slice",
    "system.slice/ssh.service",
    "system.slice/docker-0123.scope",
    "system.slice/docker-0123.scope/system.slice",
    "system.slice/docker-0123.scope/system.slice/web.service",
};

static int set_up(void **state) {
  (void)state;
  make_proc(&tree, "cgroups");
  for (size_t i = 0; i < LEN(folders); i++)
    assert_int_equal(mkdir(proc_path(&tree, folders[i]), 0700), 0);
  write_proc(&tree, "cgroup.controllers", "");
  cgroups = (struct lb_cgroups){.walks = 0};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  lb_cgroups_free(&cgroups);
  for (size_t i = LEN(folders); i-- > 0;)
    rmdir(proc_path(&tree, folders[i]));
  unlink(proc_path(&tree, "cgroup.controllers"));
  remove_proc(&tree);
  return access(tree.root, F_OK) == 0;
}
#define TREE_TEST(name) TEST_WITH(name, set_up, tear_down)

static uint64_t id_of(const char *name) {
  struct stat status;
  assert_int_equal(stat(proc_path(&tree, name), &status), 0);
  return status.st_ino;
}

static void assert_path(uint64_t id, const char *want, unsigned walks) {
  int fds = count_fds();
  const char *path = lb_cgroups_path(&cgroups, tree.root, id);
  if (want)
    assert_string_equal(path, want);
  else
    assert_null(path);
  assert_int_equal(cgroups.walks, walks);
  assert_int_equal(count_fds(), fds);
}

TREE_TEST(one_walk_finds_all_groups) {
  assert_path(id_of(folders[1]), "/system.slice/ssh.service", 1);
  assert_path(id_of(folders[4]),
              "/system.slice/docker-0123.scope/system.slice/web.service", 1);
  assert_path(id_of("."), "/", 1);
  assert_path(0, NULL, 1);
}

TREE_TEST(a_new_group_takes_one_more_walk) {
  assert_path(id_of(folders[1]), "/system.slice/ssh.service", 1);
  assert_int_equal(mkdir(proc_path(&tree, "new.service"), 0700), 0);
  assert_path(id_of("new.service"), "/new.service", 2);
  assert_path(id_of(folders[1]), "/system.slice/ssh.service", 2);
  assert_int_equal(rmdir(proc_path(&tree, "new.service")), 0);
}

TREE_TEST(a_group_that_is_unknown_takes_one_walk_ever) {
  for (int i = 0; i < 3; i++)
    assert_path(1, NULL, 1);
  assert_path(id_of(folders[1]), "/system.slice/ssh.service", 1);
  assert_path(2, NULL, 2);
  assert_path(1, NULL, 2);
  for (uint64_t id = 3; id < 100; id++)
    assert_path(id, NULL, (unsigned)id);
  assert_int_equal(cgroups.missed_len, 64);
  assert_path(99, NULL, 99);
}

TREE_TEST(beside_version_1_the_groups_are_below_unified) {
  assert_int_equal(mkdir(proc_path(&tree, "unified"), 0700), 0);
  assert_int_equal(mkdir(proc_path(&tree, "unified/a.service"), 0700), 0);
  write_proc(&tree, "unified/cgroup.controllers", "");
  unlink(proc_path(&tree, "cgroup.controllers"));
  assert_path(id_of("unified/a.service"), "/a.service", 1);
  assert_path(id_of(folders[1]), NULL, 2);
  unlink(proc_path(&tree, "unified/cgroup.controllers"));
  rmdir(proc_path(&tree, "unified/a.service"));
  rmdir(proc_path(&tree, "unified"));
}

TREE_TEST(directories_of_version_1_alone_are_no_groups) {
  unlink(proc_path(&tree, "cgroup.controllers"));
  assert_path(id_of(folders[1]), NULL, 1);
}

TREE_TEST(no_link_is_followed_and_a_tree_need_not_be_there) {
  uint64_t id = id_of(folders[1]);
  assert_int_equal(symlink("system.slice", proc_path(&tree, "link")), 0);
  assert_path(id, "/system.slice/ssh.service", 1);
  unlink(proc_path(&tree, "link"));
  assert_null(lb_cgroups_path(&cgroups, "/nonexistent", 1));
  assert_null(lb_cgroups_path(&cgroups, "/nonexistent", id));
}

TEST_CASE(the_unit_is_the_last_component_that_is_a_service_or_a_socket) {
  static const struct {
    const char *path, *unit;
  } cases[] = {
      {"/system.slice/ssh.service", "ssh.service"},
      {"/system.slice/rpcbind.socket", "rpcbind.socket"},
      {"/system.slice/system-postgresql.slice/postgresql@15-main.service",
       "postgresql@15-main.service"},
      {"/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
       "x.service"},
      {"/system.slice/a.service/worker/1", "a.service"},
      {"/user.slice/user-1000.slice/session-3.scope", NULL},
      {"/", NULL},
      {"", NULL},
      {"/.service/.socket", NULL},
      {"//a.service//", "a.service"},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char unit[LB_UNIT_SIZE] = "";
    assert_int_equal(lb_cgroup_unit(cases[i].path, unit),
                     cases[i].unit != NULL);
    assert_string_equal(unit, cases[i].unit ? cases[i].unit : "");
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
