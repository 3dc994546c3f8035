/* What a process can leave behind where everybody may: files, and System V IPC. */
#ifndef ONTARGET_LITTER_H
#define ONTARGET_LITTER_H

#include <stdbool.h>
#include <sys/types.h>

/* Remove all that belongs to a user of whom `is_one(user, context)` says so, whose processes have ended. */
void litter_remove(bool (*is_one)(uid_t, const void *), const void *context);

#endif
