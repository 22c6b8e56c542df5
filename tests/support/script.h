/* SPDX-License-Identifier: MIT */
/* Scripts of what happens in a scripted kernel: statements that end with ";",
 * each a verb and its words. */
#ifndef LB_SCRIPT_WORDS_H
#define LB_SCRIPT_WORDS_H

#include "scripted_kernel.h"

struct words {
  const char *v[12];
  size_t len; /* at least 1 */
};

void for_each_statement(const char *script,
                        void (*play)(void *data, const struct words *words),
                        void *data);

uint32_t number_at(const struct words *words, size_t i);
bool is_name(const char *text); /* not a number */

/* Plays one statement to a kernel:
 *
 * - listen COOKIE PORT|NAME [OPTION...]: on any IPv4 address, with limit 8
 * - set COOKIE OPTION...: queue N, limit N, at ADDRESS, dev N, drops N (its
 *   sk_drops), closed N, accepted N; last "unseen" or "gone": asked for the
 * connections that wait at a UNIX socket, the kernel has too many, or no
 * socket; file own|foreign|unknown: what a check of the path of a UNIX socket
 * finds
 * - close COOKIE
 * - link PATH COOKIE [mount]: a look at a configured path finds the file of
 * this socket, with "mount" on another device than stat() has; unlink
 * - overflow COOKIE N, noise COOKIE N: see scripted_kernel.h
 * - overflows N, drops N: counted for no socket
 * - waiting PORT MS [at ADDRESS] [dev N], closed ..., mptcp_closed ...,
 *   half_open ..., accepted ...: a client
 * - mptcp N: so many clients of MPTCP that ever came
 * - syn_drops N, cookies N: SYNs that meet a full SYN queue
 * - hang_up: all clients have gone
 * - somaxconn N: 0 is unreadable
 * - fail dump|paths|netstat|waiting: with ENOBUFS, until "work"
 * - fail mptcp: the kernel has no mptcp_diag */
void play_to_kernel(struct kernel *kernel, const struct words *words);

#endif
