// SPDX-License-Identifier: MIT
#include "core/unix_files.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

enum { MOST_CHECKS = 64 };

/* A relative path is one of the server's directory, and an abstract name has no
 * file. */
static bool needs_check(const struct lb_socket *socket,
                        const struct lb_listeners *listeners,
                        char path[static LB_UNIX_NAME_SIZE + 1]) {
  const struct lb_listen_sock *sock = &socket->sock;
  if (sock->family != AF_UNIX || !sock->file.inode || socket->files.is_own ||
      !lb_listeners_check_file(listeners, sock))
    return false;
  const struct lb_unix_name *name = lb_listeners_unix_name(listeners, sock);
  snprintf(path, LB_UNIX_NAME_SIZE + 1, "%.*s", (int)name->len, name->bytes);
  return path[0] == '/';
}

static void check_socket(struct lb_socket *socket, const char *path,
                         struct lb_source *source) {
  int err = lb_source_check_file(source, path, &socket->sock.file);
  socket->files.is_checked = true;
  if (err == 0) {
    socket->files.is_own = true;
    socket->sock.is_foreign = false;
  } else if (err == -ESTALE) {
    socket->sock.is_foreign = true;
  }
}

void lb_unix_files_check_new(struct lb_socket_table *table,
                             const struct lb_listeners *listeners,
                             struct lb_source *source) {
  char path[LB_UNIX_NAME_SIZE + 1];
  for (size_t i = table->first_new; i < table->len; i++)
    if (!table->v[i].files.is_checked &&
        needs_check(&table->v[i], listeners, path))
      check_socket(&table->v[i], path, source);
}

int lb_unix_files_take(const struct lb_socket_table *table, size_t first,
                       struct lb_listeners *listeners) {
  int err = 0;
  for (size_t i = first; i < table->len && !err; i++)
    if (table->v[i].files.is_own)
      err = lb_listeners_own_file(listeners, &table->v[i].sock);
  return err;
}

/* Without memory the socket stays unknown until the next check. */
static void check_old(struct lb_socket *socket, const char *path,
                      struct lb_listeners *listeners,
                      struct lb_source *source) {
  check_socket(socket, path, source);
  if (socket->files.is_own &&
      (lb_listeners_discover(listeners, &socket->sock) ||
       lb_listeners_own_file(listeners, &socket->sock)))
    socket->files.is_own = false;
}

void lb_unix_files_check_again(struct lb_unix_files *files,
                               struct lb_socket_table *table,
                               struct lb_listeners *listeners,
                               struct lb_source *source) {
  char path[LB_UNIX_NAME_SIZE + 1];
  unsigned checks = 0;
  for (size_t n = 0; n < table->len && checks < MOST_CHECKS; n++) {
    files->next = files->next + 1 < table->len ? files->next + 1 : 0;
    struct lb_socket *socket = &table->v[files->next];
    if (!lb_socket_is_present(table, socket) ||
        !needs_check(socket, listeners, path))
      continue;
    check_old(socket, path, listeners, source);
    checks++;
  }
}

bool lb_unix_files_next_foreign(const struct lb_socket_table *table,
                                const struct lb_listeners *listeners,
                                struct lb_conflict *out) {
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_socket *socket = &table->v[i];
    if (!socket->sock.is_foreign || socket->files.is_told)
      continue;
    *out =
        (struct lb_conflict){.err = -ESTALE, .which = socket->sock.unix_name};
    lb_listeners_write_conflict(listeners, &socket->sock, out);
    return true;
  }
  return false;
}

/* One line is enough for all sockets of a path. */
void lb_unix_files_told_foreign(struct lb_socket_table *table,
                                const struct lb_conflict *conflict) {
  for (size_t i = 0; i < table->len; i++)
    if (table->v[i].sock.is_foreign &&
        table->v[i].sock.unix_name == conflict->which)
      table->v[i].files.is_told = true;
}
