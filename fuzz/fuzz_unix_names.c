// SPDX-License-Identifier: MIT
/* The dump of listening UNIX sockets, and the numbers of their names: one name,
 * one number, until a sweep frees it. */
#include "fuzz_dump.h"

#include "base/unix_names.h"

#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* The number of a name means this name, and is the only one to do so. */
static void check_number(struct lb_unix_names *paths, uint32_t number,
                         const char *name, size_t len) {
  const struct lb_unix_name *path = lb_unix_names_get(paths, number);
  struct lb_unix_name again = lb_unix_name_of(name, len);
  uint32_t number_again;
  CHECK(number < lb_unix_names_end(paths));
  CHECK(path->len > 0 && path->len <= LB_UNIX_NAME_SIZE && path->len <= len);
  CHECK(memcmp(path->bytes, name, path->len) == 0);
  CHECK(name[0] == '\0' || !memchr(path->bytes, '\0', path->len));
  CHECK(lb_unix_names_intern(paths, &again, &number_again) == 0);
  CHECK(number_again == number);
}

static void check_row(void *data, const struct nlmsghdr *msg, bool added) {
  const struct lb_listen_socks *rows = data;
  const struct unix_diag_msg *diag = mnl_nlmsg_get_payload(msg);
  const struct nlattr *name, *rqlen;
  uint32_t queue = 0, limit = 0;
  CHECK(mnl_nlmsg_get_payload_len(msg) >= sizeof(*diag));
  CHECK(diag->udiag_family == AF_UNIX && diag->udiag_state == TCP_LISTEN);
  name = find_attr(msg, sizeof(*diag), UNIX_DIAG_NAME);
  rqlen = find_attr(msg, sizeof(*diag), UNIX_DIAG_RQLEN);
  CHECK(attr_number(rqlen, 0, &queue) && attr_number(rqlen, 4, &limit));
  bool listens =
      diag->udiag_type == SOCK_STREAM || diag->udiag_type == SOCK_SEQPACKET;
  CHECK(added == (listens && name && mnl_attr_get_payload_len(name) > 0));
  if (!added)
    return;
  const struct lb_listen_sock *row = &rows->v[rows->len - 1];
  CHECK(row->family == AF_UNIX && row->port == 0 && !row->has_drops);
  CHECK(row->queue == queue && row->limit == limit);
  CHECK(row->inode == diag->udiag_ino);
  CHECK((uint32_t)row->cookie == diag->udiag_cookie[0]);
  CHECK(row->cookie >> 32 == diag->udiag_cookie[1]);
  check_number(rows->unix_names, row->unix_name, mnl_attr_get_payload(name),
               mnl_attr_get_payload_len(name));
}

struct sweep {
  uint64_t kept; /* by number, modulo 64 */
};

static bool keeps(const struct sweep *sweep, uint32_t number) {
  return sweep->kept >> number % 64 & 1;
}

static void on_freed(void *data, uint32_t number) {
  CHECK(!keeps(data, number));
}

/* What is kept stays as it is; what is not is no name any more. */
static void check_sweep(const struct lb_listen_socks *rows, uint64_t kept) {
  struct sweep sweep = {kept};
  lb_unix_names_begin_sweep(rows->unix_names);
  for (size_t i = 0; i < rows->len; i++)
    if (keeps(&sweep, rows->v[i].unix_name))
      lb_unix_names_keep(rows->unix_names, rows->v[i].unix_name);
  lb_unix_names_end_sweep(rows->unix_names, on_freed, &sweep);
  for (size_t i = 0; i < rows->len; i++) {
    const struct lb_unix_name *path =
        lb_unix_names_get(rows->unix_names, rows->v[i].unix_name);
    CHECK((path != NULL) == keeps(&sweep, rows->v[i].unix_name));
    if (path)
      check_number(rows->unix_names, rows->v[i].unix_name, path->bytes,
                   path->len);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct lb_listen_socks rows = {.len = 0};
  CHECK(lb_unix_names_new(&rows.unix_names) == 0);
  struct walk walk = {.handler = lb_add_unix_socks(&rows),
                      .len = &rows.len,
                      .check = check_row,
                      .data = &rows};
  run_walk(&walk, (struct input){bytes, len});
  uint64_t kept = len;
  for (size_t i = 0; i < len; i++)
    kept = kept * 31 + bytes[i];
  check_sweep(&rows, kept);
  lb_unix_names_free(rows.unix_names);
  lb_listen_socks_free(&rows);
  return 0;
}
