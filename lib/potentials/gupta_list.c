/* Gupta with cut-offs, periodic or not, through the neighbour list. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/vector_math.h"
#include "potentials/gupta_list_kernels.h"
#include "potentials/gupta_rows.h"

#define SKIN 0.5
#define LOG2_E 1.4426950408889634074
#define BLOCK 32          /* rows whose sums are made together */
#define PLACE_BLOCK 1024  /* places that are copied together */
#define THREADS_FROM 2000 /* atoms for which waking threads pays */

/* ---- memory ---- */

void hop__gupta_rows_free(hop_context *context, hop__gupta_rows *rows) {
    if (!rows)
        return;
    hop__neighbors_free(rows->neighbors);
    void *const blocks[] = {rows->numbers, rows->species, rows->rates,   rows->elements,
                            rows->kept_at, rows->places,  rows->terms,   rows->root,
                            rows->pulls,   rows->sums,    rows->hessian, rows->kept,
                            rows->near,    rows->far};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        hop__release(context, blocks[k]);
    hop__release(context, rows);
}

static int make_rows(hop_context *context, hop__gupta_workspace *w) {
    hop__gupta_rows *rows = hop__allocate(context, 1, sizeof *rows);
    if (!rows)
        return HOP_ERROR_MEMORY;
    if (hop__neighbors_new(context, &rows->neighbors) != HOP_OK) {
        hop__release(context, rows);
        return HOP_ERROR_MEMORY;
    }
    w->rows = rows;
    return HOP_OK;
}

/* Replace an array by a larger one whose contents do not matter. */
static bool renew(hop_context *context, void *array, size_t count, size_t size) {
    void *more = hop__allocate(context, count, size), *old;
    if (!more)
        return false;
    memcpy(&old, array, sizeof old);
    hop__release(context, old);
    memcpy(array, &more, sizeof more);
    return true;
}

static int reserve_atoms(hop_context *context, hop__gupta_rows *w, size_t atoms) {
    if (atoms <= w->capacity)
        return HOP_OK;
    w->capacity = 0;
    if (!renew(context, &w->numbers, atoms, sizeof *w->numbers) ||
        !renew(context, &w->species, atoms, sizeof *w->species) ||
        !renew(context, &w->elements, atoms, sizeof *w->elements) ||
        !renew(context, &w->kept_at, atoms + 1, sizeof *w->kept_at) ||
        !renew(context, &w->near, atoms, sizeof *w->near) ||
        !renew(context, &w->far, atoms, sizeof *w->far) ||
        !renew(context, &w->root, atoms, sizeof *w->root) ||
        !renew(context, &w->pulls, 4 * atoms, sizeof *w->pulls) ||
        !renew(context, &w->sums, (atoms / BLOCK + 1) * HOP__LIST_SUMS,
               sizeof *w->sums))
        return HOP_ERROR_MEMORY;
    w->capacity = atoms;
    return HOP_OK;
}

/* ---- elements ---- */

static void fill_rates(const hop__gupta_pair *t, int kinds, double *rates) {
    const double single[] = {
        [HOP__LIST_CA] = (hop__ln(t->a) + t->p) * LOG2_E,
        [HOP__LIST_BA] = t->p / t->r0 * LOG2_E,
        [HOP__LIST_CB] = 2.0 * (hop__ln(t->xi) + t->q) * LOG2_E,
        [HOP__LIST_BB] = 2.0 * t->q / t->r0 * LOG2_E,
        [HOP__LIST_KA] = 2.0 * t->p / t->r0,
        [HOP__LIST_KB] = t->q / t->r0,
        [HOP__LIST_START] = t->start * t->start,
        [HOP__LIST_END] = t->end * t->end,
        [HOP__LIST_LAST] = t->end,
    };
    for (int k = 0; k <= HOP__LIST_LAST; k++)
        rates[k * kinds] = single[k];
    for (int k = 0; k < 3; k++) {
        double power = 3.0 + k;
        rates[(HOP__LIST_REPULSION + k) * kinds] = t->rep_tail[k];
        rates[(HOP__LIST_REPULSION_SLOPE + k) * kinds] = -2.0 * power * t->rep_tail[k];
        rates[(HOP__LIST_HOPPING + k) * kinds] = t->hop_tail[k];
        rates[(HOP__LIST_HOPPING_SLOPE + k) * kinds] = -power * t->hop_tail[k];
    }
}

static int fill_tables(hop_context *context, const hop__gupta_parameters *p,
                       hop__gupta_rows *w) {
    int32_t present[HOP__MAX_SPECIES];
    bool seen[HOP__MAX_SPECIES] = {false};
    w->kinds = 0;
    for (size_t i = 0; i < w->count; i++)
        seen[w->species[i]] = true;
    for (int32_t e = 0; e < HOP__MAX_SPECIES; e++)
        if (seen[e]) {
            w->kind_of[e] = w->kinds;
            present[w->kinds++] = e;
        }
    size_t kinds = (size_t)w->kinds, size = kinds * kinds * HOP__LIST_RATES;
    if (size > w->rates_size) {
        if (!renew(context, &w->rates, size, sizeof *w->rates))
            return HOP_ERROR_MEMORY;
        w->rates_size = size;
    }
    for (size_t a = 0; a < kinds; a++)
        for (size_t b = 0; b < kinds; b++)
            fill_rates(hop__gupta_pair_of(p, present[a], present[b]), w->kinds,
                       w->rates + a * HOP__LIST_RATES * kinds + b);
    return HOP_OK;
}

/* Elements are looked up again only when they are others than in the last call. */
static int find_elements(hop_potential *potential, hop__gupta_rows *w,
                         const hop_structure *s) {
    if (w->count == s->count &&
        memcmp(w->numbers, s->numbers, s->count * sizeof *s->numbers) == 0)
        return HOP_OK;
    w->count = 0;
    w->builds = SIZE_MAX;
    int status = reserve_atoms(potential->context, w, s->count);
    if (status == HOP_OK)
        status = hop__gupta_find_species(potential, s, w->species);
    if (status != HOP_OK)
        return status;
    memcpy(w->numbers, s->numbers, s->count * sizeof *s->numbers);
    w->count = s->count;
    status = fill_tables(potential->context, potential->parameters, w);
    if (status != HOP_OK)
        w->count = 0;
    return status;
}

/* ---- the list ---- */

static int reserve_kept(hop_context *context, hop__gupta_rows *w, size_t kept) {
    if (kept <= w->kept_capacity)
        return HOP_OK;
    w->kept_capacity = 0;
    kept += kept / 16 / 16 * 16;
    if (!renew(context, &w->kept, kept, sizeof *w->kept) ||
        !renew(context, &w->terms, kept / 2, sizeof *w->terms))
        return HOP_ERROR_MEMORY;
    w->kept_capacity = kept;
    return HOP_OK;
}

static int reserve_places(hop_context *context, hop__gupta_rows *w, size_t places) {
    if (places <= w->place_capacity)
        return HOP_OK;
    w->place_capacity = 0;
    if (!renew(context, &w->places, 4 * places, sizeof *w->places))
        return HOP_ERROR_MEMORY;
    w->place_capacity = places;
    return HOP_OK;
}

/* Room for each row's neighbours twice, near and far, and for what is written after them;
   a row has a begun vector more than it would need. */
static int follow_list(hop_context *context, hop__gupta_rows *w) {
    const hop__neighbors *list = w->neighbors;
    size_t kept = 0;
    if (w->builds == list->builds)
        return HOP_OK;
    w->builds = SIZE_MAX;
    for (size_t i = 0; i < list->atoms; i++) {
        w->elements[list->place[i]] = w->kind_of[w->species[i]];
        w->kept_at[i] = kept;
        kept += 2 * (((size_t)list->count[list->place[i]] + 7) / 8 * 8 + 8);
    }
    w->kept_at[list->atoms] = kept;
    int status = reserve_places(context, w, list->images);
    if (status == HOP_OK)
        status = reserve_kept(context, w, kept);
    if (status == HOP_OK)
        w->builds = list->builds;
    return status;
}

int hop__gupta_rows_prepare(hop_potential *potential, const hop_structure *s) {
    const hop__gupta_parameters *p = potential->parameters;
    hop__gupta_workspace *all = potential->workspace;
    if (hop__structure_is_periodic(s) && !isfinite(p->cutoff))
        return hop__fail(
            potential->context, HOP_ERROR_ARGUMENT,
            "%.200s has no cut-off: expected a structure that is not periodic, "
            "or a file with rc_start and rc_end",
            p->name);
    int status = all->rows ? HOP_OK : make_rows(potential->context, all);
    hop__gupta_rows *w = all->rows;
    if (status == HOP_OK)
        status = find_elements(potential, w, s);
    if (status == HOP_OK)
        status = hop__neighbors_update(w->neighbors, s, p->cutoff, SKIN);
    if (status == HOP_OK)
        status = follow_list(potential->context, w);
    return status;
}

/* ---- evaluation ---- */

typedef struct work {
    hop__gupta_rows *rows;
    hop__gupta_list list;
    hop__gupta_rows_pass *first, *second;
} work;

static void choose_variant(enum hop__isa isa, work *job) {
    job->first = isa == HOP__ISA_AVX512 ? hop__gupta_list_first_avx512
                 : isa == HOP__ISA_AVX2 ? hop__gupta_list_first_avx2
                                        : hop__gupta_list_first_base;
    job->second = isa == HOP__ISA_AVX512 ? hop__gupta_list_second_avx512
                  : isa == HOP__ISA_AVX2 ? hop__gupta_list_second_avx2
                                         : hop__gupta_list_second_base;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void copy_places(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const hop__neighbors *list = job->rows->neighbors;
    const size_t end = least((index + 1) * PLACE_BLOCK, list->images);
    (void)worker;
    for (size_t k = index * PLACE_BLOCK; k < end; k++) {
        memcpy(job->rows->places + 4 * k, list->positions + 4 * k, 4 * sizeof(double));
        job->rows->places[4 * k + 3] = job->rows->elements[list->home[k]];
    }
}

static void copy_roots(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const hop__neighbors *list = job->rows->neighbors;
    const size_t end = least((index + 1) * PLACE_BLOCK, list->images);
    (void)worker;
    for (size_t k = index * PLACE_BLOCK; k < end; k++)
        job->rows->places[4 * k + 3] = job->rows->root[list->home[k]];
}

static void first_block(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    (void)worker;
    memset(job->rows->sums + index * HOP__LIST_SUMS, 0,
           HOP__LIST_SUMS * sizeof(double));
    job->first(&job->list, index * BLOCK, least((index + 1) * BLOCK, job->rows->count),
               index);
}

static void second_block(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    (void)worker;
    job->second(&job->list, index * BLOCK, least((index + 1) * BLOCK, job->rows->count),
                index);
}

int hop__gupta_list_evaluate(hop_potential *potential, hop_structure *s) {
    int status = hop__gupta_rows_prepare(potential, s);
    if (status != HOP_OK)
        return status;
    hop__gupta_rows *w = ((hop__gupta_workspace *)potential->workspace)->rows;
    const hop__neighbors *list = w->neighbors;
    hop_context *context = potential->context;
    work job = {.rows = w,
                .list = {.first = list->first,
                         .count = list->count,
                         .index = list->index,
                         .place = list->place,
                         .kept_at = w->kept_at,
                         .kept = w->kept,
                         .near = w->near,
                         .far = w->far,
                         .elements = w->elements,
                         .kinds = w->kinds,
                         .rates = w->rates,
                         .places = w->places,
                         .terms = w->terms,
                         .root = w->root,
                         .pulls = w->pulls,
                         .sums = w->sums,
                         .forces = s->forces,
                         .energies = s->energies}};
    choose_variant(context->isa, &job);
    const size_t workers = s->count < THREADS_FROM ? 1 : (size_t)context->threads;
    const size_t blocks = (s->count + BLOCK - 1) / BLOCK;
    const size_t place_blocks = (list->images + PLACE_BLOCK - 1) / PLACE_BLOCK;
    hop__parallel(context, workers, place_blocks, copy_places, &job);
    hop__parallel(context, workers, blocks, first_block, &job);
    hop__parallel(context, workers, place_blocks, copy_roots, &job);
    hop__parallel(context, workers, blocks, second_block, &job);
    double sums[HOP__LIST_SUMS] = {0.0};
    for (size_t k = 0; k < blocks * HOP__LIST_SUMS; k++)
        sums[k % HOP__LIST_SUMS] += w->sums[k];
    *s->energy = sums[0];
    memcpy(s->virial, sums + 1, 6 * sizeof(double));
    return HOP_OK;
}
