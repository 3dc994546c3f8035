/* Calls: decoded once, run or timed as often as asked. */
#ifndef ONTARGET_CALLS_H
#define ONTARGET_CALLS_H

#include "bytes.h"
#include "protocol.h"

enum status call_bind(struct cursor *request, struct bytes *answer);
enum status call_chain(struct cursor *request);
enum status call_run(struct cursor *request, struct bytes *answer);
enum status call_inline(struct cursor *request, struct bytes *answer);
enum status call_time(struct cursor *request, struct bytes *answer);

#endif
