// SPDX-License-Identifier: MIT
/* What Debian's libmnl and libcmocka call of glibc and musl lacks: the names
 * that _FORTIFY_SOURCE gives to functions. Only architectures.sh builds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

int __fprintf_chk(FILE *file, int flag, const char *format, ...);
int __printf_chk(int flag, const char *format, ...);
int __snprintf_chk(char *out, size_t size, int flag, size_t room,
                   const char *format, ...);
int __vsnprintf_chk(char *out, size_t size, int flag, size_t room,
                    const char *format, va_list args);
_Noreturn void __longjmp_chk(jmp_buf env, int value);

int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
  (void)flag;
  va_list args;
  va_start(args, format);
  int len = vfprintf(file, format, args);
  va_end(args);
  return len;
}

int __printf_chk(int flag, const char *format, ...) {
  (void)flag;
  va_list args;
  va_start(args, format);
  int len = vprintf(format, args);
  va_end(args);
  return len;
}

int __snprintf_chk(char *out, size_t size, int flag, size_t room,
                   const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = __vsnprintf_chk(out, size, flag, room, format, args);
  va_end(args);
  return len;
}

int __vsnprintf_chk(char *out, size_t size, int flag, size_t room,
                    const char *format, va_list args) {
  (void)flag;
  (void)room;
  return vsnprintf(out, size, format, args);
}

_Noreturn void __longjmp_chk(jmp_buf env, int value) { longjmp(env, value); }
