#!/bin/sh
# Runs a GoogleTest program inside the emulated machine:
#     in-machine.sh [--kernel] [--input OUTSIDE=INSIDE]... MACHINE_RUN PROGRAM [ARG...]
# --kernel gives the program the image of the machine's own kernel, as /kernel. The script passes on the shard of the
# tests to run, and copies the report to the FOLDER of GTEST_OUTPUT=json:FOLDER/.
set -eu
inputs=
while :; do
    case $1 in
    --kernel)
        for image in "$(dirname "$0")"/../build/machines/kernel/vmlinuz-*; do
            inputs="$inputs --input $image=/kernel"
        done
        shift
        ;;
    --input)
        inputs="$inputs --input $2"
        shift 2
        ;;
    *) break ;;
    esac
done
machine_run=$1
program=$2
shift 2
set -- "$program" "$@"
if [ -n "${GTEST_TOTAL_SHARDS:-}" ]; then
    set -- --env "GTEST_TOTAL_SHARDS=$GTEST_TOTAL_SHARDS" --env "GTEST_SHARD_INDEX=${GTEST_SHARD_INDEX:-}" "$@"
fi
case ${GTEST_OUTPUT:-} in
json:*/)
    report=${GTEST_OUTPUT#json:}$(basename "$program").json
    set -- --env GTEST_OUTPUT=json:/report.json --output "/report.json=$report" "$@"
    ;;
esac
# shellcheck disable=SC2086  # options that are words of their own; no path here has a space
exec "$machine_run" $inputs "$@"
