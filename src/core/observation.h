/* SPDX-License-Identifier: MIT */
/* An observation: what some seconds of samples, with a read at the beginning
 * and one at the end, show of each listener. diagnosis.h says what it means.
 *
 *   lb_observer_read(observer, readings, false);        the first read
 *   lb_observer_begin_sample(observer);                 each sample, with
 *   lb_observer_add_socket(observer, label, sock);      each socket of it
 *   lb_observer_read(observer, readings, true);         the last read
 *   lb_observer_end(observer, seconds);
 *
 * The readings of a namespace come before those of its listeners. */
#ifndef LB_CORE_OBSERVATION_H
#define LB_CORE_OBSERVATION_H

#include "base/label.h"
#include "core/readings.h"
#include "kernel/sock.h"

#include <stddef.h>

/* What is not known is NAN. Queues, limits and counts are in connections or
 * sockets, times in seconds. */
struct lb_observation {
  double seconds;
  double sockets; /* at the end; 0: none listens */
  double limit;   /* at the end, the sum of all sockets */
  double queue_before;
  double queue;
  double peak;
  double busy; /* percent of the samples with a queue */
  double fill; /* percent: the fullest moment of the fullest socket */
  double full; /* sockets that were full in some sample */
  double wait_before;
  double wait;
  double abandoned;
  double syn;
  double active;
  double drops;     /* from the first read to the last */
  double overflows; /* the same; NAN for UNIX sockets */
  double sk_drops;  /* increment of the sockets; NAN for UNIX sockets */
  double lowest;    /* sum of the lowest queue of each socket in any sample */
  double held;      /* sockets with a queue that was never empty or shorter than
                       in the sample before */
  double always_full;  /* sockets that were full in each sample */
  double roomy;        /* sockets that had room for half of their limit */
  double at_somaxconn; /* sockets whose limit is somaxconn */
  bool is_unix;
  /* of the namespace */
  double somaxconn;
  double syn_drops;
  double syncookies;
};

struct lb_observed_listener {
  char label[LB_LABEL_SIZE];
  bool has_begun; /* the first read had it */
  bool has_ended; /* the last read had it */
  struct lb_values before;
  struct lb_values after;
  size_t netns; /* index */
  struct lb_observation result;
};

struct lb_observed_netns {
  char label[LB_LABEL_SIZE];
  struct lb_values before;
  struct lb_values after;
};

/* One listening socket. */
struct lb_observed_socket {
  size_t listener; /* index */
  struct lb_listen_sock sock;
  uint32_t first_drops; /* sk_drops of the first sample */
  uint32_t lowest;
  uint32_t samples;
  uint32_t full;      /* samples in which it was full */
  uint32_t last_seen; /* number of the sample */
  bool has_fallen;
};

/* All 0 at first. */
struct lb_observer {
  struct lb_observed_listener *listeners;
  size_t listeners_len;
  struct lb_observed_netns *netns;
  size_t netns_len;
  struct lb_observed_socket *sockets;
  size_t sockets_len;
  size_t next_listener; /* where the next one is expected, as in the visit */
  size_t next_socket;   /* before */
  size_t this_netns;
  uint32_t sample;
};

/* Takes the readings of one listener or namespace at the first or the last
 * read. Returns 0 or -ENOMEM. */
int lb_observer_read(struct lb_observer *observer,
                     const struct lb_readings *readings, bool is_last);

void lb_observer_begin_sample(struct lb_observer *observer);

/* Adds a socket of the sample to the listener with this label. Returns 0 or
 * -ENOMEM. */
int lb_observer_add_socket(struct lb_observer *observer, const char *label,
                           const struct lb_listen_sock *sock);

/* Whether a socket of the last sample has been full or its queue held all the
 * time, so that perhaps nothing accepts from it. */
bool lb_observed_holds(const struct lb_observer *observer,
                       const struct lb_observed_socket *socket);

/* Sets the results of all listeners. */
void lb_observer_end(struct lb_observer *observer, double seconds);
void lb_observer_free(struct lb_observer *observer);

#endif
