/* The processor's own counters around calls, where the kernel lets us have them. */
#ifndef ONTARGET_COUNTERS_H
#define ONTARGET_COUNTERS_H

#include "bytes.h"
#include "protocol.h"

enum status count_calls(struct cursor *request, struct bytes *answer);

#endif
