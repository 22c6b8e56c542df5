// SPDX-License-Identifier: MIT
/* How much of what was dropped does the attribution blame on listeners that
 * dropped nothing? In random worlds the truth is known: some listeners
 * overflow, in bursts that no sample sees, hovering at their limit or stuck,
 * and some have a SYN flood. Beside them healthy listeners have deferred
 * accepts, half-open checks and scans, at up to 5,000 a second, which move
 * sk_drops as well.
 *
 * The test prints the shares. For other worlds: test_worlds WORLDS SEED. */
#include "collector_fixture.h"

#include <math.h>

enum {
  MAX_SERVICES = 7,
  SECONDS = 40, /* one interval each */
  SAMPLES = 10, /* in an interval */
  SAMPLE_MS = 100,
};

struct service {
  uint64_t cookie;
  uint16_t port;
  uint32_t limit;
  /* What happens to it, per millisecond. */
  double arrivals;
  double served;
  double flood; /* SYNs for a full SYN queue */
  double noise; /* what moves sk_drops without a drop */
  double noisy; /* share of the time in which it does */
  double twice; /* share of the overflows that move sk_drops by two */
  uint32_t burst, burst_ms; /* so many clients at once, so often */
  uint32_t scan, scan_ms;
  uint32_t restart_ms;
  /* What it is doing. */
  double credit; /* clients it could have served */
  bool is_noisy;
  /* Of this interval; whether it dropped in the last one; as last reported. */
  uint64_t dropped[LB_CAUSES];
  bool had[LB_CAUSES];
  uint64_t reported[LB_CAUSES];
};

static struct world {
  struct service v[MAX_SERVICES];
  size_t len;
  bool is_hard; /* a listener that drops is noisy as well */
} world;

/* By cause, and all worlds or those that are hard. */
struct score {
  uint64_t truth[LB_CAUSES];
  uint64_t blamed[LB_CAUSES]; /* on listeners that dropped nothing */
  uint64_t missed[LB_CAUSES]; /* what those that dropped did not get */
};

/* --- chance -------------------------------------------------------------- */

static uint64_t random_state = 1;

static double chance(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (double)((random_state * 0x2545f4914f6cdd1du) >> 11) /
         9007199254740992.0;
}

static bool happens(double probability) { return chance() < probability; }

/* Evenly on a logarithmic scale. */
static double between(double low, double high) {
  return low * pow(high / low, chance());
}

static uint32_t poisson(double mean) {
  uint32_t n = 0;
  double sum = -log(1 - chance());
  while (sum < mean) {
    sum -= log(1 - chance());
    n++;
  }
  return n;
}

/* --- a world ------------------------------------------------------------- */

static void draw_noise(struct service *service) {
  service->noisy = 1;
  switch ((int)(chance() * 4)) {
  case 0: /* TCP_DEFER_ACCEPT under load */
    service->noise = between(0.02, 5);
    break;
  case 1: /* its load comes and goes */
    service->noise = between(0.05, 5);
    service->noisy = between(0.05, 0.9);
    break;
  case 2: /* half-open checks of a load balancer */
    service->scan = 1 + (uint32_t)(chance() * 4);
    service->scan_ms = (uint32_t)between(100, 8000);
    break;
  default:
    service->scan = (uint32_t)between(5, 300);
    service->scan_ms = (uint32_t)between(50, 8000);
  }
}

static void draw_healthy(struct service *service) {
  service->limit = (uint32_t)between(8, 4096);
  service->served = between(0.1, 20);
  service->arrivals = service->served * between(0.001, 0.5);
  if (happens(0.8))
    draw_noise(service);
}

static void draw_dropping(struct service *service) {
  switch ((int)(chance() * 4)) {
  case 0: /* bursts that are served at once */
    service->limit = (uint32_t)between(1, 128);
    service->burst = (uint32_t)(service->limit * between(1.2, 8)) + 3;
    service->burst_ms = (uint32_t)between(30, 4000);
    service->served = between(1, 50);
    break;
  case 1: /* too few workers: the queue hovers at its limit */
    service->limit = (uint32_t)between(2, 256);
    service->served = between(0.005, 1);
    service->arrivals = service->served * between(1.05, 10);
    break;
  case 2: /* accepts nothing */
    service->limit = (uint32_t)between(1, 128);
    service->arrivals = between(0.01, 2);
    break;
  default: /* a SYN flood without cookies */
    service->limit = (uint32_t)between(8, 512);
    service->served = 10;
    service->arrivals = 0.1;
    service->flood = between(0.05, 5);
  }
  if (happens(0.3))
    service->twice = chance();
  if (happens(0.2))
    service->restart_ms = (uint32_t)between(2000, 20000);
  if (happens(0.3)) {
    draw_noise(service);
    world.is_hard = true;
  }
}

static void begin_listening(struct kernel *kernel, struct service *service) {
  static uint64_t cookie;
  service->cookie = ++cookie;
  listen_on(kernel, cookie, service->port)->limit = service->limit;
}

static void draw_world(struct kernel *kernel) {
  memset(&world, 0, sizeof(world));
  size_t dropping = 1 + (size_t)(chance() * 2.5);
  world.len = dropping + 1 + (size_t)(chance() * 4);
  for (size_t i = 0; i < world.len; i++) {
    struct service *service = &world.v[i];
    service->port = (uint16_t)(80 + i);
    if (i < dropping)
      draw_dropping(service);
    else
      draw_healthy(service);
    begin_listening(kernel, service);
  }
}

/* --- what happens -------------------------------------------------------- */

static void drop(struct kernel *kernel, struct service *service,
                 enum lb_cause cause, uint32_t n) {
  service->dropped[cause] += n;
  if (cause == LB_CAUSE_OVERFLOW) {
    overflow(kernel, service->cookie, n);
    return;
  }
  noise(kernel, service->cookie, n);
  kernel->drops += n;
}

static void arrive(struct kernel *kernel, struct service *service, uint32_t n) {
  struct lb_listen_sock *sock = socket_of(kernel, service->cookie);
  for (; n > 0; n--) {
    if (!lb_is_full(sock->queue, sock->limit)) {
      sock->queue++;
      continue;
    }
    drop(kernel, service, LB_CAUSE_OVERFLOW, 1);
    if (service->twice > 0 && happens(service->twice))
      noise(kernel, service->cookie, 1);
  }
}

static void serve(struct kernel *kernel, struct service *service, double ms) {
  struct lb_listen_sock *sock = socket_of(kernel, service->cookie);
  service->credit += service->served * ms;
  uint32_t n = (uint32_t)service->credit;
  service->credit -= n;
  sock->queue -= n < sock->queue ? n : sock->queue;
}

static bool is_time(uint32_t every_ms, double ms) {
  return every_ms && happens(ms / every_ms);
}

static void make_noise(struct kernel *kernel, struct service *service,
                       double ms) {
  if (is_time(1000, ms))
    service->is_noisy = happens(service->noisy);
  if (service->noise > 0 && service->is_noisy)
    noise(kernel, service->cookie, poisson(service->noise * ms));
  if (is_time(service->scan_ms, ms))
    noise(kernel, service->cookie, service->scan);
}

static void pass(struct kernel *kernel, double ms) {
  for (size_t i = 0; i < world.len; i++) {
    struct service *service = &world.v[i];
    if (is_time(service->restart_ms, ms)) {
      close_socket(kernel, service->cookie);
      begin_listening(kernel, service);
    }
    if (is_time(service->burst_ms, ms))
      arrive(kernel, service, service->burst);
    arrive(kernel, service, poisson(service->arrivals * ms));
    serve(kernel, service, ms);
    if (service->flood > 0)
      drop(kernel, service, LB_CAUSE_OTHER, poisson(service->flood * ms));
    make_noise(kernel, service, ms);
  }
}

/* Each read of a sample takes some time, too. */
static void pass_a_moment(struct kernel *kernel, const char *read) {
  (void)read;
  pass(kernel, 0.03);
}

/* --- the score ----------------------------------------------------------- */

/* What the kernel drops during the last reads is reported in the next interval.
 */
static void score_service(struct fixture *fixture, struct service *service,
                          struct score *score) {
  char label[LB_LABEL_SIZE];
  lb_label_of_port(label, service->port);
  uint64_t overflows = counter_of(fixture, label, LB_OVERFLOWS);
  const uint64_t reported[LB_CAUSES] = {
      [LB_CAUSE_OVERFLOW] = overflows,
      [LB_CAUSE_OTHER] = counter_of(fixture, label, LB_DROPS) - overflows,
  };
  for (int cause = 0; cause < LB_CAUSES; cause++) {
    uint64_t truth = service->dropped[cause];
    uint64_t share = reported[cause] - service->reported[cause];
    score->truth[cause] += truth;
    if (!truth && !service->had[cause])
      score->blamed[cause] += share;
    if (truth > share)
      score->missed[cause] += truth - share;
    service->had[cause] = truth > 0;
    service->reported[cause] = reported[cause];
    service->dropped[cause] = 0;
  }
}

static void play_second(struct fixture *fixture, struct score *score) {
  struct kernel *kernel = &fixture->kernel;
  struct lb_sample_errors errors;
  for (int i = 0; i < SAMPLES; i++) {
    for (int ms = 0; ms < SAMPLE_MS; ms++)
      pass(kernel, 1);
    kernel->before = pass_a_moment;
    sample(fixture);
  }
  assert_int_equal(
      lb_collector_end_interval(fixture->collector, fixture->now_ms, &errors),
      0);
  kernel->before = NULL;
  for (size_t i = 0; i < world.len; i++)
    score_service(fixture, &world.v[i], score);
}

static void play_world(uint64_t seed, struct score score[static 2]) {
  void *state;
  random_state = 88172645463325252u + seed * 7919;
  for (int i = 0; i < 20; i++)
    chance();
  assert_int_equal(set_up_collector(&state), 0);
  struct fixture *fixture = state;
  draw_world(&fixture->kernel);
  struct score all = score[world.is_hard];
  for (int second = 0; second < SECONDS; second++)
    play_second(fixture, &all);
  score[world.is_hard] = all;
  tear_down_collector(&state);
}

static double percent(uint64_t part, uint64_t whole) {
  return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void say_score(const char *what, const struct score *score) {
  static const char *const causes[LB_CAUSES] = {"overflows", "other drops"};
  for (int cause = 0; cause < LB_CAUSES; cause++)
    print_message("# %s: of %llu %s, %.3f %% are blamed on others, %.2f %% are "
                  "missing where they belong\n",
                  what, (unsigned long long)score->truth[cause], causes[cause],
                  percent(score->blamed[cause], score->truth[cause]),
                  percent(score->missed[cause], score->truth[cause]));
}

static int worlds = 200;
static uint64_t first_seed = 1;

TEST_CASE(at_most_one_in_a_thousand_is_blamed_on_a_listener_that_did_not_drop) {
  struct score score[2] = {{.truth = {0}}};
  for (int i = 0; i < worlds; i++)
    play_world(first_seed + (uint64_t)i, score);
  say_score("what drops is otherwise quiet", &score[0]);
  say_score("what drops is noisy as well", &score[1]);
  for (int cause = 0; cause < LB_CAUSES; cause++) {
    assert_true(score[0].truth[cause] > 100000);
    assert_true(score[0].blamed[cause] * 1000 <= score[0].truth[cause]);
    assert_true(score[0].missed[cause] * 20 <= score[0].truth[cause]);
    assert_true(score[1].blamed[cause] * 100 <= score[1].truth[cause]);
    assert_true(score[1].missed[cause] * 20 <= score[1].truth[cause]);
  }
}

int main(int argc, char **argv) {
  if (argc > 1)
    worlds = atoi(argv[1]);
  if (argc > 2)
    first_seed = strtoull(argv[2], NULL, 10);
  return run_all_tests(NULL, NULL);
}
