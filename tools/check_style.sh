#!/bin/bash
# Checks the layout of all C++ files, or all shell scripts: check_style.sh clang-format | shellcheck
# The layout is that of clang-format 14, which Debian 12 has: another version wants other line breaks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
    clang-format)
        find cases examples guest harness include tests \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
            xargs -0 clang-format --dry-run -Werror
        ;;
    shellcheck)
        mapfile -t scripts < <(find examples tests tools -name '*.sh' -o -name '*.sbatch')
        shellcheck dev .ci/run harness/cli/completion/gatecrash.bash "${scripts[@]}"
        ;;
    *)
        echo 'usage: check_style.sh clang-format | shellcheck' >&2
        exit 2
        ;;
esac
