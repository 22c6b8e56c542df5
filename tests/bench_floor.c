// SPDX-License-Identifier: MIT
/* The floor of a look: one LISTEN dump of both families with SKMEMINFO, its
 * rows counted and nothing else.
 *
 * usage: bench_floor PASSES   prints CPU microseconds (user + system) a pass */
#include "diag_inet.h"

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static double cpu_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static int count_row(const struct nlmsghdr *msg, void *data) {
  (void)msg;
  ++*(unsigned long *)data;
  return MNL_CB_OK;
}

static void dump(struct mnl_socket *nl, struct nlmsghdr *request,
                 unsigned long *rows) {
  static char buf[32768] __attribute__((aligned(8)));
  ssize_t n;
  mnl_socket_sendto(nl, request, request->nlmsg_len);
  do
    n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
  while (n > 0 && mnl_cb_run(buf, (size_t)n, request->nlmsg_seq,
                             mnl_socket_get_portid(nl), count_row, rows) > 0);
}

int main(int argc, char **argv) {
  int passes = argc > 1 ? atoi(argv[1]) : 1000;
  char buf[LB_INET_REQUEST_SIZE] __attribute__((aligned(8)));
  struct nlmsghdr *request = lb_inet_request_both(buf);
  struct mnl_socket *nl = mnl_socket_open(NETLINK_SOCK_DIAG);
  if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
    perror("bench_floor: sock_diag");
    return EXIT_FAILURE;
  }
  unsigned long rows = 0;
  double start = cpu_us();
  for (int i = 1; i <= passes; i++) {
    request->nlmsg_seq = (unsigned)i;
    dump(nl, request, &rows);
  }
  printf("%.2f us, %.1f listeners\n", (cpu_us() - start) / passes,
         (double)rows / passes);
  mnl_socket_close(nl);
  return EXIT_SUCCESS;
}
