// SPDX-License-Identifier: MIT
/* What collectd 6 gets. The headers in tests/support/collectd6 stand in for
 * those of collectd 6, and this program for the daemon: it writes down each
 * family, after it has checked what collectd relies on. */
#include "collectd/dispatch.h"

#include "unit.h"

static struct text got;

static void say_labels(label_set_t labels) {
  for (size_t i = 0; i < labels.num; i++) {
    assert_true(!i || strcmp(labels.ptr[i - 1].name, labels.ptr[i].name) < 0);
    assert_int_not_equal(labels.ptr[i].value[0], '\0');
    say(&got, "%s%s=%s", i ? "," : "", labels.ptr[i].name, labels.ptr[i].value);
  }
}

static const char *meaning_of(const char *family) {
  const char *name = strrchr(family, '.') + 1;
  for (size_t i = 0; i < LB_READINGS; i++)
    if (strcmp(lb_reading_table[i].name, name) == 0)
      return lb_reading_table[i].meaning;
  fail_msg("no reading: %s", family);
  return "";
}

int plugin_dispatch_metric_family(const metric_family_t *family) {
  assert_true(family->metric.num > 0);
  assert_string_equal(family->help, meaning_of(family->name));
  assert_int_equal(family->resource.num, 0); /* collectd adds the host's */
  say(&got, "%s [%s]", family->name, family->unit);
  for (size_t i = 0; i < family->metric.num; i++) {
    const metric_t *metric = &family->metric.ptr[i];
    assert_ptr_equal(metric->family, family);
    assert_null(metric->meta);
    assert_int_equal(metric->interval, 10);
    say(&got, " {");
    say_labels(metric->label);
    say(&got, "}");
    if (family->type == METRIC_TYPE_COUNTER)
      say(&got, " counter %llu", (unsigned long long)metric->value.counter);
    else if (family->type == METRIC_TYPE_GAUGE)
      say(&got, " %.17g", metric->value.gauge);
    say(&got, " at %llu", (unsigned long long)metric->time);
  }
  say(&got, "\n");
  return 0;
}

static const struct lb_stamps stamps = {
    .now = 1000, .before = 990, .interval = 10};
static struct lb_sent sent;

static void assert_got(const char *want) {
  lb_backend_flush();
  assert_string_equal(got.at, want);
  got.len = 0;
  got.at[0] = '\0';
}

static struct lb_readings readings_of(const char *netns, const char *name) {
  sent = (struct lb_sent){.time = 0};
  return (struct lb_readings){.label = "never sent",
                              .netns = netns,
                              .name = name,
                              .is_namespace = !*name,
                              .sent = &sent,
                              .has_base = true};
}

TEST_CASE(each_reading_is_a_family_with_its_unit_and_percentages_are_ratios) {
  struct lb_readings listener = readings_of("", "80");
  struct lb_readings namespace = readings_of("", "");
  for (enum lb_reading_id id = 0; id < LB_READINGS; id++) {
    if (!is_said(lb_reading_table[id].name))
      continue;
    bool is_listener = lb_reading_table[id].subjects & LB_LISTENER;
    struct lb_values *values =
        is_listener ? &listener.values : &namespace.values;
    if (lb_reading_table[id].is_counter)
      lb_put_counter(values, id, 7);
    else
      lb_put_gauge(values, id, 100);
  }
  lb_dispatch(&namespace, &stamps);
  lb_dispatch(&listener, &stamps);
#define LISTENER " {listener=80} "
#define GAUGE LISTENER "100 at 1000\n"
  assert_got(
      "listen_backlog.queue [{connection}]" GAUGE
      "listen_backlog.limit [{connection}]" GAUGE
      "listen_backlog.peak [{connection}]" GAUGE
      "listen_backlog.busy [1]" LISTENER "1 at 1000\n"
      "listen_backlog.fill [1]" LISTENER "1 at 1000\n"
      "listen_backlog.sockets [{socket}]" GAUGE
      "listen_backlog.full [{socket}]" GAUGE
      "listen_backlog.drops [{attempt}]" LISTENER "counter 7 at 1000\n"
      "listen_backlog.overflows [{attempt}]" LISTENER "counter 7 at 1000\n"
      "listen_backlog.wait [s]" GAUGE
      "listen_backlog.abandoned [{connection}]" GAUGE
      "listen_backlog.syn [{connection}]" GAUGE
      "listen_backlog.netns.syn_drops [{attempt}] {} counter 7 at 1000\n"
      "listen_backlog.netns.syncookies_sent [{cookie}] {} counter 7 at 1000\n"
      "listen_backlog.netns.overflows_unattributed [{attempt}] {} counter 7 at "
      "1000\n"
      "listen_backlog.netns.somaxconn [{connection}] {} 100 at 1000\n");
}

TEST_CASE(the_namespace_is_a_label_of_its_own_and_never_in_sums_of_listeners) {
  static const struct {
    const char *netns, *name;
  } senders[] = {
      {"", ""}, {"", "80"}, {"blue", ""}, {"blue", "80"}, {"blue", "api"}};
  for (size_t i = 0; i < LEN(senders); i++) {
    struct lb_readings readings =
        readings_of(senders[i].netns, senders[i].name);
    lb_put_counter(&readings.values, LB_DROPS, UINT64_MAX - i);
    lb_dispatch(&readings, &stamps);
  }
  assert_got("listen_backlog.drops [{attempt}]"
             " {listener=80} counter 18446744073709551614 at 1000"
             " {listener=80,netns=blue} counter 18446744073709551612 at 1000"
             " {listener=api,netns=blue} counter 18446744073709551611 at 1000\n"
             "listen_backlog.netns.drops [{attempt}]"
             " {} counter 18446744073709551615 at 1000"
             " {netns=blue} counter 18446744073709551613 at 1000\n");
}

TEST_CASE(a_value_that_was_not_measured_is_not_sent) {
  struct lb_readings gone = readings_of("", "80"), full = gone;
  assert_got("");
  lb_put_gauge(&gone.values, LB_SOCKETS, 0);
  lb_put_gauge(&full.values, LB_SOCKETS, 1);
  lb_put_gauge(&full.values, LB_WAIT, 0.25);
  full.name = "81";
  lb_dispatch(&gone, &stamps);
  lb_dispatch(&full, &stamps);
  assert_got("listen_backlog.sockets [{socket}]"
             " {listener=80} 0 at 1000 {listener=81} 1 at 1000\n"
             "listen_backlog.wait [s] {listener=81} 0.25 at 1000\n");
  assert_got("");
}

/* collectd 6 has taken it by then, so it need not wait. */
TEST_CASE(a_new_counter_has_its_base_one_interval_before_and_later_none) {
  struct lb_stamps next = {.now = 1010, .before = 1000, .interval = 10};
  struct lb_readings readings = readings_of("", "80");
  lb_put_counter(&readings.values, LB_DROPS, 5);
  lb_put_gauge(&readings.values, LB_QUEUE, 3);
  assert_false(lb_dispatch_base(&readings, &stamps));
  assert_got(
      "listen_backlog.drops [{attempt}] {listener=80} counter 0 at 990\n");
  lb_dispatch(&readings, &stamps);
  assert_false(lb_dispatch_base(&readings, &next));
  assert_got("listen_backlog.queue [{connection}] {listener=80} 3 at 1000\n"
             "listen_backlog.drops [{attempt}] {listener=80} counter 5 at "
             "1000\n");
  next.before = 1001; /* some intervals without it */
  lb_dispatch_base(&readings, &next);
  assert_got("listen_backlog.drops [{attempt}] {listener=80} counter 5 at "
             "1001\n");
  readings.has_base = false;
  lb_dispatch_base(&readings, &next);
  assert_got("");
}

TEST_CASE(any_number_of_listeners_is_sent_once_each_in_few_families) {
  static char names[200][4];
  struct text want = {.len = 0};
  for (unsigned i = 0; i < LEN(names); i++) {
    snprintf(names[i], sizeof(names[i]), "%u", i);
    struct lb_readings readings = readings_of("", names[i]);
    lb_put_gauge(&readings.values, LB_QUEUE, i);
    lb_dispatch(&readings, &stamps);
    say(&want, "%s {listener=%u} %u at 1000",
        i % 64 ? ""
        : i    ? "\nlisten_backlog.queue [{connection}]"
               : "listen_backlog.queue [{connection}]",
        i, i);
  }
  say(&want, "\n");
  assert_got(want.at);
}

int main(void) { return run_all_tests(NULL, NULL); }
