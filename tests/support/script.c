// SPDX-License-Identifier: MIT
#include "script.h"

#include "unit.h"

void for_each_statement(const char *script,
                        void (*play)(void *data, const struct words *words),
                        void *data) {
  char copy[1024], *rest;
  assert_in_range(snprintf(copy, sizeof(copy), "%s", script), 0,
                  sizeof(copy) - 1);
  for (char *statement = strtok_r(copy, ";", &rest); statement;
       statement = strtok_r(NULL, ";", &rest)) {
    struct words words = {.len = 0};
    char *end;
    for (char *word = strtok_r(statement, " ", &end);
         word && words.len < LEN(words.v); word = strtok_r(NULL, " ", &end))
      words.v[words.len++] = word;
    if (words.len)
      play(data, &words);
  }
}

static const char *text_after(const struct words *words, const char *option) {
  for (size_t i = 2; i + 1 < words->len; i++) {
    assert_non_null(words->v[i]);
    if (strcmp(words->v[i], option) == 0)
      return words->v[i + 1];
  }
  return NULL;
}

static void set_number(const struct words *words, const char *option,
                       uint32_t *out) {
  const char *number = text_after(words, option);
  if (number)
    *out = (uint32_t)strtoul(number, NULL, 10);
}

uint32_t number_at(const struct words *words, size_t i) {
  assert_in_range(i, 0, words->len - 1);
  return (uint32_t)strtoul(words->v[i], NULL, 10);
}

bool is_name(const char *text) { return *text < '0' || *text > '9'; }

static void set_file(struct listening *socket, const char *file) {
  if (!file)
    return;
  socket->row.file = (struct lb_file_id){socket->row.inode, 7};
  socket->file_err = *file == 'o' ? 0 : *file == 'f' ? -ESTALE : -EAGAIN;
}

static void set_socket(struct kernel *kernel, const struct words *words) {
  struct listening *socket = listening_of(kernel, number_at(words, 1));
  const char *at = text_after(words, "at");
  const char *cgroup = text_after(words, "cgroup");
  set_number(words, "queue", &socket->row.queue);
  set_number(words, "limit", &socket->row.limit);
  set_number(words, "dev", &socket->row.ifindex);
  set_number(words, "drops", &socket->row.sk_drops);
  set_number(words, "closed", &socket->closed);
  set_number(words, "accepted", &socket->accepted);
  if (cgroup)
    socket->row.cgroup = strtoull(cgroup, NULL, 10);
  if (at)
    bind_row(&socket->row, at);
  set_file(socket, text_after(words, "file"));
  if (strcmp(words->v[words->len - 1], "unseen") == 0)
    socket->pending_err = -EMSGSIZE;
  if (strcmp(words->v[words->len - 1], "gone") == 0)
    socket->pending_err = -ENOENT;
}

static void add_listening(struct kernel *kernel, const struct words *words) {
  if (is_name(words->v[2]))
    listen_at(kernel, number_at(words, 1), words->v[2]);
  else
    listen_on(kernel, number_at(words, 1), (uint16_t)number_at(words, 2));
  set_socket(kernel, words);
}

static void move_drops(struct kernel *kernel, const struct words *words) {
  switch (*words->v[0]) {
  case 'n':
    noise(kernel, number_at(words, 1), number_at(words, 2));
    break;
  case 'd':
    kernel->drops += number_at(words, 1);
    break;
  default:
    if (words->len == 2)
      kernel->overflows += number_at(words, 1);
    else
      overflow(kernel, number_at(words, 1), number_at(words, 2));
  }
}

static void close_one(struct kernel *kernel, const struct words *words) {
  close_socket(kernel, number_at(words, 1));
}

/* The last one counts. The path is one of the script, which lasts. */
static void link_path(struct kernel *kernel, const struct words *words) {
  static char paths[LEN(kernel->links)][32];
  struct linked *linked = kernel->links;
  while (linked < kernel->links + kernel->links_len &&
         strcmp(linked->path, words->v[1]) != 0)
    linked++;
  size_t i = (size_t)(linked - kernel->links);
  assert_in_range(i, 0, LEN(kernel->links) - 1);
  snprintf(paths[i], sizeof(paths[i]), "%s", words->v[1]);
  kernel->links_len += i == kernel->links_len;
  *linked = (struct linked){
      .path = paths[i],
      .file = socket_of(kernel, number_at(words, 2))->file,
  };
  if (words->len > 3) {
    linked->mounted_dev = linked->file.dev;
    linked->file.dev++;
  }
}

static void unlink_paths(struct kernel *kernel, const struct words *words) {
  (void)words;
  kernel->links_len = 0;
}

static void connect_client(struct kernel *kernel, const struct words *words) {
  const char *at = text_after(words, "at");
  enum lb_conn_kind kind = *words->v[0] == 'w'   ? LB_CONN_WAITING
                           : *words->v[0] == 'c' ? LB_CONN_CLOSED
                           : *words->v[0] == 'm' ? LB_CONN_MPTCP_CLOSED
                           : *words->v[0] == 'a' ? LB_CONN_ACCEPTED
                                                 : LB_CONN_HALF_OPEN;
  assert_in_range(kernel->conns_len, 0, MAX_CONNS - 1);
  struct lb_conn *made = &kernel->conns[kernel->conns_len++];
  *made = conn(at ? at : "10.0.0.1", (uint16_t)number_at(words, 1), kind,
               number_at(words, 2));
  set_number(words, "dev", &made->ifindex);
}

static void hang_up(struct kernel *kernel, const struct words *words) {
  (void)words;
  kernel->conns_len = 0;
}

static void set_mptcp(struct kernel *kernel, const struct words *words) {
  kernel->mptcp = number_at(words, 1);
}

static void count_syns(struct kernel *kernel, const struct words *words) {
  *(*words->v[0] == 'c' ? &kernel->cookies : &kernel->syn_drops) +=
      number_at(words, 1);
}

static void set_somaxconn(struct kernel *kernel, const struct words *words) {
  kernel->somaxconn = number_at(words, 1);
}

static void fail_reads(struct kernel *kernel, const struct words *words) {
  const char *what = words->len > 1 ? words->v[1] : "";
  kernel->dump_err = strcmp(what, "dump") ? 0 : -ENOBUFS;
  kernel->unix_err = strcmp(what, "paths") ? 0 : -ENOBUFS;
  if (strcmp(what, "tcp_diag") == 0)
    kernel->dump_err = -ENOENT;
  if (strcmp(what, "unix_diag") == 0)
    kernel->unix_err = -ENOENT;
  kernel->netstat_err = strcmp(what, "netstat") ? 0 : -ENOBUFS;
  kernel->conns_err = strcmp(what, "waiting") ? 0 : -ENOBUFS;
  kernel->mptcp_err = strcmp(what, "mptcp") ? 0 : -ENOENT;
}

static const struct {
  const char *verb;
  void (*play)(struct kernel *kernel, const struct words *words);
} verbs[] = {
    {"listen", add_listening},    {"set", set_socket},
    {"link", link_path},          {"unlink", unlink_paths},
    {"close", close_one},         {"overflow", move_drops},
    {"noise", move_drops},        {"drops", move_drops},
    {"overflows", move_drops},    {"waiting", connect_client},
    {"closed", connect_client},   {"half_open", connect_client},
    {"accepted", connect_client}, {"mptcp_closed", connect_client},
    {"mptcp", set_mptcp},         {"hang_up", hang_up},
    {"syn_drops", count_syns},    {"cookies", count_syns},
    {"somaxconn", set_somaxconn}, {"fail", fail_reads},
    {"work", fail_reads},
};

void play_to_kernel(struct kernel *kernel, const struct words *words) {
  for (size_t i = 0; i < LEN(verbs); i++)
    if (strcmp(verbs[i].verb, words->v[0]) == 0) {
      verbs[i].play(kernel, words);
      return;
    }
  fail_msg("unknown verb \"%s\"", words->v[0]);
}
