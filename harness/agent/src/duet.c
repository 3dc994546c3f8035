#include "duet.h"

#include "watch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct side {
    struct worker *worker;
    uint32_t call;
    struct bytes samples;
};

static struct {
    bool running;
    struct header header;
    struct side sides[2];
    uint32_t bursts, samples, calls, discard, warmup;
    uint32_t step;   /* 0 and 1 are the warm-ups, then burst after burst, the sides in turns */
    uint32_t first;
    bool settling;   /* waiting until the side that goes first is the only one that runs */
    uint64_t deadline;
} duet;

uint64_t duet_deadline(void) { return duet.running ? duet.deadline : 0; }

static struct side *active(void) { return &duet.sides[(duet.step + duet.first) % 2]; }

static struct side *idle(void) { return &duet.sides[(duet.step + duet.first + 1) % 2]; }

static void leave(struct worker *worker) {
    worker->answered = NULL;
    worker->stopped = false;
    if (worker->pid != 0)
        worker_signal(worker, SIGCONT);
}

static void finish(enum status status, const void *payload, size_t size) {
    duet.running = false;
    watch_end(now_ns());
    for (int i = 0; i < 2; i++)
        if (duet.sides[i].worker != NULL)
            leave(duet.sides[i].worker);
    answer(duet.header, status, payload, size);
    for (int i = 0; i < 2; i++)
        bytes_free(&duet.sides[i].samples);
}

static void finish_whole(void) {
    bytes_add(&duet.sides[0].samples, duet.sides[1].samples.data, duet.sides[1].samples.size);
    struct bytes *all = &duet.sides[0].samples;
    size_t sent = 0;
    for (; all->size - sent > CHUNK; sent += CHUNK)
        answer(duet.header, STATUS_MORE, all->data + sent, CHUNK);
    finish(STATUS_OK, all->data + sent, all->size - sent);
}

static void begin_step(void) {
    bool warming = duet.step < 2;
    if (duet.step == 2 + 2 * duet.bursts) {
        finish_whole();
        return;
    }
    watch_look(); /* both sides are stopped now */
    struct side *side = active();
    uint32_t words[4] = {side->call, warming ? duet.warmup : duet.discard, warming ? 0 : duet.samples, duet.calls};
    struct header header = {sizeof words, duet.header.request, OP_TIME, side->worker->id, 0};
    side->worker->stopped = false;
    worker_signal(side->worker, SIGCONT);
    worker_begin(side->worker, request_new(&header, words));
}

static void on_answer(struct worker *worker, const struct header *header, const uint8_t *payload) {
    if (!duet.running)
        return;
    duet.header.worker = worker->id; /* whose failure it is */
    if (header->word != STATUS_OK && header->word != STATUS_MORE) {
        worker->skipping = true;
        finish(header->word, payload, header->length);
        return;
    }
    bytes_add(&active()->samples, payload, header->length);
    if (header->word == STATUS_OK)
        worker_signal(worker, SIGSTOP); /* duet_stopped goes on */
}

void duet_stopped(struct worker *worker) {
    if (!duet.running || worker->answered == NULL)
        return;
    if (duet.settling) {
        duet.settling = false;
        begin_step();
    } else if (worker == active()->worker && worker->current == NULL) {
        duet.step++;
        begin_step();
    }
}

void duet_lost(struct worker *worker) {
    if (!duet.running)
        return;
    enum status status = worker->ending ? STATUS_SKIPPED : worker->timed_out ? STATUS_TIMED_OUT : STATUS_DIED;
    duet.header.worker = worker->id;
    worker->reported = true;
    worker->skipping = true;
    finish(status, worker->record.data, worker->record.size);
}

void duet_time_out(void) {
    duet.deadline = 0;
    worker_time_out(active()->worker);
}

void duet_begin(struct header header, struct cursor *request) {
    struct side sides[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        sides[i].worker = worker_find(take_u16(request));
        sides[i].call = take_u32(request);
    }
    uint32_t bursts = take_u32(request), samples = take_u32(request), calls = take_u32(request);
    uint32_t discard = take_u32(request), warmup = take_u32(request);
    uint8_t first = take_u8(request);
    if (!cursor_done(request) || first > 1 || sides[0].worker == sides[1].worker || calls == 0 ||
        (uint64_t)bursts * samples > (1u << 26)) {
        answer_text(header, STATUS_PROTOCOL, "a duet needs two processes, and at most 2^26 samples");
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (sides[i].worker == NULL || duet.running || !worker_idle(sides[i].worker)) {
            answer_text(header, STATUS_BUSY, "a duet needs two live processes with nothing else to do");
            return;
        }
    }
    memset(&duet, 0, sizeof duet);
    watch_begin(now_ns());
    duet.running = duet.settling = true;
    duet.header = header;
    memcpy(duet.sides, sides, sizeof sides);
    duet.bursts = bursts;
    duet.samples = samples;
    duet.calls = calls;
    duet.discard = discard;
    duet.warmup = warmup;
    duet.first = first;
    duet.deadline = header.word == 0 ? 0 : now_ns() + header.word * 1000000ull;
    for (int i = 0; i < 2; i++)
        sides[i].worker->answered = on_answer;
    worker_signal(idle()->worker, SIGSTOP);
}
