/* Lennard-Jones in clusters without cut-off: all pairs, no list. */
#include <string.h>

#include "base/threads.h"
#include "potentials/lennard_jones.h"
#include "potentials/lennard_jones_kernels.h"

#define FAR 1e20  /* where the atoms are that fill up the last lanes */
#define SMALL 192 /* atoms below which one thread is faster */

/* The cluster as the kernels want it: one species in units of sigma. */
typedef struct cluster {
    hop__lj_cluster arrays;
    double length, energy; /* units of its lengths and energies */
    enum hop__isa isa;
    bool hessian;
} cluster;

static void fill_rows(const double *from, const double origin[3], double scale,
                      const hop__lj_cluster *c, const double *const to[3]) {
    for (int k = 0; k < 3; k++) {
        double *row = (double *)to[k];
        for (size_t i = 0; i < c->count; i++)
            row[i] = scale * (from[3 * i + (size_t)k] - origin[k]);
        for (size_t i = c->count; i < c->stride; i++)
            row[i] = FAR;
    }
}

static void fill_tables(const hop__lj_parameters *p, const hop__lj_workspace *w,
                        const hop__lj_contents *found, hop__lj_cluster *c) {
    double *sigma = w->block + 10 * c->stride;
    double *epsilon = sigma + (size_t)p->species.count * c->stride;
    c->species = w->species;
    c->sigma_squared = sigma;
    c->epsilon = epsilon;
    for (int32_t k = 0; k < found->kinds; k++) {
        size_t row = (size_t)found->kind[k] * c->stride;
        for (size_t i = 0; i < c->stride; i++) {
            const hop__lj_pair *t =
                hop__lj_pair_of(p, w->species[i < c->count ? i : 0], found->kind[k]);
            sigma[row + i] = t->sigma * t->sigma;
            epsilon[row + i] = t->epsilon;
        }
    }
}

static int prepare_cluster(hop_potential *potential, const hop_structure *s,
                           const hop__lj_contents *found, const double *v, cluster *c) {
    const hop__lj_parameters *p = potential->parameters;
    hop__lj_workspace *w = potential->workspace;
    hop__lj_cluster *a = &c->arrays;
    const hop__lj_pair *t = hop__lj_pair_of(p, found->kind[0], found->kind[0]);
    bool mixed = found->kinds > 1;
    *c = (cluster){.length = mixed ? 1.0 : t->sigma,
                   .energy = mixed ? 1.0 : t->epsilon,
                   .isa = potential->context->isa,
                   .hessian = v != NULL};
    a->count = s->count;
    a->stride = (s->count + HOP__LJ_LANES - 1) / HOP__LJ_LANES * HOP__LJ_LANES;
    size_t rows = 10 + (mixed ? 2 * (size_t)p->species.count : 0);
    int status = hop__lj_reserve(w, s->count, rows * a->stride);
    if (status != HOP_OK)
        return status;
    double *at = w->block;
    for (int k = 0; k < 3; k++, at += 3 * a->stride) {
        a->x[k] = at;
        a->v[k] = at + a->stride;
        a->force[k] = at + 2 * a->stride;
    }
    a->energy = at;
    fill_rows(s->positions, s->positions, 1.0 / c->length, a, a->x);
    if (v)
        fill_rows(v, (double[]){0.0, 0.0, 0.0}, 1.0, a, a->v);
    if (mixed)
        fill_tables(p, w, found, a);
    return HOP_OK;
}

static void run_blocks(const cluster *c, size_t begin, size_t end) {
    const hop__lj_cluster *a = &c->arrays;
    switch (c->isa) {
    case HOP__ISA_AVX512:
        (c->hessian ? hop__lj_hessian_avx512 : hop__lj_forces_avx512)(a, begin, end);
        break;
    case HOP__ISA_AVX2:
        (c->hessian ? hop__lj_hessian_avx2 : hop__lj_forces_avx2)(a, begin, end);
        break;
    default: (c->hessian ? hop__lj_hessian_base : hop__lj_forces_base)(a, begin, end);
    }
}

static void run_block(void *opaque, size_t index, size_t worker) {
    (void)worker;
    run_blocks(opaque, index, index + 1);
}

static void run_cluster(hop_context *context, cluster *c) {
    size_t blocks = c->arrays.stride / HOP__LJ_LANES;
    if (c->arrays.count < SMALL)
        run_blocks(c, 0, blocks);
    else
        hop__parallel(context, SIZE_MAX, blocks, run_block, c);
}

static void sum_up(const cluster *c, double sums[7]) {
    const hop__lj_cluster *a = &c->arrays;
    for (size_t i = a->count; i < a->stride; i++)
        a->force[0][i] = a->force[1][i] = a->force[2][i] = a->energy[i] = 0.0;
    switch (c->isa) {
    case HOP__ISA_AVX512: hop__lj_sum_avx512(a, sums); break;
    case HOP__ISA_AVX2: hop__lj_sum_avx2(a, sums); break;
    default: hop__lj_sum_base(a, sums);
    }
}

int hop__lj_cluster_evaluate(hop_potential *potential, hop_structure *s,
                             const hop__lj_contents *found) {
    cluster c;
    int status = prepare_cluster(potential, s, found, NULL, &c);
    if (status != HOP_OK)
        return status;
    run_cluster(potential->context, &c);
    const double force = 24.0 * c.energy / c.length, share = 2.0 * c.energy;
    const double *fx = c.arrays.force[0], *fy = c.arrays.force[1],
                 *fz = c.arrays.force[2];
    double sums[7];
    sum_up(&c, sums);
    for (size_t i = 0; i < s->count; i++) {
        s->forces[3 * i] = force * fx[i];
        s->forces[3 * i + 1] = force * fy[i];
        s->forces[3 * i + 2] = force * fz[i];
        s->energies[i] = share * c.arrays.energy[i];
    }
    /* seen from atom 0: the forces' sum is zero */
    for (int k = 0; k < 6; k++)
        s->virial[k] = 24.0 * c.energy * sums[k];
    *s->energy = share * sums[6];
    return HOP_OK;
}

int hop__lj_cluster_hessian(hop_potential *potential, const hop_structure *s,
                            const hop__lj_contents *found, const double *v,
                            double *hv) {
    cluster c;
    int status = prepare_cluster(potential, s, found, v, &c);
    if (status != HOP_OK)
        return status;
    run_cluster(potential->context, &c);
    const double unit = 24.0 * c.energy / (c.length * c.length);
    for (size_t i = 0; i < s->count; i++)
        for (int k = 0; k < 3; k++)
            hv[3 * i + (size_t)k] = unit * c.arrays.force[k][i];
    return HOP_OK;
}
