// Times its own kernel: reads a number of calls from stdin, makes them, answers with the nanoseconds of each.
// The argument is how many turns the kernel's loop makes: a slow-down is injected as so many turns more.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint32_t work(uint64_t turns) {
    uint32_t x = 1;
    for (; turns > 0; turns--) {
        x = x * 1664525u + 1013904223u;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv) {
    uint64_t turns = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    unsigned calls;
    while (scanf("%u", &calls) == 1) {
        for (unsigned i = 0; i < calls; i++) {
            uint64_t start = now();
            work(turns);
            printf("%" PRIu64 " ", now() - start);
        }
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
