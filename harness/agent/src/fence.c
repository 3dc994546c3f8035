#include "fence.h"

#include "bytes.h"
#include "paths.h"
#include "store.h"
#include "users.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STORE_ROOM = 512, OWNER_ROOM = 256, PATIENCE_MS = 10000, STEP_MS = 10 };

/* The fence has a line for each, and so has an agent's own file, of the lease that it serves. */
struct holder {
    char store[STORE_ROOM];
    uint64_t token;
    char owner[OWNER_ROOM];
    bool ready; /* what was before this holder has ended and is cleaned up */
};

static char *fence_path, *own_path;
static int own_lock = -1;
static struct holder own;

int fence_lock(void) { return own_lock; }

static bool read_fence(const char *path, struct holder *holder) {
    char text[STORE_ROOM + OWNER_ROOM + 64], *end;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    char *line = strchr(text, '\n');
    if (line == NULL || (size_t)(line - text) >= sizeof holder->store)
        return false;
    *line = '\0';
    memcpy(holder->store, text, (size_t)(line - text) + 1);
    holder->token = strtoull(line + 1, &end, 10);
    char *owner = *end == '\n' ? end + 1 : end;
    size_t length = strcspn(owner, "\n");
    snprintf(holder->owner, sizeof holder->owner, "%.*s", (int)length, owner);
    holder->ready = strcmp(owner + length, "\nready\n") == 0;
    return true;
}

static bool write_holder(int fd, bool ready) {
    unsigned long long token = own.token;
    return dprintf(fd, "%s\n%llu\n%s\n%s", own.store, token, own.owner, ready ? "ready\n" : "") > 0;
}

static bool write_fence(const char *path, bool ready) {
    char *fresh = joined(path, "new");
    *strrchr(fresh, '/') = '.';
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool written = fd >= 0 && write_holder(fd, ready);
    if (fd >= 0 && close(fd) != 0)
        written = false;
    written = written && rename(fresh, path) == 0;
    free(fresh);
    return written;
}

static bool same(const struct holder *a, const struct holder *b) {
    return a->token == b->token && strcmp(a->store, b->store) == 0;
}

static const char *shown(const struct holder *holder) {
    return holder->owner[0] == '\0' ? "nobody named" : holder->owner;
}

bool fence_holds(char *why, size_t room) {
    struct holder now;
    if (!read_fence(fence_path, &now)) {
        snprintf(why, room, "the fence %s is gone", fence_path);
        return false;
    }
    if (same(&now, &own))
        return true;
    snprintf(why, room, "the device was taken with token %llu of store %s, by %s; ours was %llu of %s",
             (unsigned long long)now.token, now.store, shown(&now), (unsigned long long)own.token, own.store);
    return false;
}

/* An open descriptor of the file if somebody else holds its lock, else -1; a file left behind is removed. */
static int open_if_held(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        unlink(path);
        close(fd);
        return -1;
    }
    return fd;
}

bool fence_agent_lives(const char *root, const char *number) {
    char *agents = joined(root, "agents"), *path = joined(agents, number);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool lives = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    free(path);
    free(agents);
    return lives;
}

/* SIGKILL for every other process that has this file open. */
static void kill_openers(const struct stat *file) {
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || pid == (long)getpid())
            continue;
        char path[64];
        snprintf(path, sizeof path, "/proc/%ld/fd", pid);
        DIR *open_files = opendir(path);
        if (open_files == NULL)
            continue;
        for (struct dirent *link; (link = readdir(open_files)) != NULL;) {
            struct stat found;
            if (fstatat(dirfd(open_files), link->d_name, &found, 0) == 0 && found.st_dev == file->st_dev &&
                found.st_ino == file->st_ino) {
                kill((pid_t)pid, SIGKILL);
                break;
            }
        }
        closedir(open_files);
    }
    closedir(processes);
}

/* End the agent that holds the lock of `fd`, with all that it started. */
static bool end_agent(int fd) {
    struct stat file;
    if (fstat(fd, &file) != 0)
        return false;
    for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (waited % 100 == 0)
            kill_openers(&file);
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    return false;
}

/* Look at all agents of this root that serve other leases: count them, or end them. False if one can't be ended. */
static bool other_agents(const char *agents, bool end, int *living, char *why, size_t room) {
    DIR *folder = opendir(agents);
    *living = 0;
    if (folder == NULL) {
        snprintf(why, room, "can't list %s: %s", agents, strerror(errno));
        return false;
    }
    bool ended = true;
    for (struct dirent *entry; ended && (entry = readdir(folder)) != NULL;) {
        if (!plain_name(entry->d_name))
            continue;
        char *path = joined(agents, entry->d_name);
        int fd = strcmp(path, own_path) == 0 ? -1 : open_if_held(path);
        struct holder theirs;
        if (fd >= 0 && read_fence(path, &theirs) && same(&theirs, &own)) {
            close(fd);
        } else if (fd >= 0) {
            ++*living;
            if (end && !(ended = end_agent(fd)))
                snprintf(why, room, "the older agent %s, or a process that it started, does not end", entry->d_name);
            if (end && ended)
                unlink(path);
            close(fd);
        }
        free(path);
    }
    closedir(folder);
    return ended;
}

static enum status decide(const char *root, const char *agents, char *why, size_t room) {
    struct holder now;
    int living = 0;
    bool known = read_fence(fence_path, &now), again = known && same(&now, &own);
    bool foreign = known && strcmp(now.store, own.store) != 0;
    if (known && !foreign && now.token > own.token) {
        snprintf(why, room, "the device was taken with the newer token %llu of store %s, by %s; ours is %llu",
                 (unsigned long long)now.token, now.store, shown(&now), (unsigned long long)own.token);
        return STATUS_FENCED;
    }
    if (foreign && !other_agents(agents, false, &living, why, room))
        return STATUS_FAILED;
    if (living > 0) {
        snprintf(why, room,
                 "the device is in use by an agent of another store, %s (ours is %s), for %s; wait until it ends",
                 now.store, own.store, shown(&now));
        return STATUS_FENCED;
    }
    /* First the name of whoever ends the others, since their clients will look for it. */
    bool written = again || write_fence(fence_path, false);
    if (written && !other_agents(agents, true, &living, why, room))
        return STATUS_FAILED;
    if (written && !(again && now.ready)) {
        bool same_owner = known && !foreign && !again && now.ready && strcmp(now.owner, own.owner) == 0;
        if (getuid() != 0 && !same_owner)
            store_wipe(root); /* the last owner's code ran as the user who owns the files */
        store_clean_programs(root);
        written = write_fence(fence_path, true);
    }
    if (!written)
        snprintf(why, room, "can't write %s: %s", fence_path, strerror(errno));
    return written ? STATUS_OK : STATUS_FAILED;
}

/* Whether nobody but us and root can put other things into a folder of ours in the root's place. */
static bool is_safe(const char *root, char *why, size_t room) {
    struct stat found;
    if (!make_folders(root)) {
        snprintf(why, room, "can't make the deploy root %s: %s", root, strerror(errno));
        return false;
    }
    if (lstat(root, &found) != 0 || !S_ISDIR(found.st_mode)) {
        snprintf(why, room, "expected the deploy root %s to be a folder, and no link to one", root);
        return false;
    }
    if (found.st_uid == getuid() || getuid() == 0) { /* those who run code under test must get through */
        if ((found.st_uid == getuid() || chown(root, 0, 0) == 0) && chmod(root, 0755) == 0)
            return true;
    }
    snprintf(why, room,
             "the deploy root %s belongs to user %lu, and this agent runs as %lu: remove it, or name another",
             root, (unsigned long)found.st_uid, (unsigned long)getuid());
    return false;
}

enum status fence_enter(const char *root, const char *store, uint64_t token, const char *owner, char *why,
                        size_t room) {
    if (strlen(store) >= STORE_ROOM || strlen(owner) >= OWNER_ROOM || strpbrk(store, "\n") || strpbrk(owner, "\n")) {
        snprintf(why, room, "the name of store or owner is longer than %d or %d bytes, or has a line break",
                 STORE_ROOM - 1, OWNER_ROOM - 1);
        return STATUS_FAILED;
    }
    snprintf(own.store, sizeof own.store, "%s", store);
    snprintf(own.owner, sizeof own.owner, "%s", owner);
    own.token = token;
    char *agents = joined(root, "agents"), *gate_path = joined(root, "fence.lock"), number[16];
    snprintf(number, sizeof number, "%ld", (long)getpid());
    fence_path = joined(root, "fence");
    own_path = joined(agents, number);
    enum status status = STATUS_FAILED;
    int gate = -1;
    /* A lock can be held by whoever can open its file, so nobody else can. */
    if (is_safe(root, why, room) &&
        (!make_folders(agents) || chmod(agents, 0700) != 0 ||
         (gate = open(gate_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0 || fchmod(gate, 0600) != 0 ||
         flock(gate, LOCK_EX) != 0)) {
        snprintf(why, room, "can't use %s: %s", gate_path, strerror(errno));
    } else if (gate >= 0) {
        unlink(own_path); /* of an agent of the same number, long gone */
        own_lock = open(own_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (own_lock < 0 || flock(own_lock, LOCK_EX | LOCK_NB) != 0 || !write_holder(own_lock, false))
            snprintf(why, room, "can't lock %s: %s", own_path, strerror(errno));
        else
            status = decide(root, agents, why, room);
        if (status == STATUS_OK) {
            users_begin(root);
            users_clean();
            store_clean(root);
        } else {
            fence_leave();
        }
    }
    if (gate >= 0)
        close(gate);
    free(gate_path);
    free(agents);
    return status;
}

void fence_leave(void) {
    if (own_lock >= 0) {
        unlink(own_path);
        close(own_lock);
        own_lock = -1;
    }
}
