/* Memory that calls are given. */
#ifndef ONTARGET_BUFFERS_H
#define ONTARGET_BUFFERS_H

#include "bytes.h"
#include "protocol.h"

struct buffer {
    uint8_t *data;
    uint64_t size;
    int blob; /* where its initial content is; -1 for zeros */
    uint64_t offset;
};

/* `blob` is the descriptor that came with the request, or -1; it is taken over. */
enum status buffer_make(struct cursor *request, int blob, struct bytes *answer);
enum status buffer_reset(struct cursor *request, struct bytes *answer);
enum status buffer_digest(struct cursor *request, struct bytes *answer);
struct buffer *buffer_find(uint32_t id); /* NULL if there is none */

#endif
