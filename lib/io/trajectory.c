/* Trajectories: frames of one system in a file, H5MD (h5md.h) or extended XYZ.
 *
 * An H5MD file that is written in place is unreadable, or a mixture, when the process is
 * killed in the middle.  So frames are collected in memory, and the file is replaced by a
 * complete longer one: when that costs little compared with the time since it was last
 * done, or memory would become large.  Extended XYZ grows in place: one write for each
 * frame, and what was cut off is found when it is read. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "io/extxyz.h"
#include "io/h5md.h"

#define LIMIT ((size_t)1 << 30)
#define SECONDS 10.0            /* between two replacements, at least, */
#define SHARE 50.0              /* and this many times as long as the last one took */
#define LEAST ((size_t)4 << 20) /* bytes that are collected in any case */
#define MOST ((size_t)64 << 20)
#define FULL (2 * MOST) /* bytes beyond which no frame is taken while writing fails */
#define OVERHEAD 524288 /* bytes of a file that are not frames, about */

struct hop_trajectory {
    hop_context *context;
    char *path;
    bool text; /* extended XYZ */
    hop_structure *like;
    bool has_cell, extendable;
    size_t stored; /* frames in the file */
    int64_t last;  /* step */

    /* H5MD: frames that are not yet in the file, in one block */
    hop__h5md_frames pending;
    size_t capacity;
    double *block;
    double flushed, took; /* when, and how long */
    hop__h5md *reader;    /* the file as it is, opened when first needed */

    off_t size;     /* extended XYZ: up to the end of the last complete frame */
    bool open_line; /* which has no newline */
};

/* ---- making ---- */

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail &&
           hop__span_equals_nocase((hop__span){path + length - tail, tail}, ending);
}

static bool has_cell(const hop_structure *s) {
    for (int k = 0; k < 9; k++)
        if (s->cell[k] != 0.0)
            return true;
    return hop__structure_is_periodic(s);
}

static int make(hop_context *context, const char *path, hop_trajectory **out) {
    hop_trajectory *t = hop__allocate(context, 1, sizeof *t);
    if (!t)
        return HOP_ERROR_MEMORY;
    t->context = hop__context_retain(context);
    t->last = INT64_MIN;
    t->flushed = hop__seconds();
    t->path = hop__duplicate(context, path);
    if (!t->path) {
        hop_trajectory_free(t);
        return HOP_ERROR_MEMORY;
    }
    *out = t;
    return HOP_OK;
}

typedef struct change {
    hop_trajectory *trajectory;
    const hop_structure *like;
} change;

static int write_empty(void *user, const char *temporary) {
    const change *c = user;
    return hop__h5md_create(c->trajectory->context, c->trajectory->path, temporary,
                            c->like);
}

static int start(hop_trajectory *t, const hop_structure *like) {
    change c = {t, like};
    if (ends_with(t->path, ".xyz") || ends_with(t->path, ".extxyz")) {
        t->text = true;
        return hop__file_replace(t->context, t->path, "", 0);
    }
    if (ends_with(t->path, ".h5md") || ends_with(t->path, ".h5") ||
        ends_with(t->path, ".hdf5"))
        return hop__file_rewrite(t->context, t->path, true, OVERHEAD, write_empty, &c);
    return hop__fail(t->context, HOP_ERROR_UNSUPPORTED,
                     "%.300s: expected a name that ends in .h5md, .h5, .hdf5, .xyz or "
                     ".extxyz",
                     t->path);
}

int hop_trajectory_create(hop_context *context, const char *path,
                          const hop_structure *like, hop_trajectory **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !like || !out)
        return hop__missing(context, "path, like or out");
    hop_trajectory *t;
    int status = make(context, path, &t);
    if (status != HOP_OK)
        return status;
    status = hop__structure_check(context, like);
    if (status == HOP_OK)
        status = hop_structure_copy(like, &t->like);
    if (status == HOP_OK)
        status = start(t, like);
    if (status != HOP_OK) {
        hop_trajectory_free(t);
        return status;
    }
    t->has_cell = has_cell(like);
    t->extendable = true;
    *out = t;
    return HOP_OK;
}

/* ---- the same system? ---- */

static int check_system(const hop_trajectory *t, const hop_structure *s) {
    int status = hop__structure_match(t->context, t->path, t->like, s);
    if (status != HOP_OK)
        return status;
    if (memcmp(t->like->periodic, s->periodic, sizeof(int32_t[3])) != 0)
        return hop__fail(
            t->context, HOP_ERROR_ARGUMENT,
            "%.300s: expected frames periodic along %d %d %d, got %d %d %d", t->path,
            t->like->periodic[0], t->like->periodic[1], t->like->periodic[2],
            s->periodic[0], s->periodic[1], s->periodic[2]);
    if (!t->text && !t->has_cell && has_cell(s))
        return hop__fail(t->context, HOP_ERROR_ARGUMENT,
                         "%.300s: expected frames without a cell, got one", t->path);
    for (size_t i = 0; i < s->count; i++)
        if (!t->like->fixed[i] != !s->fixed[i])
            return hop__fail(t->context, HOP_ERROR_ARGUMENT,
                             "%.300s: atom %zu: expected fixed %d, got %d", t->path, i,
                             t->like->fixed[i] != 0, s->fixed[i] != 0);
    return HOP_OK;
}

/* ---- opening ---- */

static int64_t step_of(hop__span comment, size_t frame) {
    hop__span value;
    int64_t step;
    return hop__extxyz_value(comment, "step", &value) && hop__span_integer(value, &step)
               ? step
               : (int64_t)frame;
}

/* All frames are read once: they must be of one system, and complete but for the last. */
static int scan(hop_trajectory *t, const char *text, size_t size) {
    hop__lines lines;
    hop__span comment;
    hop_structure *s;
    int status;
    hop__lines_start(&lines, t->path, text, size);
    while ((status = hop__extxyz_next(t->context, &lines, &s, &comment)) == HOP_OK) {
        if (t->like) {
            status = check_system(t, s);
            hop_structure_free(s);
            if (status != HOP_OK)
                return status == HOP_ERROR_ARGUMENT ? HOP_ERROR_FORMAT : status;
        } else {
            t->like = s;
        }
        t->last = step_of(comment, t->stored++);
        t->size = lines.next - text;
        t->open_line = lines.next[-1] != '\n';
    }
    if (hop__extxyz_is_torn(&lines, status) && t->stored > 0)
        hop__log(t->context, "%.300s: the last frame is not complete and was left out",
                 t->path);
    else if (status != HOP_END)
        return status;
    if (t->stored > 0)
        return HOP_OK;
    return hop__fail(t->context, HOP_ERROR_FORMAT, "%.300s: expected frames, got none",
                     t->path);
}

static int open_text(hop_trajectory *t) {
    char *text;
    size_t size;
    t->text = t->extendable = true;
    int status = hop__file_read(t->context, t->path, LIMIT, &text, &size);
    if (status == HOP_OK)
        status = scan(t, text, size);
    hop__release(t->context, text);
    return status;
}

static int open_reader(hop_trajectory *t) {
    hop_structure *like = NULL;
    size_t frames = 0;
    bool extendable = false;
    if (t->reader)
        return HOP_OK;
    int status =
        hop__h5md_open(t->context, t->path, &t->reader, &like, &frames, &extendable);
    if (status == HOP_OK && !t->like) {
        t->extendable = extendable;
        t->like = like;
        t->has_cell = has_cell(like);
        t->stored = frames;
        return HOP_OK;
    }
    if (status == HOP_OK)
        status = check_system(t, like);
    if (status == HOP_OK && frames != t->stored)
        status = hop__fail(t->context, HOP_ERROR_CORRUPT,
                           "%.300s: expected %zu frames, got %zu", t->path, t->stored,
                           frames);
    hop_structure_free(like);
    if (status != HOP_OK) { /* not the file that it was */
        hop__h5md_close(t->reader);
        t->reader = NULL;
    }
    return status;
}

/* HDF5 begins at 0 or behind a user block of 512, 1024, 2048 ... bytes. */
static int is_hdf5(hop_trajectory *t, bool *yes) {
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    char start[8];
    int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return hop__fail(t->context, HOP_ERROR_IO, "%.300s: cannot be opened: %s",
                         t->path, strerror(errno));
    *yes = false;
    for (off_t at = 0; at <= 4096 && !*yes; at = at ? 2 * at : 512)
        *yes = pread(fd, start, 8, at) == 8 && memcmp(start, signature, 8) == 0;
    close(fd);
    return HOP_OK;
}

static int open_any(hop_trajectory *t) {
    bool hdf5 = false;
    int status = is_hdf5(t, &hdf5);
    if (status != HOP_OK || !hdf5)
        return status == HOP_OK ? open_text(t) : status;
    status = open_reader(t);
    if (status == HOP_OK && t->stored > 0) {
        hop_structure *frame;
        status = hop_trajectory_read(t, -1, &t->last, &frame);
        hop_structure_free(frame);
    }
    return status;
}

int hop_trajectory_open(hop_context *context, const char *path, hop_trajectory **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    hop_trajectory *t;
    int status = make(context, path, &t);
    if (status == HOP_OK)
        status = open_any(t);
    else
        return status;
    if (status != HOP_OK)
        hop_trajectory_free(t);
    else
        *out = t;
    return status;
}

/* ---- H5MD: collecting and writing ---- */

static size_t frame_bytes(const hop_trajectory *t) {
    return (6 * t->like->count + 17) * sizeof(double);
}

/* Places of the arrays in a block for `capacity` frames. */
static hop__h5md_frames arrays_in(double *block, size_t atoms, size_t capacity) {
    hop__h5md_frames f = {0};
    f.positions = hop__cut(&block, 3 * atoms * capacity);
    f.forces = hop__cut(&block, 3 * atoms * capacity);
    f.cells = hop__cut(&block, 9 * capacity);
    f.virials = hop__cut(&block, 6 * capacity);
    f.energies = hop__cut(&block, capacity);
    f.steps = (int64_t *)(void *)block;
    return f;
}

static int grow(hop_trajectory *t) {
    const size_t n = t->like->count, count = t->pending.count;
    const size_t capacity = t->capacity ? 2 * t->capacity : 16;
    double *block = hop__allocate_unset(t->context, capacity, frame_bytes(t));
    if (!block)
        return HOP_ERROR_MEMORY;
    const hop__h5md_frames old = t->pending, f = arrays_in(block, n, capacity);
    if (count > 0) {
        memcpy(f.positions, old.positions, 3 * n * count * sizeof(double));
        memcpy(f.forces, old.forces, 3 * n * count * sizeof(double));
        memcpy(f.cells, old.cells, 9 * count * sizeof(double));
        memcpy(f.virials, old.virials, 6 * count * sizeof(double));
        memcpy(f.energies, old.energies, count * sizeof(double));
        memcpy(f.steps, old.steps, count * sizeof(int64_t));
    }
    hop__release(t->context, t->block);
    t->block = block;
    t->capacity = capacity;
    t->pending = f;
    t->pending.count = count;
    return HOP_OK;
}

static int write_pending(void *user, const char *temporary) {
    const hop_trajectory *t = ((const change *)user)->trajectory;
    return hop__h5md_append(t->context, t->path, temporary, t->like->count, t->stored,
                            &t->pending);
}

int hop_trajectory_flush(hop_trajectory *t) {
    if (!t)
        return hop__missing(NULL, "trajectory");
    if (t->pending.count == 0)
        return HOP_OK;
    change c = {t, NULL};
    const double began = hop__seconds();
    const size_t room = t->pending.count * frame_bytes(t) + OVERHEAD;
    int status = hop__file_rewrite(t->context, t->path, false, room, write_pending, &c);
    t->flushed = hop__seconds();
    t->took = t->flushed - began;
    if (status != HOP_OK)
        return status;
    hop__h5md_close(t->reader);
    t->reader = NULL;
    t->stored += t->pending.count;
    t->pending.count = 0;
    return HOP_OK;
}

static bool time_to_flush(const hop_trajectory *t) {
    size_t most = t->stored * frame_bytes(t) / 4;
    most = most < LEAST ? LEAST : most > MOST ? MOST : most;
    return t->pending.count * frame_bytes(t) >= most ||
           hop__seconds() - t->flushed >= fmax(SECONDS, SHARE * t->took);
}

static int collect(hop_trajectory *t, int64_t step, const hop_structure *s) {
    const size_t n = s->count, k = t->pending.count;
    const bool full = k > 0 && k * frame_bytes(t) >= FULL;
    int status = full ? hop_trajectory_flush(t) : HOP_OK;
    if (status == HOP_OK && full)
        return collect(t, step, s);
    if (status == HOP_OK && k == t->capacity)
        status = grow(t);
    if (status != HOP_OK)
        return status;
    const hop__h5md_frames *f = &t->pending;
    memcpy(f->positions + 3 * n * k, s->positions, 3 * n * sizeof(double));
    memcpy(f->forces + 3 * n * k, s->forces, 3 * n * sizeof(double));
    memcpy(f->cells + 9 * k, s->cell, 9 * sizeof(double));
    memcpy(f->virials + 6 * k, s->virial, 6 * sizeof(double));
    f->energies[k] = *s->energy;
    f->steps[k] = step;
    t->pending.count++;
    t->last = step;
    return time_to_flush(t) ? hop_trajectory_flush(t) : HOP_OK;
}

/* ---- extended XYZ: one write for each frame ---- */

static int text_error(const hop_trajectory *t, int error) {
    char reason[128] = "";
    const char *text = strerror_r(error, reason, sizeof reason);
    return hop__fail(t->context, HOP_ERROR_IO, "%.300s: cannot be written: %s", t->path,
                     text);
}

/* What was not complete is cut off first, and what this frame leaves incomplete, too. */
static int write_at_end(hop_trajectory *t, const char *data, size_t size) {
    const hop__file_calls *files = t->context->files;
    struct stat entry;
    int fd, status = HOP_OK;
    do
        fd = files->open(t->path, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return text_error(t, errno);
    if (fstat(fd, &entry) != 0 || (entry.st_size > t->size && ftruncate(fd, t->size)) ||
        lseek(fd, t->size, SEEK_SET) < 0)
        status = text_error(t, errno);
    else if (entry.st_size < t->size)
        status = hop__fail(t->context, HOP_ERROR_CORRUPT,
                           "%.300s: expected %lld bytes, got %lld", t->path,
                           (long long)t->size, (long long)entry.st_size);
    for (size_t done = 0; status == HOP_OK && done < size;) {
        ssize_t put = files->write(fd, data + done, size - done);
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || errno != EINTR)
            status = text_error(t, put < 0 ? errno : ENOSPC);
    }
    if (status == HOP_ERROR_IO && ftruncate(fd, t->size) != 0)
        status = HOP_ERROR_IO; /* the next frame, or the reader, will see to it */
    if (files->close(fd) != 0 && errno != EINTR && status == HOP_OK)
        status = text_error(t, errno);
    return status;
}

static int write_text(hop_trajectory *t, int64_t step, const hop_structure *s) {
    hop__text extra, text;
    hop__text_start(&extra, t->context);
    hop__text_start(&text, t->context);
    if (t->open_line)
        hop__text_add(&text, "\n");
    hop__text_add(&extra, "step=%lld", (long long)step);
    int status = extra.failed ? HOP_ERROR_MEMORY
                              : hop__extxyz_add(t->context, &text, s, t->stored,
                                                extra.data, true);
    if (status == HOP_OK)
        status = write_at_end(t, text.data, text.size);
    if (status == HOP_OK) {
        t->size += (off_t)text.size;
        t->open_line = false;
        t->stored++;
        t->last = step;
    }
    hop__text_free(&text);
    hop__text_free(&extra);
    return status;
}

int hop_trajectory_append(hop_trajectory *t, int64_t step, const hop_structure *s) {
    if (!t || !s)
        return hop__missing(t ? t->context : NULL, "structure");
    int status = check_system(t, s);
    if (status == HOP_OK)
        status = hop__structure_check(t->context, s);
    if (status != HOP_OK)
        return status;
    if (!t->extendable)
        return hop__fail(
            t->context, HOP_ERROR_UNSUPPORTED,
            "%.300s: only trajectories that libhop made can be appended to", t->path);
    if (step <= t->last)
        return hop__fail(t->context, HOP_ERROR_ARGUMENT,
                         "%.300s: expected a step above %lld, got %lld", t->path,
                         (long long)t->last, (long long)step);
    return t->text ? write_text(t, step, s) : collect(t, step, s);
}

/* ---- reading ---- */

static int read_text(hop_trajectory *t, size_t frame, int64_t *step,
                     hop_structure **out) {
    hop__lines lines;
    hop__span comment = {"", 0};
    char *text;
    size_t size;
    int status = hop__file_read(t->context, t->path, LIMIT, &text, &size);
    if (status == HOP_OK) {
        hop__lines_start(&lines, t->path, text, size);
        for (size_t k = 0; k <= frame && status == HOP_OK; k++) {
            hop_structure_free(*out);
            status = hop__extxyz_next(t->context, &lines, out, &comment);
        }
    }
    if (status == HOP_OK)
        *step = step_of(comment, frame);
    hop__release(t->context, text);
    return status;
}

int hop_trajectory_read(hop_trajectory *t, int64_t frame, int64_t *step,
                        hop_structure **out) {
    if (out)
        *out = NULL;
    if (!t || !out)
        return hop__missing(t ? t->context : NULL, "out");
    int64_t its_step = 0, count = hop_trajectory_count(t);
    int64_t at = frame < 0 ? frame + count : frame;
    if (at < 0 || at >= count)
        return HOP_END;
    int status = (size_t)at < t->stored ? HOP_OK : hop_trajectory_flush(t);
    if (status == HOP_OK && t->text)
        status = read_text(t, (size_t)at, &its_step, out);
    else if (status == HOP_OK) {
        status = open_reader(t);
        if (status == HOP_OK)
            status = hop_structure_copy(t->like, out);
        if (status == HOP_OK)
            status = hop__h5md_read(t->reader, (size_t)at, *out, &its_step);
    }
    if (status != HOP_OK) {
        hop_structure_free(*out);
        *out = NULL;
    } else if (step) {
        *step = its_step;
    }
    return status;
}

int64_t hop_trajectory_count(const hop_trajectory *t) {
    return t ? (int64_t)(t->stored + t->pending.count) : 0;
}

int64_t hop_trajectory_step(const hop_trajectory *t) { return t ? t->last : INT64_MIN; }

void hop_trajectory_free(hop_trajectory *t) {
    if (!t)
        return;
    hop_context *context = t->context;
    hop_trajectory_flush(t);
    hop__h5md_close(t->reader);
    hop_structure_free(t->like);
    hop__release(context, t->block);
    hop__release(context, t->path);
    hop__release(context, t);
    hop__context_release(context);
}
