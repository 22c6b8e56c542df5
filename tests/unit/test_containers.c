// SPDX-License-Identifier: MIT
/* Files as Docker 20.10, Podman 4.3 and Kubernetes write them, in a tree of
 * their own. */
#include "kernel/containers.h"

#include "kernel/json_find.h"
#include "proc.h"
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>

#define ID_A "18b5c53ce42a385a623ece63ec3bced5f00b418edb80b124d53a6f6f9c80a2cd"
#define ID_B "a11991f49754a94150ddd32ff2b3a640dfa63c4eab1cd1dfaa38d87ac0981efa"
#define UID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define UID_SLICE "0f8fad5b_d9cb_469f_a165_70867728950e"
#define UID_STATIC "8ab4a2d7c9e03f16b5d8e7c6a5b4c3d2"
#define DOCKER "/var/lib/docker/containers/"
#define STORAGE "/storage/overlay-containers/"
#define USERS "/user.slice/"
#define NETNS "/run/netns/netns-7d8c85c0-1daa-d470-619d-745845de27e1"

enum { MOST = 1 << 20 }; /* of a user's file */

static struct proc tree;
static struct lb_containers *containers;

/* A path that ends with "/" is a directory. */
static void put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof(full), "%s%s", tree.root, path);
  for (char *at = full + strlen(tree.root); (at = strchr(at + 1, '/'));
       *at = '/') {
    *at = '\0';
    mkdir(full, 0755);
  }
  if (path[strlen(path) - 1] == '/')
    return;
  FILE *file = fopen(full, "we");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

/* A user has to own the files; only root can give them to another one. */
static unsigned ann(void) { return getuid() ? getuid() : 1000; }

#define ANNS_STORAGE "/home/ann/.local/share/containers" STORAGE

static void give_to_ann(const char *path) {
  char full[512];
  snprintf(full, sizeof(full), "%s%s", tree.root, path);
  assert_int_equal(lchown(full, ann(), (gid_t)-1), 0);
}

static void put_ann(void) {
  char text[64];
  snprintf(text, sizeof(text), "ann:x:%u:1000::/home/ann:/bin/sh\n", ann());
  put("/etc/passwd", text);
}

static void put_of_ann(const char *path, const char *text) {
  put(path, text);
  give_to_ann(path);
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *at) {
  (void)status, (void)type, (void)at;
  return remove(path);
}

static int set_up(void **state) {
  (void)state;
  make_proc(&tree, "containers");
  assert_int_equal(chmod(tree.root, 0755), 0);
  return lb_containers_new(tree.root, &containers);
}

static int tear_down(void **state) {
  (void)state;
  lb_containers_free(containers);
  nftw(tree.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return access(tree.root, F_OK) == 0;
}
#define TREE_TEST(name) TEST_WITH(name, set_up, tear_down)

TEST_CASE(a_path_of_a_control_group_says_container_pod_or_machine) {
  static const struct {
    const char *path, *id, *pod, *machine;
    unsigned user;
    bool is_foreign;
  } cases[] = {
      {"/system.slice/docker-" ID_A ".scope", ID_A, "", "", 0, false},
      {"/docker/" ID_A, ID_A, "", "", 0, false},
      {"/docker/" ID_A "/system.slice/nginx.service", ID_A, "", "", 0, false},
      {"/docker/" ID_A "/docker/" ID_B, ID_B, "", "", 0, true},
      {"/machine.slice/libpod-" ID_A ".scope/container", ID_A, "", "", 0,
       false},
      {"/libpod_parent/libpod-" ID_A, ID_A, "", "", 0, false},
      {"/machine.slice/machine-libpod_pod_" ID_B ".slice/libpod-" ID_A ".scope",
       ID_A, "", "", 0, false},
      {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_A
       ".scope/container",
       ID_A, "", "", 1000, true},
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" //
       UID_SLICE ".slice/cri-containerd-" ID_A ".scope",
       ID_A, UID, "", 0, false},
      {"/kubepods.slice/kubepods-pod" UID_SLICE ".slice/crio-" ID_A ".scope",
       ID_A, UID, "", 0, false},
      {"/kubepods/besteffort/pod" UID "/" ID_A, ID_A, UID, "", 0, false},
      {"/kubepods/pod" UID_STATIC "/" ID_A, ID_A, UID_STATIC, "", 0, false},
      {"/kubepods.slice/kubepods-pod" UID_STATIC ".slice/docker-" ID_A ".scope",
       ID_A, UID_STATIC, "", 0, false},
      {"/docker/" ID_B "/kubelet/kubepods/pod" UID "/" ID_A, ID_A, UID, "", 0,
       true},
      {"/machine.slice/machine-web.scope/payload/system.slice/a.service", "",
       "", "web", 0, false},
      {"/machine.slice/machine-web\\x2d1.scope", "", "", "web-1", 0, false},
      {"/machine.slice/systemd-nspawn@deb\\x2d12.service/payload", "", "",
       "deb-12", 0, false},
      {"/lxc.payload.mail/system.slice/a.service", "", "", "mail", 0, false},
      {"/lxc/mail/system.slice", "", "", "mail", 0, false},
      {"/machine.slice/machine-web.scope/system.slice/docker-" ID_A ".scope",
       ID_A, "", "", 0, true},
      {"/machine.slice/libpod-" ID_A ".scope/lxc.payload.mail", "", "", "mail",
       0, true},
      {USERS "user-1000.slice/user@1000.service/docker-" ID_A ".scope", ID_A,
       "", "", 1000, true},
      {USERS "user-1000.slice/user@1000.service/user-0.slice/libpod-" ID_A,
       ID_A, "", "", 1000, true},
      {USERS "user-1000.slice/user@1000.service/user.slice/user-7.slice/"
             "machine-web.scope",
       "", "", "web", 1000, true},
      {USERS "user-1000.slice/kubepods/pod" UID "/" ID_A, ID_A, UID, "", 1000,
       true},
      {USERS "user-1000.slice/user-runtime-dir@1000.service/docker/" ID_A, ID_A,
       "", "", 1000, true},
      {USERS "user-1000x.slice/" ID_A, ID_A, "", "", 0, true},
      {USERS "user-01000.slice/" ID_A, ID_A, "", "", 0, true},
      {USERS "user-4294968296.slice/" ID_A, ID_A, "", "", 0, true},
      {USERS "user- 1000.slice/" ID_A, ID_A, "", "", 0, true},
      {USERS "x.slice/" ID_A, ID_A, "", "", 0, true},
      {"/user.slice//user-1000.slice/" ID_A, ID_A, "", "", 1000, true},
      {"/../user.slice/user-1000.slice/" ID_A, ID_A, "", "", 1000, true},
      {USERS "user-0.slice/libpod-" ID_A, ID_A, "", "", 0, false},
      {"/x.slice/user.slice/user-1000.slice/docker-" ID_A, ID_A, "", "", 0,
       false},
      {"/system.slice/nginx.service", "", "", "", 0, false},
      {"/system.slice/x" ID_A ".scope", "", "", "", 0, false},
      {"/docker/18b5c53ce42a385a623ece63ec3bced5f00b418edb80b124d53a6f6f9c80a2",
       "", "", "", 0, false},
      {"/kubepods/tripod" UID, "", "", "", 0, false},
      {"/kubepods/podless", "", "", "", 0, false},
      {"/machine.slice/machine-.scope", "", "", "", 0, false},
      {"/", "", "", "", 0, false},
      {"", "", "", "", 0, false},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    struct lb_container_path got = lb_container_path_parse(cases[i].path);
    assert_string_equal(got.id, cases[i].id);
    assert_string_equal(got.pod, cases[i].pod);
    assert_string_equal(got.machine, cases[i].machine);
    assert_int_equal(got.user, cases[i].user);
    assert_int_equal(got.is_foreign, cases[i].is_foreign);
  }
}

/* "ANN" in the path is for the slice of this user. */
static void assert_label(const char *form, const char *want) {
  struct lb_container got;
  char path[512];
  const char *at = strstr(form, "ANN");
  snprintf(path, sizeof(path), "%s", form);
  if (at)
    snprintf(path + (at - form), sizeof(path) - (size_t)(at - form),
             "user-%u.slice%s", ann(), at + 3);
  lb_containers_of_path(containers, path, &got);
  assert_string_equal(got.label, want);
}

TREE_TEST(names_are_those_of_docker_podman_kubernetes_and_machines) {
  int fds = count_fds();
  put(DOCKER ID_A "/config.v2.json",
      "{\"Config\":{\"Name\":\"wrong\",\"Env\":[\"Name\",\"}\"]},"
      "\"ID\":\"" ID_A "\", \"Name\" : \"/cart\",\"Driver\":\"vfs\"}");
  put(DOCKER ID_B "/config.v2.json", "{\"ID\":\"" ID_B "\"}");
  put("/var/lib/containers" STORAGE "containers.json",
      "[{\"id\":\"" ID_A "\",\"names\":[\"wrong\"]},{\"id\":\"" ID_B
      "\",\"flags\":{\"a\":[1,{}]},\"names\":[\"web\",\"second\"]}]");
  put("/var/lib/containers/storage/vfs-containers/volatile-containers.json",
      "[{\"id\":\"" UID_STATIC UID_STATIC "\",\"names\":[\"short\"]}]");
  put_ann();
  put_of_ann(ANNS_STORAGE "containers.json",
             "[{\"id\":\"" ID_B "\",\"names\":[\"ann's\"]}]");
  put("/var/log/pods/shop_cart-0_" UID "/", "");
  put("/var/log/pods/kube-system_etcd-master_" UID_STATIC "/", "");
  static const struct {
    const char *path, *label;
  } cases[] = {
      {"/docker/" ID_A, "cart"},
      {"/machine.slice/libpod-" ID_B ".scope/container", "web"},
      {"/machine.slice/libpod-" UID_STATIC UID_STATIC ".scope", "short"},
      {USERS "ANN/libpod-" ID_B ".scope", "ann's"},
      {USERS "ANN/libpod-" UID_STATIC UID_STATIC ".scope", "8ab4a2d7c9e0"},
      {USERS "ANN/docker-" ID_A ".scope", "18b5c53ce42a"},
      {USERS "ANN/machine-web.scope", "web"},
      {USERS "ANN/kubepods/pod" UID "/" ID_A, "18b5c53ce42a"},
      {USERS "user-7.slice/libpod-" ID_B ".scope", "a11991f49754"},
      {USERS "user-7x.slice/libpod-" ID_B ".scope", "a11991f49754"},
      {USERS "user-0.slice/libpod-" ID_B ".scope", "web"},
      {"/lxc.payload.mail/docker/" ID_A, "18b5c53ce42a"},
      {"/kubepods/besteffort/pod" UID "/" ID_A, "shop_cart-0"},
      {"/kubepods/besteffort/pod" UID "/" ID_B, "shop_cart-0"},
      {"/kubepods/pod" UID_STATIC "/" ID_B, "kube-system_etcd-master"},
      {"/kubepods/podffffffff-d9cb-469f-a165-70867728950e/" ID_B,
       "a11991f49754"},
      {"/lxc.payload.my mail", "my_mail"},
      {"/system.slice/ssh.service", ""},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    assert_label(cases[i].path, cases[i].label);
  assert_null(lb_containers_hidden(containers));
  assert_int_equal(count_fds(), fds);
}

TREE_TEST(a_container_without_a_name_has_12_digits_of_its_id) {
  static const char *const texts[] = {
      "",           "null",          "{\"Name\":7}",   "{\"Name\":\"/ca",
      "{\"Name\"",  "{\"Name\":",    "[\"Name\"]",     "{\"A\":{\"B\":\"",
      "{\"A\":[1,", "{\"A\" \"B\"}", "{\"A\":1,\"B\"", "{\"A\":}",
  };
  assert_label("/docker/" ID_A, "18b5c53ce42a");
  for (size_t i = 0; i < LEN(texts); i++) {
    put(DOCKER ID_A "/config.v2.json", texts[i]);
    put("/var/lib/containers" STORAGE "containers.json", texts[i]);
    assert_label("/docker/" ID_A, "18b5c53ce42a");
  }
  char longest[2 * LB_LABEL_SIZE];
  snprintf(longest, sizeof(longest), "{\"Name\":\"/%0200d\"}", 0);
  put(DOCKER ID_A "/config.v2.json", longest);
  assert_label("/docker/" ID_A, "18b5c53ce42a");
  assert_null(lb_containers_hidden(containers));
}

TREE_TEST(a_directory_that_may_not_be_read_is_named_if_a_name_is_missing) {
  static const struct {
    const char *path, *dir, *hidden, *label;
  } cases[] = {
      {"/docker/" ID_A, "/var/lib/docker/", "/var/lib/docker/containers",
       "18b5c53ce42a"},
      {"/libpod-" ID_B, "/var/lib/containers/storage/",
       "/var/lib/containers/storage", "a11991f49754"},
      {"/kubepods/pod" UID "/" ID_A, "/var/log/pods/", "/var/log/pods",
       "18b5c53ce42a"},
      {USERS "ANN/libpod-" ID_A ".scope",
       "/home/ann/.local/share/containers/storage/",
       "~/.local/share/containers/storage", "18b5c53ce42a"},
  };
  put_ann();
  for (size_t i = 0; i < LEN(cases); i++) {
    char dir[256];
    snprintf(dir, sizeof(dir), "%s%s", tree.root, cases[i].dir);
    put(cases[i].dir, "");
    assert_int_equal(chmod(dir, 0), 0);
    bool is_root = geteuid() == 0;
    assert_false(is_root && seteuid(65534));
    assert_label(cases[i].path, cases[i].label);
    assert_false(is_root && seteuid(0));
    assert_string_equal(lb_containers_hidden(containers), cases[i].hidden);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(rmdir(dir), 0);
  }
}

/* What a user has put in place of the list. */
static void assert_unread(const char *what) {
  char path[256];
  snprintf(path, sizeof(path), "%s" ANNS_STORAGE "containers.json", tree.root);
  assert_label(USERS "ANN/libpod-" ID_A ".scope", "18b5c53ce42a");
  if (unlink(path))
    fail_msg("%s: no file", what);
}

static void make_list_of(size_t size) {
  static const char list[] = "[{\"id\":\"" ID_A "\",\"names\":[\"big\"]}]";
  char path[256];
  put_of_ann(ANNS_STORAGE "containers.json", list);
  snprintf(path, sizeof(path), "%s" ANNS_STORAGE "containers.json", tree.root);
  assert_int_equal(truncate(path, (off_t)size), 0);
}

TREE_TEST(of_a_user_only_a_regular_file_of_the_own_up_to_1_mb_is_read) {
  static const char list[] = "[{\"id\":\"" ID_A "\",\"names\":[\"secret\"]}]";
  char path[256], target[256];
  int fds = count_fds();
  put_ann();
  put(ANNS_STORAGE, "");
  put("/root/list", list);
  snprintf(path, sizeof(path), "%s" ANNS_STORAGE "containers.json", tree.root);
  snprintf(target, sizeof(target), "%s/root/list", tree.root);
  assert_int_equal(mkfifo(path, 0600), 0);
  give_to_ann(ANNS_STORAGE "containers.json");
  assert_unread("a FIFO");
  assert_int_equal(symlink("/dev/zero", path), 0);
  assert_unread("a device");
  if (geteuid() == 0) {
    assert_int_equal(symlink(target, path), 0);
    assert_unread("a link to a file of root");
    assert_int_equal(link(target, path), 0);
    assert_unread("a file of root");
  }
  make_list_of((1 << 20) + 1);
  assert_unread("a file that is too large");
  make_list_of(1 << 20);
  assert_label(USERS "ANN/libpod-" ID_A ".scope", "big");
  assert_int_equal(count_fds(), fds);
}

TREE_TEST(the_owner_of_a_namespace_is_the_container_that_it_was_made_for) {
  static const struct lb_container a = {"a", ID_A, false},
                                   b = {"b", ID_B, false},
                                   none = {"m", "", false};
  put(DOCKER ID_A "/config.v2.json",
      "{\"NetworkSettings\":{\"Networks\":null,"
      "\"SandboxKey\":\"/var/run/docker/netns/2c1147f99f3e\"}}");
  put(DOCKER ID_B "/config.v2.json", "{\"NetworkSettings\":{\"SandboxKey\":"
                                     "\"\"}}");
  assert_true(
      lb_containers_owns(containers, &a, "/run/docker/netns/2c1147f99f3e"));
  assert_false(
      lb_containers_owns(containers, &a, "/run/docker/netns/0123456789ab"));
  assert_false(
      lb_containers_owns(containers, &b, "/run/docker/netns/2c1147f99f3e"));
  assert_false(lb_containers_owns(containers, &none, NETNS));
  assert_false(lb_containers_owns(containers, &a, "blue"));

  put("/var/lib/containers" STORAGE ID_A "/userdata/config.json",
      "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\","
      "\"path\":\"" NETNS "\"}]}}");
  put("/var/lib/containers" STORAGE ID_B "/userdata/config.json",
      "{\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":"
      "\"\\/proc\\/85\\/ns\\/net\"}]}}");
  assert_true(lb_containers_owns(containers, &a, NETNS));
  assert_false(lb_containers_owns(containers, &a, "/run/netns/blue"));
  assert_false(lb_containers_owns(containers, &b, NETNS));
  assert_true(lb_containers_owns(containers, &b, "/proc/85/ns/net"));

  static const struct lb_container forged = {"a", ID_A, true};
  assert_false(lb_containers_owns(containers, &forged, NETNS));
}

TREE_TEST(a_group_is_looked_up_once) {
  struct lb_container got;
  uint32_t asked = 0;
  struct stat status;
  put("/sys/fs/cgroup/cgroup.controllers", "");
  put("/sys/fs/cgroup/docker/" ID_A "/", "");
  put(DOCKER ID_A "/config.v2.json", "{\"Name\":\"/cart\"}");
  char dir[256];
  snprintf(dir, sizeof(dir), "%s/sys/fs/cgroup/docker/" ID_A, tree.root);
  assert_int_equal(stat(dir, &status), 0);
  for (int i = 0; i < 2; i++) {
    lb_containers_of_cgroup(containers, status.st_ino, &asked, &got);
    assert_string_equal(got.label, "cart");
    assert_string_equal(got.id, ID_A);
    put(DOCKER ID_A "/config.v2.json", "{\"Name\":\"/other\"}");
  }
  const uint64_t unknown[] = {0, 1, status.st_ino + 1000000};
  for (size_t i = 0; i < LEN(unknown); i++) {
    lb_containers_of_cgroup(containers, unknown[i], &asked, &got);
    assert_string_equal(got.label, "");
    assert_string_equal(got.id, "");
  }
  for (uint64_t id = 0; id < 300; id++)
    lb_containers_of_cgroup(containers, status.st_ino + 2000000 + id, &asked,
                            &got);
  lb_containers_of_cgroup(containers, status.st_ino, &asked, &got);
  assert_string_equal(got.label, "other");
}

static uint64_t cpu;
static uint64_t tick(void) { return cpu += 15000000; }

static bool ask(uint64_t id, uint32_t *asked, const char *want) {
  struct lb_container got;
  bool is_known = lb_containers_of_cgroup(containers, id, asked, &got);
  assert_int_equal(*asked == 0, is_known);
  assert_string_equal(got.label, want);
  return is_known;
}

TREE_TEST(searches_for_groups_have_a_500th_of_the_time_and_one_is_for_all) {
  struct stat status;
  uint32_t asked[4] = {0};
  uint64_t id = 1 << 30;
  char dir[256];
  put("/sys/fs/cgroup/cgroup.controllers", "");
  lb_containers_limit(containers, 0, tick);
  for (int i = 0; i < 66; i++)
    assert_true(ask(id++, &asked[0], ""));
  lb_containers_limit(containers, 20000, tick);
  for (int i = 0; i < 3; i++)
    assert_true(ask(id++, &asked[0], ""));
  put("/sys/fs/cgroup/lxc.payload.mail/", "");
  snprintf(dir, sizeof(dir), "%s/sys/fs/cgroup/lxc.payload.mail", tree.root);
  assert_int_equal(stat(dir, &status), 0);
  const uint64_t ids[] = {id, id + 1, status.st_ino};
  for (int n = 0; n < 3; n++) {
    for (int i = 0; i < 3; i++)
      assert_false(ask(ids[i], &asked[i], ""));
    lb_containers_limit(containers, 20001, tick);
  }
  lb_containers_limit(containers, 30000, tick);
  uint64_t before = cpu;
  for (int i = 0; i < 3; i++)
    assert_true(ask(ids[i], &asked[i], i == 2 ? "mail" : ""));
  assert_int_equal(cpu - before, 2 * 15000000);
}

TREE_TEST(without_time_a_users_container_has_12_digits_and_roots_its_name) {
  static const char list[] = "[{\"id\":\"" ID_A "\",\"names\":[\"a\"]}]";
  put_ann();
  put_of_ann(ANNS_STORAGE "containers.json", list);
  put("/var/lib/containers" STORAGE "containers.json", list);
  lb_containers_limit(containers, 0, tick);
  for (int i = 0; i < 67; i++)
    assert_label(USERS "ANN/libpod-" ID_A ".scope", "a");
  assert_label(USERS "ANN/libpod-" ID_A ".scope", "18b5c53ce42a");
  assert_label("/machine.slice/libpod-" ID_A ".scope", "a");
}

TEST_CASE(a_string_of_json_is_copied_if_it_fits) {
  static const struct {
    const char *text, *want;
  } cases[] = {
      {"\"abc\"", "abc"},
      {"\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d"},
      {"\"a\\u0026b\\nc\\u12\"", "a_b_c_"},
      {"\"0123456789\"", NULL},
      {"\"abc", NULL},
      {"\"ab\\\"", NULL},
      {"abc", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < LEN(cases); i++) {
    char buf[10] = "";
    assert_int_equal(lb_json_copy(cases[i].text, buf, sizeof(buf)),
                     cases[i].want != NULL);
    if (cases[i].want)
      assert_string_equal(buf, cases[i].want);
  }
  assert_false(lb_json_copy(NULL, NULL, 0));
  assert_null(lb_json_member(NULL, "a"));
  assert_null(lb_json_first("[ ]"));
  assert_null(lb_json_next(NULL));
}

/* Repeats a text up to the size of a user's longest file. */
static void fill(char *out, const char *start, const char *text) {
  size_t len = strlen(start);
  memcpy(out, start, len);
  for (; len + strlen(text) < MOST; len += strlen(text))
    memcpy(out + len, text, strlen(text));
  out[len] = '\0';
}

/* Time that grows with the square of the length would be hours. */
TREE_TEST(a_hostile_list_has_no_name_and_takes_seconds_at_most) {
  static const struct {
    const char *start, *text;
  } cases[] = {
      {"[", "["},
      {"[", "{"},
      {"[{", "\"a\":{"},
      {"[", "]"},
      {"[", "}"},
      {"[", ","},
      {"[", ":"},
      {"[{", "\""},
      {"[{\"", "x"},
      {"[{\"", "\\"},
      {"[", "\"\","},
      {"[{", "\"id\":\"\","},
      {"[{\"id\":\"", "\\u0000"},
      {"[", "{\"id\":\"x\"},"},
      {"[", "{\"id\":[{}]},"},
      {"[{\"id\":\"" ID_A "\",\"names\":", "["},
      {"[{\"id\":\"" ID_A "\",\"names\":[\"", "y"},
      {"[{\"id\":\"" ID_A "\",", "\"id\":\"" ID_A "\","},
      {"[", "{\"id\":\"" ID_B "\",\"names\":[\"web\"]},"},
  };
  static char text[MOST + 1];
  put_ann();
  for (size_t i = 0; i < LEN(cases); i++) {
    fill(text, cases[i].start, cases[i].text);
    put_of_ann(ANNS_STORAGE "containers.json", text);
    clock_t start = clock();
    assert_label(USERS "ANN/libpod-" ID_A ".scope", "18b5c53ce42a");
    assert_in_range(clock() - start, 0, 30 * CLOCKS_PER_SEC);
  }
}

int main(void) { return run_all_tests(NULL, NULL); }
