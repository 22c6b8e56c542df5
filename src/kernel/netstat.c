// SPDX-License-Identifier: MIT
/* netstat_seq_show() and snmp_seq_show(), net/ipv4/proc.c, write
 * "TcpExt: NAME NAME ..." and, on the next line, "TcpExt: VALUE VALUE ...".
 * Kernels differ in their columns, so each is found by its name. */
#include "kernel/netstat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

static bool has_prefix(const char *line, const char *prefix) {
  return line && strncmp(line, prefix, strlen(prefix)) == 0;
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

/* The counters to look for, and what was found. */
struct columns {
  const char *prefix;
  const char *const *names;
  int len;
  uint64_t *counter;
  unsigned present;
};

static int counter_of(const struct columns *columns, struct word name) {
  for (int i = 0; i < columns->len; i++)
    if (name.len == strlen(columns->names[i]) &&
        !memcmp(name.at, columns->names[i], name.len))
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

static int parse_lines(const char *head, const char *body,
                       struct columns *columns) {
  size_t skip = strlen(columns->prefix);
  struct word name = next_word((struct word){head + skip, 0});
  struct word value = next_word((struct word){body + skip, 0});
  for (; name.len; name = next_word(name), value = next_word(value)) {
    int counter = counter_of(columns, name);
    if (value.len == 0)
      return -EBADMSG;
    if (counter < 0)
      continue;
    if (!get_number(value, &columns->counter[counter]))
      return -EBADMSG;
    columns->present |= 1u << counter;
  }
  return value.len || value.at[0] != '\n' ? -EBADMSG : 0;
}

static int parse_columns(const char *text, struct columns *columns) {
  const char *head = text;
  while (head && !has_prefix(head, columns->prefix))
    head = next_line(head);
  const char *body = head ? next_line(head) : NULL;
  return has_prefix(body, columns->prefix) ? parse_lines(head, body, columns)
                                           : -EBADMSG;
}

int lb_netstat_parse(const char *text, struct lb_netstat *out) {
  struct lb_netstat parsed = {0};
  struct columns columns = {"TcpExt: ", names, LB_MIBS, parsed.counter, 0};
  int err = parse_columns(text, &columns);
  if (err)
    return err;
  parsed.present = columns.present;
  *out = parsed;
  return 0;
}

static int parse_column(const char *text, const char *prefix, const char *name,
                        uint64_t *out) {
  uint64_t counter = 0;
  struct columns columns = {prefix, &name, 1, &counter, 0};
  int err = parse_columns(text, &columns);
  if (!err && !columns.present)
    err = -ENODATA;
  if (!err)
    *out = counter;
  return err;
}

bool lb_netstat_has_mptcp(const char *text) {
  uint64_t syns = 0;
  return !parse_column(text, "MPTcpExt: ", "MPCapableSYNRX", &syns) && syns > 0;
}

int lb_snmp_parse(const char *text, uint64_t *arrivals) {
  return parse_column(text, "Tcp: ", "PassiveOpens", arrivals);
}

uint64_t lb_mib_increment(uint64_t before, uint64_t now) {
  if (now >= before)
    return now - before;
  uint32_t wrapped = (uint32_t)now - (uint32_t)before;
  return before <= UINT32_MAX && wrapped <= INT32_MAX ? wrapped : 0;
}

int lb_sysctl_parse(const char *text, uint32_t *out) {
  size_t len = strcspn(text, "\n");
  uint64_t value;
  if (!get_number((struct word){text, len}, &value) || value > UINT32_MAX)
    return -EBADMSG;
  *out = (uint32_t)value;
  return 0;
}
