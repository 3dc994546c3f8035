#include "buffers.h"

#include "sha256.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_BUFFERS = 1 << 20, MOST_WORDS = 2000 };

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

/* A page that may not be touched goes before and after, so that a call that strays from its memory is caught. */
static uint8_t *pages(uint64_t length, uint64_t page) {
    uint8_t *memory = mmap(NULL, length + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (length == 0 || mprotect(memory + page, length, PROT_READ | PROT_WRITE) == 0)
        return memory + page;
    int reason = errno;
    munmap(memory, length + 2 * page);
    errno = reason;
    return NULL;
}

/* Mapped where it can be, so that a new process starts with its inputs at no cost. */
static bool put_content(const struct buffer *buffer, uint64_t page) {
    if (buffer->blob < 0) {
        if (buffer->fill != 0)
            memset(buffer->data, buffer->fill, buffer->size);
        return true;
    }
    bool whole_pages = buffer->size > 0 && buffer->data == buffer->start && buffer->offset % page == 0;
    return (whole_pages && mmap(buffer->data, buffer->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                                buffer->blob, (off_t)buffer->offset) != MAP_FAILED) ||
           fill(buffer);
}

static uint64_t before(const struct buffer *buffer) { return (uint64_t)(buffer->data - buffer->start); }

static uint64_t after(const struct buffer *buffer) { return buffer->length - before(buffer) - buffer->size; }

/* Bytes that are 0 already are not touched: their pages need not exist. */
static void surround(const struct buffer *buffer) {
    if (buffer->around != 0 || buffer->blob >= 0) { /* after the content the blob may go on */
        memset(buffer->start, buffer->around, before(buffer));
        memset(buffer->data + buffer->size, buffer->around, after(buffer));
    }
}

enum status buffer_make(struct cursor *request, int blob, struct bytes *answer) {
    uint32_t id = take_u32(request), wanted = take_u32(request);
    struct buffer buffer = {.blob = blob};
    buffer.offset = take_u64(request);
    buffer.size = take_u64(request);
    buffer.padding = take_u32(request);
    uint64_t misalignment = take_u32(request), alignment = take_u32(request);
    buffer.fill = take_u8(request);
    /* What is computed of one buffer's padding must not look like another's. */
    buffer.around = buffer.fill == 0 || blob >= 0 ? buffer.fill : buffer.fill ^ 0x5a;
    buffer.name = take_string(request);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    bool sane = cursor_done(request) && id > 0 && id < MOST_BUFFERS && buffer_find(id) == NULL &&
                misalignment < page && alignment <= page && (alignment & (alignment - 1)) == 0 &&
                buffer.size <= INTPTR_MAX / 2 && buffer.offset <= INTPTR_MAX / 2 && (wanted == 0) == (blob < 0);
    enum status status = sane ? STATUS_OK : STATUS_PROTOCOL;
    uint64_t needed = misalignment + buffer.size + buffer.padding;
    buffer.length = (needed + page - (needed > 0)) / page * page;
    if (sane && (buffer.start = pages(buffer.length, page)) == NULL)
        status = fail(answer, "no memory for a buffer: ");
    if (status == STATUS_OK) {
        uint64_t first = alignment == 0 ? 0 : (buffer.length - needed) / alignment * alignment;
        buffer.data = buffer.start + first + misalignment;
        if (!put_content(&buffer, page))
            status = fail(answer, "can't fill a buffer: ");
    }
    if (status == STATUS_OK) {
        surround(&buffer);
        remember(id, buffer);
        return STATUS_OK;
    }
    if (buffer.start != NULL)
        munmap(buffer.start - page, buffer.length + 2 * page);
    if (blob >= 0)
        close(blob);
    free(buffer.name);
    return status;
}

const struct buffer *buffer_near(uintptr_t address) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (uint32_t id = 0; id < buffer_count; id++) {
        const struct buffer *buffer = &buffers[id];
        uintptr_t start = (uintptr_t)buffer->start;
        if (buffer->data != NULL && address >= start - page && address < start + buffer->length + page)
            return buffer;
    }
    return NULL;
}

/* Says how many bytes ahead of the buffer, or behind it, are no longer what they were. */
static void strays(const struct buffer *buffer, bool ahead, struct bytes *answer) {
    uint64_t count = ahead ? before(buffer) : after(buffer), changed = 0, nearest = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t byte = ahead ? buffer->data[-1 - (intptr_t)i] : buffer->data[buffer->size + i];
        if (byte != buffer->around && changed++ == 0)
            nearest = i + 1;
    }
    if (changed == 0)
        return;
    char text[192];
    int length = snprintf(text, sizeof text, "%s%llu bytes %s %.64s were written (the nearest %llu from it)",
                          answer->size > 0 ? "; " : "", (unsigned long long)changed,
                          ahead ? "before the start of" : "past the end of", buffer->name, (unsigned long long)nearest);
    bytes_add(answer, text, (size_t)length);
}

enum status buffer_intact(struct cursor *request, struct bytes *answer) {
    struct bytes found = {0};
    for (uint32_t id = 0; id < buffer_count && found.size < MOST_WORDS; id++) {
        if (buffers[id].data == NULL)
            continue;
        strays(&buffers[id], true, &found);
        strays(&buffers[id], false, &found);
    }
    bytes_add(&found, "", 1);
    bytes_string(answer, (char *)found.data);
    bytes_free(&found);
    return cursor_done(request) ? STATUS_OK : STATUS_PROTOCOL;
}

enum status buffer_reset(struct cursor *request, struct bytes *answer) {
    struct buffer *buffer = buffer_find(take_u32(request));
    if (!cursor_done(request) || buffer == NULL)
        return STATUS_PROTOCOL;
    if (buffer->blob < 0)
        memset(buffer->data, buffer->fill, buffer->size);
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
