// SPDX-License-Identifier: MIT
/* Sets of ports as programs: each is run here as inet_diag_bc_run() would and
 * examined as inet_diag_bc_audit() would (net/ipv4/inet_diag.c), for all ports.
 * Last the kernel itself runs programs, and shows that its audit is the same.
 */
#include "kernel/port_filter.h"

#include "bytecode.h"
#include "unit.h"

#include <linux/rtnetlink.h>

enum { PORTS = 65536 };

struct set {
  struct lb_ports v[PORTS / 2];
  size_t len;
};

static void add(struct set *set, unsigned first, unsigned last) {
  set->v[set->len++] = (struct lb_ports){(uint16_t)first, (uint16_t)last};
}

static struct lb_portset bits_of(const struct set *set) {
  struct lb_portset bits = {{0}};
  for (size_t i = 0; i < set->len; i++)
    for (unsigned port = set->v[i].first; port <= set->v[i].last; port++)
      lb_portset_add(&bits, (uint16_t)port);
  return bits;
}

static struct set *set_of(const struct lb_portset *bits) {
  struct set *set = calloc(1, sizeof(*set));
  assert_non_null(set);
  for (unsigned first = 0; first < PORTS; first++) {
    unsigned end = first;
    while (end < PORTS && lb_portset_has(bits, (uint16_t)end))
      end++;
    if (end > first)
      add(set, first, end - 1);
    first = end;
  }
  return set;
}

/* len ports, every so many. */
static struct set *every(unsigned first, unsigned step, size_t len) {
  struct set *set = calloc(1, sizeof(*set));
  assert_non_null(set);
  for (unsigned i = 0; i < len; i++)
    add(set, first + i * step, first + i * step);
  return set;
}

static struct program program_of(const struct set *set) {
  static char room[LB_PORT_FILTER_SIZE];
  struct program program = {
      .len = lb_port_filter_write(set->v, set->len, room, sizeof(room))};
  assert_in_range(program.len, 4, LB_PORT_FILTER_SIZE);
  program.ops = malloc(program.len);
  assert_non_null(program.ops);
  assert_int_equal(
      lb_port_filter_write(set->v, set->len, program.ops, program.len),
      program.len);
  return program;
}

/* The most steps that a port takes. */
static size_t check(const struct set *set) {
  struct lb_portset bits = bits_of(set);
  struct program program = program_of(set);
  size_t steps, most = 0;
  assert_true(passes_audit(&program));
  for (unsigned port = 0; port < PORTS; port++) {
    bool want = lb_portset_has(&bits, (uint16_t)port);
    if (run(&program, (uint16_t)port, &steps) != want)
      fail_msg("%zu ranges: port %u is %s", set->len, port,
               want ? "rejected" : "accepted");
    if (steps > most)
      most = steps;
  }
  free(program.ops);
  return most;
}

/* --- programs ------------------------------------------------------------ */

static void say_code(struct text *got, const struct set *set) {
  struct program program = program_of(set);
  for (size_t i = 0; i < program.len / 4; i++) {
    const op_t *op = &program.ops[i];
    say(got, "%zu: ", i * 4);
    if (op->code == INET_DIAG_BC_S_GE) {
      say(got, "port >= %u", (unsigned)op[1].no);
      assert_int_equal(op[1].code, INET_DIAG_BC_NOP);
      assert_int_equal(op[1].yes, 0);
      i++;
    } else {
      say(got, "code %u", op->code);
    }
    say(got, " yes %u no %u\n", op->yes, op->no);
  }
  free(program.ops);
}

TEST_CASE(
    a_program_is_a_tree_of_comparisons_with_none_for_the_outermost_ports) {
  static const struct {
    struct lb_ports ports[3];
    size_t len;
    const char *want;
  } cases[] = {
      {{{80, 80}},
       1,
       "0: port >= 80 yes 8 no 24\n8: port >= 81 yes 8 no 12\n"
       "16: code 1 yes 4 no 8\n"},
      {{{0, 65535}}, 1, "0: code 1 yes 4 no 4\n"},
      {{{0, 79}}, 1, "0: port >= 80 yes 8 no 12\n8: code 1 yes 4 no 8\n"},
      {{{80, 65535}}, 1, "0: port >= 80 yes 8 no 16\n8: code 1 yes 4 no 4\n"},
      {{{0, 0}, {65535, 65535}},
       2,
       "0: port >= 1 yes 8 no 20\n"
       "8: port >= 65535 yes 8 no 16\n16: code 1 yes 4 no 4\n"},
      {{{22, 22}, {80, 80}, {8000, 8010}},
       3,
       "0: port >= 81 yes 8 no 28\n8: port >= 8000 yes 8 no 52\n"
       "16: port >= 8011 yes 8 no 40\n24: code 1 yes 4 no 36\n"
       "28: port >= 22 yes 8 no 32\n36: port >= 23 yes 8 no 20\n"
       "44: port >= 80 yes 8 no 16\n52: code 1 yes 4 no 4\n"},
  };
  static struct set set;
  for (size_t i = 0; i < LEN(cases); i++) {
    struct text got = {.len = 0};
    memcpy(set.v, cases[i].ports, sizeof(cases[i].ports));
    set.len = cases[i].len;
    say_code(&got, &set);
    assert_string_equal(got.at, cases[i].want);
  }
}

/* --- answers ------------------------------------------------------------- */

TEST_CASE(any_port_alone_and_any_range_of_ports_is_found) {
  for (unsigned port = 3; port < PORTS; port += 1009)
    check(&(struct set){{{(uint16_t)port, (uint16_t)port}}, 1});
  check(&(struct set){{{0, 65535}}, 1});
  check(&(struct set){{{1, 65535}}, 1});
  check(&(struct set){{{0, 65534}}, 1});
}

static void check_and_free(struct set *set) {
  check(set);
  free(set);
}

TEST_CASE(any_set_of_the_outermost_ports_is_found) {
  static const uint16_t ports[] = {0, 1, 2, 65533, 65534, 65535};
  for (unsigned chosen = 1; chosen < 64; chosen++) {
    struct lb_portset bits = {{0}};
    for (size_t i = 0; i < LEN(ports); i++)
      if (chosen >> i & 1)
        lb_portset_add(&bits, ports[i]);
    check_and_free(set_of(&bits));
  }
}

TEST_CASE(any_number_of_alternating_ports_is_found) {
  for (size_t len = 1; len <= 40; len++) {
    check_and_free(every(0, 2, len));
    check_and_free(every((unsigned)(PORTS + 1 - 2 * len), 2, len));
  }
}

static uint32_t random_below(uint32_t *seed, uint32_t end) {
  *seed = *seed * 1664525 + 1013904223;
  return (uint32_t)((uint64_t)*seed * end >> 32);
}

/* Ranges and gaps of up to so many ports each. */
static struct set *random_set(uint32_t *seed, uint32_t longest) {
  struct set *set = calloc(1, sizeof(*set));
  assert_non_null(set);
  uint32_t at = random_below(seed, longest + 1);
  do {
    uint32_t last = at + random_below(seed, longest);
    add(set, at, last < PORTS ? last : PORTS - 1);
    at = last + 2 + random_below(seed, longest);
  } while (at < PORTS && set->len < 3200);
  return set;
}

TEST_CASE(any_set_of_ranges_is_found) {
  uint32_t seed = 1;
  for (uint32_t i = 0; i < 120; i++)
    check_and_free(random_set(&seed, 8u << i % 13));
  struct set *random = random_set(&seed, 10);
  assert_int_equal(random->len, 3200);
  check_and_free(random);
  check_and_free(every(1, 30, 2184));
}

/* --- cost ---------------------------------------------------------------- */

TEST_CASE(steps_grow_with_the_logarithm) {
  static const size_t lens[] = {1, 2, 3, 10, 30, 100, 300, 1000, 3000};
  struct text got = {.len = 0};
  for (size_t i = 0; i < LEN(lens); i++) {
    struct set *set = every(10, 20, lens[i]);
    say(&got, "%zu: %zu\n", lens[i], check(set));
    free(set);
  }
  assert_string_equal(got.at, "1: 3\n2: 4\n3: 5\n10: 6\n30: 8\n100: 10\n"
                              "300: 11\n1000: 13\n3000: 14\n");
}

/* How many ranges of the set fit into a program. */
static size_t longest(const struct set *set) {
  static char room[LB_PORT_FILTER_SIZE];
  size_t len = 1;
  while (lb_port_filter_write(set->v, len + 1, room, sizeof(room)))
    len++;
  return len;
}

TEST_CASE(the_largest_program_that_fits_is_whole) {
  struct set *set = every(0, 2, PORTS / 2);
  set->len = longest(set);
  assert_in_range(set->len, 3200, 4000);
  check_and_free(set);
}

TEST_CASE(a_program_that_does_not_fit_is_not_begun) {
  struct set *set = every(1, 3, 100);
  struct program program = program_of(set);
  for (size_t size = 0; size < program.len; size++) {
    unsigned char *room = malloc(size + 1);
    assert_non_null(room);
    memset(room, 0xa5, size + 1);
    assert_int_equal(lb_port_filter_write(set->v, set->len, room, size), 0);
    for (size_t i = 0; i <= size; i++)
      assert_int_equal(room[i], 0xa5);
    free(room);
  }
  free(program.ops);
  free(set);
}

TEST_CASE(no_program_is_longer_than_an_attribute) {
  static char room[4 * LB_PORT_FILTER_SIZE];
  static const size_t lens[] = {4000, 10000, 32768};
  for (size_t i = 0; i < LEN(lens); i++) {
    struct set *set = every(0, 2, lens[i]);
    assert_int_equal(lb_port_filter_write(set->v, set->len, room, sizeof(room)),
                     0);
    free(set);
  }
}

/* --- the kernel ---------------------------------------------------------- */

enum { SERVERS = 8 };

static struct lb_netlink *netlink;     /* NULL: no sock_diag here */
static struct server servers[SERVERS]; /* by port */

static int compare_servers(const void *a, const void *b) {
  return ((const struct server *)a)->port - ((const struct server *)b)->port;
}

static int open_servers(void **state) {
  (void)state;
  for (size_t i = 0; i < SERVERS; i++)
    if (open_server(&servers[i], AF_INET, false, 1))
      return -1;
  qsort(servers, SERVERS, sizeof(servers[0]), compare_servers);
  return has_sock_diag() ? lb_netlink_new(&netlink) : 0;
}

static int close_servers(void **state) {
  (void)state;
  for (size_t i = 0; i < SERVERS; i++)
    close(servers[i].fd);
  lb_netlink_free(netlink);
  return 0;
}

static void need_kernel(void) {
  if (!netlink)
    skip();
}

static int add_port_of(void *data, const struct nlmsghdr *msg) {
  const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  lb_portset_add(data, ntohs(diag->id.idiag_sport));
  return 0;
}

/* 0, and the ports of the listening sockets that the kernel shows, or -errno.
 */
static int ask(const struct program *program, struct lb_portset *seen) {
  static _Alignas(8) char buf[LB_PORT_FILTER_SIZE + 256];
  struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
  struct inet_diag_req *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));
  msg->nlmsg_type = TCPDIAG_GETSOCK;
  msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  req->idiag_states = 1 << TCP_LISTEN;
  mnl_attr_put(msg, INET_DIAG_REQ_BYTECODE, program->len, program->ops);
  return ask_kernel(netlink, msg, (struct lb_msg_handler){add_port_of, seen});
}

static void check_kernel(const struct lb_portset *bits) {
  struct set *set = set_of(bits);
  struct program program = program_of(set);
  struct lb_portset seen = {{0}};
  assert_int_equal(ask(&program, &seen), 0);
  for (size_t i = 0; i < SERVERS; i++)
    assert_int_equal(lb_portset_has(&seen, servers[i].port),
                     lb_portset_has(bits, servers[i].port));
  for (unsigned port = 0; port < PORTS; port++)
    if (lb_portset_has(&seen, (uint16_t)port) &&
        !lb_portset_has(bits, (uint16_t)port))
      fail_msg("the kernel let port %u through", port);
  free(program.ops);
  free(set);
}

TEST_CASE(the_kernel_accepts_small_programs) {
  need_kernel();
  for (unsigned chosen = 1; chosen < 1u << SERVERS; chosen++) {
    struct lb_portset bits = {{0}};
    for (size_t i = 0; i < SERVERS; i++)
      if (chosen >> i & 1)
        lb_portset_add(&bits, servers[i].port);
    check_kernel(&bits);
  }
  struct lb_portset all;
  memset(&all, 0xff, sizeof(all));
  check_kernel(&all);
}

/* Every so many ports, but only each other server. */
TEST_CASE(the_kernel_accepts_programs_of_any_size) {
  need_kernel();
  for (unsigned step = 21; step < 4000; step += step / 2) {
    for (unsigned odd = 0; odd < 2; odd++) {
      struct lb_portset bits = {{0}};
      for (unsigned port = 0; port < PORTS; port += step)
        lb_portset_add(&bits, (uint16_t)port);
      for (size_t i = 0; i < SERVERS; i++) {
        uint16_t port = servers[i].port;
        lb_portset_add(&bits, port);
        if (i % 2 == odd)
          bits.bits[port / 8] ^= (uint8_t)(1u << port % 8);
      }
      check_kernel(&bits);
    }
  }
}

TEST_CASE(the_kernel_accepts_the_largest_program) {
  need_kernel();
  unsigned first = servers[0].port % 2u;
  struct set *set = every(first, 2, PORTS / 2);
  size_t len = longest(set);
  memmove(set->v, set->v + (PORTS / 2 - len), len * sizeof(set->v[0]));
  set->len = len;
  struct lb_portset bits = bits_of(set);
  check_kernel(&bits);
  free(set);
}

static op_t *random_op(const struct program *program, uint32_t *seed) {
  op_t *op, *end = program->ops + program->len / 4;
  uint32_t count = 0;
  for (op = program->ops; op < end; op += op->yes / 4)
    count++;
  op = program->ops;
  for (uint32_t skip = random_below(seed, count); skip; skip--)
    op += op->yes / 4;
  return op;
}

/* Programs with one wrong jump. */
TEST_CASE(the_kernel_refuses_a_program_if_the_audit_here_does) {
  need_kernel();
  uint32_t seed = 3;
  unsigned accepted = 0;
  struct set *set = every(1, 1000, 20);
  struct program program = program_of(set);
  for (int i = 0; i < 300; i++) {
    op_t *op = random_op(&program, &seed), good = *op;
    struct lb_portset seen = {{0}};
    if (random_below(&seed, 2))
      op->yes = (uint8_t)random_below(&seed, 24);
    else
      op->no = (uint16_t)random_below(&seed, (uint32_t)program.len + 24);
    bool passes = passes_audit(&program);
    assert_int_equal(ask(&program, &seen), passes ? 0 : -EINVAL);
    accepted += passes;
    *op = good;
  }
  assert_in_range(accepted, 10, 200);
  free(program.ops);
  free(set);
}

int main(void) { return run_all_tests(open_servers, close_servers); }
