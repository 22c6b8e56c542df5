// SPDX-License-Identifier: MIT
/* Each visit has listeners and sockets in nearly the same order as the one
 * before, so each is looked for from its predecessor on. */
#include "core/observation.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void lb_observer_free(struct lb_observer *observer) {
  free(observer->listeners);
  free(observer->netns);
  free(observer->sockets);
  memset(observer, 0, sizeof(*observer));
}

/* --- reads --------------------------------------------------------------- */

static int observed_netns(struct lb_observer *observer, const char *label) {
  struct lb_observed_netns netns = {.before = {0}};
  size_t i = 0;
  while (i < observer->netns_len &&
         strcmp(observer->netns[i].label, label) != 0)
    i++;
  observer->this_netns = i;
  if (i < observer->netns_len)
    return 0;
  snprintf(netns.label, sizeof(netns.label), "%s", label);
  return lb_append(&observer->netns, &observer->netns_len, &netns, 1,
                   sizeof(netns));
}

/* Finds or adds a listener. */
static int find_listener(struct lb_observer *observer, const char *label,
                         struct lb_observed_listener **out) {
  struct lb_observed_listener listener = {.netns = observer->this_netns};
  size_t len = observer->listeners_len;
  for (size_t n = 0; n < len; n++) {
    size_t i = (observer->next_listener + n) % len;
    if (strcmp(observer->listeners[i].label, label) == 0) {
      observer->next_listener = i + 1;
      *out = &observer->listeners[i];
      return 0;
    }
  }
  snprintf(listener.label, sizeof(listener.label), "%s", label);
  int err = lb_append(&observer->listeners, &observer->listeners_len, &listener,
                      1, sizeof(listener));
  if (!err)
    *out = &observer->listeners[len];
  return err;
}

int lb_observer_read(struct lb_observer *observer,
                     const struct lb_readings *readings, bool is_last) {
  struct lb_observed_listener *listener;
  if (readings->is_namespace) {
    int err = observed_netns(observer, readings->label);
    if (err)
      return err;
    struct lb_observed_netns *netns = &observer->netns[observer->this_netns];
    *(is_last ? &netns->after : &netns->before) = readings->values;
    return 0;
  }
  int err = find_listener(observer, readings->label, &listener);
  if (err)
    return err;
  *(is_last ? &listener->after : &listener->before) = readings->values;
  *(is_last ? &listener->has_ended : &listener->has_begun) = true;
  listener->netns = observer->this_netns;
  return 0;
}

/* --- samples ------------------------------------------------------------- */

void lb_observer_begin_sample(struct lb_observer *observer) {
  observer->sample++;
  observer->next_socket = 0;
}

static struct lb_observed_socket *find_observed(struct lb_observer *observer,
                                                uint64_t cookie) {
  size_t len = observer->sockets_len;
  for (size_t n = 0; n < len; n++) {
    size_t i = (observer->next_socket + n) % len;
    if (observer->sockets[i].sock.cookie == cookie) {
      observer->next_socket = i + 1;
      return &observer->sockets[i];
    }
  }
  return NULL;
}

static int add_new_socket(struct lb_observer *observer, const char *label,
                          const struct lb_listen_sock *sock,
                          struct lb_observed_socket **out) {
  struct lb_observed_listener *listener;
  struct lb_observed_socket socket = {
      .sock = *sock, .lowest = sock->queue, .first_drops = sock->sk_drops};
  int err = find_listener(observer, label, &listener);
  if (!err) {
    socket.listener = (size_t)(listener - observer->listeners);
    err = lb_append(&observer->sockets, &observer->sockets_len, &socket, 1,
                    sizeof(socket));
  }
  if (!err)
    *out = &observer->sockets[observer->sockets_len - 1];
  return err;
}

int lb_observer_add_socket(struct lb_observer *observer, const char *label,
                           const struct lb_listen_sock *sock) {
  struct lb_observed_socket *socket = find_observed(observer, sock->cookie);
  int err = socket ? 0 : add_new_socket(observer, label, sock, &socket);
  if (err)
    return err;
  socket->has_fallen |= sock->queue < socket->sock.queue;
  if (sock->queue < socket->lowest)
    socket->lowest = sock->queue;
  socket->full += lb_is_full(sock->queue, sock->limit);
  socket->samples++;
  socket->last_seen = observer->sample;
  socket->sock = *sock;
  return 0;
}

/* --- the results --------------------------------------------------------- */

static double gauge_of(const struct lb_values *values, enum lb_reading_id id) {
  return (values->present & 1u << id) ? values->v[id].gauge : (double)NAN;
}

static double increment_of(const struct lb_values *before,
                           const struct lb_values *after,
                           enum lb_reading_id id) {
  if (!(before->present & after->present & 1u << id))
    return (double)NAN;
  return (double)(after->v[id].counter - before->v[id].counter);
}

/* A listener that came later began with counters of 0. */
static double drops_of(const struct lb_observed_listener *listener,
                       enum lb_reading_id id) {
  struct lb_values none = {0};
  if (listener->has_begun)
    return increment_of(&listener->before, &listener->after, id);
  lb_put_counter(&none, id, 0);
  return increment_of(&none, &listener->after, id);
}

static double or_zero(double value) { return isnan(value) ? 0 : value; }

/* Its inspection and its length are of two moments. */
static double abandoned_of(const struct lb_values *values) {
  double abandoned = gauge_of(values, LB_ABANDONED);
  double queue = gauge_of(values, LB_QUEUE);
  return abandoned > queue ? queue : abandoned;
}

static struct lb_observation
result_of(const struct lb_observer *observer,
          const struct lb_observed_listener *listener, double seconds) {
  const struct lb_observed_netns none = {.before = {0}};
  const struct lb_observed_netns *netns =
      listener->netns < observer->netns_len ? &observer->netns[listener->netns]
                                            : &none;
  const struct lb_values *before = &listener->before, *after = &listener->after;
  return (struct lb_observation){
      .seconds = seconds,
      .sockets = or_zero(gauge_of(after, LB_SOCKETS)),
      .limit = gauge_of(after, LB_LIMIT),
      .queue_before = gauge_of(before, LB_QUEUE),
      .queue = gauge_of(after, LB_QUEUE),
      .peak = gauge_of(after, LB_PEAK),
      .busy = gauge_of(after, LB_BUSY),
      .fill = gauge_of(after, LB_FILL),
      .full = gauge_of(after, LB_FULL),
      .wait_before = gauge_of(before, LB_WAIT),
      .wait = gauge_of(after, LB_WAIT),
      .abandoned = abandoned_of(after),
      .syn = gauge_of(after, LB_SYN),
      .active = gauge_of(after, LB_ACTIVE),
      .drops = drops_of(listener, LB_DROPS),
      .overflows = drops_of(listener, LB_OVERFLOWS),
      .somaxconn = gauge_of(&netns->after, LB_SOMAXCONN),
      .syn_drops = increment_of(&netns->before, &netns->after, LB_SYN_DROPS),
      .syncookies =
          increment_of(&netns->before, &netns->after, LB_SYNCOOKIES_SENT),
  };
}

bool lb_observed_holds(const struct lb_observer *observer,
                       const struct lb_observed_socket *socket) {
  return socket->samples == observer->sample && socket->lowest > 0 &&
         (!socket->has_fallen || socket->full == socket->samples);
}

/* A socket that has come during the observation is too new to judge. */
static void add_to_result(const struct lb_observed_socket *socket,
                          uint32_t samples, struct lb_observation *result) {
  const struct lb_listen_sock *sock = &socket->sock;
  bool is_old = socket->samples == samples;
  result->sk_drops += (uint32_t)(sock->sk_drops - socket->first_drops);
  result->lowest += socket->lowest;
  result->held += is_old && socket->lowest > 0 && !socket->has_fallen;
  result->always_full += is_old && socket->full == samples;
  result->roomy += UINT64_C(2) * socket->lowest <= sock->limit;
  result->at_somaxconn += sock->limit == result->somaxconn;
  result->is_unix |= sock->family == AF_UNIX;
}

/* Only sockets of the last sample count. */
void lb_observer_end(struct lb_observer *observer, double seconds) {
  for (size_t i = 0; i < observer->listeners_len; i++)
    observer->listeners[i].result =
        result_of(observer, &observer->listeners[i], seconds);
  for (size_t i = 0; i < observer->sockets_len; i++) {
    const struct lb_observed_socket *socket = &observer->sockets[i];
    if (socket->last_seen == observer->sample)
      add_to_result(socket, observer->sample,
                    &observer->listeners[socket->listener].result);
  }
}
