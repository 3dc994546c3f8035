/* Two workers in turns: while one is timed, the other is stopped. */
#ifndef ONTARGET_DUET_H
#define ONTARGET_DUET_H

#include "workers.h"

void duet_begin(struct header header, struct cursor *request);
void duet_stopped(struct worker *worker); /* all of its threads are */
void duet_lost(struct worker *worker);    /* a worker of the duet ended */
uint64_t duet_deadline(void);             /* in ns; 0 if there is no duet, or none */
void duet_time_out(void);

#endif
