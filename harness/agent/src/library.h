/* The library under test. */
#ifndef ONTARGET_LIBRARY_H
#define ONTARGET_LIBRARY_H

#include "bytes.h"
#include "protocol.h"

enum status library_load(struct cursor *request, struct bytes *answer);
void *library_symbol(const char *name); /* NULL if there is none */

#endif
