// SPDX-License-Identifier: MIT
/* The budget, with costs that a host could have: what is taken over any ten
 * intervals, and what is left of samples and inspections. */
#include "core/budget.h"

#include "unit.h"

enum { MAX_SPENT = 1000000 };

static const uint64_t second = 1000000000;

/* --- a host --------------------------------------------------------------- */

struct host {
  uint64_t interval_ns, period_ns;
  uint64_t sample_ns[LB_PARTS]; /* most that a sample costs; half is possible */
  uint64_t end_ns;              /* the end of an interval in one namespace */
  unsigned namespaces;
  uint64_t inspection_ns; /* 0: no inspections */
  unsigned seed;
};

static struct {
  struct lb_budget budget;
  uint64_t now_ns, due_ns;
  struct {
    uint64_t at_ns, cost_ns;
  } spent[MAX_SPENT];
  size_t len;
  unsigned samples[LB_PARTS]; /* within intervals */
  unsigned reads[LB_PARTS];   /* with a sample */
  unsigned ends;              /* of intervals, in all namespaces together */
  unsigned inspections;
} run;

static void spend(uint64_t cost_ns) {
  assert_in_range(run.len, 0, MAX_SPENT - 1);
  run.spent[run.len].at_ns = run.now_ns;
  run.spent[run.len++].cost_ns = cost_ns;
}

/* The numbers of glibc's rand_r(), with which the hosts below were chosen;
 * other C libraries have others. */
static unsigned draw(unsigned *seed) {
  unsigned result = 0;
  for (int i = 0; i < 3; i++) {
    *seed = *seed * 1103515245 + 12345;
    result = result << 10 ^ (*seed >> 16) % (i ? 1024 : 2048);
  }
  return result;
}

/* From half of the most to the most. */
static uint64_t vary(struct host *host, uint64_t most_ns) {
  return most_ns - most_ns / 2 * (draw(&host->seed) % 1000) / 1000;
}

static void costs_of(struct host *host, unsigned parts,
                     uint64_t costs[LB_PARTS]) {
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    costs[i] = lb_has_part(parts, i) ? vary(host, host->sample_ns[i]) : 0;
    spend(costs[i]);
  }
}

static void sample(struct host *host) {
  struct lb_budget *budget = &run.budget;
  uint64_t costs[LB_PARTS];
  unsigned parts = lb_budget_due(budget, run.now_ns);
  costs_of(host, parts, costs);
  for (enum lb_part i = 0; i < LB_PARTS; i++)
    run.samples[i] += lb_has_part(parts, i);
  lb_budget_sampled(budget, parts, costs, true, run.now_ns);
}

static void inspect(struct host *host) {
  struct lb_budget *budget = &run.budget;
  uint64_t cost = 0;
  lb_budget_grant(budget, run.now_ns);
  if (lb_budget_can_inspect(budget)) {
    cost = vary(host, host->inspection_ns);
    spend(cost);
    run.inspections++;
    lb_budget_inspected(budget, cost);
  }
  lb_budget_end_inspections(budget, cost);
}

/* One namespace, with its sample. */
static void end_one(struct host *host, unsigned parts,
                    uint64_t costs[LB_PARTS]) {
  uint64_t cost = vary(host, host->end_ns);
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    uint64_t sample_ns = vary(host, host->sample_ns[i]) / host->namespaces;
    if (!lb_has_part(parts, i))
      continue;
    costs[i] += sample_ns;
    cost += sample_ns;
  }
  spend(cost);
  lb_budget_ended_one(&run.budget, cost);
}

static void end_interval(struct host *host) {
  struct lb_budget *budget = &run.budget;
  uint64_t costs[LB_PARTS] = {0};
  unsigned parts = lb_budget_begin_read(budget, LB_ALL_PARTS, run.now_ns);
  if (host->inspection_ns)
    inspect(host);
  end_one(host, parts, costs);
  unsigned ended = 1;
  for (; ended < host->namespaces && lb_budget_can_end(budget); ended++)
    end_one(host, lb_budget_turn_parts(budget, parts, 0), costs);
  for (enum lb_part i = 0; i < LB_PARTS; i++) {
    run.reads[i] += lb_has_part(parts, i);
    costs[i] = costs[i] * host->namespaces / ended;
  }
  run.ends += ended;
  lb_budget_end_read(budget, parts, costs, host->end_ns * host->namespaces,
                     run.now_ns);
}

static void begin(const struct host *host) {
  memset(&run, 0, sizeof(run));
  run.now_ns = 1000 * second;
  run.due_ns = run.now_ns + host->period_ns;
  lb_budget_init(&run.budget, host->interval_ns, host->period_ns, LB_ALL_PARTS);
}

static void pass(struct host *host, unsigned intervals) {
  uint64_t end = run.now_ns;
  for (unsigned i = 0; i < intervals; i++) {
    end += host->interval_ns;
    for (; host->period_ns && run.due_ns < end;
         run.due_ns =
             lb_budget_next(&run.budget, run.due_ns, host->period_ns)) {
      run.now_ns = run.due_ns;
      sample(host);
    }
    run.now_ns = end;
    end_interval(host);
  }
}

/* The most over any ten intervals, in percent of the time. */
static double most_taken(const struct host *host) {
  uint64_t window = 10 * host->interval_ns, sum = 0, most = 0;
  size_t first = 0;
  for (size_t i = 0; i < run.len; i++) {
    sum += run.spent[i].cost_ns;
    for (; run.spent[first].at_ns + window <= run.spent[i].at_ns; first++)
      sum -= run.spent[first].cost_ns;
    if (sum > most)
      most = sum;
  }
  return 100.0 * (double)most / (double)window;
}

static void forget_counts(void) {
  run.len = 0;
  run.samples[0] = run.samples[1] = run.reads[0] = run.reads[1] = 0;
  run.ends = run.inspections = 0;
}

/* --- the limit ------------------------------------------------------------ */

static uint64_t up_to(unsigned *seed, double most_ns) {
  double share = draw(seed) % 1000 / 1000.0;
  return (uint64_t)(most_ns * share * share * share);
}

/* No single cost is more than a tenth of what ten intervals have. */
static struct host any_host(unsigned seed) {
  static const uint64_t intervals_ms[] = {50, 1000, 2000, 10000, 60000};
  static const uint64_t periods_ms[] = {0, 10, 100, 1000};
  struct host host = {.seed = seed};
  host.interval_ns = intervals_ms[draw(&seed) % 5] * 1000000;
  host.period_ns = periods_ms[draw(&seed) % 4] * 1000000;
  if (host.period_ns > host.interval_ns)
    host.period_ns = host.interval_ns;
  double tenth = (double)host.interval_ns / 100;
  for (int i = 0; i < LB_PARTS; i++)
    host.sample_ns[i] = 1000 + up_to(&seed, 2 * tenth);
  host.namespaces = 1 + draw(&seed) % 200;
  host.end_ns = up_to(&seed, tenth / 2);
  if (draw(&seed) % 2)
    host.inspection_ns = 1000 + up_to(&seed, 2 * tenth);
  return host;
}

TEST_CASE(whatever_the_costs_ten_intervals_take_at_most_1_percent) {
  (void)state;
  for (unsigned seed = 1; seed <= 2000; seed++) {
    struct host host = any_host(seed);
    begin(&host);
    pass(&host, 30); /* the costs are not known before */
    forget_counts();
    pass(&host, 60);
    double taken = most_taken(&host);
    if (taken > 1)
      fail_msg("seed %u: %.3f %%", seed, taken);
    assert_true(run.reads[0] > 0 && run.reads[1] > 0 && run.ends > 0);
    assert_true(!host.inspection_ns || run.inspections > 0);
  }
}

/* The first sample is the most expensive one, and a host can change at any
 * time: what is too much by then is saved afterwards. */
TEST_CASE(a_cost_that_jumps_takes_at_most_one_sample_more) {
  (void)state;
  struct host host = {.interval_ns = second,
                      .period_ns = second / 10,
                      .sample_ns = {10000, 20000},
                      .end_ns = 100000,
                      .namespaces = 1,
                      .seed = 1};
  begin(&host);
  pass(&host, 20);
  host.sample_ns[LB_PART_UNIX] = 16000000;
  pass(&host, 20);
  assert_true(most_taken(&host) <= 1 + 0.16);
}

/* --- what is left --------------------------------------------------------- */

/* "SAMPLES READS, SAMPLES READS, ENDS INSPECTIONS" of ten intervals: samples of
 * TCP and of UNIX sockets, namespaces that ended an interval. */
static void assert_left(struct host host, double most, const char *want) {
  struct text got = {.len = 0};
  begin(&host);
  pass(&host, 60);
  forget_counts();
  pass(&host, 20);
  for (int i = 0; i < LB_PARTS; i++)
    say(&got, "%u %u, ", (run.samples[i] + 1) / 2, (run.reads[i] + 1) / 2);
  say(&got, "%u %u", (run.ends + 1) / 2, (run.inspections + 1) / 2);
  assert_string_equal(got.at, want);
  assert_true(most_taken(&host) <= most);
}

TEST_CASE(samples_and_inspections_are_as_frequent_as_1_percent_allows) {
  (void)state;
  static const uint64_t us = 1000, ms = 1000000;
#define HOST(tcp, unix_, end, count, inspection, interval_s, period_ms)        \
  ((struct host){.interval_ns = (interval_s)*second,                           \
                 .period_ns = (period_ms)*ms,                                  \
                 .sample_ns = {(tcp), (unix_)},                                \
                 .end_ns = (end),                                              \
                 .namespaces = (count),                                        \
                 .inspection_ns = (inspection),                                \
                 .seed = 1})
  /* most hosts: everything */
  assert_left(HOST(20 * us, 10 * us, 50 * us, 1, 300 * us, 10, 100), 1,
              "1000 10, 1000 10, 10 10");
  /* 15,000 listening TCP sockets */
  assert_left(HOST(8600 * us, 0, 50 * us, 1, 0, 10, 100), 1,
              "97 10, 1000 10, 10 0");
  assert_left(HOST(8600 * us, 0, 50 * us, 1, 0, 1, 100), 1,
              "0 10, 100 10, 10 0");
  /* 54,000 UNIX sockets: samples of TCP sockets stay as they are */
  assert_left(HOST(20 * us, 16 * ms, 50 * us, 1, 0, 1, 100), 1,
              "100 10, 0 5, 10 0");
  /* a sample that alone takes 3 % of ten intervals */
  assert_left(HOST(20 * us, 300 * ms, 50 * us, 1, 0, 1, 100), 3,
              "100 10, 0 1, 10 0");
  /* 300 namespaces */
  assert_left(HOST(2 * ms, 0, 400 * us, 300, 0, 1, 100), 1,
              "16 10, 100 10, 192 0");
  /* inspections and samples that both need more than there is */
  assert_left(HOST(10 * ms, 10 * ms, 50 * us, 1, 50 * ms, 1, 100), 1,
              "0 4, 0 4, 10 1");
}

TEST_CASE(without_an_interval_only_inspections_are_limited) {
  (void)state;
  uint64_t costs[LB_PARTS] = {second, second};
  lb_budget_init(&run.budget, 0, 0, LB_ALL_PARTS);
  for (uint64_t i = 1; i < 20; i++) {
    lb_budget_grant(&run.budget, i * second);
    assert_true(lb_budget_can_inspect(&run.budget) == (i % 2 == 1));
    if (lb_budget_can_inspect(&run.budget))
      lb_budget_inspected(&run.budget, 17 * second / 1000);
    assert_int_equal(lb_budget_due(&run.budget, i * second), LB_ALL_PARTS);
    lb_budget_sampled(&run.budget, LB_ALL_PARTS, costs, true, i * second);
    assert_int_equal(lb_budget_next(&run.budget, 5, 7), 12);
    assert_int_equal(
        lb_budget_begin_read(&run.budget, LB_ALL_PARTS, i * second),
        LB_ALL_PARTS);
    assert_true(lb_budget_can_end(&run.budget));
    lb_budget_end_read(&run.budget, LB_ALL_PARTS, costs, second, i * second);
    assert_int_equal(lb_budget_inspection_limit(&run.budget), UINT64_MAX);
  }
}

/* --- what is reported ----------------------------------------------------- */

/* "-" for each interval as configured, "s" for one with fewer samples of UNIX
 * sockets, "t" for one in which namespaces take turns. */
static void say_states(struct text *got, struct host *host,
                       unsigned intervals) {
  for (unsigned i = 0; i < intervals; i++) {
    pass(host, 1);
    bool is_slow = lb_budget_spacing(&run.budget, LB_PART_UNIX) > 0;
    bool turns = lb_budget_turn(&run.budget) > 0;
    say(got, "%s%s%s", is_slow ? "s" : "", turns ? "t" : "",
        is_slow || turns ? "" : "-");
    assert_int_equal(lb_budget_spacing(&run.budget, LB_PART_TCP), 0);
  }
}

TEST_CASE(a_slowdown_is_reported_when_it_has_lasted_and_its_end_as_well) {
  (void)state;
  struct host host = {.interval_ns = second,
                      .period_ns = second / 10,
                      .sample_ns = {10000, 10000},
                      .end_ns = 100000,
                      .namespaces = 1,
                      .seed = 1};
  struct text got = {.len = 0};
  begin(&host);
  say_states(&got, &host, 3);
  for (int i = 0; i < 2; i++) { /* a moment is not reported */
    host.sample_ns[LB_PART_UNIX] = 5000000;
    say_states(&got, &host, 1);
    host.sample_ns[LB_PART_UNIX] = 10000;
    say_states(&got, &host, 3);
  }
  host.sample_ns[LB_PART_UNIX] = 5000000;
  say_states(&got, &host, 5);
  host.sample_ns[LB_PART_UNIX] = 10000;
  say_states(&got, &host, 16);
  host.namespaces = 100;
  say_states(&got, &host, 5);
  host.namespaces = 1;
  say_states(&got, &host, 16);
  assert_string_equal(got.at,
                      "-------------ssssssssssss---------ttttttttttttt------");
}

int main(void) { return run_all_tests(NULL, NULL); }
