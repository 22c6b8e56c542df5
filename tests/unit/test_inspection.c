// SPDX-License-Identifier: MIT
/* Walks of the connections that wait in a scripted kernel: what is asked for,
 * whose each of them is, and what is reported of it. */
#include "core/inspection.h"

#include "memory.h"
#include "scripted_kernel.h"

static struct lb_listen_sock tcp(const char *local, uint16_t port,
                                 uint32_t queue) {
  struct lb_listen_sock row = {.port = port, .queue = queue};
  bind_row(&row, local);
  return row;
}

/* --- the plan ------------------------------------------------------------ */

static void plan_ports(struct lb_inspection *walk, const uint16_t *ports,
                       size_t len) {
  lb_inspection_begin_plan(walk);
  for (size_t i = 0; i < len; i++) {
    struct lb_listen_sock row = tcp("0.0.0.0", ports[i], 0);
    assert_int_equal(lb_inspection_add_socket(walk, &row), 0);
  }
  lb_inspection_end_plan(walk);
}

static void assert_ports(const struct lb_inspection *walk, const char *want) {
  struct text got = {.len = 0};
  for (size_t i = 0; i < walk->ports_len; i++)
    say_ports(&got, walk->ports[i].first, walk->ports[i].last);
  assert_string_equal(got.at, want);
}

static void neighbours_are_asked_for_as_ranges(void **state) {
  (void)state;
  static const uint16_t some[] = {443, 81, 80, 80, 65535, 82, 80, 1, 65534},
                        ends[] = {65535, 65533, 65535}, one[] = {80};
  struct lb_inspection walk = {0};
  plan_ports(&walk, some, LEN(some));
  assert_ports(&walk, " 1 80-82 443 65534-65535");
  plan_ports(&walk, ends, LEN(ends));
  assert_ports(&walk, " 65533 65535");
  plan_ports(&walk, one, LEN(one));
  assert_ports(&walk, " 80");
  plan_ports(&walk, NULL, 0);
  assert_ports(&walk, "");
  assert_true(walk.planned);
  lb_inspection_free(&walk);
}

static void all_ports_are_one_range(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  struct lb_listen_sock row = tcp("0.0.0.0", 0, 0);
  lb_inspection_begin_plan(&walk);
  for (unsigned i = 1; i <= UINT16_MAX; i++) {
    row.port = (uint16_t)(i * 2 > UINT16_MAX ? i * 2 - UINT16_MAX : i * 2);
    assert_int_equal(lb_inspection_add_socket(&walk, &row), 0);
  }
  lb_inspection_end_plan(&walk);
  assert_ports(&walk, " 1-65535");
  lb_inspection_free(&walk);
}

static void only_who_has_a_queue_is_asked_for_his(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  struct lb_listen_sock idle = {.family = AF_UNIX, .cookie = 1},
                        busy = {.family = AF_UNIX, .cookie = 2, .queue = 1},
                        web = tcp("0.0.0.0", 80, 0);
  lb_inspection_begin_plan(&walk);
  assert_int_equal(lb_inspection_add_socket(&walk, &idle), 0);
  assert_int_equal(lb_inspection_add_socket(&walk, &busy), 0);
  assert_int_equal(lb_inspection_add_socket(&walk, &web), 0);
  assert_int_equal(walk.targets_len, 1);
  assert_int_equal(walk.targets[0].row.cookie, 2);
  assert_false(walk.queued);
  web.queue = 1;
  assert_int_equal(lb_inspection_add_socket(&walk, &web), 0);
  assert_true(walk.queued);
  lb_inspection_begin_plan(&walk);
  assert_int_equal(walk.targets_len, 0);
  assert_false(walk.queued);
  lb_inspection_free(&walk);
}

static void out_of_memory_is_an_error_of_the_plan(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  struct lb_listen_sock web = tcp("0.0.0.0", 80, 0),
                        unix_row = {.family = AF_UNIX, .queue = 1};
  lb_inspection_begin_plan(&walk);
  memory.fails = 1;
  assert_int_equal(lb_inspection_add_socket(&walk, &web), -ENOMEM);
  memory.fails = 1;
  assert_int_equal(lb_inspection_add_socket(&walk, &unix_row), -ENOMEM);
  assert_int_equal(walk.ports_len + walk.targets_len, 0);
  assert_int_equal(lb_inspection_add_socket(&walk, &web), 0);
  memory.fails = 1;
  assert_int_equal(lb_inspection_add_endpoint(&walk, &web, 0), -ENOMEM);
  assert_int_equal(walk.endpoints_len, 0);
  lb_inspection_free(&walk);
}

/* --- the walk ------------------------------------------------------------ */

static void half_open_ones_are_asked_for_where_nobody_waits(void **state) {
  (void)state;
  static struct kernel kernel;
  struct lb_inspection walk = {0};
  uint64_t cost_ns = 1;
  kernel = new_kernel();
  kernel.cost_ns = 5;
  connect_to(&kernel, 80, LB_CONN_HALF_OPEN, 0);
  connect_to(&kernel, 80, LB_CONN_WAITING, 0);
  connect_to(&kernel, 81, LB_CONN_HALF_OPEN, 0);
  plan_ports(&walk, (const uint16_t[]){80}, 1);
  lb_inspection_run(&walk, &kernel.source, &cost_ns);
  assert_true(walk.done);
  assert_int_equal(walk.conns.len, 1);
  assert_int_equal(cost_ns, 6);
  assert_false(kernel.asked_queued);
  walk.queued = true;
  walk.conns.len = 0;
  lb_inspection_run(&walk, &kernel.source, &cost_ns);
  assert_int_equal(walk.conns.len, 2);
  assert_int_equal(cost_ns, 11);
  lb_inspection_free(&walk);
}

static void a_walk_for_unix_sockets_alone_walks_no_connections(void **state) {
  (void)state;
  static struct kernel kernel;
  struct lb_inspection walk = {0};
  uint64_t cost_ns = 0;
  kernel = new_kernel();
  kernel.cost_ns = 7;
  listen_at(&kernel, 1, "/a")->queue = 3;
  kernel.sockets[0].closed = 2;
  lb_inspection_begin_plan(&walk);
  assert_int_equal(lb_inspection_add_socket(&walk, &kernel.sockets[0].row), 0);
  lb_inspection_end_plan(&walk);
  lb_inspection_run(&walk, &kernel.source, &cost_ns);
  assert_true(walk.done);
  assert_int_equal(kernel.walks, 0);
  assert_int_equal(kernel.pendings, 1);
  assert_int_equal(cost_ns, 7);
  assert_int_equal(walk.targets[0].found.waiting, 3);
  assert_int_equal(walk.targets[0].found.closed, 2);
  lb_inspection_free(&walk);
}

static void a_walk_that_fails_costs_its_time_and_is_not_done(void **state) {
  (void)state;
  static struct kernel kernel;
  struct lb_inspection walk = {0};
  uint64_t cost_ns = 0;
  kernel = new_kernel();
  kernel.cost_ns = 7;
  kernel.waiting_err = -ENOBUFS;
  listen_on(&kernel, 1, 80)->queue = 1;
  listen_at(&kernel, 2, "/a")->queue = 1;
  lb_inspection_begin_plan(&walk);
  for (size_t i = 0; i < kernel.len; i++)
    assert_int_equal(lb_inspection_add_socket(&walk, &kernel.sockets[i].row),
                     0);
  lb_inspection_end_plan(&walk);
  lb_inspection_run(&walk, &kernel.source, &cost_ns);
  assert_false(walk.done);
  assert_int_equal(walk.err, -ENOBUFS);
  assert_int_equal(cost_ns, 7);
  assert_int_equal(kernel.pendings, 0);
  lb_inspection_begin_plan(&walk);
  assert_int_equal(walk.err, -ENOBUFS); /* until there is another */
  lb_inspection_run(&walk, &kernel.source, &cost_ns);
  assert_true(walk.done);
  assert_int_equal(walk.err, 0);
  lb_inspection_free(&walk);
}

/* --- whose they are ------------------------------------------------------ */

/* Of a walk of the ports 80 and 443. */
static void add_point(struct lb_inspection *walk, const char *local,
                      uint16_t port, uint32_t ifindex, uint32_t queue) {
  if (!walk->planned)
    plan_ports(walk, (const uint16_t[]){80, 443}, 2);
  struct lb_listen_sock row = tcp(local, port, queue);
  row.ifindex = ifindex;
  assert_int_equal(lb_inspection_add_endpoint(walk, &row, queue), 0);
}

static struct lb_conn *add_conn(struct lb_inspection *walk, const char *local,
                                uint16_t port, enum lb_conn_kind kind,
                                uint32_t wait_ms) {
  struct lb_conn *added = lb_conns_add(&walk->conns);
  assert_non_null(added);
  *added = conn(local, port, kind, wait_ms);
  return added;
}

/* One that waits and that tells by how long it does who it is. */
static struct lb_conn *add_waiting(struct lb_inspection *walk,
                                   const char *local, uint32_t ifindex,
                                   uint32_t wait_ms) {
  struct lb_conn *added = add_conn(walk, local, 80, LB_CONN_WAITING, wait_ms);
  added->ifindex = ifindex;
  return added;
}

/* A line for each point, "queue visible closed half_open wait". */
static void assert_points(struct lb_inspection *walk, const char *want) {
  struct text got = {.len = 0};
  lb_inspection_match(walk);
  for (size_t i = 0; i < walk->endpoints_len; i++) {
    const struct lb_endpoint *point = &walk->endpoints[i];
    char local[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, point->row.address, local, sizeof(local));
    say(&got, "IPv%d [%s]:%u", point->row.family == AF_INET6 ? 6 : 4, local,
        (unsigned)point->row.port);
    if (point->row.ifindex)
      say(&got, " on %u", point->row.ifindex);
    say(&got, ": %u %u %u %u %u\n", (unsigned)point->queue,
        (unsigned)point->visible, (unsigned)point->closed,
        (unsigned)point->half_open, point->wait_ms);
  }
  assert_string_equal(got.at, want);
  lb_inspection_free(walk);
}

static void an_address_comes_before_any_address(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  add_point(&walk, "0.0.0.0", 80, 0, 1);
  add_point(&walk, "10.0.0.1", 80, 0, 1);
  add_point(&walk, "::", 80, 0, 1);
  add_point(&walk, "::1", 80, 0, 1);
  add_waiting(&walk, "10.0.0.1", 0, 10);
  add_waiting(&walk, "10.0.0.2", 0, 20);
  add_waiting(&walk, "::1", 0, 30);
  add_waiting(&walk, "fe80::1", 0, 40);
  assert_points(&walk, "IPv4 [::ffff:0.0.0.0]:80: 1 1 0 0 20\n"
                       "IPv4 [::ffff:10.0.0.1]:80: 1 1 0 0 10\n"
                       "IPv6 [::]:80: 1 1 0 0 40\n"
                       "IPv6 [::1]:80: 1 1 0 0 30\n");
}

static void a_client_by_ipv4_may_be_one_of_an_ipv6_socket(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  add_point(&walk, "0.0.0.0", 80, 0, 0);
  add_point(&walk, "::", 80, 0, 0);
  struct lb_conn *dual = add_waiting(&walk, "10.0.0.1", 0, 10);
  dual->family = AF_INET6; /* that of the listening socket */
  add_waiting(&walk, "10.0.0.1", 0, 20);
  assert_points(&walk, "IPv4 [::ffff:0.0.0.0]:80: 0 1 0 0 20\n"
                       "IPv6 [::]:80: 0 1 0 0 10\n");
}

static void an_ipv6_socket_may_be_bound_to_an_ipv4_address(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  add_point(&walk, "::ffff:10.0.0.1", 80, 0, 0);
  add_point(&walk, "::", 80, 0, 0);
  add_waiting(&walk, "::ffff:10.0.0.1", 0, 10);
  add_waiting(&walk, "::ffff:10.0.0.2", 0, 20);
  assert_points(&walk, "IPv6 [::]:80: 0 1 0 0 20\n"
                       "IPv6 [::ffff:10.0.0.1]:80: 0 1 0 0 10\n");
}

static void
a_device_comes_before_any_device_but_after_the_address(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  add_point(&walk, "0.0.0.0", 80, 0, 0);
  add_point(&walk, "0.0.0.0", 80, 3, 0);
  add_point(&walk, "10.0.0.1", 80, 0, 0);
  add_point(&walk, "10.0.0.1", 80, 3, 0);
  add_point(&walk, "10.0.0.9", 80, 0, 0);
  add_waiting(&walk, "10.0.0.1", 3, 10);
  add_waiting(&walk, "10.0.0.1", 0, 20);
  add_waiting(&walk, "10.0.0.1", 5, 30); /* a VRF's, at any device */
  add_waiting(&walk, "10.0.0.2", 3, 40);
  add_waiting(&walk, "10.0.0.2", 5, 50);
  add_waiting(&walk, "10.0.0.9", 3, 60);
  assert_points(&walk, "IPv4 [::ffff:0.0.0.0]:80: 0 1 0 0 50\n"
                       "IPv4 [::ffff:0.0.0.0]:80 on 3: 0 1 0 0 40\n"
                       "IPv4 [::ffff:10.0.0.1]:80: 0 2 0 0 30\n"
                       "IPv4 [::ffff:10.0.0.1]:80 on 3: 0 1 0 0 10\n"
                       "IPv4 [::ffff:10.0.0.9]:80: 0 1 0 0 60\n");
}

static void members_of_a_reuseport_group_are_one_point(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  add_point(&walk, "0.0.0.0", 80, 0, 2);
  add_point(&walk, "0.0.0.0", 443, 0, 7);
  add_point(&walk, "0.0.0.0", 80, 0, 3);
  add_point(&walk, "::", 80, 0, 1);
  add_point(&walk, "0.0.0.0", 80, 0, 0);
  add_conn(&walk, "10.0.0.1", 80, LB_CONN_WAITING, 10);
  add_conn(&walk, "10.0.0.1", 80, LB_CONN_CLOSED, 30);
  add_conn(&walk, "10.0.0.1", 80, LB_CONN_WAITING, 20);
  add_conn(&walk, "10.0.0.1", 80, LB_CONN_HALF_OPEN, 99);
  assert_points(&walk, "IPv4 [::ffff:0.0.0.0]:80: 5 3 1 1 30\n"
                       "IPv6 [::]:80: 1 0 0 0 0\n"
                       "IPv4 [::ffff:0.0.0.0]:443: 7 0 0 0 0\n");
}

static void a_socket_of_a_port_not_asked_for_is_no_point(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  add_point(&walk, "0.0.0.0", 79, 0, 1);
  add_point(&walk, "0.0.0.0", 80, 0, 2);
  add_point(&walk, "0.0.0.0", 81, 0, 3);
  add_point(&walk, "0.0.0.0", 443, 0, 4);
  add_point(&walk, "0.0.0.0", 65535, 0, 5);
  assert_points(&walk, "IPv4 [::ffff:0.0.0.0]:80: 2 0 0 0 0\n"
                       "IPv4 [::ffff:0.0.0.0]:443: 4 0 0 0 0\n");
}

static void what_belongs_to_nobody_is_left_out(void **state) {
  (void)state;
  struct lb_inspection walk = {0};
  assert_points(&walk, "");
  add_conn(&walk, "10.0.0.1", 80, LB_CONN_HALF_OPEN, 0);
  assert_points(&walk, "");
  add_point(&walk, "10.0.0.1", 80, 0, 0);
  add_conn(&walk, "10.0.0.2", 80, LB_CONN_WAITING, 1);
  add_conn(&walk, "10.0.0.1", 81, LB_CONN_CLOSED, 1);
  add_conn(&walk, "10.0.0.1", 81, LB_CONN_HALF_OPEN, 1);
  add_conn(&walk, "::1", 80, LB_CONN_HALF_OPEN, 1);
  assert_points(&walk, "IPv4 [::ffff:10.0.0.1]:80: 0 0 0 0 0\n");
}

/* --- what is reported ---------------------------------------------------- */

struct world {
  struct kernel kernel;
  struct lb_settings settings;
  struct lb_netns_ref scope;
  struct lb_label_registry *labels;
  struct lb_collector *survey;
  struct lb_inspection walk;
  uint64_t now_ms;
};

static int set_up(void **state) {
  static struct world world;
  world = (struct world){
      .kernel = new_kernel(),
      .settings = {.listening_ports = true, .listening_paths = true},
      .scope = {.label = ""}};
  *state = &world;
  return lb_label_registry_new(&world.labels) ||
         lb_collector_new(&world.settings, &world.scope, world.labels,
                          &world.kernel.source, &world.survey);
}

static int tear_down(void **state) {
  struct world *world = *state;
  lb_inspection_free(&world->walk);
  lb_collector_free(world->survey);
  lb_label_registry_free(world->labels);
  lb_settings_free(&world->settings);
  return 0;
}

static void restart(struct world *world) {
  lb_collector_free(world->survey);
  world->survey = NULL;
  assert_int_equal(lb_collector_new(&world->settings, &world->scope,
                                    world->labels, &world->kernel.source,
                                    &world->survey),
                   0);
}

static void look(struct world *world) {
  world->now_ms += 1000;
  assert_int_equal(lb_collector_sample(world->survey, world->now_ms), 0);
}

/* Looks, plans and walks; the kernel may change before what follows. */
static void walk(struct world *world) {
  uint64_t cost_ns = 0;
  look(world);
  assert_int_equal(lb_collector_plan_inspection(world->survey, &world->walk),
                   0);
  lb_inspection_run(&world->walk, &world->kernel.source, &cost_ns);
}

static void say_inspected(void *data, const struct lb_readings *reading) {
  static const unsigned of_walks =
      1u << LB_QUEUE | 1u << LB_WAIT | 1u << LB_ABANDONED | 1u << LB_SYN;
  struct lb_readings short_one = *reading;
  short_one.values.present &= of_walks;
  if (!reading->is_namespace)
    say_reading(data, &short_one);
}

/* Ends the interval; the queue, and what the walk found. */
static void assert_end(struct world *world, const char *want) {
  struct text got = {.len = 0};
  struct lb_sample_errors troubles;
  look(world);
  if (world->walk.done)
    assert_int_equal(lb_collector_take_inspection(world->survey, &world->walk),
                     0);
  assert_int_equal(
      lb_collector_end_interval(world->survey, world->now_ms, &troubles), 0);
  lb_collector_visit_readings(world->survey, say_inspected, &got);
  assert_string_equal(got.at, want);
}

static void one_walk_tells_of_all_listeners(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 3;
  listen_on(kernel, 2, 81);
  listen_on(kernel, 3, 443)->queue = 1;
  connect_to(kernel, 80, LB_CONN_WAITING, 1250);
  connect_to(kernel, 80, LB_CONN_CLOSED, 2500);
  connect_to(kernel, 80, LB_CONN_WAITING, 10);
  connect_to(kernel, 81, LB_CONN_HALF_OPEN, 0);
  connect_to(kernel, 81, LB_CONN_HALF_OPEN, 0);
  connect_to(kernel, 443, LB_CONN_WAITING, 1);
  walk(world);
  assert_int_equal(kernel->walks, 1);
  assert_int_equal(kernel->asked_len, 2);
  assert_true(kernel->asked_queued);
  assert_end(world, "80: queue 3 wait 2.5 abandoned 1 syn 0\n"
                    "81: queue 0 wait 0 abandoned 0 syn 2\n"
                    "443: queue 1 wait 0.001 abandoned 0 syn 0\n");
}

static void only_half_open_ones_are_walked_for_without_a_queue(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  connect_to(kernel, 80, LB_CONN_HALF_OPEN, 0);
  connect_to(kernel, 80, LB_CONN_WAITING, 1250); /* since the look */
  walk(world);
  assert_false(kernel->asked_queued);
  assert_end(world, "80: queue 0 wait 0 abandoned 0 syn 1\n");
}

static void what_a_queue_has_and_a_walk_shows_not_was_reset(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 5;
  connect_to(kernel, 80, LB_CONN_WAITING, 1000);
  connect_to(kernel, 80, LB_CONN_CLOSED, 500);
  walk(world);
  assert_end(world, "80: queue 5 wait 1 abandoned 4 syn 0\n");
}

static void the_lesser_queue_of_before_and_after_counts(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 5;
  listen_on(kernel, 2, 81)->queue = 3;
  for (uint16_t port = 80; port <= 81; port++) {
    connect_to(kernel, port, LB_CONN_WAITING, 1000);
    connect_to(kernel, port, LB_CONN_WAITING, 1000);
  }
  walk(world);
  socket_of(kernel, 1)->queue = 3;
  socket_of(kernel, 2)->queue = 5;
  assert_end(world, "80: queue 3 wait 1 abandoned 1 syn 0\n"
                    "81: queue 5 wait 1 abandoned 1 syn 0\n");
}

static void more_visible_than_queued_is_no_reset(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 1;
  connect_to(kernel, 80, LB_CONN_WAITING, 1000);
  connect_to(kernel, 80, LB_CONN_WAITING, 10);
  walk(world);
  assert_end(world, "80: queue 1 wait 1 abandoned 0 syn 0\n");
}

static void where_all_were_reset_nobody_knows_since_when(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 2;
  walk(world);
  assert_end(world, "80: queue 2 abandoned 2 syn 0\n");
}

static void a_reuseport_group_is_right_as_a_whole(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 2;
  listen_on(kernel, 2, 80)->queue = 1;
  listen_on(kernel, 3, 80);
  connect_to(kernel, 80, LB_CONN_CLOSED, 70);
  connect_to(kernel, 80, LB_CONN_HALF_OPEN, 0);
  walk(world);
  assert_end(world, "80: queue 3 wait 0.07 abandoned 3 syn 1\n");
}

static void each_point_has_its_own_resets(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_address inside = address("10.0.0.1");
  struct lb_ports port = {80, 80};
  const struct lb_selection service = {.label = "inside",
                                       .ports = &port,
                                       .ports_len = 1,
                                       .addresses = &inside,
                                       .addresses_len = 1};
  assert_int_equal(lb_settings_add(&world->settings, &service), 0);
  restart(world);
  bind_row(listen_on(kernel, 1, 80), "10.0.0.1");
  bind_row(listen_on(kernel, 2, 80), "0.0.0.0");
  bind_row(listen_on(kernel, 3, 80), "::");
  for (uint64_t cookie = 1; cookie <= 3; cookie++)
    socket_of(kernel, cookie)->queue = 2;
  kernel->conns[0] = conn("10.0.0.1", 80, LB_CONN_WAITING, 10);
  kernel->conns[1] = conn("10.0.0.2", 80, LB_CONN_WAITING, 20);
  kernel->conns[2] = conn("10.0.0.3", 80, LB_CONN_WAITING, 30);
  kernel->conns[3] = conn("10.0.0.3", 80, LB_CONN_WAITING, 40);
  kernel->conns_len = 4;
  walk(world);
  /* one of 10.0.0.1's, two of [::]'s; that 0.0.0.0 shows one more than it had
   * makes up for none of these */
  assert_end(world, "inside: queue 2 wait 0.01 abandoned 1 syn 0\n"
                    "80: queue 4 wait 0.04 abandoned 2 syn 0\n");
}

static void what_listens_since_the_walk_was_not_asked_for(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 1;
  connect_to(kernel, 80, LB_CONN_WAITING, 50);
  walk(world);
  listen_on(kernel, 2, 80)->queue = 4; /* joins the group of 1 */
  listen_on(kernel, 3, 81)->queue = 4;
  listen_at(kernel, 4, "/run/a")->queue = 4;
  assert_end(world, "80: queue 5 wait 0.05 abandoned 0 syn 0\n"
                    "81: queue 4\n"
                    "run-a: queue 4\n");
  walk(world);
  assert_end(world, "80: queue 5 wait 0.05 abandoned 4 syn 0\n"
                    "81: queue 4 abandoned 4 syn 0\n"
                    "run-a: queue 4 abandoned 0\n");
}

static void a_queue_of_an_earlier_walk_is_none_of_this(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_on(kernel, 2, 80)->queue = 4;
  walk(world);
  struct listening away = *listening_of(kernel, 2);
  close_socket(kernel, 2);
  look(world);
  walk(world);
  kernel->sockets[kernel->len++] = away; /* listens again */
  assert_end(world, "80: queue 4 wait 0 abandoned 0 syn 0\n");
}

static void what_is_gone_since_the_walk_has_no_values(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  assert_int_equal(lb_settings_add_port(&world->settings, 80), 0);
  restart(world);
  listen_on(kernel, 1, 80)->queue = 1;
  listen_on(kernel, 2, 81)->queue = 1;
  listen_on(kernel, 3, 81)->queue = 1;
  connect_to(kernel, 81, LB_CONN_WAITING, 50);
  walk(world);
  close_socket(kernel, 1);
  close_socket(kernel, 2);
  assert_end(world, "80:\n81: queue 1 wait 0.05 abandoned 0 syn 0\n");
}

static void a_walk_that_failed_tells_nothing(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80)->queue = 1;
  listen_at(kernel, 2, "/run/a")->queue = 1;
  kernel->waiting_err = -ENOBUFS;
  walk(world);
  assert_end(world, "80: queue 1\nrun-a: queue 1\n");
}

static void a_walk_tells_of_one_interval(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  assert_end(world, "80: queue 0\n");
  walk(world);
  assert_end(world, "80: queue 0 wait 0 abandoned 0 syn 0\n");
  world->walk.done = false; /* none is made */
  assert_end(world, "80: queue 0\n");
}

static void nobody_asks_for_what_is_not_reported(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  lb_portset_add(&world->settings.ignored, 22);
  restart(world);
  listen_on(kernel, 1, 22)->queue = 1;
  listen_at(kernel, 2, "/a/b");
  listen_at(kernel, 3, "/a-b")->queue = 1; /* has no label */
  walk(world);
  assert_int_equal(kernel->walks + kernel->pendings, 0);
  listen_on(kernel, 4, 80);
  walk(world);
  assert_int_equal(kernel->walks, 1);
  assert_int_equal(kernel->asked_len, 1);
  assert_int_equal(kernel->asked[0].first, 80);
  assert_false(kernel->asked_queued);
}

/* --- UNIX sockets -------------------------------------------------------- */

static void of_unix_sockets_the_closed_ones_are_told(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_at(kernel, 1, "/run/a")->queue = 3;
  listen_at(kernel, 2, "/run/b");
  listening_of(kernel, 1)->closed = 2;
  walk(world);
  assert_int_equal(kernel->pendings, 1);
  assert_end(world, "run-a: queue 3 abandoned 2\nrun-b: queue 0 abandoned 0\n");
}

static void too_many_at_a_unix_socket_are_not_told(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  struct lb_unix_name names[] = {path("/run/a"), path("/run/b")};
  struct lb_ports port = {80, 80};
  const struct lb_selection service = {.label = "all",
                                       .ports = &port,
                                       .ports_len = 1,
                                       .unix_names = names,
                                       .unix_names_len = LEN(names)};
  assert_int_equal(lb_settings_add(&world->settings, &service), 0);
  restart(world);
  listen_on(kernel, 1, 80)->queue = 1;
  listen_at(kernel, 2, "/run/a")->queue = 9;
  listen_at(kernel, 3, "/run/b")->queue = 1;
  listen_at(kernel, 4, "/run/c")->queue = 1;
  listening_of(kernel, 3)->closed = listening_of(kernel, 4)->closed = 1;
  connect_to(kernel, 80, LB_CONN_CLOSED, 20);
  listening_of(kernel, 2)->pending_err = -EMSGSIZE;
  walk(world);
  assert_end(world, "all: queue 11 wait 0.02 syn 0\n"
                    "run-c: queue 1 abandoned 1\n");
  listening_of(kernel, 2)->pending_err = 0;
  walk(world);
  assert_end(world, "all: queue 11 wait 0.02 abandoned 2 syn 0\n"
                    "run-c: queue 1 abandoned 1\n");
}

static void a_unix_socket_gone_meanwhile_is_passed_over(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_at(kernel, 1, "/run/a")->queue = 1;
  listen_at(kernel, 2, "/run/a")->queue = 1;
  listening_of(kernel, 1)->pending_err = -ENOENT;
  listening_of(kernel, 2)->closed = 1;
  walk(world);
  assert_end(world, "run-a: queue 2 abandoned 1\n");
}

static void unix_sockets_that_could_not_be_seen_are_not_asked(void **state) {
  struct world *world = *state;
  struct kernel *kernel = &world->kernel;
  listen_on(kernel, 1, 80);
  listen_at(kernel, 2, "/run/a")->queue = 1;
  look(world);
  kernel->paths_err = -ENOBUFS;
  walk(world);
  assert_int_equal(kernel->pendings, 0);
  assert_end(world, "80: queue 0 wait 0 abandoned 0 syn 0\n");
  walk(world);
  kernel->paths_err = 0;
  assert_end(world, "80: queue 0 wait 0 abandoned 0 syn 0\n"
                    "run-a: queue 1\n");
}

/* --- memory -------------------------------------------------------------- */

static void without_memory_for_the_points_nothing_is_told(void **state) {
  struct world *world = *state;
  struct lb_sample_errors troubles;
  listen_on(&world->kernel, 1, 80)->queue = 1;
  walk(world);
  look(world);
  memory.fails = 1;
  assert_int_equal(lb_collector_take_inspection(world->survey, &world->walk),
                   -ENOMEM);
  assert_int_equal(
      lb_collector_end_interval(world->survey, world->now_ms, &troubles), 0);
  struct text got = {.len = 0};
  lb_collector_visit_readings(world->survey, say_inspected, &got);
  assert_string_equal(got.at, "80: queue 1\n");
}

static void without_memory_there_is_no_plan(void **state) {
  struct world *world = *state;
  listen_on(&world->kernel, 1, 80);
  look(world);
  memory.fails = 1;
  assert_int_equal(lb_collector_plan_inspection(world->survey, &world->walk),
                   -ENOMEM);
  assert_false(world->walk.planned);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(neighbours_are_asked_for_as_ranges),
      cmocka_unit_test(all_ports_are_one_range),
      cmocka_unit_test(only_who_has_a_queue_is_asked_for_his),
      cmocka_unit_test(out_of_memory_is_an_error_of_the_plan),
      cmocka_unit_test(half_open_ones_are_asked_for_where_nobody_waits),
      cmocka_unit_test(a_walk_for_unix_sockets_alone_walks_no_connections),
      cmocka_unit_test(a_walk_that_fails_costs_its_time_and_is_not_done),
      cmocka_unit_test(an_address_comes_before_any_address),
      cmocka_unit_test(a_client_by_ipv4_may_be_one_of_an_ipv6_socket),
      cmocka_unit_test(an_ipv6_socket_may_be_bound_to_an_ipv4_address),
      cmocka_unit_test(a_device_comes_before_any_device_but_after_the_address),
      cmocka_unit_test(members_of_a_reuseport_group_are_one_point),
      cmocka_unit_test(a_socket_of_a_port_not_asked_for_is_no_point),
      cmocka_unit_test(what_belongs_to_nobody_is_left_out),
      IN_WORLD(one_walk_tells_of_all_listeners),
      IN_WORLD(only_half_open_ones_are_walked_for_without_a_queue),
      IN_WORLD(what_a_queue_has_and_a_walk_shows_not_was_reset),
      IN_WORLD(the_lesser_queue_of_before_and_after_counts),
      IN_WORLD(more_visible_than_queued_is_no_reset),
      IN_WORLD(where_all_were_reset_nobody_knows_since_when),
      IN_WORLD(a_reuseport_group_is_right_as_a_whole),
      IN_WORLD(each_point_has_its_own_resets),
      IN_WORLD(what_listens_since_the_walk_was_not_asked_for),
      IN_WORLD(a_queue_of_an_earlier_walk_is_none_of_this),
      IN_WORLD(what_is_gone_since_the_walk_has_no_values),
      IN_WORLD(a_walk_that_failed_tells_nothing),
      IN_WORLD(a_walk_tells_of_one_interval),
      IN_WORLD(nobody_asks_for_what_is_not_reported),
      IN_WORLD(of_unix_sockets_the_closed_ones_are_told),
      IN_WORLD(too_many_at_a_unix_socket_are_not_told),
      IN_WORLD(a_unix_socket_gone_meanwhile_is_passed_over),
      IN_WORLD(unix_sockets_that_could_not_be_seen_are_not_asked),
      IN_WORLD(without_memory_for_the_points_nothing_is_told),
      IN_WORLD(without_memory_there_is_no_plan),
  };
  return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
