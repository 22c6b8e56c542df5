// SPDX-License-Identifier: MIT
/* Preloaded into the daemon or the probe: makes calls of the plugin and of
 * libmnl fail, and no others. While the file named by LB_FAULT has the line
 *
 *     NUMBER CALL EFFECT WHERE FIRST OF
 *
 * the first FIRST of every OF calls have that effect; if OF is 0, the first
 * FIRST of all calls. EFFECT is the name of an errno, or a word explained
 * below. WHERE is "-", a part of the path, or what a dump asks for: listeners,
 * paths, waiting or pending. A new NUMBER starts counting the calls anew.
 *
 * Beside that file, others have its name and an ending:
 *
 *     .hits      a line for each call that failed
 *     .requests  a line for each request: the socket states that it asks for
 *     .entered   a line for each thread that calls setns(2): its number
 *     .heap      two 64-bit numbers: the blocks and bytes that the plugin has
 *                allocated and not freed
 *
 * Faults in lb/faults.py compiles this and makes the files. */
#define _GNU_SOURCE
#include "errors.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- what is to fail ----------------------------------------------------- */

enum { MAX_FAULTS = 4, MAX_FDS = 1024 };

struct fault {
  char number[12];
  char call[24];
  char effect[24];
  char where[64];
  unsigned first, of;
};

static bool is_ours(void *caller) {
  Dl_info info;
  if (!dladdr(caller, &info) || !info.dli_fname)
    return false;
  const char *slash = strrchr(info.dli_fname, '/');
  const char *name = slash ? slash + 1 : info.dli_fname;
  return strncmp(name, "listen_backlog", 14) == 0 ||
         strncmp(name, "libmnl", 6) == 0;
}

/* Without open(2) and read(2), which are ours here. */
static size_t read_faults(char *text, size_t size) {
  const char *path = getenv("LB_FAULT");
  if (!path)
    return 0;
  long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  long n = syscall(SYS_read, fd, text, size - 1);
  syscall(SYS_close, fd);
  text[n > 0 ? n : 0] = '\0';
  return n > 0 ? (size_t)n : 0;
}

/* Opens the file whose name is that of LB_FAULT and this ending; -1: there is
 * none. */
static int open_beside(const char *ending, int flags) {
  char path[256];
  if (!getenv("LB_FAULT"))
    return -1;
  snprintf(path, sizeof(path), "%s%s", getenv("LB_FAULT"), ending);
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0666);
}

static void note_hit(const struct fault *fault) {
  int fd = open_beside(".hits", O_WRONLY | O_APPEND | O_CREAT);
  if (fd < 0)
    return;
  dprintf(fd, "%s %s %s\n", fault->number, fault->call, fault->effect);
  syscall(SYS_close, fd);
}

static void note_number(const char *ending, unsigned number) {
  int fd = open_beside(ending, O_WRONLY | O_APPEND);
  if (fd < 0)
    return;
  dprintf(fd, "%u\n", number);
  syscall(SYS_close, fd);
}

/* The faults of a file are counted by their places in it. */
static bool is_its_turn(const struct fault *fault, int place) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static char number[12];
  static unsigned calls[MAX_FAULTS];
  pthread_mutex_lock(&lock);
  if (strcmp(number, fault->number) != 0) {
    memcpy(number, fault->number, sizeof(number));
    memset(calls, 0, sizeof(calls));
  }
  unsigned n = calls[place]++;
  pthread_mutex_unlock(&lock);
  return (fault->of ? n % fault->of : n) < fault->first;
}

static bool parse(const char *line, struct fault *fault) {
  return sscanf(line, "%11s %23s %23s %63s %u %u", fault->number, fault->call,
                fault->effect, fault->where, &fault->first, &fault->of) == 6;
}

/* Fills in the fault that this call is to have; false: none. */
static bool is_spoiled(const char *call, const char *where,
                       struct fault *fault) {
  char text[512], *rest, *line;
  int saved = errno;
  bool found = false;
  if (read_faults(text, sizeof(text)))
    line = strtok_r(text, "\n", &rest);
  else
    line = NULL;
  for (int place = 0; line && !found && place < MAX_FAULTS;
       place++, line = strtok_r(NULL, "\n", &rest))
    found = parse(line, fault) && strcmp(fault->call, call) == 0 &&
            (strcmp(fault->where, "-") == 0 || strstr(where, fault->where)) &&
            is_its_turn(fault, place);
  if (found)
    note_hit(fault);
  errno = saved;
  return found;
}

/* For calls that can do nothing but fail: 0, or the errno. */
static int failure(const char *call, const char *where, void *caller) {
  struct fault fault;
  return is_ours(caller) && is_spoiled(call, where, &fault)
             ? error_number(fault.effect)
             : 0;
}

#define CALLER __builtin_return_address(0)
#define REAL(NAME) ((__typeof__(&(NAME)))dlsym(RTLD_NEXT, #NAME))
#define FAIL_WHERE(NAME, WHERE, RESULT)                                        \
  do {                                                                         \
    int err_ = failure(#NAME, WHERE, CALLER);                                  \
    if (err_) {                                                                \
      errno = err_;                                                            \
      return RESULT;                                                           \
    }                                                                          \
  } while (0)
#define FAIL(NAME, RESULT) FAIL_WHERE(NAME, "", RESULT)

/* --- sockets ------------------------------------------------------------- */

static _Atomic(const char *) asked[MAX_FDS]; /* by the last request */

static const char *asked_by(int fd) {
  const char *what = fd >= 0 && fd < MAX_FDS ? asked[fd] : NULL;
  return what ? what : "";
}

int socket(int domain, int type, int protocol) {
  FAIL(socket, -1);
  return REAL(socket)(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *addr, socklen_t len) {
  FAIL(bind, -1);
  return REAL(bind)(fd, addr, len);
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len) {
  FAIL(getsockname, -1);
  return REAL(getsockname)(fd, addr, len);
}

int setsockopt(int fd, int level, int option, const void *value,
               socklen_t len) {
  FAIL(setsockopt, -1);
  return REAL(setsockopt)(fd, level, option, value, len);
}

static unsigned states_of(const struct nlmsghdr *request) {
  const void *data = NLMSG_DATA(request);
  if (request->nlmsg_type == TCPDIAG_GETSOCK)
    return ((const struct inet_diag_req *)data)->idiag_states;
  if (*(const unsigned char *)data == AF_UNIX)
    return ((const struct unix_diag_req *)data)->udiag_states;
  return ((const struct inet_diag_req_v2 *)data)->idiag_states;
}

static const char *what_asks(const struct nlmsghdr *request) {
  if (request->nlmsg_type != TCPDIAG_GETSOCK &&
      *(const unsigned char *)NLMSG_DATA(request) == AF_UNIX)
    return request->nlmsg_flags & NLM_F_DUMP ? "paths" : "pending";
  return states_of(request) == 1 << 10 ? "listeners" : "waiting";
}

static void note_request(int fd, const struct nlmsghdr *request) {
  if (fd >= 0 && fd < MAX_FDS)
    asked[fd] = what_asks(request);
  note_number(".requests", states_of(request));
}

/* swallow: nobody will answer */
ssize_t sendto(int fd, const void *buf, size_t len, int flags,
               const struct sockaddr *to, socklen_t to_len) {
  struct fault fault;
  if (!is_ours(CALLER))
    return REAL(sendto)(fd, buf, len, flags, to, to_len);
  note_request(fd, buf);
  if (!is_spoiled("sendto", asked_by(fd), &fault))
    return REAL(sendto)(fd, buf, len, flags, to, to_len);
  if (strcmp(fault.effect, "swallow") == 0)
    return (ssize_t)len;
  errno = error_number(fault.effect);
  return -1;
}

/* --- answers ------------------------------------------------------------- */

static ssize_t say_status(struct nlmsghdr *msg, uint16_t type, int status) {
  msg->nlmsg_type = type;
  msg->nlmsg_flags = NLM_F_MULTI;
  msg->nlmsg_len = NLMSG_LENGTH(sizeof(status));
  memcpy(NLMSG_DATA(msg), &status, sizeof(status));
  return msg->nlmsg_len;
}

/* done:ERRNO is how a kernel without tcp_diag answers. */
static ssize_t spoil(const char *effect, struct msghdr *msg, ssize_t n) {
  struct nlmsghdr *first = msg->msg_iov[0].iov_base;
  if (strncmp(effect, "done:", 5) == 0)
    return say_status(first, NLMSG_DONE, -error_number(effect + 5));
  if (strncmp(effect, "error:", 6) == 0)
    return say_status(first, NLMSG_ERROR, -error_number(effect + 6));
  if (strcmp(effect, "ack") == 0)
    return say_status(first, NLMSG_ERROR, 0);
  if (strcmp(effect, "empty") == 0)
    return 0;
  if (strcmp(effect, "cut") == 0)
    return n - 8;
  if (strcmp(effect, "flagged") == 0)
    msg->msg_flags |= MSG_TRUNC;
  else if (strcmp(effect, "foreign") == 0)
    first->nlmsg_seq += 1000;
  else if (strcmp(effect, "stale") == 0)
    first->nlmsg_seq -= 1;
  else if (strcmp(effect, "stray") == 0)
    first->nlmsg_pid += 1;
  else if (strcmp(effect, "interrupted") == 0)
    first->nlmsg_flags |= NLM_F_DUMP_INTR;
  else if (strcmp(effect, "overrun") == 0)
    first->nlmsg_type = NLMSG_OVERRUN;
  return n;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags) {
  struct fault fault;
  if (!is_ours(CALLER) || !is_spoiled("recvmsg", asked_by(fd), &fault))
    return REAL(recvmsg)(fd, msg, flags);
  int err = error_number(fault.effect);
  ssize_t n = err ? -1 : REAL(recvmsg)(fd, msg, flags);
  if (err)
    errno = err;
  return n < (ssize_t)sizeof(struct nlmsghdr) ? n : spoil(fault.effect, msg, n);
}

/* --- files --------------------------------------------------------------- */

#define OPEN(NAME)                                                             \
  int NAME(const char *path, int flags, ...) {                                 \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    int mode = (flags & O_CREAT) ? va_arg(rest, int) : 0;                      \
    va_end(rest);                                                              \
    FAIL_WHERE(open, path, -1);                                                \
    return REAL(NAME)(path, flags, mode);                                      \
  }
OPEN(open)
OPEN(open64)

/* nothing: the file is empty */
ssize_t read(int fd, void *buf, size_t size) {
  struct fault fault;
  char at[64], path[256] = "";
  if (!is_ours(CALLER))
    return syscall(SYS_read, fd, buf, size);
  snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
  if (readlink(at, path, sizeof(path) - 1) < 0 ||
      !is_spoiled("read", path, &fault))
    return syscall(SYS_read, fd, buf, size);
  errno = error_number(fault.effect);
  return errno ? -1 : 0;
}

int stat(const char *restrict path, struct stat *restrict status) {
  FAIL_WHERE(stat, path, -1);
  return REAL(stat)(path, status);
}

int fstat(int fd, struct stat *status) {
  FAIL(fstat, -1);
  return REAL(fstat)(fd, status);
}

int scandir(const char *restrict dir, struct dirent ***restrict list,
            int (*select)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **)) {
  FAIL_WHERE(scandir, dir, -1);
  return REAL(scandir)(dir, list, select, compare);
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
  FAIL_WHERE(fopen, path, NULL);
  return REAL(fopen)(path, mode);
}

/* --- threads and namespaces ---------------------------------------------- */

int setns(int fd, int type) {
  FAIL(setns, -1);
  note_number(".entered", (unsigned)gettid());
  return REAL(setns)(fd, type);
}

int pthread_create(pthread_t *restrict thread,
                   const pthread_attr_t *restrict attr, void *(*run)(void *),
                   void *restrict data) {
  int err = failure("pthread_create", "", CALLER);
  return err ? err : REAL(pthread_create)(thread, attr, run, data);
}

/* --- memory in use ------------------------------------------------------- */

/* The blocks of the plugin's, hashed by address; linear probing. */
enum { MAX_BLOCKS = 1 << 18 };
static struct block {
  void *at;
  size_t size;
} blocks[MAX_BLOCKS];
static struct heap { uint64_t blocks, bytes; } * heap;
static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void map_heap(void) {
  int fd = open_beside(".heap", O_RDWR);
  void *at = MAP_FAILED;
  if (fd >= 0)
    at = mmap(NULL, sizeof(*heap), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  heap = at == MAP_FAILED ? NULL : at;
  if (fd >= 0)
    syscall(SYS_close, fd);
}

static size_t slot_of(const void *at) {
  size_t i = ((uintptr_t)at >> 4) * 2654435761u % MAX_BLOCKS;
  while (blocks[i].at && blocks[i].at != at)
    i = (i + 1) % MAX_BLOCKS;
  return i;
}

static void *remember(void *at) {
  if (!at || !heap)
    return at;
  pthread_mutex_lock(&heap_lock);
  struct block *block = &blocks[slot_of(at)];
  *block = (struct block){at, malloc_usable_size(at)};
  heap->blocks++;
  heap->bytes += block->size;
  pthread_mutex_unlock(&heap_lock);
  return at;
}

/* Whether the block was the plugin's. */
static bool forget(void *at) {
  if (!at || !heap)
    return false;
  pthread_mutex_lock(&heap_lock);
  size_t i = slot_of(at);
  bool found = blocks[i].at;
  if (found) {
    heap->blocks--;
    heap->bytes -= blocks[i].size;
    blocks[i].at = NULL;
  }
  /* Those after it must still be found. */
  for (i = (i + 1) % MAX_BLOCKS; found && blocks[i].at;
       i = (i + 1) % MAX_BLOCKS) {
    struct block moved = blocks[i];
    blocks[i].at = NULL;
    blocks[slot_of(moved.at)] = moved;
  }
  pthread_mutex_unlock(&heap_lock);
  return found;
}

/* --- allocating: all of these are the call "memory" ---------------------- */

void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *old);

enum answer { NOT_OURS, OURS, REFUSED };

static enum answer allowed(void *caller) {
  struct fault fault;
  if (!getenv("LB_FAULT") || !is_ours(caller))
    return NOT_OURS;
  if (!is_spoiled("memory", "", &fault))
    return OURS;
  errno = error_number(fault.effect);
  return REFUSED;
}

static void *allocate(void *caller, size_t n, size_t size) {
  enum answer answer = allowed(caller);
  void *at = answer == REFUSED ? NULL : __libc_calloc(n, size);
  return answer == OURS ? remember(at) : at;
}

static void *reallocate(void *caller, void *old, size_t size) {
  enum answer answer = allowed(caller);
  if (answer == REFUSED)
    return NULL;
  bool known = forget(old);
  void *at = __libc_realloc(old, size);
  if (known && !at)
    remember(old);
  return known || answer == OURS ? remember(at) : at;
}

void *malloc(size_t size) { return allocate(CALLER, 1, size); }

void *calloc(size_t n, size_t size) { return allocate(CALLER, n, size); }

void *realloc(void *old, size_t size) { return reallocate(CALLER, old, size); }

void *reallocarray(void *old, size_t n, size_t size) {
  size_t bytes;
  if (!__builtin_mul_overflow(n, size, &bytes))
    return reallocate(CALLER, old, bytes);
  errno = ENOMEM;
  return NULL;
}

char *strdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = allocate(CALLER, 1, size);
  return copy ? memcpy(copy, text, size) : NULL;
}

void free(void *old) {
  forget(old);
  __libc_free(old);
}
