/* How a worker ended, and what it left behind. */
#include "workers.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t oom_kills(void) {
    FILE *file = fopen("/proc/vmstat", "re");
    char name[64];
    unsigned long long value, kills = 0;
    while (file != NULL && fscanf(file, "%63s %llu", name, &value) == 2)
        if (strcmp(name, "oom_kill") == 0)
            kills = value;
    if (file != NULL)
        fclose(file);
    return kills;
}

void death_describe(struct worker *worker, int wait_status) {
    const struct crash_page *page = worker->page;
    bool by_signal = WIFSIGNALED(wait_status), recorded = page->recorded != 0;
    int ended_by = by_signal ? WTERMSIG(wait_status) : 0;
    if (by_signal && recorded)
        ended_by = page->signal; /* the alarm of a handler that hung is not what it died of */
    bool unasked = ended_by == SIGKILL && !worker->timed_out && !worker->ending;
    struct bytes *record = &worker->record;
    char frame[FRAME_ROOM] = "", caller[FRAME_ROOM] = "", memory[FRAME_ROOM] = "", tail[TAIL + 1];
    if (recorded) {
        memcpy(frame, page->frame, FRAME_ROOM - 1);
        memcpy(caller, page->caller, FRAME_ROOM - 1);
        memcpy(memory, page->memory, FRAME_ROOM - 1);
    }
    size_t length = worker->printed < TAIL ? worker->printed : TAIL;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = worker->tail[(worker->printed - length + i) % TAIL];
        tail[i] = byte == 0 ? '?' : (char)byte;
    }
    tail[length] = '\0';
    record->size = 0;
    bytes_u8(record, by_signal);
    bytes_u32(record, by_signal ? (uint32_t)ended_by : (uint32_t)WEXITSTATUS(wait_status));
    bytes_u8(record, recorded);
    bytes_u32(record, recorded ? (uint32_t)page->code : 0);
    bytes_u64(record, recorded ? page->address : 0);
    bytes_u64(record, recorded ? page->counter : 0);
    bytes_u8(record, unasked);
    bytes_u32(record, unasked ? (uint32_t)(oom_kills() - worker->oom_kills) : 0);
    bytes_string(record, frame);
    bytes_string(record, caller);
    bytes_string(record, tail);
    bytes_string(record, memory);
}

static bool is_worker(pid_t pid) {
    for (struct worker *worker = workers; worker != NULL; worker = worker->next)
        if (worker->pid == pid)
            return true;
    return false;
}

static bool kill_listed_children(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *file = fopen(path, "re");
    long pid;
    if (file == NULL)
        return false;
    while (fscanf(file, "%ld", &pid) == 1)
        if (!is_worker((pid_t)pid))
            kill((pid_t)pid, SIGKILL);
    fclose(file);
    return true;
}

/* We are the reaper of all below us: a child that is no worker is what a dead one left. */
void kill_orphans(void) {
    if (kill_listed_children())
        return;
    DIR *processes = opendir("/proc"); /* kernels without that list */
    for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
        char path[64], text[512];
        long pid = strtol(entry->d_name, NULL, 10), parent = 0;
        if (pid <= 0)
            continue;
        snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        FILE *file = fopen(path, "re");
        size_t got = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
        if (file != NULL)
            fclose(file);
        text[got] = '\0';
        char *after_name = strrchr(text, ')');
        if (after_name != NULL && sscanf(after_name, ") %*c %ld", &parent) == 1 && parent == (long)getpid() &&
            !is_worker((pid_t)pid))
            kill((pid_t)pid, SIGKILL);
    }
    if (processes != NULL)
        closedir(processes);
}
