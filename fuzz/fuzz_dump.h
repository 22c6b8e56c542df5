/* SPDX-License-Identifier: MIT */
/* Feeds an input to lb_answer_feed(), and checks what must hold for any answer.
 *
 * An input is a byte of flags and datagrams, each after its length in two
 * bytes; a length beyond the end is cut. */
#ifndef LB_FUZZ_DUMP_H
#define LB_FUZZ_DUMP_H

#include "fuzz.h"

#include "kernel/answer.h"

#include <errno.h>
#include <libmnl/libmnl.h>

/* Flags. ASKED: the first message answers the request. SINGLE: the request has
 * a single message for an answer. */
enum { ASKED = 1, SINGLE = 2 };

struct fuzzed_answer {
  struct lb_msg_handler handler;
  const size_t *len; /* of the array that the handler appends to, or NULL */
  /* Checks what was made of a message; added: something was appended. */
  void (*check)(void *data, const struct nlmsghdr *msg, bool added);
  void *data;

  struct nlmsghdr request;
  const char *begin; /* of the datagram */
  const char *end;
  const char *next; /* no message from here on has been handled */
  unsigned handled; /* messages of the datagram */
  int failed;       /* the handler's error */
};

static inline bool is_single(const struct fuzzed_answer *answer) {
  return !(answer->request.nlmsg_flags & NLM_F_DUMP);
}

/* Every message that reaches the handler is whole, answers the request and is
 * not one of netlink's own. */
static inline int handle_checked(void *data, const struct nlmsghdr *msg) {
  struct fuzzed_answer *answer = data;
  const char *at = (const char *)msg;
  CHECK(at >= answer->next && at < answer->end);
  CHECK((size_t)(answer->end - at) >= sizeof(*msg));
  CHECK(msg->nlmsg_len >= sizeof(*msg));
  CHECK(msg->nlmsg_len <= (size_t)(answer->end - at));
  CHECK(!answer->request.nlmsg_seq ||
        msg->nlmsg_seq == answer->request.nlmsg_seq);
  CHECK(!answer->request.nlmsg_pid ||
        msg->nlmsg_pid == answer->request.nlmsg_pid);
  CHECK(!(msg->nlmsg_flags & NLM_F_DUMP_INTR));
  CHECK(msg->nlmsg_type != NLMSG_NOOP && msg->nlmsg_type != NLMSG_DONE &&
        msg->nlmsg_type != NLMSG_ERROR);
  CHECK(!answer->failed);
  answer->next = at + msg->nlmsg_len;
  answer->handled++;

  size_t before = answer->len ? *answer->len : 0;
  answer->failed = answer->handler.handle(answer->handler.data, msg);
  size_t added = answer->len ? *answer->len - before : !answer->failed;
  CHECK(is_status(answer->failed));
  CHECK(added <= (answer->failed ? 0 : 1));
  if (!answer->failed)
    answer->check(answer->data, msg, added);
  return answer->failed;
}

/* If more must come, the datagram was read to its end, as libmnl reads it; if
 * the answer is complete, there was an end. */
static inline void check_outcome(const struct fuzzed_answer *answer, int more) {
  const struct nlmsghdr *msg = (const void *)answer->begin;
  int left = (int)(answer->end - answer->begin);
  unsigned handled = 0;
  CHECK(more == 1 || is_status(more));
  CHECK(!answer->failed || more == answer->failed);
  if (more < 0)
    return;
  CHECK(left > 0);
  for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
    if (msg->nlmsg_type == NLMSG_DONE && more == 0) {
      CHECK(!is_single(answer) && handled == answer->handled);
      return;
    }
    CHECK(msg->nlmsg_type != NLMSG_DONE && msg->nlmsg_type != NLMSG_ERROR);
    handled += msg->nlmsg_type != NLMSG_NOOP;
    if (is_single(answer) && handled) {
      CHECK(more == 0 && answer->handled == 1);
      return;
    }
  }
  CHECK(more == 1 && left <= 0 && handled == answer->handled);
}

static inline void begin_answer(struct fuzzed_answer *answer, uint8_t flags,
                                struct input input) {
  struct nlmsghdr first;
  answer->request =
      (struct nlmsghdr){.nlmsg_flags = flags & SINGLE ? 0 : NLM_F_DUMP};
  take(&input, 2);
  if (!(flags & ASKED) || input.left < sizeof(first))
    return;
  memcpy(&first, input.at, sizeof(first));
  answer->request.nlmsg_seq = first.nlmsg_seq;
  answer->request.nlmsg_pid = first.nlmsg_pid;
}

static inline int feed_datagram(struct fuzzed_answer *answer,
                                struct input datagram) {
  char *bytes = copy_of(datagram, false);
  answer->begin = answer->next = bytes;
  answer->end = bytes + datagram.left;
  answer->handled = 0;
  const struct lb_answer fed = {&answer->request, {handle_checked, answer}};
  int more = lb_answer_feed(&fed, bytes, datagram.left);
  check_outcome(answer, more);
  free(bytes);
  return more;
}

/* 0, -errno, or 1 if the end is missing. */
static inline int feed_input(struct fuzzed_answer *answer, struct input input) {
  uint8_t flags = (uint8_t)take_number(&input, 1);
  int more = 1;
  begin_answer(answer, flags, input);
  while (more > 0 && input.left) {
    size_t len = take_number(&input, 2);
    more = feed_datagram(answer, take(&input, len));
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

/* The number at a place of an attribute. False if it is not that long. */
static inline bool attr_number(const struct nlattr *attr, size_t at,
                               uint32_t *number) {
  if (!attr || mnl_attr_get_payload_len(attr) < at + sizeof(*number))
    return false;
  memcpy(number, (const char *)mnl_attr_get_payload(attr) + at,
         sizeof(*number));
  return true;
}

#endif
