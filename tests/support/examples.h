/* SPDX-License-Identifier: MIT */
/* Sockets to make answers of, and what say_socks() says of them. */
#ifndef LB_EXAMPLES_H
#define LB_EXAMPLES_H

#include "kernel/sock.h"

extern const struct lb_listen_sock http, https, api;
#define HTTP_DROPS(drops)                                                      \
  "IPv4 [::ffff:127.0.0.1]:80 queue 3 limit 2 drops " drops " inode 1513 "     \
  "cookie 100000002\n"
#define HTTP HTTP_DROPS("5")
#define HTTPS_AT(address)                                                      \
  "IPv6 [" address "]:443 on 7 queue 0 limit 4096 drops 4294967295 "           \
  "inode 4294967295 cookie fedcba9876543210"
#define HTTPS HTTPS_AT("::1") " v6only\n"
#define API_AT(name) "UNIX \"" name "\" queue 0 limit 5 inode 10 cookie 1\n"
#define API API_AT("/run/api")

#endif
