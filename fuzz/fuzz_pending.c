// SPDX-License-Identifier: MIT
/* The single answer about the connections that wait at one UNIX socket. */
#include "fuzz_dump.h"

#include <linux/unix_diag.h>

static void check_pending(void *data, const struct nlmsghdr *msg, bool added) {
  const struct lb_pending *pending = data;
  enum { HEADER = sizeof(struct unix_diag_msg) };
  const struct nlattr *icons, *rqlen;
  uint32_t queue, inode, waiting = 0, closed = 0;
  CHECK(added);
  icons = find_attr(msg, HEADER, UNIX_DIAG_ICONS);
  rqlen = find_attr(msg, HEADER, UNIX_DIAG_RQLEN);
  CHECK(icons || (attr_number(rqlen, 0, &queue) && queue == 0));
  for (; attr_number(icons, waiting * sizeof(inode), &inode); waiting++)
    closed += inode == 0;
  CHECK(pending->waiting == waiting);
  CHECK(pending->closed == closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  static const struct lb_pending untouched = {0xabad1dea, 0xabad1dea};
  struct lb_pending pending = untouched;
  struct fuzzed_answer answer = {.handler = lb_set_pending(&pending),
                                 .check = check_pending,
                                 .data = &pending};
  int status = feed_input(&answer, (struct input){bytes, len});
  if (is_single(&answer) && status)
    CHECK(memcmp(&pending, &untouched, sizeof(pending)) == 0);
  return 0;
}
