#include "invoke.h"

#include <string.h>

#define TYPES_4(t) t, t, t, t
#define TYPES_8(t) TYPES_4(t), TYPES_4(t)
#define TYPES_32(t) TYPES_8(t), TYPES_8(t), TYPES_8(t), TYPES_8(t)
#define TYPES_128(t) TYPES_32(t), TYPES_32(t), TYPES_32(t), TYPES_32(t)

#define ITEMS_4(a, i) a[(i)], a[(i) + 1], a[(i) + 2], a[(i) + 3]
#define ITEMS_8(a, i) ITEMS_4(a, i), ITEMS_4(a, (i) + 4)
#define ITEMS_32(a, i) ITEMS_8(a, i), ITEMS_8(a, (i) + 8), ITEMS_8(a, (i) + 16), ITEMS_8(a, (i) + 24)
#define ITEMS_128(a, i) ITEMS_32(a, i), ITEMS_32(a, (i) + 32), ITEMS_32(a, (i) + 64), ITEMS_32(a, (i) + 96)

#if defined(__x86_64__)
#define REGISTER_TYPES TYPES_4(word), word, word, TYPES_8(float_slot)
#define REGISTERS ITEMS_4(a->general, 0), a->general[4], a->general[5], ITEMS_8(a->floats, 0)
#elif defined(__aarch64__)
#define REGISTER_TYPES TYPES_8(word), TYPES_8(float_slot)
#define REGISTERS ITEMS_8(a->general, 0), ITEMS_8(a->floats, 0)
#else
#define REGISTER_TYPES TYPES_4(word), TYPES_8(float_slot), TYPES_8(float_slot)
#define REGISTERS ITEMS_4(a->general, 0), ITEMS_8(a->floats, 0), ITEMS_8(a->floats, 8)
#endif

/* A float that is returned is the low half of the register that a double fills, on all of these machines. */
static uint64_t bits(double value) {
    uint64_t same;
    memcpy(&same, &value, sizeof same);
    return same;
}

#define INVOKERS(name, types, ...)                                                                           \
    static uint64_t name(void *function, const struct arguments *a) {                                        \
        return ((uint64_t(*)types)function)(__VA_ARGS__);                                                    \
    }                                                                                                        \
    static uint64_t name##_float(void *function, const struct arguments *a) {                                \
        return bits(((double(*)types)function)(__VA_ARGS__));                                                \
    }

INVOKERS(with_0, (REGISTER_TYPES), REGISTERS)
INVOKERS(with_8, (REGISTER_TYPES, TYPES_8(word)), REGISTERS, ITEMS_8(a->stack, 0))
INVOKERS(with_32, (REGISTER_TYPES, TYPES_32(word)), REGISTERS, ITEMS_32(a->stack, 0))
INVOKERS(with_128, (REGISTER_TYPES, TYPES_128(word)), REGISTERS, ITEMS_128(a->stack, 0))

invoker invoker_for(size_t stack_words, int returns_float) {
    if (stack_words == 0)
        return returns_float ? with_0_float : with_0;
    if (stack_words <= 8)
        return returns_float ? with_8_float : with_8;
    if (stack_words <= 32)
        return returns_float ? with_32_float : with_32;
    if (stack_words <= STACK_SLOTS)
        return returns_float ? with_128_float : with_128;
    return NULL;
}
