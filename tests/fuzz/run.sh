#!/bin/sh
# run.sh PROGRAM CORPUS RUNS: runs a libFuzzer program, always in the same way. A shard (GoogleTest's variables) makes its
# part of the runs, with a seed of its own. libFuzzer writes new inputs to the first folder on its command line. So that
# folder is neither the saved corpus nor the start of a later run. Inputs that break something stay in the working
# directory: put them into the corpus under a name that says what they are.
set -eu
program=$1
corpus=$2
runs=$(($3 / ${GTEST_TOTAL_SHARDS:-1}))
seed=$((${GTEST_SHARD_INDEX:-0} + 1))
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$program" -seed=$seed -runs=$runs -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 \
    -artifact_prefix="$PWD/" "$found" "$corpus"
