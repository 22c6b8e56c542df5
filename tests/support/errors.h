/* SPDX-License-Identifier: MIT */
/* Error numbers by name: strerrorname_np() is glibc's alone. */
#ifndef LB_ERRORS_H
#define LB_ERRORS_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LB_ERROR(name)                                                         \
  { name, #name }
static const struct {
  int number;
  const char *name;
} error_names[] = {
    LB_ERROR(EPERM),
    LB_ERROR(ENOENT),
    LB_ERROR(ESRCH),
    LB_ERROR(EINTR),
    LB_ERROR(EIO),
    LB_ERROR(ENXIO),
    LB_ERROR(EBADF),
    LB_ERROR(EAGAIN),
    LB_ERROR(ENOMEM),
    LB_ERROR(EACCES),
    LB_ERROR(EFAULT),
    LB_ERROR(EBUSY),
    LB_ERROR(EEXIST),
    LB_ERROR(ENODEV),
    LB_ERROR(ENOTDIR),
    LB_ERROR(EISDIR),
    LB_ERROR(EINVAL),
    LB_ERROR(ENFILE),
    LB_ERROR(EMFILE),
    LB_ERROR(EFBIG),
    LB_ERROR(ENOSPC),
    LB_ERROR(EPIPE),
    LB_ERROR(ERANGE),
    LB_ERROR(ENAMETOOLONG),
    LB_ERROR(ENOSYS),
    LB_ERROR(ELOOP),
    LB_ERROR(ENODATA),
    LB_ERROR(ETIME),
    LB_ERROR(EPROTO),
    LB_ERROR(EBADMSG),
    LB_ERROR(EOVERFLOW),
    LB_ERROR(EUSERS),
    LB_ERROR(ENOTSOCK),
    LB_ERROR(EDESTADDRREQ),
    LB_ERROR(EMSGSIZE),
    LB_ERROR(EPROTONOSUPPORT),
    LB_ERROR(EOPNOTSUPP),
    LB_ERROR(EADDRINUSE),
    LB_ERROR(EAFNOSUPPORT),
    LB_ERROR(ENETDOWN),
    LB_ERROR(ENOBUFS),
    LB_ERROR(ECONNRESET),
    LB_ERROR(ECONNREFUSED),
    LB_ERROR(ETIMEDOUT),
    LB_ERROR(ESTALE),
    LB_ERROR(EREMOTEIO),
    LB_ERROR(EDQUOT),
    LB_ERROR(ECANCELED),
    LB_ERROR(ENOLCK),
    LB_ERROR(EDEADLK),
    LB_ERROR(ESHUTDOWN),
    LB_ERROR(ENOTCONN),
    LB_ERROR(ESOCKTNOSUPPORT),
};

/* "?": the table lacks it. */
static inline const char *error_name(int number) {
  for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
    if (error_names[i].number == number)
      return error_names[i].name;
  return "?";
}

/* 0: it is no name of the table. */
static inline int error_number(const char *name) {
  for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
    if (strcmp(error_names[i].name, name) == 0)
      return error_names[i].number;
  return 0;
}

#endif
