/* Who may use the device: the (store, token) kept in the deploy root. A newer token ends older agents. */
#ifndef ONTARGET_FENCE_H
#define ONTARGET_FENCE_H

#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* Enter with this store and token; STATUS_OK, STATUS_FENCED or STATUS_FAILED with the reason in `why`. */
enum status fence_enter(const char *root, const char *store, uint64_t token, char *why, size_t room);
/* Whether the device is still ours; if not, `why` says whose it is. */
bool fence_holds(char *why, size_t room);
/* The locked descriptor that all processes of this agent inherit: the lock is free once the last of them is gone. */
int fence_lock(void);
/* Whether the agent with this number, or anything that it started, lives. */
bool fence_agent_lives(const char *root, const char *number);
void fence_leave(void);

#endif
