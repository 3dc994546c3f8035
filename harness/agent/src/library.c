#include "library.h"

#include "crash.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *library;

static enum status say(struct bytes *answer, enum status status, const char *path, const char *what) {
    bytes_add(answer, path, strlen(path));
    bytes_add(answer, ": ", 2);
    bytes_add(answer, what, strlen(what));
    return status;
}

static bool read_header(const char *path, unsigned char *header, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, header, size);
    if (fd >= 0)
        close(fd);
    return got == (ssize_t)size;
}

/* dlopen says "no such file" of a library for another machine, so look first. */
static enum status check(const char *path, struct bytes *answer) {
    unsigned char ours[20], theirs[20];
    char text[128];
    errno = 0;
    if (!read_header(path, theirs, sizeof theirs))
        return say(answer, STATUS_ABSENT, path, errno == 0 ? "is no ELF file" : strerror(errno));
    if (!read_header("/proc/self/exe", ours, sizeof ours))
        return say(answer, STATUS_FAILED, "/proc/self/exe", strerror(errno));
    if (memcmp(theirs, ELFMAG, SELFMAG) != 0)
        return say(answer, STATUS_WRONG_ABI, path, "is no ELF file");
    if (theirs[EI_CLASS] == ours[EI_CLASS] && theirs[EI_DATA] == ours[EI_DATA] && theirs[18] == ours[18] &&
        theirs[19] == ours[19])
        return STATUS_OK;
    snprintf(text, sizeof text, "is %d-bit code for ELF machine %d; this device runs %d-bit code for machine %d",
             theirs[EI_CLASS] * 32, theirs[18] | theirs[19] << 8, ours[EI_CLASS] * 32, ours[18] | ours[19] << 8);
    return say(answer, STATUS_WRONG_ABI, path, text);
}

static enum status open_one(const char *path, void **handle, struct bytes *answer) {
    enum status status = check(path, answer);
    if (status != STATUS_OK)
        return status;
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*handle != NULL)
        return STATUS_OK;
    const char *reason = dlerror();
    bytes_add(answer, reason, strlen(reason));
    return STATUS_NO_LIBRARY;
}

enum status library_load(struct cursor *request, struct bytes *answer) {
    char *path = take_string(request);
    enum status status = library == NULL ? STATUS_OK : STATUS_PROTOCOL;
    /* Dependencies first: what is loaded already is found by its SONAME, wherever it lies. */
    for (size_t left = take_u16(request); left > 0 && status == STATUS_OK; left--) {
        char *dependency = take_string(request);
        void *handle;
        status = request->bad ? STATUS_PROTOCOL : open_one(dependency, &handle, answer);
        free(dependency);
    }
    if (status == STATUS_OK && !cursor_done(request))
        status = STATUS_PROTOCOL;
    if (status == STATUS_OK)
        status = open_one(path, &library, answer);
    free(path);
    crash_learn_objects();
    return status;
}

void *library_symbol(const char *name) { return library == NULL ? NULL : dlsym(library, name); }
