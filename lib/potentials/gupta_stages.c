/* What the first pass leaves for the second - neighbours within reach, terms - would leave
 * the caches before the second pass comes if that waited for all rows.  It has to wait only
 * for its neighbours' densities: where atoms that are near have numbers that are near, as in
 * crystals and films, for a few thousand rows, and as many need room at a time: stages write
 * over what those before them have left, which so never goes to memory.  Which stages wait
 * for which is found when the list is new. */
#include "potentials/gupta_stages.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "potentials/gupta_list_kernels.h"

void hop__gupta_stages_free(hop_context *context, hop__gupta_stages *s) {
    void *const arrays[] = {s->ready,  s->order, s->first_image,
                            s->images, s->room,  s->half};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        hop__release(context, arrays[k]);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- memory ---- */

int hop__gupta_stages_reserve(hop__gupta_stages *s, hop_context *context,
                              size_t atoms) {
    s->blocks = (atoms + HOP__LIST_BLOCK - 1) / HOP__LIST_BLOCK;
    if (s->blocks <= s->block_capacity)
        return HOP_OK;
    s->block_capacity = 0;
    if (!hop__renew(context, &s->first_image, s->blocks + 2, sizeof *s->first_image) ||
        !hop__renew(context, &s->room, s->blocks, sizeof *s->room) ||
        !hop__renew(context, &s->half, s->blocks, sizeof *s->half))
        return HOP_ERROR_MEMORY;
    s->block_capacity = s->blocks;
    return HOP_OK;
}

static int reserve(hop__gupta_stages *s, hop_context *context, size_t images) {
    if (s->count > s->capacity) {
        s->capacity = 0;
        if (!hop__renew(context, &s->ready, s->count + 1, sizeof *s->ready) ||
            !hop__renew(context, &s->order, 2 * s->count, sizeof *s->order))
            return HOP_ERROR_MEMORY;
        s->capacity = s->count;
    }
    if (images > s->image_capacity) {
        s->image_capacity = 0;
        if (!hop__renew(context, &s->images, images + images / 16, sizeof *s->images))
            return HOP_ERROR_MEMORY;
        s->image_capacity = images + images / 16;
    }
    return HOP_OK;
}

/* ---- who waits for whom ---- */

typedef struct search {
    const hop__neighbors *list;
    size_t rows; /* of a stage */
    int32_t *last;
} search;

/* The last of the stages in which the neighbours of a stage's atoms are. */
static void find_last(void *argument, size_t stage, size_t worker) {
    const search *w = argument;
    const hop__neighbors *list = w->list;
    const size_t begin = stage * w->rows, end = least(begin + w->rows, list->atoms);
    int32_t last = (int32_t)(end - 1); /* an atom */
    (void)worker;
    for (size_t atom = begin; atom < end; atom++) {
        const size_t place = (size_t)list->place[atom];
        const int32_t *row = list->index + list->first[place];
        for (int32_t k = 0; k < list->count[place]; k++) {
            const int32_t neighbour = list->atom[row[k]];
            last = neighbour > last ? neighbour : last;
        }
    }
    w->last[stage] = (int32_t)((size_t)last / w->rows);
}

/* Stages by the last one that they wait for, and among those in their own order. */
static void sort_stages(hop__gupta_stages *s, const int32_t *last) {
    memset(s->ready, 0, (s->count + 1) * sizeof *s->ready);
    for (size_t stage = 0; stage < s->count; stage++)
        s->ready[last[stage] + 1]++;
    for (size_t stage = 0; stage < s->count; stage++)
        s->ready[stage + 1] += s->ready[stage];
    for (size_t stage = 0; stage < s->count; stage++)
        s->order[s->ready[last[stage]]++] = (int32_t)stage;
    for (size_t stage = s->count; stage > 0; stage--)
        s->ready[stage] = s->ready[stage - 1];
    s->ready[0] = 0;
}

/* ---- images ---- */

/* In the order of the blocks of the atoms that they are images of. */
static void sort_images(hop__gupta_stages *s, const hop__neighbors *list) {
    size_t *first = s->first_image; /* while counting, one place further on */
    memset(first, 0, (s->blocks + 2) * sizeof *first);
    for (size_t place = list->atoms; place < list->images; place++)
        first[(size_t)list->atom[place] / HOP__LIST_BLOCK + 2]++;
    for (size_t block = 0; block < s->blocks; block++)
        first[block + 2] += first[block + 1];
    for (size_t place = list->atoms; place < list->images; place++)
        s->images[first[(size_t)list->atom[place] / HOP__LIST_BLOCK + 1]++] =
            (int32_t)place;
}

/* ---- room ---- */

static size_t room_of_stage(const hop__gupta_stages *s, size_t stage) {
    size_t sum = 0;
    for (size_t block = stage * s->each;
         block < least((stage + 1) * s->each, s->blocks); block++)
        sum += 2 * s->half[block];
    return sum;
}

/* The ring has `keep` shelves, which stages take in turn. */
static void make_room(hop__gupta_stages *s, size_t keep, const int32_t *last) {
    size_t shelf = 0;
    for (size_t stage = 0; stage < s->count && keep > 0; stage++) {
        const size_t wanted = room_of_stage(s, stage);
        shelf = wanted > shelf ? wanted : shelf;
    }
    s->ring = s->entries = least(keep, s->count) * shelf;
    for (size_t stage = 0; stage < s->count; stage++) {
        const bool waits = keep == 0 || (size_t)last[stage] >= stage + keep;
        size_t at = waits ? s->entries : stage % keep * shelf;
        for (size_t block = stage * s->each;
             block < least((stage + 1) * s->each, s->blocks); block++) {
            s->room[block] = at;
            at += 2 * s->half[block];
        }
        s->entries = waits ? at : s->entries;
    }
}

int hop__gupta_stages_make(hop__gupta_stages *s, const hop__neighbors *list,
                           size_t each, size_t keep) {
    s->each = each;
    s->count = (s->blocks + each - 1) / each;
    int status = reserve(s, list->context, list->images - list->atoms);
    if (status != HOP_OK)
        return status;
    search w = {list, each * HOP__LIST_BLOCK, s->order + s->count};
    w.last[0] = 0;
    if (s->count > 1)
        hop__parallel(list->context, (size_t)list->context->threads, s->count,
                      find_last, &w);
    sort_stages(s, w.last);
    sort_images(s, list);
    make_room(s, keep, w.last);
    return HOP_OK;
}
