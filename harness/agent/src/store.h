/* The content-addressed file store: <root>/<sha256>/<name>. What is being uploaded is in <root>/tmp. */
#ifndef ONTARGET_STORE_H
#define ONTARGET_STORE_H

#include "bytes.h"
#include "protocol.h"

/* Each answers with a status and, in `answer`, what frames.py says or a text for people. */
enum status store_stat(const char *root, struct cursor *request, struct bytes *answer);
enum status store_begin(const char *root, struct cursor *request, struct bytes *answer);
enum status store_data(struct cursor *request, struct bytes *answer);
enum status store_end(const char *root, struct bytes *answer);
enum status store_sweep(const char *root, struct cursor *request, struct bytes *answer);
enum status read_file(struct cursor *request, struct bytes *answer);

void store_clean(const char *root); /* remove what agents that are gone left in tmp */
void store_clean_programs(const char *root); /* remove what cut-off uploads of the agent itself left */
void store_wipe(const char *root);  /* remove all files stored */
void store_abandon(void);           /* the upload that is open, if any */

#endif
