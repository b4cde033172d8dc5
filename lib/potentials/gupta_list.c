/* Gupta with cut-offs, periodic or not, through the neighbour list: energies and forces, and
   Hessian-vector products, each in two passes over the rows. */
#include <string.h>

#include "base/threads.h"
#include "potentials/gupta_rows.h"

#define PLACE_BLOCK 1024  /* places that are copied together */
#define THREADS_FROM 2000 /* atoms for which waking threads pays */

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

static void copy_roots(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const hop__gupta_list *l = job->list;
    const size_t end = least((index + 1) * PLACE_BLOCK, l->neighbors->images);
    (void)worker;
    for (size_t k = index * PLACE_BLOCK; k < end; k++) {
        const size_t home = (size_t)l->neighbors->home[k];
        const double root = l->root[job->v ? 2 * home : home];
        l->places[4 * k + 3] = l->kinds == 2 && l->elements[home] == 1 ? -root : root;
        if (job->v)
            l->moves[4 * k + 3] = l->root[2 * home + 1];
    }
}

/* ---- rows ---- */

static void run_block(void *argument, size_t index, size_t worker) {
    const work *job = argument;
    const size_t begin = index * HOP__LIST_BLOCK;
    const size_t end = least(begin + HOP__LIST_BLOCK, job->list->neighbors->atoms);
    double *squares = job->list->squares + worker * job->list->widest;
    if (job->filter)
        job->filter(job->list, begin, end, index, squares);
    job->pass(job->list, begin, end, index, squares);
}

static void run_passes(hop_context *context, const hop__gupta_list *l,
                       const double *v) {
    const variant *kernels = &variants[context->isa];
    const size_t atoms = l->neighbors->atoms;
    const size_t workers = hop__gupta_rows_workers(context, atoms);
    const size_t blocks = (atoms + HOP__LIST_BLOCK - 1) / HOP__LIST_BLOCK;
    const size_t places = (l->neighbors->images + PLACE_BLOCK - 1) / PLACE_BLOCK;
    work first = {l, kernels->filter, v ? kernels->product_first : kernels->first, v};
    work second = {l, NULL, v ? kernels->product_second : kernels->second, v};
    if (v)
        hop__parallel(context, workers, places, copy_moves, &first);
    hop__parallel(context, workers, blocks, run_block, &first);
    hop__parallel(context, workers, places, copy_roots, &second);
    hop__parallel(context, workers, blocks, run_block, &second);
}

int hop__gupta_list_evaluate(hop_potential *potential, hop_structure *s) {
    int status = hop__gupta_rows_prepare(potential, s, false);
    if (status != HOP_OK)
        return status;
    hop__gupta_list *l = &((hop__gupta_workspace *)potential->workspace)->rows->list;
    l->forces = s->forces;
    l->energies = s->energies;
    run_passes(potential->context, l, NULL);
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
    hop__gupta_list *l = &((hop__gupta_workspace *)potential->workspace)->rows->list;
    l->forces = hv;
    run_passes(potential->context, l, v);
    return HOP_OK;
}
