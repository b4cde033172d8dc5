/* Calling what a block of rows needs into the cache while the one before is worked on, as
   stillinger_weber_ahead.c has written down.  Included by kernels only. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_FETCH_H
#define HOP_POTENTIALS_STILLINGER_WEBER_FETCH_H

#include "potentials/stillinger_weber_legs.h"

/* Inlined by force: a function that does nothing but prefetch is taken for one without
   effect, and its calls are left out. */
#define FETCH static inline __attribute__((always_inline))

FETCH void fetch(const void *at) { __builtin_prefetch(at, 0, 2); }
FETCH void fetch_to_write(const void *at) { __builtin_prefetch(at, 1, 3); }

#define WRITTEN 128 /* rows before room for results is needed */

/* The chunks of a block, a few with each of its predecessor's rows. */
typedef struct ahead {
    const int32_t *chunks;
    int32_t count, done;
    size_t begin; /* WRITTEN after the predecessor's first row */
} ahead;

static inline ahead ahead_of(const hop__sw_system *s, size_t block) {
    if (!s->ahead || (block + 1) * HOP__SW_BLOCK >= s->list->atoms)
        return (ahead){.count = 0};
    const int32_t *lines = s->ahead + HOP__SW_AHEAD * (block + 1);
    return (ahead){.chunks = lines + 1,
                   .count = lines[0],
                   .begin = block * HOP__SW_BLOCK + WRITTEN};
}

/* Whether another chunk is due at row `row` of the block, and which. */
static inline bool next_chunk(ahead *a, size_t row, size_t *chunk) {
    if (a->done * HOP__SW_BLOCK > a->count * (int32_t)row || a->done >= a->count)
        return false;
    *chunk = (size_t)a->chunks[a->done++];
    return true;
}

FETCH void fetch_bytes(const void *from, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64)
        fetch((const char *)from + at);
}

FETCH void fetch_sums(const hop__sw_system *s, size_t begin, size_t end) {
    fetch_bytes(s->list->positions + 4 * begin, 32 * HOP__SW_CHUNK);
    fetch_bytes(s->list->home + begin, 4 * HOP__SW_CHUNK);
    if (end <= s->list->atoms) {
        fetch_bytes(s->moments + 8 * begin, 64 * HOP__SW_CHUNK);
        fetch_bytes(s->moment_pairs + 2 * begin, 16 * HOP__SW_CHUNK);
        return;
    }
    for (size_t k = begin; k < end && k < s->list->images; k++) {
        const size_t home = (size_t)s->list->home[k];
        fetch(s->moments + 8 * home);
        fetch(s->moment_pairs + 2 * home);
    }
}

/* For Hessian products also the direction and the change of the sums. */
FETCH void fetch_changes(const hop__sw_system *s, size_t begin, size_t end) {
    fetch_bytes(s->direction + 4 * begin, 32 * HOP__SW_CHUNK);
    if (end <= s->list->atoms) {
        fetch_bytes(s->dots + 8 * begin, 64 * HOP__SW_CHUNK);
        fetch_bytes(s->dot_pairs + 2 * begin, 16 * HOP__SW_CHUNK);
    }
}

#endif
