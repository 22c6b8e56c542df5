/* SPDX-License-Identifier: MIT */
/* The kernel's netlink answers, made in memory. */
#ifndef LB_ANSWERS_H
#define LB_ANSWERS_H

#include "kernel/answer.h"
#include "kernel/netlink.h"
#include "kernel/sock.h"

#include <linux/netlink.h>

enum { SEQ = 7, PORTID = 4242 }; /* of the request that they answer */

struct datagram {
  _Alignas(8) char at[4096];
  size_t len;
};

/* Of hexadecimal digits, two a byte, and spaces. */
struct datagram datagram_of_hex(const char *hex);

struct nlmsghdr *start_message(struct datagram *datagram, uint16_t type);

struct nlmsghdr *end_message(struct datagram *datagram, struct nlmsghdr *msg);

struct nlmsghdr *put_empty(struct datagram *datagram, uint16_t type);

/* With the int in it that inet_diag's dumps end with; 0: ended well. */
struct nlmsghdr *put_done(struct datagram *datagram, int status);

struct nlmsghdr *put_error(struct datagram *datagram, int status);

/* The kernel's answer that is parsed to row, type 18 or 20, its attributes in
 * the order of Linux 6.18. */
struct nlmsghdr *put_sock_with(struct datagram *datagram, uint16_t type,
                               const struct lb_listen_sock *row,
                               size_t meminfo_values);

struct nlmsghdr *put_sock(struct datagram *datagram,
                          const struct lb_listen_sock *row);

struct nlmsghdr *start_unix(struct datagram *datagram,
                            const struct lb_listen_sock *row, uint8_t type);

void put_rqlen(struct nlmsghdr *msg, uint32_t queue, uint32_t limit);

/* unix_diag's answer that is parsed to row, its attributes in the order of
 * Linux 6.18; sun_path as the kernel has it, NULL for none. */
struct nlmsghdr *put_unix_sock(struct datagram *datagram,
                               const struct lb_listen_sock *row, uint8_t type,
                               const char *sun_path, size_t len);

/* A connection with the name of the server's socket; sun_path NULL: none. */
struct nlmsghdr *put_unix_conn(struct datagram *datagram, uint32_t inode,
                               uint8_t type, const char *sun_path, size_t len);

/* The answer about pending connections: the inodes of their clients. */
struct nlmsghdr *put_pending(struct datagram *datagram,
                             const struct lb_listen_sock *row,
                             const uint32_t *inodes, size_t len);

/* inet_diag's answer that is parsed to conn. */
struct nlmsghdr *put_conn(struct datagram *datagram,
                          const struct lb_conn *conn);

/* --- the running kernel's ------------------------------------------------ */

/* Sends the request and hands the messages of the answer to the handler. */
int ask_kernel(struct lb_netlink *netlink, struct nlmsghdr *request,
               struct lb_msg_handler handler);

#endif
