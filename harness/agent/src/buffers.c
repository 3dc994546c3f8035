#include "buffers.h"

#include "sha256.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_BUFFERS = 1 << 20 };

static struct buffer *buffers;
static uint32_t buffer_count;

struct buffer *buffer_find(uint32_t id) {
    return id < buffer_count && buffers[id].data != NULL ? &buffers[id] : NULL;
}

static void remember(uint32_t id, struct buffer buffer) {
    if (id >= buffer_count) {
        uint32_t count = id + 64;
        buffers = need(realloc(buffers, count * sizeof *buffers));
        memset(buffers + buffer_count, 0, (count - buffer_count) * sizeof *buffers);
        buffer_count = count;
    }
    buffers[id] = buffer;
}

static enum status fail(struct bytes *answer, const char *what) {
    const char *reason = strerror(errno);
    bytes_add(answer, what, strlen(what));
    bytes_add(answer, reason, strlen(reason));
    return STATUS_FULL;
}

static bool fill(const struct buffer *buffer) {
    for (uint64_t done = 0; done < buffer->size;) {
        ssize_t got = pread(buffer->blob, buffer->data + done, buffer->size - done, (off_t)(buffer->offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (uint64_t)got;
    }
    return true;
}

enum status buffer_make(struct cursor *request, int blob, struct bytes *answer) {
    uint32_t id = take_u32(request), wanted = take_u32(request);
    uint64_t offset = take_u64(request), size = take_u64(request), padding = take_u32(request), misalignment = take_u32(request);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), whole = misalignment + size + padding;
    bool sane = cursor_done(request) && id > 0 && id < MOST_BUFFERS && buffer_find(id) == NULL &&
                misalignment < page && size <= INTPTR_MAX / 2 &&
                offset <= INTPTR_MAX / 2 && (wanted == 0) == (blob < 0);
    enum status status = sane ? STATUS_OK : STATUS_PROTOCOL;
    whole = (whole + page - (whole > 0)) / page * page;
    uint8_t *memory = MAP_FAILED;
    /* A page that may not be touched follows, so that a call that writes far past its memory is caught. */
    if (sane)
        memory = mmap(NULL, whole + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sane && (memory == MAP_FAILED || mprotect(memory, whole, PROT_READ | PROT_WRITE) != 0))
        status = fail(answer, "no memory for a buffer: ");
    struct buffer buffer = {memory + misalignment, size, blob, offset};
    if (status == STATUS_OK && blob >= 0 && size > 0) {
        /* Mapped where it can be, so that a new process starts with its inputs at no cost. */
        bool mapped = misalignment == 0 && offset % page == 0 &&
                      mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, blob, (off_t)offset) !=
                          MAP_FAILED;
        if (!mapped && !fill(&buffer))
            status = fail(answer, "can't fill a buffer: ");
        else
            memset(buffer.data + size, 0, padding); /* there the blob may go on */
    }
    if (status == STATUS_OK) {
        remember(id, buffer);
        return STATUS_OK;
    }
    if (memory != MAP_FAILED)
        munmap(memory, whole + page);
    if (blob >= 0)
        close(blob);
    return status;
}

enum status buffer_reset(struct cursor *request, struct bytes *answer) {
    struct buffer *buffer = buffer_find(take_u32(request));
    if (!cursor_done(request) || buffer == NULL)
        return STATUS_PROTOCOL;
    if (buffer->blob < 0)
        memset(buffer->data, 0, buffer->size);
    else if (!fill(buffer))
        return fail(answer, "can't fill a buffer: ");
    return STATUS_OK;
}

enum status buffer_digest(struct cursor *request, struct bytes *answer) {
    struct buffer *buffer = buffer_find(take_u32(request));
    if (!cursor_done(request) || buffer == NULL)
        return STATUS_PROTOCOL;
    struct sha256 hash;
    char hex[65];
    sha256_begin(&hash);
    sha256_add(&hash, buffer->data, buffer->size);
    sha256_end(&hash, hex);
    bytes_string(answer, hex);
    return STATUS_OK;
}
