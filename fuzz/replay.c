// SPDX-License-Identifier: MIT
/* The part of libFuzzer that make check needs, for any compiler: feeds files to
 * a fuzz target, one after another, and reports them in TAP.
 *
 * usage: fuzz_TARGET [FILE|DIRECTORY]...
 *
 * Without arguments: the target's seeds, those of the source tree and those
 * that seeds.py made from recordings. Each runs in a process of its own, so an
 * input that kills the target is reported as failed. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned tested, wrong;

static int feed(const char *path) {
  FILE *file = fopen(path, "re");
  struct stat status;
  if (!file || fstat(fileno(file), &status)) {
    perror(path);
    return EXIT_FAILURE;
  }
  size_t len = (size_t)status.st_size;
  uint8_t *bytes = malloc(len);
  if ((len && !bytes) || fread(bytes, 1, len, file) != len) {
    perror(path);
    return EXIT_FAILURE;
  }
  fclose(file);
  LLVMFuzzerTestOneInput(bytes, len);
  free(bytes);
  return EXIT_SUCCESS;
}

/* The name of a seed within fuzz/seeds or fuzz/recorded. */
static const char *name_of(const char *path) {
  const char *at = path + strlen(path);
  for (int slashes = 0; at > path; at--)
    if (at[-1] == '/' && ++slashes == 2)
      return at;
  return path;
}

static void test(const char *path) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    exit(feed(path)); /* through the leak sanitizer, if there is one */
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  wrong += status != 0;
  printf("%sok %u - %s\n", status ? "not " : "", ++tested, name_of(path));
  if (status)
    printf("# %s: %s %d\n", path,
           WIFSIGNALED(status) ? "signal" : "exit status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* A file, or all files in a directory. */
static void test_all(const char *path) {
  struct dirent **entries;
  int len = scandir(path, &entries, is_visible, alphasort);
  if (len < 0) {
    test(path);
    return;
  }
  for (int i = 0; i < len; i++) {
    char *inside;
    CHECK(asprintf(&inside, "%s/%s", path, entries[i]->d_name) > 0);
    test(inside);
    free(inside);
    free(entries[i]);
  }
  free(entries);
}

static void test_seeds(const char *root, const char *kind, const char *target) {
  char *path;
  CHECK(asprintf(&path, "%s/fuzz/%s/%s", root ? root : ".", kind, target) > 0);
  if (access(path, F_OK) == 0)
    test_all(path);
  free(path);
}

int main(int argc, char **argv) {
  const char *target = strstr(program_invocation_short_name, "fuzz_");
  for (int i = 1; i < argc; i++)
    test_all(argv[i]);
  if (argc == 1 && target) {
    test_seeds(getenv("LB_SRCDIR"), "seeds", target + strlen("fuzz_"));
    test_seeds(getenv("LB_BUILDDIR"), "recorded", target + strlen("fuzz_"));
  }
  printf("1..%u\n", tested);
  if (tested == 0)
    fprintf(stderr, "no seeds: run make fuzz-seeds in the build folder\n");
  return wrong || !tested ? EXIT_FAILURE : EXIT_SUCCESS;
}
