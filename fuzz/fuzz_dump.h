/* SPDX-License-Identifier: MIT */
/* Datagrams to a walk over a dump, and what must hold of every such walk.
 *
 * An input is a byte of flags and datagrams, each behind its length in two
 * bytes; a length beyond the end is cut. */
#ifndef LB_FUZZ_DUMP_H
#define LB_FUZZ_DUMP_H

#include "fuzz.h"

#include "kernel/answer.h"

#include <errno.h>
#include <libmnl/libmnl.h>

enum { ASKED = 1, SINGLE = 2 }; /* flags */

struct walk {
  struct lb_msg_handler handler;
  const size_t *len; /* of what the taker appends to; NULL: to nothing */
  /* Checks what was taken out of a message; added: it was appended. */
  void (*check)(void *data, const struct nlmsghdr *msg, bool added);
  void *data;

  struct nlmsghdr request;
  const char *begin; /* the datagram */
  const char *end;
  const char *next; /* where no message has been taken yet */
  unsigned taken;
  int failed; /* the taker's error */
};

static inline bool is_single(const struct walk *walk) {
  return !(walk->request.nlmsg_flags & NLM_F_DUMP);
}

/* Every message that reaches the taker is whole, answers what was asked and is
 * none of netlink's own. */
static inline int take_checked(void *data, const struct nlmsghdr *msg) {
  struct walk *walk = data;
  const char *at = (const char *)msg;
  CHECK(at >= walk->next && at < walk->end);
  CHECK((size_t)(walk->end - at) >= sizeof(*msg));
  CHECK(msg->nlmsg_len >= sizeof(*msg));
  CHECK(msg->nlmsg_len <= (size_t)(walk->end - at));
  CHECK(!walk->request.nlmsg_seq || msg->nlmsg_seq == walk->request.nlmsg_seq);
  CHECK(!walk->request.nlmsg_pid || msg->nlmsg_pid == walk->request.nlmsg_pid);
  CHECK(!(msg->nlmsg_flags & NLM_F_DUMP_INTR));
  CHECK(msg->nlmsg_type != NLMSG_NOOP && msg->nlmsg_type != NLMSG_DONE &&
        msg->nlmsg_type != NLMSG_ERROR);
  CHECK(!walk->failed);
  walk->next = at + msg->nlmsg_len;
  walk->taken++;

  size_t before = walk->len ? *walk->len : 0;
  walk->failed = walk->handler.handle(walk->handler.data, msg);
  size_t added = walk->len ? *walk->len - before : !walk->failed;
  CHECK(is_status(walk->failed));
  CHECK(added <= (walk->failed ? 0 : 1));
  if (!walk->failed)
    walk->check(walk->data, msg, added);
  return walk->failed;
}

/* A walk that wants more has read its datagram to the end, as libmnl reads it;
 * one that ends has met an end. */
static inline void check_outcome(const struct walk *walk, int more) {
  const struct nlmsghdr *msg = (const void *)walk->begin;
  int left = (int)(walk->end - walk->begin);
  unsigned taken = 0;
  CHECK(more == 1 || is_status(more));
  CHECK(!walk->failed || more == walk->failed);
  if (more < 0)
    return;
  CHECK(left > 0);
  for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
    if (msg->nlmsg_type == NLMSG_DONE && more == 0) {
      CHECK(!is_single(walk) && taken == walk->taken);
      return;
    }
    CHECK(msg->nlmsg_type != NLMSG_DONE && msg->nlmsg_type != NLMSG_ERROR);
    taken += msg->nlmsg_type != NLMSG_NOOP;
    if (is_single(walk) && taken) {
      CHECK(more == 0 && walk->taken == 1);
      return;
    }
  }
  CHECK(more == 1 && left <= 0 && taken == walk->taken);
}

/* Asked: as if the first message answered what was asked. */
static inline void begin_walk(struct walk *walk, uint8_t flags,
                              struct input input) {
  struct nlmsghdr first;
  walk->request =
      (struct nlmsghdr){.nlmsg_flags = flags & SINGLE ? 0 : NLM_F_DUMP};
  take(&input, 2);
  if (!(flags & ASKED) || input.left < sizeof(first))
    return;
  memcpy(&first, input.at, sizeof(first));
  walk->request.nlmsg_seq = first.nlmsg_seq;
  walk->request.nlmsg_pid = first.nlmsg_pid;
}

static inline int feed_datagram(struct walk *walk, struct input datagram) {
  char *bytes = copy_of(datagram, false);
  walk->begin = walk->next = bytes;
  walk->end = bytes + datagram.left;
  walk->taken = 0;
  const struct lb_answer answer = {&walk->request, {take_checked, walk}};
  int more = lb_answer_feed(&answer, bytes, datagram.left);
  check_outcome(walk, more);
  free(bytes);
  return more;
}

/* 0, -errno, or 1 where the end is missing. */
static inline int run_walk(struct walk *walk, struct input input) {
  uint8_t flags = (uint8_t)take_number(&input, 1);
  int more = 1;
  begin_walk(walk, flags, input);
  while (more > 0 && input.left) {
    size_t len = take_number(&input, 2);
    more = feed_datagram(walk, take(&input, len));
  }
  return more;
}

/* The last attribute of a type, or NULL. */
static inline const struct nlattr *find_attr(const struct nlmsghdr *msg,
                                             size_t header, uint16_t type) {
  const char *end = mnl_nlmsg_get_payload_tail(msg);
  const struct nlattr *attr = mnl_nlmsg_get_payload_offset(msg, header);
  const struct nlattr *found = NULL;
  for (; mnl_attr_ok(attr, (int)(end - (const char *)attr));
       attr = mnl_attr_next(attr))
    if (attr->nla_type == type)
      found = attr;
  return found;
}

/* The number at a place of an attribute; false: it is not that long. */
static inline bool attr_number(const struct nlattr *attr, size_t at,
                               uint32_t *number) {
  if (!attr || mnl_attr_get_payload_len(attr) < at + sizeof(*number))
    return false;
  memcpy(number, (const char *)mnl_attr_get_payload(attr) + at,
         sizeof(*number));
  return true;
}

#endif
