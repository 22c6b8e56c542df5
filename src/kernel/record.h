/* SPDX-License-Identifier: MIT */
/* The format of recordings: a header and records in host byte order, each a
 * struct lb_record and its bytes, padded to a multiple of 8. A sample is a
 * record that begins one and all records up to the next such record. */
#ifndef LB_KERNEL_RECORD_H
#define LB_KERNEL_RECORD_H

#include "base/unix_name.h"
#include "kernel/transport.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct lb_record_header {
  char magic[8];
  uint32_t version;
  uint32_t byte_order;
};

static const struct lb_record_header lb_record_expected = {
    .magic = "lbacklog", .version = 1, .byte_order = 0x01020304};

/* The bytes of a recording. A replay has them in memory. */
#define LB_RECORDING_MAX ((size_t)256 << 20)

enum lb_record_kind {
  LB_RECORD_FINAL_SAMPLE = 1, /* the sample at the end of an interval begins */
  LB_RECORD_DATAGRAM,         /* a datagram as received */
  LB_RECORD_DUMP,             /* a dump ended with this status */
  LB_RECORD_TCP_SOCKS,        /* a query of this kind ended with this status */
  LB_RECORD_FILE,             /* + enum lb_file: its text, or the status */
  LB_RECORD_SAMPLE =
      LB_RECORD_FILE + 16, /* a sample within an interval begins */
  LB_RECORD_UNIX_SOCKS,    /* as LB_RECORD_TCP_SOCKS */
  LB_RECORD_CONNS,
  LB_RECORD_PENDING,
  LB_RECORD_MPTCP,
  LB_RECORD_UNIX_CONNS,
  LB_RECORD_CHECK =
      LB_RECORD_FILE + 48, /* struct lb_file_id and a path had this status */
  LB_RECORD_FIND,          /* struct lb_found_file and a path had this status */
};

/* What a path of the configuration led to. */
struct lb_found_file {
  struct lb_file_id file;
  uint32_t by_mount;
};

enum { LB_FIND_SIZE = sizeof(struct lb_found_file) + LB_UNIX_NAME_SIZE + 1 };

enum { LB_CHECK_SIZE = sizeof(struct lb_file_id) + LB_UNIX_NAME_SIZE + 1 };

/* Writes the bytes of an LB_RECORD_CHECK. Returns their number. */
static inline size_t lb_record_check(char bytes[static LB_CHECK_SIZE],
                                     const char *path,
                                     const struct lb_file_id *file) {
  memcpy(bytes, file, sizeof(*file));
  int n = snprintf(bytes + sizeof(*file), LB_CHECK_SIZE - sizeof(*file), "%s",
                   path);
  return sizeof(*file) + (size_t)n;
}

/* The same of an LB_RECORD_FIND. */
static inline size_t lb_record_find(char bytes[static LB_FIND_SIZE],
                                    const char *path,
                                    const struct lb_found_file *found) {
  memcpy(bytes, found, sizeof(*found));
  int n = snprintf(bytes + sizeof(*found), LB_FIND_SIZE - sizeof(*found), "%s",
                   path);
  return sizeof(*found) + (size_t)n;
}

struct lb_record {
  uint32_t kind;   /* enum lb_record_kind, or unknown and skipped */
  int32_t status;  /* 0 or -errno */
  uint64_t number; /* of a sample: its time, in ms; of a datagram or a dump:
                      enum lb_query_kind; of LB_RECORD_CONNS and
                      those after it: CPU time, in ns */
  uint64_t len;    /* of the bytes that follow, without padding */
};

/* The kind of the record that ends a query. */
static inline uint32_t lb_record_end_of(enum lb_query_kind kind) {
  return kind == LB_QUERY_TCP_SOCKS
             ? LB_RECORD_TCP_SOCKS
             : (uint32_t)LB_RECORD_UNIX_SOCKS + kind - LB_QUERY_UNIX_SOCKS;
}

static inline bool lb_record_begins_sample(const struct lb_record *record) {
  return record->kind == LB_RECORD_FINAL_SAMPLE ||
         record->kind == LB_RECORD_SAMPLE;
}

/* len is at most LB_RECORDING_MAX. */
static inline size_t lb_record_padded(uint64_t len) {
  return ((size_t)len + 7) & ~(size_t)7;
}

#endif
