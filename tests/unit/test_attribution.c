// SPDX-License-Identifier: MIT
/* Which listener gets which part of the namespace's drops and overflows: the
 * rule alone, then samples of a kernel that drops. */
#include "core/attribution.h"
#include "core/evidence.h"

#include "collector_fixture.h"
#include "memory.h"
#include "unit.h"

/* --- the rule ------------------------------------------------------------ */

#define MAX 4

/* Movements, with "?" for an unlikely socket, "!" for one that is known to move
 * without drops, "*" for a full one, and "=N" if N drops are expected of it;
 * then "DROPS/OVERFLOWS" of each socket and of what is left over. */
static const struct {
  const char *name, *movers;
  struct lb_increments increments;
  const char *want;
} cases[] = {
    {"nothing moved", "", {3, 2}, "left 3/2"},
    {"noise without increments gets nothing",
     "500 20*",
     {0, 0},
     "0/0 0/0 left 0/0"},
    {"one mover gets all", "10*", {7, 7}, "7/7 left 0/0"},
    {"one mover gets all, even if it was not full",
     "10",
     {7, 5},
     "7/5 left 0/0"},
    {"a dropped final ACK moves sk_drops twice and counts once",
     "200*",
     {100, 100},
     "100/100 left 0/0"},
    {"full sockets come first", "100 30*", {30, 30}, "0/0 30/30 left 0/0"},
    {"what exceeds the movement of full sockets goes to the others",
     "100 30*",
     {40, 40},
     "10/10 30/30 left 0/0"},
    {"shares are in proportion to the movement",
     "300* 100*",
     {200, 200},
     "150/150 50/50 left 0/0"},
    {"likely sockets come before unlikely ones",
     "90? 20 7!",
     {30, 30},
     "10/10 20/20 0/0 left 0/0"},
    {"what is known to move without drops comes last",
     "90! 20?",
     {30, 30},
     "10/10 20/20 left 0/0"},
    {"a likely socket leaves to the others what is not expected of it",
     "90*=10 20 50?",
     {30, 30},
     "10/10 20/20 0/0 left 0/0"},
    {"but it gets that before unlikely sockets do",
     "90*=10 20 50?",
     {60, 60},
     "40/40 20/20 0/0 left 0/0"},
    {"after what is expected, sockets share what is left",
     "90*=10 90*=50 50?",
     {100, 100},
     "36/36 64/64 0/0 left 0/0"},
    {"among unlikely sockets the expected part comes first as well",
     "90?=10 90?=20",
     {40, 40},
     "15/15 25/25 left 0/0"},
    {"no unit is lost to rounding", "1* 1* 1*", {2, 2}, "0/0 1/1 1/1 left 0/0"},
    {"no socket gets more than it moved", "2* 3", {9, 9}, "2/2 3/3 left 4/4"},
    {"drops that are no overflows come out of the rest",
     "10* 10",
     {14, 6},
     "10/6 4/0 left 0/0"},
    {"an overflow without a drop is left over", "10*", {2, 3}, "2/2 left 0/1"},
    {"shares stay in proportion if a product exceeds 64 bits",
     "4294967295* 4294967295* 4294967295*",
     {6442450942, 0},
     "2147483647/0 2147483647/0 2147483648/0 left 0/0"},
    {"sums beyond 32 bits are exact",
     "4294967295* 4294967295*",
     {8589934590, 4294967296},
     "4294967295/2147483648 4294967295/2147483648 left 0/0"},
};

static uint8_t rank_of(char mark) {
  switch (mark) {
  case '*':
    return LB_MOVER_FULL;
  case '?':
    return LB_MOVER_SUSPECT;
  case '!':
    return 0;
  default:
    return LB_MOVER_LIKELY;
  }
}

static size_t read_movers(const char *text,
                          struct lb_mover movers[static MAX]) {
  size_t len = 0;
  while (*text) {
    char *end;
    uint32_t movement = (uint32_t)strtoul(text, &end, 10);
    uint8_t rank = rank_of(*end);
    end += strspn(end, "*?!");
    uint32_t expected =
        *end == '=' ? (uint32_t)strtoul(end + 1, &end, 10) : movement;
    movers[len++] = (struct lb_mover){.movement = movement,
                                      .expected = expected,
                                      .rank = {rank, rank},
                                      .drops = 77,
                                      .overflows = 77};
    text = end + strspn(end, " ");
  }
  return len;
}

TEST_CASE(the_rule_splits_as_the_table_says) {
  for (size_t c = 0; c < LEN(cases); c++) {
    struct text got = {.len = 0};
    struct lb_mover movers[MAX];
    print_message("# %s\n", cases[c].name);
    size_t len = read_movers(cases[c].movers, movers);
    struct lb_increments left =
        lb_attribution_split(movers, len, cases[c].increments, 0);
    for (size_t i = 0; i < len; i++)
      say(&got, "%u/%u ", movers[i].drops, movers[i].overflows);
    say(&got, "left %u/%u", (unsigned)left.drops, (unsigned)left.overflows);
    assert_string_equal(got.at, cases[c].want);
  }
}

TEST_CASE(what_moves_without_drops_gets_none_while_a_socket_is_missing) {
  struct lb_mover movers[] = {
      {.movement = 90, .expected = 90},
      {.movement = 20, .rank = {LB_MOVER_SUSPECT, LB_MOVER_SUSPECT}}};
  struct lb_increments left = lb_attribution_split(
      movers, LEN(movers), (struct lb_increments){30, 30}, LB_MOVER_SUSPECT);
  assert_int_equal(movers[0].drops, 0);
  assert_int_equal(movers[1].overflows, 20);
  assert_int_equal(left.overflows, 10);
}

static uint32_t draw(unsigned *seed) {
  switch (rand_r(seed) % 4) {
  case 0:
    return (uint32_t)rand_r(seed) % 3;
  case 1:
    return UINT32_MAX - (uint32_t)rand_r(seed) % 3;
  default:
    return (uint32_t)rand_r(seed) % 1000;
  }
}

/* Products of four movements near 2^32 and their sum exceed 64 bits. */
TEST_CASE(each_unit_gets_exactly_one_place) {
  unsigned seed = 20;
  for (int round = 0; round < 200000; round++) {
    struct lb_mover movers[MAX] = {{0}};
    bool is_huge = round % 2;
    size_t len = is_huge ? MAX : (size_t)rand_r(&seed) % (MAX + 1);
    uint64_t movement = 0, drops = 0, overflows = 0;
    for (size_t i = 0; i < len; i++) {
      movers[i].movement =
          is_huge ? UINT32_MAX - (uint32_t)rand_r(&seed) % 3 : draw(&seed);
      movers[i].expected =
          movers[i].movement / (uint32_t)(1 + rand_r(&seed) % 3);
      for (int cause = 0; cause < LB_CAUSES && !is_huge; cause++)
        movers[i].rank[cause] = (uint8_t)(rand_r(&seed) % (LB_MOVER_FULL + 1));
      movement += movers[i].movement;
    }
    uint64_t most = movement - (uint64_t)rand_r(&seed) % 5;
    struct lb_increments given = {draw(&seed), draw(&seed)};
    if (is_huge)
      given = (struct lb_increments){most, most};
    struct lb_increments left = lb_attribution_split(movers, len, given, 0);
    for (size_t i = 0; i < len; i++) {
      assert_true(movers[i].overflows <= movers[i].drops);
      assert_true(movers[i].drops <= movers[i].movement);
      drops += movers[i].drops;
      overflows += movers[i].overflows;
    }
    assert_int_equal(drops + left.drops, given.drops);
    assert_int_equal(overflows + left.overflows, given.overflows);
    if (given.drops <= movement)
      assert_int_equal(left.drops, 0);
    if (given.overflows <= given.drops && given.drops <= movement)
      assert_int_equal(left.overflows, 0);
  }
}

/* --- samples ------------------------------------------------------------- */

static const struct story stories[] = {
    {"drops from before the first sample are unattributed",
     {{"listen 1 80; overflow 1 1000; drops 5; end",
       "80 0/0, all 1005/1000, 1000 of none"}}},
    {"a socket that drops alone gets its exact number, whatever else moves it",
     {{"listen 1 80; listen 2 443; end;"
       "overflow 1 7; noise 1 7; drops 2; noise 1 2; end",
       "80 9/7, 443 0/0, all 9/7, 0 of none"}}},
    {"noise gets nothing, and does not explain later drops",
     {{"listen 1 80; end; noise 1 100000; end", "80 0/0, all 0/0, 0 of none"},
      {"overflows 5; drops 5; end", "80 0/0, all 5/5, 5 of none"}}},
    {"a socket that was full in the sample before comes first",
     {{"listen 1 80; listen 2 443 queue 9; end;"
       "noise 1 500; overflow 2 20; set 2 queue 0; end",
       "80 0/0, 443 20/20, all 20/20, 0 of none"}}},
    {"sockets that drop in different samples get their own",
     {{"listen 1 80; listen 2 443; end; overflow 1 10; sample;"
       "noise 2 90; sample; overflow 2 5; end",
       "80 10/10, 443 5/5, all 15/15, 0 of none"}}},
    {"sk_drops wraps at 32 bits",
     {{"listen 1 80 drops 4294967294; end; overflow 1 5; end",
       "80 5/5, all 5/5, 0 of none"}}},
    {"a restarted server keeps its counters; its last drops are unattributed",
     {{"listen 1 80; end; overflow 1 10; end;"
       "overflow 1 3; close 1; listen 2 80; overflow 2 4; end",
       "80 14/14, all 17/17, 3 of none"}}},
    {"a found port without socket is reported once more, and keeps its "
     "counters",
     {{"listen 1 80; end; overflow 1 2; end; close 1; end",
       "80 2/2, all 2/2, 0 of none"},
      {"end", "all 2/2, 0 of none"},
      {"listen 2 80; end", "80 2/2, all 2/2, 0 of none"}}},
    {"a socket that is back after shutdown() counts only new drops",
     {{"listen 1 80; end; overflow 1 40; end; close 1; end;"
       "listen 1 80 drops 40; drops 6; overflows 6; end",
       "80 40/40, all 46/46, 6 of none"}}},
    {"an overflow without a drop waits for one sample",
     {{"listen 1 80; end; overflows 1; end", "80 0/0, all 0/0, 0 of none"},
      {"overflows 1; end", "80 0/0, all 0/1, 1 of none"},
      {"end", "80 0/0, all 0/2, 2 of none"}}},
    {"while netstat cannot be read there are no counters; no drop is lost",
     {{"listen 1 80; end; overflow 1 3; fail netstat; end",
       "80 -/-, all -/-, - of none"},
      {"overflow 1 4; work; end", "80 7/7, all 7/7, 0 of none"}}},
    {"counting starts with the first netstat",
     {{"listen 1 80; fail netstat; end; overflow 1 4; work; end",
       "80 0/0, all 4/4, 4 of none"}}},
};

TEST_CASE(listeners_get_the_shares_that_the_stories_want) {
  play_stories(stories, LEN(stories), assert_shares);
}

/* A step back by at least half of 32 bits is the wrap of a 32-bit kernel. No
 * kernel makes another step back. */
TEST_ON_KERNEL(only_a_wrap_at_32_bits_counts_as_an_increment) {
  struct fixture *fixture = *state;
  static const struct {
    uint64_t before, now, want;
  } steps[] = {
      {UINT32_MAX - 1, 3, 5},           {UINT32_MAX, INT32_MAX - 1, INT32_MAX},
      {UINT32_MAX, INT32_MAX, 0},       {50, 10, 0},
      {(uint64_t)UINT32_MAX + 1, 3, 0},
  };
  for (size_t i = 0; i < LEN(steps); i++) {
    fixture->kernel.cookies = steps[i].before;
    restart(fixture);
    interval(fixture);
    fixture->kernel.cookies = steps[i].now;
    interval(fixture);
    assert_int_equal(counter_of(fixture, "", LB_SYNCOOKIES_SENT),
                     steps[i].before + steps[i].want);
  }
}

TEST_ON_KERNEL(shares_never_go_back) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; end; overflow 1 50; end");
  fixture->kernel.overflows = 10;
  interval(fixture);
  assert_shares(fixture, "80 50/50, all 50/50, 0 of none");
}

/* --- evidence ------------------------------------------------------------ */

/* 443 moves without drops in so many samples; each has what else happens. */
static void play_noise(struct fixture *fixture, int samples, const char *also) {
  for (int i = 0; i < samples; i++) {
    play(fixture, "noise 2 200");
    play(fixture, also);
    play(fixture, "sample");
  }
}

/* The filter alone hardly learns from 20 beside 200. */
TEST_ON_KERNEL(a_little_noise_beside_much_is_known_after_ten_samples) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; listen 2 443; listen 3 444; end");
  play_noise(fixture, 12, "noise 3 20");
  play(fixture, "overflow 1 57; noise 2 200; noise 3 20; sample; end");
  assert_shares(fixture, "80 57/57, 443 0/0, 444 0/0, all 57/57, 0 of none");
}

TEST_ON_KERNEL(noise_that_begins_with_the_first_overflow_gets_nothing) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; listen 2 443; end");
  for (int i = 0; i < 20; i++)
    sample(fixture);
  play(fixture, "overflow 1 57; noise 2 200; sample");
  play_noise(fixture, 8, "noise 2 1");
  play(fixture, "end");
  assert_shares(fixture, "80 57/57, 443 0/0, all 57/57, 0 of none");
}

/* While the collector is new, the end of the interval attributes. */
TEST_ON_KERNEL(the_last_drops_of_a_socket_that_left_earlier_are_unattributed) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; listen 2 443; listen 3 444; overflow 1 1; end");
  play_noise(fixture, 5, "noise 3 200");
  play(fixture, "noise 2 200; noise 3 200; overflow 1 57; close 1; sample;"
                "noise 2 200; noise 3 200; end");
  assert_shares(fixture, "80 0/0, 443 0/0, 444 0/0, all 58/58, 58 of none");
}

TEST_ON_KERNEL(sockets_that_come_and_go_do_not_keep_from_learning) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; listen 2 443; listen 3 1024; end");
  for (int i = 0; i < 20; i++)
    play_noise(fixture, 1,
               i % 2 ? "close 4; listen 3 1024" : "close 3; listen 4 1024");
  play(fixture, "overflow 1 57; noise 2 200; close 3; sample; end");
  assert_shares(fixture, "80 57/57, 443 0/0, 1024 0/0, all 57/57, 0 of none");
}

TEST_ON_KERNEL(known_noise_gets_nothing_of_a_socket_that_no_sample_sees) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; listen 2 443; end");
  play_noise(fixture, 30, "");
  for (int i = 0; i < 5; i++) {
    play(fixture, "drops 500; overflows 500");
    play_noise(fixture, 10, "");
  }
  play(fixture, "end");
  assert_shares(fixture, "80 0/0, 443 0/0, all 2500/2500, 2500 of none");
}

TEST_CASE(chances_ranks_and_expectations_keep_their_range_at_any_movement) {
  unsigned seed = 3;
  struct lb_evidence evidence[MAX] = {{.rounds = 0}};
  uint64_t amount[LB_CAUSES], previous[LB_CAUSES] = {0};
  for (int round = 0; round < 200000; round++) {
    struct lb_mover movers[MAX];
    size_t len = (size_t)rand_r(&seed) % (MAX + 1);
    uint64_t all = 1;
    for (size_t i = 0; i < len; i++) {
      movers[i] =
          (struct lb_mover){.evidence = &evidence[i], .movement = draw(&seed)};
      all += movers[i].movement;
    }
    for (int cause = 0; cause < LB_CAUSES; cause++)
      amount[cause] = rand_r(&seed) % 8 ? (uint64_t)rand_r(&seed) % all
                                        : UINT64_MAX - draw(&seed);
    lb_evidence_learn(movers, len, amount, previous);
    for (size_t i = 0; i < len; i++) {
      const float *chance = evidence[i].chance;
      lb_evidence_judge(&movers[i], false, false);
      assert_true(chance[0] >= 0 && chance[1] >= 0);
      volatile float sum = chance[0] + chance[1]; /* without x87's bits */
      assert_true(sum <= 1);
      assert_true(movers[i].expected <= movers[i].movement);
      assert_true(movers[i].rank[0] + movers[i].rank[1] <=
                  LB_MOVER_NEARLY_FULL);
    }
  }
}

/* Linux before 4.7 */
TEST_ON_KERNEL(a_kernel_without_sk_drops_has_no_shares) {
  struct fixture *fixture = *state;
  listen_on(&fixture->kernel, 1, 80)->has_drops = false;
  play(fixture, "end; drops 9; overflows 9; end");
  assert_shares(fixture, "80 -/-, all 9/9, 9 of none");
}

TEST_ON_KERNEL(a_kernel_without_a_counter_has_no_shares) {
  struct fixture *fixture = *state;
  fixture->kernel.no_overflows = true;
  play(fixture, "listen 1 80; end");
  assert_shares(fixture, "80 -/-, all 0/-, - of none");
}

TEST_CASE(shares_need_the_counters_of_drops_and_overflows) {
  enum { DROPS = 1u << LB_MIB_LISTEN_DROPS };
  enum { OVERFLOWS = 1u << LB_MIB_LISTEN_OVERFLOWS };
  for (unsigned present = 0; present < 1u << LB_MIBS; present++) {
    struct lb_attribution attribution = {.is_primed = false};
    struct lb_socket_table table = {.len = 0};
    struct lb_netstat netstat = {.present = present};
    assert_false(lb_attribution_read(&attribution, &table, &netstat));
    assert_int_equal(lb_attribution_has_shares(&attribution),
                     present & DROPS && present & OVERFLOWS);
  }
}

TEST_CASE(without_memory_nothing_is_attributed) {
  struct lb_socket socket = {.sock = {.sk_drops = 3, .has_drops = true}};
  struct lb_socket_table table = {.v = &socket, .len = 1, .cap = 1};
  struct lb_attribution attribution = {.is_primed = true};
  struct lb_netstat netstat = {.counter = {[LB_MIB_LISTEN_DROPS] = 3}};
  memory.fails = 1;
  assert_int_equal(lb_attribution_begin(&attribution, &table), -ENOMEM);
  assert_int_equal(lb_attribution_begin(&attribution, &table), 0);
  lb_attribution_read(&attribution, &table, &netstat);
  table.cap = 2;
  memory.fails = 1;
  assert_int_equal(lb_attribution_settle(&attribution, &table, NULL, false),
                   -ENOMEM);
  assert_int_equal(attribution.total[LB_MIB_LISTEN_DROPS], 0);
  assert_int_equal(socket.attribution.settled, 0);
  lb_attribution_free(&attribution);
}

/* --- two reads are not one instant --------------------------------------- */

static void overflow_before_netstat(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0)
    overflow(kernel, 1, 5);
}

TEST_ON_KERNEL(a_drop_between_dump_and_counters_is_found) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; end");
  fixture->kernel.before = overflow_before_netstat;
  interval(fixture);
  assert_shares(fixture, "80 5/5, all 5/5, 0 of none");
}

/* The dump before the counters does not show the 5; the noise would cover them.
 */
TEST_ON_KERNEL(a_scan_beside_an_overload_gets_nothing) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80 queue 9; listen 2 443; end;"
                "overflow 1 3; noise 2 100");
  fixture->kernel.before = overflow_before_netstat;
  interval(fixture);
  assert_shares(fixture, "80 8/8, 443 0/0, all 8/8, 0 of none");
}

/* The first overflow of a socket waits for the end of the interval, which reads
 * the counters again. */
TEST_ON_KERNEL(what_moved_alone_before_the_counters_gets_no_drop_of_another) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; listen 2 443; end");
  for (int i = 0; i < 5; i++)
    play(fixture, "noise 2 100; sample");
  play(fixture, "noise 2 100");
  fixture->kernel.before = overflow_before_netstat;
  interval(fixture);
  assert_shares(fixture, "80 10/10, 443 0/0, all 10/10, 0 of none");
}

static void overflow_around_netstat(struct kernel *kernel, const char *read) {
  overflow(kernel, 1, strcmp(read, "netstat") == 0 ? 5 : 3);
}

/* The dump shows 3, the counters 8, the second dump 11. The next sample reads
 * the counters, although nothing has moved since. */
TEST_ON_KERNEL(a_drop_after_the_counters_counts_in_the_next_sample) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  play(fixture, "listen 1 80; end");
  kernel->before = overflow_around_netstat;
  interval(fixture);
  assert_shares(fixture, "80 8/8, all 8/8, 0 of none");
  kernel->before = NULL;
  int netstats = kernel->netstats;
  sample(fixture);
  assert_int_equal(kernel->netstats, netstats + 1);
  interval(fixture);
  assert_shares(fixture, "80 11/11, all 11/11, 0 of none");
}

static void overflow_early(struct kernel *kernel, const char *read) {
  if (strcmp(read, "netstat") == 0)
    kernel->overflows++;
}

TEST_ON_KERNEL(an_overflow_counted_before_its_drop_waits_for_it) {
  struct fixture *fixture = *state;
  play(fixture, "listen 1 80; end");
  fixture->kernel.before = overflow_early;
  interval(fixture);
  assert_shares(fixture, "80 0/0, all 0/0, 0 of none");
  fixture->kernel.before = NULL;
  play(fixture, "noise 1 1; drops 1; end");
  assert_shares(fixture, "80 1/1, all 1/1, 0 of none");
}

static void overflow_and_fail_the_next_dump(struct kernel *kernel,
                                            const char *read) {
  if (strcmp(read, "netstat") == 0) {
    overflow(kernel, 1, 5);
    kernel->dump_err = -ENOBUFS;
  }
}

TEST_ON_KERNEL(samples_that_fail_lose_no_drop) {
  struct fixture *fixture = *state;
  struct lb_sample_errors errors;
  play(fixture, "listen 1 80; end; overflow 1 3; fail dump");
  assert_int_equal(try_interval(fixture, &errors), -ENOBUFS);
  play(fixture, "overflow 1 4");
  assert_int_equal(try_interval(fixture, &errors), -ENOBUFS);
  play(fixture, "work");
  fixture->kernel.before = overflow_and_fail_the_next_dump;
  assert_int_equal(try_interval(fixture, &errors), -ENOBUFS);
  fixture->kernel.before = NULL;
  play(fixture, "work; end");
  assert_shares(fixture, "80 12/12, all 12/12, 0 of none");
}

/* --- another namespace at the same path ---------------------------------- */

/* A namespace restored from a checkpoint may bring the cookies of another one:
 * the first two sockets have not moved from 8. */
TEST_ON_KERNEL(counters_go_on_in_another_namespace) {
  struct fixture *fixture = *state;
  struct kernel other = new_kernel();
  play(fixture,
       "drops 100; overflows 100; listen 1 80; end; overflow 1 8; end");
  listen_on(&other, 1, 80);
  overflow(&other, 1, 3);
  listen_on(&other, 2, 443);
  lb_collector_rebind(fixture->collector, source_of(&other));
  interval(fixture);
  assert_shares(fixture, "80 11/11, 443 0/0, all 111/111, 100 of none");
  overflow(&other, 2, 1);
  interval(fixture);
  assert_shares(fixture, "80 11/11, 443 1/1, all 112/112, 100 of none");
}

TEST_ON_KERNEL(an_early_overflow_in_another_namespace_waits_as_well) {
  struct fixture *fixture = *state;
  struct kernel other = new_kernel();
  play(fixture, "listen 1 80; overflow 1 100; end");
  listen_on(&other, 2, 80);
  overflow(&other, 2, 3);
  other.overflows++;
  lb_collector_rebind(fixture->collector, source_of(&other));
  interval(fixture);
  assert_shares(fixture, "80 3/3, all 103/103, 100 of none");
  noise(&other, 2, 1);
  other.drops++;
  interval(fixture);
  assert_shares(fixture, "80 4/4, all 104/104, 100 of none");
}

/* --- all at once --------------------------------------------------------- */

static uint64_t next_cookie = 1000;

/* Between any two reads anything may happen to any socket. */
static void change_anything(struct kernel *kernel, const char *read) {
  (void)read;
  unsigned *seed = &kernel->seed;
  for (int events = rand_r(seed) % 6; events > 0; events--) {
    if (kernel->len == 0 || (kernel->len < 12 && rand_r(seed) % 8 == 0))
      listen_on(kernel, ++next_cookie, (uint16_t)(80 + rand_r(seed) % 4));
    uint64_t cookie =
        kernel->sockets[(size_t)rand_r(seed) % kernel->len].row.cookie;
    switch (rand_r(seed) % 8) {
    case 0:
      close_socket(kernel, cookie);
      break;
    case 1:
      noise(kernel, cookie, (uint32_t)rand_r(seed) % 50);
      break;
    case 2:
      kernel->hidden = cookie;
      break;
    case 3:
      kernel->drops += 2;
      noise(kernel, cookie, 4);
      break;
    case 4:
      socket_of(kernel, cookie)->queue = (uint32_t)rand_r(seed) % 11;
      break;
    default:
      overflow(kernel, cookie, (uint32_t)rand_r(seed) % 20);
    }
  }
}

struct sums {
  uint64_t overflows, drops;
};

static void add_shares(void *data, const struct lb_readings *readings) {
  const union lb_value *v = readings->values.v;
  struct sums *sums = data;
  if (readings->is_namespace) {
    sums->overflows += v[LB_OVERFLOWS_UNATTRIBUTED].counter;
    return;
  }
  sums->overflows += v[LB_OVERFLOWS].counter;
  sums->drops += v[LB_DROPS].counter;
}

TEST_ON_KERNEL(shares_and_unattributed_always_add_up_to_the_total) {
  struct fixture *fixture = *state;
  struct kernel *kernel = &fixture->kernel;
  for (uint16_t port = 80; port <= 83; port++)
    assert_int_equal(lb_settings_add_port(&fixture->settings, port), 0);
  restart(fixture);
  kernel->before = change_anything;
  struct sums before = {0};
  for (int i = 0; i < 20000; i++) {
    struct lb_sample_errors errors;
    kernel->dump_err = rand_r(&kernel->seed) % 20 ? 0 : -ENOBUFS;
    kernel->netstat_err = rand_r(&kernel->seed) % 20 ? 0 : -EACCES;
    for (int samples = rand_r(&kernel->seed) % 3; samples > 0; samples--)
      lb_collector_sample(fixture->collector, LB_ALL_PARTS, ++fixture->now_ms);
    if (try_interval(fixture, &errors) || errors.netstat)
      continue;
    struct sums sums = {0};
    lb_collector_visit_readings(fixture->collector, add_shares, &sums);
    assert_int_equal(sums.overflows, counter_of(fixture, "", LB_OVERFLOWS));
    assert_true(sums.drops <= counter_of(fixture, "", LB_DROPS));
    assert_true(sums.drops >= before.drops);
    assert_true(sums.overflows >= before.overflows);
    before = sums;
  }
  assert_true(before.overflows > 100000);
}

static void drop_on_one_socket(struct kernel *kernel, const char *read) {
  (void)read;
  overflow(kernel, 1, (uint32_t)rand_r(&kernel->seed) % 3);
  noise(kernel, 1, (uint32_t)rand_r(&kernel->seed) % 3);
}

TEST_ON_KERNEL(a_socket_that_drops_alone_gets_all_in_each_sample) {
  struct fixture *fixture = *state;
  listen_on(&fixture->kernel, 1, 80);
  listen_on(&fixture->kernel, 2, 81);
  interval(fixture);
  fixture->kernel.before = drop_on_one_socket;
  for (int i = 0; i < 20000; i++) {
    interval(fixture);
    assert_int_equal(counter_of(fixture, "80", LB_OVERFLOWS),
                     counter_of(fixture, "", LB_OVERFLOWS));
  }
  assert_int_equal(counter_of(fixture, "", LB_OVERFLOWS_UNATTRIBUTED), 0);
}

int main(void) { return run_all_tests(NULL, NULL); }
