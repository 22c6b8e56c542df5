// SPDX-License-Identifier: MIT
/* A dump that was lost on the way is asked for once more at once: a lost batch
 * or a stray message then costs a look nothing. What the kernel does not have
 * is not asked for twice, because each request for tcp_diag has it look for the
 * module (request_module() in inet_diag_lock_handler()). The files are opened
 * for each read, so that nothing here outlives the namespace it came from.
 *
 * Looks and walks have a socket each, and share nothing else that changes: a
 * walk of many connections may take longer than the time between two looks. A
 * socket stays in the namespace that it was opened in, so another one is
 * entered for that alone, and to read its files. */
#include "kernel/live.h"

#include "kernel/inet_conn.h"
#include "kernel/inet_diag.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct asker {
  struct lb_netlink *netlink;
  bool by_family; /* the kernel refuses the request for both families */
};

struct live {
  struct lb_source source; /* first: a live is a source */
  struct lb_live_options options;
  struct asker looks;
  struct asker walks;
  uint64_t cookie; /* of the other namespace that was looked at; 0: unknown */
  char *request;   /* of waiting(); NULL before the first one */
};

/* --- one answer ---------------------------------------------------------- */

struct question {
  struct live *live;
  struct asker *asker;
  enum lb_channel channel;
  struct lb_taker taker;
  size_t *len;                      /* of what the taker appends to, or NULL */
  size_t before;                    /* what it was */
  const struct lb_query *query;     /* of waiting() */
  const struct lb_listen_sock *row; /* of pending() */
};

static void forget_answer(const struct question *question) {
  if (question->len)
    *question->len = question->before;
}

static void on_datagram(void *data, const void *bytes, size_t len, int status) {
  const struct question *question = data;
  const struct lb_witness *witness = question->live->options.witness;
  witness->datagram(witness->data, question->channel, bytes, len, status);
}

static int open_netlink(void *data) { return lb_netlink_open(data); }

/* Of another namespace: whether it is still the one that is meant. */
static int check_place(const struct live *live, struct lb_netlink *netlink) {
  struct lb_netns_id id;
  int err = lb_netns_identify(live->options.netns, &id);
  if (!err && !lb_netns_is_same(&id, &live->options.id))
    err = -ESTALE;
  if (err)
    lb_netlink_close(netlink);
  return err;
}

/* Once nothing keeps a namespace alive, the next may get its inode number. */
static int check_cookie(struct live *live, struct lb_netlink *netlink) {
  uint64_t cookie = lb_netlink_netns(netlink);
  if (!live->cookie && cookie)
    live->cookie = cookie;
  if (cookie == live->cookie)
    return 0;
  lb_netlink_close(netlink);
  return -ESTALE;
}

static int open_there(struct live *live, struct lb_netlink *netlink) {
  int err = lb_netns_run(live->options.netns, &live->options.id, open_netlink,
                         netlink);
  return err ? err : check_cookie(live, netlink);
}

/* An error closes the socket, hence before each dump. */
static int reach(struct live *live, struct lb_netlink *netlink) {
  if (!live->options.netns)
    return 0; /* it is opened with the dump */
  int err = check_place(live, netlink);
  if (err || lb_netlink_is_open(netlink))
    return err;
  return open_there(live, netlink);
}

/* -ESTALE of the kernel: another socket has the inode of that one. */
static int dump(struct question *question, struct nlmsghdr *request) {
  struct lb_netlink *netlink = question->asker->netlink;
  int err = reach(question->live, netlink);
  if (err)
    return err;
  struct lb_tap tap = {on_datagram, question};
  err = lb_netlink_dump(netlink, request, question->taker,
                        question->live->options.witness ? &tap : NULL);
  return err == -ESTALE ? -ENOENT : err;
}

/* family 0: both at once. */
static int dump_listeners(struct question *question, uint8_t family) {
  _Alignas(struct nlmsghdr) char buf[LB_INET_REQUEST_SIZE];
  return dump(question, family ? lb_inet_request_listen_socks(buf, family)
                               : lb_inet_request_listen_socks_of_both(buf));
}

static int dump_waiting(struct question *question, uint8_t family) {
  struct live *live = question->live;
  const struct lb_query *query = question->query;
  if (!live->request)
    live->request = malloc(LB_CONN_REQUEST_SIZE);
  if (!live->request)
    return -ENOMEM;
  return dump(question,
              lb_inet_request_conns(live->request, family, query->ports,
                                    query->len, query->queued));
}

static int dump_inet(struct question *question, uint8_t family) {
  return question->query ? dump_waiting(question, family)
                         : dump_listeners(question, family);
}

static int dump_by_family(struct question *question) {
  int err = dump_inet(question, AF_INET);
  return err ? err : dump_inet(question, AF_INET6);
}

static int dump_both(struct question *question) {
  if (question->asker->by_family)
    return dump_by_family(question);
  int err = dump_inet(question, 0);
  if (err != -EOPNOTSUPP && err != -EINVAL)
    return err;
  forget_answer(question);
  err = dump_by_family(question);
  question->asker->by_family = err == 0;
  return err;
}

static int dump_paths(struct question *question) {
  _Alignas(struct nlmsghdr) char buf[LB_UNIX_REQUEST_SIZE];
  return dump(question, lb_unix_request_listen_socks(buf));
}

static int dump_pending(struct question *question) {
  _Alignas(struct nlmsghdr) char buf[LB_UNIX_REQUEST_SIZE];
  return dump(question, lb_unix_request_pending(buf, question->row));
}

static int ask(struct question *question) {
  switch (question->channel) {
  case LB_CHANNEL_PATHS:
    return dump_paths(question);
  case LB_CHANNEL_PENDING:
    return dump_pending(question);
  default:
    return dump_both(question);
  }
}

static bool is_worth_a_retry(int err) {
  switch (err) {
  case -ENOBUFS:
  case -ENOSPC:
  case -EINTR:
  case -EBUSY:
  case -EBADMSG:
  case -EPROTO:
  case -ESRCH:
    return true;
  default:
    return false;
  }
}

static int ask_twice(struct question *question) {
  int err = ask(question);
  if (!is_worth_a_retry(err))
    return err;
  forget_answer(question);
  return ask(question);
}

static void tell(const struct question *question, int status,
                 uint64_t cost_ns) {
  const struct lb_witness *witness = question->live->options.witness;
  if (witness)
    witness->answer(witness->data, question->channel, status, cost_ns);
}

/* --- looks --------------------------------------------------------------- */

static int look(struct live *live, enum lb_channel channel,
                struct lb_taker taker, struct lb_listen_socks *rows) {
  struct question question = {.live = live,
                              .asker = &live->looks,
                              .channel = channel,
                              .taker = taker,
                              .len = &rows->len,
                              .before = rows->len};
  int err = ask_twice(&question);
  tell(&question, err, 0);
  return err;
}

static int listeners(struct lb_source *source, struct lb_listen_socks *rows) {
  return look((struct live *)source, LB_CHANNEL_LISTENERS, lb_take_rows(rows),
              rows);
}

static int paths(struct lb_source *source, struct lb_listen_socks *rows) {
  return look((struct live *)source, LB_CHANNEL_PATHS, lb_take_paths(rows),
              rows);
}

/* --- walks --------------------------------------------------------------- */

static uint64_t cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Between walks there is time enough for another namespace to go. */
static int walk(struct question *question, uint64_t *cost_ns) {
  uint64_t start = cpu_ns();
  int err = ask_twice(question);
  if (question->live->options.netns)
    lb_netlink_close(question->asker->netlink);
  uint64_t cost = cpu_ns() - start;
  *cost_ns += cost;
  tell(question, err, cost);
  return err;
}

static int waiting(struct lb_source *source, const struct lb_query *query,
                   struct lb_conns *conns, uint64_t *cost_ns) {
  struct live *live = (struct live *)source;
  struct question question = {.live = live,
                              .asker = &live->walks,
                              .channel = LB_CHANNEL_WAITING,
                              .taker = lb_take_conns(conns),
                              .len = &conns->len,
                              .before = conns->len,
                              .query = query};
  return walk(&question, cost_ns);
}

static int pending(struct lb_source *source, const struct lb_listen_sock *row,
                   struct lb_pending *pending, uint64_t *cost_ns) {
  struct live *live = (struct live *)source;
  struct lb_pending found;
  struct question question = {.live = live,
                              .asker = &live->walks,
                              .channel = LB_CHANNEL_PENDING,
                              .taker = lb_take_pending(&found),
                              .row = row};
  int err = walk(&question, cost_ns);
  if (!err)
    *pending = found;
  return err;
}

/* --- files --------------------------------------------------------------- */

static ssize_t read_all(int fd, char *buf, size_t size) {
  size_t len = 0;
  while (len < size) {
    ssize_t n = read(fd, buf + len, size - len);
    if (n == 0) {
      buf[len] = '\0';
      return (ssize_t)len;
    }
    if (n > 0)
      len += (size_t)n;
    else if (errno != EINTR)
      return -errno;
  }
  return -EFBIG;
}

struct file {
  char path[256];
  char *buf;
  size_t size;
  ssize_t len;
};

static int read_file(void *data) {
  struct file *file = data;
  int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  file->len = fd < 0 ? -errno : read_all(fd, file->buf, file->size);
  if (fd >= 0)
    close(fd);
  return 0;
}

/* "net" is a link to "self/net", which is that of the process's main thread. */
static const char *name_of(enum lb_text which, bool own) {
  if (which == LB_TEXT_SOMAXCONN)
    return "sys/net/core/somaxconn";
  return own ? "net/netstat" : "thread-self/net/netstat";
}

static int read_in_place(struct live *live, struct file *file) {
  if (!live->options.netns)
    return read_file(file);
  int err = check_place(live, live->looks.netlink);
  return err ? err
             : lb_netns_run(live->options.netns, &live->options.id, read_file,
                            file);
}

static ssize_t text(struct lb_source *source, enum lb_text which, char *buf,
                    size_t size) {
  struct live *live = (struct live *)source;
  const struct lb_witness *witness = live->options.witness;
  struct file file = {.buf = buf, .size = size};
  int n = snprintf(file.path, sizeof(file.path), "%s/%s", live->options.proc,
                   name_of(which, !live->options.netns));
  if (n < 0 || (size_t)n >= sizeof(file.path))
    return -ENAMETOOLONG;

  int err = read_in_place(live, &file);
  ssize_t len = err ? err : file.len;
  if (witness)
    witness->text(witness->data, which, buf, len);
  return len;
}

/* --- its life ------------------------------------------------------------ */

int lb_live_new(const struct lb_live_options *options, struct lb_source **out) {
  struct live *live = calloc(1, sizeof(*live));
  if (!live)
    return -ENOMEM;
  live->source = (struct lb_source){.listeners = listeners,
                                    .paths = paths,
                                    .text = text,
                                    .waiting = waiting,
                                    .pending = pending};
  live->options = *options;
  int err = lb_netlink_new(&live->looks.netlink);
  if (!err)
    err = lb_netlink_new(&live->walks.netlink);
  if (err) {
    lb_live_free(&live->source);
    return err;
  }
  *out = &live->source;
  return 0;
}

void lb_live_rest(struct lb_source *source) {
  struct live *live = (struct live *)source;
  lb_netlink_close(live->looks.netlink);
  lb_netlink_close(live->walks.netlink);
}

void lb_live_free(struct lb_source *source) {
  struct live *live = (struct live *)source;
  if (!live)
    return;
  lb_netlink_free(live->looks.netlink);
  lb_netlink_free(live->walks.netlink);
  free(live->request);
  free(live);
}
