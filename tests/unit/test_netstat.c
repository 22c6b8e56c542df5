// SPDX-License-Identifier: MIT
/* /proc/net/netstat in the layouts of several kernels, each column with a
 * number of its own, and what a file that is cut off or damaged is worth. */
#include "kernel/netstat.h"

#include "unit.h"

#include <errno.h>

/* 2.6.34: SYN queue drops are not counted apart. */
static const char linux_2_6_34[] =
    "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts "
    "PruneCalled RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps "
    "ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab "
    "DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows "
    "ListenDrops TCPPrequeued TCPDirectCopyFromBacklog "
    "TCPDirectCopyFromPrequeue TCPPrequeueDropped TCPHPHits "
    "TCPHPHitsToUser TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery "
    "TCPSACKReneging TCPFACKReorder TCPSACKReorder TCPRenoReorder "
    "TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo "
    "TCPLoss TCPLostRetransmit TCPRenoFailures TCPSackFailures "
    "TCPLossFailures TCPFastRetrans TCPForwardRetrans TCPSlowStartRetrans "
    "TCPTimeouts TCPRenoRecoveryFail TCPSackRecoveryFail "
    "TCPSchedulerFailed TCPRcvCollapsed TCPDSACKOldSent TCPDSACKOfoSent "
    "TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose "
    "TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed "
    "TCPMemoryPressures TCPSACKDiscard TCPDSACKIgnoredOld "
    "TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected "
    "TCPSackShifted TCPSackMerged TCPSackShiftFallback TCPBacklogDrop "
    "TCPMinTTLDrop TCPDeferAcceptDrop\n"
    "TcpExt: 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 "
    "115 116 117 118 119 120 121 122 123 124 125 126 127 128 129 130 131 "
    "132 133 134 135 136 137 138 139 140 141 142 143 144 145 146 147 148 "
    "149 150 151 152 153 154 155 156 157 158 159 160 161 162 163 164 165 "
    "166 167 168 169 170 171 172 173 174 175\n"
    "IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts "
    "InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets "
    "OutMcastOctets InBcastOctets OutBcastOctets\n"
    "IpExt: 0 0 0 0 0 0 6286396970 2786264347 0 0 0 0\n";

/* The 3.x kernels. */
static const char linux_3_10[] =
    "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts "
    "PruneCalled RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps "
    "ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab "
    "DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows "
    "ListenDrops TCPPrequeued TCPDirectCopyFromBacklog "
    "TCPDirectCopyFromPrequeue TCPPrequeueDropped TCPHPHits "
    "TCPHPHitsToUser TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery "
    "TCPSACKReneging TCPFACKReorder TCPSACKReorder TCPRenoReorder "
    "TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo "
    "TCPLoss TCPLostRetransmit TCPRenoFailures TCPSackFailures "
    "TCPLossFailures TCPFastRetrans TCPForwardRetrans TCPSlowStartRetrans "
    "TCPTimeouts TCPRenoRecoveryFail TCPSackRecoveryFail "
    "TCPSchedulerFailed TCPRcvCollapsed TCPDSACKOldSent TCPDSACKOfoSent "
    "TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose "
    "TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed "
    "TCPMemoryPressures TCPSACKDiscard TCPDSACKIgnoredOld "
    "TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected "
    "TCPSackShifted TCPSackMerged TCPSackShiftFallback TCPBacklogDrop "
    "TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter "
    "TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop "
    "TCPChallengeACK TCPSYNChallenge TCPOFOQueue\n"
    "TcpExt: 200 201 202 203 204 205 206 207 208 209 210 211 212 213 214 "
    "215 216 217 218 219 220 221 222 223 224 225 226 227 228 229 230 231 "
    "232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 "
    "249 250 251 252 253 254 255 256 257 258 259 260 261 262 263 264 265 "
    "266 267 268 269 270 271 272 273 274 275 276 277 278 279 280 281 282\n"
    "IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts "
    "InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets "
    "OutMcastOctets InBcastOctets OutBcastOctets\n"
    "IpExt: 0 0 0 0 0 0 6286396970 2786264347 0 0 0 0\n";

/* 6.18: other columns went, came and moved, MPTCP has its own line. */
static const char linux_6_18[] =
    "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts "
    "PruneCalled RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps "
    "ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow "
    "TSEcrRejected PAWSOldAck PAWSTimewait DelayedACKs DelayedACKLocked "
    "DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks "
    "TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging "
    "TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo "
    "TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures "
    "TCPSackFailures TCPLossFailures TCPFastRetrans TCPSlowStartRetrans "
    "TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail "
    "TCPSackRecoveryFail TCPRcvCollapsed TCPBacklogCoalesce "
    "TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv "
    "TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout "
    "TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures "
    "TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld "
    "TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected "
    "TCPMD5Failure TCPSackShifted TCPSackMerged TCPSackShiftFallback "
    "TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop "
    "IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies "
    "TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop "
    "TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive "
    "TCPFastOpenActiveFail TCPFastOpenPassive TCPFastOpenPassiveFail "
    "TCPFastOpenListenOverflow TCPFastOpenCookieReqd TCPFastOpenBlackhole "
    "TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking "
    "TCPFromZeroWindowAdv TCPToZeroWindowAdv TCPWantZeroWindowAdv "
    "TCPSynRetrans TCPOrigDataSent TCPHystartTrainDetect "
    "TCPHystartTrainCwnd TCPHystartDelayDetect TCPHystartDelayCwnd "
    "TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq "
    "TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge "
    "TCPWinProbe TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered "
    "TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop "
    "TCPWqueueTooBig TCPFastOpenPassiveAltKey TcpTimeoutRehash "
    "TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious "
    "TCPMigrateReqSuccess TCPMigrateReqFailure TCPPLBRehash TCPAORequired "
    "TCPAOBad TCPAOKeyNotFound TCPAOGood TCPAODroppedIcmps\n"
    "TcpExt: 1000 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 "
    "1012 1013 1014 1015 1016 1017 1018 1019 1020 1021 1022 1023 1024 1025 "
    "1026 1027 1028 1029 1030 1031 1032 1033 1034 1035 1036 1037 1038 1039 "
    "1040 1041 1042 1043 1044 1045 1046 1047 1048 1049 1050 1051 1052 1053 "
    "1054 1055 1056 1057 1058 1059 1060 1061 1062 1063 1064 1065 1066 1067 "
    "1068 1069 1070 1071 1072 1073 1074 1075 1076 1077 1078 1079 1080 1081 "
    "1082 1083 1084 1085 1086 1087 1088 1089 1090 1091 1092 1093 1094 1095 "
    "1096 1097 1098 1099 1100 1101 1102 1103 1104 1105 1106 1107 1108 1109 "
    "1110 1111 1112 1113 1114 1115 1116 1117 1118 1119 1120 1121 1122 1123 "
    "1124 1125 1126 1127 1128 1129 1130 1131 1132 1133 1134\n"
    "IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts "
    "InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets "
    "OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts "
    "InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps\n"
    "IpExt: 0 0 0 0 0 0 287378588 410084 0 0 0 0 0 9724 0 0 0 0\n"
    "MPTcpExt: MPCapableSYNRX MPCapableSYNTX MPCapableSYNACKRX\n"
    "MPTcpExt: 0 0 0\n";

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
    if (netstat.present & 1u << i)
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
  char want[16];
  snprintf(want, sizeof(want), "%d", -EBADMSG);
  for (size_t i = 0; i < len; i++) {
    struct text got = parse(inputs[i]);
    if (strcmp(got.at, want) != 0)
      fail_msg("\"%s\" gives %s", inputs[i], got.at);
  }
}

static void columns_are_found_by_name_in_any_kernel(void **state) {
  (void)state;
  static const struct netstat_case cases[] = {
      {linux_2_6_34, "0 drops 120 overflows 119 syncookies_sent 100"},
      {linux_3_10,
       "0 drops 220 overflows 219 syn_drops 279 syncookies_sent 200"},
      {linux_6_18,
       "0 drops 1023 overflows 1022 syn_drops 1079 syncookies_sent 1000"},
  };
  check(cases, LEN(cases));
}

static void the_prefix_is_found_among_others(void **state) {
  (void)state;
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

static void an_absent_name_is_absent(void **state) {
  (void)state;
  static const struct netstat_case cases[] = {
      {"TcpExt: ListenOverflows\nTcpExt: 3\n", "0 overflows 3"},
      {"TcpExt: TW\nTcpExt: 3\n", "0"},
      {"TcpExt: \nTcpExt: \n", "0"},
      {"TcpExt: TCPReqQFullDrop ListenDrops\nTcpExt: 0 0\n",
       "0 drops 0 syn_drops 0"},
  };
  check(cases, LEN(cases));
}

static void a_name_is_compared_whole(void **state) {
  (void)state;
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

static void counters_have_64_bits(void **state) {
  (void)state;
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

static void what_is_no_whole_pair_is_malformed(void **state) {
  (void)state;
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

static void a_value_that_is_no_number_is_malformed(void **state) {
  (void)state;
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

/* Wherever the file is cut off before the end of the line of values, nothing
 * is taken from it: a number may have lost its last digits. */
static void a_file_cut_off_is_malformed_at_every_length(void **state) {
  (void)state;
  const char *values = strchr(linux_6_18, '\n') + 1;
  size_t whole = (size_t)(strchr(values, '\n') + 1 - linux_6_18);
  char cut[sizeof(linux_6_18)], want[16];
  snprintf(want, sizeof(want), "%d", -EBADMSG);
  for (size_t len = 0; len < sizeof(linux_6_18); len++) {
    memcpy(cut, linux_6_18, len);
    cut[len] = '\0';
    assert_string_equal(parse(cut).at,
                        len < whole ? want
                                    : "0 drops 1023 overflows 1022 syn_drops "
                                      "1079 syncookies_sent 1000");
  }
}

static void a_sysctl_is_one_number_of_32_bits(void **state) {
  (void)state;
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

static void any_other_sysctl_is_malformed(void **state) {
  (void)state;
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_found_by_name_in_any_kernel),
      cmocka_unit_test(the_prefix_is_found_among_others),
      cmocka_unit_test(an_absent_name_is_absent),
      cmocka_unit_test(a_name_is_compared_whole),
      cmocka_unit_test(counters_have_64_bits),
      cmocka_unit_test(what_is_no_whole_pair_is_malformed),
      cmocka_unit_test(a_value_that_is_no_number_is_malformed),
      cmocka_unit_test(a_file_cut_off_is_malformed_at_every_length),
      cmocka_unit_test(a_sysctl_is_one_number_of_32_bits),
      cmocka_unit_test(any_other_sysctl_is_malformed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
