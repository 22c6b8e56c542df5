// SPDX-License-Identifier: MIT
/* The log lines about single listeners: each text once as users see it, and
 * that there is at most one of each kind a minute, in which all get their turn.
 */
#include "collectd/notices.h"

#include "collector_fixture.h"
#include "daemon.h"
#include "memory.h"
#include "unit.h"

#define PLUGIN "listen_backlog plugin: "
#define AT(names, more, somaxconn)                                             \
  "INFO: " PLUGIN "Listener" names more                                        \
  ": the limit equals net.core.somaxconn (" somaxconn                          \
  "). The server may have asked for more.\n"
#define RAISED(names, somaxconn)                                               \
  "INFO: " PLUGIN "Listener" names                                             \
  ": the limit is the former net.core.somaxconn (now " somaxconn               \
  "). Restart the server to raise it.\n"
#define OVERFLOWED(names, somaxconn)                                           \
  "INFO: " PLUGIN "Listener" names                                             \
  " overflowed at a limit of net.core.somaxconn (" somaxconn                   \
  "). Raise it and restart the server.\n"
#define TAKEN(list)                                                            \
  "ERR: " PLUGIN "Label already used, so not reported: " list                  \
  ". A <Listener> in collectd.conf can name each.\n"

#define TOO_LONG(list)                                                         \
  "ERR: " PLUGIN "Label longer than 127 bytes, so not reported: " list         \
  ". A <Listener> in collectd.conf can name each.\n"

static struct lb_notices notices;
static uint64_t now_s;

static int set_up(void **state) {
  start_collectd();
  notices = (struct lb_notices){.now = 0};
  now_s = 1000;
  return set_up_collector(state);
}
#define TEST_OF_NOTICES(name) TEST_WITH(name, set_up, tear_down_collector)

/* One read of these collectors, this many seconds after the one before. */
static void read_after(unsigned seconds, struct fixture *fixture,
                       struct fixture *other) {
  now_s += seconds;
  lb_notices_begin(&notices, TIME_T_TO_CDTIME_T((time_t)now_s));
  lb_notices_add(&notices, fixture->collector);
  if (other)
    lb_notices_add(&notices, other->collector);
  lb_notices_end(&notices);
}

static void assert_next(struct fixture *fixture, unsigned seconds,
                        const char *script, const char *want) {
  play(fixture, script);
  read_after(seconds, fixture, NULL);
  check_log(want);
}

/* --- hints --------------------------------------------------------------- */

TEST_OF_NOTICES(a_hint_names_its_listeners_by_port_with_several_sockets) {
  assert_next(*state, 10,
              "service api /run/api; paths; somaxconn 8; listen 1 8080;"
              "listen 2 443; listen 3 9 limit 7; listen 4 80; listen 5 8080;"
              "listen 6 /run/b; listen 7 /run/api; listen 8 /run/a; end",
              AT("s 80, 443, 8080 (2 sockets), api, run-a, run-b", "", "8"));
  assert_next(*state, 100, "end", "");
}

TEST_OF_NOTICES(a_hint_names_the_systemd_unit_with_one_walk) {
  struct fixture *fixture = *state;
  struct proc tree;
  struct stat status;
  char script[256];
  make_proc(&tree, "notices");
  assert_int_equal(mkdir(proc_path(&tree, "web.service"), 0700), 0);
  write_proc(&tree, "cgroup.controllers", "");
  assert_int_equal(stat(proc_path(&tree, "web.service"), &status), 0);
  unsigned long long id = status.st_ino;
  snprintf(script, sizeof(script),
           "somaxconn 8; listen 1 80 cgroup %llu; listen 2 81 cgroup %llu;"
           "listen 3 81 cgroup %llu; listen 4 82 cgroup 1; end",
           id, id, id);
  notices.cgroup_dir = tree.root;
  assert_next(fixture, 10, script,
              AT("s 80 (unit web.service), "
                 "81 (2 sockets, unit web.service), 82",
                 "", "8"));
  assert_int_equal(notices.cgroups.walks, 1);
  assert_next(fixture, 60, "somaxconn 16; end",
              RAISED("s 80 (unit web.service), "
                     "81 (2 sockets, unit web.service), 82",
                     "16"));
  assert_int_equal(notices.cgroups.walks, 1);
  lb_notices_free(&notices);
  rmdir(proc_path(&tree, "web.service"));
  unlink(proc_path(&tree, "cgroup.controllers"));
  remove_proc(&tree);
}

TEST_OF_NOTICES(hints_of_each_kind_have_their_line) {
  assert_next(*state, 10, "somaxconn 8; listen 1 80; end", AT(" 80", "", "8"));
  assert_next(*state, 1, "overflow 1 1; end", OVERFLOWED(" 80", "8"));
  assert_next(*state, 1, "somaxconn 16; end", RAISED(" 80", "16"));
  assert_next(*state, 1, "overflow 1 1; end", "");
}

TEST_OF_NOTICES(hints_of_listeners_that_come_and_go_are_a_line_a_minute) {
  struct fixture *fixture = *state;
  char script[64];
  play(fixture, "somaxconn 8; end");
  for (unsigned i = 1; i <= 36; i++) { /* one each 10 s */
    snprintf(script, sizeof(script), "listen %u %u; end", i, 100 + i);
    play(fixture, script);
    read_after(10, fixture, NULL);
    snprintf(script, sizeof(script), "close %u; sample", i);
    play(fixture, script);
  }
  check_log(AT(" 101", "", "8") AT("s 102, 103, 104, 105, 106, 107", "", "8")
                AT("s 108, 109, 110, 111, 112, 113", "", "8")
                    AT("s 114, 115, 116, 117, 118, 119", "", "8")
                        AT("s 120, 121, 122, 123, 124, 125", "", "8")
                            AT("s 126, 127, 128, 129, 130, 131", "", "8"));
}

TEST_OF_NOTICES(a_hint_without_room_waits_for_the_next_line) {
  struct fixture *fixture = *state;
  struct text first = {.len = 0}, second = first;
  char script[64];
  play(fixture, "somaxconn 8");
  for (unsigned i = 60; i > 0; i--) {
    snprintf(script, sizeof(script), "listen %u %u", i, 20000 + i);
    play(fixture, script);
  }
  for (unsigned i = 1; i <= 60; i++)
    say(i <= 45 ? &first : &second, "%s%u", i == 1 || i == 46 ? "" : ", ",
        20000 + i); /* 7 bytes each of LB_NAMES_SIZE */
  struct text want = {.len = 0};
  say(&want, AT("s %s", " and 15 more, named later", "8"), first.at);
  assert_next(fixture, 10, "end", want.at);
  assert_next(fixture, 59, "end", "");
  want.len = 0;
  say(&want, AT("s %s", "", "8"), second.at);
  assert_next(fixture, 1, "end", want.at);
  assert_next(fixture, 60, "end", "");
}

TEST_OF_NOTICES(more_hints_than_are_kept_are_named_later_too) {
  struct fixture *fixture = *state;
  static const struct lb_ports all = {1, 65535};
  struct text want = {.len = 0};
  char script[64], name[8];
  fixture->settings.listening_ports = false;
  for (unsigned i = 0; i < LB_MOST_HINTS + 20; i++) {
    snprintf(name, sizeof(name), "%c%c", 'a' + i / 26, 'a' + i % 26);
    const struct lb_selection each = {
        .label = name, .ports = (struct lb_ports *)&all, .ports_len = 1};
    assert_int_equal(lb_settings_add(&fixture->settings, &each), 0);
  }
  restart(fixture);
  snprintf(script, sizeof(script), "somaxconn 8; listen 1 80; end");
  for (unsigned i = 0; i < LB_MOST_HINTS; i++)
    say(&want, "%s%c%c", i ? ", " : "", 'a' + i / 26, 'a' + i % 26);
  struct text line = {.len = 0};
  say(&line, AT("s %s", " and 20 more, named later", "8"), want.at);
  assert_next(fixture, 10, script, line.at);
  play(fixture, "end");
  read_after(60, fixture, NULL);
  assert_non_null(strstr(collectd.log, ", dv: the limit equals"));
}

TEST_OF_NOTICES(each_somaxconn_has_a_line_of_its_own) {
  static const struct lb_settings settings = {.listening_ports = true};
  static const struct lb_netns_ref red = {.path = "/red", .label = "red"};
  struct fixture *fixture = *state;
  struct fixture other = {
      .kernel = new_kernel(),
      .settings = {.netns = (struct lb_settings_netns[]){{.for_all = true}}}};
  other.settings.listening_ports = settings.listening_ports;
  snprintf(other.settings.netns->spec.path,
           sizeof(other.settings.netns->spec.path), "/red");
  other.settings.netns_len = 1;
  other.netns = red;
  other.labels = fixture->labels;
  assert_int_equal(start_collector(&other), 0);
  play(&other, "somaxconn 128; listen 1 80 limit 128; end");
  play(fixture, "somaxconn 8; listen 1 80; end");
  read_after(10, fixture, &other);
  check_log(AT(" 80", "", "8"));
  read_after(60, fixture, &other);
  check_log(AT(" red:80", "", "128"));
  lb_collector_free(other.collector);
  close_kernel(&other.kernel);
}

/* --- conflicts ----------------------------------------------------------- */

TEST_OF_NOTICES(conflicts_are_named_and_the_configured_ones_first) {
  struct fixture *fixture = *state;
  take_label(fixture->labels, "8080");
  take_label(fixture->labels, "443");
  take_label(fixture->labels, "a");
  assert_next(fixture, 10,
              "select 443; paths; listen 1 /a; listen 2 8080; listen 3 @b/c;"
              "end; listen 4 @b-c; end",
              TAKEN("LocalPort \"443\" (\"443\"), port 8080 (\"8080\"), "
                    "the UNIX socket \"/a\" (\"a\"), the UNIX socket "
                    "\"@b-c\" (\"@b-c\")"));
  assert_next(fixture, 100, "end", "");
}

TEST_OF_NOTICES(a_label_that_is_too_long_has_a_line_of_its_own) {
  struct fixture *fixture = *state;
  char script[LB_LABEL_SIZE + 80], name[124], label[LB_LABEL_SIZE];
  memset(name, 'n', 123);
  name[123] = '\0';
  snprintf(label, sizeof(label), "%s:443", name);
  take_label(fixture->labels, label);
  snprintf(script, sizeof(script), "netns %s; listen 1 443; listen 2 8080; end",
           name);
  play(fixture, script);
  read_after(10, fixture, NULL);
  struct text want = {.len = 0};
  say(&want, TAKEN("port 443 (\"%s\")") TOO_LONG("port 8080 (\"8080\")"),
      label);
  check_log(want.at);
}

TEST_OF_NOTICES(a_path_with_another_file_is_a_warning) {
  assert_next(*state, 10,
              "paths; listen 1 /run/a file foreign; listen 2 /run/b file "
              "foreign; listen 3 /run/c file own; end",
              "WARNING: " PLUGIN "Another file is at the path, so not "
              "reported: the UNIX socket \"/run/a\" (\"run-a\"), the UNIX "
              "socket \"/run/b\" (\"run-b\"). Each is of a chroot, a "
              "container, a user namespace or an earlier server.\n");
  assert_next(*state, 60, "end", "");
}

/* The entry of a listener that is gone serves a new one. */
TEST_OF_NOTICES(of_conflicts_that_come_and_go_the_oldest_is_named_first) {
  struct fixture *fixture = *state;
  play(fixture, "paths");
  listen_at(&fixture->kernel, 1,
            "@a/000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000"
            "000000000000000");
  assert_next(fixture, 10,
              "listen 2 @b/1; listen 3 @b/2; listen 4 @b/3; listen 9 @c; end;"
              "listen 5 @b-1; sample; listen 6 @b-2; end",
              TAKEN("the UNIX socket \"@b-1\" (\"@b-1\"), the UNIX socket "
                    "\"@b-2\" (\"@b-2\")"));
  play(fixture, "close 5; close 9; close 6; end; end; end; listen 7 @b-3; end;"
                "listen 8 @b-1; end; listen 10 @b-2; end");
  read_after(60, fixture, NULL);
  check_log(TAKEN("the UNIX socket \"@b-3\" (\"@b-3\"), the UNIX socket "
                  "\"@b-1\" (\"@b-1\"), the UNIX socket \"@b-2\" (\"@b-2\")"));
}

/* 30 names of 108 bytes, with labels as long. */
TEST_OF_NOTICES(each_of_many_conflicts_is_named_at_one_line_a_minute) {
  struct fixture *fixture = *state;
  char name[2][LB_UNIX_NAME_SIZE + 1], script[300];
  unsigned lines = 0;
  play(fixture, "paths");
  for (unsigned i = 1; i <= 30; i++) {
    for (unsigned j = 0; j < 2; j++) {
      int n = snprintf(name[j], sizeof(name[j]), "@%03u%c", i, "-/"[j]);
      memset(name[j] + n, 'x', LB_UNIX_NAME_SIZE - (size_t)n);
      name[j][LB_UNIX_NAME_SIZE] = '\0';
      snprintf(script, sizeof(script), "listen %u %s%s", 2 * i + j, name[j],
               j ? "; sample" : "");
      play(fixture, script);
    }
  }
  play(fixture, "end");
  for (unsigned i = 0; i < 600; i++) {
    size_t before = collectd.log_len;
    read_after(10, fixture, NULL);
    lines += collectd.log_len > before;
    assert_in_range(collectd.log_len - before, 0, 512);
    assert_in_range(lines, 0, i / 6 + 1);
  }
  for (unsigned i = 1; i <= 30; i++) {
    snprintf(script, sizeof(script), "the UNIX socket \"@%03u/xx", i);
    if (!strstr(collectd.log, script))
      fail_msg("%s is not named", script);
  }
  assert_int_equal(lines, 30);
  reset_log();
}

TEST_OF_NOTICES(what_waits_for_a_line_takes_no_memory) {
  struct fixture *fixture = *state;
  play(fixture, "paths; somaxconn 8; listen 1 80; listen 2 /80; end");
  read_after(10, fixture, NULL);
  play(fixture, "listen 3 81; listen 4 /81; end; end");
  size_t calls = memory.calls;
  for (int i = 0; i < 5; i++) {
    interval(fixture);
    read_after(10, fixture, NULL);
  }
  assert_int_equal(memory.calls, calls);
  reset_log();
}

int main(void) { return run_all_tests(NULL, NULL); }
