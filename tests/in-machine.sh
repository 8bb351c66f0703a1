#!/bin/sh
# in-machine.sh MACHINE_RUN PROGRAM [ARG...]: runs a GoogleTest program inside the emulated machine. It passes on the
# shard of the tests to run, and copies the report to the FOLDER of GTEST_OUTPUT=json:FOLDER/.
set -eu
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
exec "$machine_run" "$@"
