#!/bin/sh
# SPDX-License-Identifier: MIT
# Holds what is written against what is so: the one table of readings, the
# options, the files that the pages name. TAP; run by make check.
set -u

src=${LB_SRCDIR:-.}
probe=${LB_PROBE:-./listen_backlog-probe}
man5=$src/man/collectd-listen_backlog.5
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

# Each line of stdin stands in the file.
each_in() {
  missing=0
  while read -r word; do
    [ -n "$word" ] || continue
    # mdoc breaks words with \- and spells some characters out
    sed 's/\\-/-/g; s/\\&//g; s/Fl -/--/g' "$1" | grep -qF -- "$word" || {
      echo "not in $1: $word"
      missing=1
    }
  done
  return $missing
}

readings() { "$probe" --list-values | cut -f1; }
options() { sed -n '/known_options\[\] = {/,/^};/s/^ *{"\([A-Za-z]*\)".*/\1/p' "$src/src/collectd/options.c"; }
columns() { "$probe" -q --sample 0.01 -i 0.02 -n 1 | head -n 1 | tr -s ' ' '\n'; }
long_options() { sed -n 's/^    {"\([a-z-]*\)", .*_argument, .*/--\1/p' "$src/src/probe/main.c"; }

all_in() { "$1" | each_in "$2"; }

# What a list that came out empty would let pass
lists_are_there() {
  [ "$(readings | wc -l)" -ge 16 ] && [ "$(options | wc -l)" -ge 10 ] &&
    [ "$(columns | wc -l)" -ge 13 ] && [ "$(long_options | wc -l)" -ge 13 ]
}

help_has_options() {
  help=$("$probe" --help)
  for option in $(long_options); do
    case $help in *"$option"*) ;; *) echo "not in --help: $option" && return 1 ;; esac
  done
}

versions_agree() {
  version=$("$probe" --version | cut -d' ' -f2)
  grep -q "^AC_INIT(\[listen_backlog\], \[$version\])" "$src/configure.ac" &&
    grep -q "$version" "$src/ChangeLog.md"
}

# Files of ours that a Markdown page links to
links_lead_somewhere() {
  status=0
  for page in "$src"/*.md "$src"/doc/*.md "$src/fuzz/README.md" "$src/tests/data/README.md"; do
    # shellcheck disable=SC2013
    for target in $(grep -oE '\]\([^)#]*|src(set)?="[^"]*' "$page" | sed 's/^[^(="]*[(="]*//'); do
      case $target in http*) continue ;; esac
      [ -e "$(dirname "$page")/$target" ] || {
        echo "$page links to $target, which is not there"
        status=1
      }
    done
  done
  return $status
}

snippets_are_installed() {
  status=0
  for snippet in "$src"/collectd.conf.d/*.conf; do
    grep -qE "^	collectd\.conf\.d/$(basename "$snippet")( |$)" "$src/Makefile.am" || {
      echo "not in Makefile.am: $snippet"
      status=1
    }
  done
  for snippet in "$src"/collectd.service.d/*.conf; do
    grep -qE "^	collectd\.service\.d/$(basename "$snippet")( |$)" "$src/Makefile.am" || {
      echo "not in Makefile.am: $snippet"
      status=1
    }
  done
  return $status
}

# The copies that the generators write now are the files of the tree.
generated_files_are_fresh() {
  scratch
  cp "$src/doc/writers.md" "$tmp" &&
    "$probe" --list-values | python3 -B "$src/doc/writers.py" "$tmp/writers.md" &&
    "$probe" --list-values | python3 -B "$src/dashboards/generate.py" "$tmp" || return 1
  for file in "$src/doc/writers.md" "$src"/dashboards/*.json; do
    cmp "$file" "$tmp/$(basename "$file")" || {
      echo 'run: make generated'
      return 1
    }
  done
}

lint() {
  command -v mandoc >/dev/null || { echo 'mandoc is not installed'; return 1; }
  mandoc -T lint -W warning "$1"
}

licensed() {
  cd "$src" && ! grep -rL 'SPDX-License-Identifier: MIT' --include='*.[ch]' --include='*.sh' --include='*.py' \
    --include=netns --include=quickstart --include='listen_backlog-*' \
    src tests bench fuzz packaging graph dashboards doc quickstart | grep .
}

echo 1..17
check 'the lists to compare are there' lists_are_there
check 'the man page names every reading' all_in readings "$man5"
check 'the README names every reading' all_in readings "$src/README.md"
check 'the man page has every option' all_in options "$man5"
check 'the snippet has every option' all_in options "$src/collectd.conf.d/listen_backlog.conf"
check 'the snippets are installed' snippets_are_installed
check "the probe's man page has its options" all_in long_options "$src/man/listen_backlog-probe.1"
check "the probe's man page has its columns" all_in columns "$src/man/listen_backlog-probe.1"
check "the probe's help has its options" help_has_options
check 'program and ChangeLog are of one version' versions_agree
check 'doc/writers.md and the dashboards are as make generated writes them' generated_files_are_fresh
check 'links lead somewhere' links_lead_somewhere
check 'collectd-listen_backlog(5) is sound mdoc' lint "$man5"
check 'listen_backlog-probe(1) is sound mdoc' lint "$src/man/listen_backlog-probe.1"
check 'listen_backlog-graph(1) is sound mdoc' lint "$src/man/listen_backlog-graph.1"
check 'every source file has its licence line' licensed
# shellcheck disable=SC2016
check 'no reading has a type of its own' sh -c '"$1" --list-values | cut -d- -f1 | sort -u | grep -vxE "queue_length|percent|count|derive|duration" && exit 1; exit 0' sh "$probe"
