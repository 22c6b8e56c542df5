// SPDX-License-Identifier: MIT
#include "kernel/containers.h"

#include "kernel/cgroups.h"
#include "kernel/json_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOCKER_DIR "/var/lib/docker/containers"
#define PODMAN_DIR "/var/lib/containers/storage"
#define PODMAN_HOME "/.local/share/containers/storage"
#define PODS_DIR "/var/log/pods"

enum {
  REMEMBERED = 256,
  PATH_BYTES = 1024,
  ID_SHOWN = 12,
  MOST_BYTES = 64 << 20, /* of a file */
  UNKNOWN_CGROUP = 1,    /* the kernel's id of a group of version 1 */
};

struct known {
  uint64_t cgroup; /* 0: unused */
  struct lb_container container;
};

struct lb_containers {
  const char *root;
  struct lb_cgroups cgroups;
  const char *hidden;
  const char *denied; /* the same, in this search */
  unsigned next;      /* is replaced next */
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

/* --- files --------------------------------------------------------------- */

static void note_denial(struct lb_containers *containers, const char *dir) {
  if ((errno == EACCES || errno == EPERM) && !containers->denied)
    containers->denied = dir;
}

static char *read_opened(int fd) {
  struct stat status;
  if (fstat(fd, &status) || status.st_size > MOST_BYTES)
    return NULL;
  size_t size = (size_t)status.st_size;
  char *text = malloc(size + 1);
  ssize_t len = text ? read(fd, text, size) : -1;
  if (len < 0) {
    free(text);
    return NULL;
  }
  text[len] = '\0';
  return text;
}

/* dir: which one is reported if the file may not be read. NULL without a file
 * or memory; the caller frees the text. */
static char *read_file_of(struct lb_containers *containers, const char *dir,
                          const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    note_denial(containers, dir);
    return NULL;
  }
  char *text = read_opened(fd);
  close(fd);
  return text;
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

/* Visits "overlay-containers" and those of other drivers, until visit returns
 * true. */
static bool visit_podman(struct lb_containers *containers, unsigned user,
                         bool (*visit)(struct lb_containers *containers,
                                       const char *dir, void *data),
                         void *data) {
  char storage[PATH_BYTES], dir[PATH_BYTES];
  if (!write_podman_dir(containers, user, storage))
    return false;
  DIR *drivers = opendir(storage);
  if (!drivers) {
    note_denial(containers, user ? "~" PODMAN_HOME : PODMAN_DIR);
    return false;
  }
  bool is_found = false;
  for (struct dirent *entry;
       !is_found &&
       (entry = readdir(drivers));) { // NOLINT(concurrency-mt-unsafe): our own
    const char *end = strstr(entry->d_name, "-containers");
    int len = snprintf(dir, sizeof(dir), "%s/%s", storage, entry->d_name);
    if (end && strcmp(end, "-containers") == 0 && len < (int)sizeof(dir))
      is_found = visit(containers, dir, data);
  }
  closedir(drivers);
  return is_found;
}

struct naming {
  const char *id;
  char *label;
};

static bool name_in_list(const char *list, const struct naming *naming) {
  char name[LB_LABEL_SIZE];
  for (const char *each = lb_json_first(list); each; each = lb_json_next(each))
    if (lb_json_is(lb_json_member(each, "id"), naming->id))
      return lb_json_copy(lb_json_first(lb_json_member(each, "names")), name,
                          sizeof(name)) &&
             !lb_label_of_netns(naming->label, name);
  return false;
}

/* Containers that end with the host are listed apart. */
static bool name_in_podman(struct lb_containers *containers, const char *dir,
                           void *data) {
  static const char *const lists[] = {"containers.json",
                                      "volatile-containers.json"};
  char path[PATH_BYTES];
  bool is_named = false;
  for (int i = 0; i < 2 && !is_named; i++) {
    snprintf(path, sizeof(path), "%s/%s", dir, lists[i]);
    char *list = read_file_of(containers, PODMAN_DIR, path);
    is_named = list && name_in_list(list, data);
    free(list);
  }
  return is_named;
}

struct ownership {
  const char *id;
  const char *netns;
};

/* A container that has joined another one has a path under /proc there. */
static bool owns_in_podman(struct lb_containers *containers, const char *dir,
                           void *data) {
  const struct ownership *ownership = data;
  char path[PATH_BYTES];
  snprintf(path, sizeof(path), "%s/%s/userdata/config.json", dir,
           ownership->id);
  char *text = read_file_of(containers, PODMAN_DIR, path);
  const char *each = text ? lb_json_first(lb_json_member(
                                lb_json_member(text, "linux"), "namespaces"))
                          : NULL;
  while (each && !lb_json_is(lb_json_member(each, "type"), "network"))
    each = lb_json_next(each);
  bool owns =
      each && lb_json_is(lb_json_member(each, "path"), ownership->netns);
  free(text);
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
    note_denial(containers, PODS_DIR);
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

static bool write_name(struct lb_containers *containers,
                       const struct lb_container_path *path,
                       char label[static LB_LABEL_SIZE]) {
  struct naming naming = {path->id, label};
  if (path->pod[0])
    return name_pod(containers, path->pod, label);
  return (!path->is_podman && name_in_docker(containers, path->id, label)) ||
         visit_podman(containers, path->user, name_in_podman, &naming);
}

void lb_containers_of_path(struct lb_containers *containers, const char *path,
                           struct lb_container *out) {
  struct lb_container_path parsed = lb_container_path_parse(path);
  *out = (struct lb_container){.label = ""};
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

void lb_containers_of_cgroup(struct lb_containers *containers, uint64_t id,
                             struct lb_container *out) {
  *out = (struct lb_container){.label = ""};
  if (id <= UNKNOWN_CGROUP)
    return;
  for (unsigned i = 0; i < REMEMBERED; i++)
    if (containers->known[i].cgroup == id) {
      *out = containers->known[i].container;
      return;
    }
  char dir[PATH_BYTES];
  snprintf(dir, sizeof(dir), "%s" LB_CGROUP_DIR, containers->root);
  const char *path = lb_cgroups_path(&containers->cgroups, dir, id);
  if (path)
    lb_containers_of_path(containers, path, out);
  containers->known[containers->next++ % REMEMBERED] = (struct known){id, *out};
}

bool lb_containers_owns(struct lb_containers *containers,
                        const struct lb_container *container,
                        const char *netns) {
  struct ownership ownership = {container->id, netns};
  return container->id[0] && strchr(netns, '/') &&
         (owns_in_docker(containers, container->id, netns) ||
          visit_podman(containers, 0, owns_in_podman, &ownership));
}

const char *lb_containers_hidden(const struct lb_containers *containers) {
  return containers->hidden;
}
