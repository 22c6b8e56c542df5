// SPDX-License-Identifier: MIT
/* Which sockets count for which listener, and what that makes of them. */
#include "group.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct lb_row row(uint16_t port, const char *address, uint32_t queue,
                         uint32_t limit) {
  struct lb_row made = {.port = port,
                        .queue = queue,
                        .limit = limit,
                        .family = strchr(address, ':') ? AF_INET6 : AF_INET};
  struct lb_address parsed;
  assert_int_equal(lb_address_parse(address, &parsed), 0);
  memcpy(made.address, parsed.bytes, sizeof(made.address));
  return made;
}

static void add(struct lb_group *group, struct lb_row made) {
  assert_int_equal(lb_group_discover(group, &made), 0);
  lb_group_add(group, &made);
}

static struct lb_group *start(const struct lb_settings *settings) {
  struct lb_group *group;
  assert_int_equal(lb_group_new(settings, &group), 0);
  lb_group_begin(group);
  return group;
}

/* "LABEL queue/limit fill sockets full" of everything that is reported. */
static void assert_group(const struct lb_group *group, const char *want) {
  char got[512] = "";
  size_t len = 0;
  for (size_t i = 0; i < lb_group_len(group); i++) {
    const struct lb_listener *listener = lb_group_get(group, i);
    if (!lb_listener_is_reported(listener))
      continue;
    char label[LB_LABEL_SIZE];
    int n = snprintf(got + len, sizeof(got) - len, "%s %u/%u %g %u %u\n",
                     lb_listener_label(listener, label),
                     (unsigned)listener->queue, (unsigned)listener->limit,
                     listener->fill, listener->sockets, listener->full);
    len += (size_t)n;
  }
  assert_string_equal(got, want);
}

static struct lb_address address(const char *text) {
  struct lb_address parsed;
  assert_int_equal(lb_address_parse(text, &parsed), 0);
  return parsed;
}

static void listening_ports_makes_one_listener_per_port(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  lb_portset_add(&settings.ignored, 22);
  struct lb_group *group = start(&settings);
  add(group, row(443, "0.0.0.0", 1, 9));
  add(group, row(80, "::", 0, 128));
  add(group, row(443, "::1", 2, 9));
  add(group, row(22, "0.0.0.0", 5, 9));
  assert_group(group, "443 3/18 20 2 0\n80 0/128 0 1 0\n");
  lb_group_free(group);
}

static void a_found_port_keeps_its_place_while_it_is_away(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  struct lb_group *group = start(&settings);
  add(group, row(80, "0.0.0.0", 0, 8));
  assert_int_equal(lb_group_len(group), 1);
  lb_group_begin(group);
  assert_group(group, "");
  add(group, row(80, "0.0.0.0", 0, 16));
  assert_int_equal(lb_group_len(group), 1);
  assert_group(group, "80 0/16 0 1 0\n");
  lb_group_free(group);
}

static void a_selected_listener_is_there_without_sockets(void **state) {
  (void)state;
  struct lb_settings settings = {0};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  struct lb_group *group = start(&settings);
  add(group, row(81, "0.0.0.0", 0, 8));
  assert_group(group, "80 0/0 0 0 0\n");
  struct lb_values values = lb_listener_values(lb_group_get(group, 0), true);
  assert_int_equal(values.present,
                   1 << LB_SOCKETS | 1 << LB_DROPS | 1 << LB_OVERFLOWS);
  values = lb_listener_values(lb_group_get(group, 0), false);
  assert_int_equal(values.present, 1 << LB_SOCKETS);
  lb_group_free(group);
  lb_settings_free(&settings);
}

static void addresses_narrow_a_listener(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  struct lb_ports ports[] = {{8000, 8010}, {8005, 8020}};
  struct lb_address addresses[] = {address("10.0.0.1"), address("::1")};
  assert_int_equal(lb_settings_add(&settings, "api", ports, 2, addresses, 2),
                   0);
  struct lb_group *group = start(&settings);
  add(group, row(8005, "10.0.0.1", 1, 1));
  add(group, row(8020, "::1", 0, 1));
  add(group, row(8005, "10.0.0.2", 0, 7)); /* nobody's: reported by its port */
  add(group, row(8005, "0.0.0.0", 0, 7));
  add(group, row(8005, "::", 0, 7));
  add(group, row(8021, "10.0.0.1", 0, 3));
  assert_group(group, "api 1/2 50 2 0\n8005 0/21 0 3 0\n8021 0/3 0 1 0\n");
  lb_group_free(group);
  lb_settings_free(&settings);
}

static void a_socket_counts_for_every_selection_of_it(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  struct lb_ports all = {1, 65535};
  assert_int_equal(lb_settings_add_port(&settings, 80), 0);
  assert_int_equal(lb_settings_add(&settings, "all", &all, 1, NULL, 0), 0);
  struct lb_group *group = start(&settings);
  add(group, row(80, "0.0.0.0", 1, 3));
  add(group, row(65535, "0.0.0.0", 0, 3));
  assert_group(group, "80 1/3 25 1 0\nall 1/6 25 2 0\n");
  lb_group_free(group);
  lb_settings_free(&settings);
}

static void one_full_member_of_eight_reads_fill_100_and_full_1(void **state) {
  (void)state;
  struct lb_settings settings = {.listening_ports = true};
  struct lb_group *group = start(&settings);
  for (int i = 0; i < 8; i++)
    add(group, row(80, "0.0.0.0", i == 3 ? 17 : 0, 16));
  assert_group(group, "80 17/128 100 8 1\n");
  lb_group_free(group);
}

static void fill_is_of_the_limit_plus_one_and_ends_at_100(void **state) {
  (void)state;
  static const struct {
    uint32_t queue, limit;
    double want;
    uint32_t full;
  } cases[] = {
      {0, 0, 0, 0},         {1, 0, 100, 1},   {3, 3, 75, 0},
      {4, 3, 100, 1},       {900, 3, 100, 1}, {0, UINT32_MAX, 0, 0},
      {1, 127, 0.78125, 0},
  };
  struct lb_settings settings = {.listening_ports = true};
  struct lb_group *group = start(&settings);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    lb_group_begin(group);
    add(group, row(80, "0.0.0.0", cases[i].queue, cases[i].limit));
    assert_true(lb_group_get(group, 0)->fill == cases[i].want);
    assert_int_equal(lb_group_get(group, 0)->full, cases[i].full);
  }
  lb_group_free(group);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(listening_ports_makes_one_listener_per_port),
      cmocka_unit_test(a_found_port_keeps_its_place_while_it_is_away),
      cmocka_unit_test(a_selected_listener_is_there_without_sockets),
      cmocka_unit_test(addresses_narrow_a_listener),
      cmocka_unit_test(a_socket_counts_for_every_selection_of_it),
      cmocka_unit_test(one_full_member_of_eight_reads_fill_100_and_full_1),
      cmocka_unit_test(fill_is_of_the_limit_plus_one_and_ends_at_100),
  };
  return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
