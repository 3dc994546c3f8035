#include "users.h"

#include "bytes.h"
#include "litter.h"
#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Numbers that systemd's table of users leaves unused; the second where a container has 16-bit ones only. Each range is
 * followed by as many again for the processes that end the users' own. */
static const struct range {
    uid_t first;
    unsigned count;
} ranges[] = {{1879048192, 4096}, {60706, 239}};

enum { PATIENCE_MS = 5000, STEP_MS = 5 };

struct user {
    uid_t number;
    int lock; /* of its file: others see that it is taken */
    bool busy;
};

struct crowd {
    struct user *users;
    size_t count;
};

static const struct range *range;
static char *folder; /* <number>, locked while an agent has that user; unlocked: what it left is still to be removed */
static struct crowd ours;

static bool is_mapped(const struct range *wanted) {
    unsigned long long inside, outside, count, last = (unsigned long long)wanted->first + 2ull * wanted->count;
    FILE *file = fopen("/proc/self/uid_map", "re");
    bool found = file == NULL; /* a kernel without user namespaces has all numbers */
    while (file != NULL && fscanf(file, "%llu %llu %llu", &inside, &outside, &count) == 3)
        found |= inside <= wanted->first && last <= inside + count;
    if (file != NULL)
        fclose(file);
    return found;
}

void users_begin(const char *root) {
    struct stat found;
    range = NULL;
    for (size_t i = 0; getuid() == 0 && range == NULL && i < sizeof ranges / sizeof *ranges; i++)
        if (is_mapped(&ranges[i]))
            range = &ranges[i];
    if (range == NULL)
        return;
    /* Agents of other roots on this machine share the numbers, and so the place where they are taken. */
    static const char *const places[] = {"/run", "/dev"};
    for (size_t i = 0; folder == NULL && i < sizeof places / sizeof *places; i++)
        if (lstat(places[i], &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == 0 && (found.st_mode & 022) == 0)
            folder = joined(places[i], "ontarget-users");
    if (folder == NULL)
        folder = joined(root, "users");
    if (!make_folders(folder) || lstat(folder, &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != 0 ||
        chmod(folder, 0700) != 0)
        range = NULL;
}

bool users_there(void) { return range != NULL; }

/* SIGKILL for all that runs as the user: one system call, which no fork escapes. */
static void kill_all_of(uid_t user) {
    for (int attempt = 0; attempt < 100; attempt++) {
        pid_t killer = fork();
        if (killer == 0) {
            /* With a real user of its own and root's as the saved one, no signal of theirs can reach it before. */
            uid_t real = user + (uid_t)range->count;
            if (setresuid(real, user, 0) == 0 && getuid() == real && geteuid() == user)
                kill(-1, SIGKILL);
            _Exit(0);
        }
        if (killer > 0) {
            while (waitpid(killer, NULL, 0) < 0 && errno == EINTR)
                ;
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* no room for a process: some are dying */
    }
}

static bool has(const struct crowd *crowd, uid_t user) {
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->users[i].number == user)
            return true;
    return false;
}

static bool is_of_crowd(uid_t user, const void *crowd) { return has(crowd, user); }

static bool any_runs(const struct crowd *crowd) {
    DIR *processes = opendir("/proc");
    bool found = false;
    for (struct dirent *entry; processes != NULL && !found && (entry = readdir(processes)) != NULL;) {
        char path[64], line[256], state = 'Z';
        long pid = strtol(entry->d_name, NULL, 10);
        unsigned long real = 0;
        if (pid <= 0)
            continue;
        snprintf(path, sizeof path, "/proc/%ld/status", pid);
        FILE *file = fopen(path, "re");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            sscanf(line, "State: %c", &state);
            if (sscanf(line, "Uid: %lu", &real) == 1)
                break;
        }
        if (file != NULL)
            fclose(file);
        found = state != 'Z' && state != 'X' && has(crowd, (uid_t)real);
    }
    if (processes != NULL)
        closedir(processes);
    return found;
}

/* End and remove all that these users left, and give their numbers back. */
static void dismiss(struct crowd *crowd) {
    if (crowd->count == 0)
        return;
    for (int waited = 0;; waited += STEP_MS) {
        for (size_t i = 0; i < crowd->count; i++)
            kill_all_of(crowd->users[i].number);
        if (!any_runs(crowd) || waited >= PATIENCE_MS)
            break;
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
    litter_remove(is_of_crowd, crowd);
    for (size_t i = 0; i < crowd->count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%lu", (unsigned long)crowd->users[i].number);
        char *path = joined(folder, number);
        unlink(path);
        close(crowd->users[i].lock);
        free(path);
    }
    free(crowd->users);
    *crowd = (struct crowd){0};
}

static struct user *add(struct crowd *crowd, uid_t number, int lock) {
    crowd->users = need(realloc(crowd->users, (crowd->count + 1) * sizeof *crowd->users));
    crowd->users[crowd->count] = (struct user){.number = number, .lock = lock};
    return &crowd->users[crowd->count++];
}

/* The locked descriptor of a user's file, -1 if another agent has it, or if the file went meanwhile. */
static int lock_file(const char *name, int flags) {
    char *path = joined(folder, name);
    int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
    struct stat here, there;
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &here) != 0 || stat(path, &there) != 0 ||
                    here.st_ino != there.st_ino)) {
        close(fd);
        fd = -1;
    }
    free(path);
    return fd;
}

uid_t user_take(void) {
    if (range == NULL)
        return 0;
    for (size_t i = 0; i < ours.count; i++) {
        if (!ours.users[i].busy) {
            ours.users[i].busy = true;
            return ours.users[i].number;
        }
    }
    for (unsigned i = 0; i < range->count; i++) {
        uid_t number = range->first + (uid_t)i;
        char name[16];
        snprintf(name, sizeof name, "%lu", (unsigned long)number);
        int lock = has(&ours, number) ? -1 : lock_file(name, O_CREAT);
        if (lock < 0)
            continue;
        add(&ours, number, lock)->busy = true;
        kill_all_of(number); /* of an agent that was killed, perhaps */
        return number;
    }
    return 0;
}

void user_end(uid_t user) {
    for (size_t i = 0; i < ours.count; i++) {
        if (ours.users[i].number == user) {
            kill_all_of(user);
            ours.users[i].busy = false;
        }
    }
}

void users_leave(void) { dismiss(&ours); }

void users_clean(void) {
    struct crowd left = {0};
    DIR *entries = range == NULL ? NULL : opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        unsigned long number = strtoul(entry->d_name, NULL, 10);
        bool sane = number >= range->first && number < (unsigned long)range->first + range->count;
        int lock = sane && !has(&ours, (uid_t)number) ? lock_file(entry->d_name, 0) : -1;
        if (lock >= 0)
            add(&left, (uid_t)number, lock);
    }
    if (entries != NULL)
        closedir(entries);
    dismiss(&left);
}
