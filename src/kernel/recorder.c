// SPDX-License-Identifier: MIT
#include "kernel/recorder.h"

#include "kernel/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct lb_recorder {
  struct lb_transport transport; /* first: a recorder is a transport */
  struct lb_transport *inner;
  FILE *file;
  size_t len;
  int err;
};

static void write_bytes(struct lb_recorder *recorder, const void *bytes,
                        size_t len) {
  if (len && fwrite(bytes, len, 1, recorder->file) != 1 && !recorder->err)
    recorder->err = errno ? -errno : -EIO;
}

static void write_record(struct lb_recorder *recorder, struct lb_record record,
                         const void *bytes) {
  static const char zeros[8];
  size_t size = (size_t)record.len, padded = lb_record_padded(size);
  size_t len = sizeof(record) + padded;
  if (len > LB_RECORDING_MAX - recorder->len) {
    recorder->len = LB_RECORDING_MAX; /* no more records */
    if (!recorder->err)
      recorder->err = -EFBIG;
    return;
  }
  recorder->len += len;
  write_bytes(recorder, &record, sizeof(record));
  write_bytes(recorder, bytes, size);
  write_bytes(recorder, zeros, padded - size);
}

struct recorded_dump {
  struct lb_recorder *recorder;
  enum lb_query_kind kind;
  struct lb_datagram_handler handler;
};

static int record_datagram(void *data, const void *bytes, size_t len) {
  const struct recorded_dump *dump = data;
  write_record(dump->recorder,
               (struct lb_record){.kind = LB_RECORD_DATAGRAM,
                                  .number = dump->kind,
                                  .len = len},
               bytes);
  return dump->handler.handle(dump->handler.data, bytes, len);
}

static int recorder_dump(struct lb_transport *transport,
                         enum lb_query_kind kind, struct nlmsghdr *request,
                         struct lb_datagram_handler handler) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  struct recorded_dump dump = {recorder, kind, handler};
  int err = recorder->inner->dump(
      recorder->inner, kind, request,
      (struct lb_datagram_handler){record_datagram, &dump});
  write_record(
      recorder,
      (struct lb_record){.kind = LB_RECORD_DUMP, .status = err, .number = kind},
      "");
  return err;
}

static int recorder_end_query(struct lb_transport *transport,
                              enum lb_query_kind kind, int status,
                              uint64_t *cost_ns) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  status = recorder->inner->end_query(recorder->inner, kind, status, cost_ns);
  write_record(recorder,
               (struct lb_record){.kind = lb_record_end_of(kind),
                                  .status = status,
                                  .number = *cost_ns},
               "");
  return status;
}

static ssize_t recorder_read_file(struct lb_transport *transport,
                                  enum lb_file file, char *buf, size_t size) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  ssize_t len = recorder->inner->read_file(recorder->inner, file, buf, size);
  write_record(recorder,
               (struct lb_record){.kind = (uint32_t)LB_RECORD_FILE + file,
                                  .status = len < 0 ? (int32_t)len : 0,
                                  .len = len < 0 ? 0 : (size_t)len},
               buf);
  return len;
}

static int recorder_check_file(struct lb_transport *transport, const char *path,
                               const struct lb_file_id *file) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  int status = recorder->inner->check_file(recorder->inner, path, file);
  char bytes[LB_CHECK_SIZE];
  size_t len = lb_record_check(bytes, path, file);
  write_record(
      recorder,
      (struct lb_record){.kind = LB_RECORD_CHECK, .status = status, .len = len},
      bytes);
  return status;
}

static int recorder_find_file(struct lb_transport *transport, const char *path,
                              bool by_mount, struct lb_file_id *out) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  struct lb_found_file found = {.by_mount = by_mount};
  int status =
      recorder->inner->find_file(recorder->inner, path, by_mount, &found.file);
  char bytes[LB_FIND_SIZE];
  size_t len = lb_record_find(bytes, path, &found);
  write_record(
      recorder,
      (struct lb_record){.kind = LB_RECORD_FIND, .status = status, .len = len},
      bytes);
  if (!status)
    *out = found.file;
  return status;
}

static void recorder_rest(struct lb_transport *transport) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  recorder->inner->rest(recorder->inner);
}

static void recorder_close_inner(struct lb_transport *transport) {
  struct lb_recorder *recorder = (struct lb_recorder *)transport;
  recorder->inner->close(recorder->inner);
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
  recorder->transport = (struct lb_transport){.dump = recorder_dump,
                                              .end_query = recorder_end_query,
                                              .read_file = recorder_read_file,
                                              .rest = recorder_rest,
                                              .close = recorder_close_inner,
                                              .check_file = recorder_check_file,
                                              .find_file = recorder_find_file};
  write_bytes(recorder, &lb_record_expected, sizeof(lb_record_expected));
  recorder->len = sizeof(lb_record_expected);
  *out = recorder;
  return 0;
}

struct lb_transport *lb_recorder_wrap(struct lb_recorder *recorder,
                                      struct lb_transport *transport) {
  recorder->inner = transport;
  return &recorder->transport;
}

void lb_recorder_begin_sample(struct lb_recorder *recorder, uint64_t now_ms,
                              bool ends) {
  write_record(recorder,
               (struct lb_record){.kind = ends ? LB_RECORD_FINAL_SAMPLE
                                               : LB_RECORD_SAMPLE,
                                  .number = now_ms},
               "");
}

int lb_recorder_close(struct lb_recorder *recorder) {
  if (fclose(recorder->file) && !recorder->err)
    recorder->err = -errno;
  int err = recorder->err;
  free(recorder);
  return err;
}
