// SPDX-License-Identifier: MIT
#include "base/messages.h"

#include "unit.h"

TEST_CASE(control_characters_of_a_message_become_question_marks) {
  char out[LB_MESSAGE_SIZE];
  assert_string_equal(
      lb_message(out, "%s \"%s\"", "LocalPath", "a\n\x1f\x7f b"),
      "LocalPath \"a??? b\"");
}

TEST_CASE(a_message_of_512_bytes_loses_its_last_byte) {
  char out[LB_MESSAGE_SIZE];
  lb_message(out, "%*s", LB_MESSAGE_SIZE, ".");
  assert_int_equal(strlen(out), LB_MESSAGE_SIZE - 1);
}

static const char *file_reason(int err, char buf[static LB_REASON_SIZE]) {
  return lb_file_error(err, buf);
}

static const char *netlink_reason(int err, char buf[static LB_REASON_SIZE]) {
  return lb_netlink_error(err, "some_diag", buf);
}

static const char *netns_reason(int err, char buf[static LB_REASON_SIZE]) {
  return lb_netns_error(err, buf);
}

static const char *recording_reason(int err, char buf[static LB_REASON_SIZE]) {
  return lb_recording_error(err, buf);
}

static const char *ports_reason(int err, char buf[static LB_REASON_SIZE]) {
  (void)buf;
  return lb_ports_error(err);
}

#define NO_NETLINK "; allow AF_NETLINK (RestrictAddressFamilies, seccomp)"

TEST_CASE(each_errno_has_the_reason_of_its_area) {
  static const struct {
    const char *(*reason)(int err, char buf[static LB_REASON_SIZE]);
    int err;
    const char *want; /* after strerror(), if that is part of it */
    bool is_strerror;
  } cases[] = {
      {file_reason, -EBADMSG, "malformed data", false},
      {file_reason, -ENODATA, "the recording has no answer to it", false},
      {file_reason, -ENOENT, "", true},
      {netlink_reason, -ENOENT,
       "the kernel has no some_diag, try: modprobe some_diag", false},
      {netlink_reason, -EOPNOTSUPP,
       "the kernel has no some_diag, try: modprobe some_diag", false},
      {netlink_reason, -EBADMSG, "malformed data", false},
      {netlink_reason, -ENODATA, "the recording has no answer to it", false},
      {netlink_reason, -EPROTO, "the answer belongs to another request", false},
      {netlink_reason, -ESRCH, "the answer belongs to another request", false},
      {netlink_reason, -ETIMEDOUT, "no answer", false},
      {netlink_reason, -ENOSPC, "the answer was cut off", false},
      {netlink_reason, -EAFNOSUPPORT, NO_NETLINK, true},
      {netlink_reason, -EPERM, NO_NETLINK, true},
      {netlink_reason, -EACCES, NO_NETLINK, true},
      {netlink_reason, -EPROTONOSUPPORT, NO_NETLINK, true},
      {netlink_reason, -ENOBUFS, "", true},
      {netlink_reason, -ENOMEM, "", true},
      {netlink_reason, -4095, "", true},
      {netns_reason, -EPERM,
       "CAP_SYS_ADMIN is missing (CapabilityBoundingSet, AmbientCapabilities)",
       false},
      {netns_reason, -EINVAL,
       "no network namespace is mounted there in the mount namespace of this "
       "process",
       false},
      {netns_reason, -ENOENT, "it does not exist", false},
      {netns_reason, -ESTALE, "it does not exist", false},
      {netns_reason, -ENAMETOOLONG, "a name is longer than 127 bytes", false},
      {netns_reason, -EMFILE, "", true},
      {recording_reason, -EBADMSG,
       "not a recording of listen_backlog-probe, or cut off", false},
      {recording_reason, -EOPNOTSUPP,
       "a recording of another version or byte order", false},
      {recording_reason, -ENOENT, "", true},
      {ports_reason, -ERANGE, "not a TCP port", false},
      {ports_reason, -ENOENT, "unknown service", false},
      {ports_reason, -EINVAL, "an empty or reversed range", false},
      {ports_reason, -E2BIG, "a list in one value", false},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char buf[LB_REASON_SIZE];
    struct text want = {.len = 0};
    say(&want, "%s%s", cases[i].is_strerror ? strerror(-cases[i].err) : "",
        cases[i].want);
    assert_string_equal(cases[i].reason(cases[i].err, buf), want.at);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
