#include "litter.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if !defined(__ANDROID__) /* which has no System V IPC */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#endif

enum { DEEPEST = 32, MOST_ROUNDS = 4096 };

/* Where anybody may write on a usual system; below them, folders that anybody may write to are looked into as well. */
static const char *const places[] = {"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/var/lock",
                                     "/var/crash", "/data/local/tmp"};

struct search {
    bool (*is_one)(uid_t, const void *);
    const void *context;
    int top; /* the place that is being searched */
    dev_t device;
    unsigned moved; /* folders that were too deep, and are at the top now for the next round */
};

/* By descriptors only, so that no link leads elsewhere, whoever changes what meanwhile. */
static void clean(struct search *search, int fd, int depth) {
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        struct stat found;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            fstatat(dirfd(folder), name, &found, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        bool theirs = search->is_one(found.st_uid, search->context);
        if (!S_ISDIR(found.st_mode)) {
            if (theirs)
                unlinkat(dirfd(folder), name, 0);
            continue;
        }
        if (found.st_dev != search->device || (!theirs && (found.st_mode & S_IWOTH) == 0))
            continue;
        if (depth == DEEPEST) {
            char up[64];
            snprintf(up, sizeof up, ".ontarget-%ld-%u", (long)getpid(), search->moved);
            if (theirs && renameat(dirfd(folder), name, search->top, up) == 0)
                search->moved++;
            continue;
        }
        int inner = openat(dirfd(folder), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0)
            clean(search, inner, depth + 1);
        if (theirs)
            unlinkat(dirfd(folder), name, AT_REMOVEDIR);
    }
    closedir(folder);
}

static void clean_place(struct search *search, const char *place) {
    for (unsigned round = 0, before = search->moved; round < MOST_ROUNDS; round++, before = search->moved) {
        struct stat found;
        search->top = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (search->top < 0)
            return;
        int fd = fcntl(search->top, F_DUPFD_CLOEXEC, 0);
        if (fd >= 0 && fstat(fd, &found) == 0) {
            search->device = found.st_dev;
            clean(search, fd, 0);
        }
        close(search->top);
        if (search->moved == before)
            return;
    }
}

#if !defined(__ANDROID__)
/* The tables in /proc/sysvipc: `identity`, `user` and `creator` are columns, counted from 0. */
static void clean_ipc(const struct search *search, const char *table, int identity, int user, int creator,
                      void (*end)(int)) {
    char line[512];
    FILE *file = fopen(table, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        long columns[16] = {0};
        int count = 0;
        char *rest = line;
        for (char *word; count < 16 && (word = strtok_r(rest, " \n", &rest)) != NULL; count++)
            columns[count] = strtol(word, NULL, 10);
        if (count > creator && (search->is_one((uid_t)columns[user], search->context) ||
                                search->is_one((uid_t)columns[creator], search->context)))
            end((int)columns[identity]);
    }
    if (file != NULL)
        fclose(file);
}

static void end_memory(int identity) { shmctl(identity, IPC_RMID, NULL); }
static void end_queue(int identity) { msgctl(identity, IPC_RMID, NULL); }
static void end_semaphores(int identity) { semctl(identity, 0, IPC_RMID); }
#endif

void litter_remove(bool (*is_one)(uid_t, const void *), const void *context) {
    struct search search = {.is_one = is_one, .context = context};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        clean_place(&search, places[i]);
#if !defined(__ANDROID__)
    clean_ipc(&search, "/proc/sysvipc/shm", 1, 7, 9, end_memory);
    clean_ipc(&search, "/proc/sysvipc/msg", 1, 7, 9, end_queue);
    clean_ipc(&search, "/proc/sysvipc/sem", 1, 4, 6, end_semaphores);
#endif
}
