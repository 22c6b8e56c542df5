/* SPDX-License-Identifier: MIT */
/* What the targets for inet_diag share. */
#ifndef LB_FUZZ_INET_H
#define LB_FUZZ_INET_H

#include "fuzz_dump.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

static inline void check_address(const struct inet_diag_msg *diag,
                                 const uint8_t address[16]) {
  static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
  if (diag->idiag_family == AF_INET6) {
    CHECK(memcmp(address, diag->id.idiag_src, 16) == 0);
    return;
  }
  CHECK(diag->idiag_family == AF_INET);
  CHECK(memcmp(address, mapped, sizeof(mapped)) == 0);
  CHECK(memcmp(address + sizeof(mapped), diag->id.idiag_src, 4) == 0);
}

#endif
