/* The loops run over atom i in vector lanes while j is fixed, so that every sum over j has
   one order and needs no horizontal reduction: all variants give the same bits. */
#include "potentials/gupta_kernels.h"

#include <math.h>

#include "base/vector_math.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

/* 1/sqrt(rho), 0 for an atom without neighbours: its band energy has no slope there. */
static void invert_roots(const hop__gupta_cluster *c) {
    for (size_t i = 0; i < c->stride; i++)
        c->root[i] =
            c->density[i] > HOP__GUPTA_ALONE ? 1.0 / sqrt(c->density[i]) : 0.0;
}

static void pair_terms(const hop__gupta_cluster *c, size_t j) {
    const size_t n = c->stride, row = (size_t)c->species[j] * n;
    const double *restrict x = c->x[0], *restrict y = c->x[1], *restrict z = c->x[2];
    const double *restrict cr = c->cr + row, *restrict br = c->br + row;
    const double *restrict ch = c->ch + row, *restrict bh = c->bh + row;
    double *restrict rep = c->rep + j * n, *restrict hop = c->hop + j * n;
    double *restrict inverse = c->inverse + j * n;
    double *restrict repulsion = c->repulsion, *restrict density = c->density;
    const double xj = x[j], yj = y[j], zj = z[j];
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - xj, dy = y[i] - yj, dz = z[i] - zj;
        double square = dx * dx + dy * dy + dz * dz;
        double present = i == j ? 0.0 : 1.0;
        square = i == j ? 1.0 : square;
        double r = sqrt(square);
        double a = present * hop__exp(cr[i] - br[i] * r);
        double b = present * hop__exp(ch[i] - bh[i] * r);
        repulsion[i] += a;
        density[i] += b;
        rep[i] = a * br[i];
        hop[i] = b * bh[i];
        inverse[i] = 1.0 / r;
    }
}

void VARIANT(hop__gupta_forces_)(const hop__gupta_cluster *c) {
    const size_t n = c->stride;
    for (size_t i = 0; i < n; i++)
        c->repulsion[i] = c->density[i] = c->force[0][i] = c->force[1][i] =
            c->force[2][i] = 0.0;
    for (size_t j = 0; j < c->count; j++)
        pair_terms(c, j);
    invert_roots(c);
    const double *restrict x = c->x[0], *restrict y = c->x[1], *restrict z = c->x[2];
    const double *restrict root = c->root;
    double *restrict fx = c->force[0], *restrict fy = c->force[1],
                     *restrict fz = c->force[2];
    for (size_t j = 0; j < c->count; j++) {
        const double *restrict rep = c->rep + j * n, *restrict hop = c->hop + j * n;
        const double *restrict inverse = c->inverse + j * n;
        const double xj = x[j], yj = y[j], zj = z[j], rootj = root[j];
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            double s = (2.0 * rep[i] - 0.5 * (root[i] + rootj) * hop[i]) * inverse[i];
            fx[i] += s * (x[i] - xj);
            fy[i] += s * (y[i] - yj);
            fz[i] += s * (z[i] - zj);
        }
    }
}

/* Change of rho along v: sum over j of -bh hop dr, dr = u.dv / r. */
static void density_change(const hop__gupta_cluster *c, size_t j) {
    const size_t n = c->stride;
    const double *restrict x = c->x[0], *restrict y = c->x[1], *restrict z = c->x[2];
    const double *restrict vx = c->v[0], *restrict vy = c->v[1], *restrict vz = c->v[2];
    const double *restrict hop = c->hop + j * n, *restrict inverse = c->inverse + j * n;
    double *restrict slope = c->slope + j * n, *restrict change = c->density_dot;
    const double xj = x[j], yj = y[j], zj = z[j], uj = vx[j], vj = vy[j], wj = vz[j];
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        double dr = ((x[i] - xj) * (vx[i] - uj) + (y[i] - yj) * (vy[i] - vj) +
                     (z[i] - zj) * (vz[i] - wj)) *
                    inverse[i];
        slope[i] = dr;
        change[i] -= hop[i] * dr;
    }
}

/* force becomes H v.  With F_i = sum_j s u, s = (2 rep - (root_i + root_j) hop / 2) / r:
   -d(s u) = -(ds u + s du). */
void VARIANT(hop__gupta_hessian_)(const hop__gupta_cluster *c) {
    const size_t n = c->stride;
    for (size_t i = 0; i < n; i++)
        c->repulsion[i] = c->density[i] = c->density_dot[i] = c->force[0][i] =
            c->force[1][i] = c->force[2][i] = 0.0;
    for (size_t j = 0; j < c->count; j++) {
        pair_terms(c, j);
        density_change(c, j);
    }
    invert_roots(c);
    for (size_t i = 0; i < n; i++)
        c->root_dot[i] =
            -0.5 * c->root[i] * c->root[i] * c->root[i] * c->density_dot[i];
    const double *restrict x = c->x[0], *restrict y = c->x[1], *restrict z = c->x[2];
    const double *restrict vx = c->v[0], *restrict vy = c->v[1], *restrict vz = c->v[2];
    const double *restrict root = c->root, *restrict root_dot = c->root_dot;
    double *restrict fx = c->force[0], *restrict fy = c->force[1],
                     *restrict fz = c->force[2];
    for (size_t j = 0; j < c->count; j++) {
        const size_t row = (size_t)c->species[j] * n;
        const double *restrict br = c->br + row, *restrict bh = c->bh + row;
        const double *restrict rep = c->rep + j * n, *restrict hop = c->hop + j * n;
        const double *restrict inverse = c->inverse + j * n, *restrict slope =
                                                                 c->slope + j * n;
        const double xj = x[j], yj = y[j], zj = z[j], uj = vx[j], vj = vy[j], wj = vz[j];
        const double rootj = root[j], dotj = root_dot[j];
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            double mean = 0.5 * (root[i] + rootj);
            double s = (2.0 * rep[i] - mean * hop[i]) * inverse[i];
            double change = (mean * hop[i] * bh[i] - 2.0 * rep[i] * br[i]) * slope[i] -
                            0.5 * (root_dot[i] + dotj) * hop[i];
            double ds = (change - s * slope[i]) * inverse[i];
            fx[i] -= ds * (x[i] - xj) + s * (vx[i] - uj);
            fy[i] -= ds * (y[i] - yj) + s * (vy[i] - vj);
            fz[i] -= ds * (z[i] - zj) + s * (vz[i] - wj);
        }
    }
}
