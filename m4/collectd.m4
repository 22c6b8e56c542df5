# SPDX-License-Identifier: MIT
# LB_INODES
# Sets INODE_CPPFLAGS: what gives 32-bit programs inodes of 64 bits, those of control groups and of large disks. Without
# it stat(2) of such a file is EOVERFLOW. AC_SYS_LARGEFILE would put it into DEFS, which the Makefile has of its own.
AC_DEFUN([LB_INODES], [
  AC_CACHE_CHECK([for the option that gives inodes 64 bits], [lb_cv_inode_cppflags],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <sys/types.h>]],
        [[char is_large[sizeof(ino_t) < 8 ? -1 : 1] = ""; return is_large[0];]])],
      [lb_cv_inode_cppflags=none], [lb_cv_inode_cppflags=-D_FILE_OFFSET_BITS=64])])
  AS_CASE([$lb_cv_inode_cppflags], [none], [INODE_CPPFLAGS=], [INODE_CPPFLAGS=$lb_cv_inode_cppflags])
  AC_SUBST([INODE_CPPFLAGS])
])

# LB_COLLECTD_HEADERS
# Finds the headers for collectd plugins by compiling with them. Sets
#   COLLECTD_CPPFLAGS  for files that include collectd.h,
#   OCONFIG_CPPFLAGS   for files that include liboconfig/oconfig.h only,
#   COLLECTD6          a condition of automake: they are those of collectd 6.
# They are system headers, so the compiler does not warn about them.
AC_DEFUN([LB_COLLECTD_HEADERS], [
  AC_ARG_WITH([collectd-headers],
    [AS_HELP_STRING([--with-collectd-headers=DIR],
      [where collectd's headers are: an include directory, or a collectd source tree in which ./configure was run])])
  # They have the types and settings of the machine that collectd was built for.
  AS_CASE([$with_collectd_headers],
    [''|yes|no],
    [AS_IF([test "$cross_compiling" = yes],
       [AC_MSG_ERROR([collectd's headers in /usr/include are those of this machine, and the build is for $host.
  Give the headers of its collectd to --with-collectd-headers=DIR])])
     lb_roots="/usr/include /usr/local/include /opt/collectd/include"],
    [test -d "$with_collectd_headers" ||
       AC_MSG_ERROR([--with-collectd-headers: no directory $with_collectd_headers])
     lb_dir=`cd "$with_collectd_headers" && pwd`
     lb_roots="$lb_dir $lb_dir/include"])

  AC_MSG_CHECKING([for collectd's headers])
  lb_headers_found=
  lb_why=
  for lb_root in $lb_roots; do
    # Debian; headers in directories; all in one directory; the same two without "collectd/"; a source tree
    for lb_layout in .:collectd:collectd/core:collectd/core/daemon \
        collectd:collectd/daemon collectd .:daemon . src:src/daemon; do
      test -z "$lb_headers_found" || continue
      _LB_TRY_LAYOUT([$lb_root], [$lb_layout])
    done
  done
  AS_IF([test -z "$lb_headers_found"],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([collectd's plugin headers (collectd.h, plugin.h, utils_complain.h) not found.
  Looked in: $lb_roots
  ${lb_why:-There is no collectd.h in any of them.}
  Debian: apt-get install collectd-dev
  Fedora packages no plugin headers: unpack the source of the collectd you run, run ./configure
  in it, and give that tree to --with-collectd-headers=DIR])])
  AC_MSG_RESULT([$lb_headers_found])
  AC_SUBST([COLLECTD_CPPFLAGS])
  AC_SUBST([OCONFIG_CPPFLAGS])
  AM_CONDITIONAL([COLLECTD6], [test "$lb_series" = 6])
])

# _LB_TRY_LAYOUT(root, directories): tries one layout. If it fails, lb_why has the reason.
AC_DEFUN([_LB_TRY_LAYOUT], [
  lb_flags=
  lb_oconfig=
  lb_collectd_h=
  for lb_dir in `AS_ECHO(["$2"]) | tr : ' '`; do
    AS_CASE([$lb_dir], [.], [lb_dir=$1], [lb_dir=$1/$lb_dir])
    test "$lb_dir" = /usr/include || lb_flags="$lb_flags -isystem $lb_dir"
    test ! -f "$lb_dir/liboconfig/oconfig.h" || lb_oconfig="-isystem $lb_dir"
    test ! -f "$lb_dir/collectd.h" || lb_collectd_h=$lb_dir/collectd.h
  done
  # collectd 6 has value lists, too, so its families come first.
  for lb_series_tried in 6 5; do
  AS_IF([test -n "$lb_collectd_h" && test -z "$lb_headers_found"], [
    lb_save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS$lb_flags -D_GNU_SOURCE -DHAVE_CONFIG_H -DLB_SERIES=$lb_series_tried"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
        #include <collectd.h>
        #include <plugin.h>
        #include <utils_complain.h>
        #include <liboconfig/oconfig.h>
        static int lb_config(oconfig_item_t *ci) { return ci->children_num; }
        static c_complain_t lb_complaint = C_COMPLAIN_INIT_STATIC;
        #if LB_SERIES == 6
        static int lb_dispatch(void) {
          metric_family_t family = {.name = "lb", .unit = "1", .type = METRIC_TYPE_COUNTER};
          return plugin_dispatch_metric_family(&family);
        }
        #else
        /* Before 5.7 it was no constant, and called every host "localhost"; before 5.6 a name had 63 bytes. */
        static value_list_t lb_empty = VALUE_LIST_INIT;
        static int lb_dispatch(void) {
          value_t value = {.gauge = 0};
          value_list_t vl = lb_empty;
          vl.values = &value;
          vl.values_len = 1;
          vl.interval = plugin_get_interval();
          return plugin_dispatch_values(&vl);
        }
        #endif
      ]], [[
        plugin_register_complex_config("lb", lb_config);
        c_complain_once(LOG_ERR, &lb_complaint, "%d", lb_dispatch());
      ]])],
      [lb_headers_found=$lb_collectd_h
       lb_series=$lb_series_tried
       COLLECTD_CPPFLAGS=$lb_flags
       OCONFIG_CPPFLAGS=$lb_oconfig],
      [lb_why="$lb_collectd_h does not compile: `grep 'error:' conftest.err | head -n 1`"
       AS_IF([test -f "$1/src/daemon/collectd.h" && test ! -f "$1/src/config.h"],
         [lb_why="$1 is a collectd source tree without src/config.h: run ./configure in it first."],
         [grep 'initializer element is not' conftest.err >/dev/null],
         [lb_why="$lb_collectd_h is of a collectd before 5.7, the oldest that will do."])])
    CPPFLAGS=$lb_save_CPPFLAGS
  ])
  done
])

# LB_COLLECTD_PLUGINDIR
# Sets plugindir: the directory of collectd's plugins. On Debian it is /usr/lib/collectd, even if libdir differs. The
# directories of this machine say nothing about another one.
AC_DEFUN([LB_COLLECTD_PLUGINDIR], [
  AC_ARG_WITH([plugindir],
    [AS_HELP_STRING([--with-plugindir=DIR],
      [where collectd looks for plugins @<:@default: where its plugins are, else LIBDIR/collectd@:>@])])
  AC_MSG_CHECKING([for collectd's plugin directory])
  AS_CASE([$with_plugindir],
    [''|yes|no],
    [plugindir='${libdir}/collectd'
     AS_CASE([$prefix], [NONE], [lb_prefix=$ac_default_prefix], [lb_prefix=$prefix])
     lb_libdir=`prefix=$lb_prefix; exec_prefix=$lb_prefix; eval AS_ECHO(["$libdir"])`
     AS_IF([test "$cross_compiling" = yes], [lb_dirs=],
       [lb_dirs="$lb_prefix/lib/collectd /usr/lib/collectd /usr/lib64/collectd $lb_libdir/collectd"])
     for lb_dir in $lb_dirs; do
       AS_IF([ls "$lb_dir"/*.so >/dev/null 2>&1], [plugindir=$lb_dir; break])
     done],
    [plugindir=$with_plugindir])
  AC_MSG_RESULT([$plugindir])
  AC_SUBST([plugindir])
])
