// SPDX-License-Identifier: MIT
/* Which sockets count if the file at their path is another one, and how often
 * that is asked. Each step gives "LABEL QUEUE/LIMIT, " of what is reported. */
#include "core/unix_files.h"

#include "collector_fixture.h"
#include "unit.h"

static const struct story stories[] = {
    {"a socket that is not the file of its path is no listener's",
     {{"select /run/a; paths; listen 1 /run/a queue 1 file foreign;"
       "listen 2 /run/b queue 2 file foreign; listen 3 /run/c file own; end",
       "run-a 0/0, run-c 0/8, "},
      {"listen 4 /run/a queue 3 file own; listen 5 /run/b queue 4 file own;"
       "end",
       "run-a 3/8, run-c 0/8, run-b 4/8, "}}},
    {"an unknown file counts until there is another one at the path",
     {{"paths; listen 1 /run/a queue 1 file unknown; end; end", "run-a 1/8, "},
      {"set 1 file foreign; sample; end", "run-a 1/8, "},
      {"end", ""},
      {"set 1 file unknown; end; end", ""},
      {"set 1 file own; end; end", "run-a 1/8, "}}},
    {"a server that was the file stays when another one takes the path",
     {{"paths; listen 1 /run/a queue 1 file own; end", "run-a 1/8, "},
      {"set 1 file foreign; listen 2 /run/a queue 2 file own; end; end",
       "run-a 3/16, "},
      {"close 1; end", "run-a 2/8, "}}},
    {"a socket that becomes the file of its path is found",
     {{"paths; listen 1 /run/a queue 1 file foreign; end", ""},
      {"set 1 file own; end; sample", "run-a 1/8, "}}},
    {"the file of a path takes the label from another name",
     {{"paths; listen 1 /run-a file unknown; listen 2 @x/a; listen 3 /@x-a;"
       "end",
       "run-a 0/8, @x-a 0/8, "},
      {"listen 4 /run/a queue 4 file own; end", "@x-a 0/8, run-a 4/8, "},
      {"set 1 file own; end; end", "@x-a 0/8, run-a 4/8, "}}},
    {"the file of a path gets the label when it is known",
     {{"paths; listen 1 /run-a file unknown; end;"
       "listen 2 /run/a queue 2 file unknown; end",
       "run-a 0/8, "},
      {"set 2 file own; end; sample", "run-a 2/8, "}}},
    {"a port takes the label of a file",
     {{"paths; listen 1 /80 file own; end; listen 2 80 queue 2; end",
       "80 2/8, "}}},
};

TEST_CASE(sockets_count_if_no_other_file_is_at_their_path) {
  play_stories(stories, LEN(stories), assert_sums);
}

static const struct story told[] = {
    {"a path with another file is told once",
     {{"paths; select /run/a; listen 1 /run/a file foreign;"
       "listen 2 /run/a file foreign; listen 3 /b file foreign; end",
       "run-a of the UNIX socket \"/run/a\": another file\n"
       "b of the UNIX socket \"/b\": another file\n"},
      {"end; end", ""}}},
    {"a label that is used comes before a path with another file",
     {{"paths; listen 1 /a file foreign; listen 2 /b/c; listen 3 /b-c; end",
       "b-c of the UNIX socket \"/b-c\": taken\n"
       "a of the UNIX socket \"/a\": another file\n"}}},
};

TEST_CASE(paths_with_another_file_are_told) {
  play_stories(told, LEN(told), assert_conflicts);
}

TEST_ON_KERNEL(only_what_matters_is_checked_and_the_file_only_once) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  static const struct {
    const char *script;
    int checks;
  } steps[] = {
      {"select /a; listen 1 /a file own; listen 2 /b file own; listen 3 80;"
       "listen 4 /a; sample",
       1},
      {"end; sample; end", 0},
      {"close 4; listen 5 /a file foreign; sample", 1},
      {"sample; sample; sample", 0},
      {"end; sample; end", 2},
      {"close 5; sample; end", 0},
      {"ignore /c; paths; sample", 2}, /* the collector begins anew */
      {"listen 6 /c file own; listen 7 @d file own; listen 8 e file own;"
       "sample; end",
       0},
      {"netns blue; end", 0}, /* it may have other files */
  };
  for (size_t i = 0; i < LEN(steps); i++) {
    kernel->checks = 0;
    play(fixture, steps[i].script);
    if (kernel->checks != steps[i].checks)
      fail_msg("%d checks: %s", kernel->checks, steps[i].script);
  }
}

TEST_ON_KERNEL(many_unknown_files_are_checked_in_turn) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  char name[32];
  play(fixture, "paths");
  for (unsigned i = 1; i < MAX_SOCKETS; i++) {
    snprintf(name, sizeof(name), "/%u", i);
    listen_at(kernel, i, name)->file = (struct lb_file_id){i, 1};
    listening_of(kernel, i)->file_err = -ENOENT;
  }
  sample(fixture);
  assert_int_equal(kernel->checks, MAX_SOCKETS - 1);
  for (int most = 64, i = 1; i <= 2; i++) {
    interval(fixture);
    assert_int_equal(kernel->checks, MAX_SOCKETS - 1 + most * i);
  }
}

/* --- configured paths ---------------------------------------------------- */

static const struct story configured[] = {
    {"a configured path has the socket that is its file, under any name",
     {{"select /var/a; select /srv/b; paths; listen 1 /run/a queue 1 file own;"
       "listen 2 b queue 2 file own; link /var/a 1; link /srv/b 2; end",
       "var-a 1/8, srv-b 2/8, "},
      {"set 1 queue 3; end", "var-a 3/8, srv-b 2/8, "},
      {"close 1; unlink; end; end", "var-a 0/0, srv-b 2/8, "}}},
    {"a server that renames its socket over the old one is one listener",
     {{"select /h; listen 1 /h.1.tmp queue 1 file own; link /h 1; end",
       "h 1/8, "},
      {"listen 2 /h.2.tmp queue 2 file own; sample; link /h 2; sample; end",
       "h 2/8, "},
      {"close 1; end; end", "h 2/8, "},
      {"close 2; listen 3 /h queue 3 file own; link /h 3; end", "h 3/8, "}}},
    {"a file that is renamed later is found in the next interval",
     {{"select /a; listen 1 /b queue 1 file own; end", "a 0/0, "},
      {"link /a 1; end", "a 1/8, "}}},
    {"a link that leads elsewhere takes the listener along",
     {{"select /now; select /blue; listen 1 /blue queue 1 file own;"
       "listen 2 /green queue 2 file own; link /now 1; end",
       "now 1/8, blue 1/8, "},
      {"link /now 2; end", "now 2/8, blue 1/8, "}}},
    {"a file that has gone leaves the socket to its listener",
     {{"select /a; listen 1 /b queue 1 file own; link /a 1; end", "a 1/8, "},
      {"unlink; end; end; end", "a 1/8, "}}},
    {"the file counts, and not a foreign socket with the name",
     {{"select /a; listen 1 /a queue 1 file foreign; listen 2 /b queue 2 file "
       "own; link /a 2; end",
       "a 2/8, "}}},
    {"the file counts as well, if nothing tells whose file the name is",
     {{"select /a; listen 1 /a queue 1 file unknown; listen 2 /b queue 2 file "
       "own; link /a 2; end",
       "a 3/16, "}}},
    {"a service that names a file in two ways has it once",
     {{"service api /a /var/a /b /a*; listen 1 /a queue 1 file own;"
       "link /a 1; link /var/a 1; link /b 1; end; end",
       "api 1/8, "}}},
    {"a file counts for all listeners that name it",
     {{"select /a; select /b; service api /c; listen 1 /x queue 1 file own;"
       "link /a 1; link /b 1; link /c 1; end",
       "a 1/8, b 1/8, api 1/8, "}}},
    {"a file that is ignored is not found by its name",
     {{"ignore /var/a; paths; listen 1 /run/a file own; link /var/a 1; end",
       ""}}},
    {"a file counts for a pattern and for its configured path",
     {{"select /run/*; select /var/a; listen 1 /run/a queue 1 file own;"
       "link /var/a 1; end; end",
       "var-a 1/8, run-a 1/8, "}}},
    {"a pattern has sockets by their names only",
     {{"service api /a; service like /a*; select /a*; listen 1 /a queue 1;"
       "listen 2 /b queue 2 file own; link /a 2; end",
       "api 3/16, like 1/8, a 1/8, "}}},
    {"a service has a socket by its file and by a pattern once",
     {{"service api /a /b*; listen 1 /b queue 1 file own; link /a 1; end",
       "api 1/8, "}}},
    {"stat() may have another device than the mount",
     {{"select /a; select /b; listen 1 /x queue 1 file own;"
       "listen 2 /y queue 2 file own; link /a 1 mount; link /b 2; end",
       "a 1/8, b 2/8, "}}},
    {"configured paths lead to files in other namespaces, too",
     {{"select /a; netns blue; listen 1 /b queue 1 file own; link /a 1; end",
       "blue:a 1/8, "}}},
    {"of the configuration, relative and abstract names have no file",
     {{"select a; select @a; listen 1 /b file own; link a 1; link @a 1; end",
       ".-a 0/0, @a 0/0, "}}},
};

TEST_CASE(sockets_count_for_the_configured_path_of_their_file) {
  play_stories(configured, LEN(configured), assert_sums);
}

TEST_ON_KERNEL(a_foreign_socket_that_a_configured_path_has_is_not_told) {
  play(*state, "select /a; paths; listen 1 /b file foreign; link /a 1; end");
  assert_sums(*state, "a 0/8, ");
  assert_conflicts(*state, "");
}

TEST_ON_KERNEL(configured_paths_are_looked_at_if_there_is_a_reason) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  static const struct {
    const char *script;
    int finds;
  } steps[] = {
      {"select /a; select @b; select /c; sample", 0}, /* no socket has a file */
      {"listen 1 /a file own; sample", 2},
      {"sample", 2}, /* it may be renamed by now */
      {"sample; sample", 0},
      {"end; sample; sample", 2},
      {"listen 2 @x; listen 3 80; sample", 0},
      {"listen 4 /x file unknown; sample; sample; sample", 4},
      {"close 4; sample; sample", 0},
      {"select /d; end; sample", 6}, /* the collector begins anew */
  };
  for (size_t i = 0; i < LEN(steps); i++) {
    kernel->finds = 0;
    play(fixture, steps[i].script);
    if (kernel->finds != steps[i].finds)
      fail_msg("%d finds: %s", kernel->finds, steps[i].script);
  }
}

TEST_ON_KERNEL(of_many_configured_paths_a_sample_looks_at_64) {
  struct fixture *fixture = *state;
  static const int finds[] = {100, 64, 36, 0};
  char name[32];
  for (unsigned i = 1; i <= 100; i++) {
    snprintf(name, sizeof(name), "/%u", i);
    struct lb_unix_name each = path(name);
    assert_int_equal(lb_settings_add_unix_name(&fixture->settings, &each), 0);
  }
  play(fixture, "only; listen 1 /x queue 1 file own");
  for (size_t i = 0; i < LEN(finds); i++) {
    fixture->kernel.finds = 0;
    sample(fixture);
    assert_int_equal(fixture->kernel.finds, finds[i]);
  }
  assert_sockets(fixture, "");
  play(fixture, "end; link /98 1");
  for (size_t i = 1; i < LEN(finds); i++) {
    fixture->kernel.finds = 0;
    sample(fixture);
    assert_int_equal(fixture->kernel.finds, finds[i]);
  }
  assert_sockets(fixture, "\"/x\" 1\n");
}

/* Users can get any inode number in a file system of their own. */
TEST_ON_KERNEL(foreign_inodes_make_4_looks_at_mounts_per_sample) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  play(fixture, "select /a; select /b; select /c; select /d;"
                "listen 1 /1 queue 1 file own; listen 2 /2 file own;"
                "listen 3 /3 file own; listen 4 /4 queue 4 file own;"
                "link /a 1 mount; link /b 2; link /c 3; link /d 4 mount");
  for (uint64_t i = 0; i < 40; i++)
    listen_at(kernel, 100 + i, "/x")->file =
        (struct lb_file_id){1 + (uint32_t)i % 4, 1000 + (uint32_t)i};
  sample(fixture);
  assert_int_equal(kernel->finds, 6);
  play(fixture, "end");
  assert_sums(fixture, "a 1/8, b 0/8, c 0/8, d 4/8, ");
}

int main(void) { return run_all_tests(NULL, NULL); }
