/* A kernel whose time is known: rows of int8 dot products, on one thread or several that wait for each other. */
#include <pthread.h>
#include <stdint.h>

#define LENGTH 256
#define ROWS 16
#define MOST 16

void kernel(uint32_t threads, uint64_t rows, uint32_t permille);

/* Aligned as kernel libraries align their packed weights; 1 leaves it to the linker. */
#ifndef ALIGNMENT
#define ALIGNMENT 64
#endif
static int8_t weights[ROWS][LENGTH] __attribute__((aligned(ALIGNMENT)));
static int8_t input[LENGTH] __attribute__((aligned(ALIGNMENT)));
static volatile int32_t sink;

static struct {
    pthread_barrier_t begin, end;
    uint32_t threads;
    uint64_t rows;
} pool;

static __attribute__((noinline)) int32_t dot(const int8_t *a, const int8_t *b) {
    int32_t sum = 0;
    for (int i = 0; i < LENGTH; i++)
        sum += a[i] * b[i];
    return sum;
}

static void work(uint64_t rows) {
    int32_t sum = 0;
    for (uint64_t row = 0; row < rows; row++)
        sum += dot(weights[row % ROWS], input);
    sink = sum;
}

static void *helper(void *nothing) {
    for (;;) {
        pthread_barrier_wait(&pool.begin);
        work(pool.rows);
        pthread_barrier_wait(&pool.end);
    }
    return nothing;
}

/* The work of `rows` rows, divided among the threads, and `permille` thousandths of it. */
void kernel(uint32_t threads, uint64_t rows, uint32_t permille) {
    uint64_t all = rows * permille / 1000;
    if (threads <= 1) {
        work(all);
        return;
    }
    if (pool.threads == 0) {
        pool.threads = threads < MOST ? threads : MOST;
        pthread_barrier_init(&pool.begin, 0, pool.threads);
        pthread_barrier_init(&pool.end, 0, pool.threads);
        for (uint32_t i = 1; i < pool.threads; i++) {
            pthread_t thread;
            pthread_create(&thread, 0, helper, 0);
        }
    }
    pool.rows = all / pool.threads;
    pthread_barrier_wait(&pool.begin);
    work(pool.rows);
    pthread_barrier_wait(&pool.end);
}
