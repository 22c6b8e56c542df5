// SPDX-License-Identifier: MIT
#include "kernel/containers.h"

#include "kernel/cgroups.h"
#include "kernel/json_find.h"
#include "kernel/netns_processes.h"
#include "kernel/owned_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCKER_DIR "/var/lib/docker/containers"
#define PODMAN_DIR "/var/lib/containers/storage"
#define PODMAN_HOME "/.local/share/containers/storage"
#define PODS_DIR "/var/log/pods"

enum {
  REMEMBERED = 256,
  PATH_BYTES = 1024,
  ID_SHOWN = 12,
  MOST_BYTES = 16 << 20,      /* of a file of root */
  MOST_USERS_BYTES = 1 << 20, /* of a user's file */
  MOST_LEFT_MS = 40,          /* CPU time of searches */
  FIRST_LEFT_MS = 1000,       /* until the second call: all are new */
  SEARCH_SHARE = 500,
  UNKNOWN_CGROUP = 1, /* the kernel's id of a group of version 1 */
};

struct known {
  uint64_t cgroup; /* 0: unused */
  struct lb_container container;
};

struct lb_containers {
  const char *root;
  struct lb_cgroups cgroups;
  const char *hidden;
  const char *denied;       /* the same, in this search */
  unsigned next;            /* is replaced next */
  uint64_t (*cpu_ns)(void); /* see lb_containers_limit() */
  uint64_t granted_ms;      /* when it was last called */
  int64_t left_ns;          /* for searches */
  struct known known[REMEMBERED];
};

int lb_containers_new(const char *root, struct lb_containers **out) {
  struct lb_containers *containers = calloc(1, sizeof(*containers));
  if (!containers)
    return -ENOMEM;
  containers->root = root;
  *out = containers;
  return 0;
}

void lb_containers_free(struct lb_containers *containers) {
  if (!containers)
    return;
  lb_cgroups_free(&containers->cgroups);
  free(containers);
}

/* --- the cost of searches --------------------------------------------------
 */

static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

void lb_containers_limit(struct lb_containers *containers, uint64_t now_ms,
                         uint64_t (*cpu_ns)(void)) {
  const int64_t ms = 1000000;
  int64_t passed = (int64_t)(now_ms - containers->granted_ms);
  containers->left_ns =
      containers->cpu_ns ? min(containers->left_ns + passed * ms / SEARCH_SHARE,
                               MOST_LEFT_MS * ms)
                         : FIRST_LEFT_MS * ms;
  containers->granted_ms = now_ms;
  containers->cpu_ns = cpu_ns;
}

static bool has_time(const struct lb_containers *containers) {
  return !containers->cpu_ns || containers->left_ns > 0;
}

static uint64_t searched_ns(const struct lb_containers *containers) {
  return containers->cpu_ns ? containers->cpu_ns() : 0;
}

static void charge(struct lb_containers *containers, uint64_t start_ns) {
  containers->left_ns -= (int64_t)(searched_ns(containers) - start_ns);
}

/* --- files --------------------------------------------------------------- */

static void note_denial(struct lb_containers *containers, const char *dir,
                        int err) {
  if ((err == -EACCES || err == -EPERM) && !containers->denied)
    containers->denied = dir;
}

/* dir: which one is reported if the file may not be read. NULL without a file
 * or memory; the caller frees the text. */
static char *read_file_of(struct lb_containers *containers, const char *dir,
                          const char *path) {
  char *text = NULL;
  int err = lb_owned_file_read(LB_PROC, path, LB_ANY_OWNER, MOST_BYTES, &text);
  note_denial(containers, dir, err);
  return err ? NULL : text;
}

static char *read_users_file(struct lb_containers *containers, unsigned user,
                             const char *path) {
  char *text = NULL;
  int err = lb_owned_file_read(LB_PROC, path, user, MOST_USERS_BYTES, &text);
  note_denial(containers, "~" PODMAN_HOME, err);
  return err ? NULL : text;
}

/* --- Docker --------------------------------------------------------------- */

static char *read_docker(struct lb_containers *containers, const char *id) {
  char path[PATH_BYTES];
  snprintf(path, sizeof(path), "%s" DOCKER_DIR "/%s/config.v2.json",
           containers->root, id);
  return read_file_of(containers, DOCKER_DIR, path);
}

static bool name_in_docker(struct lb_containers *containers, const char *id,
                           char label[static LB_LABEL_SIZE]) {
  char *text = read_docker(containers, id);
  char name[LB_LABEL_SIZE];
  bool is_named =
      text && lb_json_copy(lb_json_member(text, "Name"), name, sizeof(name));
  free(text);
  return is_named && !lb_label_of_netns(label, name);
}

/* "SandboxKey": "/var/run/docker/netns/2c1147f99f3e"; "" of a container that
 * has joined another one. */
static bool owns_in_docker(struct lb_containers *containers, const char *id,
                           const char *netns) {
  char *text = read_docker(containers, id);
  char key[PATH_BYTES];
  bool has_key =
      text &&
      lb_json_copy(
          lb_json_member(lb_json_member(text, "NetworkSettings"), "SandboxKey"),
          key, sizeof(key));
  free(text);
  const char *name = has_key ? strrchr(key, '/') : NULL;
  return name && strcmp(name, strrchr(netns, '/')) == 0;
}

/* --- Podman --------------------------------------------------------------- */

/* name:password:uid:gid:comment:home:shell */
static bool is_home_of(char *line, unsigned user,
                       char home[static PATH_BYTES]) {
  char *fields[7] = {NULL};
  for (size_t i = 0; i < 7 && line; i++)
    fields[i] = strsep(&line, ":\n");
  if (!fields[5] || strtoul(fields[2], NULL, 10) != user)
    return false;
  snprintf(home, PATH_BYTES, "%s", fields[5]);
  return true;
}

/* Where a user's containers are. getpwuid(3) could ask a server. */
static bool write_home(const struct lb_containers *containers, unsigned user,
                       char home[static PATH_BYTES]) {
  char path[PATH_BYTES], line[PATH_BYTES];
  bool is_found = false;
  snprintf(path, sizeof(path), "%s/etc/passwd", containers->root);
  FILE *file = fopen(path, "re");
  while (file && !is_found && fgets(line, sizeof(line), file))
    is_found = is_home_of(line, user, home);
  if (file)
    fclose(file);
  return is_found;
}

/* Writes the path of the storage. */
static bool write_podman_dir(const struct lb_containers *containers,
                             unsigned user, char dir[static PATH_BYTES]) {
  char home[PATH_BYTES];
  if (user && !write_home(containers, user, home))
    return false;
  int len = user ? snprintf(dir, PATH_BYTES, "%s%s" PODMAN_HOME,
                            containers->root, home)
                 : snprintf(dir, PATH_BYTES, "%s" PODMAN_DIR, containers->root);
  return len < PATH_BYTES;
}

/* The text of a file of a driver's directory. NULL as of read_file_of(). */
static char *read_podman(struct lb_containers *containers, unsigned user,
                         const char *driver, const char *name) {
  char dir[PATH_BYTES], path[PATH_BYTES];
  if (!write_podman_dir(containers, user, dir))
    return NULL;
  int len =
      snprintf(path, sizeof(path), "%s/%s-containers/%s", dir, driver, name);
  if (len >= (int)sizeof(path))
    return NULL;
  return user ? read_users_file(containers, user, path)
              : read_file_of(containers, PODMAN_DIR, path);
}

static const char *const drivers[] = {"overlay", "vfs",          "btrfs",
                                      "zfs",     "devicemapper", "aufs"};
enum { DRIVERS = sizeof(drivers) / sizeof(drivers[0]) };

static bool name_in_list(const char *list, const char *id,
                         char label[static LB_LABEL_SIZE]) {
  char name[LB_LABEL_SIZE];
  for (const char *each = lb_json_first(list); each; each = lb_json_next(each))
    if (lb_json_is(lb_json_member(each, "id"), id))
      return lb_json_copy(lb_json_first(lb_json_member(each, "names")), name,
                          sizeof(name)) &&
             !lb_label_of_netns(label, name);
  return false;
}

/* Containers that end with the host are listed apart. */
static bool name_in_podman(struct lb_containers *containers, unsigned user,
                           const char *id, char label[static LB_LABEL_SIZE]) {
  static const char *const lists[] = {"containers.json",
                                      "volatile-containers.json"};
  bool is_named = false;
  for (int i = 0; i < 2 * DRIVERS && !is_named; i++) {
    char *list = read_podman(containers, user, drivers[i / 2], lists[i % 2]);
    is_named = list && name_in_list(list, id, label);
    free(list);
  }
  return is_named;
}

static bool is_made_for(const char *config, const char *netns) {
  const char *each = lb_json_first(
      lb_json_member(lb_json_member(config, "linux"), "namespaces"));
  while (each && !lb_json_is(lb_json_member(each, "type"), "network"))
    each = lb_json_next(each);
  return each && lb_json_is(lb_json_member(each, "path"), netns);
}

/* A container that has joined another one has a path under /proc there. */
static bool owns_in_podman(struct lb_containers *containers, const char *id,
                           const char *netns) {
  char name[LB_CONTAINER_ID_SIZE + sizeof("/userdata/config.json")];
  bool owns = false;
  snprintf(name, sizeof(name), "%s/userdata/config.json", id);
  for (int i = 0; i < DRIVERS && !owns; i++) {
    char *text = read_podman(containers, 0, drivers[i], name);
    owns = text && is_made_for(text, netns);
    free(text);
  }
  return owns;
}

/* --- Kubernetes ----------------------------------------------------------- */

/* A directory for each pod: NAMESPACE_POD_UID. */
static bool name_pod(struct lb_containers *containers, const char *uid,
                     char label[static LB_LABEL_SIZE]) {
  char path[PATH_BYTES];
  snprintf(path, sizeof(path), "%s" PODS_DIR, containers->root);
  DIR *pods = opendir(path);
  if (!pods) {
    note_denial(containers, PODS_DIR, -errno);
    return false;
  }
  bool is_named = false;
  for (struct dirent *entry;
       !is_named &&
       (entry = readdir(pods));) { // NOLINT(concurrency-mt-unsafe): our own
    char *end = strrchr(entry->d_name, '_');
    if (!end || strcmp(end + 1, uid) != 0)
      continue;
    *end = '\0';
    is_named = !lb_label_of_netns(label, entry->d_name);
  }
  closedir(pods);
  return is_named;
}

/* --- containers ----------------------------------------------------------- */

static bool name_users(struct lb_containers *containers,
                       const struct lb_container_path *path,
                       char label[static LB_LABEL_SIZE]) {
  if (!path->user || !has_time(containers))
    return false;
  uint64_t start = searched_ns(containers);
  bool is_named = name_in_podman(containers, path->user, path->id, label);
  charge(containers, start);
  return is_named;
}

/* The files of root know nothing of a container that root did not start, nor of
 * one within another; but its group can have any ID. */
static bool write_name(struct lb_containers *containers,
                       const struct lb_container_path *path,
                       char label[static LB_LABEL_SIZE]) {
  if (path->is_foreign)
    return name_users(containers, path, label);
  if (path->pod[0])
    return name_pod(containers, path->pod, label);
  return (!path->is_podman && name_in_docker(containers, path->id, label)) ||
         name_in_podman(containers, 0, path->id, label);
}

void lb_containers_of_path(struct lb_containers *containers, const char *path,
                           struct lb_container *out) {
  struct lb_container_path parsed = lb_container_path_parse(path);
  *out = (struct lb_container){.is_foreign = parsed.is_foreign};
  memcpy(out->id, parsed.id, sizeof(out->id));
  if (parsed.machine[0])
    lb_label_of_netns(out->label, parsed.machine);
  if (!parsed.id[0])
    return;
  containers->denied = NULL;
  if (write_name(containers, &parsed, out->label))
    return;
  snprintf(out->label, sizeof(out->label), "%.*s", ID_SHOWN, parsed.id);
  if (containers->denied)
    containers->hidden = containers->denied;
}

/* A walk since the id was first asked for has shown that there is none. Returns
 * false if there is no time for one. */
static bool find_group(struct lb_containers *containers, uint64_t id,
                       uint32_t *asked, const char **path) {
  struct lb_cgroups *cgroups = &containers->cgroups;
  *path = lb_cgroups_known_path(cgroups, id);
  if (*path || (*asked && cgroups->walks >= *asked))
    return true;
  if (!has_time(containers)) {
    *asked = cgroups->walks + 1;
    return false;
  }
  char dir[PATH_BYTES];
  uint64_t start = searched_ns(containers);
  snprintf(dir, sizeof(dir), "%s" LB_CGROUP_DIR, containers->root);
  *path = lb_cgroups_path(cgroups, dir, id);
  charge(containers, start);
  return true;
}

static bool find_known(const struct lb_containers *containers, uint64_t id,
                       struct lb_container *out) {
  for (unsigned i = 0; i < REMEMBERED; i++)
    if (containers->known[i].cgroup == id) {
      *out = containers->known[i].container;
      return true;
    }
  return false;
}

bool lb_containers_of_cgroup(struct lb_containers *containers, uint64_t id,
                             uint32_t *asked, struct lb_container *out) {
  const char *path;
  *out = (struct lb_container){.label = ""};
  if (id > UNKNOWN_CGROUP && !find_known(containers, id, out)) {
    if (!find_group(containers, id, asked, &path))
      return false;
    if (path)
      lb_containers_of_path(containers, path, out);
    containers->known[containers->next++ % REMEMBERED] =
        (struct known){id, *out};
  }
  *asked = 0;
  return true;
}

bool lb_containers_owns(struct lb_containers *containers,
                        const struct lb_container *container,
                        const char *netns) {
  return container->id[0] && !container->is_foreign && strchr(netns, '/') &&
         (owns_in_docker(containers, container->id, netns) ||
          owns_in_podman(containers, container->id, netns));
}

const char *lb_containers_hidden(const struct lb_containers *containers) {
  return containers->hidden;
}
