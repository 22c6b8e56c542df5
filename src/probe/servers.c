// SPDX-License-Identifier: MIT
#include "probe/servers.h"

#include <errno.h>
#include <stdlib.h>

#define PROC "/proc"

void lb_servers_free(struct lb_servers *servers) {
  lb_cgroups_free(&servers->cgroups);
  free(servers->holders);
  *servers = (struct lb_servers){.len = 0};
}

static int compare_holders(const void *a, const void *b) {
  const struct lb_holders *left = a, *right = b;
  return (left->inode > right->inode) - (left->inode < right->inode);
}

static const struct lb_holders *find_holders(const struct lb_servers *servers,
                                             uint32_t inode) {
  const struct lb_holders key = {.inode = inode};
  return servers->len ? bsearch(&key, servers->holders, servers->len,
                                sizeof(key), compare_holders)
                      : NULL;
}

static bool knows_all(const struct lb_servers *servers, const uint32_t *inodes,
                      size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!find_holders(servers, inodes[i]))
      return false;
  return true;
}

/* Two rows of one socket (MPTCP) have one inode. */
static size_t sort_holders(struct lb_holders *holders, size_t len) {
  size_t kept = 0;
  qsort(holders, len, sizeof(*holders), compare_holders);
  for (size_t i = 0; i < len; i++)
    if (i == 0 || holders[i].inode != holders[kept - 1].inode)
      holders[kept++] = holders[i];
  return kept;
}

int lb_servers_find(struct lb_servers *servers, const uint32_t *inodes,
                    size_t len) {
  if (knows_all(servers, inodes, len))
    return 0;
  struct lb_holders *holders = calloc(len, sizeof(*holders));
  if (!holders)
    return -ENOMEM;
  for (size_t i = 0; i < len; i++)
    holders[i].inode = inodes[i];
  free(servers->holders);
  servers->holders = holders;
  servers->len = sort_holders(holders, len);
  return lb_processes_find(PROC, holders, servers->len, &servers->was_denied);
}

const struct lb_holders *lb_servers_holders(const struct lb_servers *servers,
                                            uint32_t inode) {
  const struct lb_holders *holders = find_holders(servers, inode);
  return holders && holders->pid ? holders : NULL;
}

bool lb_servers_unit(struct lb_servers *servers,
                     const struct lb_listen_sock *sock,
                     char unit[static LB_UNIT_SIZE]) {
  char buf[4096];
  const char *path =
      lb_cgroups_path(&servers->cgroups, LB_CGROUP_DIR, sock->cgroup);
  if (path)
    return lb_cgroup_unit(path, unit);
  const struct lb_holders *holders = lb_servers_holders(servers, sock->inode);
  return holders && lb_process_cgroup(PROC, holders->pid, buf, sizeof(buf)) &&
         lb_cgroup_unit(buf, unit);
}

const char *lb_clean_name(char out[static LB_UNIT_SIZE], const char *name) {
  size_t len = 0;
  for (; *name && len < LB_UNIT_SIZE - 1; name++)
    out[len++] = (char)(*name > ' ' && *name < 127 ? *name : '_');
  out[len] = '\0';
  return out;
}
