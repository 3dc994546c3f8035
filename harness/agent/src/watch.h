/* Samples files (clocks, temperatures, throttle flags) between the bursts of a duet, when neither side runs. */
#ifndef ONTARGET_WATCH_H
#define ONTARGET_WATCH_H

#include "bytes.h"
#include "protocol.h"

enum status watch_set(struct cursor *request);
enum status watch_take(struct cursor *request, struct bytes *answer);
void watch_begin(uint64_t now); /* of a duet; times are in ns */
void watch_look(void);          /* samples, if it is time */
void watch_end(uint64_t now);   /* of the duet */

#endif
