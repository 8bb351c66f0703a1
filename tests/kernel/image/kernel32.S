# A tiny 32-bit kernel, in an ELF file or as a flat file whose multiboot header has addresses. It prints and ends.
        .set    magic, 0x1badb002
        .set    flags, 0x10003          # with addresses

        .section .text
        .balign 4
header: .long   magic, flags, -(magic + flags)
        .long   header, header, 0, bss_end, start

        .globl  start
start:
        cmpl    $0x2badb002, %eax
        jne     panic
        movl    $text, %esi
        movw    $0x3f8, %dx
1:      lodsb
        testb   %al, %al
        jz      end
        outb    %al, %dx
        jmp     1b
        .globl  end
end:
        movl    $0x10, %eax
        outl    %eax, $0xf4
        .globl  panic
panic:
        cli
        hlt
        jmp     panic
text:   .asciz  "32 bits\n"
        .bss
        .skip   4096
bss_end:
        .section .note.GNU-stack, "", @progbits
