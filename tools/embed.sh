#!/bin/sh
# Writes an assembly file that holds guests: embed.sh OUTPUT NAME=FILE...
set -eu
output=$1
shift
{
    echo '        .section .note.GNU-stack, "", @progbits'
    echo '        .section .rodata'
    number=0
    for guest; do
        printf 'name%d: .asciz "%s"\n        .balign 64\nbegin%d: .incbin "%s"\nend%d:\n' \
            "$number" "${guest%%=*}" "$number" "${guest#*=}" "$number"
        number=$((number + 1))
    done
    echo '        .section .data.rel.ro, "aw"'
    echo '        .globl gatecrash_guests, gatecrash_guests_end'
    echo '        .balign 8'
    echo 'gatecrash_guests:'
    for index in $(seq 0 $((number - 1))); do
        echo "        .quad name$index, begin$index, end$index"
    done
    echo 'gatecrash_guests_end:'
} > "$output"
