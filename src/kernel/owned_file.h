/* SPDX-License-Identifier: MIT */
/* Reads a file that a user may have put there to hold up or mislead root. */
#ifndef LB_KERNEL_OWNED_FILE_H
#define LB_KERNEL_OWNED_FILE_H

#include <stddef.h>
#include <sys/types.h>

#define LB_ANY_OWNER ((uid_t)-1)

/* Reads a regular file that uid owns, by an absolute path through local file
 * systems (lb_local_path_open()): no FIFO, no device, nothing that a network or
 * FUSE answers for, no file of another user that a link leads to. proc: where
 * procfs is mounted. *out is the text with a NUL after it; the caller frees it.
 *
 * Returns 0; -EFBIG if it is longer than most; -ESTALE if it is not regular or
 * another user's; or another -errno. */
int lb_owned_file_read(const char *proc, const char *path, uid_t uid,
                       size_t most, char **out);

#endif
