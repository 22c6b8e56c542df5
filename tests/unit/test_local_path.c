// SPDX-License-Identifier: MIT
/* Paths that are looked up name by name, and the files they lead to. */
#include "kernel/local_path.h"

#include "kernel/file_check.h"
#include "kernel/mount.h"

#include "proc.h"
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct proc folder;

static const char *path_of(const char *name) {
  return proc_path(&folder, name);
}

/* path_of() has one buffer. */
static void make_link(const char *target, const char *name) {
  char copy[1024];
  snprintf(copy, sizeof(copy), "%s", target);
  assert_int_equal(symlink(copy, path_of(name)), 0);
}

static struct lb_file_id bind_file(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat st;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(name));
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  assert_int_equal(stat(address.sun_path, &st), 0);
  close(fd);
  return (struct lb_file_id){(uint32_t)st.st_ino, 0};
}

static int set_up(void **state) {
  (void)state;
  make_proc(&folder, "local_path");
  return mkdir(path_of("dir"), 0700);
}

static int tear_down(void **state) {
  static const char *const names[] = {"dir/sock", "dir/up",   "dir",   "sock",
                                      "absolute", "relative", "chain", "loop",
                                      "fifo",     "long",     "proc"};
  (void)state;
  for (size_t i = 0; i < LEN(names); i++)
    (void)remove(path_of(names[i]));
  remove_proc(&folder);
  return access(folder.root, F_OK) == 0;
}
#define FILE_TEST(name) TEST_WITH(name, set_up, tear_down)

static void assert_leads(const char *path, uint32_t inode, int want) {
  struct lb_stat found = {0};
  int fds = count_fds(), fd = lb_local_path_open("/proc", path);
  int err = fd < 0 ? fd : lb_stat_cached(fd, &found);
  if (fd >= 0)
    close(fd);
  if (err != want || (!want && found.inode != inode))
    fail_msg("%s: %d, inode %u", path, err, found.inode);
  assert_int_equal(count_fds(), fds);
}

FILE_TEST(a_path_is_followed_through_links_of_all_kinds) {
  uint32_t inode = bind_file("dir/sock").inode;
  char text[600], target[300] = "";
  make_link(path_of("dir"), "absolute");
  make_link("dir/../dir/./sock", "relative");
  make_link("absolute//../relative", "chain");
  make_link("../chain", "dir/up");
  make_link("loop", "loop");
  make_link("/proc/self/comm", "proc");
  for (size_t len = 0; len < 250; len += 2)
    memcpy(target + len, "./", 2);
  make_link(target, "long");
  static const struct {
    const char *name;
    int want;
  } cases[] = {
      {"dir/sock", 0},       {"absolute/sock", 0},
      {"relative", 0},       {"chain", 0},
      {"dir/up", 0},         {"absolute/up", 0},
      {"./dir///sock", 0},   {"loop", -ELOOP},
      {"dir/none", -ENOENT}, {"dir/sock/x", -ENOTDIR},
      {"proc", -EAGAIN},     {"long/dir/sock", 0},
      {"loop/x", -ELOOP},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    assert_leads(path_of(cases[i].name), inode, cases[i].want);
  snprintf(text, sizeof(text), "%s", path_of("long/long/long/dir/sock"));
  assert_leads(text, inode, 0);
}

FILE_TEST(what_is_too_long_is_refused) {
  char path[1200];
  memset(path, '/', sizeof(path));
  path[sizeof(path) - 1] = '\0';
  assert_leads(path, 0, -ENAMETOOLONG);
  char target[900];
  for (size_t i = 0; i < sizeof(target); i++)
    target[i] = i % 2 ? '/' : '.';
  target[sizeof(target) - 1] = '\0';
  make_link(target, "long");
  snprintf(path, sizeof(path), "%s/%s/x", path_of("long"), target + 700);
  assert_leads(path, 0, -ENAMETOOLONG);
}

/* In a chroot to a plain folder, as on build machines, the kernel shows no
 * mount at "/", and so not the type of its file system. */
static bool root_is_mounted(void) {
  FILE *mounts = fopen("/proc/self/mountinfo", "r");
  char line[4096], at[8];
  bool is_there = false;
  while (mounts && fgets(line, sizeof(line), mounts))
    is_there |=
        sscanf(line, "%*s %*s %*s %*s %7s", at) == 1 && !strcmp(at, "/");
  if (mounts)
    fclose(mounts);
  return is_there;
}

/* Also a link with a time of access that must be written: the kernel's memory
 * alone says -EAGAIN. */
FILE_TEST(the_file_of_a_configured_path_is_found_at_once) {
  struct lb_file_id want = bind_file("sock"), got = {.inode = 1};
  int fds = count_fds();
  make_link("sock", "relative");
  assert_int_equal(lb_file_find("/proc", path_of("relative"), false, &got), 0);
  assert_int_equal(got.inode, want.inode);
  assert_int_equal(lb_file_find("/proc", path_of("sock"), true, &got), 0);
  assert_int_equal(got.inode, want.inode);
  got.inode = 1;
  assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
  assert_int_equal(lb_file_find("/proc", path_of("fifo"), false, &got),
                   -ENOTSOCK);
  assert_int_equal(lb_file_find("/proc", path_of("none"), false, &got),
                   -ENOENT);
  assert_int_equal(got.inode, 1);
  assert_int_equal(count_fds(), fds);
}

/* In a /proc of the test. */
TEST_CASE(a_file_system_is_local_by_its_type) {
  static const struct {
    const char *line;
    int err;
    bool is_local;
  } cases[] = {
      {"35 1 0:40 / /a rw shared:1 - tmpfs x rw\n", 0, true},
      {"35 1 0:40 / /a rw - overlay x rw\n", 0, true},
      {"35 1 0:40 / /a rw - tmpfsx x rw\n", 0, false},
      {"35 1 0:40 / /a rw - fuse.sshfs x rw\n", 0, false},
      {"35 1 0:40 / /a rw - nfs4 x rw\n", 0, false},
      {"35 1 0:40 / /a rw tmpfs\n", 0, false},
      {"34 1 0:40 / /a rw - tmpfs x rw\n", -ENODATA, false},
      {"", -ENODATA, false},
  };
  make_proc(&folder, "mount");
  assert_int_equal(mkdir(path_of("self"), 0700), 0);
  assert_int_equal(mkdir(path_of("self/fdinfo"), 0700), 0);
  write_proc(&folder, "self/fdinfo/7", "pos:\t0\nmnt_id:\t35\n");
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_mount mount = {.is_local = false};
    write_proc(&folder, "self/mountinfo", cases[i].line);
    assert_int_equal(lb_mount_of(folder.root, 7, &mount), cases[i].err);
    assert_int_equal(mount.is_local, cases[i].is_local);
    if (!cases[i].err)
      assert_int_equal(mount.dev, 40);
  }
  unlink(path_of("self/mountinfo"));
  unlink(path_of("self/fdinfo/7"));
  rmdir(path_of("self/fdinfo"));
  rmdir(path_of("self"));
  remove_proc(&folder);
}

int main(void) {
  if (!root_is_mounted()) {
    printf("# no mount at / is shown here: no file of a path is looked for\n");
    cmocka_set_skip_filter("the_file_of_*");
  }
  return run_all_tests(NULL, NULL);
}
