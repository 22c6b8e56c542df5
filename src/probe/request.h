/* SPDX-License-Identifier: MIT */
/* What --explain is asked for: ports, UNIX sockets, or labels of the plugin. */
#ifndef LB_PROBE_REQUEST_H
#define LB_PROBE_REQUEST_H

#include "core/settings.h"

struct lb_request {
  char text[LB_LABEL_SIZE];  /* as it is shown */
  char label[LB_LABEL_SIZE]; /* of the listener */
  char alias[LB_LABEL_SIZE]; /* another one of a UNIX socket; "": none */
  bool is_label;             /* it may be that of a <Listener> as well */
  bool is_netns; /* the label is a network namespace's: all its listeners */
};

struct lb_requests {
  struct lb_request *v; /* owned */
  size_t len;
};

/* Adds what an argument asks for, and to the settings what has to be sampled
 * for it: every listener, because only found ones have these labels. Returns 0;
 * -EINVAL if the argument can be no label; or -ENOMEM. */
int lb_requests_add(struct lb_requests *requests, struct lb_settings *settings,
                    const char *argument);
void lb_requests_free(struct lb_requests *requests);

/* Whether a listener has been asked for. */
bool lb_request_matches(const struct lb_request *request, const char *label);

#endif
