/* The yardstick that a candidate without a baseline is measured against, in turns with it.
 *
 * Each turn waits for the one before: a 64-bit multiplication, an addition and a load from the first-level cache. So its
 * time follows the core's clock, and says little about the compiler. To change it is to start every history anew.
 */
#include <stdint.h>

uint64_t ontarget_reference(uint32_t turns);

/* Visible to others, so that no compiler may take its zeros for granted. */
uint64_t ontarget_reference_table[512];

uint64_t ontarget_reference(uint32_t turns) {
    uint64_t x = UINT64_C(88172645463325252);
    while (turns-- > 0)
        x = (x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407)) ^ ontarget_reference_table[x >> 55];
    return x;
}
