// SPDX-License-Identifier: MIT
#include "core/unix_files.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

enum { MOST_CHECKS = 64, MOST_MOUNTS = 4 };

/* --- configured paths ---------------------------------------------------- */

struct configured {
  uint32_t number;
  struct lb_file_id file;
  const struct lb_socket *socket; /* whose file it is */
  bool may_differ; /* some socket has the inode on another device */
};

struct batch {
  struct configured v[MOST_CHECKS];
  size_t len;
};

static bool has_file(const struct lb_socket *socket) {
  return socket->sock.family == AF_UNIX && socket->sock.file.inode;
}

static bool has_files(const struct lb_socket_table *table) {
  for (size_t i = 0; i < table->len; i++)
    if (has_file(&table->v[i]))
      return true;
  return false;
}

static bool find_configured(struct lb_listeners *listeners,
                            struct lb_source *source, uint32_t number,
                            bool by_mount, struct lb_file_id *out) {
  char path[LB_UNIX_NAME_SIZE + 1];
  const struct lb_listen_sock sock = {.unix_name = number};
  const struct lb_unix_name *name = lb_listeners_unix_name(listeners, &sock);
  snprintf(path, sizeof(path), "%.*s", (int)name->len, name->bytes);
  return path[0] == '/' &&
         lb_source_find_file(source, path, by_mount, out) == 0;
}

static void match_socket(struct batch *batch, const struct lb_socket *socket) {
  const struct lb_file_id *file = &socket->sock.file;
  for (size_t i = 0; i < batch->len; i++) {
    struct configured *each = &batch->v[i];
    if (each->file.inode != file->inode)
      continue;
    if (each->file.dev == file->dev)
      each->socket = socket;
    else
      each->may_differ = true;
  }
}

static void match_sockets(struct batch *batch,
                          const struct lb_socket_table *table) {
  for (size_t i = 0; i < table->len; i++)
    if (has_file(&table->v[i]) && lb_socket_is_present(table, &table->v[i]))
      match_socket(batch, &table->v[i]);
}

/* What stat() and unix_diag may name with two devices. Users can get any inode
 * number in file systems of their own, so this has a limit. */
static void match_mounts(struct batch *batch,
                         const struct lb_socket_table *table,
                         struct lb_listeners *listeners,
                         struct lb_source *source, unsigned *mounts) {
  struct batch others = {.len = 0};
  for (size_t i = 0; i < batch->len && *mounts; i++) {
    struct configured *each = &batch->v[i];
    if (each->socket || !each->may_differ)
      continue;
    (*mounts)--;
    if (find_configured(listeners, source, each->number, true, &each->file))
      others.v[others.len++] = *each;
  }
  if (others.len)
    match_sockets(&others, table);
  for (size_t i = 0, k = 0; k < others.len; i++)
    if (batch->v[i].number == others.v[k].number)
      batch->v[i].socket = others.v[k++].socket;
}

/* The next ones in turn. */
static void find_batch(struct lb_unix_files *files, struct batch *batch,
                       size_t len, struct lb_listeners *listeners,
                       struct lb_source *source) {
  size_t names = lb_listeners_configured_names(listeners);
  for (size_t i = 0; i < len; i++) {
    struct configured each = {.number = files->next_name};
    files->next_name = (uint32_t)((files->next_name + 1) % names);
    if (find_configured(listeners, source, each.number, false, &each.file))
      batch->v[batch->len++] = each;
  }
}

static bool set_files(const struct batch *batch,
                      struct lb_listeners *listeners) {
  bool is_new = false;
  for (size_t i = 0; i < batch->len; i++) {
    const struct configured *each = &batch->v[i];
    if (!each->socket)
      continue;
    const struct lb_listen_sock *sock = &each->socket->sock;
    is_new |= lb_listeners_set_file(
        listeners, each->number,
        sock->unix_name == each->number ? 0 : sock->cookie);
  }
  return is_new;
}

/* A server may rename the file of a new socket: the next sample looks again. */
static void note_new(struct lb_unix_files *files, struct lb_socket_table *table,
                     size_t names) {
  for (size_t i = table->first_new; i < table->len; i++)
    if (has_file(&table->v[i]) && !table->v[i].files.is_noted) {
      table->v[i].files.is_noted = true;
      files->names_left = 2 * names;
    }
}

void lb_unix_files_find(struct lb_unix_files *files,
                        struct lb_socket_table *table,
                        struct lb_listeners *listeners,
                        struct lb_source *source) {
  size_t names = lb_listeners_configured_names(listeners);
  unsigned mounts = MOST_MOUNTS;
  bool is_new = false;
  note_new(files, table, names);
  size_t left = files->has_found && names > MOST_CHECKS ? MOST_CHECKS : names;
  if (left > files->names_left)
    left = files->names_left;
  if (!left || !has_files(table))
    return;
  files->has_found = true;
  files->names_left -= left;
  while (left) {
    struct batch batch = {.len = 0};
    size_t len = left < MOST_CHECKS ? left : MOST_CHECKS;
    find_batch(files, &batch, len, listeners, source);
    match_sockets(&batch, table);
    match_mounts(&batch, table, listeners, source, &mounts);
    is_new |= set_files(&batch, listeners);
    left -= len;
  }
  if (is_new)
    lb_listeners_link_files(listeners, table);
}

/* --- the own path of a socket -------------------------------------------- */

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
  size_t names = lb_listeners_configured_names(listeners);
  if (files->names_left < names)
    files->names_left = names;
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
    if (!socket->sock.is_foreign || socket->sock.by_file ||
        socket->files.is_told)
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
