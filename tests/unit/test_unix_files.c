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
  interval(fixture);
  assert_int_equal(kernel->checks, 2 * (MAX_SOCKETS - 1));
}

int main(void) { return run_all_tests(NULL, NULL); }
