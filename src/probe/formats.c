// SPDX-License-Identifier: MIT
#include "probe/formats.h"

#include "probe/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_in_table(const struct lb_table_line *line,
                        const struct lb_settings *settings, int id) {
  return line->values.present & 1u << id &&
         (line->is_namespace || lb_table_has_column(settings, id));
}

/* Exactly, and no longer than needed. */
static void print_exact(const struct lb_values *values, int id) {
  double gauge = values->v[id].gauge, read;
  char text[32];
  if (lb_reading_table[id].is_counter) {
    printf("%llu", (unsigned long long)values->v[id].counter);
    return;
  }
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, sizeof(text), "%.*g", digits, gauge);
    if (sscanf(text, "%lf", &read) == 1 && // NOLINT(cert-err34-c)
        !(read < gauge || read > gauge))
      break;
  }
  fputs(text, stdout);
}

/* --- JSON ---------------------------------------------------------------- */

static void print_json_lines(const struct lb_table *table,
                             const struct lb_settings *settings,
                             bool is_namespace) {
  bool is_first_line = true;
  for (size_t i = 0; i < table->len; i++) {
    const struct lb_table_line *line = &table->lines[i];
    bool is_first = true;
    if (line->is_namespace != is_namespace)
      continue;
    fputs(is_first_line ? "{" : ",{", stdout);
    is_first_line = false;
    lb_json_text(is_namespace ? "namespace" : "listener", line->label,
                 &is_first);
    for (int id = 0; id < LB_READINGS; id++)
      if (is_in_table(line, settings, id)) {
        lb_json_name(lb_reading_table[id].name, &is_first);
        print_exact(&line->values, id);
      }
    putchar('}');
  }
}

void lb_print_json(struct lb_table *table, const struct lb_settings *settings) {
  lb_table_sort(table);
  fputs("{\"listeners\":[", stdout);
  print_json_lines(table, settings, false);
  fputs("],\"namespaces\":[", stdout);
  print_json_lines(table, settings, true);
  puts("]}");
}

/* --- Prometheus ---------------------------------------------------------- */

struct metrics {
  const struct lb_table *table;
  const struct lb_settings *settings;
  char host[256];
};

/* As write_prometheus makes it: of a type of one data source called "value" the
 * name is that of the type; the one of "duration" is called "seconds". */
static const char *suffix_of(const char *type) {
  if (strcmp(type, "duration") == 0)
    return "_seconds";
  return strcmp(type, "derive") == 0 ? "_total" : "";
}

/* As the exposition format wants it. */
static void print_label_value(const char *text) {
  putchar('"');
  for (; *text; text++)
    if (*text == '\n')
      fputs("\\n", stdout);
    else
      printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
  putchar('"');
}

/* Without a plugin instance write_prometheus puts the type instance in its
 * place. */
static void print_sample(const struct metrics *metrics,
                         const struct lb_table_line *line, int id) {
  const struct lb_reading *reading = &lb_reading_table[id];
  printf("collectd_listen_backlog_%s%s{listen_backlog=", reading->type,
         suffix_of(reading->type));
  if (line->label[0]) {
    print_label_value(line->label);
    printf(",type=\"%s\"", reading->name);
  } else {
    printf("\"%s\"", reading->name);
  }
  fputs(",instance=", stdout);
  print_label_value(metrics->host);
  fputs("} ", stdout);
  print_exact(&line->values, id);
  putchar('\n');
}

static bool is_first_of_type(int id) {
  for (int i = 0; i < id; i++)
    if (strcmp(lb_reading_table[i].type, lb_reading_table[id].type) == 0)
      return false;
  return true;
}

/* The counters of a listener begin at 0 with the program, so that they are no
 * counters to Prometheus; those of a namespace are the kernel's. */
static bool is_metric(const struct lb_table_line *line, int id) {
  return line->is_namespace || !lb_reading_table[id].is_counter;
}

static void print_metrics(const struct metrics *metrics, const char *type) {
  const struct lb_table *table = metrics->table;
  const char *suffix = suffix_of(type);
  bool has_head = false;
  for (size_t i = 0; i < table->len; i++)
    for (int id = 0; id < LB_READINGS; id++) {
      const struct lb_table_line *line = &table->lines[i];
      if (strcmp(lb_reading_table[id].type, type) != 0 ||
          !is_in_table(line, metrics->settings, id) || !is_metric(line, id))
        continue;
      if (!has_head)
        printf("# HELP collectd_listen_backlog_%s%s %s\n"
               "# TYPE collectd_listen_backlog_%s%s %s\n",
               type, suffix, "Listening sockets: collectd-listen_backlog(5).",
               type, suffix,
               lb_reading_table[id].is_counter ? "counter" : "gauge");
      has_head = true;
      print_sample(metrics, line, id);
    }
}

void lb_print_prometheus(struct lb_table *table,
                         const struct lb_settings *settings) {
  struct metrics metrics = {.table = table, .settings = settings};
  lb_table_sort(table);
  if (gethostname(metrics.host, sizeof(metrics.host) - 1))
    strcpy(metrics.host, "localhost");
  for (int id = 0; id < LB_READINGS; id++)
    if (is_first_of_type(id))
      print_metrics(&metrics, lb_reading_table[id].type);
}
