#!/bin/sh
# run.sh PROGRAM CORPUS [OPTION...]: runs a libFuzzer program, always in the same way. What it finds goes into the first
# folder it is given: not the saved corpus, and not one that a later run would start from. Inputs that break something
# stay, in the working directory: put them into the corpus under a name that says what they are.
set -eu
program=$1
corpus=$2
shift 2
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$program" -seed=1 -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="$PWD/" "$@" "$found" "$corpus"
