#include "crash.h"

#include "buffers.h"

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { MOST_RANGES = 512, STACK_WORDS = 4096, ALTERNATE_STACK = 64 << 10 };

/* Executable ranges, learned beforehand: a handler can't ask the dynamic linker, whose lock may be held. */
static struct range {
    uintptr_t start, end, base;
    char name[96];
    bool system;
} ranges[MOST_RANGES];
static size_t range_count;
static struct crash_page *page;

static bool is_system(const char *name) {
    static const char *const prefixes[] = {"libc.so", "libc-", "ld-", "libpthread", "linux-vdso", "libdl.", "libgcc_s",
                                           "[agent]", "libasan", "libubsan", "linker"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static int learn(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    const char *path = info->dlpi_name == NULL ? "" : info->dlpi_name, *slash = strrchr(path, '/');
    const char *name = *path == '\0' ? "[agent]" : slash == NULL ? path : slash + 1;
    for (int i = 0; i < info->dlpi_phnum && range_count < MOST_RANGES; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD || (info->dlpi_phdr[i].p_flags & PF_X) == 0)
            continue;
        struct range *range = &ranges[range_count++];
        range->base = (uintptr_t)info->dlpi_addr;
        range->start = range->base + (uintptr_t)info->dlpi_phdr[i].p_vaddr;
        range->end = range->start + (uintptr_t)info->dlpi_phdr[i].p_memsz;
        snprintf(range->name, sizeof range->name, "%s", name);
        range->system = is_system(range->name);
    }
    return 0;
}

void crash_learn_objects(void) {
    range_count = 0;
    dl_iterate_phdr(learn, NULL);
}

static const struct range *range_of(uintptr_t address) {
    for (size_t i = 0; i < range_count; i++)
        if (address >= ranges[i].start && address < ranges[i].end)
            return &ranges[i];
    return NULL;
}

/* Handlers can't use printf. */
static char *put(char *at, const char *end, const char *text) {
    while (*text != '\0' && at < end)
        *at++ = *text++;
    *at = '\0';
    return at;
}

static char *put_hex(char *at, const char *end, uintptr_t value) {
    char digits[2 * sizeof value + 1] = "", *digit = digits + sizeof digits - 1;
    do {
        *--digit = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    return put(put(at, end, "0x"), end, digit);
}

static char *put_decimal(char *at, const char *end, uintptr_t value) {
    char digits[24] = "", *digit = digits + sizeof digits - 1;
    do {
        *--digit = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return put(at, end, digit);
}

static void locate(char *into, uintptr_t address) {
    const struct buffer *buffer = buffer_near(address);
    if (buffer == NULL)
        return;
    const char *end = into + FRAME_ROOM - 1;
    uintptr_t data = (uintptr_t)buffer->data, past = data + (uintptr_t)buffer->size;
    bool ahead = address < data, behind = address >= past;
    char *at = put_decimal(into, end, ahead ? data - address : address - (behind ? past : data));
    at = put(at, end, ahead ? " bytes before the start of " : behind ? " bytes past the end of " : " bytes into ");
    at = put(at, end, buffer->name);
    if (buffer->padding > 0 && behind)
        put(put_decimal(put(at, end, ", whose padding is "), end, buffer->padding), end, " bytes");
}

static void describe(char *into, uintptr_t address, bool with_symbol) {
    const char *end = into + FRAME_ROOM - 1;
    const struct range *range = range_of(address);
    char *at = range == NULL ? into : put(put(into, end, range->name), end, "+");
    at = put_hex(at, end, address - (range == NULL ? 0 : range->base));
    Dl_info info;
    if (with_symbol && range != NULL && dladdr((void *)address, &info) != 0 && info.dli_sname != NULL)
        put(put(put(at, end, " ("), end, info.dli_sname), end, ")");
}

static void registers(const ucontext_t *context, uintptr_t *counter, uintptr_t *stack, uintptr_t *link) {
#if defined(__x86_64__)
    *counter = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    *stack = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
    *link = 0;
#elif defined(__aarch64__)
    *counter = (uintptr_t)context->uc_mcontext.pc;
    *stack = (uintptr_t)context->uc_mcontext.sp;
    *link = (uintptr_t)context->uc_mcontext.regs[30];
#elif defined(__arm__)
    *counter = (uintptr_t)context->uc_mcontext.arm_pc;
    *stack = (uintptr_t)context->uc_mcontext.arm_sp;
    *link = (uintptr_t)context->uc_mcontext.arm_lr;
#else
#error "this processor's registers are not known here"
#endif
}

/* Whether an address, which lies in code, is one that a call returns to: the instruction before it is a call. */
static bool follows_call(const struct range *range, uintptr_t address) {
#if defined(__x86_64__)
    const uint8_t *code = (const uint8_t *)address;
    if (address - range->start < 7)
        return false;
    if (code[-5] == 0xe8)
        return true;
    for (int length = 2; length <= 7; length++) /* call through a register or memory: ff /2 */
        if (code[-length] == 0xff && (code[1 - length] & 0x38) == 0x10)
            return true;
    return false;
#elif defined(__aarch64__)
    if (address % 4 != 0 || address - range->start < 4)
        return false;
    uint32_t code = ((const uint32_t *)address)[-1];
    return code >> 26 == 0x25 || (code & 0xfffffc1f) == 0xd63f0000; /* bl, blr */
#else
    if (address - range->start < 5)
        return false;
    if ((address & 1) != 0) { /* Thumb: bl, blx, or blx to a register */
        const uint16_t *code = (const uint16_t *)(address - 1);
        return ((code[-2] & 0xf800) == 0xf000 && (code[-1] & 0xc000) == 0xc000) || (code[-1] & 0xff87) == 0x4780;
    }
    if (address % 4 != 0)
        return false;
    uint32_t code = ((const uint32_t *)address)[-1];
    return (code & 0x0f000000) == 0x0b000000 || code >> 25 == 0x7d || (code & 0x0ffffff0) == 0x012fff30;
#endif
}

static bool is_return_address(uintptr_t address) {
    const struct range *range = range_of(address);
    return range != NULL && !range->system && follows_call(range, address);
}

/* No unwinder: it allocates and locks. The innermost word that a library under test returns to is the one. */
#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
__attribute__((no_sanitize("address")))
#endif
#endif
static uintptr_t find_caller(uintptr_t stack, uintptr_t link) {
    if (is_return_address(link))
        return link - 2; /* in the call, whatever its length, also where the lowest bit means Thumb */
    const uintptr_t *word = (const uintptr_t *)(stack & ~(sizeof(uintptr_t) - 1));
    for (int i = 0; i < STACK_WORDS; i++)
        if (is_return_address(word[i]))
            return word[i] - 2;
    return 0;
}

static void die(int signal_number) {
    signal(signal_number, SIG_DFL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal_number);
}

static void on_crash(int signal_number, siginfo_t *info, void *context) {
    static volatile sig_atomic_t depth;
    uintptr_t counter, stack, link;
    if (depth++ > 0) { /* the handler itself failed, or a second thread did: what is recorded must do */
        die(signal_number);
        return;
    }
    registers(context, &counter, &stack, &link);
    page->signal = signal_number;
    page->code = info->si_code;
    page->address = info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0;
    page->counter = counter;
    describe(page->frame, counter, false);
    if (page->address != 0)
        locate(page->memory, (uintptr_t)page->address);
    page->recorded = 1;
    /* From here on it may fail or hang: the record stands, and the alarm ends us. */
    signal(SIGALRM, SIG_DFL);
    alarm(2);
    describe(page->frame, counter, true);
    const struct range *range = range_of(counter);
    uintptr_t caller = range == NULL || range->system ? find_caller(stack, link) : 0;
    if (caller != 0)
        describe(page->caller, caller, true);
    die(signal_number);
}

void crash_watch(struct crash_page *shared) {
    static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGABRT, SIGBUS};
    page = shared;
    stack_t alternate = {.ss_sp = malloc(ALTERNATE_STACK), .ss_size = ALTERNATE_STACK};
    if (alternate.ss_sp != NULL)
        sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = on_crash;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigdelset(&action.sa_mask, signals[i]);
        sigaction(signals[i], &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    crash_learn_objects();
}
