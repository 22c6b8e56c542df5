// SPDX-License-Identifier: MIT
/* What is remembered of sockets from look to look. */
#include "core/socket_table.h"

#include "unit.h"

static void see(struct lb_listen_socks *rows, uint64_t cookie, uint32_t queue,
                uint32_t limit, uint32_t sk_drops) {
  struct lb_listen_sock *row = lb_listen_socks_add(rows);
  assert_non_null(row);
  *row = (struct lb_listen_sock){.cookie = cookie,
                                 .queue = queue,
                                 .limit = limit,
                                 .sk_drops = sk_drops,
                                 .family = AF_INET,
                                 .has_drops = true};
}

static void see_path(struct lb_listen_socks *rows, uint64_t cookie,
                     uint32_t queue, uint32_t limit) {
  struct lb_listen_sock *row = lb_listen_socks_add(rows);
  assert_non_null(row);
  *row = (struct lb_listen_sock){
      .cookie = cookie, .queue = queue, .limit = limit, .family = AF_UNIX};
}

static const struct lb_socket *find(const struct lb_socket_table *ledger,
                                    uint64_t cookie) {
  for (size_t i = 0; i < ledger->len; i++)
    if (ledger->v[i].sock.cookie == cookie)
      return &ledger->v[i];
  return NULL;
}

static const struct lb_socket *get(const struct lb_socket_table *ledger,
                                   uint64_t cookie) {
  const struct lb_socket *socket = find(ledger, cookie);
  assert_non_null(socket);
  return socket;
}

static void look(struct lb_socket_table *ledger, struct lb_listen_socks *rows,
                 uint64_t now_ms) {
  lb_socket_table_begin_sample(ledger);
  assert_int_equal(lb_socket_table_merge(ledger, rows, now_ms), 0);
  lb_socket_table_end_sample(ledger, now_ms);
  rows->len = 0;
}

static void a_socket_shown_twice_is_one(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  see(&rows, 2, 0, 5, 0);
  see(&rows, 1, 3, 5, 9);
  look(&ledger, &rows, 0);
  assert_int_equal(ledger.len, 2);
  assert_int_equal(ledger.present, 2);
  assert_int_equal(get(&ledger, 1)->sock.queue, 3);
  assert_int_equal(get(&ledger, 1)->sock.sk_drops, 9);
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void a_socket_missing_is_noticed_until_seen(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 0);
  lb_socket_table_begin_sample(&ledger);
  see(&rows, 1, 0, 5, 0);
  see(&rows, 3, 0, 5, 0);
  assert_int_equal(lb_socket_table_merge(&ledger, &rows, 1), 0);
  assert_true(lb_socket_table_misses(&ledger));
  see(&rows, 2, 0, 5, 0);
  assert_int_equal(lb_socket_table_merge(&ledger, &rows, 1), 0);
  assert_false(lb_socket_table_misses(&ledger));
  assert_int_equal(ledger.present, 3);
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void one_that_returns_does_not_stand_for_one_missing(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 0);
  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 1);
  lb_socket_table_begin_sample(&ledger);
  see(&rows, 1, 0, 5, 0);
  assert_int_equal(lb_socket_table_merge(&ledger, &rows, 2), 0);
  assert_true(lb_socket_table_misses(&ledger));
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void a_failed_look_hides_nobody(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  look(&ledger, &rows, 0);
  lb_socket_table_begin_sample(&ledger); /* fails: never ended */
  lb_socket_table_begin_sample(&ledger);
  assert_true(lb_socket_table_misses(&ledger));
  see(&rows, 1, 0, 5, 0);
  assert_int_equal(lb_socket_table_merge(&ledger, &rows, 1), 0);
  assert_false(lb_socket_table_misses(&ledger));
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void a_socket_gone_is_remembered_for_a_while(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 40);
  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 1000);
  ledger.v[0].attribution.settled = 40;

  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 2000);
  assert_int_equal(ledger.present, 1);
  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 1000 + LB_SOCKET_KEEP_MS);
  see(&rows, 1, 0, 5, 42); /* listen() after shutdown(): the same socket */
  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 1001 + LB_SOCKET_KEEP_MS);
  assert_int_equal(get(&ledger, 1)->attribution.settled, 40);

  see(&rows, 2, 0, 5, 0);
  look(&ledger, &rows, 1002 + 2 * LB_SOCKET_KEEP_MS);
  assert_int_equal(ledger.len, 1);
  assert_null(find(&ledger, 1));
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void full_is_known_of_this_look_and_the_one_before(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 6, 5, 0);
  look(&ledger, &rows, 0);
  assert_true(get(&ledger, 1)->full_now);
  assert_false(get(&ledger, 1)->full_before);
  see(&rows, 1, 5, 5, 0);
  look(&ledger, &rows, 1);
  assert_false(get(&ledger, 1)->full_now);
  assert_true(get(&ledger, 1)->full_before);
  see(&rows, 1, 0, 5, 0);
  look(&ledger, &rows, 2);
  assert_false(get(&ledger, 1)->full_before);
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

/* --- UNIX sockets -------------------------------------------------------- */

static void a_unix_socket_has_no_drops_and_lacks_none(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 7);
  see_path(&rows, 2, 6, 5);
  look(&ledger, &rows, 0);
  assert_true(get(&ledger, 2)->full_now);
  assert_false(ledger.lacks_drops);
  see(&rows, 1, 0, 5, 7);
  rows.v[0].has_drops = false;
  look(&ledger, &rows, 1);
  assert_true(ledger.lacks_drops);
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void what_cannot_be_asked_for_is_not_missing(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  see_path(&rows, 2, 6, 5);
  see_path(&rows, 3, 0, 5);
  look(&ledger, &rows, 0);
  see(&rows, 1, 0, 5, 0);
  see_path(&rows, 2, 6, 5);
  look(&ledger, &rows, 1000); /* 3 is gone */

  lb_socket_table_begin_sample(&ledger);
  see(&rows, 1, 0, 5, 0);
  assert_int_equal(lb_socket_table_merge(&ledger, &rows, 2000), 0);
  assert_true(lb_socket_table_misses(&ledger));
  lb_socket_table_keep_unix(&ledger, 2000);
  lb_socket_table_keep_unix(&ledger,
                            2000); /* after the next dump of the look */
  assert_false(lb_socket_table_misses(&ledger));
  lb_socket_table_end_sample(&ledger, 2000);
  assert_int_equal(ledger.present, 2);
  assert_true(lb_socket_is_present(&ledger, get(&ledger, 2)));
  assert_int_equal(get(&ledger, 2)->seen_ms, 2000);
  assert_false(get(&ledger, 2)->full_now); /* nobody knows */
  assert_null(find(&ledger, 3));           /* it is not kept */
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void names_that_have_gone_are_told_of(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  see_path(&rows, 2, 0, 5);
  look(&ledger, &rows, 0);
  see_path(&rows, 2, 0, 5);
  look(&ledger, &rows, 1);
  see_path(&rows, 2, 0, 5);
  look(&ledger, &rows, 1 + LB_SOCKET_KEEP_MS);
  assert_int_equal(ledger.len, 1); /* the TCP one is forgotten */
  assert_false(ledger.forgot_unix);
  rows.len = 0;
  look(&ledger, &rows, 2 + 2 * LB_SOCKET_KEEP_MS);
  assert_int_equal(ledger.len, 0);
  assert_true(ledger.forgot_unix);
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

static void a_name_is_forgotten_after_two_looks_without_it(void **state) {
  (void)state;
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  see(&rows, 1, 0, 5, 0);
  see_path(&rows, 2, 0, 5);
  look(&ledger, &rows, 0);
  rows.len = 0;
  look(&ledger, &rows, 1);
  assert_int_equal(ledger.len, 2); /* a dump may have missed it */
  assert_false(ledger.forgot_unix);
  lb_socket_table_end_sample(&ledger, 1); /* the same look, once more */
  assert_int_equal(ledger.len, 2);
  look(&ledger, &rows, 2);
  assert_int_equal(ledger.len, 1);
  assert_int_equal(ledger.v[0].sock.cookie, 1); /* the TCP one */
  assert_true(ledger.forgot_unix);
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

/* --- all at once --------------------------------------------------------- */

/* Random comings and goings against a plain list of what is there. */
static void many_sockets_come_and_go(void **state) {
  (void)state;
  enum { COOKIES = 3000, LOOKS = 60 };
  static uint32_t drops[COOKIES];
  struct lb_socket_table ledger = {0};
  struct lb_listen_socks rows = {0};
  unsigned seed = 7;
  for (int number = 1; number <= LOOKS; number++) {
    size_t present = 0;
    uint64_t now_ms = (uint64_t)number * 10000;
    static bool there[COOKIES];
    for (int i = 0; i < COOKIES; i++) {
      there[i] = rand_r(&seed) % 3 != 0;
      if (!there[i])
        continue;
      see(&rows, (uint64_t)i << 32, 0, 5, ++drops[i]);
      present++;
    }
    look(&ledger, &rows, now_ms);
    assert_int_equal(ledger.present, present);
    for (size_t i = 0; i < ledger.len; i++) {
      const struct lb_socket *socket = &ledger.v[i];
      size_t cookie = (size_t)(socket->sock.cookie >> 32);
      assert_int_equal(lb_socket_is_present(&ledger, socket), there[cookie]);
      assert_int_equal(socket->sock.sk_drops, drops[cookie]);
      assert_true(now_ms - socket->seen_ms <= LB_SOCKET_KEEP_MS);
    }
  }
  lb_listen_socks_free(&rows);
  lb_socket_table_free(&ledger);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_socket_shown_twice_is_one),
      cmocka_unit_test(a_socket_missing_is_noticed_until_seen),
      cmocka_unit_test(one_that_returns_does_not_stand_for_one_missing),
      cmocka_unit_test(a_failed_look_hides_nobody),
      cmocka_unit_test(a_socket_gone_is_remembered_for_a_while),
      cmocka_unit_test(full_is_known_of_this_look_and_the_one_before),
      cmocka_unit_test(a_unix_socket_has_no_drops_and_lacks_none),
      cmocka_unit_test(what_cannot_be_asked_for_is_not_missing),
      cmocka_unit_test(names_that_have_gone_are_told_of),
      cmocka_unit_test(a_name_is_forgotten_after_two_looks_without_it),
      cmocka_unit_test(many_sockets_come_and_go),
  };
  return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
