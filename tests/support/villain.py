"""A library that tries what code under test must not be able to do: an attack returns how many of its tries worked."""

SOURCE = r"""
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

int fine(void) { return 7; }
int number(void) { return getpid(); }
int user(void) { return (int)getuid(); }

static int worked(int result) {
    if (result >= 0) fprintf(stderr, "an attack worked\n");
    return result >= 0;
}

static int opened(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0777), done = worked(fd);
    if (fd >= 0) close(fd);
    return done;
}

/* Change, replace, remove or lock a file. */
int change(const char *path) {
    char beside[4096], link_name[64];
    snprintf(beside, sizeof beside, "%s.evil", path);
    snprintf(link_name, sizeof link_name, "/tmp/evil-link-%d", getpid());
    unlink(link_name);
    int done = opened(path, O_WRONLY) + opened(path, O_RDWR | O_TRUNC) + opened(path, O_WRONLY | O_APPEND);
    done += worked(truncate(path, 0)) + worked(chmod(path, 0777)) + worked(chown(path, getuid(), getgid()));
    done += opened(beside, O_WRONLY | O_CREAT) + worked(symlink("/etc/passwd", beside)) + worked(mkdir(beside, 0777));
    done += worked(rename(path, beside)) + worked(unlink(path));
    if (symlink(path, link_name) == 0) done += opened(link_name, O_WRONLY | O_TRUNC);
    unlink(link_name);
    return done;
}

/* Hold up whoever comes next, by the locks that it will want. */
int lock(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC), done = 0;
    if (fd >= 0) done = worked(flock(fd, LOCK_EX | LOCK_NB)), close(fd);
    for (int own = 3; own < 64; own++) /* what was inherited */
        if (fcntl(own, F_GETFD) >= 0) flock(own, LOCK_UN);
    return done;
}

/* End, stop, read or write another process. */
int strike(int pid) {
    char path[64], byte = 0;
    struct iovec here = {&byte, 1}, there = {(void *)&fine, 1};
    static const char *const files[] = {"mem", "fd/0", "fd/1", "fd/3", "exe", "environ", "maps",
                                        "oom_score_adj", "comm"};
    int done = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
        done += opened(path, i < 4 ? O_RDWR : i < 7 ? O_RDONLY : O_WRONLY);
    }
    done += worked((int)ptrace(PTRACE_ATTACH, pid, NULL, NULL)) + worked((int)ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    done += worked((int)process_vm_writev(pid, &here, 1, &there, 1, 0)) + worked(setpgid(pid, 0));
    done += worked(kill(pid, SIGSTOP)) + worked(kill(pid, SIGTERM));
    done += worked(kill(pid, SIGKILL)) + worked(kill(-pid, SIGKILL));
    return done;
}

/* Into another process's group, so as not to be hit by what is sent to its own, and never back. */
int hide_and_hang(int pid) {
    setpgid(0, pid);
    for (;;) pause();
}

static void wait_for_ever(void) {
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
    for (int fd = 0; fd < 1024; fd++) close(fd);
    for (;;) pause();
}

static void away(void (*life)(void)) {
    if (fork() == 0) {
        setsid();
        if (fork() == 0) life();
        _exit(0);
    }
}

/* Never the same process for long. */
static void hydra(void) {
    signal(SIGCHLD, SIG_IGN);
    for (;;) if (fork() != 0) { usleep(200); _exit(0); } else setsid();
}

static void traced(void) {
    pid_t child = fork();
    if (child == 0) { ptrace(PTRACE_TRACEME, 0, NULL, NULL); raise(SIGSTOP); wait_for_ever(); }
    waitpid(child, NULL, 0);
    wait_for_ever();
}

static void asleep(void) { for (;;) raise(SIGSTOP); }

/* Shoots at all that it may, so as to be the last. */
static void shooting(void) { for (;;) { kill(-1, SIGSTOP); usleep(100); } }

int stay(void) { away(wait_for_ever); away(hydra); away(traced); away(asleep); return 4; }
int stay_and_shoot(void) { away(wait_for_ever); away(shooting); return 0; }

/* How many processes there can be at once. */
int bomb(void) {
    int count = 0;
    while (count < 100000) {
        pid_t child = fork();
        if (child == 0) wait_for_ever();
        if (child < 0) break;
        count++;
    }
    return count;
}

static void leave_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    if (fd >= 0 && write(fd, "left", 4) != 4) abort();
    if (fd >= 0) close(fd);
}

/* Files wherever anybody may write, a deep folder, links to what is not ours, and System V IPC. */
int litter(const char *shared, const char *target) {
    char deep[64];
    leave_file("/tmp", "evil-left");
    leave_file("/dev/shm", "evil-left");
    leave_file(shared, "evil-left");
    symlink(target, "/tmp/evil-link");
    symlink(shared, "/tmp/evil-folder");
    snprintf(deep, sizeof deep, "/tmp/evil-deep-%d", getpid());
    mkdir(deep, 0700);
    if (chdir(deep) != 0) return -1;
    for (int depth = 0; depth < 100; depth++) {
        mkdir("evil-inner", 0);
        chmod("evil-inner", 0700);
        if (chdir("evil-inner") != 0) return -1;
        leave_file(".", "evil-left");
    }
    chdir("/");
    return (shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0777) >= 0) + (semget(IPC_PRIVATE, 1, IPC_CREAT | 0777) >= 0) +
           (msgget(IPC_PRIVATE, IPC_CREAT | 0777) >= 0);
}

/* Change what other processes get their inputs from, by whatever is open here. */
int spoil(void) {
    int done = 0;
    struct stat found;
    for (int fd = 3; fd < 1024; fd++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) continue;
        int ways[] = {fd, open(path, O_RDWR | O_CLOEXEC)};
        for (int i = 0; i < 2; i++) {
            done += worked((int)pwrite(ways[i], "evil", 4, 0)) + worked(ftruncate(ways[i], 0));
            void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ways[i], 0);
            if (memory != MAP_FAILED) done += worked(0), memset(memory, 'e', 4);
        }
        close(ways[1]);
    }
    return done;
}

int first(const unsigned char *values) { return values[0]; }
"""

PROTOTYPES = """
int fine(void); int number(void); int user(void); int change(const char *path); int lock(const char *path);
int strike(int pid); int hide_and_hang(int pid); int stay(void); int stay_and_shoot(void); int bomb(void);
int litter(const char *shared, const char *target); int spoil(void); int first(const unsigned char *values);
"""
