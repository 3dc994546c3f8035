/* The process that runs code under test: one request after the other, over a socket to the agent. */
#include "worker.h"

#include "buffers.h"
#include "calls.h"
#include "counters.h"
#include "crash.h"
#include "library.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads `size` bytes; a descriptor that comes with them goes to `passed`. False at the end. */
static bool receive(void *into, size_t size, int *passed) {
    for (size_t got = 0; got < size;) {
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec part = {(char *)into + got, size - got};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        ssize_t more = recvmsg(WORKER_SOCKET, &message, MSG_CMSG_CLOEXEC);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return false;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
            memcpy(passed, CMSG_DATA(rights), sizeof *passed);
        got += (size_t)more;
    }
    return true;
}

/* Header and payload go together, so that the agent is woken once. */
static void reply(struct header header, enum status status, const void *payload, size_t size) {
    header.op |= ANSWER;
    header.word = status;
    header.length = (uint32_t)size;
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)payload, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        ssize_t put = sendmsg(WORKER_SOCKET, &message, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            _Exit(70); /* the agent is gone */
        for (size_t i = 0, left = (size_t)put; i < 2; i++) {
            size_t part = left < parts[i].iov_len ? left : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + part;
            parts[i].iov_len -= part;
            left -= part;
        }
    }
}

static void reply_long(struct header header, enum status status, const uint8_t *payload, size_t size) {
    while (size > CHUNK) {
        reply(header, STATUS_MORE, payload, CHUNK);
        payload += CHUNK;
        size -= CHUNK;
    }
    reply(header, status, payload, size);
}

static enum status peak_memory(struct bytes *answer) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long kibibytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %llu kB", &kibibytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    bytes_u64(answer, kibibytes * 1024);
    return STATUS_OK;
}

static enum status offers(struct cursor *request, struct bytes *answer) {
    char *name = take_string(request);
    bytes_u8(answer, library_symbol(name) != NULL);
    free(name);
    return cursor_done(request) ? STATUS_OK : STATUS_PROTOCOL;
}

static enum status perform(uint16_t op, struct cursor *request, int passed, struct bytes *answer) {
    switch (op) {
    case OP_LOAD: return library_load(request, answer);
    case OP_OFFERS: return offers(request, answer);
    case OP_BUFFER: return buffer_make(request, passed, answer);
    case OP_RESET: return buffer_reset(request, answer);
    case OP_BIND: return call_bind(request, answer);
    case OP_CHAIN: return call_chain(request);
    case OP_RUN: return call_run(request, answer);
    case OP_CALL: return call_inline(request, answer);
    case OP_TIME: return call_time(request, answer);
    case OP_COUNT: return count_calls(request, answer);
    case OP_MEMORY: return peak_memory(answer);
    case OP_DIGEST: return buffer_digest(request, answer);
    case OP_INTACT: return buffer_intact(request, answer);
    default: return STATUS_PROTOCOL;
    }
}

static void handle(struct header header, const uint8_t *payload, int passed) {
    struct cursor request = {.at = payload, .end = payload + header.length};
    if (header.op == OP_READ) {
        struct buffer *buffer = buffer_find(take_u32(&request));
        if (buffer == NULL || !cursor_done(&request))
            reply(header, STATUS_PROTOCOL, NULL, 0);
        else
            reply_long(header, STATUS_OK, buffer->data, buffer->size);
        return;
    }
    struct bytes answer = {0};
    enum status status = perform(header.op, &request, passed, &answer);
    fflush(stdout); /* the library's last words are to be complete */
    reply_long(header, status, answer.data, answer.size);
    bytes_free(&answer);
}

int worker_main(void) {
    struct crash_page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, WORKER_PAGE, 0);
    if (page == MAP_FAILED) {
        perror("ontarget-agent worker");
        return 70;
    }
    close(WORKER_PAGE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    crash_watch(page);
    page->started = 1;
    for (;;) {
        struct header header;
        int passed = -1;
        if (!receive(&header, sizeof header, &passed) || header.length > MAX_PAYLOAD)
            return 0;
        uint8_t *payload = need(malloc(header.length + 1));
        if (!receive(payload, header.length, &passed))
            return 0;
        handle(header, payload, passed);
        free(payload);
    }
}
