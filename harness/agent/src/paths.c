#include "paths.h"

#include "bytes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *joined(const char *folder, const char *name) {
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = need(malloc(room));
    snprintf(path, room, "%s/%s", folder, name);
    return path;
}

bool make_folders(const char *path) {
    char *copy = need(strdup(path));
    bool made = true;
    for (char *at = copy + 1; made; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char stop = *at;
        *at = '\0';
        made = mkdir(copy, 0755) == 0 || errno == EEXIST;
        *at = stop;
        if (stop == '\0')
            break;
    }
    struct stat found;
    if (made && stat(path, &found) == 0 && !S_ISDIR(found.st_mode)) {
        errno = ENOTDIR;
        made = false;
    }
    free(copy);
    return made;
}

bool plain_name(const char *name) {
    return name[0] != '\0' && strlen(name) <= 255 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

bool digest_name(const char *name) { return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64; }

/* Calls `visit` with each entry's path; false as soon as it returns false. */
static bool each_entry(const char *path, bool (*visit)(const char *, void *), void *context) {
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    bool going = true;
    for (struct dirent *entry; going && (entry = readdir(folder)) != NULL;) {
        if (!plain_name(entry->d_name))
            continue;
        char *inner = joined(path, entry->d_name);
        going = visit(inner, context);
        free(inner);
    }
    closedir(folder);
    return going;
}

static bool remove_entry(const char *path, void *context) {
    (void)context;
    return remove_tree(path);
}

bool remove_tree(const char *path) {
    struct stat found;
    if (lstat(path, &found) != 0)
        return errno == ENOENT;
    if (!S_ISDIR(found.st_mode))
        return unlink(path) == 0 || errno == ENOENT;
    return each_entry(path, remove_entry, NULL) && rmdir(path) == 0;
}

static bool add_size(const char *path, void *context) {
    struct stat found;
    if (lstat(path, &found) == 0 && S_ISREG(found.st_mode))
        *(uint64_t *)context += (uint64_t)found.st_size;
    return true;
}

uint64_t tree_size(const char *path) {
    uint64_t size = 0;
    each_entry(path, add_size, &size);
    return size;
}
