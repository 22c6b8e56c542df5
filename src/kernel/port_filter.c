// SPDX-License-Identifier: MIT
/* The program is a binary tree. Its inner nodes are the ports at which the
 * answer changes, its leaves are "accept" and "reject" in turn. A node is a
 * comparison INET_DIAG_BC_S_GE, which every kernel has; the subtree of the
 * ports from there on comes next, that of the ports below comes after it. The
 * last few nodes of a branch are a row instead, which saves room: each
 * comparison jumps to its own leaf, and only the end of the row needs an
 * INET_DIAG_BC_JMP.
 *
 * inet_diag_bc_run() (net/ipv4/inet_diag.c, seen in 2.6, 4.17 and 6.x) accepts
 * if the program counter stops exactly at the end of the program, and rejects 4
 * bytes after it. inet_diag_bc_audit() demands that every jump lands on an
 * operation that is reached from the start through "yes" jumps alone. So "yes"
 * always goes to the next operation, and all far jumps are "no", which has 16
 * bits where "yes" has 8. The audit takes time in proportion to the square of
 * the length, but jumps to the end cost it nothing: another reason for rows. */
#include "kernel/port_filter.h"

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <string.h>

enum {
  OP = sizeof(struct inet_diag_bc_op),
  COMPARISON = 2 * OP, /* the port is `no` of the second one, in host order */
  ROW = 3,
};

struct writer {
  const struct lb_ports *ports;
  bool starts_inside; /* whether port 0 is accepted */
  char *at;
  size_t left; /* bytes to the end of the program */
};

/* The bytes of a tree of n comparisons. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, log2(n)
static size_t tree_size(size_t n) {
  if (n <= ROW)
    return n * COMPARISON + OP;
  return COMPARISON + tree_size(n - n / 2 - 1) + tree_size(n / 2);
}

/* The first port of the i-th change of the answer. */
static uint16_t change_at(const struct writer *writer, size_t i) {
  size_t j = i + writer->starts_inside;
  const struct lb_ports *ports = &writer->ports[j / 2];
  return (uint16_t)(j % 2 ? ports->last + 1 : ports->first);
}

/* How far to jump for the answer to ports below the i-th change. */
static size_t jump_to_answer(const struct writer *writer, size_t i) {
  bool is_inside = (i + writer->starts_inside) % 2;
  return writer->left + (is_inside ? 0 : OP);
}

static void put_op(struct writer *writer, uint8_t code, uint8_t yes,
                   size_t no) {
  struct inet_diag_bc_op op = {.code = code, .yes = yes, .no = (uint16_t)no};
  memcpy(writer->at, &op, OP);
  writer->at += OP;
  writer->left -= OP;
}

static void put_comparison(struct writer *writer, size_t i, size_t below) {
  put_op(writer, INET_DIAG_BC_S_GE, COMPARISON, below);
  put_op(writer, INET_DIAG_BC_NOP, 0, change_at(writer, i));
}

/* Writes the tree of the changes from begin to end - 1. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the tree
static void put_tree(struct writer *writer, size_t begin, size_t end) {
  size_t n = end - begin;
  if (n <= ROW) {
    for (size_t i = begin; i < end; i++)
      put_comparison(writer, i, jump_to_answer(writer, i));
    put_op(writer, INET_DIAG_BC_JMP, OP, jump_to_answer(writer, end));
    return;
  }
  size_t middle = begin + n / 2;
  put_comparison(writer, middle, COMPARISON + tree_size(end - middle - 1));
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
                          .left = tree_size(changes)};
  size_t needed = writer.left;
  if (needed > size || needed > LB_PORT_FILTER_SIZE)
    return 0;
  put_tree(&writer, 0, changes);
  return needed;
}
