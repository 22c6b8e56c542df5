// SPDX-License-Identifier: MIT
/* Parses a dump of listening UNIX sockets, and checks the numbers of their
 * names: each name has one number until a sweep frees it. */
#include "fuzz_dump.h"

#include "base/unix_names.h"

#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* The number has this name, and no other number has it. */
static void check_number(struct lb_unix_names *names, uint32_t number,
                         const char *name, size_t len) {
  const struct lb_unix_name *stored = lb_unix_names_get(names, number);
  struct lb_unix_name again = lb_unix_name_of(name, len);
  uint32_t number_again;
  CHECK(number < lb_unix_names_end(names));
  CHECK(stored->len > 0 && stored->len <= LB_UNIX_NAME_SIZE &&
        stored->len <= len);
  CHECK(memcmp(stored->bytes, name, stored->len) == 0);
  CHECK(name[0] == '\0' || !memchr(stored->bytes, '\0', stored->len));
  CHECK(lb_unix_names_intern(names, &again, &number_again) == 0);
  CHECK(number_again == number);
}

static void check_sock(void *data, const struct nlmsghdr *msg, bool added) {
  const struct lb_listen_socks *socks = data;
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
  const struct lb_listen_sock *sock = &socks->v[socks->len - 1];
  CHECK(sock->family == AF_UNIX && sock->port == 0 && !sock->has_drops);
  CHECK(sock->queue == queue && sock->limit == limit);
  CHECK(sock->inode == diag->udiag_ino);
  const struct nlattr *file = find_attr(msg, sizeof(*diag), UNIX_DIAG_VFS);
  uint32_t inode = 0, dev = 0;
  CHECK(!file || (attr_number(file, 0, &inode) && attr_number(file, 4, &dev)));
  CHECK(sock->file.inode == inode && sock->file.dev == dev);
  CHECK((uint32_t)sock->cookie == diag->udiag_cookie[0]);
  CHECK(sock->cookie >> 32 == diag->udiag_cookie[1]);
  check_number(socks->unix_names, sock->unix_name, mnl_attr_get_payload(name),
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

/* A sweep frees exactly the numbers that are not kept. */
static void check_sweep(const struct lb_listen_socks *socks, uint64_t kept) {
  struct sweep sweep = {kept};
  lb_unix_names_begin_sweep(socks->unix_names);
  for (size_t i = 0; i < socks->len; i++)
    if (keeps(&sweep, socks->v[i].unix_name))
      lb_unix_names_keep(socks->unix_names, socks->v[i].unix_name);
  lb_unix_names_end_sweep(socks->unix_names, on_freed, &sweep);
  for (size_t i = 0; i < socks->len; i++) {
    const struct lb_unix_name *stored =
        lb_unix_names_get(socks->unix_names, socks->v[i].unix_name);
    CHECK((stored != NULL) == keeps(&sweep, socks->v[i].unix_name));
    if (stored)
      check_number(socks->unix_names, socks->v[i].unix_name, stored->bytes,
                   stored->len);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  struct lb_listen_socks socks = {.len = 0};
  CHECK(lb_unix_names_new(&socks.unix_names) == 0);
  struct fuzzed_answer answer = {.handler = lb_add_unix_socks(&socks),
                                 .len = &socks.len,
                                 .check = check_sock,
                                 .data = &socks};
  feed_input(&answer, (struct input){bytes, len});
  uint64_t kept = len;
  for (size_t i = 0; i < len; i++)
    kept = kept * 31 + bytes[i];
  check_sweep(&socks, kept);
  lb_unix_names_free(socks.unix_names);
  lb_listen_socks_free(&socks);
  return 0;
}
