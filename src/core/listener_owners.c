// SPDX-License-Identifier: MIT
/* The containers that sockets belong to: several can share one network
 * namespace, and each has listeners of its own, also of one port. */
#include "core/listeners_internal.h"

#include "base/array.h"

#include <string.h>
#include <sys/socket.h>

enum { MOST_OWNERS = 64 }; /* a user can make up any number of them */

static bool is_named_as(const struct lb_container *a,
                        const struct lb_container *b) {
  return strcmp(a->label, b->label) == 0 && a->is_foreign == b->is_foreign;
}

/* A container that restarts keeps its number, but not always its ID. */
static int number_of(struct lb_listeners *listeners,
                     const struct lb_container *owner, uint32_t *number) {
  for (size_t i = 0; i < listeners->owners_len; i++)
    if (is_named_as(&listeners->owners[i], owner)) {
      listeners->owners[i] = *owner;
      *number = (uint32_t)i + 1;
      return 0;
    }
  if (listeners->owners_len == MOST_OWNERS)
    return 0;
  int err = lb_append(&listeners->owners, &listeners->owners_len, owner, 1,
                      sizeof(*owner));
  if (!err)
    *number = (uint32_t)listeners->owners_len;
  return err;
}

int lb_listeners_find_owner(struct lb_listeners *listeners,
                            struct lb_listen_sock *sock) {
  struct lb_container owner;
  if (!listeners->netns->containers || sock->family == AF_UNIX)
    return 0;
  if (!lb_containers_of_cgroup(listeners->netns->containers, sock->cgroup,
                               &sock->asked, &owner))
    return 0;
  return owner.label[0] ? number_of(listeners, &owner, &sock->owner) : 0;
}

const struct lb_container *
lb_listeners_owner(const struct lb_listeners *listeners, uint32_t number) {
  return &listeners->owners[number - 1];
}

/* --- labels that go on ---------------------------------------------------- */

void lb_listeners_set_gone(struct lb_listeners *listeners, bool is_gone) {
  listeners->is_gone = is_gone;
  listeners->is_stale |= is_gone;
}

bool lb_listeners_has_gone_on(const struct lb_listeners *listeners,
                              uint32_t which) {
  if (which == LB_OF_NETNS)
    return false;
  const struct lb_listener_entry *entry = &listeners->v[which];
  return entry->owner &&
         (listeners->is_stale || entry->listener.sample.sockets == 0);
}

static void add_counters(struct lb_listener_attribution *sum,
                         struct lb_listener_attribution *counters) {
  sum->drops += counters->drops;
  sum->overflows += counters->overflows;
  *counters = (struct lb_listener_attribution){.drops = 0};
}

static void continue_counters(struct lb_listener *heir,
                              struct lb_listener *gone) {
  add_counters(&heir->attribution, &gone->attribution);
  add_counters(&heir->before.attribution, &gone->before.attribution);
  heir->sent = gone->sent;
  heir->overflows = gone->overflows;
}

bool lb_listeners_yield(void *data, uint32_t which,
                        const struct lb_label_holder *to) {
  struct lb_listeners *listeners = data, *heirs = to->data;
  if (lb_listeners_is_foreign(listeners, which) !=
      lb_listeners_is_foreign(heirs, to->which))
    return false;
  if (which == LB_OF_NETNS)
    return listeners->is_gone;
  struct lb_listener_entry *gone = &listeners->v[which];
  if (!listeners->is_gone && !lb_listeners_has_gone_on(listeners, which))
    return false;
  if (to->which != LB_OF_NETNS)
    continue_counters(&heirs->v[to->which].listener, &gone->listener);
  return true;
}
