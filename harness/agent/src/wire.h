/* Frames to and from descriptors that do not block. */
#ifndef ONTARGET_WIRE_H
#define ONTARGET_WIRE_H

#include "bytes.h"
#include "protocol.h"

struct inbox {
    struct bytes bytes;
    size_t used; /* bytes at the front that were already handed out */
};

enum arrival { ARRIVED_FRAME, ARRIVED_NOTHING, ARRIVED_TOO_LONG };

/* Read what there is; 1 if something came, 0 at the end, -1 if nothing is there now. */
int inbox_fill(struct inbox *inbox, int fd);
/* The next whole frame; `payload` stays valid until the next fill. */
enum arrival inbox_next(struct inbox *inbox, struct header *header, const uint8_t **payload);
bool inbox_empty(const struct inbox *inbox);

struct outbox {
    struct bytes bytes;
    size_t sent;
};

void outbox_frame(struct outbox *outbox, struct header header, const void *payload, size_t size);
size_t outbox_backlog(const struct outbox *outbox);
/* Write what fits; false if the other end is gone. */
bool outbox_drain(struct outbox *outbox, int fd);

void set_nonblocking(int fd);
void set_cloexec(int fd);

#endif
