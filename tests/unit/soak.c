// SPDX-License-Identifier: MIT
/* A long life of the plugin in minutes. This program is collectd, and all
 * servers and clients of the host; the kernel is the real one. Between two
 * reads servers restart, SO_REUSEPORT groups change, UNIX sockets get new
 * names, clients overflow queues, and network namespaces come and go, while the
 * sampler takes samples. Each read is compared with what the kernel has
 * counted.
 *
 * One read follows another, and the linker's --wrap gives the plugin a clock
 * that is SPEED times as fast as the kernel's. So the plugin forgets thousands
 * of times what it forgets after a minute. make check takes a few intervals,
 * make soak 100,000. Each one inspects the waiting connections, so a host with
 * many of them takes longer. */
#include "daemon.h"

#include "collectd/dispatch.h"
#include "kernel/netns_processes.h"
#include "kernel/netstat.h"
#include "unit.h"

#include <malloc.h>
#include <pthread.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifdef IS_SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

enum {
  SPEED = 3000, /* 10 s in 3.3 ms, which is what an interval takes here */
  DEFAULT_INTERVALS = 600,
  PARTS = 50, /* of the run; after each one all is quiet for a while */
};

static unsigned long intervals = DEFAULT_INTERVALS;

/* The same events in the same order each time: xorshift64*. */
static uint32_t draw(uint32_t below) {
  static uint64_t state = 88172645463325252u;
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32) % below;
}

/* --- time ---------------------------------------------------------------- */

int __real_clock_gettime(clockid_t clock, struct timespec *now)
    TIME64_SYMBOL("__real_", clock_gettime);

static uint64_t start_ns;

static uint64_t real_ns(void) {
  struct timespec now;
  __real_clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t fast_ns(void) {
  return start_ns + (real_ns() - start_ns) * SPEED;
}

static struct timespec timespec_of(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                           .tv_nsec = (long)(ns % 1000000000u)};
}

WRAP_TIME(int, clock_gettime, clockid_t clock, struct timespec *now) {
  if (clock != CLOCK_MONOTONIC)
    return __real_clock_gettime(clock, now);
  *now = timespec_of(fast_ns());
  return 0;
}

WRAP_TIME(int, pthread_cond_timedwait, pthread_cond_t *cond,
          pthread_mutex_t *mutex, const struct timespec *due) {
  uint64_t due_ns =
      (uint64_t)due->tv_sec * 1000000000u + (uint64_t)due->tv_nsec;
  struct timespec real = timespec_of(start_ns + (due_ns - start_ns) / SPEED);
  return __real_pthread_cond_timedwait(cond, mutex, &real);
}

/* --- other network namespaces -------------------------------------------- */

struct job {
  int netns;
  int (*run)(void *data);
  void *data;
  int result;
};

static void *run_job(void *data) {
  struct job *job = data;
  if (job->netns >= 0 && setns(job->netns, CLONE_NEWNET))
    job->result = -1;
  else
    job->result = job->run(job->data);
  return NULL;
}

/* Needs another thread: /proc/net is that of the main thread. */
static int run_in(int netns, int (*run)(void *data), void *data) {
  struct job job = {netns, run, data, -1};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, run_job, &job), 0);
  pthread_join(thread, NULL);
  assert_true(job.result >= 0);
  return job.result;
}

static int make_netns(void *data) {
  (void)data;
  return unshare(CLONE_NEWNET) || !raise_lo()
             ? -1
             : open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
}

static int make_socket(void *data) {
  (void)data;
  return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int read_kernel(void *data) {
  char text[16384];
  int fd = open("/proc/thread-self/net/netstat", O_RDONLY | O_CLOEXEC);
  size_t len = 0;
  ssize_t n;
  if (fd < 0)
    return -errno;
  while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
    len += (size_t)n;
  close(fd);
  text[len] = '\0';
  return lb_netstat_parse(text, data);
}

/* --- the host ------------------------------------------------------------ */

enum {
  MEMBERS = 6,
  CLIENTS = 10,
  SERVICES = 10,
  NOISY = SERVICES - 1, /* the last service */
  PLACES = 4,
  PATHS = 8
};

struct service {
  uint16_t port;
  int backlog;
  size_t most; /* sockets; more than one is a group */
  int members[MEMBERS];
  size_t members_len;
  int clients[CLIENTS];
  size_t clients_len;
};

struct counts {
  uint64_t overflows;
  uint64_t drops;
};

/* The plugin always reports what "LocalPort" and "<Listener>" select, and what
 * "ListeningPorts" finds while it listens. The last one drops nothing, but it
 * defers accepts until clients send data, which they never do. */
static const struct service services[SERVICES] = {
    {.port = 7000, .backlog = 0, .most = 1},
    {.port = 7001, .backlog = 3, .most = 1},
    {.port = 7002, .backlog = 1, .most = MEMBERS},
    {.port = 7003, .backlog = 2, .most = 3},
    {.port = 7010, .backlog = 1, .most = 1}, /* of "api" */
    {.port = 7011, .backlog = 2, .most = 2}, /* of "api" */
    {.port = 8000, .backlog = 2, .most = 1},
    {.port = 8001, .backlog = 0, .most = 4},
    {.port = 8002, .backlog = 4, .most = 1},
    {.port = 8003, .backlog = 4096, .most = 1},
};

/* A network namespace: collectd's own, two that the configuration names, and
 * one that is listed. Their files are links to descriptors. */
static struct place {
  int netns; /* -1: collectd's own, or none */
  bool is_there;
  char path[192];
  char label[96];
  struct counts before; /* of earlier namespaces at this place */
  struct service services[SERVICES];
} places[PLACES];

static struct proc dir; /* for its name alone */
static struct server paths[PATHS];
static int path_clients[PATHS];

static struct {
  unsigned long servers, members, paths, namespaces, clients;
} done;

/* Leaves no TIME_WAIT: there would soon be tens of thousands. */
static void reset(int fd) {
  struct linger linger = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  close(fd);
}

static int socket_in(const struct place *place) {
  int fd = place->netns < 0 ? make_socket(NULL)
                            : run_in(place->netns, make_socket, NULL);
  assert_true(fd >= 0);
  return fd;
}

static struct sockaddr_in address_of(const struct service *service) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(service->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void add_member(const struct place *place, struct service *service) {
  struct sockaddr_in address = address_of(service);
  int on = 1, fd = socket_in(place);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (service->most > 1)
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (service == &place->services[NOISY])
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  assert_int_equal(listen(fd, service->backlog), 0);
  service->members[service->members_len++] = fd;
  done.members++;
}

static void drop_member(struct service *service, size_t i) {
  close(service->members[i]);
  service->members[i] = service->members[--service->members_len];
}

static void hang_up(struct service *service) {
  while (service->clients_len)
    reset(service->clients[--service->clients_len]);
}

static void stop(struct service *service) {
  while (service->members_len)
    drop_member(service, 0);
  hang_up(service);
}

static void start(const struct place *place, struct service *service) {
  done.servers += service->members_len < service->most;
  while (service->members_len < service->most)
    add_member(place, service);
}

/* Adds a client: it waits in the queue, or the kernel drops its SYN. Some
 * clients half-close their side at once. */
static void knock(const struct place *place, struct service *service) {
  struct sockaddr_in address = address_of(service);
  int fd = socket_in(place);
  done.clients++;
  if (connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
      errno != EINPROGRESS) {
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    return;
  }
  if (draw(4) == 0)
    shutdown(fd, SHUT_WR);
  if (service->clients_len == CLIENTS)
    reset(service->clients[--service->clients_len]);
  service->clients[service->clients_len++] = fd;
}

/* Moves sk_drops twice: the ACK is ignored, and the RST ends the handshake. */
static void make_noise(const struct place *place) {
  const struct service *service = &place->services[NOISY];
  struct sockaddr_in address = address_of(service);
  int fd = socket_in(place);
  if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
    assert_int_equal(errno, EINPROGRESS);
  reset(fd);
}

static void serve(struct service *service) {
  for (size_t i = 0; i < service->members_len; i++)
    for (int fd;
         (fd = accept4(service->members[i], NULL, NULL, SOCK_CLOEXEC)) >= 0;)
      reset(fd);
}

static void do_something(const struct place *place, struct service *service) {
  switch (draw(10)) {
  case 0:
    stop(service);
    start(place, service);
    break;
  case 1:
    if (draw(4) == 0)
      stop(service);
    break;
  case 2:
    if (service->members_len < service->most)
      add_member(place, service);
    break;
  case 3:
    if (service->members_len > 1)
      drop_member(service, draw((uint32_t)service->members_len));
    break;
  case 4:
    serve(service);
    break;
  case 5:
    hang_up(service);
    break;
  default:
    for (uint32_t n = 2 + draw(8); n; n--)
      knock(place, service);
  }
}

static void close_path(size_t i) {
  if (paths[i].fd < 0)
    return;
  close(path_clients[i]);
  close(paths[i].fd);
  paths[i].fd = -1;
}

/* The first belongs to the listener "api". */
static void renew_path(size_t i) {
  char name[32] = "";
  close_path(i);
  int len = i ? snprintf(name + 1, sizeof(name) - 1, "soak-%lu", done.paths)
              : snprintf(name + 1, sizeof(name) - 1, "api");
  assert_int_equal(open_unix_server(&paths[i],
                                    draw(2) ? SOCK_STREAM : SOCK_SEQPACKET,
                                    name, (size_t)len + 1, (int)draw(3)),
                   0);
  path_clients[i] = connect_unix(&paths[i]);
  assert_true(path_clients[i] >= 0);
  done.paths++;
}

/* --- network namespaces that come and go --------------------------------- */

static struct lb_netstat kernel_of(const struct place *place) {
  struct lb_netstat netstat = {.present = 0};
  if (place->netns < 0)
    assert_int_equal(read_kernel(&netstat), 0);
  else
    run_in(place->netns, read_kernel, &netstat);
  return netstat;
}

static void forget_subjects(const struct place *place);
static void do_read(void);

/* The read before has reported all that the kernel counted here. */
static void take_away(struct place *place) {
  struct lb_netstat last = kernel_of(place);
  for (size_t i = 0; i < SERVICES; i++)
    stop(&place->services[i]);
  place->before.drops += last.counter[LB_MIB_LISTEN_DROPS];
  place->before.overflows += last.counter[LB_MIB_LISTEN_OVERFLOWS];
  place->is_there = false;
  unlink(place->path);
  close(place->netns);
  place->netns = -1;
}

static void bring(struct place *place) {
  char target[32];
  place->netns = run_in(-1, make_netns, NULL);
  place->is_there = true;
  snprintf(target, sizeof(target), "/proc/self/fd/%d", place->netns);
  assert_int_equal(symlink(target, place->path), 0);
  for (size_t i = 0; i < SERVICES; i++)
    start(place, &place->services[i]);
  done.namespaces++;
}

/* Each has a new name, as those of Docker have. */
static void bring_listed(struct place *place) {
  forget_subjects(place);
  place->before = (struct counts){0};
  snprintf(place->label, sizeof(place->label), "c%lu", done.namespaces);
  snprintf(place->path, sizeof(place->path), "%s/netns/%s", dir.root,
           place->label);
  bring(place);
}

static void name_place(struct place *place, const char *name) {
  snprintf(place->path, sizeof(place->path), "%s/%s", dir.root, name);
  snprintf(place->label, sizeof(place->label), "%s", place->path + 1);
  for (char *c = place->label; *c; c++)
    if (*c == '/')
      *c = '-';
}

/* Without clients no SYN comes again, so the kernel counts nothing more. If the
 * next namespace follows at once, it has another inode; later it may have the
 * same one. */
static void move_namespaces(void) {
  struct place *place = &places[1 + draw(PLACES - 1)];
  if (place->is_there) {
    for (size_t i = 0; i < SERVICES; i++)
      hang_up(&place->services[i]);
    do_read();
    take_away(place);
  }
  switch (draw(8)) {
  case 0:
  case 1:
    return;
  case 2:
    poll(NULL, 0, 100);
  }
  if (place == &places[PLACES - 1])
    bring_listed(place);
  else
    bring(place);
}

static void disturb(void) {
  if (draw(64) == 0)
    move_namespaces();
  if (draw(2))
    renew_path(draw(PATHS));
  for (uint32_t n = 1 + draw(5); n; n--) {
    struct place *place = &places[draw(2) ? draw(PLACES) : 0];
    if (!place->is_there)
      continue;
    do_something(place, &place->services[draw(NOISY)]);
    for (uint32_t noises = draw(12); noises; noises--)
      make_noise(place);
  }
}

/* All servers listen, and no client waits. */
static void calm_down(void) {
  for (size_t i = 0; i < PLACES; i++) {
    struct place *place = &places[i];
    if (!place->is_there && i == PLACES - 1)
      bring_listed(place);
    else if (!place->is_there)
      bring(place);
    for (size_t k = 0; k < SERVICES; k++) {
      hang_up(&place->services[k]);
      serve(&place->services[k]);
      start(place, &place->services[k]);
    }
  }
  for (size_t i = 0; i < PATHS; i++)
    if (paths[i].fd < 0)
      renew_path(i);
}

static void build_host(void) {
  make_proc(&dir, "soak");
  assert_int_equal(mkdir(proc_path(&dir, "netns"), 0700), 0);
  for (size_t i = 0; i < PATHS; i++)
    paths[i].fd = -1;
  for (size_t i = 0; i < PLACES; i++) {
    memcpy(places[i].services, services, sizeof(services));
    places[i].netns = -1;
  }
  places[0].is_there = true;
  name_place(&places[1], "blue");
  name_place(&places[2], "green");
  calm_down();
}

static void clear_host(void) {
  for (size_t i = 1; i < PLACES; i++)
    take_away(&places[i]);
  for (size_t i = 0; i < SERVICES; i++)
    stop(&places[0].services[i]);
  for (size_t i = 0; i < PATHS; i++)
    close_path(i);
  rmdir(proc_path(&dir, "netns"));
  remove_proc(&dir);
}

WRAP(int, lb_netns_list,
     int (*visit)(void *data, const char *path, const char *name), void *data) {
  char listed[96];
  const char *const dirs[] = {listed};
  snprintf(listed, sizeof(listed), "%s/netns", dir.root);
  return lb_netns_list_in(dirs, 1, visit, data);
}

/* Others run on this machine. */
WRAP(int, lb_netns_processes_find, struct lb_netns_processes *all,
     const char *proc) {
  (void)proc;
  all->len = 0;
  return 0;
}

/* --- collectd ------------------------------------------------------------ */

enum { SUBJECTS = 128, VALUES = 4096 };

/* A listener or a namespace. */
enum { COUNTERS = LB_COUNTERS };

struct subject {
  char label[DATA_MAX_NAME_LEN];
  const struct place *place;
  bool is_namespace;
  unsigned long read;          /* in which it was last reported */
  uint64_t counters[COUNTERS]; /* as counter_of() has them */
  uint64_t sockets;
};

static struct {
  unsigned long reads;
  unsigned long values;
  unsigned long bases;
  struct subject subjects[SUBJECTS];
  size_t subjects_len;
  uint64_t ids[VALUES]; /* of this read, hashed */
  size_t ids_len;
  unsigned long errors; /* except that a namespace does not exist */
} fake;

static void on_log(int level, const char *line) {
  if (level > LOG_ERR || strstr(line, "Sampling network namespace"))
    return;
  print_message("# %s\n", line);
  fake.errors++;
}

static const struct place *place_of(const char *label, bool *is_namespace) {
  for (size_t i = 1; i < PLACES; i++) {
    size_t len = strlen(places[i].label);
    if (strncmp(label, places[i].label, len) == 0 &&
        (label[len] == '\0' || label[len] == ':')) {
      *is_namespace = label[len] == '\0';
      return &places[i];
    }
  }
  *is_namespace = *label == '\0';
  return &places[0];
}

static struct subject *subject_of(const char *label) {
  size_t i = 0;
  while (i < fake.subjects_len && strcmp(fake.subjects[i].label, label) != 0)
    i++;
  assert_in_range(i, 0, SUBJECTS - 1);
  struct subject *subject = &fake.subjects[i];
  if (i == fake.subjects_len) {
    fake.subjects_len++;
    *subject = (struct subject){.read = 0};
    snprintf(subject->label, sizeof(subject->label), "%s", label);
    subject->place = place_of(label, &subject->is_namespace);
  }
  return subject;
}

static void forget_subjects(const struct place *place) {
  size_t kept = 0;
  for (size_t i = 0; i < fake.subjects_len; i++)
    if (fake.subjects[i].place != place)
      fake.subjects[kept++] = fake.subjects[i];
  fake.subjects_len = kept;
}

static bool is_noisy(const struct subject *subject) {
  const struct service *noisy = &subject->place->services[NOISY];
  const char *colon = strrchr(subject->label, ':');
  const char *own = colon ? colon + 1 : subject->label;
  return !subject->is_namespace && strtoul(own, NULL, 10) == noisy->port;
}

static uint64_t *counter_of(struct subject *subject, const char *name) {
  static const char *const names[COUNTERS] = {"drops",
                                              "overflows",
                                              "syn_drops",
                                              "syncookies_sent",
                                              "overflows_unattributed",
                                              "arrivals"};
  for (size_t i = 0; i < LEN(names); i++)
    if (strcmp(name, names[i]) == 0)
      return &subject->counters[i];
  fail_msg("no counter: %s", name);
  return NULL;
}

static struct {
  uint64_t all;
  uint64_t blamed; /* on listeners that drop nothing */
} drops;

static void add_drops(const struct subject *subject, uint64_t increment) {
  drops.all += increment;
  if (is_noisy(subject))
    drops.blamed += increment;
}

static void count(const char *label, const char *name, derive_t now) {
  struct subject *subject = subject_of(label);
  uint64_t *value = counter_of(subject, name);
  if (strcmp(name, "drops") == 0 && !subject->is_namespace)
    add_drops(subject, (uint64_t)now - *value);
  if (now < 0 || (uint64_t)now < *value)
    fail_msg("%s %s went back from %llu to %lld in read %lu", label, name,
             (unsigned long long)*value, (long long)now, fake.reads);
  *value = (uint64_t)now;
  subject->read = fake.reads;
}

static uint64_t hash(const value_list_t *list) {
  const char *const words[] = {list->plugin_instance, list->type,
                               list->type_instance};
  uint64_t sum = 0xcbf29ce484222325u;
  for (size_t i = 0; i < LEN(words); i++)
    for (size_t k = 0; k == 0 || words[i][k - 1]; k++)
      sum = (sum ^ (unsigned char)words[i][k]) * 0x100000001b3u;
  return sum;
}

static int by_value(const void *a, const void *b) {
  uint64_t left, right;
  memcpy(&left, a, sizeof(left));
  memcpy(&right, b, sizeof(right));
  return (left > right) - (left < right);
}

static void check_unique(void) {
  qsort(fake.ids, fake.ids_len, sizeof(fake.ids[0]), by_value);
  for (size_t i = 1; i < fake.ids_len; i++)
    if (fake.ids[i] == fake.ids[i - 1])
      fail_msg("something was reported twice in read %lu", fake.reads);
}

WRAP(void, lb_dispatch_settle, const struct lb_stamps *stamps) { (void)stamps; }

/* The counters as of the read before, for the first rate. */
static void on_base(const value_list_t *list) {
  assert_true(list->time == collectd.due - collectd.interval);
  assert_string_equal(list->type, "derive");
  fake.bases++;
}

static void on_values(const value_list_t *list) {
  if (list->time != collectd.due) {
    on_base(list);
    return;
  }
  assert_in_range(fake.ids_len, 0, VALUES - 1);
  fake.ids[fake.ids_len++] = hash(list);
  fake.values++;
  if (strcmp(list->type, "derive") == 0)
    count(list->plugin_instance, list->type_instance, list->values[0].derive);
  else
    assert_true(list->values[0].gauge >= 0);
  if (strcmp(list->type_instance, "sockets") == 0 &&
      list->plugin_instance[0] != '@')
    subject_of(list->plugin_instance)->sockets =
        (uint64_t)list->values[0].gauge;
}

/* --- checks after each read ----------------------------------------------- */

static struct {
  unsigned long exact;  /* sums that had to be equal */
  unsigned long others; /* some listener was not reported */
  unsigned long again;  /* the kernel counted during the read */
  char last[256];       /* what was compared last */
} sums;

/* How many sockets a listener of one port has. */
static void check_sockets(const struct subject *subject) {
  const char *colon = strrchr(subject->label, ':');
  unsigned long port = strtoul(colon ? colon + 1 : subject->label, NULL, 10);
  for (size_t i = 0; i < SERVICES; i++)
    if (subject->place->services[i].port == port &&
        subject->place->services[i].members_len != subject->sockets)
      fail_msg("%s has %llu sockets and not %zu in read %lu", subject->label,
               (unsigned long long)subject->sockets,
               subject->place->services[i].members_len, fake.reads);
}

static bool agrees(struct place *place, const struct lb_netstat *kernel) {
  struct subject *whole = subject_of(place->label);
  uint64_t total = *counter_of(whole, "overflows"), dropped = 0;
  uint64_t sum = *counter_of(whole, "overflows_unattributed");
  bool all = true;
  if (whole->read != fake.reads)
    fail_msg("nothing of \"%s\" in read %lu", place->label, fake.reads);
  for (size_t i = 0; i < fake.subjects_len; i++) {
    struct subject *subject = &fake.subjects[i];
    if (subject->place != place || subject == whole)
      continue;
    sum += *counter_of(subject, "overflows");
    dropped += *counter_of(subject, "drops");
    all &= subject->read == fake.reads;
    if (subject->read == fake.reads)
      check_sockets(subject);
  }
  if (sum > total || (all && sum != total))
    fail_msg("of \"%s\": %llu overflows handed out, %llu counted, read %lu",
             place->label, (unsigned long long)sum, (unsigned long long)total,
             fake.reads);
  assert_true(dropped <= *counter_of(whole, "drops"));
  all ? sums.exact++ : sums.others++;
  struct counts want = {
      .overflows =
          place->before.overflows + kernel->counter[LB_MIB_LISTEN_OVERFLOWS],
      .drops = place->before.drops + kernel->counter[LB_MIB_LISTEN_DROPS]};
  snprintf(sums.last, sizeof(sums.last),
           "\"%s\": %llu overflows, %llu drops; the kernel has %llu and %llu",
           place->label, (unsigned long long)total,
           (unsigned long long)*counter_of(whole, "drops"),
           (unsigned long long)want.overflows, (unsigned long long)want.drops);
  return total == want.overflows && *counter_of(whole, "drops") == want.drops;
}

static void check_absent(const struct place *place) {
  for (size_t i = 0; i < fake.subjects_len; i++)
    if (fake.subjects[i].place == place)
      assert_true(fake.subjects[i].read != fake.reads);
}

static bool check_places(void) {
  for (size_t i = 0; i < PLACES; i++) {
    struct place *place = &places[i];
    if (!place->is_there) {
      check_absent(place);
      continue;
    }
    struct lb_netstat kernel = kernel_of(place);
    if (!agrees(place, &kernel))
      return false;
  }
  return true;
}

/* A packet may arrive after the plugin's sample and before ours. */
static void do_read(void) {
  for (int i = 0; i < 1000; i++) {
    fake.reads++;
    fake.ids_len = 0;
    assert_int_equal(read_collectd(), 0);
    check_unique();
    if (check_places())
      return;
    sums.again++;
  }
  fail_msg("in read %lu %s", fake.reads, sums.last);
}

/* --- checks when all is quiet --------------------------------------------- */

struct use {
  size_t fds;
  size_t threads;
  size_t heap;     /* bytes */
  size_t resident; /* bytes */
};

static size_t number_in(const char *path, const char *before) {
  char text[4096] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_true(read(fd, text, sizeof(text) - 1) > 0);
  close(fd);
  const char *at = strstr(text, before);
  assert_non_null(at);
  return strtoul(at + strlen(before), NULL, 10);
}

/* 0 if the C library does not count them: musl. */
static size_t heap_bytes(void) {
#ifdef IS_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#elif !defined(__GLIBC__)
  return 0;
#else
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

/* smaps_rollup counts pages. statm sums up counters of each CPU, with an error
 * of about 100 KiB (mm_struct.rss_stat, Linux 6.2). */
static struct use measure(void) {
  return (struct use){
      .fds = (size_t)count_fds(),
      .threads = number_in("/proc/self/status", "Threads:"),
      .heap = heap_bytes(),
      .resident = number_in("/proc/self/smaps_rollup", "\nRss:") * 1024,
  };
}

/* The sampler may be taking a sample, and the kernel may still be ending a
 * thread that was joined. */
static struct use measure_at_rest(const struct use *want) {
  struct use use = measure();
  for (int i = 0; i < 5000 && want &&
                  (use.fds != want->fds || use.threads != want->threads);
       i++) {
    poll(NULL, 0, 1);
    use = measure();
  }
  return use;
}

/* Waits until the plugin has forgotten what it forgets after a minute. */
static void rest(void) {
  uint64_t until_ns = fast_ns() + UINT64_C(150000000000);
  calm_down();
  do
    do_read();
  while (fast_ns() < until_ns);
}

static size_t spread(const struct use *uses, size_t len, size_t offset) {
  size_t least = SIZE_MAX, most = 0;
  for (size_t i = 0; i < len; i++) {
    size_t value;
    memcpy(&value, (const char *)&uses[i] + offset, sizeof(value));
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  return most - least;
}

/* The growth of resident memory over the whole run, by least squares. */
static double growth(const struct use *uses, size_t len) {
  double middle = ((double)len - 1) / 2, mean = 0, up = 0, down = 0;
  for (size_t i = 0; i < len; i++)
    mean += (double)uses[i].resident / (double)len;
  for (size_t i = 0; i < len; i++) {
    up += ((double)i - middle) * ((double)uses[i].resident - mean);
    down += ((double)i - middle) * ((double)i - middle);
  }
  return up / down * (double)PARTS;
}

/* --- the run ------------------------------------------------------------- */

static void configure(void) {
  struct text config = {.len = 0};
  say(&config,
      "LocalPort \"7000-7003\"\n"
      "<Listener \"api\">\n"
      "  LocalPort 7010 7011\n"
      "  LocalPath \"@api\"\n"
      "</Listener>\n"
      "ListeningPorts true\n"
      "ListeningPaths true\n"
      "NetNamespace \"%s\" \"%s\" \"*\"\n"
      "SampleInterval 2\n"
      "InspectQueue true\n",
      places[1].path, places[2].path);
  oconfig_item_t block = read_config(config.at);
  assert_int_equal(collectd.config(&block), 0);
  free_config(&block);
}

static void tell_use(const struct use *use, size_t parts) {
  print_message("# %zu %%: %lu reads, %zu descriptors, %zu threads, heap %zu "
                "bytes, resident %zu KiB\n",
                parts * 100 / PARTS, fake.reads, use->fds, use->threads,
                use->heap, use->resident / 1024);
}

static void tell(uint64_t took_ns) {
  print_message("# %lu intervals in %.1f s, %.2f ms each, as if of %.1f days\n",
                intervals, (double)took_ns / 1e9,
                (double)took_ns / 1e6 / (double)intervals,
                (double)took_ns / 1e9 * (double)SPEED / 86400);
  print_message("# %lu values; %lu restarts, %lu TCP and %lu UNIX sockets; %lu "
                "namespaces; %lu clients\n",
                fake.values, done.servers, done.members, done.paths,
                done.namespaces, done.clients);
  print_message("# sums: %lu exact, %lu with a listener away; %lu reads made "
                "again; %lu bases\n",
                sums.exact, sums.others, sums.again, fake.bases);
  print_message("# of %llu drops, %llu are blamed on the listeners that drop "
                "nothing: %.3f %%\n",
                (unsigned long long)drops.all, (unsigned long long)drops.blamed,
                100.0 * (double)drops.blamed / (double)drops.all);
}

static void a_long_life_is_exact_and_leaks_nothing(void **state) {
  (void)state;
  static struct use uses[PARTS];
  const char *wanted = getenv("SOAK_INTERVALS");
  if (wanted)
    intervals = strtoul(wanted, NULL, 10);
  start_collectd();
  collectd.on_log = on_log;
  collectd.on_values = on_values;
  build_host();
  configure();
  struct use before = measure();
  assert_int_equal(collectd.init(), 0);

  uint64_t began_ns = real_ns();
  for (size_t part = 0; part < PARTS; part++) {
    for (unsigned long i = 0; i < (intervals + PARTS - 1) / PARTS; i++) {
      disturb();
      do_read();
    }
    rest();
    uses[part] = measure_at_rest(part ? &uses[0] : NULL);
    if (part % (PARTS / 5) == PARTS / 5 - 1)
      tell_use(&uses[part], part + 1);
  }
  tell(real_ns() - began_ns);

  /* after a fifth of the run nothing is new */
  const struct use *warm = uses + PARTS / 5;
  size_t len = PARTS - PARTS / 5;
  size_t heap = spread(warm, len, offsetof(struct use, heap));
  size_t resident = spread(warm, len, offsetof(struct use, resident));
  print_message("# heap within %zu bytes, resident within %zu KiB, growing by "
                "%.1f KiB\n",
                heap, resident / 1024, growth(warm, len) / 1024);
  assert_true(heap <= 64 << 10);
#ifndef IS_SANITIZED
  assert_true(resident <= 1 << 20);
  if (intervals >= 10000) /* fewer are not enough for a slope */
    assert_true(growth(warm, len) <= 512 << 10);
#endif
  assert_int_equal(spread(uses, PARTS, offsetof(struct use, fds)), 0);
  assert_int_equal(spread(uses, PARTS, offsetof(struct use, threads)), 0);
  assert_int_equal(fake.errors, 0);
  assert_true(drops.blamed * 20 <= drops.all);

  assert_int_equal(collectd.shutdown(), 0);
  struct use after = measure_at_rest(&before);
  assert_int_equal(after.fds, before.fds);
  assert_int_equal(after.threads, before.threads);
  clear_host();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_long_life_is_exact_and_leaks_nothing)};
  start_ns = real_ns();
  if (!enter_new_netns()) {
    printf("1..0 # SKIP no network namespaces here, as in a chroot without "
           "privileges\n");
    return 0;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
