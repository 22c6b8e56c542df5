// SPDX-License-Identifier: MIT
#include "probe/explanation.h"

#include "base/causes.h"
#include "probe/json.h"
#include "probe/servers.h"

#include <math.h>
#include <stdio.h>

enum { NUMBER_SIZE = 32 };

/* With as many digits as matter. */
static const char *show_number(char text[static NUMBER_SIZE], double number) {
  snprintf(text, NUMBER_SIZE, number < 9.95 ? "%.1f" : "%.0f", number);
  return text;
}

// NOLINTBEGIN(bugprone-suspicious-missing-comma): texts of two lines
static const struct {
  const char *name; /* in JSON */
  const char *title;
  const char *advice; /* NULL: none, or one with numbers */
} findings[LB_FINDINGS] = {
    [LB_FOUND_HEALTHY] = {"healthy", LB_TITLE_HEALTHY, NULL},
    [LB_FOUND_SYN_COOKIES] = {"syn_cookies", LB_TITLE_SYN_COOKIES,
                              LB_ADVICE_SYN_COOKIES},
    [LB_FOUND_BURSTS] = {"bursts", LB_TITLE_BURSTS, NULL},
    [LB_FOUND_CLAMPED] = {"clamped", LB_TITLE_CLAMPED, NULL},
    [LB_FOUND_SLOW] = {"slow", LB_TITLE_SLOW, LB_ADVICE_SLOW},
    [LB_FOUND_SYN_QUEUE] = {"syn_queue", LB_TITLE_SYN_QUEUE, NULL},
    [LB_FOUND_ABANDONED] = {"abandoned", LB_TITLE_ABANDONED,
                            LB_ADVICE_ABANDONED},
    [LB_FOUND_MEMBER] = {"member", NULL /* numbers */, LB_ADVICE_MEMBER},
    [LB_FOUND_STUCK] = {"stuck", LB_TITLE_STUCK, LB_ADVICE_STUCK},
    [LB_FOUND_GONE] = {"gone", LB_TITLE_GONE, LB_ADVICE_GONE},
};
// NOLINTEND(bugprone-suspicious-missing-comma)

static void print_title(const struct lb_observation *seen,
                        const struct lb_diagnosis *found) {
  if (found->cause == LB_FOUND_MEMBER)
    printf(LB_TITLE_MEMBER, found->stuck, seen->sockets);
  else
    fputs(findings[found->cause].title, stdout);
}

/* --- the evidence -------------------------------------------------------- */

static void print_wait(const struct lb_observation *seen,
                       const struct lb_diagnosis *found) {
  char wait[NUMBER_SIZE], seconds[NUMBER_SIZE];
  if (seen->wait >= 0.05)
    printf(LB_SEEN_WAIT, show_number(wait, seen->wait));
  if (found->cause == LB_FOUND_STUCK && !isnan(seen->wait))
    printf(LB_SEEN_SAME_HEAD, show_number(seconds, seen->seconds));
}

static void print_counts(const struct lb_observation *seen) {
  if (seen->sockets > 1 && seen->full > 0)
    printf(LB_SEEN_FULL, seen->full, seen->sockets);
  if (seen->abandoned > 0)
    printf(LB_SEEN_LEFT, seen->abandoned, seen->queue);
  if (seen->drops > 0)
    printf(LB_SEEN_DROPPED, seen->drops);
  if (seen->active >= 0)
    printf(LB_SEEN_ACTIVE, seen->active);
}

static void print_evidence(const struct lb_observation *seen,
                           const struct lb_diagnosis *found) {
  printf("  Seen: ");
  if (!(seen->sockets > 0)) {
    puts(LB_SEEN_NO_SOCKET);
    return;
  }
  printf(LB_SEEN_QUEUE, seen->queue, seen->limit);
  if (seen->sockets < 2 && seen->full > 0)
    fputs(seen->queue > seen->limit ? LB_SEEN_IS_FULL : LB_SEEN_WAS_FULL,
          stdout);
  if (seen->peak > seen->queue)
    printf(LB_SEEN_PEAK, seen->peak);
  if (seen->busy >= 100)
    printf(LB_SEEN_NEVER_EMPTY);
  else if (seen->busy > 0)
    printf(LB_SEEN_BUSY, seen->busy);
  print_wait(seen, found);
  print_counts(seen);
  if (found->cause == LB_FOUND_SYN_QUEUE ||
      found->cause == LB_FOUND_SYN_COOKIES)
    printf(LB_SEEN_SYN, seen->syn);
  if (found->cause == LB_FOUND_SYN_QUEUE)
    printf(LB_SEEN_SYN_DROPS, seen->syn_drops);
  if (found->cause == LB_FOUND_SYN_COOKIES)
    printf(LB_SEEN_COOKIES, seen->syncookies);
  puts(".");
}

static bool has_rates(const struct lb_diagnosis *found) {
  return (found->cause == LB_FOUND_SLOW ||
          found->cause == LB_FOUND_ABANDONED) &&
         !isnan(found->arriving) && !isnan(found->served);
}

static void print_rates(const struct lb_diagnosis *found) {
  char arriving[NUMBER_SIZE], served[NUMBER_SIZE], times[NUMBER_SIZE];
  if (!has_rates(found))
    return;
  printf("  Rate: ");
  printf(found->refused > 0 ? LB_RATE_DROPPED : LB_RATE,
         show_number(arriving, found->arriving),
         show_number(served, found->served));
  if (found->times > 1.05)
    printf(LB_RATE_TIMES, show_number(times, found->times));
  if (found->full_in < 3600)
    printf(LB_RATE_FULL_IN, found->full_in);
  puts(".");
}

/* --- what to do ---------------------------------------------------------- */

static void print_advice(const struct lb_observation *seen,
                         const struct lb_diagnosis *found) {
  double limit = seen->limit / seen->sockets;
  if (found->cause == LB_FOUND_HEALTHY)
    return;
  printf("  Do:   ");
  if (found->cause == LB_FOUND_SLOW && found->empty_in < 3600)
    printf(LB_ADVICE_FALLING, found->empty_in);
  else if (found->cause == LB_FOUND_CLAMPED ||
           (found->cause == LB_FOUND_BURSTS && limit >= seen->somaxconn))
    printf(LB_ADVICE_CLAMPED, seen->somaxconn);
  else if (found->cause == LB_FOUND_SYN_QUEUE)
    printf(LB_ADVICE_SYN_QUEUE, limit);
  else if (found->cause == LB_FOUND_BURSTS && !isnan(seen->somaxconn))
    printf(LB_ADVICE_BURSTS, limit, seen->somaxconn);
  else if (found->cause == LB_FOUND_BURSTS)
    printf(LB_ADVICE_BURSTS_UNKNOWN, limit);
  else
    fputs(findings[found->cause].advice, stdout);
  putchar('\n');
}

/* --- how sure it is ------------------------------------------------------ */

static const char *reason_of_guess(const struct lb_diagnosis *found) {
  switch (found->cause) {
  case LB_FOUND_CLAMPED:
    return LB_SURE_CLAMPED;
  case LB_FOUND_BURSTS:
    return LB_SURE_BURSTS;
  case LB_FOUND_SYN_QUEUE:
    return LB_SURE_SYN_QUEUE;
  case LB_FOUND_STUCK:
    return LB_SURE_STUCK;
  default:
    return LB_SURE_MEMBER;
  }
}

static void print_certainty(const struct lb_observation *seen,
                            const struct lb_diagnosis *found) {
  char seconds[NUMBER_SIZE];
  show_number(seconds, seen->seconds);
  printf("  Sure: ");
  printf(found->is_guess ? LB_SURE_LIKELY : LB_SURE_MEASURED, seconds);
  if (found->is_guess)
    fputs(reason_of_guess(found), stdout);
  if (has_rates(found) && found->refused > 0)
    printf(LB_SURE_RETRIES, LB_TRIES);
  if (seen->is_unix)
    fputs(LB_SURE_UNIX, stdout);
  else if (seen->sockets > 0 && isnan(seen->overflows))
    fputs(LB_SURE_NO_COUNTERS, stdout);
  else if (seen->queue > 0 && isnan(seen->wait))
    fputs(LB_SURE_NO_WAIT, stdout);
  puts(".");
}

static void print_server(const struct lb_explanation *explanation) {
  const struct lb_holders *holders = explanation->holders;
  const char *unit = explanation->unit;
  char comm[LB_UNIT_SIZE], clean_unit[LB_UNIT_SIZE];
  if (!(explanation->seen->sockets > 0) ||
      (!holders && !unit[0] && !explanation->was_denied))
    return;
  printf("  Who:  ");
  lb_clean_name(comm, holders ? holders->comm : "");
  if (holders && holders->others)
    printf(LB_WHO_PROCESSES, comm, (int)holders->pid, holders->others);
  else if (holders)
    printf(LB_WHO_PROCESS, comm, (int)holders->pid);
  if (unit[0])
    printf("%s" LB_WHO_UNIT, holders ? ", " : "",
           lb_clean_name(clean_unit, unit));
  if (!holders && explanation->was_denied)
    printf("%s" LB_WHO_DENIED, unit[0] ? "; " : "");
  puts(".");
}

static const char *const states[] = {LB_STATE_OK, LB_STATE_WARNING,
                                     LB_STATE_TROUBLE};

void lb_explain(const struct lb_explanation *explanation) {
  const struct lb_observation *seen = explanation->seen;
  const struct lb_diagnosis *found = explanation->found;
  printf("%s %s: ", states[found->severity], explanation->label);
  print_title(seen, found);
  putchar('\n');
  print_evidence(seen, found);
  print_rates(found);
  print_advice(seen, found);
  print_server(explanation);
  print_certainty(seen, found);
}

/* --- JSON ---------------------------------------------------------------- */

static void print_numbers(const struct lb_explanation *explanation) {
  const struct lb_observation *seen = explanation->seen;
  const struct lb_diagnosis *found = explanation->found;
  bool has_socket = seen->sockets > 0, has_rate = has_rates(found),
       is_first = false;
  const struct {
    const char *name;
    double number;
    bool is_known;
  } numbers[] = {
      {"seconds", seen->seconds, true},
      {"sockets", seen->sockets, true},
      {"queue", seen->queue, has_socket},
      {"limit", seen->limit, has_socket},
      {"peak", seen->peak, has_socket},
      {"busy", seen->busy, has_socket},
      {"fill", seen->fill, has_socket},
      {"full", seen->full, has_socket},
      {"wait", seen->wait, has_socket},
      {"abandoned", seen->abandoned, has_socket},
      {"syn", seen->syn, has_socket},
      {"active", seen->active, has_socket},
      {"drops", seen->drops, has_socket},
      {"overflows", seen->overflows, has_socket},
      {"somaxconn", seen->somaxconn, has_socket},
      {"stuck", found->stuck, found->stuck > 0},
      {"arriving", found->arriving, has_rate},
      {"served", found->served, has_rate},
      {"times", found->times, has_rate},
      {"full_in", found->full_in, has_rate},
      {"empty_in", found->empty_in, has_rate},
  };
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    if (numbers[i].is_known)
      lb_json_number(numbers[i].name, numbers[i].number, &is_first);
}

void lb_explain_json(const struct lb_explanation *explanation) {
  const struct lb_diagnosis *found = explanation->found;
  const struct lb_holders *holders = explanation->holders;
  bool is_first = true;
  putchar('{');
  lb_json_text("listener", explanation->label, &is_first);
  lb_json_text("state", states[found->severity], &is_first);
  lb_json_text("cause", findings[found->cause].name, &is_first);
  lb_json_name("guess", &is_first);
  fputs(found->is_guess ? "true" : "false", stdout);
  print_numbers(explanation);
  if (explanation->unit[0])
    lb_json_text("unit", explanation->unit, &is_first);
  if (holders) {
    lb_json_number("pid", holders->pid, &is_first);
    lb_json_text("process", holders->comm, &is_first);
  }
  putchar('}');
}
