/* Lennard-Jones with cut-offs, in clusters and cells, through the neighbour list. */
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "potentials/lennard_jones.h"
#include "potentials/lennard_jones_kernels.h"

#define EVERYTHING 1e9 /* reach of a list that holds all pairs */
#define BLOCK 128      /* rows a thread takes at a time */
#define SMALL 512      /* rows below which one thread is faster */

typedef struct rows {
    hop__lj_rows arrays;
    size_t atoms;
    enum hop__isa isa;
    bool hessian;
} rows;

static hop__lj_list_pair list_pair(const hop__lj_pair *t) {
    hop__lj_list_pair out = {.sigma_square = t->sigma * t->sigma,
                             .depth = 4.0 * t->epsilon,
                             .cutoff_square = t->cutoff * t->cutoff};
    if (t->truncation == HOP__LJ_SHIFT)
        out.shift = t->shift;
    if (t->truncation == HOP__LJ_SMOOTH) {
        out.start = HOP__LJ_SMOOTH_FROM * t->cutoff;
        out.slope = 1.0 / (t->cutoff - out.start);
    }
    return out;
}

/* Species are counted as they occur. */
static void fill_table(const hop__lj_parameters *p, const hop__lj_contents *found,
                       hop__lj_list_pair *table, rows *r) {
    const size_t kinds = (size_t)found->kinds;
    for (size_t a = 0; a < kinds; a++)
        for (size_t b = 0; b < kinds; b++) {
            table[a * kinds + b] =
                list_pair(hop__lj_pair_of(p, found->kind[a], found->kind[b]));
            r->arrays.smooth |= table[a * kinds + b].slope > 0.0;
        }
    r->arrays.kinds = kinds;
    r->arrays.table = table;
}

static void fill_species(const hop__lj_contents *found, hop__lj_workspace *w,
                         size_t atoms, rows *r) {
    const hop__neighbors *list = w->neighbors;
    int32_t *species = w->species + atoms, counted[HOP__MAX_SPECIES] = {0};
    for (int32_t k = 0; k < found->kinds; k++)
        counted[found->kind[k]] = k;
    for (size_t k = 0; k < list->images; k++)
        species[k] = counted[w->species[list->atom[k]]];
    r->arrays.species = species;
}

static int update_list(hop_potential *potential, const hop_structure *s,
                       const hop__lj_contents *found) {
    const hop__lj_parameters *p = potential->parameters;
    const hop__lj_workspace *w = potential->workspace;
    if (isfinite(found->reach))
        return hop__neighbors_update(w->neighbors, s, found->reach, p->skin);
    if (hop__structure_is_periodic(s))
        return hop__fail(
            potential->context, HOP_ERROR_ARGUMENT,
            "%.200s has no cut-off: expected a structure that is not periodic",
            p->name);
    return hop__neighbors_update(w->neighbors, s, EVERYTHING, EVERYTHING);
}

/* Behind the species of the atoms those of the places; in the block the table of pairs, then
   6 virials for each atom, or the direction at each place. */
static int prepare(hop_potential *potential, const hop_structure *s,
                   const hop__lj_contents *found, const double *v, rows *r) {
    hop__lj_workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    const size_t pairs = (size_t)(found->kinds * found->kinds);
    int status = update_list(potential, s, found);
    if (status == HOP_OK)
        status = hop__lj_reserve(w, s->count + list->images,
                                 8 * pairs + (v ? 4 * list->images : 6 * s->count));
    if (status != HOP_OK)
        return status;
    *r = (rows){.atoms = s->count,
                .isa = potential->context->isa,
                .hessian = v != NULL,
                .arrays = {.positions = list->positions,
                           .atom = list->atom,
                           .first = list->first,
                           .count = list->count,
                           .index = list->index,
                           .virials = w->block + 8 * pairs}};
    fill_table(potential->parameters, found, (hop__lj_list_pair *)w->block, r);
    if (found->kinds > 1)
        fill_species(found, w, s->count, r);
    if (v) {
        double *direction = w->block + 8 * pairs;
        for (size_t k = 0; k < list->images; k++)
            memcpy(direction + 4 * k, v + 3 * (size_t)list->atom[k], 3 * sizeof *v);
        r->arrays.v = direction;
    }
    return HOP_OK;
}

static void run_block(void *opaque, size_t index, size_t worker) {
    (void)worker;
    const rows *r = opaque;
    size_t begin = index * BLOCK,
           end = begin + BLOCK < r->atoms ? begin + BLOCK : r->atoms;
    switch (r->isa) {
    case HOP__ISA_AVX512:
        (r->hessian ? hop__lj_row_products_avx512
                    : hop__lj_row_forces_avx512)(&r->arrays, begin, end);
        break;
    case HOP__ISA_AVX2:
        (r->hessian ? hop__lj_row_products_avx2 : hop__lj_row_forces_avx2)(&r->arrays,
                                                                           begin, end);
        break;
    default:
        (r->hessian ? hop__lj_row_products_base : hop__lj_row_forces_base)(&r->arrays,
                                                                           begin, end);
    }
}

static void run(hop_context *context, rows *r) {
    hop__parallel(context, r->atoms < SMALL ? 1 : SIZE_MAX,
                  (r->atoms + BLOCK - 1) / BLOCK, run_block, r);
}

/* The sums run over atoms as they stand in the structure, not in the list. */
int hop__lj_list_evaluate(hop_potential *potential, hop_structure *s,
                          const hop__lj_contents *found) {
    rows r;
    int status = prepare(potential, s, found, NULL, &r);
    if (status != HOP_OK)
        return status;
    r.arrays.forces = s->forces;
    r.arrays.energies = s->energies;
    run(potential->context, &r);
    double total = 0.0, virial[6] = {0};
    for (size_t i = 0; i < s->count; i++) {
        total += s->energies[i];
        for (size_t k = 0; k < 6; k++)
            virial[k] += r.arrays.virials[6 * i + k];
    }
    *s->energy = total;
    memcpy(s->virial, virial, sizeof virial);
    return HOP_OK;
}

int hop__lj_list_hessian(hop_potential *potential, const hop_structure *s,
                         const hop__lj_contents *found, const double *v, double *hv) {
    rows r;
    int status = prepare(potential, s, found, v, &r);
    if (status != HOP_OK)
        return status;
    r.arrays.forces = hv;
    run(potential->context, &r);
    return HOP_OK;
}
