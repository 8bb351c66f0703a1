#!/bin/sh
# Runs a GoogleTest program inside the emulated machine:
#     in-machine.sh [--kernel] [--shim NAME] [--input OUTSIDE=INSIDE]... MACHINE_RUN PROGRAM [ARG...]
# --kernel gives the program the image of the machine's own kernel, as /kernel. --shim puts a layer of
# tests/support/shims.cpp between the tests and KVM. The script passes on the shard of the tests to run. It copies the
# report to the FOLDER of GTEST_OUTPUT=json:FOLDER/; with a shim, its name is PROGRAM-with-NAME.json.
set -eu
inputs=
shim=
while :; do
    case $1 in
    --kernel)
        for image in "$(dirname "$0")"/../build/machines/kernel/vmlinuz-*; do
            inputs="$inputs --input $image=/kernel"
        done
        shift
        ;;
    --shim)
        shim=$2
        shift 2
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
if [ -n "$shim" ]; then
    set -- --env "GATECRASH_TEST_SHIM=$shim" "$@"
fi
if [ -n "${GTEST_TOTAL_SHARDS:-}" ]; then
    set -- --env "GTEST_TOTAL_SHARDS=$GTEST_TOTAL_SHARDS" --env "GTEST_SHARD_INDEX=${GTEST_SHARD_INDEX:-}" "$@"
fi
case ${GTEST_OUTPUT:-} in
json:*/)
    report=${GTEST_OUTPUT#json:}$(basename "$program")${shim:+-with-$shim}.json
    set -- --env GTEST_OUTPUT=json:/report.json --output "/report.json=$report" "$@"
    ;;
esac
# shellcheck disable=SC2086  # options that are words of their own; no path here has a space
exec "$machine_run" $inputs "$@"
