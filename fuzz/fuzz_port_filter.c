// SPDX-License-Identifier: MIT
/* A set of ports made into a program: the kernel's audit must accept it, and it
 * must accept the ports of the set and no others, in few steps.
 *
 * An input is two more ports to try, and then two numbers for each range: the
 * gap before it and its length. A number is one byte, or three if the first is
 * 255. */
#include "fuzz.h"

#include "kernel/port_filter.h"

#include "bytecode.h"

enum { PORTS = 65536, MOST_RANGES = 128 };

static unsigned take_distance(struct input *input) {
  unsigned distance = take_number(input, 1);
  return distance < 255 ? distance : take_number(input, 2);
}

/* Ranges that ascend and neither touch nor overlap. */
static size_t take_ranges(struct input *input, struct lb_ports *ports) {
  size_t len = 0;
  unsigned begin = 0;
  while (input->left && len < MOST_RANGES) {
    unsigned first = begin + take_distance(input);
    unsigned last = first + take_distance(input);
    if (first >= PORTS)
      break;
    if (last >= PORTS)
      last = PORTS - 1;
    ports[len++] = (struct lb_ports){(uint16_t)first, (uint16_t)last};
    begin = last + 2;
  }
  return len;
}

static bool has(const struct lb_ports *ports, size_t len, unsigned port) {
  for (size_t i = 0; i < len; i++)
    if (ports[i].first <= port && port <= ports[i].last)
      return true;
  return false;
}

/* A comparison for each halving, and a row of a few. */
static size_t most_steps(size_t len) {
  size_t steps = 5;
  for (size_t changes = 2 * len; changes > 1; changes /= 2)
    steps++;
  return steps;
}

static void check_port(const struct program *program,
                       const struct lb_ports *ports, size_t len, long port) {
  size_t steps;
  if (port < 0 || port >= PORTS)
    return;
  CHECK(run(program, (uint16_t)port, &steps) ==
        has(ports, len, (unsigned)port));
  CHECK(steps <= most_steps(len));
}

static void check_program(const struct program *program,
                          const struct lb_ports *ports, size_t len,
                          const uint32_t others[2]) {
  CHECK(passes_audit(program));
  for (size_t i = 0; i < len; i++)
    for (long by = -1; by <= 1; by++) {
      check_port(program, ports, len, (long)ports[i].first + by);
      check_port(program, ports, len, (long)ports[i].last + by);
    }
  check_port(program, ports, len, 0);
  check_port(program, ports, len, PORTS - 1);
  check_port(program, ports, len, (long)others[0]);
  check_port(program, ports, len, (long)others[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  static char whole[LB_PORT_FILTER_SIZE];
  struct input input = {bytes, len};
  struct lb_ports ports[MOST_RANGES];
  const uint32_t others[2] = {take_number(&input, 2), take_number(&input, 2)};
  size_t ranges = take_ranges(&input, ports);
  if (ranges == 0)
    return 0;

  size_t needed = lb_port_filter_write(ports, ranges, whole, sizeof(whole));
  CHECK(needed >= 4 && needed % 4 == 0);
  CHECK(lb_port_filter_write(ports, ranges, whole, needed - 1) == 0);
  struct program program = {.ops = malloc(needed), .len = needed};
  CHECK(program.ops);
  CHECK(lb_port_filter_write(ports, ranges, program.ops, needed) == needed);
  CHECK(memcmp(program.ops, whole, needed) == 0);
  check_program(&program, ports, ranges, others);
  free(program.ops);
  return 0;
}
