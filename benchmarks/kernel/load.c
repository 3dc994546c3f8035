/* Another program on the machine: it computes and sweeps through memory for a while, and rests for a while. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int main(int count, char **words) {
    static uint64_t memory[1 << 20];
    volatile uint64_t state = count > 1 ? (uint64_t)atoi(words[1]) : 1;
    for (;;) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t until = now() + 1000000u * (5 + (state >> 33) % 60);
        while (now() < until)
            for (int i = 0; i < 1 << 14; i++)
                memory[(state * 31 + (uint64_t)i * 67) & ((1 << 20) - 1)] += i;
        state = state * 6364136223846793005u + 1442695040888963407u;
        struct timespec rest = {0, 1000000l * (long)(5 + (state >> 33) % 60)};
        nanosleep(&rest, 0);
    }
}
