#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static int system_open(const char *path, int flags, mode_t mode) {
    return open(path, flags, mode);
}

const hop__file_calls hop__system_file_calls = {
    system_open, read, write, fsync, close, rename, unlink,
};

static int io_error(hop_context *context, const char *path, const char *what,
                    int error) {
    char reason[128] = "";
    const char *text = strerror_r(error, reason, sizeof reason);
    return hop__fail(context, HOP_ERROR_IO, "%.300s: %s: %s", path, what, text);
}

/* ---- reading ---- */

static int measure(hop_context *context, const char *path, int fd, size_t limit,
                   size_t *size) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return io_error(context, path, "cannot be read", errno);
    if (!S_ISREG(status.st_mode))
        return hop__fail(context, HOP_ERROR_IO, "%.300s: expected a regular file",
                         path);
    if ((uint64_t)status.st_size > limit)
        return hop__fail(context, HOP_ERROR_RANGE,
                         "%.300s: expected at most %zu bytes, got %lld", path, limit,
                         (long long)status.st_size);
    *size = (size_t)status.st_size;
    return HOP_OK;
}

static int read_all(hop_context *context, const char *path, int fd, char *data,
                    size_t *size) {
    size_t done = 0;
    while (done < *size) {
        ssize_t got = context->files->read(fd, data + done, *size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_error(context, path, "cannot be read", errno);
        if (got == 0)
            break; /* it shrank meanwhile */
        done += (size_t)got;
    }
    *size = done;
    data[done] = '\0';
    return HOP_OK;
}

/* O_NONBLOCK: opening a pipe that nobody writes to must not wait. */
static int open_to_read(hop_context *context, const char *path) {
    int fd;
    do
        fd =
            context->files->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int hop__file_read(hop_context *context, const char *path, size_t limit, char **data,
                   size_t *size) {
    *data = NULL;
    int fd = open_to_read(context, path);
    if (fd < 0)
        return io_error(context, path, "cannot be opened", errno);
    int status = measure(context, path, fd, limit, size);
    if (status == HOP_OK) {
        *data = hop__allocate(context, *size + 1, 1);
        status = *data ? read_all(context, path, fd, *data, size) : HOP_ERROR_MEMORY;
    }
    context->files->close(fd);
    if (status != HOP_OK) {
        hop__release(context, *data);
        *data = NULL;
    }
    return status;
}

/* ---- replacing ---- */

static int write_all(hop_context *context, const char *path, int fd, const char *data,
                     size_t size) {
    while (size > 0) {
        ssize_t put = context->files->write(fd, data, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return io_error(context, path, "cannot be written",
                            put < 0 ? errno : ENOSPC);
        data += put;
        size -= (size_t)put;
    }
    return HOP_OK;
}

static int sync_file(hop_context *context, const char *path, int fd) {
    int result;
    do
        result = context->files->fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 ? HOP_OK : io_error(context, path, "cannot be written", errno);
}

/* A rename is durable once its folder is.  A folder that cannot be opened or synced
   (some network file systems) is no error: the file itself is complete. */
static void sync_folder(hop_context *context, char *folder) {
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    int fd = open_to_read(context, slash ? folder : ".");
    if (fd < 0)
        return;
    while (context->files->fsync(fd) != 0 && errno == EINTR)
        continue;
    context->files->close(fd);
}

static int open_temporary(hop_context *context, const char *path, char *name,
                          size_t capacity, int *fd) {
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        snprintf(name, capacity, "%s.tmp.%ld.%u", path, (long)getpid(), attempt);
        *fd = context->files->open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return HOP_OK;
        if (errno != EEXIST && errno != EINTR)
            break;
    }
    return io_error(context, path, "cannot be created", errno);
}

static int fill_and_rename(hop_context *context, const char *path, const char *name,
                           int fd, const void *data, size_t size) {
    int status = write_all(context, path, fd, data, size);
    if (status == HOP_OK)
        status = sync_file(context, path, fd);
    /* Linux closes the descriptor even when close() reports EINTR */
    if (context->files->close(fd) != 0 && errno != EINTR && status == HOP_OK)
        status = io_error(context, path, "cannot be written", errno);
    if (status == HOP_OK && context->files->rename(name, path) != 0)
        status = io_error(context, path, "cannot be replaced", errno);
    if (status != HOP_OK)
        context->files->unlink(name);
    return status;
}

/* Where the file really is: a symbolic link is followed, so that it stays a link; what
   is there and is not a regular file (a device, a folder) is never replaced. */
static int find_target(hop_context *context, const char *path, char *target) {
    struct stat status;
    if (lstat(path, &status) != 0 && errno == ENOENT) {
        if (strlen(path) >= PATH_MAX)
            return io_error(context, path, "cannot be created", ENAMETOOLONG);
        memcpy(target, path, strlen(path) + 1);
        return HOP_OK;
    }
    if (!realpath(path, target) || stat(target, &status) != 0)
        return io_error(context, path, "cannot be replaced", errno);
    if (!S_ISREG(status.st_mode))
        return hop__fail(context, HOP_ERROR_IO, "%.300s: expected a regular file",
                         path);
    return HOP_OK;
}

static int replace_target(hop_context *context, const char *path, const void *data,
                          size_t size) {
    size_t capacity = strlen(path) + 64;
    char *name = hop__allocate(context, capacity, 1);
    if (!name)
        return HOP_ERROR_MEMORY;
    int fd = -1, status = open_temporary(context, path, name, capacity, &fd);
    if (status == HOP_OK)
        status = fill_and_rename(context, path, name, fd, data, size);
    if (status == HOP_OK)
        sync_folder(context, name);
    hop__release(context, name);
    return status;
}

int hop__file_replace(hop_context *context, const char *path, const void *data,
                      size_t size) {
    char *target = hop__allocate(context, PATH_MAX, 1);
    if (!target)
        return HOP_ERROR_MEMORY;
    int status = find_target(context, path, target);
    if (status == HOP_OK)
        status = replace_target(context, target, data, size);
    hop__release(context, target);
    return status;
}

/* ---- rewriting ---- */

#define PIECE ((size_t)1 << 20)

static int copy_pieces(hop_context *context, const char *path, int from, int to) {
    char *piece = hop__allocate_unset(context, PIECE, 1);
    if (!piece)
        return HOP_ERROR_MEMORY;
    int status = HOP_OK;
    while (status == HOP_OK) {
        ssize_t got = context->files->read(from, piece, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = io_error(context, path, "cannot be read", errno);
        if (got <= 0)
            break;
        status = write_all(context, path, to, piece, (size_t)got);
    }
    hop__release(context, piece);
    return status;
}

static int copy_into(hop_context *context, const char *path, int to) {
    int from = open_to_read(context, path);
    if (from < 0)
        return io_error(context, path, "cannot be opened", errno);
    int status = copy_pieces(context, path, from, to);
    context->files->close(from);
    return status;
}

/* The file grows by `room`, which `change` cuts off again.  HDF5, for one, cannot close a
   file when the disk is full, and says so on the terminal when the process ends. */
static int reserve_room(hop_context *context, const char *path, int fd, size_t room) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return io_error(context, path, "cannot be written", errno);
    int result;
    do
        result = fallocate(fd, 0, status.st_size, (off_t)room);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
        return io_error(context, path, "cannot be written", errno);
    return HOP_OK;
}

static int fill_and_change(hop_context *context, const char *path, const char *name,
                           int fd, bool anew, size_t room,
                           int (*change)(void *user, const char *temporary),
                           void *user) {
    int status = anew ? HOP_OK : copy_into(context, path, fd);
    if (status == HOP_OK && room > 0)
        status = reserve_room(context, path, fd, room);
    if (status == HOP_OK)
        status = change(user, name);
    if (status == HOP_OK)
        return fill_and_rename(context, path, name, fd, NULL, 0);
    context->files->close(fd);
    context->files->unlink(name);
    return status;
}

int hop__file_rewrite(hop_context *context, const char *path, bool anew, size_t room,
                      int (*change)(void *user, const char *temporary), void *user) {
    char *names = hop__allocate(context, 2 * PATH_MAX + 64, 1);
    if (!names)
        return HOP_ERROR_MEMORY;
    char *target = names, *name = names + PATH_MAX;
    int fd = -1, status = find_target(context, path, target);
    if (status == HOP_OK)
        status = open_temporary(context, target, name, PATH_MAX + 64, &fd);
    if (status == HOP_OK)
        status = fill_and_change(context, target, name, fd, anew, room, change, user);
    if (status == HOP_OK)
        sync_folder(context, name);
    hop__release(context, names);
    return status;
}

/* ---- XXH64 (Collet; specification 0.1.1) ---- */

#define PRIME1 0x9E3779B185EBCA87u
#define PRIME2 0xC2B2AE3D27D4EB4Fu
#define PRIME3 0x165667B19E3779F9u
#define PRIME4 0x85EBCA77C2B2AE63u
#define PRIME5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static uint64_t load(const unsigned char *p, int bytes) {
    uint64_t value = 0;
    for (int k = 0; k < bytes; k++)
        value |= (uint64_t)p[k] << (8 * k);
    return value;
}

static uint64_t mix(uint64_t accumulator, uint64_t lane) {
    return rotate(accumulator + lane * PRIME2, 31) * PRIME1;
}

uint64_t hop__digest(const void *data, size_t size) {
    const unsigned char *p = data, *end = p + size;
    uint64_t hash = PRIME5;
    if (size >= 32) {
        uint64_t lanes[4] = {PRIME1 + PRIME2, PRIME2, 0, (uint64_t)0 - PRIME1};
        for (; end - p >= 32; p += 32)
            for (int k = 0; k < 4; k++)
                lanes[k] = mix(lanes[k], load(p + 8 * k, 8));
        hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) +
               rotate(lanes[3], 18);
        for (int k = 0; k < 4; k++)
            hash = (hash ^ mix(0, lanes[k])) * PRIME1 + PRIME4;
    }
    hash += size;
    for (; end - p >= 8; p += 8)
        hash = rotate(hash ^ mix(0, load(p, 8)), 27) * PRIME1 + PRIME4;
    for (; end - p >= 4; p += 4)
        hash = rotate(hash ^ load(p, 4) * PRIME1, 23) * PRIME2 + PRIME3;
    for (; p < end; p++)
        hash = rotate(hash ^ *p * PRIME5, 11) * PRIME1;
    hash = (hash ^ hash >> 33) * PRIME2;
    hash = (hash ^ hash >> 29) * PRIME3;
    return hash ^ hash >> 32;
}
