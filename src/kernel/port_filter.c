// SPDX-License-Identifier: MIT
/* The ports at which the answer changes, in order, are the inner nodes of a
 * binary tree whose leaves are "accept" and "reject" in turn. Each is an
 * INET_DIAG_BC_S_GE, which every kernel has: the ports from there on follow at
 * once, those below stand behind them. The last few of a branch stand in a row
 * instead, which saves room: only what falls out of its end needs an
 * INET_DIAG_BC_JMP, every other leaf is a jump of its comparison.
 *
 * inet_diag_bc_run() (net/ipv4/inet_diag.c, seen in 2.6, 4.17 and 6.x) accepts
 * where the program counter ends exactly at the end of the program, and rejects
 * at 4 bytes behind it. inet_diag_bc_audit() wants every jump to meet an
 * operation that is reached by "yes" alone from the start: so that is always
 * the next one, and jumps far away are all "no", which has 16 bits to the 8 of
 * "yes". It takes steps in proportion to the square of the length, which is
 * another reason for rows: their jumps to the end cost it nothing. */
#include "kernel/port_filter.h"

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <string.h>

enum {
  OP = sizeof(struct inet_diag_bc_op),
  COMPARISON = 2 * OP, /* a port is the `no` of a second one, in host order */
  ROW = 3,
};

struct writer {
  const struct lb_ports *ports;
  bool starts_inside; /* port 0 is accepted */
  char *at;
  size_t left; /* to the end of the program */
};

/* Of a tree of n comparisons. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, log2(n)
static size_t size_of(size_t n) {
  if (n <= ROW)
    return n * COMPARISON + OP;
  return COMPARISON + size_of(n - n / 2 - 1) + size_of(n / 2);
}

/* The port from which on the answer is another, for the i-th time. */
static uint16_t change(const struct writer *writer, size_t i) {
  size_t j = i + writer->starts_inside;
  const struct lb_ports *ports = &writer->ports[j / 2];
  return (uint16_t)(j % 2 ? ports->last + 1 : ports->first);
}

/* The jump to the answer for the ports below the i-th change. */
static size_t answer(const struct writer *writer, size_t i) {
  bool is_inside = (i + writer->starts_inside) % 2;
  return writer->left + (is_inside ? 0 : OP);
}

static void put(struct writer *writer, uint8_t code, uint8_t yes, size_t no) {
  struct inet_diag_bc_op op = {.code = code, .yes = yes, .no = (uint16_t)no};
  memcpy(writer->at, &op, OP);
  writer->at += OP;
  writer->left -= OP;
}

static void put_comparison(struct writer *writer, size_t i, size_t below) {
  put(writer, INET_DIAG_BC_S_GE, COMPARISON, below);
  put(writer, INET_DIAG_BC_NOP, 0, change(writer, i));
}

/* The tree of the changes from begin up to, but without, end. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the tree
static void put_tree(struct writer *writer, size_t begin, size_t end) {
  size_t n = end - begin;
  if (n <= ROW) {
    for (size_t i = begin; i < end; i++)
      put_comparison(writer, i, answer(writer, i));
    put(writer, INET_DIAG_BC_JMP, OP, answer(writer, end));
    return;
  }
  size_t middle = begin + n / 2;
  put_comparison(writer, middle, COMPARISON + size_of(end - middle - 1));
  put_tree(writer, middle + 1, end);
  put_tree(writer, begin, middle);
}

size_t lb_port_filter_write(const struct lb_ports *ports, size_t len, void *buf,
                            size_t size) {
  bool starts_inside = ports[0].first == 0;
  bool ends_inside = ports[len - 1].last == UINT16_MAX;
  size_t changes = 2 * len - starts_inside - ends_inside;
  struct writer writer = {.ports = ports,
                          .starts_inside = starts_inside,
                          .at = buf,
                          .left = size_of(changes)};
  size_t needed = writer.left;
  if (needed > size || needed > LB_PORT_FILTER_SIZE)
    return 0;
  put_tree(&writer, 0, changes);
  return needed;
}
