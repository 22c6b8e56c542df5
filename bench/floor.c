// SPDX-License-Identifier: MIT
/* The floor of a sample: one LISTEN dump of both families with SKMEMINFO, which
 * only counts the rows.
 *
 * usage: floor PASSES   prints CPU microseconds (user + system) a pass, and
 * rows */
#include "bench.h"
#include "kernel/inet_diag.h"

#include <libmnl/libmnl.h>
#include <stdio.h>

static int count_row(const struct nlmsghdr *msg, void *data) {
  (void)msg;
  ++*(unsigned long *)data;
  return MNL_CB_OK;
}

static void dump(struct mnl_socket *nl, unsigned portid,
                 struct nlmsghdr *request, unsigned long *rows) {
  static char buf[32768] __attribute__((aligned(8)));
  ssize_t n;
  request->nlmsg_seq++;
  *rows = 0;
  mnl_socket_sendto(nl, request, request->nlmsg_len);
  do
    n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
  while (n > 0 && mnl_cb_run(buf, (size_t)n, request->nlmsg_seq, portid,
                             count_row, rows) > 0);
}

int main(int argc, char **argv) {
  int passes = argc > 1 ? atoi(argv[1]) : 1000;
  char buf[LB_LISTEN_REQUEST_SIZE] __attribute__((aligned(8)));
  struct nlmsghdr *request = lb_inet_request_listen_socks(buf, AF_UNSPEC);
  struct mnl_socket *nl = mnl_socket_open(NETLINK_SOCK_DIAG);
  if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
    perror("floor: sock_diag");
    return EXIT_FAILURE;
  }
  unsigned portid = mnl_socket_get_portid(nl);
  unsigned long rows;
  dump(nl, portid, request, &rows);
  struct used start = used();
  for (int i = 0; i < passes; i++)
    dump(nl, portid, request, &rows);
  printf("%.3f %lu\n", (used().cpu_us - start.cpu_us) / passes, rows);
  mnl_socket_close(nl);
  return EXIT_SUCCESS;
}
