#include "structure/neighbors.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "structure/neighbors_build.h"

#define BLOCK 256     /* rows */
#define STRETCH 512   /* places brought up to date together */
#define THREADED 2048 /* atoms from which on threads pay */

typedef hop__neighbor_build build_t;

int hop__neighbors_new(hop_context *context, hop__neighbors **out) {
    *out = NULL;
    build_t *b = hop__allocate(context, 1, sizeof *b);
    if (!b)
        return HOP_ERROR_MEMORY;
    b->list.context = context;
    *out = &b->list;
    return HOP_OK;
}

/* ---- memory ---- */

#define BUFFERS 20

static hop__buffer *const *buffers_of(build_t *b, hop__buffer *all[BUFFERS + 1]) {
    hop__buffer *const list[BUFFERS] = {
        &b->built, &b->place,   &b->slot,      &b->row_bin,    &b->first,
        &b->count, &b->shift,   &b->atom,      &b->home,       &b->x,
        &b->y,     &b->z,       &b->order,     &b->slot_place, &b->start,
        &b->index, &b->scratch, &b->positions, &b->rough,      &b->stretches};
    all[BUFFERS] = NULL;
    memcpy(all, list, sizeof list);
    return all;
}

void hop__neighbors_free(hop__neighbors *neighbors) {
    if (!neighbors)
        return;
    build_t *b = (build_t *)neighbors;
    hop_context *context = neighbors->context;
    hop__buffer *all[BUFFERS + 1];
    for (hop__buffer *const *at = buffers_of(b, all); *at; at++)
        hop__release(context, (*at)->data);
    hop__release(context, b);
}

int hop__buffer_reserve(hop_context *context, hop__buffer *buffer, size_t count,
                        size_t size) {
    if (count <= buffer->capacity && buffer->data)
        return HOP_OK;
    size_t wanted = count + (count < 100000 ? count / 4 + 64 : count / 64 + 23500);
    void *fresh = hop__resize(context, buffer->data, wanted + HOP__SLACK, size);
    if (!fresh)
        return HOP_ERROR_MEMORY;
    buffer->data = fresh;
    buffer->capacity = wanted;
    return HOP_OK;
}

static int reserve_atoms(build_t *b, size_t n) {
    struct {
        hop__buffer *buffer;
        size_t size;
    } const all[] = {
        {&b->built, 4 * sizeof(double)}, {&b->place, sizeof(int32_t)},
        {&b->slot, sizeof(int32_t)},     {&b->row_bin, sizeof(int32_t)},
        {&b->first, sizeof(size_t)},     {&b->count, sizeof(int32_t)},
    };
    int status = HOP_OK;
    for (size_t k = 0; status == HOP_OK && k < sizeof all / sizeof *all; k++)
        status = hop__buffer_reserve(b->list.context, all[k].buffer, n, all[k].size);
    return status;
}

/* ---- rows ---- */

typedef struct kernels {
    hop__neighbor_rows *rows;
    hop__neighbor_follow *follow;
    hop__neighbor_repeat *repeat;
} kernels;

static const kernels variants[] = {
    [HOP__ISA_BASE] = {hop__neighbor_rows_base, hop__neighbor_follow_base,
                       hop__neighbor_repeat_base},
    [HOP__ISA_AVX2] = {hop__neighbor_rows_avx2, hop__neighbor_follow_avx2,
                       hop__neighbor_repeat_avx2},
    [HOP__ISA_AVX512] = {hop__neighbor_rows_avx512, hop__neighbor_follow_avx512,
                         hop__neighbor_repeat_avx512},
};

static size_t workers_of(const build_t *b) {
    return b->list.atoms < THREADED ? 1 : (size_t)b->list.context->threads;
}

static int reserve_rows(build_t *b, size_t entries, size_t around) {
    hop_context *context = b->list.context;
    const size_t workers = workers_of(b);
    int status = hop__buffer_reserve(context, &b->index, entries, sizeof(int32_t));
    if (status == HOP_OK && (around > b->search.work || workers > b->workers)) {
        const size_t work = around + around / 4 + 128;
        b->search.work = 0;
        status = hop__buffer_reserve(context, &b->scratch,
                                     HOP__WORK_ARRAYS * workers * (work + HOP__SLACK),
                                     sizeof(int32_t));
        if (status == HOP_OK) {
            b->search.work = work;
            b->workers = workers;
        }
    }
    return status;
}

static void point_search(build_t *b) {
    hop__neighbor_search *s = &b->search;
    s->x = b->x.data;
    s->y = b->y.data;
    s->z = b->z.data;
    s->order = b->order.data;
    s->place = b->slot_place.data;
    s->start = b->start.data;
    s->reach = b->reach;
    s->positions = b->positions.data;
    s->slot = b->slot.data;
    s->bin = b->row_bin.data;
    s->first = b->first.data;
    s->count = b->count.data;
}

static void search_block(void *argument, size_t block, size_t worker) {
    build_t *b = argument;
    const size_t begin = block * BLOCK, left = b->list.atoms - begin;
    int32_t *scratch = b->scratch.data;
    variants[b->list.context->isa].rows(

        &b->search, begin, begin + (left < BLOCK ? left : BLOCK),
        scratch + HOP__WORK_ARRAYS * worker * (b->search.work + HOP__SLACK));
}

/* Once more with more memory until all rows have found room. */
static int fill_rows(build_t *b) {
    hop__neighbor_search *s = &b->search;
    const size_t n = b->list.atoms;
    int status = reserve_rows(b, 1024, 256);
    point_search(b);
    while (status == HOP_OK) {
        s->index = b->index.data;
        s->capacity = b->index.capacity;
        atomic_store(&s->used, 0);
        atomic_store(&s->longest, 0);
        atomic_store(&s->most, 0);
        hop__parallel(b->list.context, workers_of(b), (n + BLOCK - 1) / BLOCK,
                      search_block, b);
        const size_t used = atomic_load(&s->used), most = atomic_load(&s->most);
        if (used <= s->capacity && most <= s->work)
            return HOP_OK;
        status = reserve_rows(b, used, most);
    }
    return status;
}

/* ---- update ---- */

static void publish(build_t *b) {
    hop__neighbors *list = &b->list;
    list->positions = b->positions.data;
    list->rough = b->rough.data;
    /* half a unit in the last place of what atoms can reach before the next list */
    list->rough_error = b->largest < 1e6 ? 6e-8 * (b->largest + b->skin) : INFINITY;
    list->atom = b->atom.data;
    list->home = b->home.data;
    list->place = b->place.data;
    list->first = b->first.data;
    list->count = b->count.data;
    list->index = b->index.data;
    list->reserved = atomic_load(&b->search.used);
    list->longest = atomic_load(&b->search.longest);
    list->pairs = 0;
    for (size_t i = 0; i < list->atoms; i++)
        list->pairs += (size_t)list->count[i];
    list->builds++;
}

static bool same_question(const build_t *b, const hop_structure *s, double cutoff,
                          double skin) {
    return b->valid && skin > 0.0 && b->list.atoms == s->count && b->cutoff == cutoff &&
           b->skin == skin &&
           memcmp(b->periodic, s->periodic, sizeof b->periodic) == 0 &&
           memcmp(b->cell, s->cell, sizeof b->cell) == 0;
}

typedef struct following {
    const build_t *build;
    hop__neighbor_places places;
    const struct kernels *kernels;
    atomic_bool far; /* an atom moved too far for the list */
} following;

/* Atoms and other images alike; a stretch may hold both. */
static void follow_stretch(void *argument, size_t stretch, size_t worker) {
    following *f = argument;
    const double skin = f->build->skin;
    const size_t begin = stretch * STRETCH, left = f->build->list.images - begin;
    const size_t end = begin + (left < STRETCH ? left : STRETCH);
    const size_t atoms = f->places.atoms;
    (void)worker;
    if (begin < atoms &&
        !f->kernels->follow(&f->places, begin, end < atoms ? end : atoms,
                            0.25 * skin * skin))
        atomic_store(&f->far, true);
    if (end > atoms)
        f->kernels->repeat(&f->places, begin > atoms ? begin : atoms, end);
}

/* New positions of all places; false when an atom moved too far for the list. */
static bool follow(build_t *b, const hop_structure *s) {
    hop_context *context = b->list.context;
    following f = {.build = b,
                   .places = {s->positions, s->count, b->magic, b->shift.data,
                              b->built.data, b->atom.data, b->home.data,
                              b->positions.data, b->rough.data},
                   .kernels = &variants[context->isa]};
    atomic_init(&f.far, false);
    hop__parallel(context, workers_of(b), (b->list.images + STRETCH - 1) / STRETCH,
                  follow_stretch, &f);
    return !atomic_load(&f.far);
}

static int build(build_t *b, const hop_structure *s, double cutoff, double skin) {
    b->valid = false;
    b->cutoff = cutoff;
    b->skin = skin;
    b->reach = cutoff + skin;
    memcpy(b->cell, s->cell, sizeof b->cell);
    memcpy(b->periodic, s->periodic, sizeof b->periodic);
    b->list.atoms = s->count;
    int status = reserve_atoms(b, s->count);
    if (status == HOP_OK)
        status = hop__neighbors_place(b, s);
    if (status == HOP_OK)
        status = fill_rows(b);
    if (status == HOP_OK)
        publish(b);
    b->valid = status == HOP_OK;
    return status;
}

int hop__neighbors_update(hop__neighbors *neighbors, const hop_structure *structure,
                          double cutoff, double skin) {
    build_t *b = (build_t *)neighbors;
    if (same_question(b, structure, cutoff, skin) && follow(b, structure))
        return HOP_OK;
    return build(b, structure, cutoff, skin);
}

/* Images have the mark of their home: theirs is added to it. */
void hop__neighbors_mark(hop__neighbors *neighbors, const double *marks) {
    const build_t *b = (const build_t *)neighbors;
    double *shift = b->shift.data;
    for (size_t i = 0; i < neighbors->atoms; i++)
        shift[4 * i + 3] = marks[i];
    for (size_t k = 0; k < neighbors->images; k++)
        neighbors->positions[4 * k + 3] = marks[neighbors->home[k]];
}
