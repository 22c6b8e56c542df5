// SPDX-License-Identifier: MIT
/* What the table keeps of sockets from sample to sample. */
#include "core/socket_table.h"

#include "unit.h"

struct fixture {
  struct lb_socket_table table;
  struct lb_listen_socks rows; /* of the next dump */
};

static int set_up(void **state) {
  static struct fixture fixture;
  fixture = (struct fixture){.rows = {.v = NULL}};
  *state = &fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  lb_listen_socks_free(&fixture->rows);
  lb_socket_table_free(&fixture->table);
  return 0;
}

static struct lb_listen_sock *see(struct fixture *fixture, uint64_t cookie,
                                  uint32_t queue) {
  struct lb_listen_sock *row = lb_listen_socks_add(&fixture->rows);
  assert_non_null(row);
  *row = (struct lb_listen_sock){.cookie = cookie,
                                 .queue = queue,
                                 .limit = 5,
                                 .family = AF_INET,
                                 .has_drops = true};
  return row;
}

static void see_unix(struct fixture *fixture, uint64_t cookie, uint32_t queue) {
  struct lb_listen_sock *row = see(fixture, cookie, queue);
  row->family = AF_UNIX;
  row->has_drops = false;
}

static void merge(struct fixture *fixture, uint64_t now_ms) {
  assert_int_equal(
      lb_socket_table_merge(&fixture->table, &fixture->rows, now_ms), 0);
  fixture->rows.len = 0;
}

static void sample(struct fixture *fixture, uint64_t now_ms) {
  lb_socket_table_begin_sample(&fixture->table);
  merge(fixture, now_ms);
  lb_socket_table_end_sample(&fixture->table, now_ms);
}

static const struct lb_socket *find(const struct fixture *fixture,
                                    uint64_t cookie) {
  for (size_t i = 0; i < fixture->table.len; i++)
    if (fixture->table.v[i].sock.cookie == cookie)
      return &fixture->table.v[i];
  return NULL;
}

static const struct lb_socket *get(const struct fixture *fixture,
                                   uint64_t cookie) {
  const struct lb_socket *socket = find(fixture, cookie);
  assert_non_null(socket);
  return socket;
}

/* --- tests --------------------------------------------------------------- */

TEST_WITH(a_socket_that_a_dump_shows_twice_is_one, set_up, tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 0);
  see(fixture, 2, 0);
  see(fixture, 1, 3)->sk_drops = 9;
  sample(fixture, 0);
  assert_int_equal(fixture->table.len, 2);
  assert_int_equal(fixture->table.present, 2);
  assert_int_equal(get(fixture, 1)->sock.queue, 3);
  assert_int_equal(get(fixture, 1)->sock.sk_drops, 9);
}

TEST_WITH(a_socket_is_missing_until_some_dump_shows_it, set_up, tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 0);
  see(fixture, 2, 0);
  sample(fixture, 0);
  lb_socket_table_begin_sample(&fixture->table); /* fails: never ended */
  lb_socket_table_begin_sample(&fixture->table);
  see(fixture, 1, 0);
  see(fixture, 3, 0);
  merge(fixture, 1);
  assert_true(lb_socket_table_misses(&fixture->table));
  see(fixture, 2, 0);
  merge(fixture, 1);
  assert_false(lb_socket_table_misses(&fixture->table));
  assert_int_equal(fixture->table.present, 3);
}

TEST_WITH(a_socket_that_is_back_does_not_make_up_for_a_missing_one, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 0);
  see(fixture, 2, 0);
  sample(fixture, 0);
  see(fixture, 2, 0);
  sample(fixture, 1);
  lb_socket_table_begin_sample(&fixture->table);
  see(fixture, 1, 0);
  merge(fixture, 2);
  assert_true(lb_socket_table_misses(&fixture->table));
  see(fixture, 2, 0);
  merge(fixture, 2);
  assert_false(lb_socket_table_misses(&fixture->table));
  assert_false(lb_socket_table_is_same(&fixture->table));
}

TEST_WITH(a_socket_without_a_dump_is_kept_for_a_minute, set_up, tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 0);
  see(fixture, 2, 0);
  sample(fixture, 1000);
  fixture->table.v[0].attribution.settled = 40;
  see(fixture, 2, 0);
  sample(fixture, 1000 + LB_SOCKET_KEEP_MS);
  assert_int_equal(fixture->table.present, 1);
  see(fixture, 1, 0);
  see(fixture, 2, 0);
  sample(fixture, 1001 + LB_SOCKET_KEEP_MS);
  assert_int_equal(get(fixture, 1)->attribution.settled, 40);
  see(fixture, 2, 0);
  sample(fixture, 1002 + 2 * LB_SOCKET_KEEP_MS);
  assert_int_equal(fixture->table.len, 1);
  assert_null(find(fixture, 1));
}

TEST_WITH(full_is_of_any_dump_of_this_sample_and_the_one_before, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 6);
  see(fixture, 1, 5);
  sample(fixture, 0);
  assert_true(get(fixture, 1)->full_now);
  assert_false(get(fixture, 1)->full_before);
  see(fixture, 1, 5);
  sample(fixture, 1);
  assert_false(get(fixture, 1)->full_now);
  assert_true(get(fixture, 1)->full_before);
  see(fixture, 1, 0);
  sample(fixture, 2);
  assert_false(get(fixture, 1)->full_before);
  see(fixture, 1, 6);
  sample(fixture, 3);
  sample(fixture, 4);
  see(fixture, 1, 0);
  sample(fixture, 5);
  assert_false(get(fixture, 1)->full_before);
}

/* The attribution resets it; drops of a new socket are movement. */
TEST_WITH(movement_is_told_until_it_is_attributed, set_up, tear_down) {
  struct fixture *fixture = *state;
  struct lb_socket_table *table = &fixture->table;
  see(fixture, 1, 0);
  see_unix(fixture, 2, 0);
  sample(fixture, 0);
  assert_false(table->drops_moved);
  see(fixture, 1, 0);
  see(fixture, 3, 0)->sk_drops = 1;
  sample(fixture, 1);
  assert_true(table->drops_moved);
  see(fixture, 1, 0);
  see(fixture, 3, 0)->sk_drops = 1;
  sample(fixture, 2);
  assert_true(table->drops_moved);
  table->drops_moved = false;
  see(fixture, 1, 0);
  see(fixture, 3, 0)->sk_drops = 0;
  sample(fixture, 3);
  assert_true(table->drops_moved);
}

TEST_WITH(a_tcp_socket_without_drops_is_told_a_unix_socket_not, set_up,
          tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 0);
  see_unix(fixture, 2, 0);
  sample(fixture, 0);
  assert_false(fixture->table.lacks_drops);
  see(fixture, 1, 0)->has_drops = false;
  sample(fixture, 1);
  assert_true(fixture->table.lacks_drops);
}

TEST_WITH(a_sample_is_the_same_if_only_drops_differ, set_up, tear_down) {
  struct fixture *fixture = *state;
  static const struct {
    uint32_t queue, limit, drops;
    uint16_t port;
    bool is_same;
  } cases[] = {
      {0, 5, 0, 0, true}, {0, 5, 7, 0, true},  {1, 5, 7, 0, false},
      {1, 5, 7, 0, true}, {1, 6, 7, 0, false}, {1, 6, 7, 1, false},
      {1, 6, 9, 1, true},
  };
  see(fixture, 1, 0);
  sample(fixture, 0);
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_listen_sock *row = see(fixture, 1, cases[i].queue);
    row->limit = cases[i].limit;
    row->sk_drops = cases[i].drops;
    row->port = cases[i].port;
    sample(fixture, 1);
    assert_int_equal(lb_socket_table_is_same(&fixture->table),
                     cases[i].is_same);
  }
}

/* --- UNIX sockets -------------------------------------------------------- */

TEST_WITH(unix_sockets_that_could_not_be_read_stay_present, set_up, tear_down) {
  struct fixture *fixture = *state;
  struct lb_socket_table *table = &fixture->table;
  see(fixture, 1, 0);
  see_unix(fixture, 2, 6);
  see_unix(fixture, 3, 0);
  sample(fixture, 0);
  see(fixture, 1, 0);
  see_unix(fixture, 2, 6);
  sample(fixture, 1000); /* 3 is gone */
  lb_socket_table_begin_sample(table);
  see(fixture, 1, 0);
  merge(fixture, 2000);
  assert_true(lb_socket_table_misses(table));
  for (int dumps = 0; dumps < 2; dumps++)
    lb_socket_table_keep(table, lb_only(LB_PART_UNIX), 2000);
  assert_false(lb_socket_table_misses(table));
  lb_socket_table_end_sample(table, 2000);
  assert_int_equal(table->present, 2);
  assert_true(lb_socket_is_present(table, get(fixture, 2)));
  assert_int_equal(get(fixture, 2)->seen_ms, 2000);
  assert_false(get(fixture, 2)->full_now); /* unknown */
  assert_null(find(fixture, 3));
}

TEST_WITH(a_unix_socket_is_forgotten_after_two_samples, set_up, tear_down) {
  struct fixture *fixture = *state;
  struct lb_socket_table *table = &fixture->table;
  see(fixture, 1, 0);
  see_unix(fixture, 2, 0);
  sample(fixture, 0);
  sample(fixture, 1);
  lb_socket_table_end_sample(table, 1); /* the same sample, once more */
  assert_int_equal(table->len, 2);
  assert_false(table->forgot_unix);
  sample(fixture, 2);
  assert_non_null(find(fixture, 1));
  assert_null(find(fixture, 2));
  assert_true(table->forgot_unix);
}

TEST_WITH(only_forgotten_unix_sockets_are_told, set_up, tear_down) {
  struct fixture *fixture = *state;
  see(fixture, 1, 0);
  see_unix(fixture, 2, 0);
  sample(fixture, 0);
  see_unix(fixture, 2, 0);
  sample(fixture, 1 + LB_SOCKET_KEEP_MS);
  assert_int_equal(fixture->table.len, 1);
  assert_false(fixture->table.forgot_unix);
  sample(fixture, 2 + 2 * LB_SOCKET_KEEP_MS);
  assert_int_equal(fixture->table.len, 0);
  assert_true(fixture->table.forgot_unix);
}

/* --- all at once --------------------------------------------------------- */

/* Random sockets, compared with a plain list. The cookies differ in their high
 * half only. */
TEST_WITH(many_sockets_come_and_go, set_up, tear_down) {
  enum { COOKIES = 3000, SAMPLES = 60 };
  static uint32_t drops[COOKIES];
  static bool is_there[COOKIES];
  struct fixture *fixture = *state;
  const struct lb_socket_table *table = &fixture->table;
  unsigned seed = 7;
  for (uint64_t now_ms = 10000; now_ms <= SAMPLES * 10000; now_ms += 10000) {
    size_t present = 0;
    for (uint64_t i = 0; i < COOKIES; i++) {
      is_there[i] = rand_r(&seed) % 3 != 0;
      if (is_there[i])
        see(fixture, i << 32, 0)->sk_drops = ++drops[i];
      present += is_there[i];
    }
    sample(fixture, now_ms);
    assert_int_equal(table->present, present);
    for (size_t i = 0; i < table->len; i++) {
      const struct lb_socket *socket = &table->v[i];
      size_t cookie = (size_t)(socket->sock.cookie >> 32);
      assert_int_equal(lb_socket_is_present(table, socket), is_there[cookie]);
      assert_int_equal(socket->sock.sk_drops, drops[cookie]);
      assert_true(now_ms - socket->seen_ms <= LB_SOCKET_KEEP_MS);
    }
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
