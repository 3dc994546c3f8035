/* Files and folders of the deploy root. */
#ifndef ONTARGET_PATHS_H
#define ONTARGET_PATHS_H

#include <stdbool.h>
#include <stdint.h>

char *joined(const char *folder, const char *name); /* "folder/name", to free */
bool make_folders(const char *path);                /* with its parents, readable by all; errno is set if false */
bool plain_name(const char *name);                  /* a file's name without a path in it */
bool digest_name(const char *name);                 /* 64 lower-case hexadecimal digits */
bool remove_tree(const char *path);                 /* a file, or a folder with all below it */
uint64_t tree_size(const char *path);               /* bytes of the files in a folder */

#endif
