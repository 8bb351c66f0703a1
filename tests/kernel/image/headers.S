# The headers by which boot loaders know an image: multiboot, multiboot2, and PVH. HEADER_... says which. The image begins
# at `start`, whose physical address is `start` - `base`.

#ifdef HEADER_MULTIBOOT
        .section .header, "a"
        .balign 4
        .long   0x1badb002, 3, -(0x1badb002 + 3)
#endif
#ifdef HEADER_MULTIBOOT2
        .section .header, "a"
        .balign 8
header: .long   0xe85250d6, 0, header_end - header, -(0xe85250d6 + (header_end - header))
        .word   1, 0                    # a request for the memory map
        .long   12, 6
        .balign 8
        .word   0, 0
        .long   8
header_end:
#endif
#ifdef HEADER_PVH
        .section .note.Xen, "a", @note
        .balign 4
        .long   4, 4, 18
        .asciz  "Xen"
        .long   start - base
#endif
