// SPDX-License-Identifier: MIT
/* libmnl walks the messages. Its default handler takes every NLMSG_DONE for
 * success, but the kernel can put an error in there: __inet_diag_dump()
 * returns -ENOENT through the dump when tcp_diag is missing, which would look
 * like "nobody listens". */
#include "dump.h"

#include "diag_inet.h"

#include <errno.h>
#include <libmnl/libmnl.h>

static int on_done(const struct nlmsghdr *msg, void *data) {
  (void)data;
  if (mnl_nlmsg_get_payload_len(msg) < sizeof(int))
    return MNL_CB_STOP;
  int status = *(const int *)mnl_nlmsg_get_payload(msg);
  if (status >= 0)
    return MNL_CB_STOP;
  errno = -status;
  return MNL_CB_ERROR;
}

static int on_message(const struct nlmsghdr *msg, void *data) {
  const struct lb_dump *dump = data;
  struct lb_row row;
  int err = lb_inet_row(msg, &row);
  if (err) {
    errno = -err;
    return MNL_CB_ERROR;
  }
  struct lb_row *slot = lb_rows_add(dump->rows);
  if (!slot) {
    errno = ENOMEM;
    return MNL_CB_ERROR;
  }
  *slot = row;
  return MNL_CB_OK;
}

static int on_error(const struct nlmsghdr *msg, void *data) {
  (void)data;
  const struct nlmsgerr *error = mnl_nlmsg_get_payload(msg);
  errno = EBADMSG;
  if (mnl_nlmsg_get_payload_len(msg) >= sizeof(*error) && error->error < 0)
    errno = -error->error;
  return MNL_CB_ERROR;
}

/* Types without an entry (NLMSG_NOOP) are passed over. Not const, because
 * libmnl 1.0.4 asks for a plain pointer. */
static mnl_cb_t control[NLMSG_MIN_TYPE] = {
    [NLMSG_ERROR] = on_error,
    [NLMSG_DONE] = on_done,
};

/* mnl_cb_run2() ends quietly at a message that does not fit what is left, and
 * lets a message through that carries no sequence number or port id. */
static int check(const struct lb_dump *dump, const void *bytes, size_t len) {
  if (len == 0 || len > INT32_MAX)
    return -EBADMSG;
  const struct nlmsghdr *msg = bytes;
  int left = (int)len;
  while (mnl_nlmsg_ok(msg, left)) {
    if (dump->portid && msg->nlmsg_pid != dump->portid)
      return -ESRCH;
    if (dump->seq && msg->nlmsg_seq != dump->seq)
      return -EPROTO;
    msg = mnl_nlmsg_next(msg, &left);
  }
  return left > 0 ? -EBADMSG : 0;
}

int lb_dump_feed(const struct lb_dump *dump, const void *bytes, size_t len) {
  int err = check(dump, bytes, len);
  if (err)
    return err;
  errno = 0;
  int verdict = mnl_cb_run2(bytes, len, dump->seq, dump->portid, on_message,
                            (void *)(uintptr_t)dump, control, NLMSG_MIN_TYPE);
  if (verdict >= MNL_CB_OK)
    return 1;
  if (verdict == MNL_CB_STOP)
    return 0;
  return errno ? -errno : -EBADMSG;
}
