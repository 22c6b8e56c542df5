// SPDX-License-Identifier: MIT
#include "probe/sockets.h"

#include "base/array.h"
#include "probe/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int lb_socket_lines_add(struct lb_socket_lines *lines,
                        const struct lb_socket_view *view) {
  int err = lb_reserve(&lines->v, lines->len, &lines->cap, sizeof(*lines->v));
  if (err)
    return err;
  struct lb_socket_line *line = &lines->v[lines->len++];
  *line = (struct lb_socket_line){.sock = *view->sock};
  snprintf(line->label, sizeof(line->label), "%s", view->label);
  if (view->name)
    line->name = *view->name;
  return 0;
}

void lb_socket_lines_free(struct lb_socket_lines *lines) {
  free(lines->v);
  *lines = (struct lb_socket_lines){.len = 0};
}

/* By fill, and then by port, name and cookie. */
static int compare_sockets(const void *a, const void *b) {
  const struct lb_socket_line *left = a, *right = b;
  const struct lb_listen_sock *l = &left->sock, *r = &right->sock;
  uint64_t fill_l = ((uint64_t)l->queue << 16) / ((uint64_t)l->limit + 1);
  uint64_t fill_r = ((uint64_t)r->queue << 16) / ((uint64_t)r->limit + 1);
  if (fill_l != fill_r)
    return fill_l > fill_r ? -1 : 1;
  if (l->port != r->port)
    return (uint16_t)(l->port - 1) < (uint16_t)(r->port - 1) ? -1 : 1;
  int order = strcmp(left->label, right->label);
  return order ? order : (l->cookie > r->cookie) - (l->cookie < r->cookie);
}

/* As ss(8) writes it: "*" is both families, "[::]" is IPv6 alone. The devices
 * of a recording are not this host's, so they have no names here. */
static void format_endpoint(const struct lb_listen_sock *sock,
                            bool has_device_names, char *out, size_t size) {
  static const uint8_t any[16];
  char address[INET6_ADDRSTRLEN] = "*";
  char device[IF_NAMESIZE + 1] = "";
  bool v6 = sock->family == AF_INET6;
  if (!v6)
    inet_ntop(AF_INET, sock->address + 12, address, sizeof(address));
  else if (memcmp(sock->address, any, sizeof(any)) != 0 || sock->v6only)
    inet_ntop(AF_INET6, sock->address, address, sizeof(address));
  else
    v6 = false;
  if (sock->ifindex) {
    device[0] = '%';
    if (!has_device_names || !if_indextoname(sock->ifindex, device + 1))
      snprintf(device + 1, sizeof(device) - 1, "%u", sock->ifindex);
  }
  snprintf(out, size, "%s%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
           device, (unsigned)sock->port);
}

/* --- one socket ---------------------------------------------------------- */

struct printed_socket {
  const struct lb_socket_line *line;
  char address[LB_UNIX_NAME_TEXT_SIZE];
  char unit[LB_UNIT_SIZE];          /* "": unknown */
  const struct lb_holders *holders; /* NULL: unknown */
};

static void print_columns(const struct printed_socket *printed) {
  const struct lb_listen_sock *sock = &printed->line->sock;
  char drops[16] = "-", pid[16] = "-", unit[LB_UNIT_SIZE], comm[LB_UNIT_SIZE];
  if (sock->has_drops)
    snprintf(drops, sizeof(drops), "%u", sock->sk_drops);
  if (printed->holders)
    snprintf(pid, sizeof(pid), "%d", (int)printed->holders->pid);
  printf("%-28s %9u %9u %9s %9u %9llx %-24s %7s %s\n", printed->address,
         sock->queue, sock->limit, drops, sock->inode,
         (unsigned long long)sock->cookie,
         lb_clean_name(unit, printed->unit[0] ? printed->unit : "-"), pid,
         lb_clean_name(comm, printed->holders ? printed->holders->comm : "-"));
}

static void print_members(const struct printed_socket *printed,
                          const char *netns) {
  const struct lb_listen_sock *sock = &printed->line->sock;
  char cookie[32];
  bool is_first = true;
  snprintf(cookie, sizeof(cookie), "%llx", (unsigned long long)sock->cookie);
  putchar('{');
  lb_json_text("listener", printed->line->label, &is_first);
  lb_json_text("namespace", netns, &is_first);
  lb_json_text("address", printed->address, &is_first);
  lb_json_number("queue", sock->queue, &is_first);
  lb_json_number("limit", sock->limit, &is_first);
  lb_json_number("sk_drops", sock->has_drops ? sock->sk_drops : (double)NAN,
                 &is_first);
  lb_json_number("inode", sock->inode, &is_first);
  lb_json_text("cookie", cookie, &is_first);
  if (printed->unit[0])
    lb_json_text("unit", printed->unit, &is_first);
  if (printed->holders) {
    lb_json_number("pid", printed->holders->pid, &is_first);
    lb_json_text("process", printed->holders->comm, &is_first);
  }
  putchar('}');
}

/* --- all of them --------------------------------------------------------- */

static int find_servers(const struct lb_socket_lines *lines,
                        struct lb_servers *servers) {
  uint32_t *inodes = calloc(lines->len + 1, sizeof(*inodes));
  if (!inodes)
    return -ENOMEM;
  for (size_t i = 0; i < lines->len; i++)
    inodes[i] = lines->v[i].sock.inode;
  int err = lb_servers_find(servers, inodes, lines->len);
  free(inodes);
  return err;
}

int lb_socket_lines_print(struct lb_socket_lines *lines, const char *netns,
                          const struct lb_arguments *arguments,
                          struct lb_servers *servers, bool *is_first) {
  bool is_live = !arguments->replay;
  bool is_table = arguments->format == LB_FORMAT_TABLE;
  int err = is_live ? find_servers(lines, servers) : 0;
  if (err)
    return err;
  if (lines->len)
    qsort(lines->v, lines->len, sizeof(*lines->v), compare_sockets);
  if (is_table)
    printf("%-28s %9s %9s %9s %9s %9s %-24s %7s %s\n", "ADDRESS", "QUEUE",
           "LIMIT", "SK_DROPS", "INODE", "COOKIE", "UNIT", "PID", "PROCESS");
  for (size_t i = 0; i < lines->len; i++) {
    struct printed_socket printed = {.line = &lines->v[i]};
    const struct lb_listen_sock *sock = &printed.line->sock;
    if (printed.line->name.len)
      lb_unix_name_format(&printed.line->name, printed.address);
    else
      format_endpoint(sock, is_live, printed.address, sizeof(printed.address));
    if (is_live) {
      printed.holders = lb_servers_holders(servers, sock->inode);
      if (!lb_servers_unit(servers, sock, printed.unit))
        printed.unit[0] = '\0';
    }
    if (!is_table && !*is_first)
      putchar(',');
    *is_first = false;
    is_table ? print_columns(&printed) : print_members(&printed, netns);
  }
  return 0;
}
