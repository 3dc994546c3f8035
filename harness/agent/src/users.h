/* A user of its own for each process that runs code under test, where the agent is root. What that user has running or
 * lying about, in whatever way it got away from its process, is ended and removed by its number. */
#ifndef ONTARGET_USERS_H
#define ONTARGET_USERS_H

#include <stdbool.h>
#include <sys/types.h>

void users_begin(const char *root); /* before all else; does nothing unless the agent is root */
bool users_there(void);             /* whether there are users to give */
uid_t user_take(void);              /* one that no other agent has; 0 if there is none to be had */
void user_end(uid_t user);          /* its process is reaped: end what else it has running, and keep it for another */
void users_leave(void);             /* end and remove all that ours have left */
void users_clean(void);             /* the same for users of agents that are gone */

#endif
