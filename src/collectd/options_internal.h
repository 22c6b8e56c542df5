/* SPDX-License-Identifier: MIT */
/* What the three files of the options share: options.c reads blocks,
 * options_values.c the values of one option, options_settings.c judges all
 * together. */
#ifndef LB_COLLECTD_OPTIONS_INTERNAL_H
#define LB_COLLECTD_OPTIONS_INTERNAL_H

#include "collectd/options.h"

/* An item as configured, in words: LocalPort "80" in <Listener "api">. Long
 * parts are cut off. */
struct lb_item_text {
  char at[256];
};

/* A SampleInterval, to be checked when the interval is known. */
struct lb_sample_value {
  double seconds; /* NAN: not one number */
  struct lb_item_text item;
};

struct lb_options {
  /* In the order of the configuration. A <Listener> block has a label; a value
   * of LocalPort, LocalPath or NetNamespace outside of blocks has none and is
   * the only member of its selection. */
  struct lb_selection *selections;
  size_t selections_len;
  bool ignore_selected;
  bool listening_ports_given;
  bool listening_ports;
  bool listening_paths;
  enum lb_inspect inspect;
  bool tried_port;     /* there is a LocalPort outside of blocks, good or bad */
  bool tried_path;     /* the same for LocalPath */
  bool tried_listener; /* and for <Listener> */
  struct lb_sample_value *samples;
  size_t samples_len;
};

/* Where we are in the configuration. */
struct lb_context {
  struct lb_options *options;
  const struct lb_error_sink *errors;
  const char *listener;           /* name of the <Listener> block, or NULL */
  struct lb_selection *selection; /* of that block */
  bool lost_address;              /* an address of that block was bad */
  bool lost_netns;                /* a namespace of that block was bad */
};

/* --- options_values.c ---------------------------------------------------- */

/* Reads the values of one option: stores good ones, reports bad ones. Returns 0
 * or -ENOMEM. */
typedef int lb_values_reader(struct lb_context *context,
                             const oconfig_item_t *item);

lb_values_reader lb_read_local_port, lb_read_local_path, lb_read_local_address,
    lb_read_net_namespace, lb_read_listening_ports, lb_read_listening_paths,
    lb_read_ignore_selected, lb_read_inspect_queue, lb_read_sample_interval;

/* --- options.c ----------------------------------------------------------- */

/* The item with an option's name and a value, or NULL. */
struct lb_item_text lb_item_text(const struct lb_context *context,
                                 const char *name,
                                 const oconfig_value_t *value);

/* Reports an error; the formats are LB_MSG_* of messages.h. */
__attribute__((format(printf, 2, 3))) void
lb_report(const struct lb_error_sink *errors, const char *format, ...);

#endif
