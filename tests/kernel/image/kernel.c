/* The part of the tiny kernels that speaks. It has 32 or 64 bits. */
#include <stdint.h>

static void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void say(const char* text) {
    for (; *text != '\0'; ++text) {
        while ((in8(0x3fd) & 0x20) == 0) {
        }
        out8(0x3f8, (uint8_t)*text);
    }
}

static void say_number(unsigned number) {
    char digits[21] = {0};
    int at = 20;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    say(digits + at);
}

static int has_word(const char* text, const char* word) {
    for (; *text != '\0'; ++text) {
        int i = 0;
        while (word[i] != '\0' && text[i] == word[i]) ++i;
        if (word[i] == '\0') return 1;
    }
    return 0;
}

static const char* command_line = "";

static uint64_t word_at(uint64_t address, int bytes) {
    return bytes == 4 ? *(const uint32_t*)(uintptr_t)address : *(const uint64_t*)(uintptr_t)address;
}
static const char* text_at(uint64_t address) { return (const char*)(uintptr_t)address; }

/* Prints who started the kernel, and what it said. */
void greet(uint32_t magic, uint32_t information) {
    uint64_t memory = 0; /* where the second range ends */
    if (magic == 0x2badb002) {
        say("multiboot: ");
        command_line = text_at(word_at(information + 16, 4));
        const uint64_t second = word_at(information + 48, 4) + 24;
        memory = word_at(second + 4, 8) + word_at(second + 12, 8);
    } else if (magic == 0x36d76289) {
        say("multiboot2: ");
        for (uint64_t tag = information + 8; word_at(tag, 4) != 0; tag += (word_at(tag + 4, 4) + 7) & ~7ULL) {
            if (word_at(tag, 4) == 1) command_line = text_at(tag + 8);
            if (word_at(tag, 4) == 6) memory = word_at(tag + 40, 8) + word_at(tag + 48, 8);
        }
    } else if (word_at(information, 4) == 0x336ec578) {
        say("pvh: ");
        command_line = text_at(word_at(information + 24, 8));
        const uint64_t second = word_at(information + 40, 8) + 24;
        memory = word_at(second, 8) + word_at(second + 8, 8);
    }
    say_number((unsigned)(memory >> 20));
    say(" MiB, '");
    say(command_line);
    say("'\n");
}

static _Noreturn void halt(void) {
    for (;;) __asm__ volatile("cli; hlt");
}

_Noreturn void panic(unsigned vector) {
    say("panic: vector ");
    say_number(vector);
    say("\n");
    out8(0xf4, 3);
    halt();
}

/* Ends the kernel as the command line says. */
static _Noreturn void end(void) {
    say("bye\n");
    if (has_word(command_line, "spin")) {
        for (;;) __asm__ volatile("pause");
    }
    if (has_word(command_line, "triple-fault")) {
        static const struct __attribute__((packed)) {
            uint16_t limit;
            uint64_t base;
        } none = {0, 0};
        __asm__ volatile("lidt %0; ud2" : : "m"(none));
    }
    if (has_word(command_line, "panic")) panic(3);
    if (!has_word(command_line, "halt")) out8(0xf4, 0);
    halt();
}

void handle_syscall(uint64_t unused, uint64_t unused_too);
__asm__(
    ".globl handle_syscall\n"
    "handle_syscall:\n"
    "testl %eax, %eax\n"
    "jnz end_of_kernel\n"
    "ret\n");
__attribute__((used)) static void end_of_kernel(void) __asm__("end_of_kernel");
static void end_of_kernel(void) { end(); }
