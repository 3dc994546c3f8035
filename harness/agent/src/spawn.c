/* Starting a worker: this program again, with nothing of ours but a socket, a page and a lock. */
#include "fence.h"
#include "workers.h"

#include "blobs.h"
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOBODY = 65534, MOST_CORES = 1024, MOST_WORDS = 32, MOST_PROCESSES = 1024 };

#ifndef PR_SET_NO_NEW_PRIVS
#define PR_SET_NO_NEW_PRIVS 38
#endif

struct wish {
    uid_t user; /* 0: whoever the agent is */
    uint64_t memory_limit;
    size_t core_count, variable_count;
    cpu_set_t cores;
    char **variables;
};

static bool take_wish(struct cursor *request, struct wish *wish) {
    CPU_ZERO(&wish->cores);
    wish->memory_limit = take_u64(request);
    wish->core_count = take_u16(request);
    for (size_t i = 0; i < wish->core_count && !request->bad; i++) {
        uint16_t core = take_u16(request);
        if (core >= MOST_CORES)
            return false;
        CPU_SET(core, &wish->cores);
    }
    size_t count = take_u16(request);
    wish->variables = need(calloc(count + 1, sizeof *wish->variables));
    for (; wish->variable_count < count && !request->bad; wish->variable_count++) {
        wish->variables[wish->variable_count] = take_string(request);
        if (strchr(wish->variables[wish->variable_count], '=') == NULL)
            request->bad = true;
    }
    return cursor_done(request);
}

static void free_wish(struct wish *wish) {
    for (size_t i = 0; i < wish->variable_count; i++)
        free(wish->variables[i]);
    free(wish->variables);
}

static void fail(const char *what) {
    fprintf(stderr, "ontarget-agent: %s: %s\n", what, strerror(errno));
    _Exit(70);
}

/* The child's descriptors come from above the fixed numbers, so that none is overwritten before it is used. */
static void place(int from, int to) {
    if (dup2(from, to) < 0)
        fail("can't place a descriptor");
}

static void close_others(void) {
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = WORKER_LOCK + 1; fd < (most > 0 && most < 4096 ? most : 4096); fd++)
        close(fd);
}

static void become_worker(const struct wish *wish, int socket, int page, int output, pid_t parent) {
    int nothing = open("/dev/null", O_RDONLY);
    /* Whoever runs as another user could let go of the lock, and is found by that user. */
    int high[4] = {fcntl(socket, F_DUPFD, 16), fcntl(page, F_DUPFD, 16), fcntl(output, F_DUPFD, 16),
                   wish->user == 0 ? fcntl(fence_lock(), F_DUPFD, 16) : nothing};
    place(nothing, 0);
    place(high[2], 1);
    place(high[2], 2);
    place(high[0], WORKER_SOCKET);
    place(high[1], WORKER_PAGE);
    place(high[3], WORKER_LOCK);
    close_others();

    setsid(); /* of a session of its own: into another's process group there is no way */
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            signal(number, SIG_DFL);
    int adjustment = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (adjustment >= 0) { /* when memory runs out, it is to be us */
        if (write(adjustment, "1000", 4) != 4)
            fail("can't write oom_score_adj");
        close(adjustment);
    }
    if (chdir("/") != 0)
        fail("can't enter /");
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (wish->memory_limit > 0 &&
        setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)wish->memory_limit, (rlim_t)wish->memory_limit}) != 0)
        fail("can't limit memory");
    if (wish->core_count > 0 && sched_setaffinity(0, sizeof wish->cores, &wish->cores) != 0)
        fail("can't pin to the cores asked for");
    for (size_t i = 0; i < wish->variable_count; i++)
        putenv(wish->variables[i]);
    gid_t group = (gid_t)wish->user;
    if (wish->user != 0) {
        /* A queue of messages has no place that could be looked into. As to processes, the user is this one's alone. */
        setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){0, 0});
        if (users_there())
            setrlimit(RLIMIT_NPROC, &(struct rlimit){MOST_PROCESSES, MOST_PROCESSES});
        if (setgroups(0, NULL) != 0 || setresgid(group, group, group) != 0 ||
            setresuid(wish->user, wish->user, wish->user) != 0)
            fail("can't become an unprivileged user");
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* after the change of user, which clears it */
    if (getppid() != parent)
        _Exit(70);

    char *words[MOST_WORDS + 2];
    size_t count = 0;
    while (count < MOST_WORDS && self_argv[count] != NULL) {
        words[count] = self_argv[count];
        count++;
    }
    words[count++] = "worker";
    words[count] = NULL;
    execvp(words[0], words);
    fail("can't start a worker");
}

static enum status say(struct bytes *answer, const char *what) {
    bytes_add(answer, what, strlen(what));
    bytes_add(answer, ": ", 2);
    bytes_add(answer, strerror(errno), strlen(strerror(errno)));
    return STATUS_FAILED;
}

enum status worker_spawn(uint16_t id, struct cursor *request, struct bytes *answer) {
    struct wish wish = {0};
    if (id == 0 || worker_find(id) != NULL || !take_wish(request, &wish)) {
        free_wish(&wish);
        return STATUS_PROTOCOL;
    }
    if (getuid() == 0 && (wish.user = user_take()) == 0)
        wish.user = NOBODY; /* a container that has no other */
    int sockets[2] = {-1, -1}, pipes[2] = {-1, -1}, memory = unnamed_memory(deploy_root);
    struct crash_page *page = MAP_FAILED;
    pid_t pid = -1, parent = getpid();
    if (memory >= 0 && ftruncate(memory, sizeof *page) == 0 && keep_size(memory))
        page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (page != MAP_FAILED && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0 &&
        pipe2(pipes, O_CLOEXEC) == 0)
        pid = fork();
    if (pid == 0)
        become_worker(&wish, sockets[1], memory, pipes[1], parent);
    enum status status = STATUS_OK;
    if (pid < 0)
        status = say(answer, "can't start a process");
    free_wish(&wish);
    int spare[] = {sockets[1], pipes[1], memory, pid < 0 ? sockets[0] : -1, pid < 0 ? pipes[0] : -1};
    for (size_t i = 0; i < sizeof spare / sizeof *spare; i++)
        if (spare[i] >= 0)
            close(spare[i]);
    if (pid < 0) {
        if (page != MAP_FAILED)
            munmap(page, sizeof *page);
        user_end(wish.user);
        return status;
    }
    set_nonblocking(sockets[0]);
    set_nonblocking(pipes[0]);
    struct worker *worker = need(calloc(1, sizeof *worker));
    *worker = (struct worker){.next = workers, .id = id, .pid = pid, .user = wish.user, .socket = sockets[0],
                              .output = pipes[0], .page = page, .passing = -1, .oom_kills = oom_kills()};
    worker->last = &worker->first;
    workers = worker;
    return STATUS_OK;
}
