// SPDX-License-Identifier: MIT
/* Samples and inspections run in two threads and share nothing that changes: an
 * inspection of many connections can take longer than the time between two
 * samples. So each has a netlink socket of its own.
 *
 * A netlink socket stays in the namespace that it was opened in, so another
 * namespace is entered only to open one, and to read files. Files are opened
 * for each read, and the socket for inspections is closed after each, because
 * an open one keeps its namespace alive.
 *
 * A visit to another namespace takes a thread, and longer than reading a file:
 * it also reads the files that are asked for next. */
#include "kernel/kernel_transport.h"

#include "kernel/file_check.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AHEAD_BYTES = 4096 }; /* a longer file is read when it is asked for */

struct file_ahead {
  ssize_t len; /* 0: it is not read */
  char text[AHEAD_BYTES];
};

struct kernel_transport {
  struct lb_transport transport; /* first: this is a transport */
  const char *proc;
  const char *netns; /* NULL: the own namespace */
  struct lb_netns_id id;
  uint64_t cookie; /* of the other namespace; 0: not known */
  struct lb_netlink *samples;
  struct lb_netlink *inspections;
  struct file_ahead *ahead; /* by enum lb_file; NULL: the own namespace */
};

static bool is_inspection(enum lb_query_kind kind) {
  return kind >= LB_QUERY_CONNS;
}

static struct lb_netlink *netlink_for(const struct kernel_transport *kernel,
                                      enum lb_query_kind kind) {
  return is_inspection(kind) ? kernel->inspections : kernel->samples;
}

/* --- the namespace ------------------------------------------------------- */

/* Whether the namespace that is meant is still at its path. */
static int check_netns_id(const struct kernel_transport *kernel,
                          struct lb_netlink *netlink) {
  struct lb_netns_id id;
  int err = lb_netns_identify(kernel->netns, &id);
  if (!err && !lb_netns_is_same(&id, &kernel->id))
    err = -ESTALE;
  if (err)
    lb_netlink_close(netlink);
  return err;
}

/* Once nothing keeps a namespace alive, the next one may get its inode number,
 * but not its cookie. */
static int check_netns_cookie(struct kernel_transport *kernel,
                              struct lb_netlink *netlink) {
  uint64_t cookie = lb_netlink_netns(netlink);
  if (!kernel->cookie && cookie)
    kernel->cookie = cookie;
  if (cookie == kernel->cookie)
    return 0;
  lb_netlink_close(netlink);
  return -ESTALE;
}

static int open_in_netns(void *data) { return lb_netlink_open(data); }

/* Opens the socket in another namespace; in the own one lb_netlink_dump() does.
 */
static int reach_netns(struct kernel_transport *kernel,
                       struct lb_netlink *netlink) {
  if (!kernel->netns)
    return 0;
  int err = check_netns_id(kernel, netlink);
  if (err || lb_netlink_is_open(netlink))
    return err;
  err = lb_netns_run(kernel->netns, &kernel->id, open_in_netns, netlink);
  return err ? err : check_netns_cookie(kernel, netlink);
}

/* --- queries ------------------------------------------------------------- */

/* What was read before a sample is not of the sample. Inspections run beside
 * samples. */
static void forget_files(struct kernel_transport *kernel) {
  for (int i = 0; i < LB_FILES && kernel->ahead; i++)
    kernel->ahead[i].len = 0;
}

/* An error closes the socket, so each dump may have to open it. */
static int kernel_dump(struct lb_transport *transport, enum lb_query_kind kind,
                       struct nlmsghdr *request,
                       struct lb_datagram_handler handler) {
  struct kernel_transport *kernel = (struct kernel_transport *)transport;
  struct lb_netlink *netlink = netlink_for(kernel, kind);
  if (!is_inspection(kind))
    forget_files(kernel);
  int err = reach_netns(kernel, netlink);
  return err ? err : lb_netlink_dump(netlink, request, handler);
}

static int kernel_end_query(struct lb_transport *transport,
                            enum lb_query_kind kind, int status,
                            uint64_t *cost_ns) {
  struct kernel_transport *kernel = (struct kernel_transport *)transport;
  (void)cost_ns;
  if (kernel->netns && is_inspection(kind))
    lb_netlink_close(kernel->inspections);
  return status;
}

/* --- files --------------------------------------------------------------- */

struct file_read {
  char path[256];
  char *buf;
  size_t size;
  ssize_t len; /* or -errno */
};

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

static int read_whole_file(void *data) {
  struct file_read *file = data;
  int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  file->len = fd < 0 ? -errno : read_all(fd, file->buf, file->size);
  if (fd >= 0)
    close(fd);
  return 0;
}

/* "net" is a link to "self/net", the namespace of the process's main thread. */
static const char *name_under_proc(enum lb_file file, bool own) {
  switch (file) {
  case LB_FILE_SOMAXCONN:
    return "sys/net/core/somaxconn";
  case LB_FILE_SNMP:
    return own ? "net/snmp" : "thread-self/net/snmp";
  default:
    return own ? "net/netstat" : "thread-self/net/netstat";
  }
}

static int name_file(const struct kernel_transport *kernel, enum lb_file which,
                     struct file_read *file) {
  int n = snprintf(file->path, sizeof(file->path), "%s/%s", kernel->proc,
                   name_under_proc(which, !kernel->netns));
  return n < 0 || (size_t)n >= sizeof(file->path) ? -ENAMETOOLONG : 0;
}

struct file_visit {
  struct kernel_transport *kernel;
  enum lb_file which;
  struct file_read *file;
};

/* An error of those ahead counts when they are asked for. */
static int read_files(void *data) {
  const struct file_visit *visit = data;
  read_whole_file(visit->file);
  for (int next = (int)visit->which + 1; next < LB_FILES; next++) {
    struct file_ahead *ahead = &visit->kernel->ahead[next];
    struct file_read file = {.buf = ahead->text, .size = sizeof(ahead->text)};
    if (!name_file(visit->kernel, (enum lb_file)next, &file))
      read_whole_file(&file);
    ahead->len = file.len > 0 ? file.len : 0;
  }
  return 0;
}

/* Each is taken once. */
static bool take_ahead(struct file_ahead *ahead, struct file_read *file) {
  if (ahead->len == 0 || (size_t)ahead->len >= file->size)
    return false;
  memcpy(file->buf, ahead->text, (size_t)ahead->len + 1);
  file->len = ahead->len;
  ahead->len = 0;
  return true;
}

static int read_in_netns(struct kernel_transport *kernel, enum lb_file which,
                         struct file_read *file) {
  if (!kernel->netns)
    return read_whole_file(file);
  int err = check_netns_id(kernel, kernel->samples);
  if (err || take_ahead(&kernel->ahead[which], file))
    return err;
  struct file_visit visit = {kernel, which, file};
  return lb_netns_run(kernel->netns, &kernel->id, read_files, &visit);
}

static ssize_t kernel_read_file(struct lb_transport *transport,
                                enum lb_file which, char *buf, size_t size) {
  struct kernel_transport *kernel = (struct kernel_transport *)transport;
  struct file_read file = {.buf = buf, .size = size};
  int err = name_file(kernel, which, &file);
  if (!err)
    err = read_in_netns(kernel, which, &file);
  return err ? err : file.len;
}

/* Other processes of another namespace may have other files. */
static int kernel_check_file(struct lb_transport *transport, const char *path,
                             const struct lb_file_id *file) {
  const struct kernel_transport *kernel =
      (const struct kernel_transport *)transport;
  return lb_file_check(kernel->proc, path, file);
}

static int kernel_find_file(struct lb_transport *transport, const char *path,
                            bool by_mount, struct lb_file_id *out) {
  const struct kernel_transport *kernel =
      (const struct kernel_transport *)transport;
  return lb_file_find(kernel->proc, path, by_mount, out);
}

/* --- life ---------------------------------------------------------------- */

static void kernel_rest(struct lb_transport *transport) {
  struct kernel_transport *kernel = (struct kernel_transport *)transport;
  lb_netlink_close(kernel->samples);
  lb_netlink_close(kernel->inspections);
  forget_files(kernel);
}

static void kernel_close(struct lb_transport *transport) {
  struct kernel_transport *kernel = (struct kernel_transport *)transport;
  lb_netlink_free(kernel->samples);
  lb_netlink_free(kernel->inspections);
  free(kernel->ahead);
  free(kernel);
}

static int prepare_netns(struct kernel_transport *kernel,
                         const struct lb_netns_id *id) {
  kernel->id = *id;
  kernel->ahead = calloc(LB_FILES, sizeof(*kernel->ahead));
  return kernel->ahead ? 0 : -ENOMEM;
}

int lb_kernel_transport_new(const char *proc, const char *netns,
                            const struct lb_netns_id *id,
                            struct lb_transport **out) {
  struct kernel_transport *kernel = calloc(1, sizeof(*kernel));
  if (!kernel)
    return -ENOMEM;
  kernel->transport = (struct lb_transport){.dump = kernel_dump,
                                            .end_query = kernel_end_query,
                                            .read_file = kernel_read_file,
                                            .rest = kernel_rest,
                                            .close = kernel_close,
                                            .check_file = kernel_check_file,
                                            .find_file = kernel_find_file};
  kernel->proc = proc;
  kernel->netns = netns;
  int err = netns ? prepare_netns(kernel, id) : 0;
  if (!err)
    err = lb_netlink_new(&kernel->samples);
  if (!err)
    err = lb_netlink_new(&kernel->inspections);
  if (err) {
    kernel_close(&kernel->transport);
    return err;
  }
  *out = &kernel->transport;
  return 0;
}
