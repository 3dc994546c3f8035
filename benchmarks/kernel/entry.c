/* What a build exports. PERMILLE, given when compiled, is how much of the work it does: 1020 is 2 % too much. */
#include <stdint.h>

void kernel(uint32_t threads, uint64_t rows, uint32_t permille);
void bench(uint32_t threads, uint64_t rows);

void bench(uint32_t threads, uint64_t rows) { kernel(threads, rows, PERMILLE); }
