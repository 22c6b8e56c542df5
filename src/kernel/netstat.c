// SPDX-License-Identifier: MIT
/* netstat_seq_show(), net/ipv4/proc.c, writes "TcpExt: NAME NAME ..." and, on
 * the next line, "TcpExt: VALUE VALUE ...". Kernels differ in their columns, so
 * each is found by its name. */
#include "kernel/netstat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "TcpExt: ";

static const char *const names[LB_MIBS] = {
    [LB_MIB_LISTEN_DROPS] = "ListenDrops",
    [LB_MIB_LISTEN_OVERFLOWS] = "ListenOverflows",
    [LB_MIB_REQQ_FULL_DROP] = "TCPReqQFullDrop",
    [LB_MIB_SYNCOOKIES_SENT] = "SyncookiesSent",
};

static const char *next_line(const char *line) {
  const char *end = strchr(line, '\n');
  return end ? end + 1 : NULL;
}

static bool has_prefix(const char *line) {
  return line && strncmp(line, prefix, sizeof(prefix) - 1) == 0;
}

/* One word of a line; len 0: its end. */
struct word {
  const char *at;
  size_t len;
};

static struct word next_word(struct word word) {
  const char *at = word.at + word.len;
  at += strspn(at, " ");
  return (struct word){at, strcspn(at, " \n")};
}

static struct word first_word(const char *line) {
  return next_word((struct word){line + sizeof(prefix) - 1, 0});
}

static int counter_of(struct word name) {
  for (int i = 0; i < LB_MIBS; i++)
    if (name.len == strlen(names[i]) && !memcmp(name.at, names[i], name.len))
      return i;
  return -1;
}

static bool get_number(struct word word, uint64_t *out) {
  char *end;
  if (word.len == 0 || *word.at < '0' || *word.at > '9')
    return false;
  errno = 0;
  unsigned long long value = strtoull(word.at, &end, 10);
  if (errno || end != word.at + word.len)
    return false;
  *out = value;
  return true;
}

int lb_netstat_parse(const char *text, struct lb_netstat *out) {
  const char *head = text;
  while (head && !has_prefix(head))
    head = next_line(head);
  const char *body = head ? next_line(head) : NULL;
  if (!has_prefix(body))
    return -EBADMSG;

  struct lb_netstat parsed = {0};
  struct word name = first_word(head), value = first_word(body);
  for (; name.len; name = next_word(name), value = next_word(value)) {
    int counter = counter_of(name);
    if (value.len == 0)
      return -EBADMSG;
    if (counter < 0)
      continue;
    if (!get_number(value, &parsed.counter[counter]))
      return -EBADMSG;
    parsed.present |= 1u << counter;
  }
  if (value.len || value.at[0] != '\n')
    return -EBADMSG;
  *out = parsed;
  return 0;
}

bool lb_netstat_has_mptcp(const char *text) {
  static const char mptcp[] = "MPTcpExt: ", counter[] = "MPCapableSYNRX";
  const char *head = strstr(text, mptcp);
  const char *body = head ? next_line(head) : NULL;
  if (!body || strncmp(body, mptcp, sizeof(mptcp) - 1) != 0)
    return false;
  struct word name = next_word((struct word){head, sizeof(mptcp) - 1});
  struct word value = next_word((struct word){body, sizeof(mptcp) - 1});
  for (; name.len; name = next_word(name), value = next_word(value)) {
    uint64_t syns;
    if (name.len == sizeof(counter) - 1 &&
        memcmp(name.at, counter, name.len) == 0)
      return get_number(value, &syns) && syns > 0;
  }
  return false;
}

int lb_sysctl_parse(const char *text, uint32_t *out) {
  size_t len = strcspn(text, "\n");
  uint64_t value;
  if (!get_number((struct word){text, len}, &value) || value > UINT32_MAX)
    return -EBADMSG;
  *out = (uint32_t)value;
  return 0;
}
