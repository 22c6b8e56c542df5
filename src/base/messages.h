/* SPDX-License-Identifier: MIT */
/* Every sentence that the plugin writes to collectd's log and the probe to
 * stderr: one text for one condition. doc/TROUBLESHOOTING.md explains each.
 *
 *   LB_MSG_*     a whole sentence, a format of printf(3)
 *   LB_WHAT_*    the activity that such a sentence is about
 *   LB_WHY_*     its reason
 *   LB_EXPECT_*  the form of a value, after "expected"
 *   LB_ITEM_*    an item of the configuration that it is about
 *   LB_SOURCE_*  a socket or namespace that it is about
 *   LB_TEXT_*    other parts
 *
 * A sentence says what failed, what follows and why, or what to do. The
 * programs put their names in front. */
#ifndef LB_BASE_MESSAGES_H
#define LB_BASE_MESSAGES_H

#include <stdarg.h>
#include <stddef.h>

/* --- start --------------------------------------------------------------- */

#define LB_MSG_CONFIG_UNREAD                                                   \
  "Reading the configuration failed, nothing will be reported: %s"
#define LB_MSG_NO_VALID_SELECTION                                              \
  "No valid selection: nothing will be reported. See the errors above."
#define LB_MSG_START_FAILED "Starting failed: %s"
#define LB_MSG_START_RETRIED "Starting failed, each read retries: %s"
#define LB_MSG_STARTED "Started."

/* --- samples, inspections and network namespaces ------------------------- */

#define LB_WHAT_TCP "Reading the listening sockets"
#define LB_WHAT_TCP_SOCKETS "Reading the listening TCP sockets"
#define LB_WHAT_NETSTAT "Reading /proc/net/netstat"
#define LB_WHAT_SOMAXCONN "Reading /proc/sys/net/core/somaxconn"
#define LB_WHAT_UNIX "Reading the listening UNIX sockets"
#define LB_WHAT_INSPECT "Inspecting waiting connections"
#define LB_WHAT_NETNS "Sampling network namespace"
#define LB_WHAT_LIST "Listing /run/netns, /run/docker/netns and /proc"

/* The first %s is LB_IN_NETNS or "", the last one is the reason. */
#define LB_IN_NETNS " in network namespace %s"
#define LB_MSG_TCP LB_WHAT_TCP "%s failed, nothing is reported: %s"
#define LB_MSG_TCP_SOCKETS LB_WHAT_TCP_SOCKETS "%s failed, they are missing: %s"
#define LB_MSG_NETSTAT                                                         \
  LB_WHAT_NETSTAT "%s failed, drops and overflows are missing: %s"
#define LB_MSG_SOMAXCONN LB_WHAT_SOMAXCONN "%s failed, it is missing: %s"
#define LB_MSG_UNIX LB_WHAT_UNIX "%s failed, they are missing: %s"
#define LB_MSG_INSPECT                                                         \
  LB_WHAT_INSPECT "%s failed, wait, abandoned, syn and active are missing: %s"
#define LB_MSG_NETNS LB_WHAT_NETNS " %s failed: %s"
#define LB_MSG_LIST LB_WHAT_LIST " failed: %s"
#define LB_MSG_NETNS_UNSEEN                                                    \
  "NetNamespace \"*\": only namespaces with a file are found. For those of "   \
  "processes allow CAP_SYS_PTRACE, as 20-listen_backlog-netns.conf does."
/* A directory. */
#define LB_MSG_NAMES_HIDDEN                                                    \
  "NetNamespace \"*\": containers have 12 digits of their ID for a name. To "  \
  "read %s allow CAP_DAC_READ_SEARCH, as 20-listen_backlog-netns.conf does."
/* The label and the name. */
#define LB_MSG_NAME_TAKEN                                                      \
  "The network namespace %s has no name of its own: another one is called %s."
#define LB_MSG_RECOVERED "%s works again."
#define LB_MSG_NETNS_RECOVERED LB_WHAT_NETNS " %s works again."

#define LB_MSG_INSPECTIONS_SLOWED                                              \
  LB_WHAT_INSPECT " takes %.1f ms: limited to 1 %% of the time, so wait, "     \
                  "abandoned, syn and active are reported less often."
/* TCP or UNIX, the time and the spacing. */
#define LB_MSG_SAMPLES_SLOWED                                                  \
  "A sample of the listening %s sockets takes %.1f ms: limited to 1 %% of "    \
  "the time, so there is one every %.3g s, and short peaks can be missed."
#define LB_MSG_READS_SLOWED                                                    \
  "A sample of the listening %s sockets takes %.1f ms: limited to 1 %% of "    \
  "the time, so there is one every %.3g s, and their listeners are missing "   \
  "in between."
#define LB_MSG_SAMPLES_RESTORED                                                \
  "Samples of the listening %s sockets are as frequent as configured again."
#define LB_MSG_NAMESPACES_SLOWED                                               \
  "Reading the network namespaces takes %.1f ms: limited to 1 %% of the "      \
  "time, so they take turns, each every %.3g s."
#define LB_MSG_NAMESPACES_RESTORED                                             \
  "All network namespaces are reported in each interval again."
#define LB_MSG_SAMPLES_MISSED                                                  \
  "Missed %llu of %llu samples in the last interval: too little CPU time, or " \
  "SampleInterval is too short."

/* --- limits and labels --------------------------------------------------- */

/* The name of a listener, its sockets, its systemd unit. */
#define LB_TEXT_SOCKETS "%s (%u sockets)"
#define LB_TEXT_UNIT "%s (unit %s)"
#define LB_TEXT_SOCKETS_UNIT "%s (%u sockets, unit %s)"
#define LB_TEXT_AND_MORE " and %u more"               /* after a list */
#define LB_TEXT_AND_LATER " and %u more, named later" /* the same */

/* "s" or "", the listeners, perhaps as LB_TEXT_SOCKETS, LB_TEXT_AND_LATER or
 * "", somaxconn. */
#define LB_MSG_AT_SOMAXCONN                                                    \
  "Listener%s %s%s: the limit equals net.core.somaxconn (%u). The server may " \
  "have asked for more."
#define LB_MSG_SOMAXCONN_RAISED                                                \
  "Listener%s %s%s: the limit is the former net.core.somaxconn (now %u). "     \
  "Restart the server to raise it."
#define LB_MSG_OVERFLOWED                                                      \
  "Listener%s %s%s overflowed at a limit of net.core.somaxconn (%u). Raise "   \
  "it and restart the server."

/* Sources that the plugin finds. */
#define LB_SOURCE_NETNS "the network namespace"
#define LB_SOURCE_PORT "port %u"
#define LB_SOURCE_UNIX "the UNIX socket \"%s%.*s\""

/* A source or a configured item, and its label. */
#define LB_TEXT_CONFLICT "%s (\"%s\")"

#define LB_TEXT_TOO_LONG "%s (\"%s:%s\")" /* the same, in a namespace */

/* One or several LB_TEXT_CONFLICT, with commas. */
#define LB_MSG_LABEL_TAKEN                                                     \
  "Label already used, so not reported: %s. A <Listener> in collectd.conf "    \
  "can name each."
#define LB_MSG_LABEL_TOO_LONG                                                  \
  "Label longer than 127 bytes, so not reported: %s. A <Listener> in "         \
  "collectd.conf can name each."

/* The same. */
#define LB_MSG_OTHER_FILE                                                      \
  "Another file is at the path, so not reported: %s. Each is of a chroot, a "  \
  "container, a user namespace or an earlier server."

/* --- configuration ------------------------------------------------------- */

/* Items of the configuration, as users find them there. */
#define LB_ITEM_LISTENER "<Listener \"%.64s\">"
#define LB_ITEM_LOCAL_PORT "LocalPort \"%s\""
#define LB_ITEM_LOCAL_PATH "LocalPath \"%.108s\""
#define LB_IN_LISTENER " in " LB_ITEM_LISTENER

/* The first %s is the option with its value and LB_IN_LISTENER, or an item. */
#define LB_MSG_BAD_VALUE "%s: %s, expected %s"
#define LB_MSG_NO_VALUE "%s: no value, expected %s"
#define LB_MSG_WRONG_BLOCK "%s: a block, expected an option with %s"
#define LB_MSG_UNKNOWN_OPTION "%s: unknown option, expected %s"
#define LB_MSG_UNKNOWN_BLOCK "%s: unknown block, expected %s"
#define LB_MSG_ONLY_IN_LISTENER                                                \
  "%s: misplaced, expected inside a <Listener> block"
#define LB_MSG_NOT_IN_LISTENER                                                 \
  "%s: misplaced, expected outside of <Listener> blocks"

#define LB_MSG_LISTENER_WITHOUT LB_ITEM_LISTENER ": ignored, it has no valid %s"
#define LB_MSG_LISTENER_LABEL                                                  \
  LB_ITEM_LISTENER ": label already configured, ignored. Use another name."
#define LB_MSG_LISTENER_LIKE_NETNS                                             \
  LB_ITEM_LISTENER ": ignored, its NetNamespace has the same label. Use "      \
                   "another name."
/* The ports, then which labels: "" for one port, else LB_TEXT_LABEL(S). */
#define LB_TEXT_LABEL "%u "
#define LB_TEXT_LABELS "%u and %u more "
#define LB_MSG_PORT_LABEL                                                      \
  LB_ITEM_LOCAL_PORT ": label %salready configured, ignored. For a second "    \
                     "view of the port use <Listener \"name\">."
#define LB_MSG_PATH_LABEL                                                      \
  LB_ITEM_LOCAL_PATH ": label \"%s\" already configured, ignored. For a "      \
                     "second view of the socket use <Listener \"name\">."
#define LB_MSG_NETNS_LABEL                                                     \
  "%s: label \"%s\" already configured, ignored. Use another name or path."
#define LB_MSG_PORT_HIDDEN                                                     \
  "%s: ListeningPorts does not report port %u, which has the same label. Use " \
  "a <Listener> with a name that is not a port number."

#define LB_EXPECT_OPTIONS                                                      \
  "LocalPort, LocalPath, <Listener>, NetNamespace, ListeningPorts, "           \
  "ListeningPaths, IgnoreSelected, SampleInterval or InspectQueue"
#define LB_EXPECT_LISTENER_OPTIONS                                             \
  "LocalPort, LocalPath, LocalAddress or NetNamespace"
#define LB_EXPECT_LISTENER "a block with a name: <Listener \"name\">"
#define LB_EXPECT_NAME                                                         \
  "one name in quotes, of 1 to 127 bytes, without \"/\" and \";\""
#define LB_EXPECT_BOOLEAN "true or false"
#define LB_EXPECT_INSPECT "\"auto\", true or false"
#define LB_EXPECT_SAMPLE "0, or seconds from 0.001 to the interval"
#define LB_EXPECT_SAMPLE_NOW LB_EXPECT_SAMPLE " (%.6g)"
#define LB_EXPECT_ADDRESS                                                      \
  "a numeric address in quotes, like \"10.0.0.1\" or \"::1\""
#define LB_EXPECT_SEPARATE_PORTS "separate values: LocalPort \"80\" \"443\""
#define LB_EXPECT_PORT                                                         \
  "a port from 1 to 65535, a range like \"8000-8010\" or a service like "      \
  "\"https\""
#define LB_EXPECT_UNIX_NAME                                                    \
  "a path like \"/run/app.sock\", an abstract name like \"@app\" or a "        \
  "pattern like \"/run/php/*.sock\""
#define LB_EXPECT_PATTERN_BYTE "\"?\" in place of \\xHH in a pattern"
#define LB_EXPECT_NETNS "a name under /run/netns, an absolute path, or \"*\""

#define LB_WHY_PORT_RANGE "not a TCP port"
#define LB_WHY_PORT_SERVICE "unknown service"
#define LB_WHY_PORTS_REVERSED "an empty or reversed range"
#define LB_WHY_PORT_LIST "a list in one value"
#define LB_WHY_UNIX_NAME "not the name of a UNIX socket"
#define LB_WHY_UNIX_NAME_LONG "longer than 108 bytes"
#define LB_WHY_NETNS_SPEC "not a network namespace"
#define LB_WHY_LABEL_LONG "longer than 127 bytes"
#define LB_WHY_ADDRESS "not an IP address"
#define LB_WHY_BOOLEAN "not one boolean"
#define LB_WHY_INSPECT "not one mode"
#define LB_WHY_NAME "not one valid name"
#define LB_WHY_NUMBER "not one number"
#define LB_WHY_RANGE "out of range"

/* --- the probe ----------------------------------------------------------- */

#define LB_MSG_ARGUMENT "%s \"%s\": expected %s"
#define LB_EXPECT_SECONDS "seconds from 0.001 to 86400"
#define LB_EXPECT_COUNT "a whole number from 1"
#define LB_EXPECT_LABEL "a path with a label of its own"

#define LB_EXPECT_REQUEST "a port, a path or the label of a listener"
#define LB_MSG_EXPLAIN_ALONE                                                   \
  "--explain excludes --sockets, --count, --record and --replay"
#define LB_EXPECT_FORMAT "table, json or prometheus"
#define LB_MSG_PROMETHEUS_VALUES                                               \
  "--format prometheus excludes --sockets and --explain"
#define LB_MSG_PROMETHEUS_ONCE                                                 \
  "--format prometheus is for one interval: add --count 1, without --replay"
#define LB_MSG_RECORD_AND_REPLAY "--record and --replay exclude each other"
#define LB_MSG_RECORD_NETNS                                                    \
  "--netns and a recording exclude each other: a recording holds one "         \
  "namespace"

#define LB_MSG_FILE "%s: %s"
#define LB_MSG_OUTPUT "Writing the output failed: %s"
#define LB_WHY_RECORDING "not a recording of listen_backlog-probe, or cut off"
#define LB_WHY_RECORDING_SIZE "a recording has at most 256 MB"
#define LB_WHY_RECORDING_VERSION "a recording of another version or byte order"

#define LB_PROBE_HELP                                                          \
  "usage: listen_backlog-probe [OPTION]... [PORT|PATH]...\n"                   \
  "Shows the accept queue of each listening TCP port, or of the given ports\n" \
  "(number, range 8000-8010 or service name) and listening UNIX sockets\n"     \
  "(path, @name or pattern '/run/php/*.sock').\n"                              \
  "\n"                                                                         \
  "  -x, --unix              show every listening UNIX socket\n"               \
  "  -t, --tcp               show every listening TCP port, too\n"             \
  "  -N, --netns NETNS       also sample a network namespace: its name, its\n" \
  "                          path, or \"*\" for all\n"                         \
  "  -q, --inspect           inspect connections in every interval, not only " \
  "if\n"                                                                       \
  "                          some wait\n"                                      \
  "  -i, --interval SECONDS  print every interval\n"                           \
  "  -n, --count N           stop after N intervals (with -i: default is to\n" \
  "                          run until interrupted)\n"                         \
  "      --sample SECONDS    take samples this often within the interval\n"    \
  "  -s, --sockets           show each listening socket\n"                     \
  "      --explain           observe for 5 seconds (-i: other), and say "      \
  "what\n"                                                                     \
  "                          is wrong, and what to do\n"                       \
  "      --format FORMAT     table, json, or prometheus\n"                     \
  "      --record FILE       write the kernel's answers to FILE\n"             \
  "      --replay FILE       read them from FILE instead of the kernel\n"      \
  "      --list-values       list the names of all readings\n"                 \
  "  -h, --help\n"                                                             \
  "  -V, --version\n"

/* --- reasons ------------------------------------------------------------- */

#define LB_WHY_MALFORMED "malformed data"
#define LB_WHY_UNRECORDED "the recording has no answer to it"

#define LB_WHY_NO_MODULE "the kernel has no %s, try: modprobe %s"
#define LB_WHY_NO_NETLINK                                                      \
  "%s; allow AF_NETLINK (RestrictAddressFamilies, seccomp)"
#define LB_WHY_FOREIGN_ANSWER "the answer belongs to another request"
#define LB_WHY_NO_ANSWER "no answer"
#define LB_WHY_CUT_ANSWER "the answer was cut off"

#define LB_WHY_NETNS_PRIVILEGE                                                 \
  "CAP_SYS_ADMIN is missing (CapabilityBoundingSet, AmbientCapabilities)"
#define LB_WHY_NETNS_UNMOUNTED                                                 \
  "no network namespace is mounted there in the mount namespace of this "      \
  "process"
#define LB_WHY_NETNS_GONE "it does not exist"
#define LB_WHY_NETNS_NAME "a name is longer than 127 bytes"

/* With a prefix a message fits the 512 bytes of c_complain(). */
#define LB_MESSAGE_SIZE 480
#define LB_REASON_SIZE 160

/* Formats a sentence for one line: control characters become "?", what is too
 * long is cut off. Returns out. */
__attribute__((format(printf, 2, 3))) const char *
lb_message(char out[static LB_MESSAGE_SIZE], const char *format, ...);
__attribute__((format(printf, 2, 0))) const char *
lb_vmessage(char out[static LB_MESSAGE_SIZE], const char *format, va_list args);

/* Formats that some sources, each an LB_TEXT_CONFLICT, got no label: err is
 * -EEXIST or -ENAMETOOLONG; or -ESTALE if other files are at the paths. Returns
 * out. */
const char *lb_label_refused(char out[static LB_MESSAGE_SIZE], int err,
                             const char *sources);

/* What can fail in an interval, and what works again later. */
enum lb_task {
  LB_TASK_TCP,         /* errors of lb_netlink_error() */
  LB_TASK_TCP_SOCKETS, /* the same: the rest works */
  LB_TASK_NETSTAT,     /* lb_file_error() */
  LB_TASK_SOMAXCONN,   /* lb_file_error() */
  LB_TASK_UNIX,        /* lb_netlink_error() */
  LB_TASK_INSPECT,     /* lb_netlink_error() */
  LB_TASK_NETNS,       /* a whole namespace: lb_netns_error() */
  LB_TASK_LIST,        /* lb_netns_error() */
  LB_TASKS
};

/* Formats that a task failed with the error err, or that it works again. netns
 * is the label of a network namespace, "" for the own one; for LB_TASK_NETNS
 * there may be several. Return out. */
const char *lb_task_failed(char out[static LB_MESSAGE_SIZE], enum lb_task task,
                           const char *netns, int err);
const char *lb_task_recovered(char out[static LB_MESSAGE_SIZE],
                              enum lb_task task, const char *netns);

/* The reason that a negative errno stands for; in buf if it is no literal.
 * They may allocate: strerror_r() of glibc 2.41 does. */
const char *lb_file_error(int err, char buf[static LB_REASON_SIZE]);

/* Of a sock_diag request. module: the kernel module that answers it, "tcp_diag"
 * or "unix_diag". */
const char *lb_netlink_error(int err, const char *module,
                             char buf[static LB_REASON_SIZE]);

/* Of entering or listing network namespaces. */
const char *lb_netns_error(int err, char buf[static LB_REASON_SIZE]);

/* Of lb_replay_open(). */
const char *lb_recording_error(int err, char buf[static LB_REASON_SIZE]);

/* Of lb_ports_parse(). */
const char *lb_ports_error(int err);

#endif
