// SPDX-License-Identifier: MIT
#include "probe/table.h"

#include "base/array.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN_WIDTH = 9 };

int lb_table_add(struct lb_table *table, const struct lb_readings *readings) {
  int err =
      lb_reserve(&table->lines, table->len, &table->cap, sizeof(*table->lines));
  if (err)
    return err;
  struct lb_table_line *line = &table->lines[table->len++];
  snprintf(line->label, sizeof(line->label), "%s", readings->label);
  line->is_namespace = readings->is_namespace;
  line->values = readings->values;
  return 0;
}

void lb_table_free(struct lb_table *table) { free(table->lines); }

static int compare_lines(const void *a, const void *b) {
  const struct lb_table_line *left = a, *right = b;
  if (left->is_namespace != right->is_namespace)
    return left->is_namespace ? 1 : -1;
  return strverscmp(left->label, right->label);
}

void lb_table_sort(struct lb_table *table) {
  if (table->len)
    qsort(table->lines, table->len, sizeof(*table->lines), compare_lines);
}

/* Without samples peak and busy would only repeat the queue. */
bool lb_table_has_column(const struct lb_settings *settings, int id) {
  if (!(lb_reading_table[id].subjects & LB_LISTENER))
    return false;
  switch (id) {
  case LB_PEAK:
  case LB_BUSY:
    return settings->sample_s > 0;
  case LB_WAIT:
  case LB_ABANDONED:
  case LB_SYN:
    return settings->inspect != LB_INSPECT_NEVER;
  case LB_ACTIVE:
    return settings->inspect == LB_INSPECT_ALWAYS;
  default:
    return true;
  }
}

static bool has_value(const struct lb_table *table, int id) {
  for (size_t i = 0; i < table->len; i++)
    if (table->lines[i].values.present & 1u << id)
      return true;
  return false;
}

/* Not a column of dashes for what is only known in times of trouble. */
static bool shows_column(const struct lb_table *table,
                         const struct lb_settings *settings, int id) {
  bool is_rare = id == LB_SYN && settings->inspect == LB_INSPECT_AUTO;
  return lb_table_has_column(settings, id) &&
         (!is_rare || has_value(table, id));
}

static int column_width(int id) {
  int len = (int)strlen(lb_reading_table[id].name);
  return len > COLUMN_WIDTH ? len : COLUMN_WIDTH;
}

static void print_value(const struct lb_values *values, int id, int width) {
  char text[32] = "-";
  if (values->present & 1u << id) {
    if (lb_reading_table[id].is_counter)
      snprintf(text, sizeof(text), "%llu",
               (unsigned long long)values->v[id].counter);
    else
      snprintf(text, sizeof(text), "%.*g", id == LB_FILL ? 6 : 15,
               values->v[id].gauge);
  }
  printf(" %*s", width, text);
}

static void print_listener(const struct lb_table *table,
                           const struct lb_settings *settings,
                           const struct lb_table_line *line, int width) {
  printf("%-*s", width, line->label);
  for (int i = 0; i < LB_READINGS; i++)
    if (shows_column(table, settings, i))
      print_value(&line->values, i, column_width(i));
  putchar('\n');
}

static void print_namespace(const struct lb_table_line *line) {
  putchar('\n');
  if (line->label[0])
    printf("NAMESPACE %s\n", line->label);
  for (int i = 0; i < LB_READINGS; i++)
    if (lb_reading_table[i].subjects & LB_NAMESPACE) {
      printf("%-22s", lb_reading_table[i].name);
      print_value(&line->values, i, 1);
      putchar('\n');
    }
}

static void print_heading(const struct lb_table *table,
                          const struct lb_settings *settings, int width) {
  printf("%-*s", width, "LISTENER");
  for (int i = 0; i < LB_READINGS; i++) {
    char upper[32];
    size_t n = 0;
    for (const char *c = lb_reading_table[i].name; *c; c++)
      upper[n++] = (char)toupper((unsigned char)*c);
    upper[n] = '\0';
    if (shows_column(table, settings, i))
      printf(" %*s", column_width(i), upper);
  }
  putchar('\n');
}

void lb_table_print(struct lb_table *table,
                    const struct lb_settings *settings) {
  int width = 12;
  lb_table_sort(table);
  for (size_t i = 0; i < table->len; i++)
    if (!table->lines[i].is_namespace &&
        (int)strlen(table->lines[i].label) > width)
      width = (int)strlen(table->lines[i].label);
  print_heading(table, settings, width);
  for (size_t i = 0; i < table->len; i++)
    if (table->lines[i].is_namespace)
      print_namespace(&table->lines[i]);
    else
      print_listener(table, settings, &table->lines[i], width);
}
