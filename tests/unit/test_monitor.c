// SPDX-License-Identifier: MIT
/* Network namespaces that come and go in a scripted world. Of every source that
 * it hands out it knows whether it was closed, and whether it would keep a
 * namespace alive. */
#include "core/monitor.h"

#include "memory.h"
#include "scripted_kernel.h"

/* --- the world ----------------------------------------------------------- */

enum { MAX_PLACES = 8, MAX_DOORS = 16, OWN_INO = 1 };

struct place {
  const char *path;
  const char *name; /* under which it is listed; NULL: it is not */
  uint64_t ino;     /* 0: nothing is there */
  int life;         /* how many have been there before */
  struct kernel *kernel;
};

/* A transport: it goes where its path leads, while that is what was meant. */
struct door {
  struct lb_transport transport; /* first: a door is a transport */
  const char *path;
  uint64_t ino;
  int life;     /* as first seen; -1: not yet */
  bool is_open; /* and keeps a namespace alive */
};

static struct universe {
  struct kernel own;
  struct place places[MAX_PLACES];
  size_t len;
  struct door *doors[MAX_DOORS]; /* that are not closed for good */
  int opened;
  int closed;
  int rested;
  int list_err;     /* after this one has been visited */
  size_t list_only; /* with list_err: so many */
} * there;          /* that of the fixture */

static struct place *place_at(const char *path) {
  for (size_t i = 0; i < there->len; i++)
    if (there->places[i].ino && strcmp(there->places[i].path, path) == 0)
      return &there->places[i];
  return NULL;
}

/* Where it leads, or NULL and *err. */
static struct lb_transport *go_through(struct lb_transport *transport,
                                       int *err) {
  struct door *door = (struct door *)transport;
  struct place *place = door->path ? place_at(door->path) : NULL;
  bool is_there = !door->path || (place && place->ino == door->ino);
  if (is_there && place && door->life < 0)
    door->life = place->life;
  if (is_there && place)
    is_there = place->life == door->life;
  door->is_open = is_there;
  *err = place ? -ESTALE : -ENOENT;
  if (!is_there)
    return NULL;
  return door->path ? &place->kernel->transport : &there->own.transport;
}

static int door_dump(struct lb_transport *transport, enum lb_query_kind kind,
                     struct nlmsghdr *request,
                     struct lb_datagram_handler handler) {
  int err;
  struct lb_transport *kernel = go_through(transport, &err);
  return kernel ? kernel->dump(kernel, kind, request, handler) : err;
}

static int door_end_query(struct lb_transport *transport,
                          enum lb_query_kind kind, int status,
                          uint64_t *cost_ns) {
  int err;
  struct lb_transport *kernel = go_through(transport, &err);
  return kernel ? kernel->end_query(kernel, kind, status, cost_ns) : status;
}

static ssize_t door_read_file(struct lb_transport *transport, enum lb_file file,
                              char *buf, size_t size) {
  int err;
  struct lb_transport *kernel = go_through(transport, &err);
  return kernel ? kernel->read_file(kernel, file, buf, size) : err;
}

static void door_rest(struct lb_transport *transport) {
  struct door *door = (struct door *)transport;
  assert_non_null(door->path);
  door->is_open = false;
  there->rested++;
}

static void door_close(struct lb_transport *transport) {
  for (size_t i = 0; i < MAX_DOORS; i++)
    if (there->doors[i] == (struct door *)transport) {
      free(there->doors[i]);
      there->doors[i] = NULL;
      there->closed++;
      return;
    }
  fail_msg("closed twice");
}

static struct door **free_slot(void) {
  for (size_t i = 0; i < MAX_DOORS; i++)
    if (!there->doors[i])
      return &there->doors[i];
  fail_msg("too many doors");
  return NULL;
}

static int open_door(void *data, const char *path, const struct lb_netns_id *id,
                     struct lb_transport **out) {
  (void)data;
  struct door *door = malloc(sizeof(*door));
  if (!door)
    return -ENOMEM;
  *door = (struct door){.transport = {door_dump, door_end_query, door_read_file,
                                      door_rest, door_close},
                        .path = path,
                        .life = -1,
                        .ino = path ? id->ino : OWN_INO};
  *free_slot() = door;
  there->opened++;
  *out = &door->transport;
  return 0;
}

int __wrap_lb_netns_list(int (*visit)(void *data, const char *path,
                                      const char *name),
                         void *data);
int __wrap_lb_netns_identify(const char *path, struct lb_netns_id *id);

int __wrap_lb_netns_list(int (*visit)(void *data, const char *path,
                                      const char *name),
                         void *data) {
  for (size_t i = 0; i < there->len; i++) {
    const struct place *place = &there->places[i];
    if (there->list_err && i >= there->list_only)
      return there->list_err;
    int err =
        place->ino && place->name ? visit(data, place->path, place->name) : 0;
    if (err)
      return err;
  }
  return 0;
}

int __wrap_lb_netns_identify(const char *path, struct lb_netns_id *id) {
  struct place *place = path ? place_at(path) : NULL;
  if (path && !place)
    return -ENOENT;
  *id = (struct lb_netns_id){.dev = 4, .ino = place ? place->ino : OWN_INO};
  return 0;
}

static struct place *add_place(struct universe *universe, const char *path,
                               const char *name, uint64_t ino,
                               struct kernel *kernel) {
  assert_in_range(universe->len, 0, MAX_PLACES - 1);
  struct place *place = &universe->places[universe->len++];
  *place = (struct place){path, name, ino, 0, kernel};
  return place;
}

/* Another one, in which something has happened before we see it. */
static void make_anew(struct place *place, uint64_t ino) {
  place->ino = ino;
  place->life++;
  *place->kernel = new_kernel();
  listen_on(place->kernel, 1, 80);
  overflow(place->kernel, 1, 3);
}

/* Nothing is kept open that leads nowhere or elsewhere. */
static void assert_no_door_to_what_is_gone(struct universe *universe) {
  for (size_t i = 0; i < MAX_DOORS; i++) {
    const struct door *door = universe->doors[i];
    if (!door || !door->path)
      continue;
    const struct place *place = place_at(door->path);
    assert_true(place && place->ino == door->ino);
  }
}

/* --- the monitor --------------------------------------------------------- */

struct fixture {
  struct universe universe;
  struct kernel kernels[3]; /* for other namespaces */
  struct lb_settings settings;
  struct lb_monitor *monitor;
  uint64_t now_ms;
};

static int set_up(void **state) {
  static struct fixture fixture;
  fixture = (struct fixture){
      .universe = {.own = new_kernel()},
      .kernels = {new_kernel(), new_kernel(), new_kernel()},
      .settings = {.listening_ports = true, .sample_s = 0.1},
      .now_ms = 1000000,
  };
  there = &fixture.universe;
  *state = &fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  lb_monitor_free(fixture->monitor);
  lb_settings_free(&fixture->settings);
  return fixture->universe.opened != fixture->universe.closed;
}

static void start(struct fixture *fixture) {
  assert_int_equal(lb_monitor_new(&fixture->settings,
                                  (struct lb_transport_opener){open_door, NULL},
                                  &fixture->monitor),
                   0);
}

/* Looks there for what names no place. */
static void go_to(struct fixture *fixture, const char *place) {
  add_netns(&fixture->settings, place, true);
}

static void begin_end(struct fixture *fixture) {
  fixture->now_ms += 10000;
  lb_monitor_prepare(fixture->monitor, fixture->now_ms);
}

static void end(struct fixture *fixture) {
  lb_monitor_finish(fixture->monitor, fixture->now_ms);
  assert_no_door_to_what_is_gone(&fixture->universe);
}

static void interval(struct fixture *fixture) {
  begin_end(fixture);
  lb_monitor_inspect(fixture->monitor);
  end(fixture);
}

static void intervals(struct fixture *fixture, int n) {
  while (n-- > 0)
    interval(fixture);
}

static void look_at_all(struct fixture *fixture) {
  fixture->now_ms += 100;
  for (size_t i = 0; i < lb_monitor_len(fixture->monitor); i++)
    lb_monitor_sample(fixture->monitor, i, fixture->now_ms);
}

static void say_short_reading(void *data, const struct lb_readings *reading) {
  static const unsigned some =
      1u << LB_QUEUE | 1u << LB_PEAK | 1u << LB_OVERFLOWS | 1u << LB_ABANDONED;
  struct lb_readings short_one = *reading;
  short_one.values.present &= some;
  say_reading(data, &short_one);
}

static void say_outcome(void *data, const struct lb_outcome *outcome) {
  struct text *out = data;
  if (outcome->inspection_err)
    say(out, "%s: walk %s\n", outcome->label,
        strerrorname_np(-outcome->inspection_err));
  if (outcome->err) {
    assert_null(outcome->collector);
    say(out, "%s at %s: %s\n", outcome->label,
        outcome->path ? outcome->path : "home", strerrorname_np(-outcome->err));
    return;
  }
  lb_collector_visit_readings(outcome->collector, say_short_reading, out);
}

static void assert_outcome(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  lb_monitor_visit(fixture->monitor, say_outcome, &got);
  assert_string_equal(got.at, want);
}

/* --- which there are ----------------------------------------------------- */

static void without_others_there_is_the_own_one(void **state) {
  struct fixture *fixture = *state;
  add_place(&fixture->universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  listen_on(&fixture->universe.own, 1, 80)->queue = 2;
  start(fixture);
  interval(fixture);
  assert_int_equal(lb_monitor_len(fixture->monitor), 1);
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), 0);
  assert_outcome(fixture, ": overflows 0\n80: queue 2 peak 2 overflows 0\n");
}

static void each_has_its_own_numbers(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  add_place(&fixture->universe, "/run/netns/b", "b", 11, &fixture->kernels[1]);
  listen_on(&fixture->universe.own, 1, 80)->queue = 2;
  listen_on(&fixture->kernels[0], 1, 80)->queue = 3;
  listen_on(&fixture->kernels[1], 1, 443)->queue = 4;
  start(fixture);
  interval(fixture);
  overflow(&fixture->kernels[1], 1, 5);
  interval(fixture);
  assert_outcome(fixture,
                 ": overflows 0\n80: queue 2 peak 2 overflows 0\n"
                 "a: overflows 0\na:80: queue 3 peak 3 overflows 0\n"
                 "b: overflows 5\nb:443: queue 4 peak 4 overflows 5\n");
}

static void one_that_is_named_is_missed(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "blue");
  struct place *blue = add_place(&fixture->universe, "/run/netns/blue", "blue",
                                 0, &fixture->kernels[0]);
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue at /run/netns/blue: ENOENT\n");
  blue->ino = 10;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: overflows 0\n");
}

static void one_that_is_listed_comes_and_goes_silently(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n");
  struct place *a = add_place(&fixture->universe, "/run/docker/netns/a", "a",
                              10, &fixture->kernels[0]);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 0\n");
  a->ino = 0;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n");
  assert_int_equal(fixture->universe.closed, 1);
}

static void one_that_is_named_and_listed_is_one(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "a");
  go_to(fixture, "*");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 10,
                              &fixture->kernels[0]);
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 0\n");
  assert_int_equal(lb_monitor_len(fixture->monitor), 2);
  a->ino = 0;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na at /run/netns/a: ENOENT\n");
}

static void one_of_several_names_is_looked_at_once(void **state) {
  struct fixture *fixture = *state;
  struct universe *universe = &fixture->universe;
  go_to(fixture, "*");
  struct place *a =
      add_place(universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  add_place(universe, "/run/netns/b", "b", 10, &fixture->kernels[0]);
  add_place(universe, "/run/docker/netns/default", "default", OWN_INO,
            &universe->own);
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 0\n");
  assert_int_equal(universe->opened, 2);
  a->ino = 0;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nb: overflows 0\n");
  a->ino = 10;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nb: overflows 0\n");
  assert_int_equal(universe->opened, 3);
}

static void one_that_is_named_may_be_the_own_one(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "/proc/1/ns/net");
  add_place(&fixture->universe, "/proc/1/ns/net", NULL, OWN_INO,
            &fixture->universe.own);
  listen_on(&fixture->universe.own, 1, 80)->queue = 2;
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n80: queue 2 peak 2 overflows 0\n"
                          "proc-1-ns-net: overflows 0\n"
                          "proc-1-ns-net:80: queue 2 peak 2 overflows 0\n");
}

static void two_of_one_name_do_not_share_a_label(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  add_place(&fixture->universe, "/run/docker/netns/a", "a", 11,
            &fixture->kernels[1]);
  listen_on(&fixture->kernels[0], 1, 80);
  listen_on(&fixture->kernels[1], 2, 80);
  listen_on(&fixture->kernels[1], 3, 81);
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n"
                          "a: overflows 0\na:80: queue 0 peak 0 overflows 0\n"
                          "a:81: queue 0 peak 0 overflows 0\n");
}

static void a_name_that_makes_no_label_is_left_out(void **state) {
  struct fixture *fixture = *state;
  char name[LB_LABEL_SIZE + 1], path[LB_LABEL_SIZE + 32];
  memset(name, 'n', LB_LABEL_SIZE);
  name[LB_LABEL_SIZE] = '\0';
  snprintf(path, sizeof(path), "/run/netns/%s", name);
  go_to(fixture, "*");
  struct place *longest =
      add_place(&fixture->universe, path, name, 10, &fixture->kernels[0]);
  add_place(&fixture->universe, "/run/netns/b", "b", 11, &fixture->kernels[1]);
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nb: overflows 0\n");
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), -ENAMETOOLONG);
  longest->ino = 0;
  interval(fixture);
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), 0);
}

static void one_that_cannot_be_entered_costs_only_itself(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  add_place(&fixture->universe, "/run/netns/b", "b", 11, &fixture->kernels[1]);
  fixture->kernels[0].dump_err = -EPERM;
  start(fixture);
  intervals(fixture, 2);
  assert_outcome(fixture, ": overflows 0\na at /run/netns/a: EPERM\n"
                          "b: overflows 0\n");
  fixture->kernels[0].dump_err = 0;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 0\nb: overflows 0\n");
  assert_int_equal(fixture->universe.opened, 3);
}

static void a_kernel_without_the_module_is_no_namespace_gone(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "blue");
  add_place(&fixture->universe, "/run/netns/blue", "blue", 10,
            &fixture->kernels[0]);
  fixture->kernels[0].dump_err = fixture->universe.own.dump_err = -ENOENT;
  start(fixture);
  intervals(fixture, 3);
  assert_outcome(fixture,
                 " at home: ENOENT\nblue at /run/netns/blue: ENOENT\n");
  assert_int_equal(fixture->universe.opened, 2);
  assert_int_equal(fixture->universe.closed, 0);
}

/* "ip netns add" makes a file, and mounts the namespace on it then. */
static void one_that_is_being_made_is_not_told_of(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "blue");
  go_to(fixture, "*");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 10,
                              &fixture->kernels[0]);
  add_place(&fixture->universe, "/run/netns/blue", "blue", 11,
            &fixture->kernels[1]);
  fixture->kernels[0].dump_err = fixture->kernels[1].dump_err = -EINVAL;
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue at /run/netns/blue: EINVAL\n");
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue at /run/netns/blue: EINVAL\n"
                          "a at /run/netns/a: EINVAL\n");
  make_anew(a, 12);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue at /run/netns/blue: EINVAL\n"
                          "a: overflows 3\n"
                          "a:80: queue 0 peak 0 overflows 0\n");
}

/* --- listings that fail -------------------------------------------------- */

static void a_listing_that_fails_takes_nothing_away(void **state) {
  struct fixture *fixture = *state;
  struct universe *universe = &fixture->universe;
  go_to(fixture, "*");
  struct place *a =
      add_place(universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  add_place(universe, "/run/netns/b", "b", 11, &fixture->kernels[1]);
  listen_on(&fixture->kernels[1], 1, 80);
  start(fixture);
  interval(fixture);
  overflow(&fixture->kernels[1], 1, 1000);
  interval(fixture);
  universe->list_err = -EMFILE;
  universe->list_only = 1;
  a->ino = 0;
  interval(fixture);
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), -EMFILE);
  assert_outcome(fixture, ": overflows 0\nb: overflows 1000\n"
                          "b:80: queue 0 peak 0 overflows 1000\n");
  universe->list_err = 0;
  overflow(&fixture->kernels[1], 1, 1);
  interval(fixture);
  assert_int_equal(lb_monitor_listing_error(fixture->monitor), 0);
  assert_outcome(fixture, ": overflows 0\nb: overflows 1001\n"
                          "b:80: queue 0 peak 0 overflows 1001\n");
}

/* --- those that are made anew -------------------------------------------- */

static void counters_go_on_in_a_new_one_of_the_name(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 10,
                              &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80);
  start(fixture);
  interval(fixture);
  overflow(&fixture->kernels[0], 1, 7);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 7\n"
                          "a:80: queue 0 peak 0 overflows 7\n");
  a->ino = 0;
  intervals(fixture, 5);
  make_anew(a, 11);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 10\n"
                          "a:80: queue 0 peak 0 overflows 10\n");
  make_anew(a, 12); /* with no time between */
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 13\n"
                          "a:80: queue 0 peak 0 overflows 13\n");
  assert_int_equal(fixture->universe.opened, 4);
  assert_int_equal(fixture->universe.closed, 2);
}

static void after_a_minute_it_is_forgotten(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 10,
                              &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80);
  start(fixture);
  interval(fixture);
  overflow(&fixture->kernels[0], 1, 7);
  interval(fixture);
  a->ino = 0;
  intervals(fixture, 6);
  assert_int_equal(lb_monitor_len(fixture->monitor), 2);
  interval(fixture);
  assert_int_equal(lb_monitor_len(fixture->monitor), 1);
  make_anew(a, 11);
  interval(fixture); /* its label is free, what was counted is nobody's */
  assert_outcome(fixture, ": overflows 0\na: overflows 3\n"
                          "a:80: queue 0 peak 0 overflows 0\n");
}

static void one_that_is_named_is_never_forgotten(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "a");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 10,
                              &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80);
  start(fixture);
  interval(fixture);
  overflow(&fixture->kernels[0], 1, 7);
  interval(fixture);
  a->ino = 0;
  intervals(fixture, 20);
  make_anew(a, 11);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\na: overflows 10\n"
                          "a:80: queue 0 peak 0 overflows 10\n");
}

static void two_that_change_places_are_found_again(void **state) {
  struct fixture *fixture = *state;
  struct universe *universe = &fixture->universe;
  go_to(fixture, "*");
  struct place *a =
      add_place(universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  struct place *b =
      add_place(universe, "/run/netns/b", "b", 11, &fixture->kernels[1]);
  listen_on(&fixture->kernels[0], 1, 80)->queue = 1;
  listen_on(&fixture->kernels[1], 2, 80)->queue = 2;
  start(fixture);
  interval(fixture);
  a->ino = 11;
  a->kernel = &fixture->kernels[1];
  b->ino = 10;
  b->kernel = &fixture->kernels[0];
  intervals(fixture, 2);
  assert_outcome(fixture, ": overflows 0\n"
                          "a: overflows 0\na:80: queue 2 peak 2 overflows 0\n"
                          "b: overflows 0\nb:80: queue 1 peak 1 overflows 0\n");
}

/* --- those that go within an interval ------------------------------------ */

static void
one_that_goes_after_it_was_found_is_closed_at_the_end(void **state) {
  struct fixture *fixture = *state;
  struct universe *universe = &fixture->universe;
  go_to(fixture, "blue");
  struct place *blue =
      add_place(universe, "/run/netns/blue", "blue", 10, &fixture->kernels[0]);
  start(fixture);
  interval(fixture);
  begin_end(fixture);
  blue->ino = 0;
  look_at_all(fixture); /* beside a walk, which may use its source */
  assert_int_equal(universe->closed, 0);
  assert_false(universe->doors[1]->is_open); /* it has let go by itself */
  end(fixture);
  assert_int_equal(universe->closed, 1);
  assert_outcome(fixture, ": overflows 0\nblue at /run/netns/blue: ENOENT\n");
}

static void one_that_is_replaced_after_it_was_found_is_closed(void **state) {
  struct fixture *fixture = *state;
  struct universe *universe = &fixture->universe;
  go_to(fixture, "blue");
  struct place *blue =
      add_place(universe, "/run/netns/blue", "blue", 10, &fixture->kernels[0]);
  start(fixture);
  interval(fixture);
  begin_end(fixture);
  make_anew(blue, 11);
  look_at_all(fixture);
  end(fixture);
  assert_int_equal(universe->closed, 1);
  assert_outcome(fixture, ": overflows 0\nblue at /run/netns/blue: ENOENT\n");
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: overflows 3\n"
                          "blue:80: queue 0 peak 0 overflows 3\n");
}

/* The kernel gives away the inode number of one that is gone. */
static void one_with_the_inode_of_the_one_before_is_another(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "blue");
  struct place *blue = add_place(&fixture->universe, "/run/netns/blue", "blue",
                                 10, &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80);
  start(fixture);
  interval(fixture);
  overflow(&fixture->kernels[0], 1, 5);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: overflows 5\n"
                          "blue:80: queue 0 peak 0 overflows 5\n");
  make_anew(blue, 10);
  look_at_all(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: overflows 8\n"
                          "blue:80: queue 0 peak 0 overflows 8\n");
  fixture->settings.inspect = true; /* which looks before the walk, too */
  make_anew(blue, 10);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: overflows 11\n"
                          "blue:80: queue 0 peak 0 overflows 11 "
                          "abandoned 0\n");
  begin_end(fixture);
  make_anew(blue, 10);
  lb_monitor_inspect(fixture->monitor);
  end(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: overflows 14\n"
                          "blue:80: queue 0 peak 0 overflows 14\n");
  assert_int_equal(fixture->universe.opened, 5);
  assert_int_equal(fixture->universe.closed, 3);
}

static void a_walk_in_one_that_goes_tells_nothing(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.inspect = true;
  go_to(fixture, "blue");
  struct place *blue = add_place(&fixture->universe, "/run/netns/blue", "blue",
                                 10, &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80)->queue = 1;
  start(fixture);
  begin_end(fixture);
  blue->ino = 0;
  lb_monitor_inspect(fixture->monitor);
  look_at_all(fixture);
  end(fixture);
  assert_outcome(fixture, ": overflows 0\nblue: walk ENOENT\n"
                          "blue at /run/netns/blue: ENOENT\n");
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n"
                          "blue at /run/netns/blue: ENOENT\n");
}

static void looks_within_an_interval_give_its_peaks(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 10,
                              &fixture->kernels[0]);
  listen_on(&fixture->universe.own, 1, 80);
  listen_on(&fixture->kernels[0], 1, 80)->queue = 5;
  start(fixture);
  interval(fixture);
  socket_of(&fixture->universe.own, 1)->queue = 4;
  look_at_all(fixture);
  socket_of(&fixture->universe.own, 1)->queue = 0;
  socket_of(&fixture->kernels[0], 1)->queue = 0;
  look_at_all(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n80: queue 0 peak 4 overflows 0\n"
                          "a: overflows 0\na:80: queue 0 peak 5 overflows 0\n");
  a->ino = 0;
  interval(fixture);
  int dumps = fixture->kernels[0].dumps;
  look_at_all(fixture);
  assert_int_equal(fixture->kernels[0].dumps, dumps);
}

static void what_fails_at_the_end_is_told_and_nothing_else(void **state) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->universe.own;
  listen_on(own, 1, 80)->queue = 3;
  start(fixture);
  interval(fixture);
  own->dump_err = -ENOBUFS;
  look_at_all(fixture);
  own->dump_err = 0;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n80: queue 3 peak 3 overflows 0\n");
  look_at_all(fixture);
  own->dump_err = -ENOBUFS;
  interval(fixture);
  assert_outcome(fixture, " at home: ENOBUFS\n");
  own->dump_err = 0;
  socket_of(own, 1)->queue = 0;
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n80: queue 0 peak 3 overflows 0\n");
}

/* --- what is kept open --------------------------------------------------- */

static void between_intervals_of_one_look_nothing_is_kept_open(void **state) {
  struct fixture *fixture = *state;
  struct universe *universe = &fixture->universe;
  fixture->settings.sample_s = 0;
  go_to(fixture, "*");
  add_place(universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  start(fixture);
  for (int i = 1; i <= 3; i++) {
    interval(fixture);
    assert_int_equal(universe->rested, i);
    assert_true(universe->doors[0]->is_open); /* the own one */
    assert_false(universe->doors[1]->is_open);
  }
  assert_int_equal(universe->opened, 2);
}

static void between_looks_it_is(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  start(fixture);
  intervals(fixture, 3);
  assert_int_equal(fixture->universe.rested, 0);
  assert_true(fixture->universe.doors[1]->is_open);
}

/* Between any two steps of an interval. */
static void change_world(struct fixture *fixture, unsigned *seed) {
  static uint64_t next_ino = 100;
  static char paths[MAX_PLACES][16];
  struct universe *universe = &fixture->universe;
  for (size_t i = 0; i < MAX_PLACES; i++) {
    if (universe->len == i) {
      snprintf(paths[i], sizeof(paths[i]), "/run/netns/%zu", i);
      add_place(universe, paths[i], paths[i] + 11, 0, &fixture->kernels[i % 3]);
    }
    struct place *place = &universe->places[i];
    switch (rand_r(seed) % 20) {
    case 0:
      place->ino = 0;
      break;
    case 1:
      place->ino = ++next_ino;
      break;
    case 2:
      place->ino = universe->places[0].ino;
      break;
    case 3:
      place->ino = OWN_INO;
      break;
    case 4:
      place->kernel->dump_err = place->kernel->dump_err ? 0 : -EPERM;
      break;
    }
  }
}

static void whatever_comes_and_goes_is_opened_and_closed_once(void **state) {
  struct fixture *fixture = *state;
  unsigned seed = 11;
  fixture->settings.inspect = true;
  fixture->settings.listening_paths = true;
  go_to(fixture, "3");
  go_to(fixture, "*");
  for (uint16_t i = 0; i < 3; i++) {
    listen_on(&fixture->kernels[i], 1 + i, (uint16_t)(80 + i))->queue = i;
    listen_at(&fixture->kernels[i], 10 + i, "/run/a")->queue = 1;
  }
  start(fixture);
  for (int i = 0; i < 2000; i++) {
    struct text got = {.len = 0};
    change_world(fixture, &seed);
    look_at_all(fixture);
    begin_end(fixture);
    change_world(fixture, &seed);
    lb_monitor_inspect(fixture->monitor);
    change_world(fixture, &seed);
    look_at_all(fixture);
    end(fixture);
    lb_monitor_visit(fixture->monitor, say_outcome, &got);
    assert_in_range(lb_monitor_len(fixture->monitor), 1, MAX_PLACES + 1);
    assert_in_range(fixture->universe.opened - fixture->universe.closed, 1,
                    MAX_PLACES + 1);
  }
  assert_true(fixture->universe.closed > 1000);
}

/* --- walks --------------------------------------------------------------- */

static void without_the_option_no_walk_is_made(void **state) {
  struct fixture *fixture = *state;
  listen_on(&fixture->universe.own, 1, 80)->queue = 1;
  start(fixture);
  intervals(fixture, 3);
  assert_int_equal(fixture->universe.own.walks, 0);
  assert_outcome(fixture, ": overflows 0\n80: queue 1 peak 1 overflows 0\n");
}

static void with_it_one_in_each_interval(void **state) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->universe.own;
  fixture->settings.inspect = true;
  own->cost_ns = 89999999; /* of 10 s, not quite 0.9 % */
  listen_on(own, 1, 80)->queue = 1;
  start(fixture);
  for (int i = 1; i <= 5; i++) {
    interval(fixture);
    assert_int_equal(own->walks, i);
    assert_false(lb_monitor_inspection_cost(fixture->monitor).slowed);
    assert_int_equal(lb_monitor_inspection_cost(fixture->monitor).cost_ns,
                     own->cost_ns);
    assert_outcome(fixture, ": overflows 0\n"
                            "80: queue 1 peak 1 overflows 0 abandoned 1\n");
  }
}

/* "W" for each interval with a walk, "-" for one that was slowed. */
static void assert_rhythm(struct fixture *fixture, const char *want) {
  struct text got = {.len = 0};
  for (size_t i = 0; i < strlen(want); i++) {
    int walks = fixture->universe.own.walks;
    interval(fixture);
    bool walked = fixture->universe.own.walks > walks;
    assert_int_equal(lb_monitor_inspection_cost(fixture->monitor).slowed,
                     !walked);
    say(&got, walked ? "W" : "-");
  }
  assert_string_equal(got.at, want);
}

static void walks_that_take_long_are_made_less_often(void **state) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->universe.own;
  fixture->settings.inspect = true;
  listen_on(own, 1, 80)->queue = 1;
  own->cost_ns = 250000000;
  start(fixture);
  assert_rhythm(fixture, "W--W--W--W--W");
  own->cost_ns = 1000000;
  assert_rhythm(fixture, "-WWWWWW");
}

static void a_value_of_a_walk_left_out_is_absent(void **state) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->universe.own;
  fixture->settings.inspect = true;
  listen_on(own, 1, 80)->queue = 1;
  own->cost_ns = 150000000;
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n"
                          "80: queue 1 peak 1 overflows 0 abandoned 1\n");
  interval(fixture);
  assert_outcome(fixture, ": overflows 0\n80: queue 1 peak 1 overflows 0\n");
  assert_int_equal(lb_monitor_inspection_cost(fixture->monitor).cost_ns,
                   own->cost_ns);
}

static void time_that_walks_did_not_need_is_not_saved_up(void **state) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->universe.own;
  fixture->settings.inspect = true;
  listen_on(own, 1, 80)->queue = 1;
  start(fixture);
  intervals(fixture, 100);
  own->cost_ns = 250000000;
  assert_rhythm(fixture, "W-W--W");
}

static void several_take_turns(void **state) {
  struct fixture *fixture = *state;
  struct kernel *kernels[] = {&fixture->universe.own, &fixture->kernels[0],
                              &fixture->kernels[1]};
  fixture->settings.inspect = true;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, kernels[1]);
  add_place(&fixture->universe, "/run/netns/b", "b", 11, kernels[2]);
  for (size_t i = 0; i < LEN(kernels); i++) {
    listen_on(kernels[i], 1, 80);
    kernels[i]->cost_ns = 60000000;
  }
  start(fixture);
  struct text got = {.len = 0};
  for (int i = 0; i < 6; i++) {
    interval(fixture);
    for (size_t j = 0; j < LEN(kernels); j++) {
      say(&got, "%d", kernels[j]->walks);
      kernels[j]->walks = 0;
    }
    say(&got, lb_monitor_inspection_cost(fixture->monitor).slowed ? " slowed\n"
                                                                  : "\n");
  }
  assert_string_equal(got.at, "111\n000 slowed\n000 slowed\n110 slowed\n"
                              "001 slowed\n110 slowed\n");
  for (size_t i = 0; i < LEN(kernels); i++)
    kernels[i]->cost_ns = 10000000;
  intervals(fixture, 2);
  assert_false(lb_monitor_inspection_cost(fixture->monitor).slowed);
  assert_int_equal(lb_monitor_inspection_cost(fixture->monitor).cost_ns,
                   30000000);
}

static void one_that_does_not_answer_takes_no_turn(void **state) {
  struct fixture *fixture = *state;
  struct kernel *other = &fixture->kernels[0];
  fixture->settings.inspect = true;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, other);
  listen_on(&fixture->universe.own, 1, 80);
  listen_on(other, 1, 80);
  other->dump_err = -EPERM;
  start(fixture);
  intervals(fixture, 3);
  assert_int_equal(other->walks, 0);
  assert_int_equal(fixture->universe.own.walks, 3);
  assert_false(lb_monitor_inspection_cost(fixture->monitor).slowed);
}

static void a_walk_that_fails_is_told_of_until_the_next(void **state) {
  struct fixture *fixture = *state;
  struct kernel *own = &fixture->universe.own;
  fixture->settings.inspect = true;
  listen_on(own, 1, 80);
  own->cost_ns = 150000000; /* so that the next is left out */
  own->waiting_err = -ENOBUFS;
  start(fixture);
  interval(fixture);
  assert_outcome(fixture, ": walk ENOBUFS\n"
                          ": overflows 0\n80: queue 0 peak 0 overflows 0\n");
  interval(fixture); /* none is made, so nothing is over */
  assert_outcome(fixture, ": walk ENOBUFS\n"
                          ": overflows 0\n80: queue 0 peak 0 overflows 0\n");
  own->waiting_err = 0;
  own->cost_ns = 0;
  intervals(fixture, 2);
  assert_outcome(fixture, ": overflows 0\n"
                          "80: queue 0 peak 0 overflows 0 abandoned 0\n");
}

/* --- memory -------------------------------------------------------------- */

static void the_steady_state_allocates_nothing(void **state) {
  struct fixture *fixture = *state;
  fixture->settings.inspect = true;
  go_to(fixture, "*");
  add_place(&fixture->universe, "/run/netns/a", "a", 10, &fixture->kernels[0]);
  add_place(&fixture->universe, "/run/netns/b", "b", 11, &fixture->kernels[1]);
  for (uint16_t i = 1; i <= 20; i++) {
    listen_on(&fixture->kernels[0], i, i)->queue = 1;
    listen_on(&fixture->kernels[1], i, i);
  }
  start(fixture);
  intervals(fixture, 2);
  size_t before = memory.calls;
  for (int i = 0; i < 100; i++) {
    overflow(&fixture->kernels[0], 3, 1);
    look_at_all(fixture);
    interval(fixture);
  }
  assert_int_equal(memory.calls, before);
}

static void without_memory_there_is_no_monitor(void **state) {
  struct fixture *fixture = *state;
  size_t refused = 0;
  go_to(fixture, "a");
  for (int err = -ENOMEM; err; refused++) {
    memory.fails = refused + 1;
    err = lb_monitor_new(&fixture->settings,
                         (struct lb_transport_opener){open_door, NULL},
                         &fixture->monitor);
    if (err)
      assert_int_equal(err, -ENOMEM);
  }
  memory.fails = 0;
  assert_in_range(refused, 8, 50);
}

static void without_memory_a_namespace_is_found_by_the_next(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  struct place *a = add_place(&fixture->universe, "/run/netns/a", "a", 0,
                              &fixture->kernels[0]);
  listen_on(&fixture->kernels[0], 1, 80);
  size_t refused = 1;
  for (bool is_spent = true; is_spent; refused++) {
    a->ino = 0;
    start(fixture);
    interval(fixture);
    a->ino = 10;
    memory.fails = refused;
    interval(fixture);
    is_spent = memory.fails == 0;
    memory.fails = 0;
    interval(fixture);
    assert_outcome(fixture, ": overflows 0\na: overflows 0\n"
                            "a:80: queue 0 peak 0 overflows 0\n");
    lb_monitor_free(fixture->monitor);
    fixture->monitor = NULL;
  }
  assert_in_range(refused, 10, 100);
}

/* --- whichever allocation fails ------------------------------------------ */

enum { STORY_INTERVALS = 8, MAX_COUNTERS = 512 };

/* Everything that takes memory happens in it: a namespace that comes, ports,
 * paths, waiting connections, and more of all than there was. */
static void tell_story(struct fixture *fixture, int i) {
  struct kernel *own = &fixture->universe.own, *other = &fixture->kernels[0];
  static const char *const paths[] = {"/run/a", "/run/b", "@c", "/run/d"};
  fixture->universe.places[0].ino = i < 2 ? 0 : 10;
  for (int n = 0; n < 6; n++) {
    uint16_t number = (uint16_t)(6 * i + n + 1);
    listen_on(own, number, (uint16_t)(8000 + number))->queue = 1;
    connect_to(own, (uint16_t)(8000 + number), LB_CONN_CLOSED, 5);
  }
  if (i < (int)LEN(paths))
    listen_at(other, 100 + (uint64_t)i, paths[i])->queue = 1;
  listen_on(other, 200 + (uint64_t)i, (uint16_t)(80 + i));
  overflow(own, 1 + (uint64_t)i, 3);
  overflow(own, 1 + 6 * (uint64_t)i, 2);
  overflow(other, 200, 5);
}

/* What each counter was in the outcome before. */
struct watch {
  struct fixture *fixture;
  struct {
    char name[2 * LB_LABEL_SIZE];
    uint64_t last;
  } counters[MAX_COUNTERS];
  size_t len;
  uint64_t handed_out;   /* of the namespace that is visited */
  uint64_t overflows[2]; /* of the own one and of the other */
};

static void check_forward(struct watch *watch, const char *label, int metric,
                          uint64_t now) {
  char name[2 * LB_LABEL_SIZE];
  size_t i = 0;
  snprintf(name, sizeof(name), "%s %s", label, lb_reading_table[metric].name);
  while (i < watch->len && strcmp(watch->counters[i].name, name) != 0)
    i++;
  assert_in_range(i, 0, MAX_COUNTERS - 1);
  if (i == watch->len)
    memcpy(watch->counters[watch->len++].name, name, sizeof(name));
  if (now < watch->counters[i].last)
    fail_msg("%s went back", name);
  watch->counters[i].last = now;
}

static void watch_reading(void *data, const struct lb_readings *reading) {
  struct watch *watch = data;
  const struct lb_values *values = &reading->values;
  for (int i = 0; i < LB_READINGS; i++)
    if (values->present & 1u << i && lb_reading_table[i].is_counter)
      check_forward(watch, reading->label, i, values->v[i].counter);
  if (!(values->present & 1u << LB_OVERFLOWS))
    return;
  watch->handed_out += reading->is_namespace
                           ? values->v[LB_OVERFLOWS_UNATTRIBUTED].counter
                           : values->v[LB_OVERFLOWS].counter;
  if (reading->is_namespace)
    watch->overflows[*reading->label != '\0'] = values->v[LB_OVERFLOWS].counter;
}

static void watch_outcome(void *data, const struct lb_outcome *outcome) {
  struct watch *watch = data;
  uint64_t *overflows = &watch->overflows[outcome->path != NULL];
  *overflows = watch->handed_out = 0;
  if (outcome->err) {
    assert_int_equal(outcome->err, -ENOMEM);
    return;
  }
  lb_collector_visit_readings(outcome->collector, watch_reading, watch);
  assert_int_equal(watch->handed_out, *overflows);
}

static void check_outcome(struct watch *watch) {
  lb_monitor_visit(watch->fixture->monitor, watch_outcome, watch);
}

/* All but whose the overflows are: which look saw them depends on which could
 * be made. */
static void say_gauges(void *data, const struct lb_readings *reading) {
  struct lb_readings gauges = *reading;
  gauges.values.present &=
      ~(1u << LB_OVERFLOWS | 1u << LB_DROPS | 1u << LB_OVERFLOWS_UNATTRIBUTED);
  say_reading(data, &gauges);
}

static void say_all_gauges(void *data, const struct lb_outcome *outcome) {
  assert_int_equal(outcome->err, 0);
  assert_int_equal(outcome->inspection_err, 0);
  lb_collector_visit_readings(outcome->collector, say_gauges, data);
}

static void begin_story(struct fixture *fixture) {
  static const char *const names[] = {"/run/netns/a", "a"};
  fixture->settings.inspect = true;
  fixture->settings.listening_paths = true;
  fixture->universe.own = new_kernel();
  fixture->kernels[0] = new_kernel();
  fixture->universe.len = 0;
  add_place(&fixture->universe, names[0], names[1], 0, &fixture->kernels[0]);
}

/* The story from start to end. What is said then goes to out. */
static void live_through(struct fixture *fixture, struct text *out) {
  static struct watch watch;
  watch = (struct watch){.fixture = fixture};
  begin_story(fixture);
  while (lb_monitor_new(&fixture->settings,
                        (struct lb_transport_opener){open_door, NULL},
                        &fixture->monitor))
    memory.fails = 0;
  for (int i = 0; i < STORY_INTERVALS; i++) {
    tell_story(fixture, i);
    if (i == STORY_INTERVALS - 1)
      memory.fails = 0; /* there is enough of it again */
    look_at_all(fixture);
    interval(fixture);
    check_outcome(&watch);
  }
  intervals(fixture, 2);
  check_outcome(&watch);
  lb_monitor_visit(fixture->monitor, say_all_gauges, out);
  assert_int_equal(watch.overflows[0], fixture->universe.own.overflows);
  assert_int_equal(watch.overflows[1], fixture->kernels[0].overflows);
  lb_monitor_free(fixture->monitor);
  fixture->monitor = NULL;
}

/* Line by line: the order is that in which listeners were found. */
static void check_same_lines(const struct text *got, const struct text *want) {
  assert_int_equal(got->len, want->len);
  const char *end;
  for (const char *at = want->at; (end = strchr(at, '\n')); at = end + 1) {
    char line[256] = "\n";
    strncat(line, at, (size_t)(end - at) + 1);
    if (!strstr(got->at, line) &&
        strncmp(got->at, line + 1, strlen(line + 1)) != 0)
      fail_msg("missing:%s", line);
  }
}

/* The story once for each allocation in it, which fails, alone or with all that
 * come after it. */
static void check_stories(struct fixture *fixture, bool lasts) {
  static struct text want, got;
  long held_before = memory.held;
  want.len = 0;
  live_through(fixture, &want);
  size_t stories = 0;
  for (bool is_refused_one = true; is_refused_one; stories++) {
    memory.refused = 0;
    memory.fails = stories + 1;
    memory.lasts = lasts;
    got.len = 0;
    live_through(fixture, &got);
    is_refused_one = memory.refused > 0;
    check_same_lines(&got, &want);
    assert_int_equal(memory.held, held_before);
    assert_int_equal(fixture->universe.opened, fixture->universe.closed);
  }
  memory.fails = 0;
  memory.lasts = false;
  assert_in_range(stories, 60, 1000);
}

static void whichever_allocation_fails_nothing_is_lost(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  check_stories(fixture, false);
}

static void however_long_there_is_no_memory_nothing_is_lost(void **state) {
  struct fixture *fixture = *state;
  go_to(fixture, "*");
  check_stories(fixture, true);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_WORLD(without_others_there_is_the_own_one),
      IN_WORLD(each_has_its_own_numbers),
      IN_WORLD(one_that_is_named_is_missed),
      IN_WORLD(one_that_is_listed_comes_and_goes_silently),
      IN_WORLD(one_that_is_named_and_listed_is_one),
      IN_WORLD(one_of_several_names_is_looked_at_once),
      IN_WORLD(one_that_is_named_may_be_the_own_one),
      IN_WORLD(two_of_one_name_do_not_share_a_label),
      IN_WORLD(a_name_that_makes_no_label_is_left_out),
      IN_WORLD(one_that_cannot_be_entered_costs_only_itself),
      IN_WORLD(a_kernel_without_the_module_is_no_namespace_gone),
      IN_WORLD(one_that_is_being_made_is_not_told_of),
      IN_WORLD(a_listing_that_fails_takes_nothing_away),
      IN_WORLD(counters_go_on_in_a_new_one_of_the_name),
      IN_WORLD(after_a_minute_it_is_forgotten),
      IN_WORLD(one_that_is_named_is_never_forgotten),
      IN_WORLD(two_that_change_places_are_found_again),
      IN_WORLD(one_that_goes_after_it_was_found_is_closed_at_the_end),
      IN_WORLD(one_that_is_replaced_after_it_was_found_is_closed),
      IN_WORLD(one_with_the_inode_of_the_one_before_is_another),
      IN_WORLD(a_walk_in_one_that_goes_tells_nothing),
      IN_WORLD(looks_within_an_interval_give_its_peaks),
      IN_WORLD(what_fails_at_the_end_is_told_and_nothing_else),
      IN_WORLD(between_intervals_of_one_look_nothing_is_kept_open),
      IN_WORLD(between_looks_it_is),
      IN_WORLD(whatever_comes_and_goes_is_opened_and_closed_once),
      IN_WORLD(without_the_option_no_walk_is_made),
      IN_WORLD(with_it_one_in_each_interval),
      IN_WORLD(walks_that_take_long_are_made_less_often),
      IN_WORLD(a_value_of_a_walk_left_out_is_absent),
      IN_WORLD(time_that_walks_did_not_need_is_not_saved_up),
      IN_WORLD(several_take_turns),
      IN_WORLD(one_that_does_not_answer_takes_no_turn),
      IN_WORLD(a_walk_that_fails_is_told_of_until_the_next),
      IN_WORLD(the_steady_state_allocates_nothing),
      IN_WORLD(without_memory_there_is_no_monitor),
      IN_WORLD(without_memory_a_namespace_is_found_by_the_next),
      IN_WORLD(whichever_allocation_fails_nothing_is_lost),
      IN_WORLD(however_long_there_is_no_memory_nothing_is_lost),
  };
  return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
