// SPDX-License-Identifier: MIT
#include "kernel/replay.h"

#include "kernel/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ERRNO = 4095 };

/* As a time in ms this is 34 years, as a cost in ns 18 minutes: no sum of such
 * numbers overflows. */
#define MAX_NUMBER (UINT64_C(1) << 40)

/* Where the answers of one kind are in the current sample. */
struct replay_cursor {
  size_t next; /* where to look for the next answer */
  size_t last; /* where the last one begins; 0: none */
  size_t at;   /* where to go on within an answer; 0: no query is under way */
};

struct lb_replay {
  struct lb_transport transport; /* first: a replay is a transport */
  char *bytes;
  size_t len;
  size_t sample;      /* where the records of the current one begin */
  size_t next_sample; /* where to look for it */
  size_t end;         /* of the current sample */
  struct replay_cursor queries[LB_QUERY_KINDS];
  struct replay_cursor files[LB_FILES];
};

/* --- records ------------------------------------------------------------- */

/* The record at a place that is_sound() has checked. */
static struct lb_record record_at(const struct lb_replay *replay, size_t at) {
  struct lb_record record;
  memcpy(&record, replay->bytes + at, sizeof(record));
  return record;
}

static const char *bytes_at(const struct lb_replay *replay, size_t at) {
  return replay->bytes + at + sizeof(struct lb_record);
}

static size_t after_record(const struct lb_replay *replay, size_t at) {
  return at + sizeof(struct lb_record) +
         lb_record_padded(record_at(replay, at).len);
}

/* Every record is whole, and the clock never goes back. */
static bool is_sound(const struct lb_replay *replay) {
  size_t at = sizeof(struct lb_record_header);
  uint64_t now_ms = 0;
  while (at < replay->len) {
    size_t left = replay->len - at;
    if (left < sizeof(struct lb_record))
      return false;
    left -= sizeof(struct lb_record);
    struct lb_record record = record_at(replay, at);
    if (record.len > left || lb_record_padded(record.len) > left ||
        record.status > 0 || record.status < -MAX_ERRNO ||
        record.number > MAX_NUMBER)
      return false;
    if (lb_record_begins_sample(&record)) {
      if (record.number < now_ms)
        return false;
      now_ms = record.number;
    }
    at = after_record(replay, at);
  }
  return true;
}

/* The first record of a kind in the current sample, or its end. */
static size_t find_record(const struct lb_replay *replay, size_t at,
                          uint32_t kind) {
  while (at < replay->end && record_at(replay, at).kind != kind)
    at = after_record(replay, at);
  return at;
}

/* --- queries ------------------------------------------------------------- */

/* Begins the next whole answer unless one is under way, or else the last one
 * again. Returns its cursor; NULL: there is none. */
static struct replay_cursor *begin_answer(struct lb_replay *replay,
                                          enum lb_query_kind kind) {
  struct replay_cursor *cursor = &replay->queries[kind];
  if (cursor->at)
    return cursor;
  if (find_record(replay, cursor->next, lb_record_end_of(kind)) < replay->end)
    cursor->last = cursor->next;
  cursor->at = cursor->last;
  return cursor->at ? cursor : NULL;
}

/* What a dump came to: status is what the recorder knew of it. */
static int dump_outcome(int more, int32_t status) {
  if (more < 0)
    return more;
  if (status)
    return status;
  return more ? -EBADMSG : 0; /* the end is missing */
}

static int replay_dump(struct lb_transport *transport, enum lb_query_kind kind,
                       struct nlmsghdr *request,
                       struct lb_datagram_handler handler) {
  struct lb_replay *replay = (struct lb_replay *)transport;
  (void)request;
  struct replay_cursor *cursor = begin_answer(replay, kind);
  if (!cursor)
    return -ENODATA;
  int more = 1;
  for (size_t at = cursor->at;; at = after_record(replay, at)) {
    struct lb_record record = record_at(replay, at);
    if (record.kind == lb_record_end_of(kind))
      return -EBADMSG; /* the dump is missing */
    if (record.number != kind)
      continue;
    if (record.kind == LB_RECORD_DATAGRAM && more > 0)
      more = handler.handle(handler.data, bytes_at(replay, at),
                            (size_t)record.len);
    if (record.kind == LB_RECORD_DUMP) {
      cursor->at = after_record(replay, at);
      return dump_outcome(more, record.status);
    }
  }
}

/* Skips dumps that were recorded, but not asked for. */
static int replay_end_query(struct lb_transport *transport,
                            enum lb_query_kind kind, int status,
                            uint64_t *cost_ns) {
  struct lb_replay *replay = (struct lb_replay *)transport;
  struct replay_cursor *cursor = begin_answer(replay, kind);
  *cost_ns = 0;
  if (!cursor)
    return status;
  size_t at = find_record(replay, cursor->at, lb_record_end_of(kind));
  struct lb_record record = record_at(replay, at);
  *cost_ns = record.number;
  cursor->next = after_record(replay, at);
  cursor->at = 0;
  return record.status ? record.status : status;
}

/* --- files --------------------------------------------------------------- */

static ssize_t read_file_at(const struct lb_replay *replay, size_t at,
                            char *buf, size_t size) {
  struct lb_record record = record_at(replay, at);
  if (record.status)
    return record.status;
  if (record.len >= size)
    return -EFBIG;
  memcpy(buf, bytes_at(replay, at), (size_t)record.len);
  buf[record.len] = '\0';
  return (ssize_t)record.len;
}

static ssize_t replay_read_file(struct lb_transport *transport,
                                enum lb_file file, char *buf, size_t size) {
  struct lb_replay *replay = (struct lb_replay *)transport;
  struct replay_cursor *cursor = &replay->files[file];
  size_t at =
      find_record(replay, cursor->next, (uint32_t)LB_RECORD_FILE + file);
  if (at < replay->end)
    *cursor =
        (struct replay_cursor){.next = after_record(replay, at), .last = at};
  return cursor->last ? read_file_at(replay, cursor->last, buf, size)
                      : -ENODATA;
}

/* --- checks -------------------------------------------------------------- */

static int replay_check_file(struct lb_transport *transport, const char *path,
                             const struct lb_file_id *file) {
  const struct lb_replay *replay = (const struct lb_replay *)transport;
  char bytes[LB_CHECK_SIZE];
  size_t len = lb_record_check(bytes, path, file);
  size_t at = replay->sample;
  while ((at = find_record(replay, at, LB_RECORD_CHECK)) < replay->end) {
    struct lb_record record = record_at(replay, at);
    if (record.len == len && memcmp(bytes_at(replay, at), bytes, len) == 0)
      return record.status;
    at = after_record(replay, at);
  }
  return -ENODATA;
}

static int replay_find_file(struct lb_transport *transport, const char *path,
                            bool by_mount, struct lb_file_id *out) {
  const struct lb_replay *replay = (const struct lb_replay *)transport;
  struct lb_found_file found;
  size_t len = strlen(path), at = replay->sample;
  while ((at = find_record(replay, at, LB_RECORD_FIND)) < replay->end) {
    struct lb_record record = record_at(replay, at);
    const char *bytes = bytes_at(replay, at);
    at = after_record(replay, at);
    if (record.len != sizeof(found) + len ||
        memcmp(bytes + sizeof(found), path, len) != 0)
      continue;
    memcpy(&found, bytes, sizeof(found));
    if (found.by_mount != by_mount)
      continue;
    if (record.status == 0)
      *out = found.file;
    return record.status;
  }
  return -ENODATA;
}

/* --- life ---------------------------------------------------------------- */

/* There is nothing to close: the owner frees it. */
static void replay_close(struct lb_transport *transport) { (void)transport; }

static int check_header(const void *bytes, size_t len) {
  struct lb_record_header header;
  const struct lb_record_header *expected = &lb_record_expected;
  if (len < sizeof(header))
    return -EBADMSG;
  memcpy(&header, bytes, sizeof(header));
  if (memcmp(header.magic, expected->magic, sizeof(header.magic)) != 0)
    return -EBADMSG;
  if (header.version != expected->version ||
      header.byte_order != expected->byte_order)
    return -EOPNOTSUPP;
  return 0;
}

/* Owns the bytes from now on, also if it fails. */
static int adopt(char *bytes, size_t len, struct lb_replay **out) {
  struct lb_replay *replay = calloc(1, sizeof(*replay));
  if (!replay) {
    free(bytes);
    return -ENOMEM;
  }
  *replay = (struct lb_replay){
      .transport = {.dump = replay_dump,
                    .end_query = replay_end_query,
                    .read_file = replay_read_file,
                    .rest = replay_close,
                    .close = replay_close,
                    .check_file = replay_check_file,
                    .find_file = replay_find_file},
      .bytes = bytes,
      .len = len,
      .sample = sizeof(struct lb_record_header),
      .next_sample = sizeof(struct lb_record_header),
  };
  if (!is_sound(replay)) {
    lb_replay_free(replay);
    return -EBADMSG;
  }
  *out = replay;
  return 0;
}

int lb_replay_new(const void *bytes, size_t len, struct lb_replay **out) {
  int err = check_header(bytes, len);
  if (err)
    return err;
  char *copy = malloc(len);
  if (!copy)
    return -ENOMEM;
  memcpy(copy, bytes, len);
  return adopt(copy, len, out);
}

/* Reads up to size bytes in all. */
static int read_until(FILE *file, size_t size, char **bytes, size_t *len) {
  char *grown = realloc(*bytes, size);
  if (!grown)
    return -ENOMEM;
  *bytes = grown;
  *len += fread(grown + *len, 1, size - *len, file);
  return ferror(file) ? -errno : 0;
}

/* The header first: nothing else of another file is read. */
static int read_stream(FILE *file, char **bytes, size_t *len) {
  size_t size = sizeof(struct lb_record_header);
  int err = read_until(file, size, bytes, len);
  if (!err)
    err = check_header(*bytes, *len);
  for (size = 65536; !err && size <= LB_RECORDING_MAX; size *= 2) {
    err = read_until(file, size, bytes, len);
    if (*len < size)
      return err;
  }
  if (!err && fgetc(file) != EOF)
    err = -EFBIG;
  return err;
}

int lb_replay_open(const char *path, struct lb_replay **out) {
  FILE *file = fopen(path, "re");
  if (!file)
    return -errno;
  char *bytes = NULL;
  size_t len = 0;
  int err = read_stream(file, &bytes, &len);
  fclose(file);
  if (!err)
    return adopt(bytes, len, out);
  free(bytes);
  return err;
}

void lb_replay_free(struct lb_replay *replay) {
  if (!replay)
    return;
  free(replay->bytes);
  free(replay);
}

struct lb_transport *lb_replay_transport(struct lb_replay *replay) {
  return &replay->transport;
}

/* --- samples ------------------------------------------------------------- */

/* The first sample that begins at this place or later, or the end. */
static size_t find_sample(const struct lb_replay *replay, size_t at) {
  while (at < replay->len) {
    struct lb_record record = record_at(replay, at);
    if (lb_record_begins_sample(&record))
      break;
    at = after_record(replay, at);
  }
  return at;
}

size_t lb_replay_intervals(const struct lb_replay *replay) {
  size_t intervals = 0;
  for (size_t at = sizeof(struct lb_record_header); at < replay->len;
       at = after_record(replay, at))
    intervals += record_at(replay, at).kind == LB_RECORD_FINAL_SAMPLE;
  return intervals;
}

int lb_replay_next(struct lb_replay *replay, uint64_t *now_ms, bool *ends) {
  size_t at = find_sample(replay, replay->next_sample);
  if (at >= replay->len)
    return 0;
  struct lb_record record = record_at(replay, at);
  *now_ms = record.number;
  *ends = record.kind == LB_RECORD_FINAL_SAMPLE;
  at = after_record(replay, at);
  replay->sample = at;
  for (int i = 0; i < LB_QUERY_KINDS; i++)
    replay->queries[i] = (struct replay_cursor){.next = at};
  for (int i = 0; i < LB_FILES; i++)
    replay->files[i] = (struct replay_cursor){.next = at};
  replay->end = replay->next_sample = find_sample(replay, at);
  return 1;
}

bool lb_replay_ends_next(const struct lb_replay *replay) {
  return replay->next_sample < replay->len &&
         record_at(replay, replay->next_sample).kind == LB_RECORD_FINAL_SAMPLE;
}
