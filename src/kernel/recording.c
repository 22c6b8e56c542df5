// SPDX-License-Identifier: MIT
/* A header and records in host byte order, each a struct record and its bytes,
 * padded to 8. A look is a record of its kind and all up to the next of either
 * kind. In a recording older than the channels all are of the first, 0. */
#include "kernel/recording.h"

#include "kernel/dump.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
  LOOK = 1,  /* that ends an interval */
  DATAGRAM,  /* as received */
  DUMP,      /* one netlink dump ended with this status */
  LISTENERS, /* all that was asked for listeners ended with this status */
  TEXT,      /* + enum lb_text; status: -errno or 0 */
  SAMPLE = TEXT + 16, /* a look within an interval */
  PATHS,              /* as LISTENERS */
  WAITING,
  PENDING,
};

static const enum kind answer_kinds[LB_CHANNELS] = {
    [LB_CHANNEL_LISTENERS] = LISTENERS,
    [LB_CHANNEL_PATHS] = PATHS,
    [LB_CHANNEL_WAITING] = WAITING,
    [LB_CHANNEL_PENDING] = PENDING,
};

struct record {
  uint32_t kind;
  int32_t status;
  uint64_t number; /* LOOK, SAMPLE: the clock in ms; DATAGRAM, DUMP: enum
                      lb_channel; WAITING, PENDING: the cost in ns */
  uint64_t len;    /* of the bytes that follow, without padding */
};

struct header {
  char magic[8];
  uint32_t version;
  uint32_t byte_order;
};

enum { MAX_ERRNO = 4095 };

/* Of a clock in ms these are 34 years, of a cost in ns 18 minutes: nothing that
 * is added up out of such numbers overflows. */
#define MAX_NUMBER (UINT64_C(1) << 40)

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
  if (bytes)
    put(recorder, bytes, record.len);
  put(recorder, zeros, padded(record.len) - record.len);
}

static void on_datagram(void *data, enum lb_channel channel, const void *bytes,
                        size_t len, int status) {
  put_record(data,
             (struct record){.kind = bytes ? DATAGRAM : DUMP,
                             .status = status,
                             .number = channel,
                             .len = len},
             bytes);
}

static void on_answer(void *data, enum lb_channel channel, int status,
                      uint64_t cost_ns) {
  put_record(data,
             (struct record){.kind = answer_kinds[channel],
                             .status = status,
                             .number = cost_ns},
             NULL);
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
      (struct lb_witness){on_datagram, on_answer, on_text, recorder};
  put(recorder, &expected, sizeof(expected));
  *out = recorder;
  return 0;
}

const struct lb_witness *lb_recorder_witness(struct lb_recorder *recorder) {
  return &recorder->witness;
}

void lb_recorder_begin_sample(struct lb_recorder *recorder, uint64_t now_ms,
                              bool ends) {
  put_record(recorder,
             (struct record){.kind = ends ? LOOK : SAMPLE, .number = now_ms},
             NULL);
}

int lb_recorder_close(struct lb_recorder *recorder) {
  if (fclose(recorder->file) && !recorder->err)
    recorder->err = -errno;
  int err = recorder->err;
  free(recorder);
  return err;
}

/* --- replay -------------------------------------------------------------- */

/* Answers of one kind in this look. */
struct cursor {
  size_t next; /* where the next one starts */
  size_t last; /* and the last one did; 0: none */
};

struct lb_replay {
  struct lb_source source; /* first: a replay is a source */
  char *bytes;
  size_t len;
  size_t next_look; /* where to search it */
  size_t end;       /* of this look */
  struct cursor answers[LB_CHANNELS];
  struct cursor texts[LB_TEXTS];
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

static bool is_look(const struct record *record) {
  return record->kind == LOOK || record->kind == SAMPLE;
}

/* Every record is whole, and the clock never goes back. */
static bool is_sound(const struct lb_replay *replay) {
  size_t at = sizeof(struct header);
  uint64_t now_ms = 0;
  while (at < replay->len) {
    size_t left = replay->len - at;
    if (left < sizeof(struct record))
      return false;
    left -= sizeof(struct record);
    struct record record = record_at(replay, at);
    if (record.len > left || padded(record.len) > left || record.status > 0 ||
        record.status < -MAX_ERRNO || record.number > MAX_NUMBER)
      return false;
    if (is_look(&record) && record.number < now_ms)
      return false;
    if (is_look(&record))
      now_ms = record.number;
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

struct play {
  struct lb_replay *replay;
  enum lb_channel channel;
  struct lb_taker taker;
  size_t *len;       /* of what the taker appends to, or NULL */
  size_t before;     /* what it was */
  uint64_t *cost_ns; /* added to, or NULL */
};

static void forget_answer(const struct play *play) {
  if (play->len)
    *play->len = play->before;
}

/* Answers from the records up to the channel's next outcome, as live.c makes
 * them: a dump that failed is one that was made again. 1: there is none. */
static int play_answer(const struct play *play, size_t *at) {
  struct lb_replay *replay = play->replay;
  struct lb_dump dump = {.taker = play->taker,
                         .single = play->channel == LB_CHANNEL_PENDING};
  int fed = 1, last = -EBADMSG;
  for (; *at < replay->end; *at = after(replay, *at)) {
    struct record record = record_at(replay, *at);
    bool ours = record.number == play->channel;
    if (record.kind == DATAGRAM && ours && fed >= 0) {
      fed = lb_dump_feed(&dump, bytes_of(replay, *at), record.len);
    } else if (record.kind == DUMP && ours) {
      last = outcome(fed, record.status);
      fed = 1;
      if (last)
        forget_answer(play);
    } else if (record.kind == answer_kinds[play->channel]) {
      *at = after(replay, *at);
      if (play->cost_ns)
        *play->cost_ns += record.number;
      return record.status ? record.status : last;
    }
  }
  return 1;
}

static int play_next(const struct play *play) {
  struct cursor *cursor = &play->replay->answers[play->channel];
  size_t at = cursor->next;
  int status = play_answer(play, &at);
  if (status <= 0) {
    *cursor = (struct cursor){.next = at, .last = cursor->next};
    return status;
  }
  forget_answer(play);
  at = cursor->last;
  return at ? play_answer(play, &at) : -ENODATA;
}

static int replay_listeners(struct lb_source *source,
                            struct lb_listen_socks *rows) {
  return play_next(&(struct play){.replay = (struct lb_replay *)source,
                                  .channel = LB_CHANNEL_LISTENERS,
                                  .taker = lb_take_rows(rows),
                                  .len = &rows->len,
                                  .before = rows->len});
}

static int replay_paths(struct lb_source *source,
                        struct lb_listen_socks *rows) {
  return play_next(&(struct play){.replay = (struct lb_replay *)source,
                                  .channel = LB_CHANNEL_PATHS,
                                  .taker = lb_take_paths(rows),
                                  .len = &rows->len,
                                  .before = rows->len});
}

/* What was asked for then was the same, as far as the readings are. */
static int replay_waiting(struct lb_source *source,
                          const struct lb_query *query, struct lb_conns *conns,
                          uint64_t *cost_ns) {
  (void)query;
  return play_next(&(struct play){.replay = (struct lb_replay *)source,
                                  .channel = LB_CHANNEL_WAITING,
                                  .taker = lb_take_conns(conns),
                                  .len = &conns->len,
                                  .before = conns->len,
                                  .cost_ns = cost_ns});
}

static int replay_pending(struct lb_source *source,
                          const struct lb_listen_sock *row,
                          struct lb_pending *pending, uint64_t *cost_ns) {
  struct lb_pending found;
  (void)row;
  int err = play_next(&(struct play){.replay = (struct lb_replay *)source,
                                     .channel = LB_CHANNEL_PENDING,
                                     .taker = lb_take_pending(&found),
                                     .cost_ns = cost_ns});
  if (!err)
    *pending = found;
  return err;
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
  struct cursor *cursor = &replay->texts[text];
  size_t at = cursor->next;
  while (at < replay->end &&
         record_at(replay, at).kind != (uint32_t)TEXT + text)
    at = after(replay, at);
  if (at < replay->end)
    *cursor = (struct cursor){.next = after(replay, at), .last = at};
  return cursor->last ? play_text(replay, cursor->last, buf, size) : -ENODATA;
}

static int check_header(const void *bytes, size_t len) {
  struct header header;
  if (len < sizeof(header))
    return -EBADMSG;
  memcpy(&header, bytes, sizeof(header));
  if (memcmp(header.magic, expected.magic, sizeof(header.magic)) != 0)
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
      .source = {.listeners = replay_listeners,
                 .paths = replay_paths,
                 .text = replay_text,
                 .waiting = replay_waiting,
                 .pending = replay_pending},
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

/* The first look from here on, or the end. */
static size_t find_look(const struct lb_replay *replay, size_t at) {
  while (at < replay->len) {
    struct record record = record_at(replay, at);
    if (is_look(&record))
      break;
    at = after(replay, at);
  }
  return at;
}

size_t lb_replay_intervals(const struct lb_replay *replay) {
  size_t intervals = 0;
  for (size_t at = sizeof(struct header); at < replay->len;
       at = after(replay, at))
    intervals += record_at(replay, at).kind == LOOK;
  return intervals;
}

int lb_replay_next(struct lb_replay *replay, uint64_t *now_ms, bool *ends) {
  size_t at = find_look(replay, replay->next_look);
  if (at >= replay->len)
    return 0;
  struct record record = record_at(replay, at);
  *now_ms = record.number;
  *ends = record.kind == LOOK;
  at = after(replay, at);
  for (int i = 0; i < LB_CHANNELS; i++)
    replay->answers[i] = (struct cursor){.next = at};
  for (int i = 0; i < LB_TEXTS; i++)
    replay->texts[i] = (struct cursor){.next = at};
  replay->end = replay->next_look = find_look(replay, at);
  return 1;
}

bool lb_replay_ends_next(const struct lb_replay *replay) {
  return replay->next_look < replay->len &&
         record_at(replay, replay->next_look).kind == LOOK;
}

struct lb_source *lb_replay_source(struct lb_replay *replay) {
  return &replay->source;
}
