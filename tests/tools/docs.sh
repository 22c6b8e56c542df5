#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares the documentation with the program: the table of readings, the options, the files that the pages name. TAP;
# run by make check.
set -u

src=${LB_SRCDIR:-.}
probe=${LB_PROBE:-./listen_backlog-probe}
man5=$src/man/collectd-listen_backlog.5
# shellcheck source=tests/support/tap.sh
. "$src/tests/support/tap.sh"

# Each line of standard input is in the file.
each_in() {
  missing=0
  while read -r word; do
    [ -n "$word" ] || continue
    # mdoc writes \- for a hyphen, and Fl for the hyphen of an option
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
long_options() { sed -n 's/^    {"\([a-z-]*\)", .*_argument, .*/--\1/p' "$src/src/probe/arguments.c"; }

all_in() { "$1" | each_in "$2"; }

# An empty list would make the checks below succeed.
lists_are_there() {
  [ "$(readings | wc -l)" -ge 19 ] && [ "$(options | wc -l)" -ge 10 ] &&
    [ "$(columns | wc -l)" -ge 15 ] && [ "$(long_options | wc -l)" -ge 13 ]
}

# The list of readings in the man page is that of the program: "NAME KIND SUBJECT", in the same order.
man_has_readings() {
  "$probe" --list-values | awk -F '\t' '
    { split($3, subjects, ","); for (i in subjects) of[subjects[i]] = of[subjects[i]] $1 " " $2 " " subjects[i] "\n" }
    END { printf "%s%s", of["listener"], of["namespace"] }' >"$1"
  awk '/^\.Ss (Per listener|With InspectQueue)/ { subject = "listener" }
    /^\.Ss Per network namespace/ { subject = "namespace" }
    /^\.Ss How/ { subject = "" }
    subject && /^\.It Sy [a-z_]+-[a-z0-9_]+ Pq / { print $3, $5, subject }' "$man5" | diff "$1" -
}

# A renamed reading must not live on in a page.
pages_have_no_other_reading() {
  other=$(cd "$src" && grep -rohE '\b(queue_length|percent|duration|derive|count|current_connections)-[a-z0-9_]+' \
    README.md doc man collectd.conf.d alerts | sort -u | grep -vxF "$(readings)")
  [ -z "$other" ] || { echo "not a reading: $other" && return 1; }
}

help_has_options() {
  help=$("$probe" --help)
  for option in $(long_options); do
    case $help in *"$option"*) ;; *) echo "not in --help: $option" && return 1 ;; esac
  done
}

versions_agree() {
  version=$("$probe" --version | cut -d' ' -f2)
  grep -q "^AC_INIT(\[listen_backlog\], \[$version\]" "$src/configure.ac" &&
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

pages_and_snippets_are_installed() {
  status=0
  for file in "$src"/doc/*.md "$src"/collectd.conf.d/*.conf "$src"/collectd.service.d/*.conf; do
    file=${file#"$src"/}
    sed -n '/^dist_[a-z]*_DATA/,/[^\\]$/p' "$src/Makefile.am" | tr -s '	 ' '\n' | grep -qxF "$file" || {
      echo "not in Makefile.am: $file"
      status=1
    }
  done
  return $status
}

# Files and directories in backquotes; a name with capitals is a placeholder.
# In the tarball debian/ is packaging/debian/.
paths_are_there() {
  # shellcheck disable=SC2016
  grep -oE '`(src|tests|fuzz|bench|graph|dashboards|alerts|man|doc|packaging)/[a-z0-9_./-]*`' "$1" |
    tr -d '`' | sort -u >"$tmp/paths"
  [ "$(wc -l <"$tmp/paths")" -ge 40 ] || { echo "few paths in $1" && return 1; }
  while read -r path; do
    [ -e "$src/$path" ] || echo "$1 names $path, which is not there"
  done <"$tmp/paths" >"$tmp/lost"
  cat "$tmp/lost"
  ! [ -s "$tmp/lost" ]
}

# The copies that the generators write now are the files of the tree.
generated_files_are_fresh() {
  cp "$src/doc/writers.md" "$src/man/listen_backlog-probe.1" "$tmp" &&
    "$probe" --list-values | python3 -B "$src/doc/generate.py" "$tmp/writers.md" "$tmp/listen_backlog-probe.1" &&
    "$probe" --list-values | python3 -B "$src/dashboards/generate.py" "$tmp" || return 1
  for file in "$src/doc/writers.md" "$src/man/listen_backlog-probe.1" "$src"/dashboards/*.json; do
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
    src tests alerts bench fuzz packaging graph dashboards doc quickstart | grep .
}

# Each line of tests/kernels/cases names a live test and has a part of a title, which may be in two strings.
cases_are_there() {
  missing=0
  while IFS= read -r case; do
    tr -d '\n' <"$src/tests/live/${case%%: *}.py" | sed "s/[\"'] *f*[\"']//g" | grep -qF -- "${case#*: }" || {
      echo "no such case: $case"
      missing=1
    }
  done <"$src/tests/kernels/cases"
  return $missing
}

scratch
echo 1..22
check 'the lists to compare are there' lists_are_there
check 'the man page has the readings of the program, with kind and subject' man_has_readings "$tmp/readings"
check 'the README has every reading' all_in readings "$src/README.md"
check 'the pages name no reading that does not exist' pages_have_no_other_reading
check 'the man page has every option' all_in options "$man5"
check 'the snippet has every option' all_in options "$src/collectd.conf.d/listen_backlog.conf"
check 'the pages and the snippets are installed' pages_and_snippets_are_installed
check "the probe's man page has its options" all_in long_options "$src/man/listen_backlog-probe.1"
check "the probe's man page has its columns" all_in columns "$src/man/listen_backlog-probe.1"
check "the probe's help has its options" help_has_options
check 'program and ChangeLog are of one version' versions_agree
check 'the lists of readings and the dashboards are as make generated writes them' generated_files_are_fresh
check 'doc/TROUBLESHOOTING.md has every message, and no other' python3 -B "$src/tests/tools/messages.py"
check 'links lead somewhere' links_lead_somewhere
check 'links to headings lead to one, and the index of symptoms has every symptom' \
  python3 -B "$src/tests/tools/anchors.py" "$src"/*.md "$src"/doc/*.md "$src/fuzz/README.md" "$src/tests/data/README.md" \
  "$src"/alerts/*.yml
check 'the files that doc/hacking.md names are there' paths_are_there "$src/doc/hacking.md"
check 'the cases that make check-kernels runs are there' cases_are_there
check 'collectd-listen_backlog(5) is sound mdoc' lint "$man5"
check 'listen_backlog-probe(1) is sound mdoc' lint "$src/man/listen_backlog-probe.1"
check 'listen_backlog-graph(1) is sound mdoc' lint "$src/man/listen_backlog-graph.1"
check 'listen_backlog-notify(1) is sound mdoc' lint "$src/man/listen_backlog-notify.1"
check 'every source file has its licence line' licensed
