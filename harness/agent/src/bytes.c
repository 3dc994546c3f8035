#include "bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *need(void *allocated) {
    if (allocated == NULL) {
        fputs("ontarget-agent: out of memory\n", stderr);
        _Exit(71);
    }
    return allocated;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size) {
    if (size == 0)
        return;
    if (bytes->room - bytes->size < size) {
        size_t room = bytes->room * 2 > bytes->size + size ? bytes->room * 2 : bytes->size + size;
        bytes->data = need(realloc(bytes->data, room));
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_u8(struct bytes *bytes, uint8_t value) { bytes_add(bytes, &value, sizeof value); }
void bytes_u16(struct bytes *bytes, uint16_t value) { bytes_add(bytes, &value, sizeof value); }
void bytes_u32(struct bytes *bytes, uint32_t value) { bytes_add(bytes, &value, sizeof value); }
void bytes_u64(struct bytes *bytes, uint64_t value) { bytes_add(bytes, &value, sizeof value); }

void bytes_string(struct bytes *bytes, const char *text) {
    size_t length = strlen(text);
    if (length > UINT16_MAX)
        length = UINT16_MAX;
    bytes_u16(bytes, (uint16_t)length);
    bytes_add(bytes, text, length);
}

void bytes_drop(struct bytes *bytes, size_t size) {
    if (size == 0)
        return;
    bytes->size -= size;
    if (bytes->size > 0)
        memmove(bytes->data, bytes->data + size, bytes->size);
    else if (bytes->room > (4u << 20))
        bytes_free(bytes);
}

void bytes_free(struct bytes *bytes) {
    free(bytes->data);
    *bytes = (struct bytes){0};
}

static const uint8_t *take(struct cursor *cursor, size_t size) {
    if (cursor->bad || (size_t)(cursor->end - cursor->at) < size) {
        cursor->bad = true;
        return NULL;
    }
    const uint8_t *taken = cursor->at;
    cursor->at += size;
    return taken;
}

#define TAKE(type, name)                                                                           \
    type name(struct cursor *cursor) {                                                             \
        type value = 0;                                                                            \
        const uint8_t *taken = take(cursor, sizeof value);                                         \
        if (taken != NULL)                                                                         \
            memcpy(&value, taken, sizeof value);                                                   \
        return value;                                                                              \
    }

TAKE(uint8_t, take_u8)
TAKE(uint16_t, take_u16)
TAKE(uint32_t, take_u32)
TAKE(uint64_t, take_u64)

char *take_string(struct cursor *cursor) {
    size_t length = take_u16(cursor);
    const uint8_t *taken = take(cursor, length);
    if (taken == NULL || memchr(taken, 0, length) != NULL) {
        cursor->bad = true;
        length = 0;
    }
    char *text = need(malloc(length + 1));
    if (length > 0)
        memcpy(text, taken, length);
    text[length] = '\0';
    return text;
}

size_t cursor_left(const struct cursor *cursor) { return cursor->bad ? 0 : (size_t)(cursor->end - cursor->at); }

bool cursor_done(const struct cursor *cursor) { return !cursor->bad && cursor->at == cursor->end; }
