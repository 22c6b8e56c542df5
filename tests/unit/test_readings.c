// SPDX-License-Identifier: MIT
/* The table of readings is a public interface: dashboards, thresholds and
 * archives go by these names, so a change has to be made here, too. */
#include "core/readings.h"

#include "unit.h"

static void the_table_is_what_users_were_promised(void **state) {
  (void)state;
  struct text got = {.len = 0};
  for (int i = 0; i < LB_READINGS; i++)
    say(&got, "%s-%s %s%s%s: %s\n", lb_reading_table[i].type,
        lb_reading_table[i].name,
        lb_reading_table[i].is_counter ? "counter" : "gauge",
        lb_reading_table[i].subjects & LB_LISTENER ? " listener" : "",
        lb_reading_table[i].subjects & LB_NAMESPACE ? " namespace" : "",
        lb_reading_table[i].meaning);
  assert_string_equal(
      got.at,
      "queue_length-queue gauge listener: connections waiting for accept()\n"
      "queue_length-limit gauge listener: backlog in force, after the "
      "somaxconn clamp\n"
      "queue_length-peak gauge listener: highest queue of any look in the "
      "interval\n"
      "percent-busy gauge listener: share of the looks in which somebody "
      "waited\n"
      "percent-fill gauge listener: fullest moment of the fullest socket; 100: "
      "the kernel drops\n"
      "count-sockets gauge listener: listening sockets found\n"
      "count-full gauge listener: sockets that were full at some look in the "
      "interval\n"
      "derive-drops counter listener namespace: connection attempts dropped "
      "(ListenDrops)\n"
      "derive-overflows counter listener namespace: of these, by a full "
      "accept queue (ListenOverflows)\n"
      "duration-wait gauge listener: how long the longest-waiting connection "
      "has waited, in s\n"
      "queue_length-abandoned gauge listener: waiting connections whose client "
      "has gone\n"
      "queue_length-syn gauge listener: half-open connections, the SYN queue\n"
      "derive-syn_drops counter namespace: SYNs dropped by a full SYN queue "
      "(TCPReqQFullDrop)\n"
      "derive-syncookies_sent counter namespace: SYN cookies sent "
      "(SyncookiesSent)\n"
      "derive-overflows_unattributed counter namespace: overflows that no "
      "socket explains\n"
      "queue_length-somaxconn gauge namespace: upper bound of any limit "
      "(net.core.somaxconn)\n");
}

static void no_two_share_type_and_name_in_a_scope(void **state) {
  (void)state;
  for (int i = 0; i < LB_READINGS; i++)
    for (int j = 0; j < i; j++)
      if (lb_reading_table[i].subjects & lb_reading_table[j].subjects &&
          strcmp(lb_reading_table[i].name, lb_reading_table[j].name) == 0)
        fail_msg("%s twice", lb_reading_table[i].name);
}

static void the_types_are_stock_and_suit_the_kind(void **state) {
  (void)state;
  static const struct {
    const char *type;
    unsigned is_counter;
  } stock[] = {{"queue_length", 0},
               {"percent", 0},
               {"count", 0},
               {"duration", 0},
               {"derive", 1}};
  for (int i = 0; i < LB_READINGS; i++) {
    size_t j = 0;
    while (j < LEN(stock) &&
           strcmp(stock[j].type, lb_reading_table[i].type) != 0)
      j++;
    assert_in_range(j, 0, LEN(stock) - 1);
    assert_int_equal(lb_reading_table[i].is_counter, stock[j].is_counter);
    assert_in_range(lb_reading_table[i].subjects, 1,
                    LB_LISTENER | LB_NAMESPACE);
  }
}

static void what_was_not_put_is_absent(void **state) {
  (void)state;
  struct lb_values values = {.present = 0};
  lb_put_gauge(&values, LB_QUEUE, 0);
  lb_put_gauge(&values, LB_SOMAXCONN, 4096);
  lb_put_counter(&values, LB_DROPS, UINT64_MAX);
  struct text got = {.len = 0};
  assert_in_range(LB_READINGS, 1, 8 * sizeof(values.present));
  for (int i = 0; i < LB_READINGS; i++)
    if (values.present & 1u << i) {
      if (lb_reading_table[i].is_counter)
        say(&got, "%s %llu\n", lb_reading_table[i].name,
            (unsigned long long)values.v[i].counter);
      else
        say(&got, "%s %g\n", lb_reading_table[i].name, values.v[i].gauge);
    }
  assert_string_equal(got.at, "queue 0\n"
                              "drops 18446744073709551615\n"
                              "somaxconn 4096\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_is_what_users_were_promised),
      cmocka_unit_test(no_two_share_type_and_name_in_a_scope),
      cmocka_unit_test(the_types_are_stock_and_suit_the_kind),
      cmocka_unit_test(what_was_not_put_is_absent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
