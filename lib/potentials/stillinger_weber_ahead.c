/* Large systems come from beyond the caches, in no order that the processor would foresee.
 * For each block of rows it is written down, when the list is new, which places it is the
 * first to touch since a while; they are called into the cache while the block before is
 * worked on. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "potentials/stillinger_weber.h"
#include "potentials/stillinger_weber_kernels.h"

#define LARGE 10000 /* atoms from which on it pays */
#define SPAN 32     /* blocks that are looked at together */
#define MEMORY 16   /* blocks after which places have left the cache */
#define EVERY 4     /* one row of so many stands for those around it */
#define WARM_UP 4   /* blocks before a span, to know what is in the cache */

struct hop__sw_ahead {
    size_t builds, blocks, capacity, chunks, workers;
    int32_t *lines; /* HOP__SW_AHEAD per block: how many chunks, and which */
    int32_t
        *stamps; /* per worker and chunk: the last block that touched it, plus one */
    const hop__neighbors *list;
};

void hop__sw_ahead_free(hop_context *context, hop__sw_ahead *a) {
    if (!a)
        return;
    hop__release(context, a->lines);
    hop__release(context, a->stamps);
    hop__release(context, a);
}

static int reserve(hop_context *context, hop__sw_ahead *a) {
    const size_t chunks = a->list->images / HOP__SW_CHUNK + 1;
    const size_t workers = (size_t)context->threads;
    if (a->blocks > a->capacity) {
        const size_t wanted = a->blocks + a->blocks / 16;
        hop__release(context, a->lines);
        a->capacity = 0;
        a->lines =
            hop__allocate_unset(context, wanted, HOP__SW_AHEAD * sizeof *a->lines);
        if (!a->lines)
            return HOP_ERROR_MEMORY;
        a->capacity = wanted;
    }
    if (chunks > a->chunks || workers > a->workers) {
        const size_t wanted = chunks + chunks / 16;
        hop__release(context, a->stamps);
        a->chunks = 0;
        a->stamps = hop__allocate_unset(context, workers * wanted, sizeof *a->stamps);
        if (!a->stamps)
            return HOP_ERROR_MEMORY;
        a->chunks = wanted;
        a->workers = workers;
    }
    memset(a->stamps, 0, a->workers * a->chunks * sizeof *a->stamps);
    return HOP_OK;
}

/* Places of the block's neighbours; what finds no room is not called, which costs time
   only. */
static void look_at(const hop__neighbors *list, size_t block, int32_t *stamps,
                    int32_t *lines) {
    const int32_t now = (int32_t)block + 1;
    const size_t begin = block * HOP__SW_BLOCK, left = list->atoms - begin;
    const size_t end = begin + (left < HOP__SW_BLOCK ? left : HOP__SW_BLOCK);
    int32_t count = 0;
    for (size_t i = begin; i < end; i += EVERY) {
        const int32_t *row = list->index + list->first[i];
        for (int32_t k = 0; k < list->count[i]; k++) {
            const int32_t chunk = row[k] / HOP__SW_CHUNK, then = stamps[chunk];
            stamps[chunk] = now;
            if ((then == 0 || then + MEMORY < now) && count < HOP__SW_AHEAD - 1)
                lines[++count] = chunk;
        }
    }
    lines[0] = count;
}

static void look_at_span(void *argument, size_t span, size_t worker) {
    hop__sw_ahead *a = argument;
    int32_t *stamps = a->stamps + worker * a->chunks;
    const size_t begin = span * SPAN, left = a->blocks - begin;
    const size_t end = begin + (left < SPAN ? left : SPAN);
    int32_t unused[HOP__SW_AHEAD];
    for (size_t block = begin < WARM_UP ? 0 : begin - WARM_UP; block < begin; block++)
        look_at(a->list, block, stamps, unused);
    for (size_t block = begin; block < end; block++)
        look_at(a->list, block, stamps, a->lines + HOP__SW_AHEAD * block);
}

int hop__sw_ahead_of(hop_context *context, const hop__neighbors *list,
                     hop__sw_ahead **out, const int32_t **lines) {
    *lines = NULL;
    if (list->atoms < LARGE)
        return HOP_OK;
    if (!*out && !(*out = hop__allocate(context, 1, sizeof **out)))
        return HOP_ERROR_MEMORY;
    hop__sw_ahead *a = *out;
    if (a->builds != list->builds) {
        a->list = list;
        a->builds = 0;
        a->blocks = (list->atoms + HOP__SW_BLOCK - 1) / HOP__SW_BLOCK;
        int status = reserve(context, a);
        if (status != HOP_OK)
            return status;
        hop__parallel(context, a->workers, (a->blocks + SPAN - 1) / SPAN, look_at_span,
                      a);
        a->builds = list->builds;
    }
    *lines = a->lines;
    return HOP_OK;
}
