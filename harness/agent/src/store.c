#include "store.h"

#include "fence.h"
#include "paths.h"
#include "sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    int fd;
    char *path, *digest, *name;
    uint64_t size, got;
    struct sha256 hash;
} upload = {.fd = -1};

static unsigned serial; /* of names in tmp */

static enum status say(struct bytes *answer, enum status status, const char *what, const char *reason) {
    answer->size = 0;
    bytes_add(answer, what, strlen(what));
    bytes_add(answer, ": ", 2);
    bytes_add(answer, reason, strlen(reason));
    return status;
}

static enum status system_says(struct bytes *answer, const char *what) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return say(answer, full ? STATUS_FULL : STATUS_FAILED, what, strerror(errno));
}

static char *temporary(const char *root) {
    char name[48], *folder = joined(root, "tmp");
    snprintf(name, sizeof name, "%ld-%u", (long)getpid(), serial++);
    char *path = make_folders(folder) ? joined(folder, name) : NULL;
    free(folder);
    return path;
}

void store_abandon(void) {
    if (upload.fd >= 0)
        close(upload.fd);
    if (upload.path != NULL)
        unlink(upload.path);
    free(upload.path);
    free(upload.digest);
    free(upload.name);
    memset(&upload, 0, sizeof upload);
    upload.fd = -1;
}

/* Whatever somebody else put there is not what we stored. */
static bool is_ours(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 && found.st_uid == geteuid();
}

enum status store_stat(const char *root, struct cursor *request, struct bytes *answer) {
    char *digest = take_string(request), *name = take_string(request);
    enum status status = STATUS_PROTOCOL;
    if (cursor_done(request) && digest_name(digest) && plain_name(name)) {
        char *folder = joined(root, digest), *path = joined(folder, name);
        struct stat found;
        status = STATUS_ABSENT;
        if (is_ours(folder) && is_ours(path) && lstat(path, &found) == 0 && S_ISREG(found.st_mode)) {
            utimensat(AT_FDCWD, folder, NULL, 0); /* its last use, for store_sweep */
            bytes_u64(answer, (uint64_t)found.st_size);
            status = STATUS_OK;
        }
        free(path);
        free(folder);
    }
    free(digest);
    free(name);
    return status;
}

enum status store_begin(const char *root, struct cursor *request, struct bytes *answer) {
    store_abandon();
    upload.digest = take_string(request);
    upload.name = take_string(request);
    bool executable = take_u8(request) != 0;
    upload.size = take_u64(request);
    if (!cursor_done(request) || !digest_name(upload.digest) || !plain_name(upload.name)) {
        store_abandon();
        return STATUS_PROTOCOL;
    }
    upload.path = temporary(root);
    if (upload.path != NULL)
        upload.fd = open(upload.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (upload.fd < 0 || fchmod(upload.fd, executable ? 0755 : 0644) != 0) {
        enum status status = system_says(answer, "can't make a file in the deploy root");
        store_abandon();
        return status;
    }
    sha256_begin(&upload.hash);
    return STATUS_OK;
}

enum status store_data(struct cursor *request, struct bytes *answer) {
    if (upload.fd < 0)
        return STATUS_SKIPPED; /* an earlier frame of this upload was answered with the reason */
    size_t size = cursor_left(request);
    const uint8_t *data = request->at;
    sha256_add(&upload.hash, data, size);
    upload.got += size;
    while (size > 0) {
        ssize_t put = write(upload.fd, data, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            enum status status = system_says(answer, "can't store the file");
            store_abandon();
            return status;
        }
        data += put;
        size -= (size_t)put;
    }
    return STATUS_OK;
}

static enum status publish(const char *root, struct bytes *answer) {
    /* Data before name, so that a power cut can't leave a whole name with half its data. */
    if (fdatasync(upload.fd) != 0 && errno != EINVAL && errno != ENOSYS)
        return system_says(answer, "can't store the file");
    char *folder = joined(root, upload.digest), *path = joined(folder, upload.name);
    enum status status = STATUS_OK;
    if (!make_folders(folder) || rename(upload.path, path) != 0)
        status = system_says(answer, "can't name the stored file");
    else
        utimensat(AT_FDCWD, folder, NULL, 0);
    free(path);
    free(folder);
    return status;
}

enum status store_end(const char *root, struct bytes *answer) {
    if (upload.fd < 0)
        return STATUS_SKIPPED;
    char digest[65], text[160];
    sha256_end(&upload.hash, digest);
    enum status status;
    if (upload.got != upload.size || strcmp(digest, upload.digest) != 0) {
        snprintf(text, sizeof text, "%llu bytes with SHA-256 %s", (unsigned long long)upload.got, digest);
        status = say(answer, STATUS_MISMATCH, "arrived", text);
    } else {
        status = publish(root, answer);
    }
    store_abandon();
    return status;
}

enum status read_file(struct cursor *request, struct bytes *answer) {
    uint32_t most = take_u32(request);
    char *path = take_string(request);
    if (!cursor_done(request) || most > MAX_PAYLOAD) {
        free(path);
        return STATUS_PROTOCOL;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    free(path);
    struct stat found;
    bool regular = fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
    if (fd >= 0 && !regular)
        errno = EINVAL;
    uint8_t part[4096];
    ssize_t got = regular ? 0 : -1;
    while (regular && answer->size < most) {
        got = read(fd, part, most - answer->size < sizeof part ? most - answer->size : sizeof part);
        if (got <= 0)
            break;
        bytes_add(answer, part, (size_t)got);
    }
    enum status status = got < 0 ? say(answer, STATUS_ABSENT, "can't read", strerror(errno)) : STATUS_OK;
    if (fd >= 0)
        close(fd);
    return status;
}

void store_clean(const char *root) {
    char *folder = joined(root, "tmp"), own[16];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        char owner[16] = "";
        if (!plain_name(entry->d_name) || sscanf(entry->d_name, "%15[0-9]-", owner) != 1)
            continue;
        if (strcmp(owner, own) != 0 && fence_agent_lives(root, owner))
            continue;
        char *path = joined(folder, entry->d_name);
        remove_tree(path);
        free(path);
    }
    if (entries != NULL)
        closedir(entries);
    free(folder);
}

/* Temporary names begin with a dot: see the transports' `put`. */
void store_clean_programs(const char *root) {
    char *folder = joined(root, "agent");
    DIR *versions = opendir(folder);
    for (struct dirent *version; versions != NULL && (version = readdir(versions)) != NULL;) {
        if (!digest_name(version->d_name))
            continue;
        char *inner = joined(folder, version->d_name);
        DIR *files = opendir(inner);
        for (struct dirent *file; files != NULL && (file = readdir(files)) != NULL;)
            if (file->d_name[0] == '.' && plain_name(file->d_name))
                unlinkat(dirfd(files), file->d_name, 0);
        if (files != NULL)
            closedir(files);
        free(inner);
    }
    if (versions != NULL)
        closedir(versions);
    free(folder);
}

struct stored {
    char digest[65];
    time_t used;
    uint64_t size;
    bool kept;
};

static int older_first(const void *a, const void *b) {
    time_t x = ((const struct stored *)a)->used, y = ((const struct stored *)b)->used;
    return (x > y) - (x < y);
}

static struct stored *list(const char *root, size_t *count) {
    struct stored *all = NULL;
    DIR *entries = opendir(root);
    *count = 0;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        struct stat found;
        if (!digest_name(entry->d_name) || fstatat(dirfd(entries), entry->d_name, &found, 0) != 0)
            continue;
        all = need(realloc(all, (*count + 1) * sizeof *all));
        struct stored *one = &all[(*count)++];
        char *path = joined(root, entry->d_name);
        *one = (struct stored){.used = found.st_mtime, .size = tree_size(path)};
        memcpy(one->digest, entry->d_name, sizeof one->digest);
        free(path);
    }
    if (entries != NULL)
        closedir(entries);
    if (*count > 0)
        qsort(all, *count, sizeof *all, older_first);
    return all;
}

/* Out of sight first, in one step: a folder that is being emptied must not look whole. */
static bool discard(const char *root, const char *digest) {
    char *path = joined(root, digest), *hidden = temporary(root);
    bool gone = hidden != NULL && rename(path, hidden) == 0 && remove_tree(hidden);
    free(hidden);
    free(path);
    return gone;
}

void store_wipe(const char *root) {
    size_t count;
    struct stored *all = list(root, &count);
    for (size_t i = 0; i < count; i++)
        discard(root, all[i].digest);
    free(all);
}

enum status store_sweep(const char *root, struct cursor *request, struct bytes *answer) {
    uint64_t most_seconds = take_u64(request), most_bytes = take_u64(request), total = 0;
    size_t count, removed = 0;
    struct stored *all = list(root, &count);
    for (size_t kept = take_u16(request); kept > 0 && !request->bad; kept--) {
        char *digest = take_string(request);
        for (size_t i = 0; i < count; i++)
            all[i].kept |= strcmp(all[i].digest, digest) == 0;
        free(digest);
    }
    for (size_t i = 0; i < count; i++)
        total += all[i].size;
    struct bytes names = {0};
    time_t now = time(NULL);
    for (size_t i = 0; i < count && cursor_done(request) && removed < 8192; i++) {
        uint64_t age = now > all[i].used ? (uint64_t)(now - all[i].used) : 0;
        if (all[i].kept || (age <= most_seconds && total <= most_bytes) || !discard(root, all[i].digest))
            continue;
        total -= all[i].size;
        bytes_string(&names, all[i].digest);
        removed++;
    }
    free(all);
    bytes_u16(answer, (uint16_t)removed);
    bytes_add(answer, names.data, names.size);
    bytes_free(&names);
    return cursor_done(request) ? STATUS_OK : STATUS_PROTOCOL;
}
