/* SPDX-License-Identifier: MIT */
/* The words for what can be wrong with a listener, one text for each cause. The
 * texts of alerts and graphs use the same words. */
#ifndef LB_BASE_CAUSES_H
#define LB_BASE_CAUSES_H

/* --- the causes ---------------------------------------------------------- */

#define LB_TITLE_HEALTHY "healthy"
#define LB_TITLE_SYN_COOKIES "the SYN queue is full, and SYN cookies serve all"
#define LB_TITLE_BURSTS "bursts over the backlog"
#define LB_TITLE_CLAMPED                                                       \
  "bursts over the backlog; the limit equals net.core.somaxconn"
#define LB_TITLE_SLOW "too few or too slow workers"
#define LB_TITLE_SYN_QUEUE "the SYN queue is full, without SYN cookies"
#define LB_TITLE_ABANDONED "it serves clients that have left"
#define LB_TITLE_MEMBER "%.0f of %.0f sockets accepts nobody"
#define LB_TITLE_STUCK "it accepts nobody"
#define LB_TITLE_GONE "nobody listens"

/* --- what to do ---------------------------------------------------------- */

#define LB_ADVICE_SYN_COOKIES                                                  \
  "nothing, clients are served. If it lasts it is a SYN flood, or a return "   \
  "path that loses packets."
/* The limit of a socket, somaxconn. */
#define LB_ADVICE_BURSTS                                                       \
  "raise the backlog of the server (%.0f; net.core.somaxconn allows %.0f) "    \
  "and restart it."
#define LB_ADVICE_BURSTS_UNKNOWN                                               \
  "raise the backlog of the server (%.0f), and restart it."
/* somaxconn */
#define LB_ADVICE_CLAMPED                                                      \
  "raise net.core.somaxconn (%.0f, with sysctl -w), then restart the server: " \
  "it gets its limit in listen()."
#define LB_ADVICE_SLOW                                                         \
  "more workers, or faster ones. A longer backlog only lets clients wait "     \
  "longer."
#define LB_ADVICE_FALLING                                                      \
  "wait: the queue is falling, and empty in about %.0f s. If it comes back, "  \
  "more workers."
#define LB_ADVICE_SYN_QUEUE                                                    \
  "turn SYN cookies on: sysctl -w net.ipv4.tcp_syncookies=1. The limit "       \
  "(%.0f) is that of the SYN queue, too."
#define LB_ADVICE_ABANDONED                                                    \
  "a restart ends it, and a shorter backlog keeps it from coming back."
#define LB_ADVICE_MEMBER                                                       \
  "restart the process of that socket: each client it gets waits in vain."
#define LB_ADVICE_STUCK                                                        \
  "find out what it waits for (a backend, a lock, a debugger), or restart it."
#define LB_ADVICE_GONE "start the server, or find out why it stopped."

/* --- the evidence -------------------------------------------------------- */

#define LB_SEEN_QUEUE "queue %.0f, limit %.0f"
#define LB_SEEN_IS_FULL ", full"
#define LB_SEEN_WAS_FULL ", was full"
#define LB_SEEN_PEAK ", at most %.0f"
#define LB_SEEN_NEVER_EMPTY ", never empty"
#define LB_SEEN_BUSY ", not empty %.0f %% of the time"
#define LB_SEEN_WAIT "; the first client has waited %s s"
#define LB_SEEN_SAME_HEAD ", and is the same as %s s before"
#define LB_SEEN_LEFT "; %.0f of %.0f waiting clients have left"
#define LB_SEEN_FULL "; %.0f of %.0f sockets full"
#define LB_SEEN_DROPPED "; %.0f attempts dropped"
#define LB_SEEN_SYN "; %.0f half-open"
#define LB_SEEN_SYN_DROPS "; %.0f SYNs dropped for a full SYN queue"
#define LB_SEEN_COOKIES "; %.0f SYN cookies sent"
#define LB_SEEN_ACTIVE "; %.0f being served"
#define LB_SEEN_NO_SOCKET "no listening socket"

#define LB_RATE "arriving %s/s, served %s/s"
#define LB_RATE_DROPPED "arriving about %s/s, served %s/s"
#define LB_RATE_TIMES ": about %s times the workers"
#define LB_RATE_FULL_IN "; full in %.0f s"

/* --- the server ---------------------------------------------------------- */

#define LB_WHO_PROCESS "%s (pid %d)"
#define LB_WHO_PROCESSES "%s (pid %d and %u more)"
#define LB_WHO_UNIT "unit %s"
#define LB_WHO_DENIED "its process may not be seen, root may"

/* --- how sure it is ------------------------------------------------------ */

#define LB_SURE_MEASURED "measured for %s s"
#define LB_SURE_LIKELY "likely, from %s s"
#define LB_SURE_CLAMPED                                                        \
  "; the kernel does not show which backlog the server asked for"
#define LB_SURE_BURSTS                                                         \
  "; or the server was too slow for a moment, so look again"
#define LB_SURE_SYN_QUEUE                                                      \
  "; the kernel counts these drops for all listeners together"
#define LB_SURE_STUCK                                                          \
  "; a full queue is filled again at once, so an accept can go unseen"
#define LB_SURE_MEMBER "; the other sockets had room"
#define LB_SURE_RETRIES                                                        \
  "; what arrives is a guess: each dropped client tries about %.0f times"
#define LB_SURE_UNIX                                                           \
  "; a UNIX socket does not show how long clients have waited"
#define LB_SURE_NO_COUNTERS "; drops are not known"
#define LB_SURE_NO_WAIT "; how long clients have waited is not known"

/* --- states -------------------------------------------------------------- */

#define LB_STATE_OK "OK"
#define LB_STATE_WARNING "WARNING"
#define LB_STATE_TROUBLE "TROUBLE"
#define LB_STATE_UNKNOWN "UNKNOWN"

#define LB_ALL_HEALTHY LB_STATE_OK ": %zu listener%s healthy in %.1f s.\n"
#define LB_SEEN_HEALTHY                                                        \
  LB_STATE_UNKNOWN ": %zu listener%s healthy in %.1f s, but not all could be " \
                   "read.\n"
#define LB_OTHERS_HEALTHY "\nThe other %zu listener%s healthy.\n"
#define LB_NO_LISTENER_LABEL                                                   \
  "no listener has this label. A <Listener> of collectd.conf is only known "   \
  "to collectd: name its ports and paths"

#endif
