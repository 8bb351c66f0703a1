#!/bin/sh
# Writes an assembly file that holds files, and a table of them: embed.sh [--gzip FOLDER] OUTPUT TABLE NAME=FILE...
# TABLE and TABLE_end are its symbols; an entry of it is {const char* name; const std::byte *begin, *end;}.
# With --gzip each file is compressed first, into FOLDER.
set -eu
folder=
if [ "$1" = --gzip ]; then
    folder=$2
    shift 2
    mkdir -p "$folder"
fi
output=$1
table=$2
shift 2
{
    echo '        .section .note.GNU-stack, "", @progbits'
    echo '        .section .rodata'
    number=0
    for file; do
        content=${file#*=}
        if [ -n "$folder" ]; then
            gzip -9 -n -c "$content" > "$folder/$number.gz"
            content=$folder/$number.gz
        fi
        printf 'name%d: .asciz "%s"\n        .balign 64\nbegin%d: .incbin "%s"\nend%d:\n' \
            "$number" "${file%%=*}" "$number" "$content" "$number"
        number=$((number + 1))
    done
    echo '        .section .data.rel.ro, "aw"'
    echo "        .globl $table, ${table}_end"
    echo '        .balign 8'
    echo "$table:"
    for index in $(seq 0 $((number - 1))); do
        echo "        .quad name$index, begin$index, end$index"
    done
    echo "${table}_end:"
} > "$output"
