/* Gupta with cut-offs, periodic or not, through the neighbour list: energies and forces, and
   Hessian-vector products, each in two passes over the rows. */
#include <string.h>

#include "base/threads.h"
#include "potentials/gupta_rows.h"

#define PLACE_BLOCK 1024 /* places that are copied together */

typedef struct variant {
    hop__gupta_rows_pass *filter, *first, *second, *product_first, *product_second;
} variant;

#define VARIANT(isa)                                                                   \
    {                                                                                  \
        hop__gupta_list_filter_##isa, hop__gupta_list_first_##isa,                     \
            hop__gupta_list_second_##isa, hop__gupta_product_first_##isa,              \
            hop__gupta_product_second_##isa                                            \
    }
static const variant variants[] = {[HOP__ISA_BASE] = VARIANT(base),
                                   [HOP__ISA_AVX2] = VARIANT(avx2),
                                   [HOP__ISA_AVX512] = VARIANT(avx512)};

typedef struct work {
    const hop__gupta_list *list;
    const hop__gupta_stages *stages;
    size_t block; /* at which the loop begins */
    hop__gupta_rows_pass *filter, *pass;
    const double *v; /* Hessian products only */
} work;

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- numbers by place ---- */

/* Hessian products: the direction at each place. */
static void copy_moves(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const hop__gupta_list *l = job->list;
    const hop__neighbors *neighbors = l->neighbors;
    const size_t end = least((index + 1) * PLACE_BLOCK, neighbors->images);
    (void)worker;
    for (size_t k = index * PLACE_BLOCK; k < end; k++)
        memcpy(l->moves + 4 * k, job->v + 3 * (size_t)neighbors->atom[k],
               3 * sizeof(double));
}

static void put_root(const work *job, size_t place, size_t home) {
    const hop__gupta_list *l = job->list;
    const double root = l->root[job->v ? 2 * home : home];
    l->places[4 * place + 3] = l->kinds == 2 && l->elements[home] == 1 ? -root : root;
    if (job->v)
        l->moves[4 * place + 3] = l->root[2 * home + 1];
}

/* To the places of a block's atoms and of their images. */
static void put_roots(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const hop__neighbors *neighbors = job->list->neighbors;
    const size_t block = job->block + index, begin = block * HOP__LIST_BLOCK;
    const size_t end = least(begin + HOP__LIST_BLOCK, neighbors->atoms);
    const hop__gupta_stages *stages = job->stages;
    (void)worker;
    for (size_t atom = begin; atom < end; atom++)
        put_root(job, (size_t)neighbors->place[atom], (size_t)neighbors->place[atom]);
    for (size_t k = stages->first_image[block]; k < stages->first_image[block + 1]; k++)
        put_root(job, (size_t)stages->images[k],
                 (size_t)neighbors->home[stages->images[k]]);
}

/* ---- rows ---- */

static void run_block(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const size_t block = job->block + index, begin = block * HOP__LIST_BLOCK;
    const size_t end = least(begin + HOP__LIST_BLOCK, job->list->neighbors->atoms);
    double *squares = job->list->squares + worker * job->list->widest;
    if (job->filter)
        job->filter(job->list, begin, end, block, squares);
    job->pass(job->list, begin, end, block, squares);
}

static void run_stage(hop_context *context, work *job, size_t stage,
                      hop__task_function function) {
    const hop__gupta_stages *s = job->stages;
    const size_t workers =
        hop__gupta_rows_workers(context, job->list->neighbors->atoms);
    job->block = stage * s->each;
    hop__parallel(context, workers, least(s->each, s->blocks - job->block), function,
                  job);
}

static void run_passes(hop_context *context, const hop__gupta_rows *rows,
                       const double *v) {
    const variant *kernels = &variants[context->isa];
    const hop__gupta_list *l = &rows->list;
    const hop__gupta_stages *s = &rows->stages;
    const size_t places = (l->neighbors->images + PLACE_BLOCK - 1) / PLACE_BLOCK;
    work first = {l, s, 0, kernels->filter, v ? kernels->product_first : kernels->first,
                  v};
    work second = {l, s, 0, NULL, v ? kernels->product_second : kernels->second, v};
    if (v)
        hop__parallel(context, hop__gupta_rows_workers(context, l->neighbors->atoms),
                      places, copy_moves, &first);
    for (size_t stage = 0; stage < s->count; stage++) {
        run_stage(context, &first, stage, run_block);
        run_stage(context, &first, stage, put_roots);
        for (size_t k = s->ready[stage]; k < s->ready[stage + 1]; k++)
            run_stage(context, &second, (size_t)s->order[k], run_block);
    }
}

int hop__gupta_list_evaluate(hop_potential *potential, hop_structure *s) {
    int status = hop__gupta_rows_prepare(potential, s, false);
    if (status != HOP_OK)
        return status;
    hop__gupta_rows *rows = ((hop__gupta_workspace *)potential->workspace)->rows;
    hop__gupta_list *l = &rows->list;
    l->forces = s->forces;
    l->energies = s->energies;
    run_passes(potential->context, rows, NULL);
    const size_t blocks = (s->count + HOP__LIST_BLOCK - 1) / HOP__LIST_BLOCK;
    double sums[HOP__LIST_SUMS] = {0.0};
    for (size_t k = 0; k < blocks * HOP__LIST_SUMS; k++)
        sums[k % HOP__LIST_SUMS] += l->sums[k];
    *s->energy = sums[0];
    memcpy(s->virial, sums + 1, 6 * sizeof(double));
    return HOP_OK;
}

int hop__gupta_list_hessian(hop_potential *potential, const hop_structure *s,
                            const double *v, double *hv) {
    int status = hop__gupta_rows_prepare(potential, s, true);
    if (status != HOP_OK)
        return status;
    hop__gupta_rows *rows = ((hop__gupta_workspace *)potential->workspace)->rows;
    hop__gupta_list *l = &rows->list;
    l->forces = hv;
    run_passes(potential->context, rows, v);
    return HOP_OK;
}
