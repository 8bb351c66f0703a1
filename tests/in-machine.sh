#!/bin/sh
# Runs a GoogleTest program inside the emulated machine: in-machine.sh MACHINE_RUN PROGRAM [ARG...]. Its report comes out
# to where GTEST_OUTPUT=json:FOLDER/ wants it.
set -eu
machine_run=$1
program=$2
shift 2
case ${GTEST_OUTPUT:-} in
json:*/)
    report=${GTEST_OUTPUT#json:}$(basename "$program").json
    exec "$machine_run" --env GTEST_OUTPUT=json:/report.json --output "/report.json=$report" "$program" "$@"
    ;;
esac
exec "$machine_run" "$program" "$@"
