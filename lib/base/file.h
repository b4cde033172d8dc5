/* Whole files: read at once, replaced atomically. */
#ifndef HOP_BASE_FILE_H
#define HOP_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hop.h"

/* The operating system's calls, in a table so that tests can make each of them fail.
   They return -1 and set errno like their namesakes. */
typedef struct hop__file_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*read)(int fd, void *buffer, size_t size);
    ssize_t (*write)(int fd, const void *buffer, size_t size);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
} hop__file_calls;

extern const hop__file_calls hop__system_file_calls;

/* Read a regular file of at most `limit` bytes into a new block (hop__release it) that
   has one NUL byte beyond its end.  HOP_ERROR_IO with errno's text, HOP_ERROR_RANGE. */
int hop__file_read(hop_context *context, const char *path, size_t limit, char **data,
                   size_t *size);

/* Write a temporary file beside `path`, fsync it, rename it over `path`, fsync the
   folder.  On failure `path` is as before and the temporary file is gone. */
int hop__file_replace(hop_context *context, const char *path, const void *data,
                      size_t size);

/* Change a file through another program's eyes: `change` is given the name of a temporary
   file beside `path` - a copy of it, or with `anew` an empty one - and writes there; then
   fsync, rename, fsync the folder, as above.  `room` bytes are
   added at its end first, where the disk may be found full; `change` sets the size. */
int hop__file_rewrite(hop_context *context, const char *path, bool anew, size_t room,
                      int (*change)(void *user, const char *temporary), void *user);

/* XXH64 of a block (seed 0). */
uint64_t hop__digest(const void *data, size_t size);

#endif
