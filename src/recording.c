// SPDX-License-Identifier: MIT
/* A header and records in host byte order, each a struct record and its bytes,
 * padded to 8. A look is a record of its kind and all up to the next. */
#include "recording.h"

#include "dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
  LOOK = 1,
  DATAGRAM,  /* as received */
  DUMP,      /* one netlink dump ended with this status */
  LISTENERS, /* all that was asked for listeners ended with this status */
  TEXT,      /* + enum lb_text; status: -errno or 0 */
};

struct record {
  uint32_t kind;
  int32_t status;
  uint64_t now_ms; /* of a LOOK */
  uint64_t len;    /* of the bytes that follow, without padding */
};

struct header {
  char magic[8];
  uint32_t version;
  uint32_t byte_order;
};

enum { MAX_ERRNO = 4095 };

static const struct header expected = {
    .magic = "lbacklog", .version = 1, .byte_order = 0x01020304};

static size_t padded(size_t len) { return (len + 7) & ~(size_t)7; }

/* --- recording ----------------------------------------------------------- */

struct lb_recorder {
  FILE *file;
  int err;
  struct lb_witness witness;
};

static void put(struct lb_recorder *recorder, const void *bytes, size_t len) {
  if (len && fwrite(bytes, len, 1, recorder->file) != 1 && !recorder->err)
    recorder->err = errno ? -errno : -EIO;
}

static void put_record(struct lb_recorder *recorder, struct record record,
                       const void *bytes) {
  static const char zeros[8];
  put(recorder, &record, sizeof(record));
  put(recorder, bytes, record.len);
  put(recorder, zeros, padded(record.len) - record.len);
}

static void on_datagram(void *data, const void *bytes, size_t len, int status) {
  put_record(data,
             (struct record){
                 .kind = bytes ? DATAGRAM : DUMP, .status = status, .len = len},
             bytes);
}

static void on_listeners(void *data, int status) {
  put_record(data, (struct record){.kind = LISTENERS, .status = status}, NULL);
}

static void on_text(void *data, enum lb_text text, const char *buf,
                    ssize_t len) {
  put_record(data,
             (struct record){.kind = (uint32_t)TEXT + text,
                             .status = len < 0 ? (int32_t)len : 0,
                             .len = len < 0 ? 0 : (size_t)len},
             buf);
}

int lb_recorder_open(const char *path, struct lb_recorder **out) {
  struct lb_recorder *recorder = calloc(1, sizeof(*recorder));
  if (!recorder)
    return -ENOMEM;
  recorder->file = fopen(path, "we");
  if (!recorder->file) {
    int err = -errno;
    free(recorder);
    return err;
  }
  recorder->witness =
      (struct lb_witness){on_datagram, on_listeners, on_text, recorder};
  put(recorder, &expected, sizeof(expected));
  *out = recorder;
  return 0;
}

const struct lb_witness *lb_recorder_witness(struct lb_recorder *recorder) {
  return &recorder->witness;
}

void lb_recorder_look(struct lb_recorder *recorder, uint64_t now_ms) {
  put_record(recorder, (struct record){.kind = LOOK, .now_ms = now_ms}, NULL);
}

int lb_recorder_close(struct lb_recorder *recorder) {
  if (fclose(recorder->file) && !recorder->err)
    recorder->err = -errno;
  int err = recorder->err;
  free(recorder);
  return err;
}

/* --- replay -------------------------------------------------------------- */

struct lb_replay {
  struct lb_source source; /* first: a replay is a source */
  char *bytes;
  size_t len;
  size_t next_look;      /* where to search it */
  size_t end;            /* of this look */
  size_t listeners;      /* where the next answer starts */
  size_t last_listeners; /* and the last one did; 0: none */
  size_t text[LB_TEXTS];
  size_t last_text[LB_TEXTS];
};

/* The record at a place that was checked by is_sound(). */
static struct record record_at(const struct lb_replay *replay, size_t at) {
  struct record record;
  memcpy(&record, replay->bytes + at, sizeof(record));
  return record;
}

static const char *bytes_of(const struct lb_replay *replay, size_t at) {
  return replay->bytes + at + sizeof(struct record);
}

static size_t after(const struct lb_replay *replay, size_t at) {
  return at + sizeof(struct record) + padded(record_at(replay, at).len);
}

static bool is_sound(const struct lb_replay *replay) {
  size_t at = sizeof(struct header);
  while (at < replay->len) {
    size_t left = replay->len - at;
    if (left < sizeof(struct record))
      return false;
    left -= sizeof(struct record);
    struct record record = record_at(replay, at);
    if (record.len > left || padded(record.len) > left || record.status > 0 ||
        record.status < -MAX_ERRNO)
      return false;
    at = after(replay, at);
  }
  return true;
}

/* What one dump came to: its bytes, as far as there were any, and what the
 * recorder knew of it. */
static int outcome(int fed, int32_t status) {
  if (fed < 0)
    return fed;
  if (status)
    return status;
  return fed ? -EBADMSG : 0; /* the end is missing */
}

/* Answers from the records up to the next LISTENERS, as live.c makes them: a
 * dump that failed is one that was made again. 1: there is none. */
static int play_listeners(struct lb_replay *replay, size_t *at,
                          struct lb_rows *rows) {
  struct lb_dump dump = {.rows = rows};
  size_t before = rows->len;
  int fed = 1, last = -EBADMSG;
  for (; *at < replay->end; *at = after(replay, *at)) {
    struct record record = record_at(replay, *at);
    if (record.kind == DATAGRAM && fed >= 0) {
      fed = lb_dump_feed(&dump, bytes_of(replay, *at), record.len);
    } else if (record.kind == DUMP) {
      last = outcome(fed, record.status);
      fed = 1;
      if (last)
        rows->len = before;
    } else if (record.kind == LISTENERS) {
      *at = after(replay, *at);
      return record.status ? record.status : last;
    }
  }
  return 1;
}

static int replay_listeners(struct lb_source *source, struct lb_rows *rows) {
  struct lb_replay *replay = (struct lb_replay *)source;
  size_t at = replay->listeners, before = rows->len;
  int status = play_listeners(replay, &at, rows);
  if (status <= 0) {
    replay->last_listeners = replay->listeners;
    replay->listeners = at;
    return status;
  }
  rows->len = before;
  at = replay->last_listeners;
  return at ? play_listeners(replay, &at, rows) : -ENODATA;
}

static ssize_t play_text(const struct lb_replay *replay, size_t at, char *buf,
                         size_t size) {
  struct record record = record_at(replay, at);
  if (record.status)
    return record.status;
  if (record.len >= size)
    return -EFBIG;
  memcpy(buf, bytes_of(replay, at), record.len);
  buf[record.len] = '\0';
  return (ssize_t)record.len;
}

static ssize_t replay_text(struct lb_source *source, enum lb_text text,
                           char *buf, size_t size) {
  struct lb_replay *replay = (struct lb_replay *)source;
  size_t at = replay->text[text];
  while (at < replay->end &&
         record_at(replay, at).kind != (uint32_t)TEXT + text)
    at = after(replay, at);
  if (at < replay->end) {
    replay->last_text[text] = at;
    replay->text[text] = after(replay, at);
  }
  at = replay->last_text[text];
  return at ? play_text(replay, at, buf, size) : -ENODATA;
}

static int check_header(const void *bytes, size_t len) {
  struct header header;
  if (len < sizeof(header))
    return -EBADMSG;
  memcpy(&header, bytes, sizeof(header));
  if (memcmp(header.magic, expected.magic, sizeof(header.magic)))
    return -EBADMSG;
  if (header.version != expected.version ||
      header.byte_order != expected.byte_order)
    return -EOPNOTSUPP;
  return 0;
}

int lb_replay_new(const void *bytes, size_t len, struct lb_replay **out) {
  int err = check_header(bytes, len);
  if (err)
    return err;
  struct lb_replay *replay = calloc(1, sizeof(*replay));
  char *copy = malloc(len);
  if (!replay || !copy) {
    free(replay);
    free(copy);
    return -ENOMEM;
  }
  memcpy(copy, bytes, len);
  *replay = (struct lb_replay){
      .source = {replay_listeners, replay_text},
      .bytes = copy,
      .len = len,
      .next_look = sizeof(struct header),
  };
  if (!is_sound(replay)) {
    lb_replay_free(replay);
    return -EBADMSG;
  }
  *out = replay;
  return 0;
}

static int read_file(FILE *file, char **out, size_t *out_len) {
  char *bytes = NULL;
  size_t len = 0, cap = 0;
  do {
    if (len == cap) {
      cap = cap ? cap * 2 : 65536;
      char *grown = realloc(bytes, cap);
      if (!grown) {
        free(bytes);
        return -ENOMEM;
      }
      bytes = grown;
    }
    len += fread(bytes + len, 1, cap - len, file);
  } while (len == cap);
  if (ferror(file)) {
    free(bytes);
    return -EIO;
  }
  *out = bytes;
  *out_len = len;
  return 0;
}

int lb_replay_open(const char *path, struct lb_replay **out) {
  FILE *file = fopen(path, "re");
  if (!file)
    return -errno;
  char *bytes;
  size_t len;
  int err = read_file(file, &bytes, &len);
  fclose(file);
  if (err)
    return err;
  err = lb_replay_new(bytes, len, out);
  free(bytes);
  return err;
}

void lb_replay_free(struct lb_replay *replay) {
  if (!replay)
    return;
  free(replay->bytes);
  free(replay);
}

/* The first LOOK from here on, or the end. */
static size_t find_look(const struct lb_replay *replay, size_t at) {
  while (at < replay->len && record_at(replay, at).kind != LOOK)
    at = after(replay, at);
  return at;
}

size_t lb_replay_looks(const struct lb_replay *replay) {
  size_t looks = 0, at = find_look(replay, sizeof(struct header));
  for (; at < replay->len; at = find_look(replay, after(replay, at)))
    looks++;
  return looks;
}

int lb_replay_next(struct lb_replay *replay, uint64_t *now_ms) {
  size_t at = find_look(replay, replay->next_look);
  if (at >= replay->len)
    return 0;
  *now_ms = record_at(replay, at).now_ms;
  at = after(replay, at);
  replay->listeners = at;
  replay->last_listeners = 0;
  for (int i = 0; i < LB_TEXTS; i++) {
    replay->text[i] = at;
    replay->last_text[i] = 0;
  }
  replay->end = replay->next_look = find_look(replay, at);
  return 1;
}

struct lb_source *lb_replay_source(struct lb_replay *replay) {
  return &replay->source;
}
