/* SPDX-License-Identifier: MIT */
/* The network namespaces that the monitor samples: our own first, then the
 * configured ones and those that "*" finds: in files, and of processes.
 *
 * Each end of an interval finds them anew, by path and by id. If another
 * namespace has taken a path, its sockets are counted where those of the one
 * before were. If a path has lost its namespace, the first sample that notices
 * closes everything that would keep the namespace alive; the source itself
 * stays until the end of the interval, because an inspection may be using it.
 *
 * A namespace that only processes show is reached through one of them, and
 * through another one after that has ended. It is over once no process is in
 * it: the inode number may be another namespace's from then on. Whatever "*"
 * finds later under the same label continues its counters. */
#ifndef LB_CORE_NAMESPACES_H
#define LB_CORE_NAMESPACES_H

#include "core/collector.h"
#include "core/monitor.h"
#include "kernel/netns_name.h"
#include "kernel/netns_processes.h"

/* How a namespace is found anew. */
enum lb_netns_origin {
  LB_NETNS_CONFIGURED, /* by its path; so is our own */
  LB_NETNS_FILE,       /* by "*": its file in one of two directories */
  LB_NETNS_PROCESS,    /* by "*": only processes show it */
};

struct lb_namespace {
  struct lb_netns_ref ref; /* owns path and label; path NULL: our own */
  enum lb_netns_origin origin;
  pid_t pid;      /* the lowest process in it; 0: none was seen */
  bool is_named;  /* by what is in it, not only by its path */
  bool is_listed; /* found by "*" at the end of the last interval */
  bool is_lost; /* its process has ended; the next walk may find another one */
  bool is_absent;            /* as last found: there is none at the path */
  uint64_t found_ms;         /* when it first was there, before it has a name */
  uint64_t seen_ms;          /* when it was last there */
  uint64_t owners;           /* that it is named after: lb_collector_owners() */
  bool is_settled;           /* its name is, as long as these are its owners */
  char taken[LB_LABEL_SIZE]; /* as struct lb_outcome; "": nothing */

  struct lb_netns_id id;          /* of what the source is for */
  struct lb_source source;        /* closed: the namespace is not there */
  struct lb_collector *collector; /* NULL: it never was */
  struct lb_inspection inspection;
  bool has_listened; /* in some sample that ended an interval */

  int err;             /* of the last sample, or why there is no source */
  unsigned unmounted;  /* intervals in a row with nothing mounted at the path */
  uint64_t mounted_ms; /* when there last was, or the first of these ended */
  bool is_fresh;       /* that is less than two minutes ago */
  struct lb_sample_errors errors;
  uint64_t sample_ns; /* CPU time of the last sample that ended an interval */
  uint64_t rest_ns;   /* CPU time of the last end of an interval, without the
                         sample */
  bool is_waiting;    /* for its turn: its interval goes on */

  /* With LB_INSPECT_AUTO the sample that looks for a reason to inspect is that
   * of the read, if it finds none. */
  bool is_sampled;   /* it is the last sample */
  bool is_counted;   /* its cost is */
  uint64_t early_ns; /* CPU time of the end of the interval before its turn,
                        without the sample */
};

struct lb_namespaces {
  const struct lb_settings *settings;
  struct lb_transport_opener opener;
  struct lb_label_registry *labels;
  struct lb_containers *containers; /* NULL without "*" */
  struct lb_namespace **v;          /* our own first */
  size_t len;
  bool has_list;   /* "*" is configured */
  uint64_t now_ms; /* of this search */

  struct lb_netns_processes processes;
  uint64_t (*cpu_ns)(void); /* as lb_monitor_limit(); NULL: walks are free */
  uint64_t walk_ns;    /* CPU time of the last walk through the processes */
  uint64_t walked_ms;  /* when it was */
  bool has_walked;     /* in this search */
  bool has_found;      /* once, so that a namespace can be new */
  bool has_long_names; /* in the last listing */
  int listing_err;     /* as lb_monitor_listing_error() */
};

/* Adds our own namespace and the configured ones. Borrows settings. Returns 0,
 * -errno of the opener or -ENOMEM; free it in any case. */
int lb_namespaces_init(struct lb_namespaces *all,
                       const struct lb_settings *settings,
                       struct lb_transport_opener opener);
void lb_namespaces_free(struct lb_namespaces *all);

/* Finds out which namespaces are there. No inspection is running. */
void lb_namespaces_find(struct lb_namespaces *all, uint64_t now_ms);

/* Names the namespaces of containers after those that have their listening
 * sockets, at the end of an interval. */
void lb_namespaces_rename(struct lb_namespaces *all);

/* The CPU time of a search for an interval's account, given what this one took:
 * a walk through the processes is shared by all intervals until the next. */
uint64_t lb_namespaces_share_walk(const struct lb_namespaces *all,
                                  uint64_t taken_ns, uint64_t interval_ns);

static inline bool lb_namespace_is_open(const struct lb_namespace *ns) {
  return ns->source.transport != NULL;
}

/* Opens the source of what is at the path. Returns 0, -errno of the opener or
 * -ENOMEM. */
int lb_namespace_enter(struct lb_namespaces *all, struct lb_namespace *ns);

/* Closes the source; err is why. Keeps the collector, and so the counters. */
void lb_namespace_leave(struct lb_namespace *ns, int err);

/* Closes the source, unless another process may lead to the namespace: the next
 * search decides. */
void lb_namespace_lose(struct lb_namespace *ns);

/* Notes after a sample whether a namespace is mounted at the path. */
void lb_namespace_note_mount(struct lb_namespace *ns, uint64_t now_ms);

/* Whether the interval of the namespace has ended and there is something to
 * tell of it. */
bool lb_namespace_is_news(const struct lb_namespace *ns);

/* After a sample: whether another namespace has taken the path and, by chance,
 * the id. */
bool lb_namespace_is_replaced(const struct lb_namespace *ns);

/* After a sample or an interval: whether the namespace is not at its path any
 * more. */
bool lb_namespace_is_gone(const struct lb_namespace *ns);

#endif
