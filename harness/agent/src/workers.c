#include "workers.h"

#include "blobs.h"
#include "duet.h"
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct worker *workers;

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct worker *worker_find(uint16_t id) {
    struct worker *worker = workers;
    while (worker != NULL && worker->id != id)
        worker = worker->next;
    return worker;
}

bool worker_idle(const struct worker *worker) {
    return worker->pid != 0 && !worker->skipping && worker->current == NULL && worker->first == NULL;
}

/* It may have left its group, and the group may have others in it. */
void worker_signal(const struct worker *worker, int number) {
    if (kill(-worker->pid, number) != 0 || number == SIGKILL)
        kill(worker->pid, number);
}

static struct request *shift(struct worker *worker) {
    struct request *request = worker->first;
    if (request != NULL && (worker->first = request->next) == NULL)
        worker->last = &worker->first;
    return request;
}

struct request *request_new(const struct header *header, const void *payload) {
    struct request *request = need(malloc(sizeof *request + header->length));
    request->next = NULL;
    request->header = *header;
    request->passing = -1;
    memcpy(request->payload, payload, header->length);
    if (header->op == OP_BUFFER && header->length >= 8) { /* now: the blob may be freed before it is this one's turn */
        uint32_t blob;
        memcpy(&blob, request->payload + 4, sizeof blob);
        int fd = blob == 0 ? -1 : blob_fd(blob);
        request->passing = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    return request;
}

static void request_free(struct request *request) {
    if (request != NULL && request->passing >= 0)
        close(request->passing);
    free(request);
}

/* The requests that were sent in the belief that the one before them would succeed. */
static void skip_queue(struct worker *worker) {
    worker->skipping = true;
    for (struct request *request; (request = shift(worker)) != NULL; request_free(request))
        answer(request->header, STATUS_SKIPPED, NULL, 0);
}

void worker_begin(struct worker *worker, struct request *request) {
    const struct header *header = &request->header;
    worker->current = request;
    worker->deadline = header->word == 0 ? 0 : now_ns() + header->word * 1000000ull;
    worker->passing = request->passing;
    request->passing = -1;
    outbox_frame(&worker->outbox, *header, request->payload, header->length);
    worker_write(worker);
}

static void advance(struct worker *worker) {
    if (worker->dying && worker->pid != 0)
        return;
    if (worker->pid == 0 && worker->first != NULL && !worker->skipping) {
        /* It died with nothing in flight: whoever asks first is told. */
        struct request *request = shift(worker);
        answer(request->header, STATUS_DIED, worker->record.data, worker->record.size);
        request_free(request);
        worker->reported = true;
    }
    if (worker->skipping || worker->pid == 0)
        skip_queue(worker);
    else if (worker->current == NULL && worker->answered == NULL && worker->first != NULL)
        worker_begin(worker, shift(worker));
}

void worker_queue(struct worker *worker, const struct header *header, const uint8_t *payload) {
    struct request *request = request_new(header, payload);
    *worker->last = request;
    worker->last = &request->next;
    advance(worker);
}

void worker_resume(struct worker *worker) {
    /* A worker that is gone stays so; if nobody was told, the next one who asks is. */
    worker->skipping = worker->pid == 0 && worker->reported;
}

void worker_write(struct worker *worker) {
    if (worker->passing >= 0 && outbox_backlog(&worker->outbox) > 0) {
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec part = {worker->outbox.bytes.data + worker->outbox.sent, 1};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(rights), &worker->passing, sizeof(int));
        if (sendmsg(worker->socket, &message, MSG_NOSIGNAL) != 1)
            return; /* full, or gone: poll or SIGCHLD will tell */
        worker->outbox.sent++;
        close(worker->passing);
        worker->passing = -1;
    }
    outbox_drain(&worker->outbox, worker->socket);
}

static void handle_answer(struct worker *worker, const struct header *header, const uint8_t *payload) {
    struct request *current = worker->current;
    if (current == NULL || header->request != current->header.request)
        return; /* code under test wrote to our socket: it can only harm itself */
    bool last = header->word != STATUS_MORE;
    if (last) {
        worker->current = NULL;
        worker->deadline = 0;
    }
    if (worker->answered != NULL)
        worker->answered(worker, header, payload);
    else
        answer(current->header, header->word, payload, header->length);
    if (last && worker->answered == NULL && header->word != STATUS_OK)
        skip_queue(worker);
    if (last)
        request_free(current);
    advance(worker);
}

bool worker_socket_ready(struct worker *worker) {
    struct header header;
    const uint8_t *payload;
    if (worker->socket < 0)
        return false;
    int filled = inbox_fill(&worker->inbox, worker->socket);
    enum arrival arrival = ARRIVED_NOTHING;
    while (filled > 0 && (arrival = inbox_next(&worker->inbox, &header, &payload)) == ARRIVED_FRAME)
        handle_answer(worker, &header, payload);
    if (filled == 0 || arrival == ARRIVED_TOO_LONG) {
        close(worker->socket);
        worker->socket = -1;
        if (worker->pid != 0) /* it can't hear us any more */
            worker_signal(worker, SIGKILL);
        return false;
    }
    return filled > 0;
}

void worker_output_ready(struct worker *worker) {
    uint8_t part[1024];
    ssize_t got = read(worker->output, part, sizeof part);
    for (ssize_t i = 0; i < got; i++)
        worker->tail[worker->printed++ % TAIL] = part[i];
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close(worker->output);
        worker->output = -1;
    }
}

void worker_time_out(struct worker *worker) {
    worker->timed_out = true;
    worker->deadline = 0;
    worker_signal(worker, SIGKILL);
}

static void forget(struct worker *worker) {
    struct worker **at = &workers;
    while (*at != worker)
        at = &(*at)->next;
    *at = worker->next;
    if (worker->socket >= 0)
        close(worker->socket);
    if (worker->output >= 0)
        close(worker->output);
    if (worker->passing >= 0)
        close(worker->passing);
    munmap(worker->page, sizeof *worker->page);
    bytes_free(&worker->inbox.bytes);
    bytes_free(&worker->outbox.bytes);
    bytes_free(&worker->record);
    request_free(worker->current);
    free(worker);
}

void worker_end(struct worker *worker, struct header end) {
    skip_queue(worker);
    worker->ending = true;
    worker->end = end;
    if (worker->pid != 0) {
        worker_signal(worker, SIGKILL);
        return;
    }
    answer(end, STATUS_OK, NULL, 0);
    forget(worker);
}

static void handle_death(struct worker *worker, int wait_status) {
    kill(-worker->pid, SIGKILL); /* what else it started */
    kill_orphans();
    user_end(worker->user);
    /* What it still said may be whole answers, and its last words. */
    worker->dying = true;
    while (worker_socket_ready(worker))
        ;
    for (size_t before = worker->printed - 1; worker->output >= 0 && before != worker->printed;) {
        before = worker->printed;
        worker_output_ready(worker);
    }
    worker->pid = 0;
    worker->deadline = 0;
    death_describe(worker, wait_status);
    struct request *current = worker->current;
    worker->current = NULL;
    if (worker->ending) {
        if (current != NULL && worker->answered == NULL)
            answer(current->header, STATUS_SKIPPED, NULL, 0);
    } else if (current != NULL) {
        worker->reported = true;
        enum status status = !worker->page->started ? STATUS_FAILED
                             : worker->timed_out    ? STATUS_TIMED_OUT
                                                    : STATUS_DIED;
        if (worker->answered == NULL)
            answer(current->header, status, worker->record.data, worker->record.size);
        skip_queue(worker);
    } else {
        advance(worker);
    }
    request_free(current);
    if (worker->answered != NULL)
        duet_lost(worker);
    if (worker->ending) {
        answer(worker->end, STATUS_OK, NULL, 0);
        forget(worker);
    }
}

void workers_reap(void) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
        struct worker *worker = workers;
        while (worker != NULL && worker->pid != pid)
            worker = worker->next;
        if (worker == NULL)
            continue; /* an orphan that was handed to us */
        if (WIFSTOPPED(status)) {
            worker->stopped = true;
            duet_stopped(worker);
        } else {
            handle_death(worker, status);
        }
    }
}

void workers_kill_all(void) {
    for (struct worker *worker = workers; worker != NULL; worker = worker->next)
        if (worker->pid != 0)
            worker_signal(worker, SIGKILL);
    uint64_t patience = now_ns() + 5000000000u;
    for (pid_t pid; ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 || errno == EINTR) && now_ns() < patience;) {
        if (pid > 0)
            continue;
        kill_orphans();
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}
