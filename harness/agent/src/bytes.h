/* Growing byte strings, and reading values out of a payload without running over its end. */
#ifndef ONTARGET_BYTES_H
#define ONTARGET_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t size, room;
};

void *need(void *allocated); /* ends the program if `allocated` is NULL */
void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_u8(struct bytes *bytes, uint8_t value);
void bytes_u16(struct bytes *bytes, uint16_t value);
void bytes_u32(struct bytes *bytes, uint32_t value);
void bytes_u64(struct bytes *bytes, uint64_t value);
void bytes_string(struct bytes *bytes, const char *text);
void bytes_drop(struct bytes *bytes, size_t size); /* from the front */
void bytes_free(struct bytes *bytes);

/* `bad` is set once more is taken than there is; what is taken then is 0. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

uint8_t take_u8(struct cursor *cursor);
uint16_t take_u16(struct cursor *cursor);
uint32_t take_u32(struct cursor *cursor);
uint64_t take_u64(struct cursor *cursor);
/* A new C string to free; "" if the payload is bad or the string holds a NUL. */
char *take_string(struct cursor *cursor);
size_t cursor_left(const struct cursor *cursor);
bool cursor_done(const struct cursor *cursor); /* nothing bad, and nothing left */

#endif
