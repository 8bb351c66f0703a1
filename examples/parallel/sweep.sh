#!/bin/bash
# Sweeps N shards with GNU parallel, as many at a time as there are slots, and then merges them.
#
# usage: sweep.sh N SLOTS FOLDER COMMAND [OPTION...] [ARG...]
#
# N is at least 2. COMMAND is `run`, `explore` or `linux`. The same command line again runs only what has not ended yet.
set -euo pipefail
if (($# < 4)) || [[ ! $1 =~ ^[0-9]+$ ]] || (($1 < 2)); then
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
fi
command -v parallel >/dev/null || {
    echo 'sweep.sh: this needs GNU parallel (package parallel)' >&2
    exit 3
}
readonly shards=$1 slots=$2 folder=$3 command=$4
shift 4
mkdir -p "$folder"
# parallel counts an exit code other than 0 as a failure, but 1 is a finding. The merge has the exit code that counts.
seq "$shards" | parallel --jobs "$slots" --quote \
    gatecrash "$command" --jobs 1 --shard "{}/$shards" --json "$folder/{}.json" --resume "$folder/{}.progress" "$@" \
    >"$folder/sweep.log" 2>&1 || true
shopt -s nullglob
documents=("$folder"/[0-9]*.json)
if ((${#documents[@]} == 0)); then
    echo "sweep.sh: no shard has a result; $folder/sweep.log says why" >&2
    exit 3
fi
gatecrash merge "${documents[@]}" --json "$folder/merged.json"
