#!/bin/bash
# Sweeps N shards as an array of Slurm jobs, and then merges them.
#
# usage: submit.sh N FOLDER COMMAND [OPTION...] [ARG...]
#
# N is at least 2. COMMAND is `run`, `explore` or `linux`. FOLDER must be one that all nodes share. sbatch reads its own
# options from variables: SBATCH_PARTITION, SBATCH_TIMELIMIT and others. SBATCH_ARRAY_INX chooses some of the shards, as
# 2,5.
set -euo pipefail
if (($# < 3)) || [[ ! $1 =~ ^[0-9]+$ ]] || (($1 < 2)); then
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
fi
readonly shards=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
job=$(sbatch --parsable --array="${SBATCH_ARRAY_INX:-1-$shards}" --output="$folder/%a.log" "$here/sweep.sbatch" "$@")
# A lost shard must not keep the merge waiting, so this depends on the end of the tasks, not on their success.
merge=$(env -u SBATCH_ARRAY_INX sbatch --parsable --dependency="afterany:$job" --output="$folder/merge.log" \
    "$here/merge.sbatch" "$folder")
echo "jobs $job and $merge: $folder/merged.json will have the result, and $folder/merge.log the report"
