#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int inbox_fill(struct inbox *inbox, int fd) {
    static uint8_t chunk[1 << 16];
    if (inbox->used > 0) {
        bytes_drop(&inbox->bytes, inbox->used);
        inbox->used = 0;
    }
    ssize_t got = read(fd, chunk, sizeof chunk);
    if (got > 0) {
        bytes_add(&inbox->bytes, chunk, (size_t)got);
        return 1;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return -1;
    return 0;
}

enum arrival inbox_next(struct inbox *inbox, struct header *header, const uint8_t **payload) {
    size_t left = inbox->bytes.size - inbox->used;
    if (left < sizeof *header)
        return ARRIVED_NOTHING;
    memcpy(header, inbox->bytes.data + inbox->used, sizeof *header);
    if (header->length > MAX_PAYLOAD)
        return ARRIVED_TOO_LONG;
    if (left - sizeof *header < header->length)
        return ARRIVED_NOTHING;
    *payload = inbox->bytes.data + inbox->used + sizeof *header;
    inbox->used += sizeof *header + header->length;
    return ARRIVED_FRAME;
}

bool inbox_empty(const struct inbox *inbox) { return inbox->bytes.size == inbox->used; }

void outbox_frame(struct outbox *outbox, struct header header, const void *payload, size_t size) {
    header.length = (uint32_t)size;
    bytes_add(&outbox->bytes, &header, sizeof header);
    bytes_add(&outbox->bytes, payload, size);
}

size_t outbox_backlog(const struct outbox *outbox) { return outbox->bytes.size - outbox->sent; }

bool outbox_drain(struct outbox *outbox, int fd) {
    while (outbox_backlog(outbox) > 0) {
        ssize_t put = write(fd, outbox->bytes.data + outbox->sent, outbox_backlog(outbox));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN;
        outbox->sent += (size_t)put;
    }
    bytes_drop(&outbox->bytes, outbox->sent);
    outbox->sent = 0;
    return true;
}

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void set_cloexec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }
