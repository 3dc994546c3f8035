/* Content that workers map as their buffers' initial content: sent once, kept in shared memory. */
#ifndef ONTARGET_BLOBS_H
#define ONTARGET_BLOBS_H

#include "bytes.h"
#include "protocol.h"

enum status blob_begin(const char *root, struct cursor *request, struct bytes *answer);
enum status blob_data(struct cursor *request, struct bytes *answer);
enum status blob_free(struct cursor *request);
/* For a worker, and from then on nobody can change the blob; -1 if there is none. */
int blob_fd(uint32_t blob);

/* A descriptor of unnamed memory; where the kernel has none, of a file in `root` without a name. -1 with errno. */
int unnamed_memory(const char *root);
/* Let nobody change its size, which would end whoever has it mapped. */
bool keep_size(int memory);

#endif
