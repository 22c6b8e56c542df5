// SPDX-License-Identifier: MIT
/* The text of /proc/net/netstat, /proc/net/snmp and of a sysctl file. What was
 * read is written down again, and must then be read as the same. */
#include "fuzz.h"

#include "kernel/netstat.h"

#include <errno.h>

static const char *const names[LB_MIBS] = {"ListenDrops", "ListenOverflows",
                                           "TCPReqQFullDrop", "SyncookiesSent"};

static bool is_same(const struct lb_netstat *a, const struct lb_netstat *b) {
  return a->present == b->present &&
         memcmp(a->counter, b->counter, sizeof(a->counter)) == 0;
}

static void check_written(const struct lb_netstat *netstat) {
  char head[128] = "TcpExt: X", body[128] = "TcpExt: -1", text[300];
  struct lb_netstat again;
  for (int i = 0; i < LB_MIBS; i++) {
    if (!(netstat->present & 1u << i)) {
      CHECK(netstat->counter[i] == 0);
      continue;
    }
    sprintf(head + strlen(head), " %s", names[i]);
    sprintf(body + strlen(body), " %llu",
            (unsigned long long)netstat->counter[i]);
  }
  snprintf(text, sizeof(text), "Ip: A\nIp: 1\n%s\n%s\n", head, body);
  CHECK(lb_netstat_parse(text, &again) == 0);
  CHECK(is_same(netstat, &again));
}

static void check_netstat(const char *text) {
  struct lb_netstat netstat, untouched;
  memset(&netstat, 0xa5, sizeof(netstat));
  untouched = netstat;
  int err = lb_netstat_parse(text, &netstat);
  if (err) {
    CHECK(err == -EBADMSG);
    CHECK(is_same(&netstat, &untouched));
    return;
  }
  CHECK(netstat.present >> LB_MIBS == 0);
  for (int i = 0; i < LB_MIBS; i++)
    CHECK(!(netstat.present & 1u << i) || strstr(text, names[i]));
  check_written(&netstat);
}

static void check_snmp(const char *text) {
  uint64_t arrivals = 0xabad1dea, again;
  char written[64];
  if (lb_snmp_parse(text, &arrivals)) {
    CHECK(arrivals == 0xabad1dea);
    return;
  }
  CHECK(strstr(text, "PassiveOpens"));
  snprintf(written, sizeof(written), "Tcp: PassiveOpens\nTcp: %llu\n",
           (unsigned long long)arrivals);
  CHECK(lb_snmp_parse(written, &again) == 0 && again == arrivals);
}

static void check_sysctl(const char *text) {
  uint32_t value = 0xabad1dea, again;
  char written[16];
  if (lb_sysctl_parse(text, &value)) {
    CHECK(value == 0xabad1dea);
    return;
  }
  snprintf(written, sizeof(written), "%u\n", value);
  CHECK(lb_sysctl_parse(written, &again) == 0 && again == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
  char *text = copy_of((struct input){bytes, len}, true);
  check_netstat(text);
  check_snmp(text);
  check_sysctl(text);
  CHECK(!lb_netstat_has_mptcp(text) || strstr(text, "MPCapableSYNRX"));
  free(text);
  return 0;
}
