// SPDX-License-Identifier: MIT
/* All types are stock types: every central server of a fleet would need a type
 * of our own. */
#include "core/readings.h"

const struct lb_reading lb_reading_table[LB_READINGS] = {
    [LB_QUEUE] = {"queue", "queue_length", "{connection}", 0, LB_LISTENER,
                  "connections waiting for accept()"},
    [LB_LIMIT] = {"limit", "queue_length", "{connection}", 0, LB_LISTENER,
                  "backlog in force, at most net.core.somaxconn"},
    [LB_PEAK] = {"peak", "queue_length", "{connection}", 0, LB_LISTENER,
                 "highest queue of any sample in the interval"},
    [LB_BUSY] = {"busy", "percent", "%", 0, LB_LISTENER,
                 "share of the interval's samples with a queue"},
    [LB_FILL] =
        {"fill", "percent", "%", 0, LB_LISTENER,
         "fullest moment of the fullest socket; at 100 % the kernel drops"},
    [LB_SOCKETS] = {"sockets", "count", "{socket}", 0, LB_LISTENER,
                    "listening sockets"},
    [LB_FULL] = {"full", "count", "{socket}", 0, LB_LISTENER,
                 "sockets that were full in some sample of the interval"},
    [LB_DROPS] = {"drops", "derive", "{attempt}", 1, LB_LISTENER | LB_NAMESPACE,
                  "connection attempts dropped (ListenDrops)"},
    [LB_OVERFLOWS] = {"overflows", "derive", "{attempt}", 1,
                      LB_LISTENER | LB_NAMESPACE,
                      "of these, dropped because the accept queue was full "
                      "(ListenOverflows)"},
    [LB_OVERFLOWS_5M] = {"overflows_5m", "count", "{attempt}", 0, LB_LISTENER,
                         "overflows of the last 5 minutes"},
    [LB_WAIT] =
        {"wait", "duration", "s", 0, LB_LISTENER,
         "how long the longest-waiting connection has waited, in seconds"},
    [LB_ABANDONED] = {"abandoned", "queue_length", "{connection}", 0,
                      LB_LISTENER,
                      "waiting connections whose client has closed or reset"},
    [LB_SYN] = {"syn", "queue_length", "{connection}", 0, LB_LISTENER,
                "half-open connections, the SYN queue"},
    [LB_ACTIVE] =
        {"active", "current_connections", "{connection}", 0, LB_LISTENER,
         "accepted connections that are open; with one per worker, the busy "
         "workers"},
    [LB_SYN_DROPS] =
        {"syn_drops", "derive", "{attempt}", 1, LB_NAMESPACE,
         "SYNs dropped because the SYN queue was full (TCPReqQFullDrop)"},
    [LB_SYNCOOKIES_SENT] = {"syncookies_sent", "derive", "{cookie}", 1,
                            LB_NAMESPACE, "SYN cookies sent (SyncookiesSent)"},
    [LB_OVERFLOWS_UNATTRIBUTED] = {"overflows_unattributed", "derive",
                                   "{attempt}", 1, LB_NAMESPACE,
                                   "overflows that belong to no known socket"},
    [LB_SOMAXCONN] =
        {"somaxconn", "queue_length", "{connection}", 0, LB_NAMESPACE,
         "largest limit that the next listen() can get (net.core.somaxconn)"},
    [LB_ARRIVALS] = {"arrivals", "derive", "{connection}", 1, LB_NAMESPACE,
                     "connections that completed their handshake "
                     "(PassiveOpens)"},
};
