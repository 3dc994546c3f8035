/* What a dying worker leaves in a page that it shares with the agent. */
#ifndef ONTARGET_CRASH_H
#define ONTARGET_CRASH_H

#include <stdint.h>

enum { FRAME_ROOM = 320 };

struct crash_page {
    volatile uint32_t started;  /* the worker got as far as its first frame */
    volatile uint32_t recorded; /* a signal handler wrote what follows */
    int32_t signal, code;       /* si_signo, si_code */
    uint64_t address, counter;  /* fault address, program counter */
    char frame[FRAME_ROOM];     /* of the program counter, "library+0xoffset (symbol)" */
    char memory[FRAME_ROOM];    /* which buffer the fault address is beside */
    char caller[FRAME_ROOM];    /* the innermost return address outside the system's libraries, where frame is in one */
};

void crash_watch(struct crash_page *page); /* install the handlers */
void crash_learn_objects(void);            /* after a library was loaded: what lies where */

#endif
