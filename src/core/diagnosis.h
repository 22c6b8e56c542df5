/* SPDX-License-Identifier: MIT */
/* A diagnosis: what is wrong with a listener, by an observation of it. A pure
 * function: base/causes.h has the words. */
#ifndef LB_CORE_DIAGNOSIS_H
#define LB_CORE_DIAGNOSIS_H

#include "core/observation.h"

/* From harmless to worst. */
enum lb_finding {
  LB_FOUND_HEALTHY,
  LB_FOUND_SYN_COOKIES, /* the SYN queue is full, and cookies serve all */
  LB_FOUND_BURSTS,      /* that the backlog does not hold */
  LB_FOUND_CLAMPED,     /* the same, and net.core.somaxconn limits it */
  LB_FOUND_SLOW,        /* too few or too slow workers */
  LB_FOUND_SYN_QUEUE,   /* the SYN queue is full, without cookies */
  LB_FOUND_ABANDONED,   /* it serves clients that have left */
  LB_FOUND_MEMBER,      /* some of its sockets accept nobody, others do */
  LB_FOUND_STUCK,       /* it accepts nobody */
  LB_FOUND_GONE,        /* nobody listens */
  LB_FINDINGS
};

/* Also the exit status of the probe. */
enum lb_severity { LB_OK, LB_WARNING, LB_TROUBLE };

/* A client whose SYN is dropped sends it again after 1, 2, 3, 4, 5, 7 ...
 * seconds, with a kernel before Linux 6.5 after 1, 3, 7 ... Most give up in 5
 * to 10 seconds, so that about five drops are one client. */
#define LB_TRIES 5.0

/* Times in seconds, rates per second; NAN: unknown. */
struct lb_diagnosis {
  enum lb_finding cause;
  enum lb_severity severity;
  bool is_guess;    /* the numbers fit the cause, but do not prove it */
  bool is_clamped;  /* each socket's limit is net.core.somaxconn */
  bool is_standing; /* the queue was hardly ever empty */
  double stuck;     /* sockets that accept nobody */
  double arriving;  /* connections that entered the queue or were refused */
  double served;    /* that accept() took from it */
  double refused;   /* that the full queue refused: see LB_TRIES */
  double times;     /* as many workers are needed */
  double full_in;   /* until the queue is full, if it goes on to grow */
  double empty_in;  /* until it is empty, if it goes on to fall */
};

struct lb_diagnosis lb_diagnose(const struct lb_observation *seen);

#endif
