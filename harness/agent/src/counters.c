#include "counters.h"

#include "calls.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_COUNTERS = 8 };

static const uint64_t events[] = {PERF_COUNT_HW_INSTRUCTIONS, PERF_COUNT_HW_CPU_CYCLES};
static const char *const names[] = {"instructions", "cycles"};
enum { EVENTS = sizeof events / sizeof *events };

/* Of this thread in user space, -1 with errno. All are in one group, so that they count the same stretch. */
static int open_counter(uint64_t event, int leader) {
    struct perf_event_attr wanted = {.type = PERF_TYPE_HARDWARE, .size = sizeof wanted, .config = event};
    wanted.disabled = leader < 0;
    wanted.exclude_kernel = wanted.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &wanted, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static enum status refused(struct bytes *answer, const char *name) {
    char paranoid[16] = "?", why[200];
    FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
    if (file != NULL) {
        if (fscanf(file, "%15s", paranoid) != 1)
            strcpy(paranoid, "?");
        fclose(file);
    }
    snprintf(why, sizeof why, "%s cannot be counted: %s (perf_event_paranoid is %s)", name, strerror(errno), paranoid);
    bytes_add(answer, why, strlen(why));
    return STATUS_ABSENT;
}

/* Times `calls` calls in one sample, which is what runs them with the least beside them. */
static enum status run_calls(uint32_t call, uint32_t calls, struct bytes *answer) {
    uint32_t words[4] = {call, 0, 1, calls};
    struct cursor request = {.at = (const uint8_t *)words, .end = (const uint8_t *)(words + 4)};
    return call_time(&request, answer);
}

enum status count_calls(struct cursor *request, struct bytes *answer) {
    int counters[MOST_COUNTERS];
    uint32_t call = take_u32(request), calls = take_u32(request);
    uint16_t count = take_u16(request), opened = 0;
    enum status status = count > MOST_COUNTERS || count == 0 ? STATUS_PROTOCOL : STATUS_OK;
    for (; status == STATUS_OK && opened < count; opened++) {
        uint8_t event = take_u8(request);
        if (request->bad || event >= EVENTS) {
            status = STATUS_PROTOCOL;
            break;
        }
        counters[opened] = open_counter(events[event], opened == 0 ? -1 : counters[0]);
        if (counters[opened] < 0) {
            status = refused(answer, names[event]);
            break;
        }
    }
    if (status == STATUS_OK && !cursor_done(request))
        status = STATUS_PROTOCOL;
    if (status == STATUS_OK) {
        struct bytes times = {0};
        ioctl(counters[0], PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
        status = run_calls(call, calls, &times);
        ioctl(counters[0], PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
        if (status != STATUS_OK)
            bytes_add(answer, times.data, times.size);
        bytes_free(&times);
    }
    if (status == STATUS_OK)
        bytes_u16(answer, count);
    for (uint16_t i = 0; i < opened; i++) {
        uint64_t events_seen = 0;
        if (status == STATUS_OK && read(counters[i], &events_seen, sizeof events_seen) != sizeof events_seen)
            events_seen = 0;
        if (status == STATUS_OK)
            bytes_u64(answer, events_seen);
        close(counters[i]);
    }
    return status;
}
