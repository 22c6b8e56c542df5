// SPDX-License-Identifier: MIT
/* Which sockets give which hint, and when. Each step gives
 * "LABEL AT_SOMAXCONN SOMAXCONN_RAISED, " of the listeners with hints. */
#include "core/hints.h"

#include "collector_fixture.h"
#include "unit.h"

static const struct story stories[] = {
    {"a limit that is not somaxconn gives no hint",
     {{"somaxconn 128; listen 1 80 limit 127; listen 2 81 limit 129; end", ""},
      {"somaxconn 256; end", ""}}},
    {"each socket with a limit of somaxconn gives one hint",
     {{"somaxconn 128; listen 1 80 limit 128; listen 2 80 limit 128;"
       "listen 3 443 limit 127; end",
       "80 2 0, "},
      {"sample; end", ""},
      {"listen 4 443 limit 128; end", "443 1 0, "}}},
    {"a socket gives its hint when its limit reaches somaxconn",
     {{"somaxconn 128; listen 1 80 limit 5; end", ""},
      {"set 1 limit 128; end", "80 1 0, "}}},
    {"a raised somaxconn gives one hint for each socket that was at it",
     {{"somaxconn 128; listen 1 80 limit 128; listen 2 80 limit 127; end",
       "80 1 0, "},
      {"somaxconn 1024; end", "80 0 1, "},
      {"somaxconn 4096; sample; end", ""}}},
    {"a socket that calls listen() again after the raise gives no hint",
     {{"somaxconn 128; listen 1 80 limit 128; end", "80 1 0, "},
      {"somaxconn 1024; set 1 limit 1024; end", ""},
      {"somaxconn 4096; end", ""}}},
    {"a lowered somaxconn gives no hint, a raise after it does",
     {{"somaxconn 128; listen 1 80 limit 128; end", "80 1 0, "},
      {"somaxconn 64; end; somaxconn 128; end", ""},
      {"somaxconn 129; end", "80 0 1, "}}},
    {"UNIX sockets give the same hints",
     {{"paths; listen 1 /run/a limit 4096; listen 2 /run/b limit 4095; end",
       "run-a 1 0, "},
      {"somaxconn 8192; sample; end", "run-a 0 1, "}}},
    {"a hint waits until its listener is reported",
     {{"service api 80 /run/api; listen 1 80 limit 4096;"
       "listen 2 /run/api limit 4096; sample; fail paths; end",
       ""},
      {"work; end", "api 2 0, "}}},
    {"without somaxconn there are no hints",
     {{"listen 1 80 limit 4096; somaxconn 0; end", ""},
      {"somaxconn 4096; end", "80 1 0, "}}},
    {"a socket of two listeners gives its hint to both",
     {{"select 80; service api 80 /run/api; listen 1 80 limit 4096; end",
       "80 1 0, api 1 0, "}}},
};

TEST_CASE(sockets_give_the_hints_that_the_stories_want) {
  play_stories(stories, LEN(stories), assert_hints);
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
  assert_hints(fixture, "443 1 0, ");
}

int main(void) { return run_all_tests(NULL, NULL); }
