// SPDX-License-Identifier: MIT
/* Ports as users write them. The services are those of every /etc/services. */
#include "base/ports.h"

#include "unit.h"

#include <netdb.h>

/* /etc/services may have port 0, which is no TCP port. */
WRAP(int, getservbyname_r, const char *name, const char *proto,
     struct servent *entry, char *buf, size_t size, struct servent **found) {
  assert_string_equal(proto, "tcp");
  if (strcmp(name, "spr-itunes") != 0)
    return __real_getservbyname_r(name, proto, entry, buf, size, found);
  *entry = (struct servent){.s_port = 0};
  *found = entry;
  return 0;
}

struct port_case {
  const char *text;
  struct lb_ports want;
};

/* An error leaves what *out has. */
static void check_parse(const char *text, int want_err, struct lb_ports want) {
  struct text wanted = {.len = 0}, got = {.len = 0};
  struct lb_ports ports = {11, 12};
  int err = lb_ports_parse(text, &ports);
  say(&wanted, "\"%s\": %d, %u-%u", text, want_err, want.first, want.last);
  say(&got, "\"%s\": %d, %u-%u", text, err, ports.first, ports.last);
  assert_string_equal(got.at, wanted.at);
}

TEST_CASE(a_number_a_range_or_a_service_is_parsed) {
  static const struct port_case cases[] = {
      {"1", {1, 1}},
      {"80", {80, 80}},
      {"8080", {8080, 8080}},
      {"65535", {65535, 65535}},
      {"0080", {80, 80}},
      {"0000000000000000000000000000443", {443, 443}},
      {"8000-8010", {8000, 8010}},
      {"80-80", {80, 80}},
      {"1-65535", {1, 65535}},
      {"65534-65535", {65534, 65535}},
      {"080-0443", {80, 443}},
      {"http", {80, 80}},
      {"https", {443, 443}},
      {"ssh", {22, 22}},
      {"www", {80, 80}},
      {"ftp-data", {20, 20}},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    check_parse(cases[i].text, 0, cases[i].want);
}

TEST_CASE(each_wrong_text_has_an_error_of_its_kind) {
  static const struct {
    int err;
    const char *texts[20];
  } cases[] = {
      {-ERANGE,
       {"0", "00", "65536", "99999", "4294967376" /* 80 in 32 bits */,
        "18446744073709551696", "99999999999999999999999999999999999999999999",
        "0-80", "80-0", "0-0", "80-65536", "65536-65537", "65536-80",
        "80-4294967377", "spr-itunes"}},
      {-EINVAL,
       {"", "-", "--", "80-", "-80", "-0", "1-2-3", "1--3", "8010-8000", "2-1",
        "65535-1", "1-2-", "-1-2", "80-81-", "---", "0-1-2"}},
      {-ENOENT,
       {" ", " 80", "80 ", "+80", "0x50", "80.5", "8e1", "80:81", "http ",
        "8000 - 8010", "80\n", "http-https", "80-http", "\t80", "80/tcp", "*",
        "no such service"}},
      {-E2BIG, {"80,443", "80,", ",", "80, 443", "http,https", "80-90,443"}},
  };
  for (size_t i = 0; i < LEN(cases); i++)
    for (size_t j = 0; j < LEN(cases[i].texts) && cases[i].texts[j]; j++)
      check_parse(cases[i].texts[j], cases[i].err, (struct lb_ports){11, 12});
}

TEST_CASE(a_set_has_exactly_the_ports_that_were_added) {
  static const uint16_t ports[] = {0, 1, 7, 8, 80, 255, 256, 8191, 65535};
  struct lb_portset set = {{0}};
  for (size_t i = 0; i < LEN(ports); i++)
    lb_portset_add(&set, ports[i]);
  struct text got = {.len = 0};
  for (unsigned port = 0; port <= 65535; port++)
    if (lb_portset_has(&set, (uint16_t)port))
      say(&got, "%u ", port);
  assert_string_equal(got.at, "0 1 7 8 80 255 256 8191 65535 ");
}

int main(void) { return run_all_tests(NULL, NULL); }
