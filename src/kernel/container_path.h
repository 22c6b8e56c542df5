/* SPDX-License-Identifier: MIT */
/* What the path of a control group says of the container that it is for. */
#ifndef LB_KERNEL_CONTAINER_PATH_H
#define LB_KERNEL_CONTAINER_PATH_H

#include "base/label.h"

#include <stdbool.h>

#define LB_CONTAINER_ID_SIZE 65 /* 64 hexadecimal digits and the NUL */
#define LB_POD_UID_SIZE 37

struct lb_container_path {
  char id[LB_CONTAINER_ID_SIZE]; /* "": no container */
  char pod[LB_POD_UID_SIZE];     /* UID of the Kubernetes pod; "": none */
  char machine[LB_LABEL_SIZE];   /* of systemd-nspawn or LXC; "": none */
  bool is_podman;                /* the container is one of Podman's */
  bool is_foreign; /* root on this host did not choose these names: any user
                      makes groups below the own slice, as a container does
                      below its group */
  unsigned user;   /* below the slice of this user; 0: of none, or of root */
};

/* The innermost one, if containers run in containers:
 *
 *   .../docker-ID.scope            Docker; cgroupfs driver: /docker/ID
 *   .../libpod-ID.scope/container  Podman; cgroupfs driver: .../libpod-ID
 *   /kubepods.slice/.../...-podUID.slice/cri-containerd-ID.scope
 *   /kubepods/.../podUID/ID        (or crio-ID)
 *   /machine.slice/machine-NAME.scope/..., .../systemd-nspawn@NAME.service/...
 *   /lxc.payload.NAME/..., before LXC 4: /lxc/NAME/...
 *
 * A user's are below /user.slice/user-N.slice. */
struct lb_container_path lb_container_path_parse(const char *path);

#endif
