#include "command.h"

#include "fence.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { NOT_RUN = 126, NOT_FOUND = 127, GRACE_TURNS = 20, TURN_MS = 50 };

/* Become the command. It keeps the lock of the fence open, and so does all that it starts: by that they are found. */
static int become(char **words) {
    fcntl(fence_lock(), F_SETFD, 0);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* whoever starts us in the background has Ctrl-C ignored */
    execvp(words[0], words);
    int status = errno == ENOENT ? NOT_FOUND : NOT_RUN;
    fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
    return status;
}

static int open_terminal(const struct winsize *size, char *name, size_t room) {
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *other;
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 || (other = ptsname(terminal)) == NULL)
        return -1;
    snprintf(name, room, "%s", other);
    ioctl(terminal, TIOCSWINSZ, size);
    return terminal;
}

static pid_t start_on(const char *name, char **words) {
    pid_t child = fork();
    if (child != 0)
        return child;
    setsid();
    int line = open(name, O_RDWR);
    if (line < 0)
        _exit(NOT_RUN);
    ioctl(line, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++)
        dup2(line, fd);
    if (line > 2)
        close(line);
    _exit(become(words));
}

/* All of it to `fd`, which may block. */
static int write_all(int fd, const char *data, ssize_t size) {
    while (size > 0) {
        ssize_t put = write(fd, data, (size_t)size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data += put;
        size -= put;
    }
    return 0;
}

/* Carry bytes between our own streams and the terminal until the command, or whoever started it, is gone. */
static void carry(int terminal) {
    char data[1 << 14];
    for (;;) {
        struct pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {terminal, POLLIN, 0}};
        if (poll(watched, 2, -1) < 0 && errno != EINTR)
            return;
        if (watched[1].revents != 0) {
            ssize_t got = read(terminal, data, sizeof data);
            if (got <= 0 || write_all(STDOUT_FILENO, data, got) != 0)
                return; /* EIO: nobody has the other end open any more */
        }
        if (watched[0].revents != 0) {
            ssize_t got = read(STDIN_FILENO, data, sizeof data);
            if (got <= 0 || write_all(terminal, data, got) != 0)
                return;
        }
    }
}

static int end_of(pid_t child) {
    int status = 0;
    for (int turn = 0;; turn++) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child || (ended < 0 && errno != EINTR))
            break;
        if (turn == GRACE_TURNS)
            kill(-child, SIGKILL);
        poll(NULL, 0, TURN_MS);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int on_terminal(const struct winsize *size, char **words) {
    char name[128];
    int terminal = open_terminal(size, name, sizeof name);
    pid_t child = terminal < 0 ? -1 : start_on(name, words);
    if (child < 0) {
        fprintf(stderr, "ontarget-agent: no terminal: %s\n", strerror(errno));
        return NOT_RUN;
    }
    signal(SIGPIPE, SIG_IGN);
    carry(terminal);
    close(terminal); /* hangs up, if it still runs */
    return end_of(child);
}

int command_main(int argc, char **argv) {
    char why[1024];
    if (argc < 8 || strcmp(argv[6], "--") != 0)
        return 64;
    if (fence_enter(argv[0], argv[1], strtoull(argv[2], NULL, 10), argv[3], why, sizeof why) != STATUS_OK) {
        fprintf(stderr, "%s\n", why);
        return REFUSED;
    }
    struct winsize size = {.ws_row = (unsigned short)atoi(argv[4]), .ws_col = (unsigned short)atoi(argv[5])};
    if (size.ws_row == 0) {
        setpgid(0, 0); /* a group to interrupt */
        return become(argv + 7);
    }
    int status = on_terminal(&size, argv + 7);
    fence_leave();
    return status;
}
