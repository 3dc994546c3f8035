/* Calling any function: its arguments are laid out by the host into registers and stack words of this machine's ABI,
 * and passed by calling it as a function that takes all of them. More than it takes does no harm: the caller clears
 * the stack. Sources: System V ABI for x86-64, 3.2.3; AAPCS64, 6.8; AAPCS32, 6.5 with 7.1 (VFP). */
#ifndef ONTARGET_INVOKE_H
#define ONTARGET_INVOKE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { GENERAL_SLOTS = 6, FLOAT_SLOTS = 8 };
typedef double float_slot;
#elif defined(__aarch64__)
enum { GENERAL_SLOTS = 8, FLOAT_SLOTS = 8 };
typedef double float_slot;
#elif defined(__arm__) && defined(__ARM_PCS_VFP)
enum { GENERAL_SLOTS = 4, FLOAT_SLOTS = 16 };
typedef float float_slot;
#elif defined(__arm__)
#error "32-bit ARM with a soft-float calling convention is not laid out; build with -mfloat-abi=hard"
#else
#error "this ABI is not laid out"
#endif

enum { STACK_SLOTS = 128 };

typedef uintptr_t word;

struct arguments {
    word general[GENERAL_SLOTS];
    float_slot floats[FLOAT_SLOTS];
    word stack[STACK_SLOTS];
};

/* Calls `function`; its result, whole, from the general or the float registers. */
typedef uint64_t (*invoker)(void *function, const struct arguments *arguments);

/* NULL if there are more stack words than can be passed. */
invoker invoker_for(size_t stack_words, int returns_float);

#endif
