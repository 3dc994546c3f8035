/* Who may use the device: the store, token and owner kept in the deploy root. A newer token ends older agents. */
#ifndef ONTARGET_FENCE_H
#define ONTARGET_FENCE_H

#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* Enter with this store and token, for `owner`; STATUS_OK, STATUS_FENCED or STATUS_FAILED with the reason in `why`. */
enum status fence_enter(const char *root, const char *store, uint64_t token, const char *owner, char *why, size_t room);
/* Whether the device is still ours; if not, `why` says whose it is. */
bool fence_holds(char *why, size_t room);
/* The locked descriptor that processes inherit that run as the agent's own user, which tells them apart from others'
 * agents': the lock is free once the last of them is gone. */
int fence_lock(void);
/* Whether the agent with this number, or anything that it started, lives. */
bool fence_agent_lives(const char *root, const char *number);
void fence_leave(void);

#endif
