#!/bin/bash
# check_coverage.sh BUILD: fails if the unit tests executed a smaller part of harness/ than tools/coverage_floor says, in
# percent of its lines. BUILD was configured with -Db_coverage=true, and its unit-tests ran. The floor may only rise.
set -euo pipefail
build=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
floor=$(<tools/coverage_floor)
gcovr --root . --filter harness/ --object-directory "$build" --exclude-unreachable-branches -j2 \
    --txt "$build/coverage.txt" --print-summary --fail-under-line "$floor" "$build"
echo "at least $floor% of the lines: tools/coverage_floor; each file: $build/coverage.txt"
