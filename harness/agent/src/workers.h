/* The processes that run code under test: one request in flight each, so that it is known which one ended them. */
#ifndef ONTARGET_WORKERS_H
#define ONTARGET_WORKERS_H

#include "crash.h"
#include "wire.h"

#include <sys/types.h>

enum { TAIL = 4096 };

struct request {
    struct request *next;
    struct header header;
    int passing; /* a blob's descriptor that travels with it, or -1 */
    uint8_t payload[];
};

struct worker {
    struct worker *next;
    uint16_t id;
    pid_t pid; /* also its session and process group; 0 once it is reaped */
    uid_t user; /* as whom it runs; 0: as the agent does */
    int socket, output;
    struct crash_page *page;
    struct inbox inbox;
    struct outbox outbox;
    int passing; /* a descriptor that travels with the next byte of outbox, or -1; ours to close */
    struct request *first, **last, *current;
    uint64_t deadline; /* of `current`, in ns; 0 for none */
    bool skipping;     /* until the host says RESUME */
    bool timed_out, stopped, ending, dying, reported;
    struct header end;   /* the END to answer once it is reaped */
    struct bytes record; /* how it ended, as in frames.py */
    uint64_t oom_kills;  /* of the whole machine when it started */
    uint8_t tail[TAIL];  /* the last of its output, a ring */
    size_t printed;
    /* While it takes part in a duet its answers go there. */
    void (*answered)(struct worker *, const struct header *, const uint8_t *payload);
};

extern struct worker *workers;
extern struct outbox to_host;

/* What starts this program again, before the word "worker". */
extern char *const *self_argv;
extern const char *deploy_root;

void answer(struct header request, enum status status, const void *payload, size_t size);
void answer_text(struct header request, enum status status, const char *text);

struct request *request_new(const struct header *header, const void *payload);
struct worker *worker_find(uint16_t id);
enum status worker_spawn(uint16_t id, struct cursor *request, struct bytes *answer);
void worker_queue(struct worker *worker, const struct header *header, const uint8_t *payload);
void worker_resume(struct worker *worker);
void worker_end(struct worker *worker, struct header end);
void worker_begin(struct worker *worker, struct request *request); /* send it now */
bool worker_idle(const struct worker *worker);                     /* alive, and nothing in flight or queued */
void worker_signal(const struct worker *worker, int number); /* to it and its group */
void worker_time_out(struct worker *worker);
bool worker_socket_ready(struct worker *worker); /* whether something came */
void worker_output_ready(struct worker *worker);
void worker_write(struct worker *worker);
void workers_reap(void);    /* after SIGCHLD */
void workers_kill_all(void); /* and wait until all are gone */

/* death.c */
void death_describe(struct worker *worker, int wait_status);
uint64_t oom_kills(void);
void kill_orphans(void);

uint64_t now_ns(void);

#endif
