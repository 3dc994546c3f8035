/* Runs one program to its end, for a worker that has loaded this library: the program is the worker's user's, and ends
 * with it. What it prints is kept in unnamed memory, to be read in pieces. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

enum { RESULT = 9, OUTPUTS = 3, MOST_WORDS = 4096, MOST_OUTPUT = 64 << 20, LAST_FD = 4096 };
enum { STATUS, SIGNAL, TIMED_OUT, NANOSECONDS, SIZES, PEAK_KIB = SIZES + OUTPUTS, FACTS };

static int outputs[OUTPUTS] = {-1, -1, -1}; /* of the program that ran last: stdout, stderr, its result file */

static int memory(const char *name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* A list of words, each with its NUL, as pointers with a NULL at the end. */
static int split(char *text, size_t size, char **words) {
    size_t count = 0;
    for (size_t at = 0; at < size && count < MOST_WORDS; at += strlen(text + at) + 1)
        words[count++] = text + at;
    words[count] = NULL;
    return count < MOST_WORDS ? 0 : E2BIG;
}

/* The file as unnamed memory: those that are stored on a device are not marked as executable. */
static int loaded(const char *path) {
    int from = open(path, O_RDONLY | O_CLOEXEC), to = memory("program", MFD_CLOEXEC);
    struct stat found;
    int64_t left = from >= 0 && fstat(from, &found) == 0 ? found.st_size : -1;
    while (left > 0 && to >= 0) {
        ssize_t done = sendfile(to, from, NULL, (size_t)left);
        if (done <= 0)
            break;
        left -= done;
    }
    int error = errno;
    if (from >= 0)
        close(from);
    if (left != 0 && to >= 0) {
        close(to);
        to = -1;
    }
    errno = error;
    return to;
}

static void become(int program, char **words, char **variables, int tell) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){MOST_OUTPUT, MOST_OUTPUT});
    int high_tell = fcntl(tell, F_DUPFD_CLOEXEC, 32), high_program = fcntl(program, F_DUPFD_CLOEXEC, 32);
    int high[OUTPUTS], nothing = open("/dev/null", O_RDONLY);
    for (int i = 0; i < OUTPUTS; i++)
        high[i] = fcntl(outputs[i], F_DUPFD_CLOEXEC, 32);
    if (dup2(nothing, 0) == 0 && dup2(high[0], 1) == 1 && dup2(high[1], 2) == 2 && dup2(high[2], RESULT) == RESULT) {
        for (int fd = 3; fd < LAST_FD; fd++) /* the worker's own among them */
            if (fd != RESULT && fd != high_tell && fd != high_program)
                close(fd);
        syscall(SYS_execveat, high_program, "", words, variables, 0x1000 /* AT_EMPTY_PATH */);
    }
    int error = errno;
    (void)!write(high_tell, &error, sizeof error);
    _exit(127);
}

/* Whether the process ended before the deadline; it is left to be reaped. */
static int ends_within(pid_t pid, int64_t deadline) {
    int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    int ended = 0;
    for (int64_t left; !ended && (left = deadline - now()) > 0;) {
        siginfo_t info = {0};
        struct pollfd wanted = {.fd = handle, .events = POLLIN};
        int ms = (int)(left / 1000000 < 1000 ? left / 1000000 + 1 : 1000);
        if (handle >= 0)
            poll(&wanted, 1, ms);
        else /* a kernel before 5.3 */
            poll(NULL, 0, ms < 10 ? ms : 10);
        ended = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
    }
    if (handle >= 0)
        close(handle);
    return ended;
}

/* Runs `path` with `words` (argv) and `variables`, lists of strings that each end with NUL, for so many milliseconds.
 * Returns 0, or the errno of what kept it from being started. */
int ontarget_runner_run(const char *path, char *words, size_t words_size, char *variables, size_t variables_size,
                        uint32_t deadline_ms, int64_t *facts) {
    static char *argv[MOST_WORDS + 1], *envp[MOST_WORDS + 1];
    int error = split(words, words_size, argv), tell[2] = {-1, -1}, program = -1;
    if (error == 0)
        error = split(variables, variables_size, envp);
    if (error != 0)
        return error;
    for (int i = 0; i < OUTPUTS; i++) {
        if (outputs[i] >= 0)
            close(outputs[i]);
        outputs[i] = memory("output", MFD_CLOEXEC);
    }
    if (outputs[0] < 0 || outputs[1] < 0 || outputs[2] < 0 || (program = loaded(path)) < 0 ||
        pipe2(tell, O_CLOEXEC) != 0)
        return errno;
    int64_t start = now();
    pid_t pid = fork();
    if (pid == 0)
        become(program, argv, envp, tell[1]);
    error = pid < 0 ? errno : 0;
    close(tell[1]);
    close(program);
    if (pid > 0 && read(tell[0], &error, sizeof error) != sizeof error)
        error = 0;
    close(tell[0]);
    if (pid < 0)
        return error;
    int in_time = ends_within(pid, start + (int64_t)deadline_ms * 1000000), status = 0;
    facts[NANOSECONDS] = now() - start;
    kill(-pid, SIGKILL); /* before the reaping: until then the group is surely this one's */
    kill(pid, SIGKILL);
    struct rusage usage = {0};
    while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    facts[STATUS] = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    facts[SIGNAL] = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    facts[TIMED_OUT] = !in_time;
    facts[PEAK_KIB] = usage.ru_maxrss;
    for (int i = 0; i < OUTPUTS; i++) {
        struct stat found;
        facts[SIZES + i] = fstat(outputs[i], &found) == 0 ? found.st_size : 0;
    }
    return error;
}

/* Reads `size` bytes at `offset` of what the last program wrote (0: stdout, 1: stderr, 2: its result file). Returns how
 * many there are, -1 for none. */
int64_t ontarget_runner_read(uint32_t which, uint64_t offset, uint8_t *into, size_t size) {
    if (which >= OUTPUTS || outputs[which] < 0)
        return -1;
    return pread(outputs[which], into, size, (off_t)offset);
}
