/* Ways into the kernel that are meant for 32-bit code, and segments of 16 bits. */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <linux/auxvec.h>
#include <linux/elf.h>

#include "init.h"

long int80_of_32_bit_code(void);                    /* compat32.S */
long vsyscall_of_32_bit_code(unsigned long vsyscall); /* compat32.S */

static int has_int80;
static unsigned long vsyscall; /* __kernel_vsyscall() of the 32-bit vDSO; 0 if there is no such vDSO */

static void find_int80(void) {
    long result = getpid_32;
    catch_signal(SIGSEGV, repair);
    __asm__ volatile("movq $1f, resume_at(%%rip)\n\t"
                     "int $0x80\n"
                     "1:"
                     : "+a"(result)
                     :
                     : "r8", "r9", "r10", "r11", "memory");
    uncatch_signal(SIGSEGV);
    has_int80 = delivered == 0 && result == 1;
}

void need_int80(void) {
    need(has_int80, "the kernel has no INT 0x80: it needs CONFIG_IA32_EMULATION, and not ia32_emulation=off");
}

static unsigned long find_own_vdso(const unsigned long *stack) {
    const unsigned long *word = stack + 1 /* argc */ + stack[0] + 1;
    while (*word++) continue; /* the environment */
    for (; word[0] != AT_NULL; word += 2)
        if (word[0] == AT_SYSINFO_EHDR) return word[1];
    return 0;
}

static int is_readable(unsigned long address) {
    enum { bad_how = 99 };
    return system_call(__NR_rt_sigprocmask, bad_how, (long)address, 0, sizeof(sigset_t)) != bad_address;
}

/* SYSENTER and 32-bit SYSCALL return to the vDSO of the process, which must be the one for 32-bit code. A process can
 * have only one: this removes the one for 64-bit code. Linux unmaps a mapping of the vDSO only as a whole, and its size
 * is not known, so this tries all sizes. */
static void map_vdso32(unsigned long own) {
    enum { pages = 16, already_mapped = -17 /* EEXIST */ };
    const unsigned long wanted = 0x10000000;
    unsigned long size, at;
    long result = already_mapped;
    for (size = 1; own && size <= pages; ++size)
        if (system_call(__NR_munmap, (long)own, (long)(size * page_size), 0, 0) == 0) break;
    for (size = 0; size <= pages && result == already_mapped; ++size) {
        /* The data pages of the vDSO are before its code. */
        if (size) system_call(__NR_munmap, (long)(own - size * page_size), (long)(size * page_size), 0, 0);
        result = system_call(__NR_arch_prctl, ARCH_MAP_VDSO_32, (long)wanted, 0, 0);
    }
    if (result < 0) return;
    for (at = wanted; at < wanted + pages * page_size; at += page_size) {
        const Elf32_Ehdr *header = (const Elf32_Ehdr *)at;
        if (!is_readable(at)) continue;
        if (*(const unsigned *)at == 0x464c457f /* "\x7f" "ELF" */) vsyscall = at + header->e_entry;
    }
}

void find_compat_entries(const unsigned long *stack) {
    find_int80();
    if (has_int80) map_vdso32(find_own_vdso(stack));
}

void sweep_int80(void) {
    long result = getpid_32;
    need_int80();
    __asm__ volatile(BEGIN "int $0x80\n\t" END : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
    expect(result == 1, "getpid() did not return 1");
}

void sweep_int80_32(void) {
    need_int80();
    expect(int80_of_32_bit_code() == 1, "getpid() did not return 1");
}

/* True if __kernel_vsyscall() has the instruction 0F `opcode`. */
static int vsyscall_has(unsigned char opcode) {
    enum { length = 16 };
    const unsigned char *code = (const unsigned char *)vsyscall;
    for (int i = 0; i < length; ++i)
        if (code[i] == 0x0f && code[i + 1] == opcode) return 1;
    return 0;
}

static void need_vdso32(void) {
    need_int80();
    need(vsyscall != 0, "no 32-bit vDSO for the program: it needs CONFIG_CHECKPOINT_RESTORE");
}

static void sweep_vsyscall(void) {
    expect(vsyscall_of_32_bit_code(vsyscall) == 1, "getpid() did not return 1");
}

void sweep_sysenter(void) {
    need_vdso32();
    need(vsyscall_has(0x34), "the 32-bit vDSO does not execute SYSENTER: it needs a CPU of Intel");
    sweep_vsyscall();
}

void sweep_syscall32(void) {
    need_vdso32();
    need(vsyscall_has(0x05), "the 32-bit vDSO does not execute SYSCALL: it needs a CPU of AMD");
    sweep_vsyscall();
}

/* IRET restores only 16 bits of RSP if SS is a 16-bit segment. Linux then returns from another stack, lest the program
 * see bits of the kernel's RSP. */
void sweep_espfix(void) {
    enum { write_entry = 1, selector_0 = 7 };
    static struct user_desc segment;
    long result = getpid_32;
    need_int80();
    segment.limit = 0xffff;
    segment.useable = 1;
    need(system_call(__NR_modify_ldt, write_entry, (long)&segment, sizeof segment, 0) == 0,
         "modify_ldt() makes no 16-bit segment: it needs CONFIG_X86_16BIT and CONFIG_MODIFY_LDT_SYSCALL");
    __asm__ volatile("movq %%rsp, %%r12\n\t"
                     "movl %[selector], %%ss\n\t" BEGIN
                     "int $0x80\n\t" END
                     "movl %[flat], %%ss\n\t"
                     "movq %%r12, %%rsp\n\t"
                     : "+a"(result)
                     : [selector] "r"(selector_0), [flat] "r"(USER_DS)
                     : "r8", "r9", "r10", "r11", "r12", "memory");
    expect(result == 1, "getpid() did not return 1");
}
