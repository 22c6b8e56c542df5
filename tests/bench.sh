#!/bin/sh
# SPDX-License-Identifier: MIT
# What a look costs against the floor, in turns on the same sockets, and what the plugin costs in
# collectd: make bench. In a network namespace of its own: bench.sh [RUNS]
set -eu

runs=${1:-9}
dir=${LB_BUILDDIR:-.}/tests
src=${LB_SRCDIR:-.}/tests

if [ -z "${LB_IN_NETNS-}" ]; then
  export LB_IN_NETNS=1
  exec "$src/netns" "$0" "$runs"
fi

# hold LISTENERS CONNECTIONS: starts a holder and waits until all are up
hold() {
  scratch=$(mktemp -d)
  mkfifo "$scratch/in" "$scratch/out"
  python3 "$src/hold_sockets.py" "$1" "$2" <"$scratch/in" >"$scratch/out" &
  holder=$!
  exec 8>"$scratch/in" 9<"$scratch/out"
  read -r _ <&9
}

release() {
  exec 8>&- 9<&-
  wait "$holder"
  rm -r "$scratch"
}

us() { "$dir/$1" "$2" ${3+"$3"} | cut -d' ' -f1; }

# compare LISTENERS CONNECTIONS LOOKS: medians and the median of the ratios
compare() {
  hold "$1" "$2"
  i=0
  while [ "$i" -lt "$runs" ]; do
    echo "$(us bench_floor "$3") $(us bench_look "$3") $(us bench_look "$3" interval)"
    i=$((i + 1))
  done | awk -v l="$1" -v c="$2" '
    function median(a, n,   i, j, t) {
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
          t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
        }
      return a[int((n + 1) / 2)]
    }
    { f[NR] = $1; k[NR] = $2; e[NR] = $3; r[NR] = $2 / $1 }
    END {
      printf "%9d %11d %10.2f %10.2f %7.2f %12.2f\n", l, c,
        median(f, NR), median(k, NR), median(r, NR), median(e, NR)
    }'
  release
}

echo "CPU microseconds (user + system), median of $runs runs in turns"
printf '%9s %11s %10s %10s %7s %12s\n' \
  listeners connections floor look ratio 'look+counters'
compare 1 0 20000
compare 10 0 20000
compare 10 100000 20000
compare 1000 0 500
compare 10000 0 50

echo
python3 "$src/bench_daemon.py"
