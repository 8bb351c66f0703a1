#!/bin/sh
# run.sh PROGRAM CORPUS [OPTION...]: runs a libFuzzer program, always in the same way. libFuzzer writes new inputs to
# the first folder on its command line. So that folder is neither the saved corpus nor the start of a later run. Inputs
# that break something stay in the working directory: put them into the corpus under a name that says what they are.
set -eu
program=$1
corpus=$2
shift 2
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$program" -seed=1 -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="$PWD/" "$@" "$found" "$corpus"
