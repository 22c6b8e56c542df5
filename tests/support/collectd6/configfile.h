/* SPDX-License-Identifier: MIT */
#ifndef LB_COLLECTD6_CONFIGFILE_H
#define LB_COLLECTD6_CONFIGFILE_H

#include "liboconfig/oconfig.h"

char const *global_option_get(char const *option);

#endif
