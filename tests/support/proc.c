// SPDX-License-Identifier: MIT
#include "proc.h"

#include "unit.h"

const char *proc_path(struct proc *proc, const char *name) {
  snprintf(proc->path, sizeof(proc->path), "%s/%s", proc->root, name);
  return proc->path;
}

void make_proc(struct proc *proc, const char *test) {
  static const char *const folders[] = {"net", "sys", "sys/net",
                                        "sys/net/core"};
  const char *tmp = getenv("TMPDIR");
  snprintf(proc->root, sizeof(proc->root), "%s/%s.XXXXXX",
           tmp && strlen(tmp) < 40 ? tmp : "/tmp", test);
  assert_non_null(mkdtemp(proc->root));
  for (size_t i = 0; i < LEN(folders); i++)
    assert_int_equal(mkdir(proc_path(proc, folders[i]), 0700), 0);
}

void write_proc(struct proc *proc, const char *name, const char *text) {
  FILE *file = fopen(proc_path(proc, name), "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

void remove_proc(struct proc *proc) {
  static const char *const names[] = {"net/netstat",  "sys/net/core/somaxconn",
                                      "sys/net/core", "sys/net",
                                      "sys",          "net"};
  for (size_t i = 0; i < LEN(names); i++)
    remove(proc_path(proc, names[i]));
  remove(proc->root);
}

int count_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  int count = -3; /* ".", ".." and the directory itself */
  assert_non_null(dir);
  while (readdir(dir))
    count++;
  closedir(dir);
  return count;
}
