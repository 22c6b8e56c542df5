// SPDX-License-Identifier: MIT
/* Which listeners have which hint, and when. Each step gives "LABEL
 * at|raised|overflowed SOCKETS, " of the hints that are due. */
#include "core/hints.h"

#include "collector_fixture.h"
#include "unit.h"

static const struct story stories[] = {
    {"a limit that is not somaxconn gives no hint",
     {{"somaxconn 128; listen 1 80 limit 127; listen 2 81 limit 129; end", ""},
      {"somaxconn 256; end", ""}}},
    {"a listener with a limit of somaxconn gives one hint, also if its sockets "
     "come and go",
     {{"somaxconn 128; listen 1 80 limit 128; listen 2 80 limit 128;"
       "listen 3 443 limit 127; end",
       "80 at 2, "},
      {"sample; end", ""},
      {"listen 4 443 limit 128; end", "443 at 1, "},
      {"close 1; listen 5 80 limit 128; end; close 2; end", ""},
      {"close 5; end; listen 6 80 limit 128; end", ""}}},
    {"a listener gives its hint when its limit reaches somaxconn",
     {{"somaxconn 128; listen 1 80 limit 5; end", ""},
      {"set 1 limit 128; end", "80 at 1, "}}},
    {"each limit has its own hint",
     {{"somaxconn 128; listen 1 80 limit 128; end", "80 at 1, "},
      {"somaxconn 256; listen 2 80 limit 256; end", "80 at 1, "}}},
    {"a raised somaxconn gives one hint to each listener that was at it",
     {{"somaxconn 128; listen 1 80 limit 128; listen 2 80 limit 127; end",
       "80 at 1, "},
      {"somaxconn 1024; end", "80 raised 1, "},
      {"somaxconn 4096; sample; end", ""},
      {"listen 3 80 limit 128; end", ""}}},
    {"a server that calls listen() again after the raise has no hint",
     {{"somaxconn 128; listen 1 80 limit 128; end", "80 at 1, "},
      {"somaxconn 1024; set 1 limit 1000; end", ""},
      {"somaxconn 4096; end", ""}}},
    {"a lowered somaxconn gives no hint, a raise after it does",
     {{"somaxconn 128; listen 1 80 limit 128; end", "80 at 1, "},
      {"somaxconn 64; end; somaxconn 128; end", ""},
      {"somaxconn 129; end", "80 raised 1, "}}},
    {"UNIX sockets give the same hints",
     {{"paths; listen 1 /run/a limit 4096; listen 2 /run/b limit 4095; end",
       "run-a at 1, "},
      {"somaxconn 8192; sample; end", "run-a raised 1, "}}},
    {"a UNIX name that was forgotten and comes back gives no hint again",
     {{"paths; listen 1 /run/a limit 4096; end", "run-a at 1, "},
      {"close 1; end; end; end; listen 2 /run/b limit 4096; end",
       "run-b at 1, "},
      {"listen 3 /run/a limit 4096; end", ""},
      {"somaxconn 128; listen 4 /run/a limit 128; end", "run-a at 1, "}}},
    {"a hint waits until its listener is reported",
     {{"service api 80 /run/api; listen 1 80 limit 4096;"
       "listen 2 /run/api limit 4096; sample; fail paths; end",
       ""},
      {"work; end", "api at 2, "}}},
    {"without somaxconn there are no hints",
     {{"listen 1 80 limit 4096; somaxconn 0; end", ""},
      {"somaxconn 4096; end", "80 at 1, "}}},
    {"a socket of two listeners gives its hint to both",
     {{"select 80; service api 80 /run/api; listen 1 80 limit 4096; end",
       "80 at 1, api at 1, "}}},
    {"the first overflow at a limit of somaxconn gives another hint, once",
     {{"somaxconn 8; listen 1 80; listen 2 81 limit 7; sample; end",
       "80 at 1, "},
      {"overflow 2 3; end", ""},
      {"overflow 1 3; end", "80 overflowed 1, "},
      {"overflow 1 3; end; close 1; listen 3 80; overflow 3 1; end", ""},
      {"somaxconn 16; listen 4 80 limit 16; overflow 4 1; end",
       "80 overflowed 1, "}}},
    {"an overflow is one hint with a limit that is new",
     {{"somaxconn 8; end; listen 1 80; sample; overflow 1 1; end",
       "80 overflowed 1, "},
      {"end", ""}}},
    {"a UNIX socket that was full has overflowed",
     {{"somaxconn 8; paths; listen 1 /a queue 8; listen 2 /b queue 9; end",
       "a at 1, b overflowed 1, "},
      {"set 1 queue 9; sample; set 1 queue 0; end", "a overflowed 1, "},
      {"set 1 queue 9; set 2 queue 0; end; set 2 queue 9; end", ""},
      {"close 2; end; end; listen 3 /b; end", ""}}},
};

TEST_CASE(listeners_give_the_hints_that_the_stories_want) {
  play_stories(stories, LEN(stories), assert_hints);
}

static const struct story late[] = {
    {"a hint stays due until it is told",
     {{"somaxconn 128; listen 1 80 limit 128; end; end; sample; end",
       "80 at 1, "}}},
    {"a hint that is no longer true is not told",
     {{"somaxconn 128; listen 1 80 limit 128; end; set 1 limit 9; end", ""},
      {"set 1 limit 128; end; somaxconn 256; end", "80 raised 1, "}}},
    {"a hint of a UNIX name that has gone is not told",
     {{"paths; listen 1 /a limit 4096; end; close 1; end; end; end", ""}}},
};

TEST_CASE(hints_are_due_until_they_are_told) {
  play_stories(late, LEN(late), assert_hints);
}

TEST_ON_KERNEL(the_hints_of_the_last_256_unix_names_are_remembered) {
  struct fixture *fixture = *state;
  char script[64], want[32];
  play(fixture, "paths");
  for (unsigned i = 0; i <= LB_HINTS_REMEMBERED + 1; i++) {
    unsigned name = i % (LB_HINTS_REMEMBERED + 1);
    snprintf(script, sizeof(script), "listen %u /%u limit 4096; end", i + 1,
             1000 + name);
    snprintf(want, sizeof(want), "%u at 1, ", 1000 + name);
    play(fixture, script);
    assert_hints(fixture, want);
    snprintf(script, sizeof(script), "close %u; end; end; end", i + 1);
    play(fixture, script);
  }
  play(fixture, "listen 9999 /1002 limit 4096; end");
  assert_hints(fixture, "");
}

static void listen_after_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0 && kernel->len == 1) {
    listen_on(kernel, 2, 443)->limit = 4096;
    overflow(kernel, 2, 1);
  }
}

TEST_ON_KERNEL(a_socket_found_by_the_last_dump_hints_in_the_next_interval) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; end");
  fixture->kernel.before = listen_after_netstat;
  interval(fixture);
  assert_hints(fixture, "");
  interval(fixture);
  assert_hints(fixture, "443 at 1, ");
}

int main(void) { return run_all_tests(NULL, NULL); }
