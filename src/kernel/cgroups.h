/* SPDX-License-Identifier: MIT */
/* Control groups: the path of one by its id, and the systemd unit in a path.
 *
 * The kernel shows the id of the cgroup that each TCP socket was created in:
 * struct lb_listen_sock. It is the inode number of the directory of the group
 * (kernfs, on 64-bit systems). open_by_handle_at(2) would find that at once,
 * but needs CAP_DAC_READ_SEARCH; reading all directories needs no privilege. */
#ifndef LB_KERNEL_CGROUPS_H
#define LB_KERNEL_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LB_CGROUP_DIR "/sys/fs/cgroup"
#define LB_UNIT_SIZE 256 /* of the name of a unit, with the NUL */

/* What the last walk has found, and which ids it was for. All 0 at first. */
struct lb_cgroups {
  struct lb_cgroup {
    uint64_t id;
    char *path; /* NULL: unknown */
  } * v;        /* by id */
  size_t len;
  uint64_t *missed; /* asked for, and not found */
  size_t missed_len;
  size_t next_missed; /* is replaced next */
  unsigned walks;     /* so far */
};

/* The path of a control group below its root, such as
 * "/system.slice/ssh.service"; valid until the next call. NULL: there is none
 * with this id, or its path cannot be seen from here. An id that is asked for
 * the first time may take a walk through all control groups, 2 to 20 ms for
 * 50; the same one never takes another. dir: LB_CGROUP_DIR. Allocates memory
 * for what it finds, and returns NULL without memory. */
const char *lb_cgroups_path(struct lb_cgroups *cgroups, const char *dir,
                            uint64_t id);

/* The same without a walk; NULL also if only a walk could tell. */
const char *lb_cgroups_known_path(const struct lb_cgroups *cgroups,
                                  uint64_t id);
void lb_cgroups_free(struct lb_cgroups *cgroups);

/* Writes the last component of a path that is a service or a socket unit.
 * Returns false if there is none. */
bool lb_cgroup_unit(const char *path, char unit[static LB_UNIT_SIZE]);

#endif
