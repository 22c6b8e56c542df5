// SPDX-License-Identifier: MIT
/* Files of real sockets, and a /proc of the test for the devices that no file
 * system of the test's machine may have. */
#include "kernel/file_check.h"

#include "proc.h"
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static struct proc folder; /* of the files, and in place of /proc */

static const char *path_of(const char *name) {
  return proc_path(&folder, name);
}

static int set_up(void **state) {
  (void)state;
  make_proc(&folder, "file_check");
  return mkdir(path_of("self"), 0700) || mkdir(path_of("self/fdinfo"), 0700);
}

static int tear_down(void **state) {
  (void)state;
  rmdir(path_of("self/fdinfo"));
  rmdir(path_of("self"));
  remove_proc(&folder);
  return access(folder.root, F_OK) == 0;
}
#define FILE_TEST(name) TEST_WITH(name, set_up, tear_down)

/* The file of a new socket, as the kernel shows it. */
static struct lb_file_id bind_file(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat st;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(name));
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  assert_int_equal(stat(address.sun_path, &st), 0);
  close(fd);
  return (struct lb_file_id){(uint32_t)st.st_ino,
                             major(st.st_dev) << 20 | minor(st.st_dev)};
}

/* The path is cached, but the kernel says -EAGAIN as well while anything is
 * mounted or renamed, and for a link until its time of access has been
 * written: access() does that, but not within the tick that made the link. */
static int check_cached(const char *path, struct lb_file_id id) {
  int err = -EAGAIN;
  for (int tries = 0; tries < 10000 && err == -EAGAIN; tries++) {
    usleep(tries > 0 ? 1000 : 0);
    (void)!access(path, F_OK);
    err = lb_file_check(folder.root, path, &id);
  }
  return err;
}

static void check(const char *name, struct lb_file_id id, int want) {
  int fds = count_fds();
  int err = check_cached(path_of(name), id);
  if (err == -ENOSYS || (err == -EINVAL && want != err)) {
    unlink(path_of("a"));
    unlink(path_of("b"));
    skip(); /* Linux before 5.12 */
  }
  assert_int_equal(err, want);
  assert_int_equal(count_fds(), fds);
}

FILE_TEST(the_file_of_a_socket_is_told_from_another_one) {
  struct lb_file_id a = bind_file("a"), b = bind_file("b");
  check("a", a, 0);
  check("b", b, 0);
  check("a", b, -ESTALE);
  assert_int_equal(symlink("a", path_of("link")), 0);
  check("link", a, 0);
  check("link", b, -ESTALE);
  unlink(path_of("link"));
  unlink(path_of("b"));
  check("b", b, -ENOENT);
  unlink(path_of("a"));
}

/* A lookup that is not in the cache would read the disk or ask a server. */
FILE_TEST(a_path_that_is_not_cached_is_unknown) {
  struct lb_file_id id = {1, 1};
  int err = lb_file_check("/proc", path_of("never/looked/up"), &id);
  assert_true(err == -EAGAIN || err == -ENOENT || err == -ENOSYS ||
              err == -EINVAL);
}

/* On btrfs, and on an overlay of two file systems. */
FILE_TEST(if_stat_has_another_device_that_of_the_mount_counts) {
  struct lb_file_id id = bind_file("a");
  char name[64], line[2048];
  uint32_t dev = id.dev;
  id.dev = 259 << 20 | 65537;
  check("a", id, -ENODATA); /* no fdinfo */
  int fd = dup(STDIN_FILENO);
  close(fd); /* the next one */
  snprintf(name, sizeof(name), "self/fdinfo/%d", fd);
  write_proc(&folder, name,
             "pos:\t0\nflags:\t012000000\nmnt_id:\t35\nino:\t3\n");
  check("a", id, -ENODATA); /* no mountinfo */
  snprintf(line, sizeof(line),
           "34 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
           "36 1 8:2 / /%01500d35 1 8:3 / rw\n",
           0);
  write_proc(&folder, "self/mountinfo", line);
  check("a", id, -ENODATA); /* not listed */
  snprintf(line + strlen(line), sizeof(line) - strlen(line),
           "35 34 malformed\n");
  write_proc(&folder, "self/mountinfo", line);
  check("a", id, -ENODATA);
  snprintf(line + strlen(line), sizeof(line) - strlen(line),
           "35 34 259:65537 / /a rw - btrfs /dev/sdb rw\n");
  write_proc(&folder, "self/mountinfo", line);
  check("a", id, 0);
  struct lb_file_id got = {0};
  assert_int_equal(lb_file_find(folder.root, path_of("a"), true, &got), 0);
  assert_memory_equal(&got, &id, sizeof(id));
  assert_int_equal(lb_file_find(folder.root, path_of("a"), false, &got), 0);
  assert_int_equal(got.dev, dev);
  id.dev++;
  check("a", id, -ESTALE);
  id.dev = dev;
  check("a", id, 0);
  unlink(path_of("self/mountinfo"));
  unlink(path_of(name));
  unlink(path_of("a"));
}

int main(void) { return run_all_tests(NULL, NULL); }
