// SPDX-License-Identifier: MIT
/* The table of readings is a public interface: dashboards, thresholds and
 * archives go by these names. So a change must be made here, too. */
#include "core/readings.h"

#include "unit.h"

static void the_table_has_the_names_that_users_rely_on(void **state) {
  (void)state;
  struct text got = {.len = 0};
  for (int i = 0; i < LB_READINGS; i++)
    say(&got, "%s-%s %s%s%s\n", lb_reading_table[i].type,
        lb_reading_table[i].name,
        lb_reading_table[i].is_counter ? "counter" : "gauge",
        lb_reading_table[i].subjects & LB_LISTENER ? " listener" : "",
        lb_reading_table[i].subjects & LB_NAMESPACE ? " namespace" : "");
  assert_string_equal(got.at,
                      "queue_length-queue gauge listener\n"
                      "queue_length-limit gauge listener\n"
                      "queue_length-peak gauge listener\n"
                      "percent-busy gauge listener\n"
                      "percent-fill gauge listener\n"
                      "count-sockets gauge listener\n"
                      "count-full gauge listener\n"
                      "derive-drops counter listener namespace\n"
                      "derive-overflows counter listener namespace\n"
                      "duration-wait gauge listener\n"
                      "queue_length-abandoned gauge listener\n"
                      "queue_length-syn gauge listener\n"
                      "derive-syn_drops counter namespace\n"
                      "derive-syncookies_sent counter namespace\n"
                      "derive-overflows_unattributed counter namespace\n"
                      "queue_length-somaxconn gauge namespace\n");
}

/* The dashboards put a full stop after it. */
static void each_meaning_is_a_phrase_without_a_full_stop(void **state) {
  (void)state;
  for (int i = 0; i < LB_READINGS; i++) {
    const char *meaning = lb_reading_table[i].meaning;
    size_t len = strlen(meaning);
    assert_in_range(len, 10, 100);
    assert_null(strpbrk(meaning, "\t\n"));
    assert_int_not_equal(meaning[len - 1], '.');
  }
}

static void no_two_readings_of_a_subject_share_a_name(void **state) {
  (void)state;
  for (int i = 0; i < LB_READINGS; i++)
    for (int j = 0; j < i; j++)
      if (lb_reading_table[i].subjects & lb_reading_table[j].subjects &&
          strcmp(lb_reading_table[i].name, lb_reading_table[j].name) == 0)
        fail_msg("%s twice", lb_reading_table[i].name);
}

static void types_are_stock_types_and_only_derive_is_a_counter(void **state) {
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

static void only_values_that_were_put_are_present(void **state) {
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
      cmocka_unit_test(the_table_has_the_names_that_users_rely_on),
      cmocka_unit_test(each_meaning_is_a_phrase_without_a_full_stop),
      cmocka_unit_test(no_two_readings_of_a_subject_share_a_name),
      cmocka_unit_test(types_are_stock_types_and_only_derive_is_a_counter),
      cmocka_unit_test(only_values_that_were_put_are_present),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
