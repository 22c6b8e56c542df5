/* SPDX-License-Identifier: MIT */
/* What the unit tests share. */
#ifndef LB_UNIT_H
#define LB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Begins a test: run_all_tests() runs those of a file in their order. */
#define TEST_WITH(name, setup, teardown)                                       \
  static void name(void **state);                                              \
  __attribute__((constructor)) static void add_##name(void) {                  \
    add_test(__COUNTER__,                                                      \
             (struct CMUnitTest){#name, name, setup, teardown, NULL});         \
  }                                                                            \
  static void name(__attribute__((unused)) void **state)
#define TEST_CASE(name) TEST_WITH(name, NULL, NULL)

void add_test(size_t place, struct CMUnitTest test);

int run_all_tests(CMFixtureFunction setup, CMFixtureFunction teardown);

/* In memory that ends where the bytes do, so that an overrun is seen; free()
 * it.
 */
void *exact_copy(const void *bytes, size_t len);

/* Defines what the linker's --wrap puts in place of a function of the program;
 * __real_NAME() is that function. */
#define WRAP(type, name, ...)                                                  \
  type __real_##name(__VA_ARGS__);                                             \
  type __wrap_##name(__VA_ARGS__);                                             \
  type __wrap_##name(__VA_ARGS__)

/* The same for a function that glibc calls __NAME64 on 32-bit machines with
 * 64-bit time_t, as Debian 13's armhf; the linker needs both names. */
#if defined(__GLIBC__) && __SIZEOF_LONG__ == 4 && _TIME_BITS == 64
#define TIME64_SYMBOL(prefix, name) __asm__(prefix "__" #name "64")
#else
#define TIME64_SYMBOL(prefix, name)
#endif
#define WRAP_TIME(type, name, ...)                                             \
  type __real_##name(__VA_ARGS__) TIME64_SYMBOL("__real_", name);              \
  type __wrap_##name(__VA_ARGS__) TIME64_SYMBOL("__wrap_", name);              \
  type __wrap_##name(__VA_ARGS__)

#include "answers.h"
#include "config.h"
#include "proc.h"
#include "say.h"
#include "servers.h"

#endif
