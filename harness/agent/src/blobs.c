#include "blobs.h"

#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif

struct blob {
    struct blob *next;
    uint32_t id;
    int fd;
    bool handed_out; /* and so not to be changed any more, by anybody */
    uint64_t size;
};

static struct blob *blobs;

static struct blob **find(uint32_t id) {
    struct blob **at = &blobs;
    while (*at != NULL && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

int unnamed_memory(const char *root) {
    int fd = -1;
#ifdef SYS_memfd_create /* bionic has no function for it before API 30 */
    fd = (int)syscall(SYS_memfd_create, "ontarget", 3u /* MFD_CLOEXEC, MFD_ALLOW_SEALING */);
#endif
    if (fd >= 0)
        return fd;
    char *path = joined(root, "blob-XXXXXX");
    fd = mkstemp(path);
    if (fd >= 0) {
        unlink(path);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    free(path);
    return fd;
}

static bool is_unnamed_file(int fd) { return fcntl(fd, F_ADD_SEALS, 0) != 0; }

bool keep_size(int memory) {
    return is_unnamed_file(memory) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
}

/* Code under test gets the descriptor, and others' inputs come from it. */
static bool hand_out(struct blob *blob) {
    if (blob->handed_out)
        return true;
    if (is_unnamed_file(blob->fd)) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", blob->fd);
        int reading = open(path, O_RDONLY | O_CLOEXEC);
        if (reading < 0)
            return false;
        close(blob->fd);
        blob->fd = reading;
    } else if (fcntl(blob->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        return false;
    }
    return blob->handed_out = true;
}

static enum status fail(struct bytes *answer) {
    const char *reason = strerror(errno);
    bytes_add(answer, reason, strlen(reason));
    return errno == ENOSPC || errno == ENOMEM || errno == EFBIG ? STATUS_FULL : STATUS_FAILED;
}

enum status blob_begin(const char *root, struct cursor *request, struct bytes *answer) {
    uint32_t id = take_u32(request);
    uint64_t size = take_u64(request);
    if (!cursor_done(request) || id == 0 || *find(id) != NULL || size > INT64_MAX)
        return STATUS_PROTOCOL;
    int fd = unnamed_memory(root);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        enum status status = fail(answer);
        if (fd >= 0)
            close(fd);
        return status;
    }
    struct blob *blob = need(malloc(sizeof *blob));
    *blob = (struct blob){.next = blobs, .id = id, .fd = fd, .size = size};
    blobs = blob;
    return STATUS_OK;
}

enum status blob_data(struct cursor *request, struct bytes *answer) {
    struct blob *blob = *find(take_u32(request));
    uint64_t offset = take_u64(request), size = cursor_left(request);
    if (request->bad || blob == NULL || blob->handed_out || offset > blob->size || size > blob->size - offset)
        return STATUS_PROTOCOL;
    while (size > 0) {
        ssize_t put = pwrite(blob->fd, request->at, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail(answer);
        request->at += put;
        offset += (uint64_t)put;
        size -= (uint64_t)put;
    }
    return STATUS_OK;
}

enum status blob_free(struct cursor *request) {
    struct blob **at = find(take_u32(request)), *blob = *at;
    if (!cursor_done(request) || blob == NULL)
        return STATUS_PROTOCOL;
    *at = blob->next;
    close(blob->fd);
    free(blob);
    return STATUS_OK;
}

int blob_fd(uint32_t id) {
    struct blob *blob = *find(id);
    return blob == NULL || !hand_out(blob) ? -1 : blob->fd;
}
