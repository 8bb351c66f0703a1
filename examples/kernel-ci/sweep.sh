#!/bin/bash
# Checks and sweeps the entry code of a kernel that a CI job has built:
#     sweep.sh FOLDER KERNEL [OPTION...]
# KERNEL is a bzImage or a vmlinux. OPTION... goes to `gatecrash linux`, such as --append 'pti=on'. FOLDER gets
# result.html, result.json, junit.xml, result.ktap, and check.sarif. The exit code is that of `gatecrash linux`, so a
# finding of the sweep fails the job. The rules that `check` reports are for reviewers, who see them in place.
set -uo pipefail

if (($# < 2)); then
    echo "usage: $0 FOLDER KERNEL [OPTION...]" >&2
    exit 2
fi
folder=$1 kernel=$2
shift 2
mkdir -p "$folder" || exit 3

gatecrash check "$kernel" --sarif "$folder/check.sarif" >"$folder/check.txt"
checked=$?
# 0 and 1 say how many rules were broken; others are errors, of which the message is on standard error.
((checked <= 1)) || exit "$checked"

gatecrash linux --kernel "$kernel" --html "$folder/result.html" --json "$folder/result.json" \
    --junit "$folder/junit.xml" --ktap "$@" | tee "$folder/result.ktap"
