/* Gupta with cut-offs: which rows there are, and the memory for them. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta_rows.h"

#define SKIN 0.5
#define THREADS_FROM 2000 /* atoms for which waking threads pay */
#define TOGETHER 8000     /* atoms whose terms stay in the caches from pass to pass */
#define STAGE 32          /* blocks */
#define KEPT_STAGES 7
#define LOG2_E 1.4426950408889634074

/* ---- memory ---- */

void hop__gupta_rows_free(hop_context *context, hop__gupta_rows *rows) {
    if (!rows)
        return;
    hop__neighbors_free(rows->neighbors);
    hop__gupta_stages_free(context, &rows->stages);
    void *const arrays[] = {rows->numbers, rows->species, rows->rates,   rows->elements,
                            rows->kept,    rows->vectors, rows->filled,  rows->moves,
                            rows->root,    rows->sums,    rows->squares, rows->terms,
                            rows->marks};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        hop__release(context, arrays[k]);
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
    rows->together = TOGETHER;
    rows->stage_blocks = STAGE;
    rows->kept_stages = KEPT_STAGES;
    w->rows = rows;
    return HOP_OK;
}

static size_t blocks_of(size_t atoms) {
    return (atoms + HOP__LIST_BLOCK - 1) / HOP__LIST_BLOCK;
}

static int reserve_atoms(hop_context *context, hop__gupta_rows *w, size_t atoms) {
    const size_t blocks = blocks_of(atoms);
    if (atoms <= w->capacity)
        return HOP_OK;
    w->capacity = 0;
    if (!hop__renew(context, &w->numbers, atoms, sizeof *w->numbers) ||
        !hop__renew(context, &w->species, atoms, sizeof *w->species) ||
        !hop__renew(context, &w->elements, atoms, sizeof *w->elements) ||
        !hop__renew(context, &w->filled, 2 * blocks, sizeof *w->filled) ||
        !hop__renew(context, &w->root, 2 * atoms, sizeof *w->root) ||
        !hop__renew(context, &w->sums, blocks * HOP__LIST_SUMS, sizeof *w->sums))
        return HOP_ERROR_MEMORY;
    w->capacity = atoms;
    return HOP_OK;
}

/* Arrays of doubles that grow when they must. */
static int reserve(hop_context *context, double **array, size_t *capacity,
                   size_t wanted) {
    if (wanted <= *capacity)
        return HOP_OK;
    *capacity = 0;
    if (!hop__renew(context, array, wanted, sizeof **array))
        return HOP_ERROR_MEMORY;
    *capacity = wanted;
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
        rates[(HOP__LIST_REPULSION + k) * kinds] = t->rep_tail[k];
        rates[(HOP__LIST_HOPPING + k) * kinds] = t->hop_tail[k];
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
    int status = reserve(context, &w->rates, &w->rates_size, size);
    if (status != HOP_OK)
        return status;
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
        status = hop__gupta_stages_reserve(&w->stages, potential->context, s->count);
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
    if (!hop__renew(context, &w->kept, kept, sizeof *w->kept) ||
        !hop__renew(context, &w->vectors, kept / 8, sizeof *w->vectors))
        return HOP_ERROR_MEMORY;
    w->kept_capacity = kept;
    return HOP_OK;
}

/* The neighbours' places get what tells elements apart in the first pass: of two the sign,
   of more the number. */
static int mark_places(hop_context *context, hop__gupta_rows *w) {
    const size_t atoms = w->neighbors->atoms;
    int status = reserve(context, &w->marks, &w->mark_capacity, atoms);
    if (status != HOP_OK)
        return status;
    for (size_t i = 0; i < atoms; i++)
        w->marks[i] =
            w->kinds > 2 ? (double)w->elements[i] : (w->elements[i] == 1 ? -1.0 : 1.0);
    hop__neighbors_mark(w->neighbors, w->marks);
    return HOP_OK;
}

/* More than two elements are told apart by numbers that the second pass overwrites, so that
   it has to come after the first of all. */
static int make_stages(hop__gupta_rows *w) {
    const size_t atoms = w->neighbors->atoms;
    const bool staged = atoms > w->together && w->kinds <= 2;
    const size_t keep = staged ? w->kept_stages : atoms <= w->together ? 1 : 0;
    return hop__gupta_stages_make(&w->stages, w->neighbors,
                                  staged ? w->stage_blocks : blocks_of(atoms), keep);
}

/* Room for each row's neighbours twice, near and far, and for the 32 entries at most that
   are written after them. */
static int follow_list(hop_context *context, hop__gupta_rows *w) {
    const hop__neighbors *list = w->neighbors;
    size_t half = 0;
    if (w->builds == list->builds)
        return HOP_OK;
    w->builds = SIZE_MAX;
    w->widest = 0;
    for (size_t i = 0; i < list->atoms; i++) {
        const int32_t place = list->place[i];
        w->elements[place] = w->kind_of[w->species[i]];
        half += ((size_t)list->count[place] + 7) / 8 * 8;
        if ((i + 1) % HOP__LIST_BLOCK == 0 || i + 1 == list->atoms) {
            w->stages.half[i / HOP__LIST_BLOCK] = half + 32;
            w->widest = w->widest > 2 * (half + 32) ? w->widest : 2 * (half + 32);
            half = 0;
        }
    }
    int status = make_stages(w);
    if (status == HOP_OK)
        status = reserve_kept(context, w, w->stages.entries);
    if (status == HOP_OK && w->kinds >= 2)
        status = mark_places(context, w);
    if (status == HOP_OK)
        w->builds = list->builds;
    return status;
}

static void point_list(hop__gupta_rows *w) {
    w->list = (hop__gupta_list){.neighbors = w->neighbors,
                                .elements = w->elements,
                                .kinds = w->kinds,
                                .rates = w->rates,
                                .places = w->neighbors->positions,
                                .moves = w->moves,
                                .room = w->stages.room,
                                .half = w->stages.half,
                                .ring = w->stages.ring,
                                .kept = w->kept,
                                .vectors = w->vectors,
                                .filled = w->filled,
                                .squares = w->squares,
                                .widest = w->widest,
                                .terms = w->terms,
                                .root = w->root,
                                .sums = w->sums};
}

size_t hop__gupta_rows_workers(const hop_context *context, size_t atoms) {
    return atoms < THREADS_FROM ? 1 : (size_t)context->threads;
}

static int reserve_work(hop_context *context, hop__gupta_rows *w, bool product) {
    const hop__neighbors *list = w->neighbors;
    const size_t workers = hop__gupta_rows_workers(context, list->atoms);
    const size_t terms = product ? 0 : 2 * w->stages.ring;
    int status =
        reserve(context, &w->squares, &w->square_capacity, workers * w->widest);
    if (status == HOP_OK)
        status = reserve(context, &w->terms, &w->terms_capacity, terms);
    if (status == HOP_OK)
        status = reserve(context, &w->moves, &w->move_capacity,
                         product ? 4 * list->images : 0);
    return status;
}

int hop__gupta_rows_prepare(hop_potential *potential, const hop_structure *s,
                            bool product) {
    const hop__gupta_parameters *p = potential->parameters;
    hop__gupta_workspace *all = potential->workspace;
    hop_context *context = potential->context;
    if (hop__structure_is_periodic(s) && !isfinite(p->cutoff))
        return hop__fail(
            context, HOP_ERROR_ARGUMENT,
            "%.200s has no cut-off: expected a structure that is not periodic, "
            "or a file with rc_start and rc_end",
            p->name);
    int status = all->rows ? HOP_OK : make_rows(context, all);
    hop__gupta_rows *w = all->rows;
    if (status == HOP_OK)
        status = find_elements(potential, w, s);
    if (status == HOP_OK)
        status = hop__neighbors_update(w->neighbors, s, p->cutoff, SKIN);
    if (status == HOP_OK)
        status = follow_list(context, w);
    if (status == HOP_OK)
        status = reserve_work(context, w, product);
    if (status == HOP_OK)
        point_list(w);
    return status;
}
