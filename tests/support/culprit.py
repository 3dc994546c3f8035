"""A library that does what code under test may do at its worst."""

from pathlib import Path

from ontarget.harness.agent.session import AgentSession
from support.agents import spawn

SOURCE = r"""
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

int fine(void) { return 7; }
int status(int value) { return value; }
int add(int a, int b) { return a + b; }
int segv(void) { return *(volatile int *)0x18; }
void ill(void) {
#if defined(__x86_64__)
    __asm__ volatile("ud2");
#elif defined(__aarch64__)
    __asm__ volatile(".inst 0");
#else
    __asm__ volatile(".inst 0xe7f000f0");
#endif
}
void trap(void) { __builtin_trap(); }
static volatile int after;
void fpe(void) { raise(SIGFPE); after++; }
void divide(void) { volatile int zero = 0; volatile int one = 1; one = one / zero; }
void stop(void) { fputs("assertion failed: rows > 0\n", stderr); abort(); }
void bus(void) {
    char name[] = "/tmp/ontarget-bus-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    volatile char *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    data[0] = 1; /* there is no file behind it */
}
void hang(void) { for (;;) pause(); }
void leave(int status) { printf("no licence"); exit(status); }
void killed(void) { kill(getpid(), SIGKILL); }
void wild(void) { ((void (*)(void))(uintptr_t)8)(); }
static void *crash_in_thread(void *nothing) { segv(); return nothing; }
void thread_segv(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, crash_in_thread, NULL);
    pthread_join(thread, NULL);
}
int deep(int n) { volatile char room[1 << 16]; room[0] = (char)n; return deep(n + 1) + room[0]; }
void *hoard(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) { fprintf(stderr, "no memory for %zu bytes: %s\n", size, strerror(errno)); abort(); }
    return memset(memory, 1, size);
}
/* Takes memory until there is none. */
void devour(void) {
    for (;;) {
        volatile char *block = malloc(1 << 24);
        for (size_t i = 0; i < 1 << 24; i += 4096) block[i] = 1;
    }
}
/* Starts a process that leaves its group, and lives for ever. */
int leave_child(void) {
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) { setsid(); for (;;) pause(); }
        _exit(0);
    }
    return child > 0;
}
int make(int value, int **out) { *out = malloc(sizeof **out); **out = value; return 0; }
int get(const int *handle) { return *handle; }
void twice(size_t n, const float *x, float *y) { for (size_t i = 0; i < n; i++) y[i] = 2 * x[i]; }
void scribble(uint8_t *memory, size_t n) { memset(memory, 0xAB, n); }
uintptr_t address(const void *memory) { return (uintptr_t)memory; }
int user(void) { return (int)getuid(); }
const char *variable(const char *name) { return getenv(name); }
int cores(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }
/* A thread that never rests. */
static void *spin(void *nothing) { for (;;) after++; return nothing; }
void start_spinning(void) { pthread_t thread; pthread_create(&thread, NULL, spin, NULL); }
void busy(uint64_t microseconds) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000000ll + now.tv_nsec - start.tv_nsec < (int64_t)microseconds * 1000);
}
int number(void) { return getpid(); }
/* At each call of `note`, how many threads the other process has, and how many of them are stopped. */
static int peer;
static uint8_t *log_of_threads;
static size_t notes, most_notes;
void watch(int pid, uint8_t *log, size_t room) { peer = pid; log_of_threads = log; most_notes = room / 2; }
void note(void) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/task", peer);
    DIR *tasks = opendir(path);
    int threads = 0, stopped = 0;
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", peer, task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
        threads++;
        stopped += strncmp(strrchr(text, ')'), ") T", 3) == 0;
    }
    if (tasks != NULL) closedir(tasks);
    if (notes >= most_notes) return;
    log_of_threads[2 * notes] = (uint8_t)threads;
    log_of_threads[2 * notes++ + 1] = (uint8_t)stopped;
}
"""

PROTOTYPES = """
int fine(void); int status(int value); int add(int a, int b);
int segv(void); void ill(void); void trap(void); void fpe(void); void divide(void); void stop(void); void bus(void);
void hang(void); void leave(int status); void killed(void); void wild(void); void thread_segv(void); int deep(int n);
void *hoard(size_t size); void devour(void); int leave_child(void);
int make(int value, int **out); int get(const int *handle);
void twice(size_t n, const float *x, float *y); void scribble(uint8_t *memory, size_t n);
uintptr_t address(const void *memory); int user(void); const char *variable(const char *name); int cores(void);
void start_spinning(void); void busy(uint64_t microseconds);
int number(void); void watch(int pid, uint8_t *log, size_t room); void note(void);
int not_there(void);
"""


def goes_on(session: AgentSession, library: Path) -> None:
    """Whatever happened before, a new process of the library works."""
    process = spawn(session, library)
    assert process.call(PROTOTYPES, "fine") == 7
    process.close()
