/* Memory that calls are given. */
#ifndef ONTARGET_BUFFERS_H
#define ONTARGET_BUFFERS_H

#include "bytes.h"
#include "protocol.h"

struct buffer {
    uint8_t *data;
    uint64_t size;
    int blob; /* where its initial content is; -1 for none: then it is `fill` */
    uint64_t offset;
    uint8_t *start;  /* of the pages that may be touched; one that may not lies on either side */
    uint64_t length; /* of those pages */
    uint32_t padding;
    uint8_t fill, around; /* `around`: of the rest of its pages */
    char *name;
};

/* `blob` is the descriptor that came with the request, or -1; it is taken over. */
enum status buffer_make(struct cursor *request, int blob, struct bytes *answer);
enum status buffer_reset(struct cursor *request, struct bytes *answer);
enum status buffer_digest(struct cursor *request, struct bytes *answer);
enum status buffer_intact(struct cursor *request, struct bytes *answer); /* of all buffers */
struct buffer *buffer_find(uint32_t id); /* NULL if there is none */
/* The buffer whose pages, or guard pages, hold the address; NULL if none does. A signal handler may call it. */
const struct buffer *buffer_near(uintptr_t address);

#endif
