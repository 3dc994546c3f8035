#include "calls.h"

#include "buffers.h"
#include "invoke.h"
#include "library.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_CALLS = 1 << 20, MOST_SAMPLES = 1 << 24, MOST_STEPS = 1 << 12 };

struct slot {
    uint8_t place, kind;
    uint16_t index;
    uint32_t buffer;
    uint64_t value;
};

struct call {
    void *function;
    invoker invoke;
    bool expects;
    uint64_t mask, expected; /* `mask`: the bits that the C type of the result has */
    size_t slot_count;
    struct slot *slots;
    size_t step_count; /* of a chain: other calls, one after the other; 0 for a call of a function */
    const struct call **steps;
};

/* A call with its arguments laid out. */
struct ready {
    const struct call *call;
    struct arguments arguments;
};

static struct call **calls;
static uint32_t call_count;

static void call_free(struct call *call) {
    if (call != NULL) {
        free(call->slots);
        free(call->steps);
    }
    free(call);
}

static bool valid(const struct slot *slot) {
    size_t room = slot->place == PLACE_GENERAL ? GENERAL_SLOTS
                  : slot->place == PLACE_FLOAT ? FLOAT_SLOTS
                  : slot->place == PLACE_STACK ? STACK_SLOTS
                                               : 0;
    if (slot->index >= room || slot->kind > KIND_LOAD)
        return false;
    struct buffer *buffer = slot->kind == KIND_IMMEDIATE ? NULL : buffer_find(slot->buffer);
    if (slot->kind == KIND_LOAD)
        return buffer != NULL && slot->value <= buffer->size && buffer->size - slot->value >= sizeof(word);
    return slot->kind == KIND_IMMEDIATE || (buffer != NULL && slot->value <= buffer->size);
}

static enum status call_take(struct cursor *request, struct call **taken, struct bytes *answer) {
    struct call *call = need(calloc(1, sizeof *call));
    char *name = take_string(request);
    uint8_t returns_float = take_u8(request);
    call->expects = take_u8(request) != 0;
    uint8_t width = take_u8(request);
    call->expected = take_u64(request);
    call->mask = width >= 8 ? UINT64_MAX : (1ull << (8 * width)) - 1;
    call->invoke = invoker_for(take_u16(request), returns_float);
    call->slot_count = take_u16(request);
    call->slots = need(calloc(call->slot_count + 1, sizeof *call->slots));
    bool sane = call->invoke != NULL;
    for (size_t i = 0; i < call->slot_count && sane; i++) {
        struct slot *slot = &call->slots[i];
        slot->place = take_u8(request);
        slot->kind = take_u8(request);
        slot->index = take_u16(request);
        slot->buffer = take_u32(request);
        slot->value = take_u64(request);
        sane = !request->bad && valid(slot);
    }
    enum status status = sane && cursor_done(request) ? STATUS_OK : STATUS_PROTOCOL;
    if (status == STATUS_OK && (call->function = library_symbol(name)) == NULL) {
        bytes_add(answer, name, strlen(name));
        status = STATUS_NO_SYMBOL;
    }
    free(name);
    if (status == STATUS_OK)
        *taken = call;
    else
        call_free(call);
    return status;
}

/* Cells are read now: an earlier call has written them. */
static void lay_out(const struct call *call, struct arguments *arguments) {
    memset(arguments, 0, sizeof *arguments);
    for (size_t i = 0; i < call->slot_count; i++) {
        const struct slot *slot = &call->slots[i];
        struct buffer *buffer = slot->kind == KIND_IMMEDIATE ? NULL : buffer_find(slot->buffer);
        uint64_t value = slot->value;
        if (slot->kind == KIND_ADDRESS)
            value += (uintptr_t)buffer->data;
        if (slot->kind == KIND_LOAD) {
            word loaded;
            memcpy(&loaded, buffer->data + slot->value, sizeof loaded);
            value = loaded;
        }
        if (slot->place == PLACE_FLOAT)
            memcpy(&arguments->floats[slot->index], &value, sizeof(float_slot));
        else
            *(slot->place == PLACE_GENERAL ? &arguments->general[slot->index] : &arguments->stack[slot->index]) =
                (word)value;
    }
}

static enum status judge(const struct call *call, uint64_t result, uint32_t step, struct bytes *answer) {
    if (!call->expects || (result & call->mask) == (call->expected & call->mask))
        return STATUS_OK;
    answer->size = 0;
    bytes_u64(answer, result);
    bytes_u64(answer, call->expected);
    bytes_u32(answer, step);
    return STATUS_UNEXPECTED;
}

/* What a call is made of, laid out: itself, or its steps. To be freed. */
static struct ready *lay_out_all(const struct call *call, size_t *count) {
    *count = call->step_count > 0 ? call->step_count : 1;
    struct ready *all = need(malloc(*count * sizeof *all));
    for (size_t i = 0; i < *count; i++) {
        all[i].call = call->step_count > 0 ? call->steps[i] : call;
        lay_out(all[i].call, &all[i].arguments);
    }
    return all;
}

/* One after the other, up to the first that does not return what it has to. */
static enum status invoke_all(const struct ready *all, size_t count, uint64_t *result, struct bytes *answer) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        *result = all[i].call->invoke(all[i].call->function, &all[i].arguments);
        status = judge(all[i].call, *result, (uint32_t)(count > 1 ? i + 1 : 0), answer);
    }
    return status;
}

static enum status run(const struct call *call, struct bytes *answer) {
    size_t count;
    struct ready *all = lay_out_all(call, &count);
    uint64_t result = 0;
    enum status status = invoke_all(all, count, &result, answer);
    free(all);
    if (status == STATUS_OK)
        bytes_u64(answer, result);
    return status;
}

static struct call *call_find(uint32_t id) { return id < call_count ? calls[id] : NULL; }

static void remember(uint32_t id, struct call *call) {
    if (id >= call_count) {
        uint32_t count = id + 64;
        calls = need(realloc(calls, count * sizeof *calls));
        memset(calls + call_count, 0, (count - call_count) * sizeof *calls);
        call_count = count;
    }
    calls[id] = call;
}

static bool is_free(uint32_t id) { return id > 0 && id < MOST_CALLS && call_find(id) == NULL; }

enum status call_bind(struct cursor *request, struct bytes *answer) {
    uint32_t id = take_u32(request);
    struct call *call;
    if (!is_free(id))
        return STATUS_PROTOCOL;
    enum status status = call_take(request, &call, answer);
    if (status == STATUS_OK)
        remember(id, call);
    return status;
}

/* Appends a call to a chain; of another chain its steps. False if there are too many. */
static bool append(struct call *chain, const struct call *call) {
    size_t more = call->step_count > 0 ? call->step_count : 1;
    if (chain->step_count + more > MOST_STEPS)
        return false;
    chain->steps = need(realloc(chain->steps, (chain->step_count + more) * sizeof *chain->steps));
    if (call->step_count > 0)
        memcpy(chain->steps + chain->step_count, call->steps, more * sizeof *chain->steps);
    else
        chain->steps[chain->step_count] = call;
    chain->step_count += more;
    return true;
}

enum status call_chain(struct cursor *request) {
    uint32_t id = take_u32(request), count = take_u16(request);
    struct call *chain = need(calloc(1, sizeof *chain));
    bool sane = is_free(id) && count > 0;
    for (uint32_t i = 0; i < count && sane; i++) {
        const struct call *call = call_find(take_u32(request));
        sane = !request->bad && call != NULL && append(chain, call);
    }
    if (!sane || !cursor_done(request)) {
        call_free(chain);
        return STATUS_PROTOCOL;
    }
    remember(id, chain);
    return STATUS_OK;
}

enum status call_inline(struct cursor *request, struct bytes *answer) {
    struct call *call;
    enum status status = call_take(request, &call, answer);
    if (status == STATUS_OK) {
        status = run(call, answer);
        call_free(call);
    }
    return status;
}

enum status call_run(struct cursor *request, struct bytes *answer) {
    struct call *call = call_find(take_u32(request));
    return cursor_done(request) && call != NULL ? run(call, answer) : STATUS_PROTOCOL;
}

static uint64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum status call_time(struct cursor *request, struct bytes *answer) {
    struct call *call = call_find(take_u32(request));
    uint32_t warmups = take_u32(request), samples = take_u32(request), repeats = take_u32(request);
    if (!cursor_done(request) || call == NULL || samples > MOST_SAMPLES || repeats == 0)
        return STATUS_PROTOCOL;
    size_t count;
    struct ready *all = lay_out_all(call, &count);
    /* All pages of the answer exist before the first call is timed. */
    uint64_t *times = need(malloc((samples + 1) * sizeof *times)), result = 0;
    memset(times, 0xff, (samples + 1) * sizeof *times);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < warmups && status == STATUS_OK; i++)
        status = invoke_all(all, count, &result, answer);
    for (uint32_t i = 0; i < samples && status == STATUS_OK; i++) {
        uint64_t start = clock_now();
        if (call->step_count > 0)
            for (uint32_t k = 0; k < repeats && status == STATUS_OK; k++)
                status = invoke_all(all, count, &result, answer);
        else /* with nothing beside it */
            for (uint32_t k = 0; k < repeats; k++)
                result = call->invoke(call->function, &all->arguments);
        times[i] = clock_now() - start;
        if (call->step_count == 0)
            status = judge(call, result, 0, answer);
    }
    if (status == STATUS_OK)
        bytes_add(answer, times, samples * sizeof *times);
    free(times);
    free(all);
    return status;
}
