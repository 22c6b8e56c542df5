/* SPDX-License-Identifier: MIT */
/* The kernel's part in a filter: inet_diag_bc_audit() and inet_diag_bc_run() of
 * net/ipv4/inet_diag.c, as far as our programs go. */
#ifndef LB_BYTECODE_H
#define LB_BYTECODE_H

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct inet_diag_bc_op op_t;

struct program {
  op_t *ops; /* in memory of their length, so that an overrun is seen */
  size_t len;
};

/* Whether "yes" alone leads from the start to this place. */
static inline bool is_on_the_way(const struct program *program, size_t place) {
  size_t at = 0;
  while (at < place && at < program->len) {
    uint8_t yes = program->ops[at / 4].yes;
    if (yes < 4 || yes % 4)
      return false;
    at += yes;
  }
  return at == place;
}

static inline bool is_jump_good(size_t jump, size_t op_len, size_t left) {
  return jump >= op_len && jump <= left + 4 && jump % 4 == 0;
}

static inline bool passes_audit(const struct program *program) {
  size_t at = 0;
  while (at < program->len) {
    const op_t *op = &program->ops[at / 4];
    size_t left = program->len - at;
    size_t op_len = op->code == INET_DIAG_BC_JMP ? 4 : 8;
    if ((op->code != INET_DIAG_BC_JMP && op->code != INET_DIAG_BC_S_GE) ||
        left < op_len || !is_jump_good(op->no, op_len, left) ||
        (op->no < left && !is_on_the_way(program, at + op->no)) ||
        !is_jump_good(op->yes, op_len, left))
      return false;
    at += op->yes;
  }
  return at == program->len;
}

static inline bool run(const struct program *program, uint16_t port,
                       size_t *steps) {
  long left = (long)program->len;
  const op_t *op = program->ops;
  for (*steps = 0; left > 0; ++*steps) {
    bool yes = op->code == INET_DIAG_BC_S_GE && port >= op[1].no;
    unsigned jump = yes ? op->yes : op->no;
    left -= (long)jump;
    op += jump / 4;
  }
  return left == 0;
}

#endif
