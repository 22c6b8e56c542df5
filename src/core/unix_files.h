/* SPDX-License-Identifier: MIT */
/* Which UNIX sockets are the files of configured paths, under whatever name
 * they were bound: through a link such as /var/run, with a relative name, or
 * renamed since. Each such path has at most one of them, that of the last look.
 * It stays until another socket is the file.
 *
 * And whether UNIX sockets are the files at their own paths. In a user
 * namespace any user can bind any path: such a socket is not the service that
 * has the path in the file system of this process, and no listener has it.
 *
 * Only another file at the path makes a socket foreign, not a missing or an
 * unreachable one. A socket that was the file once stays its listener's, also
 * if another server takes the path. */
#ifndef LB_CORE_UNIX_FILES_H
#define LB_CORE_UNIX_FILES_H

#include "core/listeners.h"
#include "core/socket_table.h"
#include "kernel/source.h"

/* All 0 at first. */
struct lb_unix_files {
  size_t next;        /* index of a socket, so that all get their turn */
  uint32_t next_name; /* number of a configured name, for the same */
  size_t names_left;  /* to look at */
  bool has_found;     /* all of them were looked at once */
};

/* Looks at the configured paths after a new socket and once per interval, at up
 * to 64 per sample. In every network namespace: a file has one number in all of
 * them. */
void lb_unix_files_find(struct lb_unix_files *files,
                        struct lb_socket_table *table,
                        struct lb_listeners *listeners,
                        struct lb_source *source);

/* Checks the sockets that are new in the table and that a listener may want. */
void lb_unix_files_check_new(struct lb_socket_table *table,
                             const struct lb_listeners *listeners,
                             struct lb_source *source);

/* Tells the listeners of the sockets from this index on that are files. Returns
 * 0 or -ENOMEM. */
int lb_unix_files_take(const struct lb_socket_table *table, size_t first,
                       struct lb_listeners *listeners);

/* Checks sockets that were not found to be the file, at most 64: once per
 * interval. */
void lb_unix_files_check_again(struct lb_unix_files *files,
                               struct lb_socket_table *table,
                               struct lb_listeners *listeners,
                               struct lb_source *source);

/* The oldest foreign socket that has not been told yet. Returns false if there
 * is none.
 */
bool lb_unix_files_next_foreign(const struct lb_socket_table *table,
                                const struct lb_listeners *listeners,
                                struct lb_conflict *out);
void lb_unix_files_told_foreign(struct lb_socket_table *table,
                                const struct lb_conflict *conflict);

#endif
