/* The agent itself: frames from the host on stdin, answers on stdout, one thread, nothing that blocks for long. */
#include "serve.h"

#include "blobs.h"
#include "duet.h"
#include "fence.h"
#include "store.h"
#include "users.h"
#include "watch.h"
#include "workers.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#elif defined(__arm__)
enum { MACHINE = EM_ARM };
#else
#error "this machine has no number here"
#endif

enum { BACKLOG = 4 << 20, MOST_FILES = 4096 };

struct outbox to_host;
char *const *self_argv;
const char *deploy_root;
static bool entered; /* HELLO was accepted */
static volatile sig_atomic_t asked_to_end;
static int signal_pipe[2];

void answer(struct header request, enum status status, const void *payload, size_t size) {
    request.op |= ANSWER;
    request.word = status;
    outbox_frame(&to_host, request, payload, size);
}

void answer_text(struct header request, enum status status, const char *text) {
    answer(request, status, text, strlen(text));
}

static void on_signal(int number) {
    int saved = errno;
    if (number != SIGCHLD)
        asked_to_end = 1;
    if (write(signal_pipe[1], "", 1) < 0) {
        /* full: a byte that wakes us is in it already */
    }
    errno = saved;
}

static enum status hello(struct cursor *request, struct bytes *reply) {
    uint16_t version = take_u16(request);
    char *store = take_string(request), why[1024];
    uint64_t token = take_u64(request);
    char *owner = take_string(request);
    enum status status = cursor_done(request) && !entered ? STATUS_OK : STATUS_PROTOCOL;
    if (status == STATUS_OK && version != PROTOCOL_VERSION) {
        snprintf(why, sizeof why, "the host speaks version %u of the protocol, the agent %d", version, PROTOCOL_VERSION);
        bytes_add(reply, why, strlen(why));
        status = STATUS_FAILED;
    }
    if (status == STATUS_OK && (status = fence_enter(deploy_root, store, token, owner, why, sizeof why)) != STATUS_OK)
        bytes_add(reply, why, strlen(why));
    free(store);
    free(owner);
    if (status != STATUS_OK)
        return status;
    entered = true;
    struct timespec resolution = {0};
    clock_getres(CLOCK_MONOTONIC, &resolution);
    bytes_u16(reply, PROTOCOL_VERSION);
    bytes_u16(reply, 8 * sizeof(void *));
    bytes_u16(reply, MACHINE);
    bytes_u32(reply, (uint32_t)getuid());
    bytes_u32(reply, (uint32_t)sysconf(_SC_PAGESIZE));
    bytes_u32(reply, (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
    bytes_u32(reply, (uint32_t)resolution.tv_nsec);
    bytes_u32(reply, (uint32_t)getpid());
    return STATUS_OK;
}

static enum status perform(const struct header *header, struct cursor *request, struct bytes *reply) {
    switch (header->op) {
    case OP_STAT: return store_stat(deploy_root, request, reply);
    case OP_STORE_BEGIN: return store_begin(deploy_root, request, reply);
    case OP_STORE_DATA: return store_data(request, reply);
    case OP_STORE_END: return store_end(deploy_root, reply);
    case OP_SWEEP: return store_sweep(deploy_root, request, reply);
    case OP_READ_FILE: return read_file(request, reply);
    case OP_BLOB_BEGIN: return blob_begin(deploy_root, request, reply);
    case OP_BLOB_DATA: return blob_data(request, reply);
    case OP_BLOB_FREE: return blob_free(request);
    case OP_WATCH: return watch_set(request);
    case OP_WATCHED: return watch_take(request, reply);
    case OP_SPAWN: return worker_spawn(header->worker, request, reply);
    default: return STATUS_PROTOCOL;
    }
}

static void for_worker(const struct header *header, const uint8_t *payload) {
    struct worker *worker = worker_find(header->worker);
    if (worker == NULL)
        answer_text(*header, STATUS_SKIPPED, "no such process");
    else if (header->op == OP_END)
        worker_end(worker, *header);
    else if (worker->answered != NULL)
        answer_text(*header, STATUS_BUSY, "the process takes part in a duet");
    else if (header->op == OP_RESUME) {
        worker_resume(worker);
        answer(*header, STATUS_OK, NULL, 0);
    } else
        worker_queue(worker, header, payload);
}

/* False when the host must be told nothing more after this. */
static bool handle(const struct header *header, const uint8_t *payload) {
    struct cursor request = {.at = payload, .end = payload + header->length};
    char why[1200];
    if (header->op != OP_HELLO && !entered) {
        answer_text(*header, STATUS_PROTOCOL, "the first frame has to be HELLO");
        return false;
    }
    if (entered && !fence_holds(why, sizeof why)) {
        answer_text(*header, STATUS_FENCED, why);
        return false;
    }
    if (header->op == OP_DUET) {
        duet_begin(*header, &request);
        return true;
    }
    if (header->op == OP_END || header->op == OP_RESUME || (header->op >= OP_LOAD && header->op < OP_LAST)) {
        for_worker(header, payload);
        return true;
    }
    struct bytes reply = {0};
    enum status status = header->op == OP_HELLO ? hello(&request, &reply) : perform(header, &request, &reply);
    if (status == STATUS_PROTOCOL && reply.size == 0)
        bytes_add(&reply, "a request that this agent does not know, or can't read", 54);
    answer(*header, status, reply.data, reply.size);
    bytes_free(&reply);
    return entered;
}

/* False at the end: of the input, or for want of sense in it; `trouble` is then the exit status. */
static bool from_host(struct inbox *inbox, int *trouble) {
    struct header header = {0};
    const uint8_t *payload;
    int filled = inbox_fill(inbox, STDIN_FILENO);
    if (filled == 0) {
        if (!inbox_empty(inbox)) {
            answer_text(header, STATUS_PROTOCOL, "the input ended inside a frame");
            *trouble = 2;
        }
        return false;
    }
    for (;;) {
        switch (inbox_next(inbox, &header, &payload)) {
        case ARRIVED_NOTHING: return true;
        case ARRIVED_TOO_LONG:
            answer_text(header, STATUS_PROTOCOL, "a frame is longer than frames may be");
            *trouble = 2;
            return false;
        case ARRIVED_FRAME:
            if (!handle(&header, payload)) {
                *trouble = 3;
                return false;
            }
        }
    }
}

static int until_next_deadline(void) {
    uint64_t next = duet_deadline(), now = now_ns();
    for (struct worker *worker = workers; worker != NULL; worker = worker->next)
        if (worker->deadline != 0 && (next == 0 || worker->deadline < next))
            next = worker->deadline;
    if (next == 0)
        return -1;
    return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

static void enforce_deadlines(void) {
    uint64_t now = now_ns();
    for (struct worker *worker = workers; worker != NULL; worker = worker->next)
        if (worker->deadline != 0 && worker->deadline <= now)
            worker_time_out(worker);
    if (duet_deadline() != 0 && duet_deadline() <= now)
        duet_time_out();
}

static void handle_ready(const struct pollfd *ready, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ready[i].revents == 0)
            continue;
        for (struct worker *worker = workers, *next; worker != NULL; worker = next) {
            next = worker->next;
            if (worker->output == ready[i].fd) {
                worker_output_ready(worker);
            } else if (worker->socket == ready[i].fd) {
                if ((ready[i].revents & POLLOUT) != 0)
                    worker_write(worker);
                if ((ready[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
                    worker_socket_ready(worker);
            } else {
                continue;
            }
            break;
        }
    }
}

static size_t watch_workers(struct pollfd **watched, size_t count) {
    bool full = outbox_backlog(&to_host) > BACKLOG;
    for (struct worker *worker = workers; worker != NULL; worker = worker->next) {
        *watched = need(realloc(*watched, (count + 2) * sizeof **watched));
        short writing = outbox_backlog(&worker->outbox) > 0 ? POLLOUT : 0;
        if (worker->socket >= 0 && (!full || writing != 0))
            (*watched)[count++] = (struct pollfd){worker->socket, (short)((full ? 0 : POLLIN) | writing), 0};
        if (worker->output >= 0)
            (*watched)[count++] = (struct pollfd){worker->output, POLLIN, 0};
    }
    return count;
}

static void drain_signals(void) {
    char bytes[64];
    while (read(signal_pipe[0], bytes, sizeof bytes) > 0)
        ;
}

static int loop(void) {
    struct inbox inbox = {0};
    struct pollfd *watched = need(calloc(3, sizeof *watched));
    int trouble = 0;
    bool going = true;
    while (going && !asked_to_end) {
        watched[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
        watched[1] = (struct pollfd){STDOUT_FILENO, outbox_backlog(&to_host) > 0 ? POLLOUT : 0, 0};
        watched[2] = (struct pollfd){signal_pipe[0], POLLIN, 0};
        size_t count = watch_workers(&watched, 3);
        if (poll(watched, count, until_next_deadline()) < 0 && errno != EINTR)
            break;
        if (watched[2].revents != 0) {
            drain_signals();
            workers_reap();
        }
        enforce_deadlines();
        handle_ready(watched + 3, count - 3);
        if (watched[0].revents != 0)
            going = from_host(&inbox, &trouble);
        if ((watched[1].revents & (POLLERR | POLLHUP)) != 0 || !outbox_drain(&to_host, STDOUT_FILENO))
            going = false;
    }
    free(watched);
    bytes_free(&inbox.bytes);
    return trouble;
}

/* The last words may not fit a pipe that nobody reads: wait a second for it, no more. */
static void last_words(void) {
    for (uint64_t patience = now_ns() + 1000000000u; outbox_backlog(&to_host) > 0 && now_ns() < patience;) {
        struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
        if (poll(&out, 1, 100) < 0 || !outbox_drain(&to_host, STDOUT_FILENO))
            return;
    }
}

int serve(const char *root, char *const *self) {
    static const int ending[] = {SIGTERM, SIGHUP, SIGINT};
    deploy_root = root;
    self_argv = self;
    umask(022);
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        perror("ontarget-agent: pipe");
        return 1;
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        sigaction(ending[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full file is an answer, not an end */
    struct rlimit files; /* a blob is an open file, here and in each worker that uses it */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < MOST_FILES) {
        files.rlim_cur = files.rlim_max < MOST_FILES ? files.rlim_max : MOST_FILES;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    set_nonblocking(STDIN_FILENO);
    set_nonblocking(STDOUT_FILENO);
    int trouble = loop();
    workers_kill_all();
    last_words();
    users_leave();
    store_abandon();
    fence_leave();
    return trouble;
}
