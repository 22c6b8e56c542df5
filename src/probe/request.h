/* SPDX-License-Identifier: MIT */
/* What --explain is asked for: ports, UNIX sockets, or labels of the plugin. */
#ifndef LB_PROBE_REQUEST_H
#define LB_PROBE_REQUEST_H

#include "core/settings.h"

struct lb_request {
  char text[LB_LABEL_SIZE];       /* as it is shown */
  char label[LB_LABEL_SIZE];      /* of the listener */
  struct lb_unix_pattern pattern; /* in place of a label; len 0: none */
  bool is_matched;                /* some socket has such a name */
  bool is_label;                  /* it may be that of a <Listener> as well */
  bool is_netns; /* the label is a network namespace's: all its listeners */
  bool is_match; /* the label is that of a socket that a pattern matched */
};

struct lb_requests {
  struct lb_request *v; /* owned */
  size_t len;
};

/* Adds what an argument asks for, and to the settings what has to be sampled
 * for it: every listener, because only found ones have these labels, and a path
 * by itself, because the server may have bound another name of its file.
 * Returns 0; -EINVAL if the argument can be no label; -EILSEQ for a pattern
 * with a "\x"; or -ENOMEM. */
int lb_requests_add(struct lb_requests *requests, struct lb_settings *settings,
                    const char *argument);
void lb_requests_free(struct lb_requests *requests);

/* Adds the label of a UNIX socket once, if a pattern matches its name. Returns
 * 0 or -ENOMEM. */
int lb_requests_match(struct lb_requests *requests, const char *label,
                      const struct lb_unix_name *name);

/* Whether a listener has been asked for. */
bool lb_request_matches(const struct lb_request *request, const char *label);

#endif
