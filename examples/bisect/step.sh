#!/bin/bash
# A step of `git bisect run`: builds a commit, sweeps it, and says what it is.
#
# usage: git bisect run step.sh BUILD COMMAND [OPTION...] [ARG...]
#
# BUILD is a command line for a shell, such as 'make -j8 bzImage'. COMMAND and what follows it are for gatecrash.
set -u
# The exit codes that git gives a meaning.
readonly good=0 bad=1 skip=125 abort=255
if (($# < 2)); then
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit "$abort"
fi
bash -c "$1" || exit "$skip"
gatecrash "${@:2}"
code=$?
case $code in
    0) exit "$good" ;;
    1) exit "$bad" ;;
    4) exit "$skip" ;;
esac
# An error says nothing about the commit. git would take it for a bad one.
echo "step.sh: gatecrash ended with exit code $code: bisect stops here" >&2
exit "$abort"
