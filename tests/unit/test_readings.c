// SPDX-License-Identifier: MIT
/* The table of readings is a public interface: dashboards, thresholds and
 * archives go by the names. tests/tools/docs.sh compares it with the man
 * page. */
#include "core/readings.h"

#include "unit.h"

TEST_CASE(a_namespace_has_seven_readings_and_shares_two_with_a_listener) {
  struct text both = {.len = 0}, namespace_alone = {.len = 0};
  for (int i = 0; i < LB_READINGS; i++) {
    const struct lb_reading *reading = &lb_reading_table[i];
    if (reading->subjects == (LB_LISTENER | LB_NAMESPACE))
      say(&both, "%s ", reading->name);
    else if (reading->subjects == LB_NAMESPACE)
      say(&namespace_alone, "%s ", reading->name);
    else
      assert_int_equal(reading->subjects, LB_LISTENER);
  }
  assert_string_equal(both.at, "drops overflows ");
  assert_string_equal(namespace_alone.at,
                      "syn_drops syncookies_sent overflows_unattributed "
                      "somaxconn arrivals ");
}

/* The dashboards put a full stop after it. */
TEST_CASE(each_meaning_is_a_phrase_without_a_full_stop) {
  for (int i = 0; i < LB_READINGS; i++) {
    const char *meaning = lb_reading_table[i].meaning;
    size_t len = strlen(meaning);
    assert_in_range(len, 10, 100);
    assert_null(strpbrk(meaning, "\t\n"));
    assert_int_not_equal(meaning[len - 1], '.');
  }
}

TEST_CASE(no_two_readings_of_a_subject_share_a_name) {
  for (int i = 0; i < LB_READINGS; i++)
    for (int j = 0; j < i; j++)
      if (lb_reading_table[i].subjects & lb_reading_table[j].subjects &&
          strcmp(lb_reading_table[i].name, lb_reading_table[j].name) == 0)
        fail_msg("%s twice", lb_reading_table[i].name);
}

TEST_CASE(types_are_stock_types_and_only_derive_is_a_counter) {
  static const struct {
    const char *type;
    unsigned is_counter;
  } stock[] = {
      {"queue_length", 0},        {"percent", 0}, {"count", 0}, {"duration", 0},
      {"current_connections", 0}, {"derive", 1}};
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

TEST_CASE(only_values_that_were_put_are_present) {
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

int main(void) { return run_all_tests(NULL, NULL); }
