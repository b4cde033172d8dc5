/* A vector of atoms i stays in its lanes, and their sums in registers, while j runs:
   every sum has one order and needs no horizontal reduction.  Pairs are computed twice,
   which costs less than gathering their reactions. */
#include "potentials/lennard_jones_kernels.h"

#include <stdbool.h>

#include "base/vector_math.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
/* One vector: how many do not change any sum. */
#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX2__)
#define LANES 4
#else
#define LANES 2
#endif
#define INLINE static inline __attribute__((always_inline))

typedef struct lanes {
    size_t first; /* atom in lane 0 */
    double x[LANES], y[LANES], z[LANES], u[LANES], v[LANES], w[LANES];
    double fx[LANES], fy[LANES], fz[LANES], energy[LANES];
} lanes;

/* `own`: atom j may be in a lane itself.  `mixed`: several species. */
INLINE void add_forces(const hop__lj_cluster *c, lanes *a, size_t j, bool own,
                       bool mixed) {
    const size_t row = mixed ? (size_t)c->species[j] * c->stride + a->first : 0;
    const double *sigma_squared = c->sigma_squared + row, *epsilon = c->epsilon + row;
    const double xj = c->x[0][j], yj = c->x[1][j], zj = c->x[2][j];
    const int64_t lane_of_j = (int64_t)j - (int64_t)a->first;
#pragma omp simd
    for (int64_t l = 0; l < LANES; l++) {
        double dx = a->x[l] - xj, dy = a->y[l] - yj, dz = a->z[l] - zj;
        double square = HOP__FMA(dz, dz, HOP__FMA(dy, dy, dx * dx));
        if (own)
            square = l == lane_of_j ? 1.0 : square;
        double inverse = 1.0 / square, q = mixed ? sigma_squared[l] * inverse : inverse;
        double g = q * q * q, less = g - 1.0, weight = mixed ? epsilon[l] * g : g;
        if (own)
            weight = l == lane_of_j ? 0.0 : weight;
        double s = weight * inverse * (g + less);
        a->energy[l] = HOP__FMA(weight, less, a->energy[l]);
        a->fx[l] = HOP__FMA(s, dx, a->fx[l]);
        a->fy[l] = HOP__FMA(s, dy, a->fy[l]);
        a->fz[l] = HOP__FMA(s, dz, a->fz[l]);
    }
}

INLINE void add_products(const hop__lj_cluster *c, lanes *a, size_t j, bool own,
                         bool mixed) {
    const size_t row = mixed ? (size_t)c->species[j] * c->stride + a->first : 0;
    const double *sigma_squared = c->sigma_squared + row, *epsilon = c->epsilon + row;
    const double xj = c->x[0][j], yj = c->x[1][j], zj = c->x[2][j];
    const double uj = c->v[0][j], vj = c->v[1][j], wj = c->v[2][j];
    const int64_t lane_of_j = (int64_t)j - (int64_t)a->first;
#pragma omp simd
    for (int64_t l = 0; l < LANES; l++) {
        double dx = a->x[l] - xj, dy = a->y[l] - yj, dz = a->z[l] - zj;
        double du = a->u[l] - uj, dv = a->v[l] - vj, dw = a->w[l] - wj;
        double square = HOP__FMA(dz, dz, HOP__FMA(dy, dy, dx * dx));
        double along = HOP__FMA(dz, dw, HOP__FMA(dy, dv, dx * du));
        if (own)
            square = l == lane_of_j ? 1.0 : square;
        double inverse = 1.0 / square, q = mixed ? sigma_squared[l] * inverse : inverse;
        double g = q * q * q, weight = (mixed ? epsilon[l] * g : g) * inverse;
        if (own)
            weight = l == lane_of_j ? 0.0 : weight;
        double s = weight * (g + (g - 1.0));
        double t = 4.0 * weight * HOP__FMA(7.0, g, -2.0) * inverse * along;
        a->fx[l] += HOP__FMA(t, dx, -s * du);
        a->fy[l] += HOP__FMA(t, dy, -s * dv);
        a->fz[l] += HOP__FMA(t, dz, -s * dw);
    }
}

INLINE void load(lanes *a, const hop__lj_cluster *c, size_t first, bool direction) {
    a->first = first;
    for (size_t l = 0; l < LANES; l++) {
        a->x[l] = c->x[0][first + l];
        a->y[l] = c->x[1][first + l];
        a->z[l] = c->x[2][first + l];
        a->u[l] = direction ? c->v[0][first + l] : 0.0;
        a->v[l] = direction ? c->v[1][first + l] : 0.0;
        a->w[l] = direction ? c->v[2][first + l] : 0.0;
        a->fx[l] = a->fy[l] = a->fz[l] = a->energy[l] = 0.0;
    }
}

INLINE void store(const lanes *a, const hop__lj_cluster *c) {
    for (size_t l = 0; l < LANES; l++) {
        c->energy[a->first + l] = a->energy[l];
        c->force[0][a->first + l] = a->fx[l];
        c->force[1][a->first + l] = a->fy[l];
        c->force[2][a->first + l] = a->fz[l];
    }
}

INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

typedef void add_function(const hop__lj_cluster *, lanes *, size_t, bool, bool);

INLINE void all_pairs(const hop__lj_cluster *c, size_t begin, size_t end,
                      bool direction, bool mixed, add_function *add) {
    for (size_t i = begin * HOP__LJ_LANES; i < end * HOP__LJ_LANES; i += LANES) {
        lanes a;
        load(&a, c, i, direction);
        size_t j = 0, own = least(a.first, c->count),
               after = least(own + LANES, c->count);
        for (; j < own; j++)
            add(c, &a, j, false, mixed);
        for (; j < after; j++)
            add(c, &a, j, true, mixed);
        for (; j < c->count; j++)
            add(c, &a, j, false, mixed);
        store(&a, c);
    }
}

void VARIANT(hop__lj_forces_)(const hop__lj_cluster *c, size_t begin, size_t end) {
    if (c->species)
        all_pairs(c, begin, end, false, true, add_forces);
    else
        all_pairs(c, begin, end, false, false, add_forces);
}

void VARIANT(hop__lj_hessian_)(const hop__lj_cluster *c, size_t begin, size_t end) {
    if (c->species)
        all_pairs(c, begin, end, true, true, add_products);
    else
        all_pairs(c, begin, end, true, false, add_products);
}

/* ---- sums over the atoms, in eight lanes ---- */

typedef double eight __attribute__((vector_size(64), may_alias));

void VARIANT(hop__lj_sum_)(const hop__lj_cluster *c, double sums[7]) {
    eight sum[7] = {{0}};
    for (size_t i = 0; i < c->stride; i += 8) {
        const eight *x = (const eight *)(c->x[0] + i),
                    *y = (const eight *)(c->x[1] + i),
                    *z = (const eight *)(c->x[2] + i);
        const eight *fx = (const eight *)(c->force[0] + i),
                    *fy = (const eight *)(c->force[1] + i),
                    *fz = (const eight *)(c->force[2] + i);
        sum[0] += *x * *fx;
        sum[1] += *y * *fy;
        sum[2] += *z * *fz;
        sum[3] += *y * *fz;
        sum[4] += *x * *fz;
        sum[5] += *x * *fy;
        sum[6] += *(const eight *)(c->energy + i);
    }
    for (int k = 0; k < 7; k++)
        sums[k] = ((sum[k][0] + sum[k][4]) + (sum[k][2] + sum[k][6])) +
                  ((sum[k][1] + sum[k][5]) + (sum[k][3] + sum[k][7]));
}
