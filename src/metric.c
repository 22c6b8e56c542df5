// SPDX-License-Identifier: MIT
/* Stock types only: a type of our own would have to be rolled out to every
 * central server of a fleet. */
#include "metric.h"

const struct lb_metric lb_metrics[LB_METRICS] = {
    [LB_QUEUE] = {"queue", "queue_length", 0, LB_LISTENER,
                  "connections waiting for accept()"},
    [LB_LIMIT] = {"limit", "queue_length", 0, LB_LISTENER,
                  "backlog in force, after the somaxconn clamp"},
    [LB_FILL] = {"fill", "percent", 0, LB_LISTENER,
                 "how full the fullest socket is; 100: the kernel drops"},
    [LB_SOCKETS] = {"sockets", "count", 0, LB_LISTENER,
                    "listening sockets found"},
    [LB_FULL] = {"full", "count", 0, LB_LISTENER, "of these, full"},
    [LB_DROPS] = {"drops", "derive", 1, LB_LISTENER | LB_NAMESPACE,
                  "connection attempts dropped (ListenDrops)"},
    [LB_OVERFLOWS] = {"overflows", "derive", 1, LB_LISTENER | LB_NAMESPACE,
                      "of these, by a full accept queue (ListenOverflows)"},
    [LB_SYN_DROPS] = {"syn_drops", "derive", 1, LB_NAMESPACE,
                      "SYNs dropped by a full SYN queue (TCPReqQFullDrop)"},
    [LB_SYNCOOKIES_SENT] = {"syncookies_sent", "derive", 1, LB_NAMESPACE,
                            "SYN cookies sent (SyncookiesSent)"},
    [LB_OVERFLOWS_UNATTRIBUTED] = {"overflows_unattributed", "derive", 1,
                                   LB_NAMESPACE,
                                   "overflows that no socket explains"},
    [LB_SOMAXCONN] = {"somaxconn", "queue_length", 0, LB_NAMESPACE,
                      "upper bound of any limit (net.core.somaxconn)"},
};
