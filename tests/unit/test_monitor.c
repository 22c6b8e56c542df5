// SPDX-License-Identifier: MIT
/* Network namespaces that come and go at scripted paths. Each transport to one
 * knows whether it was closed, and whether it would keep the namespace alive.
 * A path of /proc is a process. */
#include "core/monitor.h"

#include "base/array.h"
#include "kernel/netns_name.h"
#include "kernel/netns_processes.h"

#include "errors.h"
#include "memory.h"
#include "script.h"

/* --- paths ------------------------------------------------------------- */

enum { MAX_NETNS = 12, MAX_TRANSPORTS = 16, OWN_INO = 1 };

struct netns {
  char path[160];
  char name[LB_LABEL_SIZE + 8]; /* as listed; "": not listed */
  uint64_t ino;                 /* 0: nothing is there */
  int life;                     /* how many have been there before */
  char called[16];              /* with this process in it; "": nothing */
  char made_for[16];            /* the name of a container; "": none */
  struct kernel *kernel;
};

/* A transport to the namespace that was at a path when it was opened. */
struct netns_transport {
  struct lb_transport transport; /* first: this is a transport */
  const char *path;
  uint64_t ino;
  int life;     /* as first used; -1: not yet */
  bool is_open; /* it keeps a namespace alive */
};

static struct host {
  struct kernel own;
  struct netns netns[MAX_NETNS];
  size_t len;
  struct netns_transport *transports[MAX_TRANSPORTS]; /* that are not closed */
  int opened;
  int closed;
  int rested;
  int list_err;     /* after this one has been visited */
  size_t list_only; /* with list_err: so many */
  int walk_err;
  unsigned walks;
  uint64_t walk_cost_ns;
  uint64_t walks_ns; /* CPU time of all so far */
  bool has_no_time;  /* for searches for containers */
} * there;           /* that of the fixture */

static struct netns *netns_at(const char *path) {
  for (size_t i = 0; i < there->len; i++)
    if (there->netns[i].ino && strcmp(there->netns[i].path, path) == 0)
      return &there->netns[i];
  return NULL;
}

/* Where it leads, or NULL and *err. */
static struct lb_transport *kernel_behind(struct lb_transport *transport,
                                          int *err) {
  struct netns_transport *to = (struct netns_transport *)transport;
  struct netns *netns = to->path ? netns_at(to->path) : NULL;
  bool is_there = !to->path || (netns && netns->ino == to->ino);
  if (is_there && netns && to->life < 0)
    to->life = netns->life;
  if (is_there && netns)
    is_there = netns->life == to->life;
  to->is_open = is_there;
  *err = netns ? -ESTALE : -ENOENT;
  if (!is_there)
    return NULL;
  return to->path ? &netns->kernel->transport : &there->own.transport;
}

static int netns_dump(struct lb_transport *transport, enum lb_query_kind kind,
                      struct nlmsghdr *request,
                      struct lb_datagram_handler handler) {
  int err;
  struct lb_transport *kernel = kernel_behind(transport, &err);
  return kernel ? kernel->dump(kernel, kind, request, handler) : err;
}

static int netns_end_query(struct lb_transport *transport,
                           enum lb_query_kind kind, int status,
                           uint64_t *cost_ns) {
  int err;
  struct lb_transport *kernel = kernel_behind(transport, &err);
  return kernel ? kernel->end_query(kernel, kind, status, cost_ns) : status;
}

static ssize_t netns_read_file(struct lb_transport *transport,
                               enum lb_file file, char *buf, size_t size) {
  int err;
  struct lb_transport *kernel = kernel_behind(transport, &err);
  return kernel ? kernel->read_file(kernel, file, buf, size) : err;
}

static void netns_rest(struct lb_transport *transport) {
  struct netns_transport *to = (struct netns_transport *)transport;
  assert_non_null(to->path);
  to->is_open = false;
  there->rested++;
}

static void netns_close(struct lb_transport *transport) {
  for (size_t i = 0; i < MAX_TRANSPORTS; i++)
    if (there->transports[i] == (struct netns_transport *)transport) {
      free(there->transports[i]);
      there->transports[i] = NULL;
      there->closed++;
      return;
    }
  fail_msg("closed twice");
}

static struct netns_transport **free_slot(void) {
  for (size_t i = 0; i < MAX_TRANSPORTS; i++)
    if (!there->transports[i])
      return &there->transports[i];
  fail_msg("too many transports");
  return NULL;
}

static int open_netns(void *data, const char *path,
                      const struct lb_netns_id *id, struct lb_transport **out) {
  (void)data;
  struct netns_transport *to = malloc(sizeof(*to));
  if (!to)
    return -ENOMEM;
  *to = (struct netns_transport){.transport = {netns_dump, netns_end_query,
                                               netns_read_file, netns_rest,
                                               netns_close, NULL, NULL},
                                 .path = path,
                                 .life = -1,
                                 .ino = path ? id->ino : OWN_INO};
  *free_slot() = to;
  there->opened++;
  *out = &to->transport;
  return 0;
}

WRAP(int, lb_netns_list,
     int (*visit)(void *data, const char *path, const char *name), void *data) {
  for (size_t i = 0; i < there->len; i++) {
    const struct netns *netns = &there->netns[i];
    if (there->list_err && i >= there->list_only)
      return there->list_err;
    int err = netns->ino && netns->name[0]
                  ? visit(data, netns->path, netns->name)
                  : 0;
    if (err)
      return err;
  }
  return 0;
}

/* The process of a path, or 0. */
static pid_t pid_of(const char *path) {
  return strncmp(path, "/proc/", 6) == 0 ? atoi(path + 6) : 0;
}

static int compare_processes(const void *a, const void *b) {
  const struct lb_netns_process *left = a, *right = b;
  return left->ino != right->ino ? (left->ino > right->ino ? 1 : -1)
                                 : left->pid - right->pid;
}

WRAP(int, lb_netns_processes_find, struct lb_netns_processes *all,
     const char *proc) {
  size_t kept = 0;
  assert_string_equal(proc, "/proc");
  there->walks++;
  there->walks_ns += there->walk_cost_ns;
  all->len = 0;
  all->dev = 4;
  for (size_t i = 0; i < there->len && !there->walk_err; i++) {
    const struct netns *netns = &there->netns[i];
    if (!netns->ino || !pid_of(netns->path))
      continue;
    if (lb_reserve(&all->v, all->len, &all->cap, sizeof(*all->v)))
      return -ENOMEM;
    all->v[all->len++] =
        (struct lb_netns_process){netns->ino, pid_of(netns->path)};
  }
  if (all->len)
    qsort(all->v, all->len, sizeof(*all->v), compare_processes);
  for (size_t i = 0; i < all->len; i++)
    if (i == 0 || all->v[i].ino != all->v[i - 1].ino)
      all->v[kept++] = all->v[i];
  all->len = kept;
  return there->walk_err;
}

/* The id of a control group divided by 10 says which container it is of; from
 * 100 on one that a user calls so. */
WRAP(bool, lb_containers_of_cgroup, struct lb_containers *containers,
     uint64_t id, uint32_t *asked, struct lb_container *out) {
  static const char *const names[] = {"", "web", "side", "shop_cart"};
  assert_non_null(containers);
  *out = (struct lb_container){.label = "", .is_foreign = id >= 100};
  if (id % 100 / 10 < LEN(names))
    snprintf(out->label, sizeof(out->label), "%s", names[id % 100 / 10]);
  if (id >= 1000)
    snprintf(out->label, sizeof(out->label), "c%d", (int)id);
  *asked = there->has_no_time;
  return !*asked;
}

WRAP(bool, lb_containers_owns, struct lb_containers *containers,
     const struct lb_container *container, const char *netns) {
  assert_non_null(containers);
  const char *owner = netns_at(netns) ? netns_at(netns)->made_for : NULL;
  return owner && strcmp(container->label, owner) == 0;
}

WRAP(int, lb_netns_name, struct lb_containers *containers,
     const struct lb_found_netns *found, char label[static LB_LABEL_SIZE],
     bool *is_foreign) {
  (void)containers;
  *is_foreign = false;
  for (size_t i = 0; i < there->len && found->pid; i++)
    if (pid_of(there->netns[i].path) == found->pid &&
        there->netns[i].called[0]) {
      snprintf(label, LB_LABEL_SIZE, "%s", there->netns[i].called);
      return 0;
    }
  if (found->file)
    return lb_label_of_netns(label, found->file);
  lb_netns_last_name(found, label);
  return 0;
}

WRAP(int, lb_netns_identify, const char *path, struct lb_netns_id *id) {
  struct netns *netns = path ? netns_at(path) : NULL;
  if (path && !netns)
    return -ENOENT;
  *id = (struct lb_netns_id){.dev = 4, .ino = netns ? netns->ino : OWN_INO};
  return 0;
}

static struct netns *script_netns(const char *path, const char *name,
                                  uint64_t ino, struct kernel *kernel) {
  assert_in_range(there->len, 0, MAX_NETNS - 1);
  struct netns *netns = &there->netns[there->len++];
  *netns = (struct netns){.ino = ino, .kernel = kernel};
  snprintf(netns->path, sizeof(netns->path), "%s", path);
  snprintf(netns->name, sizeof(netns->name), "%s", name);
  return netns;
}

/* Another namespace at the path, with a drop from before its first sample. */
static void replace_netns(struct netns *netns, uint64_t ino) {
  netns->ino = ino;
  netns->life++;
  close_kernel(netns->kernel);
  *netns->kernel = new_kernel();
  listen_on(netns->kernel, 1, 80);
  overflow(netns->kernel, 1, 3);
}

static void assert_nothing_leads_elsewhere(void) {
  for (size_t i = 0; i < MAX_TRANSPORTS; i++) {
    const struct netns_transport *to = there->transports[i];
    if (!to || !to->path || (pid_of(to->path) && !to->is_open))
      continue;
    const struct netns *netns = netns_at(to->path);
    assert_true(netns && netns->ino == to->ino);
  }
}

/* --- the monitor --------------------------------------------------------- */

struct fixture {
  struct host host;
  struct kernel kernels[3]; /* for other namespaces */
  struct lb_settings settings;
  struct lb_monitor *monitor;
  uint64_t now_ms;
};

static int set_up(void **state) {
  static struct fixture fixture;
  fixture = (struct fixture){
      .host = {.own = new_kernel()},
      .kernels = {new_kernel(), new_kernel(), new_kernel()},
      .settings = {.listening_ports = true, .sample_s = 0.1},
      .now_ms = 1000000,
  };
  there = &fixture.host;
  *state = &fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  lb_monitor_free(fixture->monitor);
  fixture->monitor = NULL;
  lb_settings_free(&fixture->settings);
  return fixture->host.opened != fixture->host.closed;
}

static int try_start(struct fixture *fixture) {
  const struct lb_transport_opener opener = {open_netns, NULL};
  return lb_monitor_new(&fixture->settings, opener, &fixture->monitor);
}

static void start(struct fixture *fixture) {
  assert_int_equal(try_start(fixture), 0);
}

static void prepare(struct fixture *fixture) {
  fixture->now_ms += 10000;
  lb_monitor_prepare(fixture->monitor, fixture->now_ms);
}

static void finish(struct fixture *fixture) {
  lb_monitor_finish(fixture->monitor, fixture->now_ms);
  assert_nothing_leads_elsewhere();
}

static void intervals(struct fixture *fixture, unsigned n) {
  while (n-- > 0) {
    prepare(fixture);
    lb_monitor_inspect(fixture->monitor);
    finish(fixture);
  }
}

static void sample_all(struct fixture *fixture) {
  fixture->now_ms += 100;
  for (size_t i = 0; i < lb_monitor_len(fixture->monitor); i++)
    lb_monitor_sample(fixture->monitor, i, fixture->now_ms);
}

/* --- stories ------------------------------------------------------------- */

/* By the last part of its path, or by its process. */
static struct netns *netns_of(const char *name) {
  for (size_t i = 0; i < there->len; i++)
    if (strcmp(strrchr(there->netns[i].path, '/') + 1, name) == 0 ||
        (atoi(name) && pid_of(there->netns[i].path) == atoi(name)))
      return &there->netns[i];
  fail_msg("no path of %s", name);
  return NULL;
}

static void say_counts(struct text *out, const struct lb_readings *readings) {
  const union lb_value *v = readings->values.v;
  say(out, ", %s %g/%g/%u", readings->label, v[LB_QUEUE].gauge,
      v[LB_PEAK].gauge, (unsigned)v[LB_OVERFLOWS].counter);
  if (readings->values.present & 1u << LB_ABANDONED)
    say(out, "/%g", v[LB_ABANDONED].gauge);
}

static void say_short(void *data, const struct lb_readings *readings) {
  if (readings->is_namespace)
    say(data, "%s %u", readings->label,
        (unsigned)readings->values.v[LB_OVERFLOWS].counter);
  else
    say_counts(data, readings);
}

/* "LABEL OVERFLOWS, LISTENER QUEUE/PEAK/OVERFLOWS[/ABANDONED]; " of each
 * namespace, or "LABEL at PATH ERROR; ". Our own label is "". */
static void say_outcome(void *data, const struct lb_outcome *outcome) {
  const char *label = outcome->label;
  if (outcome->inspection_err)
    say(data, "%s inspection %s; ", label,
        error_name(-outcome->inspection_err));
  if (outcome->err) {
    assert_null(outcome->collector);
    say(data, "%s at %s %s", label, outcome->path ? outcome->path : "home",
        error_name(-outcome->err));
  } else {
    lb_collector_visit_readings(outcome->collector, say_short, data);
  }
  say(data, "; ");
}

static void assert_outcome(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  lb_monitor_visit(fixture->monitor, say_outcome, &got);
  assert_string_equal(got.at, want);
}

static void play_at(struct fixture *fixture, const struct words *words) {
  struct netns *netns = netns_of(words->v[1]);
  const char *verb = words->v[2];
  struct words rest = {.len = words->len - 2};
  memcpy(rest.v, words->v + 2, rest.len * sizeof(rest.v[0]));
  if (strcmp(verb, "gone") == 0)
    netns->ino = 0;
  else if (strcmp(verb, "back") == 0)
    netns->ino = number_at(words, 3);
  else if (strcmp(verb, "replaced") == 0)
    replace_netns(netns, number_at(words, 3));
  else if (strcmp(verb, "called") == 0)
    snprintf(netns->called, sizeof(netns->called), "%s", words->v[3]);
  else if (strcmp(verb, "made-for") == 0)
    snprintf(netns->made_for, sizeof(netns->made_for), "%s", words->v[3]);
  else if (strcmp(verb, "refuses") == 0)
    netns->kernel->dump_err = strcmp(words->v[3], "EPERM") ? -EINVAL : -EPERM;
  else
    play_to_kernel(netns->kernel, &rest);
  (void)fixture;
}

static void play_step(struct fixture *fixture, const char *verb,
                      const struct words *words) {
  if (strcmp(verb, "samples") == 0)
    sample_all(fixture);
  else if (strcmp(verb, "prepare") == 0)
    prepare(fixture);
  else if (strcmp(verb, "inspect") == 0)
    lb_monitor_inspect(fixture->monitor);
  else if (strcmp(verb, "finish") == 0)
    finish(fixture);
  else if (strcmp(verb, "end") == 0)
    intervals(fixture, words->len > 1 ? number_at(words, 1) : 1);
  else
    play_to_kernel(&fixture->host.own, words);
}

static const char *listed_name(const char *path) {
  return strncmp(path, "/run/", 5) ? "" : strrchr(path, '/') + 1;
}

/* Statements for the own kernel (script.h), and:
 *
 * - netns NAME: configures one, or "*"; inspecting, auto: with InspectQueue;
 *   paths: with ListeningPaths; select PORT
 * - path PATH INO: a namespace, with the next kernel; INO 0: none yet
 * - joins PATH NAME: another path of the namespace there
 * - in NAME STATEMENT: for the kernel there
 * - in NAME gone, back INO, replaced INO, refuses EPERM|EINVAL,
 *   called LABEL
 * - in NAME made-for CONTAINER: see lb_containers_owns()
 * - busy, idle: no time, or time again, to search for containers
 * - samples; prepare; inspect; finish; end [N]: N intervals */
static void play_statement(void *data, const struct words *words) {
  struct fixture *fixture = data;
  const char *verb = words->v[0];
  if (strcmp(verb, "netns") == 0)
    add_netns(&fixture->settings, words->v[1], true);
  else if (strcmp(verb, "paths") == 0)
    fixture->settings.listening_paths = true;
  else if (strcmp(verb, "select") == 0)
    lb_settings_add_port(&fixture->settings, (uint16_t)number_at(words, 1));
  else if (strcmp(verb, "busy") == 0)
    there->has_no_time = true;
  else if (strcmp(verb, "idle") == 0)
    there->has_no_time = false;
  else if (strcmp(verb, "inspecting") == 0)
    fixture->settings.inspect = LB_INSPECT_ALWAYS;
  else if (strcmp(verb, "auto") == 0)
    fixture->settings.inspect = LB_INSPECT_AUTO;
  else if (strcmp(verb, "path") == 0)
    script_netns(words->v[1], listed_name(words->v[1]), number_at(words, 2),
                 &fixture->kernels[there->len % 3]);
  else if (strcmp(verb, "joins") == 0)
    script_netns(words->v[1], listed_name(words->v[1]),
                 netns_of(words->v[2])->ino, netns_of(words->v[2])->kernel);
  else if (strcmp(verb, "in") == 0)
    play_at(fixture, words);
  else {
    if (!fixture->monitor)
      start(fixture);
    play_step(fixture, verb, words);
  }
}

static void play(struct fixture *fixture, const char *script) {
  for_each_statement(script, play_statement, fixture);
}

struct story {
  const char *name;
  struct {
    const char *script;
    const char *want;
  } steps[6];
};

/* A name that Docker has made up, as it does at each start. */
#define FIRST "0123456789ab"
#define SECOND "89abcdef0123"
#define THIRD "aaaabbbbcccc"
#define AT "path /run/docker/netns/"

static const struct story containers[] = {
    {"a container is reported by its name from its first listening socket on",
     {{"netns *;" AT FIRST " 10; end", " 0; "},
      {"in " FIRST " listen 1 80 cgroup 10 queue 2; end",
       " 0; web 0, web:80 2/2/0; "}}},
    {"a container that restarts goes on under its name, with its counters",
     {{"netns *; end;" AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10;"
       "in " FIRST " listen 2 443 cgroup 10; end; in " FIRST " overflow 1 5;"
       "end",
       " 0; web 5, web:80 0/0/5, web:443 0/0/0; "},
      {"in " FIRST " gone; end", " 0; "},
      {AT SECOND " 11; in " SECOND " listen 1 80 cgroup 11; end",
       " 0; web 5, web:80 0/0/5; "},
      {"in " SECOND " overflow 1 2; in " SECOND " listen 2 443 cgroup 11; end",
       " 0; web 7, web:80 0/0/7, web:443 0/0/0; "},
      {"in " SECOND " gone; end 3;" AT THIRD " 12;"
       "in " THIRD " listen 1 80 cgroup 12; end",
       " 0; web 7, web:80 0/0/7; "}}},
    {"without a known container a namespace has the name of its file",
     {{"netns *;" AT FIRST " 10; in " FIRST " listen 1 80; end",
       " 0; " FIRST " 0, " FIRST ":80 0/0/0; "},
      {"in " FIRST " listen 2 81 cgroup 10; end",
       " 0; web 0, web:80 0/0/0, web:81 0/0/0; "}}},
    {"each container of a namespace has its own listeners, also of one port",
     {{"netns *;" AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10;"
       "in " FIRST " listen 2 80 cgroup 20 queue 1;"
       "in " FIRST " listen 3 9000 cgroup 20; end",
       " 0; " FIRST " 0, web:80 0/0/0, side:80 1/1/0, side:9000 0/0/0; "},
      {"in " FIRST " made-for side; in " FIRST " listen 4 81 cgroup 30; end",
       " 0; side 0, web:80 0/0/0, side:80 1/1/0, side:9000 0/0/0, "
       "shop_cart:81 0/0/0; "}}},
    {"the containers of a pod are one",
     {{"netns *; path /run/netns/cni-01234567-89ab-cdef-0123-456789abcdef 10;"
       "in cni-01234567-89ab-cdef-0123-456789abcdef listen 1 80 cgroup 30;"
       "in cni-01234567-89ab-cdef-0123-456789abcdef listen 2 81 cgroup 31; end",
       " 0; shop_cart 0, shop_cart:80 0/0/0, shop_cart:81 0/0/0; "}}},
    {"a container that stays when the one restarts whose namespace it had "
     "joined goes on, too",
     {{"netns *; end;" AT FIRST " 10; in " FIRST " made-for web;"
       "in " FIRST " listen 1 80 cgroup 10; in " FIRST " listen 2 81 cgroup 20;"
       "end; in " FIRST " overflow 1 5; in " FIRST " overflow 2 3; end",
       " 0; web 8, web:80 0/0/5, side:81 0/0/3; "},
      {"in " FIRST " gone;" AT SECOND " 11; in " SECOND " made-for web;"
       "in " SECOND " listen 1 80 cgroup 11; path /proc/7/ns/net 10;"
       "in 7 listen 2 81 cgroup 20; end",
       " 0; web 8, web:80 0/0/5; side 0, side:81 0/0/3; "}}},
    {"a second container of the same name keeps the name of its file",
     {{"netns *;" AT FIRST " 10;" AT SECOND " 11;"
       "in " FIRST " listen 1 80 cgroup 10; in " SECOND
       " listen 1 80 cgroup 11;"
       "end",
       " 0; web 0, web:80 0/0/0; " SECOND " 0, " SECOND ":80 0/0/0; "},
      {"in " FIRST " gone; end 2", " 0; " SECOND " 0, " SECOND ":80 0/0/0; "}}},
    {"a user's container does not take the name of root's container",
     {{"netns *;" AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10; end;"
       "path /proc/7/ns/net 20; in 7 listen 2 80 cgroup 110; end",
       " 0; web 0, web:80 0/0/0; netns-20 0, netns-20:80 0/0/0; "}}},
    {"root's container has its name also if a user's container had it before",
     {{"netns *; end; path /proc/7/ns/net 20; in 7 listen 2 80 cgroup 110; end;"
       "in 7 overflow 2 5; end",
       " 0; web 5, web:80 0/0/5; "},
      {AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10 queue 1; end",
       " 0; netns-20 5, netns-20:80 0/0/5; web 0, web:80 1/1/0; "},
      {"end", " 0; netns-20 5, netns-20:80 0/0/5; web 0, web:80 1/1/0; "},
      {"in " FIRST " gone; in 7 gone; end;" AT SECOND " 11;"
       "in " SECOND " listen 1 80 cgroup 11; end",
       " 0; web 0, web:80 0/0/0; "}}},
    {"a user's container does not continue root's container while that is gone",
     {{"netns *; end;" AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10; end;"
       "in " FIRST " overflow 1 5; end; in " FIRST " gone;"
       "path /proc/7/ns/net 20; in 7 listen 2 80 cgroup 110; end",
       " 0; netns-20 0, netns-20:80 0/0/0; "},
      {AT SECOND " 11; in " SECOND " listen 1 80 cgroup 11; end",
       " 0; netns-20 0, netns-20:80 0/0/0; web 5, web:80 0/0/5; "}}},
    {"a user's container that joined others gives the name of a port way, too",
     {{"netns *; end; path /proc/7/ns/net 20; in 7 listen 2 80 cgroup 110;"
       "in 7 listen 3 80 cgroup 120; end",
       " 0; netns-20 0, web:80 0/0/0, side:80 0/0/0; "},
      {AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10 queue 1; end",
       " 0; netns-20 0, side:80 0/0/0; web 0, web:80 1/1/0; "}}},
    {"a socket is reported once there was time to find its container",
     {{"netns *; end;" AT FIRST " 10; in " FIRST " listen 1 80 cgroup 10; end;"
       "busy; in " FIRST " listen 2 81 cgroup 20 queue 1; end",
       " 0; web 0, web:80 0/0/0; "},
      {"in " FIRST " overflow 2 3; end", " 0; web 3, web:80 0/0/0; "},
      {"idle; in " FIRST " overflow 2 4; end",
       " 0; " FIRST " 7, web:80 0/0/0, side:81 1/1/4; "}}},
    {"a file of ip-netns keeps its name whatever is in it",
     {{"netns *; path /run/netns/blue 10; in blue listen 1 80 cgroup 10; end",
       " 0; blue 0, blue:80 0/0/0; "}}},
    {"a selected port is under the name of the namespace",
     {{"netns *; select 80;" AT FIRST " 10; in " FIRST
       " listen 1 80 cgroup 10; end",
       " 0, 80 0/0/0; web 0, web:80 0/0/0; "}}},
};

static const struct story stories[] = {
    {"without NetNamespace only our own namespace is sampled",
     {{"path /run/netns/a 10; listen 1 80 queue 2; end", " 0, 80 2/2/0; "}}},
    {"each namespace has its own numbers",
     {{"netns *; path /run/netns/a 10; path /run/netns/b 11;"
       "listen 1 80 queue 2; in a listen 1 80 queue 3;"
       "in b listen 1 443 queue 4; end; in b overflow 1 5; end",
       " 0, 80 2/2/0; a 0, a:80 3/3/0; b 5, b:443 4/4/5; "}}},
    {"a configured namespace that does not exist is told",
     {{"netns blue; path /run/netns/blue 0; end",
       " 0; blue at /run/netns/blue ENOENT; "},
      {"in blue back 10; end", " 0; blue 0; "}}},
    {"a listed namespace comes and goes silently",
     {{"netns *; end", " 0; "},
      {"path /run/docker/netns/a 10; end", " 0; a 0; "},
      {"in a gone; end", " 0; "}}},
    {"a namespace that is configured and listed is one",
     {{"netns a; netns *; path /run/netns/a 10; end", " 0; a 0; "},
      {"in a gone; end", " 0; a at /run/netns/a ENOENT; "}}},
    {"\"*\" samples a namespace with several names once, and never our own",
     {{"netns *; path /run/netns/a 10; path /run/netns/b 10;"
       "path /run/docker/netns/default 1; end",
       " 0; a 0; "},
      {"in a gone; end", " 0; b 0; "},
      {"in a back 10; end", " 0; b 0; "}}},
    {"a configured namespace can be our own",
     {{"netns /proc/1/ns/net; path /proc/1/ns/net 1; in 1 listen 1 80 queue 2;"
       "end",
       " 0; proc-1-ns-net 0, proc-1-ns-net:80 2/2/0; "}}},
    {"two namespaces of one name do not share a label",
     {{"netns *; path /run/netns/a 10; path /run/docker/netns/a 11;"
       "in a listen 1 80; end",
       " 0; a 0, a:80 0/0/0; ; "}}},
    {"a namespace that cannot be sampled costs only itself",
     {{"netns *; path /run/netns/a 10; path /run/netns/b 11;"
       "in a refuses EPERM; end 2",
       " 0; a at /run/netns/a EPERM; b 0; "},
      {"in a work; end", " 0; a 0; b 0; "}}},
    {"a listed path with nothing mounted is told from the second interval on",
     {{"netns blue; netns *; path /run/netns/a 10; path /run/netns/blue 11;"
       "in a refuses EINVAL; in blue refuses EINVAL; end",
       " 0; blue at /run/netns/blue EINVAL; "},
      {"end", " 0; blue at /run/netns/blue EINVAL; a at /run/netns/a EINVAL; "},
      {"in a replaced 12; end",
       " 0; blue at /run/netns/blue EINVAL; a 3, a:80 0/0/0; "}}},

    {"counters go on in the next namespace with the path",
     {{"netns *; path /run/netns/a 10; in a listen 1 80; end;"
       "in a overflow 1 7; end",
       " 0; a 7, a:80 0/0/7; "},
      {"in a gone; end 5; in a replaced 11; end", " 0; a 10, a:80 0/0/10; "},
      {"in a replaced 12; end", " 0; a 13, a:80 0/0/13; "}}},
    {"a listed namespace that is gone for a minute is forgotten",
     {{"netns *; path /run/netns/a 10; in a listen 1 80; end;"
       "in a overflow 1 7; end; in a gone; end 7; in a replaced 11; end",
       " 0; a 3, a:80 0/0/3; "}}},
    {"a configured namespace is never forgotten",
     {{"netns a; path /run/netns/a 10; in a listen 1 80; end;"
       "in a overflow 1 7; end; in a gone; end 20; in a replaced 11; end",
       " 0; a 10, a:80 0/0/10; "}}},

    {"a namespace that goes after it was found is gone at the end",
     {{"netns blue; path /run/netns/blue 10; end; prepare; in blue gone;"
       "samples; finish",
       " 0; blue at /run/netns/blue ENOENT; "},
      {"samples; end", " 0; blue at /run/netns/blue ENOENT; "}}},
    {"a namespace that is replaced after it was found is gone for one interval",
     {{"netns blue; path /run/netns/blue 10; end; prepare;"
       "in blue replaced 11; samples; finish",
       " 0; blue at /run/netns/blue ENOENT; "},
      {"end", " 0; blue 3, blue:80 0/0/3; "}}},
    {"a namespace with the inode of the one before is entered at once",
     {{"netns blue; path /run/netns/blue 10; in blue listen 1 80; end;"
       "in blue overflow 1 5; end",
       " 0; blue 5, blue:80 0/0/5; "},
      {"in blue replaced 10; samples; end", " 0; blue 8, blue:80 0/0/8; "},
      {"inspecting; in blue replaced 10; end",
       " 0; blue 11, blue:80 0/0/11/0; "},
      {"prepare; in blue replaced 10; inspect; finish",
       " 0; blue 14, blue:80 0/0/14; "}}},
    {"an inspection of a namespace that goes fails and has no results",
     {{"inspecting; netns blue; path /run/netns/blue 10;"
       "in blue listen 1 80 queue 1; end",
       " 0; blue 0, blue:80 1/1/0/1; "},
      {"prepare; in blue gone; inspect; samples; finish",
       " 0; blue inspection ENOENT; blue at /run/netns/blue ENOENT; "},
      {"end", " 0; blue at /run/netns/blue ENOENT; "}}},

    {"\"*\" finds a namespace that only processes show, if something listens",
     {{"netns *; path /proc/100/ns/net 20; path /proc/101/ns/net 21;"
       "in 101 listen 1 80 queue 2; end",
       " 0; netns-21 0, netns-21:80 2/2/0; "},
      {"in 100 listen 1 90; end",
       " 0; netns-20 0, netns-20:90 0/0/0; netns-21 0, netns-21:80 2/2/0; "},
      {"in 100 gone; end", " 0; netns-21 0, netns-21:80 2/2/0; "}}},
    {"processes in our own, a listed and a configured namespace add nothing",
     {{"netns *; netns /run/x/c; path /run/netns/a 10; path /run/x/c 11;"
       "in a listen 1 80; in c listen 1 90; joins /proc/100/ns/net a;"
       "joins /proc/101/ns/net c; path /proc/1/ns/net 1; end 2",
       " 0; run-x-c 0, run-x-c:90 0/0/0; a 0, a:80 0/0/0; "}}},
    {"a namespace is followed from one process to the next",
     {{"netns *; path /proc/100/ns/net 20; joins /proc/101/ns/net 100;"
       "in 100 listen 1 80; end; in 100 overflow 1 5; end",
       " 0; netns-20 5, netns-20:80 0/0/5; "},
      {"in 100 gone; in 101 overflow 1 2; samples; end",
       " 0; netns-20 7, netns-20:80 0/0/7; "},
      {"in 101 gone; samples; end", " 0; "}}},
    {"counters go on in the next namespace of that label, in a file or not",
     {{"netns *; path /proc/100/ns/net 20; in 100 called web;"
       "in 100 listen 1 80; end; in 100 overflow 1 5; end",
       " 0; web 5, web:80 0/0/5; "},
      {"in 100 gone; end", " 0; "},
      {"path /run/docker/netns/f 21; joins /proc/200/ns/net f;"
       "in 200 called web; in f replaced 21; end",
       " 0; web 8, web:80 0/0/8; "},
      {"in f gone; in 200 gone; path /run/docker/netns/g 22;"
       "joins /proc/300/ns/net g; in 300 called web; in g replaced 22; end",
       " 0; web 11, web:80 0/0/11; "},
      {"in g gone; in 300 gone; end 7; path /proc/400/ns/net 23;"
       "in 400 called web; in 400 replaced 23; end",
       " 0; web 3, web:80 0/0/3; "}}},
    {"a namespace keeps its label and sockets when its file comes or goes",
     {{"netns *; path /proc/100/ns/net 20; in 100 called web;"
       "in 100 listen 1 80; end; in 100 overflow 1 5; end;"
       "joins /run/docker/netns/f 100; end; in 100 overflow 1 2; end",
       " 0; web 7, web:80 0/0/7; "},
      {"in f gone; end; in 100 overflow 1 1; end", " 0; web 8, web:80 0/0/8; "},
      {"in 100 gone; end", " 0; "}}},
    {"a file of ip-netns gives a namespace of processes its name",
     {{"netns *; path /proc/100/ns/net 20; in 100 listen 1 80; end",
       " 0; netns-20 0, netns-20:80 0/0/0; "},
      {"joins /run/netns/a 100; end", " 0; a 0, a:80 0/0/0; "},
      {"in a gone; end", " 0; netns-20 0, netns-20:80 0/0/0; "}}},
    {"a container in the old namespace of another one is found by its process",
     {{"netns *; path /run/docker/netns/f 20; path /run/docker/netns/g 0;"
       "joins /proc/100/ns/net f; joins /proc/101/ns/net f; in 100 called web;"
       "in 101 called side; in f listen 1 80; in f listen 2 90; end",
       " 0; web 0, web:80 0/0/0, web:90 0/0/0; "},
      {"in f gone; in 100 gone; in 101 close 1; in g back 21;"
       "joins /proc/102/ns/net g; in 102 called web; in g listen 3 80; end 2",
       " 0; web 0, web:80 0/0/0; side 0, side:90 0/0/0; "}}},
    {"the second namespace of a label has the name of its file or its number",
     {{"netns *; path /run/docker/netns/f 20; path /run/docker/netns/g 21;"
       "path /proc/102/ns/net 22; joins /proc/100/ns/net f;"
       "joins /proc/101/ns/net g; in 100 called web; in 101 called web;"
       "in 102 called web; in 102 listen 1 80; end",
       " 0; web 0; g 0; netns-22 0, netns-22:80 0/0/0; "},
      {"in 100 gone; in f gone; end 3",
       " 0; g 0; netns-22 0, netns-22:80 0/0/0; "}}},
    {"a namespace with the inode of one that only processes showed is another",
     {{"netns *; path /proc/100/ns/net 20; in 100 called web;"
       "in 100 listen 1 80; end; in 100 overflow 1 5; end",
       " 0; web 5, web:80 0/0/5; "},
      {"in 100 replaced 20; in 100 called db; samples; end", " 0; "},
      {"end", " 0; db 3, db:80 0/0/3; "}}},

    {"samples within the interval give its peaks",
     {{"netns *; path /run/netns/a 10; listen 1 80;"
       "in a listen 1 80 queue 5; end; set 1 queue 4; samples; set 1 queue 0;"
       "in a set 1 queue 0; samples; end",
       " 0, 80 0/4/0; a 0, a:80 0/5/0; "}}},
    {"only the error of the last sample is told, and no peak is lost",
     {{"listen 1 80 queue 3; end; fail dump; samples; work; end",
       " 0, 80 3/3/0; "},
      {"samples; fail dump; end", " at home ENOBUFS; "},
      {"work; set 1 queue 0; end", " 0, 80 0/3/0; "}}},

    {"without tcp_diag the counters of namespaces and UNIX listeners go on",
     {{"paths; netns blue; path /run/netns/blue 10; listen 1 80 queue 1;"
       "listen 2 /run/a queue 2; in blue listen 1 90; in blue listen 2 @b; end;"
       "overflow 1 5; in blue overflow 1 6; fail tcp_diag;"
       "in blue fail tcp_diag; end",
       " 5, run-a 2/2/0; blue 6, blue:@b 0/0/0; "},
      {"overflow 1 2; set 2 queue 3; samples; end",
       " 7, run-a 3/3/0; blue 6, blue:@b 0/0/0; "},
      {"work; in blue work; end",
       " 7, 80 1/1/7, run-a 3/3/0; blue 6, blue:90 0/0/6, blue:@b 0/0/0; "}}},
    {"without unix_diag TCP listeners are reported",
     {{"paths; listen 1 80; listen 2 /run/a; fail unix_diag; end; overflow 1 5;"
       "samples; end",
       " 5, 80 0/0/5; "},
      {"work; end", " 5, 80 0/0/5, run-a 0/0/0; "}}},
    {"overflows before tcp_diag was there are unattributed",
     {{"listen 1 80; fail tcp_diag; end; overflow 1 5; end", " 5; "},
      {"work; end; overflow 1 2; end", " 7, 80 0/0/2; "}}},

    {"without InspectQueue there is no inspection",
     {{"listen 1 80 queue 1; end 3", " 0, 80 1/1/0; "}}},
    {"with InspectQueue each interval has one",
     {{"inspecting; listen 1 80 queue 1; end 3", " 0, 80 1/1/0/1; "}}},
};

static void play_story(void **state, const struct story *story) {
  print_message("# %s\n", story->name);
  assert_int_equal(set_up(state), 0);
  for (size_t i = 0; i < LEN(story->steps) && story->steps[i].script; i++) {
    play(*state, story->steps[i].script);
    assert_outcome(*state, story->steps[i].want);
  }
  assert_int_equal(tear_down(state), 0);
}

TEST_CASE(namespaces_come_to_what_the_stories_want) {
  for (size_t i = 0; i < LEN(stories); i++)
    play_story(state, &stories[i]);
}

TEST_CASE(namespaces_have_the_names_of_the_containers_in_them) {
  for (size_t i = 0; i < LEN(containers); i++)
    play_story(state, &containers[i]);
}

TEST_WITH(of_more_than_64_containers_the_rest_have_the_name_of_the_namespace,
          set_up, tear_down) {
  char want[4096] = " 0; netns-20 0", script[64];
  size_t len = strlen(want);
  play(*state, "netns *; end; path /proc/7/ns/net 20");
  for (int i = 0; i < 66; i++) {
    snprintf(script, sizeof(script), "in 7 listen %d 80 cgroup %d", i + 1,
             1000 + i);
    play(*state, script);
    if (i < 64)
      len += (size_t)snprintf(want + len, sizeof(want) - len, ", c%d:80 0/0/0",
                              1000 + i);
  }
  snprintf(want + len, sizeof(want) - len, ", netns-20:80 0/0/0; ");
  play(*state, "end");
  assert_outcome(*state, want);
}

/* --- what is opened and closed ------------------------------------------- */

TEST_WITH(a_name_that_does_not_fit_a_label_is_left_out, set_up, tear_down) {
  struct fixture *fixture = *state;
  char script[LB_LABEL_SIZE + 80], name[LB_LABEL_SIZE + 1];
  memset(name, 'n', LB_LABEL_SIZE);
  name[LB_LABEL_SIZE] = '\0';
  snprintf(script, sizeof(script),
           "netns *; path /run/netns/%s 10; path /run/netns/b 11; end", name);
  play(fixture, script);
  assert_outcome(fixture, " 0; b 0; ");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), -ENAMETOOLONG);
  there->netns[0].ino = 0;
  play(fixture, "end");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), 0);
}

TEST_WITH(a_kernel_without_tcp_diag_is_no_lost_namespace, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns blue; path /run/netns/blue 10; fail tcp_diag;"
                "in blue fail tcp_diag; end 3");
  assert_outcome(fixture, " 0; blue 0; ");
  assert_int_equal(there->opened, 2);
  assert_int_equal(there->closed, 0);
}

/* Each question makes the kernel run modprobe. */
TEST_WITH(a_missing_module_is_asked_for_once_in_an_interval, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->host.own, *blue = &fixture->kernels[0];
  play(fixture, "paths; inspecting; netns blue; path /run/netns/blue 10;"
                "listen 1 80 queue 1; in blue listen 2 /run/a queue 1; end");
  for (int i = 0; i < 2; i++) {
    const char *lacking = i ? "fail unix_diag; in blue fail unix_diag"
                            : "fail tcp_diag; in blue fail tcp_diag";
    play(fixture, lacking);
    play(fixture, "end");
    for (int interval = 0; interval < 5; interval++) {
      int *asked[] = {i ? &own->unix_dumps : &own->dumps,
                      i ? &blue->unix_dumps : &blue->dumps};
      *asked[0] = *asked[1] = own->inspections = blue->inspections = 0;
      play(fixture, "samples; samples; prepare; inspect; samples; finish");
      assert_int_equal(*asked[0] + *asked[1], 1);
      assert_true(i == 1 || own->inspections + blue->inspections == 0);
    }
    play(fixture, "work; in blue work; end 2");
    assert_outcome(fixture, " 0, 80 1/1/0/1; blue 0, blue:run-a 1/1/0/0; ");
  }
}

TEST_WITH(a_listing_that_fails_takes_no_namespace_away, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *; path /run/netns/a 10; path /run/netns/b 11;"
                "in b listen 1 80; end; in b overflow 1 1000; end");
  there->list_err = -EMFILE;
  there->list_only = 1;
  play(fixture, "in a gone; end");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), -EMFILE);
  assert_outcome(fixture, " 0; b 1000, b:80 0/0/1000; ");
  there->list_err = 0;
  play(fixture, "in b overflow 1 1; end");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), 0);
  assert_outcome(fixture, " 0; b 1001, b:80 0/0/1001; ");
}

TEST_WITH(namespaces_that_change_places_are_found_again, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *; path /run/netns/a 10; path /run/netns/b 11;"
                "in a listen 1 80 queue 1; in b listen 2 80 queue 2; end");
  struct netns *a = netns_of("a"), *b = netns_of("b");
  a->ino = 11;
  a->kernel = &fixture->kernels[1];
  b->ino = 10;
  b->kernel = &fixture->kernels[0];
  play(fixture, "end 2");
  assert_outcome(fixture, " 0; a 0, a:80 2/2/0; b 0, b:80 1/1/0; ");
}

/* Beside an inspection, which may be using the source. */
TEST_WITH(a_lost_source_is_closed_at_the_end_of_the_interval, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns blue; path /run/netns/blue 10; end; prepare;"
                "in blue gone; samples");
  assert_int_equal(there->closed, 0);
  assert_false(there->transports[1]->is_open);
  play(fixture, "finish");
  assert_int_equal(there->closed, 1);
  int dumps = fixture->kernels[0].dumps;
  play(fixture, "samples");
  assert_int_equal(fixture->kernels[0].dumps, dumps);
  play(fixture, "in blue replaced 11; end; in blue replaced 11; samples; end;"
                "in blue replaced 12; end");
  assert_int_equal(there->opened, 5);
  assert_int_equal(there->closed, 3);
  play(fixture, "prepare; in blue replaced 13; samples; finish");
  assert_int_equal(there->opened, 5);
  assert_int_equal(there->closed, 4);
}

TEST_WITH(without_samples_within_the_interval_nothing_stays_open, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *; path /run/netns/a 10; end 3");
  assert_int_equal(there->rested, 0);
  assert_true(there->transports[1]->is_open);
  fixture->settings.sample_s = 0;
  for (int i = 1; i <= 3; i++) {
    play(fixture, "end");
    assert_int_equal(there->rested, i);
    assert_true(there->transports[0]->is_open); /* our own */
    assert_false(there->transports[1]->is_open);
  }
  assert_int_equal(there->opened, 2);
}

/* --- the time of inspections --------------------------------------------- */

static struct lb_slowdowns cost_of(struct fixture *fixture) {
  return lb_monitor_slowdowns(fixture->monitor);
}

/* "I" for each interval with an inspection, "-" for one that was slowed. */
static void assert_rhythm(struct fixture *fixture, uint64_t cost_ns,
                          const char *want) {
  struct kernel *own = &fixture->host.own;
  struct text got = {.len = 0};
  own->cost_ns = cost_ns;
  for (size_t i = 0; i < strlen(want); i++) {
    int inspections = own->inspections;
    intervals(fixture, 1);
    bool has_inspected = own->inspections > inspections;
    assert_int_equal(cost_of(fixture).inspections, !has_inspected);
    say(&got, has_inspected ? "I" : "-");
  }
  assert_string_equal(got.at, want);
}

/* 0.9 % of the 10 s of an interval are 90 ms. */
TEST_WITH(inspections_that_take_long_are_made_less_often, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "inspecting; listen 1 80 queue 1");
  assert_rhythm(fixture, 89999999, "IIIII");
  assert_int_equal(cost_of(fixture).inspection_ns, 89999999);
  assert_rhythm(fixture, 250000000, "I--I--I--I--I");
  assert_rhythm(fixture, 1000000, "-IIIIII");
}

TEST_WITH(time_that_is_left_does_not_add_up, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "inspecting; listen 1 80 queue 1; end 100");
  assert_rhythm(fixture, 250000000, "I-I--I");
}

TEST_WITH(values_of_an_inspection_left_out_are_absent, set_up, tear_down) {
  struct fixture *fixture = *state;
  fixture->host.own.cost_ns = 150000000;
  play(fixture, "inspecting; listen 1 80 queue 1; end");
  assert_outcome(fixture, " 0, 80 1/1/0/1; ");
  play(fixture, "end");
  assert_outcome(fixture, " 0, 80 1/1/0; ");
  assert_int_equal(cost_of(fixture).inspection_ns, 150000000);
}

TEST_WITH(an_inspection_error_is_told_until_the_next_inspection, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->host.own;
  own->cost_ns = 150000000; /* so that the second one is left out */
  play(fixture, "inspecting; listen 1 80; fail waiting; end");
  assert_outcome(fixture, " inspection ENOBUFS;  0, 80 0/0/0; ");
  play(fixture, "end");
  assert_outcome(fixture, " inspection ENOBUFS;  0, 80 0/0/0; ");
  own->cost_ns = 0;
  play(fixture, "work; end 2");
  assert_outcome(fixture, " 0, 80 0/0/0/0; ");
}

TEST_WITH(several_namespaces_take_turns, set_up, tear_down) {
  struct fixture *fixture = *state;
  struct kernel *kernels[] = {&fixture->host.own, &fixture->kernels[0],
                              &fixture->kernels[1]};
  struct text got = {.len = 0};
  for (size_t i = 0; i < LEN(kernels); i++)
    kernels[i]->cost_ns = 60000000;
  play(fixture, "inspecting; netns *; path /run/netns/a 10;"
                "path /run/netns/b 11; listen 1 80; in a listen 1 80;"
                "in b listen 1 80");
  for (int i = 0; i < 6; i++) {
    play(fixture, "end");
    for (size_t j = 0; j < LEN(kernels); j++) {
      say(&got, "%d", kernels[j]->inspections);
      kernels[j]->inspections = 0;
    }
    say(&got, cost_of(fixture).inspections ? " slowed\n" : "\n");
  }
  assert_string_equal(got.at, "111\n000 slowed\n000 slowed\n110 slowed\n"
                              "001 slowed\n110 slowed\n");
  for (size_t i = 0; i < LEN(kernels); i++)
    kernels[i]->cost_ns = 10000000;
  play(fixture, "end 2");
  assert_false(cost_of(fixture).inspections);
  assert_int_equal(cost_of(fixture).inspection_ns, 30000000);
}

TEST_WITH(a_namespace_that_cannot_be_sampled_takes_no_turn, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "inspecting; netns *; path /run/netns/a 10; listen 1 80;"
                "in a listen 1 80; in a refuses EPERM; end 3");
  assert_int_equal(fixture->kernels[0].inspections, 0);
  assert_int_equal(fixture->host.own.inspections, 3);
  assert_false(cost_of(fixture).inspections);
}

/* --- InspectQueue "auto" ----------------------------------------------------
 */

static void say_inspected(void *data, const struct lb_readings *readings) {
  static const enum lb_reading_id ids[] = {LB_QUEUE, LB_WAIT, LB_ABANDONED,
                                           LB_SYN};
  if (readings->is_namespace)
    return;
  say(data, "%s", readings->label);
  for (size_t i = 0; i < LEN(ids); i++)
    if (readings->values.present & 1u << ids[i])
      say(data, "%s%g", i ? "/" : " ", readings->values.v[ids[i]].gauge);
    else
      say(data, "/-");
  say(data, ", ");
}

static void say_inspected_in(void *data, const struct lb_outcome *outcome) {
  if (outcome->collector)
    lb_collector_visit_readings(outcome->collector, say_inspected, data);
}

static void say_inspection_error(void *data, const struct lb_outcome *outcome) {
  if (outcome->inspection_err)
    say(data, "inspection %s, ", error_name(-outcome->inspection_err));
}

/* What the kernel was asked for since the last step: dumps, files and, after
 * "asked", the ports and UNIX sockets of an inspection. */
static void say_questions(struct text *got, struct kernel *kernel) {
  say(got, "%d+%d", kernel->dumps + kernel->unix_dumps, kernel->netstats);
  if (kernel->inspections + kernel->pendings)
    say(got, " asked");
  if (kernel->inspections)
    say_asked(got, kernel);
  if (kernel->pendings)
    say(got, " %d names", kernel->pendings);
  kernel->dumps = kernel->unix_dumps = kernel->netstats = 0;
  kernel->inspections = kernel->pendings = 0;
}

static const struct story automatic[] = {
    {"a host on which no connection waits is not inspected, and wait and "
     "abandoned are 0",
     {{"auto; paths; listen 1 80; listen 2 443; listen 3 /a; waiting 80 5; "
       "half_open 443 0; end 3",
       "80 0/0/0/-, 443 0/0/0/-, a 0/-/0/-, 6+3"},
      {"samples; end", "80 0/0/0/-, 443 0/0/0/-, a 0/-/0/-, 4+1"}}},
    {"only ports and UNIX sockets at which a connection waits are asked for",
     {{"auto; paths; listen 1 80 queue 2; listen 2 443; listen 3 /a; "
       "listen 4 /b queue 3 closed 1; waiting 80 1500; waiting 80 20; "
       "waiting 443 9; half_open 80 0; end",
       "80 2/1.5/0/-, 443 0/0/0/-, a 0/-/0/-, b 3/-/1/-, 4+2 asked 80 1 "
       "names"},
      {"set 1 queue 0; set 4 queue 0; end",
       "80 0/0/0/-, 443 0/0/0/-, a 0/-/0/-, b 0/-/0/-, 2+1"}}},
    {"a queue within the interval alone is no reason",
     {{"auto; listen 1 80 queue 2; samples; set 1 queue 0; end",
       "80 0/0/0/-, 2+1"}}},
    {"half-open connections of all listeners are counted when the SYN queue "
     "drops, or sends cookies, and not before",
     {{"auto; syn_drops 5; cookies 3; listen 1 80; listen 2 443 queue 1; "
       "half_open 80 0; half_open 80 0; waiting 443 7; end",
       "80 0/0/0/-, 443 1/0.007/0/-, 2+2 asked 443"},
      {"syn_drops 1; end", "80 0/0/0/2, 443 1/0.007/0/0, 2+2 asked 80 443"},
      {"set 2 queue 0; cookies 1; end", "80 0/0/0/2, 443 0/0/0/0, 2+2 asked "
                                        "80 443"},
      {"end", "80 0/0/0/-, 443 0/0/0/-, 1+1"}}},
    {"a client that comes during an inspection has waited for no time",
     {{"auto; listen 1 80 queue 1; listen 2 443; waiting 80 7; prepare; "
       "inspect; set 2 queue 1; samples; finish",
       "80 1/0.007/0/-, 443 1/0/0/-, 3+2 asked 80"}}},
    {"a sample between the two steps of a read takes the place of its own",
     {{"auto; listen 1 80; prepare; set 1 queue 1; samples; finish",
       "80 1/-/-/-, 3+2"}}},
    {"each network namespace is inspected for reasons of its own",
     {{"auto; netns *; path /run/netns/a 10; listen 1 80 queue 1; "
       "waiting 80 7; in a listen 1 80; in a waiting 80 9; end",
       "80 1/0.007/0/-, a:80 0/0/0/-, 2+2 asked 80, 1+1"},
      {"set 1 queue 0; in a set 1 queue 1; end",
       "80 0/0/0/-, a:80 1/0.009/0/-, 1+1, 2+2 asked 80"},
      {"in a set 1 queue 0; in a cookies 1; end",
       "80 0/0/0/-, a:80 0/0/0/0, 1+1, 2+2 asked 80"}}},
    {"an inspection that fails leaves the wait of a queue unknown",
     {{"auto; listen 1 80 queue 1; listen 2 443; fail waiting; end",
       "inspection ENOBUFS, 80 1/-/-/-, 443 0/0/0/-, 2+2 asked 80"},
      {"set 1 queue 0; end", "80 0/0/0/-, 443 0/0/0/-, 1+1"}}},
    {"without tcp_diag or the counters there is no reason to inspect",
     {{"auto; listen 1 80 queue 1; fail tcp_diag; end", "1+1"},
      {"work; set 1 queue 0; fail netstat; cookies 1; end", "80 0/0/0/-, 1+2"},
      {"work; end", "80 0/0/0/-, 1+1"}}},
};

TEST_CASE(auto_inspects_only_where_a_connection_waits) {
  for (size_t i = 0; i < LEN(automatic); i++) {
    print_message("# %s\n", automatic[i].name);
    assert_int_equal(set_up(state), 0);
    struct fixture *fixture = *state;
    for (size_t j = 0;
         j < LEN(automatic[i].steps) && automatic[i].steps[j].script; j++) {
      struct text got = {.len = 0};
      play(fixture, automatic[i].steps[j].script);
      lb_monitor_visit(fixture->monitor, say_inspection_error, &got);
      lb_monitor_visit(fixture->monitor, say_inspected_in, &got);
      say_questions(&got, &fixture->host.own);
      for (size_t k = 0; k < there->len; k++) {
        say(&got, ", ");
        say_questions(&got, there->netns[k].kernel);
      }
      assert_string_equal(got.at, automatic[i].steps[j].want);
      assert_false(cost_of(fixture).inspections);
    }
    assert_int_equal(tear_down(state), 0);
  }
}

TEST_WITH(auto_skips_inspections_that_take_long_and_knows_empty_queues, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "auto; listen 1 80 queue 1; listen 2 443");
  assert_rhythm(fixture, 250000000, "I--I--");
  struct text got = {.len = 0};
  lb_monitor_visit(fixture->monitor, say_inspected_in, &got);
  assert_string_equal(got.at, "80 1/-/-/-, 443 0/0/0/-, ");
  play(fixture, "set 1 queue 0; end");
  assert_false(cost_of(fixture).inspections);
}

/* --- the limit ------------------------------------------------------------ */

enum { READER, SAMPLER, THREADS };
static int thread;                 /* that is running */
static uint64_t clock_ns[THREADS]; /* CPU time */
static uint64_t dump_ns;           /* of each dump of TCP sockets */
static uint64_t unix_ns;           /* of UNIX sockets */
static uint64_t file_ns;           /* of each read of /proc/net/netstat */

static uint64_t read_clock(void) {
  return clock_ns[thread] + (thread == READER ? there->walks_ns : 0);
}

static void take_time(struct kernel *kernel, const char *read) {
  kernel->unix_cost_ns = unix_ns;
  clock_ns[thread] += strcmp(read, "dump") == 0      ? dump_ns
                      : strcmp(read, "paths") == 0   ? unix_ns
                      : strcmp(read, "netstat") == 0 ? file_ns
                                                     : 0;
}

/* Intervals of 10 s, of which 1 % are 100 ms, and samples every second. */
static void limit(struct fixture *fixture) {
  struct host *host = &fixture->host;
  host->own.before = take_time;
  for (size_t i = 0; i < LEN(fixture->kernels); i++)
    fixture->kernels[i].before = take_time;
  fixture->settings.sample_s = 1;
  fixture->settings.listening_paths = true;
  dump_ns = unix_ns = file_ns = 0;
  memset(clock_ns, 0, sizeof(clock_ns));
  if (!fixture->monitor)
    start(fixture);
  lb_monitor_limit(fixture->monitor, 10, read_clock);
}

static void sample_when_due(struct fixture *fixture, uint64_t now_ms) {
  struct lb_monitor *monitor = fixture->monitor;
  thread = SAMPLER;
  bool is_due = lb_monitor_begin_sample(monitor, now_ms * 1000000);
  for (size_t i = 0; i < lb_monitor_len(monitor) && is_due; i++)
    lb_monitor_sample(monitor, i, now_ms);
  lb_monitor_end_sample(monitor, is_due, now_ms * 1000000);
  thread = READER;
}

static void sampled_intervals(struct fixture *fixture, unsigned n) {
  while (n-- > 0) {
    for (uint64_t i = 1; i < 10; i++)
      sample_when_due(fixture, fixture->now_ms + 1000 * i);
    intervals(fixture, 1);
  }
}

TEST_WITH(a_read_without_a_sample_has_the_counters_of_the_namespace, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  limit(fixture);
  listen_on(&fixture->host.own, 1, 80);
  listen_at(&fixture->host.own, 2, "/run/a");
  dump_ns = 150000000;
  sampled_intervals(fixture, 20);
  int with = 0;
  for (unsigned i = 1; i <= 8; i++) {
    struct text got = {.len = 0}, want = {.len = 0};
    overflow(&fixture->host.own, 1, 2);
    sampled_intervals(fixture, 1);
    lb_monitor_visit(fixture->monitor, say_outcome, &got);
    bool has_port = strstr(got.at, " 80 ") != NULL;
    if (has_port)
      say(&want, " %u, 80 0/0/%u, run-a 0/0/0; ", 2 * i, 2 * i);
    else
      say(&want, " %u, run-a 0/0/0; ", 2 * i);
    assert_string_equal(got.at, want.at);
    with += has_port;
  }
  assert_int_equal(with, 3);
  struct lb_slowdowns slowdowns = cost_of(fixture);
  assert_int_equal(slowdowns.samples[LB_PART_TCP].spacing_ns, 30000000000);
  assert_int_equal(slowdowns.samples[LB_PART_UNIX].spacing_ns, 0);
  assert_int_equal(slowdowns.namespaces.spacing_ns, 0);
}

TEST_WITH(expensive_samples_of_one_part_leave_the_other_as_it_is, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->host.own;
  limit(fixture);
  listen_on(own, 1, 80);
  listen_at(own, 2, "/run/a");
  unix_ns = 20000000;
  dump_ns = 1000;
  sampled_intervals(fixture, 20);
  int dumps = own->dumps, unix_dumps = own->unix_dumps;
  sampled_intervals(fixture, 10);
  assert_int_equal(own->dumps - dumps, 100);
  assert_in_range(own->unix_dumps - unix_dumps, 40, 45);
  socket_of(own, 1)->queue = socket_of(own, 2)->queue = 1;
  sampled_intervals(fixture, 1);
  assert_outcome(fixture, " 0, 80 1/1/0, run-a 1/1/0; ");
}

/* Counts the reads that each namespace is in: our own, a, b and c. */
static void count_read(void *data, const struct lb_outcome *outcome) {
  unsigned *reads = data;
  reads[outcome->path ? outcome->label[0] - 'a' + 1 : 0]++;
}

TEST_WITH(namespaces_that_take_too_long_take_turns, set_up, tear_down) {
  struct fixture *fixture = *state;
  unsigned reads[4] = {0};
  play(fixture, "netns *; path /run/netns/a 10; path /run/netns/b 11;"
                "path /run/netns/c 12; in a listen 1 80; in b listen 1 80;"
                "in c listen 1 80 queue 3");
  limit(fixture);
  listen_on(&fixture->host.own, 1, 80)->queue = 1;
  file_ns = 20000000;
  dump_ns = 25000000;
  sampled_intervals(fixture, 50);
  play(fixture, "in c set 1 queue 0");
  for (int i = 0; i < 12; i++) {
    struct text all = {.len = 0};
    overflow(&fixture->kernels[2], 1, 1);
    sampled_intervals(fixture, 1);
    lb_monitor_visit(fixture->monitor, count_read, reads);
    lb_monitor_visit(fixture->monitor, say_outcome, &all);
    assert_non_null(strstr(all.at, " 0, 80 1/1/0; "));
  }
  assert_int_equal(reads[0], 12);
  for (int i = 1; i < 4; i++)
    assert_in_range(reads[i], 3, 6);
  assert_true(cost_of(fixture).namespaces.spacing_ns >= 20000000000);
  file_ns = dump_ns = 1000000;
  sampled_intervals(fixture, 60);
  assert_int_equal(cost_of(fixture).namespaces.spacing_ns, 0);
  assert_outcome(fixture, " 0, 80 1/1/0; a 0, a:80 0/0/0; b 0, b:80 0/0/0; "
                          "c 12, c:80 0/0/12; ");
}

/* --- walks through the processes ------------------------------------------ */

/* "W" for each interval with a walk. */
static void assert_walks(struct fixture *fixture, uint64_t cost_ns,
                         const char *want) {
  struct text got = {.len = 0};
  there->walk_cost_ns = cost_ns;
  for (size_t i = 0; i < strlen(want); i++) {
    unsigned walks = there->walks;
    sampled_intervals(fixture, 1);
    assert_in_range(there->walks - walks, 0, 1);
    say(&got, there->walks > walks ? "W" : "-");
  }
  assert_string_equal(got.at, want);
}

/* A walk of 20 ms is a 900th of 18 s, one of 200 ms of 180 s. */
TEST_WITH(walks_take_a_900th_of_the_time, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *; path /proc/100/ns/net 20; in 100 listen 1 80");
  limit(fixture);
  assert_walks(fixture, 11000000, "WWWWW");
  assert_walks(fixture, 20000000, "W-W-W-");
  assert_walks(fixture, 200000000, "W-----------------W");
  play(fixture, "path /proc/101/ns/net 21; in 101 listen 1 80");
  assert_walks(fixture, 200000000, "-----------------W");
  assert_outcome(fixture,
                 " 0; netns-20 0, netns-20:80 0/0/0; netns-21 0, netns-21:80 "
                 "0/0/0; ");
  assert_int_equal(cost_of(fixture).namespaces.spacing_ns, 0);
}

/* A quarter of the 180 s after the last one. */
TEST_WITH(a_walk_comes_early_if_a_process_or_a_name_is_missing, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *; path /proc/100/ns/net 20; in 100 listen 1 80");
  limit(fixture);
  assert_walks(fixture, 200000000, "W-");
  play(fixture, "joins /proc/101/ns/net 100; in 100 overflow 1 5;"
                "in 100 gone");
  assert_walks(fixture, 200000000, "--");
  assert_outcome(fixture, " 0; ");
  play(fixture, "path /run/docker/netns/f 21; joins /proc/102/ns/net f;"
                "in 102 called web");
  assert_walks(fixture, 200000000, "-");
  assert_outcome(fixture, " 0; ");
  assert_walks(fixture, 200000000, "W---");
  assert_outcome(fixture, " 0; netns-20 5, netns-20:80 0/0/5; web 0; ");
  play(fixture, "joins /proc/103/ns/net 101; in 101 gone");
  assert_walks(fixture, 200000000, "-");
  assert_outcome(fixture, " 0; web 0; ");
}

TEST_WITH(a_walk_that_fails_takes_no_namespace_away, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *; path /proc/100/ns/net 20; in 100 listen 1 80; end");
  there->walk_err = -EMFILE;
  play(fixture, "end 2");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), -EMFILE);
  assert_outcome(fixture, " 0; netns-20 0, netns-20:80 0/0/0; ");
  there->walk_err = 0;
  play(fixture, "end");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), 0);
}

/* --- all at once --------------------------------------------------------- */

/* Between any two steps of an interval. */
static void change_paths(struct fixture *fixture, unsigned *seed) {
  static uint64_t next_ino = 100;
  for (size_t i = 0; i < MAX_NETNS; i++) {
    char path[32];
    snprintf(path, sizeof(path), i < 8 ? "/run/netns/%zu" : "/proc/%zu/ns/net",
             i);
    if (there->len == i)
      script_netns(path, listed_name(path), 0, &fixture->kernels[i % 3]);
    struct netns *netns = &there->netns[i];
    switch (rand_r(seed) % 20) {
    case 0:
      netns->ino = 0;
      break;
    case 1:
      netns->ino = ++next_ino;
      break;
    case 2:
      netns->ino = there->netns[0].ino;
      break;
    case 3:
      netns->ino = OWN_INO;
      break;
    case 4:
      netns->kernel->dump_err = netns->kernel->dump_err ? 0 : -EPERM;
      break;
    }
  }
}

TEST_WITH(whatever_comes_and_goes_is_opened_and_closed_once, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  unsigned seed = 11;
  fixture->settings.inspect = LB_INSPECT_ALWAYS;
  fixture->settings.listening_paths = true;
  play(fixture, "netns 3; netns *");
  for (uint16_t i = 0; i < 3; i++) {
    listen_on(&fixture->kernels[i], 1 + i, (uint16_t)(80 + i))->queue = i;
    listen_at(&fixture->kernels[i], 10 + i, "/run/a")->queue = 1;
  }
  start(fixture);
  for (int i = 0; i < 2000; i++) {
    struct text got = {.len = 0};
    change_paths(fixture, &seed);
    sample_all(fixture);
    prepare(fixture);
    change_paths(fixture, &seed);
    lb_monitor_inspect(fixture->monitor);
    change_paths(fixture, &seed);
    sample_all(fixture);
    finish(fixture);
    lb_monitor_visit(fixture->monitor, say_outcome, &got);
    /* An inode of a process is remembered for a minute. */
    assert_in_range(lb_monitor_len(fixture->monitor), 1, 1 + 8 + 4 * 7);
    assert_in_range(there->opened - there->closed, 1, MAX_NETNS + 1);
  }
  assert_true(there->closed > 1000);
}

/* --- memory -------------------------------------------------------------- */

TEST_WITH(the_steady_state_allocates_nothing, set_up, tear_down) {
  struct fixture *fixture = *state;
  fixture->settings.inspect = LB_INSPECT_ALWAYS;
  play(fixture, "netns *");
  play(fixture, "path /run/netns/a 10; path /run/netns/b 11;"
                "path /proc/100/ns/net 12; in 100 listen 1 80");
  for (uint16_t i = 1; i <= 20; i++) {
    listen_on(&fixture->kernels[0], i, i)->queue = 1;
    listen_on(&fixture->kernels[1], i, i);
  }
  start(fixture);
  intervals(fixture, 2);
  size_t before = memory.calls;
  for (int i = 0; i < 100; i++) {
    overflow(&fixture->kernels[0], 3, 1);
    sample_all(fixture);
    intervals(fixture, 1);
  }
  assert_int_equal(memory.calls, before);
}

TEST_WITH(without_memory_there_is_no_monitor, set_up, tear_down) {
  struct fixture *fixture = *state;
  size_t refused = 0;
  play(fixture, "netns a");
  for (int err = -ENOMEM; err; refused++) {
    memory.fails = refused + 1;
    err = try_start(fixture);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  assert_in_range(refused, 8, 50);
}

static void find_without_memory(struct fixture *fixture, const char *path,
                                const char *want) {
  play(fixture, "netns *");
  struct netns *a =
      script_netns(path, listed_name(path), 0, &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80);
  size_t refused = 1;
  for (bool is_spent = true; is_spent; refused++) {
    a->ino = 0;
    start(fixture);
    intervals(fixture, 1);
    a->ino = 10;
    memory.fails = refused;
    intervals(fixture, 1);
    is_spent = memory.fails == 0;
    memory.fails = 0;
    intervals(fixture, 1);
    assert_outcome(fixture, want);
    lb_monitor_free(fixture->monitor);
    fixture->monitor = NULL;
  }
  assert_in_range(refused, 10, 100);
}

TEST_WITH(without_memory_a_namespace_is_found_in_the_next_interval, set_up,
          tear_down) {
  find_without_memory(*state, "/run/netns/a", " 0; a 0, a:80 0/0/0; ");
}

TEST_WITH(without_memory_that_of_a_process_is_found_in_the_next_interval,
          set_up, tear_down) {
  find_without_memory(*state, "/proc/100/ns/net",
                      " 0; netns-10 0, netns-10:80 0/0/0; ");
}

/* --- whichever allocation fails ------------------------------------------ */

enum { STORY_INTERVALS = 8, MAX_COUNTERS = 512 };

/* Everything takes more memory than before: a namespace comes, and ports, UNIX
 * names and waiting connections. */
static void tell_story(struct fixture *fixture, int i) {
  struct kernel *own = &fixture->host.own, *other = &fixture->kernels[0];
  static const char *const paths[] = {"/run/a", "/run/b", "@c", "/run/d"};
  fixture->host.netns[0].ino = i < 2 ? 0 : 10;
  for (int n = 0; n < 6; n++) {
    uint16_t number = (uint16_t)(6 * i + n + 1);
    listen_on(own, number, (uint16_t)(8000 + number))->queue = 1;
    connect_to(own, (uint16_t)(8000 + number), LB_CONN_CLOSED, 5);
  }
  if (i < (int)LEN(paths))
    listen_at(other, 100 + (uint64_t)i, paths[i])->queue = 1;
  listen_on(other, 200 + (uint64_t)i, (uint16_t)(80 + i));
  overflow(own, 1 + (uint64_t)i, 3);
  overflow(own, 1 + 6 * (uint64_t)i, 2);
  overflow(other, 200, 5);
}

/* The counters in the outcome before. */
struct watch {
  struct fixture *fixture;
  struct {
    char name[2 * LB_LABEL_SIZE];
    uint64_t last;
  } counters[MAX_COUNTERS];
  size_t len;
  uint64_t attributed;   /* in the visited namespace */
  uint64_t overflows[2]; /* of our own namespace, of the other */
};

static void check_forward(struct watch *watch, const char *label, int metric,
                          uint64_t now) {
  char name[2 * LB_LABEL_SIZE];
  size_t i = 0;
  snprintf(name, sizeof(name), "%s %s", label, lb_reading_table[metric].name);
  while (i < watch->len && strcmp(watch->counters[i].name, name) != 0)
    i++;
  assert_in_range(i, 0, MAX_COUNTERS - 1);
  if (i == watch->len)
    memcpy(watch->counters[watch->len++].name, name, sizeof(name));
  if (now < watch->counters[i].last)
    fail_msg("%s went back", name);
  watch->counters[i].last = now;
}

static void watch_reading(void *data, const struct lb_readings *reading) {
  struct watch *watch = data;
  const struct lb_values *values = &reading->values;
  for (int i = 0; i < LB_READINGS; i++)
    if (values->present & 1u << i && lb_reading_table[i].is_counter)
      check_forward(watch, reading->label, i, values->v[i].counter);
  if (!(values->present & 1u << LB_OVERFLOWS))
    return;
  watch->attributed += reading->is_namespace
                           ? values->v[LB_OVERFLOWS_UNATTRIBUTED].counter
                           : values->v[LB_OVERFLOWS].counter;
  if (reading->is_namespace)
    watch->overflows[*reading->label != '\0'] = values->v[LB_OVERFLOWS].counter;
}

static void watch_outcome(void *data, const struct lb_outcome *outcome) {
  struct watch *watch = data;
  uint64_t *overflows = &watch->overflows[outcome->path != NULL];
  *overflows = watch->attributed = 0;
  if (outcome->err) {
    assert_int_equal(outcome->err, -ENOMEM);
    return;
  }
  lb_collector_visit_readings(outcome->collector, watch_reading, watch);
  assert_int_equal(watch->attributed, *overflows);
}

static void check_outcome(struct watch *watch) {
  lb_monitor_visit(watch->fixture->monitor, watch_outcome, watch);
}

/* All but the shares of the overflows, which depend on the samples that could
 * be taken. */
static void say_gauges(void *data, const struct lb_readings *reading) {
  struct lb_readings gauges = *reading;
  gauges.values.present &=
      ~(1u << LB_OVERFLOWS | 1u << LB_DROPS | 1u << LB_OVERFLOWS_UNATTRIBUTED);
  say_reading(data, &gauges);
}

static void say_all_gauges(void *data, const struct lb_outcome *outcome) {
  assert_int_equal(outcome->err, 0);
  assert_int_equal(outcome->inspection_err, 0);
  lb_collector_visit_readings(outcome->collector, say_gauges, data);
}

static void begin_story(struct fixture *fixture) {
  fixture->settings.inspect = LB_INSPECT_ALWAYS;
  fixture->settings.listening_paths = true;
  fixture->host.own = new_kernel();
  fixture->kernels[0] = new_kernel();
  fixture->host.len = 0;
  script_netns("/run/netns/a", "a", 0, &fixture->kernels[0]);
}

/* The story from start to end; out is what is reported then. */
static void live_through(struct fixture *fixture, struct text *out) {
  static struct watch watch;
  watch = (struct watch){.fixture = fixture};
  begin_story(fixture);
  while (try_start(fixture))
    memory.fails = 0;
  for (int i = 0; i < STORY_INTERVALS; i++) {
    tell_story(fixture, i);
    if (i == STORY_INTERVALS - 1)
      memory.fails = 0; /* there is enough memory again */
    sample_all(fixture);
    intervals(fixture, 1);
    check_outcome(&watch);
  }
  intervals(fixture, 2);
  check_outcome(&watch);
  lb_monitor_visit(fixture->monitor, say_all_gauges, out);
  assert_int_equal(watch.overflows[0], fixture->host.own.overflows);
  assert_int_equal(watch.overflows[1], fixture->kernels[0].overflows);
  lb_monitor_free(fixture->monitor);
  fixture->monitor = NULL;
}

/* In any order: listeners come in the order in which they were found. */
static void check_same_lines(const struct text *got, const struct text *want) {
  assert_int_equal(got->len, want->len);
  const char *end;
  for (const char *at = want->at; (end = strchr(at, '\n')); at = end + 1) {
    char line[256] = "\n";
    strncat(line, at, (size_t)(end - at) + 1);
    if (!strstr(got->at, line) &&
        strncmp(got->at, line + 1, strlen(line + 1)) != 0)
      fail_msg("missing:%s", line);
  }
}

/* The story once for each of its allocations, which fails alone or with all
 * that follow. */
static void check_stories(struct fixture *fixture, bool lasts) {
  static struct text want, got;
  long held_before = memory.held;
  want.len = 0;
  live_through(fixture, &want);
  size_t round = 0;
  for (bool is_refused_one = true; is_refused_one; round++) {
    memory.refused = 0;
    memory.fails = round + 1;
    memory.lasts = lasts;
    got.len = 0;
    live_through(fixture, &got);
    is_refused_one = memory.refused > 0;
    check_same_lines(&got, &want);
    assert_int_equal(memory.held, held_before);
    assert_int_equal(fixture->host.opened, fixture->host.closed);
  }
  memory.fails = 0;
  memory.lasts = false;
  assert_in_range(round, 60, 1000);
}

TEST_WITH(whichever_allocation_fails_nothing_is_lost, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *");
  check_stories(fixture, false);
}

TEST_WITH(however_long_allocations_fail_nothing_is_lost, set_up, tear_down) {
  struct fixture *fixture = *state;
  play(fixture, "netns *");
  check_stories(fixture, true);
}

int main(void) { return run_all_tests(NULL, NULL); }
