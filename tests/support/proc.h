/* SPDX-License-Identifier: MIT */
/* A folder to read instead of /proc. */
#ifndef LB_PROC_H
#define LB_PROC_H

struct proc {
  char root[64];
  char path[128];
};

const char *proc_path(struct proc *proc, const char *name);

void make_proc(struct proc *proc, const char *test);

void write_proc(struct proc *proc, const char *name, const char *text);

void remove_proc(struct proc *proc);

/* How many descriptors are open. */
int count_fds(void);

#endif
