// SPDX-License-Identifier: MIT
#include "core/listener.h"

#include <sys/socket.h>

static bool was_seen(const struct lb_listener *listener) {
  return listener->before.was_seen || listener->interval.samples > 0;
}

void lb_listener_begin_interval(struct lb_listener *listener) {
  listener->before = (struct lb_listener_before){
      .had_sockets = listener->sample.sockets > 0,
      .was_seen = was_seen(listener),
      .attribution = listener->attribution,
  };
  listener->interval = (struct lb_listener_interval){.peak = 0};
  listener->inspection = (struct lb_listener_inspection){.done = false};
}

/* UNIX sockets have no counters to lose. A socket that only the last dump
 * showed, after the sample, has come late. */
bool lb_listener_is_leaving(const struct lb_listener *listener) {
  const struct lb_listener_attribution *before = &listener->before.attribution;
  bool has_moved = before->drops != listener->attribution.drops ||
                   before->overflows != listener->attribution.overflows;
  return listener->has_ports && listener->sample.sockets == 0 &&
         (listener->before.had_sockets || (has_moved && was_seen(listener)));
}

/* Of the limit + 1 connections that fit. At most 100: a queue can be longer
 * after its limit was lowered, and collectd's type "percent" ends there. */
static double fill_percent(const struct lb_listen_sock *sock) {
  if (lb_is_full(sock->queue, sock->limit))
    return 100;
  return 100.0 * sock->queue / ((double)sock->limit + 1);
}

static void add_queue(struct lb_listener *listener,
                      const struct lb_listen_sock *sock) {
  double fill = fill_percent(sock);
  if (fill > listener->interval.fill)
    listener->interval.fill = fill;
  listener->interval.busy += listener->sample.queue == 0;
  listener->sample.queue += sock->queue;
  if (listener->sample.queue > listener->interval.peak)
    listener->interval.peak = listener->sample.queue;
}

void lb_listener_add_socket(struct lb_listener *listener,
                            const struct lb_listen_sock *sock) {
  listener->interval.samples += listener->sample.sockets == 0;
  listener->sample.sockets++;
  listener->sample.has_tcp |= sock->family != AF_UNIX;
  listener->sample.limit += sock->limit;
  if (sock->queue)
    add_queue(listener, sock);
}

void lb_listener_put(const struct lb_listener *listener,
                     struct lb_values *values) {
  const struct lb_listener_sample *sample = &listener->sample;
  const struct lb_listener_interval *interval = &listener->interval;
  lb_put_gauge(values, LB_SOCKETS, sample->sockets);
  if (sample->sockets > 0) {
    lb_put_gauge(values, LB_QUEUE, (double)sample->queue);
    lb_put_gauge(values, LB_LIMIT, (double)sample->limit);
  }
  if (interval->samples > 0) {
    lb_put_gauge(values, LB_PEAK, (double)interval->peak);
    lb_put_gauge(values, LB_BUSY, 100.0 * interval->busy / interval->samples);
    lb_put_gauge(values, LB_FILL, interval->fill);
    lb_put_gauge(values, LB_FULL, interval->full);
  }
}
