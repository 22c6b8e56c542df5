// SPDX-License-Identifier: MIT
/* /proc/net/netstat in the layouts of several kernels, each column with a
 * number of its own; files that are cut off or damaged; sysctl files. */
#include "kernel/netstat.h"

#include "unit.h"

#include <errno.h>

/* The names in the TcpExt line. 2.6.34: SYN queue drops are not counted apart.
 */
#define LINUX_2_6_34                                                           \
  "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts "              \
  "PruneCalled RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps "         \
  "ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab "         \
  "DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows "               \
  "ListenDrops TCPPrequeued TCPDirectCopyFromBacklog "                         \
  "TCPDirectCopyFromPrequeue TCPPrequeueDropped TCPHPHits "                    \
  "TCPHPHitsToUser TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery "     \
  "TCPSACKReneging TCPFACKReorder TCPSACKReorder TCPRenoReorder "              \
  "TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo "          \
  "TCPLoss TCPLostRetransmit TCPRenoFailures TCPSackFailures "                 \
  "TCPLossFailures TCPFastRetrans TCPForwardRetrans TCPSlowStartRetrans "      \
  "TCPTimeouts TCPRenoRecoveryFail TCPSackRecoveryFail "                       \
  "TCPSchedulerFailed TCPRcvCollapsed TCPDSACKOldSent TCPDSACKOfoSent "        \
  "TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose "               \
  "TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed "        \
  "TCPMemoryPressures TCPSACKDiscard TCPDSACKIgnoredOld "                      \
  "TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected "     \
  "TCPSackShifted TCPSackMerged TCPSackShiftFallback TCPBacklogDrop "          \
  "TCPMinTTLDrop TCPDeferAcceptDrop"
/* The 3.x kernels. */
#define LINUX_3_10                                                             \
  LINUX_2_6_34                                                                 \
  " IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies "             \
  "TCPReqQFullDrop TCPChallengeACK TCPSYNChallenge TCPOFOQueue"
/* Other columns went, came and moved. */
#define LINUX_6_18                                                             \
  "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts "              \
  "PruneCalled RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps "         \
  "ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow "        \
  "TSEcrRejected PAWSOldAck PAWSTimewait DelayedACKs DelayedACKLocked "        \
  "DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks "          \
  "TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging "                 \
  "TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo "     \
  "TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures "                \
  "TCPSackFailures TCPLossFailures TCPFastRetrans TCPSlowStartRetrans "        \
  "TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail "        \
  "TCPSackRecoveryFail TCPRcvCollapsed TCPBacklogCoalesce "                    \
  "TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv "              \
  "TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout "         \
  "TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures "                        \
  "TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld "                \
  "TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected "     \
  "TCPMD5Failure TCPSackShifted TCPSackMerged TCPSackShiftFallback "           \
  "TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop "            \
  "IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies "              \
  "TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop "      \
  "TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive "             \
  "TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail "           \
  "TCPFastOpenListenOverflow TCPFastOpenCookieReqd TCPFastOpenBlackhole "      \
  "TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking "                 \
  "TCPFromZeroWindowAdv TCPToZeroWindowAdv TCPWantZeroWindowAdv "              \
  "TCPSynRetrans TCPOrigDataSent TCPHystartTrainDetect "                       \
  "TCPHystartTrainCwnd TCPHystartDelayDetect TCPHystartDelayCwnd "             \
  "TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq "                   \
  "TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge "        \
  "TCPWinProbe TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered "          \
  "TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop "             \
  "TCPWqueueTooBig TCPFastOpenPassiveAltKey TcpTimeoutRehash "                 \
  "TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious "            \
  "TCPMigrateReqSuccess TCPMigrateReqFailure TCPPLBRehash TCPAORequired "      \
  "TCPAOBad TCPAOKeyNotFound TCPAOGood TCPAODroppedIcmps"

/* A file whose n-th column is first + n, between lines of other kinds. */
static struct text make_file(const char *names, unsigned first) {
  struct text file = {.len = 0};
  say(&file, "TcpExt: %s\nTcpExt:", names);
  say(&file, " %u", first);
  for (const char *c = names; *c; c++)
    if (*c == ' ')
      say(&file, " %u", ++first);
  say(&file, "\nIpExt: InNoRoutes InOctets\nIpExt: 0 6286396970\n"
             "MPTcpExt: MPCapableSYNRX\nMPTcpExt: 0\n");
  return file;
}

static const struct lb_netstat untouched = {.counter = {1, 2, 3, 4},
                                            .present = 5};

/* "ERR", and the counters that are present. */
static struct text parse(const char *input) {
  static const char *const names[LB_MIBS] = {
      [LB_MIB_LISTEN_DROPS] = "drops",
      [LB_MIB_LISTEN_OVERFLOWS] = "overflows",
      [LB_MIB_REQQ_FULL_DROP] = "syn_drops",
      [LB_MIB_SYNCOOKIES_SENT] = "syncookies_sent",
  };
  struct text got = {.len = 0};
  struct lb_netstat netstat = untouched;
  char *exact = strdup(input); /* an overrun is seen */
  int err = lb_netstat_parse(exact, &netstat);
  free(exact);
  say(&got, "%d", err);
  if (err && netstat.present == untouched.present &&
      !memcmp(netstat.counter, untouched.counter, sizeof(netstat.counter)))
    return got;
  for (int i = 0; i < LB_MIBS; i++)
    if (!(netstat.present & 1u << i))
      assert_int_equal(netstat.counter[i], 0);
    else
      say(&got, " %s %llu", names[i], (unsigned long long)netstat.counter[i]);
  assert_int_equal(netstat.present >> LB_MIBS, 0);
  return got;
}

struct netstat_case {
  const char *input;
  const char *want;
};

static void check(const struct netstat_case *cases, size_t len) {
  for (size_t i = 0; i < len; i++)
    assert_string_equal(parse(cases[i].input).at, cases[i].want);
}

static void check_malformed(const char *const *inputs, size_t len) {
  for (size_t i = 0; i < len; i++) {
    struct text got = parse(inputs[i]);
    if (strcmp(got.at, "-74") != 0) /* EBADMSG */
      fail_msg("\"%s\" gives %s", inputs[i], got.at);
  }
}

TEST_CASE(columns_are_found_by_name_in_any_kernel) {
  struct text old = make_file(LINUX_2_6_34, 100),
              later = make_file(LINUX_3_10, 200),
              recent = make_file(LINUX_6_18, 1000);
  const struct netstat_case cases[] = {
      {old.at, "0 drops 120 overflows 119 syncookies_sent 100"},
      {later.at, "0 drops 220 overflows 219 syn_drops 279 syncookies_sent 200"},
      {recent.at,
       "0 drops 1023 overflows 1022 syn_drops 1079 syncookies_sent 1000"},
  };
  check(cases, LEN(cases));
}

TEST_CASE(the_prefix_is_found_among_others) {
  static const struct netstat_case cases[] = {
      {"IpExt: ListenDrops InOctets\nIpExt: 1 2\n"
       "TcpExt: ListenDrops\nTcpExt: 3\n",
       "0 drops 3"},
      {"MPTcpExt: ListenDrops\nMPTcpExt: 1\n"
       "TcpExt: ListenDrops\nTcpExt: 3\n"
       "TcpExt: ListenDrops\nTcpExt: 5\n",
       "0 drops 3"},
      {"\n\nTcpExt: ListenOverflows ListenDrops\nTcpExt: 3 4\n",
       "0 drops 4 overflows 3"},
  };
  check(cases, LEN(cases));
}

TEST_CASE(an_absent_name_is_absent) {
  static const struct netstat_case cases[] = {
      {"TcpExt: ListenOverflows\nTcpExt: 3\n", "0 overflows 3"},
      {"TcpExt: TW\nTcpExt: 3\n", "0"},
      {"TcpExt: \nTcpExt: \n", "0"},
      {"TcpExt: TCPReqQFullDrop ListenDrops\nTcpExt: 0 0\n",
       "0 drops 0 syn_drops 0"},
  };
  check(cases, LEN(cases));
}

TEST_CASE(a_name_is_compared_whole) {
  static const struct netstat_case cases[] = {
      {"TcpExt: ListenDropsX XListenDrops ListenDrop Listen listendrops\n"
       "TcpExt: 1 2 3 4 5\n",
       "0"},
      {"TcpExt: ListenDropsX ListenDrops ListenDropsY\nTcpExt: 1 2 3\n",
       "0 drops 2"},
      {"TcpExt: TCPReqQFullDoCookies SyncookiesRecv SyncookiesSent\n"
       "TcpExt: 1 2 3\n",
       "0 syncookies_sent 3"},
  };
  check(cases, LEN(cases));
}

TEST_CASE(counters_have_64_bits) {
  static const struct netstat_case cases[] = {
      {"TcpExt: ListenDrops ListenOverflows\n"
       "TcpExt: 18446744073709551615 4294967296\n",
       "0 drops 18446744073709551615 overflows 4294967296"},
      {"TcpExt: ListenDrops ListenOverflows\n"
       "TcpExt: 18446744073709551614 9223372036854775808\n",
       "0 drops 18446744073709551614 overflows 9223372036854775808"},
  };
  check(cases, LEN(cases));
}

TEST_CASE(a_file_without_a_whole_pair_of_lines_is_malformed) {
  static const char *const inputs[] = {
      "",
      "\n",
      "TcpExt:",
      "TcpExt: ",
      "TcpExt: ListenDrops",
      "TcpExt: ListenDrops\n",
      "TcpExt: ListenDrops\nTcpExt: ",
      "TcpExt: ListenDrops\nTcpExt: \n",
      "TcpExt: ListenDrops\nTcpExt: 12", /* 12 of 1234? */
      "TcpExt: ListenDrops\n\nTcpExt: 12\n",
      "TcpExt: ListenDrops\nIpExt: 12\n",
      "TcpExt: ListenDrops\nIpExt: InOctets\nIpExt: 1\nTcpExt: 12\n",
      "TcpExt: ListenDrops ListenOverflows\nTcpExt: 12\n",
      "TcpExt: TW ListenDrops\nTcpExt: 12\n",
      "TcpExt: ListenDrops TW\nTcpExt: 12\n",
      "TcpExt: ListenDrops\nTcpExt: 12 13\n",
      "TcpExt: \nTcpExt: 12\n",
      "TcpExtra: ListenDrops\nTcpExtra: 12\n",
      "Tcp: ListenDrops\nTcp: 12\n",
      "IpExt: InNoRoutes InOctets\nIpExt: 1 2\n",
      "IpExt: ListenDrops\nIpExt: 1\n",
  };
  check_malformed(inputs, LEN(inputs));
}

TEST_CASE(a_value_that_is_no_number_is_malformed) {
  static const char *const inputs[] = {
      "TcpExt: ListenDrops\nTcpExt: -1\n",
      "TcpExt: ListenDrops\nTcpExt: +1\n",
      "TcpExt: ListenDrops\nTcpExt: x\n",
      "TcpExt: ListenDrops\nTcpExt: 12x\n",
      "TcpExt: ListenDrops\nTcpExt: 1.5\n",
      "TcpExt: ListenDrops\nTcpExt: 0x10\n",
      "TcpExt: ListenDrops\nTcpExt: 1e3\n",
      "TcpExt: ListenDrops\nTcpExt: \t1\n",
      "TcpExt: ListenDrops\nTcpExt: 18446744073709551616\n",
      "TcpExt: ListenDrops\nTcpExt: 99999999999999999999999999999999\n",
      "TcpExt: TW ListenDrops\nTcpExt: 1 ListenDrops\n",
  };
  check_malformed(inputs, LEN(inputs));
}

/* A number may have lost its last digits. */
TEST_CASE(a_cut_off_file_is_malformed_up_to_the_end_of_the_values) {
  struct text file = make_file(LINUX_6_18, 1000);
  const char *values = strchr(file.at, '\n') + 1;
  size_t whole = (size_t)(strchr(values, '\n') + 1 - file.at);
  for (size_t len = 0; len <= file.len; len++) {
    struct text cut = file;
    cut.at[len] = '\0';
    assert_string_equal(parse(cut.at).at,
                        len < whole ? "-74"
                                    : "0 drops 1023 overflows 1022 syn_drops "
                                      "1079 syncookies_sent 1000");
  }
}

TEST_CASE(arrivals_are_the_passive_opens_of_the_tcp_lines) {
  static const struct {
    const char *text;
    int err;
    uint64_t want;
  } cases[] = {
      {"Ip: A\nIp: 1\nTcp: MaxConn ActiveOpens PassiveOpens InSegs\n"
       "Tcp: -1 7 8 9\nUdp: InDatagrams\nUdp: 3\n",
       0, 8},
      {"Tcp: PassiveOpens\nTcp: 18446744073709551615\n", 0, UINT64_MAX},
      {"Tcp: ActiveOpens\nTcp: 7\n", -ENODATA, 77},
      {"TcpExt: PassiveOpens\nTcpExt: 7\n", -EBADMSG, 77},
      {"Tcp: PassiveOpens\nTcp: 7", -EBADMSG, 77},
      {"Tcp: PassiveOpens\nTcp: x\n", -EBADMSG, 77},
      {"", -EBADMSG, 77},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    uint64_t got = 77;
    assert_int_equal(lb_snmp_parse(cases[i].text, &got), cases[i].err);
    assert_int_equal(got, cases[i].want);
  }
}

TEST_CASE(mptcp_is_there_if_a_listening_socket_has_had_a_client_of_it) {
  static const struct {
    const char *text;
    bool want;
  } cases[] = {
      {"TcpExt: A\nTcpExt: 1\n", false},
      {"MPTcpExt: MPCapableSYNRX B\nMPTcpExt: 3 0\n", true},
      {"MPTcpExt: B MPCapableSYNRX\nMPTcpExt: 0 1\n", true},
      {"TcpExt: A\nTcpExt: 1\nMPTcpExt: MPCapableSYNRX\nMPTcpExt: 1\n", true},
      {"MPTcpExt: MPCapableSYNRX B\nMPTcpExt: 0 3\n", false},
      {"MPTcpExt: MPCapableSYNTX\nMPTcpExt: 3\n", false},
      {"MPTcpExt: MPCapableSYNRXes\nMPTcpExt: 3\n", false},
      {"MPTcpExt: B MPCapableSYNRX\nMPTcpExt: 3\n", false},
      {"MPTcpExt: MPCapableSYNRX\nMPTcpExt: x\n", false},
      {"MPTcpExt: MPCapableSYNRX\nIpExt: 3\n", false},
      {"MPTcpExt: MPCapableSYNRX\n", false},
      {"MPTcpExt: MPCapableSYNRX", false},
      {"MPTcpExt: ", false},
      {"", false},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    if (lb_netstat_has_mptcp(cases[i].text) != cases[i].want)
      fail_msg("%s", cases[i].text);
}

TEST_CASE(a_sysctl_is_one_number_of_32_bits) {
  static const struct {
    const char *input;
    uint32_t want;
  } cases[] = {
      {"4096\n", 4096}, {"128\n", 128}, {"0\n", 0},
      {"4096", 4096},   {"1\n", 1},     {"4294967295\n", 4294967295},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    uint32_t got = 77;
    assert_int_equal(lb_sysctl_parse(cases[i].input, &got), 0);
    assert_int_equal(got, cases[i].want);
  }
}

TEST_CASE(any_other_sysctl_is_malformed) {
  static const char *const inputs[] = {
      "",
      "\n",
      " 4096\n",
      "4096 \n",
      "4096 60999\n",
      "-1\n",
      "+1\n",
      "0x10\n",
      "4294967296\n",
      "99999999999999999999999\n",
      "none\n",
      "4096k\n",
      "\n4096\n",
  };
  for (size_t i = 0; i < LEN(inputs); i++) {
    uint32_t got = 77;
    if (lb_sysctl_parse(inputs[i], &got) != -EBADMSG)
      fail_msg("\"%s\" is accepted", inputs[i]);
    assert_int_equal(got, 77);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
