#include "watch.h"

#include "workers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FILES = 16, MOST_TEXT = 63, MOST_SAMPLES = 1000, COST_SHARE = 100 };

static struct {
    char *paths[MOST_FILES];
    int files[MOST_FILES];
    uint16_t count;
    uint64_t period, due; /* all in ns */
    uint64_t began, spent, total;
    struct bytes samples;
    uint16_t taken;
} watch;

static void forget(void) {
    for (uint16_t i = 0; i < watch.count; i++) {
        if (watch.files[i] >= 0)
            close(watch.files[i]);
        free(watch.paths[i]);
    }
    bytes_free(&watch.samples);
    memset(&watch, 0, sizeof watch);
}

enum status watch_set(struct cursor *request) {
    forget();
    watch.period = take_u32(request) * 1000000ull;
    uint16_t count = take_u16(request);
    if (count > MOST_FILES)
        return STATUS_PROTOCOL;
    for (; watch.count < count; watch.count++) {
        watch.paths[watch.count] = take_string(request);
        /* Held open: what a sample costs is the reading alone. */
        watch.files[watch.count] = open(watch.paths[watch.count], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    if (cursor_done(request))
        return STATUS_OK;
    forget();
    return STATUS_PROTOCOL;
}

void watch_begin(uint64_t now) { watch.began = now; }

void watch_look(void) {
    uint64_t before = now_ns();
    if (watch.count == 0 || watch.taken == MOST_SAMPLES || before < watch.due)
        return;
    bytes_u64(&watch.samples, before - watch.began);
    bytes_u16(&watch.samples, watch.count);
    for (uint16_t i = 0; i < watch.count; i++) {
        char text[MOST_TEXT + 1];
        ssize_t got = watch.files[i] < 0 ? -1 : pread(watch.files[i], text, MOST_TEXT, 0);
        text[got < 0 ? 0 : got] = '\0';
        bytes_string(&watch.samples, text);
    }
    watch.taken++;
    uint64_t cost = now_ns() - before;
    watch.spent += cost;
    watch.due = before + (COST_SHARE * cost > watch.period ? COST_SHARE * cost : watch.period);
}

void watch_end(uint64_t now) { watch.total += now - watch.began; }

enum status watch_take(struct cursor *request, struct bytes *answer) {
    if (!cursor_done(request))
        return STATUS_PROTOCOL;
    bytes_u64(answer, watch.spent);
    bytes_u64(answer, watch.total);
    bytes_u16(answer, watch.taken);
    if (watch.samples.size > 0)
        bytes_add(answer, watch.samples.data, watch.samples.size);
    bytes_free(&watch.samples);
    watch.spent = watch.total = watch.taken = 0;
    return STATUS_OK;
}
